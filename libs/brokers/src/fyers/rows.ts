import { z } from 'zod';
import type { OrderTerms, OrderType, Product, Side, Validity } from '#domain/orders/order';
import type { OrderRow, TradeRow } from '../client';
import { istInstant } from '../fields';
import {
  blankable,
  countField,
  idField,
  instantBy,
  nameField,
  priceField,
  type Say,
  wordField,
  wordOf,
} from '../reading';
import { ORDER_TYPE_OF, productOf, SIDE_OF, stateOf, VALIDITY_OF } from './vocabulary';

/* The rows of the books. The socket says the same under other names, see `order-feed.ts`. */

export const sideField = wordOf(SIDE_OF, 'not a side');
export const typeField = wordOf(ORDER_TYPE_OF, 'not an order type');
export const validityField = wordOf(VALIDITY_OF, 'not a validity');

/** `07-Aug-2020 13:51:12` in the books, `04-08-2023 10:12:58` from the socket: the day comes first in both. */
export const instantOf = (text: string): number | undefined =>
  istInstant(text.trim().replace(/^(\d{2})-(\d{2})-(\d{4}) /, '$3-$2-$1 '));

export const instantField = instantBy(instantOf);

/** Ours are echoed as `1:<tag>`; orders of others are printed as `2:Untagged`. */
export const tagOf = (echoed: string | undefined): string | undefined => {
  const [, kind, tag] = /^(\d+):(.+)$/s.exec(echoed ?? '') ?? [];
  return kind === undefined ? echoed : kind === '1' ? tag : undefined;
};

/** The socket and some replies put the order's id before the trade's. It must be one id wherever it is heard. */
export const tradeIdOf = (printed: string, brokerOrderId: string): string =>
  printed.startsWith(`${brokerOrderId}-`) ? printed.slice(brokerOrderId.length + 1) : printed;

/** An order as either source says it. */
export interface Said {
  readonly brokerOrderId: string;
  readonly exchangeOrderId: string | undefined;
  readonly tag: string | undefined;
  readonly symbol: string;
  readonly side: Side;
  readonly segment: string;
  readonly productType: string;
  readonly status: string;
  readonly orderType: OrderType;
  readonly validity: Validity;
  readonly quantity: number;
  readonly disclosedQuantity: number;
  readonly limitE4: number;
  readonly stopE4: number;
  readonly filledQuantity: number;
  readonly averageE4: number;
  readonly isOffline: boolean;
  readonly message: string | undefined;
  readonly updatedAtMs: number | undefined;
}

export const rowOf = (say: Say, said: Said): OrderRow => {
  const state = stateOf(said.status, said);
  const product: Product | undefined = productOf(said.segment, said.productType);
  const tag = tagOf(said.tag);
  const isOver = state === 'REJECTED' || state === 'CANCELLED';
  return {
    brokerOrderId: said.brokerOrderId,
    ...(said.exchangeOrderId !== undefined && { exchangeOrderId: said.exchangeOrderId }),
    ...(tag !== undefined && { tag }),
    symbol: said.symbol,
    side: said.side,
    ...(product !== undefined && { product }),
    state,
    rawState: said.status,
    terms: termsOf(said),
    filledQuantity: said.filledQuantity,
    ...(said.filledQuantity > 0 && said.averageE4 > 0 && { averagePriceE4: said.averageE4 }),
    ...(isOver && said.message !== undefined && { evidence: say(said.status, said.message) }),
    ...(said.updatedAtMs !== undefined && { updatedAtMs: said.updatedAtMs }),
  };
};

/** Prices that an order type does not use are printed as 0, or as what was traded. */
const termsOf = (said: Said): OrderTerms => {
  const { orderType, quantity, disclosedQuantity, limitE4, stopE4, validity } = said;
  const hasLimit = orderType === 'LIMIT' || orderType === 'SL';
  const hasTrigger = orderType === 'SL' || orderType === 'SL_M';
  return {
    orderType,
    quantity,
    ...(hasLimit && { priceE4: limitE4 }),
    ...(hasTrigger && { triggerPriceE4: stopE4 }),
    validity,
    ...(disclosedQuantity > 0 && { disclosedQuantity }),
  };
};

const bookRow = z.object({
  id: idField,
  exchOrdId: blankable(idField),
  orderTag: blankable(wordField),
  symbol: nameField,
  side: sideField,
  segment: wordField,
  productType: wordField,
  status: wordField,
  type: typeField,
  orderValidity: validityField,
  qty: countField,
  disclosedQty: blankable(countField),
  limitPrice: priceField,
  stopPrice: priceField,
  filledQty: countField,
  tradedPrice: blankable(priceField),
  offlineOrder: blankable(z.boolean()),
  message: blankable(wordField),
  orderDateTime: blankable(instantField),
});

export const orderRow = (say: Say) =>
  bookRow.transform((row): OrderRow =>
    rowOf(say, {
      brokerOrderId: row.id,
      exchangeOrderId: row.exchOrdId,
      tag: row.orderTag,
      symbol: row.symbol,
      side: row.side,
      segment: row.segment,
      productType: row.productType,
      status: row.status,
      orderType: row.type,
      validity: row.orderValidity,
      quantity: row.qty,
      disclosedQuantity: row.disclosedQty ?? 0,
      limitE4: row.limitPrice,
      stopE4: row.stopPrice,
      filledQuantity: row.filledQty,
      averageE4: row.tradedPrice ?? 0,
      isOffline: row.offlineOrder ?? false,
      message: row.message,
      updatedAtMs: row.orderDateTime,
    }),
  );

export const tradeRow = z
  .object({
    tradeNumber: idField,
    orderNumber: idField,
    symbol: nameField,
    side: sideField,
    tradedQty: countField,
    tradePrice: priceField,
    orderDateTime: instantField,
  })
  .transform(({ tradeNumber, orderNumber, symbol, side, tradedQty, tradePrice, orderDateTime }): TradeRow => ({
    tradeId: tradeIdOf(tradeNumber, orderNumber),
    brokerOrderId: orderNumber,
    symbol,
    side,
    quantity: tradedQty,
    priceE4: tradePrice,
    tradedAtMs: orderDateTime,
  }));
