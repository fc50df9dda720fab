import type { InstrumentFacts, UnderlyingFacts } from '../instruments/facts';
import type { Instrument, Segment } from '../instruments/instrument';
import { E4_PER_RUPEE } from '../money';
import { delta, impliedVolatility, intrinsic, price, roundedToE4, roundedToPaiseE4 } from './black76';
import {
  type ExtremeLoss,
  type MarginCorrections,
  type ModelTime,
  NONE,
  rowOn,
  type ScanKind,
  type ScanRange,
  type ScenarioSet,
} from './parameters';

/**
 * What one contract would lose in each scenario, and the rates that apply to it, on one day: all that a portfolio needs to
 * know of it. An estimate of ours; what the broker or the clearing corporation says wins. Never changes during a
 * day: keep it by instrument and date.
 */
export interface ContractRisk {
  readonly instrumentKey: string;
  readonly underlying: string;
  readonly kind: 'FUT' | 'CE' | 'PE';
  readonly expiry: string;
  readonly strikeE4?: number;
  /** Units of the underlying in one unit of quantity. */
  readonly multiplier: number;
  /** Last settlement price. */
  readonly priceE4: number;
  readonly underlyingPriceE4: number;
  /** Of the future of the same expiry, as far as one is known; otherwise the underlying's. */
  readonly futurePriceE4: number;
  /** Loss of one unit held long, by scenario in the order of the table, the covered share of it. A gain is negative. */
  readonly scenarioLossE4: readonly number[];
  readonly deltaMillionths: number;
  /** Extreme loss margin of a future, or of an option sold, today. */
  readonly elmBp: number;
  readonly calendarChargeBp: number;
  /** Extreme loss margin of a calendar spread of futures: on one part of so many of the far month's value. */
  readonly calendarPart: number;
  readonly shortOptionMinimumBp: number;
  /** Whether it hedges other months today. */
  readonly hasCalendarBenefit: boolean;
  /** Of an option: what its losses were computed with. */
  readonly volatilityMillionths?: number;
  /** False where no volatility explains the option's price, and the underlying's stands in for it. */
  readonly reliable: boolean;
  /** The oldest of the days whose files it was computed from. */
  readonly asOf: string;
}

export interface ContractQuestion {
  readonly instrument: Pick<
    Instrument,
    'instrumentKey' | 'segment' | 'instrumentType' | 'expiry' | 'strikeE4' | 'underlyingSymbol'
  >;
  readonly facts: Pick<InstrumentFacts, 'previousClose'>;
  readonly underlying: UnderlyingFacts;
  readonly futurePriceE4?: number;
  readonly date: string;
}

/** Why there is no answer, in words that complete "… is not known": whoever checks fails closed. */
export interface Missing {
  readonly missing: string;
}

/** Where a unit is a unit, and where these are the rules: other exchanges scan differently and net nothing. */
const SEGMENTS: ReadonlySet<Segment> = new Set<Segment>(['NSE_FO', 'BSE_FO']);

const KINDS = ['FUT', 'CE', 'PE'] as const;

const MS_PER_DAY = 86_400_000;

const daysBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / MS_PER_DAY);

/** The same day so many months later; the last of the month where there is no such day. */
export const monthsLater = (date: string, months: number): string => {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + months, Math.min(day, last))).toISOString().slice(0, 10);
};

/** The scan range of the underlying in 1/10,000 rupee, one for all of its contracts of a kind. */
export const priceScanRangeE4 = (underlyingPriceE4: number, sigmaMillionths: number, range: ScanRange): number => {
  const scannedMillionths = Math.ceil(range.sigmas * sigmaMillionths * Math.sqrt(range.days));
  return Math.ceil((underlyingPriceE4 * Math.max(scannedMillionths, range.priceFloorBp * 100)) / 1_000_000);
};

/** Volatility of a year from that of a day. */
const annualised = (sigmaMillionths: number, { yearDays }: ModelTime): number =>
  (sigmaMillionths / 1_000_000) * Math.sqrt(yearDays);

/** Further out of the money than the rule says, measured from the underlying's previous close. */
const isFarOut = (
  kind: 'CE' | 'PE',
  strikeE4: number,
  underlyingE4: number,
  { farOutBeyondBp }: ExtremeLoss,
): boolean =>
  (kind === 'CE' ? strikeE4 - underlyingE4 : underlyingE4 - strikeE4) * 10_000 > underlyingE4 * farOutBeyondBp;

const futureLossesE4 = (rangeE4: number, { scenarios }: ScenarioSet): readonly number[] =>
  scenarios.map(({ moveThirds, coverBp }) => 0 - roundedToE4((rangeE4 * moveThirds * coverBp) / 30_000));

/**
 * An option's losses, from its settlement price to what the model says in the scenario, to the paisa. Never more than the
 * price: what is held long cannot lose more than it costs.
 */
const optionLossesE4 = (
  terms: { readonly kind: 'CE' | 'PE'; readonly strike: number; readonly years: number },
  at: { readonly priceE4: number; readonly future: number; readonly volatility: number },
  range: { readonly priceE4: number; readonly volatility: number },
  { scenarios }: ScenarioSet,
): readonly number[] =>
  scenarios.map(({ moveThirds, volatility, coverBp }) => {
    const future = at.future + (range.priceE4 / E4_PER_RUPEE) * (moveThirds / 3);
    const then = price(terms, future, Math.max(0, at.volatility + range.volatility * volatility));
    const loss = (at.priceE4 / E4_PER_RUPEE - then) * (coverBp / 10_000);
    return Math.min(at.priceE4, roundedToPaiseE4(loss));
  });

const oldest = (days: readonly string[]): string => days.reduce((one, other) => (other < one ? other : one));

/** The risk of one contract on one trading day (`YYYY-MM-DD`, IST), or what is missing to know it. */
export const contractRiskOf = (
  { instrument, facts, underlying, futurePriceE4, date }: ContractQuestion,
  corrections: MarginCorrections = NONE,
): ContractRisk | Missing => {
  const { instrumentKey, segment, instrumentType, expiry, strikeE4 } = instrument;
  if (!SEGMENTS.has(segment)) return { missing: `the margin model of ${segment}` };
  const kind = KINDS.find((known) => known === instrumentType);
  if (kind === undefined) return { missing: `what kind of contract ${instrumentType} is` };
  if (expiry === undefined) return { missing: 'the expiry' };
  if (expiry < date) return { missing: 'a margin of what has expired' };
  if (kind !== 'FUT' && !(strikeE4 !== undefined && strikeE4 > 0)) return { missing: 'the strike' };
  if (!(facts.previousClose !== undefined && facts.previousClose.priceE4 > 0))
    return { missing: 'the settlement price' };
  if (!(underlying.price !== undefined && underlying.price.priceE4 > 0))
    return { missing: `the price of ${underlying.symbol}` };
  if (underlying.dailySigma === undefined) return { missing: `the daily volatility of ${underlying.symbol}` };

  const time = rowOn('time', 'all', date, corrections);
  const isLongDated = kind !== 'FUT' && time !== undefined && expiry > monthsLater(date, time.longDatedMonths);
  const scanKind: ScanKind = underlying.kind === 'index' && isLongDated ? 'index-long-dated' : underlying.kind;
  const range = rowOn('scanRange', scanKind, date, corrections);
  const set = rowOn('scenarios', 'all', date, corrections);
  const charge = rowOn('calendarCharge', underlying.kind, date, corrections);
  const minimum = rowOn('shortOptionMinimum', underlying.kind, date, corrections);
  const elm = rowOn('extremeLoss', underlying.kind, date, corrections);
  const addition = rowOn('lastDayAddition', underlying.kind, date, corrections);
  const lastDay = rowOn('lastDay', underlying.kind, date, corrections);
  if (!time || !range || !set || !charge || !minimum || !elm || !addition || !lastDay)
    return { missing: `the margin parameters of ${date}` };

  const priceE4 = facts.previousClose.priceE4;
  const underlyingPriceE4 = underlying.price.priceE4;
  const sigmaMillionths = underlying.dailySigma.millionths;
  const rangeE4 = priceScanRangeE4(underlyingPriceE4, sigmaMillionths, range);
  const isLastDay = expiry === date;
  const file = underlying.elm;
  const common = {
    instrumentKey,
    underlying: underlying.symbol,
    kind,
    expiry,
    multiplier: 1,
    priceE4,
    underlyingPriceE4,
    calendarChargeBp: charge.basisPoints,
    calendarPart: elm.calendarPart,
    shortOptionMinimumBp: minimum.basisPoints,
    hasCalendarBenefit: !isLastDay || lastDay.calendarBenefit,
    asOf: oldest([
      facts.previousClose.effectiveFrom,
      underlying.price.effectiveFrom,
      underlying.dailySigma.effectiveFrom,
      ...(file === undefined ? [] : [file.effectiveFrom]),
    ]),
  };

  if (kind === 'FUT')
    return {
      ...common,
      futurePriceE4: priceE4,
      scenarioLossE4: futureLossesE4(rangeE4, set),
      deltaMillionths: 1_000_000,
      elmBp: file?.othersBp ?? elm.basisPoints,
      reliable: true,
    };

  const ofFutureE4 = futurePriceE4 ?? underlyingPriceE4;
  const future = ofFutureE4 / E4_PER_RUPEE;
  const terms = {
    kind,
    strike: (strikeE4 ?? 0) / E4_PER_RUPEE,
    years: Math.max(daysBetween(date, expiry), time.leastDays) / time.yearDays,
  };
  const annual = annualised(sigmaMillionths, time);
  const optionPrice = priceE4 / E4_PER_RUPEE;
  const implied = impliedVolatility(terms, future, optionPrice);
  if (implied === undefined && optionPrice > intrinsic(terms, future) + 0.01)
    return { missing: 'a settlement price that any volatility explains' };
  const volatility = implied ?? annual;
  const volatilityRange = Math.max((annual * range.volatilityShareBp) / 10_000, range.volatilityFloorBp / 10_000);
  const far = isFarOut(kind, strikeE4 ?? 0, underlyingPriceE4, elm);
  const basisPoints = far ? (file?.farOutBp ?? elm.farOutBp) : (file?.othersBp ?? elm.basisPoints);
  return {
    ...common,
    ...(strikeE4 !== undefined && { strikeE4 }),
    futurePriceE4: ofFutureE4,
    scenarioLossE4: optionLossesE4(
      terms,
      { priceE4, future, volatility },
      { priceE4: rangeE4, volatility: volatilityRange },
      set,
    ),
    deltaMillionths: Math.round(delta(terms, future, volatility) * 1_000_000),
    elmBp:
      (isLongDated ? Math.max(basisPoints, elm.longDatedBp) : basisPoints) + (isLastDay ? addition.basisPoints : 0),
    volatilityMillionths: Math.round(volatility * 1_000_000),
    reliable: implied !== undefined,
  };
};

/**
 * What one unit held gains when the underlying moves by a share of its price, all else as it was: options are valued anew, because
 * their delta alone understates what is lost by who sold them. `undefined` on a date without parameters.
 */
export const gainE4 = (
  risk: ContractRisk,
  moveMillionths: number,
  date: string,
  corrections: MarginCorrections = NONE,
): number | undefined => {
  const { kind, strikeE4, volatilityMillionths, underlyingPriceE4, futurePriceE4, priceE4, expiry } = risk;
  const moveE4 = (underlyingPriceE4 * moveMillionths) / 1_000_000;
  if (kind === 'FUT') return roundedToE4(moveE4);
  const time = rowOn('time', 'all', date, corrections);
  if (time === undefined || strikeE4 === undefined || volatilityMillionths === undefined) return undefined;
  const years = Math.max(daysBetween(date, expiry), time.leastDays) / time.yearDays;
  const terms = { kind, strike: strikeE4 / E4_PER_RUPEE, years };
  const volatility = volatilityMillionths / 1_000_000;
  const valueAt = (ofFutureE4: number): number => price(terms, ofFutureE4 / E4_PER_RUPEE, volatility);
  return Math.max(0 - priceE4, roundedToPaiseE4(valueAt(futurePriceE4 + moveE4) - valueAt(futurePriceE4)));
};
