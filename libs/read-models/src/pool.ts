import { Pool } from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;
/** The server gives up first; this is for a server that has fallen silent. */
const SILENCE_MS = 1_000;

export interface PoolOptions {
  /** Shown by Postgres in `pg_stat_activity`. */
  readonly name: string;
  readonly max: number;
  /** How long one statement may take. */
  readonly statementTimeoutMs: number;
  readonly connectTimeoutMs?: number;
  /** Told about connections that were lost while nobody used them. */
  readonly onTrouble: (error: Error) => void;
  /** Settings of every session, as `-c name=value`. */
  readonly settings?: string;
}

/** Connections for statements that TypeORM does not make. Every statement and every connect has a deadline. */
export const openPool = (url: string, options: PoolOptions): Pool => {
  const { name, max, statementTimeoutMs, connectTimeoutMs = CONNECT_TIMEOUT_MS, onTrouble, settings } = options;
  const pool = new Pool({
    connectionString: url,
    application_name: name,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MS,
    keepAlive: true,
    ...(settings !== undefined && { options: settings }),
  });
  pool.on('error', onTrouble);
  // While a client is handed out the pool does not listen; the statement in hand fails with the same error.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
};
