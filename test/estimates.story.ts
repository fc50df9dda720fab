import { randomUUID } from 'node:crypto';
import { Coordinator } from './support/coordinator';
import { type Answer, listIn, partOf } from './support/deployment';
import { Desk, type Person, resultsIn, verdictsIn } from './support/desk';
import { stillPrices } from './support/still-prices';
import { ensureBuilt, makeDataDir } from './support/workspace';

/* What an estimate says is what is then held and charged. */

jest.setTimeout(180_000);

const CRORE = 10_000_000;

/** NIFTY closed at 26,328; the calls at 209 and 48.10. None of these meets the market. */
const SHORT_CALL = {
  symbol: 'NSE:NIFTY 26500 CE 27 JAN 26',
  side: 'SELL',
  product: 'NRML',
  orderType: 'LIMIT',
  quantity: 65,
  price: 220,
};
const LONG_WING = { ...SHORT_CALL, symbol: 'NSE:NIFTY 27000 CE 27 JAN 26', side: 'BUY', price: 45 };
const INTRADAY = {
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  product: 'MIS',
  orderType: 'LIMIT',
  quantity: 10,
  price: 1_590,
};
const DELIVERY = { symbol: 'NSE:SBIN', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 10, price: 990 };
const BASKET = [SHORT_CALL, LONG_WING, INTRADAY, DELIVERY];

describe('an estimate', () => {
  let coordinator: Coordinator;
  let desk: Desk;

  beforeAll(async () => {
    ensureBuilt();
    const dataDir = makeDataDir();
    coordinator = new Coordinator(dataDir, { PAPER_TICK_MS: '60000', PRICES_FILE: stillPrices(dataDir, '2026-01-02') });
    await coordinator.start();
    desk = new Desk(coordinator);
  });
  afterAll(() => coordinator.dispose());

  const estimate = (who: Person, what: 'charges' | 'margin', orders: unknown): Promise<Answer> =>
    desk.as(who, 'POST', `/v2/${what}/estimate`, { body: { orders } });
  const amount = (value: unknown, name: string): number => Number(partOf(value, name));

  it('of a basket says what is then held for it while it is open, line by line and together', async () => {
    const trader = await desk.trader();
    const { status, body } = await estimate(trader, 'margin', BASKET);
    expect(status).toBe(200);
    expect(body).toMatchObject({ source: 'COMPUTED', tradingDate: '2026-01-02', available: CRORE, sufficient: true });
    const alone = listIn(body, 'lines').map((line) => amount(line, 'alone'));
    // What is bought in full, a fifth of what is bought for the day, the price of an option that is bought.
    expect(alone.slice(1)).toEqual([45 * 65, 1_590 * 10 * 0.2, 990 * 10]);

    const results = resultsIn(await desk.place(trader, ...BASKET));
    const orders = await Promise.all(results.map((result) => desk.order(trader, String(partOf(result, 'orderId')))));
    expect(orders.map((order) => partOf(order, 'status'))).toEqual(['OPEN', 'OPEN', 'OPEN', 'OPEN']);
    const held = orders.map((order) => verdictsIn(order).find(({ check }) => check === 'balance')?.actual);
    expect(held).toEqual(alone);
    const after = await estimate(trader, 'margin', [DELIVERY]);
    expect(amount(after.body, 'available')).toBe(rounded(CRORE - amount(body, 'toReserve')));
  });

  it('of a short call and a long wing says what they save each other, and what is bound once both have filled', async () => {
    const trader = await desk.trader();
    const lines = [
      { ...SHORT_CALL, price: 209 },
      { ...LONG_WING, price: 48.1 },
      { ...INTRADAY, price: 1_592.3 },
      { ...DELIVERY, price: 998.95 },
    ];
    const { body } = await estimate(trader, 'margin', lines);
    const alone = listIn(body, 'lines').reduce<number>((sum, line) => sum + amount(line, 'alone'), 0);
    const [onceFilled, benefit] = [amount(body, 'onceFilled'), amount(body, 'benefit')];
    expect(benefit).toBeGreaterThan(0);
    expect(onceFilled).toBeLessThan(alone);
    expect(rounded(onceFilled + benefit)).toBe(rounded(alone));
    const [nifty] = listIn(body, 'groups');
    expect(nifty).toMatchObject({ underlying: 'NIFTY', reliable: true, asOf: '2026-01-02' });
    expect(rounded(amount(nifty, 'span') + amount(nifty, 'elm'))).toBe(amount(nifty, 'total'));
    expect(rounded(amount(nifty, 'unhedged') - amount(nifty, 'total'))).toBe(amount(nifty, 'benefit'));

    const { total } = (await estimate(trader, 'charges', lines)).body as { total: unknown };
    const results = resultsIn(await desk.place(trader, ...lines));
    for (const result of results)
      expect(await desk.order(trader, String(partOf(result, 'orderId')))).toMatchObject({ status: 'FILLED' });
    const after = await estimate(trader, 'margin', [DELIVERY]);
    const received = 209 * 65;
    const notes = await coordinator.queryAll('/v2/charges/notes', await desk.head(), { 'X-Api-Key': trader.apiKey });
    const charged = notes.reduce<number>((sum, note) => sum + amount(partOf(note, 'charges'), 'total'), 0);
    expect(rounded(CRORE - amount(after.body, 'available'))).toBe(rounded(onceFilled - received + charged));
    // The notes of a day round taxes to whole rupees, which no order can know beforehand.
    expect(Math.abs(charged - amount(total, 'total'))).toBeLessThan(2);
    // What is held already counts: the wing alone is what protects the call.
    const second = await estimate(trader, 'margin', [{ ...LONG_WING, side: 'SELL', price: 48.1 }]);
    expect(amount(second.body, 'onceFilled')).toBeGreaterThan(benefit / 2);
  });

  it('of charges says for each line what its order is told, and what they come to together', async () => {
    const trader = await desk.trader();
    const { status, body } = await estimate(trader, 'charges', BASKET);
    expect(status).toBe(200);
    const estimated = listIn(body, 'lines').map((line) => partOf(line, 'charges'));
    const total = partOf(body, 'total');
    for (const name of ['brokerage', 'stt', 'exchange', 'sebi', 'stamp', 'gst', 'dp', 'total'])
      expect(amount(total, name)).toBe(rounded(estimated.reduce<number>((sum, one) => sum + amount(one, name), 0)));
    // A short option pays the tax, 0.1 % of the premium of 14,300; a purchase for delivery pays it and the stamp.
    expect(estimated.map((one) => amount(one, 'stt'))).toEqual([14.3, 0, 0, 9.9]);
    const placed = await desk.place(trader, ...BASKET);
    expect(resultsIn(placed).map((result) => partOf(result, 'charges'))).toEqual(estimated);
  });

  it('of a line that would be cut tells each slice, which pays for itself', async () => {
    const trader = await desk.trader();
    const { body } = await estimate(trader, 'charges', [{ ...SHORT_CALL, quantity: 1_755 }]);
    expect(listIn(body, 'lines')).toMatchObject([
      { line: 0, slice: 0, charges: { brokerage: 20 } },
      { line: 0, slice: 1, charges: { brokerage: 20 } },
    ]);
  });

  it('prices nothing that could not be sent: a line that needs more than ten orders', async () => {
    const trader = await desk.trader();
    for (const what of ['charges', 'margin'] as const)
      expect(await estimate(trader, what, [{ ...SHORT_CALL, quantity: 19_500 }])).toMatchObject({
        status: 422,
        body: { code: 'ESTIMATE_NOT_KNOWN', errors: [{ field: 'orders[0].quantity' }] },
      });
  });

  it('is not sufficient where the order would be denied for what it binds of all the money', async () => {
    const trader = await desk.trader();
    expect((await estimate(trader, 'margin', [DELIVERY])).body).toMatchObject({ sufficient: true });
    await desk.set(trader, 'user', { limits: { marginUtilisationMaxBp: 1 } });
    expect((await estimate(trader, 'margin', [DELIVERY])).body).toMatchObject({ sufficient: false });
  });

  it('records nothing', async () => {
    const trader = await desk.trader();
    const before = await desk.head();
    for (const what of ['charges', 'margin'] as const) expect((await estimate(trader, what, BASKET)).status).toBe(200);
    expect(await desk.head()).toBe(before);
  });

  it.each([
    ['margin', 'a price', { symbol: 'BSE:SBIN', orderType: 'MARKET', price: undefined }, 'orders[1]'],
    ['charges', 'a price', { symbol: 'BSE:SBIN', orderType: 'MARKET', price: undefined }, 'orders[1]'],
    ['margin', 'a margin in NCD_FO', { symbol: 'NSE:USDINR 91.375 CE 09 JAN 26', product: 'NRML' }, 'orders[1]'],
    ['margin', 'a margin in NSE_INDEX', { symbol: 'NSE:NIFTY' }, 'orders[1]'],
    ['margin', 'its margin in the broker’s intraday file', { symbol: 'NSE:RADIOCITY', product: 'MIS' }, 'orders[1]'],
    ['charges', 'what NSE:SBIN costs as NRML at paper', { product: 'NRML' }, 'orders[1]'],
    ['charges', 'a broker to send it to', { broker: 'upstox' }, 'orders[1]'],
  ] as const)('of %s names the line of which it does not know %s', async (what, missing, other, field) => {
    const trader = await desk.trader();
    const answer = await estimate(trader, what, [DELIVERY, { ...DELIVERY, ...other }]);
    const message = `${missing.replace('’', "'")} is not known`;
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'ESTIMATE_NOT_KNOWN', errors: [{ field, message }] },
    });
  });

  it('names what does not exist, and what nobody could pay', async () => {
    const trader = await desk.trader();
    expect(await estimate(trader, 'margin', [DELIVERY, { ...DELIVERY, symbol: 'NSE:NOBODY' }])).toMatchObject({
      status: 422,
      body: { code: 'UNKNOWN_REFERENCE', errors: [{ field: 'orders[1].symbol' }] },
    });
    const large = { ...DELIVERY, quantity: 10_000_000, price: 900_000 };
    expect(await estimate(trader, 'margin', [large])).toMatchObject({
      status: 422,
      body: { code: 'MONEY_TOO_LARGE' },
    });
  });

  it.each([
    ['no orders', [], ['orders']],
    ['too many', Array.from({ length: 101 }, () => DELIVERY), ['orders']],
    ['a text for a list', 'x', ['orders']],
    ['nothing for a line', [null], ['orders[0]']],
    ['a list for a line', [DELIVERY, []], ['orders[1]']],
    [
      'amounts that are none',
      [{ ...DELIVERY, quantity: 1e21, price: 1.23456 }],
      ['orders[0].quantity', 'orders[0].price'],
    ],
    ['a field that nobody knows', [{ ...DELIVERY, isAdmin: true }], ['orders[0].isAdmin']],
    [
      'words of another language',
      [{ ...DELIVERY, side: 'HOLD', product: 'CARRY', accountId: 'me' }],
      ['orders[0].side', 'orders[0].product', 'orders[0].accountId'],
    ],
    ['a price that its type does not take', [{ ...DELIVERY, triggerPrice: 5 }], ['orders[0].triggerPrice']],
    ['two accounts', [DELIVERY, { ...DELIVERY, accountId: randomUUID() }], ['orders[1].accountId']],
  ])('refuses %s, naming the field', async (_, orders, fields) => {
    const trader = await desk.trader();
    for (const what of ['charges', 'margin'] as const) {
      const answer = await estimate(trader, what, orders);
      expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
      expect(listIn(answer.body, 'errors').map((error) => partOf(error, 'field'))).toEqual(fields);
    }
  });

  it.each([
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['what only looks like a list', '{"orders":{"length":1}}'],
    ['a deep body', `{"orders":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
    ['a body that would change every object', '{"__proto__":{"orders":[]}}'],
  ])('refuses %s with 400', async (_, raw) => {
    const trader = await desk.trader();
    const headers = { 'Content-Type': 'application/json' };
    for (const what of ['charges', 'margin'])
      expect(await desk.as(trader, 'POST', `/v2/${what}/estimate`, { raw, headers })).toMatchObject({ status: 400 });
  });

  it('is nobody else’s: another account does not exist, and nobody is told anything', async () => {
    const trader = await desk.trader();
    const { accountId } = coordinator.credentials;
    for (const what of ['charges', 'margin'] as const) {
      for (const other of [accountId, randomUUID()])
        expect(await estimate(trader, what, [{ ...DELIVERY, accountId: other }])).toMatchObject({
          status: 404,
          body: { code: 'ACCOUNT_NOT_FOUND' },
        });
      const nobody = { email: '', userId: '', apiKey: 'ck_nobody' };
      expect((await estimate(nobody, what, [DELIVERY])).status).toBe(401);
    }
  });
});

/** Sums of decimals, to the four places that amounts have. */
const rounded = (amount: number): number => Math.round(amount * 10_000) / 10_000;
