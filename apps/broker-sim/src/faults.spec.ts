import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';
import { Faults, type FaultRule } from './faults';
import { eventually, startSimInSpec, type SimInSpec } from './sim-in-spec';

const ORDER = {
  instrument_token: 'NSE_EQ|INE002A01018',
  transaction_type: 'BUY',
  product: 'D',
  order_type: 'MARKET',
  quantity: 1,
  price: 0,
  trigger_price: 0,
  validity: 'DAY',
  disclosed_quantity: 0,
  is_amo: false,
};

describe('a broker on which faults are set', () => {
  let spec: SimInSpec;
  let agent: Agent;
  let clients = 0;
  let client: { clientId: string; credentials: Readonly<Record<string, string>>; baseUrl: string };
  const sockets: WebSocket[] = [];

  beforeAll(async () => {
    spec = await startSimInSpec();
    agent = new Agent();
  });
  afterAll(async () => {
    await agent.destroy();
    await spec.stop();
  });
  beforeEach(() => {
    clients += 1;
    client = spec.sim.control.addClient({ broker: 'upstox', clientId: `UP${String(clients)}`, ordersPerSecond: 1_000 });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.terminate();
    await spec.control('DELETE', '/_sim/faults');
    await eventually('the broker listens', async () => ((await isListening()) ? true : undefined));
  });

  const isListening = async (): Promise<boolean> => {
    const { body } = await spec.control('GET', '/_sim');
    return (body as { listening: { upstox: boolean } }).listening.upstox;
  };

  const setFault = async (rule: FaultRule): Promise<void> => {
    const answer = await spec.control('POST', '/_sim/faults', { broker: 'upstox', ...rule });
    expect(answer).toMatchObject({ status: 201 });
  };

  const struck = async (): Promise<number[]> => {
    const { body } = await spec.control('GET', '/_sim/faults');
    return (body as { faults: { struck: number }[] }).faults.map((fault) => fault.struck);
  };

  const accepted = async (): Promise<number> => {
    const { body } = await spec.control('GET', `/_sim/orders?clientId=${client.clientId}`);
    return (body as { orders: unknown[] }).orders.length;
  };

  /** Status of the answer, or the code of what came instead. */
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<number | string> => {
    try {
      const answer = await request(`${client.baseUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${client.credentials['accessToken'] ?? ''}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        dispatcher: agent,
        signal: AbortSignal.timeout(10_000),
      });
      await answer.body.dump();
      return answer.statusCode;
    } catch (error) {
      // Errors of Node itself are of another realm than a spec's `Error`.
      return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
    }
  };
  const place = (tag = 'T1'): Promise<number | string> => call('POST', '/v3/order/place', { ...ORDER, tag });
  const profile = (): Promise<number | string> => call('GET', '/v2/user/profile');

  /** An order socket that is open, and what it is told. */
  const follow = async () => {
    const frames: string[] = [];
    const ends: number[] = [];
    const socket = new WebSocket(`${client.baseUrl.replace('http', 'ws')}/v2/feed/portfolio-stream-feed`, {
      headers: { authorization: `Bearer ${client.credentials['accessToken'] ?? ''}` },
    });
    sockets.push(socket);
    socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
    socket.on('close', (code) => ends.push(code));
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return { frames, ends };
  };
  const statuses = (frames: readonly string[]): unknown[] =>
    frames.map((frame) => (JSON.parse(frame) as { status: unknown }).status);

  it('refuses connections for as long as it is told, and the book survives', async () => {
    expect(await place()).toBe(200);
    await setFault({ kind: 'refuse', forMs: 600_000 });
    expect(await place()).toBe('ECONNREFUSED');
    expect(await place()).toBe('ECONNREFUSED');
    await spec.control('DELETE', '/_sim/faults');
    await eventually('it listens again', async () => ((await isListening()) ? true : undefined));
    expect(await place()).toBe(200);
    expect(await accepted()).toBe(2);
  });

  it('comes back by itself when its time is over', async () => {
    await setFault({ kind: 'refuse', forMs: 30 });
    await eventually('it answers', async () => ((await profile()) === 200 ? true : undefined));
  });

  it('keeps its sockets when it refuses, and loses them when it restarts', async () => {
    const { ends } = await follow();
    await setFault({ kind: 'refuse', forMs: 30 });
    await eventually('it answers', async () => ((await profile()) === 200 ? true : undefined));
    expect(ends).toEqual([]);
    await setFault({ kind: 'restart', forMs: 30 });
    expect(await eventually('the socket is gone', () => ends[0])).toBe(1006);
    await eventually('it answers', async () => ((await profile()) === 200 ? true : undefined));
  });

  it('goes down in the middle of a request, which then was never made', async () => {
    await setFault({ kind: 'refuse', operation: 'place', count: 1, forMs: 600_000 });
    expect(await profile()).toBe(200);
    expect(await place()).toBe('UND_ERR_SOCKET');
    expect(await profile()).toBe('ECONNREFUSED');
    expect(await accepted()).toBe(0);
  });

  it('cuts the connection before it has looked', async () => {
    await setFault({ kind: 'drop-before', operation: 'place', count: 1 });
    expect(await place()).toBe('UND_ERR_SOCKET');
    expect(await accepted()).toBe(0);
    expect(await place()).toBe(200);
    expect(await struck()).toEqual([1]);
  });

  it('accepts and says nothing', async () => {
    await setFault({ kind: 'accept-then-drop', operation: 'place', count: 1 });
    expect(await place()).toBe('UND_ERR_SOCKET');
    expect(await accepted()).toBe(1);
  });

  it('accepts and claims to have failed', async () => {
    await setFault({ kind: 'accept-then-5xx', operation: 'place', count: 1 });
    expect(await place()).toBe(500);
    expect(await accepted()).toBe(1);
  });

  it('carries out late what a client has given up on', async () => {
    await setFault({ kind: 'delay', operation: 'place', count: 1, delayMs: 1_000 });
    const patience = new AbortController();
    const given = request(`${client.baseUrl}/v3/order/place`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.credentials['accessToken'] ?? ''}` },
      body: JSON.stringify(ORDER),
      signal: patience.signal,
    });
    const answer = expect(given).rejects.toThrow();
    await eventually('it waits', async () => ((await struck())[0] === 1 ? true : undefined));
    patience.abort();
    await answer;
    await eventually('the order is there', async () => ((await accepted()) === 1 ? true : undefined));
  });

  it('forgets what it was delaying when it restarts', async () => {
    await setFault({ kind: 'delay', operation: 'place', count: 2, delayMs: 1_000 });
    const placing = place('FORGOTTEN');
    await eventually('it waits', async () => ((await struck())[0] === 1 ? true : undefined));
    await setFault({ kind: 'restart', forMs: 1 });
    expect(await placing).toBe('UND_ERR_SOCKET');
    await eventually('it answers', async () => ((await profile()) === 200 ? true : undefined));
    // Waits as long, and began later: had the first one been remembered, it would be there by now.
    expect(await place('LATER')).toBe(200);
    expect(await accepted()).toBe(1);
  });

  it('answers late what it has done at once', async () => {
    await setFault({ kind: 'delay-answer', operation: 'place', count: 1, delayMs: 600_000 });
    const placing = place();
    await eventually('the order is there', async () => ((await accepted()) === 1 ? true : undefined));
    await setFault({ kind: 'restart', forMs: 1 });
    expect(await placing).toBe('UND_ERR_SOCKET');
  });

  it('cuts what is under way when it refuses', async () => {
    await setFault({ kind: 'delay-answer', operation: 'place', count: 1, delayMs: 600_000 });
    const placing = place();
    await eventually('the order is there', async () => ((await accepted()) === 1 ? true : undefined));
    await setFault({ kind: 'refuse', forMs: 1 });
    expect(await placing).toBe('UND_ERR_SOCKET');
  });

  it('is too busy, and has done nothing', async () => {
    await setFault({ kind: 'throttle', operation: 'place', count: 2 });
    expect([await place(), await place(), await place()]).toEqual([429, 429, 200]);
    expect(await accepted()).toBe(1);
  });

  it('throttles by itself beyond the limit of a second', async () => {
    client = spec.sim.control.addClient({ broker: 'upstox', clientId: 'BUSY' });
    // However many calendar seconds this takes on a slow machine: in one of them there are more than ten.
    const answers = await Promise.all(Array.from({ length: 200 }, () => place()));
    const refused = answers.filter((status) => status === 429).length;
    expect(refused).toBeGreaterThanOrEqual(1);
    expect(await accepted()).toBe(200 - refused);
    const { body } = await spec.control('GET', '/_sim/requests');
    const { breaches } = body as { breaches: { clientId: string; limit: number }[] };
    expect(breaches.filter(({ clientId }) => clientId === 'BUSY')).toHaveLength(refused);
  });

  it('ends a session until there is a new one', async () => {
    await setFault({ kind: 'expire-token', clientId: client.clientId });
    expect([await profile(), await place()]).toEqual([401, 401]);
    const renewed = await spec.control('POST', `/_sim/clients/${client.clientId}/session`);
    expect(renewed.status).toBe(200);
    expect(await profile()).toBe(401);
    client = renewed.body as typeof client;
    expect([await profile(), await place()]).toEqual([200, 200]);
  });

  it('ends a session with the request that it was set on', async () => {
    await setFault({ kind: 'expire-token', operation: 'place', count: 1 });
    expect([await profile(), await place(), await profile()]).toEqual([200, 401, 401]);
    expect(await accepted()).toBe(0);
  });

  it('strikes only the client, the broker and the operation that are named', async () => {
    await setFault({ kind: 'throttle', clientId: 'SOMEBODY' });
    await setFault({ kind: 'throttle', broker: 'zerodha' });
    await setFault({ kind: 'throttle', operation: 'cancel' });
    expect([await profile(), await place()]).toEqual([200, 200]);
    expect(await struck()).toEqual([0, 0, 0]);
  });

  it('tells everything once and in order when nothing is wrong', async () => {
    const { frames } = await follow();
    expect(await place()).toBe(200);
    await eventually('two frames', () => frames[1]);
    expect(statuses(frames)).toEqual(['open', 'complete']);
  });

  it('tells twice', async () => {
    const { frames } = await follow();
    await setFault({ kind: 'duplicate-update', count: 1 });
    await place();
    await eventually('three frames', () => frames[2]);
    expect(statuses(frames)).toEqual(['open', 'open', 'complete']);
  });

  it('keeps silent about something', async () => {
    const { frames } = await follow();
    await setFault({ kind: 'lose-update', count: 1 });
    await place();
    await eventually('a frame', () => frames[0]);
    expect(statuses(frames)).toEqual(['complete']);
  });

  it('tells the later before the earlier', async () => {
    const { frames } = await follow();
    await setFault({ kind: 'reorder-updates', count: 1, delayMs: 600_000 });
    await place();
    await eventually('two frames', () => frames[1]);
    expect(statuses(frames)).toEqual(['complete', 'open']);
  });

  it('tells what it held back also when nothing follows', async () => {
    const { frames } = await follow();
    await setFault({ kind: 'reorder-updates', delayMs: 20 });
    await place();
    await eventually('two frames', () => frames[1]);
    expect(statuses(frames)).toEqual(['complete', 'open']);
  });

  it('tells late', async () => {
    const { frames } = await follow();
    await setFault({ kind: 'late-update', count: 1, delayMs: 50 });
    await place();
    await eventually('two frames', () => frames[1]);
    expect(statuses(frames)).toEqual(['complete', 'open']);
  });

  it('tells half of it', async () => {
    const { frames } = await follow();
    await setFault({ kind: 'garble-update', count: 1 });
    await place();
    await eventually('two frames', () => frames[1]);
    expect(() => statuses(frames.slice(0, 1))).toThrow(SyntaxError);
    expect(statuses(frames.slice(1))).toEqual(['complete']);
  });

  it('cuts sockets at once, of the client that is named', async () => {
    const cut = await follow();
    client = spec.sim.control.addClient({ broker: 'upstox', clientId: 'OTHER', ordersPerSecond: 1_000 });
    const spared = await follow();
    await setFault({ kind: 'cut-sockets', clientId: `UP${String(clients)}` });
    expect(await eventually('the socket is gone', () => cut.ends[0])).toBe(1006);
    await place();
    await eventually('two frames', () => spared.frames[1]);
    expect(spared.ends).toEqual([]);
  });

  it('cuts a socket instead of telling', async () => {
    const { frames, ends } = await follow();
    await setFault({ kind: 'cut-sockets', probability: 1, count: 1 });
    await place();
    expect(await eventually('the socket is gone', () => ends[0])).toBe(1006);
    expect(frames).toEqual([]);
  });

  it('posts the news to the address of a client, with the same faults', async () => {
    const posted: string[] = [];
    const listener = createServer((incoming, response) => {
      incoming.on('data', (chunk: Buffer) => posted.push(chunk.toString('utf8')));
      incoming.on('end', () => response.end());
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    client = spec.sim.control.addClient({ broker: 'upstox', postbackUrl: `http://127.0.0.1:${String(port)}/postback` });
    await setFault({ kind: 'lose-update', count: 1 });
    expect(await place()).toBe(200);
    const body = await eventually('a postback', () => posted[0]);
    expect(statuses([body])).toEqual(['complete']);
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
  });

  it('lets nobody open a socket without a session', async () => {
    client = { ...client, credentials: { accessToken: 'invented' } };
    await expect(follow()).rejects.toThrow('Unexpected server response: 401');
  });

  it.each<readonly [object, string]>([
    [{ kind: 'explode' }, 'kind'],
    [{ kind: 'refuse' }, 'forMs'],
    [{ kind: 'delay' }, 'delayMs'],
    [{ kind: 'throttle', probability: 2 }, 'probability'],
    [{ kind: 'throttle', count: 0 }, 'count'],
    [{ kind: 'throttle', broker: 'nobody' }, 'broker'],
    [{ kind: 'throttle', operation: 'dance' }, 'operation'],
    [{ kind: 'lose-update', operation: 'place' }, 'operation'],
    [{ kind: 'throttle', sometimes: true }, 'sometimes'],
  ])('names what is wrong with the rule %j', async (rule, field) => {
    const { status, body } = await spec.control('POST', '/_sim/faults', rule);
    expect(status).toBe(400);
    expect((body as { errors: { field: string }[] }).errors.map((error) => error.field)).toEqual([field]);
  });
});

describe('the chance of faults', () => {
  const draw = (faults: Faults): boolean[] =>
    Array.from({ length: 200 }, () => faults.strike('throttle', { broker: 'upstox' }) !== undefined);

  it('follows from the seed', () => {
    const [one, again, other] = [new Faults(7), new Faults(7), new Faults(8)];
    for (const faults of [one, again, other]) faults.add({ kind: 'throttle', probability: 0.5 });
    const drawn = draw(one);
    expect(draw(again)).toEqual(drawn);
    expect(draw(other)).not.toEqual(drawn);
    one.reseed(7);
    expect(draw(one)).toEqual(drawn);
  });

  it('strikes about as often as it is told to, and never more often than counted', () => {
    const faults = new Faults(1);
    const fault = faults.add({ kind: 'throttle', probability: 0.25 });
    for (let round = 0; round < 20; round += 1) draw(faults);
    expect(fault.struck).toBeGreaterThan(850);
    expect(fault.struck).toBeLessThan(1_150);
    faults.clear();
    const counted = faults.add({ kind: 'throttle', probability: 0.25, count: 3 });
    draw(faults);
    expect(counted.struck).toBe(3);
  });
});
