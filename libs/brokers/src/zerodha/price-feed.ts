import type { Evidence } from '#domain/orders/order';
import type { Tell } from '../answers';
import type { PriceTick } from '../client';

export type PriceFrame =
  | { readonly kind: 'ticks'; readonly ticks: readonly PriceTick[] }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

/** Sizes of what one packet may hold. */
const LTP_BYTES = 8;
const INDEX_QUOTE_BYTES = 28;
const INDEX_FULL_BYTES = 32;
const QUOTE_BYTES = 44;
const FULL_BYTES = 184;
const SIZES = new Set([LTP_BYTES, INDEX_QUOTE_BYTES, INDEX_FULL_BYTES, QUOTE_BYTES, FULL_BYTES]);

/** Segments whose prices are not in paise, by the last byte of the token. */
const CURRENCY = 3;
const BSE_CURRENCY = 6;

const BIDS_AT = 64;
const ASKS_AT = BIDS_AT + 5 * 12;

/**
 * A binary frame: a count, and that many packets with their length; one byte alone is a sign of life.
 *
 * @param keyOf our key for a token, `undefined` for what is not followed (any more)
 * @param nowMs dates packets that bring no time
 */
export const readPriceFrame = (
  frame: Buffer,
  keyOf: (token: string) => string | undefined,
  nowMs: number,
  tell: Tell,
): PriceFrame => {
  if (frame.length === 1) return { kind: 'heartbeat' };
  const drift = (what: string): PriceFrame => ({ kind: 'drift', evidence: tell('DRIFT', what) });
  if (frame.length < 2) return drift('an empty frame');
  const ticks: PriceTick[] = [];
  const count = frame.readUInt16BE(0);
  let at = 2;
  for (let index = 0; index < count; index++) {
    if (at + 2 > frame.length) return drift(`packet ${String(index)} of ${String(count)}: missing`);
    const size = frame.readUInt16BE(at);
    const packet = frame.subarray(at + 2, at + 2 + size);
    if (packet.length < size) return drift(`packet ${String(index)} of ${String(count)}: cut short`);
    if (!SIZES.has(size)) return drift(`packet ${String(index)} of ${String(count)}: ${String(size)} bytes`);
    const tick = tickOf(packet, keyOf, nowMs);
    if (tick) ticks.push(tick);
    at += 2 + size;
  }
  return at === frame.length ? { kind: 'ticks', ticks } : drift(`${String(frame.length - at)} bytes too many`);
};

/** `undefined` for what is not followed, and before the first trade. */
export const tickOf = (
  packet: Buffer,
  keyOf: (token: string) => string | undefined,
  nowMs: number,
): PriceTick | undefined => {
  const token = packet.readUInt32BE(0);
  const priceE4 = (offset: number): number => toE4(packet.readInt32BE(offset), token & 0xff);
  const instrumentKey = keyOf(String(token));
  const lastPriceE4 = priceE4(4);
  if (instrumentKey === undefined || lastPriceE4 <= 0) return undefined;
  const seconds =
    packet.length === FULL_BYTES
      ? packet.readUInt32BE(44) || packet.readUInt32BE(60)
      : packet.length === INDEX_FULL_BYTES
        ? packet.readUInt32BE(28)
        : 0;
  const bidE4 = packet.length === FULL_BYTES ? priceE4(BIDS_AT + 4) : 0;
  const askE4 = packet.length === FULL_BYTES ? priceE4(ASKS_AT + 4) : 0;
  return {
    instrumentKey,
    lastPriceE4,
    atMs: seconds > 0 ? seconds * 1000 : nowMs,
    ...(packet.length >= QUOTE_BYTES && { volume: packet.readUInt32BE(16) }),
    ...(bidE4 > 0 && { bidE4 }),
    ...(askE4 > 0 && { askE4 }),
  };
};

const toE4 = (printed: number, segment: number): number =>
  segment === CURRENCY ? Math.round(printed / 1000) : segment === BSE_CURRENCY ? printed : printed * 100;

/** Tokens are numbers on this wire; they are written as the digits they came as. */
export const subscribe = (tokens: readonly string[]): readonly string[] => [
  `{"a":"subscribe","v":[${digits(tokens)}]}`,
  `{"a":"mode","v":["full",[${digits(tokens)}]]}`,
];

export const unsubscribe = (tokens: readonly string[]): string => `{"a":"unsubscribe","v":[${digits(tokens)}]}`;

const digits = (tokens: readonly string[]): string => tokens.filter((token) => /^\d{1,10}$/.test(token)).join(',');
