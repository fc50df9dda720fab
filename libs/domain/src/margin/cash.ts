import type { InstrumentFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { inForce } from '../instruments/in-force';
import { surveillanceOf, type SurveillanceRows } from '../market/surveillance';
import type { Product, Side } from '../orders/order';
import type { Missing } from './contract-risk';
import { type CashGroup, type MarginCorrections, NONE, rowOn } from './parameters';

/** The exchange's own rates of a share, in basis points of its value. */
export interface CashRates {
  readonly varBp: number;
  readonly elmBp: number;
}

export interface CashQuestion {
  readonly instrument: Pick<Instrument, 'exchange' | 'segment' | 'instrumentType'>;
  readonly product: Product;
  readonly side: Side;
  readonly facts: InstrumentFacts;
  /** Where the exchange's file does not name the share: what its rates are computed from. */
  readonly group?: CashGroup;
  readonly dailySigmaMillionths?: number;
  readonly date: string;
  /** What series and stages mean: the calendar has the rows with an admin's among them. */
  readonly surveillance: SurveillanceRows;
}

/** One rule that asks for a share of the value. */
export interface CashPart {
  readonly rule: string;
  readonly basisPoints: number;
  readonly effectiveFrom: string;
}

export interface CashMargin {
  readonly marginBp: number;
  /** All rules that were looked at: the dearest is the margin. */
  readonly parts: readonly CashPart[];
  readonly rule: string;
  readonly effectiveFrom: string;
  /** What a buyer leaves with the exchange on top of it, under surveillance. */
  readonly buyerDepositBp?: number;
}

/** All of its value: nothing needs more than what it costs. */
const WHOLE_BP = 10_000;

/** Value at risk and extreme loss margin of a group, as the exchange computes them. `undefined` on a date without a rule. */
export const cashRatesOf = (
  group: CashGroup,
  dailySigmaMillionths: number,
  date: string,
  corrections: MarginCorrections = NONE,
): CashRates | undefined => {
  const range = rowOn('cashRange', group, date, corrections);
  const elm = rowOn('cashExtremeLoss', group === 'broad-etf' ? 'broad-etf' : 'share', date, corrections);
  if (range === undefined || elm === undefined) return undefined;
  const scannedBp = Math.ceil((range.sigmas * dailySigmaMillionths) / 100);
  return { varBp: Math.max(scannedBp, range.floorBp), elmBp: elm.basisPoints };
};

const exchangePart = (
  { facts, group, dailySigmaMillionths, date }: CashQuestion,
  corrections: MarginCorrections,
): CashPart | undefined => {
  const cashMargin = inForce(facts.cashMargin, date);
  if (cashMargin !== undefined)
    return {
      rule: 'value at risk and extreme loss margin of the exchange',
      basisPoints: cashMargin.varBp + cashMargin.elmBp,
      effectiveFrom: cashMargin.effectiveFrom,
    };
  if (group === undefined || dailySigmaMillionths === undefined) return undefined;
  const rates = cashRatesOf(group, dailySigmaMillionths, date, corrections);
  if (rates === undefined) return undefined;
  const rule = `value at risk and extreme loss margin of group ${group}, computed by us`;
  return { rule, basisPoints: rates.varBp + rates.elmBp, effectiveFrom: date };
};

/** What the broker's file says of a product that is not paid in full. Not listed: not to be had. */
const brokerPart = ({ product, facts, date }: CashQuestion): CashPart | Missing => {
  const [listed, file] = product === 'MTF' ? [facts.funded, 'margin funding'] : [facts.intraday, 'intraday'];
  const rate = inForce(listed, date);
  return rate === undefined
    ? { missing: `its margin in the broker's ${file} file` }
    : { rule: `the broker's ${file} file`, basisPoints: rate.marginBp, effectiveFrom: rate.effectiveFrom };
};

/**
 * The share of its value that an order in a share needs: all of it for delivery; for what is squared off the same day or
 * funded, the dearest of what the broker asks, what it must ask at least, and what surveillance adds.
 */
export const cashMarginBp = (question: CashQuestion, corrections: MarginCorrections = NONE): CashMargin | Missing => {
  const { instrument, product, side, facts, date } = question;
  if (product === 'NRML') return { missing: 'a margin of NRML in the cash segment' };
  const full = rowOn('paidInFull', 'all', date, corrections);
  if (full === undefined) return { missing: `the margin parameters of ${date}` };
  const surveillance = surveillanceOf(instrument, facts, date, question.surveillance);
  const deposit =
    side === 'BUY' && surveillance.buyerDepositBp !== undefined ? { buyerDepositBp: surveillance.buyerDepositBp } : {};
  const inFull = (rule: string, effectiveFrom = full.from): CashPart => ({
    rule,
    basisPoints: full.basisPoints,
    effectiveFrom,
  });
  if (product === 'CNC') {
    const part = inFull('delivery is paid in full');
    return {
      marginBp: full.basisPoints,
      parts: [part],
      rule: part.rule,
      effectiveFrom: part.effectiveFrom,
      ...deposit,
    };
  }

  const broker = brokerPart(question);
  if ('missing' in broker) return broker;
  const minimum = rowOn('cashMinimum', 'all', date, corrections);
  if (minimum === undefined) return { missing: `the margin parameters of ${date}` };
  const exchange = exchangePart(question, corrections);
  const listing = inForce(facts.listingDay, date);
  const because = surveillance.because.join(', ');
  const since = surveillance.effectiveFrom ?? full.from;
  const parts: readonly CashPart[] = [
    broker,
    { rule: 'the least a broker must hold', basisPoints: minimum.basisPoints, effectiveFrom: minimum.from },
    ...(exchange === undefined ? [] : [exchange]),
    ...(surveillance.marginBp === undefined
      ? []
      : [{ rule: `surveillance: ${because}`, basisPoints: surveillance.marginBp, effectiveFrom: since }]),
    ...(surveillance.tradeForTrade ? [inFull(`trade-for-trade: ${because}`, since)] : []),
    ...(listing === undefined ? [] : [inFull('first day of a listing', listing.effectiveFrom)]),
  ];
  const dearest = parts.reduce((most, part) => (part.basisPoints > most.basisPoints ? part : most), broker);
  return {
    marginBp: Math.min(WHOLE_BP, dearest.basisPoints),
    parts,
    rule: dearest.rule,
    effectiveFrom: dearest.effectiveFrom,
    ...deposit,
  };
};
