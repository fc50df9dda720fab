import protobuf from 'protobufjs';
import { request } from 'undici';
import { WebSocket } from 'ws';
import { loadSimMarket } from '../market';
import { differences, fixture } from '../shape-in-spec';
import { eventually, startSimInSpec, type SimInSpec } from '../sim-in-spec';
import { isRecord } from '../words';

const RELIANCE = 'NSE_EQ|INE002A01018';
const NIFTY = 'NSE_INDEX|Nifty 50';
const ORDER = {
  instrument_token: RELIANCE,
  transaction_type: 'BUY',
  product: 'D',
  order_type: 'MARKET',
  quantity: 10,
  price: 0,
  trigger_price: 0,
  validity: 'DAY',
  disclosed_quantity: 0,
  is_amo: false,
};
/** The day opens at 1580. */
const RESTING = { ...ORDER, order_type: 'LIMIT', price: 1500 };

const FEED = `
  syntax = "proto3";
  message LTPC { double ltp = 1; int64 ltt = 2; int64 ltq = 3; double cp = 4; }
  message Quote { int64 bidQ = 1; double bidP = 2; int64 askQ = 3; double askP = 4; }
  message MarketLevel { repeated Quote bidAskQuote = 1; }
  message MarketFullFeed { LTPC ltpc = 1; MarketLevel marketLevel = 2; double atp = 5; int64 vtt = 6; }
  message IndexFullFeed { LTPC ltpc = 1; }
  message FullFeed { oneof FullFeedUnion { MarketFullFeed marketFF = 1; IndexFullFeed indexFF = 2; } }
  message Feed { oneof FeedUnion { LTPC ltpc = 1; FullFeed fullFeed = 2; } int32 requestMode = 4; }
  message MarketInfo { map<string, int32> segmentStatus = 1; }
  message FeedResponse { int32 type = 1; map<string, Feed> feeds = 2; int64 currentTs = 3; MarketInfo marketInfo = 4; }
`;

describe('Upstox as the simulator speaks it', () => {
  let spec: SimInSpec;
  let client: { clientId: string; credentials: Readonly<Record<string, string>>; baseUrl: string };
  const sockets: WebSocket[] = [];

  beforeAll(async () => {
    spec = await startSimInSpec();
  });
  afterAll(async () => {
    for (const socket of sockets) socket.terminate();
    await spec.stop();
  });
  beforeEach(() => {
    client = spec.sim.control.addClient({ broker: 'upstox', fundsRupees: 1_000_000, ordersPerSecond: 1_000 });
  });

  const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) => {
    const answer = await request(`${client.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${client.credentials['accessToken'] ?? ''}`,
        'content-type': 'application/json',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: answer.statusCode, body: await answer.body.json() };
  };
  const place = async (order: object): Promise<string> => {
    const { status, body } = await call('POST', '/v3/order/place', order);
    expect(status).toBe(200);
    return (body as { data: { order_ids: [string] } }).data.order_ids[0];
  };
  const refusal = (code: string) => ({ body: { status: 'error', errors: [{ errorCode: code }] } });
  const status = async (orderId: string): Promise<unknown> =>
    ((await call('GET', `/v2/order/details?order_id=${orderId}`)).body as { data: { status: unknown } }).data.status;

  it('says who a token belongs to, in the captured shape', async () => {
    const { body } = await call('GET', '/v2/user/profile');
    expect(differences(body, [fixture('upstox', 'profile.json')])).toEqual([]);
    expect(body).toMatchObject({ data: { user_id: client.clientId } });
  });

  it('says 401 to a token that it does not know', async () => {
    client = { ...client, credentials: { accessToken: 'invented' } };
    expect(await call('GET', '/v2/user/profile')).toMatchObject({ status: 401, ...refusal('UDAPI100050') });
  });

  it('places, changes and cancels, each answer in the captured shape', async () => {
    const placed = await call('POST', '/v3/order/place', RESTING);
    expect(differences(placed.body, [fixture('upstox', 'place_v3_response.json')])).toEqual([]);
    const [orderId = ''] = (placed.body as { data: { order_ids: string[] } }).data.order_ids;
    expect(orderId).toMatch(/^\d{15,}$/);
    const change = {
      order_id: orderId,
      validity: 'DAY',
      price: 1490,
      order_type: 'LIMIT',
      trigger_price: 0,
      quantity: 5,
    };
    const modified = await call('PUT', '/v3/order/modify', change);
    expect(differences(modified.body, [fixture('upstox', 'modify_v3_response.json')])).toEqual([]);
    expect((await call('GET', `/v2/order/details?order_id=${orderId}`)).body).toMatchObject({
      data: { price: 1490, quantity: 5, status: 'open', order_request_id: '2' },
    });
    const cancelled = await call('DELETE', `/v3/order/cancel?order_id=${orderId}`);
    expect(differences(cancelled.body, [fixture('upstox', 'cancel_v3_response.json')])).toEqual([]);
    expect(await status(orderId)).toBe('cancelled');
  });

  it('refuses to cancel or change what is over, each with its own code', async () => {
    const orderId = await place(ORDER);
    const change = { order_id: orderId, validity: 'DAY', price: 1490, order_type: 'LIMIT', trigger_price: 0 };
    expect(await call('DELETE', `/v3/order/cancel?order_id=${orderId}`)).toMatchObject({
      status: 400,
      ...refusal('UDAPI100040'),
    });
    expect(await call('PUT', '/v3/order/modify', change)).toMatchObject({ status: 400, ...refusal('UDAPI100041') });
  });

  it('has a book, details and trades in the captured shapes', async () => {
    const orderId = await place({ ...ORDER, tag: 'T1' });
    await place(RESTING);
    const { body: book } = await call('GET', '/v2/order/retrieve-all');
    expect(differences(book, [fixture('upstox', 'order_book.json')])).toEqual([]);
    expect(book).toMatchObject({ data: [{ order_id: orderId, status: 'complete', tag: 'T1' }, { status: 'open' }] });
    const { body: details } = await call('GET', `/v2/order/details?order_id=${orderId}`);
    expect(differences(details, [fixture('upstox', 'order_details.json')])).toEqual(['.data.guid was never seen']);
    const { body: trades } = await call('GET', '/v2/order/trades/get-trades-for-day');
    expect(differences(trades, [fixture('upstox', 'trades_for_day.json')])).toEqual([]);
    expect(trades).toMatchObject({ data: [{ order_id: orderId, quantity: 10, average_price: 1580 }] });
    expect((await call('GET', `/v2/order/trades?order_id=${orderId}`)).body).toEqual(trades);
  });

  it('finds every order of a tag, step by step, and says 404 when there is none', async () => {
    const ids = [await place({ ...ORDER, tag: 'TWICE' }), await place({ ...RESTING, tag: 'TWICE' })];
    const { body } = await call('GET', '/v2/order/history?tag=TWICE');
    const { data } = body as { data: { order_id: string; status: string }[] };
    expect([...new Set(data.map((step) => step.order_id))]).toEqual(ids);
    expect(data.filter((step) => step.order_id === ids[0]).at(-1)?.status).toBe('complete');
    expect(data[0]?.status).toBe('put order req received');
    expect(await call('GET', '/v2/order/history?tag=NEVER')).toMatchObject({ status: 404, ...refusal('UDAPI100010') });
  });

  it('takes an order that the client cannot pay for, and rejects it in the book', async () => {
    const orderId = await place({ ...ORDER, quantity: 1_000 });
    expect((await call('GET', `/v2/order/details?order_id=${orderId}`)).body).toMatchObject({
      data: { status: 'rejected', filled_quantity: 0, pending_quantity: 0, exchange_timestamp: null },
    });
  });

  it('tells funds and positions, exactly', async () => {
    await place(ORDER);
    await place(RESTING);
    expect((await call('GET', '/v3/user/get-funds-and-margin')).body).toMatchObject({
      data: { available_to_trade: { cash_available_to_trade: { total: 1_000_000 - 15_800 - 15_000 } } },
    });
    const { body } = await call('GET', '/v2/portfolio/short-term-positions');
    expect(differences(body, [fixture('upstox', 'positions.json')])).toEqual([]);
    expect(body).toMatchObject({ data: [{ instrument_token: RELIANCE, quantity: 10, average_price: 1580 }] });
    expect((await call('GET', '/v2/portfolio/long-term-holdings')).body).toEqual({ status: 'success', data: [] });
  });

  it.each<readonly [string, object, string]>([
    ['an instrument that is not', { instrument_token: 'NSE_EQ|INE000000000' }, 'UDAPI100011'],
    ['another broker’s name', { instrument_token: 'NSE:RELIANCE' }, 'UDAPI100011'],
    ['an order type that is not', { order_type: 'STOP' }, 'UDAPI1004'],
    ['a validity that is not', { validity: 'GTC' }, 'UDAPI1007'],
    ['no quantity', { quantity: 0 }, 'UDAPI1052'],
    ['a quantity in text', { quantity: '10' }, 'UDAPI1052'],
    ['a tag of 41 characters', { tag: 'T'.repeat(41) }, 'UDAPI1119'],
    ['too much protection', { market_protection: 26 }, 'UDAPI1159'],
  ])('refuses %s', async (_what, change, code) => {
    expect(await call('POST', '/v3/order/place', { ...ORDER, ...change })).toMatchObject({
      status: 400,
      ...refusal(code),
    });
    expect((await call('GET', '/v2/order/retrieve-all')).body).toEqual({ status: 'success', data: [] });
  });

  describe('beyond the freeze quantity', () => {
    it('makes several orders of one when it may', async () => {
      const { instrumentKey, lotSize, freezeQuantity } = await frozen();
      const quantity = Math.ceil((freezeQuantity * 2) / lotSize) * lotSize;
      const order = { ...ORDER, instrument_token: instrumentKey, quantity, slice: true };
      client = spec.sim.control.addClient({ broker: 'upstox', fundsRupees: 100_000_000_000 });
      const { body } = await call('POST', '/v3/order/place', order);
      const { order_ids: ids } = (body as { data: { order_ids: string[] } }).data;
      expect(ids.length).toBeGreaterThan(1);
      const { body: book } = await call('GET', '/v2/order/retrieve-all');
      const rows = (book as { data: { quantity: number; status: string }[] }).data;
      expect(rows.reduce((sum, row) => sum + row.quantity, 0)).toBe(quantity);
      for (const row of rows) expect(row.quantity).toBeLessThan(freezeQuantity);
      expect(rows.filter((row) => row.status === 'rejected')).toEqual([]);
    });

    it('rejects it in the book when it may not', async () => {
      const { instrumentKey, lotSize, freezeQuantity } = await frozen();
      const quantity = Math.ceil(freezeQuantity / lotSize) * lotSize;
      expect(await status(await place({ ...ORDER, instrument_token: instrumentKey, quantity }))).toBe('rejected');
    });

    /** A contract with a recorded price and a real freeze quantity. */
    const frozen = async () => {
      const { catalogue, prices } = await loadSimMarket({});
      for (const { segment, instrumentKey, lotSize, freezeQuantity } of catalogue.instruments)
        if (segment === 'NSE_FO' && prices.has(instrumentKey) && lotSize !== undefined && freezeQuantity !== undefined)
          return { instrumentKey, lotSize, freezeQuantity };
      throw new Error('no contract has a freeze quantity');
    };
  });

  describe('with many orders in one request', () => {
    const line = (id: string, change: object = {}) => ({ ...ORDER, correlation_id: id, slice: false, ...change });

    it('takes all of them: 200 in the captured shape', async () => {
      const { status: code, body } = await call('POST', '/v2/order/multi/place', [line('1'), line('2')]);
      expect(code).toBe(200);
      expect(differences(body, [fixture('upstox', 'multi_place_success.json')])).toEqual([]);
    });

    it('takes some: 207, purchases first, and says which it did not take', async () => {
      const lines = [line('s', { transaction_type: 'SELL' }), line('x', { quantity: 0 }), line('b')];
      const { status: code, body } = await call('POST', '/v2/order/multi/place', lines);
      expect(code).toBe(207);
      expect(body).toMatchObject({
        status: 'partial_success',
        data: [{ correlation_id: 'b' }, { correlation_id: 's' }],
        errors: [{ correlation_id: 'x', error_code: 'UDAPI1052' }],
        summary: { total: 3, success: 2, error: 1 },
      });
    });

    it('takes none: 400', async () => {
      const { status: code, body } = await call('POST', '/v2/order/multi/place', [line('x', { quantity: 0 })]);
      expect(code).toBe(400);
      expect(body).toMatchObject({ status: 'error', summary: { total: 1, success: 0, error: 1 } });
    });

    it('refuses eleven, and ids that are the same', async () => {
      const eleven = Array.from({ length: 11 }, (_, index) => line(String(index)));
      expect(await call('POST', '/v2/order/multi/place', eleven)).toMatchObject(refusal('UDAPI1118'));
      expect(await call('POST', '/v2/order/multi/place', [line('1'), line('1')])).toMatchObject(refusal('UDAPI1117'));
      expect((await call('GET', '/v2/order/retrieve-all')).body).toMatchObject({ data: [] });
    });
  });

  it('tells of an order on its socket, with the names of the captured webhook', async () => {
    const frames: unknown[] = [];
    const socket = new WebSocket(`${client.baseUrl.replace('http', 'ws')}/v2/feed/portfolio-stream-feed`, {
      headers: { authorization: `Bearer ${client.credentials['accessToken'] ?? ''}` },
    });
    sockets.push(socket);
    socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString('utf8'))));
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const orderId = await place({ ...ORDER, tag: 'T1' });
    await eventually('two frames', () => frames[1]);
    expect(frames).toMatchObject([
      { update_type: 'order', order_id: orderId, status: 'open', filled_quantity: 0 },
      { update_type: 'order', order_id: orderId, status: 'complete', filled_quantity: 10, average_price: 1580 },
    ]);
    const captured = fixture('upstox', 'webhook_order_update.json');
    const missing = differences(frames[0], [captured]).filter((difference) => difference.endsWith('is missing'));
    expect(missing).toEqual([]);
  });

  describe('with prices', () => {
    const Response = protobuf.parse(FEED).root.lookupType('FeedResponse');

    const follow = async () => {
      const { body } = await call('GET', '/v3/feed/market-data-feed/authorize');
      const { authorized_redirect_uri: url } = (body as { data: { authorized_redirect_uri: string } }).data;
      const socket = new WebSocket(url);
      sockets.push(socket);
      const frames: Readonly<Record<string, unknown>>[] = [];
      socket.on('message', (data: Buffer) => {
        frames.push(Response.toObject(Response.decode(data), { longs: String }));
      });
      await new Promise((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      });
      const ask = (method: string, mode: string, ...instrumentKeys: string[]): void =>
        socket.send(Buffer.from(JSON.stringify({ guid: 'g', method, data: { mode, instrumentKeys } })));
      return { url, socket, frames, ask };
    };

    it('authorizes in the captured shape, for one connection', async () => {
      const { body } = await call('GET', '/v3/feed/market-data-feed/authorize');
      expect(differences(body, [fixture('upstox', 'feed_authorize_response.json')])).toEqual([]);
      const { url } = await follow();
      const again = new WebSocket(url);
      const answer = await new Promise((resolve) => again.once('error', resolve));
      expect(answer).toMatchObject({ message: 'Unexpected server response: 401' });
    });

    it('says first that the market is open, then the prices that were asked for', async () => {
      const { frames, ask } = await follow();
      await eventually('market information', () => frames[0]);
      expect(frames[0]).toMatchObject({ type: 2, marketInfo: { segmentStatus: { NSE_EQ: 2, NSE_FO: 2 } } });
      ask('sub', 'ltpc', RELIANCE, 'NSE_EQ|NOTHING');
      const snapshot = await eventually('a snapshot', () => frames[1]);
      const feeds: unknown = snapshot['feeds'];
      expect(isRecord(feeds) && Object.keys(feeds)).toEqual([RELIANCE]);
      expect(feeds).toMatchObject({ [RELIANCE]: { ltpc: { ltp: 1580 } } });
    });

    it('gives the best prices in full mode', async () => {
      const { frames, ask } = await follow();
      ask('sub', 'full', RELIANCE);
      const snapshot = await eventually('a snapshot', () => frames[1]);
      expect(snapshot).toMatchObject({
        feeds: {
          [RELIANCE]: {
            fullFeed: {
              marketFF: { ltpc: { ltp: 1580 }, marketLevel: { bidAskQuote: [{ bidP: 1579.9, askP: 1580.1 }] } },
            },
            requestMode: 1,
          },
        },
      });
    });

    it('says nothing of an index that nothing was recorded for', async () => {
      const { frames, ask } = await follow();
      ask('sub', 'full', NIFTY);
      ask('sub', 'ltpc', RELIANCE);
      const snapshot = await eventually('a snapshot', () => frames[1]);
      const feeds: unknown = snapshot['feeds'];
      expect(isRecord(feeds) && Object.keys(feeds)).toEqual([RELIANCE]);
    });
  });
});

describe('Upstox prices as the market moves', () => {
  it('come with every tick, for as long as they are wanted', async () => {
    const Response = protobuf.parse(FEED).root.lookupType('FeedResponse');
    const spec = await startSimInSpec({ tickMs: 20 });
    try {
      const { credentials, baseUrl } = spec.sim.control.addClient({ broker: 'upstox' });
      const answer = await request(`${baseUrl}/v3/feed/market-data-feed/authorize`, {
        headers: { authorization: `Bearer ${credentials['accessToken'] ?? ''}` },
      });
      const { data } = (await answer.body.json()) as { data: { authorized_redirect_uri: string } };
      const socket = new WebSocket(data.authorized_redirect_uri);
      const prices = new Set<unknown>();
      socket.on('message', (frame: Buffer) => {
        const { feeds } = Response.toObject(Response.decode(frame)) as {
          feeds?: Record<string, { ltpc: { ltp: number } }>;
        };
        prices.add(feeds?.[RELIANCE]?.ltpc.ltp);
      });
      await new Promise((resolve) => socket.once('open', resolve));
      socket.send(Buffer.from(JSON.stringify({ method: 'sub', data: { mode: 'ltpc', instrumentKeys: [RELIANCE] } })));
      for (const price of [1580, 1578.2, 1594.6, 1592.3])
        await eventually(`the price ${String(price)}`, () => (prices.has(price) ? true : undefined));
      socket.terminate();
    } finally {
      await spec.stop();
    }
  });
});
