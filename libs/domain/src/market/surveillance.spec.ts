import type { InstrumentFacts, Surveillance } from '../instruments/facts';
import { calendarWith } from './calendar';
import { inSeries, option, share } from './samples';
import { surveillanceOf } from './surveillance';

const listed = (measure: Surveillance['measure'], stage: number, effectiveFrom = '2026-11-01'): InstrumentFacts => ({
  surveillance: [{ measure, stage, effectiveFrom, source: 'list' }],
});
const of = (facts: InstrumentFacts, instrument = share) => surveillanceOf(instrument, facts, '2026-11-20');

describe('stages', () => {
  const t2t = { tradeForTrade: true, products: ['CNC'] };
  it.each([
    ['ST-ASM', 1, { marginBp: 5_000, tradeForTrade: false }],
    ['ST-ASM', 2, { marginBp: 10_000, tradeForTrade: false }],
    ['LT-ASM', 1, { marginBp: 10_000, tradeForTrade: false, certainty: 'single-source' }],
    ['LT-ASM', 4, { marginBp: 10_000, tradeForTrade: false }],
    ['GSM', 1, { marginBp: 10_000, bandBp: 500, tradeForTrade: false, onceAWeek: false }],
    ['GSM', 2, { ...t2t, bandBp: 500, buyerDepositBp: 5_000, onceAWeek: false }],
    ['GSM', 3, { ...t2t, bandBp: 500, buyerDepositBp: 10_000, onceAWeek: true, noUpwardMovement: false }],
    ['GSM', 4, { ...t2t, bandBp: 500, buyerDepositBp: 10_000, onceAWeek: true, noUpwardMovement: true }],
    ['GSM', 6, { ...t2t, onceAWeek: true, noUpwardMovement: true, certainty: 'inferred' }],
    ['ESM', 1, { ...t2t, marginBp: 10_000, bandBp: 500, callAuction: false }],
    ['ESM', 2, { ...t2t, marginBp: 10_000, bandBp: 200, callAuction: true }],
    ['IRP', 2, { marginBp: 10_000, tradeForTrade: false, certainty: 'inferred' }],
    ['ST-ASM', 9, { ...t2t, marginBp: 10_000, certainty: 'unconfirmed' }],
  ] as const)('%s %p', (measure, stage, effects) => {
    expect(of(listed(measure, stage))).toMatchObject(effects);
    expect(of(listed(measure, stage)).because).toEqual([`${measure} ${String(stage)}`]);
  });
  it('count from the day that the list names', () => {
    expect(of(listed('GSM', 4, '2026-11-21'))).toMatchObject({ tradeForTrade: false, because: [] });
    expect(of(listed('GSM', 4, '2026-11-20'))).toMatchObject({ tradeForTrade: true, effectiveFrom: '2026-11-20' });
  });
  it('of several lists the strictest of each holds, whatever their order', () => {
    const [gsm, esm] = [listed('GSM', 2).surveillance ?? [], listed('ESM', 2, '2026-11-10').surveillance ?? []];
    const strictest = {
      marginBp: 10_000,
      bandBp: 200,
      buyerDepositBp: 5_000,
      callAuction: true,
      effectiveFrom: '2026-11-10',
      certainty: 'single-source',
    };
    expect(of({ surveillance: [...gsm, ...esm] })).toMatchObject(strictest);
    expect(of({ surveillance: [...esm, ...gsm] })).toMatchObject(strictest);
  });
  it('can be corrected', () => {
    const { surveillance } = calendarWith({
      stages: [
        { measure: 'LT-ASM', stage: 4, tradeForTrade: true, from: '2026-11-01', certainty: 'confirmed', source: 'x' },
      ],
    });
    expect(surveillanceOf(share, listed('LT-ASM', 4), '2026-11-20', surveillance).tradeForTrade).toBe(true);
    expect(surveillanceOf(share, listed('LT-ASM', 4), '2026-10-31', surveillance).tradeForTrade).toBe(false);
  });
});

describe('series', () => {
  it.each([
    ['EQ', false],
    ['BE', true],
    ['BZ', true],
    ['SM', false],
    ['ST', true],
    ['SZ', true],
    ['T', false], // a group of BSE
  ])('%s of NSE is trade-for-trade: %p', (series, tradeForTrade) =>
    expect(of({}, inSeries(series)).tradeForTrade).toBe(tradeForTrade),
  );
  it.each([
    ['A', false],
    ['B', false],
    ['X', false],
    ['M', false],
    ['T', true],
    ['TS', true],
    ['XT', true],
    ['MT', true],
    ['Z', true],
    ['ZP', true],
    ['BE', false], // a series of NSE
  ])('%s of BSE is trade-for-trade: %p', (group, tradeForTrade) =>
    expect(of({}, { ...inSeries(group), exchange: 'BSE', segment: 'BSE_EQ' }).tradeForTrade).toBe(tradeForTrade),
  );
  it('say nothing of contracts', () =>
    expect(of({}, { ...option('2026-11-23'), instrumentType: 'BE' }).tradeForTrade).toBe(false));
  it('say nothing of a day before their first row', () =>
    expect(surveillanceOf(inSeries('BE'), {}, '2024-12-31').tradeForTrade).toBe(false));
  it('IL is discontinued', () => expect(of({}, inSeries('IL')).discontinued).toBeDefined());
});
