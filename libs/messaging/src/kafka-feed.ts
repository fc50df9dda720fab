import { once, setMaxListeners } from 'node:events';
import type { Batch, Consumer, EachBatchPayload } from 'kafkajs';
import type { Subscription } from '#event-log/event-log';
import { type Carried, EnvelopeError, fromMessage, type Watermark } from './envelope';
import type { EventFeed, FeedPage } from './feed';
import { Connection, createKafka, KafkaUnavailable, type MessagingLogger } from './kafka-client';
import { pagesOf } from './pages';
import { Parking, type Place } from './parking';
import { GrowingPause, pause, within } from './pause';
import { ensureTopics, partitioner, partitionsOfTopic, topicsOf } from './topic';

export interface KafkaFeedOptions {
  /** `host:port,host:port` */
  readonly brokers: string;
  /** Consumers of one group share the partitions. */
  readonly groupId: string;
  /** For a topic that has to be made; default 12. */
  readonly partitions?: number;
  /** What the names of the topics begin with; default `coordinator`. */
  readonly topicPrefix?: string;
  /** Of how many partitions pages are handled at once; default 6. */
  readonly concurrency?: number;
  readonly logger: MessagingLogger;
  /** Where the log ends. An event from beyond is none of ours: taken for one, it would hide everything up to there. */
  readonly endOfLog?: () => Promise<number>;
  /** A message that could not be read was set aside in `coordinator.parked`. */
  readonly onParked?: (place: Place, reason: string) => void;
  /** The group was divided anew: the partitions that this member has now. */
  readonly onAssigned?: (partitions: readonly number[]) => void;
  /** After every page, and when a partition turned out to have nothing new. */
  readonly onProgress?: (progress: FeedProgress) => void;
}

export interface FeedProgress {
  readonly partition: number;
  readonly position: number;
  /** Handed over since the last call. */
  readonly events: number;
  /** Messages of this partition that were stored when these were fetched and are not handed over yet. */
  readonly lagMessages: number;
}

const openTimeoutMs = 20_000;
const concurrencyDefault = 6;

/** The topic `coordinator.events`, shared with the other consumers of a group. */
export class KafkaFeed implements EventFeed {
  readonly partitionOf: (accountId: string) => number;
  private readonly parking: Parking;
  private subscription: GroupSubscription | undefined;
  private closed = false;

  private constructor(
    private readonly options: KafkaFeedOptions,
    readonly partitions: number,
  ) {
    this.partitionOf = partitioner(partitions);
    this.parking = new Parking(options);
  }

  /**
   * Makes the topics if need be.
   * @throws KafkaUnavailable
   */
  static async open(options: KafkaFeedOptions): Promise<KafkaFeed> {
    const { brokers, logger, partitions, topicPrefix } = options;
    const topics = topicsOf(topicPrefix);
    const admin = createKafka({ brokers, clientId: 'coordinator-feed', logger }).admin();
    const connection = new Connection([admin], logger);
    try {
      const topic = await connection.use(openTimeoutMs, 'opening the topic', async () => {
        await admin.connect();
        return ensureTopics(admin, { topics, logger, ...(partitions !== undefined && { partitions }) });
      });
      await connection.close();
      return new KafkaFeed(options, topic.partitions);
    } catch (error) {
      throw new KafkaUnavailable(brokers, error);
    }
  }

  /** One at a time. Its `ended` rejects when the topic gets another number of partitions: then a new feed is needed. */
  subscribe(
    positionOf: (partition: number) => Promise<number>,
    handle: (page: FeedPage) => Promise<void>,
  ): Subscription {
    if (this.closed) throw new Error('the feed is closed');
    if (this.subscription?.isOver === false) throw new Error('the feed has a subscription already');
    const { partitions, partitionOf, parking } = this;
    this.subscription = new GroupSubscription({
      ...this.options,
      topic: topicsOf(this.options.topicPrefix).events,
      partitions,
      partitionOf,
      park: async (message, place, reason) => {
        await parking.park(message, place, reason);
        this.options.logger.error({ ...place, reason }, 'a message could not be read and was parked');
        this.options.onParked?.(place, reason);
      },
      positionOf,
      handle,
    });
    return this.subscription;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.subscription?.close();
    await this.parking.close();
  }
}

/** The topic is not the one that this process was started with. */
export class TopicChanged extends Error {
  constructor(topic: string, before: number, now: number | undefined) {
    super(
      `topic ${topic} has ${String(now ?? 0)} partitions and had ${String(before)} when this process started: start it again`,
    );
    this.name = 'TopicChanged';
  }
}

interface GroupSubscriptionOptions extends KafkaFeedOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly partitionOf: (accountId: string) => number;
  readonly park: (message: Batch['messages'][number], place: Place, reason: string) => Promise<void>;
  readonly positionOf: (partition: number) => Promise<number>;
  readonly handle: (page: FeedPage) => Promise<void>;
}

/** A consumer that shows no sign of life for this long is taken over: under ten seconds with the rebalance. */
const sessionTimeoutMs = 7_000;
const heartbeatMs = 1_500;
/** How long the group waits for a member that is still busy with its pages. */
const rebalanceTimeoutMs = 15_000;
const joinTimeoutMs = 60_000;
/** A client that does nothing at all for so long hangs. */
const silenceMaxMs = 30_000;
const fetchWaitMs = 500;
const bytesPerPartition = 4 * 1024 * 1024;
const bytesPerFetch = 16 * 1024 * 1024;
const commitEveryMs = 1_000;
const stopTimeoutMs = 10_000;
const askAgainMs = 10_000;

/**
 * A member of the consumer group. Its offsets only say where to begin to read; where the consumer stands is what
 * `positionOf` says, and what lies before that is passed over. So offsets are committed now and then, after what they
 * stand for has been handled, and losing one costs time and nothing else.
 *
 * kafkajs's own restarts are not used: a client that gave up is thrown away and replaced by a new one.
 */
class GroupSubscription implements Subscription {
  readonly ended: Promise<void>;
  private readonly closing = new AbortController();
  private readonly growing = new GrowingPause();
  /** Where the consumer stands, of the partitions that this member has begun with. */
  private readonly positions = new Map<number, number>();
  /** Pauses of partitions whose handler throws. */
  private readonly troubles = new Map<number, GrowingPause>();
  private readonly resumptions = new Set<NodeJS.Timeout>();
  /** Offsets up to which unreadable messages have been parked: a page that comes again does not park them again. */
  private readonly parkedTo = new Map<number, bigint>();
  private endSeen = 0;
  /** What is being handled. */
  private readonly busy = new Set<Promise<void>>();
  /** What to commit: the next offset of each partition. */
  private readonly handledTo = new Map<number, string>();
  private committedAt = 0;
  private alarm: (error: Error) => void = () => undefined;
  private aliveAt = 0;
  private askedAt = 0;
  private fatal: Error | undefined;
  isOver = false;

  constructor(private readonly options: GroupSubscriptionOptions) {
    this.ended = this.run();
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.ended.catch(() => undefined); // its failure is for whoever holds `ended`
  }

  private async run(): Promise<void> {
    const { logger, groupId } = this.options;
    try {
      while (!this.isEnding()) {
        try {
          await this.consume();
        } catch (error) {
          if (this.isEnding()) break;
          logger.error({ err: error, groupId }, 'the consumer of the topic failed and starts over');
          await pause(this.growing.next(), this.closing.signal);
        }
      }
    } finally {
      this.isOver = true;
    }
    if (this.fatal !== undefined) throw this.fatal;
  }

  /** One client's life: until it fails (throws), or this subscription ends (returns). */
  private async consume(): Promise<void> {
    const { brokers, groupId, logger } = this.options;
    const cut = new AbortController();
    setMaxListeners(0, cut.signal); // one for each connection
    const consumer = createKafka({ brokers, clientId: 'coordinator-feed', logger, cut: cut.signal }).consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      maxWaitTimeInMs: fetchWaitMs,
      maxBytesPerPartition: bytesPerPartition,
      maxBytes: bytesPerFetch,
      metadataMaxAge: 30_000,
      allowAutoTopicCreation: false,
      retry: { retries: 4, restartOnFailure: () => Promise.resolve(false) },
    });
    const failed = new Promise<never>((_, reject) => (this.alarm = reject));
    failed.catch(() => undefined); // may come when nobody waits any more: in the midst of ending
    this.watch(consumer);
    const over = new AbortController();
    const joining = this.join(consumer, over.signal);
    const joinAndWatch = async (): Promise<void> => {
      await within(joinTimeoutMs, 'joining the consumer group', joining);
      await this.untilSilent(over.signal);
    };
    try {
      await Promise.race([failed, this.whenClosing(over.signal), joinAndWatch()]);
    } finally {
      over.abort();
      await this.retire(consumer, joining, cut);
    }
  }

  private async join(consumer: Consumer, over: AbortSignal): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topic: this.options.topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.options.concurrency ?? concurrencyDefault,
      eachBatch: (payload) => this.take(payload, over),
    });
  }

  private async whenClosing(signal: AbortSignal): Promise<void> {
    const { signal: closing } = this.closing;
    if (!closing.aborted) await once(AbortSignal.any([signal, closing]), 'abort');
  }

  private watch(consumer: Consumer): void {
    const alive = (): void => {
      this.aliveAt = Date.now();
    };
    alive();
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => {
      this.alarm(error);
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      alive();
      this.growing.reset();
      // Whatever this member has now, another one may have had meanwhile.
      this.positions.clear();
      this.handledTo.clear();
      const assigned = memberAssignment[this.options.topic] ?? [];
      for (const partition of this.parkedTo.keys()) {
        if (!assigned.includes(partition)) this.parkedTo.delete(partition);
      }
      this.options.onAssigned?.(assigned);
    });
    consumer.on(consumer.events.HEARTBEAT, alive);
    consumer.on(consumer.events.FETCH, alive);
  }

  /** Throws when nothing has been heard of the client for too long. */
  private async untilSilent(signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(1_000, signal);
      if (signal.aborted) return;
      const silentMs = Date.now() - this.aliveAt;
      if (silentMs > silenceMaxMs && this.busy.size === 0) {
        throw new Error(`the client of Kafka was silent for ${String(silentMs)} ms`);
      }
    }
  }

  /**
   * Ends a client: after what is in hand, and without waiting for one that hangs. kafkajs does not stop what is still
   * joining: it would become a member that has partitions and hands on nothing. So it may finish that first, and what
   * takes too long is cut off.
   */
  private async retire(consumer: Consumer, joining: Promise<void>, cut: AbortController): Promise<void> {
    const { logger } = this.options;
    for (const timer of this.resumptions) clearTimeout(timer);
    this.resumptions.clear();
    try {
      await within(stopTimeoutMs, 'committing the offsets', this.commitAll(consumer));
    } catch (error) {
      logger.info({ err: error }, 'offsets were not committed: some messages will be passed over again');
    }
    const leaving = joining.catch(() => undefined).then(() => consumer.disconnect());
    try {
      await within(stopTimeoutMs, 'leaving the consumer group', leaving);
    } catch (error) {
      logger.warn({ err: error }, 'a consumer was cut off');
      cut.abort();
      await within(stopTimeoutMs, 'ending a consumer that was cut off', leaving).catch((hung: unknown) => {
        logger.warn({ err: hung }, 'a consumer without a connection was left behind');
      });
    }
    cut.abort();
    // No partition may be handled twice at once, not even by two clients.
    while (this.busy.size > 0) await Promise.all(this.busy);
    this.positions.clear();
    this.handledTo.clear();
    this.parkedTo.clear(); // in a topic that was made anew the offsets begin again
  }

  private async commitAll(consumer: Consumer): Promise<void> {
    const offsets = [...this.handledTo].map(([partition, offset]) => ({
      topic: this.options.topic,
      partition,
      offset,
    }));
    this.handledTo.clear();
    if (offsets.length > 0) await consumer.commitOffsets(offsets);
  }

  /** Never throws because of what the handler does: that would end the fetching of all partitions. */
  private async take(payload: EachBatchPayload, over: AbortSignal): Promise<void> {
    const { batch } = payload;
    const { partition } = batch;
    let leaving = false;
    const mayGoOn = (): boolean =>
      !leaving && !over.aborted && payload.isRunning() && !payload.isStale() && !this.isEnding();
    if (!mayGoOn()) return;

    // However long the handler takes, the group hears of this member. When it answers that the group changes, or not at
    // all, the rest of the batch is left to whoever has the partition then; kafkajs asks again itself, and acts on it.
    const beating = setInterval(() => {
      payload.heartbeat().catch(() => (leaving = true));
    }, heartbeatMs);
    const handling = this.handleBatch(batch, mayGoOn);
    const done = handling.then(
      () => undefined,
      () => undefined, // looked at below
    );
    this.busy.add(done);
    try {
      if (!(await handling)) return;
      this.troubles.delete(partition);
      payload.resolveOffset(batch.lastOffset());
      this.handledTo.set(partition, String(BigInt(batch.lastOffset()) + 1n));
    } catch (error) {
      this.putOff(payload, error);
      return;
    } finally {
      clearInterval(beating);
      this.busy.delete(done);
      this.aliveAt = Date.now();
    }
    if (Date.now() - this.committedAt >= commitEveryMs && mayGoOn()) {
      this.committedAt = Date.now();
      await payload.commitOffsetsIfNecessary(payload.uncommittedOffsets());
    }
  }

  /** Leaves a partition alone for a while; then its messages are fetched again. */
  private putOff(payload: EachBatchPayload, error: unknown): void {
    const { partition } = payload.batch;
    const position = this.positions.get(partition);
    this.positions.delete(partition); // asked again: the handler may have come further than it knows
    if (error instanceof TopicChanged) {
      this.fatal = error;
      this.alarm(error);
      return;
    }
    if (this.isEnding()) return;
    const trouble = this.troubles.get(partition) ?? new GrowingPause();
    this.troubles.set(partition, trouble);
    const pauseMs = trouble.next();
    this.options.logger.error(
      { err: error, partition, position, pauseMs },
      'a page was not taken and is handed over again',
    );
    const resume = payload.pause();
    const timer = setTimeout(() => {
      this.resumptions.delete(timer);
      resume();
    }, pauseMs);
    this.resumptions.add(timer);
  }

  /** Hands over what is new in the batch. False when it was left before its end. */
  private async handleBatch(batch: Batch, mayGoOn: () => boolean): Promise<boolean> {
    const { positionOf, handle, onProgress } = this.options;
    const { partition } = batch;
    const links = await this.read(batch);
    const known = this.positions.get(partition) ?? (await positionOf(partition));
    this.positions.set(partition, known);
    let events = 0;
    for (const page of pagesOf(partition, known, links)) {
      if (!mayGoOn()) return false;
      await handle(page);
      this.positions.set(partition, page.next);
      events += page.events.length;
    }
    const position = this.positions.get(partition) ?? known;
    const lagMessages = Math.max(0, Number(batch.highWatermark) - Number(batch.lastOffset()) - 1);
    onProgress?.({ partition, position, events, lagMessages });
    return true;
  }

  private async read(batch: Batch): Promise<(Carried | Watermark)[]> {
    const { partitions, partitionOf, logger } = this.options;
    const { topic, partition } = batch;
    if (partition >= partitions) await this.checkTopic();
    const links: (Carried | Watermark)[] = [];
    let ofOtherTimes = 0;
    const end = await this.endFor(batch);
    for (const message of batch.messages) {
      try {
        const link = fromMessage(message);
        if (link.partitions !== partitions) {
          // From when the topic had fewer partitions. Its account may live elsewhere now; the gap in the chain shows.
          ofOtherTimes += 1;
          continue;
        }
        if (link.kind === 'event' && partitionOf(link.event.meta.accountId) !== partition) {
          throw new EnvelopeError(`account ${link.event.meta.accountId} does not belong into this partition`);
        }
        if (link.kind === 'event' && link.event.position > end) {
          throw new EnvelopeError(`position ${String(link.event.position)} lies beyond the end of the log`);
        }
        links.push(link);
      } catch (error) {
        if (!(error instanceof EnvelopeError)) throw error;
        await this.parkOnce(message, { topic, partition, offset: message.offset }, error.message);
      }
    }
    if (ofOtherTimes > 0) {
      await this.checkTopic();
      logger.warn({ partition, messages: ofOtherTimes }, 'messages of a topic with other partitions are passed over');
    }
    return links;
  }

  /** Where the log ends, asked again only for a batch that claims to go further than is known. */
  private async endFor(batch: Batch): Promise<number> {
    const { endOfLog } = this.options;
    if (endOfLog === undefined) return Infinity;
    const claimed = batch.messages.map(({ headers }) => Number(headers?.['ce_position'] ?? 0));
    if (claimed.some((position) => position > this.endSeen)) {
      this.endSeen = Math.max(this.endSeen, await endOfLog());
    }
    return this.endSeen;
  }

  private async parkOnce(message: Batch['messages'][number], place: Place, reason: string): Promise<void> {
    const offset = BigInt(place.offset);
    if (offset <= (this.parkedTo.get(place.partition) ?? -1n)) return;
    await this.options.park(message, place, reason);
    this.parkedTo.set(place.partition, offset);
  }

  /** @throws TopicChanged */
  private async checkTopic(): Promise<void> {
    const { brokers, topic, logger, partitions } = this.options;
    if (Date.now() - this.askedAt < askAgainMs) return;
    const admin = createKafka({ brokers, clientId: 'coordinator-feed', logger }).admin();
    const connection = new Connection([admin], logger);
    const found = await connection.use(openTimeoutMs, 'looking at the topic', async () => {
      await admin.connect();
      return partitionsOfTopic(admin, topic);
    });
    await connection.close();
    if (found !== partitions) throw new TopicChanged(topic, partitions, found);
    this.askedAt = Date.now();
  }

  private isEnding(): boolean {
    return this.closing.signal.aborted || this.fatal !== undefined;
  }
}
