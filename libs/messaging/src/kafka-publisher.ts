import type { Admin, Producer, RecordMetadata } from 'kafkajs';
import type { RecordedEvent } from '#event-log/event-log';
import { EnvelopeError, type Message, toMessage, toWatermark } from './envelope';
import { Connection, createKafka, type MessagingLogger } from './kafka-client';
import { type Channel, type LogPage, TopicMadeAnew } from './relay';
import { ensureTopics, isUnwritten, MESSAGE_BYTES_MAX, partitioner, partitionsOfTopic, topicsOf } from './topic';

export interface KafkaPublisherOptions {
  /** `host:port,host:port` */
  readonly brokers: string;
  /** For a topic that has to be made; default 12. */
  readonly partitions?: number;
  /** What the names of the topics begin with; default `coordinator`. */
  readonly topicPrefix?: string;
  readonly logger: MessagingLogger;
  /** How long one request of ours may take, tries included. */
  readonly timeoutMs?: number;
}

/** What one produce request carries for a partition, unless a single event is larger. */
const batchBytesMax = 512 * 1024;
/** How long the broker waits for its replicas. */
const ackTimeoutMs = 8_000;
/** Room for the frame of the batch and for the watermark. */
const eventBytesMax = MESSAGE_BYTES_MAX - 64 * 1024;

/** Opens a way to `coordinator.events`; makes the topics if need be. */
export async function openKafkaChannel(options: KafkaPublisherOptions): Promise<Channel> {
  const { brokers, logger, timeoutMs = 20_000, partitions, topicPrefix } = options;
  const topics = topicsOf(topicPrefix);
  const kafka = createKafka({ brokers, clientId: 'coordinator-relay', logger });
  const admin = kafka.admin();
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: () => partitionOfMessage,
  });
  const connection = new Connection([producer, admin], logger);
  return connection.use(timeoutMs, 'opening the topic', async () => {
    await admin.connect();
    const topic = await ensureTopics(admin, { topics, logger, ...(partitions !== undefined && { partitions }) });
    const isNew = topic.created || (await isUnwritten(admin, topics.events));
    await producer.connect();
    return new KafkaChannel(admin, producer, connection, topics.events, topic.partitions, isNew, timeoutMs, logger);
  });
}

function partitionOfMessage({ message }: { readonly message: { readonly partition?: number } }): number {
  if (message.partition === undefined) throw new Error('a message without a partition');
  return message.partition;
}

class KafkaChannel implements Channel {
  private readonly partitionOf: (accountId: string) => number;
  /** Where the last batch of each partition lies. */
  private readonly offsets = new Map<number, bigint>();

  constructor(
    private readonly admin: Admin,
    private readonly producer: Producer,
    private readonly connection: Connection,
    private readonly topic: string,
    private readonly partitions: number,
    readonly isNew: boolean,
    private readonly timeoutMs: number,
    private readonly logger: MessagingLogger,
  ) {
    this.partitionOf = partitioner(partitions);
  }

  async publish(page: LogPage): Promise<void> {
    const parts = split(page, this.partitions, this.partitionOf, (event, reason) => {
      const { position, stream, type } = event;
      this.logger.error({ position, stream, type, reason }, 'an event cannot travel: consumers read it from the log');
    });
    for (const messages of parts) {
      const stored = await this.connection.use(this.timeoutMs, 'publishing a page', () =>
        this.producer.send({ topic: this.topic, acks: -1, timeout: ackTimeoutMs, messages }),
      );
      this.checkOffsets(stored);
    }
  }

  /** Offsets only ever rise, unless the topic was deleted and made again while nobody looked. */
  private checkOffsets(stored: readonly RecordMetadata[]): void {
    for (const { partition, baseOffset } of stored) {
      if (baseOffset === undefined) continue; // an answer of an old kind
      const offset = BigInt(baseOffset);
      const before = this.offsets.get(partition);
      if (before !== undefined && offset <= before) throw new TopicMadeAnew(this.topic);
      this.offsets.set(partition, offset);
    }
  }

  async isIntact(): Promise<boolean> {
    const partitions = await this.connection.use(this.timeoutMs, 'looking at the topic', () =>
      partitionsOfTopic(this.admin, this.topic),
    );
    return partitions === this.partitions;
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}

export type PlacedMessage = Message & { readonly partition: number };

/**
 * A page as what is sent for it, request by request: in each partition its events, then a watermark that vouches for the
 * rest. Every message says after which position it is the first of its partition, so that the messages of a partition
 * form a chain, within the page and from page to page.
 *
 * An event that no message can hold is left out, and so is the stretch around it in all chains: every consumer sees the gap
 * and turns to the log.
 */
export function split(
  { after, next, events }: LogPage,
  partitions: number,
  partitionOf: (accountId: string) => number,
  onLeftOut: (event: RecordedEvent, reason: string) => void,
): PlacedMessage[][] {
  const requests: PlacedMessage[][] = [];
  let part = new Part(after, partitions);
  for (const event of events) {
    const partition = partitionOf(event.meta.accountId);
    let message: Message;
    try {
      message = part.messageOf(event, partition);
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      leaveOut(event, error.message);
      continue;
    }
    const bytes = bytesOf(message);
    if (bytes > eventBytesMax) {
      leaveOut(event, `it takes ${String(bytes)} bytes`);
      continue;
    }
    if (!part.hasRoomFor(bytes, partition)) {
      requests.push(part.until(part.last));
      part = new Part(part.last, partitions);
      message = part.messageOf(event, partition);
    }
    part.add(message, bytes, partition, event.position);
  }
  // What was left out at the very end is not vouched for: the empty part starts behind it, like a sign of life.
  requests.push(part.until(Math.max(next, part.last)));
  return requests;

  function leaveOut(event: RecordedEvent, reason: string): void {
    onLeftOut(event, reason);
    if (part.last < event.position - 1 || part.hasEvents) requests.push(part.until(event.position - 1));
    part = new Part(event.position, partitions);
  }
}

/** What goes into one request. */
class Part {
  /** Of the newest event in here, or where this part begins. */
  last: number;
  hasEvents = false;
  private readonly messages: PlacedMessage[] = [];
  private readonly ends: number[];
  private readonly bytes: number[];

  constructor(
    after: number,
    private readonly partitions: number,
  ) {
    this.last = after;
    this.ends = new Array<number>(partitions).fill(after);
    this.bytes = new Array<number>(partitions).fill(0);
  }

  messageOf(event: RecordedEvent, partition: number): Message {
    return toMessage(event, { after: this.endOf(partition), partitions: this.partitions });
  }

  hasRoomFor(bytes: number, partition: number): boolean {
    const held = this.bytes[partition] ?? 0;
    return held === 0 || held + bytes <= batchBytesMax;
  }

  add(message: Message, bytes: number, partition: number, position: number): void {
    const { key, value, headers } = message;
    this.messages.push({ key, value, headers, partition });
    this.bytes[partition] = (this.bytes[partition] ?? 0) + bytes;
    this.ends[partition] = position;
    this.last = position;
    this.hasEvents = true;
  }

  /** All of it, each partition vouched for up to `position`. */
  until(position: number): PlacedMessage[] {
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const after = this.endOf(partition);
      if (after === position && this.bytes[partition] !== 0) continue; // its last event says as much
      const { key, value, headers } = toWatermark(position, { after, partitions: this.partitions });
      this.messages.push({ key, value, headers, partition });
    }
    return this.messages;
  }

  private endOf(partition: number): number {
    const end = this.ends[partition];
    if (end === undefined) throw new Error(`no partition ${String(partition)} of ${String(this.partitions)}`);
    return end;
  }
}

/** About what it takes in a batch. */
function bytesOf({ key, value, headers }: Message): number {
  let bytes = 64 + Buffer.byteLength(key ?? '') + Buffer.byteLength(value);
  for (const name in headers) bytes += 4 + name.length + Buffer.byteLength(headers[name] ?? '');
  return bytes;
}
