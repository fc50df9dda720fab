import { request } from 'undici';
import { WebSocket } from 'ws';

import type { BrokerName } from '#brokers/client';

import { eventually, startSimInSpec, type SimInSpec } from '../sim-in-spec';
import { claimsOf } from './stage.contract';

interface Client {
  readonly baseUrl: string;
  readonly credentials: Readonly<Record<string, string>>;
}

/** Both dialects through real connections: what only shows there is proven here, everything else beside each dialect. */
describe('on the wire', () => {
  let world: SimInSpec;
  const sockets: WebSocket[] = [];
  beforeAll(async () => {
    world = await startSimInSpec({ tickMs: 20 });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.terminate();
    await world.stop();
  });

  const clientOf = async (broker: BrokerName): Promise<Client> =>
    (await world.control('POST', '/_sim/clients', { broker, fundsRupees: 100_000 })).body as Client;

  const ask = async (
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    headers: Record<string, string>,
    body?: unknown,
  ) => {
    const answer = await request(url, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(5_000),
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  const connect = async (url: string, headers: Record<string, string>, ...first: readonly (string | Buffer)[]) => {
    const socket = new WebSocket(url.replace('http', 'ws'), { headers, handshakeTimeout: 5_000 });
    sockets.push(socket);
    const frames: Buffer[] = [];
    socket.on('message', (data: Buffer) => frames.push(data));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    for (const frame of first) socket.send(frame);
    return frames;
  };

  it('Fyers tells its sockets of an order that was placed and cancelled over REST', async () => {
    const { baseUrl, credentials } = await clientOf('fyers');
    const { appId = '', accessToken = '' } = credentials;
    const headers = { authorization: `${appId}:${accessToken}` };
    const frames = await connect(`${baseUrl}/trade/v3`, headers);
    const placed = await ask('POST', `${baseUrl}/api/v3/orders/sync`, headers, {
      ...{ symbol: 'NSE:SBIN-EQ', qty: 1, type: 1, side: 1, productType: 'CNC', limitPrice: 900, stopPrice: 0 },
      ...{ disclosedQty: 0, validity: 'DAY', offlineOrder: false, stopLoss: 0, takeProfit: 0 },
    });
    const { id } = JSON.parse(placed.text) as { id: string };
    const cancelled = await ask('DELETE', `${baseUrl}/api/v3/orders/sync`, headers, { id });
    expect(JSON.parse(cancelled.text)).toMatchObject({ s: 'ok', code: 1103, id });
    await eventually('two frames', () => (frames.length >= 2 ? true : undefined));
    expect(frames.map((frame) => JSON.parse(frame.toString()) as unknown)).toMatchObject([
      { orders: { id, org_ord_status: 6 } },
      { orders: { id, org_ord_status: 1 } },
    ]);
  });

  it('Fyers gives prices to a key that comes in the first frame', async () => {
    const { baseUrl, credentials } = await clientOf('fyers');
    const { hsm_key: key } = claimsOf(credentials['accessToken'] ?? '') as { hsm_key: string };
    const size = Buffer.from([0, key.length]);
    const authentication = Buffer.concat([
      Buffer.from([0, 0, 1, 2, 1]),
      size,
      Buffer.from(key),
      Buffer.from([2, 0, 1, 80]),
    ]);
    const topic = Buffer.from('\0\u0001\u000esf|nse_cm|3045');
    const subscription = Buffer.concat([Buffer.from([0, 0, 4, 1, 1, 0, topic.length]), topic]);
    const frames = await connect(`${baseUrl}/hsm/v1-5/prod`, {}, authentication, subscription);
    const prices = await eventually('prices', () => frames.find((frame) => frame.readUInt8(2) === 6));
    expect(prices.includes('sf|nse_cm|3045')).toBe(true);
  });

  it('Fyers says when to come back to whoever is too fast', async () => {
    const { baseUrl, credentials } = await clientOf('fyers');
    const { appId = '', accessToken = '' } = credentials;
    const read = () => ask('GET', `${baseUrl}/api/v3/orders`, { authorization: `${appId}:${accessToken}` });
    const throttled = await eventually('a refusal', async () => {
      const answers = await Promise.all(Array.from({ length: 25 }, read));
      return answers.find(({ status }) => status === 429);
    });
    expect(throttled.headers).toMatchObject({ 'retry-after': '1', 'x-retry-after-ms': '1000' });
    expect(JSON.parse(throttled.text)).toMatchObject({ s: 'error', code: -429 });
  });

  it('Angel One tells its sockets of an order, and gives prices to the feed token', async () => {
    const { baseUrl, credentials } = await clientOf('angelone');
    const { apiKey = '', clientCode = '', jwtToken = '', feedToken = '' } = credentials;
    const headers = {
      ...{ authorization: `Bearer ${jwtToken}`, 'x-privatekey': apiKey, 'x-usertype': 'USER', 'x-sourceid': 'WEB' },
      ...{ 'x-clientlocalip': '10.0.0.1', 'x-clientpublicip': '203.0.113.7', 'x-macaddress': '02:00:00:00:00:01' },
    };
    const orders = await connect(`${baseUrl}/smart-order-update`, headers);
    const subscription = { action: 1, params: { mode: 1, tokenList: [{ exchangeType: 1, tokens: ['3045'] }] } };
    const query = new URLSearchParams({ clientCode, feedToken, apiKey });
    const prices = await connect(`${baseUrl}/smart-stream?${String(query)}`, {}, JSON.stringify(subscription));

    await ask('POST', `${baseUrl}/rest/secure/angelbroking/order/v1/placeOrder`, headers, {
      ...{ variety: 'NORMAL', tradingsymbol: 'SBIN-EQ', symboltoken: '3045', transactiontype: 'BUY', exchange: 'NSE' },
      ...{ ordertype: 'LIMIT', producttype: 'DELIVERY', duration: 'DAY', price: '900', quantity: '1' },
    });
    const codes = await eventually('a greeting and an order', () => (orders.length >= 2 ? orders : undefined));
    expect(codes.map((frame) => (JSON.parse(frame.toString()) as Record<string, unknown>)['order-status'])).toEqual([
      'AB00',
      'AB01',
    ]);
    expect(await eventually('a price', () => prices[0])).toHaveLength(51);

    const throttled = await eventually('a refusal', async () => {
      const answer = await ask('GET', `${baseUrl}/rest/secure/angelbroking/order/v1/getOrderBook`, headers);
      return answer.status === 403 ? answer : undefined;
    });
    expect(throttled.text).toBe('Access denied because of exceeding access rate');
    const stranger = { ...headers, authorization: 'Bearer nobody' };
    expect(await ask('GET', `${baseUrl}/rest/secure/angelbroking/user/v1/getProfile`, stranger)).toMatchObject({
      status: 200,
      text: expect.stringContaining('"errorCode":"AG8001"'),
    });
  });
});
