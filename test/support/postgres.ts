/**
 * The Postgres of a test run: one server for all suites (see `global-setup.ts`), a database of its own for each suite.
 */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';

export interface TestDatabase {
  readonly url: string;
  /** Removes the database. Whoever is still connected is thrown out. */
  drop(): Promise<void>;
}

/**
 * Makes an empty database and applies the migrations.
 *
 *     let database: TestDatabase;
 *     beforeAll(async () => { database = await createTestDatabase([EventLog1767225600000]); });
 *     afterAll(() => database.drop());
 */
export async function createTestDatabase(
  migrations: readonly (new () => MigrationInterface)[] = [],
): Promise<TestDatabase> {
  const server = process.env['TEST_DATABASE_URL'];
  if (server === undefined) throw new Error('no test server: is globalSetup of jest.config.cjs in place?');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await command(server, `create database ${name}`);

  const url = new URL(server);
  url.pathname = `/${name}`;
  const database: TestDatabase = {
    url: url.href,
    drop: () => command(server, `drop database if exists ${name} with (force)`),
  };
  try {
    await migrate(database.url, migrations);
  } catch (error) {
    await database.drop();
    throw error;
  }
  return database;
}

async function migrate(url: string, migrations: readonly (new () => MigrationInterface)[]): Promise<void> {
  if (migrations.length === 0) return;
  const source = new DataSource({ type: 'postgres', url, migrations: [...migrations] });
  await source.initialize();
  try {
    await source.runMigrations();
  } finally {
    await source.destroy();
  }
}

async function command(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 60_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
