/** The frames of Fyers' data socket: big-endian, all but the topic number, which is only ever compared. */

/** What a client may send. `undefined` fields of `readHsm` mean a frame that cannot be read. */
export type HsmRequest =
  | { readonly type: 'auth'; readonly hsmKey: string }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly topics: readonly string[] }
  | { readonly type: 'mode'; readonly mode: 'F' | 'L' }
  /** A ping, or an acknowledgement that nobody waits for. */
  | { readonly type: 'sign-of-life' };

export const HSM = { auth: 1, acknowledge: 3, subscribe: 4, unsubscribe: 5, data: 6, ping: 11, mode: 12 } as const;

/** The server's `no change`, and `not known` in a snapshot. */
export const NO_VALUE = -2_147_483_648;

/** In the order in which a symbol's numbers are sent. */
export const SYMBOL_FIELDS = [
  'ltp',
  'vol_traded_today',
  'last_traded_time',
  'exch_feed_time',
  'bid_size',
  'ask_size',
  'bid_price',
  'ask_price',
  'last_traded_qty',
  'tot_buy_qty',
  'tot_sell_qty',
  'avg_trade_price',
  'OI',
  'low_price',
  'high_price',
  'Yhigh',
  'Ylow',
  'lower_ckt',
  'upper_ckt',
  'open_price',
  'prev_close_price',
] as const;

export const INDEX_FIELDS = [
  'ltp',
  'prev_close_price',
  'exch_feed_time',
  'high_price',
  'low_price',
  'open_price',
] as const;

/** Reads a client's frame: two bytes of length (which clients fill as they like), type, then numbered fields. */
export const readHsm = (frame: Buffer): HsmRequest | undefined => {
  if (frame.length < 3) return undefined;
  const type = frame.readUInt8(2);
  if (type === HSM.ping || type === HSM.acknowledge) return { type: 'sign-of-life' };
  const fields = readFields(frame);
  const first = fields?.get(1);
  if (!fields || !first) return undefined;
  switch (type) {
    case HSM.auth:
      return fields.get(2)?.toString() === 'P' ? { type: 'auth', hsmKey: first.toString() } : undefined;
    case HSM.subscribe:
    case HSM.unsubscribe: {
      const topics = readTopics(first);
      return topics && { type: type === HSM.subscribe ? 'subscribe' : 'unsubscribe', topics };
    }
    case HSM.mode: {
      const mode = fields.get(2)?.toString();
      return first.length === 8 && (mode === 'F' || mode === 'L') ? { type: 'mode', mode } : undefined;
    }
    default:
      return undefined;
  }
};

const readFields = (frame: Buffer): Map<number, Buffer> | undefined => {
  const fields = new Map<number, Buffer>();
  const count = frame.length > 3 ? frame.readUInt8(3) : 0;
  let at = 4;
  for (let n = 0; n < count; n += 1) {
    if (at + 3 > frame.length) return undefined;
    const end = at + 3 + frame.readUInt16BE(at + 1);
    if (end > frame.length) return undefined;
    fields.set(frame.readUInt8(at), frame.subarray(at + 3, end));
    at = end;
  }
  return fields;
};

const readTopics = (list: Buffer): readonly string[] | undefined => {
  if (list.length < 2) return undefined;
  const topics: string[] = [];
  let at = 2;
  for (let n = 0; n < list.readUInt16BE(0); n += 1) {
    const end = at < list.length ? at + 1 + list.readUInt8(at) : Infinity;
    if (end > list.length) return undefined;
    topics.push(list.toString('ascii', at + 1, end));
    at = end;
  }
  return topics;
};

/** The answer to a request: `K`, or `N` for no. To an authentication it adds after how many frames to acknowledge. */
export const hsmAnswer = (type: number, good: boolean): Buffer => {
  const body = [type, type === HSM.auth ? 2 : 1, 1, 0, 1, (good ? 'K' : 'N').charCodeAt(0)];
  const never = [2, 0, 4, 0, 0, 0, 0];
  return framed(Buffer.from(type === HSM.auth ? [...body, ...never] : body));
};

export interface HsmSnapshot {
  readonly topicId: number;
  readonly topic: string;
  readonly values: readonly number[];
  readonly precision: number;
  /** Exchange, exchange token and symbol. */
  readonly names: readonly [string, string, string];
}

/** Everything that is known of a symbol, with its name and the scale of its prices. */
export const snapshotItem = ({ topicId, topic, values, precision, names }: HsmSnapshot): Buffer =>
  Buffer.concat([
    Buffer.from([83]),
    uint16(topicId),
    shortText(topic),
    numbers(values),
    Buffer.from([0, 0]), // without a meaning that is known
    uint16(1), // multiplier
    Buffer.from([precision]),
    ...names.map(shortText),
  ]);

/** What has changed of a symbol since the frame before. */
export const updateItem = (topicId: number, values: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from([85]), uint16(topicId), numbers(values)]);

/** The last price alone: no count before it. */
export const liteItem = (topicId: number, lastPrice: number): Buffer =>
  Buffer.concat([Buffer.from([76]), uint16(topicId), int32(lastPrice)]);

export const dataFrame = (messageNumber: number, items: readonly Buffer[]): Buffer => {
  const head = Buffer.alloc(7);
  head.writeUInt8(HSM.data, 0);
  head.writeUInt32BE(messageNumber, 1);
  head.writeUInt16BE(items.length, 5);
  return framed(Buffer.concat([head, ...items]));
};

/** A data frame of the whole market outgrows the length field, which then holds its low bits: no client reads it. */
const framed = (body: Buffer): Buffer => Buffer.concat([uint16(body.length & 0xffff), body]);

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

/** What does not fit is not known. */
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.abs(value) < 2 ** 31 ? value : NO_VALUE);
  return bytes;
};

const numbers = (values: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from([values.length]), ...values.map(int32)]);

const shortText = (text: string): Buffer => {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
};
