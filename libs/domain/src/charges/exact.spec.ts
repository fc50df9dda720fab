import fc from 'fast-check';
import { atRate, exactly, lesser, minus, plus, toPaise, toRupeesViaPaise, wholeE4AtRate, WHOLE_E9 } from './exact';
import type { Exact } from './exact';

const amount = fc.oneof(fc.nat(10_000_000_000), fc.nat(Number.MAX_SAFE_INTEGER));
const rate = fc.oneof(fc.constantFrom(0, 1, 30_700, 1_000_000, WHOLE_E9), fc.nat(WHOLE_E9));
const exact: fc.Arbitrary<Exact> = fc.record({ e4: fc.nat(1_000_000_000_000_000), e13: fc.nat(WHOLE_E9 - 1) });
const big = ({ e4, e13 }: Exact): bigint => BigInt(e4) * BigInt(WHOLE_E9) + BigInt(e13);

it('an amount at a rate is exact for every safe integer', () =>
  fc.assert(
    fc.property(amount, rate, (amountE4, rateE9) => {
      const found = atRate(amountE4, rateE9);
      expect(big(found)).toBe(BigInt(amountE4) * BigInt(rateE9));
      expect(found.e13).toBeGreaterThanOrEqual(0);
      expect(found.e13).toBeLessThan(WHOLE_E9);
    }),
    { numRuns: 2_000 },
  ));
it('sums, differences and the lesser of two are exact', () =>
  fc.assert(
    fc.property(exact, exact, (one, other) => {
      expect(big(plus(one, other))).toBe(big(one) + big(other));
      expect(minus(plus(one, other), other)).toEqual(one);
      expect(big(lesser(one, other))).toBe(big(one) < big(other) ? big(one) : big(other));
    }),
    { numRuns: 1_000 },
  ));
it('an exact amount at a rate is cut off, not rounded, below 1/10,000 rupee', () =>
  fc.assert(
    fc.property(exact, rate, (one, rateE9) =>
      expect(BigInt(wholeE4AtRate(one, rateE9))).toBe((big(one) * BigInt(rateE9)) / BigInt(WHOLE_E9) ** 2n),
    ),
    { numRuns: 2_000 },
  ));
it('what is cut off before the paisa cannot change the paisa', () =>
  fc.assert(
    fc.property(exact, (one) => {
      const paisa = 100n * BigInt(WHOLE_E9);
      expect(BigInt(toPaise(one.e4))).toBe(((big(one) + paisa / 2n) / paisa) * 100n);
    }),
  ));
it.each([
  [0, 0],
  [49, 0],
  [50, 100],
  [149, 100],
  [150, 200],
  [Number.MAX_SAFE_INTEGER - 1_000, 9_007_199_254_740_000],
])('%p is %p to the paisa', (amountE4, rounded) => expect(toPaise(amountE4)).toBe(rounded));
it.each([
  ['12.495', 124_950, 130_000],
  ['12.4949', 124_949, 120_000],
  ['0.495', 4_950, 10_000],
  ['0.35', 3_500, 0],
  ['0.50', 5_000, 10_000],
])('%s is rounded to the paisa and then to the rupee', (_, amountE4, rounded) =>
  expect(toRupeesViaPaise(amountE4)).toBe(rounded),
);
it('nothing at any rate, and any amount at none, is nothing', () => {
  expect(atRate(0, 5)).toEqual(exactly(0));
  expect(atRate(5, 0)).toEqual(exactly(0));
});
