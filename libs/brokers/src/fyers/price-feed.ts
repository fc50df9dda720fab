import type { Evidence } from '#domain/orders/order';
import type { BrokerInstrument, PriceTick } from '../client';
import type { Say } from '../reading';

/* Fyers' data socket (HSM): big-endian binary. Topics are named by us and numbered by the server, once a connection. */

export const SYMBOLS_MAX = 5_000;
const SYMBOLS_PER_MESSAGE = 1_000;
const CHANNEL = 11;
const SOURCE = 'coordinator';

const AUTH = 1;
const ACKNOWLEDGE = 3;
const SUBSCRIBE = 4;
const UNSUBSCRIBE = 5;
const DATA = 6;
const MODE = 12;
const FULL = 70;

const SNAPSHOT = 83;
const UPDATE = 85;
const UNCHANGED = -2_147_483_648;

/* ----------------------------------------------------------------------------------------------------- topics */

/** First four digits of a token: exchange and segment. */
const MARKETS: Readonly<Record<string, string>> = {
  '1010': 'nse_cm',
  '1011': 'nse_fo',
  '1012': 'cde_fo',
  '1020': 'nse_com',
  '1120': 'mcx_fo',
  '1210': 'bse_cm',
  '1211': 'bse_fo',
  '1212': 'bcs_fo',
};
/** Exchange, segment and expiry come before the exchange's own number. */
const EXCHANGE_TOKEN_AT = 10;

/** The feed knows indices by the exchange's names for them, which no master file prints. */
const INDEX_NAMES: Readonly<Record<string, string>> = {
  'NSE:NIFTY50-INDEX': 'Nifty 50',
  'NSE:NIFTYBANK-INDEX': 'Nifty Bank',
  'NSE:FINNIFTY-INDEX': 'Nifty Fin Service',
  'NSE:MIDCPNIFTY-INDEX': 'NIFTY MID SELECT',
  'NSE:NIFTYNXT50-INDEX': 'Nifty Next 50',
  'NSE:NIFTY100-INDEX': 'Nifty 100',
  'NSE:NIFTY200-INDEX': 'Nifty 200',
  'NSE:NIFTY500-INDEX': 'Nifty 500',
  'NSE:NIFTYIT-INDEX': 'Nifty IT',
  'NSE:NIFTYAUTO-INDEX': 'Nifty Auto',
  'NSE:NIFTYFMCG-INDEX': 'Nifty FMCG',
  'NSE:NIFTYMETAL-INDEX': 'Nifty Metal',
  'NSE:NIFTYPHARMA-INDEX': 'Nifty Pharma',
  'NSE:NIFTYREALTY-INDEX': 'Nifty Realty',
  'NSE:NIFTYENERGY-INDEX': 'Nifty Energy',
  'NSE:INDIAVIX-INDEX': 'India VIX',
  'BSE:SENSEX-INDEX': 'SENSEX',
  'BSE:BANKEX-INDEX': 'BANKEX',
};

/** The topic of an instrument; `undefined` where the feed's name for it is not known. */
export const topicOf = ({ symbol, token, segment }: BrokerInstrument): string | undefined => {
  const market = MARKETS[token.slice(0, 4)];
  if (market === undefined) return undefined;
  if (segment === 'NSE_INDEX' || segment === 'BSE_INDEX') {
    const name = INDEX_NAMES[symbol];
    return name === undefined ? undefined : `if|${market}|${name}`;
  }
  const exchangeToken = token.slice(EXCHANGE_TOKEN_AT);
  return exchangeToken === '' ? undefined : `sf|${market}|${exchangeToken}`;
};

/* --------------------------------------------------------------------------------------------------- messages */

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

/** Type, number of fields, and each field as id, length, content; before it all the length of what follows. */
const message = (type: number, fields: readonly Buffer[]): Buffer => {
  const body = Buffer.concat([
    Buffer.from([type, fields.length]),
    ...fields.flatMap((field, index) => [Buffer.from([index + 1]), uint16(field.length), field]),
  ]);
  return Buffer.concat([uint16(body.length), body]);
};

export const authMessage = (hsmKey: string): Buffer =>
  message(AUTH, [Buffer.from(hsmKey), Buffer.from('P'), Buffer.from([1]), Buffer.from(SOURCE)]);

export const fullModeMessage = (): Buffer => {
  const channels = Buffer.alloc(8);
  channels.writeBigUInt64BE(1n << BigInt(CHANNEL));
  return message(MODE, [channels, Buffer.from([FULL])]);
};

export const acknowledgement = (messageNumber: number): Buffer => {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(messageNumber);
  return message(ACKNOWLEDGE, [number]);
};

export const subscribeMessages = (topics: readonly string[]): readonly Buffer[] => symbolMessages(SUBSCRIBE, topics);
export const unsubscribeMessages = (topics: readonly string[]): readonly Buffer[] =>
  symbolMessages(UNSUBSCRIBE, topics);

const symbolMessages = (type: number, topics: readonly string[]): readonly Buffer[] => {
  const messages: Buffer[] = [];
  for (let from = 0; from < topics.length; from += SYMBOLS_PER_MESSAGE) {
    const names = topics.slice(from, from + SYMBOLS_PER_MESSAGE).map((topic) => Buffer.from(topic));
    const list = names.flatMap((name) => [Buffer.from([name.length]), name]);
    messages.push(message(type, [Buffer.concat([uint16(names.length), ...list]), Buffer.from([CHANNEL])]));
  }
  return messages;
};

/* ----------------------------------------------------------------------------------------------------- frames */

export type PriceFrame =
  | { readonly kind: 'ticks'; readonly ticks: readonly TopicTick[]; readonly reply?: Buffer; readonly drift?: Evidence }
  | { readonly kind: 'up' }
  | { readonly kind: 'refused'; readonly evidence: Evidence }
  /** Acknowledgements and master data. */
  | { readonly kind: 'other' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

/** A tick that is not yet known by our key. */
export type TopicTick = Omit<PriceTick, 'instrumentKey'> & { readonly topic: string };

/** Where a field stands in each kind of topic. */
const FIELDS = {
  sf: { count: 21, last: 0, volume: 1, tradedAt: 2, sentAt: 3, bid: 6, ask: 7 },
  if: { count: 6, last: 0, sentAt: 2 },
} as const;

interface Topic {
  readonly name: string;
  readonly kind: 'sf' | 'if';
  /** 10^precision × multiplier. */
  readonly divisor: number;
  readonly values: (number | undefined)[];
}

/** Reads past the end of a frame. */
class Truncated extends Error {}

class Cursor {
  constructor(
    private readonly data: Buffer,
    private at: number,
  ) {}
  uint8(): number {
    return this.data.readUInt8(this.take(1));
  }
  uint16(): number {
    return this.data.readUInt16BE(this.take(2));
  }
  int32(): number {
    return this.data.readInt32BE(this.take(4));
  }
  uint32(): number {
    return this.data.readUInt32BE(this.take(4));
  }
  bytes(length: number): Buffer {
    const from = this.take(length);
    return this.data.subarray(from, from + length);
  }
  get left(): number {
    return this.data.length - this.at;
  }
  private take(length: number): number {
    const from = this.at;
    if (from + length > this.data.length) throw new Truncated();
    this.at += length;
    return from;
  }
}

/** Reads the frames of one connection: what the server numbered, only this connection knows. */
export class PriceFrames {
  private readonly topics = new Map<number, Topic>();
  private acknowledgeEvery = 0;
  private received = 0;

  constructor(
    private readonly say: Say,
    private readonly now: () => number,
  ) {}

  read(data: Buffer): PriceFrame {
    try {
      return this.readFrame(data);
    } catch (error) {
      if (!(error instanceof Truncated)) throw error;
      return { kind: 'drift', evidence: this.say('DRIFT', 'frame: ends too early') };
    }
  }

  private readFrame(data: Buffer): PriceFrame {
    const cursor = new Cursor(data, 2);
    const type = cursor.uint8();
    if (type === AUTH) return this.readAuth(cursor);
    if (type === SUBSCRIBE || type === UNSUBSCRIBE) return this.readReceipt(cursor, type);
    return type === DATA ? this.readData(cursor) : { kind: 'other' };
  }

  /** `K` is yes. A second field says how many data messages may stand unacknowledged. */
  private readAuth(cursor: Cursor): PriceFrame {
    const said = receiptOf(cursor);
    if (said !== undefined && said !== 'K')
      return { kind: 'refused', evidence: this.say('HSM_AUTH', 'the data socket does not take this session') };
    if (cursor.left >= 7) {
      cursor.bytes(3);
      this.acknowledgeEvery = cursor.uint32();
    }
    return { kind: 'up' };
  }

  private readReceipt(cursor: Cursor, type: number): PriceFrame {
    const said = receiptOf(cursor);
    if (said === undefined || said === 'K') return { kind: 'other' };
    const what = type === SUBSCRIBE ? 'to subscribe' : 'to unsubscribe';
    return { kind: 'drift', evidence: this.say('HSM_REFUSED', `the data socket refused ${what}`) };
  }

  private readData(cursor: Cursor): PriceFrame {
    const messageNumber = cursor.uint32();
    const count = cursor.uint16();
    const ticks: TopicTick[] = [];
    let drift: Evidence | undefined;
    try {
      for (let item = 0; item < count; item += 1) {
        const topic = this.readItem(cursor, item);
        const tick = topic && this.tickOf(topic);
        if (tick) ticks.push(tick);
      }
    } catch (error) {
      // What came before it in the frame was whole.
      const what = error instanceof Truncated ? 'frame: ends too early' : told(error);
      drift = this.say('DRIFT', what);
    }
    this.received += 1;
    const isDue = this.acknowledgeEvery > 0 && this.received % this.acknowledgeEvery === 0;
    return {
      kind: 'ticks',
      ticks,
      ...(isDue && { reply: acknowledgement(messageNumber) }),
      ...(drift && { drift }),
    };
  }

  private readItem(cursor: Cursor, item: number): Topic | undefined {
    const kind = cursor.uint8();
    if (kind === SNAPSHOT) return this.readSnapshot(cursor, item);
    if (kind !== UPDATE) throw new Error(`item[${String(item)}]: kind ${String(kind)} is not known`);
    const topic = this.topics.get(cursor.uint16());
    const values = valuesOf(cursor);
    if (!topic) return undefined; // unsubscribed meanwhile, or a kind that we do not follow
    values.forEach((value, index) => {
      if (value !== UNCHANGED && index < topic.values.length) topic.values[index] = value;
    });
    return topic;
  }

  private readSnapshot(cursor: Cursor, item: number): Topic | undefined {
    const id = cursor.uint16();
    const name = cursor.bytes(cursor.uint8()).toString('utf8');
    const values = valuesOf(cursor);
    cursor.bytes(2);
    const multiplier = cursor.uint16();
    const precision = cursor.uint8();
    for (let text = 0; text < 3; text += 1) cursor.bytes(cursor.uint8());
    const kind = name.slice(0, 2);
    if (kind !== 'sf' && kind !== 'if') return undefined;
    if (multiplier === 0 || precision > 8)
      throw new Error(`item[${String(item)}]: multiplier ${String(multiplier)}, precision ${String(precision)}`);
    const topic: Topic = {
      name,
      kind,
      divisor: multiplier * 10 ** precision,
      values: Array.from({ length: FIELDS[kind].count }, (_, index) => {
        const value = values[index];
        return value === UNCHANGED ? undefined : value;
      }),
    };
    this.topics.set(id, topic);
    return topic;
  }

  private tickOf({ name, kind, divisor, values }: Topic): TopicTick | undefined {
    const price = (at: number): number | undefined => {
      const value = values[at];
      return value === undefined || value <= 0 ? undefined : toE4(value, divisor);
    };
    const lastPriceE4 = price(FIELDS[kind].last);
    if (lastPriceE4 === undefined) return undefined;
    const instant = (at: number): number | undefined => {
      const seconds = values[at] ?? 0;
      return seconds > 0 ? seconds * 1000 : undefined;
    };
    if (kind === 'if') return { topic: name, lastPriceE4, atMs: instant(FIELDS.if.sentAt) ?? this.now() };
    const at = FIELDS.sf;
    const [bidE4, askE4, volume] = [price(at.bid), price(at.ask), values[at.volume]];
    return {
      topic: name,
      lastPriceE4,
      atMs: instant(at.tradedAt) ?? instant(at.sentAt) ?? this.now(),
      ...(volume !== undefined && volume >= 0 && { volume }),
      ...(bidE4 !== undefined && { bidE4 }),
      ...(askE4 !== undefined && { askE4 }),
    };
  }
}

const valuesOf = (cursor: Cursor): readonly number[] => Array.from({ length: cursor.uint8() }, () => cursor.int32());

/** The first field of a receipt, if there is one. */
const receiptOf = (cursor: Cursor): string | undefined => {
  if (cursor.left < 4) return undefined;
  cursor.bytes(2); // number of fields, id of the first
  return cursor.bytes(cursor.uint16()).toString('utf8');
};

/** In whole numbers; rounded half up where the feed is finer than 1/10,000 rupee. */
const toE4 = (value: number, divisor: number): number => {
  const tenThousandths = value * 10_000;
  const rest = tenThousandths % divisor;
  return (tenThousandths - rest) / divisor + (2 * rest >= divisor ? 1 : 0);
};

const told = (error: unknown): string => (error instanceof Error ? error.message : String(error));
