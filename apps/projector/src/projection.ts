import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { EventLog, RecordedEvent, Subscription } from '#event-log/event-log';
import type { EventFeed, FeedPage } from '#messaging/feed';
import type { Logger } from '#platform/logging';
import { counter, gauge } from '#platform/metrics';
import { Checkpoints, type HeadSeen } from '#read-models/checkpoints';
import { SCHEMA } from '#read-models/columns';
import { MonthPartitions } from '#read-models/month-partitions';
import { CheckpointMovedBack, type LogPage, PAGE_MAX, Projector } from '#read-models/projector';

const HEARTBEAT_MS = 500;
/** A checkpoint that is further behind than these many looks at the log is dated by its own events. */
const HEADS_REMEMBERED = 120;

/** Pages of all partitions of one process together: many partitions make do with less memory each. */
const PAGES_OF_ALL = 20_000;
const PAGE_MIN = 1_000;
const HEAL_PAGE = 5_000;

const DAY_MS = 86_400_000;

const eventsTotal = counter({ name: 'coordinator_projected_events_total', help: 'Events folded into the read models' });
const parkedTotal = counter({
  name: 'coordinator_parked_events_total',
  help: 'Events that could not be projected: see parked_events',
});
const healedTotal = counter({
  name: 'coordinator_projection_gaps_total',
  help: 'Stretches that the transport left out and that were read from the log instead',
});
const lagSeconds = gauge({
  name: 'coordinator_projection_lag_seconds',
  help: 'Age of the read models: they hold everything that was recorded until so many seconds ago',
});
const lagPositions = gauge({
  name: 'coordinator_projection_lag_positions',
  help: 'Positions of the log that are not projected yet, of the partition that is furthest behind',
});
const partitionLagSeconds = gauge({
  name: 'coordinator_projection_partition_lag_seconds',
  help: 'Age of the rows of one partition',
  labels: ['partition'],
});
const partitionLagPositions = gauge({
  name: 'coordinator_projection_partition_lag_positions',
  help: 'Positions of the log that one partition has not passed yet',
  labels: ['partition'],
});

export interface ProjectionOptions {
  readonly feed: EventFeed;
  /** Where to read what the feed has lost, and how far the log reaches. */
  readonly log: Pick<EventLog, 'readAll' | 'head'>;
  readonly pool: Pool;
  readonly logger: Logger;
  readonly now: () => number;
  /** Told when the feed gives up: nothing is projected any more, and only a new start can change that. */
  readonly onFeedEnded: (error: Error) => void;
  /** Told about each event that could not be projected, once it stands in `parked_events`. */
  readonly onParked?: (event: RecordedEvent, reason: string) => void | Promise<void>;
}

/** The topic holds an event that the log does not: they do not belong together any more. */
export class TopicAhead extends Error {
  constructor(position: number, end: number) {
    super(
      `the topic is ahead of the log: it brings position ${String(position)}, and the log ends at ${String(end)}; ` +
        'was the log restored to an earlier time? See docs/operations.md',
    );
    this.name = 'TopicAhead';
  }
}

/**
 * Keeps the read models in step with the feed, each partition from its own checkpoint. What the feed leaves out is read
 * from the log. Several may run: of two that have the same partition the checkpoint lets one work.
 */
export class Projection {
  private readonly checkpoints: Checkpoints;
  private readonly months: MonthPartitions;
  private readonly projectors = new Map<number, Projector>();
  private subscription: Subscription | undefined;
  private running: Promise<unknown> | undefined;
  private readonly stopped = new AbortController();
  /** By partition, whoever projects it: the rows hold everything that was recorded until then. */
  private readonly asOfMs = new Map<number, number>();
  private readonly seen: HeadSeen[] = [];
  /** By partition, the end of the page that failed. */
  private readonly failing = new Map<number, number>();
  private ended = false;

  constructor(private readonly options: ProjectionOptions) {
    this.checkpoints = new Checkpoints(options.pool, options.feed.partitions);
    this.months = new MonthPartitions(options.pool, SCHEMA);
  }

  /** @throws what keeps it from reading its checkpoints, or from taking them over: a start without them is an error. */
  async start(): Promise<void> {
    const { feed, logger, now } = this.options;
    await this.checkpoints.adopt();
    for (const { partition, asOfMs } of await this.checkpoints.read()) this.asOfMs.set(partition, asOfMs);
    try {
      await this.months.makeAhead(now());
    } catch (error) {
      // Rows of a month without its partition go to the default one: worth a look, not worth standing still for.
      logger.error({ err: error }, 'partitions could not be made ahead');
    }
    this.subscription = feed.subscribe(
      (partition) => this.projectorOf(partition).begin(),
      (page) => this.handle(page),
    );
    this.running = Promise.all([this.watch(this.subscription), this.heartbeat()]);
  }

  /** Ends after the pages in hand. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.subscription?.close();
    await this.running;
  }

  /** @throws Error while the projection cannot go on: for readiness. */
  async check(): Promise<void> {
    if (this.ended) throw new Error('the feed has ended: nothing is projected any more');
    if (this.failing.size > 0)
      throw new Error(`the projection is failing and tries again (partitions ${[...this.failing.keys()].join(', ')})`);
    const { length } = await this.checkpoints.read();
    if (length !== this.options.feed.partitions)
      throw new Error('the read models were put to another number of partitions: start again');
  }

  /** A feed goes on by itself; if it gives up, that is to be seen. */
  private async watch(subscription: Subscription): Promise<void> {
    let failure = new Error('the feed has ended');
    try {
      await subscription.ended;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.ended = true;
    if (this.isStopped()) return;
    this.options.logger.error({ err: failure }, 'the feed has ended');
    this.options.onFeedEnded(failure);
  }

  private projectorOf(partition: number): Projector {
    const known = this.projectors.get(partition);
    if (known !== undefined) return known;
    const { feed, pool } = this.options;
    const projector = new Projector(pool, {
      partition,
      partitions: feed.partitions,
      pageMax: pageMaxOf(feed.partitions),
      months: this.months,
    });
    this.projectors.set(partition, projector);
    return projector;
  }

  private async handle(page: FeedPage): Promise<void> {
    const { partition, next } = page;
    try {
      await this.projectOrHeal(page);
      this.failing.delete(partition);
    } catch (error) {
      if (!this.isStopped()) {
        this.failing.set(partition, next);
        this.options.logger.error(
          { err: error, partition, after: page.after, next },
          'the projection failed and starts over from its checkpoint',
        );
      }
      throw error; // the feed brings the page again
    }
  }

  private async projectOrHeal(page: FeedPage): Promise<void> {
    for (;;) {
      try {
        await this.project(page.partition, page);
        return;
      } catch (error) {
        if (!(error instanceof CheckpointMovedBack)) throw error;
        if (error.position < page.after) await this.heal(page, error.position);
      }
    }
  }

  /**
   * Reads a partition's events from the log, from its checkpoint to where the feed goes on.
   * @throws TopicAhead
   */
  private async heal({ partition, after: until, events: brought }: FeedPage, position: number): Promise<void> {
    const { feed, log, logger } = this.options;
    const newest = brought.at(-1)?.position ?? 0;
    logger.warn({ partition, position, until }, 'the feed has left out a stretch, which is read from the log');
    healedTotal.inc();
    for (let after = position; after < until;) {
      if (this.isStopped()) throw new Error('stopped while reading from the log');
      const page = await log.readAll({ after, limit: HEAL_PAGE });
      // Only an event proves it: how far there is none may be told beyond the last event that can be read.
      if (page.atEnd && page.next < newest) throw new TopicAhead(newest, page.next);
      // At the end of the log: positions from there on hold no event, or the feed could not have come past them.
      const next = page.atEnd ? until : Math.min(page.next, until);
      const events = page.events.filter(
        (event) => event.position <= until && feed.partitionOf(event.meta.accountId) === partition,
      );
      await this.project(partition, { after, next, events });
      after = next;
    }
  }

  private async project(partition: number, page: LogPage): Promise<void> {
    const { events: count, parked } = await this.projectorOf(partition).project(page);
    const newest = page.events.at(-1);
    if (newest) this.asOfMs.set(partition, Math.max(this.asOfMs.get(partition) ?? 0, newest.meta.at));
    eventsTotal.inc(count);
    this.showAge();
    for (const { position, stream, type, error } of parked) {
      parkedTotal.inc();
      this.options.logger.error(
        { position, stream, type, reason: error },
        'an event could not be projected and was parked',
      );
      const event = page.events.find((candidate) => candidate.position === position);
      if (event) await this.tellParked(event, error);
    }
  }

  /** The event stands in `parked_events` already: that nobody could be told holds nothing up. */
  private async tellParked(event: RecordedEvent, reason: string): Promise<void> {
    try {
      await this.options.onParked?.(event, reason);
    } catch (error) {
      this.options.logger.error({ err: error, position: event.position }, 'a parked event could not be passed on');
    }
  }

  /** Tells readers how young the rows are, which also those are that nothing was written to, and looks after lag and months. */
  private async heartbeat(): Promise<void> {
    const { now, logger } = this.options;
    let monthsMadeAt = now();
    while (!this.isStopped()) {
      await this.pause(HEARTBEAT_MS);
      try {
        await this.lookAround();
        if (now() - monthsMadeAt > DAY_MS) {
          await this.months.makeAhead(now());
          monthsMadeAt = now();
        }
      } catch (error) {
        if (!this.isStopped()) logger.warn({ err: error }, 'the projection could not look after itself');
      }
      this.showAge();
    }
  }

  private async lookAround(): Promise<void> {
    const atMs = this.options.now(); // before the log is asked: what comes later may be missing
    const head = await this.options.log.head();
    this.seen.push({ head, atMs });
    if (this.seen.length > HEADS_REMEMBERED) this.seen.shift();
    await this.checkpoints.confirmCaughtUp(this.seen);
    const checkpoints = await this.checkpoints.read();
    let furthestBehind = 0;
    for (const { partition, position, asOfMs } of checkpoints) {
      this.asOfMs.set(partition, Math.max(this.asOfMs.get(partition) ?? 0, asOfMs));
      const behind = Math.max(0, head - position);
      partitionLagPositions.set({ partition: String(partition) }, behind);
      furthestBehind = Math.max(furthestBehind, behind);
      // Another process has the partition now, and has come past what failed here.
      if (position >= (this.failing.get(partition) ?? Infinity)) this.failing.delete(partition);
    }
    lagPositions.set(furthestBehind);
  }

  /** Rises by itself while nothing is projected. */
  private showAge(): void {
    const now = this.options.now();
    let oldest = 0;
    for (const [partition, asOfMs] of this.asOfMs) {
      const seconds = Math.max(0, now - asOfMs) / 1_000;
      partitionLagSeconds.set({ partition: String(partition) }, seconds);
      oldest = Math.max(oldest, seconds);
    }
    lagSeconds.set(oldest);
  }

  private isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopped.signal }).catch((error: unknown) => {
      if (!this.isStopped()) throw error;
    });
  }
}

const pageMaxOf = (partitions: number): number =>
  Math.max(PAGE_MIN, Math.min(PAGE_MAX, Math.floor(PAGES_OF_ALL / partitions)));
