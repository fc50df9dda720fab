import { Client } from 'pg';
import type { RecordedEvent } from '#event-log/event-log';
import { history, recorded } from '../../../test/support/events';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { createTestReadModels, type TestReadModels } from '../../../test/support/read-models';
import { Checkpoints, PartitionsDiffer } from './checkpoints';
import { TradingViews1767225700000 } from './migrations/1767225700000-trading-views';
import { FeedPartitions1767225800000 } from './migrations/1767225800000-feed-partitions';
import { Projector } from './projector';

const EVENTS: readonly RecordedEvent[] = recorded(history({ seed: 3, orders: 10 }));

jest.setTimeout(60_000);

describe('the checkpoints of all partitions', () => {
  let models: TestReadModels;
  beforeAll(async () => (models = await createTestReadModels()));
  afterAll(() => models.drop());
  beforeEach(() => models.reset());

  const checkpoints = (partitions: number) => new Checkpoints(models.pool, partitions);
  const positions = async (partitions: number) =>
    (await checkpoints(partitions).read()).map(({ partition, position }) => [partition, position]);
  /** Moves the checkpoint of one partition over positions without events. */
  const move = (partition: number, partitions: number, next: number) =>
    new Projector(models.pool, { partition, partitions }).project({ after: 0, next, events: [] });

  describe('when a feed of another number of partitions is connected', () => {
    it('go on from where all of them stood', async () => {
      await new Projector(models.pool).project({ after: 0, next: 50, events: EVENTS.slice(0, 50) });
      const [{ asOfMs } = { asOfMs: 0 }] = await checkpoints(1).read();
      await checkpoints(3).adopt();
      expect(await checkpoints(3).read()).toEqual([0, 1, 2].map((partition) => ({ partition, position: 50, asOfMs })));
      await checkpoints(2).adopt();
      expect(await positions(2)).toEqual([
        [0, 50],
        [1, 50],
      ]);
      expect(await positions(3)).toEqual([]);
      await checkpoints(1).adopt();
      expect(await positions(1)).toEqual([[0, 50]]);
    });

    it('are left as they are when they fit, wherever they stand', async () => {
      await checkpoints(2).adopt();
      await move(1, 2, 70);
      await checkpoints(2).adopt();
      expect(await positions(2)).toEqual([
        [0, 0],
        [1, 70],
      ]);
    });

    it('are refused when they stand apart, in one line that says what to do', async () => {
      await checkpoints(2).adopt();
      await move(1, 2, 70);
      const failure = await checkpoints(3)
        .adopt()
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PartitionsDiffer);
      expect(String(failure)).toMatch(/2 partitions.* has 3: run `npm run rebuild`/);
      expect(String(failure)).not.toContain('\n');
      expect(await positions(2)).toEqual([
        [0, 0],
        [1, 70],
      ]);
    });

    /** Sessions of this database that wait for another one's lock. */
    const waiting = async (sessions: number) => {
      for (const end = Date.now() + 20_000; ;) {
        const { rows } = await models.pool.query<{ waiting: number }>(
          "select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        if (rows[0]?.waiting === sessions) return;
        if (Date.now() > end) throw new Error(`no ${String(sessions)} sessions came to wait`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };

    it('are put to it once, however many start at once', async () => {
      const held = await models.pool.connect();
      await held.query('begin; lock table read_model.projection_positions in share row exclusive mode');
      const adopting = Promise.all(Array.from({ length: 5 }, () => checkpoints(5).adopt()));
      adopting.catch(() => undefined); // awaited below
      await waiting(5);
      await held.query('commit');
      held.release();
      await adopting;
      expect(await positions(5)).toEqual([0, 1, 2, 3, 4].map((partition) => [partition, 0]));
    });

    it('wait for a page that is being stored, and go on behind it', async () => {
      const held = await models.pool.connect();
      await held.query('begin');
      await held.query("update read_model.projection_positions set position = 7 where name = 'read-models'");
      const adopting = checkpoints(2).adopt();
      adopting.catch(() => undefined); // awaited below
      await waiting(1);
      await held.query('commit');
      held.release();
      await adopting;
      expect(await positions(2)).toEqual([
        [0, 7],
        [1, 7],
      ]);
    });

    it('are missed by name when there are none', async () => {
      await models.pool.query('truncate read_model.projection_positions');
      await expect(checkpoints(2).adopt()).rejects.toThrow('no checkpoint of read-models');
    });
  });

  describe('are dated', () => {
    const T = Date.UTC(2026, 0, 5, 10);
    const ages = async () => (await checkpoints(3).read()).map(({ asOfMs }) => asOfMs);
    beforeEach(async () => {
      await checkpoints(3).adopt();
      await move(0, 3, 10);
      await move(1, 3, 20);
      await move(2, 3, 30);
    });

    it('by the latest moment at which the log ended at or before them', async () => {
      await checkpoints(3).confirmCaughtUp([
        { head: 15, atMs: T },
        { head: 20, atMs: T + 1_000 },
        { head: 40, atMs: T + 2_000 },
      ]);
      expect(await ages()).toEqual([0, T + 1_000, T + 1_000]);
    });

    it('never back', async () => {
      await checkpoints(3).confirmCaughtUp([{ head: 20, atMs: T }]);
      await checkpoints(3).confirmCaughtUp([{ head: 10, atMs: T - 5_000 }]);
      expect(await ages()).toEqual([T - 5_000, T, T]);
    });

    it('without waiting for one that is being moved', async () => {
      const held = await models.pool.connect();
      await held.query('begin');
      await held.query('update read_model.projection_positions set position = position where partition = 1');
      await checkpoints(3).confirmCaughtUp([{ head: 10, atMs: T }]);
      await held.query('rollback');
      held.release();
      expect(await ages()).toEqual([T, 0, T]);
    });

    it('not at all when they belong to another number of partitions', async () => {
      await checkpoints(2).confirmCaughtUp([{ head: 0, atMs: T }]);
      expect(await ages()).toEqual([0, 0, 0]);
    });
  });
});

describe('a data directory from before there were partitions', () => {
  let database: TestDatabase;
  let client: Client;
  beforeAll(async () => {
    database = await createTestDatabase([TradingViews1767225700000]);
    client = new Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });
  const row = async () => (await client.query('select * from read_model.projection_positions')).rows as unknown[];

  it('keeps its checkpoint as the one of the only partition, and can go back', async () => {
    await client.query("update read_model.projection_positions set position = 1234, as_of = '2026-01-02'");
    const before = await row();
    await new FeedPartitions1767225800000().up(client);
    expect(await row()).toEqual([{ ...(before[0] as object), partition: 0, partitions: 1 }]);
    await client.query(
      `insert into read_model.projection_positions (name, partition, partitions, position, updated_at, as_of)
       values ('read-models', 1, 2, 1000, now(), '2026-01-01')`,
    );
    await new FeedPartitions1767225800000().down(client);
    expect(await row()).toMatchObject([{ position: '1000', as_of: new Date(2026, 0, 1) }]);
  });
});
