import { EventLogUnavailable, type Page, type RecordedEvent, type Subscription } from '../event-log';
import type { Batch, Feed } from './feed';

/** Nothing has come for so long: look whether that is the truth. */
const patienceMs = 1_000;
const retryMs = { first: 100, max: 2_000 };

export interface AllSubscriptionOptions {
  /** Exclusive start. */
  readonly after: number;
  readonly open: (after: number) => Promise<Feed>;
  /** Reads the next wanted event after a position, or how far there is none. */
  readonly look: (after: number) => Promise<Page>;
  readonly handle: (events: readonly RecordedEvent[], next: number) => Promise<void>;
  /** Called once when no handler runs any more, for whatever reason. */
  readonly onEnd: () => void;
  readonly onTrouble: (error: unknown, message: string) => void;
}

/**
 * Follows the log through one feed after the other, each from where the last one was left, so that nothing is missed
 * and nothing comes twice. A feed that brings nothing is not believed: the log itself is read now and then, which
 * finds out a feed that has gone silent, and how far events have passed that were not asked for.
 */
export class AllSubscription implements Subscription {
  readonly ended: Promise<void>;
  private after: number;
  private feed: Feed | undefined;
  /** An event that the log has and the feed has not brought yet. */
  private missing: number | undefined;
  private waitMs: number = retryMs.first;
  private closing = false;
  private interruptPause: () => void = () => undefined;

  constructor(private readonly options: AllSubscriptionOptions) {
    this.after = options.after;
    this.ended = this.run();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.interruptPause();
    this.feed?.cancel();
    await this.ended.catch(() => undefined); // its failure is for whoever holds `ended`
  }

  private async run(): Promise<void> {
    try {
      for (;;) {
        const batch = await this.nextBatch();
        if (batch === undefined) return;
        if (batch.next <= this.after) continue; // a feed that was slow: its stretch was looked at meanwhile
        await this.options.handle(batch.events, batch.next);
        this.after = batch.next;
      }
    } finally {
      this.closing = true;
      this.feed?.cancel();
      this.options.onEnd();
    }
  }

  /** The next batch, however long it takes; undefined once the subscription is over. */
  private async nextBatch(): Promise<Batch | undefined> {
    while (!this.isOver()) {
      try {
        this.feed ??= await this.options.open(this.after);
        if (this.isOver()) return undefined;
        const batch = (await this.feed.take(patienceMs)) ?? (await this.look(this.feed));
        if (batch === undefined) continue;
        this.missing = undefined;
        this.waitMs = retryMs.first;
        return this.isOver() ? undefined : batch;
      } catch (error) {
        this.feed?.cancel();
        this.feed = undefined;
        if (this.isOver()) return undefined;
        if (!(error instanceof EventLogUnavailable)) throw error;
        this.options.onTrouble(error, 'a subscription waits for the event log');
        await this.pause(this.waitMs);
        this.waitMs = Math.min(2 * this.waitMs, retryMs.max);
      }
    }
    return undefined;
  }

  /** The stretch without wanted events that has passed unnoticed, if there is one. */
  private async look(feed: Feed): Promise<Batch | undefined> {
    const { events, next } = await this.options.look(this.after);
    if (feed.isWaiting) return undefined; // it was only slow
    const [event] = events;
    if (event === undefined) return next > this.after ? { events, next } : undefined;
    if (event.position === this.missing) throw new EventLogUnavailable('a subscription has gone silent');
    this.missing = event.position; // it gets one more chance
    return undefined;
  }

  private isOver(): boolean {
    return this.closing;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.interruptPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
