import type { InstrumentFacts } from './facts';
import { freshFacts, freshSince } from './freshness';

const close = { effectiveFrom: '2025-12-12', source: 'closes.csv', priceE4: 100 };
const band = { effectiveFrom: '2025-12-03', source: 'bands.csv', kind: 'dynamic' } as const;

describe('closes and bands', () => {
  it.each([
    ['2026-01-02', '2025-12-03'],
    ['2026-03-01', '2026-01-30'],
    ['2024-12-31', ''],
  ])('count on %s if they are of %s or later', (date, since) => expect(freshSince(date)).toBe(since));

  it('stand while they count', () => {
    const facts: InstrumentFacts = { previousClose: close, band };
    expect(freshFacts(facts, '2025-12-03')).toBe(facts);
  });

  it('are not known any more once they are too old, each by itself, and are named', () => {
    const facts: InstrumentFacts = { previousClose: close, band, funded: { ...close, marginBp: 2_500 } };
    const { funded } = facts;
    expect(freshFacts(facts, '2025-12-04')).toEqual({ funded, previousClose: close, outdated: { band } });
    expect(freshFacts(facts, '2025-12-13')).toEqual({ funded, outdated: { band, previousClose: close } });
  });
});
