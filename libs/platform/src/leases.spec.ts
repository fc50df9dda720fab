import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { createDataSource } from './database';
import { Lease, leaseMigrations } from './leases';
import { createLogger } from './logging';

const TTL_MS = 1_500;
const RENEW_MS = 100;
const logger = createLogger({ name: 'test', level: 'silent' });

describe('a lease', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const leases: Lease[] = [];

  beforeAll(async () => {
    database = await createTestDatabase(leaseMigrations);
    dataSource = await createDataSource(database.url, { name: 'leases', entities: [], migrations: [] }).initialize();
  });
  afterEach(() => Promise.all(leases.splice(0).map((lease) => lease.stop())));
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  /** A process that may be frozen: neither asks nor renews, while its clock goes on. */
  const candidate = async (name: string): Promise<{ lease: Lease; freeze: () => () => void }> => {
    let frozen: Promise<void> = Promise.resolve();
    const lease = new Lease({
      database: {
        query: async <T>(sql: string, parameters?: unknown[]): Promise<T> => {
          await frozen;
          return dataSource.query<T>(sql, parameters);
        },
      },
      name,
      holder: 'test',
      logger,
      ttlMs: TTL_MS,
      renewMs: RENEW_MS,
    });
    leases.push(lease);
    await lease.start();
    const freeze = (): (() => void) => {
      let thaw = (): void => undefined;
      frozen = new Promise((resolve) => (thaw = resolve));
      return thaw;
    };
    return { lease, freeze };
  };

  const until = async (isTrue: () => boolean): Promise<void> => {
    for (let waitedMs = 0; !isTrue(); waitedMs += 10) {
      if (waitedMs > 20_000) throw new Error('waited in vain');
      await sleep(10);
    }
  };

  it('goes to the first who asks, and to nobody else while it is renewed', async () => {
    const first = await candidate('one');
    const second = await candidate('one');
    for (let n = 0; n < 20; n += 1) {
      expect([first.lease.isHeld(), second.lease.isHeld()]).toEqual([true, false]);
      await sleep(TTL_MS / 10);
    }
  });

  it('is another one under another name', async () => {
    const first = await candidate('two');
    const second = await candidate('three');
    expect([first.lease.isHeld(), second.lease.isHeld()]).toEqual([true, true]);
  });

  it('goes on to the next with a higher token when it is given up', async () => {
    const first = await candidate('four');
    const before = first.lease.held() ?? 0;
    await first.lease.stop();
    expect(first.lease.held()).toBeUndefined();
    const second = await candidate('four');
    expect(second.lease.held()).toBe(before + 1);
  });

  it('is taken over from a holder that falls silent, and not held by it when it wakes up', async () => {
    const first = await candidate('five');
    const second = await candidate('five');
    const before = first.lease.held() ?? 0;
    const thaw = first.freeze();
    const both = { seen: false };
    await until(() => {
      both.seen ||= first.lease.isHeld() && second.lease.isHeld();
      return second.lease.isHeld();
    });
    expect(both.seen).toBe(false);
    expect(first.lease.isHeld()).toBe(false);
    thaw();
    await sleep(3 * RENEW_MS);
    expect(first.lease.isHeld()).toBe(false);
    expect(second.lease.held()).toBeGreaterThan(before);
  });

  it('is never held by two of many who ask, stop and ask again', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => candidate('six')));
    const tokens = new Set<number>();
    for (const { lease } of all) {
      await until(() => all.some((one) => one.lease.isHeld()));
      const holders = all.filter((one) => one.lease.isHeld());
      expect(holders).toHaveLength(1);
      for (const holder of holders) {
        tokens.add(holder.lease.held() ?? 0);
        await holder.lease.stop();
      }
      expect(lease).toBeDefined();
    }
    expect(tokens.size).toBe(all.length);
  });

  it('is not taken over from a holder that shows a sign of life', async () => {
    const first = await candidate('seven and a half');
    const second = await candidate('seven and a half');
    expect(await second.lease.takeOver()).toBe(false);
    expect([first.lease.isHeld(), second.lease.isHeld()]).toEqual([true, false]);
  });

  it('is given up by a silent holder once it was taken over', async () => {
    const first = await candidate('eight');
    const second = await candidate('eight');
    const thaw = first.freeze();
    expect(await second.lease.takeOver()).toBe(true);
    thaw();
    expect(second.lease.held()).toBeGreaterThan(first.lease.held() ?? 0);
    await until(() => !first.lease.isHeld());
    expect(second.lease.isHeld()).toBe(true);
  });

  it('tells who leads when the lead begins and when it is lost', async () => {
    const first = await candidate('nine');
    const second = await candidate('nine');
    const { signal } = new AbortController();
    const before = await first.lease.lead(signal);
    const waiting = second.lease.lead(signal);
    expect(before.isHeld()).toBe(true);
    const thaw = first.freeze();
    const after = await waiting;
    await until(() => before.lost.aborted);
    expect([before.isHeld(), after.isHeld()]).toEqual([false, true]);
    expect(after.token).toBeGreaterThan(before.token);
    thaw();
  });

  it('is not waited for any longer than is wanted', async () => {
    await candidate('ten');
    const { lease } = await candidate('ten');
    await expect(lease.lead(AbortSignal.timeout(50))).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is not held while the database does not answer for longer than it lasts', async () => {
    const { lease, freeze } = await candidate('seven');
    const thaw = freeze();
    await until(() => !lease.isHeld());
    thaw();
    await until(() => lease.isHeld());
  });
});
