/** Fyers' data socket on the server's side. Whose it is, is told by its first frame and not by its request. */

import type { Instrument, Segment } from '#domain/instruments/instrument';

import type { Sessions, SimBook, SimClient, SimSocket } from '../dialect';
import {
  dataFrame,
  HSM,
  hsmAnswer,
  INDEX_FIELDS,
  liteItem,
  NO_VALUE,
  readHsm,
  snapshotItem,
  SYMBOL_FIELDS,
  updateItem,
} from './fyers-hsm';
import { isRecord, parsedJson } from '../words';

const SYMBOLS_MAX = 5000;

interface Topic {
  readonly topicId: number;
  /** The values of the frame before. */
  sent?: readonly number[];
}

interface PriceLine {
  hsmKey?: string;
  mode: 'F' | 'L';
  messages: number;
  readonly topics: Map<string, Topic>;
  topicIds: number;
}

interface Visitor {
  clientId: string;
  readonly credentials: Readonly<Record<string, string>>;
  readonly fundsE4: number;
}

const visitors = new WeakMap<SimClient, { readonly visitor: Visitor; readonly sessions: Sessions }>();
const lines = new WeakMap<SimSocket, PriceLine>();

/** Who has opened the socket: nobody, until the first frame says whose key this is. */
export const visitorOf = (sessions: Sessions): SimClient => {
  const visitor: Visitor = { clientId: '', credentials: {}, fundsE4: 0 };
  visitors.set(visitor, { visitor, sessions });
  return visitor;
};

export const openPrices = (socket: SimSocket): void => {
  lines.set(socket, { mode: 'F', messages: 0, topics: new Map(), topicIds: 0 });
};

export const onPriceMessage = (socket: SimSocket, data: Buffer, book: SimBook): void => {
  const line = lines.get(socket);
  const request = readHsm(data);
  if (!line || request?.type === 'sign-of-life') return;
  if (!request) {
    socket.send(hsmAnswer(data.length > 2 ? data.readUInt8(2) : 0, false));
    return;
  }
  if (request.type === 'auth') {
    const owner = ownerOf(socket, request.hsmKey);
    const entry = visitors.get(socket.client);
    if (owner && entry) {
      line.hsmKey = request.hsmKey;
      entry.visitor.clientId = owner.clientId;
    }
    socket.send(hsmAnswer(HSM.auth, owner !== undefined));
    return;
  }
  if (line.hsmKey === undefined || !ownerOf(socket, line.hsmKey)) {
    socket.send(hsmAnswer(HSM[request.type], false));
    return;
  }
  switch (request.type) {
    case 'mode':
      line.mode = request.mode;
      break;
    case 'subscribe':
      if (line.topics.size + request.topics.length > SYMBOLS_MAX) {
        socket.send(hsmAnswer(HSM.subscribe, false));
        return;
      }
      for (const name of request.topics) subscribe(socket, line, name, book);
      break;
    case 'unsubscribe':
      for (const name of request.topics) {
        line.topics.delete(name);
        socket.subscriptions.delete(name);
      }
  }
  socket.send(hsmAnswer(HSM[request.type], true));
};

/** A topic that names no instrument of ours is followed without anything ever being told of it. */
const subscribe = (socket: SimSocket, line: PriceLine, name: string, book: SimBook): void => {
  const instrument = instrumentOf(name, book);
  if (!instrument) return;
  line.topicIds = (line.topicIds + 1) & 0xffff;
  line.topics.set(name, { topicId: line.topicIds });
  socket.subscriptions.set(name, { instrument, mode: name.slice(0, 2) });
};

/**
 * Whose key this is, as long as the session is open. A key begins with the app's id in hexadecimal; the whole of it stands
 * in the access token.
 */
const ownerOf = (socket: SimSocket, hsmKey: string): SimClient | undefined => {
  const [, hex = ''] = /^((?:[0-9a-f]{2}){14})[0-9a-f]{64}$/.exec(hsmKey) ?? [];
  const client = visitors.get(socket.client)?.sessions.byCredential('appId', Buffer.from(hex, 'hex').toString());
  const [, payload = ''] = client?.credentials['accessToken']?.split('.') ?? [];
  const claims = parsedJson(Buffer.from(payload, 'base64url').toString());
  return isRecord(claims) && claims['hsm_key'] === hsmKey ? client : undefined;
};

const SEGMENTS: Readonly<Record<string, Segment>> = {
  nse_cm: 'NSE_EQ',
  bse_cm: 'BSE_EQ',
  nse_fo: 'NSE_FO',
  bse_fo: 'BSE_FO',
  mcx_fo: 'MCX_FO',
  cde_fo: 'NCD_FO',
  bcs_fo: 'BCD_FO',
  nse_com: 'NSE_COM',
};

/** `sf|nse_cm|3045`, `sf|nse_fo|51234`, `if|nse_cm|Nifty 50`; `dp|…` is a depth feed, which is not simulated. */
const instrumentOf = (topic: string, book: SimBook): Instrument | undefined => {
  const [kind, market = '', name = ''] = topic.split('|');
  const segment = SEGMENTS[market];
  if (segment === undefined) return undefined;
  const exchange = segment === 'NSE_EQ' ? 'NSE' : segment === 'BSE_EQ' ? 'BSE' : undefined;
  if (kind === 'if') {
    const index = exchange && book.instrument(`${exchange}:${name}`);
    return index?.instrumentType === 'INDEX' ? index : undefined;
  }
  if (kind !== 'sf' || !/^\d{1,12}$/.test(name)) return undefined;
  const found = book.instrument(`${segment}|${name}`);
  return found?.segment === segment ? found : undefined;
};

/**
 * What has changed since the frame before. The simulator knows a last price and nothing of volumes or the day's
 * range: those numbers have no value, which a real feed does too before the open.
 */
export const priceFrame = (socket: SimSocket, book: SimBook): Buffer | undefined => {
  const line = lines.get(socket);
  if (line?.hsmKey === undefined || !ownerOf(socket, line.hsmKey)) return undefined;
  const items: Buffer[] = [];
  for (const [name, { instrument }] of socket.subscriptions) {
    const topic = line.topics.get(name);
    const lastE4 = book.lastPriceE4(instrument.instrumentKey);
    if (!topic || lastE4 === undefined) continue;
    const item = itemOf(name, topic, instrument, lastE4, line.mode, book);
    if (item) items.push(item);
  }
  if (items.length === 0) return undefined;
  line.messages += 1;
  return dataFrame(line.messages, items);
};

const itemOf = (
  name: string,
  topic: Topic,
  instrument: Instrument,
  lastE4: number,
  mode: 'F' | 'L',
  book: SimBook,
): Buffer | undefined => {
  const precision = instrument.segment === 'NCD_FO' || instrument.segment === 'BCD_FO' ? 4 : 2;
  const values = valuesOf(instrument, lastE4, precision, book);
  const before = topic.sent;
  topic.sent = values;
  if (!before)
    return snapshotItem({
      topicId: topic.topicId,
      topic: name,
      values,
      precision,
      names: [name.split('|')[1] ?? '', instrument.exchangeToken, instrument.tradingSymbol],
    });
  const [last = NO_VALUE] = values;
  if (mode === 'L') return before[0] === last ? undefined : liteItem(topic.topicId, last);
  const changed = values.map((value, index) => (value === before[index] ? NO_VALUE : value));
  return changed.every((value) => value === NO_VALUE) ? undefined : updateItem(topic.topicId, changed);
};

const valuesOf = (instrument: Instrument, lastE4: number, precision: 2 | 4, book: SimBook): readonly number[] => {
  const scaled = (priceE4: number): number => Math.round(priceE4 / (precision === 2 ? 100 : 1));
  const seconds = Math.floor(book.now() / 1000);
  const known: Readonly<Record<string, number>> = {
    ltp: scaled(lastE4),
    last_traded_time: seconds,
    exch_feed_time: seconds,
    bid_price: scaled(lastE4),
    ask_price: scaled(lastE4 + (instrument.tickSizeE4 ?? 0)),
  };
  const fields = instrument.instrumentType === 'INDEX' ? INDEX_FIELDS : SYMBOL_FIELDS;
  return fields.map((field) => known[field] ?? NO_VALUE);
};
