import type { EventLog, Subscription } from '#event-log/event-log';
import type { EventFeed, FeedPage } from './feed';
import type { MessagingLogger } from './kafka-client';
import { GrowingPause, pause } from './pause';

export interface DirectFeedOptions {
  readonly log: EventLog;
  readonly logger: MessagingLogger;
  /** At most this many events per page. */
  readonly batchSize?: number;
}

/**
 * After a small page the next one is left to gather for a moment: the first event after a quiet spell arrives at once,
 * a busy log in larger pieces.
 */
const gatherMs = 15;
const fullPage = 1_000;

/** The log itself, as one partition. */
export class DirectFeed implements EventFeed {
  readonly partitions = 1;
  private readonly subscriptions = new Set<Subscription>();
  private closed = false;

  constructor(private readonly options: DirectFeedOptions) {}

  partitionOf(): number {
    return 0;
  }

  subscribe(
    positionOf: (partition: number) => Promise<number>,
    handle: (page: FeedPage) => Promise<void>,
  ): Subscription {
    if (this.closed) throw new Error('the feed is closed');
    const closing = new AbortController();
    const ended = this.run(positionOf, handle, closing.signal).finally(() => this.subscriptions.delete(subscription));
    const subscription: Subscription = {
      ended,
      close: async () => {
        closing.abort();
        await ended;
      },
    };
    this.subscriptions.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.subscriptions].map((subscription) => subscription.close()));
  }

  private async run(
    positionOf: (partition: number) => Promise<number>,
    handle: (page: FeedPage) => Promise<void>,
    over: AbortSignal,
  ): Promise<void> {
    const { log, logger, batchSize = 5_000 } = this.options;
    const growing = new GrowingPause();
    while (!over.aborted) {
      let after: number | undefined;
      try {
        after = await positionOf(0);
        await this.follow(log, after, batchSize, over, async (page) => {
          await handle(page);
          after = page.next;
          growing.reset();
          if (page.events.length < fullPage) await pause(gatherMs, over);
        });
      } catch (error) {
        logger.error({ err: error, partition: 0, position: after }, 'a page was not taken and is handed over again');
        await pause(growing.next(), over);
      }
    }
  }

  private async follow(
    log: EventLog,
    from: number,
    batchSize: number,
    over: AbortSignal,
    handle: (page: FeedPage) => Promise<void>,
  ): Promise<void> {
    if (over.aborted) return;
    let after = from;
    const subscription = log.subscribeAll({ after, batchSize }, async (events, next) => {
      await handle({ partition: 0, after, next, events });
      after = next;
    });
    const end = (): void => {
      void subscription.close();
    };
    over.addEventListener('abort', end);
    try {
      await subscription.ended;
    } finally {
      over.removeEventListener('abort', end);
    }
  }
}
