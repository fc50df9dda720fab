import type { UnderlyingFacts } from '../instruments/facts';
import { contractRiskOf } from './contract-risk';
import { rupees } from './samples';

/**
 * Options on BANKNIFTY as the risk parameter file of 8 August 2025 has them (worst loss per unit, as extracted by
 * `nse-span-risk-parser`, MIT): strike, kind, settlement price, worst loss. Its range
 * was 11.34 % of 55,521.15, from the losses of contracts that move one for one; the future follows from the parity of the
 * options at the money.
 */
const FILE: readonly (readonly [number, 'CE' | 'PE', number, number])[] = [
  [50_000, 'PE', 11.75, 2_402.06],
  [52_000, 'PE', 24.55, 3_080.61],
  [53_000, 'PE', 50.15, 3_550.77],
  [54_000, 'PE', 117.7, 4_296.03],
  [55_000, 'PE', 297.5, 4_944.47],
  [55_500, 'PE', 465.65, 5_218.4],
  [57_000, 'PE', 1_382.3, 5_816.87],
  [59_000, 'PE', 3_286.6, 6_177.81],
  [53_000, 'CE', 2_806, 6_103.22],
  [54_000, 'CE', 1_889, 5_920.04],
  [55_500, 'CE', 709.45, 5_404.19],
  [56_000, 'CE', 452.45, 5_160.36],
  [57_000, 'CE', 147.6, 4_575.12],
  [58_000, 'CE', 45.1, 3_894.52],
  [59_000, 'CE', 18.55, 3_198.93],
  [60_000, 'CE', 10.1, 2_873.58],
];

const sourced = { effectiveFrom: '2025-08-08', source: 'risk parameter file' } as const;
const bankNifty: UnderlyingFacts = {
  symbol: 'BANKNIFTY',
  kind: 'index',
  price: { ...sourced, priceE4: rupees(55_521.15) },
  dailySigma: { ...sourced, millionths: 13_368 },
};

const worstOf = (strike: number, kind: 'CE' | 'PE', price: number): number => {
  const risk = contractRiskOf({
    instrument: {
      instrumentKey: `NSE_FO|${String(strike)} ${kind}`,
      segment: 'NSE_FO',
      instrumentType: kind,
      expiry: '2025-08-28',
      strikeE4: rupees(strike),
      underlyingSymbol: 'BANKNIFTY',
    },
    facts: { previousClose: { ...sourced, priceE4: rupees(price) } },
    underlying: bankNifty,
    futurePriceE4: rupees(55_753.2),
    date: '2025-08-08',
  });
  if ('missing' in risk) throw new Error(risk.missing);
  return Math.max(...risk.scenarioLossE4.map(Math.abs)) / 10_000;
};

describe('the worst loss of an option sold, against the file of the exchange', () => {
  it.each(FILE)('%p %s at %p: within 9 %% of %p, and not below it by more than 1 %%', (strike, kind, price, inFile) => {
    const moreInPercent = (worstOf(strike, kind, price) / inFile - 1) * 100;
    expect(moreInPercent).toBeLessThan(9);
    expect(moreInPercent).toBeGreaterThan(-1);
  });
  it('is within 8 % in all but two of them; furthest off just out of the money', () => {
    const off = FILE.map(([strike, kind, price, inFile]) => Math.abs(worstOf(strike, kind, price) / inFile - 1));
    expect(off.filter((share) => share > 0.08)).toHaveLength(2);
  });
});
