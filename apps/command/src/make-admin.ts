import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'pg';
import { readConfig } from '#platform/config';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '#platform/embedded-postgres';
import { roles } from '#platform/identity';
import { type OnStop, run } from '#platform/run';

/** The command was not given what it needs; one line for the person who typed it. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

const TIMEOUT_MS = 10_000;

/**
 * Gives a user another role: the one thing that cannot be asked for over HTTP. Who can reach the database may do it; running
 * processes know of it within half a minute.
 */
const makeAdmin = async (onStop: OnStop): Promise<void> => {
  const [email = '', role = 'admin'] = process.argv.slice(2);
  if (email === '' || !roles.some((known) => known === role))
    throw new UsageError(`usage: npm run make-admin -- someone@example.com [${roles.join(' | ')}]`);
  const config = readConfig(process.env);
  const url = config.databaseUrl ?? (await embedded(join(config.dataDir, 'postgres'), onStop));
  const pool = new Pool({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  onStop(() => pool.end());
  const { rowCount } = await pool.query('update users set role = $2 where email = lower($1)', [email.trim(), role]);
  if (rowCount !== 1) throw new UsageError(`there is no user ${email}: register first (POST /auth/register)`);
  process.stdout.write(`${email} is ${role} now; processes that run know of it within 30 seconds\n`);
};

/** Beside a running process its server is used; otherwise one is started for as long as this takes. */
const embedded = async (dataDir: string, onStop: OnStop): Promise<string> => {
  const running = await findEmbeddedPostgres(dataDir);
  if (running !== undefined) return running;
  if (!existsSync(join(dataDir, 'cluster', 'PG_VERSION')))
    throw new UsageError(`there is no database in ${dataDir}: set DATA_DIR (or DATABASE_URL) to that of the system`);
  const started = await startEmbeddedPostgres({ dataDir });
  onStop(() => started.stop());
  return started.url;
};

void run(async (onStop) => {
  await makeAdmin(onStop);
  process.kill(process.pid, 'SIGTERM'); // done: ends as any process of ours does, with everything closed
});
