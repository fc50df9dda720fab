import fc from 'fast-check';
import type { InstrumentFacts } from '../instruments/facts';
import { E4_PER_RUPEE, MAX_PRICE_E4 } from '../money';
import { bandAround, bandOf, type BandQuestion, cancelledBy, flex, isWithin } from './bands';
import { future, inSeries, share } from './samples';

const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);
const file = { effectiveFrom: '2026-11-20', source: 'a file of the day' };
const previousClose = { ...file, priceE4: rupees(1_000) };
const date = '2026-11-20';

const closing: BandQuestion = {
  instrument: share,
  facts: { previousClose: { ...file, priceE4: rupees(990) } },
  date,
  phase: 'closing-entry',
  referenceE4: rupees(1_000),
};
const ends = (question: BandQuestion): readonly [number, number] | undefined => {
  const band = bandOf(question);
  return band === undefined ? undefined : [band.lowerE4 / E4_PER_RUPEE, band.upperE4 / E4_PER_RUPEE];
};

describe('the closing auction', () => {
  it.each([
    [1_030.1, false],
    [1_030, true],
    [970, true],
    [969.9, false],
  ])('S3: around a reference of 1,000, %p lies within: %p', (price, within) => {
    const band = bandOf(closing);
    expect(band !== undefined && isWithin(band, rupees(price))).toBe(within);
  });
  it('falls back to the last price, then to the previous close, and says so', () => {
    const { referenceE4: _, ...unpublished } = closing;
    expect(bandOf({ ...unpublished, lastPriceE4: rupees(1_010) })).toMatchObject({
      upperE4: rupees(1_040.3),
      rule: expect.stringContaining('taken from the last price'),
    });
    expect(bandOf(unpublished)).toMatchObject({
      upperE4: rupees(1_019.7),
      rule: expect.stringContaining('taken from the previous close'),
    });
    expect(bandOf({ ...unpublished, facts: {} })).toBeUndefined();
  });
  it('narrows futures from 15:15: of shares since August 2026, of indices since September', () => {
    const facts: InstrumentFacts = {
      previousClose,
      band: { ...file, effectiveFrom: '2026-01-01', kind: 'prices', lowerE4: rupees(900), upperE4: rupees(1_100) },
    };
    const old = { ...facts, previousClose: { ...previousClose, effectiveFrom: '2026-01-01' } };
    const asked: BandQuestion = {
      instrument: future('2026-11-23'),
      facts: old,
      date,
      closing: true,
      referenceE4: rupees(1_000),
    };
    const narrow = [970, 1_030];
    const wide = [900, 1_100];
    expect(ends({ ...asked, closing: false })).toEqual(wide);
    expect(ends({ ...asked, date: '2026-08-03' })).toEqual(narrow); // not said to be on an index
    expect(ends({ ...asked, underlyingKind: 'stock', date: '2026-08-03' })).toEqual(narrow);
    expect(ends({ ...asked, underlyingKind: 'stock', date: '2026-07-31' })).toEqual(wide);
    expect(ends({ ...asked, underlyingKind: 'index', date: '2026-09-07' })).toEqual(narrow);
    expect(ends({ ...asked, underlyingKind: 'index', date: '2026-09-04' })).toEqual(wide);
    expect(ends({ ...asked, instrument: { ...asked.instrument, instrumentType: 'CE' } })).toEqual(wide);
  });
});

describe('the band of a day', () => {
  it.each<[string, InstrumentFacts, readonly [number, number] | undefined]>([
    ['fixed', { previousClose, band: { ...file, kind: 'percent', basisPoints: 500 } }, [950, 1_050]],
    ['dynamic', { previousClose, band: { ...file, kind: 'dynamic' } }, [900, 1_100]],
    ['named', { band: { ...file, kind: 'prices', lowerE4: rupees(1), upperE4: rupees(2) } }, [1, 2]],
    ['not told', { previousClose }, undefined],
    ['without a close', { band: { ...file, kind: 'percent', basisPoints: 500 } }, undefined],
    ['of tomorrow', { previousClose, band: { ...file, effectiveFrom: '2026-11-23', kind: 'dynamic' } }, undefined],
    [
      'with the close of tomorrow',
      { previousClose: { ...previousClose, effectiveFrom: '2026-11-23' }, band: { ...file, kind: 'dynamic' } },
      undefined,
    ],
  ])('%s', (_, facts, expected) => expect(ends({ instrument: share, facts, date })).toEqual(expected));

  it('is not known where the tick is not', () => {
    const { tickSizeE4: _, ...tickless } = share;
    expect(bandOf({ ...closing, instrument: tickless })).toBeUndefined();
  });
  it('is rounded inwards to whole ticks', () => {
    const facts: InstrumentFacts = {
      previousClose: { ...file, priceE4: rupees(123.45) },
      band: { ...file, kind: 'percent', basisPoints: 500 },
    };
    // 117.2775 and 129.6225
    expect(ends({ instrument: { ...share, tickSizeE4: 500 }, facts, date })).toEqual([117.3, 129.6]);
  });
  it('of a block deal lies around the reference of its window', () =>
    expect(ends({ ...closing, phase: 'block' })).toEqual([970, 1_030]));
  it('of a listing is 20 %, or 5 % where it is trade-for-trade, unless a file says otherwise', () => {
    const facts: InstrumentFacts = { previousClose, listingDay: file };
    expect(ends({ instrument: share, facts, date })).toEqual([800, 1_200]);
    expect(ends({ instrument: inSeries('BE'), facts, date })).toEqual([950, 1_050]);
    expect(ends({ instrument: inSeries('SM'), facts, date })).toEqual([800, 1_900]);
    expect(ends({ instrument: share, facts: { ...facts, band: { ...file, kind: 'dynamic' } }, date })).toEqual([
      900, 1_100,
    ]);
    expect(ends({ instrument: share, facts, date: '2026-11-23' })).toBeUndefined();
  });
  it('is narrowed by surveillance, and never widened', () => {
    const staged = (stage: number, basisPoints: number): InstrumentFacts => ({
      previousClose,
      band: { ...file, kind: 'percent', basisPoints },
      surveillance: [{ ...file, measure: 'ESM', stage }],
    });
    expect(ends({ instrument: share, facts: staged(1, 2_000), date })).toEqual([950, 1_050]);
    expect(ends({ instrument: share, facts: staged(2, 2_000), date })).toEqual([980, 1_020]);
    expect(ends({ instrument: share, facts: staged(1, 200), date })).toEqual([980, 1_020]);
    expect(
      ends({
        instrument: share,
        facts: { ...staged(1, 2_000), band: { ...file, kind: 'prices', lowerE4: rupees(999), upperE4: rupees(1_300) } },
        date,
      }),
    ).toEqual([999, 1_050]);
  });
  it('S10: in stage IV of GSM a share cannot be bought above its last close', () => {
    const facts: InstrumentFacts = { previousClose, surveillance: [{ ...file, measure: 'GSM', stage: 4 }] };
    const band = bandOf({ instrument: share, facts, date });
    expect(band).toMatchObject({ lowerE4: rupees(950), upperE4: rupees(1_000), effectiveFrom: '2026-11-20' });
    expect(band !== undefined && isWithin(band, rupees(1_000.1))).toBe(false);
    expect(band !== undefined && isWithin(band, rupees(1_000))).toBe(true);
    expect(
      bandOf({
        instrument: share,
        facts: { surveillance: facts.surveillance ?? [], band: { ...file, kind: 'prices', lowerE4: 1, upperE4: 2 } },
        date,
      }),
    ).toBeUndefined(); // nobody knows the close
  });

  const anyWidth = fc.integer({ min: 1, max: 9_999 });
  it('holds its base, is whole ticks, and is as wide as it can be without being wider', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        anyWidth,
        anyWidth,
        fc.constantFrom(100, 500, 1_000, 5_000, 10_000, 50_000),
        (ticks, downBp, upBp, tickE4) => {
          const baseE4 = Math.min(ticks * tickE4, MAX_PRICE_E4 - (MAX_PRICE_E4 % tickE4));
          const { lowerE4, upperE4 } = bandAround(baseE4, { downBp, upBp }, tickE4);
          expect(lowerE4 <= baseE4 && baseE4 <= upperE4).toBe(true);
          expect([lowerE4 % tickE4, upperE4 % tickE4]).toEqual([0, 0]);
          const exact = (bp: number) => BigInt(baseE4) * BigInt(10_000 + bp);
          expect(BigInt(upperE4) * 10_000n <= exact(upBp)).toBe(true);
          expect(BigInt(upperE4 + tickE4) * 10_000n > exact(upBp)).toBe(true);
          expect(BigInt(lowerE4) * 10_000n >= exact(-downBp)).toBe(true);
          expect(BigInt(lowerE4 - tickE4) * 10_000n < exact(-downBp)).toBe(true);
        },
      ),
    );
  });
});

describe('a dynamic band', () => {
  const band = { baseE4: rupees(100), lowerE4: rupees(90), upperE4: rupees(110) };
  const at = (times: number, direction: 'up' | 'down' = 'up') => {
    const { lowerE4, upperE4 } = flex(band, times, { direction });
    return [lowerE4 / E4_PER_RUPEE, upperE4 / E4_PER_RUPEE];
  };

  it('S11: slides by 5 %, and what rests outside then is cancelled', () => {
    expect(at(1)).toEqual([95, 115]);
    const resting = { orderId: 'a buy at 92', priceE4: rupees(92) };
    const within = { orderId: 'a buy at 95', priceE4: rupees(95) };
    const waiting = { orderId: 'a stop at 92', priceE4: rupees(92), waitsForTrigger: true };
    expect(cancelledBy(flex(band, 1), [resting, within, waiting])).toEqual([resting]);
    expect(cancelledBy(band, [resting, within, waiting])).toEqual([]);
  });
  it.each([
    [0, [90, 110]],
    [2, [100, 120]],
    [3, [103, 123]],
    [4, [106, 126]],
    [5, [108, 128]],
    [6, [110, 130]],
  ])('flexed %p times: %p', (times, expected) => expect(at(times)).toEqual(expected));
  it('slides down as it slides up', () => expect(at(3, 'down')).toEqual([77, 97]));
  it('moves by whole ticks', () => {
    const odd = { baseE4: rupees(123.45), lowerE4: rupees(111.15), upperE4: rupees(135.75) };
    expect(flex(odd, 1, { tickE4: 500 })).toEqual({ ...odd, lowerE4: rupees(117.3), upperE4: rupees(141.9) });
  });
});
