import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { BrokerClient, BrokerInstrument, FeedState, OrderRow, OrderToSend, PriceTick } from '../client';
import { fixture, instrumentsOf } from '../in-spec';
import { zerodha } from './zerodha';

const DEADLINE_MS = 8_000;
const share = (token: string): BrokerInstrument => ({
  instrumentKey: `NSE_EQ|${token}`,
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: `NSE:S${token}`,
  token,
});
const order: OrderToSend = {
  instrument: share('408065'),
  side: 'BUY',
  product: 'CNC',
  tag: 'T1',
  terms: { orderType: 'LIMIT', quantity: 1, priceE4: 10_000, validity: 'DAY' },
};
const price = Buffer.concat([
  Buffer.from([0, 1, 0, 44]),
  Buffer.from(fixture('zerodha', 'ticker_quote.packet'), 'base64'),
]);

const until = async (what: string, condition: () => boolean): Promise<void> => {
  const givenUpAt = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > givenUpAt) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** What a listener heard, of both kinds. */
const ear = () => {
  const heard = { states: [] as string[], rows: [] as OrderRow[], ticks: [] as PriceTick[], drift: [] as unknown[] };
  const listener = {
    onRows: (rows: readonly OrderRow[]) => heard.rows.push(...rows),
    onTicks: (ticks: readonly PriceTick[]) => heard.ticks.push(...ticks),
    onDrift: (evidence: unknown) => heard.drift.push(evidence),
    onState: (state: FeedState) => heard.states.push(state.state === 'up' ? 'up' : `down ${state.errorClass}`),
  };
  return { heard, listener };
};

describe('a client at Zerodha', () => {
  let server: Server;
  let sockets: { url: string; socket: WebSocket; heard: string[] }[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let refusal: string | undefined;
  let asked: string[];
  let client: BrokerClient;

  beforeEach(async () => {
    sockets = [];
    asked = [];
    refusal = undefined;
    server = createServer((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      answer(request, response);
    });
    const ws = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (refusal !== undefined) {
        socket.end(`HTTP/1.1 ${refusal}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
        return;
      }
      ws.handleUpgrade(request, socket, head, (opened) => {
        const heard: string[] = [];
        opened.on('message', (data: Buffer) => heard.push(data.toString()));
        sockets.push({ url: request.url ?? '', socket: opened, heard });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = zerodha.open({
      endpoints: zerodha.endpoints(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`),
      credentials: zerodha.readCredentials({
        apiKey: 'key-of-the-app',
        apiSecret: 'secret-of-the-app',
        accessToken: 'token-of-today',
      }),
      instruments: instrumentsOf(share('408065'), share('5633')),
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
    answering(fixture('zerodha', 'profile.json'));
    expect(await client.validate()).toMatchObject({ outcome: 'ok', value: { clientId: 'AB1234' } });
    answering(fixture('zerodha', 'order_response.json'));
    expect(await client.place(order)).toEqual({ outcome: 'accepted', brokerOrderId: '151220000000000' });
    answering(fixture('zerodha', 'orders.json'));
    expect(await client.findByTag('icebergord')).toMatchObject({ value: [{ brokerOrderId: '220524001859672' }] });
    answering(fixture('zerodha', 'order_info.json'));
    expect(await client.order('171229000724687')).toMatchObject({ value: { state: 'WORKING' } });
    const token = 'token key-of-the-app:token-of-today';
    expect(asked).toEqual([
      `GET /user/profile ${token}`,
      `POST /orders/regular ${token}`,
      `GET /orders ${token}`,
      `GET /orders/171229000724687 ${token}`,
    ]);
  });

  it('has no call for many orders at once', () => expect(client.placeMany).toBeUndefined());

  it('says nothing of the trades of an order where one of them cannot be read', async () => {
    answering(
      fixture('zerodha', 'order_trades.json').replace(/"transaction_type": *"BUY"/, '"transaction_type":"HOLD"'),
    );
    expect(await client.trades()).toMatchObject({
      outcome: 'ok',
      value: [],
      drifted: [{ brokerOrderId: '200000000000000' }],
    });
    expect(await client.tradesOf('200000000000000')).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('does not know what became of an order whose connection broke, and has it once only', async () => {
    answer = (request) => request.socket.destroy();
    expect(await client.place(order)).toMatchObject({ outcome: 'unknown' });
    expect(asked).toHaveLength(1);
  });

  it('has one socket for orders and prices, open while anybody listens', async () => {
    const orders = ear();
    const prices = ear();
    const late = ear();
    const orderFeed = client.followOrders(orders.listener);
    const priceFeed = client.followPrices(prices.listener);
    priceFeed.follow([share('408065')]);
    await until('both are up', () => orders.heard.states.length === 1 && prices.heard.states.length === 1);
    await until('the subscription', () => sockets[0]?.heard.length === 2);
    const lateFeed = client.followOrders(late.listener);
    await until('the latecomer is up', () => late.heard.states.length === 1);

    const row = (JSON.parse(fixture('zerodha', 'orders.json')) as { data: object[] }).data[1];
    sockets[0]?.socket.send(JSON.stringify({ type: 'order', data: row }));
    sockets[0]?.socket.send(price);
    await until('a row and a price', () => late.heard.rows.length === 1 && prices.heard.ticks.length === 1);
    expect(orders.heard).toMatchObject({ rows: [{ brokerOrderId: '300000000000000' }], ticks: [], drift: [] });
    expect(prices.heard).toMatchObject({ rows: [], ticks: [{ instrumentKey: 'NSE_EQ|408065' }], drift: [] });

    await orderFeed.close();
    await priceFeed.close();
    expect(sockets[0]?.socket.readyState).toBe(1);
    await lateFeed.close();
    await until('the socket is gone', () => sockets[0]?.socket.readyState === 3);
    expect(sockets).toHaveLength(1);
    expect(sockets[0]?.url).toBe('/ws?api_key=key-of-the-app&access_token=token-of-today');
    expect([orders.heard.states, prices.heard.states, late.heard.states]).toEqual([['up'], ['up'], ['up']]);
  });

  it('follows what anybody wants, and drops what nobody wants any more', async () => {
    const one = client.followPrices(ear().listener);
    const other = client.followPrices(ear().listener);
    one.follow([share('1')]);
    other.follow([share('1'), share('2')]);
    await until('the subscriptions', () => sockets[0]?.heard.length === 2 || sockets[0]?.heard.length === 4);
    one.follow([share('3')]);
    await other.close();
    await until('the last change', () => sockets[0]?.heard.at(-1)?.startsWith('{"a":"unsubscribe"') === true);
    sockets[0]?.socket.terminate();
    await until('the second connection', () => sockets[1]?.heard.length === 2);
    await one.close();

    expect(sockets[0]?.heard.filter((text) => !text.includes('mode')).slice(-2)).toEqual([
      '{"a":"subscribe","v":[3]}',
      '{"a":"unsubscribe","v":[1,2]}',
    ]);
    expect(sockets[1]?.heard.slice(0, 2)).toEqual(['{"a":"subscribe","v":[3]}', '{"a":"mode","v":["full",[3]]}']);
  });

  it('tells garbled frames to whom they concern, and stays connected', async () => {
    const orders = ear();
    const prices = ear();
    const feeds = [client.followOrders(orders.listener), client.followPrices(prices.listener)];
    await until('both are up', () => orders.heard.states.length === 1 && prices.heard.states.length === 1);
    sockets[0]?.socket.send(price.subarray(0, 20));
    sockets[0]?.socket.send('{"type":"order","data":{}}');
    await until('drift', () => orders.heard.drift.length === 1 && prices.heard.drift.length === 2);
    for (const feed of feeds) await feed.close();

    expect(orders.heard.states).toEqual(['up']);
  });

  it('says that the session is over where the socket is refused', async () => {
    refusal = '403 Forbidden';
    const { heard, listener } = ear();
    const feed = client.followOrders(listener);
    await until('a refusal', () => heard.states.length >= 1);
    await feed.close();

    expect(heard.states[0]).toBe('down auth');
  });
});

describe('a session at Zerodha', () => {
  it('is over at six in the morning', () => {
    const now = Date.parse('2026-11-21T09:00:00+05:30');
    expect(zerodha.sessionEndsAt(now, {})).toBe(Date.parse('2026-11-22T06:00:00+05:30'));
  });

  it('needs an app, its secret and a token', () =>
    expect(() => zerodha.readCredentials({ apiKey: 'key-of-the-app' })).toThrow(
      'apiSecret is missing; accessToken is missing',
    ));
});
