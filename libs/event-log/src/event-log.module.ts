import type { EventLog } from './event-log';
import { EventStoreEventLog } from './eventstore/eventstore-event-log';
import { type Flush, PostgresEventLog } from './postgres/postgres-event-log';

export interface OpenEventLogOptions {
  /** Connection string of an EventStoreDB. Absent or undefined: the log is kept in Postgres. */
  readonly eventStoreUrl?: string | undefined;
  readonly databaseUrl: string;
  readonly logger?: { warn(details: object, message: string): void };
  /** Called after every round trip that wrote. */
  readonly onFlush?: (flush: Flush) => void;
}

/**
 * The event log of this process. It has answered; it never falls back on another one.
 * @throws TypeError when `eventStoreUrl` is not a connection string.
 * @throws EventLogUnavailable when it does not answer.
 */
export async function openEventLog({ eventStoreUrl, databaseUrl, ...watched }: OpenEventLogOptions): Promise<EventLog> {
  const log =
    eventStoreUrl === undefined
      ? new PostgresEventLog({ url: databaseUrl, ...watched })
      : new EventStoreEventLog({ url: eventStoreUrl, ...watched });
  try {
    await log.head();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}
