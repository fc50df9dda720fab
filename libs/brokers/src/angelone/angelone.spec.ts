import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import type { BrokerInstrument, Feed, FeedState, OrderRow, OrderToSend, PriceTick } from '../client';
import { angelone } from './angelone';

const fixture = (name: string): string => readFileSync(join(__dirname, '../../fixtures/angelone', name), 'utf8');

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
  token: '3045',
};
const order: OrderToSend = {
  instrument: sbin,
  side: 'BUY',
  product: 'CNC',
  terms: { orderType: 'LIMIT', quantity: 1, priceE4: 8_000_000, validity: 'DAY' },
  tag: 'T01',
};
const atBroker = { ...order, brokerOrderId: '200910000000111' };
const given = { apiKey: 'abcd1234', clientCode: 'A123456', jwtToken: 'aaaa.bbbb.cccc', feedToken: 'dddd.eeee' };

describe('a client of Angel One', () => {
  let server: Server;
  let sockets: WebSocketServer;
  let asked: Asked[];
  let answer: (asked: Asked, response: ServerResponse) => void;
  let baseUrl: string;
  let feeds: Feed[];

  beforeEach(async () => {
    asked = [];
    feeds = [];
    answer = (_, response) => json(response, fixture('place_order_response.json'));
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

  const json = (response: ServerResponse, body: string): void => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  };
  const open = (timeoutMs = 2_000, url = baseUrl) =>
    angelone.open({
      endpoints: angelone.endpoints(url),
      credentials: angelone.readCredentials(given),
      instruments: { of: () => sbin, bySymbol: () => sbin },
      timeoutMs,
      now: () => Date.now(),
    });

  it('goes to the real hosts unless told otherwise', () =>
    expect(angelone.endpoints()).toEqual({
      rest: 'https://apiconnect.angelone.in',
      orders: 'https://apiconnect.angelone.in',
      orderFeed: 'wss://tns.angelone.in/smart-order-update',
      priceFeed: 'wss://smartapisocket.angelone.in/smart-stream',
    }));

  it('asks once, and says who asks from where', async () => {
    expect(await open().place(order)).toEqual({ outcome: 'accepted', brokerOrderId: '200910000000111' });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.headers).toMatchObject({
      authorization: 'Bearer aaaa.bbbb.cccc',
      'content-type': 'application/json',
      accept: 'application/json',
      'x-privatekey': 'abcd1234',
      'x-usertype': 'USER',
      'x-sourceid': 'WEB',
      'x-clientlocalip': '127.0.0.1',
      'x-clientpublicip': '127.0.0.1',
      'x-macaddress': '02:00:00:00:00:00',
    });
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ tradingsymbol: 'SBIN-EQ', ordertag: 'T01' });
  });

  it('has no call for many orders', () => expect(open().placeMany).toBeUndefined());

  it('makes one call for each thing that is asked', async () => {
    answer = (_, response) => json(response, '{"status":false,"errorcode":"AB1004","message":"busy"}');
    const client = open();
    await client.modify(atBroker, { ...order.terms, quantity: 2 });
    await client.cancel(atBroker);
    await client.findByTag('T01');
    await client.order('200910000000111');
    await client.orders();
    await client.tradesOf('200910000000111');
    await client.positions();
    await client.holdings();
    await client.funds();
    await client.margin([order]);
    await client.validate();
    const base = '/rest/secure/angelbroking';
    expect(asked.map(({ method, url }) => `${method} ${url.replace(base, '')}`)).toEqual([
      'POST /order/v1/modifyOrder',
      'POST /order/v1/cancelOrder',
      'GET /order/v1/getOrderBook',
      'GET /order/v1/getOrderBook',
      'GET /order/v1/getOrderBook',
      'GET /order/v1/getTradeBook',
      'GET /order/v1/getPosition',
      'GET /portfolio/v1/getHolding',
      'GET /user/v1/getRMS',
      'POST /margin/v1/batch',
      'GET /user/v1/getProfile',
    ]);
  });

  it('finds by tag and by id in the book, and proves absence by a book that could be read whole', async () => {
    const client = open();
    const [row] = (JSON.parse(fixture('order_book_response.json')) as { data: readonly object[] }).data;
    const book = (...rows: unknown[]) =>
      JSON.stringify({ status: true, message: 'SUCCESS', errorcode: '', data: rows });
    answer = (_, response) => json(response, book(row, { ...row, orderid: '2', ordertag: 'T01' }));
    expect(await client.findByTag('T01')).toMatchObject({ outcome: 'ok', value: [{ brokerOrderId: '2' }] });
    expect(await client.findByTag('T02')).toEqual({ outcome: 'ok', value: [] });
    expect(await client.order('201020000000080')).toMatchObject({ value: { state: 'CANCELLED' } });
    expect(await client.order('3')).toEqual({ outcome: 'ok', value: undefined });
    answer = (_, response) => json(response, book(row, { ...row, quantity: null }));
    expect(await client.findByTag('T02')).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
    // by somebody else, who is not missed in a search for ours
    answer = (_, response) => json(response, book(row, { ...row, orderid: '2', ordertag: '', quantity: null }));
    expect(await client.findByTag('T02')).toMatchObject({ outcome: 'ok', value: [] });
    expect(await client.order('201020000000080')).toMatchObject({ value: { state: 'CANCELLED' } });
    expect(await client.order('2')).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('says nothing of the trades of an order where one of them cannot be read', async () => {
    const trade = {
      ...{ exchange: 'NSE', tradingsymbol: 'SBIN-EQ', transactiontype: 'BUY', fillid: '5' },
      ...{ orderid: '1', fillsize: '5', fillprice: '584.70', filltime: '13:27:53' },
    };
    const data = [trade, { ...trade, orderid: '2', fillsize: 'five' }];
    answer = (_, response) => json(response, JSON.stringify({ status: true, data }));
    expect(await open().tradesOf('1')).toMatchObject({ outcome: 'ok', value: [{ tradeId: '5' }] });
    expect(await open().tradesOf('2')).toMatchObject({ outcome: 'failed', errorClass: 'drift' });
  });

  it('does not know what came of an order when the answer is late, lost, empty or a page of errors', async () => {
    answer = () => undefined;
    expect(await open(50).place(order)).toMatchObject({ outcome: 'unknown', evidence: { code: 'DEADLINE' } });
    answer = (_, response) => response.destroy();
    expect(await open().place(order)).toMatchObject({ outcome: 'unknown' });
    answer = (_, response) => json(response, '{}');
    expect(await open().place(order)).toMatchObject({ outcome: 'unknown' });
    answer = (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>');
    expect(await open().place(order)).toMatchObject({ outcome: 'unknown' });
  });

  it('knows that nothing was sent where nobody listens, and where it cannot be said', async () => {
    const cannot = { ...order, product: 'NRML' as const };
    expect(await open().place(cannot)).toMatchObject({ outcome: 'notSent', errorClass: 'validation' });
    expect(await open().margin([cannot])).toMatchObject({ outcome: 'failed', errorClass: 'validation' });
    expect(asked).toEqual([]);
    expect(await open(2_000, 'http://127.0.0.1:1').place(order)).toMatchObject({
      outcome: 'notSent',
      errorClass: 'transient',
    });
  });

  it('follows orders: is up when greeted, and tells rows', async () => {
    const states: FeedState[] = [];
    const rows: OrderRow[] = [];
    const drifts: unknown[] = [];
    let request: IncomingMessage | undefined;
    sockets.on('connection', (socket, asking) => {
      request = asking;
      socket.send(fixture('order_ws_initial.json'));
      socket.send('not a frame');
      const orderData: unknown = JSON.parse(fixture('postback_order_update.json'));
      socket.send(JSON.stringify({ 'status-code': '200', 'order-status': 'AB01', orderData }));
    });
    const feed = open().followOrders({
      onRows: (told, trades) => {
        rows.push(...told);
        expect(trades).toEqual([]);
      },
      onDrift: (evidence) => drifts.push(evidence),
      onState: (state) => states.push(state),
    });
    feeds.push(feed);
    await until(() => rows.length > 0);
    await feed.close();
    expect(request?.url).toBe('/smart-order-update');
    expect(request?.headers.authorization).toBe('Bearer aaaa.bbbb.cccc');
    expect(states).toEqual([{ state: 'up' }]);
    expect(drifts).toEqual([{ code: 'DRIFT', message: '$: not a frame' }]);
    expect(rows).toMatchObject([{ brokerOrderId: '111111111111111', filledQuantity: 74 }]);
  });

  it('hears a refusal of the order socket as the end of the session', async () => {
    const states: FeedState[] = [];
    sockets.on('connection', (socket) => socket.send('{"status-code":"401","error-message":"Invalid"}'));
    const ignore = (): void => undefined;
    const feed = open().followOrders({ onRows: ignore, onDrift: ignore, onState: (state) => states.push(state) });
    feeds.push(feed);
    await until(() => states.length > 0);
    await feed.close();
    expect(states[0]).toMatchObject({ state: 'down', errorClass: 'auth', evidence: { code: '401' } });
  });

  it('follows prices: all that is wanted with each connection, and later only the difference', async () => {
    const heard: string[] = [];
    const states: FeedState[] = [];
    const ticks: PriceTick[] = [];
    const drifts: unknown[] = [];
    const headers: IncomingMessage['headers'][] = [];
    const tcs: BrokerInstrument = { ...sbin, instrumentKey: 'NSE_EQ|TCS', symbol: 'NSE:TCS-EQ', token: '11536' };
    const odd: BrokerInstrument = { ...sbin, symbol: 'BCD:ODD', segment: 'BCD_FO' };
    sockets.on('connection', (socket, request) => {
      headers.push(request.headers);
      socket.on('message', (data: Buffer) => {
        heard.push(data.toString());
        if (heard.length !== 1) return;
        const frame = Buffer.alloc(51);
        frame.set([1, 1, ...Buffer.from('3045')]);
        frame.writeBigInt64LE(1_767_328_200_000n, 35);
        frame.writeBigInt64LE(80_050n, 43);
        socket.send(frame);
        socket.send(fixture('smartstream_error.json'));
      });
    });
    const feed = open().followPrices({
      onTicks: (told) => ticks.push(...told),
      onDrift: (evidence) => drifts.push(evidence),
      onState: (state) => states.push(state),
    });
    feeds.push(feed);
    feed.follow([sbin, odd]);
    await until(() => drifts.length === 2);
    feed.follow([tcs]);
    await until(() => heard.length === 3);
    for (const socket of sockets.clients) socket.terminate();
    await until(() => heard.length === 4);
    await feed.close();
    const said = heard.map((text) => JSON.parse(text) as { action: number; params: { tokenList: unknown } });
    expect(said.map(({ action, params }) => [action, params.tokenList])).toEqual([
      [1, [{ exchangeType: 1, tokens: ['3045'] }]],
      [0, [{ exchangeType: 1, tokens: ['3045'] }]],
      [1, [{ exchangeType: 1, tokens: ['11536'] }]],
      [1, [{ exchangeType: 1, tokens: ['11536'] }]],
    ]);
    expect(headers[0]).toMatchObject({
      authorization: 'Bearer aaaa.bbbb.cccc',
      'x-api-key': 'abcd1234',
      'x-client-code': 'A123456',
      'x-feed-token': 'dddd.eeee',
    });
    expect(states[0]).toEqual({ state: 'up' });
    expect(ticks).toEqual([{ instrumentKey: 'NSE_EQ|INE062A01020', lastPriceE4: 8_005_000, atMs: 1_767_328_200_000 }]);
    expect(drifts).toMatchObject([{ code: 'STREAM_NO_SEGMENT' }, { code: 'E1002' }]);
  });
});

const until = async (isSo: () => boolean): Promise<void> => {
  const deadline = Date.now() + 5_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
