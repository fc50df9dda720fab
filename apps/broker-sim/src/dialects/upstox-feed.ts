import type { Instrument } from '#domain/instruments/instrument';
import { toRupees } from '#domain/money';
import type { SimBook, SimSocket } from '../dialect';
import { isRecord, parsedJson } from '../words';
import { bytesField, doubleField, intField, mapEntry, message } from './protobuf-writer';

/** FeedResponse.type */
const INITIAL_FEED = 0;
const LIVE_FEED = 1;
const MARKET_INFO = 2;
const NORMAL_OPEN = 2;

const REQUEST_MODE: ReadonlyMap<string, number> = new Map([
  ['ltpc', 0],
  ['full', 1],
  ['option_greeks', 2],
  ['full_d30', 3],
]);

const DEPTH_QUANTITY = 100;

/** The first frame on a price socket: which segments are open. All are: the recorded day never ends. */
export const marketInfo = (now: number): Buffer => {
  const segments = ['NSE_EQ', 'NSE_FO', 'BSE_EQ', 'BSE_FO', 'NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM'];
  const status = segments.map((segment) => mapEntry(1, segment, intField(2, NORMAL_OPEN)));
  return message(intField(1, MARKET_INFO), intField(3, now), bytesField(4, message(...status)));
};

/** Prices of everything the socket follows; `undefined` when that is nothing. */
export const feedFrame = (
  type: 'initial' | 'live',
  followed: SimSocket['subscriptions'],
  book: SimBook,
): Buffer | undefined => {
  const feeds = [...followed].flatMap(([instrumentKey, { instrument, mode }]) => {
    const feed = feedOf(instrument, mode, book);
    return feed === undefined ? [] : [mapEntry(2, instrumentKey, bytesField(2, feed))];
  });
  if (feeds.length === 0) return undefined;
  return message(intField(1, type === 'initial' ? INITIAL_FEED : LIVE_FEED), ...feeds, intField(3, book.now()));
};

/** A `Feed`: the last price alone, or with the best prices around it. */
const feedOf = (instrument: Instrument, mode: string, book: SimBook): Buffer | undefined => {
  const lastE4 = book.lastPriceE4(instrument.instrumentKey);
  if (lastE4 === undefined) return undefined;
  const last = toRupees(lastE4);
  const ltpc = message(doubleField(1, last), intField(2, book.now()), intField(3, 1), doubleField(4, last));
  const requestMode = intField(4, REQUEST_MODE.get(mode) ?? 0);
  if (mode === 'ltpc') return message(bytesField(1, ltpc), requestMode);
  const tickE4 = instrument.tickSizeE4 ?? 0;
  const quote = message(
    intField(1, DEPTH_QUANTITY),
    doubleField(2, toRupees(lastE4 - tickE4)),
    intField(3, DEPTH_QUANTITY),
    doubleField(4, toRupees(lastE4 + tickE4)),
  );
  const isIndex = instrument.segment === 'NSE_INDEX' || instrument.segment === 'BSE_INDEX';
  const full = isIndex
    ? bytesField(2, bytesField(1, ltpc))
    : bytesField(1, message(bytesField(1, ltpc), bytesField(2, bytesField(1, quote)), doubleField(5, last)));
  return message(bytesField(2, full), requestMode);
};

/** What a client asked for in a binary frame of JSON; the snapshot of what is new comes at once. */
export const onFeedMessage = (socket: SimSocket, data: Buffer, isBinary: boolean, book: SimBook): void => {
  const asked = isBinary ? parsedJson(data.toString('utf8')) : undefined;
  if (!isRecord(asked) || !isRecord(asked['data'])) return;
  const { mode, instrumentKeys } = asked['data'];
  const wanted: [string, { instrument: Instrument; mode: string }][] = [];
  for (const instrumentKey of Array.isArray(instrumentKeys) ? instrumentKeys : []) {
    const instrument = typeof instrumentKey === 'string' ? book.instrument(instrumentKey) : undefined;
    if (instrument === undefined || instrument.instrumentKey !== instrumentKey) continue;
    wanted.push([instrument.instrumentKey, { instrument, mode: typeof mode === 'string' ? mode : 'ltpc' }]);
  }
  if (asked['method'] === 'unsub') {
    for (const [instrumentKey] of wanted) socket.subscriptions.delete(instrumentKey);
    return;
  }
  if (asked['method'] !== 'sub' && asked['method'] !== 'change_mode') return;
  for (const [instrumentKey, each] of wanted) socket.subscriptions.set(instrumentKey, each);
  const frame = feedFrame('initial', new Map(wanted), book);
  if (frame !== undefined) socket.send(frame);
};
