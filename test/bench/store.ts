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

/** How far the views have come as a whole: each partition of the feed has a checkpoint of its own. */
export const REACHED = "(select min(position) from read_model.projection_positions where name = 'read-models')";

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
  let starting: ReturnType<typeof startEmbeddedPostgres> | undefined;
  cleanup.add(async () => (await starting?.catch(() => undefined))?.stop());
  const server = await (starting = startEmbeddedPostgres({ dataDir: join(folder, 'postgres') }));

  const source = createDataSource(server.url, {
    name: 'bench',
    entities: [],
    migrations: [EventLog1767225600000, ...identityMigrations, ...readModelMigrations],
  });
  await connect(source);
  await source.destroy();

  const client = await openClient(cleanup, server.url);
  await client.query('create database ceiling');
  const ceilingUrl = databaseBeside(server.url, 'ceiling');
  return { folder, pid: server.pid, url: server.url, ceilingUrl, client };
};

/** The same once more, on the same server: two profiles begin with the same history. Use what is returned, not `store`. */
export const doubleStore = async (
  cleanup: Cleanup,
  store: Store,
): Promise<{ readonly original: Store; readonly copy: Store }> => {
  await store.client.end(); // a database is copied only while nobody uses it
  const admin = new Client({ connectionString: store.ceilingUrl, query_timeout: QUERY_TIMEOUT_MS });
  await admin.connect();
  try {
    await admin.query('create database copy template coordinator strategy file_copy');
  } finally {
    await admin.end();
  }
  const url = databaseBeside(store.url, 'copy');
  return {
    original: { ...store, client: await openClient(cleanup, store.url) },
    copy: { ...store, url, client: await openClient(cleanup, url) },
  };
};

/** What the server would do for it in the background would count as the cost of whatever runs next. */
export const dropStore = async (dropped: Store, beside: Store): Promise<void> => {
  await dropped.client.end();
  await beside.client.query(`drop database ${new URL(dropped.url).pathname.slice(1)}`);
};

const openClient = async (cleanup: Cleanup, url: string): Promise<Client> => {
  const client = new Client({ connectionString: url, query_timeout: QUERY_TIMEOUT_MS });
  cleanup.add(() => client.end());
  await client.connect();
  return client;
};

const databaseBeside = (url: string, name: string): string => {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
};

/** Whatever Postgres would have done in the background by now is done before something is measured. */
export const calm = async ({ client }: Store): Promise<void> => {
  await client.query('vacuum analyze');
  await client.query('checkpoint');
};

export const headOf = async ({ client }: Store): Promise<number> => {
  const { rows } = await client.query<{ position: string | null }>('select max(position) as position from events');
  return Number(rows[0]?.position);
};

/** Waits until the read models hold everything that was appended. Returns how far behind they were, and how long it took. */
export const settle = async ({
  client,
}: Store): Promise<{ readonly behindEvents: number; readonly seconds: number }> => {
  const startedAt = performance.now();
  let behindEvents: number | undefined;
  for (;;) {
    const { rows } = await client.query<{ behind: string }>(
      `select coalesce((select max(position) from events), 0) - ${REACHED} as behind`,
    );
    const behind = Number(rows[0]?.behind);
    behindEvents ??= behind;
    if (behind <= 0) return { behindEvents, seconds: (performance.now() - startedAt) / 1_000 };
    if (performance.now() - startedAt > QUERY_TIMEOUT_MS)
      throw new Error(`the read models stay ${String(behind)} events behind`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
