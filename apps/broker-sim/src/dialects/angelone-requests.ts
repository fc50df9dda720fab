/** Orders as Angel One's clients ask for them: all numbers are text. */

import type { Instrument } from '#domain/instruments/instrument';
import type { OrderType } from '#domain/orders/order';

import type { Refusal, SimBook, SimPlace } from '../dialect';
import { exchangeCode } from '../words';
import { requestedE4, type Fields } from './printed';

const TYPES: readonly (readonly [string, OrderType])[] = [
  ['MARKET', 'MARKET'],
  ['LIMIT', 'LIMIT'],
  ['STOPLOSS_LIMIT', 'SL'],
  ['STOPLOSS_MARKET', 'SL_M'],
];

export const typeWord = (orderType: OrderType): string => TYPES.find(([, name]) => name === orderType)?.[0] ?? '';

export const typeName = (word: unknown): OrderType | undefined => TYPES.find(([known]) => known === word)?.[1];

const isStop = (orderType: OrderType): boolean => orderType === 'SL' || orderType === 'SL_M';

/** Stops have a variety of their own; orders outside of trading hours are not simulated. */
export const varietyOf = (orderType: OrderType): string => (isStop(orderType) ? 'STOPLOSS' : 'NORMAL');

export const PRODUCTS = ['DELIVERY', 'CARRYFORWARD', 'MARGIN', 'INTRADAY'];

export const malformed = (field: string, detail: string): Refusal => ({ reason: 'malformed', detail, field });

/** Numbers must come as text; a field that is left out reads as `0`. */
const numberText = (body: Fields, field: string): string | undefined => {
  const value = body[field] ?? '0';
  return typeof value === 'string' && /^\d{1,12}(\.\d{1,4})?$/.test(value) ? value : undefined;
};

const wholeNumber = (body: Fields, field: string): number | undefined => {
  const text = numberText(body, field);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
};

interface Terms {
  readonly orderType: OrderType;
  readonly validity: 'DAY' | 'IOC';
  readonly quantity: number;
  readonly priceE4: number;
  readonly triggerPriceE4: number;
}

/** What placing and modifying have in common. */
export const readTerms = (body: Fields): Terms | Refusal => {
  const orderType = typeName(body['ordertype']);
  if (!orderType) return malformed('ordertype', 'Invalid ordertype');
  const { duration } = body;
  if (duration !== 'DAY' && duration !== 'IOC') return malformed('duration', 'Invalid duration');
  const quantity = wholeNumber(body, 'quantity');
  if (quantity === undefined || quantity === 0)
    return { reason: 'quantity', detail: 'Invalid quantity', field: 'quantity' };
  const [priceE4, triggerPriceE4] = ['price', 'triggerprice'].map((field) => requestedE4(numberText(body, field)));
  if (priceE4 === undefined) return { reason: 'price', detail: 'Invalid price', field: 'price' };
  if (triggerPriceE4 === undefined)
    return { reason: 'trigger-price', detail: 'Invalid triggerprice', field: 'triggerPrice' };
  return {
    orderType,
    validity: duration,
    quantity,
    // A price that the type has no use for is overlooked, as the broker's own samples have one with MARKET.
    priceE4: orderType === 'LIMIT' || orderType === 'SL' ? priceE4 : 0,
    triggerPriceE4: isStop(orderType) ? triggerPriceE4 : 0,
  };
};

/** Exchange, symbol and token must all name the same instrument. */
export const readInstrument = (
  body: Fields,
  book: SimBook,
): { readonly instrument: Instrument; readonly symbol: string } | Refusal => {
  const { exchange, tradingsymbol, symboltoken } = body;
  if (typeof exchange !== 'string' || typeof tradingsymbol !== 'string' || typeof symboltoken !== 'string')
    return { reason: 'unknown-instrument', detail: 'Symbol Not Found', field: 'symbol' };
  const symbol = `${exchange}:${tradingsymbol}`;
  const instrument = book.instrument(symbol);
  const fits =
    instrument?.lotSize !== undefined &&
    exchangeCode(instrument) === exchange &&
    instrument.exchangeToken === symboltoken;
  return fits ? { instrument, symbol } : { reason: 'unknown-instrument', detail: 'Symbol Not Found', field: 'symbol' };
};

export const readPlace = (body: Fields, book: SimBook): SimPlace | Refusal => {
  const terms = readTerms(body);
  if ('reason' in terms) return terms;
  const named = readInstrument(body, book);
  if ('reason' in named) return named;
  const { transactiontype: side, producttype: product, ordertag: tag } = body;
  if (side !== 'BUY' && side !== 'SELL') return malformed('transactiontype', 'Invalid transactiontype');
  if (typeof product !== 'string' || !PRODUCTS.includes(product))
    return { reason: 'product', detail: 'Invalid Product Type', field: 'product' };
  if (tag !== undefined && tag !== '' && !(typeof tag === 'string' && tag.length < 20))
    return { reason: 'tag', detail: 'ordertag length should be less than 20 characters', field: 'tag' };
  for (const leg of ['squareoff', 'stoploss', 'trailingStopLoss'])
    if (numberText(body, leg) === undefined || Number(body[leg] ?? 0) !== 0) return malformed(leg, `${leg} must be 0`);
  const disclosedQuantity = wholeNumber(body, 'disclosedquantity');
  if (disclosedQuantity === undefined) return malformed('disclosedquantity', 'Invalid disclosedquantity');
  return {
    ...(typeof tag === 'string' && tag !== '' && { tag }),
    ...named,
    side,
    product,
    ...terms,
    disclosedQuantity,
  };
};
