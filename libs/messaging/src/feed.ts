import type { RecordedEvent, Subscription } from '#event-log/event-log';

/** A stretch of one partition: all of its events after `after` up to `next`, in order. */
export interface FeedPage {
  readonly partition: number;
  readonly after: number;
  readonly next: number;
  readonly events: readonly RecordedEvent[];
}

/** What carries recorded events to whoever projects them. Adapters: direct (a subscription to the log), Kafka. */
export interface EventFeed {
  /** 1 for the direct feed; of the topic for Kafka. */
  readonly partitions: number;

  /** The partition that an account's events travel in. */
  partitionOf(accountId: string): number;

  /**
   * Hands over pages: of one partition in order and one at a time, of several at once. At least once: a page may come
   * again, in whole or in part. `positionOf` tells where the consumer stands in a partition; it is asked whenever this
   * process begins (again) with one.
   *
   * A page whose `after` lies beyond that means that the transport has lost something (retention, a topic made anew, a
   * restored database): the consumer reads the rest from the log. A handler that throws gets the page again after a
   * growing pause; other partitions go on.
   */
  subscribe(
    positionOf: (partition: number) => Promise<number>,
    handle: (page: FeedPage) => Promise<void>,
  ): Subscription;

  close(): Promise<void>;
}
