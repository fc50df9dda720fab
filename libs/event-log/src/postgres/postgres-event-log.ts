import { Pool, type PoolConfig } from 'pg';
import {
  type AppendResult,
  type EventLog,
  EventLogUnavailable,
  type Page,
  type ReadAllOptions,
  type RecordedEvent,
  type Stage,
  type SubscribeOptions,
  type Subscription,
  WrongExpectedRevision,
} from '../event-log';
import { checkName, isRevision, type SerialisedWrite, serialiseWrites } from '../serialise';
import { PollingSubscription } from '../subscription';
import { appendOutcomes, appendStatement, type RefusedWrite, type Unit, type UnitOutcome } from './append-statement';
import { explain } from './failures';
import { GroupCommit } from './group-commit';
import { eventColumns, parsePosition, rawText, toEvents } from './rows';
import { WakeUps } from './wake-ups';

/** One round trip that wrote for many callers. */
export interface Flush {
  readonly appends: number;
  readonly events: number;
  readonly durationMs: number;
  readonly failed: boolean;
}

export interface PostgresEventLogOptions {
  /** Connection string of a database that has the migration of `migrations.ts`. */
  readonly url: string;
  /** How long one flush may take, from when it has a connection; the server gives up at the same time. */
  readonly appendTimeoutMs?: number;
  readonly readTimeoutMs?: number;
  /** Called after every flush, for metrics. */
  readonly onFlush?: (flush: Flush) => void;
  /** Told about trouble that nobody's call fails with: a lost idle connection, a subscription that has to wait. */
  readonly logger?: { warn(details: object, message: string): void };
}

const readersMax = 8;
const batchSizeDefault = 1_000;
const pageLimitMax = 100_000;
/** With a filter: how far one page looks for matches. Long enough to be fast, short enough to stay in the deadline. */
const positionsPerFilteredPage = 50_000;

/**
 * The event log in a Postgres table. Appends of concurrent callers share one round trip and one fsync (group commit);
 * any number of processes may append and read at once. Several writes of one append are stored together or not at all.
 */
export class PostgresEventLog implements EventLog {
  private readonly writer: Pool;
  private readonly readers: Pool;
  private readonly wakeUps: WakeUps;
  private readonly subscriptions = new Set<Subscription>();
  private readonly commits = new GroupCommit((units) => this.flush(units));
  private readonly onFlush: PostgresEventLogOptions['onFlush'];
  private readonly onTrouble: (error: unknown, message: string) => void;
  private closed: Promise<void> | undefined;

  constructor(options: PostgresEventLogOptions) {
    const { url, appendTimeoutMs = 5_000, readTimeoutMs = 30_000, onFlush, logger } = options;
    this.onFlush = onFlush;
    this.onTrouble = (error, message) => logger?.warn({ err: error }, message);
    // One writer: there is one flush at a time, and a connection of its own never waits for a reader's.
    this.writer = this.pool({ ...connection(url, appendTimeoutMs), max: 1, idleTimeoutMillis: 0 });
    this.readers = this.pool({ ...connection(url, readTimeoutMs), max: readersMax });
    this.wakeUps = new WakeUps(connection(url, readTimeoutMs), this.onTrouble);
  }

  async append(...stages: Stage[]): Promise<AppendResult> {
    let rest = serialiseWrites(stages.flat());
    let position = 0;
    for (;;) {
      this.checkOpen();
      const outcome = await this.commits.append(rest);
      if ('position' in outcome) return { position: Math.max(position, outcome.position) };
      const known = await this.findRepeated(rest, outcome.refused);
      position = Math.max(position, known.position);
      rest = known.rest;
      if (rest.length === 0) return { position };
    }
  }

  async readStream(stream: string, fromRevision = 0): Promise<readonly RecordedEvent[]> {
    checkName('stream name', stream);
    if (!isRevision(fromRevision)) throw new TypeError(`${String(fromRevision)} is not a revision`);
    const rows = await this.query(
      'read_stream',
      `select ${eventColumns} from events where stream = $1 and revision >= $2 order by revision`,
      [stream, fromRevision],
    );
    return toEvents(rows);
  }

  async readAll({ after, limit, streamPrefixes = [] }: ReadAllOptions): Promise<Page> {
    if (!Number.isSafeInteger(after) || after < 0) throw new TypeError(`${String(after)} is not a position`);
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > pageLimitMax) {
      throw new TypeError(`a page holds 1 to ${String(pageLimitMax)} events, not ${String(limit)}`);
    }
    for (const prefix of streamPrefixes) checkName('stream prefix', prefix);
    return streamPrefixes.length === 0 ? this.readPage(after, limit) : this.readFiltered(after, limit, streamPrefixes);
  }

  async head(): Promise<number> {
    const rows = await this.query('head', 'select coalesce(max(position), 0) from events', []);
    return parsePosition(rows[0]?.[0]);
  }

  subscribeAll(
    { after, streamPrefixes = [], batchSize = batchSizeDefault }: SubscribeOptions,
    handle: (events: readonly RecordedEvent[], next: number) => Promise<void>,
  ): Subscription {
    this.checkOpen();
    const subscription: Subscription = new PollingSubscription({
      after,
      readPage: (from) => this.readAll({ after: from, limit: batchSize, streamPrefixes }),
      listen: (wake) => this.wakeUps.listen(wake),
      handle,
      onEnd: () => this.subscriptions.delete(subscription),
      onTrouble: this.onTrouble,
    });
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** Lets the handlers in hand and the appends under way finish, then ends all connections. */
  close(): Promise<void> {
    return (this.closed ??= this.shutDown());
  }

  private async shutDown(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.close()));
    await this.commits.idle();
    await Promise.all([this.writer.end(), this.readers.end(), this.wakeUps.close()]);
  }

  private checkOpen(): void {
    if (this.closed !== undefined) throw new EventLogUnavailable('the event log is closed');
  }

  private async flush(units: readonly Unit[]): Promise<readonly UnitOutcome[]> {
    const startedAt = performance.now();
    let failed = true;
    try {
      const outcomes = appendOutcomes(units, await this.writer.query<unknown[]>(appendStatement(units)));
      failed = false;
      return outcomes;
    } catch (error) {
      throw explain(error);
    } finally {
      this.onFlush?.({
        appends: units.length,
        events: units.flat().reduce((sum, write) => sum + write.events.length, 0),
        durationMs: performance.now() - startedAt,
        failed,
      });
    }
  }

  /**
   * A refused unit may be one that was stored before and is only repeated, wholly or (by an adapter that tears writes
   * apart) in part. Returns what is not stored yet, and the position of the last event that is.
   * @throws WrongExpectedRevision for the first write that was refused and is not a repetition.
   */
  private async findRepeated(
    unit: Unit,
    refused: readonly RefusedWrite[],
  ): Promise<{ rest: readonly SerialisedWrite[]; position: number }> {
    let position = 0;
    for (const { write, actual, storedId } of refused) {
      const stored = storedId === write.events[0]?.id ? await this.positionIfStored(write) : undefined;
      if (stored === undefined) throw new WrongExpectedRevision(write.stream, write.expected, actual);
      position = Math.max(position, stored);
    }
    const repeated = new Set(refused.map(({ write }) => write));
    return { rest: unit.filter((write) => !repeated.has(write)), position };
  }

  /** Position of the write's last event if the stream holds exactly its events where they would go. */
  private async positionIfStored({ stream, expected, events }: SerialisedWrite): Promise<number | undefined> {
    const first = expected === 'no-stream' ? 0 : expected + 1;
    const rows = await this.query(
      'stored_ids',
      'select id, position from events where stream = $1 and revision between $2 and $3 order by revision',
      [stream, first, first + events.length - 1],
    );
    if (rows.length < events.length || rows.some(([id], index) => id !== events[index]?.id)) return undefined;
    return parsePosition(rows.at(-1)?.[1]);
  }

  private async readPage(after: number, limit: number): Promise<Page> {
    const rows = await this.query(
      'read_all',
      `select ${eventColumns} from events where position > $1 order by position limit $2`,
      [after, limit],
    );
    const events = toEvents(rows);
    return { events, next: events.at(-1)?.position ?? after, atEnd: events.length < limit };
  }

  /** Looks only so far for matches, so that a page of a rare kind of stream takes no longer than any other. */
  private async readFiltered(after: number, limit: number, prefixes: readonly string[]): Promise<Page> {
    const head = await this.head();
    const until = Math.min(head, after + positionsPerFilteredPage);
    if (until <= after) return { events: [], next: after, atEnd: true };
    const rows = await this.query(
      'read_filtered',
      `select ${eventColumns} from events
       where position > $1 and position <= $2 and stream ^@ any ($4::text[] collate "C")
       order by position limit $3`,
      [after, until, limit, prefixes],
    );
    const events = toEvents(rows);
    const next = events.length < limit ? until : (events.at(-1)?.position ?? until);
    return { events, next, atEnd: next === head };
  }

  private async query(name: string, text: string, values: readonly unknown[]): Promise<readonly unknown[][]> {
    this.checkOpen();
    try {
      const { rows } = await this.readers.query<unknown[]>({
        name,
        text,
        values: [...values],
        rowMode: 'array',
        types: rawText,
      });
      return rows;
    } catch (error) {
      throw explain(error);
    }
  }

  private pool(config: PoolConfig): Pool {
    const pool = new Pool(config);
    pool.on('error', (error) => {
      this.onTrouble(error, 'an idle connection of the event log was lost');
    });
    // While a client is handed out the pool does not listen; the query in hand fails with the same error.
    pool.on('connect', (client) => client.on('error', () => undefined));
    return pool;
  }
}

function connection(url: string, timeoutMs: number): PoolConfig {
  return {
    connectionString: url,
    application_name: 'event-log',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    keepAlive: true,
    // When we give up and hang up, the server notices within a second and drops the statement, even one that waits.
    // Every statement has its index. Planned while the table is small and kept with its connection, it would else go on
    // reading the whole table until somebody analyses it.
    options: '-c client_connection_check_interval=1000 -c enable_seqscan=off',
  };
}
