import fc from 'fast-check';
import { DataSource } from 'typeorm';
import { createTestReadModels, type TestReadModels } from '../../../test/support/read-models';
import { history, recorded, storyOf } from '../../../test/support/events';
import { foldBatch, read } from './batch';
import { BulkTable } from './bulk-table';
import { copyIn } from './copy-in';
import { readModelEntities } from './database';
import { OpenWorkRow } from './open-work/open-work-row';
import { OrderRow } from './orders/order-row';
import { TradeRow } from './trades/trade-row';

const foldAll = (events = storyOf('filled')) =>
  foldBatch(read(events), { order: () => null, work: () => null, position: () => null });
const someOrder = (): OrderRow => {
  const [row] = foldAll().orders.values();
  if (!row) throw new Error('the story has an order');
  return row;
};

jest.setTimeout(60_000);

describe('rows that move in bulk', () => {
  let models: TestReadModels;
  beforeAll(async () => (models = await createTestReadModels()));
  afterAll(() => models.drop());
  beforeEach(() => models.reset());

  const orders = new BulkTable(OrderRow, 'read_model');
  const load = async (ids: readonly string[]) => {
    const { rows } = await models.pool.query<unknown[]>(orders.select('orderId', ids));
    return rows.map((row) => orders.row(row));
  };

  it('come back as they were stored', async () => {
    const rows = [...foldAll(recorded(history({ seed: 5, orders: 300 }))).orders.values()];
    await models.pool.query(orders.upsert(rows));
    const loaded = await load(rows.map(({ orderId }) => orderId));
    const byId = new Map(loaded.map((row) => [row.orderId, { ...row }]));
    expect(loaded).toHaveLength(rows.length);
    for (const row of rows) expect(byId.get(row.orderId)).toEqual(row);
  });

  const copy = async (rows: readonly OrderRow[]) => {
    const client = await models.pool.connect();
    try {
      await copyIn(client, orders.copy(rows));
    } finally {
      client.release();
    }
  };
  const hashOf = async () => (await models.hashes()).orders;

  it('are the same rows when they are copied', async () => {
    const rows = [...foldAll(recorded(history({ seed: 6, orders: 300 }))).orders.values()];
    await models.pool.query(orders.insert(rows));
    const inserted = await hashOf();
    await models.reset();
    await copy(rows);
    expect(await hashOf()).toEqual(inserted);
    expect(inserted.rows).toBe(300);
  });

  it('are the same when they are copied, whatever is in them', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          reason: fc.option(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))),
          priceE4: fc.option(fc.maxSafeInteger()),
          averagePriceE4: fc.option(fc.constantFrom(0, 1, -1, 9_999, 10_000, 10_001, -100_000_000, 123_450_000)),
          filledValueE4: fc.maxSafeInteger(),
          updatedAt: fc.integer({ min: 0, max: 253_402_300_799_999 }),
          position: fc.maxSafeInteger(),
          quantity: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
          pendingCancel: fc.boolean(),
        }),
        async (fields) => {
          const row = { ...someOrder(), ...fields };
          await models.pool.query('truncate read_model.orders');
          await models.pool.query(orders.insert([row]));
          const inserted = await hashOf();
          await models.pool.query('truncate read_model.orders');
          await copy([row]);
          expect(await hashOf()).toEqual(inserted);
        },
      ),
      { numRuns: 60 },
    ));

  it.each<[string, Partial<OrderRow>, string]>([
    ['a number beyond its column', { attempt: 3_000_000_000 }, 'out of range for integer'],
    ['an id that is none', { intentId: 'nobody' }, 'is not a UUID'],
    ['text with a character that Postgres cannot store', { reason: 'a\0b' }, 'invalid byte sequence'],
  ])('are refused when they are copied with %s, and the connection goes on', async (_, fields, message) => {
    await expect((async () => copy([{ ...someOrder(), ...fields }]))()).rejects.toThrow(message);
    await copy([someOrder()]);
    expect((await hashOf()).rows).toBe(1);
  });

  it('are refused when a copy finds one there already', async () => {
    await copy([someOrder()]);
    await expect(copy([someOrder()])).rejects.toThrow('duplicate key');
  });

  it.each([
    'NULL',
    '',
    '{}',
    '"quoted"',
    "'; drop schema read_model cascade; --",
    'back\\slash, comma {brace}',
    'शेयर बाज़ार 📈',
    'line\nbreak\ttab',
  ])('keep any text to the letter: %j', async (text) => {
    const row = { ...someOrder(), reason: text, clientOrderId: text, verdicts: JSON.stringify([{ check: text }]) };
    await models.pool.query(orders.insert([row]));
    expect({ ...(await load([row.orderId]))[0] }).toEqual(row);
  });

  it.each([0, 1, 9_999, 10_000, 14_123_000, 9_007_199_254_740_991, -1, -12_345])(
    'keep an amount of %d ten-thousandths of a rupee exactly',
    async (amountE4) => {
      const row = { ...someOrder(), priceE4: amountE4, filledValueE4: amountE4 };
      await models.pool.query(orders.insert([row]));
      const { rows } = await models.pool.query<{ exact: boolean }>(
        `select price = ${String(amountE4)} / 10000::numeric as exact from read_model.orders`,
      );
      expect(rows).toEqual([{ exact: true }]);
      expect((await load([row.orderId]))[0]?.priceE4).toBe(amountE4);
    },
  );

  it.each([0, 1, 1_767_325_500_123, 4_102_444_799_999, 253_402_300_799_999])(
    'keep an instant of %d ms exactly',
    async (ms) => {
      const row = { ...someOrder(), updatedAt: ms };
      await models.pool.query(orders.insert([row]));
      expect((await load([row.orderId]))[0]?.updatedAt).toBe(ms);
      const { rows } = await models.pool.query<{ at: Date }>('select updated_at as at from read_model.orders');
      expect(rows[0]?.at.toISOString()).toBe(new Date(ms).toISOString());
    },
  );

  it('stay as they are when inserted again, and change when upserted', async () => {
    const row = someOrder();
    await models.pool.query(orders.insert([row]));
    await models.pool.query(orders.insert([{ ...row, status: 'CANCELLED' }]));
    expect((await load([row.orderId]))[0]?.status).toBe('FILLED');
    await models.pool.query(orders.upsert([{ ...row, status: 'CANCELLED' }]));
    expect((await load([row.orderId]))[0]?.status).toBe('CANCELLED');
  });

  it('keep what was asked for when they change', async () => {
    const row = someOrder();
    await models.pool.query(orders.upsert([row]));
    await models.pool.query(orders.upsert([{ ...row, symbol: 'NSE:OTHER' }]));
    expect((await load([row.orderId]))[0]?.symbol).toBe(row.symbol);
  });

  it('go by their key', async () => {
    const work = new BulkTable(OpenWorkRow, 'read_model');
    const rows = [...foldAll(recorded(history({ seed: 1, orders: 5, stories: ['open'] }))).openWork.values()];
    const open = rows.filter((row) => row !== null);
    await models.pool.query(work.upsert(open));
    await models.pool.query(work.delete(open.slice(1)));
    const { rows: left } = await models.pool.query<{ id: string }>('select id from read_model.open_work');
    expect(left).toEqual([{ id: open[0]?.id }]);
  });

  it('are the same rows for TypeORM', async () => {
    const { orders: folded, trades } = foldAll();
    await models.pool.query(orders.upsert([...folded.values()]));
    await models.pool.query(
      "create table read_model.trades_2026_01 partition of read_model.trades for values from ('2026-01-01') to ('2026-02-01')",
    );
    await models.pool.query(new BulkTable(TradeRow, 'read_model').insert(trades));
    const source = new DataSource({ type: 'postgres', url: models.url, entities: readModelEntities });
    await source.initialize();
    try {
      const found = await source.manager.find(OrderRow);
      // TypeORM parses a json column; in bulk it stays text.
      expect(found.map((row) => ({ ...row, verdicts: JSON.stringify(row.verdicts) }))).toEqual([...folded.values()]);
      expect((await source.manager.find(TradeRow)).map((row) => ({ ...row }))).toEqual(trades);
    } finally {
      await source.destroy();
    }
  });
});
