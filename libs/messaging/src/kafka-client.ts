import { connect, type Socket } from 'node:net';
import { type ISocketFactory, Kafka, logLevel } from 'kafkajs';
import { within } from './pause';

/** What this library tells about itself; the process's logger fits. */
export interface MessagingLogger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface KafkaClientOptions {
  /** `host:port,host:port`: any of the cluster; the others are learned from them. */
  readonly brokers: string;
  /** Shown in the broker's logs and quotas. */
  readonly clientId: string;
  readonly logger: MessagingLogger;
  /** Once aborted, the client has no connection and gets none: whatever it is still at fails soon, and for good. */
  readonly cut?: AbortSignal;
}

const connectionTimeoutMs = 3_000;
/** Of one request. What the broker holds back on purpose (a fetch, a join) has longer, see kafkajs. */
const requestTimeoutMs = 8_000;
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 };

/**
 * A client whose every request has a deadline and few retries: whoever uses it makes a new one after a failure, so that
 * nothing in here waits longer than somebody may want to know.
 */
export function createKafka({ brokers, clientId, logger, cut }: KafkaClientOptions): Kafka {
  return new Kafka({
    clientId,
    brokers: parseBrokers(brokers).map(veiled),
    socketFactory: socketFactory(cut),
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry,
    logLevel: logLevel.INFO,
    logCreator:
      () =>
      ({ namespace, level, log }) => {
        write(logger, level, namespace, log.message, log);
      },
  });
}

const keepAliveMs = 60_000;

/** kafkajs cuts brokers at their first colon, which `[::1]:9092` has elsewhere: such a host is put into other words for it. */
const veiled = (broker: string): string =>
  broker.replace(/^\[(.+)\]/, (_, host: string) => encodeURIComponent(`[${host}]`));
const unveiled = (host: string): string => decodeURIComponent(host).replace(/^\[(.+)\]$/, '$1');

/** As kafkajs's own, and cut off when asked. */
const socketFactory =
  (cut?: AbortSignal): ISocketFactory =>
  ({ host, port, onConnect }): Socket =>
    connect({ host: unveiled(host), port, ...(cut && { signal: cut }) }, onConnect).setKeepAlive(true, keepAliveMs);

/**
 * What the configuration takes, and a port that exists.
 * @throws Error that shows what is no `host:port`.
 */
export function parseBrokers(text: string): string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  for (const broker of brokers) {
    const port = Number(/^(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(broker)?.[1] ?? Number.NaN);
    if (!(port > 0 && port < 65_536)) {
      throw new Error(`Kafka brokers are given as host:port,host:port; ${JSON.stringify(broker)} is none`);
    }
  }
  return brokers;
}

/** The only fields of kafkajs's lines that reach our log: what else it adds may hold whole requests. */
const told = ['broker', 'groupId', 'topic', 'partition', 'retryCount', 'retryTime', 'error', 'duration'];

/**
 * One step milder than kafkajs has it: to it a refused connection is an error and a rebalance a warning, while here the
 * one is retried and the other is how work is shared. What does go wrong is told by whoever called it.
 */
function write(
  logger: MessagingLogger,
  level: logLevel,
  namespace: string | undefined,
  message: string,
  fields: object,
): void {
  const details = Object.fromEntries(
    Object.entries(fields).filter(
      ([name, value]) => told.includes(name) && (typeof value === 'string' || typeof value === 'number'),
    ),
  );
  const line = `kafka ${(namespace ?? 'client').toLowerCase()}: ${message}`; // the client itself has no name
  if (level === logLevel.ERROR) logger.warn(details, line);
  else if (level === logLevel.WARN) logger.info(details, line);
  else logger.debug(details, line);
}

/** Kafka does not answer at start, or not as it should; one line for the person who named it. */
export class KafkaUnavailable extends Error {
  constructor(brokers: string, cause: unknown) {
    super(`Kafka at ${brokers} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'KafkaUnavailable';
  }
}

const disconnectTimeoutMs = 5_000;

/**
 * Clients that are used together and given up together: after the first failure they are disconnected for good.
 */
export class Connection {
  constructor(
    private readonly clients: readonly { disconnect(): Promise<void> }[],
    private readonly logger: MessagingLogger,
  ) {}

  /** `work` with a deadline. */
  async use<Result>(timeoutMs: number, what: string, work: () => Promise<Result>): Promise<Result> {
    const working = work();
    try {
      return await within(timeoutMs, what, working);
    } catch (error) {
      await this.close();
      // kafkajs goes on trying, and connects again for that: when it is done, nothing may stay open.
      void working.then(
        () => this.close(),
        () => this.close(),
      );
      throw error;
    }
  }

  /** Never throws, and waits for nobody for long: a request without an answer would hold a connection for ever. */
  async close(): Promise<void> {
    await Promise.all(
      this.clients.map(async (client) => {
        try {
          await within(disconnectTimeoutMs, 'disconnecting from Kafka', client.disconnect());
        } catch (error) {
          this.logger.warn({ err: error }, 'a connection to Kafka was left behind');
        }
      }),
    );
  }
}
