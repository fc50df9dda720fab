import { addBasisPointsRoundedUp } from '../money';
import type { OrderTerms, Side } from '../orders/order';

/**
 * How far above its reference a price that the order does not name may fill, by the date it came into force. A house
 * rule, not an exchange's: full-value margin at the last price alone would fall short as soon as the price moves.
 */
const COLLARS: readonly { readonly from: string; readonly basisPoints: number }[] = [
  { from: '2025-01-01', basisPoints: 300 },
];

export const collarOn = (tradingDate: string): number =>
  COLLARS.findLast(({ from }) => from <= tradingDate)?.basisPoints ?? 0;

/**
 * Price per unit at which an order is margined, in 1/10,000 rupee: its limit where it has one, otherwise its trigger or
 * the last price, whichever is higher, plus the collar in force on the trading date (`YYYY-MM-DD`, IST). `undefined`
 * when none is known.
 *
 * A trigger names no price that an order will fill at: a stop that the market has passed already fills at the market.
 * A limit bounds what a buyer pays; a seller may get more than asked, so a sell is margined at no less than what it
 * will be sold against.
 */
export const marginPriceE4 = (
  { priceE4, triggerPriceE4 }: OrderTerms,
  { side, lastPriceE4, tradingDate }: { side: Side; lastPriceE4?: number; tradingDate: string },
): number | undefined => {
  if (priceE4 !== undefined) return side === 'BUY' ? priceE4 : Math.max(priceE4, triggerPriceE4 ?? 0, lastPriceE4 ?? 0);
  if (triggerPriceE4 === undefined && lastPriceE4 === undefined) return undefined;
  return addBasisPointsRoundedUp(Math.max(triggerPriceE4 ?? 0, lastPriceE4 ?? 0), collarOn(tradingDate));
};
