import type { InstrumentFacts, SurveillanceMeasure } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { MAX_PRICE_E4 } from '../money';
import type { OrderTerms, OrderType, Product } from '../orders/order';
import { type CheckName, checks, CHECK_NAMES, ENTRY_ONLY, judge, MAX_QUANTITY } from './checks';
import { misfitPrices, passes, PRICE_FIELDS } from './checks';
import type { CheckContext, Exposure, OpposingOrder } from './context';
import type { Limits } from './limits';
import { ORDER_POLICIES } from './order-policies';
import {
  AT_TEN_MS,
  holding,
  lakhs,
  limitOrder,
  marketOrder,
  nifty50,
  niftyCall,
  niftyFuture,
  nothing,
  onFuture,
  onReliance,
  reliance,
  relianceContracts,
  relianceFuture,
  rupees,
  TODAY,
  usdInr,
} from './samples';
import type { Verdict } from './verdict';

/** What one check says. */
const said = (check: CheckName, terms: OrderTerms, context: CheckContext): Verdict | undefined =>
  judge(terms, context).find((verdict) => verdict.check === check);

const outcomeOf = (check: CheckName, terms: OrderTerms, context: CheckContext) => said(check, terms, context)?.outcome;

const failuresOf = (terms: OrderTerms, context: CheckContext) =>
  judge(terms, context)
    .filter(({ outcome }) => outcome === 'fail')
    .map(({ check }) => check);

const withFacts = (facts: InstrumentFacts, context = onReliance): CheckContext => ({
  ...context,
  facts: { ...context.facts, ...facts },
});
const without = (fact: keyof InstrumentFacts, context = onReliance): CheckContext => {
  const { [fact]: _gone, ...facts } = context.facts;
  return { ...context, facts };
};
const limited = (limits: Limits, exposure: Partial<Exposure> = {}, context = onReliance): CheckContext => ({
  ...context,
  limits,
  exposure: { ...context.exposure, ...exposure },
});
const changed = (context: CheckContext, exposure: Partial<Exposure> = {}): CheckContext => ({
  ...context,
  action: 'modify',
  exposure: { ...context.exposure, ...exposure },
});
const selling = (context: CheckContext = onReliance): CheckContext => ({ ...context, side: 'SELL' });
const { lastPriceE4: _known, ...nobodyKnows } = onReliance;
const onCall: CheckContext = { ...onFuture, instrument: niftyCall };
const onStockFuture: CheckContext = { ...onFuture, instrument: relianceFuture, underlying: relianceContracts };
const sourced = { effectiveFrom: TODAY, source: 'file of the day' };

describe('the list', () => {
  const names = [
    ...['tradable', 'expiry', 'suspended', 'contract-value', 'session'],
    ...['product', 'product-eligibility', 'trade-for-trade', 'surveillance', 'listing-day', 'short-sale'],
    ...['quantity', 'lot-multiple', 'freeze-quantity', 'disclosed-quantity'],
    ...['order-type', 'price-fields', 'tick-size', 'stop-prices', 'price-band', 'price-deviation', 'reference-price'],
    ...['order-value', 'order-quantity', 'symbol-quantity', 'symbol-value', 'symbol-position', 'client-position'],
    ...['open-order-value', 'open-orders', 'exposure', 'orders-per-day', 'modifications', 'duplicate'],
    ...['kill-switch', 'reduce-only', 'derivatives-ban', 'self-trade', 'daily-loss', 'intraday-var'],
  ];
  it('runs every check once, top to bottom, on good and bad orders alike', () => {
    expect(judge(limitOrder, onFuture).map(({ check }) => check)).toEqual(names);
    const broken = { ...limitOrder, quantity: Number.NaN, priceE4: -1 };
    expect(judge(broken, { ...onFuture, instrument: nifty50 }).map(({ check }) => check)).toEqual(names);
    expect(CHECK_NAMES).toEqual(names);
    expect(checks).toHaveLength(names.length);
  });
  it('passes an order that nothing speaks against', () => {
    expect(failuresOf(limitOrder, onReliance)).toEqual([]);
    expect(failuresOf(limitOrder, onFuture)).toEqual([]);
    expect(failuresOf(limitOrder, onCall)).toEqual([]);
    expect(failuresOf({ ...limitOrder, quantity: 500 }, onStockFuture)).toEqual([]);
    expect(failuresOf(marketOrder, onReliance)).toEqual([]);
  });
  it('does not pass when one check fails, whatever the others say', () => {
    expect(
      passes([
        { check: 'a', outcome: 'pass' },
        { check: 'b', outcome: 'fail' },
        { check: 'c', outcome: 'pass' },
      ]),
    ).toBe(false);
    expect(
      passes([
        { check: 'a', outcome: 'pass' },
        { check: 'b', outcome: 'not-applicable' },
      ]),
    ).toBe(true);
  });
  it('names all that is wrong at once', () =>
    expect(failuresOf({ ...limitOrder, quantity: 66, priceE4: rupees(100.05) }, onFuture)).toEqual([
      'lot-multiple',
      'tick-size',
    ]));
  it('explains itself in rupees and units, with whose rule it is and since when', () => {
    expect(said('tick-size', { ...limitOrder, priceE4: rupees(100.05) }, onReliance)).toEqual({
      check: 'tick-size',
      outcome: 'fail',
      rule: 'instrument master',
      limit: 0.1,
      actual: 100.05,
      effectiveFrom: TODAY,
    });
    expect(said('order-value', { ...limitOrder, quantity: 10_001 }, limited({ orderValueMaxE4: lakhs(10) }))).toEqual({
      check: 'order-value',
      outcome: 'fail',
      rule: 'limit',
      limit: 1_000_000,
      actual: 1_000_100,
    });
    const byCeiling = { ...limited({ orderValueMaxE4: lakhs(10) }), limitSources: { orderValueMaxE4: 'ceiling' } };
    expect(said('order-value', limitOrder, byCeiling)).toMatchObject({ outcome: 'pass', rule: 'limit: ceiling' });
  });
  it.each([
    [
      'price-deviation',
      { priceDeviationMaxBp: { cash: 300, futures: 500, options: 4_000 } },
      'priceDeviationMaxBp.cash',
    ],
    ['symbol-quantity', { symbolCaps: { 'NSE:RELIANCE': { quantityMax: 65 } } }, 'symbolCaps.NSE:RELIANCE.quantityMax'],
    ['intraday-var', { intradayVar: { limitE4: 1, method: 'parametric', confidenceBp: 9_900 } }, 'intradayVar.limitE4'],
  ] as const)('says whose limit it is that has several parts: %s', (check, limits, path) => {
    const context = { ...limited(limits), limitSources: { [path]: 'ceiling' } };
    expect(said(check, limitOrder, context)?.rule).toMatch(/^limit: ceiling/);
  });
  it('says of every check that does not apply why not', () => {
    for (const context of [onReliance, onFuture, holding(selling(), 65)])
      for (const { outcome, reason } of judge(limitOrder, context))
        expect(outcome !== 'not-applicable' || (reason ?? '').length > 0).toBe(true);
  });
});

describe('the sheet’s fat fingers', () => {
  const futureAt = (price: number): CheckContext => ({ ...onFuture, lastPriceE4: rupees(price) });
  it('PRICE_DEVIATION: 112 where the last price is 100 and 3 % are allowed', () => {
    const context = limited({ priceDeviationMaxBp: { cash: 300, futures: 300, options: 4_000 } });
    expect(failuresOf({ ...limitOrder, priceE4: rupees(112) }, context)).toEqual(['price-deviation']);
    expect(said('price-deviation', { ...limitOrder, priceE4: rupees(112) }, context)).toMatchObject({
      limit: 103,
      actual: 112,
    });
  });
  it('ORDER_VALUE: Rs 10,00,00,001 is above Rs 10 crore, which nobody may override', () => {
    const priced = (rupeesEach: number) => ({ ...limitOrder, quantity: 1, priceE4: rupees(rupeesEach) });
    const dear = { ...futureAt(1), instrument: { ...niftyFuture, lotSize: 1, tickSizeE4: 1 } };
    const whole = { ...priced(100_000_000 / 100), quantity: 100 };
    expect(outcomeOf('order-value', whole, dear)).toBe('pass');
    expect(said('order-value', { ...whole, priceE4: rupees(1_000_000.01) }, dear)).toMatchObject({
      outcome: 'fail',
      limit: 100_000_000,
      actual: 100_000_001,
      effectiveFrom: '2012-12-13',
    });
    expect(
      outcomeOf(
        'order-value',
        { ...whole, priceE4: rupees(1_000_000.01) },
        { ...dear, limits: { orderValueMaxE4: lakhs(5_000) } },
      ),
    ).toBe('fail');
  });
  it('CUMULATIVE_VALUE: 45 lakh open and 6 lakh new, where 50 lakh are allowed', () => {
    const context = limited({ openOrderValueMaxE4: lakhs(50) }, { openOrderValueE4: lakhs(45) });
    expect(failuresOf({ ...limitOrder, quantity: 6_000 }, context)).toEqual(['open-order-value']);
    expect(said('open-order-value', { ...limitOrder, quantity: 6_000 }, context)).toMatchObject({
      limit: 5_000_000,
      actual: 5_100_000,
    });
    expect(failuresOf({ ...limitOrder, quantity: 5_000 }, context)).toEqual([]);
  });
  it('slice: 1,820 of NIFTY, 28 lots, where 1,800 are refused', () => {
    const context = { ...onFuture, instrument: { ...niftyFuture, freezeQuantity: 1_800 } };
    expect(failuresOf({ ...limitOrder, quantity: 1_820 }, context)).toEqual(['freeze-quantity']);
    expect(said('freeze-quantity', { ...limitOrder, quantity: 1_820 }, context)).toMatchObject({
      reason: 'slice it into orders of at most 1755',
    });
  });
  it('LOT_MULTIPLE: 70 in lots of 65', () =>
    expect(failuresOf({ ...limitOrder, quantity: 70 }, onFuture)).toEqual(['lot-multiple']));
});

describe('the sheet’s sessions', () => {
  it('S9: a fund at 5,020.30 in ticks of 0.50 is refused, at 5,020.50 taken', () => {
    const fund: CheckContext = {
      ...withFacts({ previousClose: { ...sourced, priceE4: rupees(5_000) } }),
      instrument: { ...reliance, tickSizeE4: 5_000 },
      lastPriceE4: rupees(5_000),
    };
    expect(failuresOf({ ...limitOrder, priceE4: rupees(5_020.3) }, fund)).toEqual(['tick-size']);
    expect(failuresOf({ ...limitOrder, priceE4: rupees(5_020.5) }, fund)).toEqual([]);
  });
  it('S10: in stage IV of the graded measures nobody buys above the last close', () => {
    const firstDayOfWeek = { tradingDate: '2026-01-05', atMs: AT_TEN_MS + 3 * 86_400_000 };
    const graded: CheckContext = {
      ...withFacts({ surveillance: [{ ...sourced, measure: 'GSM', stage: 4 }] }),
      ...firstDayOfWeek,
    };
    expect(failuresOf(limitOrder, graded)).toEqual([]);
    expect(failuresOf({ ...limitOrder, priceE4: rupees(100.1) }, graded)).toEqual(['surveillance', 'price-band']);
    expect(failuresOf(limitOrder, { ...graded, tradingDate: TODAY, atMs: AT_TEN_MS })).toEqual(['session']);
  });
  it('S10: MIS in a share of the BE series is T2T', () => {
    const be = { ...onReliance, instrument: { ...reliance, instrumentType: 'BE' } };
    expect(failuresOf(limitOrder, be)).toEqual([]);
    expect(said('session', limitOrder, { ...be, product: 'MIS' })).toMatchObject({ outcome: 'fail', actual: 'T2T' });
    expect(said('trade-for-trade', limitOrder, { ...be, product: 'MIS' })).toMatchObject({
      outcome: 'fail',
      rule: 'T2T: series BE',
      limit: 'CNC',
      actual: 'MIS',
    });
  });
});

type Row = readonly [string, CheckContext, Partial<OrderTerms>, Verdict['outcome']];

const table = (check: CheckName, rows: readonly Row[]): void => {
  describe(check, () => {
    it.each(rows)('%s', (_, context, terms, outcome) =>
      expect(outcomeOf(check, { ...limitOrder, ...terms }, context)).toBe(outcome),
    );
  });
};

const onExpiry = (tradingDate: string): CheckContext => ({ ...onFuture, tradingDate });
const { lotSize: _lot, ...withoutLot } = reliance;
const { tickSizeE4: _tick, ...withoutTick } = reliance;

table('tradable', [
  ['a share: pass', onReliance, {}, 'pass'],
  ['an index, which is quoted but not traded: fail', { ...onReliance, instrument: nifty50 }, {}, 'fail'],
  ['without a tick size: fail', { ...onReliance, instrument: withoutTick }, {}, 'fail'],
  ['without a lot size: fail', { ...onReliance, instrument: withoutLot }, {}, 'fail'],
]);

table('expiry', [
  ['the day before: pass', onExpiry('2026-01-26'), {}, 'pass'],
  ['the day itself: pass', onExpiry('2026-01-27'), {}, 'pass'],
  ['the day after: fail', onExpiry('2026-01-28'), {}, 'fail'],
  ['the year after: fail', onExpiry('2027-01-01'), {}, 'fail'],
  ['a share never expires: not applicable', { ...onReliance, tradingDate: '2099-01-01' }, {}, 'not-applicable'],
]);

const listedTomorrow: CheckContext = {
  ...onReliance,
  lists: { suspended: { ...sourced, effectiveFrom: '2026-01-03' } },
};

table('suspended', [
  ['not in the list: pass', onReliance, {}, 'pass'],
  ['no list is loaded: not applicable', { ...onReliance, lists: {} }, {}, 'not-applicable'],
  ['the list counts from tomorrow on: not applicable', listedTomorrow, {}, 'not-applicable'],
  ['on the list of today: fail', withFacts({ suspended: sourced }), {}, 'fail'],
  ['from tomorrow on: pass', withFacts({ suspended: { ...sourced, effectiveFrom: '2026-01-03' } }), {}, 'pass'],
  ['even what closes a position: fail', holding(selling(withFacts({ suspended: sourced })), 65), {}, 'fail'],
]);

table('contract-value', [
  ...(['NSE_EQ', 'BSE_EQ', 'NSE_FO', 'BSE_FO'] as const).map((segment): Row => [
    `${segment}: pass`,
    { ...onReliance, instrument: { ...niftyFuture, segment } },
    {},
    'pass',
  ]),
  ...(['NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM'] as const).map((segment): Row => [
    `${segment}, whose multiplier is not known: fail`,
    { ...onReliance, instrument: { ...niftyFuture, segment } },
    {},
    'fail',
  ]),
]);

const at = (hours: number, minutes: number): CheckContext => ({
  ...onReliance,
  atMs: Date.UTC(2026, 0, 2, hours, minutes) - 19_800_000,
});

table('session', [
  ['10:00: pass', onReliance, {}, 'pass'],
  ['15:29: pass', at(15, 29), {}, 'pass'],
  ['15:31: fail', at(15, 31), {}, 'fail'],
  ['08:00: fail', at(8, 0), {}, 'fail'],
  ['08:00, held until 10:00: pass', { ...at(8, 0), releaseAtMs: AT_TEN_MS }, {}, 'pass'],
  ['a stop in the pre-open: fail', at(9, 2), { orderType: 'SL', triggerPriceE4: rupees(100) }, 'fail'],
  ['a Saturday: fail', { ...onReliance, atMs: AT_TEN_MS + 86_400_000 }, {}, 'fail'],
  ['no clock: fail', { ...onReliance, atMs: Number.NaN }, {}, 'fail'],
  ['a clock that is wrong: fail', { ...onReliance, atMs: Number.MAX_SAFE_INTEGER }, {}, 'fail'],
]);

describe('session', () => {
  it('lets a quantity be changed after the close, and no price', () => {
    const afterClose: CheckContext = { ...changed(at(15, 45)), present: { ...limitOrder, quantity: 10 } };
    expect(outcomeOf('session', limitOrder, afterClose)).toBe('pass');
    expect(said('session', { ...limitOrder, priceE4: rupees(100.1) }, afterClose)).toMatchObject({
      outcome: 'fail',
      actual: 'POST_CLOSE_PRICE_FIXED',
    });
  });
  it('says when the market opens next', () =>
    expect(said('session', limitOrder, at(16, 30))).toMatchObject({
      outcome: 'fail',
      actual: 'AFTER_CLOSE',
      reason: expect.stringMatching(/next at 2026-01-05 09:00 IST$/),
    }));
});

const asProduct = (product: Product, context = onReliance): CheckContext => ({ ...context, product });

table('product', [
  ...(['CNC', 'MIS', 'MTF'] as const).map((product): Row => [
    `a share ${product}: pass`,
    asProduct(product),
    {},
    'pass',
  ]),
  ['a share NRML: fail', asProduct('NRML'), {}, 'fail'],
  ...(['NRML', 'MIS'] as const).map((one): Row => [`a future ${one}: pass`, asProduct(one, onFuture), {}, 'pass']),
  ...(['CNC', 'MTF'] as const).map((one): Row => [`a future ${one}: fail`, asProduct(one, onFuture), {}, 'fail']),
  ['currency NRML: pass', { ...asProduct('NRML'), instrument: usdInr }, {}, 'pass'],
  ['an index, whatever the product: fail', { ...onReliance, instrument: nifty50 }, {}, 'fail'],
]);

const onlyInMaster: Instrument = { ...reliance, funded: { marginBp: 2_500 } };

table('product-eligibility', [
  ['delivery: not applicable', onReliance, {}, 'not-applicable'],
  ['contracts: not applicable', asProduct('MIS', onFuture), {}, 'not-applicable'],
  ['MIS, listed: pass', asProduct('MIS'), {}, 'pass'],
  ['MIS, not listed or no file: fail', asProduct('MIS', without('intraday')), {}, 'fail'],
  ['MTF, listed: pass', asProduct('MTF'), {}, 'pass'],
  ['MTF, listed in the master: pass', { ...asProduct('MTF', without('funded')), instrument: onlyInMaster }, {}, 'pass'],
  ['MTF, not listed: fail', asProduct('MTF', without('funded')), {}, 'fail'],
  [
    'closing what was opened before it left the list: not applicable',
    holding(asProduct('MIS', selling(without('intraday'))), 65),
    {},
    'not-applicable',
  ],
]);

const inBe: CheckContext = { ...onReliance, instrument: { ...reliance, instrumentType: 'BE' } };
const bought = (quantity: number, context: CheckContext): CheckContext => ({
  ...context,
  exposure: { ...context.exposure, undeliveredQuantity: quantity },
});
const nobodyCounted: CheckContext = {
  ...holding(selling(inBe), 65),
  exposure: { ...holding(selling(inBe), 65).exposure, undeliveredQuantity: undefined },
};

table('trade-for-trade', [
  ['another series: not applicable', onReliance, {}, 'not-applicable'],
  ['bought for delivery: pass', inBe, {}, 'pass'],
  ['bought on credit: fail', asProduct('MTF', inBe), {}, 'fail'],
  ['sold after delivery: pass', holding(selling(inBe), 65), {}, 'pass'],
  ['sold the day it was bought: fail', bought(65, holding(selling(inBe), 65)), {}, 'fail'],
  ['sold, as much as was held before today: pass', bought(35, holding(selling(inBe), 100)), {}, 'pass'],
  ['sold, one more than that: fail', bought(36, holding(selling(inBe), 100)), {}, 'fail'],
  ['sold, and nobody knows what was bought today: fail', nobodyCounted, {}, 'fail'],
  ['on credit from before, sold: pass', asProduct('MTF', holding(selling(inBe), 65)), {}, 'pass'],
]);

it('lets a share that was bought on credit go when it has become trade-for-trade', () =>
  expect(failuresOf(limitOrder, asProduct('MTF', holding(selling(inBe), 65)))).toEqual([]));

const staged = (measure: SurveillanceMeasure, stage: number, context = onReliance): CheckContext =>
  withFacts({ surveillance: [{ ...sourced, measure, stage }] }, context);
const dearer = { priceE4: rupees(100.1) };
const discontinued: CheckContext = { ...onReliance, instrument: { ...reliance, instrumentType: 'IL' } };

table('surveillance', [
  ['none: not applicable', onReliance, {}, 'not-applicable'],
  ['a stage that only costs margin: pass', staged('LT-ASM', 1), dearer, 'pass'],
  ['a series that is discontinued: fail', discontinued, {}, 'fail'],
  ['no upward movement, at the close: pass', staged('GSM', 4), {}, 'pass'],
  ['no upward movement, above the close: fail', staged('GSM', 4), dearer, 'fail'],
  ['no upward movement, a sale above the close: fail', selling(staged('GSM', 4)), dearer, 'fail'],
  ['no upward movement, the close not known: fail', staged('GSM', 4, without('previousClose')), {}, 'fail'],
]);
describe('surveillance', () => {
  it('lets nobody buy at the market where no price may rise, but sell', () => {
    expect(outcomeOf('surveillance', marketOrder, staged('GSM', 4))).toBe('fail');
    expect(outcomeOf('surveillance', marketOrder, selling(staged('GSM', 4)))).toBe('pass');
  });
  it('names the deposit of a buyer', () =>
    expect(said('surveillance', limitOrder, staged('GSM', 2))?.reason).toContain('50 %'));
});

const listedToday = withFacts({ listingDay: sourced });

table('listing-day', [
  ['another day: not applicable', onReliance, {}, 'not-applicable'],
  ['the day after: not applicable', { ...listedToday, tradingDate: '2026-01-03' }, {}, 'not-applicable'],
  ['delivery: pass', listedToday, {}, 'pass'],
  ['within the day: fail', asProduct('MIS', listedToday), {}, 'fail'],
  ['on credit: fail', asProduct('MTF', listedToday), {}, 'fail'],
]);

table('short-sale', [
  ['a purchase: not applicable', onReliance, {}, 'not-applicable'],
  ['within the day: not applicable', asProduct('MIS', selling()), {}, 'not-applicable'],
  ['a future: not applicable', selling(onFuture), {}, 'not-applicable'],
  ['all that is held: pass', holding(selling(), 65), {}, 'pass'],
  ['more than is held: fail', holding(selling(), 64), {}, 'fail'],
  ['nothing held: fail', selling(), {}, 'fail'],
  ['on credit, nothing held: fail', asProduct('MTF', selling()), {}, 'fail'],
  [
    'a change, of which some is sold already: pass',
    changed(holding(selling(), 40), { filledQuantity: 25 }),
    {},
    'pass',
  ],
  ['a change to more than is left: fail', changed(holding(selling(), 40), { filledQuantity: 24 }), {}, 'fail'],
]);

table(
  'quantity',
  (
    [
      [1, 'pass'],
      [MAX_QUANTITY, 'pass'],
      [MAX_QUANTITY + 1, 'fail'],
      [0, 'fail'],
      [-0, 'fail'],
      [-1, 'fail'],
      [1.5, 'fail'],
      [2 ** 53, 'fail'],
      [Number.NaN, 'fail'],
      [Number.POSITIVE_INFINITY, 'fail'],
    ] as const
  ).map(([quantity, outcome]): Row => [`${String(quantity)}: ${outcome}`, onReliance, { quantity }, outcome]),
);

table('lot-multiple', [
  ...(
    [
      [65, 'pass'],
      [130, 'pass'],
      [1_690, 'pass'],
      [1, 'fail'],
      [64, 'fail'],
      [66, 'fail'],
      [32.5, 'fail'],
      [Number.NaN, 'fail'],
    ] as const
  ).map(([quantity, outcome]): Row => [
    `${String(quantity)} in lots of 65: ${outcome}`,
    onFuture,
    { quantity },
    outcome,
  ]),
  ['any whole number in lots of 1: pass', onReliance, { quantity: 7 }, 'pass'],
  ['no lot size: fail', { ...onReliance, instrument: nifty50 }, {}, 'fail'],
  ['lots of nothing: fail', { ...onReliance, instrument: { ...reliance, lotSize: 0 } }, {}, 'fail'],
]);

const byFile = (quantity: number, instrument = niftyFuture): CheckContext => ({
  ...withFacts({ freezeQuantity: { ...sourced, quantity } }, onFuture),
  instrument,
});
const { freezeQuantity: _freeze, ...neverFrozen } = niftyFuture;

table('freeze-quantity', [
  ...(
    [
      [1_690, 'pass'],
      [1_754, 'pass'],
      [1_755, 'fail'],
      [1_756, 'fail'],
      [Number.NaN, 'fail'],
    ] as const
  ).map(([quantity, outcome]): Row => [
    `${String(quantity)} where 1755 is refused: ${outcome}`,
    onFuture,
    { quantity },
    outcome,
  ]),
  ['no file gives one: not applicable', onReliance, { quantity: MAX_QUANTITY }, 'not-applicable'],
  ['the exchange’s file is stricter: fail', byFile(1_300), { quantity: 1_300 }, 'fail'],
  ['the master is stricter: fail', byFile(3_000), { quantity: 1_755 }, 'fail'],
  ['only the exchange’s file gives one: fail', byFile(1_300, neverFrozen), { quantity: 1_300 }, 'fail'],
]);
it('says of a lot that is frozen by itself that nothing can be sliced', () =>
  expect(said('freeze-quantity', limitOrder, byFile(65))?.reason).toBe('not even one lot is taken in one order'));

table('disclosed-quantity', [
  ...(
    [
      [1, 'pass'],
      [64, 'pass'],
      [65, 'pass'],
      [66, 'fail'],
      [0, 'fail'],
      [-1, 'fail'],
      [0.5, 'fail'],
      [Number.NaN, 'fail'],
    ] as const
  ).map(([disclosedQuantity, outcome]): Row => [
    `${String(disclosedQuantity)} of 65: ${outcome}`,
    onReliance,
    { disclosedQuantity },
    outcome,
  ]),
  ['everything is shown: not applicable', onReliance, {}, 'not-applicable'],
]);

describe('order-type', () => {
  const [equity] = ORDER_POLICIES;
  if (!equity) throw new Error('no policy is shipped');
  const under = (marketOrders: 'allow' | 'protect' | 'refuse', context: CheckContext = onReliance): CheckContext => ({
    ...context,
    orderPolicies: [equity, { ...equity, from: TODAY, marketOrders, protectionBp: 150 }],
  });
  const stop: OrderTerms = { ...marketOrder, orderType: 'SL_M', triggerPriceE4: rupees(99) };

  it('sends market orders, and records how far they are margined from the last price', () =>
    expect(said('order-type', marketOrder, onReliance)).toMatchObject({
      outcome: 'pass',
      limit: '3 % from the last price',
      effectiveFrom: '2025-01-01',
    }));
  it.each([
    ['a limit order', 'refuse', limitOrder, onReliance, 'not-applicable'],
    ['a market order', 'refuse', marketOrder, onReliance, 'fail'],
    ['a stop at the market', 'refuse', stop, onReliance, 'fail'],
    ['a market order', 'protect', marketOrder, onReliance, 'pass'],
    ['a market order without a last price', 'protect', marketOrder, nobodyKnows, 'fail'],
    ['a market order', 'allow', marketOrder, nobodyKnows, 'pass'],
  ] as const)('%s where the policy says %s', (_, policy, terms, context, outcome) =>
    expect(outcomeOf('order-type', terms, under(policy, context))).toBe(outcome),
  );
  it('goes by the policy of the segment', () =>
    expect(
      outcomeOf('order-type', marketOrder, {
        ...onReliance,
        orderPolicies: [equity, { ...equity, from: TODAY, segments: ['MCX_FO'], marketOrders: 'refuse' }],
      }),
    ).toBe('pass'));
  it('goes by the policy of the day', () => {
    expect(outcomeOf('order-type', marketOrder, { ...under('refuse'), tradingDate: '2026-01-01' })).toBe('pass');
    expect(outcomeOf('order-type', marketOrder, { ...onReliance, tradingDate: '2024-12-31' })).toBe('fail');
    expect(said('order-type', marketOrder, under('protect'))?.limit).toBe('1.5 % from the last price');
  });
});

describe('price-fields', () => {
  const price = { priceE4: rupees(100) };
  const trigger = { triggerPriceE4: rupees(99) };
  const both = { ...price, ...trigger };

  it.each<[OrderType, string, object, string[]]>([
    ['MARKET', 'neither', {}, []],
    ['MARKET', 'a price', price, ['MARKET takes no price']],
    ['MARKET', 'a trigger', trigger, ['MARKET takes no triggerPrice']],
    ['MARKET', 'both', both, ['MARKET takes no price', 'MARKET takes no triggerPrice']],
    ['LIMIT', 'neither', {}, ['LIMIT needs price']],
    ['LIMIT', 'a price', price, []],
    ['LIMIT', 'a trigger', trigger, ['LIMIT needs price', 'LIMIT takes no triggerPrice']],
    ['LIMIT', 'both', both, ['LIMIT takes no triggerPrice']],
    ['SL', 'neither', {}, ['SL needs price', 'SL needs triggerPrice']],
    ['SL', 'a price', price, ['SL needs triggerPrice']],
    ['SL', 'a trigger', trigger, ['SL needs price']],
    ['SL', 'both', both, []],
    ['SL_M', 'neither', {}, ['SL_M needs triggerPrice']],
    ['SL_M', 'a price', price, ['SL_M takes no price', 'SL_M needs triggerPrice']],
    ['SL_M', 'a trigger', trigger, []],
    ['SL_M', 'both', both, ['SL_M takes no price']],
  ])('%s with %s', (orderType, _, prices, messages) => {
    const terms: OrderTerms = { orderType, quantity: 65, validity: 'DAY', ...prices };
    expect(misfitPrices(terms).map(({ message }) => message)).toEqual(messages);
    expect(said('price-fields', terms, onReliance)).toMatchObject({
      outcome: messages.length === 0 ? 'pass' : 'fail',
      actual: orderType,
      ...(messages.length > 0 && { reason: messages.join('; ') }),
    });
  });
  it('knows every order type', () => expect(Object.keys(PRICE_FIELDS)).toEqual(['MARKET', 'LIMIT', 'SL', 'SL_M']));
  const bounds = [
    [1, 'pass'],
    [MAX_PRICE_E4, 'pass'],
    [MAX_PRICE_E4 + 1, 'fail'],
    [0, 'fail'],
    [-1, 'fail'],
    [Number.NaN, 'fail'],
    [Number.POSITIVE_INFINITY, 'fail'],
  ] as const;
  it.each(bounds)('a price of %p: %s', (priceE4, outcome) =>
    expect(outcomeOf('price-fields', { ...limitOrder, priceE4 }, onReliance)).toBe(outcome),
  );
  it.each(bounds)('a trigger of %p: %s', (triggerPriceE4, outcome) =>
    expect(outcomeOf('price-fields', { ...marketOrder, orderType: 'SL_M', triggerPriceE4 }, onReliance)).toBe(outcome),
  );
  it('says which field is out of bounds', () =>
    expect(misfitPrices({ ...limitOrder, priceE4: 0 })).toEqual([
      { field: 'price', message: 'price must be above 0 and at most 10000000' },
    ]));
});

describe('tick-size', () => {
  const onCurrency: CheckContext = { ...onReliance, instrument: usdInr };
  it.each([
    ['Rs 0.10', onReliance, 100, 'pass'],
    ['Rs 0.10', onReliance, 100.1, 'pass'],
    ['Rs 0.10', onReliance, 0.3, 'pass'],
    ['Rs 0.10', onReliance, 100.05, 'fail'],
    ['Rs 0.10', onReliance, 100.1001, 'fail'],
    ['Rs 0.0025', onCurrency, 84.5, 'pass'],
    ['Rs 0.0025', onCurrency, 84.5025, 'pass'],
    ['Rs 0.0025', onCurrency, 84.5075, 'pass'],
    ['Rs 0.0025', onCurrency, 84.501, 'fail'],
    ['Rs 0.0025', onCurrency, 84.5024, 'fail'],
    ['Rs 0.0025', onCurrency, 84.5026, 'fail'],
  ] as const)('in ticks of %s', (_, context, price, outcome) => {
    expect(outcomeOf('tick-size', { ...limitOrder, priceE4: rupees(price) }, context)).toBe(outcome);
    const stop: OrderTerms = { ...marketOrder, orderType: 'SL_M', triggerPriceE4: rupees(price) };
    expect(outcomeOf('tick-size', stop, context)).toBe(outcome);
  });
  it('names the price that is off, be it the limit or the trigger', () => {
    const stop: OrderTerms = { ...limitOrder, orderType: 'SL', triggerPriceE4: rupees(99.95) };
    expect(said('tick-size', stop, onReliance)).toMatchObject({ outcome: 'fail', actual: 99.95 });
    expect(
      said('tick-size', { ...stop, priceE4: rupees(100.05), triggerPriceE4: rupees(99.9) }, onReliance),
    ).toMatchObject({ outcome: 'fail', actual: 100.05 });
  });
  it('does not apply to an order that names no price', () =>
    expect(outcomeOf('tick-size', marketOrder, onReliance)).toBe('not-applicable'));
  it('fails when the tick size is not known, or makes no sense', () => {
    expect(outcomeOf('tick-size', limitOrder, { ...onReliance, instrument: nifty50 })).toBe('fail');
    const noTick = { ...onReliance, instrument: { ...reliance, tickSizeE4: 0 } };
    expect(outcomeOf('tick-size', limitOrder, noTick)).toBe('fail');
  });
});

describe('stop-prices', () => {
  it.each([
    ['BUY', 100.1, 100, 'pass'],
    ['BUY', 100, 100, 'pass'],
    ['BUY', 99.9, 100, 'fail'],
    ['SELL', 99.9, 100, 'pass'],
    ['SELL', 100, 100, 'pass'],
    ['SELL', 100.1, 100, 'fail'],
  ] as const)('%s with limit %p and trigger %p: %s', (side, price, trigger, outcome) =>
    expect(
      outcomeOf(
        'stop-prices',
        { ...limitOrder, orderType: 'SL', priceE4: rupees(price), triggerPriceE4: rupees(trigger) },
        { ...onReliance, side },
      ),
    ).toBe(outcome),
  );
  it.each<[OrderType, object]>([
    ['MARKET', {}],
    ['LIMIT', { priceE4: rupees(100) }],
    ['SL_M', { triggerPriceE4: rupees(100) }],
    ['SL', { priceE4: rupees(100) }],
    ['SL', { triggerPriceE4: rupees(100) }],
  ])('does not apply to %s with %j', (orderType, prices) =>
    expect(outcomeOf('stop-prices', { orderType, quantity: 65, validity: 'DAY', ...prices }, onReliance)).toBe(
      'not-applicable',
    ),
  );
});

describe('reference-price', () => {
  it('a market order with a last price: pass', () =>
    expect(said('reference-price', marketOrder, onReliance)).toMatchObject({ outcome: 'pass', actual: 100 }));
  it('a market order when nobody knows a last price: fail', () =>
    expect(outcomeOf('reference-price', marketOrder, nobodyKnows)).toBe('fail'));
  it.each([0, -1, Number.NaN])(
    'a market order with a last price of %p, which would need no margin: fail',
    (lastPriceE4) => expect(outcomeOf('reference-price', marketOrder, { ...onReliance, lastPriceE4 })).toBe('fail'),
  );
  it.each<[OrderType, object]>([
    ['LIMIT', { priceE4: rupees(100) }],
    ['SL', { priceE4: rupees(100), triggerPriceE4: rupees(99) }],
    ['SL_M', { triggerPriceE4: rupees(99) }],
  ])('%s names its own price: does not apply', (orderType, prices) =>
    expect(outcomeOf('reference-price', { orderType, quantity: 65, validity: 'DAY', ...prices }, nobodyKnows)).toBe(
      'not-applicable',
    ),
  );
});

const deviation: Limits = { priceDeviationMaxBp: { cash: 300, futures: 500, options: 4_000 } };
const lastAt = (price: number, context: CheckContext): CheckContext => ({ ...context, lastPriceE4: rupees(price) });
const stopAt = (price: number, trigger: number): Partial<OrderTerms> => ({
  orderType: 'SL',
  priceE4: rupees(price),
  triggerPriceE4: rupees(trigger),
});

table('price-deviation', [
  ['no limit is set: not applicable', onReliance, { priceE4: rupees(500) }, 'not-applicable'],
  ['a share 3 % above: pass', limited(deviation), { priceE4: rupees(103) }, 'pass'],
  ['a share a tick more: fail', limited(deviation), { priceE4: rupees(103.1) }, 'fail'],
  ['a share sold 3 % below: pass', selling(limited(deviation)), { priceE4: rupees(97) }, 'pass'],
  ['a share sold a tick less: fail', selling(limited(deviation)), { priceE4: rupees(96.9) }, 'fail'],
  ['a share, to wait far below: pass', limited(deviation), { priceE4: rupees(91) }, 'pass'],
  ['a share sold, to wait far above: pass', selling(limited(deviation)), { priceE4: rupees(109) }, 'pass'],
  ['a future 5 % above: pass', limited(deviation, {}, onFuture), { priceE4: rupees(105) }, 'pass'],
  ['a future more: fail', limited(deviation, {}, onFuture), { priceE4: rupees(105.1) }, 'fail'],
  ['an option at 100, 40 % above: pass', limited(deviation, {}, onCall), { priceE4: rupees(140) }, 'pass'],
  ['an option at 100, more: fail', limited(deviation, {}, onCall), { priceE4: rupees(140.05) }, 'fail'],
  ['an option at 10, Rs 20 above: pass', lastAt(10, limited(deviation, {}, onCall)), { priceE4: rupees(30) }, 'pass'],
  ['an option at 10, more: fail', lastAt(10, limited(deviation, {}, onCall)), { priceE4: rupees(30.05) }, 'fail'],
  ['a stop far away, near its trigger: pass', limited(deviation), stopAt(80, 81), 'pass'],
  ['a stop far from its trigger: fail', limited(deviation), stopAt(120, 100), 'fail'],
  ['a stop that sells far from its trigger: fail', selling(limited(deviation)), stopAt(80, 100), 'fail'],
  ['only the previous close is known: pass', limited(deviation, {}, nobodyKnows), {}, 'pass'],
  ['only that, and far from it: fail', limited(deviation, {}, nobodyKnows), { priceE4: rupees(104) }, 'fail'],
  ['nothing is known: fail', limited(deviation, {}, without('previousClose', nobodyKnows)), {}, 'fail'],
]);
it('compares no limit where there is none', () =>
  expect(outcomeOf('price-deviation', marketOrder, limited(deviation))).toBe('not-applicable'));

const bandFact = (band: NonNullable<InstrumentFacts['band']>, lastPrice = 100): CheckContext => ({
  ...withFacts({ band }),
  lastPriceE4: rupees(lastPrice),
});
const fivePercent = bandFact({ ...sourced, kind: 'percent', basisPoints: 500 });
const dynamic = (lastPrice: number) => bandFact({ ...sourced, kind: 'dynamic' }, lastPrice);
const inClosingAuction: CheckContext = {
  ...withFacts({ hasDerivatives: sourced, previousClose: { ...sourced, priceE4: rupees(990) } }),
  tradingDate: '2026-08-03',
  atMs: Date.UTC(2026, 7, 3, 9, 51),
  lastPriceE4: rupees(995),
  referenceE4: rupees(1_000),
};
const priced = (price: number) => ({ priceE4: rupees(price) });

table('price-band', [
  ['inside: pass', fivePercent, priced(105), 'pass'],
  ['a tick above: fail', fivePercent, priced(105.1), 'fail'],
  ['at the lower end: pass', fivePercent, priced(95), 'pass'],
  ['a tick below: fail', fivePercent, priced(94.9), 'fail'],
  ['a trigger outside: fail', fivePercent, stopAt(105, 105.1), 'fail'],
  [
    'named prices, inside: pass',
    bandFact({ ...sourced, kind: 'prices', lowerE4: rupees(99), upperE4: rupees(101) }),
    priced(101),
    'pass',
  ],
  [
    'named prices, outside: fail',
    bandFact({ ...sourced, kind: 'prices', lowerE4: rupees(99), upperE4: rupees(101) }),
    priced(102),
    'fail',
  ],
  ['a dynamic band, 10 % above: pass', dynamic(100), priced(110), 'pass'],
  ['a dynamic band, more: fail', dynamic(100), priced(110.1), 'fail'],
  ['a dynamic band that was flexed once: pass', dynamic(112), priced(115), 'pass'],
  ['a dynamic band that was flexed once, more: fail', dynamic(112), priced(115.1), 'fail'],
  ['a dynamic band that slid away: fail', dynamic(112), priced(94.9), 'fail'],
  ['a dynamic band that was flexed down twice: pass', dynamic(83), priced(80), 'pass'],
  ['a band that is not dynamic never slides: fail', { ...fivePercent, lastPriceE4: rupees(110) }, priced(110), 'fail'],
  ['no band is known: fail', without('band'), {}, 'fail'],
  ['no close to count it from: fail', without('previousClose'), {}, 'fail'],
  ['a contract: not applicable', onFuture, priced(500), 'not-applicable'],
  ['S3: 1,030.00 in the closing auction around 1,000: pass', inClosingAuction, priced(1_030), 'pass'],
  ['S3: 1,030.10: fail', inClosingAuction, priced(1_030.1), 'fail'],
  ['S3: 969.90: fail', inClosingAuction, priced(969.9), 'fail'],
]);
it('says of which day the band is that does not count any more', () =>
  expect(
    said('price-band', limitOrder, {
      ...onReliance,
      facts: { outdated: { band: { effectiveFrom: '2025-10-01', source: 'bands.csv' } } },
    }),
  ).toMatchObject({
    outcome: 'fail',
    reason: 'the price band is of 2025-10-01, too old to count: bands.csv',
  }));

it('has no band to compare a market order with', () =>
  expect(outcomeOf('price-band', marketOrder, without('band'))).toBe('not-applicable'));

table('order-value', [
  ['below the limit: pass', limited({ orderValueMaxE4: rupees(6_500) }), {}, 'pass'],
  ['above it: fail', limited({ orderValueMaxE4: rupees(6_500) - 1 }), {}, 'fail'],
  ['before there was any rule: fail', { ...onReliance, tradingDate: '2012-12-12' }, {}, 'fail'],
  ['a product that is no exact number: fail', onReliance, { quantity: 2 ** 53, priceE4: MAX_PRICE_E4 }, 'fail'],
]);
const sliceOf = (lineQuantity: number, limits: Limits): CheckContext => ({ ...limited(limits), lineQuantity });

describe('a slice of a line', () => {
  it.each<[CheckName, Limits, Limits]>([
    ['order-quantity', { orderQuantityMax: 129 }, { orderQuantityMax: 130 }],
    ['order-value', { orderValueMaxE4: rupees(12_999) }, { orderValueMaxE4: rupees(13_000) }],
    [
      'symbol-quantity',
      { symbolCaps: { 'NSE:RELIANCE': { quantityMax: 129 } } },
      { symbolCaps: { 'NSE:RELIANCE': { quantityMax: 130 } } },
    ],
    [
      'symbol-value',
      { symbolCaps: { 'NSE:RELIANCE': { valueMaxE4: rupees(12_999) } } },
      { symbolCaps: { 'NSE:RELIANCE': { valueMaxE4: rupees(13_000) } } },
    ],
  ])('is judged as all of its line: %s', (check, under, enough) => {
    const told = said(check, limitOrder, sliceOf(130, under));
    expect(told).toMatchObject({
      outcome: 'fail',
      reason: 'the line asks for 130 in all, this slice for 65',
    });
    expect([130, 13_000]).toContain(told?.actual);
    expect(outcomeOf(check, limitOrder, sliceOf(130, enough))).toBe('pass');
  });
  it('is an order of its own for what the exchange takes in one', () => {
    const crores = { ...limitOrder, quantity: 99_999, priceE4: rupees(1_000) };
    const context = { ...onReliance, instrument: { ...reliance, freezeQuantity: 100_000 }, lineQuantity: 300_000 };
    expect(outcomeOf('order-value', crores, context)).toBe('pass');
    expect(outcomeOf('freeze-quantity', crores, context)).toBe('pass');
    expect(outcomeOf('order-value', crores, { ...context, limits: { orderValueMaxE4: 1_000_000_000_000 } })).toBe(
      'pass',
    );
    expect(said('order-value', crores, { ...context, limits: { orderValueMaxE4: 2_000_000_000_000 } })).toMatchObject({
      outcome: 'fail',
      rule: 'limit',
      actual: 300_000_000,
    });
  });
});
it('values a market order as it is margined, and one without any price not at all', () => {
  expect(said('order-value', marketOrder, onReliance)).toMatchObject({ outcome: 'pass', actual: 6_695 });
  expect(outcomeOf('order-value', marketOrder, nobodyKnows)).toBe('fail');
});

table('order-quantity', [
  ['no limit: not applicable', onReliance, {}, 'not-applicable'],
  ['at the limit: pass', limited({ orderQuantityMax: 65 }), {}, 'pass'],
  ['above it: fail', limited({ orderQuantityMax: 64 }), {}, 'fail'],
]);

const capped = (caps: NonNullable<Limits['symbolCaps']>, context = onReliance, exposure: Partial<Exposure> = {}) =>
  limited({ symbolCaps: caps }, exposure, context);

table('symbol-quantity', [
  ['another symbol is capped: not applicable', capped({ 'NSE:TCS': { quantityMax: 1 } }), {}, 'not-applicable'],
  ['at the cap: pass', capped({ 'NSE:RELIANCE': { quantityMax: 65 } }), {}, 'pass'],
  ['above it: fail', capped({ 'NSE:RELIANCE': { quantityMax: 64 } }), {}, 'fail'],
  ['above it, in another spelling: fail', capped({ ' nse:Reliance ': { quantityMax: 64 } }), {}, 'fail'],
  [
    'above the lower of two spellings: fail',
    capped({ 'NSE:RELIANCE': { quantityMax: 65 }, 'nse:reliance': { quantityMax: 64 } }),
    {},
    'fail',
  ],
  ['above that of the underlying: fail', capped({ NIFTY: { quantityMax: 64 } }, onFuture), {}, 'fail'],
  [
    'above the second of two: fail',
    capped({ [niftyFuture.symbol]: { quantityMax: 65 }, NIFTY: { quantityMax: 64 } }, onFuture),
    {},
    'fail',
  ],
]);

table('symbol-value', [
  ['not capped: not applicable', capped({ 'NSE:RELIANCE': { quantityMax: 1 } }), {}, 'not-applicable'],
  ['at the cap: pass', capped({ 'NSE:RELIANCE': { valueMaxE4: rupees(6_500) } }), {}, 'pass'],
  ['above it: fail', capped({ 'NSE:RELIANCE': { valueMaxE4: rupees(6_499) } }), {}, 'fail'],
]);

const positionCap = { 'NSE:RELIANCE': { positionMax: 100 } };

table('symbol-position', [
  ['not capped: not applicable', onReliance, {}, 'not-applicable'],
  ['up to the cap: pass', capped(positionCap, onReliance, { symbolPosition: 35 }), {}, 'pass'],
  ['above it: fail', capped(positionCap, onReliance, { symbolPosition: 36 }), {}, 'fail'],
  ['short, up to it: pass', capped(positionCap, selling(), { symbolPosition: -35 }), {}, 'pass'],
  ['short, above it: fail', capped(positionCap, selling(), { symbolPosition: -36 }), {}, 'fail'],
  ['through zero: pass', capped(positionCap, selling(), { symbolPosition: 30 }), {}, 'pass'],
  [
    'far above it and becoming smaller: not applicable',
    capped(positionCap, selling(), { symbolPosition: 500 }),
    {},
    'not-applicable',
  ],
  [
    'contracts on one underlying together: pass',
    capped({ NIFTY: { positionMax: 130 } }, onFuture, { otherContracts: 65 }),
    {},
    'pass',
  ],
  ['… above it: fail', capped({ NIFTY: { positionMax: 130 } }, onFuture, { otherContracts: 66 }), {}, 'fail'],
]);

const clientLimit = (quantity: number, otherContracts = 0): CheckContext => ({
  ...onStockFuture,
  underlying: { ...relianceContracts, clientLimit: { ...sourced, quantity } },
  exposure: { ...nothing, otherContracts },
});
const lot = { quantity: 500 };

table('client-position', [
  ['a share: not applicable', onReliance, {}, 'not-applicable'],
  ['no file gives one: not applicable', onStockFuture, lot, 'not-applicable'],
  ['at the limit: pass', clientLimit(1_000, 500), lot, 'pass'],
  ['above it: fail', clientLimit(1_000, 501), lot, 'fail'],
]);

const openValue = { openOrderValueMaxE4: rupees(10_000) };

table('open-order-value', [
  ['no limit: not applicable', onReliance, {}, 'not-applicable'],
  ['up to the limit: pass', limited(openValue, { openOrderValueE4: rupees(3_500) }), {}, 'pass'],
  ['above it: fail', limited(openValue, { openOrderValueE4: rupees(3_501) }), {}, 'fail'],
  [
    'a change to more: fail',
    changed(limited(openValue, { openOrderValueE4: rupees(3_501), presentValueE4: rupees(6_499) })),
    {},
    'fail',
  ],
  [
    'a change to less, however much is open: not applicable',
    changed(limited(openValue, { openOrderValueE4: rupees(99_999), presentValueE4: rupees(6_500) })),
    {},
    'not-applicable',
  ],
  [
    'only what is not executed counts: pass',
    changed(limited(openValue, { openOrderValueE4: rupees(6_500), filledQuantity: 30 })),
    {},
    'pass',
  ],
]);

table('open-orders', [
  ['no limit: not applicable', onReliance, {}, 'not-applicable'],
  ['the last that is allowed: pass', limited({ openOrdersMax: 3 }, { openOrders: 2 }), {}, 'pass'],
  ['one more: fail', limited({ openOrdersMax: 3 }, { openOrders: 3 }), {}, 'fail'],
  ['a change: not applicable', changed(limited({ openOrdersMax: 3 }, { openOrders: 3 })), {}, 'not-applicable'],
]);

const gross = { exposureMaxE4: rupees(10_000) };
const heldPartly: Partial<Exposure> = { closableQuantity: 30, grossExposureE4: rupees(6_501) };

table('exposure', [
  ['no limit: not applicable', onReliance, {}, 'not-applicable'],
  ['up to the limit: pass', limited(gross, { grossExposureE4: rupees(3_500) }), {}, 'pass'],
  ['above it: fail', limited(gross, { grossExposureE4: rupees(3_501) }), {}, 'fail'],
  ['a position without a price: fail', limited(gross, { grossExposureE4: undefined }), {}, 'fail'],
  ['only the part that opens counts: fail', limited(gross, heldPartly), {}, 'fail'],
  [
    'only the part that opens counts: pass',
    limited(gross, { ...heldPartly, grossExposureE4: rupees(6_500) }),
    {},
    'pass',
  ],
  [
    'a change to less: not applicable',
    changed(limited(gross, { grossExposureE4: rupees(99_999), presentValueE4: rupees(6_500) })),
    {},
    'not-applicable',
  ],
]);

table('orders-per-day', [
  ['no limit: not applicable', onReliance, {}, 'not-applicable'],
  ['the last of the day: pass', limited({ ordersPerDayMax: 10 }, { ordersToday: 9 }), {}, 'pass'],
  ['one more: fail', limited({ ordersPerDayMax: 10 }, { ordersToday: 10 }), {}, 'fail'],
  ['a change: not applicable', changed(limited({ ordersPerDayMax: 10 }, { ordersToday: 10 })), {}, 'not-applicable'],
  ['a day that is over already: fail', limited({ ordersPerDayMax: 10 }, { ordersToday: undefined }), {}, 'fail'],
]);

table('modifications', [
  ['a new order: not applicable', limited({ modificationsPerOrderMax: 0 }), {}, 'not-applicable'],
  ['no limit: not applicable', changed(onReliance, { modifications: 99 }), {}, 'not-applicable'],
  [
    'the last that is allowed: pass',
    changed(limited({ modificationsPerOrderMax: 25 }, { modifications: 24 })),
    {},
    'pass',
  ],
  ['one more: fail', changed(limited({ modificationsPerOrderMax: 25 }, { modifications: 25 })), {}, 'fail'],
]);

table('duplicate', [
  ['no window: not applicable', limited({}, { lastAlikeMs: 0 }), {}, 'not-applicable'],
  ['a window of nothing: not applicable', limited({ duplicateWindowMs: 0 }, { lastAlikeMs: 0 }), {}, 'not-applicable'],
  ['none was alike: pass', limited({ duplicateWindowMs: 2_000 }), {}, 'pass'],
  ['the same within the window: fail', limited({ duplicateWindowMs: 2_000 }, { lastAlikeMs: 1_999 }), {}, 'fail'],
  ['the same after it: pass', limited({ duplicateWindowMs: 2_000 }, { lastAlikeMs: 2_000 }), {}, 'pass'],
  [
    'a change: not applicable',
    changed(limited({ duplicateWindowMs: 2_000 }, { lastAlikeMs: 1 })),
    {},
    'not-applicable',
  ],
]);

const halted = (state: 'reduce-only' | 'killed', context = onReliance): CheckContext => ({
  ...context,
  halt: { state, by: 'house', reason: 'fire drill' },
});

table('kill-switch', [
  ['open: pass', onReliance, {}, 'pass'],
  ['reduce only: pass', halted('reduce-only'), {}, 'pass'],
  ['killed: fail', halted('killed'), {}, 'fail'],
  ['killed, even what closes a position: fail', holding(halted('killed', selling()), 65), {}, 'fail'],
]);
table('reduce-only', [
  ['open: pass', onReliance, {}, 'pass'],
  ['killed: not applicable, the other switch says it', halted('killed'), {}, 'not-applicable'],
  ['an entry: fail', halted('reduce-only'), {}, 'fail'],
  ['an exit: not applicable', holding(halted('reduce-only', selling()), 65), {}, 'not-applicable'],
  ['more than an exit: fail', holding(halted('reduce-only', selling()), 64), {}, 'fail'],
]);
it('says whose switch it is, and why it was pulled', () =>
  expect(said('reduce-only', limitOrder, halted('reduce-only'))).toMatchObject({
    rule: 'switch of house',
    actual: 'reduce-only',
    reason: 'fire drill',
  }));

const banned: CheckContext = { ...onStockFuture, underlying: { ...relianceContracts, banned: sourced } };
const { underlying: _unknown, ...onUnknown } = onStockFuture;
const bannedTomorrow = { ...sourced, effectiveFrom: '2026-01-05' };

table('derivatives-ban', [
  ['a share: not applicable', onReliance, {}, 'not-applicable'],
  ['an index: not applicable', onFuture, {}, 'not-applicable'],
  ['a currency: not applicable', { ...onUnknown, instrument: usdInr }, {}, 'not-applicable'],
  ['not banned: pass', onStockFuture, lot, 'pass'],
  ['banned: fail', banned, lot, 'fail'],
  ['no list is loaded: not applicable', { ...onStockFuture, lists: {} }, lot, 'not-applicable'],
  [
    'banned from the next day on: pass',
    { ...onStockFuture, underlying: { ...relianceContracts, banned: bannedTomorrow } },
    lot,
    'pass',
  ],
  ['banned, but it closes a position: not applicable', holding(selling(banned), 500), lot, 'not-applicable'],
  ['nothing is known of the underlying: fail', onUnknown, lot, 'fail'],
]);

describe('self-trade', () => {
  const against = (own: Omit<OpposingOrder, 'orderId' | 'side'>, context: CheckContext = onReliance): CheckContext => ({
    ...context,
    exposure: {
      ...context.exposure,
      opposite: [{ orderId: 'own-1', side: context.side === 'BUY' ? 'SELL' : 'BUY', ...own }],
    },
  });
  const sellAt = (price: number) => ({ orderType: 'LIMIT', priceE4: rupees(price) }) as const;
  const sellStop = (trigger: number, price?: number) =>
    ({
      orderType: price === undefined ? 'SL_M' : 'SL',
      triggerPriceE4: rupees(trigger),
      ...(price !== undefined && { priceE4: rupees(price) }),
    }) as const;
  const buyAt = (price: number): OrderTerms => ({ ...limitOrder, priceE4: rupees(price) });
  const buyStop = (trigger: number, price: number): OrderTerms => ({ ...limitOrder, ...stopAt(price, trigger) });
  const buyStopAtMarket = (trigger: number): OrderTerms => ({
    ...marketOrder,
    orderType: 'SL_M',
    triggerPriceE4: rupees(trigger),
  });
  it.each<[string, OrderTerms, Omit<OpposingOrder, 'orderId' | 'side'>, Verdict['outcome']]>([
    ['below an own offer', buyAt(100), sellAt(100.1), 'pass'],
    ['at an own offer', buyAt(100.1), sellAt(100.1), 'fail'],
    ['at the market, an own target far away', marketOrder, sellAt(103.1), 'pass'],
    ['at the market, an own offer within reach', marketOrder, sellAt(103), 'fail'],
    ['against an own market order', buyAt(100), { orderType: 'MARKET' }, 'fail'],
    ['adding above an own stop', buyAt(96), sellStop(95, 94.9), 'pass'],
    ['waiting where an own stop would sell', buyAt(94.9), sellStop(95, 94.9), 'fail'],
    ['waiting below where it would', buyAt(94.8), sellStop(95, 94.9), 'pass'],
    ['waiting anywhere below an own stop at the market', buyAt(50), sellStop(95), 'fail'],
    ['at the market, an own stop below', marketOrder, sellStop(95), 'pass'],
    ['a stop, an own offer between its trigger and its limit', buyStop(105, 106), sellAt(105.5), 'fail'],
    ['a stop, an own offer before its trigger', buyStop(105, 106), sellAt(104), 'pass'],
    ['a stop, an own offer beyond its limit', buyStop(105, 106), sellAt(106.1), 'pass'],
    ['a stop at the market, an own offer above', buyStopAtMarket(105), sellAt(120), 'fail'],
    ['two stops around the market', buyStop(105, 106), sellStop(95, 94), 'pass'],
    ['two stops at one price', buyStop(100, 101), sellStop(100, 99), 'fail'],
    ['against a stop of which no trigger is known', buyAt(100), { orderType: 'SL', priceE4: rupees(95) }, 'fail'],
    ['against an order of which nothing is known', buyAt(100), { orderType: undefined }, 'fail'],
  ])('%s', (_, terms, own, outcome) => expect(outcomeOf('self-trade', terms, against(own))).toBe(outcome));

  it('is the same the other way round', () => {
    const sell = selling(holding(selling(), 65));
    expect(outcomeOf('self-trade', buyAt(100), against(sellAt(99.9), sell))).toBe('pass');
    expect(outcomeOf('self-trade', buyAt(100), against(sellAt(100), sell))).toBe('fail');
    const stop: OrderTerms = { ...limitOrder, ...stopAt(94.9, 95) };
    expect(outcomeOf('self-trade', stop, against(sellAt(96), sell))).toBe('pass');
    expect(outcomeOf('self-trade', stop, against(sellAt(95), sell))).toBe('fail');
  });
  it('takes an own stop for what it is once the last price has reached its trigger', () => {
    const fallen = { ...onReliance, lastPriceE4: rupees(94) };
    expect(outcomeOf('self-trade', buyAt(96), against(sellStop(95, 94.9), fallen))).toBe('fail');
    expect(outcomeOf('self-trade', buyAt(94.8), against(sellStop(95, 94.9), fallen))).toBe('pass');
    expect(outcomeOf('self-trade', buyAt(96), against(sellStop(95), fallen))).toBe('fail');
    const risen = holding(selling({ ...onReliance, lastPriceE4: rupees(106) }), 65);
    const ownBuyStop = { orderType: 'SL', triggerPriceE4: rupees(105), priceE4: rupees(106) } as const;
    expect(outcomeOf('self-trade', buyAt(104), against(ownBuyStop, risen))).toBe('fail');
    expect(outcomeOf('self-trade', buyAt(104), against(ownBuyStop, { ...risen, lastPriceE4: rupees(104) }))).toBe(
      'pass',
    );
  });
  it('takes a stop for both where nobody knows the last price', () =>
    expect(outcomeOf('self-trade', buyAt(96), against(sellStop(95, 94.9), nobodyKnows))).toBe('fail'));
  it('names the own order that stands in the way', () =>
    expect(said('self-trade', buyAt(101), against(sellAt(100.1)))).toMatchObject({
      actual: 'own-1',
      reason: 'it could meet the own SELL at 100.1: cancel that one first',
    }));
});

const lossLimit = { dailyLossMaxE4: rupees(1_000) };
const lost = (realised: number, charges: number, unrealised: number | undefined): Partial<Exposure> => ({
  dayRealisedE4: rupees(realised),
  dayChargesE4: rupees(charges),
  unrealisedE4: unrealised === undefined ? undefined : rupees(unrealised),
});

table('daily-loss', [
  ['no limit: not applicable', limited({}, lost(-9_999, 0, 0)), {}, 'not-applicable'],
  ['a profit: pass', limited(lossLimit, lost(500, 10, 0)), {}, 'pass'],
  ['realised, unrealised and charges, at the limit: pass', limited(lossLimit, lost(-500, 100, -400)), {}, 'pass'],
  ['a rupee more: fail', limited(lossLimit, lost(-500, 101, -400)), {}, 'fail'],
  ['a gain that is not realised counts: pass', limited(lossLimit, lost(-1_500, 0, 600)), {}, 'pass'],
  ['a position without a price: fail', limited(lossLimit, lost(0, 0, undefined)), {}, 'fail'],
  ['a day that is over already: fail', limited(lossLimit, { ...lost(0, 0, 0), dayRealisedE4: undefined }), {}, 'fail'],
  ['charges of such a day: fail', limited(lossLimit, { ...lost(0, 0, 0), dayChargesE4: undefined }), {}, 'fail'],
  [
    'whatever was lost, an exit: not applicable',
    holding(selling(limited(lossLimit, lost(-9_999, 0, 0))), 65),
    {},
    'not-applicable',
  ],
]);

it.each(['dayRealisedE4', 'dayChargesE4'] as const)('tells why the loss of a day is not known: no %s', (figure) =>
  expect(said('daily-loss', limitOrder, limited(lossLimit, { ...lost(0, 0, 0), [figure]: undefined }))).toMatchObject({
    outcome: 'fail',
    reason: 'what the account did on this day is not known: it has traded on a later one already',
  }),
);

const varLimit = { intradayVar: { limitE4: rupees(1_000), method: 'parametric', confidenceBp: 9_900 } } as const;
const atRisk = (before: number, after: number, context = limited(varLimit)): CheckContext => ({
  ...context,
  valueAtRisk: {
    beforeE4: rupees(before),
    afterE4: rupees(after),
    method: 'parametric',
    confidenceBp: 9_900,
    source: 'closes of 2026-01-01',
  },
});
const notKnown = { missing: 'no volatility of RELIANCE is known' };

table('intraday-var', [
  ['no limit: not applicable', onReliance, {}, 'not-applicable'],
  ['below four fifths of the limit: pass', atRisk(0, 799), {}, 'pass'],
  ['from there on: fail', atRisk(0, 800), {}, 'fail'],
  ['as high as before, and too high: fail', atRisk(900, 900), {}, 'fail'],
  ['no amount of money: fail', atRisk(0, Number.NaN), {}, 'fail'],
  ['what lowers it, however high it is: pass', atRisk(5_000, 4_999), {}, 'pass'],
  [
    'what raises it, though it closes a position: fail',
    atRisk(700, 900, holding(selling(limited(varLimit)), 65)),
    {},
    'fail',
  ],
  ['not worked out: fail', limited(varLimit), {}, 'fail'],
  ['cannot be worked out: fail', { ...limited(varLimit), valueAtRisk: notKnown }, {}, 'fail'],
  [
    'cannot be, but it closes a position: not applicable',
    { ...holding(selling(limited(varLimit)), 65), valueAtRisk: notKnown },
    {},
    'not-applicable',
  ],
  [
    'by another method: fail',
    limited({ intradayVar: { ...varLimit.intradayVar, method: 'historical' } }, {}, atRisk(0, 1)),
    {},
    'fail',
  ],
]);

describe('a change that only makes an order smaller', () => {
  const throttled: CheckContext = {
    ...changed(halted('reduce-only', limited({ dailyLossMaxE4: 0 }, { ...lost(-500, 0, 0), symbolPosition: 900 }))),
    present: limitOrder,
  };
  const entriesOnly: ReadonlySet<string> = ENTRY_ONLY;
  const entryFailures = (terms: Partial<OrderTerms>, context = throttled) =>
    failuresOf({ ...limitOrder, ...terms }, context).filter((check) => entriesOnly.has(check));
  const both = ['reduce-only', 'daily-loss'];
  it.each<[string, Partial<OrderTerms>, readonly string[]]>([
    ['less of it', { quantity: 64 }, []],
    ['as much, at a lower price', { priceE4: rupees(99) }, []],
    ['as much, shown in part', { disclosedQuantity: 10 }, []],
    ['more of it', { quantity: 66 }, both],
    ['less of it, at a higher price', { quantity: 1, priceE4: rupees(101) }, both],
    ['less of it, after a trigger', { quantity: 1, orderType: 'SL', triggerPriceE4: rupees(99) }, both],
  ])('passes where entries are throttled: %s', (_, terms, failures) => expect(entryFailures(terms)).toEqual(failures));
  it('is not what an order becomes that takes any price', () =>
    expect(failuresOf({ ...marketOrder, quantity: 1 }, throttled)).toEqual(both));
  it('is not what a sale becomes that asks for less: it is only more likely to trade', () => {
    const sale = selling(throttled);
    expect(entryFailures({ priceE4: rupees(99) }, sale)).toEqual(both);
    expect(entryFailures({ priceE4: rupees(101) }, sale)).toEqual(both);
    expect(entryFailures({ priceE4: rupees(101), quantity: 64 }, sale)).toEqual([]);
  });
  it('is not known without the terms before it, and is no new order', () => {
    const { present: _lost, ...unknown } = throttled;
    expect(entryFailures({ quantity: 64 }, unknown)).toEqual(both);
    expect(entryFailures({ quantity: 64 }, { ...throttled, action: 'new' })).toEqual(both);
  });
  it('is not sent either while everything is killed', () =>
    expect(failuresOf({ ...limitOrder, quantity: 64 }, { ...halted('killed', throttled) })).toContain('kill-switch'));
});

describe('what closes a position', () => {
  it('is not held up by what throttles entries', () => {
    const throttled = limited({
      dailyLossMaxE4: 0,
      exposureMaxE4: 0,
      openOrdersMax: 0,
      openOrderValueMaxE4: 0,
      ordersPerDayMax: 0,
      symbolCaps: { 'NSE:RELIANCE': { positionMax: 0 } },
    });
    const exit = holding(halted('reduce-only', selling(throttled)), 100);
    expect(failuresOf(limitOrder, exit)).toEqual([]);
    for (const name of ENTRY_ONLY)
      expect(said(name, limitOrder, exit)).toEqual({
        check: name,
        outcome: 'not-applicable',
        reason: 'reduces the position',
      });
    expect(failuresOf({ ...limitOrder, quantity: 101 }, asProduct('MIS', exit))).toEqual(
      expect.arrayContaining(['reduce-only', 'exposure', 'open-orders']),
    );
  });
  it('is still held to what protects from a slip of the finger', () =>
    expect(failuresOf({ ...limitOrder, priceE4: rupees(90) }, limited(deviation, {}, holding(selling(), 65)))).toEqual([
      'price-deviation',
    ]));
});

describe('missing data fails closed', () => {
  it('an index passes no order of any type', () => {
    for (const orderType of ['MARKET', 'LIMIT', 'SL', 'SL_M'] as const) {
      const { price, trigger } = PRICE_FIELDS[orderType];
      const terms: OrderTerms = {
        orderType,
        quantity: 65,
        validity: 'DAY',
        ...(price && { priceE4: rupees(100) }),
        ...(trigger && { triggerPriceE4: rupees(100) }),
      };
      expect(passes(judge(terms, { ...onReliance, instrument: nifty50 }))).toBe(false);
    }
  });
  it.each(['lotSize', 'tickSizeE4'] as const)('an instrument without %s passes no order', (field) => {
    const { [field]: _missing, ...instrument } = reliance;
    expect(passes(judge(limitOrder, { ...onReliance, instrument }))).toBe(false);
    expect(passes(judge(marketOrder, { ...onReliance, instrument }))).toBe(false);
  });
});
