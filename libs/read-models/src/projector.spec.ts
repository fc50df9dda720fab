import fc from 'fast-check';
import type { Pool } from 'pg';
import type { RecordedEvent } from '#event-log/event-log';
import { history, recorded, STORY_NAMES, storyOf } from '../../../test/support/events';
import {
  createTestReadModels,
  partitionOf,
  setPartitions,
  type TestReadModels,
} from '../../../test/support/read-models';
import type { ContentHashes } from './content-hash';
import { CheckpointMovedBack, type LogPage, PAGE_MAX, Projector } from './projector';

const EVENTS = recorded(history({ seed: 11, orders: 60, accounts: 4, concurrency: 12, stories: STORY_NAMES }));
const HEAD = EVENTS.length;

/** The events after one position up to another. */
const page = (after: number, next = HEAD, events: readonly RecordedEvent[] = EVENTS): LogPage => ({
  after,
  next,
  events: events.slice(after, next),
});
const changed = (position: number, event: Partial<RecordedEvent>): RecordedEvent[] =>
  EVENTS.map((recorded) => (recorded.position === position ? { ...recorded, ...event } : recorded));
/** The same events with one field of one of them changed. */
const withData = (position: number, data: object): RecordedEvent[] =>
  changed(position, { data: { ...EVENTS[position - 1]?.data, ...data } });
const positionOf = (type: string): number => {
  const event = EVENTS.find((event) => event.type === type);
  if (!event) throw new Error(`the history has no ${type}`);
  return event.position;
};

jest.setTimeout(120_000);

describe('the projector', () => {
  let models: TestReadModels;
  /** What the views hold when everything was projected at once. */
  let whole: ContentHashes;

  beforeAll(async () => {
    models = await createTestReadModels();
    await new Projector(models.pool).project(page(0));
    whole = await models.hashes();
  });
  afterAll(() => models.drop());
  beforeEach(() => models.reset());

  const rowsOf = async <Row>(sql: string): Promise<Row[]> => (await models.pool.query<never>(sql)).rows;
  const statuses = () => rowsOf<{ status: string }>('select distinct status from read_model.orders order by 1');
  const parked = () =>
    rowsOf<{ position: string; type: string; error: string }>(
      'select position, type, error from read_model.parked_events order by position',
    );

  it('makes rows of events and remembers how far it is', async () => {
    const projector = new Projector(models.pool);
    expect(await projector.project(page(0))).toEqual({ events: HEAD, parked: [] });
    expect(await projector.position()).toBe(HEAD);
    expect((await statuses()).map(({ status }) => status)).toContain('FILLED');
    expect(whole.orders.rows).toBe(60);
  });

  it('ignores what it has seen', async () => {
    const projector = new Projector(models.pool);
    await projector.project(page(0));
    expect(await projector.project(page(0))).toEqual({ events: 0, parked: [] });
    expect(await projector.project(page(10, 50))).toEqual({ events: 0, parked: [] });
    expect(await models.hashes()).toEqual(whole);
  });

  it('moves its checkpoint over events that no view follows', async () => {
    const projector = new Projector(models.pool);
    const events = storyOf('open').map((event) => ({ ...event, stream: `settings-${event.stream}` }));
    expect(await projector.project({ after: 0, next: events.length + 7, events })).toEqual({
      events: events.length,
      parked: [],
    });
    expect(await projector.position()).toBe(events.length + 7);
    expect((await models.hashes()).orders.rows).toBe(0);
  });

  it('comes to the same rows wherever the pages end, and whoever goes on', () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: HEAD - 1 }), { maxLength: 8 }),
        fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }),
        async (cuts, restarts) => {
          await models.reset();
          let projector = new Projector(models.pool);
          let after = 0;
          for (const [index, next] of [...cuts.sort((a, b) => a - b), HEAD].entries()) {
            if (restarts[index] === true) projector = new Projector(models.pool); // another process, empty memory
            await projector.project(page(after, next));
            after = next;
          }
          expect(await models.hashes()).toEqual(whole);
        },
      ),
      { numRuns: 12 },
    ));

  it('comes to the same rows when pages are folded ahead of being stored', async () => {
    const projector = new Projector(models.pool);
    let storing: Promise<unknown> = Promise.resolve();
    for (let after = 0; after < HEAD; after += 37) {
      const folded = await projector.fold(page(after, Math.min(HEAD, after + 37)));
      await storing;
      storing = projector.store(folded);
    }
    await storing;
    expect(await models.hashes()).toEqual(whole);
  });

  it('refuses a page that is too long to be kept in memory', async () => {
    const events = Array.from({ length: PAGE_MAX + 1 }, () => EVENTS).flat();
    await expect(new Projector(models.pool).fold({ after: 0, next: events.length, events })).rejects.toThrow(
      RangeError,
    );
  });

  describe('when another one works on the same tables', () => {
    it('is fenced off, looks again and goes on', async () => {
      const [one, other] = [new Projector(models.pool), new Projector(models.pool)];
      await one.project(page(0, 100));
      await other.project(page(0, 150));
      await one.project(page(100, 200)); // believes to be at 100
      await other.project(page(150, HEAD)); // believes to be at 150
      expect(await models.hashes()).toEqual(whole);
    });

    it('lets every event count once when both race', async () => {
      const race = async () => {
        const projector = new Projector(models.pool);
        for (let after = 0; after < HEAD; after += 50) await projector.project(page(after, Math.min(HEAD, after + 50)));
      };
      await Promise.all([race(), race(), race()]);
      expect(await models.hashes()).toEqual(whole);
    });

    it('stores what it had folded ahead on rows that the other one has moved', async () => {
      const [one, other] = [new Projector(models.pool), new Projector(models.pool)];
      const first = await one.fold(page(0, 100));
      const second = await one.fold(page(100, HEAD));
      await other.project(page(0, 120));
      await one.store(first);
      await one.store(second);
      expect(await models.hashes()).toEqual(whole);
    });

    it('says so when the tables were put back', async () => {
      const projector = new Projector(models.pool);
      await projector.project(page(0, 200));
      await models.reset();
      const failure = await projector.project(page(200)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(CheckpointMovedBack);
      expect(failure).toMatchObject({ position: 0 });
      await projector.project(page(0));
      expect(await models.hashes()).toEqual(whole);
    });
  });

  describe('of one partition among several', () => {
    const PARTITIONS = 3;
    const of = (partition: number) => new Projector(models.pool, { partition, partitions: PARTITIONS });
    /** What a feed would hand over of one partition: events of others are not in it. */
    const pageOf = (partition: number, after: number, next: number): LogPage => ({
      after,
      next,
      events: EVENTS.slice(after, next).filter(({ meta }) => partitionOf(meta.accountId, PARTITIONS) === partition),
    });
    const partitions = [...Array(PARTITIONS).keys()];
    const positions = async () =>
      (
        await rowsOf<{ position: string }>('select position from read_model.projection_positions order by partition')
      ).map(({ position }) => Number(position));

    it('has neighbours with events of their own', () => {
      const filled = partitions.filter((partition) => pageOf(partition, 0, HEAD).events.length > 0);
      expect(filled.length).toBeGreaterThan(1);
    });

    it('comes to the same rows in whichever order the pages of all partitions arrive, repeats and new processes included', () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              partition: fc.nat(PARTITIONS - 1),
              length: fc.integer({ min: 1, max: HEAD }),
              repeated: fc.integer({ min: 0, max: 150 }),
              killed: fc.boolean(),
            }),
            { maxLength: 15 },
          ),
          async (steps) => {
            await models.reset();
            await setPartitions(models.pool, PARTITIONS);
            const projectors = partitions.map(of);
            const reached = partitions.map(() => 0);
            const rest = partitions.map((partition) => ({ partition, length: HEAD, repeated: 5, killed: false }));
            for (const { partition, length, repeated, killed } of [...steps, ...rest]) {
              if (killed) projectors[partition] = of(partition);
              const at = reached[partition] ?? 0;
              const next = Math.min(HEAD, at + length);
              await projectors[partition]?.project(pageOf(partition, Math.max(0, at - repeated), next));
              reached[partition] = next;
            }
            expect(await models.hashes()).toEqual(whole);
            expect(await positions()).toEqual(partitions.map(() => HEAD));
          },
        ),
        { numRuns: 12 },
      ));

    it('goes on at the same time as the others', async () => {
      await setPartitions(models.pool, PARTITIONS);
      await Promise.all(
        partitions.map(async (partition) => {
          const projector = of(partition);
          for (let after = 0; after < HEAD; after += 30)
            await projector.project(pageOf(partition, after, Math.min(HEAD, after + 30)));
        }),
      );
      expect(await models.hashes()).toEqual(whole);
    });

    it('lets every event count once when two race for it', async () => {
      await setPartitions(models.pool, PARTITIONS);
      const race = async (partition: number, length: number) => {
        const projector = of(partition);
        for (let after = 0; after < HEAD; after += length)
          await projector.project(pageOf(partition, after, Math.min(HEAD, after + length)));
      };
      await Promise.all(partitions.flatMap((partition) => [race(partition, 40), race(partition, 55)]));
      expect(await models.hashes()).toEqual(whole);
    });

    it('goes on behind another process that has had the partition in the meantime', async () => {
      await setPartitions(models.pool, PARTITIONS);
      const [partition] = partitions.filter((partition) => pageOf(partition, 0, HEAD).events.length > 0);
      if (partition === undefined) throw new Error('the history is empty');
      const [one, other] = [of(partition), of(partition)];
      await one.project(pageOf(partition, 0, 100));
      await other.project(pageOf(partition, 0, 300));
      expect(await one.project(pageOf(partition, 300, HEAD))).toMatchObject({ parked: [] }); // believes to be at 100
      expect(await one.begin()).toBe(HEAD);
      expect(await other.begin()).toBe(HEAD);
    });

    it('says where it stands when a page was left out', async () => {
      await setPartitions(models.pool, PARTITIONS);
      const projector = of(1);
      await projector.project(pageOf(1, 0, 100));
      const failure = await projector.project(pageOf(1, 150, HEAD)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(CheckpointMovedBack);
      expect(failure).toMatchObject({ position: 100 });
      expect(await positions()).toEqual([0, 100, 0]);
    });

    it('takes a page that is longer than its memory in pieces', async () => {
      await setPartitions(models.pool, PARTITIONS);
      for (const partition of partitions)
        await new Projector(models.pool, { partition, partitions: PARTITIONS, pageMax: 7 }).project(
          pageOf(partition, 0, HEAD),
        );
      expect(await models.hashes()).toEqual(whole);
      expect(await positions()).toEqual(partitions.map(() => HEAD));
    });

    it('is fenced off for good once the tables belong to another number of partitions', async () => {
      const single = new Projector(models.pool);
      await single.project(page(0, 100));
      await setPartitions(models.pool, PARTITIONS); // all of them at 100 now, and so is what `single` believes
      const before = await models.hashes();
      await expect(single.project(page(100))).rejects.toThrow('partition 0 of 1');
      expect(await models.hashes()).toEqual(before);
      for (const partition of partitions) await of(partition).project(pageOf(partition, 100, HEAD));
      expect(await models.hashes()).toEqual(whole);
    });
  });

  describe('when a page fails', () => {
    /** A pool whose connections fail at the n-th statement, from then on for ever. */
    const failingAt = (statements: number): { pool: Pool; failed: () => boolean } => {
      let left = statements;
      const fail = (target: object, name: string | symbol): unknown => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name !== 'query' && name !== 'connect') return member.bind(target) as unknown;
        return async (...args: unknown[]): Promise<unknown> => {
          if (name === 'query' && (left -= 1) < 0) throw new Error('the connection was lost');
          const result: unknown = await Reflect.apply(member, target, args);
          return name === 'connect' && typeof result === 'object' && result !== null
            ? new Proxy(result, { get: fail })
            : result;
        };
      };
      return { pool: new Proxy<Pool>(models.pool, { get: fail }), failed: () => left < 0 };
    };

    it('leaves rows and checkpoint as they were, at whichever statement it fails', async () => {
      for (let statements = 0; ; statements++) {
        await models.reset();
        const { pool, failed } = failingAt(statements);
        const before = new Projector(models.pool);
        await before.project(page(0, 100));
        const hashes = await models.hashes();
        const outcome = await new Projector(pool).project(page(100, 250)).catch((error: unknown) => error);
        if (!failed()) break; // it has come through
        expect(outcome).toMatchObject({ message: 'the connection was lost' });
        expect(await models.hashes()).toEqual(hashes);
        expect(await before.position()).toBe(100);
        expect(statements).toBeLessThan(50);
      }
      await new Projector(models.pool).project(page(250));
      expect(await models.hashes()).toEqual(whole);
    });

    it('goes on with the same projector once the database is back', async () => {
      const projector = new Projector(models.pool);
      await projector.project(page(0, 100));
      await models.pool.query('alter table read_model.trades rename to trades_away');
      await expect(projector.project(page(100))).rejects.toThrow('trades');
      await models.pool.query('alter table read_model.trades_away rename to trades');
      await projector.project(page(100));
      expect(await models.hashes()).toEqual(whole);
    });
  });

  describe('parks', () => {
    const project = async (events: readonly RecordedEvent[], pageSize = HEAD) => {
      const projector = new Projector(models.pool);
      const found = [];
      for (let after = 0; after < HEAD; after += pageSize)
        found.push(...(await projector.project(page(after, Math.min(HEAD, after + pageSize), events))).parked);
      expect(await projector.position()).toBe(HEAD);
      return found;
    };

    it('an event of a type that nobody knows, and goes on', async () => {
      const position = positionOf('OverfillReported');
      const told = await project(changed(position, { type: 'OrderTeleported' }));
      expect(told).toMatchObject([{ position, type: 'OrderTeleported' }]);
      expect(await parked()).toEqual([
        { position: String(position), type: 'OrderTeleported', error: 'OrderTeleported is not a type this view knows' },
      ]);
    });

    it('an event without the fields that its fold needs', async () => {
      const position = positionOf('OrderAccepted');
      await project(withData(position, { brokerOrderId: 7 }));
      expect(await parked()).toMatchObject([
        { error: 'OrderAccepted: brokerOrderId is missing or not what it must be' },
      ]);
    });

    it('every event of an order whose first one was parked', async () => {
      const position = positionOf('OrderPlaced');
      const { stream } = EVENTS[position - 1] ?? {};
      await project(withData(position, { side: 'HOLD' }));
      expect((await parked()).map((row) => Number(row.position))).toEqual(
        EVENTS.filter((event) => event.stream === stream).map((event) => event.position),
      );
      expect((await models.hashes()).orders.rows).toBe(59);
    });

    it.each([
      ['text with a character that Postgres cannot store', 'OrderAccepted', { brokerOrderId: 'a\0b' }, '0x00'],
      ['a number beyond its column', 'OrderDispatched', { attempt: 3_000_000_000 }, 'out of range'],
      ['an amount beyond all bounds', 'OrderFilled', { priceE4: 9_000_000_000_000_000, quantity: 5 }, 'is too large'],
    ])('%s, found among the others', async (_, type, data, error) => {
      const position = positionOf(type);
      await project(withData(position, data));
      const found = await parked();
      expect(found).toMatchObject([{ position: String(position), type }]);
      expect(found[0]?.error).toContain(error);
      expect((await models.hashes()).orders.rows).toBe(60);
    });

    it('several in one page, each on its own', async () => {
      const positions = EVENTS.filter(({ type }) => type === 'OrderAccepted').map(({ position }) => position);
      const events = EVENTS.map((event) =>
        positions.slice(0, 3).includes(event.position)
          ? { ...event, data: { ...event.data, brokerOrderId: '\0' } }
          : event,
      );
      await project(events);
      expect((await parked()).map(({ position }) => Number(position))).toEqual(positions.slice(0, 3));
    });

    it('the same events wherever the pages end', async () => {
      const events = withData(positionOf('OrderAccepted'), { brokerOrderId: '\0' });
      await project(events);
      const hashes = await models.hashes();
      await models.reset();
      await project(events, 41);
      expect(await models.hashes()).toEqual(hashes);
    });
  });

  describe('keeps events and trades by month', () => {
    const partitions = (table: string) =>
      rowsOf<{ name: string; rows: string }>(
        `select tableoid::regclass::text as name, count(*) as rows from read_model.${table} group by 1 order by 1`,
      );

    it('in a partition that is made when its month begins', async () => {
      const newYear = Date.UTC(2025, 11, 31, 23, 59, 59);
      const events = recorded(
        history({ seed: 1, orders: 40, startMs: newYear - 60_000, stepMs: 1_000, stories: ['filled'] }),
      );
      await new Projector(models.pool).project({ after: 0, next: events.length, events });
      for (const table of ['order_events', 'trades'])
        expect((await partitions(table)).map(({ name }) => name)).toEqual([
          `read_model.${table}_2025_12`,
          `read_model.${table}_2026_01`,
        ]);
      // By the day of the contract note: in India the new year began hours before.
      expect((await partitions('trade_charges')).map(({ name }) => name)).toEqual(['read_model.trade_charges_2026_01']);
    });

    it('in the default partition when the month is no month to trade in', async () => {
      const events = storyOf('filled').map((event) =>
        event.type === 'OrderFilled' ? { ...event, data: { ...event.data, tradedAt: 0 } } : event,
      );
      await new Projector(models.pool).project({ after: 0, next: events.length, events });
      expect(await partitions('trades')).toEqual([{ name: 'read_model.trades_default', rows: '1' }]);
    });

    it('in the default partition when that holds rows of the month already', async () => {
      await models.pool.query(
        `insert into read_model.order_events
         values (gen_random_uuid(), 0, 0, 'a', 'OrderPlaced', 'A', 'A', '{}', 'c', 'u', '2026-01-15')`,
      );
      expect(await new Projector(models.pool).project(page(0))).toEqual({ events: HEAD, parked: [] });
      expect((await partitions('order_events')).map(({ name }) => name)).toEqual(['read_model.order_events_default']);
      expect((await partitions('trades')).map(({ name }) => name)).toEqual(['read_model.trades_2026_01']);
    });

    it('ahead of time, also when two do it at once', async () => {
      const december = Date.UTC(2026, 11, 31);
      await Promise.all([1, 2, 3].map(() => new Projector(models.pool).makePartitionsAhead(december)));
      expect(
        await rowsOf(
          "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'read_model.trades'::regclass order by 1",
        ),
      ).toEqual([
        { name: 'read_model.trades_2026_12' },
        { name: 'read_model.trades_2027_01' },
        { name: 'read_model.trades_2027_02' },
        { name: 'read_model.trades_default' },
      ]);
    });
  });

  describe('says how old the rows are', () => {
    const asOf = async () =>
      (await rowsOf<{ as_of: Date }>('select as_of from read_model.projection_positions'))[0]?.as_of;

    it('by the last event in them', async () => {
      await new Projector(models.pool).project(page(0, 100));
      expect(await asOf()).toEqual(new Date(EVENTS[99]?.meta.at ?? 0));
    });

    it('and never dates them into the future', async () => {
      const events = storyOf('open').map((event) => ({
        ...event,
        meta: { ...event.meta, at: Date.now() + 3_600_000 },
      }));
      await new Projector(models.pool).project({ after: 0, next: events.length, events });
      expect((await asOf())?.getTime()).toBeLessThanOrEqual(Date.now());
    });
  });
});
