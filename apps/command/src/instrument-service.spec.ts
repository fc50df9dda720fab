import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { demoDataPath } from '#instruments/demo-data';
import { InstrumentStore, type StoredLoad } from '#instruments/store/instrument-store';
import { instrumentMigrations } from '#instruments/store/instrument-tables';
import { connect, createDataSource } from '#platform/database';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { type Duties, InstrumentService, type InstrumentServiceOptions } from './instrument-service';

jest.setTimeout(60_000);

const MASTER = demoDataPath('instruments.upstox.2026-01-02.json.gz');
const DECEMBER = demoDataPath('instruments.upstox.2025-12-12.json.gz');
const at = (time: string): number => Date.parse(`${time}+05:30`);

let database: TestDatabase;
let dataSource: DataSource;
let store: InstrumentStore;
let folder: string;
let server: Server | undefined;
let running: InstrumentService[];
let nowMs: number;
let alarms: string[];
let errors: unknown[];

beforeEach(async () => {
  database = await createTestDatabase();
  const options = { name: 'test', entities: [], migrations: instrumentMigrations };
  dataSource = await connect(createDataSource(database.url, options));
  store = new InstrumentStore(dataSource);
  folder = mkdtempSync(join(tmpdir(), 'instruments-'));
  running = [];
  alarms = [];
  errors = [];
  nowMs = at('2026-01-02T07:30:00');
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop()));
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
  await dataSource.destroy();
  await database.drop();
  expect(errors).toEqual([]);
});

const service = (options: Partial<InstrumentServiceOptions> = {}): InstrumentService => {
  const made = new InstrumentService({
    store,
    file: MASTER,
    listings: [],
    now: () => nowMs,
    onAlarm: (kind, reason) => alarms.push(`${kind}: ${reason}`),
    onError: (error) => errors.push(error),
    timing: { watchMs: 5, jitterMs: 0, retryMs: 20, retryMaxMs: 40 },
    ...options,
  });
  running.push(made);
  return made;
};
const KEEPER: Duties = { isKeeper: () => true };

const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + 20_000; !(await isSo());) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
/** A few rounds of a process that has nothing to do. */
const rounds = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
};
const serve = async (listener: RequestListener): Promise<string> => {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((started.address() as AddressInfo).port)}/complete.json.gz`;
};
const outcomes = () =>
  dataSource.query<{ outcome: string; reason: string | null }[]>(
    'select outcome, reason from reference.instrument_loads order by load_id',
  );

describe('at the start', () => {
  it('the configured file is stored and held', async () => {
    const instruments = service();
    await instruments.open();
    expect(instruments.catalogue.size).toBe(4178);
    expect(instruments.load).toMatchObject({ day: '2026-01-02', isReplay: false });
    expect(instruments.tradingDate()).toBe('2026-01-02');
  });

  it('a second process with the same file writes nothing', async () => {
    await service().open();
    const second = service();
    await second.open();
    expect(second.catalogue.size).toBe(4178);
    expect(await outcomes()).toHaveLength(1);
  });

  it('what was stored is used when the file is torn, and somebody is told', async () => {
    await service().open();
    const torn = join(folder, 'instruments.2026-01-03.json.gz');
    writeFileSync(torn, readFileSync(MASTER).subarray(0, 100_000));
    const instruments = service({ file: torn });
    nowMs = at('2026-01-03T07:30:00');
    await expect(instruments.open()).resolves.toBeUndefined();
    expect(instruments.catalogue.size).toBe(4178);
    expect(alarms).toEqual([expect.stringMatching(/^master-kept: the gzip is cut off/)]);
    expect(await outcomes()).toEqual([
      { outcome: 'stored', reason: null },
      { outcome: 'kept', reason: expect.stringContaining('gzip is cut off') },
    ]);
  });

  it('a newer day that was loaded by command is used, without an alarm', async () => {
    await service().open();
    const instruments = service({ file: DECEMBER });
    await instruments.open();
    expect(instruments.load.day).toBe('2026-01-02');
    expect(alarms).toEqual([]);
  });

  it('without a file and without a store there is nothing to go on with', async () => {
    await expect(service({ file: join(folder, 'none.2026-01-02.json') }).open()).rejects.toThrow('cannot be read');
  });
});

describe('in the morning', () => {
  /** Yesterday's instruments are held, and the file of today is where it will be. */
  const yesterday = async (file: string): Promise<InstrumentService> => {
    nowMs = at('2025-12-12T08:30:00');
    await service({ file: DECEMBER }).open();
    nowMs = at('2026-01-02T07:59:00');
    const instruments = service({ file });
    await instruments.open();
    return instruments;
  };
  const today = () => join(folder, 'complete.json.gz');

  it('today’s master is read at eight, and not before', async () => {
    copyFileSync(DECEMBER, today());
    const instruments = await yesterday(today());
    instruments.start(KEEPER);
    copyFileSync(MASTER, today());
    await rounds(10);
    expect(instruments.load.day).toBe('2025-12-12');
    nowMs = at('2026-01-02T08:00:00');
    await until('today is held', () => instruments.load.day === '2026-01-02');
    expect(instruments.catalogue.size).toBe(4178);
    expect(instruments.tradingDate()).toBe('2026-01-02');
  });

  it('a broken master is asked for again until it is whole', async () => {
    writeFileSync(today(), '[{"segment"');
    const instruments = await yesterday(today());
    alarms.length = 0;
    instruments.start(KEEPER);
    nowMs = at('2026-01-02T08:00:00');
    await until('an alarm', () => alarms.length > 0);
    expect(alarms[0]).toMatch(/^master-kept: .*cut off/);
    expect(instruments.catalogue.size).toBe(256);
    copyFileSync(MASTER, today());
    nowMs = at('2026-01-02T08:05:00');
    await until('today is held', () => instruments.load.day === '2026-01-02');
  });

  it('is over at nine: one alarm, yesterday stays, and what expired is not tradable any more', async () => {
    copyFileSync(DECEMBER, today());
    const instruments = await yesterday(today());
    instruments.start(KEEPER);
    nowMs = at('2026-01-02T09:00:00');
    await until('an alarm', () => alarms.length > 0);
    await rounds(10);
    expect(alarms).toEqual(['master-late: the master of 2026-01-02 has not come: that of 2025-12-12 stays']);
    const contract = instruments.catalogue.instruments.find(({ expiry = '' }) => expiry === '2025-12-30');
    expect(instruments.tradingDate()).toBe('2026-01-02');
    expect(instruments.catalogue.tradable(contract?.symbol ?? '', instruments.tradingDate())).toBeUndefined();
    expect(instruments.catalogue.tradable(contract?.symbol ?? '', '2025-12-30')).toBe(contract);
  });

  it('the others read nothing and take over what the keeper has stored', async () => {
    copyFileSync(DECEMBER, today());
    const other = await yesterday(today());
    const keeper = service({ file: today() });
    await keeper.open();
    copyFileSync(MASTER, today());
    nowMs = at('2026-01-02T08:00:00');
    other.start({ isKeeper: () => false });
    await rounds(10);
    expect(other.load.day).toBe('2025-12-12');
    keeper.start(KEEPER);
    await until('both hold today', () => [keeper, other].every(({ load }) => load.day === '2026-01-02'));
    expect(other.catalogue.size).toBe(4178);
    expect((await outcomes()).filter(({ outcome }) => outcome === 'stored')).toHaveLength(2);
  });

  it('a file with a day in its name is that day’s for ever, and never read again', async () => {
    const instruments = service();
    await instruments.open();
    instruments.start(KEEPER);
    nowMs = at('2026-01-03T08:30:00');
    await rounds(10);
    expect(await outcomes()).toHaveLength(1);
  });

  it('what the other files say is due at six, in every process, once, and again after a failure', async () => {
    const due: string[] = [];
    const instruments = service();
    await instruments.open();
    nowMs = at('2026-01-05T05:59:00');
    const onFactsDue = (day: string): Promise<void> => {
      due.push(day);
      return due.length === 1 ? Promise.reject(new Error('not there yet')) : Promise.resolve();
    };
    instruments.start({ isKeeper: () => false, onFactsDue });
    await rounds(5);
    expect(due).toEqual([]);
    nowMs = at('2026-01-05T06:00:00');
    await until('an alarm', () => alarms.includes('facts-failed: not there yet'));
    nowMs = at('2026-01-05T06:01:00');
    await until('a second time', () => due.length === 2);
    await rounds(10);
    expect(due).toEqual(['2026-01-05', '2026-01-05']);
  });
});

describe('a load', () => {
  it('is announced once by the keeper, and again when it may not have been heard', async () => {
    const heard: number[] = [];
    const instruments = service();
    await instruments.open();
    const onChanged = ({ loadId }: StoredLoad): Promise<void> => {
      heard.push(loadId);
      return heard.length === 1 ? Promise.reject(new Error('the log is away')) : Promise.resolve();
    };
    instruments.start({ isKeeper: () => true, onChanged });
    await until('heard twice', () => heard.length === 2);
    await until('marked', async () => (await store.unannounced()).length === 0);
    await rounds(10);
    expect(heard).toEqual([instruments.load.loadId, instruments.load.loadId]);
    expect(errors.splice(0)).toMatchObject([{ message: 'the log is away' }]);
  });
});

describe('over HTTP', () => {
  it('a master is read like a file, and is of the day on which it is read', async () => {
    const url = await serve((_, response) => response.end(readFileSync(MASTER)));
    const instruments = service({ file: `${url}?token=secret` });
    await instruments.open();
    expect(instruments.load).toMatchObject({ day: '2026-01-02', source: 'complete.json.gz', rows: 4178 });
  });

  it.each<[string, RequestListener, RegExp]>([
    ['an error', (_, response) => response.writeHead(503).end('no'), /answered with status 503/],
    ['another place', (_, response) => response.writeHead(302, { location: '/' }).end(), /status 302/],
    [
      'less than it promised',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000000' });
        response.write(readFileSync(MASTER).subarray(0, 1_000), () => response.destroy());
      },
      /cannot be read/,
    ],
    ['nothing at all', () => undefined, /not read within 300 ms/],
  ])('%s is no master', async (_, listener, reason) => {
    const file = await serve(listener);
    const instruments = service({ file, timing: { readTimeoutMs: 300 } });
    await expect(instruments.open()).rejects.toThrow(reason);
  });
});
