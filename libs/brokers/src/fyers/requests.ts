import type { OrderTerms } from '#domain/orders/order';
import { toRupees } from '#domain/money';
import type { OrderAtBroker, OrderToSend } from '../client';
import { Unspeakable } from '../reading';
import type { WireRequest } from '../wire';
import { ORDER_TYPES, productWord, SIDES } from './vocabulary';

/** A call, relative to the REST base. */
export interface Call {
  readonly method: WireRequest['method'];
  readonly path: string;
  readonly body?: string;
}

export const MULTI_MAX = 10;

const call = (method: Call['method'], path: string, body?: unknown): Call => ({
  method,
  path,
  ...(body !== undefined && { body: JSON.stringify(body) }),
});

export const place = (order: OrderToSend): Call => call('POST', '/orders/sync', placeBody(order));

export const placeMany = (orders: readonly OrderToSend[]): Call => {
  if (orders.length === 0 || orders.length > MULTI_MAX)
    throw new Unspeakable(`a call takes 1 to ${String(MULTI_MAX)} orders`);
  return call('POST', '/multi-order/sync', orders.map(placeBody));
};

/** Whatever an order does not use is sent as 0, as the broker's own samples do. */
const placeBody = (order: OrderToSend) => {
  if (!/^[A-Za-z0-9]{1,30}$/.test(order.tag)) throw new Unspeakable('the tag is not 1 to 30 letters and digits');
  return {
    ...marginRow(order),
    disclosedQty: order.terms.disclosedQuantity ?? 0,
    validity: order.terms.validity,
    offlineOrder: false,
    isSliceOrder: false,
    orderTag: order.tag,
  };
};

const marginRow = ({ instrument, side, product, terms }: OrderToSend) => {
  const productType = productWord(instrument.segment, product);
  if (productType === undefined) throw new Unspeakable(`no product ${product} in ${instrument.segment}`);
  return {
    symbol: instrument.symbol,
    qty: terms.quantity,
    side: SIDES[side],
    type: ORDER_TYPES[terms.orderType],
    productType,
    limitPrice: rupees(terms.priceE4),
    stopPrice: rupees(terms.triggerPriceE4),
    stopLoss: 0,
    takeProfit: 0,
  };
};

const rupees = (priceE4 = 0): number => toRupees(priceE4);

/** The whole of what the order shall be: a field that is left out would stay as it is. */
export const modify = (order: OrderAtBroker, terms: OrderTerms): Call => {
  if (terms.validity !== order.terms.validity) throw new Unspeakable('the validity of an order cannot be changed');
  if ((terms.disclosedQuantity ?? 0) !== (order.terms.disclosedQuantity ?? 0))
    throw new Unspeakable('the disclosed quantity of an order cannot be changed');
  return call('PATCH', '/orders/sync', {
    id: order.brokerOrderId,
    type: ORDER_TYPES[terms.orderType],
    qty: terms.quantity,
    limitPrice: rupees(terms.priceE4),
    stopPrice: rupees(terms.triggerPriceE4),
  });
};

/** The id goes into the path: a body on DELETE is what intermediaries lose. */
export const cancel = ({ brokerOrderId }: OrderAtBroker): Call =>
  call('DELETE', `/orders/${encodeURIComponent(brokerOrderId)}/sync`);

export const orders: Call = call('GET', '/orders');
export const order = (brokerOrderId: string): Call => call('GET', `/orders?id=${encodeURIComponent(brokerOrderId)}`);
export const trades: Call = call('GET', '/tradebook');
export const positions: Call = call('GET', '/positions');
export const holdings: Call = call('GET', '/holdings');
export const funds: Call = call('GET', '/funds');
export const profile: Call = call('GET', '/profile');
export const margin = (ordersToSend: readonly OrderToSend[]): Call =>
  call('POST', '/multiorder/margin', { data: ordersToSend.map(marginRow) });
