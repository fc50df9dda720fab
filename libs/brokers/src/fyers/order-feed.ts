import { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import type { OrderRow, TradeRow } from '../client';
import { readJson } from '../answers';
import {
  blankable,
  countField,
  drifted,
  idField,
  isObject,
  nameField,
  priceField,
  type Say,
  wordField,
} from '../reading';
import { instantField, instantOf, rowOf, sideField, tradeIdOf, typeField, validityField } from './rows';
import { foldedStatus } from './vocabulary';

/** What a frame of the order socket was. */
export type OrderFrame =
  | { readonly kind: 'news'; readonly rows: readonly OrderRow[]; readonly trades: readonly TradeRow[] }
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'refused'; readonly evidence: Evidence }
  /** An answer to our ping, or news of something else. */
  | { readonly kind: 'other' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

export const SUBSCRIBE = JSON.stringify({ T: 'SUB_ORD', SLIST: ['orders', 'trades'], SUB_T: 1 });
export const PING = { everyMs: 10_000, text: 'ping' };

const OTHER_NEWS = ['positions', 'edis', 'pricealerts', 'login'];

export const readOrderFrame = (say: Say, text: string): OrderFrame => {
  if (['ping', 'pong'].includes(text.trim().toLowerCase())) return { kind: 'other' };
  const frame = readJson(text);
  if (!isObject(frame)) return { kind: 'drift', evidence: say('DRIFT', 'frame: not JSON') };
  if ('orders' in frame) return news(say, orderFrame(say), frame, (row) => ({ rows: [row], trades: [] }));
  if ('trades' in frame) return news(say, tradeFrame, frame, (trade) => ({ rows: [], trades: [trade] }));
  if (OTHER_NEWS.some((key) => key in frame)) return { kind: 'other' };
  if (frame['s'] === 'error') return { kind: 'refused', evidence: say(String(frame['code']), frame['message']) };
  if (frame['s'] === 'ok' && 'code' in frame) return { kind: 'subscribed' };
  return { kind: 'drift', evidence: say('DRIFT', 'frame: not one that is known') };
};

const news = <Row>(
  say: Say,
  schema: z.ZodType<Row>,
  frame: unknown,
  told: (row: Row) => { rows: readonly OrderRow[]; trades: readonly TradeRow[] },
): OrderFrame => {
  const result = schema.safeParse(frame);
  return result.success
    ? { kind: 'news', ...told(result.data) }
    : { kind: 'drift', evidence: drifted(say, result.error) };
};

/** Other names than in the book, and what is zero or empty may be left out. */
const raw = z.object({
  id: idField,
  id_exchange: blankable(idField),
  ordertag: blankable(wordField),
  symbol: nameField,
  tran_side: sideField,
  segment: wordField,
  product_type: wordField,
  ord_status: wordField,
  org_ord_status: blankable(wordField),
  ord_type: typeField,
  validity: validityField,
  qty: countField,
  qty_filled: blankable(countField),
  qty_remaining: blankable(countField),
  disclosed_qty: blankable(countField),
  price_limit: blankable(priceField),
  price_stop: blankable(priceField),
  price_traded: blankable(priceField),
  offline_flag: blankable(z.boolean()),
  oms_msg: blankable(wordField),
  status_msg: blankable(wordField),
  time_oms: blankable(wordField),
  time_epoch_oms: blankable(countField),
  update_time_epoch_oms: blankable(countField),
});

const orderFrame = (say: Say) =>
  z.object({ orders: raw }).transform(({ orders: said }, context): OrderRow => {
    const status = foldedStatus(said.org_ord_status, said.ord_status);
    const filledQuantity = said.qty_filled ?? (said.qty_remaining === undefined ? 0 : said.qty - said.qty_remaining);
    if (filledQuantity < 0 || filledQuantity > said.qty || (status === '2' && filledQuantity === 0))
      context.addIssue({ code: 'custom', path: ['orders', 'qty_filled'], message: 'does not fit the order' });
    const updatedAt = said.update_time_epoch_oms ?? said.time_epoch_oms ?? 0;
    return rowOf(say, {
      brokerOrderId: said.id,
      exchangeOrderId: said.id_exchange,
      tag: said.ordertag,
      symbol: said.symbol,
      side: said.tran_side,
      segment: said.segment,
      productType: said.product_type,
      status,
      orderType: said.ord_type,
      validity: said.validity,
      quantity: said.qty,
      disclosedQuantity: said.disclosed_qty ?? 0,
      limitE4: said.price_limit ?? 0,
      stopE4: said.price_stop ?? 0,
      filledQuantity,
      averageE4: said.price_traded ?? 0,
      isOffline: said.offline_flag ?? false,
      message: said.oms_msg ?? said.status_msg,
      updatedAtMs: updatedAt > 0 ? updatedAt * 1000 : instantOf(said.time_oms ?? ''),
    });
  });

const tradeFrame = z
  .object({
    trades: z.object({
      id_fill: idField,
      id: idField,
      symbol: nameField,
      tran_side: sideField,
      qty_traded: countField,
      price_traded: priceField,
      fill_time: instantField,
    }),
  })
  .transform(({ trades: said }): TradeRow => ({
    tradeId: tradeIdOf(said.id_fill, said.id),
    brokerOrderId: said.id,
    symbol: said.symbol,
    side: said.tran_side,
    quantity: said.qty_traded,
    priceE4: said.price_traded,
    tradedAtMs: said.fill_time,
  }));
