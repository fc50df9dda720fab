import { createHash } from 'node:crypto';
import { tellOf } from '../answers';
import { fixture } from '../in-spec';
import { readOrderFrame } from './order-feed';
import { readPriceFrame, subscribe, unsubscribe } from './price-feed';
import { zerodha } from './zerodha';

const tell = tellOf({ accessToken: 'token-of-today' });
const nobody = (): undefined => undefined;
const NOW_MS = 1_767_325_501_000;
const INFY = 408_065;

const quote = Buffer.from(fixture('zerodha', 'ticker_quote.packet'), 'base64');
const framed = (...packets: readonly Buffer[]): Buffer => {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(packets.length);
  const parts = packets.flatMap((packet) => {
    const size = Buffer.alloc(2);
    size.writeUInt16BE(packet.length);
    return [size, packet];
  });
  return Buffer.concat([count, ...parts]);
};
const packet = (bytes: number, fields: Readonly<Record<number, number>>): Buffer => {
  const buffer = Buffer.alloc(bytes);
  for (const [offset, value] of Object.entries(fields)) buffer.writeUInt32BE(value, Number(offset));
  return buffer;
};
const read = (frame: Buffer) =>
  readPriceFrame(frame, (token) => (token === '1' ? undefined : `ours ${token}`), NOW_MS, tell);

describe('prices from Zerodha', () => {
  it('are read from the recorded packet, dated by its arrival', () => {
    const { last_price, volume } = JSON.parse(fixture('zerodha', 'ticker_quote.json')) as {
      last_price: number;
      volume: number;
    };
    expect(read(framed(quote))).toEqual({
      kind: 'ticks',
      ticks: [
        { instrumentKey: `ours ${String(INFY)}`, lastPriceE4: Math.round(last_price * 10_000), atMs: NOW_MS, volume },
      ],
    });
  });

  it('are read from the shortest packet as recorded', () => {
    const { last_price } = JSON.parse(fixture('zerodha', 'ticker_ltp.json')) as { last_price: number };
    expect(read(framed(quote.subarray(0, 8)))).toEqual({
      kind: 'ticks',
      ticks: [{ instrumentKey: `ours ${String(INFY)}`, lastPriceE4: Math.round(last_price * 10_000), atMs: NOW_MS }],
    });
  });

  it('are read with the best bid and offer, dated by the last trade', () => {
    const full = packet(184, {
      0: INFY,
      4: 157_315,
      16: 3_000_000_000,
      44: 1_767_325_500,
      60: 1_767_325_501,
      64: 10,
      68: 157_310,
      76: 20,
      80: 157_305,
      124: 11,
      128: 157_320,
    });
    expect(read(framed(full))).toEqual({
      kind: 'ticks',
      ticks: [
        {
          instrumentKey: `ours ${String(INFY)}`,
          lastPriceE4: 15_731_500,
          atMs: 1_767_325_500_000,
          volume: 3_000_000_000,
          bidE4: 15_731_000,
          askE4: 15_732_000,
        },
      ],
    });
    full.writeUInt32BE(0, 44);
    expect(read(framed(full))).toMatchObject({ ticks: [{ atMs: 1_767_325_501_000 }] });
  });

  it('of indices, currencies and several at once are read, each in its own unit', () =>
    expect(
      read(
        framed(
          packet(32, { 0: 256_265, 4: 2_612_345, 28: 1_767_325_500 }),
          packet(28, { 0: 260_105, 4: 5_900_005 }),
          packet(8, { 0: (1_610 << 8) | 3, 4: 902_525_000 }),
          packet(8, { 0: (1_611 << 8) | 6, 4: 902_525 }),
        ),
      ),
    ).toEqual({
      kind: 'ticks',
      ticks: [
        { instrumentKey: 'ours 256265', lastPriceE4: 261_234_500, atMs: 1_767_325_500_000 },
        { instrumentKey: 'ours 260105', lastPriceE4: 590_000_500, atMs: NOW_MS },
        { instrumentKey: 'ours 412163', lastPriceE4: 902_525, atMs: NOW_MS },
        { instrumentKey: 'ours 412422', lastPriceE4: 902_525, atMs: NOW_MS },
      ],
    }));

  it('are not told before the first trade, nor of what is not followed', () =>
    expect(read(framed(packet(8, { 0: INFY }), packet(8, { 0: 1, 4: 100 })))).toEqual({ kind: 'ticks', ticks: [] }));

  it('know a sign of life', () => expect(read(Buffer.from([0]))).toEqual({ kind: 'heartbeat' }));

  it.each([
    ['empty', Buffer.alloc(0), 'an empty frame'],
    ['cut short', framed(quote).subarray(0, -1), 'packet 0 of 1: cut short'],
    ['short of a packet', Buffer.concat([Buffer.from([0, 2]), framed(quote).subarray(2)]), 'packet 1 of 2: missing'],
    ['of an unknown size', framed(packet(45, { 0: INFY })), 'packet 0 of 1: 45 bytes'],
    ['too long', Buffer.concat([framed(quote), Buffer.from([1, 2])]), '2 bytes too many'],
  ])('in a frame that is %s are drift, none of them told', (_, frame, message) =>
    expect(read(frame)).toEqual({ kind: 'drift', evidence: { code: 'DRIFT', message } }),
  );

  it('are subscribed to by number, and by nothing else', () => {
    expect(subscribe(['408065', '5633'])).toEqual([
      '{"a":"subscribe","v":[408065,5633]}',
      '{"a":"mode","v":["full",[408065,5633]]}',
    ]);
    expect(unsubscribe(['1]}', '408065'])).toBe('{"a":"unsubscribe","v":[408065]}');
  });
});

const recordedOrder = (JSON.parse(fixture('zerodha', 'orders.json')) as { data: object[] }).data[9] ?? {};

describe('the order frames of Zerodha', () => {
  const frame = (type: string, data: unknown): string => JSON.stringify({ type, data });

  it('tell an order as the book has it', () =>
    expect(readOrderFrame(frame('order', recordedOrder), nobody, tell)).toMatchObject({
      kind: 'rows',
      rows: [
        { brokerOrderId: '1953367517686685697', symbol: 'NFO:NIFTY2580724400CE', state: 'FILLED', filledQuantity: 150 },
      ],
    }));

  it('pass over what is not about orders', () => {
    for (const type of ['message', 'instruments_meta', 'app_code'])
      expect(readOrderFrame(frame(type, 'x'), nobody, tell)).toEqual({ kind: 'other' });
  });

  it.each([
    ['{"type":"order","data"', 'DRIFT', '$: no JSON'],
    ['{}', 'DRIFT', '$.type: '],
    [frame('basket', {}), 'DRIFT', '$.type: an unknown word'],
    [frame('order', { ...recordedOrder, filled_quantity: 1.5 }), 'DRIFT', '$.data.filled_quantity: no whole number'],
    [frame('error', 'Invalid token-of-today'), 'FEED_ERROR', 'Invalid ***'],
  ])('name what cannot be read in %s', (text, code, message) =>
    expect(readOrderFrame(text, nobody, tell)).toEqual({
      kind: 'drift',
      evidence: { code, message: expect.stringContaining(message) },
    }),
  );
});

describe('a postback from Zerodha', () => {
  const credentials = { apiKey: 'key-of-the-app', apiSecret: 'secret-of-the-app', accessToken: 'token-of-today' };
  const signed = (fields: object, secret = credentials.apiSecret): string => {
    const { order_id, order_timestamp } = fields as { order_id: string; order_timestamp: string };
    const checksum = createHash('sha256').update(`${order_id}${order_timestamp}${secret}`).digest('hex');
    return JSON.stringify({ ...fields, checksum });
  };

  it('is an order where its checksum is right', () =>
    expect(zerodha.readPostback(signed(recordedOrder), credentials)).toMatchObject({
      kind: 'order',
      row: { brokerOrderId: '1953367517686685697', state: 'FILLED' },
    }));

  it('is worth a look only where lots are counted', () =>
    expect(zerodha.readPostback(signed({ ...recordedOrder, exchange: 'MCX' }), credentials)).toEqual({
      kind: 'hint',
      brokerOrderId: '1953367517686685697',
    }));

  it.each([
    ['of another secret', signed(recordedOrder, 'another'), 'CHECKSUM'],
    ['of another order', signed(recordedOrder).replace('1953367517686685697', '1953367517686685698'), 'CHECKSUM'],
    ['of another time', signed(recordedOrder).replace('2025-08-07 13:38:02', '2025-08-07 13:38:03'), 'CHECKSUM'],
    ['cut short', JSON.stringify({ ...recordedOrder, checksum: 'abcd' }), 'DRIFT'],
    ['missing', JSON.stringify(recordedOrder), 'DRIFT'],
    ['in no JSON', 'status=COMPLETE', 'DRIFT'],
    ['on an order that cannot be read', signed({ ...recordedOrder, quantity: -1 }), 'DRIFT'],
  ])('is refused where the checksum is %s', (_, body, code) =>
    expect(zerodha.readPostback(body, credentials)).toMatchObject({ kind: 'refused', evidence: { code } }),
  );
});
