import { randomUUID } from 'node:crypto';
import { readBooks } from '../support/books';
import { type Answer, type Deployment, listIn, partOf, positionOf } from '../support/deployment';

const CLIENTS = 64;

const ORDERS = [
  { symbol: 'NSE:RELIANCE', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 10 },
  { symbol: 'NSE:INFY', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 100, price: 1_600 },
  { symbol: 'NSE:MRF', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 600 }, // Rs 9 crore: denied
];

/** However often and wherever a key is sent, and whatever dies meanwhile. */
export const oneKeyOneIntent = (open: () => Deployment): void => {
  const coordinator = open();
  const key = `one-key-${randomUUID()}`;
  let first: Answer;
  let orderIds: readonly unknown[];

  beforeAll(() => coordinator.start());
  afterAll(() => coordinator.dispose());

  const ask = (orders: readonly object[] = ORDERS, with_ = key): Promise<Answer> =>
    coordinator.command('POST', '/v2/orders/multi', { headers: { 'Idempotency-Key': with_ }, body: { orders } });

  const isReplay = ({ headers }: Answer): boolean => headers.get('idempotency-replayed') === 'true';

  /** Every intent and every order there is in the log. */
  const recorded = () =>
    coordinator.withLog(async (log) => {
      const { intents, orders, histories } = await readBooks(log);
      return { intents: [...intents.keys()], orders: [...orders.keys()], histories };
    });

  it('however many ask at once: one executes, the others hear the same or are told to come back', async () => {
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => ask()));
    const executed = answers.filter((answer) => answer.status === 207 && !isReplay(answer));
    const replayed = answers.filter(isReplay);
    const refused = answers.filter(({ status }) => status === 409);
    expect(executed).toHaveLength(1);
    expect(executed.length + replayed.length + refused.length).toBe(CLIENTS);
    for (const answer of refused) {
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(partOf(answer.body, 'code')).toBe('INTENT_IN_PROGRESS');
    }
    const [only] = executed;
    if (!only) throw new Error('nobody executed');
    first = only;
    orderIds = listIn(first.body, 'results').map((result) => partOf(result, 'orderId'));
    expect(new Set(orderIds).size).toBe(3);
    for (const answer of replayed) expect([answer.status, answer.text]).toEqual([first.status, first.text]);

    const { intents, orders, histories } = await recorded();
    expect(intents).toEqual([partOf(first.body, 'intentId')]);
    expect(orders.toSorted()).toEqual(orderIds.toSorted());
    for (const orderId of orders)
      expect(
        histories.get(`order-${orderId}`)?.filter(({ type }) => type === 'OrderDispatched').length,
      ).toBeLessThanOrEqual(1);
  });

  it('asked again it answers the same, to the letter', async () => {
    const again = await ask();
    expect(isReplay(again)).toBe(true);
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(positionOf(again)).toBe(positionOf(first));
  });

  it('asked for something else it is refused, and nothing is recorded', async () => {
    const head = await coordinator.withLog((log) => log.head());
    for (const orders of [ORDERS.slice(0, 2), [...ORDERS].reverse(), [{ ...ORDERS[0], quantity: 11 }]]) {
      const answer = await ask(orders);
      expect([answer.status, partOf(answer.body, 'code')]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
      expect(partOf(listIn(answer.body, 'errors')[0], 'field')).toBe('Idempotency-Key');
    }
    // At another route it is the same key.
    const single = await coordinator.command('POST', '/v2/orders', {
      headers: { 'Idempotency-Key': key },
      body: ORDERS[0],
    });
    expect(single.status).toBe(422);
    expect(await coordinator.withLog((log) => log.head())).toBe(head);
  });

  it('of somebody else it is another key', async () => {
    const registered = await coordinator.command('POST', '/auth/register', {
      body: { email: 'bela@example.com', password: 'correct horse battery' },
    });
    const answer = await coordinator.command('POST', '/v2/orders/multi', {
      headers: { 'Idempotency-Key': key, 'X-Api-Key': String(partOf(registered.body, 'apiKey')) },
      body: { orders: ORDERS },
    });
    expect([answer.status, isReplay(answer)]).toEqual([207, false]);
    expect(partOf(answer.body, 'intentId')).not.toBe(partOf(first.body, 'intentId'));
  });

  it('is remembered over a restart, and over a crash', async () => {
    const before = await recorded();
    expect((await coordinator.stop()).exitCode).toBe(0);
    await coordinator.start();
    const afterRestart = await ask();
    expect([isReplay(afterRestart), afterRestart.status, afterRestart.text]).toEqual([true, first.status, first.text]);

    await coordinator.kill();
    await coordinator.start();
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => ask()));
    for (const answer of answers)
      expect([isReplay(answer), answer.status, answer.text]).toEqual([true, first.status, first.text]);
    const other = await ask(ORDERS.slice(1));
    expect(partOf(other.body, 'code')).toBe('IDEMPOTENCY_KEY_REUSED');

    const after = await recorded();
    expect(after.intents).toEqual(before.intents);
    expect(after.orders).toEqual(before.orders);
  });

  it('is nowhere in the answer to a request that nothing was recorded of', async () => {
    const fresh = randomUUID();
    const wrong = await ask([{ ...ORDERS[0], quantity: -1 }], fresh);
    expect(wrong.status).toBe(400);
    const right = await ask(ORDERS, fresh);
    expect([right.status, isReplay(right)]).toEqual([207, false]);
  });
};
