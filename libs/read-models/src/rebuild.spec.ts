import type { RecordedEvent } from '#event-log/event-log';
import { history, recorded } from '../../../test/support/events';
import {
  createTestReadModels,
  logOf,
  partitionOf,
  setPartitions,
  type TestReadModels,
} from '../../../test/support/read-models';
import { Checkpoints } from './checkpoints';
import { Projector } from './projector';
import { rebuild, type RebuildPhase, RebuildRunning } from './rebuild';

const EVENTS = recorded(history({ seed: 21, orders: 80, accounts: 5 }));
const HEAD = EVENTS.length;

jest.setTimeout(120_000);

describe('a rebuild', () => {
  let models: TestReadModels;
  beforeAll(async () => (models = await createTestReadModels()));
  afterAll(() => models.drop());
  beforeEach(() => models.reset());

  const projectLive = (events: readonly RecordedEvent[] = EVENTS) =>
    new Projector(models.pool).project({ after: 0, next: events.length, events });
  const schemas = async () =>
    (
      await models.pool.query<{ name: string }>(
        "select nspname as name from pg_namespace where nspname like 'read_model%' order by 1",
      )
    ).rows.map(({ name }) => name);

  it('comes to the rows that are there already, every time', async () => {
    await projectLive();
    const live = await models.hashes();
    for (const _ of [1, 2]) {
      const report = await rebuild(logOf(EVENTS), models.pool);
      expect(report).toMatchObject({
        events: HEAD,
        parked: 0,
        identical: true,
        before: { position: HEAD, views: live },
        after: { position: HEAD, views: live },
      });
      expect(await models.hashes()).toEqual(live);
    }
    expect(await schemas()).toEqual(['read_model']);
  });

  it('leaves nothing different but the rows: every index, key and column is as before', async () => {
    const structure = async () =>
      (
        await models.pool.query(`
          select tablename, indexname, indexdef from pg_indexes where schemaname = 'read_model'
            and tablename !~ '_(\\d{4}_\\d{2}|default)$'
          union all
          select table_name, column_name, concat_ws(' ', ordinal_position, data_type, is_nullable)
          from information_schema.columns where table_schema = 'read_model' and table_name !~ '_(\\d{4}_\\d{2}|default)$'
          union all
          select relname, 'options', reloptions::text from pg_class
          where relnamespace = 'read_model'::regnamespace and relname = 'orders'
          order by 1, 2`)
      ).rows as unknown;
    const before = await structure();
    await rebuild(logOf(EVENTS), models.pool);
    expect(await structure()).toEqual(before);
  });

  it('repairs rows that are wrong, and says that they were', async () => {
    await projectLive();
    const live = await models.hashes();
    await models.pool.query("update read_model.orders set status = 'OPEN' where status = 'FILLED'");
    const report = await rebuild(logOf(EVENTS), models.pool);
    expect(report.identical).toBe(false);
    expect(report.before.views.orders).not.toEqual(live.orders);
    expect(await models.hashes()).toEqual(live);
  });

  it('takes in what was parked once it can be read', async () => {
    const position = EVENTS.find(({ type }) => type === 'OrderAccepted')?.position ?? 0;
    await projectLive(EVENTS.map((event) => (event.position === position ? { ...event, type: 'Garbled' } : event)));
    expect((await models.hashes()).parked_events.rows).toBe(1);
    await rebuild(logOf(EVENTS), models.pool);
    expect((await models.hashes()).parked_events.rows).toBe(0);
  });

  it('builds everything when nothing was projected yet', async () => {
    const report = await rebuild(logOf(EVENTS), models.pool);
    expect(report).toMatchObject({ identical: false, before: { position: 0 }, after: { position: HEAD } });
    expect((await models.hashes()).orders.rows).toBe(80);
  });

  it('lets the live tables go on, and the live projector go on on the new ones', async () => {
    const written = EVENTS.slice(0, 200);
    const log = logOf(written);
    const live = new Projector(models.pool);
    await live.project({ after: 0, next: 200, events: written });
    let after = 200;
    const project = async () => {
      // What a client writes while the rebuild is at work.
      const events = EVENTS.slice(after, after + 25);
      written.push(...events);
      const page = { after, next: after + events.length, events };
      after = page.next;
      await live.project(page);
    };
    const state = { rebuilding: true };
    const writing = (async () => {
      while (state.rebuilding && after < HEAD) await project();
    })();
    const report = await rebuild(log, models.pool);
    state.rebuilding = false;
    await writing;
    expect(report.identical).toBe(true);
    expect(report.after.position).toBeGreaterThanOrEqual(200);
    while (after < HEAD) await project();
    const rows = await models.hashes();
    await models.reset();
    await projectLive();
    expect(rows).toEqual(await models.hashes());
  });

  it('holds the live projector up during the swap, so that nothing goes into tables that are on their way out', async () => {
    const log = logOf(EVENTS);
    const live = new Projector(models.pool);
    const page = (after: number, next: number) => ({ after, next, events: EVENTS.slice(after, next) });
    await live.project(page(0, 200));
    let phase: RebuildPhase = 'load';
    let projecting: Promise<unknown> | undefined;
    let wasHeldUp = false;
    await rebuild(
      {
        head: () => Promise.resolve(200),
        readAll: async (options) => {
          if (phase === 'load') await live.project(page(200, 250)); // so that there is a rest to read in the swap
          if (phase === 'swap') {
            let ended = false;
            projecting = live.project(page(250, HEAD)).then(() => (ended = true));
            await new Promise((resolve) => setTimeout(resolve, 300));
            wasHeldUp = !ended;
          }
          return log.readAll(options);
        },
      },
      models.pool,
      { onProgress: (progress) => (phase = progress.phase) },
    );
    await projecting;
    expect(wasHeldUp).toBe(true);
    const rows = await models.hashes();
    await models.reset();
    await projectLive();
    expect(rows).toEqual(await models.hashes());
  });

  it('parks the events that were parked, and no others, when Postgres refuses their values', async () => {
    const refused = EVENTS.filter(({ type }) => type === 'OrderAccepted').map(({ position }) => position);
    const [first, , second] = refused;
    const events = EVENTS.map((event) =>
      event.position === first || event.position === second
        ? { ...event, data: { ...event.data, brokerOrderId: 'a\0b' } }
        : event,
    );
    await projectLive(events);
    const live = await models.hashes();
    expect(live.parked_events.rows).toBe(2);
    const report = await rebuild(logOf(events), models.pool);
    expect(report).toMatchObject({ identical: true, parked: 2, events: HEAD });
    expect(await models.hashes()).toEqual(live);
  });

  describe('of several partitions', () => {
    const PARTITIONS = 3;
    const feed = { partitions: PARTITIONS, partitionOf: (accountId: string) => partitionOf(accountId, PARTITIONS) };
    const pageOf = (partition: number, after: number, next: number) => ({
      after,
      next,
      events: EVENTS.slice(after, next).filter(({ meta }) => feed.partitionOf(meta.accountId) === partition),
    });
    const of = (partition: number) => new Projector(models.pool, { partition, partitions: PARTITIONS });
    const checkpoints = async (partitions = PARTITIONS) =>
      (await new Checkpoints(models.pool, partitions).read()).map(({ position }) => position);
    const projectTo = async (positions: readonly number[]) => {
      await setPartitions(models.pool, PARTITIONS);
      for (const [partition, next] of positions.entries()) await of(partition).project(pageOf(partition, 0, next));
    };

    it.each([
      ['all at the end', [HEAD, HEAD, HEAD]],
      ['each somewhere else', [HEAD - 200, HEAD - 20, HEAD]],
      ['one not begun', [HEAD, 0, HEAD - 100]],
    ])('comes to the same rows at the same checkpoints: %s', async (_, positions) => {
      await projectTo(positions);
      const live = await models.hashes();
      const { rows: ages } = await models.pool.query(
        'select partition, as_of from read_model.projection_positions order by partition',
      );
      // It begins when the log ends where the hindmost stands; what the others have is written while it runs.
      const lowest = Math.min(...positions);
      let looks = 0;
      const log = { ...logOf(EVENTS), head: () => Promise.resolve(looks++ === 0 ? lowest : HEAD) };
      const report = await rebuild(log, models.pool, feed);
      expect(report).toMatchObject({ identical: true, before: { position: lowest }, after: { position: lowest } });
      expect(await models.hashes()).toEqual(live);
      expect(await checkpoints()).toEqual(positions);
      const { rows: agesAfter } = await models.pool.query(
        'select partition, as_of from read_model.projection_positions order by partition',
      );
      expect(agesAfter).toEqual(ages);
      for (const [partition, position] of positions.entries())
        await of(partition).project(pageOf(partition, position, HEAD));
      const rows = await models.hashes();
      await models.reset();
      await projectLive();
      expect(rows).toEqual(await models.hashes());
    });

    it('brings all of them to the end of the log when nobody projects', async () => {
      await projectTo([HEAD - 200, HEAD - 20, HEAD]);
      const report = await rebuild(logOf(EVENTS), models.pool, feed);
      expect(report).toMatchObject({ identical: false, before: { position: HEAD - 200 }, after: { position: HEAD } });
      expect(await checkpoints()).toEqual([HEAD, HEAD, HEAD]);
    });

    it('leaves no checkpoint beyond the end of the log, where it would hide what is written next', async () => {
      await projectTo([HEAD, HEAD, HEAD]);
      await models.pool.query(
        `update read_model.projection_positions set position = position + case partition when 1 then 500 else 7 end`,
      );
      await rebuild(logOf(EVENTS), models.pool, feed);
      expect(await checkpoints()).toEqual([HEAD, HEAD, HEAD]);
    });

    it('lets live projectors of all partitions go on, and go on on the new tables', async () => {
      await projectTo([100, 150, 200]);
      const written = EVENTS.slice(0, 200);
      const state = { rebuilding: true };
      const follow = async (partition: number, from: number, length: number) => {
        const projector = of(partition);
        let at = from;
        while (at < HEAD) {
          const next = Math.min(HEAD, at + length);
          if (written.length < next) written.push(...EVENTS.slice(written.length, next));
          await projector.project(pageOf(partition, at, next));
          at = next;
          if (state.rebuilding) await new Promise((resolve) => setTimeout(resolve, 30));
        }
      };
      const following = Promise.all([follow(0, 100, 25), follow(1, 150, 10), follow(2, 200, 40)]);
      const report = await rebuild(logOf(written), models.pool, feed);
      state.rebuilding = false;
      await following;
      expect(report.identical).toBe(true);
      expect(await checkpoints()).toEqual([HEAD, HEAD, HEAD]);
      const rows = await models.hashes();
      await models.reset();
      await projectLive();
      expect(rows).toEqual(await models.hashes());
    });

    it.each([
      ['one', 1, () => 0],
      ['five', 5, (accountId: string) => partitionOf(accountId, 5)],
    ])('puts the tables to %s, all at one position', async (_, partitions, of) => {
      await projectTo([HEAD - 200, HEAD - 20, HEAD]);
      await expect(new Checkpoints(models.pool, partitions).adopt()).rejects.toThrow('npm run rebuild');
      const report = await rebuild(logOf(EVENTS), models.pool, { partitions, partitionOf: of });
      expect(report.after.position).toBe(HEAD);
      expect(await checkpoints(partitions)).toEqual(Array.from({ length: partitions }, () => HEAD));
      await new Checkpoints(models.pool, partitions).adopt();
      const rows = await models.hashes();
      await models.reset();
      await projectLive();
      expect(rows).toEqual(await models.hashes());
    });

    it('is identical also across numbers when the live tables stood at one position', async () => {
      await projectLive();
      const report = await rebuild(logOf(EVENTS), models.pool, feed);
      expect(report.identical).toBe(true);
      expect(await checkpoints()).toEqual([HEAD, HEAD, HEAD]);
    });
  });

  it('starts over after one that was broken off, which changed nothing', async () => {
    await projectLive();
    const live = await models.hashes();
    const log = logOf(EVENTS);
    const broken = { ...log, readAll: () => Promise.reject(new Error('the log went away')) };
    await expect(rebuild(broken, models.pool)).rejects.toThrow('the log went away');
    expect(await models.hashes()).toEqual(live);
    expect((await rebuild(log, models.pool)).identical).toBe(true);
    expect(await schemas()).toEqual(['read_model']);
  });

  it('is done by one at a time', async () => {
    const log = logOf(EVENTS);
    const outcomes = await Promise.allSettled([rebuild(log, models.pool), rebuild(log, models.pool)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: expect.any(RebuildRunning) });
  });

  it('tells how far it is', async () => {
    await projectLive();
    const phases = new Set<RebuildPhase>();
    let last = 0;
    await rebuild(logOf(EVENTS), models.pool, {
      onProgress: ({ phase, events, head }) => {
        phases.add(phase);
        expect(events).toBeGreaterThanOrEqual(last);
        expect(head === HEAD || phase === 'load').toBe(true);
        last = events;
      },
    });
    expect([...phases]).toEqual(['load', 'indexes', 'catch-up', 'swap', 'compare', 'clean-up']);
    expect(last).toBe(HEAD);
  });
});
