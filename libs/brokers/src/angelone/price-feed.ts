import type { Evidence } from '#domain/orders/order';
import { readJson } from '../answers';
import type { BrokerInstrument, PriceTick } from '../client';
import { isObject, type Say } from '../reading';
import { STREAMS } from './vocabulary';

/* SmartStream: little-endian binary, one instrument a frame; what it complains of comes as JSON. */

export const TOKENS_MAX = 1_000;
export const PING = { everyMs: 10_000, text: 'ping' };

const LTP = 1;
const QUOTE = 2;
const SNAP_QUOTE = 3;
const SIZES: Readonly<Record<number, number>> = { [LTP]: 51, [QUOTE]: 123, [SNAP_QUOTE]: 379 };

/** Where the fields stand. */
const TOKEN = { from: 2, to: 27 };
const EXCHANGE_TIME = 35;
const LAST_PRICE = 43;
const VOLUME = 67;
const LAST_TRADE_TIME = 123;
const DEPTH = { from: 147, rows: 10, rowSize: 20, flag: 0, price: 10 };
const BUY_FLAG = 1;

/* --------------------------------------------------------------------------------------------------- messages */

/** How an instrument is known on the stream: its exchange type and its number. */
export const streamKeyOf = ({ segment, token }: BrokerInstrument): string | undefined => {
  const stream = STREAMS[segment];
  return stream && `${String(stream.exchangeType)}:${token}`;
};

export const subscribeMessage = (streamKeys: readonly string[]): string | undefined => message(1, streamKeys);
export const unsubscribeMessage = (streamKeys: readonly string[]): string | undefined => message(0, streamKeys);

/** `undefined` when there is nothing to say. */
const message = (action: 0 | 1, streamKeys: readonly string[]): string | undefined => {
  if (streamKeys.length === 0) return undefined;
  const tokens = new Map<number, string[]>();
  for (const key of streamKeys) {
    const [exchangeType = '', token = ''] = key.split(':');
    const list = tokens.get(Number(exchangeType));
    if (list) list.push(token);
    else tokens.set(Number(exchangeType), [token]);
  }
  const tokenList = [...tokens].map(([exchangeType, list]) => ({ exchangeType, tokens: list }));
  return JSON.stringify({ correlationID: 'prices', action, params: { mode: SNAP_QUOTE, tokenList } });
};

/* ----------------------------------------------------------------------------------------------------- frames */

export type PriceFrame =
  | { readonly kind: 'tick'; readonly tick: PriceTick }
  /** An answer to our ping, or a price of what is no longer followed. */
  | { readonly kind: 'other' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

export const readTextFrame = (say: Say, text: string): PriceFrame => {
  if (['ping', 'pong'].includes(text.trim().toLowerCase())) return { kind: 'other' };
  const frame = readJson(text);
  const code = isObject(frame) ? frame['errorCode'] : undefined;
  return typeof code === 'string' && isObject(frame)
    ? { kind: 'drift', evidence: say(code, frame['errorMessage']) }
    : { kind: 'drift', evidence: say('DRIFT', '$: not a frame') };
};

/** @param followed by stream key. */
export const readPriceFrame = (say: Say, data: Buffer, followed: ReadonlyMap<string, BrokerInstrument>): PriceFrame => {
  const drift = (message: string): PriceFrame => ({ kind: 'drift', evidence: say('DRIFT', message) });
  const mode = data[0] ?? 0;
  const size = SIZES[mode];
  if (size === undefined) return drift(`frame: mode ${String(mode)} is not known`);
  if (data.length < size) return drift('frame: ends too early');
  const [token = ''] = data.toString('latin1', TOKEN.from, TOKEN.to).split('\0');
  const instrument = followed.get(`${String(data[1] ?? 0)}:${token.trim()}`);
  const perRupee = instrument && STREAMS[instrument.segment]?.perRupee;
  if (!instrument || perRupee === undefined) return { kind: 'other' };
  const whole = (at: number): number | undefined => {
    const value = Number(data.readBigInt64LE(at));
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  };
  const price = (at: number): number | undefined => {
    const value = whole(at);
    return value === undefined || value === 0 ? undefined : toE4(value, perRupee);
  };
  const lastPriceE4 = price(LAST_PRICE);
  if (lastPriceE4 === undefined) return drift('frame: no last price');
  const atMs = (mode === SNAP_QUOTE ? epochMs(whole(LAST_TRADE_TIME)) : undefined) ?? epochMs(whole(EXCHANGE_TIME));
  if (atMs === undefined) return drift('frame: no exchange time');
  const volume = mode === LTP ? undefined : whole(VOLUME);
  const best = mode === SNAP_QUOTE ? bestOf(data, price) : {};
  return {
    kind: 'tick',
    tick: {
      instrumentKey: instrument.instrumentKey,
      lastPriceE4,
      atMs,
      ...(volume !== undefined && { volume }),
      ...best,
    },
  };
};

/** Rows of both sides in one list, the best of each side first. */
const bestOf = (data: Buffer, price: (at: number) => number | undefined): Pick<PriceTick, 'bidE4' | 'askE4'> => {
  const rows = Array.from({ length: DEPTH.rows }, (_, row) => DEPTH.from + row * DEPTH.rowSize);
  const isBuy = (row: number): boolean => data.readInt16LE(row + DEPTH.flag) === BUY_FLAG;
  const first = (row: number | undefined): number | undefined =>
    row === undefined ? undefined : price(row + DEPTH.price);
  const bidE4 = first(rows.find(isBuy));
  const askE4 = first(rows.find((row) => !isBuy(row)));
  return { ...(bidE4 !== undefined && { bidE4 }), ...(askE4 !== undefined && { askE4 }) };
};

/** One of the two clocks counts seconds; no day of this exchange is so near to 1970 that they could be mixed up. */
const epochMs = (printed: number | undefined): number | undefined => {
  if (printed === undefined || printed === 0) return undefined;
  return printed < 100_000_000_000 ? printed * 1000 : printed;
};

/** In whole numbers; rounded half up where the stream is finer than 1/10,000 rupee. */
const toE4 = (value: number, perRupee: number): number => {
  if (perRupee <= 10_000) return value * (10_000 / perRupee);
  const divisor = perRupee / 10_000;
  const rest = value % divisor;
  return (value - rest) / divisor + (2 * rest >= divisor ? 1 : 0);
};
