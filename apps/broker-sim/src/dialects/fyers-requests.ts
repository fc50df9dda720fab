/** Orders as Fyers' clients ask for them. */

import type { OrderType } from '#domain/orders/order';
import { toRupees } from '#domain/money';

import type { Refusal, SimBook, SimChange, SimOrder, SimPlace } from '../dialect';
import { isRecord } from '../words';
import { requestedE4, type Fields } from './printed';

const TYPES: readonly (readonly [number, OrderType])[] = [
  [1, 'LIMIT'],
  [2, 'MARKET'],
  [3, 'SL_M'],
  [4, 'SL'],
];

export const typeNumber = (orderType: OrderType): number => TYPES.find(([, name]) => name === orderType)?.[0] ?? 0;

const typeName = (type: unknown): OrderType | undefined => TYPES.find(([number]) => number === type)?.[1];

export const PRODUCTS = ['CNC', 'INTRADAY', 'MARGIN', 'MTF'];

/** A multi-order takes fewer. */
export const MULTI_PRODUCTS = ['CNC', 'INTRADAY', 'MARGIN'];

const malformed = (field: string, detail: string): Refusal => ({ reason: 'malformed', detail, field });

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** Booleans come as such, or as Python prints them. */
const isFalse = (value: unknown): boolean => value === undefined || value === false || value === 'False';

export const readPlace = (body: unknown, book: SimBook, products: readonly string[]): SimPlace | Refusal => {
  if (!isRecord(body)) return malformed('body', 'Looks like some input is missing');
  const { symbol, qty, side, productType, validity, orderTag, disclosedQty = 0 } = body;
  if (typeof symbol !== 'string') return malformed('symbol', 'symbol: must be text');
  const instrument = book.instrument(symbol);
  if (instrument?.lotSize === undefined)
    return { reason: 'unknown-instrument', detail: 'Please provide a valid symbol', field: 'symbol' };
  if (!isCount(qty)) return { reason: 'quantity', detail: 'qty: must be a positive whole number', field: 'quantity' };
  const orderType = typeName(body['type']);
  if (!orderType) return malformed('type', 'type: must be 1, 2, 3 or 4');
  if (side !== 1 && side !== -1) return malformed('side', 'side: must be 1 or -1');
  if (typeof productType !== 'string' || !products.includes(productType))
    return { reason: 'product', detail: `productType: must be one of ${products.join(', ')}`, field: 'product' };
  if (validity !== 'DAY' && validity !== 'IOC') return malformed('validity', 'validity: must be DAY or IOC');
  const priced = readPrices(body, orderType);
  if ('reason' in priced) return priced;
  if (disclosedQty !== 0 && !isCount(disclosedQty)) return malformed('disclosedQty', 'disclosedQty: must be a number');
  if (!isFalse(body['offlineOrder'])) return malformed('offlineOrder', 'offlineOrder: the market is open');
  if (!isFalse(body['isSliceOrder'])) return malformed('isSliceOrder', 'isSliceOrder: not available here');
  for (const leg of ['stopLoss', 'takeProfit'])
    if (body[leg] !== undefined && body[leg] !== 0) return malformed(leg, `${leg}: must be 0`);
  if (orderTag !== undefined && !(typeof orderTag === 'string' && /^(?!Untagged$)[A-Za-z0-9]{1,30}$/.test(orderTag)))
    return { reason: 'tag', detail: 'orderTag: 1 to 30 letters and digits', field: 'tag' };
  return {
    ...(orderTag !== undefined && { tag: orderTag }),
    instrument,
    symbol,
    side: side === 1 ? 'BUY' : 'SELL',
    product: productType,
    orderType,
    quantity: qty,
    ...priced,
    validity,
    disclosedQuantity: disclosedQty,
  };
};

/** Prices that the type has no use for must be 0 or left out. */
const readPrices = (
  body: Fields,
  orderType: OrderType,
): { readonly priceE4: number; readonly triggerPriceE4: number } | Refusal => {
  const { limitPrice = 0, stopPrice = 0 } = body;
  const [priceE4, triggerPriceE4] = [limitPrice, stopPrice].map((price) =>
    typeof price === 'number' ? requestedE4(price) : undefined,
  );
  if (priceE4 === undefined || priceE4 > 0 !== (orderType === 'LIMIT' || orderType === 'SL'))
    return { reason: 'price', detail: 'limitPrice does not fit the type', field: 'price' };
  if (triggerPriceE4 === undefined || triggerPriceE4 > 0 !== (orderType === 'SL' || orderType === 'SL_M'))
    return { reason: 'trigger-price', detail: 'stopPrice does not fit the type', field: 'triggerPrice' };
  return { priceE4, triggerPriceE4 };
};

export const readChange = (body: Fields, order: SimOrder): SimChange | Refusal => {
  const { qty } = body;
  const orderType = body['type'] === undefined ? order.orderType : typeName(body['type']);
  if (!orderType) return malformed('type', 'type: must be 1, 2, 3 or 4');
  if (qty !== undefined && !isCount(qty))
    return { reason: 'quantity', detail: 'qty: must be a positive whole number', field: 'quantity' };
  const priced = readPrices(
    {
      limitPrice: orderType === 'MARKET' || orderType === 'SL_M' ? 0 : toRupees(order.priceE4),
      stopPrice: orderType === 'MARKET' || orderType === 'LIMIT' ? 0 : toRupees(order.triggerPriceE4),
      ...Object.fromEntries(Object.entries(body).filter(([name]) => name === 'limitPrice' || name === 'stopPrice')),
    },
    orderType,
  );
  return 'reason' in priced ? priced : { orderType, ...priced, ...(qty !== undefined && { quantity: qty }) };
};
