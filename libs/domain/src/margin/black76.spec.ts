import fc from 'fast-check';
import { delta, impliedVolatility, intrinsic, normal, type OptionTerms, price, roundedToPaiseE4 } from './black76';

const terms = fc.record<OptionTerms>({
  kind: fc.constantFrom('CE', 'PE'),
  strike: fc.integer({ min: 50, max: 90_000 }),
  years: fc.integer({ min: 1, max: 1_825 }).map((days) => days / 365),
});
/** Future over strike: from half to twice. */
const ratio = fc.double({ min: 0.5, max: 2, noNaN: true });
const volatility = fc.double({ min: 0.01, max: 3, noNaN: true });

it.each([
  [-8, 6.220960574271819e-16],
  [-5, 2.866515718791946e-7],
  [-1.96, 0.024997895148220435],
  [-0.5, 0.3085375387259869],
  [0, 0.5],
  [0.7, 0.758036347776927],
  [1.644854, 0.9500000384745869],
  [2.326348, 0.9900000033570809],
  [6, 0.9999999990134123],
  [7.5, 0.9999999999999681],
])('the normal distribution at %p, to 14 places', (x, probability) => {
  expect(Math.abs(normal(x) - probability)).toBeLessThan(1e-14);
  expect(Math.abs(normal(x) / probability - 1)).toBeLessThan(1e-7);
});

describe('a price', () => {
  it('keeps the parity of call and put', () =>
    fc.assert(
      fc.property(terms, ratio, volatility, (option, times, sigma) => {
        const future = option.strike * times;
        const call = price({ ...option, kind: 'CE' }, future, sigma);
        const put = price({ ...option, kind: 'PE' }, future, sigma);
        expect(Math.abs(call - put - (future - option.strike))).toBeLessThan(1e-9 * option.strike);
      }),
    ));
  it('is never below what exercise brings, and grows with volatility', () =>
    fc.assert(
      fc.property(terms, ratio, volatility, (option, times, sigma) => {
        const future = option.strike * times;
        const slack = 1e-9 * option.strike;
        expect(price(option, future, sigma)).toBeGreaterThanOrEqual(intrinsic(option, future) - slack);
        expect(price(option, future, sigma * 1.1)).toBeGreaterThanOrEqual(price(option, future, sigma) - slack);
      }),
    ));
  it('is what exercise brings where nothing moves, and where a future has fallen through 0', () => {
    expect(price({ kind: 'CE', strike: 100, years: 1 }, 110, 0)).toBe(10);
    expect(price({ kind: 'PE', strike: 100, years: 1 }, -20, 0.2)).toBe(100);
    expect(price({ kind: 'CE', strike: 100, years: 1 }, -20, 0.2)).toBe(0);
  });
  it('changes by delta when the future does', () =>
    fc.assert(
      fc.property(terms, ratio, volatility, (option, times, sigma) => {
        const future = option.strike * times;
        const step = future * 1e-5;
        const slope = (price(option, future + step, sigma) - price(option, future - step, sigma)) / (2 * step);
        expect(Math.abs(slope - delta(option, future, sigma))).toBeLessThan(1e-4);
      }),
    ));
});

describe('implied volatility', () => {
  it('explains every price that a volatility made, and nothing that none did', () =>
    fc.assert(
      fc.property(terms, ratio, volatility, (option, times, sigma) => {
        const future = option.strike * times;
        const made = price(option, future, sigma);
        const implied = impliedVolatility(option, future, made);
        if (made > intrinsic(option, future) + 2e-6 && made < price(option, future, 10) - 2e-6) {
          if (implied === undefined) throw new Error('no volatility');
          expect(Math.abs(price(option, future, implied) - made)).toBeLessThan(1e-5);
        } else if (made <= intrinsic(option, future)) expect(implied).toBeUndefined();
      }),
      { numRuns: 2_000 },
    ));
  it.each([
    ['at what exercise brings', 'CE', 10],
    ['below it', 'CE', 9],
    ['of nothing', 'CE', 0],
    ['of the future itself', 'CE', 110],
    ['of a put at its strike', 'PE', 100],
    ['that is no number', 'CE', Number.NaN],
  ] as const)('there is none for a price %s', (_, kind, paid) =>
    expect(impliedVolatility({ kind, strike: 100, years: 0.1 }, 110, paid)).toBeUndefined(),
  );
});

it.each([
  [1.004999, 10_000],
  [0.125, 1_300],
  [-0.125, -1_300],
  [0.0049, 0],
  [-0.0049, 0],
])('%p rupees are %p to the paisa', (amount, amountE4) => expect(roundedToPaiseE4(amount)).toBe(amountE4));
