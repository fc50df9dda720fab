import { Map } from 'immutable';
import { refuse } from '../decider';
import type { Segment } from '../instruments/instrument';
import { valueOf } from '../money';
import { bill, type Billing, billingOf, inPaise } from './bill';
import { type Charges, chargesBetween, NO_CHARGES } from './charges';
import { type ChargeCorrections, NO_CORRECTIONS } from './estimate';
import { type Exact, minus, NOTHING, plus } from './exact';
import {
  addLevies,
  type ChargedTrade,
  countable,
  type DayTrades,
  type Levies,
  leviesOf,
  NO_LEVIES,
  NO_TRADES,
  type Settlement,
  settlementOf,
  withoutLevies,
  withTrade,
} from './levies';
import { brokerageOf, brokerageOn, DEFAULT_PLAN, planSegmentOf, type PlanSegment, termsOn } from './plans';
import { exerciseRatesOn, type Rates, ratesOn } from './schedule';
import type { ChargedSecurity } from './security';

/** Charges are billed by the note: what one client traded at one broker, on one day, in one segment of an exchange. */
export interface NoteKey {
  readonly broker: string;
  readonly plan?: string;
  /** Trade date in IST, `YYYY-MM-DD`. */
  readonly date: string;
  readonly exchangeSegment: Segment;
}

/**
 * A note as it grows. What each security and each order owe is kept beside their sums, exactly: a trade replaces both and costs
 * the same work in a note of ten thousand, and a correction made during the day reaches what trades after it.
 */
export interface ContractNote extends Required<NoteKey> {
  /** By instrument, intraday apart from what is delivered. */
  readonly securities: Map<string, { readonly day: DayTrades; readonly levies: Levies }>;
  /** By order: all its fills are one executed order. */
  readonly orders: Map<string, { readonly valueE4: number; readonly brokerage: Exact }>;
  readonly brokerage: Exact;
  readonly levies: Levies;
  /** As of the last trade; absent before the first. */
  readonly billing?: Billing;
}

export const openNote = ({ broker, plan = DEFAULT_PLAN, date, exchangeSegment }: NoteKey): ContractNote => ({
  broker,
  plan,
  date,
  exchangeSegment,
  securities: Map(),
  orders: Map(),
  brokerage: NOTHING,
  levies: NO_LEVIES,
});

/** The note as it stands, as its plan rounds it. */
export const noteCharges = ({ brokerage, levies, billing }: ContractNote): Charges =>
  billing === undefined ? NO_CHARGES : bill(brokerage, levies, billing);

/** The same trades with every line to the paisa, to compare with estimates. */
export const estimateOf = ({ brokerage, levies, billing }: ContractNote): Charges =>
  billing === undefined ? NO_CHARGES : bill(brokerage, levies, inPaise(billing));

export interface Booked {
  readonly note: ContractNote;
  /** By how much the note grew: summed over all that was booked, the note, to the paisa, at any time. */
  readonly charges: Charges;
}

/**
 * Books a trade, which must not be booked yet. `undefined` where a rate or the plan is not known on the date, or the product does
 * not fit the security.
 * @throws Refused `charges.other-segment` when the trade belongs to another note, `money.too-large`
 */
export const addTrade = (
  note: ContractNote,
  trade: ChargedTrade,
  corrections: ChargeCorrections = NO_CORRECTIONS,
): Booked | undefined => {
  const { security, product } = trade;
  const settlement = settlementOf(security, product);
  return book(
    note,
    {
      security,
      planSegment: planSegmentOf(security, product),
      rates: ratesOn(note.date, security, corrections),
      settlement,
      securityId: settlement === 'intraday' ? `${trade.instrumentKey}/intraday` : trade.instrumentKey,
      orderId: trade.orderId,
      side: trade.side,
      quantity: trade.quantity,
      valueE4: valueOf(trade.priceE4, trade.quantity),
      brokerageDue: true,
    },
    corrections,
  );
};

export interface Exercise {
  readonly instrumentKey: string;
  readonly quantity: number;
  /** What one unit of the option is worth at expiry. */
  readonly intrinsicE4: number;
  readonly security: ChargedSecurity;
}

/**
 * Books the exercise of an option that its holder had at expiry: tax on what it is worth, and brokerage where the plan asks for
 * it. An option that expired worthless costs nothing.
 */
export const addExercise = (
  note: ContractNote,
  { instrumentKey, quantity, intrinsicE4, security }: Exercise,
  corrections: ChargeCorrections = NO_CORRECTIONS,
): Booked | undefined =>
  book(
    note,
    {
      security,
      planSegment: planSegmentOf(security, 'NRML'),
      rates: exerciseRatesOn(note.date, corrections),
      settlement: 'contract',
      securityId: `${instrumentKey}/exercise`,
      orderId: `exercise ${instrumentKey}`,
      side: 'SELL',
      quantity,
      valueE4: valueOf(intrinsicE4, quantity),
      brokerageDue: termsOn(note, corrections)?.exerciseBrokerage ?? false,
    },
    corrections,
  );

/** What an exercise costs when nothing else is on its note. */
export const exerciseCharges = (
  exercise: Exercise,
  on: Omit<NoteKey, 'exchangeSegment'>,
  corrections: ChargeCorrections = NO_CORRECTIONS,
): Charges | undefined =>
  addExercise(openNote({ ...on, exchangeSegment: exercise.security.segment }), exercise, corrections)?.charges;

interface Entry {
  readonly security: ChargedSecurity;
  readonly planSegment: PlanSegment | undefined;
  readonly rates: Rates | undefined;
  readonly settlement: Settlement;
  readonly securityId: string;
  readonly orderId: string;
  readonly side: ChargedTrade['side'];
  readonly quantity: number;
  readonly valueE4: number;
  readonly brokerageDue: boolean;
}

const book = (note: ContractNote, entry: Entry, corrections: ChargeCorrections): Booked | undefined => {
  const { security, planSegment, rates, securityId, orderId, valueE4 } = entry;
  if (security.segment !== note.exchangeSegment) return refuse('charges.other-segment');
  const plan = planSegment && brokerageOn(note, planSegment, corrections);
  const terms = termsOn(note, corrections);
  if (!rates || !plan || !terms) return undefined;
  if (valueE4 === 0) return { note, charges: NO_CHARGES };

  const security0 = note.securities.get(securityId) ?? { day: NO_TRADES, levies: NO_LEVIES };
  const day = withTrade(security0.day, entry, valueE4);
  const levies = leviesOf(day, entry.settlement, rates, plan.rule.clearingE9 ?? 0);

  const order0 = note.orders.get(orderId) ?? { valueE4: 0, brokerage: NOTHING };
  const orderValueE4 = countable(order0.valueE4 + valueE4);
  const brokerage = entry.brokerageDue ? brokerageOf(plan.rule, orderValueE4, rates.brokerageCeiling.buyE9) : NOTHING;

  const after: ContractNote = {
    ...note,
    securities: note.securities.set(securityId, { day, levies }),
    orders: note.orders.set(orderId, { valueE4: orderValueE4, brokerage }),
    brokerage: plus(minus(note.brokerage, order0.brokerage), brokerage),
    levies: addLevies(withoutLevies(note.levies, security0.levies), levies),
    billing: billingOf(terms, security, rates),
  };
  return { note: after, charges: chargesBetween(noteCharges(note), noteCharges(after)) };
};

/* ------------------------------------------------------------------------------------------------------- snapshots */

/** A note as plain JSON. */
export type NoteData = Omit<ContractNote, 'securities' | 'orders'> & {
  readonly securities: Readonly<Record<string, { readonly day: DayTrades; readonly levies: Levies }>>;
  readonly orders: Readonly<Record<string, { readonly valueE4: number; readonly brokerage: Exact }>>;
};

export const noteToData = (note: ContractNote): NoteData => ({
  ...note,
  securities: note.securities.toObject(),
  orders: note.orders.toObject(),
});

export const noteFromData = (data: NoteData): ContractNote => ({
  ...data,
  securities: Map(data.securities),
  orders: Map(data.orders),
});
