import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { WebSocket } from 'ws';
import { differences, fixture } from '../shape-in-spec';
import { eventually, startSimInSpec, type SimInSpec } from '../sim-in-spec';

const RELIANCE = 738_561;
const ORDER = {
  exchange: 'NSE',
  tradingsymbol: 'RELIANCE',
  transaction_type: 'BUY',
  order_type: 'MARKET',
  product: 'CNC',
  quantity: '10',
  validity: 'DAY',
  market_protection: '-1',
};
/** The day opens at 1580. */
const RESTING = { ...ORDER, order_type: 'LIMIT', price: '1500' };

/** Rows are from many years: what only some of them have may be missing. */
const SOMETIMES = ['terminal_id', 'tags', 'meta.iceberg', 'auction_number'];
const rowsOf = (data: unknown): unknown => ({ data });

describe('Zerodha as the simulator speaks it', () => {
  let spec: SimInSpec;
  let listener: Server;
  let client: { clientId: string; credentials: Readonly<Record<string, string>>; baseUrl: string };
  const posted: string[] = [];
  const sockets: WebSocket[] = [];

  beforeAll(async () => {
    spec = await startSimInSpec();
    listener = createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        posted.push(Buffer.concat(chunks).toString('utf8'));
        response.end();
      });
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    for (const socket of sockets) socket.terminate();
    await spec.stop();
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
  });
  beforeEach(() => {
    posted.splice(0);
    client = spec.sim.control.addClient({ broker: 'zerodha', fundsRupees: 1_000_000, ordersPerSecond: 1_000 });
  });

  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    form?: Readonly<Record<string, string>>,
  ) => {
    const { apiKey = '', accessToken = '' } = client.credentials;
    const answer = await request(`${client.baseUrl}${path}`, {
      method,
      headers: {
        'x-kite-version': '3',
        authorization: `token ${apiKey}:${accessToken}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(form !== undefined && { body: new URLSearchParams(form).toString() }),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: answer.statusCode, body: await answer.body.json() };
  };
  const place = async (order: Readonly<Record<string, string>>): Promise<string> => {
    const { status, body } = await call('POST', '/orders/regular', order);
    expect(status).toBe(200);
    return (body as { data: { order_id: string } }).data.order_id;
  };
  const refusal = (status: number, errorType: string, text: RegExp | string) => ({
    status,
    body: { status: 'error', data: null, error_type: errorType, message: expect.stringMatching(text) },
  });

  it('says who a session belongs to, in the captured shape', async () => {
    const { body } = await call('GET', '/user/profile');
    expect(differences(body, [fixture('zerodha', 'profile.json')])).toEqual([]);
    expect(body).toMatchObject({ data: { user_id: client.clientId } });
  });

  it.each(['apiKey', 'accessToken'])('says 403 when the %s is not that of the session', async (field) => {
    client = { ...client, credentials: { ...client.credentials, [field]: 'invented' } };
    expect(await call('GET', '/user/profile')).toEqual(
      refusal(403, 'TokenException', 'Incorrect `api_key` or `access_token`.'),
    );
  });

  it('places, changes and cancels, each answer in the captured shape', async () => {
    const placed = await call('POST', '/orders/regular', RESTING);
    expect(differences(placed.body, [fixture('zerodha', 'order_response.json')])).toEqual([]);
    const { order_id: orderId } = (placed.body as { data: { order_id: string } }).data;
    expect(orderId).toMatch(/^\d{19}$/);
    const modified = await call('PUT', `/orders/regular/${orderId}`, { price: '1490', quantity: '5' });
    expect(differences(modified.body, [fixture('zerodha', 'order_modify.json')])).toEqual([]);
    expect((await call('GET', '/orders')).body).toMatchObject({
      data: [{ order_id: orderId, price: 1490, quantity: 5, modified: true, order_type: 'LIMIT', status: 'OPEN' }],
    });
    const cancelled = await call('DELETE', `/orders/regular/${orderId}`);
    expect(differences(cancelled.body, [fixture('zerodha', 'order_cancel.json')])).toEqual([]);
    expect(await call('DELETE', `/orders/regular/${orderId}`)).toEqual(
      refusal(400, 'OrderException', /cannot be cancelled/),
    );
    expect(await call('PUT', `/orders/regular/${orderId}`, { quantity: '6' })).toEqual(
      refusal(400, 'OrderException', /cannot be modified/),
    );
  });

  it('has a book, steps and trades in the captured shapes', async () => {
    const orderId = await place({ ...ORDER, tag: 'T1' });
    const cancelledId = await place(RESTING);
    await call('DELETE', `/orders/regular/${cancelledId}`);
    const { body: book } = await call('GET', '/orders');
    const mayBeMissing = SOMETIMES.map((name) => `.data[].${name}`);
    const captured = [fixture('zerodha', 'orders.json')];
    expect(differences(book, captured, { mayBeMissing })).toEqual([]);
    expect(book).toMatchObject({
      data: [
        { order_id: orderId, status: 'COMPLETE', tag: 'T1', tags: ['T1'], instrument_token: RELIANCE },
        { order_id: cancelledId, status: 'CANCELLED', pending_quantity: 10, cancelled_quantity: 10, tag: null },
      ],
    });
    const { body: steps } = await call('GET', `/orders/${orderId}`);
    const known = [...captured, fixture('zerodha', 'order_info.json')];
    expect(differences(steps, known, { mayBeMissing })).toEqual([]);
    expect((steps as { data: { status: string }[] }).data.map(({ status }) => status)).toEqual([
      'PUT ORDER REQ RECEIVED',
      'VALIDATION PENDING',
      'OPEN PENDING',
      'COMPLETE',
    ]);
    const { body: trades } = await call('GET', `/orders/${orderId}/trades`);
    expect(differences(trades, [fixture('zerodha', 'order_trades.json')])).toEqual([]);
    expect(trades).toMatchObject({
      data: [
        {
          order_id: orderId,
          quantity: 10,
          average_price: 1580,
          order_timestamp: expect.stringMatching(/^\d\d:\d\d:\d\d$/),
        },
      ],
    });
    expect((await call('GET', '/trades')).body).toEqual(trades);
  });

  it('does not know an order that is not in the book', async () => {
    const unknown = refusal(404, 'GeneralException', "Couldn't find that `order_id`.");
    expect(await call('GET', '/orders/1953341975595868160')).toEqual(unknown);
    expect(await call('DELETE', '/orders/regular/1953341975595868160')).toEqual(unknown);
    expect(await call('PUT', '/orders/regular/1953341975595868160', { quantity: '1' })).toEqual(unknown);
  });

  it('tells funds and positions in the captured shapes, exactly', async () => {
    await place(ORDER);
    await place(RESTING);
    const { body: funds } = await call('GET', '/user/margins');
    expect(differences(funds, [fixture('zerodha', 'margins.json')])).toEqual([]);
    expect(funds).toMatchObject({
      data: { equity: { net: 1_000_000 - 30_800, utilised: { debits: 30_800 }, available: { cash: 1_000_000 } } },
    });
    const { body: positions } = await call('GET', '/portfolio/positions');
    expect(differences(positions, [fixture('zerodha', 'positions.json')])).toEqual([]);
    expect(positions).toMatchObject({
      data: { net: [{ tradingsymbol: 'RELIANCE', quantity: 10, average_price: 1580 }] },
    });
    expect((await call('GET', '/portfolio/holdings')).body).toEqual({ status: 'success', data: [] });
  });

  it.each<readonly [string, Readonly<Record<string, string>>, string, RegExp]>([
    ['a symbol that is not', { tradingsymbol: 'NOTHING' }, 'InputException', /does not exist/],
    ['an order type that is not', { order_type: 'STOP' }, 'InputException', /`order_type`/],
    ['a product that is not', { product: 'D' }, 'InputException', /`product`/],
    ['a validity that is not', { validity: 'GTC' }, 'InputException', /`validity`/],
    ['part of a share', { quantity: '1.5' }, 'InputException', /`quantity`/],
    ['a tag of 21 characters', { tag: 'T'.repeat(21) }, 'InputException', /`tag`/],
    ['a tag with a hyphen', { tag: 'a-b' }, 'InputException', /`tag`/],
    ['a market order without protection', { market_protection: '0' }, 'InputException', /market protection/],
    [
      'more than the funds pay for',
      { quantity: '1000' },
      'MarginException',
      /^Insufficient funds\. Required margin is/,
    ],
  ])('refuses %s at once', async (_what, change, errorType, text) => {
    expect(await call('POST', '/orders/regular', { ...ORDER, ...change })).toEqual(refusal(400, errorType, text));
    expect((await call('GET', '/orders')).body).toEqual({ status: 'success', data: [] });
  });

  it('answers what went wrong inside with a page for people', async () => {
    await spec.control('POST', '/_sim/faults', {
      kind: 'accept-then-5xx',
      clientId: client.clientId,
      operation: 'orders',
      count: 1,
    });
    const { apiKey = '', accessToken = '' } = client.credentials;
    const answer = await request(`${client.baseUrl}/orders`, {
      headers: { authorization: `token ${apiKey}:${accessToken}` },
    });
    expect(answer).toMatchObject({ statusCode: 502, headers: { 'content-type': 'text/html' } });
    expect(await answer.body.text()).toContain('<html>');
  });

  it('proves a postback with the checksum that the app’s secret makes', async () => {
    const { port } = listener.address() as AddressInfo;
    client = spec.sim.control.addClient({ broker: 'zerodha', postbackUrl: `http://127.0.0.1:${String(port)}/zerodha` });
    const orderId = await place({ ...ORDER, tag: 'T1' });
    const complete = await eventually('the postback of the end', () =>
      posted
        .map((body) => JSON.parse(body) as Readonly<Record<string, string>>)
        .find(({ status }) => status === 'COMPLETE'),
    );
    const { order_timestamp: at = '', checksum } = complete;
    const { apiSecret = '' } = client.credentials;
    expect(complete).toMatchObject({ order_id: orderId, tag: 'T1', filled_quantity: 10, user_id: client.clientId });
    expect(checksum).toBe(createHash('sha256').update(`${orderId}${at}${apiSecret}`).digest('hex'));
  });

  it('keeps the secret of an app from session to session', async () => {
    const { body } = await spec.control('POST', `/_sim/clients/${client.clientId}/session`, { broker: 'zerodha' });
    const { credentials } = body as typeof client;
    expect(credentials['apiSecret']).toBe(client.credentials['apiSecret']);
    expect(credentials['accessToken']).not.toBe(client.credentials['accessToken']);
  });

  describe('on its socket', () => {
    const follow = async () => {
      const { apiKey = '', accessToken = '' } = client.credentials;
      const url = `${client.baseUrl.replace('http', 'ws')}/ws?api_key=${apiKey}&access_token=${accessToken}`;
      const socket = new WebSocket(url);
      sockets.push(socket);
      const texts: unknown[] = [];
      const frames: Buffer[] = [];
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) frames.push(data);
        else texts.push(JSON.parse(data.toString('utf8')));
      });
      await new Promise((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      });
      return { texts, frames, ask: (question: object) => socket.send(JSON.stringify(question)) };
    };

    it('tells of orders as postbacks do; a partial fill is an UPDATE', async () => {
      const { texts } = await follow();
      const orderId = await place({ ...RESTING, tag: 'T1' });
      await call('PUT', `/orders/regular/${orderId}`, { quantity: '5' });
      await call('DELETE', `/orders/regular/${orderId}`);
      await eventually('three frames', () => texts[2]);
      expect(texts).toMatchObject(
        ['OPEN', 'UPDATE', 'CANCELLED'].map((status) => ({
          type: 'order',
          data: { order_id: orderId, status, tag: 'T1' },
        })),
      );
      const row = rowsOf((texts[0] as { data: unknown }).data);
      const captured = rowsOf((fixture('zerodha', 'orders.json') as { data: unknown[] }).data[0]);
      expect(differences(row, [captured]).filter((each) => each.endsWith('is missing'))).toEqual([
        '.data.modified is missing',
      ]);
    });

    it('beats while nobody wants a price', async () => {
      const { frames } = await follow();
      expect(await eventually('a heartbeat', () => frames[0])).toEqual(Buffer.from([0]));
    });

    it('sends packets of the size that the mode has', async () => {
      const { frames, ask } = await follow();
      const sizes = (): number[] => frames.filter(({ length }) => length > 1).map(({ length }) => length - 4);
      ask({ a: 'subscribe', v: [RELIANCE, 1] });
      await eventually('a quote', () => sizes()[0]);
      ask({ a: 'mode', v: ['full', [RELIANCE]] });
      await eventually('a full packet', () => sizes()[1]);
      ask({ a: 'mode', v: ['ltp', [RELIANCE]] });
      await eventually('a last price', () => sizes()[2]);
      expect(sizes()).toEqual([44, 184, 8]);
      const [quote, full] = frames.filter(({ length }) => length > 1);
      // Count, length, then the packet: token, last price in paise.
      expect([quote?.readUInt16BE(0), quote?.readUInt16BE(2), quote?.readUInt32BE(4), quote?.readInt32BE(8)]).toEqual([
        1,
        44,
        RELIANCE,
        158_000,
      ]);
      // The first bid and the first offer, a tick of ten paise away.
      expect([full?.readInt32BE(4 + 64 + 4), full?.readInt32BE(4 + 64 + 60 + 4)]).toEqual([157_990, 158_010]);
    });
  });
});
