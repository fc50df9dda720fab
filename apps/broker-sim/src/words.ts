/** What the dialects of this process share: how times and JSON are printed, and what trades add up to. */

import { istDay } from '#brokers/fields';
import type { Instrument, Segment } from '#domain/instruments/instrument';
import type { SimBook, SimClient, SimOrder, SimReply } from './dialect';

const IST_OFFSET_MS = 5.5 * 3_600_000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `2026-11-21 09:15:00`, in IST and without saying so. */
export const istText = (atMs: number): string => `${istDay(atMs)} ${istTime(atMs)}`;

/** `09:15:00` */
export const istTime = (atMs: number): string => new Date(atMs + IST_OFFSET_MS).toISOString().slice(11, 19);

/** `21-Nov-2026 09:15:00` */
export const istNamed = (atMs: number): string => {
  const [year = '', month = '', day = ''] = istDay(atMs).split('-');
  return `${day}-${MONTHS[Number(month) - 1] ?? ''}-${year} ${istTime(atMs)}`;
};

export const json = (status: number, value: unknown): SimReply => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
});

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON body; `undefined` when it is none. */
export const parsedJson = (body: string): unknown => {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
};

/** The exchange as Upstox and Zerodha print it: derivatives have codes of their own. */
const EXCHANGE_CODE: Readonly<Record<Segment, string>> = {
  NSE_EQ: 'NSE',
  BSE_EQ: 'BSE',
  NSE_FO: 'NFO',
  BSE_FO: 'BFO',
  NCD_FO: 'CDS',
  BCD_FO: 'BCD',
  MCX_FO: 'MCX',
  NSE_COM: 'NCO',
  NSE_INDEX: 'NSE',
  BSE_INDEX: 'BSE',
};
export const exchangeCode = ({ segment }: Instrument): string => EXCHANGE_CODE[segment];

export interface NetPosition {
  readonly order: SimOrder;
  readonly buyQuantity: number;
  readonly buyValueE4: number;
  readonly sellQuantity: number;
  readonly sellValueE4: number;
}

/** Today's trades by instrument and product; `order` is the first of them. */
export const netPositions = (book: SimBook, client: SimClient): readonly NetPosition[] => {
  const positions = new Map<string, NetPosition>();
  for (const order of book.orders(client)) {
    if (order.filledQuantity === 0) continue;
    const key = `${order.instrument.instrumentKey} ${order.product}`;
    const before = positions.get(key) ?? { order, buyQuantity: 0, buyValueE4: 0, sellQuantity: 0, sellValueE4: 0 };
    const valueE4 = order.trades.reduce((sum, trade) => sum + trade.priceE4 * trade.quantity, 0);
    positions.set(
      key,
      order.side === 'BUY'
        ? {
            ...before,
            buyQuantity: before.buyQuantity + order.filledQuantity,
            buyValueE4: before.buyValueE4 + valueE4,
          }
        : {
            ...before,
            sellQuantity: before.sellQuantity + order.filledQuantity,
            sellValueE4: before.sellValueE4 + valueE4,
          },
    );
  }
  return [...positions.values()];
};

/** An average as brokers print it: rounded to 1/10,000 rupee; 0 of nothing. */
export const averageE4 = (valueE4: number, quantity: number): number =>
  quantity === 0 ? 0 : Math.round(valueE4 / quantity);
