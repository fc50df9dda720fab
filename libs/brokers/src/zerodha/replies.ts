import { z } from 'zod';
import {
  amountField,
  averageField,
  classOfStatus,
  driftOf,
  hear,
  type Heard,
  idField,
  instantField,
  mapRead,
  netQuantityField,
  noteField,
  priceField,
  quantityField,
  readAs,
  sentOf,
  type Tell,
} from '../answers';
import { anyRow, type LeaveOut, noRow, rowsOf, strangersOrder, tradeOf } from '../books';
import type {
  BrokerInstrument,
  ErrorClass,
  Funds,
  HoldingRow,
  OrderRow,
  PositionRow,
  Profile,
  Read,
  Sent,
  TradeRow,
} from '../client';
import type { WireReply } from '../wire';
import { type Asked, classOf, ORDER_TYPES, productOf, SIDES, stateOf, unitsPer, VALIDITIES } from './vocabulary';

/** Finds an instrument by `NSE:INFY`; absent for what today's list does not have. */
export type Lookup = (symbol: string) => BrokerInstrument | undefined;

/* ------------------------------------------------------------------------------------------------------ envelope */

const envelope = z.object({ status: z.string(), message: noteField, error_type: noteField });

/** A success is handed on whole; an error is classed by its type and what it says, or else by its status. */
export const heardFrom = (reply: WireReply, asked: Asked, tell: Tell): Heard =>
  hear(reply, tell, (json, status) => {
    const parsed = envelope.safeParse(json);
    if (!parsed.success)
      return {
        kind: 'error',
        errorClass: classOfStatus(status) ?? 'drift',
        evidence: driftOf(parsed.error, tell),
        isInDoubt: status !== 401 && status !== 429,
      };
    const { status: word, error_type, message = '' } = parsed.data;
    if (word === 'success' && status >= 200 && status < 300) return { kind: 'data', json, status };
    const said = classOf(error_type ?? '', message, asked);
    const errorClass: ErrorClass =
      status === 429 ? 'throttled' : (said ?? classOfStatus(status) ?? (status === 404 ? 'not-found' : 'validation'));
    // An error in a success: only what its type stands for is certain.
    const isInDoubt = errorClass === 'transient' || (status < 400 && said === undefined);
    return { kind: 'error', errorClass, evidence: tell(error_type ?? `HTTP_${String(status)}`, message), isInDoubt };
  });

/* --------------------------------------------------------------------------------------------------------- sent */

const answered = z.object({
  data: z.object({ order_id: idField, children: z.array(z.unknown()).nullish() }),
});

/** Taken by the broker's order system, which is not yet the exchange. */
export const placedOf = (reply: WireReply, tell: Tell): Sent => {
  const heard = heardFrom(reply, 'place', tell);
  if (heard.kind === 'error') return sentOf(heard);
  const parsed = answered.safeParse(heard.json);
  if (!parsed.success) return { outcome: 'unknown', evidence: driftOf(parsed.error, tell) };
  const { order_id, children } = parsed.data.data;
  // Never asked for. What became of the parts is for the search by tag to say.
  if (children && children.length > 0)
    return { outcome: 'unknown', evidence: tell('SLICED', `became ${String(children.length)} parts of ${order_id}`) };
  return { outcome: 'accepted', brokerOrderId: order_id };
};

/** Answers a modify or a cancel. One that names another order proves nothing about ours. */
export const changedOf = (reply: WireReply, brokerOrderId: string, tell: Tell): Sent => {
  const heard = heardFrom(reply, 'change', tell);
  if (heard.kind === 'error') return sentOf(heard);
  const parsed = answered.safeParse(heard.json);
  if (!parsed.success) return { outcome: 'unknown', evidence: driftOf(parsed.error, tell) };
  return parsed.data.data.order_id === brokerOrderId
    ? { outcome: 'accepted', brokerOrderId }
    : { outcome: 'unknown', evidence: tell('DRIFT', '$.data.order_id: another order') };
};

/* --------------------------------------------------------------------------------------------------------- rows */

const word = <Value>(words: Readonly<Record<string, Value>>) =>
  z.string().transform((printed, context) => {
    const value = words[printed.toUpperCase()];
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: 'an unknown word' });
    return z.NEVER;
  });

const orderFields = z.object({
  order_id: idField,
  exchange_order_id: noteField,
  tag: noteField,
  tags: z.array(z.string()).nullish(),
  exchange: z.string().min(1),
  tradingsymbol: z.string().min(1),
  transaction_type: word(SIDES),
  product: z.string(),
  status: z.string().min(1),
  order_type: word(ORDER_TYPES),
  validity: word(VALIDITIES),
  quantity: quantityField,
  filled_quantity: quantityField,
  disclosed_quantity: quantityField.nullish(),
  price: priceField.nullish(),
  trigger_price: priceField.nullish(),
  average_price: averageField.nullish(),
  status_message: noteField,
  status_message_raw: noteField,
  order_timestamp: instantField,
  exchange_timestamp: instantField,
  exchange_update_timestamp: instantField,
});

/** An order with every tag on it: ours may stand in either field, beside those that the broker adds. */
interface Tagged {
  readonly row: OrderRow;
  readonly tags: readonly string[];
}

const OUR_TAG = /^[A-Z0-9]{1,19}$/;

const taggedRow = (lookup: Lookup, tell: Tell) =>
  orderFields.transform((fields): Tagged => {
    const symbol = `${fields.exchange}:${fields.tradingsymbol}`;
    const units = unitsPer(lookup(symbol));
    const product = productOf(fields.product);
    const state = stateOf(fields.status, fields.order_type, fields.filled_quantity);
    const tags = [...(fields.tag === undefined ? [] : [fields.tag]), ...(fields.tags ?? [])];
    const tag = fields.tag ?? tags.find((one) => OUR_TAG.test(one));
    const said = fields.status_message ?? fields.status_message_raw;
    const isOver = state === 'REJECTED' || state === 'CANCELLED';
    const updatedAtMs = latest(fields.exchange_update_timestamp, fields.exchange_timestamp, fields.order_timestamp);
    const priceE4 = meant(fields.price, fields.order_type === 'LIMIT' || fields.order_type === 'SL');
    const triggerPriceE4 = meant(fields.trigger_price, fields.order_type === 'SL' || fields.order_type === 'SL_M');
    const row: OrderRow = {
      brokerOrderId: fields.order_id,
      ...(fields.exchange_order_id !== undefined && { exchangeOrderId: fields.exchange_order_id }),
      ...(tag !== undefined && { tag }),
      symbol,
      side: fields.transaction_type,
      ...(product && { product }),
      state,
      rawState: fields.status,
      terms: {
        orderType: fields.order_type,
        quantity: fields.quantity * units,
        ...(priceE4 !== undefined && { priceE4 }),
        ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
        validity: fields.validity,
        ...(fields.disclosed_quantity ? { disclosedQuantity: fields.disclosed_quantity * units } : {}),
      },
      filledQuantity: fields.filled_quantity * units,
      ...(fields.average_price && fields.filled_quantity > 0 ? { averagePriceE4: fields.average_price } : {}),
      ...(isOver && said !== undefined && { evidence: tell(undefined, said) }),
      ...(updatedAtMs !== undefined && { updatedAtMs }),
    };
    return { row, tags };
  });

/** Zero stands for no price, and a price that the order type has no use for is an accident of the page. */
const meant = (priceE4: number | null | undefined, isMeant: boolean): number | undefined =>
  isMeant && priceE4 ? priceE4 : undefined;

const latest = (...instants: readonly (number | undefined)[]): number | undefined => {
  const known = instants.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

/** An order as the book, a text frame of the socket, and a postback print it. */
export const orderRow = (lookup: Lookup, tell: Tell) => taggedRow(lookup, tell).transform(({ row }) => row);

const list = z.object({ data: z.array(z.unknown()) }).transform(({ data }) => data);

const readRows = <Row>(heard: Heard, row: z.ZodType<Row>, leaveOut: LeaveOut, tell: Tell): Read<readonly Row[]> =>
  rowsOf(readAs(heard, list, tell), { path: ['data'], row, leaveOut, tell });

/** `tags` is left out where there are none. */
const strangers = (searched?: string): LeaveOut =>
  strangersOrder('order_id', (row) => [row['tag'], row['tags'] ?? []], searched);

export const ordersOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly OrderRow[]> =>
  readRows(heardFrom(reply, 'read', tell), orderRow(lookup, tell), strangers(), tell);

/** The orders of the book that carry a tag, in whichever field. */
export const taggedOf = (reply: WireReply, tag: string, lookup: Lookup, tell: Tell): Read<readonly OrderRow[]> => {
  const book = readRows(heardFrom(reply, 'read', tell), taggedRow(lookup, tell), strangers(tag), tell);
  return mapRead(book, (orders) =>
    orders.filter(({ tags }) => tags.includes(tag)).map(({ row }): OrderRow => ({ ...row, tag })),
  );
};

/** The last of an order's steps. `undefined` where the broker has no such order. */
export const orderOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<OrderRow | undefined> => {
  const heard = heardFrom(reply, 'read', tell);
  if (isMissing(heard)) return { outcome: 'ok', value: undefined };
  return mapRead(readRows(heard, orderRow(lookup, tell), noRow, tell), (steps) => steps.at(-1));
};

const isMissing = (heard: Heard): boolean => heard.kind === 'error' && heard.errorClass === 'not-found';

const tradeRow = (lookup: Lookup) =>
  z
    .object({
      trade_id: idField,
      order_id: idField,
      exchange: z.string().min(1),
      tradingsymbol: z.string().min(1),
      transaction_type: word(SIDES),
      quantity: quantityField,
      average_price: averageField,
      // `order_timestamp` stands beside these and has no date.
      fill_timestamp: instantField,
      exchange_timestamp: instantField,
    })
    .transform((row, context): TradeRow => {
      const tradedAtMs = row.fill_timestamp ?? row.exchange_timestamp;
      if (tradedAtMs === undefined) {
        context.addIssue({ code: 'custom', message: 'no time', path: ['fill_timestamp'] });
        return z.NEVER;
      }
      const symbol = `${row.exchange}:${row.tradingsymbol}`;
      return {
        tradeId: row.trade_id,
        brokerOrderId: row.order_id,
        symbol,
        side: row.transaction_type,
        quantity: row.quantity * unitsPer(lookup(symbol)),
        priceE4: row.average_price,
        tradedAtMs,
      };
    });

const trades = (reply: WireReply, lookup: Lookup, leaveOut: LeaveOut, tell: Tell): Read<readonly TradeRow[]> => {
  const heard = heardFrom(reply, 'read', tell);
  return isMissing(heard) ? { outcome: 'ok', value: [] } : readRows(heard, tradeRow(lookup), leaveOut, tell);
};

/** The trades of the day. */
export const tradesOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly TradeRow[]> =>
  trades(reply, lookup, tradeOf('order_id'), tell);

export const tradesOfOrder = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly TradeRow[]> =>
  trades(reply, lookup, noRow, tell);

const positionRow = (lookup: Lookup) =>
  z
    .object({
      exchange: z.string().min(1),
      tradingsymbol: z.string().min(1),
      product: z.string(),
      quantity: netQuantityField,
      average_price: averageField,
    })
    .transform((row): PositionRow => {
      const symbol = `${row.exchange}:${row.tradingsymbol}`;
      const product = productOf(row.product);
      return {
        symbol,
        ...(product && { product }),
        quantity: row.quantity * unitsPer(lookup(symbol)),
        averagePriceE4: row.average_price,
      };
    });

/** What is held now, whenever it was bought; the list of the day counts the same trades again. */
export const positionsOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly PositionRow[]> => {
  const schema = z.object({ data: z.object({ net: z.array(z.unknown()) }) });
  const list = mapRead(readAs(heardFrom(reply, 'read', tell), schema, tell), ({ data }) => data.net);
  return rowsOf(list, { path: ['data', 'net'], row: positionRow(lookup), leaveOut: anyRow, tell });
};

/** Shares that were bought yesterday belong to the holder before they are delivered. */
const holdingRow = z
  .object({
    exchange: z.string().min(1),
    tradingsymbol: z.string().min(1),
    isin: noteField,
    quantity: quantityField,
    t1_quantity: quantityField.nullish(),
    average_price: averageField,
  })
  .transform((row): HoldingRow => ({
    symbol: `${row.exchange}:${row.tradingsymbol}`,
    ...(row.isin !== undefined && { isin: row.isin }),
    quantity: row.quantity + (row.t1_quantity ?? 0),
    averagePriceE4: row.average_price,
  }));

export const holdingsOf = (reply: WireReply, tell: Tell): Read<readonly HoldingRow[]> =>
  readRows(heardFrom(reply, 'read', tell), holdingRow, anyRow, tell);

/* ------------------------------------------------------------------------------------------------------ account */

const profile = z
  .object({ data: z.object({ user_id: idField, user_name: noteField }) })
  .transform(({ data }): Profile => ({
    clientId: data.user_id,
    ...(data.user_name !== undefined && { name: data.user_name }),
  }));

export const profileOf = (reply: WireReply, tell: Tell): Read<Profile> =>
  readAs(heardFrom(reply, 'read', tell), profile, tell);

/** `cash` goes stale during the day and `net` counts pledged shares: the live balance is what can be spent. */
const funds = z
  .object({
    data: z.object({
      equity: z.object({
        available: z.object({ live_balance: amountField }),
        utilised: z.object({ debits: amountField }),
      }),
    }),
  })
  .transform(({ data }): Funds => ({
    availableE4: data.equity.available.live_balance,
    utilisedE4: data.equity.utilised.debits,
  }));

export const fundsOf = (reply: WireReply, tell: Tell): Read<Funds> =>
  readAs(heardFrom(reply, 'read', tell), funds, tell);

/** `final` counts what the orders together save. */
const margin = z
  .object({ data: z.object({ final: z.object({ total: amountField }) }) })
  .transform(({ data }) => data.final.total);

export const marginOf = (reply: WireReply, tell: Tell): Read<number> =>
  readAs(heardFrom(reply, 'read', tell), margin, tell);
