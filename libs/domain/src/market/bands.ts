import type { InstrumentFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { type Dated, inForceOn } from '../dated';
import type { PhaseName } from './phases';
import { surveillanceOf, type SurveillanceRows } from './surveillance';

/** Where an order may be priced, both ends included. */
export interface Band {
  readonly lowerE4: number;
  readonly upperE4: number;
  readonly rule: string;
  readonly effectiveFrom: string;
  readonly source: string;
}

/** A width around a base, by what it is for. Basis points of the base. */
export interface BandWidth extends Dated {
  readonly kind:
    | 'closing-auction'
    | 'stock-future-close'
    | 'index-future-close'
    | 'dynamic'
    | 'block'
    | 'listing'
    | 'listing-trade-for-trade'
    | 'listing-small';
  readonly downBp: number;
  readonly upBp: number;
  readonly rule: string;
}

const width = (
  kind: BandWidth['kind'],
  [downBp, upBp]: readonly [number, number],
  rule: string,
  { from, certainty, source }: Dated,
): BandWidth => ({ kind, downBp, upBp, rule, from, certainty, source });

const AUCTION: Dated = { from: '2026-08-03', certainty: 'confirmed', source: 'SEBI circular of 16 Jan 2026' };
const INDEX_AUCTION: Dated = { from: '2026-09-07', certainty: 'single-source', source: 'NSE/CMTR/76170' };
const FLEXING: Dated = { from: '2024-11-01', certainty: 'confirmed', source: 'SEBI circular of 24 May 2024' };
const BLOCKS: Dated = { from: '2025-12-07', certainty: 'confirmed', source: 'SEBI circular of 8 Oct 2025' };
const LISTINGS: Dated = { from: '2025-01-01', certainty: 'confirmed', source: 'listing day rules of the exchanges' };
const SMALL: Dated = { from: '2025-07-01', certainty: 'unconfirmed', source: 'NSE/CMTR/69388' };

export const BAND_WIDTHS: readonly BandWidth[] = [
  width('dynamic', [1_000, 1_000], 'dynamic band, 10 % to begin with', FLEXING),
  width('closing-auction', [300, 300], 'closing auction, 3 % of its reference', AUCTION),
  width('stock-future-close', [300, 300], 'stock futures from 15:15, 3 % of their reference', AUCTION),
  width('index-future-close', [300, 300], 'index futures from 15:15, 3 % of their reference', INDEX_AUCTION),
  width('block', [300, 300], 'block deal window, 3 % of its reference', BLOCKS),
  width('listing', [2_000, 2_000], 'day of listing, 20 % of the issue or first price', LISTINGS),
  width('listing-trade-for-trade', [500, 500], 'day of listing, 5 % of the issue or first price', LISTINGS),
  width('listing-small', [2_000, 9_000], 'listing of a small company, by the issue price', SMALL),
];

/** The smallest block deal, 1/10,000 rupee. */
export const BLOCK_VALUE_MIN: readonly (Dated & { readonly valueE4: number })[] = [
  { ...BLOCKS, valueE4: 25 * 10_000_000 * 10_000 },
];

export interface BandQuestion {
  readonly instrument: Pick<Instrument, 'exchange' | 'segment' | 'instrumentType' | 'tickSizeE4'>;
  readonly facts: InstrumentFacts;
  readonly date: string;
  /** As `isTradingAllowed` told it. */
  readonly phase?: PhaseName;
  /** At 15:15 or later: a future's band is then another one. */
  readonly closing?: boolean;
  /** Reference price of the closing auction, the futures' close or the block window, where somebody published it. */
  readonly referenceE4?: number;
  readonly lastPriceE4?: number;
  /** Of a future: what it is on. Not said is taken for a share, whose band is narrowed earlier. */
  readonly underlyingKind?: 'index' | 'stock';
}

const floorTo = (amount: number, unit: number): number => amount - (amount % unit);
const ceilTo = (amount: number, unit: number): number => floorTo(amount + unit - 1, unit);

/**
 * Ends of a band fall between ticks as a rule. They are rounded inwards, the lower end up and the upper end down: a
 * price that we let through is inside whichever way an exchange rounds. Exact: whole numbers below 2^53 throughout.
 */
export const bandAround = (
  baseE4: number,
  { downBp, upBp }: { readonly downBp: number; readonly upBp: number },
  tickE4: number,
): { readonly lowerE4: number; readonly upperE4: number } => {
  const unit = 10_000 * tickE4;
  return {
    lowerE4: ceilTo(baseE4 * (10_000 - downBp), unit) / 10_000,
    upperE4: floorTo(baseE4 * (10_000 + upBp), unit) / 10_000,
  };
};

const SMALL_COMPANIES: ReadonlySet<string> = new Set(['SM', 'ST', 'SZ', 'M', 'MT', 'MS']);

/** What replaces the band of the day for a while: the closing auction, the last minutes of futures, a block window. */
const replacing = ({ instrument, phase, closing, underlyingKind }: BandQuestion): BandWidth['kind'] | undefined => {
  if (phase === 'block') return 'block';
  if (phase?.startsWith('closing-') === true) return 'closing-auction';
  const isFuture =
    instrument.instrumentType === 'FUT' && (instrument.segment === 'NSE_FO' || instrument.segment === 'BSE_FO');
  if (isFuture && closing === true) return underlyingKind === 'index' ? 'index-future-close' : 'stock-future-close';
  return undefined;
};

/** The reference that was published; failing that the last price, then the previous close, as the exchange does. */
const reference = ({ referenceE4, lastPriceE4, facts, date }: BandQuestion): readonly [number, string] | undefined => {
  if (referenceE4 !== undefined) return [referenceE4, ''];
  if (lastPriceE4 !== undefined) return [lastPriceE4, ', taken from the last price'];
  const close = closeOf(facts, date);
  return close === undefined ? undefined : [close, ', taken from the previous close'];
};

const closeOf = ({ previousClose }: InstrumentFacts, date: string): number | undefined =>
  previousClose !== undefined && previousClose.effectiveFrom <= date && previousClose.priceE4 > 0
    ? previousClose.priceE4
    : undefined;

/**
 * The price band of an instrument at an instant. Undefined: nobody said, or the price it is counted from is missing; a check
 * that needs it fails closed. `flex` tells what becomes of a dynamic band in the course of a day.
 */
export const bandOf = (
  question: BandQuestion,
  rows?: SurveillanceRows,
  widths: readonly BandWidth[] = BAND_WIDTHS,
): Band | undefined => {
  const { instrument, facts, date } = question;
  const tickE4 = instrument.tickSizeE4;
  if (tickE4 === undefined) return undefined;
  const widthOf = (kind: BandWidth['kind']): BandWidth | undefined =>
    inForceOn(
      widths.filter((row) => row.kind === kind),
      date,
    );
  const around = (baseE4: number, row: BandWidth, how = ''): Band => ({
    ...bandAround(baseE4, row, tickE4),
    rule: `${row.rule}${how}`,
    effectiveFrom: row.from,
    source: row.source,
  });

  const kind = replacing(question);
  const replaced = kind === undefined ? undefined : widthOf(kind);
  if (replaced !== undefined) {
    const base = reference(question);
    return base === undefined ? undefined : around(base[0], replaced, base[1]);
  }

  const day = bandOfDay(question, widthOf, around, tickE4);
  const closeE4 = closeOf(facts, date);
  const { bandBp, noUpwardMovement, because, effectiveFrom } = surveillanceOf(instrument, facts, date, rows);
  const since = effectiveFrom ?? date;
  let band = day;
  if (bandBp !== undefined && closeE4 !== undefined) {
    const stage = bandAround(closeE4, { downBp: bandBp, upBp: bandBp }, tickE4);
    if (band === undefined || stage.upperE4 < band.upperE4 || stage.lowerE4 > band.lowerE4)
      band = {
        lowerE4: Math.max(stage.lowerE4, band?.lowerE4 ?? 0),
        upperE4: Math.min(stage.upperE4, band?.upperE4 ?? stage.upperE4),
        rule: `surveillance: ${because.join(', ')}, at most ${String(bandBp / 100)} %`,
        effectiveFrom: since,
        source: 'surveillance frameworks of the exchanges',
      };
  }
  if (!noUpwardMovement) return band;
  // Without a close nobody can tell what is upward.
  if (band === undefined || closeE4 === undefined) return undefined;
  return {
    ...band,
    upperE4: Math.min(band.upperE4, closeE4),
    rule: `surveillance: ${because.join(', ')}, not above the previous close`,
    effectiveFrom: since,
  };
};

/** As the day's file says it, or as listings are bounded where no file does. */
const bandOfDay = (
  { instrument, facts, date }: BandQuestion,
  widthOf: (kind: BandWidth['kind']) => BandWidth | undefined,
  around: (baseE4: number, row: BandWidth) => Band,
  tickE4: number,
): Band | undefined => {
  const { band } = facts;
  const closeE4 = closeOf(facts, date);
  if (band !== undefined && band.effectiveFrom <= date) {
    const { effectiveFrom, source } = band;
    switch (band.kind) {
      case 'prices':
        return {
          lowerE4: band.lowerE4,
          upperE4: band.upperE4,
          rule: 'band named in the file of the day',
          effectiveFrom,
          source,
        };
      case 'percent': {
        if (closeE4 === undefined) return undefined;
        const { basisPoints } = band;
        return {
          ...bandAround(closeE4, { downBp: basisPoints, upBp: basisPoints }, tickE4),
          rule: `fixed band, ${String(basisPoints / 100)} % of the previous close`,
          effectiveFrom,
          source,
        };
      }
      case 'dynamic': {
        const row = widthOf('dynamic');
        return closeE4 === undefined || row === undefined ? undefined : around(closeE4, row);
      }
    }
  }
  if (facts.listingDay?.effectiveFrom !== date || closeE4 === undefined) return undefined;
  const { tradeForTrade } = surveillanceOf(instrument, facts, date);
  const row = widthOf(
    SMALL_COMPANIES.has(instrument.instrumentType)
      ? 'listing-small'
      : tradeForTrade
        ? 'listing-trade-for-trade'
        : 'listing',
  );
  return row === undefined ? undefined : around(closeE4, row);
};

/* ----------------------------------------------------------------------------------------------------- flexing */

/** By how much a dynamic band slides, in basis points of its base: the first, the second time, and so on; the last for all later ones. */
export interface FlexSteps extends Dated {
  readonly stepsBp: readonly number[];
}

export const FLEX_STEPS: readonly FlexSteps[] = [{ ...FLEXING, stepsBp: [500, 500, 300, 300, 200] }];

/** A band that slides, and the price that its steps are counted from. */
export interface FlexBand {
  readonly baseE4: number;
  readonly lowerE4: number;
  readonly upperE4: number;
}

/**
 * A dynamic band after it was flexed so many times in one direction. It slides: both ends move by the same points, and
 * what rests outside then is cancelled by the exchange. Steps are cut to whole ticks.
 */
export const flex = (
  band: FlexBand,
  times: number,
  {
    direction = 'up',
    tickE4 = 1,
    date = FLEXING.from,
  }: { direction?: 'up' | 'down'; tickE4?: number; date?: string } = {},
): FlexBand => {
  const stepsBp = inForceOn(FLEX_STEPS, date)?.stepsBp ?? [];
  let pointsE4 = 0;
  for (let time = 0; time < times; time += 1) {
    const stepBp = stepsBp[Math.min(time, stepsBp.length - 1)] ?? 0;
    pointsE4 += floorTo(band.baseE4 * stepBp, 10_000 * tickE4) / 10_000;
  }
  const slideE4 = direction === 'up' ? pointsE4 : -pointsE4;
  return { ...band, lowerE4: band.lowerE4 + slideE4, upperE4: band.upperE4 + slideE4 };
};

export const isWithin = ({ lowerE4, upperE4 }: Pick<Band, 'lowerE4' | 'upperE4'>, priceE4: number): boolean =>
  priceE4 >= lowerE4 && priceE4 <= upperE4;

/** The resting orders that the exchange cancels when a band has moved. A stop that waits for its trigger is kept. */
export const cancelledBy = <Resting extends { readonly priceE4: number; readonly waitsForTrigger?: boolean }>(
  band: Pick<Band, 'lowerE4' | 'upperE4'>,
  resting: readonly Resting[],
): readonly Resting[] =>
  resting.filter(({ priceE4, waitsForTrigger }) => waitsForTrigger !== true && !isWithin(band, priceE4));
