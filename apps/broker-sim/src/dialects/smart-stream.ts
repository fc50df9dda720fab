/** SmartStream: Angel One's prices. Requests are text, prices little-endian packets of one instrument each. */

import type { Instrument, Segment } from '#domain/instruments/instrument';

import type { SimBook, SimSocket } from '../dialect';
import { isRecord, parsedJson } from '../words';

/** Length of a packet by mode: last price, quote, snap quote. */
const PACKET_BYTES: Readonly<Record<string, number>> = { 1: 51, 2: 123, 3: 379 };

/** Mode 4, twenty levels of depth, is not simulated. */
const MODES: readonly unknown[] = [1, 2, 3];

const SUBSCRIPTIONS_MAX = 1000;

const MARKETS: Readonly<Record<string, readonly Segment[]>> = {
  1: ['NSE_EQ', 'NSE_INDEX'],
  2: ['NSE_FO'],
  3: ['BSE_EQ', 'BSE_INDEX'],
  4: ['BSE_FO'],
  5: ['MCX_FO'],
  13: ['NCD_FO'],
};

const packets = new WeakMap<SimSocket, { sequence: number }>();

export const onStreamMessage = (socket: SimSocket, text: string, book: SimBook): void => {
  if (text === 'ping') {
    socket.send('pong');
    return;
  }
  const request = parsedJson(text);
  const refuse = (errorCode: string, errorMessage: string): void => {
    const correlationID = isRecord(request) ? request['correlationID'] : undefined;
    socket.send(JSON.stringify({ correlationID, errorCode, errorMessage }));
  };
  const wanted = readRequest(request);
  if (!wanted) {
    refuse('E1001', 'Invalid Request Payload.');
    return;
  }
  for (const { market, token } of wanted.instruments) {
    const key = `${wanted.mode}|${market}|${token}`;
    if (!wanted.on) socket.subscriptions.delete(key);
    else if (socket.subscriptions.size >= SUBSCRIPTIONS_MAX && !socket.subscriptions.has(key)) {
      refuse('E1002', 'Invalid Request. Subscription Limit Exceeded');
      return;
    } else {
      // A token that nobody trades is accepted, and nothing is ever told of it.
      const instrument = instrumentOf(market, token, book);
      if (instrument) socket.subscriptions.set(key, { instrument, mode: key });
    }
  }
};

interface StreamRequest {
  readonly on: boolean;
  readonly mode: string;
  readonly instruments: readonly { readonly market: string; readonly token: string }[];
}

const readRequest = (request: unknown): StreamRequest | undefined => {
  if (!isRecord(request) || !isRecord(request['params'])) return undefined;
  const { action, params, correlationID } = request;
  const { mode, tokenList } = params;
  if (correlationID !== undefined && !(typeof correlationID === 'string' && correlationID.length <= 10))
    return undefined;
  if ((action !== 1 && action !== 0) || !MODES.includes(mode) || !Array.isArray(tokenList)) return undefined;
  const instruments: { market: string; token: string }[] = [];
  for (const list of tokenList as readonly unknown[]) {
    if (!isRecord(list) || !Array.isArray(list['tokens'])) return undefined;
    const market = String(list['exchangeType']);
    if (typeof list['exchangeType'] !== 'number' || !MARKETS[market]) return undefined;
    for (const token of list['tokens'] as readonly unknown[]) {
      if (typeof token !== 'string' || !/^\d{1,24}$/.test(token)) return undefined;
      instruments.push({ market, token });
    }
  }
  return instruments.length === 0 ? undefined : { on: action === 1, mode: String(mode), instruments };
};

/** Indices have tokens of Angel One's own; shares and contracts have the exchange's. */
const instrumentOf = (market: string, token: string, book: SimBook): Instrument | undefined => {
  const segments = MARKETS[market] ?? [];
  for (const segment of segments) {
    const found = book.instrument(`${segment}|${token}`);
    if (found?.segment === segment && segment !== 'NSE_INDEX' && segment !== 'BSE_INDEX') return found;
  }
  const found = book.instrument(token);
  return found && segments.includes(found.segment) ? found : undefined;
};

/** A packet for each instrument that has a price: the last is handed back, the others are sent before it. */
export const streamFrame = (socket: SimSocket, book: SimBook): Buffer | undefined => {
  let waiting: Buffer | undefined;
  for (const { instrument, mode: key } of socket.subscriptions.values()) {
    const lastE4 = book.lastPriceE4(instrument.instrumentKey);
    if (lastE4 === undefined) continue;
    if (waiting) socket.send(waiting);
    waiting = packet(key, instrument, lastE4, book.now(), nextSequence(socket));
  }
  return waiting;
};

const nextSequence = (socket: SimSocket): number => {
  const counter = packets.get(socket) ?? { sequence: 0 };
  packets.set(socket, counter);
  counter.sequence += 1;
  return counter.sequence;
};

/** The day's range is not simulated: all four of its prices are the last one. Volumes are 0. */
const packet = (key: string, instrument: Instrument, lastE4: number, nowMs: number, sequence: number): Buffer => {
  const [mode = '', market = '', token = ''] = key.split('|');
  const bytes = Buffer.alloc(PACKET_BYTES[mode] ?? 0);
  const int64 = (offset: number, value: number): void => {
    bytes.writeBigInt64LE(BigInt(value), offset);
  };
  // Paise; currencies are told in ten-millionths of a rupee.
  const price = (offset: number, priceE4: number): void =>
    int64(offset, instrument.segment === 'NCD_FO' ? priceE4 * 1000 : Math.round(priceE4 / 100));
  bytes.writeUInt8(Number(mode), 0);
  bytes.writeUInt8(Number(market), 1);
  bytes.write(token, 2, 25, 'ascii');
  int64(27, sequence);
  int64(35, nowMs);
  price(43, lastE4);
  if (mode === '1') return bytes;
  int64(51, instrument.lotSize ?? 0);
  price(59, lastE4);
  for (const offset of [91, 99, 107, 115]) price(offset, lastE4);
  if (mode === '2') return bytes;
  int64(123, Math.floor(nowMs / 1000));
  for (let row = 0; row < 10; row += 1) {
    const offset = 147 + row * 20;
    const isBuy = row < 5;
    bytes.writeInt16LE(isBuy ? 1 : 0, offset);
    if (row % 5 !== 0) continue;
    int64(offset + 2, instrument.lotSize ?? 0);
    price(offset + 10, isBuy ? lastE4 : lastE4 + (instrument.tickSizeE4 ?? 0));
    bytes.writeInt16LE(1, offset + 18);
  }
  price(363, lastE4);
  price(371, lastE4);
  return bytes;
};
