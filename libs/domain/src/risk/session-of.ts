import { isTradingAllowed, type TradingAnswer } from '../market/trading-allowed';
import type { OrderTerms } from '../orders/order';
import type { CheckContext } from './context';

/** Beyond this no clock is right: dates have years of four digits. */
const MAX_MS = 253_370_000_000_000;

/**
 * What the exchange says to such an order now; of an order that waits with us, when it is to be sent. `delivers`: a share
 * that was bought on credit before it became trade-for-trade is delivered all the same when it is sold.
 */
export const sessionOf = (terms: OrderTerms, context: CheckContext, delivers: boolean): TradingAnswer | undefined => {
  const { instrument, facts, calendar, action, side, product, present } = context;
  const { orderType, validity, disclosedQuantity, priceE4, triggerPriceE4 } = terms;
  const atMs = context.releaseAtMs ?? context.atMs;
  if (!(Number.isSafeInteger(atMs) && atMs >= 0 && atMs <= MAX_MS)) return undefined;
  const order = {
    orderType,
    validity,
    side,
    product: delivers && product === 'MTF' ? 'CNC' : product,
    ...(disclosedQuantity !== undefined && { disclosedQuantity }),
    ...(present && {
      presentType: present.orderType,
      changesPrice: present.priceE4 !== priceE4 || present.triggerPriceE4 !== triggerPriceE4,
    }),
  } as const;
  return isTradingAllowed({ instrument, facts, atMs, action, order }, calendar);
};
