import { EventLogUnavailable, type Page, type RecordedEvent, type Subscription } from './event-log';

const pollMs = 1_000;
const retryMs = { first: 100, max: 2_000 };

export interface PollingSubscriptionOptions {
  /** Exclusive start. */
  readonly after: number;
  readonly readPage: (after: number) => Promise<Page>;
  /** Registers a function to be called when there may be something new; returns how to take it back. */
  readonly listen: (wake: () => void) => () => void;
  readonly handle: (events: readonly RecordedEvent[], next: number) => Promise<void>;
  /** Called once when no handler runs any more, for whatever reason. */
  readonly onEnd: () => void;
  readonly onTrouble: (error: unknown, message: string) => void;
}

/**
 * A subscription that reads page after page, the next one while the handler is busy with the last, and at the end of
 * the log rests until it is woken or a second has passed. While the log is away it keeps trying.
 */
export class PollingSubscription implements Subscription {
  readonly ended: Promise<void>;
  private closing = false;
  private woken = false;
  private interruptPause: () => void = () => undefined;

  constructor(private readonly options: PollingSubscriptionOptions) {
    this.ended = this.run();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.interruptPause();
    await this.ended.catch(() => undefined); // its failure is for whoever holds `ended`
  }

  private async run(): Promise<void> {
    const stopListening = this.options.listen(() => {
      this.woken = true;
      this.interruptPause();
    });
    try {
      let after = this.options.after;
      let coming = this.read(after);
      for (;;) {
        const page = await coming;
        if (page === undefined) return;
        if (!page.atEnd) {
          coming = this.read(page.next);
          coming.catch(() => undefined); // looked at when its turn comes
        }
        if (page.next > after) await this.options.handle(page.events, page.next);
        after = page.next;
        if (page.atEnd) {
          if (!this.isOver() && !this.woken) await this.pause(pollMs);
          coming = this.read(after);
        }
      }
    } finally {
      this.closing = true;
      stopListening();
      this.options.onEnd();
    }
  }

  /** The page after `after`, however long it takes; undefined once the subscription is over. */
  private async read(after: number): Promise<Page | undefined> {
    this.woken = false; // from here on: what was appended before is in the page
    for (let waitMs = retryMs.first; !this.isOver(); waitMs = Math.min(2 * waitMs, retryMs.max)) {
      try {
        const page = await this.options.readPage(after);
        return this.isOver() ? undefined : page;
      } catch (error) {
        if (this.isOver()) return undefined;
        if (!(error instanceof EventLogUnavailable)) throw error;
        this.options.onTrouble(error, 'a subscription waits for the event log');
        await this.pause(waitMs);
      }
    }
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
