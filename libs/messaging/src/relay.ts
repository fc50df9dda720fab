import type { EventLog, RecordedEvent } from '#event-log/event-log';
import type { MessagingLogger } from './kafka-client';
import { GrowingPause, pause } from './pause';

/**
 * The right to relay, held by one process at a time. `token` rises with every new holder, over all processes and for
 * ever: whatever was lost meanwhile, a later holder never has a lower one.
 */
export interface Leadership {
  readonly token: number;
  /** Asked before anything is sent; a holder that was paused learns here that it is too late. */
  isHeld(): boolean;
  /** Aborts when it is lost. */
  readonly lost: AbortSignal;
}

/** How far the log has been published. */
export interface RelayCheckpoint {
  /**
   * The position saved last, 0 in the beginning. From here on only `token` or a higher one may save.
   * @throws StaleLeader when a higher token was here before.
   */
  take(token: number): Promise<number>;
  /** @throws StaleLeader */
  save(position: number, token: number): Promise<void>;
}

/** Another process has taken over since. */
export class StaleLeader extends Error {
  constructor(readonly token: number) {
    super(`another relay has taken over from the one with token ${String(token)}`);
    this.name = 'StaleLeader';
  }
}

/** All events of the log after `after` up to `next`. */
export interface LogPage {
  readonly after: number;
  readonly next: number;
  readonly events: readonly RecordedEvent[];
}

/** The topic is another one than it was: what was sent before is gone. */
export class TopicMadeAnew extends Error {
  constructor(topic: string) {
    super(`topic ${topic} has lost what was sent to it: it was made anew`);
    this.name = 'TopicMadeAnew';
  }
}

/** A way to the topic. One that has failed once is not used again: what became of its last page is not known. */
export interface Channel {
  /** Nothing was ever sent through this topic: it is new, or was made anew. */
  readonly isNew: boolean;
  /**
   * Resolves when all of the page is stored.
   * @throws TopicMadeAnew
   */
  publish(page: LogPage): Promise<void>;
  /** False when the topic is no longer the one that was opened. */
  isIntact(): Promise<boolean>;
  close(): Promise<void>;
}

export interface RelayProgress {
  readonly position: number;
  /** Events published since the last call. */
  readonly published: number;
  /** How far the newest event lies ahead; absent where only a page is told. */
  readonly lagPositions?: number;
  /** How long the oldest event of the page waited; between pages: has waited already, 0 when none waits. */
  readonly lagSeconds: number;
}

export interface RelayOptions {
  readonly log: EventLog;
  /** Opens a way to the topic. */
  readonly publish: () => Promise<Channel>;
  readonly checkpoint: RelayCheckpoint;
  /**
   * The lead that this process holds, or as soon as it gets it; rejects when `signal` aborts. It stays this process's
   * while the relay fails and starts over.
   */
  readonly lead: (signal: AbortSignal) => Promise<Leadership>;
  readonly logger: MessagingLogger;
  readonly now: () => number;
  /** Called after every page, and every second while this process leads, whether it gets anything published or not. */
  readonly onProgress?: (progress: RelayProgress) => void;
  /** Called when this process begins to lead and when it ends to. */
  readonly onLeading?: (isLeading: boolean) => void;
}

const batchSize = 2_000;
/** A small page costs as much as one ten times its size: after one, the next is left to gather for a moment. */
const gatherMs = 10;
const fullPage = 500;
const measureMs = 1_000;
const lookMs = 5_000;
/** Once a minute the relay says where the log stands: a consumer that has missed the last event cannot know by itself. */
const looksPerSignOfLife = 12;

/**
 * Publishes the log to the topic, page after page, from its checkpoint. A page is stored completely before the next one
 * is begun, and the checkpoint follows: whatever fails, the page is published again. So there are repetitions, and never
 * gaps. One process relays; the others wait for their turn.
 *
 * A relay that was paused and does not know yet that it was replaced may repeat old pages. Everything that it says is
 * true, and consumers know it already.
 */
export class Relay {
  private readonly stopped = new AbortController();
  private running: Promise<unknown> | undefined;
  private failing: Error | undefined;
  /** The last one; it may be over. */
  private leadership: Leadership | undefined;
  /** Where the log is published up to; unknown while this process does not lead. */
  private position: number | undefined;

  constructor(private readonly options: RelayOptions) {}

  start(): void {
    this.running ??= Promise.all([this.run(), this.measure()]);
  }

  /** Ends after the page in hand. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  /** @throws Error while this process should relay and cannot: for readiness. */
  check(): void {
    if (this.failing && this.leads()) throw new Error('the relay is failing and tries again', { cause: this.failing });
  }

  private async run(): Promise<void> {
    const { lead, logger, onLeading } = this.options;
    const growing = new GrowingPause();
    while (!this.isStopped()) {
      try {
        const leadership = await lead(this.stopped.signal);
        this.leadership = leadership;
        onLeading?.(true);
        try {
          await this.relay(leadership, growing);
        } finally {
          onLeading?.(false);
        }
        this.stepDown();
        if (this.isStopped()) return;
        logger.info({ fencingToken: leadership.token }, 'the relay has lost its lead');
        await pause(growing.next(), this.stopped.signal);
      } catch (error) {
        if (this.isStopped()) return;
        if (error instanceof StaleLeader) {
          this.stepDown();
          logger.warn({ fencingToken: error.token }, 'the relay was replaced and waits for its turn');
        } else {
          this.failing = error instanceof Error ? error : new Error(String(error));
          logger.error({ err: error }, 'the relay failed and starts over from its checkpoint');
        }
        await pause(growing.next(), this.stopped.signal);
      }
    }
  }

  /** From the checkpoint, until the lead is lost (returns) or something fails (throws). */
  private async relay(leadership: Leadership, growing: GrowingPause): Promise<void> {
    const { checkpoint, publish, log, logger } = this.options;
    const { token } = leadership;
    const over = AbortSignal.any([this.stopped.signal, leadership.lost]);
    const saved = await checkpoint.take(token);
    this.position = saved;
    const channel = await publish();
    try {
      // A topic without a message has nothing of what the checkpoint says was sent.
      const after = channel.isNew ? 0 : saved;
      this.position = after;
      if (after < saved) logger.warn({ saved }, 'the topic is new: everything is published again');
      else logger.info({ position: after, fencingToken: token }, 'the relay begins');

      let position = after;
      const send = oneAtATime(async (news: Omit<LogPage, 'after'> | undefined) => {
        if (!leadership.isHeld()) throw new StaleLeader(token);
        // Without news an empty page that ends where the last one did: it tells where the log stands.
        const page = { after: position, ...(news ?? { next: position, events: [] }) };
        try {
          await channel.publish(page);
        } catch (error) {
          if (error instanceof TopicMadeAnew) await checkpoint.save(0, token); // everything has to be sent again
          throw error;
        }
        await checkpoint.save(page.next, token);
        this.position = position = page.next;
        this.failing = undefined;
        growing.reset();
        this.tell(page);
      });
      const sendSignOfLife = async (): Promise<void> => {
        if (position > 0) await send(undefined);
      };
      const subscription = log.subscribeAll({ after, batchSize }, async (events, next) => {
        await send({ events, next });
        if (events.length < fullPage) await pause(gatherMs, over);
      });
      const end = (): void => {
        void subscription.close();
      };
      over.addEventListener('abort', end);
      const ended = new AbortController();
      try {
        if (over.aborted) end();
        const signal = AbortSignal.any([over, ended.signal]);
        // What the one that is still running has to say once the other has ended is told by `subscription.ended` below.
        await Promise.race([subscription.ended, this.lookAfter(channel, sendSignOfLife, signal)]);
      } finally {
        over.removeEventListener('abort', end);
        ended.abort();
        await subscription.close();
      }
      await subscription.ended;
    } finally {
      await channel.close();
    }
  }

  /** Sees whether the topic is still there, and shows a sign of life in quiet times, until `signal` aborts. */
  private async lookAfter(channel: Channel, sendSignOfLife: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let looks = 0; ; looks += 1) {
      if (looks % looksPerSignOfLife === 0) await sendSignOfLife();
      await pause(lookMs, signal);
      if (signal.aborted) return;
      if (!(await channel.isIntact())) throw new Error('the topic was deleted or has other partitions than before');
      this.failing = undefined;
    }
  }

  /** Tells every second how far behind this process is while it leads. Asks the log, not itself: it may be stuck. */
  private async measure(): Promise<void> {
    const { log, logger, onProgress, now } = this.options;
    if (onProgress === undefined) return;
    for (;;) {
      await pause(measureMs, this.stopped.signal);
      if (this.isStopped()) return;
      const { position } = this;
      if (position === undefined || !this.leads()) continue;
      try {
        const [head, { events }] = await Promise.all([log.head(), log.readAll({ after: position, limit: 1 })]);
        const [oldest] = events;
        if (!this.leads()) continue; // lost while the log was asked: what would be told belongs to another one
        const lagSeconds = oldest === undefined ? 0 : Math.max(0, now() - oldest.meta.at) / 1_000;
        onProgress({ position, published: 0, lagPositions: Math.max(0, head - position), lagSeconds });
      } catch (error) {
        if (!this.isStopped()) logger.warn({ err: error }, 'the relay could not measure how far behind it is');
      }
    }
  }

  private tell({ events, next }: LogPage): void {
    const [oldest] = events;
    if (oldest === undefined) return;
    const { onProgress, now } = this.options;
    const lagSeconds = Math.max(0, now() - oldest.meta.at) / 1_000;
    onProgress?.({ position: next, published: events.length, lagSeconds });
  }

  /** One that has failed and lost its lead meanwhile has nothing to answer for: another one relays now. */
  private leads(): boolean {
    return this.leadership?.isHeld() === true;
  }

  private stepDown(): void {
    this.position = undefined;
    this.failing = undefined;
  }

  private isStopped(): boolean {
    return this.stopped.signal.aborted;
  }
}

/** Calls of `work` one after the other; a failed one does not keep the next from its turn. */
function oneAtATime<Input>(work: (input: Input) => Promise<void>): (input: Input) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (input) => {
    const turn = last.then(() => work(input));
    last = turn.catch(() => undefined); // its caller has `turn`
    return turn;
  };
}
