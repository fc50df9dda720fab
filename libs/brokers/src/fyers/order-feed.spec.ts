import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sayOf } from '../reading';
import { type OrderFrame, readOrderFrame, SUBSCRIBE } from './order-feed';

const fixture = (name: string): string => readFileSync(join(__dirname, '../../fixtures/fyers', name), 'utf8');
const say = sayOf({ accessToken: 'SECRETTOKEN' });
const read = (frame: unknown): OrderFrame =>
  readOrderFrame(say, typeof frame === 'string' ? frame : JSON.stringify(frame));

const printed = (JSON.parse(fixture('order_ws_raw_order_frame.json')) as { orders: Record<string, unknown> }).orders;
/** The printed sample has lost what stood between `org_ord_status` and `segment`. */
const whole = { ...printed, product_type: 'CNC', qty: 10, qty_remaining: 10 };
const orders = (change: Record<string, unknown>): OrderFrame => read({ s: 'ok', orders: { ...whole, ...change } });
const stateOf = (change: Record<string, unknown>): unknown => {
  const frame = orders(change);
  return frame.kind === 'news' ? frame.rows[0]?.state : frame;
};

describe('a frame of the order socket of Fyers', () => {
  it('asks for orders and trades', () =>
    expect(JSON.parse(SUBSCRIBE)).toEqual({ T: 'SUB_ORD', SLIST: ['orders', 'trades'], SUB_T: 1 }));

  it('confirms, or refuses', () => {
    expect(read(fixture('order_ws_subscribe_ack.json'))).toEqual({ kind: 'subscribed' });
    expect(read({ s: 'error', code: -16, message: 'SECRETTOKEN is over' })).toEqual({
      kind: 'refused',
      evidence: { code: '-16', message: '*** is over' },
    });
  });

  it('is an answer to a ping, or news of something else', () => {
    expect(read('pong')).toEqual({ kind: 'other' });
    expect(read({ s: 'ok', positions: { symbol: 'NSE:IDEA-EQ' } })).toEqual({ kind: 'other' });
  });

  it('names what the printed sample has lost', () =>
    expect(read(fixture('order_ws_raw_order_frame.json'))).toEqual({
      kind: 'drift',
      evidence: { code: 'DRIFT', message: '$.orders.product_type: neither text nor a number' },
    }));

  it('is a row of the book under other names', () =>
    expect(orders({ ordertag: '1:K7A01', id_exchange: '1100000001089341' })).toEqual({
      kind: 'news',
      trades: [],
      rows: [
        {
          brokerOrderId: '23121800292158',
          exchangeOrderId: '1100000001089341',
          tag: 'K7A01',
          symbol: 'NSE:BECTORFOOD-EQ',
          side: 'BUY',
          product: 'CNC',
          state: 'PENDING_ACK',
          rawState: '4',
          terms: { orderType: 'MARKET', quantity: 10, validity: 'DAY' },
          filledQuantity: 0,
          updatedAtMs: 1_702_887_690_000,
        },
      ],
    }));

  it.each([
    ['the status beside the two digits', { ord_status: 20, org_ord_status: 6 }, 'WORKING'],
    ['two digits alone: new', { ord_status: 20, org_ord_status: null }, 'PENDING_ACK'],
    ['two digits alone: open', { ord_status: 23, org_ord_status: 0 }, 'WORKING'],
    ['two digits alone: filled', { ord_status: 90, org_ord_status: '', qty_filled: 10 }, 'FILLED'],
    ['two digits alone: cancelled', { ord_status: 91, org_ord_status: null }, 'CANCELLED'],
    ['two digits alone: also cancelled', { ord_status: 73, org_ord_status: null }, 'CANCELLED'],
    ['two digits alone: rejected', { ord_status: 93, org_ord_status: null }, 'REJECTED'],
    ['two digits alone: being changed', { ord_status: 62, org_ord_status: null }, 'WORKING'],
    ['two digits of tomorrow', { ord_status: 99, org_ord_status: null }, 'UNKNOWN'],
    ['a stop that waits', { org_ord_status: 6, ord_type: 3, price_stop: 5 }, 'TRIGGER_WAIT'],
  ])('reads %s', (_, change, state) => expect(stateOf(change)).toBe(state));

  it('works out what is filled where zeros are left out', () => {
    const filled = (change: Record<string, unknown>): unknown => {
      const frame = orders({ org_ord_status: 6, ...change });
      return frame.kind === 'news' ? frame.rows[0]?.filledQuantity : frame.kind;
    };
    expect(filled({ qty_filled: 4, qty_remaining: 6 })).toBe(4);
    expect(filled({ qty_remaining: 7 })).toBe(3);
    expect(filled({ qty_filled: 11 })).toBe('drift');
    expect(filled({ org_ord_status: 2, qty_remaining: 10 })).toBe('drift');
  });

  it('tells why an order was refused', () =>
    expect(orders({ org_ord_status: 5, oms_msg: 'RED: margin' })).toMatchObject({
      rows: [{ state: 'REJECTED', evidence: { code: '5', message: 'RED: margin' } }],
    }));

  it('is a trade, with the id that the trade book has for it', () =>
    expect(
      read({
        s: 'ok',
        trades: {
          id_fill: '23080400089344-21726639',
          id: '23080400089344',
          symbol: 'NSE:IDEA-EQ',
          tran_side: -1,
          qty_traded: 1,
          price_traded: 7.95,
          fill_time: '04-08-2023 10:12:58',
        },
      }),
    ).toEqual({
      kind: 'news',
      rows: [],
      trades: [
        {
          tradeId: '21726639',
          brokerOrderId: '23080400089344',
          symbol: 'NSE:IDEA-EQ',
          side: 'SELL',
          quantity: 1,
          priceE4: 79_500,
          tradedAtMs: Date.parse('2023-08-04T10:12:58+05:30'),
        },
      ],
    }));

  it.each([
    ['half a frame', '{"orders":{"id":"23'],
    ['nothing', ''],
    ['a list', '[]'],
    ['other words', '{"hello":1}'],
    ['an order without its id', '{"orders":{}}'],
    ['a trade without its time', '{"trades":{"id_fill":"1","id":"2"}}'],
  ])('is drift as %s', (_, text) => expect(read(text)).toMatchObject({ kind: 'drift', evidence: { code: 'DRIFT' } }));
});
