import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { account, type AccountEvent } from '#domain/accounts/account';
import type { RecordedEvent } from '#event-log/event-log';
import { readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import type { HotState } from '#platform/hot-state';
import { InProcessHotState } from '#platform/hot-state-in-process';
import { type HttpApp, startHttpApp } from '#platform/http';
import { Identities } from '#platform/identities';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { createLogger } from '#platform/logging';
import { readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { Checkpoints } from '#read-models/checkpoints';
import { Projector } from '#read-models/projector';
import { history, recorded, STORY_NAMES } from '../../../test/support/events';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { encodeCursor, encodeTexts } from './filters';
import { problemOfQuery } from './problems';
import { QueryModule } from './query.module';

jest.setTimeout(60_000);

const STATEMENT_TIMEOUT_MS = 500;
const [ANN, BEN, BEN_TOO, CARA, NOBODY] = [randomUUID(), randomUUID(), randomUUID(), randomUUID(), randomUUID()];
const EVENTS = recorded([
  ...history({ seed: 4, orders: 160, accounts: [ANN, BEN, BEN_TOO], concurrency: 20, stepMs: 3, stories: STORY_NAMES }),
  // Somebody who trades on several days.
  ...history({ seed: 5, orders: 60, accounts: [CARA], concurrency: 5, stepMs: 1_800_000, stories: STORY_NAMES }),
]);
const HEAD = EVENTS.length;

/** The accounts an order of the history belongs to, by order id. */
const OWNERS = new Map(
  EVENTS.filter(({ type }) => type === 'OrderPlaced' || type === 'OrderDenied').map(({ stream, meta }) => [
    stream.slice('order-'.length),
    meta.accountId,
  ]),
);
const ordersOf = (...accountIds: string[]) =>
  [...OWNERS].filter(([, owner]) => accountIds.includes(owner)).map(([id]) => id);
const orderOf = (accountId: string): string => ordersOf(accountId)[0] ?? '';
const eventsOf = (orderId: string): RecordedEvent[] => EVENTS.filter(({ stream }) => stream === `order-${orderId}`);

interface Item {
  readonly [field: string]: unknown;
  readonly orderId: string;
  readonly accountId: string;
  readonly placedAt: string;
  readonly tradedAt: string;
}
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

describe('the query app', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let pool: Pool;
  let projectorPool: Pool;
  let projector: Projector;
  let app: HttpApp;
  let startApp: (environment: Record<string, string>, hotState: HotState) => Promise<HttpApp>;
  let head = (): Promise<number> => Promise.reject(new Error('nobody wants to know'));
  const keys: Record<'ann' | 'ben' | 'cara' | 'auditor', string> = { ann: '', ben: '', cara: '', auditor: '' };

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await connect(
      createDataSource(database.url, {
        name: 'test',
        entities: identityEntities,
        migrations: [...identityMigrations, ...readModelMigrations],
      }),
    );
    const logger = createLogger({ name: 'test', level: 'silent' });
    const identities = new Identities({ dataSource, jwtSecret: 'a secret for tests only, long enough', logger });
    const register = async (name: string, accountId: string, role: 'trader' | 'auditor' = 'trader') =>
      identities.register({ email: `${name}@example.com`, password: 'correct horse battery', role }, () =>
        Promise.resolve(accountId),
      );
    keys.ann = (await register('ann', ANN)).apiKey;
    const ben = await register('ben', BEN);
    await identities.addAccount(ben.userId, BEN_TOO, 'second');
    keys.ben = ben.apiKey;
    keys.cara = (await register('cara', CARA)).apiKey;
    keys.auditor = (await register('auditor', NOBODY, 'auditor')).apiKey;

    pool = openPool(database.url, {
      name: 'query',
      max: 6,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      onTrouble: () => undefined,
    });
    projectorPool = openPool(database.url, {
      name: 'projector',
      max: 2,
      statementTimeoutMs: 30_000,
      onTrouble: () => undefined,
    });
    projector = new Projector(projectorPool);
    await projector.project({ after: 0, next: HEAD, events: EVENTS });
    startApp = (environment, hotState) => {
      const platform = { config: readConfig(environment), logger, dataSource, identities, hotState };
      return startHttpApp(
        QueryModule.forRoot(platform, pool, () => head()),
        {
          host: '127.0.0.1',
          port: 0,
          portVariable: 'QUERY_PORT',
          title: 'Queries',
          description: 'For tests',
          logger,
          shutdownTimeoutMs: 1_000,
          translate: problemOfQuery,
        },
      );
    };
    app = await startApp({}, new InProcessHotState());
  });
  afterAll(async () => {
    await app.close();
    await Promise.all([pool.end(), projectorPool.end()]);
    await dataSource.destroy();
    await database.drop();
  });

  const get = async (
    path: string,
    key = keys.ann,
    headers: Record<string, string> = {},
    { url } = app,
  ): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, { headers: { 'x-api-key': key, ...headers } });
    const text = await response.text();
    const body = JSON.parse(text) as Answer['body'] & Pick<Answer, 'items' | 'nextCursor'>;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body,
      items: body.items,
      nextCursor: body.nextCursor,
    };
  };
  /** Every item of a list, page by page. */
  const walk = async (path: string, key: string): Promise<Item[]> => {
    const items: Item[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Answer = await get(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`, key);
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  };
  const ids = (items: readonly Item[]) => items.map(({ orderId }) => orderId);

  describe('the order book', () => {
    it('lists the newest first', async () => {
      const { status, items } = await get('/v2/orders');
      expect(status).toBe(200);
      const times = items.map(({ placedAt }) => placedAt);
      expect(times).toEqual([...times].sort().reverse());
      expect(items.length).toBeGreaterThan(10);
    });

    it('shows a trader own orders only, all of them', async () => {
      expect(ids(await walk('/v2/orders?limit=200', keys.ann)).sort()).toEqual(ordersOf(ANN).sort());
    });

    it('merges the accounts of a trader who has several', async () => {
      const items = await walk('/v2/orders?limit=7', keys.ben);
      expect(ids(items).sort()).toEqual(ordersOf(BEN, BEN_TOO).sort());
      const times = items.map(({ placedAt, orderId }) => `${placedAt} ${orderId}`);
      expect(times).toEqual([...times].sort().reverse());
    });

    it('narrows down to one account', async () => {
      expect(ids(await walk(`/v2/orders?accountId=${BEN_TOO}&limit=200`, keys.ben)).sort()).toEqual(
        ordersOf(BEN_TOO).sort(),
      );
    });

    it('shows an auditor every order', async () => {
      expect(ids(await walk('/v2/orders?limit=200', keys.auditor)).sort()).toEqual([...OWNERS.keys()].sort());
    });

    it('does not know the account of somebody else', async () => {
      for (const accountId of [BEN, randomUUID()])
        expect(await get(`/v2/orders?accountId=${accountId}`)).toMatchObject({
          status: 404,
          body: { code: 'ACCOUNT_NOT_FOUND' },
        });
    });

    it.each([1, 7, 50, 200])('is complete and without repetition in pages of %d', async (limit) => {
      const items = await walk(`/v2/orders?limit=${String(limit)}`, keys.auditor);
      expect(items).toHaveLength(OWNERS.size);
      expect(new Set(ids(items)).size).toBe(OWNERS.size);
    });

    it('gives 50 unless asked for more or less', async () => {
      expect((await get('/v2/orders', keys.auditor)).items).toHaveLength(50);
    });

    it.each([
      ['status=FILLED', ({ status }: Item) => status === 'FILLED'],
      ['status=PARTIALLY_FILLED', ({ status }: Item) => status === 'PARTIALLY_FILLED'],
      ['side=SELL', ({ side }: Item) => side === 'SELL'],
      ['product=MIS', ({ product }: Item) => product === 'MIS'],
      ['broker=paper', ({ broker }: Item) => broker === 'paper'],
      ['symbol=NSE:TCS', ({ symbol }: Item) => symbol === 'NSE:TCS'],
      ['symbol=nse:tcs', ({ symbol }: Item) => symbol === 'NSE:TCS'],
      [
        'side=BUY&status=FILLED&product=CNC&broker=paper&symbol=NSE:TCS',
        ({ side, status, product, symbol }: Item) =>
          side === 'BUY' && status === 'FILLED' && product === 'CNC' && symbol === 'NSE:TCS',
      ],
      ['side=BUY&status=FILLED&product=CNC&broker=nobody&symbol=NSE:TCS', () => false],
    ] satisfies [string, (item: Item) => boolean][])('filters by %s', async (filter, holds) => {
      const all = await walk('/v2/orders?limit=200', keys.auditor);
      const filtered = await walk(`/v2/orders?limit=3&${filter}`, keys.auditor);
      expect(ids(filtered)).toEqual(ids(all.filter(holds)));
    });

    it('filters by the time of placing, from (inclusive) and to (exclusive), whatever the offset', async () => {
      const all = await walk('/v2/orders?limit=200', keys.auditor);
      const [from, to] = [all[100]?.placedAt ?? '', all[20]?.placedAt ?? ''];
      const wanted = ids(all.filter(({ placedAt }) => placedAt >= from && placedAt < to));
      expect(wanted.length).toBeGreaterThan(70);
      expect(ids(await walk(`/v2/orders?limit=200&from=${from}&to=${to}`, keys.auditor))).toEqual(wanted);
      const inIndia = `${new Date(Date.parse(from) + 5.5 * 3_600_000).toISOString().slice(0, -1)}%2B05:30`;
      expect(ids(await walk(`/v2/orders?limit=200&from=${inIndia}&to=${to}`, keys.auditor))).toEqual(wanted);
    });

    it('leaves the verdicts to the single order', async () => {
      expect((await get('/v2/orders')).items[0]).not.toHaveProperty('verdicts');
    });
  });

  describe('one order', () => {
    it('is told with its verdicts, its version as ETag, and in the units of the API', async () => {
      const events = EVENTS.filter(({ type }) => type === 'OrderFilled');
      const filled = events.find(({ meta }) => meta.accountId === ANN);
      const orderId = filled?.stream.slice('order-'.length) ?? '';
      const [placed] = eventsOf(orderId);
      const { status, headers, body } = await get(`/v2/orders/${orderId}`);
      expect(status).toBe(200);
      expect(headers.get('etag')).toBe(`"${String(eventsOf(orderId).at(-1)?.revision)}"`);
      expect(body).toMatchObject({
        orderId,
        accountId: ANN,
        version: eventsOf(orderId).at(-1)?.revision,
        placedAt: new Date(placed?.meta.at ?? 0).toISOString(),
        verdicts: placed && Reflect.get(placed.data, 'verdicts'),
      });
    });

    it('writes amounts as plain decimals that a client can compute with exactly', async () => {
      const orderId = orderOf(ANN);
      await pool.query(
        'update read_model.orders set price = 1412.3, trigger_price = 0.0025, average_price = 12345678901.2345, filled_value = 100 where order_id = $1',
        [orderId],
      );
      const { text } = await get(`/v2/orders/${orderId}`);
      expect(text).toContain('"price":1412.3,"triggerPrice":0.0025,');
      expect(text).toContain('"averagePrice":12345678901.2345,');
      expect(text).toContain('"filledValue":100,');
    });

    it('may be asked for in capitals', async () =>
      expect(await get(`/v2/orders/${orderOf(ANN).toUpperCase()}`)).toMatchObject({ status: 200 }));

    it.each(['', '/history', '/trades'])('does not exist for anybody else: /v2/orders/{id}%s', async (path) => {
      for (const orderId of [orderOf(BEN), randomUUID()])
        expect(await get(`/v2/orders/${orderId}${path}`)).toMatchObject({
          status: 404,
          body: { code: 'ORDER_NOT_FOUND' },
        });
      expect((await get(`/v2/orders/${orderOf(BEN)}${path}`, keys.auditor)).status).toBe(200);
    });

    it.each(['1', 'null', "'%20or%201=1", '%00', '0'.repeat(5_000), '%F0%9F%93%88'])(
      'is refused for an id that is none: %j',
      async (orderId) => {
        for (const path of ['', '/history', '/trades']) {
          const { status } = await get(`/v2/orders/${orderId}${path}`);
          expect([400, 404, 414]).toContain(status);
        }
        expect(await get('/v2/orders/1')).toMatchObject({ body: { errors: [{ field: 'orderId' }] } });
      },
    );
  });

  describe('the history of an order', () => {
    it('tells every event, oldest first, with the version it led to', async () => {
      const orderId = orderOf(ANN);
      const { items, nextCursor } = await get(`/v2/orders/${orderId}/history`);
      expect(items.map(({ type, version, at, position }) => ({ type, version, at, position }))).toEqual(
        eventsOf(orderId).map(({ type, revision, meta, position }) => ({
          type,
          version: revision,
          at: new Date(meta.at).toISOString(),
          position,
        })),
      );
      expect(nextCursor).toBeNull();
    });

    it('tells amounts in rupees and instants as text', async () => {
      const fill = EVENTS.find(({ type, meta }) => type === 'OrderFilled' && meta.accountId === ANN);
      const { items, text } = await get(`/v2/orders/${fill?.stream.slice('order-'.length) ?? ''}/history`);
      const priceE4: unknown = fill && Reflect.get(fill.data, 'priceE4');
      const tradedAt: unknown = fill && Reflect.get(fill.data, 'tradedAt');
      expect(items.find(({ position }) => position === fill?.position)).toMatchObject({
        data: { price: Number(priceE4) / 10_000, tradedAt: new Date(Number(tradedAt)).toISOString() },
      });
      expect(text).not.toContain('E4"');
    });

    it('comes in pages, too', async () => {
      const orderId = orderOf(ANN);
      const items = await walk(`/v2/orders/${orderId}/history?limit=1`, keys.ann);
      expect(items.map(({ version }) => version)).toEqual(eventsOf(orderId).map(({ revision }) => revision));
    });
  });

  describe('trades', () => {
    const fillsOf = (...accountIds: string[]) =>
      EVENTS.filter(({ type, meta }) => type === 'OrderFilled' && accountIds.includes(meta.accountId));

    it('are listed newest first, own ones only, in pages without repetition', async () => {
      const items = await walk('/v2/trades?limit=5', keys.ben);
      expect(items.map(({ position }) => position).sort()).toEqual(
        fillsOf(BEN, BEN_TOO)
          .map(({ position }) => position)
          .sort(),
      );
      const times = items.map(({ tradedAt }) => tradedAt);
      expect(times).toEqual([...times].sort().reverse());
    });

    it('can be filtered like orders', async () => {
      const all = await walk('/v2/trades?limit=200', keys.auditor);
      const filtered = await walk('/v2/trades?limit=200&side=SELL&symbol=NSE:SBIN', keys.auditor);
      expect(filtered).toEqual(all.filter(({ side, symbol }) => side === 'SELL' && symbol === 'NSE:SBIN'));
    });

    it('of one order come oldest first', async () => {
      const [fill] = fillsOf(ANN);
      const orderId = fill?.stream.slice('order-'.length) ?? '';
      const { items } = await get(`/v2/orders/${orderId}/trades`);
      expect(items.map(({ tradeId }) => tradeId)).toEqual(
        eventsOf(orderId)
          .filter(({ type }) => type === 'OrderFilled')
          .map(({ data }) => Reflect.get(data, 'tradeId') as unknown),
      );
    });
  });

  describe('what trading costs', () => {
    interface Posted {
      readonly [field: string]: unknown;
      readonly orderId: string;
      readonly tradeId: string;
      readonly instrumentKey: string;
      readonly product: string;
      readonly side: string;
      readonly quantity: number;
      readonly priceE4: number;
      readonly realisedE4: number;
      readonly tradingDate: string;
      readonly charges?: Readonly<Record<string, number>>;
    }
    const posted = (accountId: string): Posted[] =>
      EVENTS.filter(({ type, stream }) => type === 'MarginPosted' && stream === `account-${accountId}`).map(
        ({ data }) => data as unknown as Posted,
      );
    const charged = (accountId: string) => posted(accountId).filter(({ charges }) => charges !== undefined);
    const E4 = (rupees: unknown) => Math.round(Number(rupees) * 10_000);
    /** Of many: line by line, in 1/10,000 rupee. */
    const sumOf = (all: readonly Readonly<Record<string, number>>[], toE4: (value: number) => number) => {
      const sums = new Map<string, number>();
      for (const charges of all)
        for (const [line, value] of Object.entries(charges)) {
          const name = line.replace(/E4$/, '');
          sums.set(name, (sums.get(name) ?? 0) + toE4(value));
        }
      return Object.fromEntries(sums);
    };
    const recordedSum = (all: readonly Posted[]) =>
      sumOf(
        all.map(({ charges = {} }) => charges),
        Number,
      );
    const toldSum = (all: readonly Item[]) =>
      sumOf(
        all.map(({ charges }) => charges as Readonly<Record<string, number>>),
        E4,
      );
    const daysOf = (accountId: string) => [...new Set(charged(accountId).map(({ tradingDate }) => tradingDate))].sort();

    it('is estimated with the order, and null where nobody knew it', async () => {
      const placed = EVENTS.filter(({ type, meta }) => type === 'OrderPlaced' && meta.accountId === ANN);
      const known = new Set<boolean>();
      for (const { stream, data } of placed) {
        const { body } = await get(`/v2/orders/${stream.slice('order-'.length)}`);
        const estimate = Reflect.get(data, 'charges') as Readonly<Record<string, number>> | undefined;
        known.add(estimate !== undefined);
        if (estimate === undefined) expect(body['charges']).toBeNull();
        else expect(sumOf([body['charges'] as Record<string, number>], E4)).toEqual(sumOf([estimate], Number));
      }
      expect(known).toEqual(new Set([true, false]));
    });

    it.each([
      ['one account', 'ann', [ANN]],
      ['several accounts', 'ben', [BEN, BEN_TOO]],
    ] as const)('stands beside the trades of %s, null where it is not known', async (_, who, accounts) => {
      const expected = accounts
        .flatMap(posted)
        .map(({ orderId, tradeId, charges }) => `${orderId} ${tradeId} ${String(charges?.['totalE4'] ?? null)}`);
      const items = await walk('/v2/trades?limit=7', keys[who]);
      const told = items.map(
        ({ orderId, tradeId, charges }) =>
          `${orderId} ${String(tradeId)} ${String(charges === null ? null : E4(charges))}`,
      );
      expect(told.sort()).toEqual(expected.sort());
      expect(told.some((text) => text.endsWith('null')) && told.some((text) => !text.endsWith('null'))).toBe(true);
      const [first] = items;
      const ofOrder = await get(`/v2/orders/${first?.orderId ?? ''}/trades`, keys[who]);
      expect(ofOrder.items.find(({ tradeId }) => tradeId === first?.['tradeId'])).toEqual(first);
    });

    it('is told by contract note, the latest first, in pages without repetition', async () => {
      const days = daysOf(CARA);
      expect(days.length).toBeGreaterThan(3);
      const notes = await walk('/v2/charges/notes?limit=2', keys.cara);
      expect(notes.map(({ date }) => date)).toEqual([...days].reverse());
      for (const note of notes) {
        const trades = charged(CARA).filter(({ tradingDate }) => tradingDate === note['date']);
        const turnover = (wanted: string) =>
          trades
            .filter(({ side }) => side === wanted)
            .reduce((sum, { priceE4, quantity }) => sum + priceE4 * quantity, 0);
        const realisedE4 = trades.reduce((sum, trade) => sum + trade.realisedE4, 0);
        const lines = recordedSum(trades);
        expect(toldSum([note])).toEqual(lines);
        expect({ ...note, charges: undefined }).toEqual({
          date: note['date'],
          broker: 'paper',
          segment: 'NSE_EQ',
          trades: trades.length,
          turnoverBuy: turnover('BUY') / 10_000,
          turnoverSell: turnover('SELL') / 10_000,
          realised: realisedE4 / 10_000,
          net: (realisedE4 - (lines['total'] ?? 0)) / 10_000,
          charges: undefined,
        });
      }
    });

    it('is told of the days that are asked for, both included', async () => {
      const [, second = '', third = ''] = daysOf(CARA);
      const { items } = await get(`/v2/charges/notes?from=${second}&to=${third}`, keys.cara);
      expect(items.map(({ date }) => date)).toEqual([third, second]);
      expect((await get('/v2/charges/notes?to=2020-01-01', keys.cara)).items).toEqual([]);
    });

    it('is told apart by broker and segment, each a note of its own, wherever a page ends', async () => {
      const notes = [
        ['2026-01-09', 'upstox', 'NSE_EQ'],
        ['2026-01-09', 'zerodha', 'BSE_EQ'],
        ['2026-01-09', 'zerodha', 'NSE_EQ'],
        ['2026-01-08', 'zerodha', 'NSE_EQ'],
      ] as const;
      const account = randomUUID();
      for (const [at, [date, broker, segment]] of notes.entries())
        await pool.query(
          `insert into read_model.trade_charges
           select gen_random_uuid(), $1::text, $2, $3, $4::date, $5 || '|x', $5, 'CNC', 'BUY', 1, 2, 2, 0,
             1, 0, 0, 0, 0, 0, 0, 0, 1, '{"brokerage":1,"total":1}', $1::text::bigint`,
          [String(at), account, broker, date, segment],
        );
      for (const limit of [1, 2, 3, 50]) {
        const items = await walk(`/v2/charges/notes?accountId=${account}&limit=${String(limit)}`, keys.auditor);
        expect(items.map(({ date, broker, segment }) => [date, broker, segment])).toEqual(notes);
      }
      const of = async (filter: string) =>
        (await walk(`/v2/charges/notes/2026-01-09/trades?accountId=${account}&limit=2${filter}`, keys.auditor)).map(
          ({ tradeId }) => tradeId,
        );
      expect(await of('')).toEqual(['0', '1', '2']);
      expect(await of('&broker=zerodha')).toEqual(['1', '2']);
      expect(await of('&broker=zerodha&segment=NSE_EQ')).toEqual(['2']);
      await pool.query('delete from read_model.trade_charges where account_id = $1', [account]);
    });

    it('was given to the trades of the note: their shares add up to it to the paisa', async () => {
      for (const note of await walk('/v2/charges/notes?limit=50', keys.cara)) {
        const { date, broker, segment } = note as Readonly<Record<string, string>>;
        const path = `/v2/charges/notes/${String(date)}/trades?broker=${String(broker)}&segment=${String(segment)}&limit=2`;
        const trades = await walk(path, keys.cara);
        expect(toldSum(trades)).toEqual(toldSum([note]));
        expect(trades).toHaveLength(Number(note['trades']));
        expect(trades.reduce((sum, { net }) => sum + E4(net), 0)).toBe(E4(note['net']));
        const positions = trades.map(({ position }) => Number(position));
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
        expect(trades[0]?.['symbol']).toMatch(/^NSE:/);
      }
    });

    it('and what was made of it is the portfolio: open positions first, and what is closed behind them', async () => {
      const items = await walk(`/v2/portfolio?accountId=${CARA}&limit=2`, keys.cara);
      const states = EVENTS.filter(({ stream }) => stream === `account-${CARA}`).reduce(
        (state, event) => account.evolve(state, event as unknown as AccountEvent),
        account.initial,
      );
      const open = [...states.positions.values()].filter(({ quantity }) => quantity !== 0);
      const keyOf = ({ instrumentKey, product }: Readonly<Record<string, unknown>> | Posted) =>
        `${String(instrumentKey)} ${String(product)}`;
      const isOpen = ({ quantity }: Item) => quantity !== 0;
      expect(items.map(keyOf)).toEqual([
        ...items.filter(isOpen).map(keyOf).sort(),
        ...items
          .filter((item) => !isOpen(item))
          .map(keyOf)
          .sort(),
      ]);
      expect(
        items
          .filter(isOpen)
          .map(({ quantity, cost }) => [quantity, E4(cost)])
          .sort(),
      ).toEqual(open.map(({ quantity, costE4 }) => [quantity, costE4]).sort());
      expect(new Set(items.map(keyOf)).size).toBe(items.length);
      for (const item of items) {
        const trades = posted(CARA).filter((trade) => keyOf(trade) === keyOf(item));
        const realisedE4 = trades.reduce((sum, trade) => sum + trade.realisedE4, 0);
        const chargesE4 = trades.reduce((sum, { charges }) => sum + (charges?.['totalE4'] ?? 0), 0);
        expect([item['realised'], item['charges'], item['net']].map(E4)).toEqual([
          realisedE4,
          chargesE4,
          realisedE4 - chargesE4,
        ]);
        expect(item['symbol'] === null).toBe(trades.length === 0);
        expect(item['tradingDate']).toBe(trades.at(-1)?.tradingDate ?? null);
      }
    });

    it('comes in pages that go through what is open, and then through what is closed', async () => {
      const account = randomUUID();
      const closed = ['A', 'C'];
      for (const key of ['A', 'B', 'C', 'D', 'E'])
        await pool.query(
          `insert into read_model.positions (account_id, instrument_key, product, quantity, cost, margin, realised, charges,
             day_realised, day_charges, updated_at, position)
           values ($1, $2, 'CNC', $3, 0, 0, 0, 0, 0, 0, now(), 1)`,
          [account, key, closed.includes(key) ? 0 : 1],
        );
      for (const limit of [1, 2, 3, 4, 5]) {
        const items = await walk(`/v2/portfolio?accountId=${account}&limit=${String(limit)}`, keys.auditor);
        expect(items.map(({ instrumentKey }) => instrumentKey)).toEqual(['B', 'D', 'E', 'A', 'C']);
      }
      await pool.query('delete from read_model.positions where account_id = $1', [account]);
    });

    it('and made on the last day, all positions together', async () => {
      const { body } = await get('/v2/portfolio', keys.cara);
      const date = posted(CARA)
        .map(({ tradingDate }) => tradingDate)
        .sort()
        .at(-1);
      const trades = posted(CARA).filter(({ tradingDate }) => tradingDate === date);
      const realised = trades.reduce((sum, { realisedE4 }) => sum + realisedE4, 0) / 10_000;
      const charges = trades.reduce((sum, trade) => sum + (trade.charges?.['totalE4'] ?? 0), 0) / 10_000;
      expect(body).toMatchObject({ accountId: CARA, day: { date, realised, charges } });
      expect(E4(Reflect.get(body['day'] as object, 'net'))).toBe(E4(realised) - E4(charges));
    });

    it('is nothing for an account that has not traded', async () => {
      const key = keys.auditor;
      expect((await get('/v2/portfolio', key)).body).toEqual({
        accountId: NOBODY,
        day: null,
        items: [],
        nextCursor: null,
      });
      expect((await get('/v2/charges/notes', key)).body).toEqual({ items: [], nextCursor: null });
      expect((await get('/v2/charges/notes/2026-01-02/trades', key)).items).toEqual([]);
    });

    it.each(['/v2/charges/notes', '/v2/charges/notes/2026-01-02/trades', '/v2/portfolio'])(
      'is told to the owner and to an auditor, and to nobody else: %s',
      async (path) => {
        for (const accountId of [BEN, randomUUID()])
          expect(await get(`${path}?accountId=${accountId}`)).toMatchObject({
            status: 404,
            body: { code: 'ACCOUNT_NOT_FOUND' },
          });
        const own = await get(`${path}?accountId=${BEN_TOO}`, keys.ben);
        expect(own.status).toBe(200);
        expect(own.items.length).toBeGreaterThan(0);
        expect((await get(`${path}?accountId=${BEN_TOO}`, keys.auditor)).text).toBe(own.text);
        expect((await get(path, keys.ben)).text).toBe((await get(`${path}?accountId=${BEN}`, keys.ben)).text);
        expect((await get(path, keys.ben)).text).not.toBe(own.text);
        expect((await get(path, '')).status).toBe(401);
      },
    );
  });

  describe('refuses', () => {
    it.each([
      ['/v2/charges/notes?from=2026-02-30', 'from'],
      ['/v2/charges/notes?to=2026-02-30', 'to'],
      ['/v2/charges/notes?to=today', 'to'],
      ['/v2/charges/notes?from=2026-01-02T00:00:00Z', 'from'],
      ['/v2/charges/notes?accountId=1', 'accountId'],
      ['/v2/charges/notes?cursor=abc', 'cursor'],
      [`/v2/charges/notes?cursor=${encodeCursor({ atMs: 1, id: '1' })}`, 'cursor'],
      [`/v2/charges/notes?cursor=${encodeTexts(['2026-02-30', 'paper', 'NSE_EQ'])}`, 'cursor'],
      [`/v2/charges/notes?cursor=${encodeTexts(['2026-01-02', 'a\0b', 'NSE_EQ'])}`, 'cursor'],
      ['/v2/charges/notes/2026-02-30/trades', 'date'],
      ['/v2/charges/notes/%00/trades', 'date'],
      ['/v2/charges/notes/2026-01-02/trades?segment=', 'segment'],
      [`/v2/charges/notes/2026-01-02/trades?cursor=${encodeTexts(['one'])}`, 'cursor'],
      ['/v2/portfolio?limit=0', 'limit'],
      ['/v2/portfolio?asOf=2026-01-02', 'asOf'],
      [`/v2/portfolio?cursor=${encodeTexts(['half', 'NSE_EQ|x', 'CNC'])}`, 'cursor'],
      [`/v2/portfolio?cursor=${encodeTexts(['open', 'NSE_EQ|x'])}`, 'cursor'],
      ['/v2/orders?limit=0', 'limit'],
      ['/v2/orders?limit=201', 'limit'],
      ['/v2/orders?limit=1.5', 'limit'],
      ['/v2/orders?limit=ten', 'limit'],
      ['/v2/orders?limit=', 'limit'],
      ['/v2/orders?limit=5&limit=6', 'limit'],
      ['/v2/orders?limit=1e2', 'limit'],
      ['/v2/orders?status=filled', 'status'],
      ['/v2/orders?status=FILLED&status=OPEN', 'status'],
      ['/v2/orders?side=HOLD', 'side'],
      ['/v2/orders?product=toString', 'product'],
      ['/v2/orders?accountId=1', 'accountId'],
      ['/v2/orders?symbol=', 'symbol'],
      [`/v2/orders?symbol=${'x'.repeat(101)}`, 'symbol'],
      ['/v2/orders?symbol=%00', 'symbol'],
      [`/v2/orders?broker=${'x'.repeat(41)}`, 'broker'],
      ['/v2/orders?from=yesterday', 'from'],
      ['/v2/orders?from=2026-01-02', 'from'],
      ['/v2/orders?from=2026-01-02T09:15:00', 'from'],
      ['/v2/orders?from=2026-02-30T00:00:00Z', 'from'],
      ['/v2/orders?to=9999999-01-01T00:00:00Z', 'to'],
      ['/v2/orders?cursor=%7B%7D', 'cursor'],
      ['/v2/orders?cursor=abc', 'cursor'],
      [`/v2/orders?cursor=${encodeCursor({ atMs: 1, id: '1' })}`, 'cursor'],
      [`/v2/orders?cursor=${encodeCursor({ atMs: 999_999_999_999_999, id: "'; drop table orders" })}`, 'cursor'],
      [`/v2/orders?cursor=${'A'.repeat(10_000)}`, 'cursor'],
      ['/v2/orders?sort=price', 'sort'],
      ['/v2/orders?__proto__=1', '__proto__'],
      ['/v2/orders?constructor=1', 'constructor'],
      ['/v2/trades?status=FILLED', 'status'],
      ['/v2/trades?limit=-1', 'limit'],
      [`/v2/trades?cursor=${encodeCursor({ atMs: 1, id: '99999999999999999999' })}`, 'cursor'],
    ])('%s, and names the parameter', async (path, field) => {
      const { status, headers, body } = await get(path);
      expect(status).toBe(400);
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ field }] });
    });

    it('parameters where there are none', async () => {
      const { status } = await get(`/v2/orders/${orderOf(ANN)}/history?type=OrderFilled`);
      expect(status).toBe(400);
    });

    it('a cursor far beyond all rows no more than any other: the page is empty', async () => {
      const cursor = encodeCursor({ atMs: 0, id: '00000000-0000-0000-0000-000000000000' });
      expect(await get(`/v2/orders?cursor=${cursor}`)).toMatchObject({ status: 200, items: [], nextCursor: null });
    });

    it('whoever does not say who they are', async () => {
      for (const path of ['/v2/orders', '/v2/trades', `/v2/orders/${orderOf(ANN)}`])
        expect((await get(path, '')).status).toBe(401);
    });
  });

  describe('says where its rows come from', () => {
    it.each([
      '/v2/orders',
      '/v2/trades',
      `/v2/orders/${orderOf(ANN)}`,
      `/v2/orders/${orderOf(ANN)}/history`,
      '/v2/charges/notes',
      '/v2/charges/notes/2026-01-02/trades',
      '/v2/portfolio',
    ])('with every answer: %s', async (path) => {
      const { headers } = await get(path);
      expect(headers.get('coordinator-source')).toBe('DB');
      expect(headers.get('coordinator-position')).toBe(String(HEAD));
      expect(Number(headers.get('coordinator-age-ms'))).toBeGreaterThan(0);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    });

    it('and how old they are', async () => {
      const caughtUp = Date.now();
      await new Checkpoints(projectorPool, 1).confirmCaughtUp([{ head: HEAD, atMs: caughtUp }]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const ageMs = Number((await get('/v2/orders')).headers.get('coordinator-age-ms'));
      expect(ageMs).toBeGreaterThanOrEqual(45);
      expect(ageMs).toBeLessThanOrEqual(Date.now() - caughtUp);
    });
  });

  describe('asked for a position', () => {
    const at = (position: string) => ({ 'Coordinator-Min-Position': position });

    it('answers at once when the rows hold it', async () => {
      for (const position of ['0', '1', String(HEAD)])
        expect((await get('/v2/orders', keys.ann, at(position))).status).toBe(200);
    });

    it('waits until the rows hold it, for all who ask', async () => {
      const more = recorded(history({ seed: 9, orders: 1, accounts: [randomUUID()], stories: ['filled'] }));
      const next = HEAD + more.length;
      const reads = Array.from({ length: 20 }, () => get('/v2/orders', keys.ann, at(String(next))));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const events = more.map((event) => ({ ...event, position: event.position + HEAD }));
      await projector.project({ after: HEAD, next, events });
      for (const { status, headers } of await Promise.all(reads)) {
        expect(status).toBe(200);
        expect(Number(headers.get('coordinator-position'))).toBe(next);
      }
    });

    it('gives up after two seconds and says where the rows stand', async () => {
      const { status, headers, body } = await get('/v2/orders', keys.ann, at('999999999'));
      expect(status).toBe(503);
      expect(body['code']).toBe('READ_MODEL_BEHIND');
      expect(headers.get('retry-after')).toBe('1');
      expect(headers.get('coordinator-position')).toBe(String(await projector.position()));
    });

    it('waits for the partition that is furthest behind, and is as old as the oldest', async () => {
      const stand = await projector.position();
      await new Checkpoints(projectorPool, 2).adopt();
      try {
        const [ahead, behind] = [0, 1].map((partition) => new Projector(projectorPool, { partition, partitions: 2 }));
        await ahead?.project({ after: stand, next: stand + 10, events: [] });
        await new Checkpoints(projectorPool, 2).confirmCaughtUp([{ head: stand + 10, atMs: Date.now() + 1_000 }]);
        let answered = false;
        const reading = get('/v2/orders', keys.ann, at(String(stand + 10))).finally(() => (answered = true));
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(answered).toBe(false);
        const { headers } = await get('/v2/orders');
        expect(headers.get('coordinator-position')).toBe(String(stand));
        expect(Number(headers.get('coordinator-age-ms'))).toBeGreaterThanOrEqual(100); // the one ahead is not a moment old
        await behind?.project({ after: stand, next: stand + 10, events: [] });
        expect((await reading).headers.get('coordinator-position')).toBe(String(stand + 10));
      } finally {
        await new Checkpoints(projectorPool, 1).adopt();
        await projector.begin();
      }
    });

    it.each(['-1', '1.5', 'head', '', '9'.repeat(16), '1, 2'])('refuses what is no position: %j', async (position) => {
      const { status, body } = await get('/v2/orders', keys.ann, at(position));
      expect({ status, body }).toMatchObject({
        status: 400,
        body: { code: 'VALIDATION_FAILED', errors: [{ field: 'Coordinator-Min-Position' }] },
      });
    });
  });

  describe('asked by a user who wants to read everything that was recorded until now', () => {
    let strong: HttpApp;
    beforeAll(async () => {
      await pool.query(
        `insert into read_model.settings (scope, version, document, changed_by, changed_at, position)
         select 'user-' || id, 1, '{"readConsistency":"STRONG"}', id, now(), 1 from users where email = 'ann@example.com'`,
      );
      strong = await startApp({ ORDER_BOOK_CACHE_MS: '60000' }, new InProcessHotState());
    });
    afterAll(async () => {
      await strong.close();
      await pool.query('delete from read_model.settings');
    });
    const paths = [
      '/v2/orders',
      '/v2/trades',
      '/v2/charges/notes',
      '/v2/charges/notes/2026-01-02/trades',
      '/v2/portfolio',
      ...['', '/history', '/trades'].map((of) => `/v2/orders/${orderOf(ANN)}${of}`),
    ];

    it.each(paths)('waits until the rows have come to the end of the log: %s', async (path) => {
      const end = (await projector.position()) + 5;
      let asked = 0;
      head = () => Promise.resolve((asked += 1) > 0 ? end : 0);
      const reading = get(path, keys.ann, {}, strong);
      while (asked === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await projector.project({ after: end - 5, next: end, events: [] });
      const { status, headers } = await reading;
      expect([status, headers.get('coordinator-position')]).toEqual([200, String(end)]);
    });

    it('says that it is behind when they do not come that far', async () => {
      const end = (await projector.position()) + 5;
      head = () => Promise.resolve(end);
      expect(await get('/v2/trades', keys.ann, {}, strong)).toMatchObject({
        status: 503,
        body: { code: 'READ_MODEL_BEHIND' },
      });
    });

    it('does not ask the log for a client that says itself how far to read, nor for other users', async () => {
      let asked = 0;
      head = () => Promise.resolve((asked += 1) + 999_999);
      for (const path of paths) await get(path, keys.ann, { 'Coordinator-Min-Position': '1' }, strong);
      for (const path of ['/v2/orders', '/v2/trades']) expect((await get(path, keys.ben, {}, strong)).status).toBe(200);
      expect(asked).toBe(0);
    });

    it.each([
      ['does not answer', () => Promise.reject(new Error('away'))],
      ['holds none of the events that the rows are made of', () => Promise.resolve(0)],
    ])('does not guess when the log %s', async (_, answer) => {
      head = answer;
      const { status, headers, body } = await get('/v2/orders', keys.ann, {}, strong);
      expect([status, body['code'], headers.get('retry-after')]).toEqual([503, 'LOG_HEAD_UNKNOWN', '1']);
    });
  });

  describe('with a cache of the order book', () => {
    let cached: HttpApp;
    let other: HttpApp;
    beforeAll(async () => {
      const shared = new InProcessHotState();
      cached = await startApp({ ORDER_BOOK_CACHE_MS: '60000' }, shared);
      other = await startApp({ ORDER_BOOK_CACHE_MS: '60000' }, shared);
    });
    afterAll(() => Promise.all([cached.close(), other.close()]));
    const sourceOf = ({ headers }: Answer) => headers.get('coordinator-source');

    it('serves a page again, to each who may see it and from every process, and says so', async () => {
      const path = '/v2/orders?limit=9';
      for (const key of [keys.ann, keys.ben, keys.auditor]) {
        const read = await get(path, key, {}, cached);
        const again = await get(path, key, {}, other);
        expect([sourceOf(read), sourceOf(again)]).toEqual(['DB', 'CACHE']);
        expect(again.text).toBe(read.text);
        expect(again.headers.get('coordinator-position')).toBe(read.headers.get('coordinator-position'));
        expect(Number(again.headers.get('coordinator-age-ms'))).toBeGreaterThan(0);
        expect(again.headers.get('cache-control')).toBe('no-store');
        expect(again.headers.get('content-type')).toBe(read.headers.get('content-type'));
        expect(again.text).toBe((await get(path, key)).text);
      }
    });

    it('reads anew for who must see more than the page holds, and waits for nobody else', async () => {
      const path = '/v2/orders?limit=11';
      const min = (position: number) => ({ 'Coordinator-Min-Position': String(position) });
      const position = Number((await get(path, keys.ann, {}, cached)).headers.get('coordinator-position'));
      expect(sourceOf(await get(path, keys.ann, min(position), cached))).toBe('CACHE');
      expect((await get(path, keys.ann, min(position + 1_000), cached)).body['code']).toBe('READ_MODEL_BEHIND');
      expect(sourceOf(await get(path, keys.ann, {}, cached))).toBe('CACHE');
    });

    it('refuses what it refuses without one, though the page is there', async () => {
      const path = '/v2/orders?limit=12';
      await get(path, keys.ann, {}, cached);
      expect(await get(path, '', {}, cached)).toMatchObject({ status: 401 });
      expect(await get(path, keys.ann, { 'Coordinator-Min-Position': 'head' }, cached)).toMatchObject({ status: 400 });
      expect(await get(`${path}&accountId=${ANN}`, keys.ann, {}, cached)).toMatchObject({ status: 200 });
      expect(await get(`${path}&accountId=${ANN}`, keys.ben, {}, cached)).toMatchObject({ status: 404 });
      expect(await get(`${path}&cursor=abc`, keys.ann, {}, cached)).toMatchObject({ status: 400 });
    });

    it('reads everything else from the database', async () => {
      for (const path of ['/v2/trades', `/v2/orders/${orderOf(ANN)}`, `/v2/orders/${orderOf(ANN)}/history`])
        for (let reads = 0; reads < 2; reads += 1) expect(sourceOf(await get(path, keys.ann, {}, cached))).toBe('DB');
    });
  });

  it('answers 503 instead of waiting for ever when the database is held up, and recovers', async () => {
    const client = await pool.connect();
    try {
      await client.query('begin; lock table read_model.orders in access exclusive mode');
      const { status, headers, body } = await get('/v2/orders');
      expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'READ_MODEL_UNAVAILABLE' });
      expect(headers.get('retry-after')).toBe('1');
    } finally {
      await client.query('rollback');
      client.release();
    }
    expect((await get('/v2/orders')).status).toBe(200);
  });

  describe('describes itself', () => {
    interface Document {
      readonly openapi: string;
      readonly paths: Readonly<
        Record<string, { readonly get: { readonly responses: Readonly<Record<string, unknown>> } }>
      >;
      readonly components: {
        readonly schemas: Readonly<Record<string, { readonly properties: object; readonly required: string[] }>>;
      };
    }
    const describe = async (): Promise<Document> => JSON.parse((await get('/openapi.json')).text) as Document;
    const sorted = (names: readonly string[]) => [...names].sort();

    it('in OpenAPI 3.1, every route with the schema of its answer', async () => {
      const { openapi, paths } = await describe();
      expect(openapi).toBe('3.1.0');
      const schemas = Object.fromEntries(
        Object.entries(paths)
          .filter(([path]) => path.startsWith('/v2'))
          .map(([path, { get }]) => [path, /schemas\/(\w+)/.exec(JSON.stringify(get.responses['200']))?.[1]]),
      );
      expect(schemas).toEqual({
        '/v2/orders': 'OrderPage',
        '/v2/orders/{orderId}': 'OrderDetailView',
        '/v2/orders/{orderId}/history': 'OrderEventPage',
        '/v2/orders/{orderId}/trades': 'TradePage',
        '/v2/trades': 'TradePage',
        '/v2/instruments/search': 'InstrumentPage',
        '/v2/charges/notes': 'NotePage',
        '/v2/charges/notes/{date}/trades': 'NoteTradePage',
        '/v2/portfolio': 'PortfolioPage',
      });
    });

    it('exactly: the schemas have the fields that the answers have', async () => {
      const { schemas } = (await describe()).components;
      const orderId = (await get('/v2/trades')).items[0]?.orderId ?? '';
      const answers = {
        OrderView: (await get('/v2/orders')).items[0],
        OrderDetailView: (await get(`/v2/orders/${orderId}`)).body,
        OrderEventView: (await get(`/v2/orders/${orderId}/history`)).items[0],
        TradeView: (await get('/v2/trades')).items[0],
        ChargesView: (await get('/v2/charges/notes')).items[0]?.['charges'],
        NoteView: (await get('/v2/charges/notes')).items[0],
        NoteTradeView: (await get('/v2/charges/notes/2026-01-02/trades')).items[0],
        PositionView: (await get('/v2/portfolio')).items[0],
        PortfolioDayView: (await get('/v2/portfolio')).body['day'],
        PortfolioPage: (await get('/v2/portfolio')).body,
      };
      for (const [name, answer] of Object.entries(answers)) {
        expect(sorted(Object.keys(schemas[name]?.properties ?? {}))).toEqual(sorted(Object.keys(answer ?? {})));
        expect(sorted(schemas[name]?.required ?? [])).toEqual(sorted(Object.keys(answer ?? {})));
      }
    });
  });

  it('is healthy as long as it can read', async () => {
    expect((await get('/health/ready', '')).body).toMatchObject({ status: 'ready' });
  });
});
