import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { BrokerClient, BrokerInstrument, FeedState, OrderRow, OrderToSend, PriceTick } from '../client';
import { fixture, instrumentsOf } from '../in-spec';
import { upstox } from './upstox';

const DEADLINE_MS = 8_000;
const key = (name: string): BrokerInstrument => ({
  instrumentKey: name,
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: name,
  token: name,
});
const order: OrderToSend = {
  instrument: key('NSE_EQ|A'),
  side: 'BUY',
  product: 'CNC',
  tag: 'T1',
  terms: { orderType: 'LIMIT', quantity: 1, priceE4: 10_000, validity: 'DAY' },
};

const until = async (what: string, condition: () => boolean): Promise<void> => {
  const givenUpAt = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > givenUpAt) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe('a client at Upstox', () => {
  let server: Server;
  let sockets: { url: string; headers: IncomingMessage['headers']; socket: WebSocket; heard: string[] }[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let asked: string[];
  let client: BrokerClient;
  const base = (): string => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

  beforeEach(async () => {
    sockets = [];
    asked = [];
    answer = (_, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    server = createServer((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      answer(request, response);
    });
    const ws = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      ws.handleUpgrade(request, socket, head, (opened) => {
        const heard: string[] = [];
        opened.on('message', (data: Buffer, isBinary) =>
          heard.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`),
        );
        sockets.push({ url: request.url ?? '', headers: request.headers, socket: opened, heard });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = upstox.open({
      endpoints: upstox.endpoints(base()),
      credentials: upstox.readCredentials({ apiKey: 'key-of-the-app', accessToken: 'token-of-today' }),
      instruments: instrumentsOf(key('NSE_EQ|A'), key('NSE_EQ|B')),
      timeoutMs: DEADLINE_MS,
      now: Date.now,
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    for (const { socket } of sockets) socket.terminate();
    server.close();
    await once(server, 'close');
  });

  const answering = (body: string, status = 200) => {
    answer = (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };

  it('makes one call each time, with its token', async () => {
    answering(fixture('upstox', 'profile.json'));
    expect(await client.validate()).toMatchObject({ outcome: 'ok', value: { clientId: '******' } });
    answering('{"status":"success","data":{"order_ids":["1"]}}');
    expect(await client.place(order)).toEqual({ outcome: 'accepted', brokerOrderId: '1' });
    answering(fixture('upstox', 'order_book.json'));
    expect(await client.orders()).toMatchObject({ outcome: 'ok', value: { length: 3 } });
    expect(asked).toEqual([
      'GET /v2/user/profile Bearer token-of-today',
      'POST /v3/order/place Bearer token-of-today',
      'GET /v2/order/retrieve-all Bearer token-of-today',
    ]);
  });

  it('says nothing of the trades of an order where one of them cannot be read', async () => {
    answering(
      fixture('upstox', 'trades_for_day.json').replace(/"transaction_type": *"BUY"/, '"transaction_type":"HOLD"'),
    );
    expect(await client.trades()).toMatchObject({
      outcome: 'ok',
      value: [],
      drifted: [{ brokerOrderId: '221013001021539' }],
    });
    expect(await client.tradesOf('221013001021539')).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('does not know what became of an order whose connection broke, and has it once only', async () => {
    answer = (request) => request.socket.destroy();
    expect(await client.place(order)).toMatchObject({ outcome: 'unknown' });
    expect(await client.placeMany?.([order, order])).toMatchObject([{ outcome: 'unknown' }, { outcome: 'unknown' }]);
    expect(asked).toHaveLength(2);
  });

  it('knows that nothing was sent where nobody listens', async () => {
    const nobody = upstox.open({
      endpoints: upstox.endpoints('http://127.0.0.1:1'),
      credentials: { apiKey: 'key-of-the-app', accessToken: 'token-of-today' },
      instruments: instrumentsOf(),
      timeoutMs: DEADLINE_MS,
      now: Date.now,
    });
    expect(await nobody.place(order)).toMatchObject({ outcome: 'notSent', errorClass: 'transient' });
    expect(await nobody.cancel({ ...order, brokerOrderId: '1' })).toMatchObject({ outcome: 'notSent' });
    expect(await nobody.orders()).toMatchObject({ outcome: 'failed', errorClass: 'transient' });
  });

  it('hears of its orders over a socket that knows the token', async () => {
    const rows: OrderRow[] = [];
    const drift: unknown[] = [];
    const states: FeedState[] = [];
    const feed = client.followOrders({
      onRows: (some) => rows.push(...some),
      onDrift: (evidence) => drift.push(evidence),
      onState: (state) => states.push(state),
    });
    await until('a connection', () => states.length === 1);
    sockets[0]?.socket.send(fixture('upstox', 'webhook_order_update.json'));
    sockets[0]?.socket.send('{"update_type":"order"}');
    await until('a row and a drift', () => rows.length === 1 && drift.length === 1);
    await feed.close();

    expect(sockets[0]?.url).toBe('/v2/feed/portfolio-stream-feed?update_types=order');
    expect(sockets[0]?.headers.authorization).toBe('Bearer token-of-today');
    expect(states).toEqual([{ state: 'up' }]);
  });

  it('asks where prices are for each connection, and says each time what it follows', async () => {
    let codes = 0;
    answer = (_, response) => {
      const uri = `${base().replace('http', 'ws')}/feed?code=${String(++codes)}`;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ status: 'success', data: { authorized_redirect_uri: uri } }));
    };
    const ticks: PriceTick[] = [];
    const drift: unknown[] = [];
    const states: FeedState[] = [];
    const feed = client.followPrices({
      onTicks: (some) => ticks.push(...some),
      onDrift: (evidence) => drift.push(evidence),
      onState: (state) => states.push(state),
    });
    feed.follow([key('NSE_EQ|A')]);
    await until('a subscription', () => sockets[0]?.heard.length === 1);
    feed.follow([key('NSE_EQ|B')]);
    await until('a change', () => sockets[0]?.heard.length === 3);
    sockets[0]?.socket.send(Buffer.from('no protobuf'));
    await until('a drift', () => drift.length === 1);
    sockets[0]?.socket.terminate();
    await until('a second connection', () => sockets[1]?.heard.length === 1);
    await feed.close();

    const told = sockets.map(({ url, heard }) => [
      url,
      ...heard.map((text) => text.replace(/"guid":"[^"]*",/, '').replace('"mode":"full",', '')),
    ]);
    expect(told).toEqual([
      [
        '/feed?code=1',
        'binary {"method":"sub","data":{"instrumentKeys":["NSE_EQ|A"]}}',
        'binary {"method":"unsub","data":{"instrumentKeys":["NSE_EQ|A"]}}',
        'binary {"method":"sub","data":{"instrumentKeys":["NSE_EQ|B"]}}',
      ],
      ['/feed?code=2', 'binary {"method":"sub","data":{"instrumentKeys":["NSE_EQ|B"]}}'],
    ]);
  });

  it('says that the session is over where the address is refused', async () => {
    answering(
      '{"status":"error","errors":[{"errorCode":"UDAPI100050","message":"Invalid token token-of-today"}]}',
      401,
    );
    const states: FeedState[] = [];
    const feed = client.followPrices({
      onTicks: () => undefined,
      onDrift: () => undefined,
      onState: (state) => states.push(state),
    });
    await until('a refusal', () => states.length >= 1);
    await feed.close();

    expect(states[0]).toEqual({
      state: 'down',
      errorClass: 'auth',
      evidence: { code: 'UDAPI100050', message: 'Invalid token ***' },
    });
  });

  it('follows so many by their last price alone, and no more than there may be', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const uri = base().replace('http', 'ws');
      response.end(JSON.stringify({ status: 'success', data: { authorized_redirect_uri: uri } }));
    };
    const drift: unknown[] = [];
    const feed = client.followPrices({
      onTicks: () => undefined,
      onDrift: (evidence) => drift.push(evidence),
      onState: () => undefined,
    });
    feed.follow(Array.from({ length: 5_001 }, (_, index) => key(`NSE_EQ|${String(index)}`)));
    await until('a subscription', () => sockets[0]?.heard.length === 1);
    await feed.close();

    expect(drift).toMatchObject([{ code: 'TOO_MANY' }]);
    const { data } = JSON.parse(sockets[0]?.heard[0]?.replace('binary ', '') ?? '') as {
      data: { mode: string; instrumentKeys: string[] };
    };
    expect([data.mode, data.instrumentKeys.length]).toEqual(['ltpc', 5_000]);
  });
});

describe('a session at Upstox', () => {
  const at = (iso: string): number => Date.parse(iso);
  const jwt = (exp: number): string => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.sig`;

  it('is over at half past three, whenever it began', () => {
    for (const now of ['2026-11-21T09:00:00+05:30', '2026-11-22T02:00:00+05:30'])
      expect(upstox.sessionEndsAt(at(now), { accessToken: 'opaque' })).toBe(at('2026-11-22T03:30:00+05:30'));
  });

  it('is over earlier where the token says so, and never later', () => {
    const now = at('2026-11-21T09:00:00+05:30');
    const noon = at('2026-11-21T12:00:00+05:30');
    expect(upstox.sessionEndsAt(now, { accessToken: jwt(noon / 1000) })).toBe(noon);
    expect(upstox.sessionEndsAt(now, { accessToken: jwt(noon) })).toBe(at('2026-11-22T03:30:00+05:30'));
  });

  it('needs an app and a token', () =>
    expect(() => upstox.readCredentials({ apiKey: 'key-of-the-app' })).toThrow('accessToken is missing'));
});
