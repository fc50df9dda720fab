import type { InstrumentFacts, Surveillance, SurveillanceMeasure } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import type { Product } from '../orders/order';
import type { Certainty, Dated } from '../dated';

/* ------------------------------------------------------------------------------------------------------ series */

/** What a series (NSE) or group (BSE) of the cash market means to an order. */
export interface SeriesRule extends Dated {
  readonly exchange: 'NSE' | 'BSE';
  readonly series: readonly string[];
  readonly kind: 'trade-for-trade' | 'discontinued';
  readonly reason: string;
}

export const SERIES_RULES: readonly SeriesRule[] = [
  {
    from: '2018-07-01',
    exchange: 'NSE',
    series: ['IL'],
    kind: 'discontinued',
    reason: 'inter-institutional series, discontinued',
    certainty: 'confirmed',
    source: 'NSE series list',
  },
  {
    from: '2025-01-01',
    exchange: 'NSE',
    series: ['BE', 'ST'],
    kind: 'trade-for-trade',
    reason: 'trade-for-trade series',
    certainty: 'confirmed',
    source: 'NSE series list',
  },
  {
    from: '2025-01-01',
    exchange: 'NSE',
    series: ['BZ', 'SZ'],
    kind: 'trade-for-trade',
    reason: 'trade-for-trade series of a company that does not comply',
    certainty: 'confirmed',
    source: 'NSE series list',
  },
  {
    from: '2025-01-01',
    exchange: 'BSE',
    series: ['T', 'TS'],
    kind: 'trade-for-trade',
    reason: 'trade-for-trade group',
    certainty: 'confirmed',
    source: 'BSE group list',
  },
  {
    from: '2025-01-01',
    exchange: 'BSE',
    series: ['XT', 'MT', 'Z', 'ZP'],
    kind: 'trade-for-trade',
    reason: 'trade-for-trade group, or one of companies that do not comply',
    certainty: 'inferred',
    source: 'BSE group list, by the names of the groups',
  },
];

/* ------------------------------------------------------------------------------------------------------ stages */

/** What a stage of surveillance does to an order. Rates and shares of value in basis points. */
export interface StageEffect extends Dated {
  readonly measure: SurveillanceMeasure;
  /** Where it is absent: every stage that has no row of its own. */
  readonly stage?: number;
  /** Margin at least this. */
  readonly marginBp?: number;
  readonly tradeForTrade?: true;
  /** Price band at most this wide, either side. */
  readonly bandBp?: number;
  readonly onceAWeek?: true;
  readonly noUpwardMovement?: true;
  /** Additional deposit that a buyer leaves with the exchange. */
  readonly buyerDepositBp?: number;
  readonly callAuction?: true;
  readonly note?: string;
}

const SINCE = '2025-01-01';
const FULL = 10_000;
const row = (
  measure: SurveillanceMeasure,
  stage: number | undefined,
  certainty: Certainty,
  effect: Omit<StageEffect, keyof Dated | 'measure' | 'stage'>,
): StageEffect => ({
  from: SINCE,
  measure,
  ...(stage !== undefined && { stage }),
  certainty,
  source: 'surveillance frameworks of the exchanges',
  ...effect,
});

const GSM_III = { marginBp: FULL, tradeForTrade: true, bandBp: 500, buyerDepositBp: FULL, onceAWeek: true } as const;

export const STAGE_EFFECTS: readonly StageEffect[] = [
  row('ST-ASM', 1, 'confirmed', { marginBp: 5_000, note: 'or the existing rate if higher' }),
  row('ST-ASM', 2, 'confirmed', { marginBp: FULL }),
  row('LT-ASM', 1, 'single-source', { marginBp: FULL }),
  // From stage II on a band and trade-for-trade may be added: then the band file and the series say so.
  row('LT-ASM', 2, 'single-source', { marginBp: FULL }),
  row('LT-ASM', 3, 'single-source', { marginBp: FULL }),
  row('LT-ASM', 4, 'single-source', { marginBp: FULL }),
  row('GSM', 0, 'inferred', { marginBp: FULL }),
  row('GSM', 1, 'single-source', { marginBp: FULL, bandBp: 500 }),
  row('GSM', 2, 'single-source', { marginBp: FULL, tradeForTrade: true, bandBp: 500, buyerDepositBp: 5_000 }),
  row('GSM', 3, 'single-source', GSM_III),
  row('GSM', 4, 'single-source', { ...GSM_III, noUpwardMovement: true }),
  row('GSM', undefined, 'inferred', { ...GSM_III, noUpwardMovement: true, note: 'taken like stage IV' }),
  row('ESM', 1, 'confirmed', { marginBp: FULL, tradeForTrade: true, bandBp: 500 }),
  row('ESM', 2, 'confirmed', { marginBp: FULL, tradeForTrade: true, bandBp: 200, callAuction: true }),
  row('IRP', undefined, 'inferred', { marginBp: FULL }),
];

/** A stage that no row knows: delivered and paid in full, until an admin adds its row. */
const UNKNOWN_STAGE = row('IRP', undefined, 'unconfirmed', { marginBp: FULL, tradeForTrade: true });

/* ----------------------------------------------------------------------------------------------------- effects */

export interface SurveillanceEffects {
  /** Bought and sold gross, delivered each time: no intraday, no sale before delivery. */
  readonly tradeForTrade: boolean;
  /** The only products taken; all of them where it is absent. */
  readonly products?: readonly Product[];
  readonly marginBp?: number;
  readonly bandBp?: number;
  readonly onceAWeek: boolean;
  readonly noUpwardMovement: boolean;
  readonly buyerDepositBp?: number;
  readonly callAuction: boolean;
  readonly discontinued?: string;
  /** What each of it comes from: `series BE`, `GSM 4`. */
  readonly because: readonly string[];
  readonly certainty: Certainty;
  readonly effectiveFrom?: string;
}

export type SurveilledInstrument = Pick<Instrument, 'exchange' | 'segment' | 'instrumentType'>;

export interface SurveillanceRows {
  readonly series: readonly SeriesRule[];
  readonly stages: readonly StageEffect[];
}

const SHIPPED: SurveillanceRows = { series: SERIES_RULES, stages: STAGE_EFFECTS };

const NO_EFFECTS: SurveillanceEffects = {
  tradeForTrade: false,
  onceAWeek: false,
  noUpwardMovement: false,
  callAuction: false,
  because: [],
  certainty: 'confirmed',
};

const DELIVERY: readonly Product[] = ['CNC'];
const BY_CERTAINTY: readonly Certainty[] = ['confirmed', 'single-source', 'inferred', 'unconfirmed'];
const lessCertain = (a: Certainty, b: Certainty): Certainty =>
  BY_CERTAINTY.indexOf(a) > BY_CERTAINTY.indexOf(b) ? a : b;
const latest = (a: string | undefined, b: string): string => (a !== undefined && a > b ? a : b);

type Draft = { -readonly [Field in keyof SurveillanceEffects]: SurveillanceEffects[Field] };

/** The strictest of both. Writes into the draft: it is on the path of every order of such a share. */
const tighten = (draft: Draft, stage: StageEffect, { measure, stage: level, effectiveFrom }: Surveillance): void => {
  if (stage.tradeForTrade === true) {
    draft.tradeForTrade = true;
    draft.products = DELIVERY;
  }
  if (stage.onceAWeek === true) draft.onceAWeek = true;
  if (stage.noUpwardMovement === true) draft.noUpwardMovement = true;
  if (stage.callAuction === true) draft.callAuction = true;
  if (stage.marginBp !== undefined) draft.marginBp = Math.max(stage.marginBp, draft.marginBp ?? 0);
  if (stage.bandBp !== undefined) draft.bandBp = Math.min(stage.bandBp, draft.bandBp ?? stage.bandBp);
  if (stage.buyerDepositBp !== undefined)
    draft.buyerDepositBp = Math.max(stage.buyerDepositBp, draft.buyerDepositBp ?? 0);
  draft.because = [...draft.because, `${measure} ${String(level)}`];
  draft.certainty = lessCertain(draft.certainty, stage.certainty);
  draft.effectiveFrom = latest(draft.effectiveFrom, effectiveFrom);
};

const effectOf = ({ measure, stage }: Surveillance, date: string, stages: readonly StageEffect[]): StageEffect => {
  const inForce = (wanted: number | undefined): StageEffect | undefined =>
    stages.findLast((row) => row.measure === measure && row.stage === wanted && row.from <= date);
  return inForce(stage) ?? inForce(undefined) ?? UNKNOWN_STAGE;
};

const seriesEffects = (
  { exchange, segment, instrumentType }: SurveilledInstrument,
  date: string,
  series: readonly SeriesRule[],
): SurveillanceEffects => {
  if (segment !== 'NSE_EQ' && segment !== 'BSE_EQ') return NO_EFFECTS;
  const rule = series.findLast(
    (row) => row.exchange === exchange && row.from <= date && row.series.includes(instrumentType),
  );
  if (rule === undefined) return NO_EFFECTS;
  const { kind, reason, certainty, from } = rule;
  return {
    ...NO_EFFECTS,
    ...(kind === 'discontinued' ? { discontinued: reason } : { tradeForTrade: true, products: DELIVERY }),
    because: [`series ${instrumentType}`],
    certainty,
    effectiveFrom: from,
  };
};

/**
 * What series and stages of surveillance do to an instrument on a trading day. Facts that count from a later day do not count
 * yet. Percentages of margin come on top of nothing: they are the least that is held.
 */
export const surveillanceOf = (
  instrument: SurveilledInstrument,
  facts: InstrumentFacts,
  date: string,
  { series, stages }: SurveillanceRows = SHIPPED,
): SurveillanceEffects => {
  const bySeries = seriesEffects(instrument, date, series);
  const { surveillance = [], callAuction } = facts;
  if (surveillance.length === 0 && callAuction === undefined) return bySeries;
  const draft: Draft = { ...bySeries };
  for (const listed of surveillance)
    if (listed.effectiveFrom <= date) tighten(draft, effectOf(listed, date, stages), listed);
  if (callAuction !== undefined && callAuction.effectiveFrom <= date) {
    draft.callAuction = true;
    draft.because = [...draft.because, 'call auction list'];
    draft.effectiveFrom = latest(draft.effectiveFrom, callAuction.effectiveFrom);
  }
  return draft;
};
