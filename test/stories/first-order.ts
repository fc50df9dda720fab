import { randomUUID } from 'node:crypto';
import { findProcess } from '#platform/running-process';
import { faultsOf, readBooks } from '../support/books';
import { type Answer, type Deployment, eventually, listIn, partOf, positionOf } from '../support/deployment';

const key = () => ({ 'Idempotency-Key': randomUUID() });
const market = (symbol: string, quantity: number, side = 'BUY') => ({
  symbol,
  side,
  product: 'CNC',
  orderType: 'MARKET',
  quantity,
});
const limit = (symbol: string, quantity: number, price: number) => ({
  ...market(symbol, quantity),
  orderType: 'LIMIT',
  price,
});
const orderIdIn = (answer: Answer, line = 0): string => String(partOf(listIn(answer.body, 'results')[line], 'orderId'));
const statusesIn = (answer: Answer): unknown[] =>
  listIn(answer.body, 'results').map((result) => partOf(result, 'status'));

export interface FirstOrderOptions {
  /** Processes of ours, and databases that they start. */
  readonly family: number;
}

/** So fast that a thin order takes a while and nobody has to wait for it. */
export const FIRST_ORDER_ENVIRONMENT = { PAPER_TICK_MS: '500' };

/** One trader’s first morning. */
export const firstOrder = (open: () => Deployment, { family: familySize }: FirstOrderOptions): void => {
  const coordinator = open();
  let position = 0;
  let bookBefore = '';

  beforeAll(() => coordinator.start());
  afterAll(() => coordinator.dispose());

  const order = async (orderId: string, at = position): Promise<unknown> =>
    (await coordinator.queryFrom(`/v2/orders/${orderId}`, at)).body;

  it('an order is placed, filled at a recorded price, and found in the book, in its history and in the trades', async () => {
    const placed = await coordinator.command('POST', '/v2/orders', {
      headers: key(),
      body: { ...market('NSE:RELIANCE', 10), clientOrderId: 'first' },
    });
    expect(placed.status).toBe(200);
    expect(placed.body).toMatchObject({ status: 'ACCEPTED', results: [{ line: 0, status: 'ACCEPTED' }] });
    position = positionOf(placed);
    expect(position).toBeGreaterThan(0);
    const orderId = orderIdIn(placed);

    const book = await coordinator.queryFrom('/v2/orders', position);
    expect(book.headers.get('coordinator-source')).toBe('DB');
    expect(positionOf(book)).toBeGreaterThanOrEqual(position);
    expect(listIn(book.body, 'items')[0]).toMatchObject({
      orderId,
      clientOrderId: 'first',
      symbol: 'NSE:RELIANCE',
      instrumentKey: 'NSE_EQ|INE002A01018',
      quantity: 10,
      filledQuantity: 10,
      leavesQuantity: 0,
      status: 'FILLED',
      broker: 'paper',
    });
    const history = await coordinator.queryFrom(`/v2/orders/${orderId}/history`, position);
    expect(listIn(history.body, 'items').map((event) => partOf(event, 'type'))).toEqual([
      'OrderPlaced',
      'OrderDispatched',
      'OrderAccepted',
      'OrderFilled',
    ]);
    const [trade, ...more] = listIn(
      (await coordinator.queryFrom(`/v2/orders/${orderId}/trades`, position)).body,
      'items',
    );
    expect(more).toEqual([]);
    expect(trade).toMatchObject({ orderId, quantity: 10, symbol: 'NSE:RELIANCE' });
    expect([1580, 1594.6, 1578.2, 1592.3]).toContain(partOf(trade, 'price'));
    expect(listIn((await coordinator.queryFrom('/v2/trades', position)).body, 'items')).toContainEqual(trade);
  });

  it('a resting order is changed with If-Match and cancelled', async () => {
    const placed = await coordinator.command('POST', '/v2/orders', {
      headers: key(),
      body: limit('NSE:INFY', 100, 1_600),
    });
    const orderId = orderIdIn(placed);
    const before = await coordinator.queryFrom(`/v2/orders/${orderId}`, positionOf(placed));
    expect(before.body).toMatchObject({ status: 'OPEN', price: 1_600 });
    const etag = before.headers.get('etag') ?? '';

    const change = { quantity: 120, price: 1_610 };
    const changed = await coordinator.command('PUT', `/v3/orders/${orderId}`, {
      headers: { 'If-Match': etag },
      body: change,
    });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ ...change, pending: null });
    expect(await order(orderId, positionOf(changed))).toMatchObject({ ...change, status: 'OPEN' });
    expect(changed.headers.get('etag')).not.toBe(etag);

    const stale = await coordinator.command('PUT', `/v3/orders/${orderId}`, {
      headers: { 'If-Match': etag },
      body: { quantity: 130 },
    });
    expect([stale.status, partOf(stale.body, 'code')]).toEqual([412, 'VERSION_MISMATCH']);
    const blind = await coordinator.command('PUT', `/v3/orders/${orderId}`, { body: { quantity: 130 } });
    expect([blind.status, partOf(blind.body, 'code')]).toEqual([428, 'VERSION_REQUIRED']);

    const cancelled = await coordinator.command('DELETE', `/v2/orders/${orderId}`);
    expect(cancelled.status).toBe(200);
    expect(cancelled.body).toMatchObject({ status: 'CANCELLED', leavesQuantity: 0 });
    expect(await order(orderId, positionOf(cancelled))).toMatchObject({ status: 'CANCELLED', leavesQuantity: 0 });
    const again = await coordinator.command('DELETE', `/v2/orders/${orderId}`, { headers: key() });
    expect([again.status, partOf(again.body, 'code')]).toEqual([409, 'ORDER_CLOSED']);
  });

  it('a batch answers line by line: filled, resting, in parts, denied with every verdict', async () => {
    const placed = await coordinator.command('POST', '/v2/orders/multi', {
      headers: key(),
      body: {
        orders: [
          market('NSE:TCS', 5),
          limit('NSE:HDFCBANK', 50, 950),
          market('NSE:LIBERTSHOE', 10_000), // 5,207 were traded all day
          market('NSE:MRF', 600), // Rs 9 crore
          { ...market('NSE:RELIANCE', 1), orderType: 'LIMIT', price: 1_580.03 },
        ],
      },
    });
    expect(placed.status).toBe(207);
    expect(statusesIn(placed)).toEqual(['ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'DENIED', 'DENIED']);
    const results = listIn(placed.body, 'results');
    const verdictsOf = (line: number) => listIn(results[line], 'verdicts');
    expect(verdictsOf(3)).toContainEqual(expect.objectContaining({ check: 'balance', outcome: 'fail' }));
    expect(verdictsOf(4)).toContainEqual({
      check: 'tick-size',
      outcome: 'fail',
      rule: 'instrument master',
      limit: 0.1,
      actual: 1_580.03,
      effectiveFrom: '2026-01-02',
    });
    expect(verdictsOf(4)).toContainEqual(expect.objectContaining({ check: 'lot-multiple', outcome: 'pass' }));

    position = positionOf(placed);
    expect(await order(orderIdIn(placed, 0))).toMatchObject({ status: 'FILLED' });
    expect(await order(orderIdIn(placed, 1))).toMatchObject({ status: 'OPEN' });
    expect(await order(orderIdIn(placed, 3))).toMatchObject({ status: 'DENIED', filledQuantity: 0 });
    const thin = orderIdIn(placed, 2);
    const partly = await eventually('a second partial fill', async () => {
      const now = await order(thin);
      const trades = listIn((await coordinator.queryFrom(`/v2/orders/${thin}/trades`, position)).body, 'items');
      return trades.length >= 2 ? { now, trades } : undefined;
    });
    expect(partly.now).toMatchObject({ status: 'PARTIALLY_FILLED', ordStatus: '1' });

    const cancelled = await coordinator.command('DELETE', `/v2/orders/${thin}`);
    expect(cancelled.status).toBe(200);
    const rest = await order(thin, positionOf(cancelled));
    expect(rest).toMatchObject({ status: 'CANCELLED', quantity: 10_000 });
    expect(partOf(rest, 'filledQuantity')).toBe(partOf(cancelled.body, 'filledQuantity'));
  });

  it('an answer may be had before the broker’s', async () => {
    const headers = { ...key(), Prefer: 'respond-async' };
    const placed = await coordinator.command('POST', '/v2/orders', { headers, body: market('NSE:TCS', 1) });
    expect([placed.status, partOf(placed.body, 'status')]).toEqual([202, 'PENDING']);
    const intent = `/v2/intents/${String(partOf(placed.body, 'intentId'))}`;
    const done = await eventually('the intent is answered', async () => {
      const { body } = await coordinator.command('GET', intent);
      return partOf(body, 'status') === 'PENDING' ? undefined : body;
    });
    expect(done).toMatchObject({ status: 'ACCEPTED', results: [{ status: 'ACCEPTED' }] });
  });

  it('somebody else sees nothing of it', async () => {
    const registered = await coordinator.command('POST', '/auth/register', {
      headers: { 'X-Api-Key': '' },
      body: { email: 'bela@example.com', password: 'correct horse battery' },
    });
    expect(registered.status).toBe(201);
    const headers = { 'X-Api-Key': String(partOf(registered.body, 'apiKey')) };
    expect(listIn((await coordinator.query('/v2/orders', { headers })).body, 'items')).toEqual([]);
    const [mine] = listIn((await coordinator.query('/v2/orders')).body, 'items');
    const orderId = String(partOf(mine, 'orderId'));
    for (const path of [`/v2/orders/${orderId}`, `/v2/orders/${orderId}/history`, `/v2/orders/${orderId}/trades`])
      expect((await coordinator.query(path, { headers })).status).toBe(404);
    expect((await coordinator.command('DELETE', `/v2/orders/${orderId}`, { headers })).status).toBe(404);
  });

  it('a person logs in, reads and places with a token', async () => {
    const { email, password } = coordinator.credentials;
    const login = await coordinator.command('POST', '/auth/login', { body: { email, password } });
    const headers = { Authorization: `Bearer ${String(partOf(login.body, 'accessToken'))}` };
    expect((await coordinator.query('/v2/orders', { headers })).status).toBe(200);
    const placed = await coordinator.command('POST', '/v2/orders', {
      headers: { ...headers, ...key() },
      body: market('NSE:TCS', 1),
    });
    expect(placed.status).toBe(200);
    position = positionOf(placed);
  });

  it('SIGTERM while orders come in: every accepted request is answered, and nothing is left running', async () => {
    const family = coordinator.family();
    expect(family).toHaveLength(familySize);
    const answers: Answer[] = [];
    let unanswered = 0;
    let stopping = false;
    const client = async (): Promise<void> => {
      for (;;) {
        try {
          const body = { orders: [market('NSE:TCS', 1), limit('NSE:INFY', 1, 1_600)] };
          const answer = await coordinator.command('POST', '/v2/orders/multi', { headers: key(), body });
          answers.push(answer);
          if (answer.status === 503) return;
        } catch {
          // A connection that is refused or was idle may be closed; one that carries a request must be answered.
          unanswered += stopping ? 0 : 1;
          return;
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await eventually('a few answers', () => Promise.resolve(answers.length > 20 ? true : undefined));
    stopping = true;
    const { exitCode, stderr } = await coordinator.stop('SIGTERM');
    await Promise.all(clients);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(unanswered).toBe(0);
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    for (const { pid, startedAt } of family) expect(findProcess(pid)?.startedAt).not.toBe(startedAt);

    await coordinator.start();
    for (const answer of answers) position = Math.max(position, positionOf(answer));
    await coordinator.withLog(async (log) => {
      expect(await log.head()).toBeGreaterThanOrEqual(position);
      const books = await readBooks(log);
      expect(faultsOf(books, { settled: true })).toEqual([]);
      for (const answer of answers.filter(({ status }) => status === 200))
        for (const result of listIn(answer.body, 'results'))
          expect(books.orders.get(String(partOf(result, 'orderId')))?.status).toMatch(/working|filled/);
    });
  });

  it('the second start has kept everything', async () => {
    const { credentials } = coordinator;
    bookBefore = JSON.stringify(await coordinator.queryAll('/v2/orders?status=FILLED', position));
    const { exitCode } = await coordinator.stop('SIGINT');
    expect(exitCode).toBe(0);
    await coordinator.start();
    expect(coordinator.credentials).toEqual(credentials);
    expect(JSON.stringify(await coordinator.queryAll('/v2/orders?status=FILLED', position))).toBe(bookBefore);
    const placed = await coordinator.command('POST', '/v2/orders', { headers: key(), body: market('NSE:TCS', 1) });
    expect(placed.status).toBe(200);
  });
};
