import { parseBody } from '#platform/parse';
import { Problem } from '#platform/problem-details';
import { NIFTY_FUTURE, RELIANCE, resolve } from '../../../test/support/write-side';
import {
  changedTerms,
  type LineContext,
  OrderBatch,
  OrderChange,
  OrderLine,
  payloadHashOf,
  termsOf,
  toIntentLines,
} from './order-line';

const good = {
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  product: 'CNC',
  orderType: 'LIMIT',
  quantity: 10,
  price: 1412.3,
};

const context: LineContext = {
  intentId: '6ad3ac2c-2a8f-5b38-8f28-3a1c9f6f2d11',
  accountId: 'account-1',
  userId: 'asha',
  brokers: { names: ['paper'] },
  resolve,
  factsOf: () => ({}),
  pathOf: (line, field) => `orders[${String(line)}].${field}`,
};

/** What the client is told: status, code and the fields that are wrong. */
const complaint = (attempt: () => unknown): { status: number; code: string; fields: readonly string[] } => {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { status: error.status, code: error.code, fields: (error.errors ?? []).map(({ field }) => field) };
  }
  throw new Error('nothing was refused');
};

const malformed = (...fields: readonly string[]) => ({ status: 400, code: 'VALIDATION_FAILED', fields });

describe('a line as it comes over the wire', () => {
  it('is taken as it is when nothing is wrong with it', () => {
    expect(parseBody(OrderLine, good)).toMatchObject(good);
    expect(parseBody(OrderLine, { ...good, price: null, orderType: 'MARKET' }).price).toBeUndefined();
  });

  const deep = JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown;
  const cases: readonly (readonly [field: string, values: readonly unknown[]])[] = [
    ['symbol', ['', 7, true, {}, ['NSE:RELIANCE'], 'x'.repeat(101), 'NSE:\u0000', '\uD800', deep]],
    ['instrumentKey', ['', 7, {}, 'x'.repeat(101)]],
    ['side', ['buy', 'BOTH', '', 1, true, ['BUY'], {}, '__proto__']],
    ['product', ['DELIVERY', '', 1, ['CNC']]],
    ['orderType', ['STOP', 'limit', '', 0, {}]],
    ['quantity', [0, -1, 1.5, 1e-7, 10_000_001, 1e21, Infinity, -Infinity, NaN, '10', '', true, [10], { valueOf: 10 }]],
    ['price', [0, -1, -0, 0.00001, 1e-7, 10_000_000.0001, 1e21, Infinity, NaN, '1412.30', '', true, [1], {}]],
    ['triggerPrice', [0, -1, 1412.00001, 1e300, '1412']],
    ['validity', ['GTC', 'day', '', 1]],
    ['disclosedQuantity', [0, -5, 2.5, '1', 1e21]],
    ['broker', ['', 7, 'x'.repeat(41), 'paper\n', 'pàper', ['paper']]],
    ['strategyId', ['', 7, 'x'.repeat(65), 'a\r\nb', {}]],
    ['clientOrderId', ['', 7, 'x'.repeat(65), 'a\tb', '\u202E', []]],
    ['accountId', ['', 'me', 7, {}, '6ad3ac2c-2a8f-5b38-8f28', "' or 1=1 --"]],
  ];
  it.each(cases.flatMap(([field, values]) => values.map((value) => [field, value] as const)))(
    'names %s when it is %j',
    (field, value) => {
      expect(complaint(() => parseBody(OrderLine, { ...good, [field]: value }))).toEqual(malformed(field));
    },
  );

  it.each(['side', 'product', 'orderType', 'quantity'])('names %s when it is missing or null', (field) => {
    const { [field]: _left, ...rest } = good as Record<string, unknown>;
    expect(complaint(() => parseBody(OrderLine, rest))).toEqual(malformed(field));
    expect(complaint(() => parseBody(OrderLine, { ...good, [field]: null }))).toEqual(malformed(field));
  });

  it.each(['Quantity', 'qty', 'constructor', 'toString', 'hasOwnProperty'])('knows no field %s', (field) => {
    expect(complaint(() => parseBody(OrderLine, { ...good, [field]: 1 }))).toEqual(malformed(field));
  });

  it('takes __proto__ for a field that it does not know, and nobody inherits from it', () => {
    const body: unknown = JSON.parse(`{"__proto__":{"quantity":5,"polluted":true},"symbol":"NSE:RELIANCE"}`);
    expect(complaint(() => parseBody(OrderLine, body)).fields).toContain('__proto__');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([null, undefined, 7, 'line', [], [good], true])('is not %j', (body) => {
    expect(complaint(() => parseBody(OrderLine, body))).toEqual(malformed(''));
  });
});

describe('a batch as it comes over the wire', () => {
  it.each([
    [{}, 'orders'],
    [{ orders: null }, 'orders'],
    [{ orders: [] }, 'orders'],
    [{ orders: {} }, 'orders'],
    [{ orders: good }, 'orders'],
    [{ orders: Array.from({ length: 101 }, () => good) }, 'orders'],
    [{ orders: [good, null] }, 'orders[1]'],
    [{ orders: [good, 'line'] }, 'orders[1]'],
    [{ orders: [good], account: 1 }, 'account'],
    [{ orders: [good, { ...good, quantity: -1 }] }, 'orders[1].quantity'],
    [{ orders: [{ ...good, extra: 1 }] }, 'orders[0].extra'],
  ])('%j: the field is %s', (body, field) => {
    expect(complaint(() => parseBody(OrderBatch, body))).toEqual(malformed(field));
  });

  it('names every field that is wrong, not only the first', () => {
    const body = {
      orders: [
        { ...good, side: 'X', quantity: 0 },
        { ...good, price: -1 },
      ],
    };
    expect(complaint(() => parseBody(OrderBatch, body)).fields.toSorted()).toEqual([
      'orders[0].quantity',
      'orders[0].side',
      'orders[1].price',
    ]);
  });
});

describe('a line and the market', () => {
  const line = (wanted: object): OrderLine => parseBody(OrderLine, { ...good, ...wanted });
  const intentLines = (...lines: readonly OrderLine[]) => toIntentLines(lines, context);

  it('becomes an intent line with its symbol resolved and prices in 1/10,000 rupee', () => {
    expect(intentLines(line({ clientOrderId: 'mine' }))).toEqual([
      {
        orderId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        intentId: context.intentId,
        line: 0,
        accountId: 'account-1',
        userId: 'asha',
        instrumentKey: RELIANCE.instrumentKey,
        symbol: 'NSE:RELIANCE',
        exchange: 'NSE',
        segment: 'NSE_EQ',
        side: 'BUY',
        product: 'CNC',
        orderType: 'LIMIT',
        quantity: 10,
        priceE4: 14_123_000,
        validity: 'DAY',
        clientOrderId: 'mine',
      },
    ]);
  });

  it('maps the same lines of the same intent to the same orders, and every line to another one', () => {
    const once = intentLines(line({}), line({})).map(({ orderId }) => orderId);
    const again = intentLines(line({}), line({})).map(({ orderId }) => orderId);
    expect(again).toEqual(once);
    expect(new Set(once).size).toBe(2);
    const elsewhere = toIntentLines([line({})], { ...context, intentId: '0f6d6c0e-7b3e-5a55-9a4c-3c1a7c2b9d10' });
    expect(once).not.toContain(elsewhere[0]?.orderId);
  });

  it('cuts it where the exchange’s file or the master refuses it, whichever is less', () => {
    const told = { effectiveFrom: '2026-01-05', source: 'the file of tomorrow' };
    const cut = (freezeQuantity: number, quantity: number) =>
      toIntentLines([line({ symbol: null, instrumentKey: NIFTY_FUTURE.instrumentKey, product: 'NRML', quantity })], {
        ...context,
        factsOf: () => ({ freezeQuantity: { ...told, quantity: freezeQuantity } }),
      }).map((one) => [one.slice, one.quantity, one.lineQuantity]);
    expect(cut(131, 195)).toEqual([
      [0, 130, 195],
      [1, 65, 195],
    ]);
    expect(cut(196, 195)).toEqual([[undefined, 195, undefined]]);
    expect(cut(1_000_000, 1_820).map(([, quantity]) => quantity)).toEqual([1_755 - 65, 130]);
  });

  it('takes an instrument key as well as a symbol', () => {
    const byKey = line({ symbol: null, instrumentKey: NIFTY_FUTURE.instrumentKey, product: 'NRML', quantity: 65 });
    expect(intentLines(byKey)[0]).toMatchObject({ symbol: 'NSE:NIFTY FUT 27 JAN 26', segment: 'NSE_FO' });
  });

  it.each([
    ['neither symbol nor key', { symbol: null }, 'orders[0].symbol'],
    ['both', { instrumentKey: RELIANCE.instrumentKey }, 'orders[0].symbol'],
    ['a limit order without a price', { price: null }, 'orders[0].price'],
    ['a market order with a price', { orderType: 'MARKET' }, 'orders[0].price'],
    ['a stop without a trigger', { orderType: 'SL' }, 'orders[0].triggerPrice'],
    ['a limit order with a trigger', { triggerPrice: 1400 }, 'orders[0].triggerPrice'],
  ])('refuses %s', (_, wanted, field) => {
    expect(complaint(() => intentLines(line(wanted)))).toEqual(malformed(field));
  });

  it('names what does not exist, on every line at once', () => {
    const lines = [
      line({ symbol: 'NSE:NOSUCH' }),
      line({}),
      line({ symbol: null, instrumentKey: 'X|1' }),
      line({ broker: 'nobody' }),
      line({ broker: '__proto__' }),
    ];
    expect(complaint(() => intentLines(...lines))).toEqual({
      status: 422,
      code: 'UNKNOWN_REFERENCE',
      fields: ['orders[0].symbol', 'orders[2].instrumentKey', 'orders[3].broker', 'orders[4].broker'],
    });
  });

  it('tells malformed lines before unknown names', () => {
    const lines = [line({ symbol: 'NSE:NOSUCH' }), line({ price: null })];
    expect(complaint(() => intentLines(...lines))).toEqual(malformed('orders[1].price'));
  });
});

describe('the payload hash', () => {
  const hash = (...lines: readonly object[]): string =>
    payloadHashOf(lines.map((wanted) => parseBody(OrderLine, { ...good, ...wanted })));

  it('is the same for the same request however it is written', () => {
    expect(hash({ validity: 'DAY' })).toBe(hash({}));
    expect(hash({ triggerPrice: null })).toBe(hash({}));
    const backwards = Object.fromEntries(Object.entries(good).toReversed());
    expect(payloadHashOf([parseBody(OrderLine, backwards)])).toBe(hash({}));
  });

  it.each([
    { quantity: 11 },
    { price: 1412.35 },
    { side: 'SELL' },
    { product: 'MIS' },
    { symbol: 'NSE:TCS' },
    { symbol: null, instrumentKey: 'NSE:RELIANCE' },
    { orderType: 'SL', triggerPrice: 1412.3 },
    { validity: 'IOC' },
    { disclosedQuantity: 10 },
    { broker: 'paper' },
    { strategyId: 's' },
    { clientOrderId: 's' },
  ])('is another one for %j', (wanted) => {
    expect(hash(wanted)).not.toBe(hash({}));
  });

  it('is another one for other lines or another order of lines', () => {
    expect(hash({}, { quantity: 11 })).not.toBe(hash({ quantity: 11 }, {}));
    expect(hash({}, {})).not.toBe(hash({}));
  });
});

describe('a change', () => {
  const present = termsOf(parseBody(OrderLine, { ...good, orderType: 'SL', price: 1412.3, triggerPrice: 1410 }));
  const change = (wanted: object) => changedTerms(present, parseBody(OrderChange, wanted));

  it('leaves what it does not name', () => {
    expect(change({ quantity: 12 })).toEqual({ ...present, quantity: 12 });
    expect(change({ price: 1413 })).toEqual({ ...present, priceE4: 14_130_000 });
    expect(change({ validity: 'IOC', disclosedQuantity: 3 })).toEqual({
      ...present,
      validity: 'IOC',
      disclosedQuantity: 3,
    });
  });

  it('drops the prices that the new order type does not take', () => {
    expect(change({ orderType: 'MARKET' })).toEqual({ orderType: 'MARKET', quantity: 10, validity: 'DAY' });
    expect(change({ orderType: 'SL_M' })).toMatchObject({ orderType: 'SL_M', triggerPriceE4: 14_100_000 });
    expect(change({ orderType: 'SL_M' })).not.toHaveProperty('priceE4');
    expect(change({ orderType: 'LIMIT' })).not.toHaveProperty('triggerPriceE4');
  });

  it.each([
    ['quantity', 0],
    ['quantity', '5'],
    ['price', -1],
    ['triggerPrice', 1.00001],
    ['orderType', 'X'],
    ['validity', 'GTC'],
    ['disclosedQuantity', 0],
    ['side', 'SELL'],
    ['symbol', 'NSE:TCS'],
    ['orderId', 'x'],
  ])('names %s when it is %j', (field, value) => {
    expect(complaint(() => parseBody(OrderChange, { [field]: value }))).toEqual(malformed(field));
  });
});
