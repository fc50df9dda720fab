import { createHash, randomUUID } from 'node:crypto';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { BrokerSim, type SimSession } from './support/broker-sim';
import { Coordinator } from './support/coordinator';
import { type Answer, eventually, listIn, partOf, positionOf } from './support/deployment';
import { readAllOf } from './support/books';
import { makeDataDir } from './support/workspace';

jest.setTimeout(180_000);

let sim: BrokerSim;
let coordinator: Coordinator;
const sessions = new Map<BrokerName, SimSession>();
let live = '';

beforeAll(async () => {
  sim = new BrokerSim({ SIM_TICK_MS: '200' });
  await sim.start();
  coordinator = new Coordinator(makeDataDir(), {
    ...sim.environment(),
    RECONCILE_MS: '1000',
    BROKER_SETTLE_MS: '1500',
  });
  await coordinator.start();
});
afterAll(async () => {
  await coordinator.dispose();
  await sim.stop();
});

const key = () => ({ 'Idempotency-Key': randomUUID() });
const connect = (broker: BrokerName, credentials: unknown, more: object = {}): Promise<Answer> =>
  coordinator.command('POST', '/broker/connect', { body: { broker, credentials, ...more } });
const limit = (broker: BrokerName | undefined, more: object = {}) => ({
  accountId: live,
  ...(broker && { broker }),
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  product: 'CNC',
  orderType: 'LIMIT',
  quantity: 5,
  price: 1500,
  ...more,
});
const place = async (line: object): Promise<string> => {
  const placed = await coordinator.command('POST', '/v2/orders', { headers: key(), body: line });
  expect(placed).toMatchObject({ status: 200, body: { status: 'ACCEPTED' } });
  return String(partOf(listIn(placed.body, 'results')[0], 'orderId'));
};
const orderNow = async (orderId: string): Promise<unknown> => (await coordinator.query(`/v2/orders/${orderId}`)).body;
const untilStatus = (orderId: string, status: string): Promise<unknown> =>
  eventually(`${orderId} is ${status}`, async () => partOf(await orderNow(orderId), 'status') === status || undefined);

describe('connecting', () => {
  it.each(BROKER_NAMES)('asks %s whose session it is, and keeps it', async (broker) => {
    const session = await sim.addClient({ broker, ordersPerSecond: 1_000 });
    sessions.set(broker, session);
    const connected = await connect(broker, session.credentials);
    expect(connected).toMatchObject({
      status: 200,
      body: { broker, clientId: session.clientId, state: 'CONNECTED', accountId: expect.any(String) as string },
    });
    live = String(partOf(connected.body, 'accountId'));
    expect(live).not.toBe(coordinator.credentials.accountId);
  });

  it('is listed without a secret', async () => {
    const { body, text } = await coordinator.command('GET', '/broker/connections');
    expect(listIn(body, 'items').map((item) => partOf(item, 'broker'))).toEqual([...BROKER_NAMES]);
    for (const secret of secrets()) expect(text).not.toContain(secret);
  });

  it.each(BROKER_NAMES)('tells a token that %s does not know from one that is over', async (broker) => {
    const { credentials } = await sim.addClient({ broker });
    const wrong = Object.fromEntries(
      Object.entries(credentials as Record<string, string>).map(([name, value]) => [
        name,
        /token/i.test(name) ? `${value.slice(0, -6)}AAAAAA` : value,
      ]),
    );
    expect(await connect(broker, wrong)).toMatchObject({ status: 401, body: { code: 'BROKER_AUTH_FAILED' } });
    const over = tokenOver(credentials as Record<string, string>);
    if (over)
      expect(await connect(broker, over)).toMatchObject({ status: 401, body: { code: 'BROKER_TOKEN_EXPIRED' } });
  });

  it('refuses the session of another client for a connection that stands', async () => {
    const other = await sim.addClient({ broker: 'upstox' });
    expect(await connect('upstox', other.credentials)).toMatchObject({
      status: 403,
      body: { code: 'BROKER_CREDENTIALS_MISMATCH' },
    });
  });

  it('refuses tokens of one client beside the name of another', async () => {
    const [one, other] = [await sim.addClient({ broker: 'angelone' }), await sim.addClient({ broker: 'angelone' })];
    const mixed = { ...(one.credentials as object), clientCode: other.clientId };
    expect(await connect('angelone', mixed)).toMatchObject({
      status: 403,
      body: { code: 'BROKER_CREDENTIALS_MISMATCH' },
    });
  });

  it.each([
    ['no broker of that name', { broker: 'angel', credentials: {} }, 'broker'],
    ['credentials that are a list', { broker: 'fyers', credentials: ['a'] }, 'credentials'],
    [
      'credentials with a field missing',
      { broker: 'zerodha', credentials: { apiKey: 'abcdef' } },
      'credentials.apiSecret',
    ],
    [
      'a line break that would become a header',
      { broker: 'upstox', credentials: { apiKey: 'abcdef', accessToken: 'a\r\nX-Evil: 1' } },
      'credentials.accessToken',
    ],
    ['an address that is none', { broker: 'upstox', credentials: {}, egressAddress: 'here' }, 'egressAddress'],
    [
      'an address of another machine',
      { broker: 'upstox', credentials: {}, egressAddress: '203.0.113.7' },
      'egressAddress',
    ],
  ])('refuses %s, naming the field', async (_, body, field) => {
    const refused = await coordinator.command('POST', '/broker/connect', { body });
    expect(refused).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect(listIn(refused.body, 'errors').map((error) => partOf(error, 'field'))).toContain(field);
    expect(refused.text).not.toContain('Evil');
  });

  it('refuses a paper account, somebody else’s account, and nobody', async () => {
    const { credentials } = await sim.addClient({ broker: 'upstox' });
    const paper = await connect('upstox', credentials, { accountId: coordinator.credentials.accountId });
    expect(paper).toMatchObject({ status: 409, body: { code: 'PAPER_ACCOUNT' } });
    const foreign = await connect('upstox', credentials, { accountId: randomUUID() });
    expect(foreign.status).toBe(404);
    const nobody = await coordinator.command('POST', '/broker/connect', {
      headers: { 'X-Api-Key': 'ck_nobody' },
      body: { broker: 'upstox', credentials },
    });
    expect(nobody.status).toBe(401);
  });
});

describe('orders at a broker', () => {
  it.each(BROKER_NAMES)('are placed, changed, cancelled and filled at %s', async (broker) => {
    const orderId = await place(limit(broker));
    await untilStatus(orderId, 'OPEN');
    const version = partOf(await orderNow(orderId), 'version');
    const changed = await coordinator.command('PUT', `/v3/orders/${orderId}`, {
      headers: { 'If-Match': `"${String(version)}"` },
      body: { quantity: 7, price: 1501 },
    });
    expect(changed).toMatchObject({ status: 200, body: { status: 'OPEN', quantity: 7, price: 1501, pending: null } });
    const cancelled = await coordinator.command('DELETE', `/v2/orders/${orderId}`);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });

    const market = await place({ ...limit(broker), orderType: 'MARKET', price: undefined });
    await untilStatus(market, 'FILLED');
    const brokerOrderId = partOf(await orderNow(market), 'brokerOrderId');
    const truth = (await sim.orders()).filter((order) => order.brokerOrderId === brokerOrderId);
    expect(truth).toMatchObject([{ broker, state: 'complete', filledQuantity: 5 }]);
    const trades = listIn((await coordinator.query(`/v2/orders/${market}/trades`)).body, 'items');
    expect(trades.reduce<number>((sum, trade) => sum + Number(partOf(trade, 'quantity')), 0)).toBe(5);
  });

  it('go where the account says, unless they say it themselves', async () => {
    const where = async (line: object): Promise<unknown> => {
      const orderId = await place(line);
      await untilStatus(orderId, 'OPEN');
      const order = await orderNow(orderId);
      return [partOf(order, 'broker'), partOf(order, 'routeReason')];
    };
    const set = (body: object) => coordinator.command('PUT', `/v2/settings/routing?accountId=${live}`, { body });
    expect(await where(limit(undefined))).toEqual(['upstox', 'account']);
    expect((await set({ defaultBroker: 'fyers', strategyBrokers: { momentum: 'zerodha' } })).status).toBe(200);
    expect(await where(limit(undefined))).toEqual(['fyers', 'user-default']);
    expect((await set({ strategyBrokers: { momentum: 'zerodha' } })).status).toBe(200);
    expect(await where(limit(undefined, { strategyId: 'momentum' }))).toEqual(['zerodha', 'strategy']);
    expect(await where(limit('angelone', { strategyId: 'momentum' }))).toEqual(['angelone', 'explicit']);
    expect((await set({ defaultBroker: 'nobody' })).status).toBe(400);
    expect((await set({ strategyBrokers: { momentum: 'nobody' } })).status).toBe(400);
    const fallback = await coordinator.command('PUT', '/v2/settings/routing/fallback', {
      body: { brokers: ['fyers'], failover: true },
    });
    expect(fallback).toMatchObject({ status: 403, body: { code: 'ADMIN_ONLY' } });
  });

  it('are denied on paper for a broker that the account is not connected to', async () => {
    const { accountId: paper } = coordinator.credentials;
    const denied = await coordinator.command('POST', '/v2/orders', {
      headers: key(),
      body: { ...limit('upstox'), accountId: paper },
    });
    expect(denied).toMatchObject({ status: 422, body: { results: [{ status: 'DENIED' }] } });
    const onPaper = await coordinator.command('POST', '/v2/orders', {
      headers: key(),
      body: { ...limit(undefined), broker: 'paper' },
    });
    expect(onPaper).toMatchObject({ status: 422, body: { results: [{ status: 'DENIED' }] } });
  });

  it('are cancelled many at once, over all brokers; the dead do no harm', async () => {
    const orderIds = await Promise.all(BROKER_NAMES.map((broker) => place(limit(broker))));
    const cancel = (body: object) => coordinator.command('POST', '/v2/orders/multi/cancel', { headers: key(), body });
    const [first = '', second = '', ...others] = orderIds;
    const one = await cancel({ orderIds: [first], mode: 'HARD' });
    expect(one).toMatchObject({ status: 200, body: { results: [{ orderId: first, status: 'CANCELLED' }] } });
    const soft = await cancel({ orderIds: [second], mode: 'SOFT' });
    expect(soft).toMatchObject({ status: 202, body: { status: 'PENDING', results: [{ status: 'PENDING' }] } });
    await untilStatus(second, 'CANCELLED');
    const unknown = randomUUID();
    const fast = await cancel({ orderIds: [unknown, ...others], onFailure: 'FAIL_FAST' });
    expect(fast).toMatchObject({
      status: 422,
      body: {
        status: 'REJECTED',
        results: [
          { status: 'FAILED', problem: { code: 'ORDER_NOT_FOUND' } },
          { status: 'SKIPPED' },
          { status: 'SKIPPED' },
        ],
      },
    });
    const rest = await cancel({ orderIds: [first, unknown, ...others] });
    expect(rest).toMatchObject({ status: 207, body: { status: 'PARTIAL' } });
    expect(listIn(rest.body, 'results').map((result) => partOf(result, 'status'))).toEqual([
      'NOTHING_TO_DO',
      'FAILED',
      'CANCELLED',
      'CANCELLED',
    ]);
    for (const body of [{}, { orderIds: [] }, { orderIds: ['x'] }, { orderIds: [first], mode: 'SOFTLY' }])
      expect((await cancel(body)).status).toBe(400);
    const keyless = await coordinator.command('POST', '/v2/orders/multi/cancel', { body: { orderIds: [first] } });
    expect(keyless).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_MISSING' } });
  });
});

describe('what brokers tell by themselves', () => {
  const connectionOf = async (broker: BrokerName): Promise<string> => {
    const { body } = await coordinator.command('GET', '/broker/connections');
    return String(
      partOf(
        listIn(body, 'items').find((item) => partOf(item, 'broker') === broker),
        'connectionId',
      ),
    );
  };

  it('is believed only when it is signed, and otherwise says where to look', async () => {
    const orderId = await place(limit('zerodha'));
    await untilStatus(orderId, 'OPEN');
    const brokerOrderId = String(partOf(await orderNow(orderId), 'brokerOrderId'));
    const url = `/broker/postback/zerodha/${live}/${await connectionOf('zerodha')}`;
    const at = '2026-01-02 10:00:00';
    const forged = { order_id: brokerOrderId, order_timestamp: at, status: 'COMPLETE', checksum: 'f'.repeat(64) };
    const refused = await coordinator.command('POST', url, { headers: { 'X-Api-Key': 'none' }, body: forged });
    expect(refused).toMatchObject({ status: 401, body: { code: 'POSTBACK_REFUSED' } });
    const hint = await coordinator.command('POST', `/broker/postback/upstox/${live}/${await connectionOf('upstox')}`, {
      body: { update_type: 'order', order_id: brokerOrderId, status: 'complete' },
    });
    expect(hint.status).toBe(200);
    expect(partOf(await orderNow(orderId), 'status')).toBe('OPEN');
    const deep = await coordinator.command('POST', url, {
      headers: { 'X-Api-Key': 'none', 'Content-Type': 'application/json' },
      raw: `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
    });
    expect(deep).toMatchObject({ status: 400 });
    const nowhere = await coordinator.command('POST', `/broker/postback/zerodha/${live}/${randomUUID()}`, {
      body: forged,
    });
    expect(nowhere.status).toBe(404);
    const { apiSecret = '' } = (sessions.get('zerodha')?.credentials ?? {}) as Record<string, string>;
    expect(
      createHash('sha256')
        .update(brokerOrderId + at + apiSecret)
        .digest('hex'),
    ).not.toBe(forged.checksum);
  });
});

describe('a session', () => {
  it('that the broker ends asks for a login, is renewed by one, and orders wait for nobody meanwhile', async () => {
    await sim.setFault({ kind: 'expire-token', broker: 'fyers' });
    const stateOf = async (): Promise<unknown> => {
      const { body } = await coordinator.command('GET', '/broker/connections');
      return partOf(
        listIn(body, 'items').find((item) => partOf(item, 'broker') === 'fyers'),
        'state',
      );
    };
    await coordinator.command('POST', '/v2/orders', { headers: key(), body: limit('fyers') });
    await eventually('a login is asked for', async () => (await stateOf()) === 'LOGIN_REQUIRED' || undefined);
    const denied = await coordinator.command('POST', '/v2/orders', { headers: key(), body: limit('fyers') });
    expect(denied).toMatchObject({ status: 422, body: { results: [{ status: 'DENIED' }] } });
    const { clientId = '' } = sessions.get('fyers') ?? {};
    const again = await sim.newSession({ broker: 'fyers', clientId });
    sessions.set('fyers', again);
    expect(await connect('fyers', again.credentials)).toMatchObject({ status: 200, body: { state: 'CONNECTED' } });
    await place(limit('fyers'));
  });

  it('survives a restart of the coordinator', async () => {
    const orderId = await place(limit('angelone'));
    await coordinator.kill();
    await coordinator.start();
    const cancelled = await coordinator.command('DELETE', `/v2/orders/${orderId}`);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });
  });

  it('is forgotten when its owner disconnects', async () => {
    const path = `/broker/connections/${live}/upstox`;
    expect(await coordinator.command('DELETE', path)).toMatchObject({ status: 200, body: { state: 'DISCONNECTED' } });
    const denied = await coordinator.command('POST', '/v2/orders', { headers: key(), body: limit('upstox') });
    expect(denied).toMatchObject({ status: 422, body: { results: [{ status: 'DENIED' }] } });
    expect((await coordinator.command('DELETE', `/broker/connections/${live}/nobody`)).status).toBe(404);
    expect(positionOf(denied)).toBeGreaterThan(0);
  });

  it('leaves no secret in any event', async () => {
    const events = JSON.stringify(await coordinator.withLog((log) => readAllOf(log, 0)));
    expect(events).toContain('ConnectionOpened');
    for (const secret of secrets()) expect(events).not.toContain(secret);
  });
});

/** Whatever must never be seen: names of clients and keys of apps are no secrets. */
const secrets = (): readonly string[] =>
  [...sessions.values()].flatMap(({ credentials }) =>
    Object.entries(credentials as Record<string, string>)
      .filter(([name]) => /token|secret/i.test(name))
      .map(([, value]) => value),
  );

/** The same token as if its day were over; only where a token says so itself. */
const tokenOver = (credentials: Record<string, string>): Record<string, string> | undefined => {
  const [name, token] = Object.entries(credentials).find(([, value]) => value.split('.').length === 3) ?? [];
  if (name === undefined || token === undefined) return undefined;
  const [header = '', , signature = ''] = token.split('.');
  const payload = Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString('base64url');
  return { ...credentials, [name]: `${header}.${payload}.${signature}` };
};
