import { z } from 'zod';
import { mapRead, readJson } from '../answers';
import { anyRow, type LeaveOut, rowsOf, strangersOrder, tradeOf } from '../books';
import type { ErrorClass, Funds, HoldingRow, OrderRow, PositionRow, Profile, Read, Sent, TradeRow } from '../client';
import {
  amountField,
  type Answered,
  blankable,
  held,
  idField,
  isObject,
  nameField,
  type Say,
  sentNo,
  signedCountField,
  strangeReply,
  textOf,
  wordField,
} from '../reading';
import { orderRow, tradeRow } from './rows';
import { productOf } from './vocabulary';

/* ----------------------------------------------------------------------------------------------------- errors */

const CLASS_OF: ReadonlyMap<string, ErrorClass> = new Map(
  (
    [
      ['auth', ['AG8001', 'AG8002', 'AG8003', 'AB8050', 'AB8051', 'AB1010', 'AB1011']],
      ['auth', ['AB1000', 'AB1001', 'AB1002', 'AB1003', 'AB1031', 'AB1032', 'AB1050']],
      ['address', ['AG7002']],
      ['throttled', ['AB1021']],
      ['entitlement', ['AB1006', 'AB2002']],
      ['validation', ['AB1005', 'AB1008', 'AB1009', 'AB1012', 'AB1017', 'AB1018', 'AB4008']],
      ['final-state', ['AB1013']],
      ['not-found', ['AB1014', 'AB1015', 'AB1016']],
      ['transient', ['AB1004', 'AB1007', 'AB2000', 'AB2001']],
    ] as const
  ).flatMap(([errorClass, codes]) => codes.map((code) => [code, errorClass] as const)),
);

/** What the gateway says, as text, to who asks too often. */
const TOO_OFTEN = /exceeding access rate/i;

const classOfStatus = (status: number, body: string): ErrorClass => {
  if (status === 429 || (status === 403 && TOO_OFTEN.test(body))) return 'throttled';
  if (status === 401) return 'auth';
  return status >= 500 ? 'transient' : 'drift';
};

const isTrue = (value: unknown): boolean => value === true || value === 'true';
const isFalse = (value: unknown): boolean => value === false || value === 'false';

/**
 * What stands in a reply. The API and the gateway before it use different names for the same things, and both may say no
 * with HTTP 200. Gives the whole reply, so that what drifts is named by its path in it.
 */
const envelopeOf = (say: Say, answered: Answered): Read<Readonly<Record<string, unknown>>> => {
  const { status, body } = answered;
  const json = readJson(body);
  if (isObject(json)) {
    const verdict = json['status'] ?? json['success'];
    if (isTrue(verdict)) return { outcome: 'ok', value: json };
    if (isFalse(verdict)) {
      const code = (textOf(json['errorcode']) ?? textOf(json['errorCode']) ?? '').toUpperCase();
      return {
        outcome: 'failed',
        errorClass: CLASS_OF.get(code) ?? (/^AB4\d{3}$/.test(code) ? 'validation' : classOfStatus(status, '')),
        evidence: say(code === '' ? `HTTP_${String(status)}` : code, json['message']),
      };
    }
  }
  return { outcome: 'failed', errorClass: classOfStatus(status, body), evidence: strangeReply(say, answered) };
};

/* ------------------------------------------------------------------------------------ calls that change something */

/** A yes only says that the order was taken in: risk and exchange refuse later, in the book. */
export const readPlaced = (say: Say, answered: Answered): Sent => {
  const envelope = envelopeOf(say, answered);
  if (envelope.outcome === 'failed') return sentNo(envelope);
  const { data } = envelope.value;
  const id = idField.safeParse(isObject(data) ? data['orderid'] : undefined);
  return id.success
    ? { outcome: 'accepted', brokerOrderId: id.data }
    : { outcome: 'unknown', evidence: say('DRIFT', '$.data.orderid: no order id in the answer') };
};

/** A change or a cancel: the answer must be about the order that was meant. */
export const readChanged = (say: Say, answered: Answered, brokerOrderId: string): Sent => {
  const sent = readPlaced(say, answered);
  if (sent.outcome !== 'accepted' || sent.brokerOrderId === brokerOrderId) return sent;
  return { outcome: 'unknown', evidence: say('DRIFT', '$.data.orderid: the answer is about another order') };
};

/* ------------------------------------------------------------------------------------------------------ reads */

const read = <Output>(say: Say, answered: Answered, data: z.ZodType<Output>): Read<Output> => {
  const envelope = envelopeOf(say, answered);
  if (envelope.outcome === 'failed') return envelope;
  return mapRead(held(say, z.object({ data }), envelope.value), (whole) => whole.data);
};

/** Nothing there is printed as null; a reply without its data is none. */
const list = z
  .array(z.unknown())
  .nullable()
  .transform((rows): readonly unknown[] => rows ?? []);

const readRows = <Row>(say: Say, answered: Answered, row: z.ZodType<Row>, leaveOut: LeaveOut): Read<readonly Row[]> =>
  rowsOf(read(say, answered, list), { path: ['data'], row, leaveOut, tell: say });

const strangers = (searched?: string): LeaveOut => strangersOrder('orderid', (row) => [row['ordertag']], searched);

export const readOrders = (say: Say, answered: Answered): Read<readonly OrderRow[]> =>
  readRows(say, answered, orderRow(say), strangers());

export const readByTag = (say: Say, answered: Answered, tag: string): Read<readonly OrderRow[]> =>
  mapRead(readRows(say, answered, orderRow(say), strangers(tag)), (rows) => rows.filter((row) => row.tag === tag));

export const readTrades = (say: Say, answered: Answered, nowMs: number): Read<readonly TradeRow[]> =>
  readRows(say, answered, tradeRow(nowMs), tradeOf('orderid'));

const positionRow = z
  .object({
    exchange: nameField,
    tradingsymbol: nameField,
    producttype: wordField,
    netqty: signedCountField,
    avgnetprice: blankable(amountField),
  })
  .transform((row): PositionRow => {
    const product = productOf(row.exchange, row.producttype);
    return {
      symbol: `${row.exchange}:${row.tradingsymbol}`,
      ...(product !== undefined && { product }),
      quantity: row.netqty,
      averagePriceE4: row.avgnetprice ?? 0,
    };
  });

export const readPositions = (say: Say, answered: Answered): Read<readonly PositionRow[]> =>
  readRows(say, answered, positionRow, anyRow);

const holdingRow = z
  .object({
    exchange: nameField,
    tradingsymbol: nameField,
    isin: blankable(wordField),
    quantity: signedCountField,
    averageprice: blankable(amountField),
  })
  .transform((row): HoldingRow => ({
    symbol: `${row.exchange}:${row.tradingsymbol}`,
    ...(row.isin !== undefined && { isin: row.isin }),
    quantity: row.quantity,
    averagePriceE4: row.averageprice ?? 0,
  }));

export const readHoldings = (say: Say, answered: Answered): Read<readonly HoldingRow[]> =>
  readRows(say, answered, holdingRow, anyRow);

/** `net` is what may still be used, pledged shares included; what is printed as available cash is no cash figure. */
export const readFunds = (say: Say, answered: Answered): Read<Funds> => {
  const limits = z.object({
    net: amountField,
    collateral: blankable(amountField),
    utiliseddebits: blankable(amountField),
  });
  return mapRead(read(say, answered, limits), ({ net, collateral = 0, utiliseddebits = 0 }) => ({
    availableE4: net - collateral,
    utilisedE4: utiliseddebits,
  }));
};

export const readProfile = (say: Say, answered: Answered): Read<Profile> =>
  mapRead(
    read(say, answered, z.object({ clientcode: idField, name: blankable(wordField) })),
    ({ clientcode: clientId, name }) => ({ clientId, ...(name !== undefined && { name }) }),
  );

export const readMargin = (say: Say, answered: Answered): Read<number> =>
  mapRead(
    read(say, answered, z.object({ totalMarginRequired: amountField })),
    ({ totalMarginRequired }) => totalMarginRequired,
  );
