import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerInstrument } from '../client';
import { sayOf } from '../reading';
import { readPriceFrame, readTextFrame, streamKeyOf, subscribeMessage, unsubscribeMessage } from './price-feed';

const fixture = (name: string): string => readFileSync(join(__dirname, '../../fixtures/angelone', name), 'utf8');
const say = sayOf({});

const sbin: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE062A01020',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE:SBIN-EQ',
  token: '3045',
};
const usdinr: BrokerInstrument = { ...sbin, instrumentKey: 'NCD_FO|1', segment: 'NCD_FO', token: '1' };
const followed = new Map([
  ['1:3045', sbin],
  ['13:1', usdinr],
]);
const read = (data: Buffer) => readPriceFrame(say, data, followed);

const AT = Date.parse('2026-01-02T10:00:00+05:30');
const SIZE = { 1: 51, 2: 123, 3: 379 } as const;

/** A packet by the field table: little-endian, prices in paise. */
const packet = (
  mode: 1 | 2 | 3,
  { exchangeType = 1, token = '3045', price = 80_050n, tradedAt = BigInt(AT / 1000 - 1) } = {},
): Buffer => {
  const bytes = Buffer.alloc(SIZE[mode]);
  bytes.writeUInt8(mode, 0);
  bytes.writeUInt8(exchangeType, 1);
  bytes.write(token, 2, 'ascii');
  bytes.writeBigInt64LE(7n, 27);
  bytes.writeBigInt64LE(BigInt(AT), 35);
  bytes.writeBigInt64LE(price, 43);
  if (mode === 1) return bytes;
  bytes.writeBigInt64LE(123_456n, 67);
  if (mode === 2) return bytes;
  bytes.writeBigInt64LE(tradedAt, 123);
  for (let row = 0; row < 10; row += 1) {
    const at = 147 + 20 * row;
    bytes.writeInt16LE(row < 5 ? 1 : 0, at);
    bytes.writeBigInt64LE(row < 5 ? 80_045n - BigInt(row) : 80_055n + BigInt(row), at + 10);
  }
  return bytes;
};

describe('what is said to SmartStream', () => {
  it('has the documented shape', () => {
    const sample = JSON.parse(fixture('smartstream_subscribe_request.json')) as Record<string, unknown>;
    const keys = ['1:10626', '1:5290', '5:234230', '5:234235', '5:234219'];
    expect(JSON.parse(subscribeMessage(keys) ?? '')).toEqual({
      ...sample,
      correlationID: 'prices',
      params: { ...(sample['params'] as object), mode: 3 },
    });
    expect(JSON.parse(unsubscribeMessage(['1:3045']) ?? '')).toMatchObject({ action: 0 });
    expect(subscribeMessage([])).toBeUndefined();
  });

  it('names instruments by market and number', () => {
    expect(streamKeyOf(sbin)).toBe('1:3045');
    expect(streamKeyOf({ ...sbin, segment: 'BSE_FO' })).toBe('4:3045');
    expect(streamKeyOf({ ...sbin, segment: 'NSE_INDEX', token: '99926000' })).toBe('1:99926000');
    expect(streamKeyOf({ ...sbin, segment: 'BCD_FO' })).toBeUndefined();
  });
});

describe('what SmartStream says', () => {
  const tick = { instrumentKey: 'NSE_EQ|INE062A01020', lastPriceE4: 8_005_000, atMs: AT };

  it('is a last price', () => expect(read(packet(1))).toEqual({ kind: 'tick', tick }));

  it('is a quote with the day’s volume', () =>
    expect(read(packet(2))).toEqual({ kind: 'tick', tick: { ...tick, volume: 123_456 } }));

  it('is a snapshot with the best of both sides and the time of the last trade', () =>
    expect(read(packet(3))).toEqual({
      kind: 'tick',
      tick: { ...tick, atMs: AT - 1_000, volume: 123_456, bidE4: 8_004_500, askE4: 8_006_000 },
    }));

  it('dates a trade in seconds or in milliseconds, and the frame where there was none', () => {
    expect(read(packet(3, { tradedAt: BigInt(AT - 2_000) }))).toMatchObject({ tick: { atMs: AT - 2_000 } });
    expect(read(packet(3, { tradedAt: 0n }))).toMatchObject({ tick: { atMs: AT } });
  });

  it('counts currencies in ten-millionths', () => {
    const currency = { exchangeType: 13, token: '1' };
    expect(read(packet(1, { ...currency, price: 965_475_000n }))).toMatchObject({
      tick: { instrumentKey: 'NCD_FO|1', lastPriceE4: 965_475 },
    });
    expect(read(packet(1, { ...currency, price: 965_475_500n }))).toMatchObject({ tick: { lastPriceE4: 965_476 } });
  });

  it('is nothing where it is about what is not followed', () => {
    expect(read(packet(1, { token: '30451' }))).toEqual({ kind: 'other' });
    expect(read(packet(1, { exchangeType: 3 }))).toEqual({ kind: 'other' });
  });

  it.each([
    ['a mode of tomorrow', Buffer.from([9, 1, 2]), 'mode 9'],
    ['nothing', Buffer.alloc(0), 'mode 0'],
    ['a price of zero', packet(1, { price: 0n }), 'no last price'],
    ['a price beyond all numbers', packet(1, { price: 2n ** 62n }), 'no last price'],
    ['a price below zero', packet(1, { price: -5n }), 'no last price'],
  ])('is drift with %s', (_, data, message) =>
    expect(read(data)).toMatchObject({
      kind: 'drift',
      evidence: { code: 'DRIFT', message: expect.stringContaining(message) },
    }),
  );

  it('never reads beyond a frame, wherever it breaks off', () => {
    for (const mode of [1, 2, 3] as const)
      for (let length = 0; length < SIZE[mode]; length += 1)
        expect(read(packet(mode).subarray(0, length))).toMatchObject({ kind: 'drift' });
  });

  it('complains in text', () => {
    expect(readTextFrame(say, 'pong')).toEqual({ kind: 'other' });
    expect(readTextFrame(say, fixture('smartstream_error.json'))).toEqual({
      kind: 'drift',
      evidence: { code: 'E1002', message: 'Invalid Request. Subscription Limit Exceeded' },
    });
    for (const text of ['', '{}', '{"errorCode":'])
      expect(readTextFrame(say, text)).toMatchObject({ kind: 'drift', evidence: { code: 'DRIFT' } });
  });
});
