import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answered, sayOf } from '../reading';
import * as replies from './replies';

const fixture = (name: string): string => readFileSync(join(__dirname, '../../fixtures/fyers', name), 'utf8');
const say = sayOf({ appId: 'XC4EOD67IM-100', accessToken: 'SECRETTOKEN' });

const answered = (body: unknown, status = 200, rest: Partial<Answered> = {}): Answered => ({
  kind: 'reply',
  status,
  contentType: 'application/json',
  headers: {},
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...rest,
});
const captured = (name: string): Answered => answered(fixture(name));
const error = (code: number, message = 'no', status = 200): Answered => answered({ s: 'error', code, message }, status);
const ist = (text: string): number => Date.parse(`${text}+05:30`);

describe('what Fyers answers to an order', () => {
  it('is accepted with its id', () =>
    expect(replies.readPlaced(say, captured('place_order_response.json'))).toEqual({
      outcome: 'accepted',
      brokerOrderId: '808058117761',
    }));

  it('keeps an id that a number would change', () =>
    expect(replies.readPlaced(say, answered('{"s":"ok","code":1101,"id":1200000009204725123}'))).toEqual({
      outcome: 'accepted',
      brokerOrderId: '1200000009204725123',
    }));

  it('is unknown when it was taken without an acknowledgement', () =>
    expect(replies.readPlaced(say, answered({ s: 'ok', code: 201, message: 'pending', id: '1' }))).toEqual({
      outcome: 'unknown',
      evidence: { code: '201', message: 'pending' },
    }));

  it('is unknown when it names no order', () =>
    expect(replies.readPlaced(say, captured('order_async_response.json'))).toMatchObject({
      outcome: 'unknown',
      evidence: { code: 'DRIFT' },
    }));

  it.each([
    [-99, 'RED:Margin Shortfall:INR 145,021.90 Available', 'funds'],
    [-99, 'RED:RMS rule: check circuit limits', 'risk'],
    [-99, 'Market is closed', 'closed-hours'],
    [-50, 'Please provide a valid orderTag', 'validation'],
    [-392, 'Price should be in multiples of tick size', 'validation'],
    [-373, 'app permission', 'entitlement'],
    [-161, 'already cancelled', 'final-state'],
    [-162, 'already traded', 'final-state'],
    [-51, 'Invalid order number', 'not-found'],
  ])('is rejected with %i %s as %s', (code, message, errorClass) =>
    expect(replies.readPlaced(say, error(code, message))).toEqual({
      outcome: 'rejected',
      errorClass,
      evidence: { code: String(code), message },
    }),
  );

  it.each([
    [-8, 'token expired', 401, 'auth'],
    [-15, 'token', 200, 'auth'],
    [-16, 'token', 403, 'auth'],
    [-17, 'token', 200, 'auth'],
    [-429, 'request limit reached', 429, 'throttled'],
    [-353, 'cap', 200, 'throttled'],
    [-50, 'Request from an IP not registered for this app', 200, 'address'],
    [-1, 'too many', 429, 'throttled'],
  ])('was not taken with %i %s, HTTP %i, as %s', (code, message, status, errorClass) =>
    expect(replies.readPlaced(say, error(code, message, status))).toMatchObject({ outcome: 'notSent', errorClass }),
  );

  it.each([
    [-96, 'unexpected', 200],
    [-201, 'oms', 200],
    [-96, 'Something went wrong', 503],
    [-4711, 'a code that nobody has told us of', 200],
    [-4711, 'a code that nobody has told us of', 400],
  ])('stays unknown with %i %s, HTTP %i', (code, message, status) =>
    expect(replies.readPlaced(say, error(code, message, status))).toMatchObject({ outcome: 'unknown' }),
  );

  it('decides by code before it looks at HTTP', () => {
    expect(replies.readPlaced(say, error(-99, 'RMS', 500))).toMatchObject({ outcome: 'rejected' });
    expect(replies.readPlaced(say, answered(fixture('place_order_response.json'), 500))).toMatchObject({
      outcome: 'accepted',
    });
  });

  it('says when to come back', () => {
    const headers = (more: Record<string, string>) =>
      replies.readPlaced(say, answered({ s: 'error', code: -429, message: '' }, 429, { headers: more }));
    expect(headers({ 'retry-after': '2' })).toMatchObject({ outcome: 'notSent', retryAfterMs: 2_000 });
    expect(headers({ 'retry-after': '2', 'x-retry-after-ms': '1250' })).toMatchObject({ retryAfterMs: 1_250 });
    expect(headers({ 'retry-after': 'soon' })).not.toHaveProperty('retryAfterMs');
  });

  it.each([
    ['a web page', '<html><h1>502 Bad Gateway</h1></html>', 502, 'text/html'],
    ['a web page with a good status', '<!doctype html>', 200, 'text/html'],
    ['a page that refuses', '<html>Forbidden</html>', 403, 'text/html'],
    ['half an answer', '{"s":"ok","code":1101,"id":"80', 200, 'application/json'],
    ['nothing', '', 200, 'application/json'],
    ['an empty object', '{}', 200, 'application/json'],
    ['a list', '[]', 200, 'application/json'],
    ['another word', '{"s":"maybe","id":"1"}', 200, 'application/json'],
  ])('stays unknown as %s', (_, body, status, contentType) =>
    expect(replies.readPlaced(say, answered(body, status, { contentType }))).toMatchObject({ outcome: 'unknown' }),
  );

  it('was not taken where a page says so by its status', () => {
    const page = (status: number) => answered('<html>', status, { contentType: 'text/html' });
    expect(replies.readPlaced(say, page(429))).toMatchObject({ outcome: 'notSent', errorClass: 'throttled' });
    expect(replies.readPlaced(say, page(401))).toMatchObject({ outcome: 'notSent', errorClass: 'auth' });
  });

  it('never shows a secret, and is cut to size', () => {
    const sent = replies.readPlaced(say, error(-99, `token SECRETTOKEN of XC4EOD67IM-100 ${'x'.repeat(1_000)}`));
    expect(sent).toMatchObject({
      outcome: 'rejected',
      evidence: { message: expect.stringMatching(/^token \*\*\* of/) },
    });
    expect(JSON.stringify(sent)).not.toContain('SECRETTOKEN');
    expect(JSON.stringify(sent).length).toBeLessThan(500);
  });
});

describe('what Fyers answers to a change', () => {
  it('is accepted', () => {
    expect(replies.readChanged(say, captured('modify_order_response.json'), '808058117761')).toMatchObject({
      outcome: 'accepted',
    });
    expect(replies.readChanged(say, captured('cancel_order_response.json'), '808058117761')).toMatchObject({
      outcome: 'accepted',
    });
  });

  it('is unknown when it is about another order', () =>
    expect(replies.readChanged(say, captured('cancel_order_response.json'), '808058117762')).toMatchObject({
      outcome: 'unknown',
    }));
});

describe('what Fyers answers to many orders', () => {
  const line = (body: unknown, statusCode = 200) => ({ statusCode, body, statusDescription: 'HTTP' });
  const lines = (...data: unknown[]): Answered => answered({ s: 'ok', code: 200, message: '', data });

  it('is read line by line', () => {
    expect(replies.readPlacedMany(say, captured('multi_place_response.json'), 1)).toEqual([
      { outcome: 'accepted', brokerOrderId: '120080778988' },
    ]);
    const mixed = lines(
      line({ s: 'ok', code: 200, id: '1' }),
      line({ s: 'error', code: -99, message: 'margin' }, 200),
      line({ s: 'error', code: -429, message: 'slow down' }, 429),
      line({ s: 'ok', code: 201, id: '4' }),
      line({ s: 'error', code: -96, message: 'oops' }, 500),
      line(null),
    );
    expect(replies.readPlacedMany(say, mixed, 6).map((sent) => sent.outcome)).toEqual([
      'accepted',
      'rejected',
      'notSent',
      'unknown',
      'unknown',
      'unknown',
    ]);
  });

  it('says nothing about any line when their number is another one', () => {
    const sent = replies.readPlacedMany(say, lines(line({ s: 'ok', code: 200, id: '1' })), 2);
    expect(sent).toHaveLength(2);
    expect(sent.every(({ outcome }) => outcome === 'unknown')).toBe(true);
  });

  it('was not taken as a whole only where it was not looked at', () => {
    const outcomes = (reply: Answered) => replies.readPlacedMany(say, reply, 2).map(({ outcome }) => outcome);
    expect(outcomes(error(-16))).toEqual(['notSent', 'notSent']);
    expect(outcomes(error(-429, '', 429))).toEqual(['notSent', 'notSent']);
    expect(outcomes(error(-50))).toEqual(['unknown', 'unknown']);
    expect(outcomes(error(-96, '', 500))).toEqual(['unknown', 'unknown']);
    expect(outcomes(answered(''))).toEqual(['unknown', 'unknown']);
  });
});

const row = (JSON.parse(fixture('orders_by_id.json')) as { orderBook: readonly Record<string, unknown>[] })
  .orderBook[0] ?? { missing: true };
/** In the form of all our tags. */
const OURS = 'C0123456789ABCDEF01';
const bookOf = (...rows: unknown[]): Answered => answered({ s: 'ok', code: 200, message: '', orderBook: rows });
const stateOf = (change: Record<string, unknown>): unknown => {
  const read = replies.readOrders(say, bookOf({ ...row, ...change }));
  return read.outcome === 'ok' ? read.value[0]?.state : read.evidence;
};

describe('the order book of Fyers', () => {
  it('is read row by row', () =>
    expect(replies.readOrders(say, captured('orders_by_id.json'))).toEqual({
      outcome: 'ok',
      value: [
        {
          brokerOrderId: '23030900015105',
          exchangeOrderId: '1100000001089341',
          tag: 'Ordertag',
          symbol: 'NSE:IDEA-EQ',
          side: 'SELL',
          product: 'CNC',
          state: 'FILLED',
          rawState: '2',
          terms: { orderType: 'LIMIT', quantity: 1, priceE4: 69_500, validity: 'DAY' },
          filledQuantity: 1,
          averagePriceE4: 69_500,
          updatedAtMs: ist('2023-03-09T09:34:38'),
        },
      ],
    }));

  it.each([
    ['cancelled', { status: 1, filledQty: 0 }, 'CANCELLED'],
    ['filled', { status: 2 }, 'FILLED'],
    ['in transit', { status: 4, filledQty: 0 }, 'PENDING_ACK'],
    ['rejected', { status: 5, filledQty: 0 }, 'REJECTED'],
    ['open', { status: 6, filledQty: 0 }, 'WORKING'],
    ['a stop that waits', { status: 6, filledQty: 0, type: 3 }, 'TRIGGER_WAIT'],
    ['a stop with a limit that waits', { status: 6, filledQty: 0, type: 4 }, 'TRIGGER_WAIT'],
    ['a stop that has begun to trade', { status: 6, filledQty: 1, qty: 2, type: 4 }, 'WORKING'],
    ['queued for tomorrow', { status: 6, filledQty: 0, offlineOrder: true }, 'QUEUED_AMO'],
    ['expired', { status: 7, filledQty: 0 }, 'EXPIRED'],
    ['a code that is not used', { status: 3, filledQty: 0 }, 'UNKNOWN'],
    ['a code of tomorrow', { status: 42, filledQty: 0 }, 'UNKNOWN'],
    ['a code as text', { status: '2' }, 'FILLED'],
  ])('knows %s', (_, change, state) => expect(stateOf(change)).toBe(state));

  it('knows whose tag it is', () => {
    const tagOf = (orderTag: unknown): unknown => {
      const read = replies.readOrders(say, bookOf({ ...row, orderTag }));
      return read.outcome === 'ok' ? read.value[0]?.tag : read;
    };
    expect(tagOf('1:K7A01')).toBe('K7A01');
    expect(tagOf('2:Untagged')).toBeUndefined();
    expect(tagOf('')).toBeUndefined();
    expect(tagOf(undefined)).toBeUndefined();
  });

  it('reads products by their market', () => {
    const productOf = (productType: string, segment: number): unknown => {
      const read = replies.readOrders(say, bookOf({ ...row, productType, segment }));
      return read.outcome === 'ok' ? read.value[0]?.product : read;
    };
    expect(productOf('MARGIN', 11)).toBe('NRML');
    expect(productOf('MARGIN', 10)).toBeUndefined();
    expect(productOf('intraday', 10)).toBe('MIS');
    expect(productOf('MTF', 10)).toBe('MTF');
    expect(productOf('BO', 10)).toBeUndefined();
  });

  it('tells why an order was refused, without the secrets that a message repeats', () => {
    const read = replies.readOrders(say, bookOf({ ...row, status: 5, filledQty: 0, message: 'RED: SECRETTOKEN' }));
    expect(read).toMatchObject({ value: [{ state: 'REJECTED', evidence: { code: '5', message: 'RED: ***' } }] });
  });

  it('rounds what shows its binary fractions, and keeps both prices of a stop', () => {
    const stop = { ...row, type: 4, status: 6, filledQty: 0, limitPrice: 58.150000000000006, stopPrice: 57 };
    expect(replies.readOrders(say, bookOf(stop))).toMatchObject({
      value: [{ terms: { orderType: 'SL', priceE4: 581_500, triggerPriceE4: 570_000 } }],
    });
  });

  it.each([
    ['a quantity below zero', { qty: -1 }, '$.orderBook[1].qty'],
    ['half a share', { qty: 1.5 }, '$.orderBook[1].qty'],
    ['a quantity in words', { filledQty: 'one' }, '$.orderBook[1].filledQty'],
    ['no id', { id: '' }, '$.orderBook[1].id'],
    ['an id with a point', { id: 1.5 }, '$.orderBook[1].id'],
    ['an order type of tomorrow', { type: 9 }, '$.orderBook[1].type'],
    ['another side', { side: 2 }, '$.orderBook[1].side'],
    ['another validity', { orderValidity: 'GTC' }, '$.orderBook[1].orderValidity'],
    ['no price', { limitPrice: null }, '$.orderBook[1].limitPrice'],
    ['a price below zero', { limitPrice: -1 }, '$.orderBook[1].limitPrice'],
    ['another clock', { orderDateTime: '2023/03/09' }, '$.orderBook[1].orderDateTime'],
  ])('leaves out a row of somebody else with %s, says where, and has all others', (_, change, path) => {
    const read = replies.readOrders(say, bookOf(row, { ...row, ...change }, { ...row, orderTag: `1:${OURS}` }));
    expect(read).toMatchObject({ outcome: 'ok', value: [{ tag: 'Ordertag' }, { tag: OURS }] });
    expect(read.outcome === 'ok' && read.drifted).toMatchObject([
      { code: 'DRIFT', message: expect.stringMatching(new RegExp(`^${path.replace(/[$.[\]]/g, '\\$&')}:`)) },
    ]);
  });

  it.each([
    ['ours', `1:${OURS}`],
    ['ours without what Fyers puts before it', OURS],
    ['of another kind', { tag: OURS }],
    ['not there', undefined],
  ])('is no book where the tag of a strange row is %s', (_, orderTag) =>
    expect(replies.readOrders(say, bookOf(row, { ...row, side: 2, orderTag }))).toMatchObject({
      outcome: 'failed',
      errorClass: 'drift',
      evidence: { code: 'DRIFT', message: expect.stringMatching(/^\$\.orderBook\[1\]\.(side|orderTag):/) },
    }),
  );

  it('is no book where a row is none', () =>
    expect(replies.readOrders(say, bookOf(row, null))).toMatchObject({
      outcome: 'failed',
      evidence: { message: expect.stringContaining('$.orderBook[1]:') },
    }));

  it('is searched around a row of somebody else that cannot be read, and not around one with the tag', () => {
    const strange = { ...row, id: '2', type: 9, orderTag: '2:Untagged' };
    expect(replies.readByTag(say, bookOf(strange, { ...row, orderTag: '1:T01' }), 'T01')).toMatchObject({
      value: [{ tag: 'T01' }],
      drifted: [{ message: '$.orderBook[0].type: not an order type', brokerOrderId: '2' }],
    });
    expect(replies.readByTag(say, bookOf({ ...strange, orderTag: '1:T01' }), 'T01')).toMatchObject({
      outcome: 'failed',
    });
  });

  it('may be empty, but not missing', () => {
    expect(replies.readOrders(say, bookOf())).toEqual({ outcome: 'ok', value: [] });
    expect(replies.readOrders(say, answered({ s: 'ok', orderBook: null }))).toEqual({ outcome: 'ok', value: [] });
    expect(replies.readOrders(say, answered({ s: 'ok', code: 200 }))).toMatchObject({ errorClass: 'drift' });
  });

  it('finds by tag only what carries it', () =>
    expect(
      replies.readByTag(say, bookOf({ ...row, orderTag: '1:OURS' }, { ...row, id: '2', orderTag: '1:OTHERS' }), 'OURS'),
    ).toMatchObject({ outcome: 'ok', value: [{ brokerOrderId: '23030900015105' }] }));

  it('has one order, or says that there is none', () => {
    const one = (reply: Answered) => replies.readOrder(say, reply, '23030900015105');
    expect(one(captured('orders_by_id.json'))).toMatchObject({ value: { brokerOrderId: '23030900015105' } });
    expect(one(bookOf())).toEqual({ outcome: 'ok', value: undefined });
    expect(one(error(-51))).toEqual({ outcome: 'ok', value: undefined });
    expect(one(error(-96))).toMatchObject({ outcome: 'failed', errorClass: 'transient' });
    expect(one(bookOf({ ...row, type: 9 }))).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });
});

describe('the other books of Fyers', () => {
  it('hold the trades of the day', () => {
    const read = replies.readTrades(say, captured('tradebook.json'));
    expect(read.outcome === 'ok' && read.value).toHaveLength(3);
    expect(read.outcome === 'ok' && read.value[0]).toEqual({
      tradeId: '52605023',
      brokerOrderId: '120080789075',
      symbol: 'NSE:PNB-EQ',
      side: 'BUY',
      quantity: 10,
      priceE4: 327_000,
      tradedAtMs: ist('2020-08-07T13:51:12'),
    });
  });

  it('have the trades that can be read, and name the order of any other', () => {
    const { tradeBook } = JSON.parse(fixture('tradebook.json')) as { tradeBook: readonly object[] };
    const strange = (change: object): Answered =>
      answered({ s: 'ok', tradeBook: tradeBook.map((trade, at) => (at === 1 ? { ...trade, ...change } : trade)) });
    const read = replies.readTrades(say, strange({ orderNumber: '7', side: 2 }));
    expect(read.outcome === 'ok' && read.value).toHaveLength(2);
    expect(read).toMatchObject({
      drifted: [{ code: 'DRIFT', message: '$.tradeBook[1].side: not a side', brokerOrderId: '7' }],
    });
    expect(replies.readTrades(say, strange({ orderNumber: '' }))).toMatchObject({
      outcome: 'failed',
      evidence: { message: '$.tradeBook[1].orderNumber: not an id' },
    });
  });

  it('have the positions and holdings that can be read, and name the others', () => {
    const position = { symbol: 'NSE:SBIN-EQ', segment: 10, productType: 'CNC', netQty: 5, netAvg: 800.5 };
    expect(
      replies.readPositions(say, answered({ s: 'ok', netPositions: [{ ...position, netQty: 'five' }, position] })),
    ).toMatchObject({
      value: [{ quantity: 5 }],
      drifted: [{ code: 'DRIFT', message: '$.netPositions[0].netQty: not a whole number' }],
    });
    const holding = { symbol: 'NSE:SBIN-EQ', quantity: 3, costPrice: 800 };
    expect(
      replies.readHoldings(say, answered({ s: 'ok', holdings: [holding, { ...holding, symbol: '' }] })),
    ).toMatchObject({
      value: [{ quantity: 3 }],
      drifted: [{ code: 'DRIFT', message: '$.holdings[1].symbol: is empty' }],
    });
  });

  it('give a trade one id, wherever it is heard of', () => {
    const { trades } = JSON.parse(fixture('ws_trades_mapped.json')) as { trades: unknown };
    expect(replies.readTrades(say, answered({ s: 'ok', tradeBook: [trades] }))).toMatchObject({
      value: [{ tradeId: '21726639', brokerOrderId: '23080400089344', tradedAtMs: ist('2023-08-04T10:12:58') }],
    });
  });

  it('hold positions, and an error where there are none', () => {
    expect(replies.readPositions(say, captured('positions.json'))).toEqual({
      outcome: 'ok',
      value: [{ symbol: 'MCX:SILVERMIC20AUGFUT', product: 'NRML', quantity: 1, averagePriceE4: 718_560_000 }],
    });
    expect(replies.readPositions(say, error(-398))).toEqual({ outcome: 'ok', value: [] });
    expect(replies.readPositions(say, error(-352, 'No positions'))).toEqual({ outcome: 'ok', value: [] });
    expect(replies.readPositions(say, error(-352, 'Invalid app id'))).toMatchObject({ errorClass: 'auth' });
    const short = { symbol: 'NSE:SBIN-EQ', segment: 10, productType: 'INTRADAY', netQty: -5, netAvg: 800.5 };
    expect(replies.readPositions(say, answered({ s: 'ok', netPositions: [short] }))).toMatchObject({
      value: [{ quantity: -5, product: 'MIS' }],
    });
  });

  it('hold holdings', () => {
    const holding = { symbol: 'NSE:SBIN-EQ', quantity: 3, costPrice: 800.123456, isin: 'INE062A01020' };
    expect(replies.readHoldings(say, answered({ s: 'ok', holdings: [holding] }))).toEqual({
      outcome: 'ok',
      value: [{ symbol: 'NSE:SBIN-EQ', isin: 'INE062A01020', quantity: 3, averagePriceE4: 8_001_235 }],
    });
  });

  it('know cash by the number of its row', () => {
    expect(replies.readFunds(say, captured('funds.json'))).toEqual({
      outcome: 'ok',
      value: { availableE4: 581_500, utilisedE4: 3_000 },
    });
    const half = { s: 'ok', fund_limit: [{ id: 3, title: 'Utilized Amount', equityAmount: 1 }] };
    expect(replies.readFunds(say, answered(half))).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('know whose session it is', () =>
    expect(replies.readProfile(say, captured('profile.json'))).toEqual({
      outcome: 'ok',
      value: { clientId: 'FX0011', name: 'JXXX X X' },
    }));

  it('know the margin of new orders', () => {
    const margin = { s: 'ok', data: { margin_avail: 1999.9, margin_total: 5, margin_new_order: 147738.0563 } };
    expect(replies.readMargin(say, answered(margin))).toEqual({ outcome: 'ok', value: 1_477_380_563 });
    expect(replies.readMargin(say, answered({ s: 'ok', data: {} }))).toMatchObject({
      evidence: { message: expect.stringContaining('$.data.margin_new_order') },
    });
  });

  it('fail with a class when they cannot be read', () => {
    expect(replies.readOrders(say, error(-16, '', 401))).toMatchObject({ outcome: 'failed', errorClass: 'auth' });
    expect(replies.readOrders(say, answered('<html>', 502))).toMatchObject({ errorClass: 'transient' });
    expect(replies.readOrders(say, answered('{"s":"ok","orderBook":[{', 200))).toMatchObject({ errorClass: 'drift' });
    expect(replies.readOrders(say, error(-429, '', 429))).toMatchObject({ errorClass: 'throttled' });
  });
});
