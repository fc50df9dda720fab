import { formatE4, toRupees } from '#domain/money';
import type { OrderTerms } from '#domain/orders/order';
import type { BrokerInstrument, OrderAtBroker, OrderToSend } from '../client';
import { Unspeakable } from '../reading';
import type { WireRequest } from '../wire';
import { ORDER_TYPES, productWord, varietyOf } from './vocabulary';

/** A call, relative to the REST base. */
export interface Call {
  readonly method: WireRequest['method'];
  readonly path: string;
  readonly body?: string;
}

const ORDER = '/rest/secure/angelbroking/order/v1';
const USER = '/rest/secure/angelbroking/user/v1';
/** No cap is published; this many are known to be taken. */
const MARGIN_MAX = 50;

const get = (path: string): Call => ({ method: 'GET', path });
const post = (path: string, body: unknown): Call => ({ method: 'POST', path, body: JSON.stringify(body) });

/** Numbers travel as text. Consent to trade shares under surveillance is the client's to give: it is not sent. */
export const place = (order: OrderToSend): Call => {
  const { instrument, side, terms, tag } = order;
  if (!/^[A-Za-z0-9]{1,19}$/.test(tag)) throw new Unspeakable('the tag is not 1 to 19 letters and digits');
  return post(`${ORDER}/placeOrder`, {
    variety: varietyOf(terms.orderType),
    ...namesOf(instrument),
    transactiontype: side,
    ...termsOf(order, terms),
    squareoff: '0',
    stoploss: '0',
    trailingStopLoss: '0',
    disclosedquantity: String(terms.disclosedQuantity ?? 0),
    ordertag: tag,
  });
};

/** The variety follows the type that the order shall have. */
export const modify = (order: OrderAtBroker, terms: OrderTerms): Call => {
  if ((terms.disclosedQuantity ?? 0) !== (order.terms.disclosedQuantity ?? 0))
    throw new Unspeakable('the disclosed quantity of an order cannot be changed');
  return post(`${ORDER}/modifyOrder`, {
    variety: varietyOf(terms.orderType),
    orderid: order.brokerOrderId,
    ...namesOf(order.instrument),
    ...termsOf(order, terms),
  });
};

export const cancel = ({ brokerOrderId, terms }: OrderAtBroker): Call =>
  post(`${ORDER}/cancelOrder`, { variety: varietyOf(terms.orderType), orderid: brokerOrderId });

/** `NSE:SBIN-EQ` is two fields here, and its number a third. */
const namesOf = ({ symbol, token }: BrokerInstrument) => {
  const [, exchange, tradingsymbol] = /^([^:]+):(.+)$/.exec(symbol) ?? [];
  if (exchange === undefined || tradingsymbol === undefined)
    throw new Unspeakable('the symbol does not name an exchange');
  return { exchange, tradingsymbol, symboltoken: token };
};

const termsOf = ({ instrument, product }: Pick<OrderToSend, 'instrument' | 'product'>, terms: OrderTerms) => ({
  ordertype: ORDER_TYPES[terms.orderType],
  producttype: productIn(instrument, product),
  duration: terms.validity,
  price: formatE4(terms.priceE4 ?? 0),
  triggerprice: formatE4(terms.triggerPriceE4 ?? 0),
  quantity: String(terms.quantity),
});

const productIn = ({ segment }: BrokerInstrument, product: OrderToSend['product']): string => {
  const word = productWord(segment, product);
  if (word === undefined) throw new Unspeakable(`no product ${product} in ${segment}`);
  return word;
};

export const orders: Call = get(`${ORDER}/getOrderBook`);
export const trades: Call = get(`${ORDER}/getTradeBook`);
export const positions: Call = get(`${ORDER}/getPosition`);
export const holdings: Call = get('/rest/secure/angelbroking/portfolio/v1/getHolding');
export const funds: Call = get(`${USER}/getRMS`);
export const profile: Call = get(`${USER}/getProfile`);

/** The one call that wants its numbers as numbers. */
export const margin = (ordersToSend: readonly OrderToSend[]): Call => {
  if (ordersToSend.length > MARGIN_MAX) throw new Unspeakable(`a call takes up to ${String(MARGIN_MAX)} orders`);
  return post('/rest/secure/angelbroking/margin/v1/batch', {
    positions: ordersToSend.map(({ instrument, side, product, terms }) => ({
      exchange: namesOf(instrument).exchange,
      qty: terms.quantity,
      price: toRupees(terms.priceE4 ?? 0),
      productType: productIn(instrument, product),
      token: instrument.token,
      tradeType: side,
      orderType: ORDER_TYPES[terms.orderType],
    })),
  });
};
