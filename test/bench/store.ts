import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { connect, createDataSource } from '#platform/database';
import { startEmbeddedPostgres } from '#platform/embedded-postgres';
import { identityMigrations } from '#platform/identity-tables';
import { readModelMigrations } from '#read-models/database';
import type { Cleanup } from './cleanup';

/** A Postgres server of this run's own, as the software would start it, with its databases. */
export interface Store {
  readonly folder: string;
  /** Process id of the server. */
  readonly pid: number;
  /** The software's database. */
  readonly url: string;
  /** For the ceilings: on the same server, apart. */
  readonly ceilingUrl: string;
  /** A session in the software's database, for what is looked up from outside. */
  readonly client: Client;
}

const QUERY_TIMEOUT_MS = 300_000;

export const openStore = async (cleanup: Cleanup): Promise<Store> => {
  const folder = await mkdtemp(join(tmpdir(), 'coordinator-bench-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755); // as root the server runs as another user
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  cleanup.add(() => server.stop());

  const source = createDataSource(server.url, {
    name: 'bench',
    entities: [],
    migrations: [EventLog1767225600000, ...identityMigrations, ...readModelMigrations],
  });
  await connect(source);
  await source.destroy();

  const client = new Client({ connectionString: server.url, query_timeout: QUERY_TIMEOUT_MS });
  await client.connect();
  cleanup.add(() => client.end());
  await client.query('create database ceiling');
  const ceiling = new URL(server.url);
  ceiling.pathname = '/ceiling';
  return { folder, pid: server.pid, url: server.url, ceilingUrl: ceiling.href, client };
};

/** Waits until the read models hold everything that was appended. Returns how far behind they were, and how long it took. */
export const settle = async ({
  client,
}: Store): Promise<{ readonly behindEvents: number; readonly seconds: number }> => {
  const startedAt = performance.now();
  let behindEvents: number | undefined;
  for (;;) {
    const { rows } = await client.query<{ behind: string }>(
      `select coalesce((select max(position) from events), 0) - position as behind
       from read_model.projection_positions where name = 'read-models'`,
    );
    const behind = Number(rows[0]?.behind);
    behindEvents ??= behind;
    if (behind <= 0) return { behindEvents, seconds: (performance.now() - startedAt) / 1_000 };
    if (performance.now() - startedAt > QUERY_TIMEOUT_MS)
      throw new Error(`the read models stay ${String(behind)} events behind`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
