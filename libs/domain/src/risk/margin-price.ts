import { addBasisPointsRoundedUp } from '../money';
import type { OrderTerms, Side } from '../orders/order';

/**
 * How far above its reference a price that the order does not name may fill, by the date it came into force. A house
 * rule, not an exchange's: full-value margin at the last price alone would fall short as soon as the price moves.
 */
const COLLARS: readonly { readonly from: string; readonly basisPoints: number }[] = [
  { from: '2025-01-01', basisPoints: 300 },
];

const collarOn = (tradingDate: string): number => COLLARS.findLast(({ from }) => from <= tradingDate)?.basisPoints ?? 0;

/**
 * Price per unit at which an order is margined, in 1/10,000 rupee: its limit where it has one, otherwise its trigger or
 * the last price plus the collar in force on the trading date (`YYYY-MM-DD`, IST). `undefined` when none is known.
 *
 * A limit bounds what a buyer pays; a seller may get more than asked, so a sell is margined at no less than what it
 * will be sold against: its trigger, or the last price.
 */
export const marginPriceE4 = (
  { priceE4, triggerPriceE4 }: OrderTerms,
  { side, lastPriceE4, tradingDate }: { side: Side; lastPriceE4?: number; tradingDate: string },
): number | undefined => {
  const referenceE4 = triggerPriceE4 ?? lastPriceE4;
  if (priceE4 !== undefined) return side === 'BUY' ? priceE4 : Math.max(priceE4, referenceE4 ?? 0);
  return referenceE4 === undefined ? undefined : addBasisPointsRoundedUp(referenceE4, collarOn(tradingDate));
};
