import type { Instrument } from '#domain/instruments/instrument';
import type { SimBook, SimSocket } from '../dialect';
import { KITE_SEGMENT } from '../market';
import { isRecord, parsedJson } from '../words';

/** Kite numbers its indices in a segment of their own. */
const INDEX_SEGMENT = 9;
const SIZE = { ltp: 8, quote: 44, full: 184, indexQuote: 28, indexFull: 32 } as const;
const DEPTH_LEVELS = 5;
const DEPTH_QUANTITY = 100;

/** The number that Kite gives what can be traded. */
export const kiteToken = ({ segment, exchangeToken }: Instrument): number =>
  Number(exchangeToken) * 256 + (KITE_SEGMENT[segment] ?? INDEX_SEGMENT);

/** How many units of a packet's integers make a rupee. */
const unitsPerRupee = ({ segment }: Instrument): number =>
  segment === 'NCD_FO' ? 10_000_000 : segment === 'BCD_FO' ? 10_000 : 100;

/** One byte that says: still here. */
const HEARTBEAT = Buffer.from([0]);

/** Prices of everything the socket follows, each packet with its length before it; a heartbeat when that is nothing. */
export const tickerFrame = (followed: SimSocket['subscriptions'], book: SimBook): Buffer => {
  const packets = [...followed].flatMap(([token, { instrument, mode }]) => {
    const packet = packetOf(Number(token), instrument, mode, book);
    return packet === undefined ? [] : [packet];
  });
  if (packets.length === 0) return HEARTBEAT;
  const count = Buffer.alloc(2);
  count.writeUInt16BE(packets.length);
  return Buffer.concat([
    count,
    ...packets.flatMap((packet) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.length);
      return [length, packet];
    }),
  ]);
};

const packetOf = (token: number, instrument: Instrument, mode: string, book: SimBook): Buffer | undefined => {
  const lastE4 = book.lastPriceE4(instrument.instrumentKey);
  if (lastE4 === undefined) return undefined;
  const price = (priceE4: number): number => Math.round((priceE4 * unitsPerRupee(instrument)) / 10_000);
  const isIndex = instrument.segment === 'NSE_INDEX' || instrument.segment === 'BSE_INDEX';
  const size =
    mode === 'ltp'
      ? SIZE.ltp
      : isIndex
        ? mode === 'full'
          ? SIZE.indexFull
          : SIZE.indexQuote
        : mode === 'full'
          ? SIZE.full
          : SIZE.quote;
  const packet = Buffer.alloc(size);
  const last = price(lastE4);
  const seconds = Math.floor(book.now() / 1_000);
  packet.writeUInt32BE(token, 0);
  packet.writeInt32BE(last, 4);
  if (mode === 'ltp') return packet;
  if (isIndex) {
    for (const offset of [8, 12, 16, 20]) packet.writeInt32BE(last, offset);
    if (mode === 'full') packet.writeUInt32BE(seconds, 28);
    return packet;
  }
  packet.writeUInt32BE(1, 8);
  packet.writeInt32BE(last, 12);
  packet.writeUInt32BE(DEPTH_QUANTITY * DEPTH_LEVELS, 20);
  packet.writeUInt32BE(DEPTH_QUANTITY * DEPTH_LEVELS, 24);
  for (const offset of [28, 32, 36, 40]) packet.writeInt32BE(last, offset);
  if (mode !== 'full') return packet;
  packet.writeUInt32BE(seconds, 44);
  packet.writeUInt32BE(seconds, 60);
  const tickE4 = instrument.tickSizeE4 ?? 0;
  for (let level = 0; level < DEPTH_LEVELS * 2; level += 1) {
    const isBid = level < DEPTH_LEVELS;
    const distance = ((level % DEPTH_LEVELS) + 1) * tickE4;
    const at = 64 + level * 12;
    packet.writeUInt32BE(DEPTH_QUANTITY, at);
    packet.writeInt32BE(price(isBid ? Math.max(0, lastE4 - distance) : lastE4 + distance), at + 4);
    packet.writeUInt16BE(1, at + 8);
  }
  return packet;
};

/** `subscribe`, `unsubscribe` and `mode`, as JSON in a text frame. */
export const onTickerMessage = (socket: SimSocket, data: Buffer, isBinary: boolean, book: SimBook): void => {
  const asked = isBinary ? undefined : parsedJson(data.toString('utf8'));
  if (!isRecord(asked)) return;
  const { a: action } = asked;
  const value: readonly unknown[] = Array.isArray(asked['v']) ? asked['v'] : [];
  const [mode, listed] = action === 'mode' ? value : ['quote', value];
  for (const token of Array.isArray(listed) ? listed : []) {
    const instrument = typeof token === 'number' ? book.instrument(String(token)) : undefined;
    if (instrument === undefined) continue;
    // By the number that was asked for: Kite numbers its indices in its own way.
    const key = String(token);
    if (action === 'unsubscribe') socket.subscriptions.delete(key);
    else if (action === 'mode' && !socket.subscriptions.has(key)) continue;
    else if (action === 'mode' || action === 'subscribe')
      socket.subscriptions.set(key, { instrument, mode: typeof mode === 'string' ? mode : 'quote' });
  }
  if (action !== 'unsubscribe') socket.send(tickerFrame(socket.subscriptions, book));
};
