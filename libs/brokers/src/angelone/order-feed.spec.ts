import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sayOf } from '../reading';
import { type OrderFrame, readOrderFrame } from './order-feed';

const fixture = (name: string): string => readFileSync(join(__dirname, '../../fixtures/angelone', name), 'utf8');
const read = (frame: unknown): OrderFrame =>
  readOrderFrame(sayOf({}), typeof frame === 'string' ? frame : JSON.stringify(frame));

/** Postbacks are documented with the same fields as the frames of the socket. */
const orderData = JSON.parse(fixture('postback_order_update.json')) as Record<string, unknown>;
const frame = (code: string, change: Record<string, unknown> = {}): OrderFrame =>
  read({
    'user-id': 'DUMMY123',
    'status-code': '200',
    'order-status': code,
    'error-message': '',
    orderData: { ...orderData, ...change },
  });

describe('a frame of the order socket of Angel One', () => {
  it('begins with a greeting that is no order', () =>
    expect(read(fixture('order_ws_initial.json'))).toEqual({ kind: 'connected' }));

  it('is an answer to a ping', () => expect(read('pong')).toEqual({ kind: 'other' }));

  it('is a row of the book, numbers as text and as numbers', () =>
    expect(frame('AB01')).toEqual({
      kind: 'row',
      row: {
        brokerOrderId: '111111111111111',
        tag: '10007712',
        symbol: 'NSE:SBIN-EQ',
        side: 'BUY',
        product: 'CNC',
        state: 'WORKING',
        rawState: 'AB01',
        terms: { orderType: 'MARKET', quantity: 1000, validity: 'DAY' },
        filledQuantity: 74,
        averagePriceE4: 5_847_000,
        updatedAtMs: Date.parse('2023-10-09T18:21:12+05:30'),
      },
    }));

  it.each([
    ['AB02', 'CANCELLED'],
    ['AB03', 'REJECTED'],
    ['AB04', 'WORKING'],
    ['AB05', 'FILLED'],
    ['AB06', 'QUEUED_AMO'],
    ['AB07', 'CANCELLED'],
    ['AB08', 'QUEUED_AMO'],
    ['AB09', 'PENDING_ACK'],
    ['AB10', 'TRIGGER_WAIT'],
    ['AB11', 'MODIFY_PENDING'],
    ['AB12', 'UNKNOWN'],
  ])('knows the code %s as %s, whatever the text beside it says', (code, state) =>
    expect(frame(code, { orderstatus: 'open' })).toMatchObject({ row: { state, rawState: code } }),
  );

  it('has nothing filled where the field is blank', () =>
    expect(frame('AB09', { filledshares: '', averageprice: 0 })).toMatchObject({ row: { filledQuantity: 0 } }));

  it('refuses a session, or too many sockets', () => {
    expect(read({ 'status-code': '401', 'error-message': 'Invalid token' })).toMatchObject({
      kind: 'refused',
      errorClass: 'auth',
      evidence: { code: '401', message: 'Invalid token' },
    });
    expect(read({ 'status-code': 429, 'error-message': 'Limit' })).toMatchObject({ errorClass: 'throttled' });
  });

  it.each([
    ['half a frame', '{"order-status":"AB01","orderData":{'],
    ['nothing', ''],
    ['a list', '[]'],
    ['other words', '{"hello":1}'],
    ['a state without an order', '{"status-code":"200","order-status":"AB01"}'],
  ])('is drift as %s', (_, text) => expect(read(text)).toMatchObject({ kind: 'drift', evidence: { code: 'DRIFT' } }));

  it('names what drifted', () =>
    expect(frame('AB01', { quantity: 'many' })).toMatchObject({
      kind: 'drift',
      evidence: { message: expect.stringMatching(/^\$\.orderData\.quantity:/) },
    }));
});
