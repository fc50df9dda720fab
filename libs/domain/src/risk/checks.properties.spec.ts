import fc from 'fast-check';
import type { InstrumentFacts, UnderlyingFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { MAX_PRICE_E4 } from '../money';
import type { OrderTerms } from '../orders/order';
import { CHECK_NAMES, ENTRY_ONLY, judge as judgeAll, passes } from './checks';
import type { CheckContext, Exposure } from './context';
import type { Limits } from './limits';
import {
  AT_TEN_MS,
  calendar,
  nifty50,
  niftyCall,
  niftyFuture,
  reliance,
  relianceFuture,
  TODAY,
  usdInr,
} from './samples';

/** Anything that is a number to the compiler, with what an order really says among it. */
const anyNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, 2 ** 53, 65, 1_000_000),
);
const count = fc.oneof({ weight: 9, arbitrary: fc.nat(2_000) }, { weight: 1, arbitrary: anyNumber });
const amount = fc.oneof({ weight: 9, arbitrary: fc.nat(MAX_PRICE_E4) }, { weight: 1, arbitrary: anyNumber });
const price = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 900, max: 1_100 }).map((tenPaise) => tenPaise * 1_000) },
  { weight: 1, arbitrary: anyNumber },
);
const date = fc.oneof(
  { weight: 8, arbitrary: fc.constant(TODAY) },
  { weight: 2, arbitrary: fc.constantFrom('2025-06-02', '2026-01-27', '2026-08-03', '2031-01-01', '', 'tomorrow') },
);
const sourced = fc.record({ effectiveFrom: date, source: fc.constant('file') });
const side = fc.constantFrom('BUY', 'SELL');
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const orderType = fc.constantFrom('MARKET', 'LIMIT', 'SL', 'SL_M');

const defined = <Shape extends object>(shape: Shape): { [Key in keyof Shape]: Exclude<Shape[Key], undefined> } =>
  Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Shape]: Exclude<Shape[Key], undefined>;
  };

const terms: fc.Arbitrary<OrderTerms> = fc
  .record({
    orderType,
    quantity: count,
    priceE4: maybe(price),
    triggerPriceE4: maybe(price),
    validity: fc.constantFrom('DAY', 'IOC'),
    disclosedQuantity: maybe(count),
  })
  .map(defined);

const facts: fc.Arbitrary<InstrumentFacts> = fc
  .record({
    previousClose: maybe(fc.tuple(sourced, price).map(([from, priceE4]) => ({ ...from, priceE4 }))),
    band: maybe(
      fc.oneof(
        fc.tuple(sourced, count).map(([from, basisPoints]) => ({ ...from, kind: 'percent' as const, basisPoints })),
        sourced.map((from) => ({ ...from, kind: 'dynamic' as const })),
        fc
          .tuple(sourced, price, price)
          .map(([from, lowerE4, upperE4]) => ({ ...from, kind: 'prices' as const, lowerE4, upperE4 })),
      ),
    ),
    surveillance: maybe(
      fc.array(
        fc
          .tuple(sourced, fc.constantFrom('ST-ASM', 'LT-ASM', 'GSM', 'ESM', 'IRP'), fc.nat(7))
          .map(([from, measure, stage]) => ({ ...from, measure, stage })),
        { maxLength: 2 },
      ),
    ),
    intraday: maybe(sourced.map((from) => ({ ...from, marginBp: 2_000 }))),
    funded: maybe(sourced.map((from) => ({ ...from, marginBp: 2_000 }))),
    suspended: fc.option(sourced, { nil: undefined, freq: 10 }).map((one) => one),
    callAuction: maybe(sourced),
    listingDay: maybe(sourced),
    hasDerivatives: maybe(sourced),
    freezeQuantity: maybe(fc.tuple(sourced, count).map(([from, quantity]) => ({ ...from, quantity }))),
  })
  .map(defined);

const underlying: fc.Arbitrary<UnderlyingFacts> = fc
  .record({
    symbol: fc.constantFrom('RELIANCE', 'NIFTY'),
    kind: fc.constantFrom('index', 'stock'),
    banned: maybe(sourced),
    clientLimit: maybe(fc.tuple(sourced, count).map(([from, quantity]) => ({ ...from, quantity }))),
  })
  .map(defined);

const instrument: fc.Arbitrary<Instrument> = fc
  .tuple(
    fc.constantFrom(reliance, niftyFuture, niftyCall, relianceFuture, usdInr, nifty50),
    fc.record({ lotSize: maybe(count), tickSizeE4: maybe(count), freezeQuantity: maybe(count) }),
    fc.constantFrom(undefined, 'BE', 'IL', 'SM', 'GB', 'BL'),
    fc.boolean(),
  )
  .map(([known, odd, series, isOdd]) => ({
    ...known,
    ...(isOdd && defined(odd)),
    ...(series !== undefined && known.segment === 'NSE_EQ' && { instrumentType: series }),
  }));

const exposure: fc.Arbitrary<Exposure> = fc.record({
  positionQuantity: fc.integer({ min: -500, max: 500 }),
  closableQuantity: count,
  undeliveredQuantity: maybe(count),
  filledQuantity: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: count }),
  symbolPosition: fc.integer({ min: -500, max: 500 }),
  otherContracts: count,
  openOrders: count,
  openOrderValueE4: amount,
  grossExposureE4: maybe(amount),
  dayRealisedE4: fc.integer({ min: -10_000_000, max: 10_000_000 }),
  dayChargesE4: fc.nat(100_000),
  unrealisedE4: maybe(fc.integer({ min: -10_000_000, max: 10_000_000 })),
  ordersToday: count,
  modifications: count,
  opposite: fc.array(
    fc
      .record({
        orderId: fc.constant('own'),
        side,
        orderType,
        priceE4: maybe(price),
        triggerPriceE4: maybe(price),
      })
      .map((own) => ({ ...defined(own) })),
    { maxLength: 2 },
  ),
  lastAlikeMs: maybe(count),
  presentValueE4: maybe(amount),
});

/** Each limit, or none, out of figures that bite now and then. */
const limits: fc.Arbitrary<Limits> = fc
  .record({
    dailyLossMaxE4: maybe(amount),
    orderValueMaxE4: maybe(amount),
    orderQuantityMax: maybe(count),
    exposureMaxE4: maybe(amount),
    openOrdersMax: maybe(count),
    openOrderValueMaxE4: maybe(amount),
    ordersPerDayMax: maybe(count),
    modificationsPerOrderMax: maybe(count),
    priceDeviationMaxBp: maybe(fc.record({ cash: count, futures: count, options: count })),
    duplicateWindowMs: maybe(count),
    intradayVar: maybe(
      fc.record({
        limitE4: amount,
        method: fc.constantFrom('parametric', 'historical'),
        confidenceBp: fc.constant(9_900),
      }),
    ),
    symbolCaps: maybe(
      fc.dictionary(
        fc.constantFrom(reliance.symbol, 'NIFTY', 'RELIANCE', niftyCall.symbol),
        fc.record({ quantityMax: maybe(count), valueMaxE4: maybe(amount), positionMax: maybe(count) }).map(defined),
        { noNullPrototype: true },
      ),
    ),
  })
  .map(defined);

/** Without the calendar, which is the same for all, and too long to be printed with what went wrong. */
const context: fc.Arbitrary<Omit<CheckContext, 'calendar'>> = fc
  .record({
    instrument,
    facts,
    underlying: maybe(underlying),
    side,
    product: fc.constantFrom('CNC', 'MIS', 'NRML', 'MTF'),
    broker: fc.constant('paper'),
    action: fc.constantFrom('new', 'modify'),
    atMs: fc.oneof(
      { weight: 6, arbitrary: fc.constant(AT_TEN_MS) },
      { weight: 3, arbitrary: fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2027, 0, 1) }) },
      { weight: 1, arbitrary: anyNumber },
    ),
    tradingDate: date,
    lastPriceE4: maybe(price),
    referenceE4: maybe(price),
    limits,
    halt: fc.record({
      state: fc.constantFrom('open', 'open', 'open', 'reduce-only', 'killed'),
      by: fc.constant('house'),
    }),
    exposure,
    valueAtRisk: maybe(
      fc.oneof(
        fc.record({ missing: fc.constant('no volatility') }),
        fc.record({
          beforeE4: amount,
          afterE4: amount,
          method: fc.constantFrom('parametric', 'historical'),
          confidenceBp: fc.constant(9_900),
          source: fc.constant('closes'),
        }),
      ),
    ),
  })
  .map(defined);

const judge = (asked: OrderTerms, given: Omit<CheckContext, 'calendar'>) => judgeAll(asked, { ...given, calendar });

it('never throws, and says of every order one verdict a check, in the order of the list', () =>
  fc.assert(
    fc.property(terms, context, (asked, given) => {
      expect(judge(asked, given).map(({ check }) => check)).toEqual(CHECK_NAMES);
    }),
    { numRuns: 500 },
  ));

it('says the same when it is asked again', () =>
  fc.assert(
    fc.property(terms, context, (asked, given) => {
      expect(judge(asked, given)).toEqual(judge(asked, given));
    }),
  ));

it('never denies an exit by a check on entries', () =>
  fc.assert(
    fc.property(terms, context, fc.integer({ min: 1, max: 500 }), fc.nat(500), (asked, given, quantity, more) => {
      const exit = { ...given, exposure: { ...given.exposure, filledQuantity: 0, closableQuantity: quantity + more } };
      const found = judge({ ...asked, quantity }, exit).filter(({ check }) =>
        (ENTRY_ONLY as ReadonlySet<string>).has(check),
      );
      expect(found).toHaveLength(ENTRY_ONLY.size);
      for (const { outcome } of found) expect(outcome).toBe('not-applicable');
    }),
    { numRuns: 200 },
  ));

it('lets nothing pass that is more than an exit when only exits are let out', () =>
  fc.assert(
    fc.property(terms, context, fc.integer({ min: 1, max: 500 }), (asked, given, beyond) => {
      const closableQuantity = Math.max(0, Math.trunc(given.exposure.closableQuantity) || 0);
      const entry: Omit<CheckContext, 'calendar'> = {
        ...given,
        halt: { state: 'reduce-only', by: 'house' },
        exposure: { ...given.exposure, filledQuantity: 0, closableQuantity },
      };
      expect(passes(judge({ ...asked, quantity: closableQuantity + beyond }, entry))).toBe(false);
    }),
  ));

type Numeric = Exclude<keyof Limits, 'priceDeviationMaxBp' | 'intradayVar' | 'symbolCaps'>;
const LARGER_IS_STRICTER: ReadonlySet<keyof Limits> = new Set(['duplicateWindowMs']);

const stricterOf = (field: keyof Limits, a: number | undefined, b: number | undefined): number | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return LARGER_IS_STRICTER.has(field) ? Math.max(a, b) : Math.min(a, b);
};
const NUMERIC: readonly Numeric[] = [
  'dailyLossMaxE4',
  'orderValueMaxE4',
  'orderQuantityMax',
  'exposureMaxE4',
  'openOrdersMax',
  'openOrderValueMaxE4',
  'ordersPerDayMax',
  'modificationsPerOrderMax',
  'duplicateWindowMs',
];

/** Both together: each limit at the stricter of the two. */
const tightened = (one: Limits, other: Limits): Limits => {
  const tight: Record<string, unknown> = { ...other, ...one };
  for (const field of NUMERIC) tight[field] = stricterOf(field, one[field], other[field]);
  const [a, b] = [one.priceDeviationMaxBp, other.priceDeviationMaxBp];
  if (a && b)
    tight['priceDeviationMaxBp'] = {
      cash: Math.min(a.cash, b.cash),
      futures: Math.min(a.futures, b.futures),
      options: Math.min(a.options, b.options),
    };
  const [v, w] = [one.intradayVar, other.intradayVar];
  if (v && w) tight['intradayVar'] = { ...v, limitE4: Math.min(v.limitE4, w.limitE4) };
  const symbols = new Set([...Object.keys(one.symbolCaps ?? {}), ...Object.keys(other.symbolCaps ?? {})]);
  tight['symbolCaps'] = Object.fromEntries(
    [...symbols].map((symbol) => {
      const [c, d] = [one.symbolCaps?.[symbol], other.symbolCaps?.[symbol]];
      return [
        symbol,
        defined({
          quantityMax: stricterOf('symbolCaps', c?.quantityMax, d?.quantityMax),
          valueMaxE4: stricterOf('symbolCaps', c?.valueMaxE4, d?.valueMaxE4),
          positionMax: stricterOf('symbolCaps', c?.positionMax, d?.positionMax),
        }),
      ];
    }),
  );
  return defined(tight);
};

it('never turns a denial into a pass when a limit is tightened', () =>
  fc.assert(
    fc.property(terms, context, limits, (asked, given, other) => {
      const before = judge(asked, given);
      const after = judge(asked, { ...given, limits: tightened(given.limits, other) });
      before.forEach(({ check, outcome }, index) => {
        if (outcome === 'fail') expect([check, after[index]?.outcome]).toEqual([check, 'fail']);
      });
    }),
    { numRuns: 500 },
  ));
