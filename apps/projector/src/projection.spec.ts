import { randomUUID } from 'node:crypto';
import type { EventLog, RecordedEvent, Subscription } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { createLogger } from '#platform/logging';
import { registry } from '#platform/metrics';
import { type ContentHashes, contentHashes } from '#read-models/content-hash';
import { readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { Projector } from '#read-models/projector';
import { history } from '../../../test/support/events';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { Projection } from './projection';

jest.setTimeout(60_000);

const ACCOUNTS = [randomUUID(), randomUUID()];

describe('the projection', () => {
  let database: TestDatabase;
  let pool: ReturnType<typeof openPool>;
  let log: PostgresEventLog;
  let projection: Projection | undefined;
  const told: { level: string; msg: string; [field: string]: unknown }[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void told.push(JSON.parse(line) as (typeof told)[number]) },
  });

  beforeEach(async () => {
    told.length = 0;
    database = await createTestDatabase([EventLog1767225600000, ...readModelMigrations]);
    pool = openPool(database.url, { name: 'test', max: 6, statementTimeoutMs: 10_000, onTrouble: () => undefined });
    log = new PostgresEventLog({ url: database.url });
  });
  afterEach(async () => {
    await projection?.stop();
    projection = undefined;
    await log.close();
    await pool.end();
    await database.drop();
  });

  const start = async (by: EventLog = log): Promise<Projection> => {
    projection = new Projection(by, new Projector(pool), logger, () => Date.now());
    await projection.start();
    return projection;
  };
  const write = async (seed: number, orders: number): Promise<void> => {
    for (const writes of history({ seed, orders, accounts: ACCOUNTS.map(() => randomUUID()) }))
      await log.append(writes);
  };
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 30_000; !(await holds());) {
      if (Date.now() > end) throw new Error('it did not come to that within 30 s');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const caughtUp = () => until(async () => (await new Projector(pool).position()) === (await log.head()));
  /** What a rebuild by hand gives, for comparison. */
  const expected = async (): Promise<ContentHashes> => {
    for (const Migration of readModelMigrations) await new Migration('beside').up(pool);
    const beside = new Projector(pool, 'beside');
    const { events, next } = await log.readAll({ after: 0, limit: 10_000 });
    await beside.project({ after: 0, next, events });
    return contentHashes(pool, 'beside');
  };
  const metric = async (name: string): Promise<number> => {
    const found = await registry.getSingleMetric(name)?.get();
    return found?.values[0]?.value ?? NaN;
  };

  it('projects what is in the log, and then what comes', async () => {
    await write(1, 20);
    await start();
    await caughtUp();
    await write(2, 20);
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('goes on where it stopped', async () => {
    await write(1, 10);
    await start();
    await caughtUp();
    await projection?.stop();
    await write(2, 10);
    await start();
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('counts every event once when two of them run', async () => {
    await start();
    const other = new Projection(log, new Projector(pool), logger, () => Date.now());
    await other.start();
    await write(1, 40);
    await caughtUp();
    await other.stop();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('starts over from its checkpoint, and is not ready meanwhile, when the tables fail', async () => {
    await start();
    await pool.query('alter table read_model.orders rename to orders_away');
    await write(1, 10);
    await until(() => told.some(({ msg }) => msg.startsWith('the projection failed')));
    await expect(projection?.check()).rejects.toThrow('failing');
    await pool.query('alter table read_model.orders_away rename to orders');
    await caughtUp();
    await until(
      async () =>
        (await projection?.check().then(
          () => true,
          () => false,
        )) === true,
    );
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('waits longer from one failure to the next', async () => {
    await write(1, 5);
    await pool.query('alter table read_model.orders rename to orders_away');
    await start();
    const failures = () => told.filter(({ msg }) => msg.startsWith('the projection failed'));
    await until(() => failures().length >= 4);
    const times = failures().map(({ time }) => Date.parse(String(time)));
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(pauses[1]).toBeGreaterThan(150);
    expect(pauses[2]).toBeGreaterThan(300);
  });

  it('starts over when a subscription breaks off', async () => {
    let breaks = 2;
    const breaking: EventLog = {
      append: (...stages) => log.append(...stages),
      readStream: (stream, from) => log.readStream(stream, from),
      readAll: (options) => log.readAll(options),
      head: () => log.head(),
      close: () => log.close(),
      subscribeAll: (options, handle): Subscription =>
        log.subscribeAll(options, async (events: readonly RecordedEvent[], next: number) => {
          if (breaks-- > 0) throw new Error('broken off');
          await handle(events, next);
        }),
    };
    await write(1, 10);
    await start(breaking);
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('parks what it cannot project, tells, counts, and goes on', async () => {
    const before = await metric('coordinator_parked_events_total');
    const meta = {
      userId: 'u',
      accountId: 'a',
      correlationId: 'c',
      causationId: 'c',
      at: Date.now(),
      schemaVersion: 1,
    };
    const stream = `order-${randomUUID()}`;
    await log.append([{ stream, expected: 'no-stream', events: [{ id: randomUUID(), type: 'Odd', data: {}, meta }] }]);
    await start();
    await write(1, 5);
    await caughtUp();
    expect(told).toContainEqual(
      expect.objectContaining({ level: 'error', stream, type: 'Odd', msg: expect.stringContaining('parked') }),
    );
    expect(await metric('coordinator_parked_events_total')).toBe(before + 1);
    expect((await contentHashes(pool)).parked_events.rows).toBe(1);
  });

  it('says that the rows are as young as now while nothing is written', async () => {
    await write(1, 3); // dated into the past by the history
    await start();
    const startedAt = Date.now();
    await until(async () => {
      const { rows } = await pool.query<{ as_of: Date }>('select as_of from read_model.projection_positions');
      return (rows[0]?.as_of.getTime() ?? 0) >= startedAt;
    });
    expect(await metric('coordinator_projection_lag_positions')).toBe(0);
  });

  it('does not start without its tables', async () => {
    await pool.query('drop schema read_model cascade');
    projection = undefined;
    await expect(new Projection(log, new Projector(pool), logger, () => Date.now()).start()).rejects.toThrow();
  });

  it('stops whenever it is told to', async () => {
    await write(1, 30);
    for (const ms of [0, 1, 5, 20]) {
      const short = await start();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await short.stop();
    }
    await start();
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });
});
