/** One connection pool per process, and migrations that several processes may start at once. */

import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntitySchema, type Logger, type MigrationInterface } from 'typeorm';

export interface DatabaseOptions {
  /** Shown by Postgres in `pg_stat_activity`. */
  readonly name: string;
  readonly entities: readonly (EntitySchema | (new () => object))[];
  /** Each is applied once per database, in the order of the timestamp its name ends with. */
  readonly migrations: readonly (new () => MigrationInterface)[];
  readonly poolSize?: number;
}

/** The database did not answer at start, or its schema could not be brought up to date. One line. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

const connectTimeoutMs = 5_000;
/** The server gives up on a statement first; the client's own limit is for a server that has fallen silent. */
const statementTimeoutMs = 30_000;
const silenceTimeoutMs = 35_000;

/** A data source that is not connected yet; `connect` does that. The schema changes through migrations only. */
export const createDataSource = (
  url: string,
  { name, entities, migrations, poolSize = 10 }: DatabaseOptions,
): DataSource =>
  new DataSource({
    type: 'postgres',
    url,
    applicationName: name,
    entities: [...entities],
    migrations: [...migrations],
    migrationsTransactionMode: 'each',
    synchronize: false,
    // What goes wrong is thrown; TypeORM's own lines on the console would come twice and in another form.
    logging: false,
    logger: silent,
    installExtensions: false,
    poolSize,
    connectTimeoutMS: connectTimeoutMs,
    extra: { statement_timeout: statementTimeoutMs, query_timeout: silenceTimeoutMs, keepAlive: true },
  });

/**
 * Connects and brings the schema up to date. Processes that start at once take turns, one of them does the work.
 * @throws DatabaseError when the database does not answer, a migration fails, or the turn does not come in time.
 */
export const connect = async (dataSource: DataSource, turnTimeoutMs = 60_000): Promise<DataSource> => {
  try {
    if (!dataSource.isInitialized) await dataSource.initialize();
  } catch (error) {
    throw new DatabaseError(`the database does not answer: ${oneLine(error)}`, { cause: error });
  }
  try {
    await migrate(dataSource, turnTimeoutMs);
  } catch (error) {
    await dataSource.destroy();
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(`the schema could not be brought up to date: ${oneLine(error)}`, { cause: error });
  }
  return dataSource;
};

const silent: Logger = {
  logQuery: () => undefined,
  logQueryError: () => undefined,
  logQuerySlow: () => undefined,
  logSchemaBuild: () => undefined,
  logMigration: () => undefined,
  log: () => undefined,
};

/** "coordinator" and "migrate", as the two halves of an advisory lock. */
const lock = [0x636f6f72, 0x6d696772] as const;

const migrate = async (dataSource: DataSource, turnTimeoutMs: number): Promise<void> => {
  const deadline = Date.now() + turnTimeoutMs;
  const session = dataSource.createQueryRunner();
  const ours = async (): Promise<boolean> => {
    const sql = 'select pg_try_advisory_lock($1, $2) as ours';
    const [row] = await dataSource.query<{ ours: boolean }[]>(sql, [...lock], session);
    return row?.ours === true;
  };
  try {
    // Asking again instead of waiting on the server: a wait there would run into the statement timeout.
    while (!(await ours())) {
      if (Date.now() > deadline) {
        throw new DatabaseError(`another process has been migrating the database for ${String(turnTimeoutMs)} ms`);
      }
      await sleep(50);
    }
    try {
      await dataSource.runMigrations();
    } finally {
      await session.query('select pg_advisory_unlock($1, $2)', [...lock]);
    }
  } finally {
    await session.release();
  }
};

const oneLine = (error: unknown): string => {
  // A refused connection to several addresses has no message of its own.
  const text = error instanceof AggregateError ? error.errors.map(String).join('; ') : String(error);
  return text.replace(/\s*\n\s*/g, '; ');
};
