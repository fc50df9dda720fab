import { z } from 'zod';
import type { OrderTerms } from '#domain/orders/order';
import type { OrderRow, TradeRow } from '../client';
import { istDay, istInstant } from '../fields';
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

const sideField = wordOf(SIDE_OF, 'not a side');
const instantField = instantBy(istInstant);

/** One order, as the book, the order socket and postbacks print it: numbers as text in one and as numbers in the other. */
const said = z.object({
  orderid: idField,
  exchangeorderid: blankable(idField),
  ordertag: blankable(wordField),
  exchange: nameField,
  tradingsymbol: nameField,
  transactiontype: sideField,
  producttype: wordField,
  ordertype: wordOf(ORDER_TYPE_OF, 'not an order type'),
  duration: wordOf(VALIDITY_OF, 'not a validity'),
  price: blankable(priceField),
  triggerprice: blankable(priceField),
  quantity: countField,
  disclosedquantity: blankable(countField),
  filledshares: blankable(countField),
  averageprice: blankable(priceField),
  status: blankable(wordField),
  orderstatus: blankable(wordField),
  text: blankable(wordField),
  exchorderupdatetime: blankable(instantField),
  exchtime: blankable(instantField),
  updatetime: blankable(instantField),
});

type Said = z.infer<typeof said>;

/** @param code the socket's word for the state, where there is one: it is newer than the text beside it. */
export const orderRow = (say: Say, code?: string) =>
  said.transform((row, context): OrderRow => {
    const rawState = code ?? row.orderstatus ?? row.status ?? '';
    const state = stateOf(rawState);
    const { filledshares: filledQuantity = 0, averageprice: averagePriceE4 = 0 } = row;
    if (filledQuantity > row.quantity || (state === 'FILLED' && filledQuantity === 0))
      context.addIssue({ code: 'custom', path: ['filledshares'], message: 'does not fit the order' });
    const product = productOf(row.exchange, row.producttype);
    const updatedAtMs = row.exchorderupdatetime ?? row.exchtime ?? row.updatetime;
    const isOver = state === 'REJECTED' || state === 'CANCELLED';
    return {
      brokerOrderId: row.orderid,
      ...(row.exchangeorderid !== undefined && { exchangeOrderId: row.exchangeorderid }),
      ...(row.ordertag !== undefined && { tag: row.ordertag }),
      symbol: `${row.exchange}:${row.tradingsymbol}`,
      side: row.transactiontype,
      ...(product !== undefined && { product }),
      state,
      rawState,
      terms: termsOf(row),
      filledQuantity,
      ...(filledQuantity > 0 && averagePriceE4 > 0 && { averagePriceE4 }),
      ...(isOver && row.text !== undefined && { evidence: say(rawState, row.text) }),
      ...(updatedAtMs !== undefined && { updatedAtMs }),
    };
  });

const termsOf = (row: Said): OrderTerms => {
  const {
    ordertype: orderType,
    quantity,
    duration: validity,
    disclosedquantity = 0,
    price = 0,
    triggerprice = 0,
  } = row;
  const hasLimit = orderType === 'LIMIT' || orderType === 'SL';
  const hasTrigger = orderType === 'SL' || orderType === 'SL_M';
  return {
    orderType,
    quantity,
    ...(hasLimit && { priceE4: price }),
    ...(hasTrigger && { triggerPriceE4: triggerprice }),
    validity,
    ...(disclosedquantity > 0 && { disclosedQuantity: disclosedquantity }),
  };
};

/** Clocks differ: a trade may seem to be of the next moment. */
const AHEAD_MAX_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

/** Trades are dated by the time of day alone. The book is today's, and for a moment after midnight still yesterday's. */
const fillInstant = (printed: string, nowMs: number): number | undefined => {
  const today = istInstant(printed, istDay(nowMs));
  const isAhead = today !== undefined && today > nowMs + AHEAD_MAX_MS;
  return isAhead ? istInstant(printed, istDay(nowMs - DAY_MS)) : today;
};

export const tradeRow = (nowMs: number) =>
  z
    .object({
      fillid: idField,
      orderid: idField,
      exchange: nameField,
      tradingsymbol: nameField,
      transactiontype: sideField,
      fillsize: countField,
      fillprice: priceField,
      filltime: instantBy((printed) => fillInstant(printed, nowMs)),
    })
    .transform((row): TradeRow => ({
      tradeId: row.fillid,
      brokerOrderId: row.orderid,
      symbol: `${row.exchange}:${row.tradingsymbol}`,
      side: row.transactiontype,
      quantity: row.fillsize,
      priceE4: row.fillprice,
      tradedAtMs: row.filltime,
    }));
