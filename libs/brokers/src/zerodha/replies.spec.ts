import { tellOf } from '../answers';
import type { BrokerInstrument } from '../client';
import { fixture, replied, repliedJson } from '../in-spec';
import {
  changedOf,
  fundsOf,
  holdingsOf,
  marginOf,
  orderOf,
  ordersOf,
  placedOf,
  positionsOf,
  profileOf,
  taggedOf,
  tradesOf,
  tradesOfOrder,
} from './replies';

const tell = tellOf({ apiKey: 'key-of-the-app', apiSecret: 'secret-of-the-app', accessToken: 'token-of-today' });
const nobody = (): undefined => undefined;
const recorded = (name: string, status = 200) => replied(fixture('zerodha', `${name}.json`), status);
const at = (iso: string): number => Date.parse(`${iso}+05:30`);
const error = (error_type: string, status: number, message = 'no') =>
  repliedJson({ status: 'error', message, error_type, data: null }, status);
/** The first row of the recorded book, changed. */
const row = (changes: object): object => {
  const book = JSON.parse(fixture('zerodha', 'orders.json')) as { data: object[] };
  return { ...book.data[1], ...changes };
};
const book = (...rows: readonly object[]) => repliedJson({ status: 'success', data: rows });

describe('a placement at Zerodha', () => {
  it('is accepted with the id of the order, as recorded', () =>
    expect(placedOf(recorded('order_response'), tell)).toEqual({
      outcome: 'accepted',
      brokerOrderId: '151220000000000',
    }));

  it('keeps an id that was printed as a number beyond 2^53', () =>
    expect(placedOf(replied('{"status":"success","data":{"order_id":1953367517686685697}}'), tell)).toEqual({
      outcome: 'accepted',
      brokerOrderId: '1953367517686685697',
    }));

  it('that was cut into parts, unasked, is left to the search by tag', () => {
    const data = { order_id: '1', children: [{ order_id: '2' }, { error: { code: 400, message: 'no' } }] };
    expect(placedOf(repliedJson({ status: 'success', data }), tell)).toEqual({
      outcome: 'unknown',
      evidence: { code: 'SLICED', message: 'became 2 parts of 1' },
    });
  });

  it.each([
    ['TokenException', 403, 'no', 'notSent', 'auth'],
    ['TwoFAException', 400, 'no', 'notSent', 'auth'],
    ['InputException', 400, 'IP (1.2.3.4) is not allowed to place orders for this app.', 'notSent', 'address'],
    ['PermissionException', 403, 'IP (::1) is not allowed to place orders for this app.', 'notSent', 'address'],
    ['PermissionException', 403, 'no', 'rejected', 'entitlement'],
    ['NetworkException', 429, 'Too many requests', 'notSent', 'throttled'],
    ['OrderException', 400, 'Maximum allowed order requests exceeded', 'notSent', 'throttled'],
    [
      'InputException',
      400,
      'Market orders without market protection are not allowed via API.',
      'rejected',
      'validation',
    ],
    ['MarginException', 400, 'Insufficient funds.', 'rejected', 'funds'],
    ['HoldingException', 400, 'no', 'rejected', 'risk'],
    ['OrderException', 400, 'no', 'rejected', 'risk'],
    ['NewException', 400, 'no', 'rejected', 'validation'],
  ])('that is refused with %s, status %d and "%s" is %s, %s', (type, status, message, outcome, errorClass) =>
    expect(placedOf(error(type, status, message), tell)).toMatchObject({
      outcome,
      errorClass,
      evidence: { code: type },
    }),
  );

  it.each([
    ['NetworkException', 503],
    ['NetworkException', 400],
    ['DataException', 502],
    ['DataException', 504],
    ['GeneralException', 500],
    ['OrderException', 500],
    ['NewException', 200],
  ])('that is refused with %s and status %d is in doubt', (type, status) =>
    expect(placedOf(error(type, status), tell)).toMatchObject({ outcome: 'unknown', evidence: { code: type } }),
  );

  it('believes a known error in spite of a status of success', () =>
    expect(placedOf(error('MarginException', 200), tell)).toMatchObject({ outcome: 'rejected', errorClass: 'funds' }));

  it.each([
    ['no order', repliedJson({ status: 'success', data: null }), '$.data'],
    ['an empty id', repliedJson({ status: 'success', data: { order_id: '' } }), '$.data.order_id'],
    ['no status', repliedJson({ data: { order_id: '1' } }), '$.status'],
  ])('that answers with %s is in doubt, and the field is named', (_, reply, path) =>
    expect(placedOf(reply, tell)).toEqual({
      outcome: 'unknown',
      evidence: { code: 'DRIFT', message: expect.stringContaining(`${path}:`) },
    }),
  );

  it('never repeats a credential', () => {
    const sent = placedOf(error('InputException', 400, 'Incorrect key-of-the-app or token-of-today.'), tell);
    expect(sent.evidence).toEqual({ code: 'InputException', message: 'Incorrect *** or ***.' });
  });
});

describe('a change at Zerodha', () => {
  it('is accepted where the answer names the order, and in doubt where it names another', () => {
    for (const name of ['order_modify', 'order_cancel']) {
      expect(changedOf(recorded(name), '151220000000000', tell)).toMatchObject({ outcome: 'accepted' });
      expect(changedOf(recorded(name), '151220000000001', tell)).toMatchObject({ outcome: 'unknown' });
    }
  });

  it('is refused because the order is over, or not there', () => {
    expect(changedOf(error('OrderException', 400, 'Order cannot be cancelled'), '1', tell)).toMatchObject({
      outcome: 'rejected',
      errorClass: 'final-state',
    });
    expect(changedOf(error('GeneralException', 400, "Couldn't find that `order_id`."), '1', tell)).toMatchObject({
      outcome: 'rejected',
      errorClass: 'not-found',
    });
  });
});

/** In the form of all our tags. */
const OURS = 'C0123456789ABCDEF01';

describe('the book of Zerodha', () => {
  const read = ordersOf(recorded('orders'), nobody, tell);
  const rows = read.outcome === 'ok' ? read.value : [];

  it('is read as recorded, whole', () =>
    expect(
      rows.map(({ brokerOrderId, symbol, product, state, tag }) => [brokerOrderId, symbol, product, state, tag]),
    ).toEqual([
      ['100000000000000', 'CDS:USDINR21JUNFUT', 'NRML', 'CANCELLED', undefined],
      ['300000000000000', 'NSE:IOC', 'CNC', 'FILLED', undefined],
      ['500000000000000', 'NSE:IOC', 'CNC', 'FILLED', undefined],
      ['220524001859672', 'NSE:SBIN', 'CNC', 'REJECTED', 'icebergord'],
      ['700000000000000', 'MCX:GOLDPETAL21JUNFUT', 'NRML', 'FILLED', 'connect test order1'],
      ['9000000000000000', 'MCX:GOLDPETAL21JUNFUT', 'NRML', 'FILLED', 'connect test order2'],
      ['98000000000000000', 'NSE:BHEL', 'CNC', 'CANCELLED', undefined],
      ['250117800776785', 'NSE:SBIN', 'MTF', 'CANCELLED', undefined],
      ['1953341975595868160', 'NSE:TATASTEEL', 'CNC', 'FILLED', undefined],
      ['1953367517686685697', 'NFO:NIFTY2580724400CE', 'NRML', 'FILLED', undefined],
    ]));

  it('has every field of an order', () => {
    expect(rows[2]).toEqual({
      brokerOrderId: '500000000000000',
      exchangeOrderId: '600000000000000',
      symbol: 'NSE:IOC',
      side: 'SELL',
      product: 'CNC',
      state: 'FILLED',
      rawState: 'COMPLETE',
      terms: { orderType: 'MARKET', quantity: 1, validity: 'DAY' },
      filledQuantity: 1,
      averagePriceE4: 1_093_500,
      updatedAtMs: at('2021-05-31T15:20:52'),
    });
    expect(rows[3]).toMatchObject({
      terms: { orderType: 'LIMIT', quantity: 200, priceE4: 4_630_000, validity: 'DAY' },
      evidence: { message: expect.stringMatching(/^Insufficient funds\. Required margin is 95417\.84/) },
    });
    expect(rows[0]).toMatchObject({ updatedAtMs: at('2021-05-31T09:18:58'), filledQuantity: 0 });
  });

  it('is searched for a tag in both fields, and for nothing like it', () => {
    const found = (tag: string): unknown => {
      const search = taggedOf(recorded('orders'), tag, nobody, tell);
      return search.outcome === 'ok' && search.value.map(({ brokerOrderId, tag: told }) => [brokerOrderId, told]);
    };
    expect(found('connect test order1')).toEqual([['700000000000000', 'connect test order1']]);
    expect(found('XXXXX')).toEqual([['9000000000000000', 'XXXXX']]);
    expect(found('autoslice:1953367517640548352')).toMatchObject([['1953367517686685697', expect.any(String)]]);
    expect(found('connect test')).toEqual([]);
  });

  it('shows a tag of ours beside those that the broker adds', () =>
    expect(ordersOf(book(row({ tag: null, tags: ['mktp:2.00', 'T1'] })), nobody, tell)).toMatchObject({
      value: [{ tag: 'T1' }],
    }));

  it('is searched around a row of somebody else that cannot be read', () =>
    expect(taggedOf(book(row({ validity: 'GTC', tag: 'MINE' }), row({ tag: 'T1' })), 'T1', nobody, tell)).toMatchObject(
      {
        value: [{ tag: 'T1' }],
        drifted: [{ message: '$.data[0].validity: an unknown word', brokerOrderId: '300000000000000' }],
      },
    ));

  it('that cannot be read proves no absence', () => {
    for (const tags of [{ tag: 'T1' }, { tags: ['T1'] }, { tag: OURS }, { tag: undefined }])
      expect(taggedOf(book(row({ quantity: -1, ...tags })), 'T1', nobody, tell)).toMatchObject({ outcome: 'failed' });
    expect(taggedOf(replied('<html>', 200, 'text/html'), 'T1', nobody, tell)).toMatchObject({ outcome: 'failed' });
  });

  it('has the steps of one order, of which the last counts', () => {
    expect(orderOf(recorded('order_info'), nobody, tell)).toMatchObject({
      value: { brokerOrderId: '171229000724687', state: 'WORKING', terms: { priceE4: 3_001_000 } },
    });
    expect(orderOf(error('GeneralException', 400, "Couldn't find that `order_id`."), nobody, tell)).toEqual({
      outcome: 'ok',
      value: undefined,
    });
    expect(orderOf(error('GeneralException', 500), nobody, tell)).toMatchObject({ errorClass: 'transient' });
  });

  it.each([
    ['put order req received', 'PENDING_ACK'],
    ['AMO REQ RECEIVED', 'QUEUED_AMO'],
    ['TRIGGER PENDING', 'TRIGGER_WAIT'],
    ['MODIFY VALIDATION PENDING', 'MODIFY_PENDING'],
    ['CANCEL PENDING', 'CANCEL_PENDING'],
    ['CANCELLED AMO', 'CANCELLED'],
    ['LAPSED', 'EXPIRED'],
    ['UPDATE', 'WORKING'],
    ['SENT TO THE MOON', 'UNKNOWN'],
  ])('says %s for %s', (status, state) =>
    expect(ordersOf(book(row({ status })), nobody, tell)).toMatchObject({ value: [{ state, rawState: status }] }),
  );

  it('does not guess what news of an untraded stop mean', () => {
    const stop = { status: 'UPDATE', order_type: 'SL-M', trigger_price: 100 };
    expect(
      ordersOf(book(row({ ...stop, filled_quantity: 0 }), row({ ...stop, filled_quantity: 1 })), nobody, tell),
    ).toMatchObject({
      value: [{ state: 'UNKNOWN', terms: { orderType: 'SL_M', triggerPriceE4: 1_000_000 } }, { state: 'WORKING' }],
    });
  });

  it('counts commodities in lots, we in units', () => {
    const gold: BrokerInstrument = {
      instrumentKey: 'MCX_FO|1',
      exchange: 'MCX',
      segment: 'MCX_FO',
      symbol: 'MCX:GOLDPETAL21JUNFUT',
      token: '58424839',
      lotSize: 100,
    };
    const lookup = (symbol: string) => (symbol === gold.symbol ? gold : undefined);
    const [, , , , found] = (() => {
      const told = ordersOf(recorded('orders'), lookup, tell);
      return told.outcome === 'ok' ? told.value : [];
    })();
    expect(found).toMatchObject({ terms: { quantity: 100 }, filledQuantity: 100 });
    expect(tradesOf(recorded('order_trades'), lookup, tell)).toMatchObject({ value: [{ quantity: 100 }] });
  });

  it.each([
    ['quantity', -1],
    ['quantity', 0.5],
    ['filled_quantity', '1'],
    ['transaction_type', 'EXCHANGE'],
    ['order_type', 'ICEBERG'],
    ['validity', 'GTC'],
    ['price', -1],
    ['order_id', null],
    ['exchange_timestamp', '31/05/2021'],
    ['tradingsymbol', ''],
    ['tags', 'one'],
  ])('leaves out a row of somebody else where %s is %j, names it, and has all others', (field, value) => {
    const told = ordersOf(book(row({}), row({ [field]: value }), row({ tag: OURS })), nobody, tell);
    expect(told).toMatchObject({ outcome: 'ok', value: [{ state: 'FILLED' }, { tag: OURS }] });
    expect(told.outcome === 'ok' && told.drifted).toMatchObject([
      { code: 'DRIFT', message: expect.stringContaining(`$.data[1].${field}:`) },
    ]);
  });

  it.each([
    ['ours', { tag: OURS }],
    ['ours, in the other field', { tag: null, tags: ['mktp:2.00', OURS] }],
    ['of another kind', { tag: true }],
    ['of another kind in the other field', { tags: [{ tag: OURS }] }],
    ['not there', { tag: undefined }],
  ])('is not read at all where the tag of a strange row is %s', (_, tags) =>
    expect(ordersOf(book(row({}), row({ validity: 'GTC', ...tags })), nobody, tell)).toMatchObject({
      outcome: 'failed',
      errorClass: 'drift',
      evidence: { code: 'DRIFT', message: expect.stringMatching(/^\$\.data\[1\]\.(validity|tags?)\b/) },
    }),
  );

  it('is not read at all where a row is none', () =>
    expect(ordersOf(repliedJson({ status: 'success', data: [row({}), null] }), nobody, tell)).toMatchObject({
      outcome: 'failed',
      evidence: { message: expect.stringContaining('$.data[1]:') },
    }));

  it('does not tell how an order is while one of its steps cannot be read', () =>
    expect(orderOf(book(row({ validity: 'GTC' }), row({})), nobody, tell)).toMatchObject({
      outcome: 'failed',
      evidence: { message: '$.data[0].validity: an unknown word' },
    }));

  it.each([
    ['a page', replied('<html>', 200, 'text/html'), 'drift'],
    ['half of it', replied('{"status":"success","data":[{"ord'), 'drift'],
    ['an empty gateway error', replied('', 504), 'transient'],
    ['a page for those who are too fast', replied('<html>', 429, 'text/html'), 'throttled'],
    ['a dead token', error('TokenException', 403), 'auth'],
  ])('fails for %s', (_, reply, errorClass) =>
    expect(ordersOf(reply, nobody, tell)).toMatchObject({ outcome: 'failed', errorClass }),
  );
});

describe('the account at Zerodha', () => {
  it('has trades as recorded, dated by the exchange', () =>
    expect(tradesOf(recorded('order_trades'), nobody, tell)).toEqual({
      outcome: 'ok',
      value: [
        {
          tradeId: '10000000',
          brokerOrderId: '200000000000000',
          symbol: 'MCX:GOLDPETAL21JUNFUT',
          side: 'BUY',
          quantity: 1,
          priceE4: 48_520_000,
          tradedAtMs: at('2021-05-31T16:00:36'),
        },
      ],
    }));

  it('has no trade without its time', () => {
    const { data } = JSON.parse(fixture('zerodha', 'order_trades.json')) as { data: object[] };
    const reply = book({ ...data[0], fill_timestamp: null, exchange_timestamp: null });
    expect(tradesOf(reply, nobody, tell)).toEqual({
      outcome: 'ok',
      value: [],
      drifted: [{ code: 'DRIFT', message: '$.data[0].fill_timestamp: no time', brokerOrderId: '200000000000000' }],
    });
    expect(tradesOfOrder(reply, nobody, tell)).toMatchObject({
      outcome: 'failed',
      evidence: { message: '$.data[0].fill_timestamp: no time' },
    });
    expect(tradesOf(book({ ...data[0], order_id: null }), nobody, tell)).toMatchObject({ outcome: 'failed' });
  });

  it('has the positions and holdings that can be read, and names the others', () => {
    const held = { exchange: 'NSE', tradingsymbol: 'INFY', product: 'CNC', quantity: 1, average_price: 2 };
    const some = [{ ...held, average_price: 'much' }, held];
    expect(positionsOf(repliedJson({ status: 'success', data: { net: some } }), nobody, tell)).toMatchObject({
      value: [{ quantity: 1 }],
      drifted: [{ code: 'DRIFT', message: '$.data.net[0].average_price: no price' }],
    });
    expect(holdingsOf(book(...some), tell)).toMatchObject({
      value: [{ quantity: 1 }],
      drifted: [{ code: 'DRIFT', message: '$.data[0].average_price: no price' }],
    });
  });

  it('has net positions as recorded, and not those of the day besides', () =>
    expect(positionsOf(recorded('positions'), nobody, tell)).toEqual({
      outcome: 'ok',
      value: [
        { symbol: 'MCX:LEADMINI17DECFUT', product: 'NRML', quantity: 1, averagePriceE4: 1_610_500 },
        { symbol: 'MCX:GOLDGUINEA17DECFUT', product: 'NRML', quantity: 0, averagePriceE4: 0 },
        { symbol: 'NSE:SBIN', quantity: 0, averagePriceE4: 0 },
      ],
    }));

  it('has holdings, with what is not delivered yet', () => {
    const holding = {
      exchange: 'BSE',
      tradingsymbol: 'BHEL',
      isin: 'INE257A01026',
      quantity: 11,
      t1_quantity: 1,
      average_price: 3.216667,
    };
    expect(holdingsOf(book(holding), tell)).toEqual({
      outcome: 'ok',
      value: [{ symbol: 'BSE:BHEL', isin: 'INE257A01026', quantity: 12, averagePriceE4: 32_167 }],
    });
  });

  it('has a name, in both of its profiles', () => {
    for (const name of ['profile', 'full_profile'])
      expect(profileOf(recorded(name), tell)).toEqual({
        outcome: 'ok',
        value: { clientId: 'AB1234', name: 'AxAx Bxx' },
      });
  });

  it('has funds as recorded, their binary fractions rounded', () =>
    expect(fundsOf(recorded('margins'), tell)).toEqual({
      outcome: 'ok',
      value: { availableE4: 997_250_500, utilisedE4: 1_457_065_500 },
    }));

  it('is told the margin of orders together', () => {
    const data = { initial: { total: 188854.77 }, final: { total: 35453.209999999985 }, orders: [] };
    expect(marginOf(repliedJson({ status: 'success', data }), tell)).toEqual({ outcome: 'ok', value: 354_532_100 });
  });
});
