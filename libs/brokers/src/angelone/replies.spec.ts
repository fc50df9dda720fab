import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answered, sayOf } from '../reading';
import * as replies from './replies';

const fixture = (name: string): string => readFileSync(join(__dirname, '../../fixtures/angelone', name), 'utf8');
const say = sayOf({ jwtToken: 'SECRETTOKEN' });

const answered = (body: unknown, status = 200, contentType = 'application/json'): Answered => ({
  kind: 'reply',
  status,
  contentType,
  headers: {},
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const captured = (name: string, status = 200): Answered => answered(fixture(name), status);
const error = (errorcode: string, status = 200, message = 'no'): Answered =>
  answered({ status: false, message, errorcode, data: '' }, status);
const ok = (data: unknown): Answered => answered({ status: true, message: 'SUCCESS', errorcode: '', data });
const ist = (text: string): number => Date.parse(`${text}+05:30`);

describe('what Angel One answers to an order', () => {
  it('is accepted with its id', () =>
    expect(replies.readPlaced(say, captured('place_order_response.json'))).toEqual({
      outcome: 'accepted',
      brokerOrderId: '200910000000111',
    }));

  it('keeps an id that a number would change', () =>
    expect(replies.readPlaced(say, answered('{"status":true,"data":{"orderid":2009100000001112223}}'))).toEqual({
      outcome: 'accepted',
      brokerOrderId: '2009100000001112223',
    }));

  it('is unknown when it names no order', () => {
    expect(replies.readPlaced(say, captured('success_envelope.json'))).toMatchObject({
      outcome: 'unknown',
      evidence: { message: expect.stringContaining('$.data.orderid') },
    });
    expect(replies.readPlaced(say, ok(null))).toMatchObject({ outcome: 'unknown' });
    expect(replies.readPlaced(say, ok({ orderid: '' }))).toMatchObject({ outcome: 'unknown' });
  });

  it.each([
    ['AB1008', 'validation'],
    ['AB1009', 'validation'],
    ['AB1012', 'validation'],
    ['AB4008', 'validation'],
    ['AB4018', 'validation'],
    ['AB1006', 'entitlement'],
    ['AB2002', 'entitlement'],
    ['AB1013', 'final-state'],
    ['AB1016', 'not-found'],
  ])('is rejected with %s as %s, whatever HTTP says', (code, errorClass) => {
    for (const status of [200, 400])
      expect(replies.readPlaced(say, error(code, status))).toEqual({
        outcome: 'rejected',
        errorClass,
        evidence: { code, message: 'no' },
      });
  });

  it.each([
    ['AG8001', 'auth'],
    ['AG8002', 'auth'],
    ['AG8003', 'auth'],
    ['AB1010', 'auth'],
    ['AB8051', 'auth'],
    ['AG7002', 'address'],
    ['AB1021', 'throttled'],
    ['ag8002', 'auth'],
  ])('was not taken with %s, as %s', (code, errorClass) =>
    expect(replies.readPlaced(say, error(code))).toMatchObject({ outcome: 'notSent', errorClass }),
  );

  it('was not taken when the gateway says so, in its own words and with HTTP 200', () =>
    expect(replies.readPlaced(say, captured('gateway_invalid_token.json'))).toEqual({
      outcome: 'notSent',
      errorClass: 'auth',
      evidence: { code: 'AG8001', message: 'Invalid Token' },
    }));

  it('was not taken when the text of a 403 says that it was too fast', () =>
    expect(replies.readPlaced(say, answered(fixture('rate_limit_403_body.txt'), 403, 'text/plain'))).toMatchObject({
      outcome: 'notSent',
      errorClass: 'throttled',
      evidence: { code: 'HTTP_403', message: expect.stringContaining('exceeding access rate') },
    }));

  it.each([
    ['the broker is in trouble', error('AB1004')],
    ['its system failed', error('AB2001', 500)],
    ['it does not say what', error('AB2000')],
    ['a system behind it failed, with false as text', captured('failure_envelope.json')],
    ['a code of tomorrow', error('AB7777', 400)],
    ['no code', error('')],
    ['an empty object', answered('{}')],
    ['nothing', answered('')],
    ['half an answer', answered('{"status":true,"data":{"orderid":"2009')],
    ['a web page', answered('<html>502</html>', 502, 'text/html')],
    ['a web page with a good status', answered('<html>', 200, 'text/html')],
    ['another 403', answered('<html>Forbidden</html>', 403, 'text/html')],
    ['a yes that is none', answered({ status: 'yes', data: { orderid: '1' } })],
  ])('stays unknown when %s', (_, reply) =>
    expect(replies.readPlaced(say, reply)).toMatchObject({
      outcome: 'unknown',
      evidence: { code: expect.any(String) },
    }),
  );

  it('is read as a no where false is printed as text', () =>
    expect(replies.readPlaced(say, captured('failure_envelope.json'))).toEqual({
      outcome: 'unknown',
      evidence: { code: 'AB1007', message: 'Login Id or password is invalid' },
    }));

  it('never shows a secret, and is cut to size', () => {
    const sent = replies.readPlaced(say, error('AB1008', 200, `SECRETTOKEN ${'x'.repeat(1_000)}`));
    expect(sent).toMatchObject({ evidence: { message: expect.stringMatching(/^\*\*\* x+$/) } });
    expect(JSON.stringify(sent).length).toBeLessThan(500);
  });
});

describe('what Angel One answers to a change', () => {
  it('is accepted', () => {
    for (const name of ['modify_order_response.json', 'cancel_order_response.json'])
      expect(replies.readChanged(say, captured(name), '201020000000080')).toEqual({
        outcome: 'accepted',
        brokerOrderId: '201020000000080',
      });
  });

  it('is unknown when it is about another order', () =>
    expect(replies.readChanged(say, captured('cancel_order_response.json'), '1')).toMatchObject({
      outcome: 'unknown',
    }));
});

const row = (JSON.parse(fixture('order_book_response.json')) as { data: readonly Record<string, unknown>[] })
  .data[0] ?? { missing: true };
/** In the form of all our tags. */
const OURS = 'C0123456789ABCDEF01';
const read = (...rows: unknown[]) => replies.readOrders(say, ok(rows));
const only = (change: Record<string, unknown>): Record<string, unknown> => {
  const book = read({ ...row, ...change });
  return book.outcome === 'ok' ? { ...book.value[0] } : { drift: book.evidence.message };
};

describe('the order book of Angel One', () => {
  it('is read row by row', () =>
    expect(replies.readOrders(say, captured('order_book_response.json'))).toEqual({
      outcome: 'ok',
      value: [
        {
          brokerOrderId: '201020000000080',
          exchangeOrderId: '1100000000048358',
          symbol: 'NSE:SBIN-EQ',
          side: 'BUY',
          product: 'MIS',
          state: 'CANCELLED',
          rawState: 'cancelled',
          terms: { orderType: 'LIMIT', quantity: 1, priceE4: 1_940_000, validity: 'DAY' },
          filledQuantity: 0,
          updatedAtMs: ist('2020-10-20T13:10:59'),
        },
      ],
    }));

  it.each([
    ['put order req received', 'PENDING_ACK'],
    ['validation pending', 'PENDING_ACK'],
    ['open pending', 'PENDING_ACK'],
    ['after market order req received', 'QUEUED_AMO'],
    ['modify after market order req received', 'QUEUED_AMO'],
    ['open', 'WORKING'],
    ['modified', 'WORKING'],
    ['trigger pending', 'TRIGGER_WAIT'],
    ['modify pending', 'MODIFY_PENDING'],
    ['cancel pending', 'CANCEL_PENDING'],
    ['Cancelled', 'CANCELLED'],
    ['cancelled after market order', 'CANCELLED'],
    ['REJECTED', 'REJECTED'],
    ['a word of tomorrow', 'UNKNOWN'],
    ['', 'UNKNOWN'],
  ])('knows the state %s', (word, state) =>
    expect(only({ status: word, orderstatus: word })).toMatchObject({ state, rawState: word }),
  );

  it('knows what is filled, and at what', () =>
    expect(
      only({ orderstatus: 'complete', quantity: 10, filledshares: '10', averageprice: 584.7, ordertag: 'K7A01' }),
    ).toMatchObject({ state: 'FILLED', filledQuantity: 10, averagePriceE4: 5_847_000, tag: 'K7A01' }));

  it('tells why an order was refused', () =>
    expect(only({ orderstatus: 'rejected', text: 'RMS: SECRETTOKEN' })).toMatchObject({
      evidence: { code: 'rejected', message: 'RMS: ***' },
    }));

  it('knows stops, and products by their market', () => {
    const stop = { variety: 'STOPLOSS', ordertype: 'STOPLOSS_LIMIT', price: '194.00', triggerprice: '193.5' };
    expect(only({ ...stop, exchange: 'NFO', producttype: 'CARRYFORWARD', orderstatus: 'open' })).toMatchObject({
      product: 'NRML',
      terms: { orderType: 'SL', priceE4: 1_940_000, triggerPriceE4: 1_935_000 },
    });
    expect(only({ producttype: 'MARGIN' })).toMatchObject({ product: 'MTF' });
    expect(only({ producttype: 'MARGIN', exchange: 'NFO' })).not.toHaveProperty('product');
    expect(only({ producttype: 'BO' })).not.toHaveProperty('product');
  });

  it.each([
    ['quantity', '-1'],
    ['quantity', '1.5'],
    ['quantity', null],
    ['filledshares', '2'],
    ['price', '-5'],
    ['price', 'much'],
    ['orderid', ''],
    ['orderid', 1.5],
    ['ordertype', 'ICEBERG'],
    ['duration', 'GTC'],
    ['transactiontype', 'HOLD'],
    ['exchtime', 'yesterday'],
    ['tradingsymbol', ''],
  ])('leaves out a row of somebody else when %s is %j, says where, and has all others', (field, value) => {
    const strange = { ...row, ordertag: '', exchorderupdatetime: '', [field]: value };
    const book = read(row, strange, { ...row, ordertag: OURS });
    expect(book).toMatchObject({ outcome: 'ok', value: [{ state: 'CANCELLED' }, { tag: OURS }] });
    expect(book.outcome === 'ok' && book.drifted).toMatchObject([
      { code: 'DRIFT', message: expect.stringContaining(`$.data[1].${field}:`) },
    ]);
  });

  it.each([
    ['ours', OURS],
    ['of another kind', { tag: OURS }],
    ['not there', undefined],
  ])('is no book where the tag of a strange row is %s', (_, ordertag) =>
    expect(read(row, { ...row, duration: 'GTC', ordertag })).toMatchObject({
      outcome: 'failed',
      errorClass: 'drift',
      evidence: { code: 'DRIFT', message: expect.stringMatching(/^\$\.data\[1\]\.(duration|ordertag):/) },
    }),
  );

  it('is no book where a row is none', () =>
    expect(read(row, null)).toMatchObject({
      outcome: 'failed',
      evidence: { message: expect.stringContaining('$.data[1]:') },
    }));

  it('is searched around a row of somebody else that cannot be read, and not around one with the tag', () => {
    const strange = { ...row, orderid: '2', duration: 'GTC', ordertag: 'BYHAND' };
    const found = (...rows: unknown[]) => replies.readByTag(say, ok(rows), 'T01');
    expect(found(strange, { ...row, ordertag: 'T01' })).toMatchObject({
      value: [{ tag: 'T01' }],
      drifted: [{ message: '$.data[0].duration: not a validity', brokerOrderId: '2' }],
    });
    expect(found({ ...strange, ordertag: 'T01' })).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('is no book when an order is complete without a fill', () =>
    expect(only({ orderstatus: 'complete' })['drift']).toContain('$.data[0].filledshares'));

  it('may be empty, but not missing', () => {
    expect(replies.readOrders(say, ok(null))).toEqual({ outcome: 'ok', value: [] });
    expect(read()).toEqual({ outcome: 'ok', value: [] });
    expect(replies.readOrders(say, answered({ status: true, message: 'SUCCESS' }))).toMatchObject({
      errorClass: 'drift',
    });
    expect(replies.readOrders(say, ok('null'))).toMatchObject({ errorClass: 'drift' });
  });

  it('fails with a class when it cannot be read', () => {
    const classOf = (reply: Answered): unknown => {
      const book = replies.readOrders(say, reply);
      return book.outcome === 'failed' && book.errorClass;
    };
    expect(classOf(captured('gateway_invalid_token.json'))).toBe('auth');
    expect(classOf(answered(fixture('rate_limit_403_body.txt'), 403, 'text/plain'))).toBe('throttled');
    expect(classOf(answered('<html>', 502, 'text/html'))).toBe('transient');
    expect(classOf(error('AB1004'))).toBe('transient');
    expect(classOf(answered('{}'))).toBe('drift');
  });
});

describe('the other books of Angel One', () => {
  const trade = {
    ...{ exchange: 'NSE', tradingsymbol: 'SBIN-EQ', transactiontype: 'BUY', producttype: 'DELIVERY' },
    ...{ orderid: '201020000000095', fillid: '50005750', fillsize: '5', fillprice: '584.70', filltime: '13:27:53' },
  };
  const NOON = ist('2026-01-02T15:40:00');

  it('date trades by the day they are read on', () =>
    expect(replies.readTrades(say, ok([trade]), NOON)).toEqual({
      outcome: 'ok',
      value: [
        {
          tradeId: '50005750',
          brokerOrderId: '201020000000095',
          symbol: 'NSE:SBIN-EQ',
          side: 'BUY',
          quantity: 5,
          priceE4: 5_847_000,
          tradedAtMs: ist('2026-01-02T13:27:53'),
        },
      ],
    }));

  it('know that a trade cannot be of this evening when it is shortly after midnight', () => {
    const at = (now: string): unknown => {
      const trades = replies.readTrades(say, ok([trade]), ist(now));
      return trades.outcome === 'ok' && trades.value[0]?.tradedAtMs;
    };
    expect(at('2026-01-03T00:01:00')).toBe(ist('2026-01-02T13:27:53'));
    expect(at('2026-01-02T13:27:50')).toBe(ist('2026-01-02T13:27:53'));
  });

  it('have no trade without its id, name the order of one that cannot be read, and may be null where there is none', () => {
    expect(replies.readTrades(say, ok([{ ...trade, fillid: '' }, trade]), NOON)).toMatchObject({
      value: [{ tradeId: '50005750' }],
      drifted: [{ code: 'DRIFT', message: '$.data[0].fillid: not an id', brokerOrderId: '201020000000095' }],
    });
    expect(replies.readTrades(say, ok([{ ...trade, orderid: '' }, trade]), NOON)).toMatchObject({
      outcome: 'failed',
      evidence: { message: '$.data[0].orderid: not an id' },
    });
    expect(replies.readTrades(say, ok(null), NOON)).toEqual({ outcome: 'ok', value: [] });
  });

  it('hold positions', () => {
    expect(replies.readPositions(say, captured('position_response.json'))).toEqual({
      outcome: 'ok',
      value: [{ symbol: 'NSE:RELIANCE-EQ', product: 'CNC', quantity: 1, averagePriceE4: 22_358_000 }],
    });
    const short = { exchange: 'NFO', tradingsymbol: 'X', producttype: 'INTRADAY', netqty: '-75', avgnetprice: '' };
    expect(replies.readPositions(say, ok([short]))).toMatchObject({ value: [{ quantity: -75, averagePriceE4: 0 }] });
  });

  it('hold holdings', () => {
    expect(replies.readHoldings(say, ok([JSON.parse(fixture('holding_response.json'))]))).toEqual({
      outcome: 'ok',
      value: [{ symbol: 'NSE:TATASTEEL-EQ', isin: 'INE081A01020', quantity: 2, averagePriceE4: 1_118_700 }],
    });
    expect(replies.readHoldings(say, ok(null))).toEqual({ outcome: 'ok', value: [] });
  });

  it('have the positions and holdings that can be read, and name the others', () => {
    const position = { exchange: 'NSE', tradingsymbol: 'X', producttype: 'DELIVERY', netqty: '5', avgnetprice: '1' };
    expect(replies.readPositions(say, ok([{ ...position, netqty: 'five' }, position]))).toMatchObject({
      value: [{ quantity: 5 }],
      drifted: [{ code: 'DRIFT', message: '$.data[0].netqty: not a whole number' }],
    });
    const holding = { exchange: 'NSE', tradingsymbol: 'X', quantity: 5 };
    expect(replies.readHoldings(say, ok([holding, { ...holding, tradingsymbol: '' }]))).toMatchObject({
      value: [{ quantity: 5 }],
      drifted: [{ code: 'DRIFT', message: '$.data[1].tradingsymbol: is empty' }],
    });
  });

  it('know cash as what is free without pledged shares', () =>
    expect(replies.readFunds(say, ok({ net: '100000.55', collateral: '40000', utiliseddebits: '1200.25' }))).toEqual({
      outcome: 'ok',
      value: { availableE4: 600_005_500, utilisedE4: 12_002_500 },
    }));

  it('know that nobody has what the printed sample shows', () =>
    expect(replies.readFunds(say, captured('rms_response.json'))).toMatchObject({
      outcome: 'failed',
      errorClass: 'drift',
      evidence: { message: '$.data.net: not an amount' },
    }));

  it('know whose session it is', () =>
    expect(replies.readProfile(say, captured('profile_response.json'))).toEqual({
      outcome: 'ok',
      value: { clientId: 'YOUR_CLIENT_CODE', name: 'YOUR_NAME' },
    }));

  it('know the margin of orders', () =>
    expect(replies.readMargin(say, ok({ totalMarginRequired: 29612.35, marginComponents: {} }))).toEqual({
      outcome: 'ok',
      value: 296_123_500,
    }));
});
