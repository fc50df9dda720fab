import { parse } from 'protobufjs';
import { tellOf } from '../answers';
import { fixture } from '../in-spec';
import { readOrderFrame } from './order-feed';
import { readPostback } from './postback';
import { readPriceFrame } from './price-feed';

const tell = tellOf({ accessToken: 'token-of-today' });
const nobody = (): undefined => undefined;

/** The published layout written out in its own language, as far as it is sent here, and more than is read. */
const FeedResponse = parse(`
  syntax = "proto3";
  message FeedResponse { Type type = 1; map<string, Feed> feeds = 2; int64 currentTs = 3; MarketInfo marketInfo = 4; }
  enum Type { initial_feed = 0; live_feed = 1; market_info = 2; }
  message Feed { oneof FeedUnion { LTPC ltpc = 1; FullFeed fullFeed = 2; FirstLevelWithGreeks firstLevelWithGreeks = 3; } RequestMode requestMode = 4; }
  enum RequestMode { ltpc = 0; full_d5 = 1; option_greeks = 2; full_d30 = 3; }
  message LTPC { double ltp = 1; int64 ltt = 2; int64 ltq = 3; double cp = 4; }
  message FullFeed { oneof FullFeedUnion { MarketFullFeed marketFF = 1; IndexFullFeed indexFF = 2; } }
  message MarketFullFeed { LTPC ltpc = 1; MarketLevel marketLevel = 2; OptionGreeks optionGreeks = 3; MarketOHLC marketOHLC = 4; double atp = 5; int64 vtt = 6; double oi = 7; double iv = 8; double tbq = 9; double tsq = 10; }
  message IndexFullFeed { LTPC ltpc = 1; MarketOHLC marketOHLC = 2; }
  message FirstLevelWithGreeks { LTPC ltpc = 1; Quote firstDepth = 2; OptionGreeks optionGreeks = 3; int64 vtt = 4; double oi = 5; double iv = 6; }
  message MarketLevel { repeated Quote bidAskQuote = 1; }
  message Quote { int64 bidQ = 1; double bidP = 2; int64 askQ = 3; double askP = 4; }
  message MarketOHLC { repeated OHLC ohlc = 1; }
  message OHLC { string interval = 1; double open = 2; double high = 3; double low = 4; double close = 5; int64 vol = 6; int64 ts = 7; }
  message OptionGreeks { double delta = 1; double theta = 2; double gamma = 3; double vega = 4; double rho = 5; }
  message MarketInfo { map<string, MarketStatus> segmentStatus = 1; }
  enum MarketStatus { PRE_OPEN_START = 0; PRE_OPEN_END = 1; NORMAL_OPEN = 2; NORMAL_CLOSE = 3; CLOSING_START = 4; CLOSING_END = 5; }
`).root.lookupType('FeedResponse');

const LTT_MS = 1_767_325_500_123;
const NOW_MS = 1_767_325_501_000;
const frame = (message: object): Uint8Array =>
  FeedResponse.encode(FeedResponse.fromObject({ type: 'live_feed', currentTs: NOW_MS, ...message })).finish();
const read = (bytes: Uint8Array) =>
  readPriceFrame(bytes, (symbol) => (symbol.startsWith('NSE_') ? `ours ${symbol}` : undefined), tell);
const ltpc = { ltp: 1412.3, ltt: LTT_MS, ltq: 5, cp: 1400 };

describe('prices from Upstox', () => {
  it('are read with the best bid and offer and the volume of the day', () => {
    const marketFF = {
      ltpc,
      marketLevel: {
        bidAskQuote: [
          { bidQ: 10, bidP: 1412.25, askQ: 12, askP: 1412.35 },
          { bidQ: 20, bidP: 1412.2, askQ: 22, askP: 1412.4 },
        ],
      },
      marketOHLC: { ohlc: [{ interval: '1d', open: 1, high: 2, low: 1, close: 2, vol: 7, ts: LTT_MS }] },
      atp: 1411.11,
      vtt: 12_345_678,
      oi: 1,
    };
    expect(
      read(frame({ feeds: { 'NSE_EQ|INE002A01018': { fullFeed: { marketFF }, requestMode: 'full_d5' } } })),
    ).toEqual({
      kind: 'ticks',
      ticks: [
        {
          instrumentKey: 'ours NSE_EQ|INE002A01018',
          lastPriceE4: 14_123_000,
          atMs: LTT_MS,
          volume: 12_345_678,
          bidE4: 14_122_500,
          askE4: 14_123_500,
        },
      ],
    });
  });

  it('are read from the other kinds of messages', () =>
    expect(
      read(
        frame({
          feeds: {
            'NSE_INDEX|Nifty 50': { fullFeed: { indexFF: { ltpc } } },
            'NSE_EQ|A': { ltpc },
            'NSE_FO|1': { firstLevelWithGreeks: { ltpc, firstDepth: { bidP: 0.05, askP: 0 }, vtt: 75, oi: 3 } },
          },
        }),
      ),
    ).toEqual({
      kind: 'ticks',
      ticks: [
        { instrumentKey: 'ours NSE_INDEX|Nifty 50', lastPriceE4: 14_123_000, atMs: LTT_MS },
        { instrumentKey: 'ours NSE_EQ|A', lastPriceE4: 14_123_000, atMs: LTT_MS },
        { instrumentKey: 'ours NSE_FO|1', lastPriceE4: 14_123_000, atMs: LTT_MS, volume: 75, bidE4: 500 },
      ],
    }));

  it('are dated by the frame where no trade is dated', () =>
    expect(read(frame({ feeds: { 'NSE_EQ|A': { ltpc: { ltp: 1.05 } } } }))).toMatchObject({
      ticks: [{ lastPriceE4: 10_500, atMs: NOW_MS }],
    }));

  it('are not told before the first trade, nor of what is not followed', () =>
    expect(read(frame({ feeds: { 'NSE_EQ|A': { ltpc: { cp: 3 } }, 'NSE_EQ|B': {}, 'BSE_EQ|C': { ltpc } } }))).toEqual({
      kind: 'ticks',
      ticks: [],
    }));

  it('pass over the state of the market, as recorded', () => {
    const recorded = JSON.parse(fixture('upstox', 'feed_market_info_decoded.json')) as object;
    expect(read(frame(recorded))).toEqual({ kind: 'ticks', ticks: [] });
  });

  it.each([
    ['cut short', frame({ feeds: { 'NSE_EQ|A': { ltpc } } }).subarray(0, -3)],
    ['text', Buffer.from('{"error":"no"}')],
    ['of another kind', Buffer.from([0x0f, 0xff, 0xff, 0xff])],
  ])('that are %s are drift', (_, bytes) => expect(read(bytes)).toMatchObject({ kind: 'drift' }));

  it('that no price can be are drift by name', () =>
    expect(read(frame({ feeds: { 'NSE_EQ|A': { ltpc: { ltp: NaN, ltt: LTT_MS } } } }))).toMatchObject({
      kind: 'drift',
      evidence: { message: '$.feeds[NSE_EQ|A].ltpc: no price or no time' },
    }));
});

describe('the order socket of Upstox', () => {
  const recorded = fixture('upstox', 'webhook_order_update.json');

  it('tells an order as the book has it', () =>
    expect(readOrderFrame(recorded, nobody, tell)).toEqual({
      kind: 'rows',
      rows: [
        {
          brokerOrderId: '240221025997024',
          symbol: 'NSE_EQ|INE848E01016',
          side: 'BUY',
          product: 'CNC',
          state: 'PENDING_ACK',
          rawState: 'put order req received',
          terms: { orderType: 'MARKET', quantity: 1, validity: 'DAY' },
          filledQuantity: 0,
          updatedAtMs: Date.parse('2024-02-21T14:40:02+05:30'),
        },
      ],
    }));

  it('passes over what is not about orders', () =>
    expect(readOrderFrame('{"update_type":"position"}', nobody, tell)).toEqual({ kind: 'other' }));

  it.each([
    ['{"update_type":"order","order_id"', '$: no JSON'],
    ['[]', '$: '],
    ['{"update_type":"basket"}', '$.update_type: an unknown word'],
    [recorded.replace('"quantity": 1,', '"quantity": -1,'), '$.quantity: negative'],
  ])('names what it cannot read in %s', (text, message) =>
    expect(readOrderFrame(text, nobody, tell)).toEqual({
      kind: 'drift',
      evidence: { code: 'DRIFT', message: expect.stringContaining(message) },
    }),
  );
});

describe('a postback from Upstox', () => {
  it('only says where to look, because nobody signed it', () =>
    expect(readPostback(fixture('upstox', 'webhook_order_update.json'), tell)).toEqual({
      kind: 'hint',
      brokerOrderId: '240221025997024',
    }));

  it.each(['', '<html>', '{"update_type":"order"}', '{"update_type":"position","order_id":"1"}', '{"order_id":1.5}'])(
    'is refused for %j',
    (body) => expect(readPostback(body, tell).kind).toBe('refused'),
  );
});
