import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, KafkaJSProtocolError, Partitioners } from 'kafkajs';
import { LRUCache } from 'lru-cache';
import type { MessagingLogger } from './kafka-client';

/** `coordinator.events` and `coordinator.parked`, unless several installations share a cluster. */
export interface Topics {
  readonly events: string;
  readonly parked: string;
}

export const topicsOf = (prefix = 'coordinator'): Topics => ({
  events: `${prefix}.events`,
  parked: `${prefix}.parked`,
});

export const PARTITIONS_DEFAULT = 12;

/** Eight years of 366 days: how long orders and trades have to be kept. */
const RETENTION_MS = 8 * 366 * 86_400_000;

/**
 * A batch of one page and partition must fit; the relay keeps far below it, see `kafka-publisher.ts`. A single event
 * may be this large, with its headers.
 */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

const creationTimeoutMs = 8_000;
const lookAgainMs = 50;
const notYet: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);

const config = [
  { name: 'cleanup.policy', value: 'delete' },
  { name: 'retention.ms', value: String(RETENTION_MS) },
  { name: 'retention.bytes', value: '-1' },
  { name: 'max.message.bytes', value: String(MESSAGE_BYTES_MAX) },
  // Retention counts from when the broker got it: what a sender claims about time decides nothing.
  { name: 'message.timestamp.type', value: 'LogAppendTime' },
];

/** What there is of the topics, now that they are there. */
export interface TopicState {
  /** This call made the topic of events: whatever was sent before is gone. */
  readonly created: boolean;
  /** Of the topic of events. */
  readonly partitions: number;
}

export interface EnsureTopicsOptions {
  readonly topics: Topics;
  /** For a topic that has to be made; default 12. One that is there keeps its own number. */
  readonly partitions?: number;
  readonly logger: MessagingLogger;
}

/**
 * Makes the topics that are missing, with the broker's default replication. Several processes may do so at once: one of
 * them is told that it created.
 */
export async function ensureTopics(
  admin: Admin,
  { topics, partitions, logger }: EnsureTopicsOptions,
): Promise<TopicState> {
  const wanted = partitions ?? PARTITIONS_DEFAULT;
  const created = await ensureTopic(admin, topics.events, wanted);
  await ensureTopic(admin, topics.parked, 1);
  const found = await partitionsOfTopic(admin, topics.events);
  if (found === undefined) throw new Error(`topic ${topics.events} vanished while it was looked at`);
  if (created) logger.info({ topic: topics.events, partitions: found }, 'the topic was created');
  else if (partitions !== undefined && found !== partitions) {
    logger.warn({ topic: topics.events, partitions: found, configured: partitions }, 'the topic keeps its partitions');
  }
  return { created, partitions: found };
}

async function ensureTopic(admin: Admin, topic: string, numPartitions: number): Promise<boolean> {
  let created = false;
  if (!(await admin.listTopics()).includes(topic)) {
    const topics = [{ topic, numPartitions, replicationFactor: -1, configEntries: config }];
    // False: another one was first. kafkajs takes a broker that has not heard of the new topic yet for a failure, so the
    // waiting is done here.
    created = await admin.createTopics({ topics, waitForLeaders: false, timeout: creationTimeoutMs });
  }
  await untilLed(admin, topic);
  return created;
}

/** A broker learns of a new topic, and of the leaders of its partitions, a moment after the controller has made it. */
async function untilLed(admin: Admin, topic: string): Promise<void> {
  for (const giveUpAtMs = performance.now() + creationTimeoutMs; ;) {
    try {
      await admin.fetchTopicMetadata({ topics: [topic] });
      return;
    } catch (error) {
      const isComing = error instanceof KafkaJSProtocolError && notYet.has(error.type);
      if (!isComing || performance.now() > giveUpAtMs) throw error;
    }
    await sleep(lookAgainMs);
  }
}

/** How many partitions a topic has; undefined when there is no such topic. */
export async function partitionsOfTopic(admin: Admin, topic: string): Promise<number | undefined> {
  if (!(await admin.listTopics()).includes(topic)) return undefined;
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics.find(({ name }) => name === topic)?.partitions.length;
}

/** True when nothing was ever written to the topic: what retention has removed still counts. */
export async function isUnwritten(admin: Admin, topic: string): Promise<boolean> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.every(({ high }) => high === '0');
}

/** Accounts whose partition is remembered: the hash takes microseconds, and few accounts are busy at a time. */
const rememberedAccounts = 50_000;

/**
 * Which partition an account's events travel in: murmur2 of the key, as Kafka's own Java clients choose it, so that
 * other programs that write by account id meet ours.
 */
export function partitioner(partitions: number): (accountId: string) => number {
  const choose = Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 0,
    replicas: [],
    isr: [],
  }));
  const known = new LRUCache<string, number>({ max: rememberedAccounts });
  return (accountId) => {
    let partition = known.get(accountId);
    if (partition === undefined) {
      partition = choose({ topic: '', partitionMetadata, message: { key: accountId, value: null } });
      known.set(accountId, partition);
    }
    return partition;
  };
}
