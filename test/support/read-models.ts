/** Read models on the test run's Postgres, and a log in memory to feed them from. */
import type { Pool } from 'pg';
import type { EventLog, Page, RecordedEvent } from '#event-log/event-log';
import { Checkpoints } from '#read-models/checkpoints';
import { contentHashes, type ContentHashes } from '#read-models/content-hash';
import { readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { createTestDatabase } from './postgres';

export interface TestReadModels {
  readonly url: string;
  readonly pool: Pool;
  /** Empty tables, as on the first day. */
  reset(): Promise<void>;
  hashes(): Promise<ContentHashes>;
  drop(): Promise<void>;
}

export const createTestReadModels = async (): Promise<TestReadModels> => {
  const database = await createTestDatabase(readModelMigrations);
  const pool = openPool(database.url, {
    name: 'test',
    max: 8,
    statementTimeoutMs: 30_000,
    onTrouble: () => undefined, // connections are cut when the database is dropped
  });
  return {
    url: database.url,
    pool,
    reset: async () => {
      await pool.query('drop schema read_model cascade');
      for (const Migration of readModelMigrations) await new Migration().up(pool);
    },
    hashes: () => contentHashes(pool),
    drop: async () => {
      await pool.end();
      await database.drop();
    },
  };
};

/** Some partition for each account, always the same one: what a feed of so many partitions would say. */
export const partitionOf = (accountId: string, partitions: number): number => {
  let hash = 0x811c9dc5; // FNV-1a
  for (const character of accountId) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return (hash >>> 8) % partitions;
};

/** Puts empty tables to another number of partitions. */
export const setPartitions = async (pool: Pool, partitions: number): Promise<void> => {
  await new Checkpoints(pool, partitions).adopt();
};

/** A log that holds these events; more can be added to the list. */
export const logOf = (events: readonly RecordedEvent[]): Pick<EventLog, 'readAll' | 'head'> => ({
  readAll: ({ after, limit }): Promise<Page> => {
    const page = events.slice(after, after + limit);
    return Promise.resolve({ events: page, next: after + page.length, atEnd: after + page.length === events.length });
  },
  head: () => Promise.resolve(events.length),
});
