import fc from 'fast-check';
import type { RecordedEvent } from '#event-log/event-log';
import { history, recorded, STORY_NAMES } from '../../../test/support/events';
import { createTestReadModels, type TestReadModels } from '../../../test/support/read-models';
import { BulkLoad, type BulkLoadOptions } from './bulk-load';
import type { ContentHashes } from './content-hash';
import { MonthPartitions } from './month-partitions';
import { Projector } from './projector';
import { ValueRefused } from './value-refused';

const EVENTS = recorded(history({ seed: 31, orders: 60, accounts: 4, concurrency: 20, stories: STORY_NAMES }));
const HEAD = EVENTS.length;

jest.setTimeout(120_000);

describe('a bulk load', () => {
  let models: TestReadModels;
  /** What a projector makes of the same events. */
  let projected: ContentHashes;
  beforeAll(async () => {
    models = await createTestReadModels();
    await new Projector(models.pool).project({ after: 0, next: HEAD, events: EVENTS });
    projected = await models.hashes();
    for (const view of ['order_charges', 'trade_charges', 'positions'] as const)
      expect(projected[view].rows).toBeGreaterThan(10);
  });
  afterAll(() => models.drop());
  beforeEach(() => models.reset());

  const loading = (options: Partial<BulkLoadOptions> = {}): BulkLoad =>
    new BulkLoad({
      pool: models.pool,
      schema: 'read_model',
      months: new MonthPartitions(models.pool, 'read_model'),
      position: 0,
      ...options,
    });
  const add = async (load: BulkLoad, after: number, next: number, length = 50, events = EVENTS): Promise<void> => {
    for (; after < next; after += length) {
      const until = Math.min(next, after + length);
      await load.add({ after, next: until, events: events.slice(after, until) });
    }
  };
  const position = () => new Projector(models.pool).position();

  it('comes to the rows of a projector, wherever its pages and transactions end and however little it remembers', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: HEAD }),
        fc.integer({ min: 200, max: 400 }),
        async (length, eventsPerChunk, cached) => {
          await models.reset();
          const load = loading({
            eventsPerChunk,
            cachedOrders: cached,
            cachedWork: cached,
            cachedPositions: cached,
          });
          await add(load, 0, HEAD, length);
          await load.finish();
          expect(await models.hashes()).toEqual(projected);
          expect(load.loaded).toEqual({ position: HEAD, events: HEAD, parked: 0 });
          expect(await position()).toBe(HEAD);
        },
      ),
      { numRuns: 15 },
    ));

  it('reads the rows again that have been dropped from memory', async () => {
    const load = loading({ eventsPerChunk: 30, cachedOrders: 12, cachedWork: 12, cachedPositions: 5 });
    await add(load, 0, HEAD, 4);
    await load.finish();
    expect(await models.hashes()).toEqual(projected);
  });

  it('goes on in tables that hold rows already', async () => {
    await new Projector(models.pool).project({ after: 0, next: 200, events: EVENTS.slice(0, 200) });
    const load = loading({ position: 200, eventsPerChunk: 90 });
    await add(load, 200, HEAD);
    await load.finish();
    expect(await models.hashes()).toEqual(projected);
  });

  it('leaves its last checkpoint, and the rows that belong to it, when it is given up', async () => {
    const load = loading({ eventsPerChunk: 100 });
    await add(load, 0, 250);
    await load.abandon();
    expect(await position()).toBe(200);
    expect(load.loaded).toMatchObject({ position: 200, events: 200 });
    const left = await models.hashes();
    await models.reset();
    await new Projector(models.pool).project({ after: 0, next: 200, events: EVENTS.slice(0, 200) });
    expect(left).toEqual(await models.hashes());
  });

  it('makes months in the middle of a transaction', async () => {
    const startMs = Date.UTC(2025, 11, 31, 23, 59);
    const events = recorded(history({ seed: 1, orders: 40, startMs, stepMs: 1_000, stories: ['filled'] }));
    const load = loading();
    await add(load, 0, events.length, 10, events);
    await load.finish();
    const { rows } = await models.pool.query<{ name: string }>(
      'select distinct tableoid::regclass::text as name from read_model.order_events order by 1',
    );
    expect(rows.map(({ name }) => name)).toEqual([
      'read_model.order_events_2025_12',
      'read_model.order_events_2026_01',
    ]);
  });

  it.each([
    ['Postgres refuses', 'OrderAccepted', { brokerOrderId: 'a\0b' }],
    ['does not fit', 'OrderDispatched', { attempt: 3_000_000_000 }],
  ])('ends with a value that %s, and with what was committed before', async (_, wanted, data) => {
    const changed = EVENTS.findIndex(({ type }, index) => index > 250 && type === wanted);
    const events: RecordedEvent[] = EVENTS.map((event, index) =>
      index === changed ? { ...event, data: { ...event.data, ...data } } : event,
    );
    const load = loading({ eventsPerChunk: 100 });
    const loadAll = async () => {
      await add(load, 0, HEAD, 50, events);
      await load.finish();
    };
    await expect(loadAll()).rejects.toThrow(ValueRefused);
    await load.abandon();
    expect(await position()).toBe(load.loaded.position);
    expect(load.loaded.position).toBeLessThanOrEqual(changed);
    expect(load.loaded.position).toBeGreaterThanOrEqual(100);
  });
});
