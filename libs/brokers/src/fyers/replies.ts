import { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import type { ErrorClass, Funds, HoldingRow, OrderRow, PositionRow, Profile, Read, Sent, TradeRow } from '../client';
import { mapRead, readJson } from '../answers';
import { anyRow, type LeaveOut, noRow, rowsOf, strangersOrder, tradeOf } from '../books';
import {
  amountField,
  type Answered,
  blankable,
  held,
  idField,
  isObject,
  nameField,
  type No,
  priceField,
  type Say,
  sentNo,
  signedCountField,
  strangeReply,
  wordField,
} from '../reading';
import { orderRow, tradeRow } from './rows';
import { productOf } from './vocabulary';

/* ----------------------------------------------------------------------------------------------------- errors */

/** What the codes of the error table mean. */
const CLASS_OF: ReadonlyMap<number, ErrorClass> = new Map(
  (
    [
      ['auth', [-8, -15, -16, -17, -352, -371, -374]],
      ['throttled', [-429, -353]],
      ['validation', [-50, -53]],
      ['not-found', [-51, -159, -209, -397, -398, -399]],
      ['final-state', [-161, -162, -163, -164]],
      ['closed-hours', [-328]],
      ['entitlement', [-373]],
      ['transient', [-96, -201, -202, -204, -205]],
    ] as const
  ).flatMap(([errorClass, codes]) => codes.map((code) => [code, errorClass] as const)),
);

const ADDRESS = /\bstatic ip\b|\bip\b.{0,40}\b(not|un)\s?-?(registered|allowed|whitelisted)|whitelist/i;
const FUNDS = /margin|fund|balance|shortfall/i;
const HOURS = /market.{0,20}clos|after market|offline order|trading hours/i;

/** By code first; the HTTP status decides only where the code is not one of the table. */
const classOf = (code: number, message: string, status: number): ErrorClass => {
  if (ADDRESS.test(message)) return 'address';
  if (code === -99) return FUNDS.test(message) ? 'funds' : HOURS.test(message) ? 'closed-hours' : 'risk';
  const known = CLASS_OF.get(code);
  if (known) return known;
  if (code <= -300 && code >= -399) return 'validation';
  return classOfStatus(status, message);
};

const classOfStatus = (status: number, text: string): ErrorClass => {
  if (status === 401) return 'auth';
  if (status === 429) return 'throttled';
  if (status === 403) return ADDRESS.test(text) ? 'address' : 'drift';
  return status >= 500 ? 'transient' : 'drift';
};

/** What stands in a reply: its fields if it is one of Fyers' own, else what to make of it. */
const envelopeOf = (say: Say, answered: Answered): Read<Envelope> => {
  const { status, headers, body } = answered;
  const json = readJson(body);
  if (isObject(json) && json['s'] === 'ok') return { outcome: 'ok', value: json };
  if (isObject(json) && json['s'] === 'error') return { outcome: 'failed', ...noOf(say, json, status, headers) };
  return {
    outcome: 'failed',
    errorClass: classOfStatus(status, body.slice(0, 2_000)),
    evidence: strangeReply(say, answered),
    ...retryAfter(headers),
  };
};

type Envelope = Readonly<Record<string, unknown>>;

const noOf = (say: Say, json: Envelope, status: number, headers: Answered['headers']): No => {
  const code = Number(json['code']);
  const message = typeof json['message'] === 'string' ? json['message'] : '';
  const errorClass = classOf(code, message, status);
  return {
    errorClass,
    evidence: say(Number.isSafeInteger(code) ? String(code) : `HTTP_${String(status)}`, message),
    ...(errorClass === 'throttled' && retryAfter(headers)),
  };
};

const retryAfter = (headers: Answered['headers']): { retryAfterMs?: number } => {
  const exact = Number(headers['x-retry-after-ms'] ?? Number.NaN);
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  const retryAfterMs = Number.isFinite(exact) ? exact : seconds * 1000;
  return Number.isFinite(retryAfterMs) && retryAfterMs >= 0 ? { retryAfterMs: Math.ceil(retryAfterMs) } : {};
};

/* ------------------------------------------------------------------------------------ calls that change something */

/** 201: taken without an acknowledgement of the order system. Nobody knows yet. */
const NOT_ACKNOWLEDGED = 201;

const readable = (say: Say, json: Envelope): Sent => {
  const code = Number(json['code']);
  const id = idField.safeParse(json['id']);
  if (code === NOT_ACKNOWLEDGED) return { outcome: 'unknown', evidence: say(String(code), json['message']) };
  if (!id.success) return { outcome: 'unknown', evidence: say('DRIFT', '$.id: no order id in the answer') };
  return { outcome: 'accepted', brokerOrderId: id.data };
};

export const readPlaced = (say: Say, answered: Answered): Sent => {
  const envelope = envelopeOf(say, answered);
  return envelope.outcome === 'ok' ? readable(say, envelope.value) : sentNo(envelope);
};

/**
 * Lines stand in the order they were sent in and carry nothing to know them by, so an answer with another number of
 * lines says nothing about any. A whole that was refused is certain only where it was refused before it was looked at.
 */
export const readPlacedMany = (say: Say, answered: Answered, count: number): readonly Sent[] => {
  const all = (sent: Sent): readonly Sent[] => Array.from({ length: count }, () => sent);
  const envelope = envelopeOf(say, answered);
  if (envelope.outcome === 'failed') {
    const sent = sentNo(envelope);
    return all(sent.outcome === 'notSent' ? sent : { outcome: 'unknown', evidence: envelope.evidence });
  }
  const { data } = envelope.value;
  if (!Array.isArray(data) || data.length !== count)
    return all({ outcome: 'unknown', evidence: say('DRIFT', `$.data: not ${String(count)} lines`) });
  return data.map((line: unknown, index) => readLine(say, line, index));
};

const readLine = (say: Say, line: unknown, index: number): Sent => {
  const body = isObject(line) ? line['body'] : undefined;
  const unreadable: Evidence = say('DRIFT', `$.data[${String(index)}].body: not an answer`);
  if (!isObject(line) || !isObject(body)) return { outcome: 'unknown', evidence: unreadable };
  if (body['s'] === 'ok') return readable(say, body);
  if (body['s'] !== 'error') return { outcome: 'unknown', evidence: unreadable };
  return sentNo(noOf(say, body, Number(line['statusCode']), {}));
};

/** A change or a cancel: the answer must be about the order that was meant. */
export const readChanged = (say: Say, answered: Answered, brokerOrderId: string): Sent => {
  const sent = readPlaced(say, answered);
  if (sent.outcome !== 'accepted' || sent.brokerOrderId === brokerOrderId) return sent;
  return { outcome: 'unknown', evidence: say('DRIFT', '$.id: the answer is about another order') };
};

/* ------------------------------------------------------------------------------------------------------ reads */

const read = <Output>(say: Say, answered: Answered, schema: z.ZodType<Output>): Read<Output> => {
  const envelope = envelopeOf(say, answered);
  return envelope.outcome === 'ok' ? held(say, schema, envelope.value) : envelope;
};

/** Nothing there may be printed as null; a book without its list is none. */
const readRows = <Row>(
  say: Say,
  answered: Answered,
  name: string,
  row: z.ZodType<Row>,
  leaveOut: LeaveOut,
): Read<readonly Row[]> => {
  const schema = z.object({ [name]: z.array(z.unknown()).nullable() });
  const list = mapRead(read(say, answered, schema), (book): readonly unknown[] => book[name] ?? []);
  return rowsOf(list, { path: [name], row, leaveOut, tell: say });
};

const orderRows = (say: Say, answered: Answered, leaveOut: LeaveOut): Read<readonly OrderRow[]> =>
  readRows(say, answered, 'orderBook', orderRow(say), leaveOut);

const strangers = (searched?: string): LeaveOut => strangersOrder('id', (row) => [row['orderTag']], searched);

export const readOrders = (say: Say, answered: Answered): Read<readonly OrderRow[]> =>
  orderRows(say, answered, strangers());

export const readOrder = (say: Say, answered: Answered, brokerOrderId: string): Read<OrderRow | undefined> => {
  const rows = orderRows(say, answered, noRow);
  if (rows.outcome === 'failed' && rows.errorClass === 'not-found') return { outcome: 'ok', value: undefined };
  return mapRead(rows, (found) => found.find((row) => row.brokerOrderId === brokerOrderId));
};

/** Held against the tag that each row echoes: a filter that was not understood must not find a stranger. */
export const readByTag = (say: Say, answered: Answered, tag: string): Read<readonly OrderRow[]> =>
  mapRead(orderRows(say, answered, strangers(tag)), (rows) => rows.filter((row) => row.tag === tag));

export const readTrades = (say: Say, answered: Answered): Read<readonly TradeRow[]> =>
  readRows(say, answered, 'tradeBook', tradeRow, tradeOf('orderNumber'));

const positionRow = z
  .object({
    symbol: nameField,
    segment: wordField,
    productType: wordField,
    netQty: signedCountField,
    netAvg: amountField,
  })
  .transform(({ symbol, segment, productType, netQty, netAvg }): PositionRow => {
    const product = productOf(segment, productType);
    return { symbol, ...(product && { product }), quantity: netQty, averagePriceE4: netAvg };
  });

/** No positions are an error to Fyers, with a code that means something else in other calls. */
const NO_POSITIONS = new Set(['-398', '-397']);

export const readPositions = (say: Say, answered: Answered): Read<readonly PositionRow[]> => {
  const rows = readRows(say, answered, 'netPositions', positionRow, anyRow);
  return rows.outcome === 'failed' && isNoPositions(rows.evidence) ? { outcome: 'ok', value: [] } : rows;
};

const isNoPositions = ({ code = '', message = '' }: Evidence): boolean =>
  NO_POSITIONS.has(code) || (code === '-352' && /position/i.test(message));

const holdingRow = z
  .object({ symbol: nameField, quantity: signedCountField, costPrice: priceField, isin: blankable(wordField) })
  .transform(({ symbol, quantity, costPrice, isin }): HoldingRow => ({
    symbol,
    ...(isin !== undefined && { isin }),
    quantity,
    averagePriceE4: costPrice,
  }));

export const readHoldings = (say: Say, answered: Answered): Read<readonly HoldingRow[]> =>
  readRows(say, answered, 'holdings', holdingRow, anyRow);

/** Rows are known by their number; titles are for people. */
const UTILISED_ROW = 2;
const CLEAR_BALANCE_ROW = 3;

export const readFunds = (say: Say, answered: Answered): Read<Funds> => {
  const row = z.object({ id: signedCountField, equityAmount: amountField });
  const rows = read(say, answered, z.object({ fund_limit: z.array(row) }));
  if (rows.outcome === 'failed') return rows;
  const amountOf = (id: number) => rows.value.fund_limit.find((one) => one.id === id)?.equityAmount;
  const [availableE4, utilisedE4] = [amountOf(CLEAR_BALANCE_ROW), amountOf(UTILISED_ROW)];
  if (availableE4 === undefined || utilisedE4 === undefined)
    return {
      outcome: 'failed',
      errorClass: 'drift',
      evidence: say('DRIFT', `$.fund_limit: no row ${String(CLEAR_BALANCE_ROW)} or ${String(UTILISED_ROW)}`),
    };
  return { outcome: 'ok', value: { availableE4, utilisedE4 } };
};

export const readProfile = (say: Say, answered: Answered): Read<Profile> => {
  const schema = z.object({ data: z.object({ fy_id: idField, name: blankable(wordField) }) });
  return mapRead(read(say, answered, schema), ({ data: { fy_id: clientId, name } }) => ({
    clientId,
    ...(name !== undefined && { name }),
  }));
};

export const readMargin = (say: Say, answered: Answered): Read<number> => {
  const schema = z.object({ data: z.object({ margin_new_order: amountField }) });
  return mapRead(read(say, answered, schema), ({ data }) => data.margin_new_order);
};
