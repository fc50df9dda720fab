import fc from 'fast-check';
import type { Limits } from '../risk/limits';
import {
  beyondCeilings,
  effectiveLimits,
  haltOf,
  type HaltState,
  type HouseHalts,
  type LimitSource,
  pathsOf,
} from './effective';

/* --------------------------------------------------------------------------------------------------- generators */

const amount = fc.integer({ min: 0, max: 50 });
const some = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
const cap = some({ quantityMax: amount, valueMaxE4: amount, positionMax: amount });
const limits: fc.Arbitrary<Limits> = some({
  dailyLossMaxE4: amount,
  orderValueMaxE4: amount,
  orderQuantityMax: amount,
  exposureMaxE4: amount,
  openOrdersMax: amount,
  openOrderValueMaxE4: amount,
  ordersPerDayMax: amount,
  modificationsPerOrderMax: amount,
  priceDeviationMaxBp: fc.record({ cash: amount, futures: amount, options: amount }),
  marginUtilisationMaxBp: amount,
  duplicateWindowMs: amount,
  intradayVar: fc.record({
    limitE4: amount,
    method: fc.constantFrom('parametric' as const, 'historical' as const),
    confidenceBp: fc.constantFrom(9_500, 9_900),
  }),
  symbolCaps: fc.dictionary(fc.constantFrom('NSE:TCS', 'NIFTY', 'constructor', 'A.B'), cap, { maxKeys: 3 }),
});

/** A limit by its path, as the checks would look it up. */
const valueAt = (all: Limits, path: string): number | undefined => {
  const { priceDeviationMaxBp, intradayVar, symbolCaps, ...scalars } = all;
  const flat = new Map<string, unknown>(Object.entries(scalars));
  for (const [kind, bp] of Object.entries(priceDeviationMaxBp ?? {})) flat.set(`priceDeviationMaxBp.${kind}`, bp);
  for (const [name, value] of Object.entries(intradayVar ?? {})) flat.set(`intradayVar.${name}`, value);
  for (const [symbol, one] of Object.entries(symbolCaps ?? {}))
    for (const [name, value] of Object.entries(one)) flat.set(`symbolCaps.${symbol}.${name}`, value);
  const value = flat.get(path);
  return typeof value === 'number' ? value : undefined;
};
const isHigherTighter = (path: string): boolean => path === 'duplicateWindowMs' || path === 'intradayVar.confidenceBp';

/* ------------------------------------------------------------------------------------------------------- limits */

describe('the limits that count', () => {
  it('are never looser than the ceiling', () =>
    fc.assert(
      fc.property(limits, limits, limits, (user, ceilings, defaults) => {
        const { limits: all } = effectiveLimits(user, { ceilings, defaults });
        for (const path of pathsOf(ceilings)) {
          const [ceiling, value] = [valueAt(ceilings, path), valueAt(all, path)];
          if (ceiling === undefined) continue;
          expect(value).toBeDefined();
          if (isHigherTighter(path)) expect(value).toBeGreaterThanOrEqual(ceiling);
          else expect(value).toBeLessThanOrEqual(ceiling);
        }
        if (ceilings.intradayVar) expect(all.intradayVar?.method).toBe(ceilings.intradayVar.method);
      }),
      { numRuns: 1_000 },
    ));

  it('are each exactly what its source says', () =>
    fc.assert(
      fc.property(limits, limits, limits, (user, ceilings, defaults) => {
        const { limits: all, sources } = effectiveLimits(user, { ceilings, defaults });
        const from: Record<LimitSource, Limits> = { user, ceiling: ceilings, default: defaults };
        for (const [path, source] of Object.entries(sources))
          expect(valueAt(all, path)).toBe(valueAt(from[source], path));
        // And none is without a source, but for the way a value at risk is measured.
        expect(new Set(Object.keys(sources))).toEqual(
          new Set(pathsOf(all).filter((path) => path !== 'intradayVar.method')),
        );
      }),
      { numRuns: 1_000 },
    ));

  it('are the user’s own wherever these are within the ceilings', () =>
    fc.assert(
      fc.property(limits, limits, limits, (user, ceilings, defaults) => {
        const beyond = new Set(beyondCeilings(user, ceilings).map(({ field }) => field));
        const { limits: all } = effectiveLimits(user, { ceilings, defaults });
        for (const path of pathsOf(user))
          if (valueAt(user, path) !== undefined && !beyond.has(path))
            expect(valueAt(all, path)).toBe(valueAt(user, path));
      }),
      { numRuns: 1_000 },
    ));

  it('do not change when they are taken for the user’s own', () =>
    fc.assert(
      fc.property(limits, limits, limits, (user, ceilings, defaults) => {
        const { limits: all } = effectiveLimits(user, { ceilings, defaults });
        expect(effectiveLimits(all, { ceilings, defaults }).limits).toEqual(all);
        expect(beyondCeilings(all, ceilings)).toEqual([]);
      }),
    ));

  it('say of each where it comes from', () =>
    expect(
      effectiveLimits(
        { openOrdersMax: 5, orderValueMaxE4: 900, symbolCaps: { 'NSE:TCS': { quantityMax: 3 } } },
        {
          ceilings: { orderValueMaxE4: 800, exposureMaxE4: 10_000, symbolCaps: { 'NSE:TCS': { quantityMax: 9 } } },
          defaults: { openOrdersMax: 50, ordersPerDayMax: 7, symbolCaps: { NIFTY: { valueMaxE4: 4 } } },
        },
      ),
    ).toEqual({
      limits: {
        orderValueMaxE4: 800,
        exposureMaxE4: 10_000,
        openOrdersMax: 5,
        ordersPerDayMax: 7,
        symbolCaps: { 'NSE:TCS': { quantityMax: 3 }, NIFTY: { valueMaxE4: 4 } },
      },
      sources: {
        orderValueMaxE4: 'ceiling',
        exposureMaxE4: 'ceiling',
        openOrdersMax: 'user',
        ordersPerDayMax: 'default',
        'symbolCaps.NSE:TCS.quantityMax': 'user',
        'symbolCaps.NIFTY.valueMaxE4': 'default',
      },
    }));
});

/* -------------------------------------------------------------------------------------------------------- halts */

describe('the switch that counts', () => {
  const open: HouseHalts = { house: 'open', brokers: {}, strategies: {}, accounts: {} };
  const order = { accountId: 'a-1', broker: 'zerodha', strategyId: 's1' };
  const halt = (halts: Partial<HouseHalts>, user: HaltState = 'open', asked: Partial<typeof order> = order) =>
    haltOf({ house: { halts: { ...open, ...halts } }, user: { halt: user }, accountId: 'a-1', ...asked });

  it('is open when none is thrown', () => expect(halt({})).toEqual({ state: 'open', by: 'house' }));
  it.each<[Partial<HouseHalts>, HaltState, string]>([
    [{ house: 'killed' }, 'open', 'house'],
    [{ brokers: { zerodha: 'killed' } }, 'open', 'broker zerodha'],
    [{ strategies: { s1: 'killed' } }, 'open', 'strategy s1'],
    [{ accounts: { 'a-1': 'killed' } }, 'open', 'account'],
    [{}, 'killed', 'user'],
  ])('names whose it is: %j, user %s', (halts, user, by) => expect(halt(halts, user)).toEqual({ state: 'killed', by }));
  it('is the most severe', () => {
    expect(halt({ house: 'reduce-only' }, 'killed')).toEqual({ state: 'killed', by: 'user' });
    expect(halt({ house: 'killed', accounts: { 'a-1': 'reduce-only' } }).by).toBe('house');
    expect(halt({ house: 'reduce-only' }, 'reduce-only').by).toBe('house');
  });
  it('is not that of another broker, strategy or account', () =>
    expect(
      halt({ brokers: { fyers: 'killed' }, strategies: { s2: 'killed' }, accounts: { 'a-2': 'killed' } }).state,
    ).toBe('open'));
  it('does not ask for what an order does not name', () =>
    expect(halt({ brokers: { undefined: 'killed', '': 'killed' } }, 'open', {}).state).toBe('open'));
  it('takes no name for a switch that nobody has set', () =>
    expect(halt({}, 'open', { ...order, broker: 'constructor', strategyId: 'toString' }).state).toBe('open'));
});
