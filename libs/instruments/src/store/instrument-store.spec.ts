import type { DataSource } from 'typeorm';

import { connect, createDataSource } from '#platform/database';

import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres';
import { demoDataPath } from '../demo-data';
import { loadInstruments, type InstrumentLoad } from '../load';
import { InstrumentStore, marketDateOf, type Provenance, type StoreDatabase } from './instrument-store';
import { instrumentMigrations } from './instrument-tables';

jest.setTimeout(60_000);

const TODAY = '2026-01-02';
const NOON = Date.parse(`${TODAY}T12:00:00+05:30`);

const from = (sha256: string, more: Partial<Provenance> = {}): Provenance => ({
  source: `${sha256}.json.gz`,
  sha256,
  startedAt: NOON - 1_000,
  now: () => NOON,
  ...more,
});

let database: TestDatabase;
let dataSource: DataSource;
let store: InstrumentStore;
let december: InstrumentLoad;
let today: InstrumentLoad;

beforeAll(async () => {
  december = await loadInstruments(demoDataPath('instruments.upstox.2025-12-12.json.gz'), { validFrom: '2025-12-12' });
  today = await loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), { validFrom: TODAY });
});
beforeEach(async () => {
  database = await createTestDatabase();
  const options = { name: 'test', entities: [], migrations: instrumentMigrations };
  dataSource = await connect(createDataSource(database.url, options));
  store = new InstrumentStore(dataSource);
});
afterEach(async () => {
  await dataSource.destroy();
  await database.drop();
});

const count = async (table: string): Promise<number> => {
  const rows = await dataSource.query<{ n: number }[]>(`select count(*)::int as n from reference.${table}`);
  return rows[0]?.n ?? -1;
};
const byKey = (instruments: readonly { instrumentKey: string }[]) =>
  [...instruments].sort((a, b) => (a.instrumentKey < b.instrumentKey ? -1 : 1));

/** What a load looks like when one instrument of it is another. */
const altered = (load: InstrumentLoad, symbol: string, change: object, validFrom = load.validFrom): InstrumentLoad => ({
  ...load,
  validFrom,
  instruments: load.instruments.map((each) => ({ ...each, validFrom, ...(each.symbol === symbol && change) })),
});

it('knows nothing before the first load', async () => {
  expect(await store.latest()).toBeUndefined();
  expect(await store.read()).toBeUndefined();
});

it('gives back what was stored, to the last field', async () => {
  expect(await store.save(today, from('a'))).toMatchObject({
    outcome: 'stored',
    load: { day: TODAY, source: 'a.json.gz', rows: 4178, added: 4178, removed: 0, changed: 0, reusedKeys: 0 },
  });
  const stored = await store.read();
  expect(stored?.load).toMatchObject({ day: TODAY, sha256: 'a', finishedAt: NOON });
  expect(byKey(stored?.instruments ?? [])).toEqual(byKey(today.instruments));
});

it('writes nothing for the same content', async () => {
  await store.save(today, from('a'));
  expect(await store.save(today, from('a'))).toMatchObject({ outcome: 'unchanged', load: { day: TODAY } });
  expect([await count('instruments'), await count('instrument_loads')]).toEqual([4178, 1]);
});

it('writes only what is different, and keeps what was', async () => {
  await store.save(december, from('a', { now: () => Date.parse('2025-12-12T08:00:00+05:30') }));
  const result = await store.save(today, from('b'));
  if (result.outcome !== 'stored') throw new Error(JSON.stringify(result));
  const { added, removed, changed, reusedKeys } = result.load;
  const unchanged = december.instruments.length - removed - changed - reusedKeys;
  expect(unchanged).toBeGreaterThan(20);
  expect(reusedKeys).toBeGreaterThan(60);
  expect(await count('instruments')).toBe(december.instruments.length + added + changed + reusedKeys);
  const now = await store.read();
  expect(now?.instruments.map(({ symbol }) => symbol).sort()).toEqual(
    today.instruments.map(({ symbol }) => symbol).sort(),
  );
  expect(byKey(await store.asOf('2025-12-31'))).toEqual(byKey(december.instruments));
  expect(await store.asOf('2025-12-11')).toEqual([]);
});

it('says since when an instrument is as it is, and shows what is new about it', async () => {
  await store.save(today, from('a'));
  const next = altered(today, 'NSE:RELIANCE', { lotSize: 2 }, '2026-01-05');
  expect(await store.save(next, from('b'))).toMatchObject({
    outcome: 'stored',
    load: {
      changed: 1,
      added: 0,
      removed: 0,
      examples: [{ kind: 'changed', symbol: 'NSE:RELIANCE', fields: ['lotSize'] }],
    },
  });
  const stored = await store.read();
  const find = (symbol: string) => stored?.instruments.find((each) => each.symbol === symbol);
  expect(find('NSE:RELIANCE')).toMatchObject({ lotSize: 2, validFrom: '2026-01-05' });
  expect(find('NSE:TCS')).toMatchObject({ validFrom: TODAY });
});

it('lets a correction of the same day stand in the place of what was wrong', async () => {
  await store.save(today, from('a'));
  await store.save(altered(today, 'NSE:RELIANCE', { lotSize: 2 }), from('b'));
  expect(await count('instruments')).toBe(4178);
  expect(await store.save(today, from('c'))).toMatchObject({ outcome: 'stored', load: { changed: 1 } });
  expect(byKey((await store.read())?.instruments ?? [])).toEqual(byKey(today.instruments));
});

it('takes back what was removed and comes again on the same day', async () => {
  await store.save(today, from('a'));
  const without = { ...today, instruments: today.instruments.filter(({ symbol }) => symbol !== 'NSE:RELIANCE') };
  expect(await store.save(without, from('b'))).toMatchObject({ load: { removed: 1 } });
  expect((await store.read())?.instruments).toHaveLength(4177);
  await store.save(today, from('c'));
  expect(byKey((await store.read())?.instruments ?? [])).toEqual(byKey(today.instruments));
});

describe('what must not take the place of what is held', () => {
  beforeEach(() => store.save(today, from('a')));

  it.each([
    ['an earlier day', () => ({ ...december }), 'the file is of 2025-12-12, older than the catalogue of 2026-01-02'],
    [
      'half a file',
      () => ({ ...today, instruments: today.instruments.slice(0, 2_000) }),
      'only 2000 instruments where the catalogue holds 4178',
    ],
    [
      'yesterday’s file under the name of a later day',
      () => ({ ...today, validFrom: '2026-02-02' }),
      /^\d+ of its contracts expired before 2026-02-02: the file is of an earlier day$/,
    ],
  ])('%s is left, and noted', async (_, load, reason) => {
    expect(await store.save(load(), from('b'))).toEqual({
      outcome: 'kept',
      reason: typeof reason === 'string' ? reason : expect.stringMatching(reason),
    });
    expect((await store.latest())?.sha256).toBe('a');
    expect((await store.read())?.instruments).toHaveLength(4178);
    const rows = await dataSource.query<object[]>(
      `select outcome, sha256 from reference.instrument_loads order by load_id`,
    );
    expect(rows).toMatchObject([{ outcome: 'stored' }, { outcome: 'kept', sha256: 'b' }]);
  });

  it('a file that was that of another day is left, too', async () => {
    await store.save(altered(today, 'NSE:RELIANCE', { lotSize: 2 }, '2026-01-05'), from('b'));
    expect(await store.save({ ...today, validFrom: '2026-01-06' }, from('a'))).toEqual({
      outcome: 'kept',
      reason: 'the same file was loaded as that of 2026-01-02',
    });
  });
});

describe('two at once', () => {
  it('store one load', async () => {
    const results = await Promise.all([store.save(today, from('a')), store.save(today, from('a'))]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['stored', 'unchanged']);
    expect(await count('instruments')).toBe(4178);
  });

  it('with different files leave one of them whole', async () => {
    const other = altered(today, 'NSE:RELIANCE', { lotSize: 2 });
    const results = await Promise.all([store.save(today, from('a')), store.save(other, from('b'))]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['stored', 'stored']);
    const stored = await store.read();
    const expected = stored?.load.sha256 === 'a' ? today : other;
    expect(byKey(stored?.instruments ?? [])).toEqual(byKey(expected.instruments));
  });

  it('give up when the other one never ends', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query('select pg_advisory_xact_lock($1, $2)', [0x636f6f72, 0x696e7374]);
    await expect(new InstrumentStore(dataSource, 200).save(today, from('a'))).rejects.toThrow('has been loading');
    await runner.rollbackTransaction();
    await runner.release();
  });
});

it('a load that dies half-way leaves the day before', async () => {
  await store.save(december, from('a', { now: () => Date.parse('2025-12-12T08:00:00+05:30') }));
  const before = await store.read();
  const dying: StoreDatabase = {
    query: (sql, parameters) => dataSource.query(sql, parameters),
    transaction: (isolation, work) =>
      dataSource.transaction(isolation, (manager) =>
        work({
          query: (sql, parameters) =>
            sql.includes('instrument_loads (day') ? Promise.reject(new Error('gone')) : manager.query(sql, parameters),
        }),
      ),
  };
  await expect(new InstrumentStore(dying).save(today, from('b'))).rejects.toThrow('gone');
  expect(await store.read()).toEqual(before);
  expect(await store.save(today, from('b'))).toMatchObject({ outcome: 'stored' });
});

it('a load is announced until somebody says that it was', async () => {
  await store.save(today, from('a'));
  await store.save(altered(today, 'NSE:TCS', { lotSize: 5 }, '2026-01-05'), from('b'));
  await store.noteFailure('2026-01-06', 'the gzip is cut off', from(''));
  const [first, second, ...more] = await store.unannounced();
  expect([first?.sha256, second?.sha256, more.length]).toEqual(['a', 'b', 0]);
  await store.markAnnounced(first?.loadId ?? 0);
  expect((await store.unannounced()).map(({ sha256 }) => sha256)).toEqual(['b']);
});

describe('the day that counts', () => {
  const at = (time: string) => Date.parse(`${time}+05:30`);

  it('is today, also when today’s master has not come', () =>
    expect(marketDateOf({ day: '2026-01-02', isReplay: false }, at('2026-01-05T07:00:00'))).toBe('2026-01-05'));

  it('is the day of the master before it has begun', () =>
    expect(marketDateOf({ day: '2026-01-05', isReplay: false }, at('2026-01-04T23:59:59'))).toBe('2026-01-05'));

  it('is that of the recording where one is played', async () => {
    const result = await store.save(today, from('a', { now: () => at('2026-11-21T12:00:00') }));
    if (result.outcome !== 'stored') throw new Error(result.outcome);
    expect(marketDateOf(result.load, at('2026-11-22T12:00:00'))).toBe(TODAY);
  });
});
