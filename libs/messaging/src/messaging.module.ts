/** Chooses the transport of a process: Kafka when its brokers are named, else the log itself. */
import type { EventLog } from '#event-log/event-log';
import { DirectFeed } from './direct-feed';
import type { EventFeed } from './feed';
import { KafkaUnavailable } from './kafka-client';
import { KafkaFeed, type KafkaFeedOptions } from './kafka-feed';
import { openKafkaChannel } from './kafka-publisher';
import { Relay, type RelayOptions } from './relay';

export interface OpenFeedOptions extends Omit<KafkaFeedOptions, 'brokers' | 'endOfLog'> {
  /** `host:port,host:port`; absent: a direct subscription to the log. */
  readonly kafkaBrokers?: string | undefined;
  /** The direct feed reads it; what Kafka brings must lie within it. */
  readonly log: EventLog;
}

/** @throws KafkaUnavailable when Kafka is asked for and does not answer. */
export async function openFeed({ kafkaBrokers, log, ...options }: OpenFeedOptions): Promise<EventFeed> {
  if (kafkaBrokers === undefined) return new DirectFeed({ log, logger: options.logger });
  return KafkaFeed.open({ ...options, brokers: kafkaBrokers, endOfLog: () => log.head() });
}

export interface OpenRelayOptions extends Omit<RelayOptions, 'publish'> {
  /** `host:port,host:port` */
  readonly kafkaBrokers: string;
  /** For a topic that has to be made; default 12. */
  readonly partitions?: number;
  /** What the names of the topics begin with; default `coordinator`. */
  readonly topicPrefix?: string;
}

/**
 * A relay to Kafka, not started yet. Makes the topics first, so that a process that is told to use Kafka fails at start
 * when it does not answer.
 */
export async function openRelay({
  kafkaBrokers,
  partitions,
  topicPrefix,
  ...options
}: OpenRelayOptions): Promise<Relay> {
  const { logger } = options;
  const open = () =>
    openKafkaChannel({
      brokers: kafkaBrokers,
      logger,
      ...(partitions !== undefined && { partitions }),
      ...(topicPrefix !== undefined && { topicPrefix }),
    });
  try {
    const first = await open();
    await first.close();
  } catch (error) {
    throw new KafkaUnavailable(kafkaBrokers, error);
  }
  return new Relay({ ...options, publish: open });
}
