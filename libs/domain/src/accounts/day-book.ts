import { Map } from 'immutable';
import { type Charges, NO_CHARGES, plusCharges } from '../charges/charges';
import type { Product, Side } from '../orders/order';

/** A trade as its contract note looks at it. */
export interface DayTrade {
  readonly tradingDate: string;
  readonly broker: string;
  readonly orderId: string;
  readonly tradeId: string;
  readonly instrumentKey: string;
  readonly product: Product;
  readonly side: Side;
  readonly quantity: number;
  readonly priceE4: number;
}

/** The trades of one contract note, the last one first. A chain, so that what it costs is worked out once a link. */
export interface NoteTrades {
  readonly trade: DayTrade;
  readonly before: NoteTrades | undefined;
}

/** What was traded at one broker in one segment, and what has been charged for it. */
export interface OpenNote {
  readonly trades: NoteTrades;
  readonly charged: Charges;
}

/** An order that was asked for, as far as the same one again is recognised by it. */
export interface RecentOrder {
  readonly orderId: string;
  readonly atMs: number;
  /** Of which line of which request it is a part, where a line was cut into slices. */
  readonly lineId?: string;
}

/** A position as it stood. */
export interface HeldPosition {
  readonly instrumentKey: string;
  readonly product: Product;
  /** Signed: short is negative. */
  readonly quantity: number;
  readonly costE4: number;
  readonly promisedQuantity: number;
}

/** What an account did on one trading day: begun anew with the first order or trade of the next. */
export interface DayBook {
  /** `YYYY-MM-DD`; empty before the first day. */
  readonly date: string;
  /** Profit and loss of what was closed, before charges. */
  readonly realisedE4: number;
  readonly chargesE4: number;
  readonly orders: number;
  /** The last one of each kind, by `alikeKeyOf`. */
  readonly recent: Map<string, RecentOrder>;
  /** The positions as the day began, by instrument and product. */
  readonly opening: Map<string, HeldPosition>;
  /** Units bought today, by instrument and product. */
  readonly bought: Map<string, number>;
  /** By `noteKeyOf`. */
  readonly notes: Map<string, OpenNote>;
  /** Of the day before: a trade may be told when its day is over. */
  readonly before?: { readonly date: string; readonly notes: Map<string, OpenNote> };
}

export const NO_DAY: DayBook = {
  date: '',
  realisedE4: 0,
  chargesE4: 0,
  orders: 0,
  recent: Map(),
  opening: Map(),
  bought: Map(),
  notes: Map(),
};

/** So many are kept before the oldest go; longer than the longest time within which a repetition is taken for a mistake. */
const RECENT_MAX = 2_048;
const RECENT_MS = 3_600_000;

/** Two orders for the same, as far as a repetition goes. */
export const alikeKeyOf = (order: {
  readonly instrumentKey: string;
  readonly side: Side;
  readonly quantity: number;
  readonly priceE4?: number;
}): string => `${order.instrumentKey}/${order.side}/${String(order.quantity)}/${String(order.priceE4 ?? '')}`;

const on = (day: DayBook, date: string, opening: Map<string, HeldPosition>): DayBook =>
  date > day.date ? { ...NO_DAY, date, opening, before: { date: day.date, notes: day.notes } } : day;

/** A contract note is of one broker and one segment of an exchange: the part of an instrument key before its bar. */
export const noteKeyOf = ({ broker, instrumentKey }: Pick<DayTrade, 'broker' | 'instrumentKey'>): string =>
  `${broker}/${instrumentKey.slice(0, Math.max(0, instrumentKey.indexOf('|')))}`;

interface Asked {
  readonly orderId: string;
  readonly instrumentKey: string;
  readonly side: Side;
  readonly remainingQuantity: number;
  readonly priceE4?: number;
  readonly placedAtMs?: number;
  readonly lineId?: string;
  readonly tradingDate?: string;
}

/**
 * An order was taken. What was stored before days were kept has no date, and leaves the day as it is. `positions` are those
 * before it.
 */
export const dayAfterOrder = (day: DayBook, asked: Asked, positions: Map<string, HeldPosition>): DayBook => {
  const { tradingDate } = asked;
  if (tradingDate === undefined) return day;
  const { orderId, instrumentKey, side, remainingQuantity: quantity, priceE4, placedAtMs, lineId } = asked;
  const today = on(day, tradingDate, positions);
  if (placedAtMs === undefined) return { ...today, orders: today.orders + 1 };
  const key = alikeKeyOf({ instrumentKey, side, quantity, ...(priceE4 !== undefined && { priceE4 }) });
  const recent = today.recent.set(key, { orderId, atMs: placedAtMs, ...(lineId !== undefined && { lineId }) });
  return {
    ...today,
    orders: today.orders + 1,
    recent: recent.size > RECENT_MAX ? recent.filter(({ atMs }) => atMs > placedAtMs - RECENT_MS) : recent,
  };
};

type Posted = Omit<DayTrade, 'tradingDate' | 'broker'> & {
  readonly tradingDate?: string;
  readonly broker?: string;
  readonly realisedE4: number;
  readonly charges?: Charges;
};

/**
 * A trade was posted. One of the day before, told late, belongs to that day's note; of an earlier one nothing is kept.
 * `positions` are those before it.
 */
export const dayAfterTrade = (day: DayBook, posted: Posted, positions: Map<string, HeldPosition>): DayBook => {
  const { tradingDate, broker, realisedE4, charges, ...trade } = posted;
  if (tradingDate === undefined || broker === undefined) return day;
  const { orderId, tradeId, instrumentKey, product, side, quantity, priceE4 } = trade;
  const added: DayTrade = {
    tradingDate,
    broker,
    orderId,
    tradeId,
    instrumentKey,
    product,
    side,
    quantity,
    priceE4,
  };
  const key = noteKeyOf(added);
  if (tradingDate < day.date)
    return tradingDate === day.before?.date
      ? { ...day, before: { date: tradingDate, notes: grown(day.before.notes, key, added, charges) } }
      : day;
  const today = on(day, tradingDate, positions);
  const position = `${instrumentKey}/${product}`;
  return {
    ...today,
    realisedE4: today.realisedE4 + realisedE4,
    chargesE4: today.chargesE4 + (charges?.totalE4 ?? 0),
    bought: side === 'BUY' ? today.bought.set(position, (today.bought.get(position) ?? 0) + quantity) : today.bought,
    notes: grown(today.notes, key, added, charges),
  };
};

const grown = (
  notes: Map<string, OpenNote>,
  key: string,
  trade: DayTrade,
  charges: Charges | undefined,
): Map<string, OpenNote> => {
  const note = notes.get(key);
  return notes.set(key, {
    trades: { trade, before: note?.trades },
    charged: plusCharges(note?.charged ?? NO_CHARGES, charges ?? NO_CHARGES),
  });
};

/** Shares that were found at a broker were there when the day began: they are no gain of the day. */
export const dayAfterAdoption = (
  day: DayBook,
  key: string,
  { instrumentKey, product, quantity, costE4 }: Omit<HeldPosition, 'promisedQuantity'>,
): DayBook => {
  if (day.date === '') return day;
  const began = day.opening.get(key) ?? { instrumentKey, product, quantity: 0, costE4: 0, promisedQuantity: 0 };
  const after = { ...began, quantity: began.quantity + quantity, costE4: began.costE4 + costE4 };
  return { ...day, opening: day.opening.set(key, after) };
};

/** The note that a trade of a day comes to, as it stands before the trade. */
export const noteBefore = ({ date, notes, before }: DayBook, trade: DayTrade): OpenNote | undefined => {
  if (trade.tradingDate === date) return notes.get(noteKeyOf(trade));
  return trade.tradingDate === before?.date ? before.notes.get(noteKeyOf(trade)) : undefined;
};
