import { CLOSED, type Order, type OrderEvent, type OrderTerms } from '../orders/order';
import type { AccountCommand, AskedTerms } from './account';

/**
 * What an order's event means to its account: the reservation follows the order. `order` is the order after the
 * event, `marginPriceE4` prices its present terms, `tradingDateOf` says which day of a broker's market a trade belongs to.
 * Told twice, the account does nothing the second time, so a reaction may safely be repeated.
 */
export const accountReaction = (
  event: OrderEvent,
  { details, terms, status, broker, route }: Order,
  marginPriceE4: number,
  tradingDateOf?: (broker: string, tradedAtMs: number) => string,
): AccountCommand | undefined => {
  if (!details) return undefined; // nothing was placed yet
  const { orderId, instrumentKey, product, side } = details;
  const orderClosed = CLOSED.has(status);
  switch (event.type) {
    case 'OrderFilled': {
      const { tradeId, quantity, priceE4, cumulativeQuantity, tradedAt } = event.data;
      const at = broker ?? route?.broker;
      return {
        type: 'PostMargin',
        data: {
          orderId,
          instrumentKey,
          product,
          side,
          tradeId,
          quantity,
          priceE4,
          cumulativeQuantity,
          orderClosed,
          ...(at !== undefined && tradingDateOf && { broker: at, tradingDate: tradingDateOf(at, tradedAt) }),
        },
      };
    }
    case 'OrderReplaced':
    case 'ReplaceRejected': // either may show that all of it was filled already
      return orderClosed
        ? { type: 'VoidMargin', data: { orderId } }
        : {
            type: 'AdjustReservation',
            data: { orderId, quantity: terms.quantity, marginPriceE4, asked: askedIn(terms) },
          };
    case 'OrderRejected':
    case 'OrderAbandoned':
    case 'OrderCancelled':
    case 'OrderExpired':
      return { type: 'VoidMargin', data: { orderId } };
    case 'OrderPlaced':
    case 'OrderDenied':
    case 'OrderDispatched':
    case 'OrderAccepted':
    case 'DispatchNotSent':
    case 'DispatchInDoubt':
    case 'CancelRequested':
    case 'CancelRejected':
    case 'ReplaceRequested':
    case 'ReplaceDenied':
    case 'OverfillReported':
      return undefined;
  }
};

/** How an order is asked for, as its account remembers it. */
export const askedIn = ({ orderType, priceE4, triggerPriceE4 }: OrderTerms): AskedTerms => ({
  orderType,
  ...(priceE4 !== undefined && { priceE4 }),
  ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
});
