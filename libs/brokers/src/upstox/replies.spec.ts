import { tellOf } from '../answers';
import type { BrokerInstrument } from '../client';
import { fixture, replied, repliedJson } from '../in-spec';
import {
  changedOf,
  feedAddressOf,
  fundsOf,
  holdingsOf,
  marginOf,
  orderOf,
  ordersOf,
  placedManyOf,
  placedOf,
  positionsOf,
  profileOf,
  taggedOf,
  tradesOf,
  tradesOfOrder,
} from './replies';

const tell = tellOf({ apiKey: 'key-of-the-app', accessToken: 'token-of-today' });
const nobody = (): undefined => undefined;
const recorded = (name: string, status = 200) => replied(fixture('upstox', `${name}.json`), status);
const at = (iso: string): number => Date.parse(`${iso}+05:30`);
const error = (code: string, message = 'no', status = 400) =>
  repliedJson({ status: 'error', errors: [{ errorCode: code, message, propertyPath: null }] }, status);
/** The one row of the recorded book that has everything, changed. */
const row = (changes: object): object => {
  const book = JSON.parse(fixture('upstox', 'order_book.json')) as { data: object[] };
  return { ...book.data[0], ...changes };
};
const book = (...rows: readonly object[]) => repliedJson({ status: 'success', data: rows });

describe('a placement at Upstox', () => {
  it('is accepted with the id of the order', () =>
    expect(placedOf(repliedJson({ status: 'success', data: { order_ids: ['1644490272000'] } }), tell)).toEqual({
      outcome: 'accepted',
      brokerOrderId: '1644490272000',
    }));

  it('that became several orders, unasked, is left to the search by tag', () =>
    expect(placedOf(recorded('place_v3_response'), tell)).toEqual({
      outcome: 'unknown',
      evidence: { code: 'SLICED', message: 'became orders 1644490272000, 1644490272001' },
    }));

  it.each([
    ['the shape of the older version', recorded('place_v2_response'), '$.data.order_ids'],
    ['no order', repliedJson({ status: 'success', data: { order_ids: [] } }), '$.data.order_ids'],
    ['a rounded id', repliedJson({ status: 'success', data: { order_ids: [1.5] } }), '$.data.order_ids[0]'],
    ['no envelope', repliedJson([]), '$'],
  ])('that answers with %s is in doubt, and the field is named', (_, reply, path) => {
    const sent = placedOf(reply, tell);
    expect(sent.outcome).toBe('unknown');
    expect(sent.evidence).toEqual({ code: 'DRIFT', message: expect.stringContaining(`${path}:`) });
  });

  it.each([
    ['UDAPI100050', 401, 'notSent', 'auth'],
    ['UDAPI100067', 401, 'notSent', 'auth'],
    ['UDAPI1154', 403, 'notSent', 'address'],
    ['UDAPI10005', 429, 'notSent', 'throttled'],
    ['UDAPI100074', 423, 'rejected', 'closed-hours'],
    ['UDAPI100049', 403, 'rejected', 'entitlement'],
    ['UDAPI1052', 400, 'rejected', 'validation'],
    ['UDAPI9999', 400, 'rejected', 'validation'],
    ['UDAPI9999', 403, 'rejected', 'entitlement'],
    ['UDAPI9999', 423, 'rejected', 'closed-hours'],
    ['string', 400, 'rejected', 'validation'],
  ])('that is refused with %s and status %d is %s, %s', (code, status, outcome, errorClass) =>
    expect(placedOf(error(code, 'no', status), tell)).toMatchObject({ outcome, errorClass, evidence: { code } }),
  );

  it.each([
    ['UDAPI100500', 500],
    ['UDAPI100500', 400],
    ['UDAPI1052', 502],
    ['UDAPI1052', 408],
    ['UDAPI9999', 200],
  ])('that is refused with %s and status %d is in doubt', (code, status) =>
    expect(placedOf(error(code, 'no', status), tell)).toMatchObject({ outcome: 'unknown', evidence: { code } }),
  );

  it('that is refused for want of money says so', () =>
    expect(placedOf(error('UDAPI1', 'You need to add Rs. 138385.27 in your account'), tell)).toMatchObject({
      outcome: 'rejected',
      errorClass: 'funds',
    }));

  it('keeps the evidence of a live refusal in camel case, and of one in snake case', () => {
    expect(placedOf(recorded('error_1161_mcx_disabled', 400), tell)).toMatchObject({
      outcome: 'rejected',
      errorClass: 'entitlement',
      evidence: { code: 'UDAPI1161', message: expect.stringMatching(/^MCX API orders are temporarily disabled/) },
    });
    expect(placedOf(recorded('error_envelope', 400), tell)).toMatchObject({
      outcome: 'rejected',
      evidence: { code: 'string', message: 'string' },
    });
  });

  it('never repeats a token', () => {
    const sent = placedOf(error('UDAPI1052', 'token-of-today is not welcome'), tell);
    expect(sent.evidence).toEqual({ code: 'UDAPI1052', message: '*** is not welcome' });
  });
});

describe('a change at Upstox', () => {
  it('is accepted where the answer names the order', () => {
    for (const name of ['modify_v3_response', 'cancel_v3_response'])
      expect(changedOf(recorded(name), '1644490272000', tell)).toEqual({
        outcome: 'accepted',
        brokerOrderId: '1644490272000',
      });
  });

  it('is in doubt where it names another', () =>
    expect(changedOf(recorded('cancel_v3_response'), '1644490272001', tell)).toMatchObject({ outcome: 'unknown' }));

  it.each(['UDAPI100040', 'UDAPI100041'])('is refused with %s because the order is over', (code) =>
    expect(changedOf(error(code), '1', tell)).toMatchObject({ outcome: 'rejected', errorClass: 'final-state' }),
  );
});

describe('a batch at Upstox', () => {
  const line = (index: number) => ({ correlation_id: String(index), order_id: `26112100000000${String(index)}` });
  const fault = (correlation_id: string | null, error_code = 'UDAPI1052') => ({
    correlation_id,
    error_code,
    message: 'wrong',
  });

  it('is accepted line by line, in the order of the lines and not of the answer', () => {
    const reply = repliedJson({ status: 'success', data: [line(1), line(0)], errors: null, summary: { success: 2 } });
    expect(placedManyOf(reply, 2, tell)).toEqual([
      { outcome: 'accepted', brokerOrderId: '261121000000000' },
      { outcome: 'accepted', brokerOrderId: '261121000000001' },
    ]);
  });

  it('reads the recorded answer, whose lines are numbered from one', () =>
    expect(placedManyOf(recorded('multi_place_success'), 2, tell)).toMatchObject([
      { outcome: 'unknown', evidence: { code: 'DRIFT' } },
      { outcome: 'accepted', brokerOrderId: '1644490272000' },
    ]));

  it('is partly accepted: each line has its own answer, and one without any is in doubt', () => {
    const reply = repliedJson(
      {
        status: 'partial_success',
        data: [line(0)],
        errors: [fault('2'), fault('3', 'UDAPI100500')],
        summary: { success: 1 },
      },
      207,
    );
    expect(placedManyOf(reply, 4, tell)).toMatchObject([
      { outcome: 'accepted' },
      { outcome: 'unknown', evidence: { message: '$.data: nothing about line 1' } },
      { outcome: 'rejected', errorClass: 'validation', evidence: { code: 'UDAPI1052' } },
      { outcome: 'unknown', evidence: { code: 'UDAPI100500' } },
    ]);
  });

  it('that is refused for one of its lines leaves the others free to be sent again', () => {
    const reply = repliedJson({ status: 'error', data: [], errors: [fault('1')], summary: { success: 0 } }, 400);
    expect(placedManyOf(reply, 2, tell)).toMatchObject([
      { outcome: 'notSent', errorClass: 'transient', evidence: { code: 'BATCH_REFUSED' } },
      { outcome: 'rejected', errorClass: 'validation' },
    ]);
  });

  it('that is refused as a whole is refused in every line', () => {
    expect(placedManyOf(error('UDAPI1118'), 2, tell)).toMatchObject([
      { outcome: 'rejected', errorClass: 'validation' },
      { outcome: 'rejected', errorClass: 'validation' },
    ]);
    expect(placedManyOf(error('UDAPI1154', 'no', 403), 1, tell)).toMatchObject([
      { outcome: 'notSent', errorClass: 'address' },
    ]);
  });

  it.each([
    ['the gateway gave up', replied('<html>', 502, 'text/html')],
    [
      'the gateway gave up in JSON',
      repliedJson({ status: 'error', data: [], errors: [fault('1')], summary: { success: 0 } }, 500),
    ],
    ['nobody answered', { kind: 'silent', evidence: {} } as const],
    ['a line came twice', repliedJson({ status: 'success', data: [line(0), line(0)] })],
    [
      'a line was both accepted and refused',
      repliedJson({ status: 'partial_success', data: [line(0)], errors: [fault('0')] }, 207),
    ],
    ['the answer has no lines', repliedJson({ status: 'success', data: {} })],
  ])('is in doubt where %s', (_, reply) =>
    expect(placedManyOf(reply, 1, tell)).toMatchObject([{ outcome: 'unknown' }]),
  );
});

/** In the form of all our tags. */
const OURS = 'C0123456789ABCDEF01';

describe('the book of Upstox', () => {
  it('is read as recorded', () =>
    expect(ordersOf(recorded('order_book'), nobody, tell)).toEqual({
      outcome: 'ok',
      value: [
        {
          brokerOrderId: '231019025057849',
          exchangeOrderId: '1697686200000169148',
          symbol: 'BSE_EQ|INE220J01025',
          side: 'BUY',
          product: 'CNC',
          state: 'FILLED',
          rawState: 'complete',
          terms: { orderType: 'LIMIT', quantity: 1, priceE4: 8_000, validity: 'DAY' },
          filledQuantity: 1,
          averagePriceE4: 8_000,
          updatedAtMs: at('2023-10-19T09:23:23'),
        },
        {
          brokerOrderId: '231019025000398',
          symbol: 'NSE_FO|52567',
          side: 'SELL',
          product: 'MIS',
          state: 'REJECTED',
          rawState: 'rejected',
          terms: { orderType: 'SL_M', quantity: 1_500, triggerPriceE4: 5_700_000, validity: 'DAY' },
          filledQuantity: 0,
          evidence: { message: 'You need to add Rs. 138385.27 in your account to place this trade.' },
          updatedAtMs: at('2023-10-19T09:15:00'),
        },
        {
          brokerOrderId: '231019025000428',
          exchangeOrderId: '1697687100012002451',
          symbol: 'BSE_FO|822663',
          side: 'BUY',
          product: 'NRML',
          state: 'CANCELLED',
          rawState: 'cancelled',
          terms: { orderType: 'LIMIT', quantity: 10, priceE4: 500, validity: 'DAY' },
          filledQuantity: 0,
          updatedAtMs: at('2023-10-19T09:30:53'),
        },
      ],
    }));

  it('is read one order at a time', () => {
    expect(orderOf(recorded('order_details'), nobody, tell)).toMatchObject({
      outcome: 'ok',
      value: { brokerOrderId: '231019025562880', state: 'FILLED', averagePriceE4: 5_709_500 },
    });
    expect(orderOf(error('UDAPI100010', 'no', 404), nobody, tell)).toEqual({ outcome: 'ok', value: undefined });
    expect(orderOf(error('UDAPI1010'), nobody, tell)).toMatchObject({ outcome: 'failed' });
  });

  it.each([
    ['put order req received', 'PENDING_ACK'],
    ['After Market Order Req Received', 'QUEUED_AMO'],
    ['not cancelled', 'WORKING'],
    ['TRIGGER PENDING', 'TRIGGER_WAIT'],
    ['modify validation pending', 'MODIFY_PENDING'],
    ['cancel pending', 'CANCEL_PENDING'],
    ['cancelled after market order', 'CANCELLED'],
    ['sent to the moon', 'UNKNOWN'],
  ])('says %s for %s', (status, state) =>
    expect(ordersOf(book(row({ status })), nobody, tell)).toMatchObject({ value: [{ state, rawState: status }] }),
  );

  it('has no product where ours have no counterpart, and takes D for what the segment makes of it', () =>
    expect(
      ordersOf(
        book(row({ product: 'CO' }), row({ instrument_token: 'MCX_FO|1', exchange: 'MCX' }), row({ product: 'MTF' })),
        nobody,
        tell,
      ),
    ).toMatchObject({
      value: [expect.not.objectContaining({ product: 'CO' }), { product: 'NRML' }, { product: 'MTF' }],
    }));

  it('has ids as they were printed, beyond 2^53 and as numbers too', () => {
    const reply = replied(
      JSON.stringify({ status: 'success', data: [row({ order_id: 'ID' })] }).replace('"ID"', '9007199254740993123'),
    );
    expect(ordersOf(reply, nobody, tell)).toMatchObject({ value: [{ brokerOrderId: '9007199254740993123' }] });
  });

  it('counts commodities in lots, we in units', () => {
    const silver: BrokerInstrument = {
      instrumentKey: 'MCX_FO|506607',
      exchange: 'MCX',
      segment: 'MCX_FO',
      symbol: 'MCX_FO|506607',
      token: 'MCX_FO|506607',
      lotSize: 5,
    };
    const reply = book(row({ instrument_token: silver.symbol, exchange: 'MCX', quantity: 3, filled_quantity: 2 }));
    expect(ordersOf(reply, () => silver, tell)).toMatchObject({
      value: [{ terms: { quantity: 15 }, filledQuantity: 10 }],
    });
  });

  it('has no average before the broker knows one', () => {
    const reply = book(row({ status: 'open', filled_quantity: 1, average_price: 0 }));
    expect(ordersOf(reply, nobody, tell)).toMatchObject({
      value: [expect.not.objectContaining({ averagePriceE4: expect.anything() })],
    });
  });

  it.each([
    ['quantity', -1],
    ['quantity', 1.5],
    ['quantity', '1'],
    ['filled_quantity', null],
    ['transaction_type', 'SHORT'],
    ['order_type', 'TWAP'],
    ['validity', 'GTC'],
    ['price', -0.5],
    ['price', 0.123456],
    ['order_id', null],
    ['order_timestamp', 'yesterday'],
    ['instrument_token', undefined],
  ])('leaves out a row of somebody else where %s is %j, names it, and has all others', (field, value) => {
    const read = ordersOf(book(row({}), row({ [field]: value }), row({ tag: OURS })), nobody, tell);
    expect(read).toMatchObject({ outcome: 'ok', value: [{ state: 'FILLED' }, { tag: OURS }] });
    expect(read.outcome === 'ok' && read.drifted).toMatchObject([
      { code: 'DRIFT', message: expect.stringContaining(`$.data[1].${field}:`) },
    ]);
  });

  it.each([
    ['ours', OURS],
    ['of another kind', { tag: OURS }],
    ['not there', undefined],
  ])('is not read at all where the tag of a strange row is %s', (_, tag) =>
    expect(ordersOf(book(row({}), row({ order_type: 'TWAP', tag })), nobody, tell)).toEqual({
      outcome: 'failed',
      errorClass: 'drift',
      evidence: { code: 'DRIFT', message: expect.stringMatching(/^\$\.data\[1\]\.(order_type|tag):/) },
    }),
  );

  it('is not read at all where a row is none', () =>
    expect(ordersOf(repliedJson({ status: 'success', data: [row({}), null] }), nobody, tell)).toMatchObject({
      outcome: 'failed',
      evidence: { message: expect.stringContaining('$.data[1]:') },
    }));

  it.each([
    ['a page', replied('<html>', 200, 'text/html'), 'drift'],
    ['a page of the edge', replied('<html>1010', 403, 'text/html'), 'transient'],
    ['half of it', replied('{"status":"success","data":[{"ord'), 'drift'],
    ['nothing', replied(''), 'drift'],
    ['a gateway error', replied('', 502), 'transient'],
    ['a dead token', error('UDAPI100050', 'no', 401), 'auth'],
  ])('fails for %s', (_, reply, errorClass) =>
    expect(ordersOf(reply, nobody, tell)).toMatchObject({ outcome: 'failed', errorClass }),
  );
});

describe('a search by tag at Upstox', () => {
  const step = (changes: object): object => row({ tag: 'T1', filled_quantity: 0, ...changes });
  const found = (...steps: readonly object[]) => taggedOf(book(...steps), 'T1', nobody, tell);

  it('finds each order as its last step left it, whatever the order of the steps', () => {
    const steps = [
      step({ status: 'put order req received', order_timestamp: '2023-10-19 09:23:20', exchange_timestamp: null }),
      step({ status: 'complete', filled_quantity: 1, order_timestamp: '2023-10-19 09:23:23' }),
      step({ status: 'open', order_timestamp: '2023-10-19 09:23:23' }),
    ];
    for (const some of [steps, [...steps].reverse()])
      expect(found(...some)).toMatchObject({ outcome: 'ok', value: [{ state: 'FILLED', filledQuantity: 1 }] });
  });

  it('finds every order with the tag, and none with another', () =>
    expect(found(step({ order_id: '1' }), step({ order_id: '2' }), step({ order_id: '3', tag: 'T11' }))).toMatchObject({
      value: [{ brokerOrderId: '1' }, { brokerOrderId: '2' }],
    }));

  it('finds nothing only where the broker says that there is no such order', () => {
    expect(taggedOf(error('UDAPI100010', 'no', 404), 'T1', nobody, tell)).toEqual({ outcome: 'ok', value: [] });
    for (const reply of [
      error('UDAPI100060', 'no', 404),
      error('UDAPI100059'),
      error('UDAPI9999', 'no', 404),
      replied('', 404),
    ])
      expect(taggedOf(reply, 'T1', nobody, tell)).toMatchObject({ outcome: 'failed' });
  });

  it('finds nothing where a step cannot be read, whosever it is', () =>
    expect(found(step({}), step({ validity: 'GTC', tag: 'ANOTHER' }))).toMatchObject({
      outcome: 'failed',
      evidence: { message: '$.data[1].validity: an unknown word' },
    }));

  it('does not believe a step that does not say its tag', () =>
    expect(found(step({}), step({ tag: null }))).toMatchObject({
      outcome: 'failed',
      errorClass: 'drift',
      evidence: { message: '$.data[1].tag: none, though it was searched for' },
    }));
});

describe('the account at Upstox', () => {
  it('has trades as recorded', () => {
    expect(tradesOf(recorded('trades_for_day'), nobody, tell)).toEqual({
      outcome: 'ok',
      value: [
        {
          tradeId: '50091502',
          brokerOrderId: '221013001021539',
          symbol: '151064324',
          side: 'BUY',
          quantity: 1,
          priceE4: 2_994_000,
          tradedAtMs: at('2017-08-03T15:03:42'),
        },
      ],
    });
    expect(tradesOf(error('UDAPI100010', 'no', 404), nobody, tell)).toEqual({ outcome: 'ok', value: [] });
  });

  it('has the trades that can be read, and names the order of any other; those of one order must all be read', () => {
    const { data } = JSON.parse(fixture('upstox', 'trades_for_day.json')) as { data: object[] };
    const [trade] = data;
    const strange = book({ ...trade }, { ...trade, order_id: '2', transaction_type: 'HOLD' });
    expect(tradesOf(strange, nobody, tell)).toMatchObject({
      value: [{ tradeId: '50091502' }],
      drifted: [{ code: 'DRIFT', message: '$.data[1].transaction_type: an unknown word', brokerOrderId: '2' }],
    });
    expect(tradesOfOrder(strange, nobody, tell)).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
    expect(tradesOf(book({ ...trade, order_id: null }), nobody, tell)).toMatchObject({ outcome: 'failed' });
  });

  it('has the positions and holdings that can be read, and names the others', () => {
    const position = { instrument_token: 'NSE_EQ|A', exchange: 'NSE', product: 'D', quantity: 1, average_price: 2 };
    const drifted = [{ code: 'DRIFT', message: '$.data[0].quantity: no whole number' }];
    const some = book({ ...position, quantity: 'one' }, position);
    expect(positionsOf(some, nobody, tell)).toMatchObject({ value: [{ quantity: 1 }], drifted });
    expect(holdingsOf(some, tell)).toMatchObject({ value: [{ quantity: 1 }], drifted });
  });

  it('has positions as recorded: those of today alone at the price of their side', () =>
    expect(positionsOf(recorded('positions'), nobody, tell)).toEqual({
      outcome: 'ok',
      value: [
        { symbol: 'NSE_FO|52618', product: 'NRML', quantity: 15, averagePriceE4: 26_500 },
        { symbol: 'BSE_EQ|INE220J01025', product: 'CNC', quantity: 1, averagePriceE4: 8_000 },
        { symbol: 'NCD_FO|13177', product: 'NRML', quantity: 1, averagePriceE4: 50 },
        { symbol: 'NSE_EQ|INE062A01020', product: 'CNC', quantity: 0, averagePriceE4: 0 },
      ],
    }));

  it('has holdings, of which some were never bought', () => {
    const holding = {
      instrument_token: 'NSE_EQ|INE528G01035',
      isin: 'INE528G01035',
      quantity: 36,
      average_price: 18.75,
    };
    const reply = repliedJson({ status: 'success', data: [holding, { ...holding, average_price: null }] });
    expect(holdingsOf(reply, tell)).toMatchObject({
      value: [{ isin: 'INE528G01035', quantity: 36, averagePriceE4: 187_500 }, { averagePriceE4: 0 }],
    });
  });

  it('has a name', () =>
    expect(profileOf(recorded('profile'), tell)).toEqual({
      outcome: 'ok',
      value: { clientId: '******', name: '******' },
    }));

  it('has funds: the cash, and what of it is in use', () => {
    const cash = { total: 5117.34, margin_used: { total: 20 } };
    const data = { available_to_trade: { total: 5379.03, cash_available_to_trade: cash } };
    expect(fundsOf(repliedJson({ status: 'success', data }), tell)).toEqual({
      outcome: 'ok',
      value: { availableE4: 51_173_400, utilisedE4: 200_000 },
    });
    expect(fundsOf(repliedJson({ status: 'success', data: {} }), tell)).toMatchObject({ errorClass: 'drift' });
  });

  it('is told the margin of orders together', () =>
    expect(
      marginOf(repliedJson({ status: 'success', data: { required_margin: 10, final_margin: 8.123456 } }), tell),
    ).toEqual({ outcome: 'ok', value: 81_235 }));

  it('is told where prices are, if it is an address', () => {
    expect(feedAddressOf(recorded('feed_authorize_response'), tell)).toEqual({
      outcome: 'ok',
      value: expect.stringMatching(/^wss:\/\/xyz\.upstox\.com\//),
    });
    const elsewhere = repliedJson({ status: 'success', data: { authorized_redirect_uri: 'file:///etc/passwd' } });
    expect(feedAddressOf(elsewhere, tell)).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });
});
