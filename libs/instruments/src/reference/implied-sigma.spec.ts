import fc from 'fast-check';

import { price } from '#domain/margin/black76';

import { impliedSigmas } from './implied-sigma';
import type { ContractPrice } from './rows';

const day = '2026-01-02';
const near = '2026-01-27';
const years = 25 / 365;

const contract = (
  instrumentType: 'FUT' | 'CE' | 'PE',
  rupees: number,
  { expiry = near, strike = 0, symbol = 'RELIANCE' }: { expiry?: string; strike?: number; symbol?: string } = {},
): ContractPrice => ({
  kind: 'contract-price',
  segment: 'NSE_FO',
  contract: {
    underlyingSymbol: symbol,
    instrumentType,
    expiry,
    ...(instrumentType !== 'FUT' && { strikeE4: Math.round(strike * 10_000) }),
  },
  underlyingKind: 'stock',
  priceE4: Math.round(rupees * 10_000),
});

const pair = (future: number, strike: number, volatility: number, expiry = near): ContractPrice[] =>
  (['CE', 'PE'] as const).map((kind) =>
    contract(kind, price({ kind, strike, years }, future, volatility), { strike, expiry }),
  );

const annualOf = (prices: readonly ContractPrice[]): number | undefined => {
  const sigma = impliedSigmas(prices, day).get('RELIANCE');
  return sigma === undefined ? undefined : (sigma.millionths / 1_000_000) * Math.sqrt(365);
};

it('finds the volatility that the options were priced with, whatever it was', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 60_000 }),
      fc.double({ min: -0.02, max: 0.02, noNaN: true }),
      fc.double({ min: 0.08, max: 1, noNaN: true }),
      (future, away, volatility) => {
        const prices = [contract('FUT', future), ...pair(future, Math.round(future * (1 + away)), volatility)];
        expect(annualOf(prices)).toBeCloseTo(volatility, 2);
      },
    ),
  ));

it('takes the strike nearest to the future, and the month that is at least a week away', () => {
  const prices = [
    ...[
      contract('FUT', 990, { expiry: '2026-01-06' }),
      contract('FUT', 1000),
      contract('FUT', 1010, { expiry: '2026-02-24' }),
    ],
    ...pair(990, 990, 0.9, '2026-01-06'),
    ...pair(1000, 900, 0.7),
    ...pair(1000, 1010, 0.25),
    ...pair(1010, 1000, 0.6, '2026-02-24'),
  ];
  expect(annualOf(prices)).toBeCloseTo(0.25, 3);
  expect(impliedSigmas(prices, day).get('RELIANCE')).toMatchObject({ expiry: near, annualBp: 2500 });
});

it.each([
  ['no future', pair(1000, 1000, 0.3)],
  ['a call without a put', [contract('FUT', 1000), contract('CE', 30, { strike: 1000 })]],
  ['options of another month alone', [contract('FUT', 1000), ...pair(1000, 1000, 0.3, '2026-02-24')]],
  [
    'a call below what exercising brings',
    [contract('FUT', 1000), contract('CE', 9, { strike: 990 }), contract('PE', 20, { strike: 990 })],
  ],
  [
    'a call and a put that contradict each other',
    [contract('FUT', 1000), contract('CE', 10, { strike: 1000 }), contract('PE', 40, { strike: 1000 })],
  ],
])('says nothing with %s', (_, prices) => expect(annualOf(prices)).toBeUndefined());
