import { z } from 'zod';
import type {
  BrokerInstrument,
  Funds,
  HoldingRow,
  OrderRow,
  PositionRow,
  Profile,
  Read,
  Sent,
  TradeRow,
} from '../client';
import {
  amountField,
  averageField,
  classOfStatus,
  driftOf,
  failedOf,
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
import type { WireReply } from '../wire';
import {
  classOfCode,
  isCash,
  ORDER_NOT_FOUND,
  ORDER_TYPES,
  productOf,
  SIDES,
  stateOf,
  unitsPer,
  VALIDITIES,
} from './vocabulary';

/** Finds an instrument by its key; absent for what today's list does not have. */
export type Lookup = (symbol: string) => BrokerInstrument | undefined;

/* ------------------------------------------------------------------------------------------------------ envelope */

/** Newer pages print snake case, the wire often has camel case only. */
const problem = z
  .object({
    error_code: noteField,
    errorCode: noteField,
    message: noteField,
    correlation_id: noteField,
    correlationId: noteField,
  })
  .transform(({ error_code, errorCode, message, correlation_id, correlationId }) => ({
    code: error_code ?? errorCode,
    message,
    correlationId: correlation_id ?? correlationId,
  }));
type Problem = z.infer<typeof problem>;

const envelope = z.object({ status: z.string(), errors: z.array(problem).nullish() });

/** A success is handed on whole; an error is classed by its code, by what it says, and by its status, in this order. */
export const heardFrom = (reply: WireReply, tell: Tell): Heard =>
  hear(reply, tell, (json, status) => {
    const parsed = envelope.safeParse(json);
    if (!parsed.success)
      return {
        kind: 'error',
        errorClass: classOfStatus(status) ?? 'drift',
        evidence: driftOf(parsed.error, tell),
        isInDoubt: status !== 401 && status !== 429,
      };
    const [first] = parsed.data.errors ?? [];
    const isSuccess = parsed.data.status !== 'error' && status >= 200 && status < 300;
    if (isSuccess || (status === 207 && Array.isArray(parsed.data.errors))) return { kind: 'data', json, status };
    return errorOf(first, status, tell);
  });

const errorOf = (first: Problem | undefined, status: number, tell: Tell): Extract<Heard, { kind: 'error' }> => {
  const byCode = first?.code === undefined ? undefined : classOfCode(first.code);
  const errorClass = byCode ?? classOfStatus(status) ?? classOfText(first?.message) ?? classOfRefusal(status);
  const evidence = tell(first?.code ?? `HTTP_${String(status)}`, first?.message ?? 'an error without a reason');
  // An error in a success: only what its code stands for is certain.
  const isInDoubt = errorClass === 'transient' || (status < 400 && byCode === undefined);
  return { kind: 'error', errorClass, evidence, isInDoubt };
};

const classOfText = (message = ''): 'funds' | undefined =>
  /insufficient|margin exceeds|you need to add rs/i.test(message) ? 'funds' : undefined;

const classOfRefusal = (status: number) =>
  status === 423 ? 'closed-hours' : status === 404 ? 'not-found' : status === 403 ? 'entitlement' : 'validation';

/* --------------------------------------------------------------------------------------------------------- sent */

const placed = z.object({ data: z.object({ order_ids: z.array(idField).min(1) }) });
const changed = z.object({ data: z.object({ order_id: idField }) });

export const placedOf = (reply: WireReply, tell: Tell): Sent => {
  const heard = heardFrom(reply, tell);
  if (heard.kind === 'error') return sentOf(heard);
  const parsed = placed.safeParse(heard.json);
  if (!parsed.success) return { outcome: 'unknown', evidence: driftOf(parsed.error, tell) };
  const [brokerOrderId, ...others] = parsed.data.data.order_ids;
  if (brokerOrderId === undefined) return { outcome: 'unknown', evidence: tell('DRIFT', '$.data.order_ids: empty') };
  if (others.length === 0) return { outcome: 'accepted', brokerOrderId };
  // Never asked for. Which of them is ours is for the search by tag to say, which finds all of them.
  return { outcome: 'unknown', evidence: tell('SLICED', `became orders ${[brokerOrderId, ...others].join(', ')}`) };
};

/** Answers a modify or a cancel. One that names another order proves nothing about ours. */
export const changedOf = (reply: WireReply, brokerOrderId: string, tell: Tell): Sent => {
  const heard = heardFrom(reply, tell);
  if (heard.kind === 'error') return sentOf(heard);
  const parsed = changed.safeParse(heard.json);
  if (!parsed.success) return { outcome: 'unknown', evidence: driftOf(parsed.error, tell) };
  return parsed.data.data.order_id === brokerOrderId
    ? { outcome: 'accepted', brokerOrderId }
    : { outcome: 'unknown', evidence: tell('DRIFT', '$.data.order_id: another order') };
};

const many = z.object({
  data: z
    .array(z.object({ correlation_id: idField, order_id: idField }))
    .nullish()
    .transform((lines) => lines ?? []),
  errors: z
    .array(problem)
    .nullish()
    .transform((errors) => errors ?? []),
  summary: z.object({ success: quantityField }).nullish(),
});

/** One answer per line, found by its index. A line that the answer does not mention is in doubt like any silence. */
export const placedManyOf = (reply: WireReply, count: number, tell: Tell): readonly Sent[] => {
  const heard = hear(reply, tell, (json, status) => ({ kind: 'data', json, status }));
  const whole = heardFrom(reply, tell);
  const parsed = heard.kind === 'data' ? many.safeParse(heard.json) : undefined;
  const lines = parsed?.success === true ? parsed.data : undefined;
  // Nothing of a request that is wrong in any of its lines was executed: the others may be sent again by themselves.
  const isNothingDone =
    whole.kind === 'error' && !whole.isInDoubt && lines?.data.length === 0 && lines.summary?.success === 0;
  return Array.from({ length: count }, (_, index): Sent => {
    const isMine = ({ correlationId }: Problem): boolean => correlationId === String(index);
    const accepted = lines?.data.filter(({ correlation_id }) => correlation_id === String(index)) ?? [];
    const refused = lines?.errors.find(isMine);
    const [only, ...others] = accepted;
    if (only && others.length === 0 && !refused) return { outcome: 'accepted', brokerOrderId: only.order_id };
    if (only) return { outcome: 'unknown', evidence: tell('DRIFT', `$.data: line ${String(index)} more than once`) };
    if (refused && heard.kind === 'data') return sentOf(errorOf(refused, refusalStatus(heard.status), tell));
    if (isNothingDone && lines.errors.some(({ correlationId }) => correlationId !== undefined))
      return { outcome: 'notSent', errorClass: 'transient', evidence: tell('BATCH_REFUSED', 'another line was wrong') };
    if (whole.kind === 'error') return sentOf(whole);
    if (parsed?.success === false) return { outcome: 'unknown', evidence: driftOf(parsed.error, tell) };
    return { outcome: 'unknown', evidence: tell('DRIFT', `$.data: nothing about line ${String(index)}`) };
  });
};

/** What is said of one line has the weight of a refusal, though the answer as a whole came with a success. */
const refusalStatus = (status: number): number => (status < 400 ? 400 : status);

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
  instrument_token: z.string().min(1),
  exchange: z.string(),
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
});

/** An order as the book, its history, and the socket print it. */
export const orderRow = (lookup: Lookup, tell: Tell) =>
  orderFields.transform((row): OrderRow => {
    const units = unitsPer(lookup(row.instrument_token));
    const product = productOf(row.product, isCash(row.instrument_token, row.exchange));
    const said = row.status_message ?? row.status_message_raw;
    const state = stateOf(row.status);
    const isOver = state === 'REJECTED' || state === 'CANCELLED';
    const updatedAtMs = latest(row.exchange_timestamp, row.order_timestamp);
    const priceE4 = meant(row.price, row.order_type === 'LIMIT' || row.order_type === 'SL');
    const triggerPriceE4 = meant(row.trigger_price, row.order_type === 'SL' || row.order_type === 'SL_M');
    return {
      brokerOrderId: row.order_id,
      ...(row.exchange_order_id !== undefined && { exchangeOrderId: row.exchange_order_id }),
      ...(row.tag !== undefined && { tag: row.tag }),
      symbol: row.instrument_token,
      side: row.transaction_type,
      ...(product && { product }),
      state,
      rawState: row.status,
      terms: {
        orderType: row.order_type,
        quantity: row.quantity * units,
        ...(priceE4 !== undefined && { priceE4 }),
        ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
        validity: row.validity,
        ...(row.disclosed_quantity ? { disclosedQuantity: row.disclosed_quantity * units } : {}),
      },
      filledQuantity: row.filled_quantity * units,
      // An order that has traded may still show zero: an average that is not known yet.
      ...(row.average_price && row.filled_quantity > 0 ? { averagePriceE4: row.average_price } : {}),
      ...(isOver && said !== undefined && { evidence: tell(undefined, said) }),
      ...(updatedAtMs !== undefined && { updatedAtMs }),
    };
  });

/** Zero stands for no price, and a price that the order type has no use for is an accident of the page. */
const meant = (priceE4: number | null | undefined, isMeant: boolean): number | undefined =>
  isMeant && priceE4 ? priceE4 : undefined;

const latest = (...instants: readonly (number | undefined)[]): number | undefined => {
  const known = instants.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

const list = z.object({ data: z.array(z.unknown()) }).transform(({ data }) => data);

const readRows = <Row>(heard: Heard, row: z.ZodType<Row>, leaveOut: LeaveOut, tell: Tell): Read<readonly Row[]> =>
  rowsOf(readAs(heard, list, tell), { path: ['data'], row, leaveOut, tell });

const strangers = strangersOrder('order_id', (row) => [row['tag']]);

export const ordersOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly OrderRow[]> =>
  readRows(heardFrom(reply, tell), orderRow(lookup, tell), strangers, tell);

export const orderOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<OrderRow | undefined> => {
  const heard = heardFrom(reply, tell);
  if (isOrderMissing(heard)) return { outcome: 'ok', value: undefined };
  return mapRead(readAs(heard, z.object({ data: orderRow(lookup, tell) }), tell), ({ data }) => data);
};

/**
 * The orders with a tag, each as its last step left it. Only the code for a missing order means that there is none; a
 * step without a tag in answer to a search for one is drift, since it might be anybody's.
 */
export const taggedOf = (reply: WireReply, tag: string, lookup: Lookup, tell: Tell): Read<readonly OrderRow[]> => {
  const heard = heardFrom(reply, tell);
  if (isOrderMissing(heard)) return { outcome: 'ok', value: [] };
  const steps = readRows(heard, orderRow(lookup, tell), noRow, tell);
  if (steps.outcome === 'failed') return steps;
  const untagged = steps.value.findIndex((row) => row.tag === undefined);
  if (untagged !== -1) {
    const evidence = tell('DRIFT', `$.data[${String(untagged)}].tag: none, though it was searched for`);
    return { outcome: 'failed', errorClass: 'drift', evidence };
  }
  const last = new Map<string, OrderRow>();
  for (const step of steps.value) {
    const known = last.get(step.brokerOrderId);
    if (step.tag === tag && (!known || isLater(step, known))) last.set(step.brokerOrderId, step);
  }
  return { outcome: 'ok', value: [...last.values()] };
};

const FINAL = new Set(['FILLED', 'CANCELLED', 'REJECTED']);

/** Steps of one second are told apart by what cannot be undone. */
const isLater = (step: OrderRow, known: OrderRow): boolean => {
  if (FINAL.has(step.state) !== FINAL.has(known.state)) return FINAL.has(step.state);
  return (step.updatedAtMs ?? 0) >= (known.updatedAtMs ?? 0);
};

const isOrderMissing = (heard: Heard): boolean =>
  heard.kind === 'error' && heard.errorClass === 'not-found' && heard.evidence.code === ORDER_NOT_FOUND;

const tradeRow = (lookup: Lookup) =>
  z
    .object({
      trade_id: idField,
      order_id: idField,
      instrument_token: z.string().min(1),
      transaction_type: word(SIDES),
      quantity: quantityField,
      average_price: averageField,
      exchange_timestamp: instantField,
      order_timestamp: instantField,
    })
    .transform((row, context): TradeRow => {
      const tradedAtMs = row.exchange_timestamp ?? row.order_timestamp;
      if (tradedAtMs === undefined) {
        context.addIssue({ code: 'custom', message: 'no time', path: ['exchange_timestamp'] });
        return z.NEVER;
      }
      return {
        tradeId: row.trade_id,
        brokerOrderId: row.order_id,
        symbol: row.instrument_token,
        side: row.transaction_type,
        quantity: row.quantity * unitsPer(lookup(row.instrument_token)),
        priceE4: row.average_price,
        tradedAtMs,
      };
    });

const trades = (reply: WireReply, lookup: Lookup, leaveOut: LeaveOut, tell: Tell): Read<readonly TradeRow[]> => {
  const heard = heardFrom(reply, tell);
  return isOrderMissing(heard) ? { outcome: 'ok', value: [] } : readRows(heard, tradeRow(lookup), leaveOut, tell);
};

/** The trades of the day. */
export const tradesOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly TradeRow[]> =>
  trades(reply, lookup, tradeOf('order_id'), tell);

export const tradesOfOrder = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly TradeRow[]> =>
  trades(reply, lookup, noRow, tell);

const positionRow = (lookup: Lookup) =>
  z
    .object({
      instrument_token: z.string().min(1),
      exchange: z.string(),
      product: z.string(),
      quantity: netQuantityField,
      average_price: averageField.nullish(),
      buy_price: averageField.nullish(),
      sell_price: averageField.nullish(),
    })
    .transform((row): PositionRow => {
      const product = productOf(row.product, isCash(row.instrument_token, row.exchange));
      // Positions of today alone have no average of their own, only one per side.
      const ofToday = row.quantity === 0 ? 0 : row.quantity > 0 ? row.buy_price : row.sell_price;
      return {
        symbol: row.instrument_token,
        ...(product && { product }),
        quantity: row.quantity * unitsPer(lookup(row.instrument_token)),
        averagePriceE4: row.average_price ?? ofToday ?? 0,
      };
    });

export const positionsOf = (reply: WireReply, lookup: Lookup, tell: Tell): Read<readonly PositionRow[]> =>
  readRows(heardFrom(reply, tell), positionRow(lookup), anyRow, tell);

const holdingRow = z
  .object({
    instrument_token: z.string().min(1),
    isin: noteField,
    quantity: quantityField,
    average_price: averageField.nullish(),
  })
  .transform((row): HoldingRow => ({
    symbol: row.instrument_token,
    ...(row.isin !== undefined && { isin: row.isin }),
    quantity: row.quantity,
    averagePriceE4: row.average_price ?? 0, // shares that were given, not bought, have none
  }));

export const holdingsOf = (reply: WireReply, tell: Tell): Read<readonly HoldingRow[]> =>
  readRows(heardFrom(reply, tell), holdingRow, anyRow, tell);

/* ------------------------------------------------------------------------------------------------------ account */

const profile = z
  .object({ data: z.object({ user_id: idField, user_name: noteField }) })
  .transform(({ data }): Profile => ({
    clientId: data.user_id,
    ...(data.user_name !== undefined && { name: data.user_name }),
  }));

export const profileOf = (reply: WireReply, tell: Tell): Read<Profile> => readAs(heardFrom(reply, tell), profile, tell);

/** Cash alone: what is pledged cannot pay for everything. */
const funds = z
  .object({
    data: z.object({
      available_to_trade: z.object({
        cash_available_to_trade: z.object({ total: amountField, margin_used: z.object({ total: amountField }) }),
      }),
    }),
  })
  .transform(({ data }): Funds => {
    const { total, margin_used } = data.available_to_trade.cash_available_to_trade;
    return { availableE4: total, utilisedE4: margin_used.total };
  });

export const fundsOf = (reply: WireReply, tell: Tell): Read<Funds> => readAs(heardFrom(reply, tell), funds, tell);

/** `final_margin` counts what the orders together save. */
const margin = z.object({ data: z.object({ final_margin: amountField }) }).transform(({ data }) => data.final_margin);

export const marginOf = (reply: WireReply, tell: Tell): Read<number> => readAs(heardFrom(reply, tell), margin, tell);

const authorized = z
  .object({ data: z.object({ authorized_redirect_uri: z.string().regex(/^wss?:\/\//, { error: 'no address' }) }) })
  .transform(({ data }) => data.authorized_redirect_uri);

/** Where the price socket is, for one connection. */
export const feedAddressOf = (reply: WireReply, tell: Tell): Read<string> => {
  const heard = heardFrom(reply, tell);
  return heard.kind === 'error' ? failedOf(heard) : readAs(heard, authorized, tell);
};
