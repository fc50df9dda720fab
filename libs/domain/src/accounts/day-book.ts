import { List, Map } from 'immutable';
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
  readonly instrumentKey: string;
  readonly side: Side;
  readonly quantity: number;
  readonly priceE4?: number;
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
  /** The last few, oldest first. */
  readonly recent: List<RecentOrder>;
  /** The positions as the day began, by instrument and product. */
  readonly opening: Map<string, HeldPosition>;
  /** Units bought today, by instrument and product. */
  readonly bought: Map<string, number>;
  /** By `noteKeyOf`. */
  readonly notes: Map<string, OpenNote>;
}

export const NO_DAY: DayBook = {
  date: '',
  realisedE4: 0,
  chargesE4: 0,
  orders: 0,
  recent: List(),
  opening: Map(),
  bought: Map(),
  notes: Map(),
};

/** More than anybody sends by mistake within the longest window. */
const RECENT_MAX = 32;

const on = (day: DayBook, date: string, opening: Map<string, HeldPosition>): DayBook =>
  date > day.date ? { ...NO_DAY, date, opening } : day;

/** A contract note is of one broker and one segment of an exchange: the part of an instrument key before its bar. */
export const noteKeyOf = ({ broker, instrumentKey }: Pick<DayTrade, 'broker' | 'instrumentKey'>): string =>
  `${broker}/${instrumentKey.slice(0, Math.max(0, instrumentKey.indexOf('|')))}`;

interface Asked {
  readonly instrumentKey: string;
  readonly side: Side;
  readonly remainingQuantity: number;
  readonly priceE4?: number;
  readonly placedAtMs?: number;
  readonly lineId?: string;
}

/**
 * An order was taken. What was stored before days were kept has no date, and leaves the day as it is. `positions` are those
 * before it.
 */
export const dayAfterOrder = (
  day: DayBook,
  asked: Asked,
  tradingDate: string | undefined,
  positions: Map<string, HeldPosition>,
): DayBook => {
  if (tradingDate === undefined) return day;
  const { instrumentKey, side, remainingQuantity, priceE4, placedAtMs, lineId } = asked;
  const today = on(day, tradingDate, positions);
  const recent =
    placedAtMs === undefined
      ? today.recent
      : today.recent
          .takeLast(RECENT_MAX - 1)
          .push({
            instrumentKey,
            side,
            quantity: remainingQuantity,
            ...(priceE4 !== undefined && { priceE4 }),
            atMs: placedAtMs,
            ...(lineId !== undefined && { lineId }),
          });
  return { ...today, orders: today.orders + 1, recent };
};

type Posted = Omit<DayTrade, 'tradingDate' | 'broker'> & {
  readonly tradingDate?: string;
  readonly broker?: string;
  readonly realisedE4: number;
  readonly charges?: Charges;
};

/** A trade was posted. One of an earlier day, told late, belongs to a day that is over. `positions` are those before it. */
export const dayAfterTrade = (day: DayBook, posted: Posted, positions: Map<string, HeldPosition>): DayBook => {
  const { tradingDate, broker, realisedE4, charges, ...trade } = posted;
  if (tradingDate === undefined || broker === undefined || tradingDate < day.date) return day;
  const today = on(day, tradingDate, positions);
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
  const position = `${instrumentKey}/${product}`;
  const note = today.notes.get(key);
  return {
    ...today,
    realisedE4: today.realisedE4 + realisedE4,
    chargesE4: today.chargesE4 + (charges?.totalE4 ?? 0),
    bought: side === 'BUY' ? today.bought.set(position, (today.bought.get(position) ?? 0) + quantity) : today.bought,
    notes: today.notes.set(key, {
      trades: { trade: added, before: note?.trades },
      charged: plusCharges(note?.charged ?? NO_CHARGES, charges ?? NO_CHARGES),
    }),
  };
};

/** The note that a trade of a day comes to, as it stands before the trade. */
export const noteBefore = (day: DayBook, trade: DayTrade): OpenNote | undefined =>
  trade.tradingDate === day.date ? day.notes.get(noteKeyOf(trade)) : undefined;
