import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { BrokerInstrument, Feed, FeedState, OrderRow, OrderToSend, PriceTick } from '../client';
import { fyers } from './fyers';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const sbin: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE062A01020',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE:SBIN-EQ',
  token: '10100000003045',
};
const order: OrderToSend = {
  instrument: sbin,
  side: 'BUY',
  product: 'CNC',
  terms: { orderType: 'LIMIT', quantity: 1, priceE4: 8_000_000, validity: 'DAY' },
  tag: 'T01',
};
const atBroker = { ...order, brokerOrderId: '25012400002074' };
const token = ['{}', '{"hsm_key":"KEY"}', 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

describe('a client of Fyers', () => {
  let server: Server;
  let sockets: WebSocketServer;
  let asked: Asked[];
  let answer: (asked: Asked, response: ServerResponse) => void;
  let baseUrl: string;
  let feeds: Feed[];

  beforeEach(async () => {
    asked = [];
    feeds = [];
    answer = (_, response) => json(response, { s: 'ok', code: 1101, id: '25012400002074' });
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const one = { method, url, headers, body: Buffer.concat(chunks).toString() };
        asked.push(one);
        answer(one, response);
      });
    });
    sockets = new WebSocketServer({ server });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    baseUrl = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });

  afterEach(async () => {
    await Promise.all(feeds.map((feed) => feed.close())); // also of a spec that failed half-way
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const json = (response: ServerResponse, body: unknown, status = 200): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const open = (timeoutMs = 2_000) =>
    fyers.open({
      endpoints: fyers.endpoints(baseUrl),
      credentials: fyers.readCredentials({ appId: 'XC4EOD67IM-100', accessToken: token }),
      instruments: { of: () => sbin, bySymbol: () => sbin },
      timeoutMs,
      now: () => Date.now(),
    });

  it('goes to the real hosts unless told otherwise', () =>
    expect(fyers.endpoints()).toEqual({
      rest: 'https://api-t1.fyers.in/api/v3',
      orders: 'https://api-t1.fyers.in/api/v3',
      orderFeed: 'wss://socket.fyers.in/trade/v3',
      priceFeed: 'wss://socket.fyers.in/hsm/v1-5/prod',
    }));

  it('asks once, with both halves of the session and no word before them', async () => {
    expect(await open().place(order)).toEqual({ outcome: 'accepted', brokerOrderId: '25012400002074' });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      method: 'POST',
      url: '/api/v3/orders/sync',
      headers: { authorization: `XC4EOD67IM-100:${token}`, 'content-type': 'application/json' },
    });
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ symbol: 'NSE:SBIN-EQ', orderTag: 'T01' });
  });

  it('makes one call for each thing that is asked', async () => {
    answer = (_, response) => json(response, { s: 'error', code: -96, message: 'busy' }, 503);
    const client = open();
    await client.placeMany?.([order, order]);
    await client.modify(atBroker, { ...order.terms, quantity: 2 });
    await client.cancel(atBroker);
    await client.findByTag('T01');
    await client.order('25012400002074');
    await client.orders();
    await client.tradesOf('25012400002074');
    await client.positions();
    await client.holdings();
    await client.funds();
    await client.margin([order]);
    await client.validate();
    expect(asked.map(({ method, url }) => `${method} ${url.replace('/api/v3', '')}`)).toEqual([
      'POST /multi-order/sync',
      'PATCH /orders/sync',
      'DELETE /orders/25012400002074/sync',
      'GET /orders',
      'GET /orders?id=25012400002074',
      'GET /orders',
      'GET /tradebook',
      'GET /positions',
      'GET /holdings',
      'GET /funds',
      'POST /multiorder/margin',
      'GET /profile',
    ]);
  });

  it('says nothing of the trades of an order where one of them cannot be read', async () => {
    const trade = {
      ...{ tradeNumber: '5', orderNumber: '1', symbol: 'NSE:SBIN-EQ', side: 1, tradedQty: 5, tradePrice: 584.7 },
      orderDateTime: '02-Jan-2026 13:51:12',
    };
    const strange = { ...trade, orderNumber: '2', side: 2 };
    answer = (_, response) => json(response, { s: 'ok', tradeBook: [trade, strange] });
    expect(await open().tradesOf('1')).toMatchObject({ outcome: 'ok', value: [{ tradeId: '5' }] });
    expect(await open().tradesOf('2')).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('does not know what came of an order when the answer is late, lost or a page of errors', async () => {
    answer = () => undefined;
    expect(await open(50).place(order)).toMatchObject({ outcome: 'unknown', evidence: { code: 'DEADLINE' } });
    answer = (_, response) => response.destroy();
    expect(await open().place(order)).toMatchObject({ outcome: 'unknown' });
    expect(await open().placeMany?.([order, order])).toMatchObject([{ outcome: 'unknown' }, { outcome: 'unknown' }]);
    answer = (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>');
    expect(await open().place(order)).toMatchObject({ outcome: 'unknown' });
  });

  it('knows that nothing was sent where nobody listens, and where it cannot be said', async () => {
    const client = open();
    const cannot = { ...order, product: 'NRML' as const };
    expect(await client.place(cannot)).toMatchObject({ outcome: 'notSent', errorClass: 'validation' });
    expect(await client.placeMany?.([order, cannot])).toMatchObject([{ outcome: 'notSent' }, { outcome: 'notSent' }]);
    expect(await client.margin([cannot])).toMatchObject({ outcome: 'failed', errorClass: 'validation' });
    expect(asked).toEqual([]);
    const nobody = fyers.open({
      endpoints: fyers.endpoints('http://127.0.0.1:1'),
      credentials: { appId: 'A', accessToken: 'B' },
      instruments: { of: () => sbin, bySymbol: () => sbin },
      timeoutMs: 2_000,
      now: () => Date.now(),
    });
    expect(await nobody.place(order)).toMatchObject({ outcome: 'notSent', errorClass: 'transient' });
    expect(await nobody.placeMany?.([order])).toMatchObject([{ outcome: 'notSent', errorClass: 'transient' }]);
  });

  it('follows orders: subscribes, is up when confirmed, and tells rows', async () => {
    const states: FeedState[] = [];
    const rows: OrderRow[] = [];
    const drifts: unknown[] = [];
    const heard: string[] = [];
    let headers: IncomingMessage['headers'] = {};
    const confirmed = new Promise<WebSocket>((resolve) =>
      sockets.on('connection', (socket, request) => {
        headers = request.headers;
        socket.on('message', (data: Buffer) => {
          heard.push(data.toString());
          socket.send('{"code":1605,"message":"Successfully subscribed","s":"ok"}');
          resolve(socket);
        });
      }),
    );
    const feed = open().followOrders({
      onRows: (told) => rows.push(...told),
      onDrift: (evidence) => drifts.push(evidence),
      onState: (state) => states.push(state),
    });
    feeds.push(feed);
    const socket = await confirmed;
    await until(() => states.length > 0);
    socket.send('not a frame');
    socket.send(
      JSON.stringify({
        s: 'ok',
        orders: {
          ...{ id: '1', symbol: 'NSE:SBIN-EQ', tran_side: 1, segment: 10, product_type: 'CNC', validity: 'DAY' },
          ...{ ord_status: 90, org_ord_status: 2, ord_type: 2, qty: 1, qty_filled: 1, price_traded: 800.5 },
        },
      }),
    );
    await until(() => rows.length > 0);
    await feed.close();
    expect(headers.authorization).toBe(`XC4EOD67IM-100:${token}`);
    expect(heard).toEqual([JSON.stringify({ T: 'SUB_ORD', SLIST: ['orders', 'trades'], SUB_T: 1 })]);
    expect(states).toEqual([{ state: 'up' }]);
    expect(drifts).toEqual([{ code: 'DRIFT', message: 'frame: not JSON' }]);
    expect(rows).toMatchObject([{ state: 'FILLED', averagePriceE4: 8_005_000 }]);
  });

  it('hears a refusal of the order socket as the end of the session', async () => {
    const states: FeedState[] = [];
    sockets.on('connection', (socket) => socket.send('{"s":"error","code":-16,"message":"no"}'));
    const ignore = (): void => undefined;
    const feed = open().followOrders({ onRows: ignore, onDrift: ignore, onState: (state) => states.push(state) });
    feeds.push(feed);
    await until(() => states.length > 0);
    await feed.close();
    expect(states[0]).toMatchObject({ state: 'down', errorClass: 'auth', evidence: { code: '-16' } });
  });

  it('follows prices: key, mode, then all that is wanted, and later only the difference', async () => {
    const heard: Buffer[] = [];
    const states: FeedState[] = [];
    const ticks: PriceTick[] = [];
    const drifts: unknown[] = [];
    const tcs: BrokerInstrument = {
      ...sbin,
      instrumentKey: 'NSE_EQ|TCS',
      symbol: 'NSE:TCS-EQ',
      token: '101000000011536',
    };
    const odd: BrokerInstrument = { ...sbin, symbol: 'NSE:ODD-INDEX', segment: 'NSE_INDEX' };
    sockets.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => {
        heard.push(data);
        if (data[2] === 1) socket.send(Buffer.from([0, 6, 1, 1, 1, 0, 1, 0x4b]));
        if (data[2] === 4 && heard.length === 3) socket.send(priceOf('sf|nse_cm|3045', 80_050));
      }),
    );
    const feed = open().followPrices({
      onTicks: (told) => ticks.push(...told),
      onDrift: (evidence) => drifts.push(evidence),
      onState: (state) => states.push(state),
    });
    feeds.push(feed);
    feed.follow([sbin, odd]);
    await until(() => ticks.length > 0);
    feed.follow([tcs]);
    await until(() => heard.length === 5);
    await feed.close();
    expect(heard.map((message) => message[2])).toEqual([1, 12, 4, 5, 4]);
    expect(heard[2]?.includes('sf|nse_cm|3045')).toBe(true);
    expect(heard[3]?.includes('sf|nse_cm|3045')).toBe(true);
    expect(heard[4]?.includes('sf|nse_cm|11536')).toBe(true);
    expect(states[0]).toEqual({ state: 'up' });
    expect(ticks).toMatchObject([{ instrumentKey: 'NSE_EQ|INE062A01020', lastPriceE4: 8_005_000 }]);
    expect(drifts).toEqual([{ code: 'HSM_NO_TOPIC', message: 'NSE:ODD-INDEX' }]);
  });

  it('cannot follow prices with a token that has no key for it, and says so', async () => {
    const states: FeedState[] = [];
    const ignore = (): void => undefined;
    const feed = fyers
      .open({
        endpoints: fyers.endpoints(baseUrl),
        credentials: { appId: 'A', accessToken: 'opaque' },
        instruments: { of: () => sbin, bySymbol: () => sbin },
        timeoutMs: 2_000,
        now: () => Date.now(),
      })
      .followPrices({ onTicks: ignore, onDrift: ignore, onState: (state) => states.push(state) });
    feeds.push(feed);
    await until(() => states.length > 0);
    await feed.close();
    expect(states[0]).toMatchObject({ state: 'down', errorClass: 'auth', evidence: { code: 'HSM_KEY' } });
  });
});

const priceOf = (topic: string, price: number): Buffer => {
  const value = Buffer.alloc(4);
  value.writeInt32BE(price);
  const name = Buffer.from(topic);
  return Buffer.concat([
    Buffer.from([0, 0, 6, 0, 0, 0, 1, 0, 1, 83, 0, 1, name.length]),
    name,
    Buffer.from([1]),
    value,
    Buffer.from([0, 0, 0, 1, 2, 0, 0, 0]),
  ]);
};

const until = async (isSo: () => boolean): Promise<void> => {
  const deadline = Date.now() + 5_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
