import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerInstrument } from '../client';
import { sayOf } from '../reading';
import {
  acknowledgement,
  authMessage,
  fullModeMessage,
  PriceFrames,
  subscribeMessages,
  topicOf,
  unsubscribeMessages,
} from './price-feed';

const NOW = 1_700_000_000_000;
const frames = (): PriceFrames => new PriceFrames(sayOf({}), () => NOW);
const fixture = (name: string): Record<string, string | number> =>
  JSON.parse(readFileSync(join(__dirname, '../../fixtures/fyers', name), 'utf8')) as Record<string, string | number>;

const sbin: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE062A01020',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE:SBIN-EQ',
  token: '10100000003045',
};

/* The server's side, written from the field table and not from the code. */
const uint16 = (value: number): number[] => [value >> 8, value & 0xff];
const int32 = (value: number): number[] => [24, 16, 8, 0].map((bits) => (value >> bits) & 0xff);
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const frame = (type: number, body: readonly number[]): Buffer =>
  Buffer.from([...uint16(body.length + 1), type, ...body]);
const UNCHANGED = -2_147_483_648;
const data = (items: readonly (readonly number[])[], messageNumber = 1): Buffer =>
  frame(6, [...int32(messageNumber), ...uint16(items.length), ...items.flat()]);
const snapshot = (
  topicId: number,
  name: string,
  values: readonly number[],
  scale = { multiplier: 1, precision: 2 },
) => [
  ...[83, ...uint16(topicId), ...text(name), values.length, ...values.flatMap(int32)],
  ...[0, 0, ...uint16(scale.multiplier), scale.precision, ...text('nse_cm'), ...text('3045'), ...text('SBIN-EQ')],
];
const update = (topicId: number, values: readonly number[]) => [
  ...[85, ...uint16(topicId), values.length, ...values.flatMap(int32)],
];

const FIELDS = ['ltp', 'vol_traded_today', 'last_traded_time', 'exch_feed_time', 'bid_size', 'ask_size', 'bid_price'];
const MORE = ['ask_price', 'last_traded_qty', 'tot_buy_qty', 'tot_sell_qty', 'avg_trade_price', 'OI', 'low_price'];
const REST = ['high_price', 'Yhigh', 'Ylow', 'lower_ckt', 'upper_ckt', 'open_price', 'prev_close_price'];
const printed = fixture('ws_symbol_update.json');
const values = [...FIELDS, ...MORE, ...REST].map((field) => {
  const value = Number(printed[field] ?? 0);
  return /price|ltp/.test(field) ? Math.round(value * 100) : value;
});

describe('the names of the data socket of Fyers', () => {
  it('are made of market and exchange number', () => {
    expect(topicOf(sbin)).toBe('sf|nse_cm|3045');
    expect(topicOf({ ...sbin, segment: 'NSE_FO', token: '101126112735001' })).toBe('sf|nse_fo|35001');
    expect(topicOf({ ...sbin, segment: 'BSE_EQ', token: '1210000000500325' })).toBe('sf|bse_cm|500325');
  });

  it('are other ones for indices, and no guesses', () => {
    const index = { ...sbin, segment: 'NSE_INDEX' as const, token: '101000000026000' };
    expect(topicOf({ ...index, symbol: 'NSE:NIFTY50-INDEX' })).toBe('if|nse_cm|Nifty 50');
    expect(topicOf({ ...index, symbol: 'NSE:NIFTYUNHEARDOF-INDEX' })).toBeUndefined();
    expect(topicOf({ ...sbin, token: '9999000000' })).toBeUndefined();
  });
});

describe('what is said to the data socket of Fyers', () => {
  const bytes = (message: Buffer | undefined): number[] => [...(message ?? [])];

  it('begins with the key', () =>
    expect(bytes(authMessage('KEY'))).toEqual([
      ...uint16(2 + 6 + 4 + 4 + 3 + 11),
      ...[1, 4],
      ...[1, 0, 3, ...Buffer.from('KEY')],
      ...[2, 0, 1, 0x50],
      ...[3, 0, 1, 1],
      ...[4, 0, 11, ...Buffer.from('coordinator')],
    ]));

  it('asks for all fields of channel 11', () =>
    expect(bytes(fullModeMessage())).toEqual([0, 17, 12, 2, 1, 0, 8, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 1, 70]));

  it('follows and leaves symbols, a thousand at a time', () => {
    expect(bytes(subscribeMessages(['sf|nse_cm|3045'])[0])).toEqual([
      ...uint16(2 + 3 + 17 + 4),
      ...[4, 2],
      ...[1, 0, 17, 0, 1, ...text('sf|nse_cm|3045')],
      ...[2, 0, 1, 11],
    ]);
    expect(unsubscribeMessages(['sf|nse_cm|3045'])[0]?.[2]).toBe(5);
    const many = Array.from({ length: 2_500 }, (_, n) => `sf|nse_cm|${String(n)}`);
    expect(subscribeMessages(many).map((message) => message.readUInt16BE(7))).toEqual([1_000, 1_000, 500]);
    expect(subscribeMessages([])).toEqual([]);
  });
});

describe('what the data socket of Fyers says', () => {
  it('is yes or no to the key', () => {
    expect(frames().read(frame(1, [1, 1, 0, 1, 0x4b]))).toEqual({ kind: 'up' });
    expect(frames().read(frame(1, [1, 1, 0, 1, 0x4e]))).toMatchObject({ kind: 'refused' });
  });

  it('is yes or no to a subscription', () => {
    expect(frames().read(frame(4, [1, 1, 0, 1, 0x4b]))).toEqual({ kind: 'other' });
    expect(frames().read(frame(4, [1, 1, 0, 1, 0x4e]))).toMatchObject({
      kind: 'drift',
      evidence: { code: 'HSM_REFUSED' },
    });
  });

  it('begins with all that is known of a symbol', () =>
    expect(frames().read(data([snapshot(7, 'sf|nse_cm|3045', values)]))).toEqual({
      kind: 'ticks',
      ticks: [
        {
          topic: 'sf|nse_cm|3045',
          lastPriceE4: 6_064_000,
          atMs: 1_690_953_622_000,
          volume: 3_045_212,
          bidE4: 6_064_000,
          askE4: 6_064_500,
        },
      ],
    }));

  it('goes on with what has changed', () => {
    const connection = frames();
    connection.read(data([snapshot(7, 'sf|nse_cm|3045', values)]));
    const changed = [60_650, UNCHANGED, 1_690_953_630];
    expect(connection.read(data([update(7, changed)]))).toMatchObject({
      ticks: [{ lastPriceE4: 6_065_000, atMs: 1_690_953_630_000, volume: 3_045_212, bidE4: 6_064_000 }],
    });
  });

  it('counts prices in its own scale', () => {
    const priced = (price: number, multiplier: number, precision: number): unknown => {
      const read = frames().read(data([snapshot(1, 'sf|x|1', [price], { multiplier, precision })]));
      return read.kind === 'ticks' ? read.ticks[0]?.lastPriceE4 : read;
    };
    expect(priced(606_40, 1, 2)).toBe(6_064_000);
    expect(priced(606_40, 100, 2)).toBe(60_640);
    expect(priced(965_475, 1, 4)).toBe(965_475);
    expect(priced(9_654_755, 1, 5)).toBe(965_476);
  });

  it('tells of indices', () => {
    const index = fixture('ws_index_update.json');
    const at = (field: string): number => Math.round(Number(index[field]) * (field === 'exch_feed_time' ? 1 : 100));
    const sent = ['ltp', 'prev_close_price', 'exch_feed_time', 'high_price', 'low_price', 'open_price'].map(at);
    expect(frames().read(data([snapshot(9, 'if|nse_cm|Nifty 50', sent)]))).toEqual({
      kind: 'ticks',
      ticks: [{ topic: 'if|nse_cm|Nifty 50', lastPriceE4: 261_881_000, atMs: 1_727_428_424_000 }],
    });
  });

  it('is dated by our clock where the socket names no time', () =>
    expect(frames().read(data([snapshot(7, 'sf|nse_cm|3045', [100, 1, UNCHANGED, 0])]))).toMatchObject({
      ticks: [{ lastPriceE4: 10_000, atMs: NOW }],
    }));

  it('has no tick before the first price', () =>
    expect(frames().read(data([snapshot(7, 'sf|nse_cm|3045', [UNCHANGED, 5])]))).toEqual({ kind: 'ticks', ticks: [] }));

  it('passes over depth, and over numbers of topics that it never named', () =>
    expect(
      frames().read(data([snapshot(3, 'dp|nse_cm|3045', [1]), update(99, [1]), snapshot(7, 'sf|nse_cm|1', [500])])),
    ).toMatchObject({ kind: 'ticks', ticks: [{ topic: 'sf|nse_cm|1' }] }));

  it('wants to know after every so many messages that we are there', () => {
    const connection = frames();
    connection.read(frame(1, [2, 1, 0, 1, 0x4b, 2, 0, 4, ...int32(2)]));
    expect(connection.read(data([], 41))).toEqual({ kind: 'ticks', ticks: [] });
    expect(connection.read(data([], 42))).toEqual({ kind: 'ticks', ticks: [], reply: acknowledgement(42) });
    expect([...acknowledgement(42)]).toEqual([0, 9, 3, 1, 1, 0, 4, 0, 0, 0, 42]);
  });

  it('keeps what stood before the place where a frame breaks off', () => {
    const broken = data([snapshot(7, 'sf|nse_cm|3045', values), snapshot(8, 'sf|nse_cm|1', values)]).subarray(0, -20);
    expect(frames().read(broken)).toMatchObject({
      kind: 'ticks',
      ticks: [{ topic: 'sf|nse_cm|3045' }],
      drift: { code: 'DRIFT', message: 'frame: ends too early' },
    });
  });

  it('never reads beyond a frame, wherever it breaks off', () => {
    const good = data([snapshot(7, 'sf|nse_cm|3045', values), update(7, [1])]);
    for (let length = 0; length < good.length; length += 1) {
      const read = frames().read(good.subarray(0, length));
      expect(read.kind === 'drift' || (read.kind === 'ticks' && read.drift !== undefined)).toBe(true);
    }
  });

  it.each([
    ['an item of tomorrow', [[120, 0, 1]], 'item[0]: kind 120'],
    ['a multiplier of zero', [snapshot(7, 'sf|x|1', [1], { multiplier: 0, precision: 2 })], 'item[0]: multiplier 0'],
  ])('is drift with %s', (_, items, message) =>
    expect(frames().read(data(items))).toMatchObject({
      ticks: [],
      drift: { code: 'DRIFT', message: expect.stringContaining(message) },
    }),
  );
});
