import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { DEMO_DAY, demoDataPath } from '#instruments/demo-data';
import { type InstrumentLoad, loadInstruments } from '#instruments/load';
import { InstrumentStore } from '#instruments/store/instrument-store';
import { instrumentMigrations } from '#instruments/store/instrument-tables';
import { readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { InProcessHotState } from '#platform/hot-state-in-process';
import { type HttpApp, startHttpApp } from '#platform/http';
import { Identities } from '#platform/identities';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { createLogger } from '#platform/logging';
import { readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { problemOfQuery } from './problems';
import { QueryModule } from './query.module';

jest.setTimeout(60_000);

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: {
    readonly code?: string;
    readonly day?: string;
    readonly items?: readonly Readonly<Record<string, unknown>>[];
    readonly errors?: readonly { readonly field: string }[];
  };
}

describe('GET /v2/instruments/search', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let app: HttpApp;
  let key: string;
  let today: InstrumentLoad;
  let end: () => Promise<void>;

  beforeAll(async () => {
    today = await loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), { validFrom: DEMO_DAY });
    database = await createTestDatabase();
    const migrations = [...identityMigrations, ...instrumentMigrations, ...readModelMigrations];
    dataSource = await connect(
      createDataSource(database.url, { name: 'test', entities: identityEntities, migrations }),
    );
    const logger = createLogger({ name: 'test', level: 'silent' });
    const identities = new Identities({ dataSource, jwtSecret: 'a secret for tests only, long enough', logger });
    const person = { email: 'ann@example.com', password: 'correct horse battery', role: 'trader' } as const;
    ({ apiKey: key } = await identities.register(person, () => Promise.resolve(randomUUID())));
    const pool = openPool(database.url, { name: 'query', max: 2, statementTimeoutMs: 500, onTrouble: () => undefined });
    const platform = { config: readConfig({}), logger, dataSource, identities, hotState: new InProcessHotState() };
    app = await startHttpApp(
      QueryModule.forRoot(platform, pool, () => Promise.resolve(0)),
      {
        ...{
          host: '127.0.0.1',
          port: 0,
          portVariable: 'QUERY_PORT',
          title: 'Queries',
          description: 'For tests',
          logger,
        },
        ...{ shutdownTimeoutMs: 1_000, translate: problemOfQuery },
      },
    );
    end = async () => {
      await app.close();
      await pool.end();
    };
  });
  afterAll(async () => {
    await end();
    await dataSource.destroy();
    await database.drop();
  });

  const search = async (
    parameters: string,
    headers: Record<string, string> = { 'x-api-key': key },
  ): Promise<Answer> => {
    const response = await fetch(`${app.url}/v2/instruments/search?${parameters}`, { headers });
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: (await response.json()) as Answer['body'],
    };
  };
  const symbols = ({ body }: Answer) => (body.items ?? []).map(({ symbol }) => symbol);
  /** Asks until the answer is as it should be, for at most twenty seconds. */
  const until = async (parameters: string, isRight: (answer: Answer) => boolean): Promise<Answer> => {
    for (const deadline = Date.now() + 20_000; ;) {
      const answer = await search(parameters);
      if (isRight(answer)) return answer;
      if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const store = (load: InstrumentLoad, sha256: string) =>
    new InstrumentStore(dataSource).save(load, {
      source: sha256,
      sha256,
      startedAt: Date.now(),
      now: () => Date.now(),
    });

  it('says before the first load that there is nothing to search, and when to ask again', async () => {
    expect(await search('query=reliance')).toMatchObject({
      status: 503,
      retryAfter: '2',
      body: { code: 'INSTRUMENTS_NOT_LOADED' },
    });
  });

  it('finds what was loaded while it runs', async () => {
    expect(await store(today, 'a')).toMatchObject({ outcome: 'stored' });
    const { body } = await until('query=reliance&limit=1', ({ status }) => status === 200);
    expect(body).toEqual({
      day: DEMO_DAY,
      items: [
        {
          symbol: 'NSE:RELIANCE',
          instrumentKey: 'NSE_EQ|INE002A01018',
          name: 'RELIANCE INDUSTRIES LTD',
          exchange: 'NSE',
          segment: 'NSE_EQ',
          type: 'EQ',
          expiry: null,
          strike: null,
          lotSize: 1,
          tickSize: 0.1,
          freezeQuantity: null,
          isin: 'INE002A01018',
        },
      ],
    });
  });

  it('finds a contract by expiry and strike', async () => {
    const { body } = await search(`query=${encodeURIComponent('NIFTY 27 JAN 26000 CE')}&limit=1`);
    expect(body.items).toMatchObject([
      {
        symbol: 'NSE:NIFTY 26000 CE 27 JAN 26',
        type: 'CE',
        expiry: '2026-01-27',
        strike: 26_000,
        lotSize: 65,
        tickSize: 0.05,
        freezeQuantity: 1_755,
        isin: null,
      },
    ]);
  });

  it('narrows down by exchange, segment and type', async () => {
    expect(symbols(await search('query=reliance&exchange=BSE&limit=1'))).toEqual(['BSE:RELIANCE']);
    expect(symbols(await search('query=reliance&segment=NSE_FO&type=FUT&limit=1'))).toEqual([
      'NSE:RELIANCE FUT 27 JAN 26',
    ]);
  });

  it.each([
    ['', 'query'],
    ['query=', 'query'],
    [`query=${'x'.repeat(101)}`, 'query'],
    ['query=x&limit=0', 'limit'],
    ['query=x&limit=101', 'limit'],
    ['query=x&exchange=NYSE', 'exchange'],
    ['query=x&segment=NSE', 'segment'],
    ['query=x&type=%27', 'type'],
  ])('refuses ?%s and names the parameter', async (parameters, field) => {
    const { status, body } = await search(parameters);
    expect(status).toBe(400);
    expect(body.errors?.map((error) => error.field)).toEqual([field]);
  });

  it('answers nobody who is not known', async () => {
    expect((await search('query=reliance', {})).status).toBe(401);
  });

  it('takes over a newer load within seconds', async () => {
    const renamed = today.instruments.map((each) => ({
      ...each,
      ...(each.symbol === 'NSE:RELIANCE' && { symbol: 'NSE:NEWNAME', tradingSymbol: 'NEWNAME' }),
    }));
    await store({ ...today, instruments: renamed }, 'b');
    const answer = await until('query=newname', ({ body }) => (body.items ?? []).length > 0);
    expect(symbols(answer)[0]).toBe('NSE:NEWNAME');
  });
});
