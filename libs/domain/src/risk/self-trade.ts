import { toRupees } from '../money';
import type { OrderType, Side } from '../orders/order';
import { type Check, fail, pass } from './check';
import type { CheckContext } from './context';
import { orderPolicyOn, protectionBpOf } from './order-policies';

interface Priced {
  readonly side: Side;
  readonly orderType: OrderType | undefined;
  readonly priceE4?: number;
  readonly triggerPriceE4?: number;
}

/**
 * One client buys from nobody but others, whichever of their strategies asks. An order that could meet an own one of the
 * other side is denied; what stands first is kept.
 */
export const selfTrade: Check = (terms, context) => {
  const { side, exposure } = context;
  const rule = 'no trade with oneself';
  const own = exposure.opposite.find((other) => mayMeet({ ...terms, side }, other, context));
  if (own === undefined) return pass({ rule });
  const price = own.priceE4 ?? own.triggerPriceE4;
  return fail({
    rule,
    actual: own.orderId,
    reason: `it could meet the own ${own.side}${price === undefined ? '' : ` at ${String(toRupees(price))}`}: cancel that one first`,
  });
};

/**
 * Whether two orders of different sides could trade with each other. What is not known of either is taken as if they could.
 *
 * - Two in the book meet when the buyer pays what the seller asks.
 * - A stop enters the market at its trigger. On its way there the market has passed whatever lies before it, so it meets only
 *   what waits between its trigger and its limit.
 * - Two stops meet when the one is triggered where the other is.
 * - A stop whose trigger the last price has reached, or may have, stands in the book by now: it is judged as both.
 */
const mayMeet = (one: Priced, other: Priced, context: CheckContext): boolean =>
  formsOf(one, context).some((mine) => formsOf(other, context).some((theirs) => meet(mine, theirs, context)));

/** As what an order may be in the market. */
const formsOf = (order: Priced, { lastPriceE4 }: CheckContext): readonly Priced[] => {
  if (!isStop(order)) return [order];
  const { side, priceE4, triggerPriceE4 } = order;
  const isReached = side === 'BUY' ? atLeast(lastPriceE4, triggerPriceE4) : atLeast(triggerPriceE4, lastPriceE4);
  const triggered: Priced =
    priceE4 === undefined ? { side, orderType: 'MARKET' } : { side, orderType: 'LIMIT', priceE4 };
  return isReached ? [order, triggered] : [order];
};

const meet = (one: Priced, other: Priced, context: CheckContext): boolean => {
  const [buy, sell] = one.side === 'BUY' ? [one, other] : [other, one];
  if (isStop(buy) && isStop(sell)) return atLeast(sell.triggerPriceE4, buy.triggerPriceE4);
  const pays = worstOf(buy, context);
  const asks = worstOf(sell, context);
  if (!atLeast(pays, asks)) return false;
  if (isStop(buy)) return atLeast(asks, buy.triggerPriceE4);
  if (isStop(sell)) return atLeast(sell.triggerPriceE4, pays);
  return true;
};

const isStop = ({ orderType }: Priced): boolean => orderType === 'SL' || orderType === 'SL_M';

/** At least as high, as far as anybody knows. */
const atLeast = (highE4: number | undefined, lowE4: number | undefined): boolean =>
  highE4 === undefined || lowE4 === undefined || !(highE4 < lowE4);

/** The worst price that an order may trade at: its limit, or for a market order as far from the last price as it is protected. */
const worstOf = (order: Priced, { lastPriceE4, tradingDate, instrument, orderPolicies }: CheckContext) => {
  if (order.priceE4 !== undefined) return order.priceE4;
  if (isStop(order) || lastPriceE4 === undefined) return undefined;
  const policy = orderPolicyOn(tradingDate, instrument.segment, orderPolicies);
  if (policy === undefined) return undefined;
  const widthE4 = Math.ceil((lastPriceE4 * protectionBpOf(policy, tradingDate)) / 10_000);
  return order.side === 'BUY' ? lastPriceE4 + widthE4 : lastPriceE4 - widthE4;
};
