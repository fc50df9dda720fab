import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, RecordedEvent, Subscription } from '#event-log/event-log';
import type { Logger } from '#platform/logging';
import { counter, gauge } from '#platform/metrics';
import type { Projector } from '#read-models/projector';

const BATCH_SIZE = 5_000;
const HEARTBEAT_MS = 1_000;

/**
 * A transaction costs the same for three events as for three hundred. After a small batch the next one is left to gather for a
 * moment: the first event after a quiet spell is projected at once, a busy log in larger pieces.
 */
const GATHER_MS = 15;
const FULL_BATCH = 1_000;

const DAY_MS = 86_400_000;
const BACKOFF_MS = { first: 100, last: 5_000 } as const;

const eventsTotal = counter({ name: 'coordinator_projected_events_total', help: 'Events folded into the read models' });
const parkedTotal = counter({
  name: 'coordinator_parked_events_total',
  help: 'Events that could not be projected: see parked_events',
});
const lagSeconds = gauge({
  name: 'coordinator_projection_lag_seconds',
  help: 'Age of the read models: they hold everything that was recorded until so many seconds ago',
});
const lagPositions = gauge({
  name: 'coordinator_projection_lag_positions',
  help: 'Positions of the log that are not projected yet',
});

/**
 * Keeps the read models in step with the log: subscribes from the checkpoint, and starts over from there, with growing
 * pauses, whenever the log or the database go away. Several may run; the checkpoint lets one of them work.
 */
export class Projection {
  private subscription: Subscription | undefined;
  private running: Promise<void> | undefined;
  private readonly stopped = new AbortController();
  private position = 0;
  /** The rows hold everything that was recorded until then. */
  private asOfMs = 0;
  private failing = false;

  constructor(
    private readonly log: EventLog,
    private readonly projector: Projector,
    private readonly logger: Logger,
    private readonly now: () => number,
  ) {}

  /** @throws what keeps it from reading its checkpoint: a start without a database is an error. */
  async start(): Promise<void> {
    this.position = await this.projector.position();
    try {
      await this.projector.makePartitionsAhead(this.now());
    } catch (error) {
      // Rows of a month without its partition go to the default one: worth a look, not worth standing still for.
      this.logger.error({ err: error }, 'partitions could not be made ahead');
    }
    this.running = Promise.all([this.follow(), this.heartbeat()]).then(() => undefined);
  }

  /** Ends after the batch in hand. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.subscription?.close();
    await this.running;
  }

  /** @throws Error while the projection cannot go on: for readiness. */
  async check(): Promise<void> {
    if (this.failing) throw new Error('the projection is failing and tries again');
    await this.projector.position();
  }

  private async follow(): Promise<void> {
    let pauseMs: number = BACKOFF_MS.first;
    while (!this.isStopped()) {
      try {
        this.position = await this.projector.position();
        if (this.isStopped()) return;
        this.subscription = this.log.subscribeAll(
          { after: this.position, batchSize: BATCH_SIZE },
          async (events, next) => {
            await this.project(events, next);
            pauseMs = BACKOFF_MS.first;
            if (events.length < FULL_BATCH) await this.pause(GATHER_MS);
          },
        );
        await this.subscription.ended;
      } catch (error) {
        this.failing = true;
        this.logger.error(
          { err: error, position: this.position },
          'the projection failed and starts over from its checkpoint',
        );
        await this.pause(pauseMs);
        pauseMs = Math.min(BACKOFF_MS.last, pauseMs * 2);
      }
    }
  }

  private async project(events: readonly RecordedEvent[], next: number): Promise<void> {
    const { events: count, parked } = await this.projector.project({ after: this.position, events, next });
    this.position = next;
    this.failing = false;
    const newest = events.at(-1);
    if (newest) this.asOfMs = Math.max(this.asOfMs, newest.meta.at);
    eventsTotal.inc(count);
    parkedTotal.inc(parked.length);
    this.showLag();
    for (const { position, stream, type, error } of parked)
      this.logger.error({ position, stream, type, reason: error }, 'an event could not be projected and was parked');
  }

  /** Tells readers that the rows are as young as now while nothing is written, and looks after lag and partitions. */
  private async heartbeat(): Promise<void> {
    let partitionsMadeAt = this.now();
    while (!this.isStopped()) {
      await this.pause(HEARTBEAT_MS);
      try {
        const at = this.now(); // before the log is asked: what comes later may be missing
        const head = await this.log.head();
        const { position } = this;
        lagPositions.set(Math.max(0, head - position));
        if (head <= position) {
          await this.projector.confirmCaughtUp(position, at);
          this.asOfMs = Math.max(this.asOfMs, at);
        }
        if (at - partitionsMadeAt > DAY_MS) {
          await this.projector.makePartitionsAhead(at);
          partitionsMadeAt = at;
        }
      } catch (error) {
        if (!this.isStopped()) this.logger.warn({ err: error }, 'the projection could not look after itself');
      }
      this.showLag();
    }
  }

  /** Rises by itself while nothing is projected. */
  private showLag(): void {
    lagSeconds.set(Math.max(0, this.now() - this.asOfMs) / 1_000);
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
