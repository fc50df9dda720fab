import type { RecordedEvent } from '#event-log/event-log';
import { EnvelopeError, type ReceivedMessage, toMessage } from './envelope';
import { Connection, createKafka, type MessagingLogger } from './kafka-client';
import { MESSAGE_BYTES_MAX, topicsOf } from './topic';

export interface ParkingOptions {
  /** `host:port,host:port` */
  readonly brokers: string;
  /** What the names of the topics begin with; default `coordinator`. */
  readonly topicPrefix?: string;
  readonly logger: MessagingLogger;
  readonly timeoutMs?: number;
}

/** Where a message lay. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

type Headers = Record<string, Buffer | string | (Buffer | string)[]>;

const bytesMax = MESSAGE_BYTES_MAX - 64 * 1024;

/**
 * Sets aside what could not be read or projected, in `coordinator.parked`, as it was, with the reason and where it lay.
 * At least once: what is parked again is the same again.
 */
export class Parking {
  private opened: Promise<Opened> | undefined;

  constructor(private readonly options: ParkingOptions) {}

  /** A message that is none of ours, or damaged. */
  async park(message: ReceivedMessage, place: Place, reason: string): Promise<void> {
    const headers: Headers = {};
    for (const [name, value] of Object.entries(message.headers ?? {})) {
      headers[name] =
        value === null || value === undefined
          ? ''
          : typeof value === 'object' && !Buffer.isBuffer(value)
            ? [...value]
            : value;
    }
    const { topic, partition, offset } = place;
    await this.send(message.key ?? null, message.value, headers, {
      parked_reason: reason,
      parked_topic: topic,
      parked_partition: String(partition),
      parked_offset: offset,
    });
  }

  /** An event that a consumer could read but not make sense of. */
  async parkEvent(event: RecordedEvent, reason: string): Promise<void> {
    const why = { parked_reason: reason, parked_topic: topicsOf(this.options.topicPrefix).events };
    try {
      const { key, value, headers } = toMessage(event, { after: event.position - 1, partitions: 1 });
      const { ce_after: _after, ce_partitions: _partitions, ...rest } = headers; // it is no link of a chain any more
      await this.send(key, value, rest, why);
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      await this.send(null, JSON.stringify(event), {}, why);
    }
  }

  async close(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    const parking = await opened?.catch(() => undefined); // whoever asked for it was told
    await parking?.connection.close();
  }

  private async send(
    key: Buffer | string | null,
    value: Buffer | string | null,
    headers: Headers,
    why: Record<string, string>,
  ): Promise<void> {
    const bytes = bytesOf(key) + bytesOf(value) + bytesOfHeaders(headers);
    const message =
      bytes <= bytesMax
        ? { key, value, headers: { ...headers, ...why } }
        : { key: null, value: null, headers: { ...why, parked_bytes: String(bytes) } }; // too large to be kept twice
    const opening = (this.opened ??= this.open());
    try {
      const { connection, producer } = await opening;
      await connection.use(this.timeoutMs, 'parking a message', () =>
        producer.send({
          topic: topicsOf(this.options.topicPrefix).parked,
          acks: -1,
          messages: [{ ...message, partition: 0 }],
        }),
      );
    } catch (error) {
      if (this.opened === opening) this.opened = undefined; // the next one tries with new connections
      throw error;
    }
  }

  private async open(): Promise<Opened> {
    const { brokers, logger } = this.options;
    const producer = createKafka({ brokers, clientId: 'coordinator-parking', logger }).producer({
      allowAutoTopicCreation: false,
      createPartitioner: () => () => 0,
    });
    const connection = new Connection([producer], logger);
    await connection.use(this.timeoutMs, 'connecting to Kafka', () => producer.connect());
    return { producer, connection };
  }

  private get timeoutMs(): number {
    return this.options.timeoutMs ?? 15_000;
  }
}

interface Opened {
  readonly connection: Connection;
  readonly producer: { send(record: ParkedRecord): Promise<unknown> };
}

interface ParkedRecord {
  topic: string;
  acks: number;
  messages: { key: Buffer | string | null; value: Buffer | string | null; partition: number; headers: Headers }[];
}

const bytesOf = (value: Buffer | string | null): number => (value === null ? 0 : Buffer.byteLength(value));

function bytesOfHeaders(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value]) bytes += Buffer.byteLength(name) + bytesOf(each);
  }
  return bytes;
}
