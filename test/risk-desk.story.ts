import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CHECK_NAMES } from '#domain/risk/checks';
import { demoDataPath } from '#instruments/demo-data';
import { Coordinator } from './support/coordinator';
import { eventually, partOf } from './support/deployment';
import { Desk, failedIn, type Person, resultsIn, type Verdict, verdictsIn } from './support/desk';
import { stillPrices } from './support/still-prices';
import { ensureBuilt, makeDataDir, root } from './support/workspace';

/* Each rule denies an order, and says so in the answer and in the order's history. */

jest.setTimeout(300_000);

const LOAD_TIMEOUT_MS = 60_000;

/* --------------------------------------------------------------------------------------------------- what is ordered */

/** RELIANCE closed at 1,592.30: no fixed band, 10 % to begin with. */
const RELIANCE = { symbol: 'NSE:RELIANCE', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 1, price: 1_590 };
const RESTING = { ...RELIANCE, price: 1_500 };
const MARKET = { symbol: 'NSE:RELIANCE', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 1 };
const NIFTY_FUTURE = {
  symbol: 'NSE:NIFTY FUT 27 JAN 26',
  side: 'BUY',
  product: 'NRML',
  orderType: 'MARKET',
  quantity: 65,
};
const RELIANCE_CALL = {
  ...{ symbol: 'NSE:RELIANCE 1600 CE 27 JAN 26', side: 'BUY', product: 'NRML', orderType: 'LIMIT', quantity: 500 },
  price: 23.6,
};
/** Nothing but quoted: no product, no lot, no hours. */
const INDEX = { symbol: 'NSE:NIFTY', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 1, price: 26_000 };
/** A hundred at 1,592.30 are worth 159,230 rupees. */
const HUNDRED = { ...RELIANCE, quantity: 100, price: 1_592.3 };

const TOLD = { certainty: 'confirmed', source: 'circular of the story' } as const;

interface Denial {
  readonly check: string;
  /** What makes it so. */
  readonly how: string;
  /** What the trader sets first. */
  readonly settings?: object;
  readonly limits?: object;
  /** What an admin sets first, and takes back afterwards. */
  readonly house?: object;
  /** Accepted before it. */
  readonly before?: readonly object[];
  readonly line: object;
  /** Of the verdict, beside its name and that it failed. */
  readonly verdict: Partial<Verdict>;
  /** What else cannot but fail of such an order. */
  readonly along?: readonly string[];
}

const user = { rule: 'limit: user' };

/** One row for each rule that the recorded day can break by itself. */
const DENIALS: readonly Denial[] = [
  {
    check: 'tradable',
    how: 'an index is quoted, not traded',
    line: INDEX,
    verdict: { rule: 'instrument master', actual: 'INDEX' },
    along: ['session', 'product', 'lot-multiple', 'tick-size', 'price-band', 'price-deviation'],
  },
  {
    check: 'contract-value',
    how: 'a currency contract is for many units',
    line: {
      symbol: 'NSE:USDINR 91.375 CE 09 JAN 26',
      side: 'BUY',
      product: 'NRML',
      orderType: 'LIMIT',
      quantity: 1,
      price: 0.01,
    },
    verdict: { rule: 'price times quantity', actual: 'NCD_FO' },
    along: ['price-deviation'],
  },
  {
    check: 'session',
    how: 'an admin enters a holiday that the shipped calendar does not know',
    house: {
      corrections: {
        calendar: {
          holidays: [
            {
              date: '2026-01-02',
              classes: ['equity'],
              closed: 'day',
              settles: false,
              reason: 'a by-election',
              ...TOLD,
            },
          ],
        },
      },
    },
    line: RELIANCE,
    verdict: { actual: 'HOLIDAY', rule: 'circular of the story', effectiveFrom: '2026-01-02' },
  },
  {
    check: 'product',
    how: 'a contract is not delivered',
    line: { ...NIFTY_FUTURE, product: 'CNC' },
    verdict: { rule: 'products of NSE_FO', limit: 'NRML, MIS', actual: 'CNC' },
  },
  {
    check: 'product-eligibility',
    how: 'the broker does not list the share for intraday',
    line: { symbol: 'NSE:RADIOCITY', side: 'BUY', product: 'MIS', orderType: 'MARKET', quantity: 1 },
    verdict: { rule: 'intraday file', actual: 'MIS' },
  },
  {
    check: 'trade-for-trade',
    how: 'a share under ESM I was bought today and is not delivered yet',
    before: [{ symbol: 'NSE:AARTECH', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 10 }],
    line: { symbol: 'NSE:AARTECH', side: 'SELL', product: 'CNC', orderType: 'MARKET', quantity: 10 },
    verdict: { rule: 'T2T: ESM 1', limit: 0, actual: 10, effectiveFrom: '2025-01-16' },
  },
  {
    check: 'surveillance',
    how: 'an admin enters that LT-ASM I allows no upward movement',
    house: {
      corrections: {
        calendar: {
          stages: [
            { measure: 'LT-ASM', stage: 1, from: '2025-06-01', marginBp: 10_000, noUpwardMovement: true, ...TOLD },
          ],
        },
      },
    },
    line: { symbol: 'NSE:ANUP', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 1 },
    verdict: { rule: 'LT-ASM 1', limit: 2_256.4, effectiveFrom: '2025-01-16' },
  },
  {
    check: 'listing-day',
    how: 'a share is listed today: delivery only',
    line: { symbol: 'NSE:E2ERAIL', side: 'BUY', product: 'MIS', orderType: 'LIMIT', quantity: 800, price: 174 },
    verdict: { limit: 'CNC', actual: 'MIS', effectiveFrom: '2026-01-02' },
    along: ['session', 'product-eligibility', 'trade-for-trade', 'price-band', 'price-deviation'],
  },
  {
    check: 'short-sale',
    how: 'nothing is held that could be delivered',
    line: { ...RELIANCE, side: 'SELL' },
    verdict: { rule: 'delivery cannot be sold short', limit: 0, actual: 1 },
  },
  {
    check: 'lot-multiple',
    how: 'a lot of NIFTY has 65',
    line: { ...NIFTY_FUTURE, quantity: 66 },
    verdict: { rule: 'instrument master', limit: 65, actual: 66, effectiveFrom: '2026-01-02' },
  },
  {
    check: 'freeze-quantity',
    how: 'more than ten slices of what the exchange takes in one order',
    line: {
      symbol: 'NSE:NIFTY 24500 PE 06 JAN 26',
      side: 'BUY',
      product: 'NRML',
      orderType: 'LIMIT',
      quantity: 17_550,
      price: 1,
    },
    verdict: { rule: 'instrument master', limit: 1_755, actual: 17_550, effectiveFrom: '2026-01-02' },
  },
  {
    check: 'disclosed-quantity',
    how: 'more is shown than is ordered',
    line: { ...RELIANCE, quantity: 10, disclosedQuantity: 11 },
    verdict: { limit: 10, actual: 11 },
  },
  {
    check: 'order-type',
    how: 'no policy says what a market order for an index would be',
    line: { symbol: 'NSE:NIFTY', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 1 },
    verdict: { actual: 'MARKET', reason: 'no policy for NSE_INDEX on 2026-01-02' },
    along: ['tradable', 'session', 'product', 'lot-multiple', 'reference-price', 'order-value'],
  },
  {
    check: 'tick-size',
    how: 'RELIANCE moves by ten paise',
    line: { ...RELIANCE, price: 1_500.05 },
    verdict: { rule: 'instrument master', limit: 0.1, actual: 1_500.05, effectiveFrom: '2026-01-02' },
  },
  {
    check: 'stop-prices',
    how: 'a buy stop whose limit lies below its trigger',
    line: { ...RELIANCE, orderType: 'SL', triggerPrice: 1_600, price: 1_595 },
    verdict: { rule: 'limit at or above its trigger', limit: 1_600, actual: 1_595 },
  },
  {
    check: 'price-band',
    how: 'below the dynamic band around the last close',
    line: { ...RELIANCE, price: 1_400 },
    verdict: { limit: '1433.1 to 1751.5', actual: 1_400, effectiveFrom: '2024-11-01' },
  },
  {
    check: 'price-deviation',
    how: 'more than the 3 % above the market that the house allows by default',
    line: { ...RELIANCE, price: 1_700 },
    verdict: { rule: 'limit: default for cash, above the market', limit: 1_640.069, actual: 1_700 },
  },
  {
    check: 'reference-price',
    how: 'a market order where no price was ever quoted',
    line: { ...MARKET, symbol: 'BSE:RELIANCE' },
    verdict: { rule: 'a market order is margined at the last price' },
    along: ['order-value'],
  },
  {
    check: 'order-value',
    how: 'the limit of the trader',
    limits: { orderValueMax: 100_000 },
    line: HUNDRED,
    verdict: { ...user, limit: 100_000, actual: 159_230 },
  },
  {
    check: 'order-quantity',
    how: 'the limit of the trader',
    limits: { orderQuantityMax: 10 },
    line: { ...RELIANCE, quantity: 11 },
    verdict: { ...user, limit: 10, actual: 11 },
  },
  {
    check: 'symbol-quantity',
    how: 'the trader’s cap on the symbol',
    limits: { symbolCaps: { 'NSE:RELIANCE': { quantityMax: 10 } } },
    line: { ...RELIANCE, quantity: 11 },
    verdict: { rule: 'limit: user, NSE:RELIANCE', limit: 10, actual: 11 },
  },
  {
    check: 'symbol-value',
    how: 'the trader’s cap on the symbol',
    limits: { symbolCaps: { 'NSE:RELIANCE': { valueMax: 100_000 } } },
    line: HUNDRED,
    verdict: { rule: 'limit: user, NSE:RELIANCE', limit: 100_000, actual: 159_230 },
  },
  {
    check: 'symbol-position',
    how: 'the trader’s cap on the underlying, with another contract on it asked for already',
    limits: { symbolCaps: { NIFTY: { positionMax: 100 } } },
    before: [
      {
        symbol: 'NSE:NIFTY 26500 CE 27 JAN 26',
        side: 'BUY',
        product: 'NRML',
        orderType: 'LIMIT',
        quantity: 65,
        price: 150,
      },
    ],
    line: NIFTY_FUTURE,
    verdict: { rule: 'limit: user, NIFTY', limit: 100, actual: 130 },
  },
  {
    check: 'open-order-value',
    how: 'with what is open already',
    limits: { openOrderValueMax: 200_000 },
    before: [{ ...RESTING, quantity: 100 }],
    line: { ...RESTING, quantity: 50 },
    verdict: { ...user, limit: 200_000, actual: 225_000, reason: '150000 is open already' },
  },
  {
    check: 'open-orders',
    how: 'one is open, and one is allowed',
    limits: { openOrdersMax: 1 },
    before: [RESTING],
    line: RESTING,
    verdict: { ...user, limit: 1, actual: 2 },
  },
  {
    check: 'exposure',
    how: 'a position and an open order count together',
    limits: { exposureMax: 5_000 },
    before: [MARKET, RESTING],
    line: { ...RESTING, quantity: 2 },
    verdict: { ...user, limit: 5_000, actual: 6_092.3 },
  },
  {
    check: 'orders-per-day',
    how: 'one was placed today, and one is allowed',
    limits: { ordersPerDayMax: 1 },
    before: [MARKET],
    line: RESTING,
    verdict: { ...user, limit: 1, actual: 2 },
  },
  {
    check: 'duplicate',
    how: 'the same order again, within a day of the market',
    limits: { duplicateWindowMs: 86_400_000 },
    before: [RESTING],
    line: RESTING,
    verdict: { rule: 'limit: user, milliseconds', limit: 86_400_000 },
  },
  {
    check: 'kill-switch',
    how: 'the trader’s own switch',
    settings: { halt: 'killed' },
    line: RELIANCE,
    verdict: { actual: 'killed', rule: 'switch of user' },
  },
  {
    check: 'reduce-only',
    how: 'the trader’s own switch',
    settings: { halt: 'reduce-only' },
    line: RELIANCE,
    verdict: { actual: 'reduce-only', rule: 'switch of user', reason: 'only what closes a position is sent' },
  },
  {
    check: 'self-trade',
    how: 'it could meet the own purchase that waits',
    before: [{ ...RELIANCE, price: 1_591 }],
    line: { ...RELIANCE, side: 'SELL', product: 'MIS', price: 1_591 },
    verdict: { rule: 'no trade with oneself' },
  },
  {
    check: 'daily-loss',
    how: 'the charges of the first trade are a loss already',
    limits: { dailyLossMax: 0.01 },
    before: [MARKET],
    line: RELIANCE,
    verdict: { ...user, limit: 0.01, reason: 'nothing is opened any more today' },
  },
  {
    check: 'intraday-var',
    how: 'one share may lose more than a rupee until the close',
    limits: { intradayVar: { limit: 1, method: 'parametric', confidenceBp: 9_900 } },
    line: RELIANCE,
    verdict: { rule: 'limit: user, parametric, 99 %', limit: 1, effectiveFrom: '2020-05-01' },
  },
  {
    check: 'margin-utilisation',
    how: 'a hundredth of the balance may be bound',
    limits: { marginUtilisationMaxBp: 100 },
    line: HUNDRED,
    verdict: { ...user, limit: '1 %', actual: '1.6 %' },
  },
  {
    check: 'balance',
    how: 'more than the account has',
    line: { ...RELIANCE, quantity: 7_000, price: 1_592.3 },
    verdict: { limit: 10_000_000, actual: 11_146_100, effectiveFrom: '2020-05-01' },
  },
  {
    check: 'broker',
    how: 'a paper account is connected to no broker',
    line: { ...RELIANCE, broker: 'upstox' },
    verdict: { actual: 'upstox', reason: 'not connected' },
  },
];

/** What other files, or another hour, make of a day. */
const DENIED_BY_FILES: readonly Denial[] = [
  {
    check: 'expiry',
    how: 'on the day after its last, the master still lists the contract',
    line: {
      symbol: 'NSE:NIFTY 26500 CE 06 JAN 26',
      side: 'BUY',
      product: 'NRML',
      orderType: 'LIMIT',
      quantity: 65,
      price: 12,
    },
    verdict: { rule: 'last trading day', limit: '2026-01-06', actual: '2026-01-07' },
    along: ['session'],
  },
  {
    check: 'client-position',
    how: 'the exchange lets one client hold 1,000 units',
    line: { ...RELIANCE_CALL, quantity: 1_500 },
    verdict: { rule: 'oi_cli_limit.2025-11-17.csv: NSE', limit: 1_000, actual: 1_500, effectiveFrom: '2025-11-17' },
  },
  {
    check: 'derivatives-ban',
    how: 'no file says whether the share of the contract is banned',
    line: {
      symbol: 'NSE:SBIN FUT 27 JAN 26',
      side: 'BUY',
      product: 'NRML',
      orderType: 'LIMIT',
      quantity: 750,
      price: 1_000,
    },
    verdict: { rule: 'list of banned underlyings', reason: 'nothing is known of SBIN: load the reference files' },
  },
];

const DENIED_AFTER_HOURS: readonly Denial[] = [
  {
    check: 'session',
    how: 'at ten past four the market is closed',
    line: RELIANCE,
    verdict: { actual: 'AFTER_CLOSE', reason: 'closed since 16:00 on 2026-01-02; next at 2026-01-05 09:00 IST' },
  },
];

/** Denied of a change: see below. */
const OF_CHANGES = ['price-fields', 'modifications', 'known-instrument'] as const;

/** Told of the lines of one request: see below. */
const OF_REQUESTS = ['all-or-none'] as const;

/** Nothing that anybody can do over HTTP gets as far as these; they are proven with the other checks of the domain. */
const NOT_REACHED: Readonly<Record<string, string>> = {
  quantity: 'whatever is no whole number from 1 to 10,000,000 is refused with 400 before it is judged',
  suspended: 'no file of the recorded day lists suspended shares',
};

it('every rule is broken here, or it is said why it cannot be', () => {
  const broken = [...DENIALS, ...DENIED_BY_FILES, ...DENIED_AFTER_HOURS].map(({ check }) => check);
  const named = new Set([...broken, ...OF_CHANGES, ...OF_REQUESTS, ...Object.keys(NOT_REACHED)]);
  const beside = ['known-instrument', 'balance', 'margin-utilisation', 'broker', 'all-or-none'];
  expect([...named].sort()).toEqual([...CHECK_NAMES, ...beside].sort());
});

/* ------------------------------------------------------------------------------------------------ one recorded day */

describe('on the recorded day, an order', () => {
  let coordinator: Coordinator;
  let desk: Desk;
  let admin: Person;

  beforeAll(async () => {
    ({ coordinator, desk } = await started({}));
    admin = await desk.admin();
  });
  afterAll(() => coordinator.dispose());

  it.each(DENIALS)('is denied by $check: $how', (denial) => mustBeDenied(desk, denial, admin));

  it('is refused before it is judged where its quantity is none', async () => {
    const trader = await desk.trader();
    for (const quantity of [0, 1.5, 10_000_001])
      expect(await desk.place(trader, { ...RELIANCE, quantity })).toMatchObject({
        status: 400,
        body: { errors: [{ field: 'orders[0].quantity' }] },
      });
  });

  it('that would pass alone is denied with the others, where the trader wants all or none', async () => {
    const trader = await desk.trader();
    await desk.set(trader, 'user', { allowPartialMultiOrder: false });
    const answer = await desk.place(trader, RESTING, { ...RELIANCE, price: 1_400 });
    expect(answer).toMatchObject({ status: 422, body: { results: [{ status: 'DENIED' }, { status: 'DENIED' }] } });
    const [good, bad] = resultsIn(answer);
    expect([good, bad].map((result) => failedIn(verdictsIn(result)))).toEqual([['all-or-none'], ['price-band']]);
    expect(verdictsIn(good).at(-1)).toEqual({
      check: 'all-or-none',
      outcome: 'fail',
      rule: 'setting of the user: allowPartialMultiOrder',
      reason: 'another line of the request was denied',
    });
    const history = await desk.history(trader, idOf(good));
    expect(history.map(({ type, data }) => [type, data.verdicts])).toEqual([['OrderDenied', verdictsIn(good)]]);
    await desk.set(trader, 'user', { allowPartialMultiOrder: true });
    expect(await desk.place(trader, RESTING, { ...RELIANCE, price: 1_400 })).toMatchObject({ status: 207 });
  });

  it.each([
    {
      how: 'as a stop without a trigger',
      settings: {},
      change: { orderType: 'SL' },
      check: 'price-fields',
      verdict: { actual: 'SL', reason: 'SL needs triggerPrice' },
    },
    {
      how: 'once more than the trader allows',
      settings: { limits: { modificationsPerOrderMax: 0 } },
      change: { price: 1_501 },
      check: 'modifications',
      verdict: { rule: 'limit: user', limit: 0, actual: 1 },
    },
    {
      how: 'to a total beyond the limit',
      settings: { limits: { orderValueMax: 100_000 } },
      change: { quantity: 100 },
      check: 'order-value',
      verdict: { rule: 'limit: user', limit: 100_000, actual: 150_000 },
    },
    {
      how: 'to more than the account has',
      settings: {},
      change: { quantity: 7_000 },
      check: 'balance',
      verdict: { limit: 9_998_500, reason: 'margin.insufficient' },
    },
  ])('is not changed $how, and goes on as it was: denied by $check', async ({ settings, change, check, verdict }) => {
    const trader = await desk.trader();
    const orderId = await desk.accepted(trader, RESTING);
    await desk.set(trader, 'user', settings);
    const answer = await desk.change(trader, orderId, change);
    expect(answer).toMatchObject({ status: 422, body: { code: 'ORDER_DENIED', errors: [{ field: check }] } });
    const denied = (await desk.history(trader, orderId)).at(-1);
    expect(denied?.type).toBe('ReplaceDenied');
    const verdicts = denied?.data.verdicts ?? [];
    expect(failedIn(verdicts)).toEqual([check]);
    expect(verdicts.find((one) => one.check === check)).toMatchObject(verdict);
    expect(await desk.order(trader, orderId)).toMatchObject({ status: 'OPEN', quantity: 1, price: 1_500 });
  });

  it('that closes a position passes wherever entries are throttled', async () => {
    const trader = await desk.trader();
    await desk.accepted(trader, { ...MARKET, quantity: 10 });
    await desk.set(trader, 'user', {
      halt: 'reduce-only',
      limits: { ordersPerDayMax: 1, openOrdersMax: 0, openOrderValueMax: 1, exposureMax: 1, dailyLossMax: 0.01 },
    });
    const entry = await desk.place(trader, MARKET);
    const throttles = ['open-order-value', 'open-orders', 'exposure', 'orders-per-day', 'reduce-only', 'daily-loss'];
    expect(failedIn(verdictsIn(resultsIn(entry)[0]))).toEqual(throttles);
    const exit = await desk.accepted(trader, { ...MARKET, side: 'SELL', quantity: 10 });
    const verdicts = verdictsIn(await desk.order(trader, exit));
    expect(verdicts.filter(({ check }) => throttles.includes(check))).toEqual(
      throttles.map((check) => ({ check, outcome: 'not-applicable', reason: 'reduces the position' })),
    );
    expect(await desk.order(trader, exit)).toMatchObject({ status: 'FILLED' });
  });

  it.each([
    { whose: 'their own', scope: 'user', killed: { halt: 'killed' }, open: { halt: 'open' }, by: 'switch of user' },
    {
      whose: 'the house’s',
      scope: 'house',
      killed: { halts: { house: 'killed' } },
      open: { halts: null },
      by: 'switch of house',
    },
  ] as const)('of whoever is killed by $whose switch is cancelled, and none is taken until it is open', async (row) => {
    const trader = await desk.trader();
    const who = row.scope === 'user' ? trader : admin;
    const resting = await desk.accepted(trader, RESTING);
    await desk.set(who, row.scope, row.killed);
    try {
      const denied = await desk.place(trader, RESTING);
      const verdict = verdictsIn(resultsIn(denied)[0]).find(({ check }) => check === 'kill-switch');
      expect(verdict).toEqual({
        check: 'kill-switch',
        outcome: 'fail',
        actual: 'killed',
        rule: row.by,
        reason: 'nothing is sent, not even what closes a position',
      });
      await eventually('the resting order is cancelled', async () =>
        partOf(await desk.order(trader, resting), 'status') === 'CANCELLED' ? true : undefined,
      );
    } finally {
      await desk.set(who, row.scope, row.open);
    }
    await desk.accepted(trader, RESTING);
  });

  it('whose instrument has left the master is not changed any more: denied by known-instrument', async () => {
    const trader = await desk.trader();
    const orderId = await desk.accepted(trader, { ...RESTING, symbol: 'NSE:TCS', price: 3_200 });
    const known = await desk.place(trader, { ...MARKET, symbol: 'NSE:TCS' });
    expect(known.status).toBe(200);
    loadMaster(coordinator.dataDir, ({ trading_symbol: symbol, segment }) => symbol !== 'TCS' || segment !== 'NSE_EQ');
    await eventually('the running process knows no TCS', async () =>
      (await desk.place(trader, { ...MARKET, symbol: 'NSE:TCS' })).status === 422 ? true : undefined,
    );
    const answer = await desk.change(trader, orderId, { price: 3_201 });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'known-instrument' }] } });
    expect((await desk.history(trader, orderId)).at(-1)).toMatchObject({
      type: 'ReplaceDenied',
      data: {
        verdicts: [
          {
            check: 'known-instrument',
            outcome: 'fail',
            actual: 'NSE_EQ|INE467B01029',
            reason: 'not in today’s catalogue',
          },
        ],
      },
    });
    const cancelled = await desk.as(trader, 'DELETE', `/v2/orders/${orderId}`);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });
  });
});

/* ------------------------------------------------------------------------------------------- other files and hours */

describe('with files that say more, or less, an order', () => {
  let coordinator: Coordinator;
  let desk: Desk;

  beforeAll(async () => {
    ({ coordinator, desk } = await started({}, { day: '2026-01-07', reference: true }));
  });
  afterAll(() => coordinator.dispose());

  it.each(DENIED_BY_FILES)('is denied by $check: $how', (denial) => mustBeDenied(desk, denial));
});

describe('after hours, an order', () => {
  let coordinator: Coordinator;
  let desk: Desk;

  beforeAll(async () => {
    ({ coordinator, desk } = await started({ REPLAY_HOURS: '16:10-16:20' }));
  });
  afterAll(() => coordinator.dispose());

  it.each(DENIED_AFTER_HOURS)('is denied by $check: $how', (denial) => mustBeDenied(desk, denial));

  it('for the next session is held until it opens, stands in the book, and can be cancelled', async () => {
    const trader = await desk.trader();
    const placed = await desk.place(trader, { ...RELIANCE, afterMarket: true });
    expect(placed).toMatchObject({
      status: 200,
      body: { status: 'ACCEPTED', results: [{ status: 'QUEUED', heldUntil: '2026-01-05T03:30:00.000Z' }] },
    });
    const orderId = idOf(resultsIn(placed)[0]);
    const [placedEvent, ...others] = await desk.history(trader, orderId);
    expect([placedEvent?.type, others]).toEqual(['OrderPlaced', []]);
    const session = placedEvent?.data.verdicts?.find(({ check }) => check === 'session');
    expect(session).toMatchObject({
      outcome: 'pass',
      actual: 'pre-open',
      reason: expect.stringContaining('held until 2026-01-05 09:00 IST') as string,
    });
    const book = await coordinator.queryAll('/v2/orders', 0, { 'X-Api-Key': trader.apiKey });
    expect(book).toMatchObject([{ orderId }]);
    const cancelled = await desk.as(trader, 'DELETE', `/v2/orders/${orderId}`);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });
    expect(await desk.order(trader, orderId)).toMatchObject({ status: 'CANCELLED' });
  });
});

/* ---------------------------------------------------------------------------------------------------------- helpers */

const idOf = (result: unknown): string => String(partOf(result, 'orderId'));

/** Denied by this rule and by nothing else that could be helped, word for word the same in the answer and in the history. */
const mustBeDenied = async (desk: Desk, denial: Denial, admin?: Person): Promise<void> => {
  const { check, settings, limits, house, before = [], line, verdict, along = [] } = denial;
  const trader = await desk.trader();
  for (const one of before) await desk.accepted(trader, one);
  if (settings ?? limits) await desk.set(trader, 'user', { ...settings, ...(limits && { limits }) });
  if (house && admin) await desk.set(admin, 'house', house);
  const answer = await desk.place(trader, line);
  if (house && admin)
    await desk.set(admin, 'house', Object.fromEntries(Object.keys(house).map((name) => [name, null])));

  expect(answer).toMatchObject({
    status: 422,
    body: { results: [{ status: 'DENIED', problem: { code: 'ORDER_DENIED' } }] },
  });
  const [result] = resultsIn(answer);
  const verdicts = verdictsIn(result);
  expect(verdicts.find((one) => one.check === check)).toMatchObject({ outcome: 'fail', ...verdict });
  expect([...failedIn(verdicts)].sort()).toEqual([check, ...along].sort());
  const history = await desk.history(trader, idOf(result));
  expect(history.map(({ type, data }) => [type, data.verdicts])).toEqual([['OrderDenied', verdicts]]);
};

/** A process of its own: prices that stand still, and where it is asked for, few reference files and a limit of our own. */
const started = async (
  environment: Readonly<Record<string, string>>,
  { day = '2026-01-02', reference = false } = {},
): Promise<{ coordinator: Coordinator; desk: Desk }> => {
  ensureBuilt();
  const dataDir = makeDataDir();
  const coordinator = new Coordinator(dataDir, {
    PAPER_TICK_MS: '60000',
    PRICES_FILE: stillPrices(dataDir, day),
    ...(reference && { REFERENCE_FILES: fewReferenceFiles(dataDir).join(',') }),
    ...environment,
  });
  await coordinator.start();
  return { coordinator, desk: new Desk(coordinator) };
};

/** As the exchange publishes it, with a limit that one order can reach; and no file of contracts. */
const fewReferenceFiles = (dataDir: string): readonly string[] => {
  const limits = join(dataDir, '..', 'oi_cli_limit.2025-11-17.csv');
  writeFileSync(limits, 'SYMBOL,CLIENT_LIMIT,EXCHANGE\nRELIANCE,66270000,BSE\nRELIANCE,1000,NSE\n');
  return [limits, ...(['bands.nse.2025-12-12.csv.gz', 'prices.nse.2026-01-02.csv.gz'] as const).map(demoDataPath)];
};

/** What an admin does when the exchange publishes another master: loads it, beside the process that runs. */
const loadMaster = (dataDir: string, keeps: (row: Readonly<Record<string, unknown>>) => boolean): void => {
  const rows = JSON.parse(
    gunzipSync(readFileSync(demoDataPath('instruments.upstox.2026-01-02.json.gz'))).toString(),
  ) as readonly Readonly<Record<string, unknown>>[];
  const file = join(dataDir, '..', 'instruments.2026-01-02.json');
  writeFileSync(file, JSON.stringify(rows.filter(keeps)));
  const script = join(root, 'dist/apps/command/src/load-instruments.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [script, '--file', file, '--day', '2026-01-02', '--json'],
    {
      cwd: root,
      env: { PATH: process.env['PATH'], DATA_DIR: dataDir },
      encoding: 'utf8',
      timeout: LOAD_TIMEOUT_MS,
    },
  );
  if (status !== 0) throw new Error(`the master was not loaded: ${stdout}${stderr}`);
};
