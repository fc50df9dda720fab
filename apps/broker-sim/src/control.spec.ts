import { request } from 'undici';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import type { Instrument } from '#domain/instruments/instrument';
import { loadSimMarket, namesOf, type Names } from './market';
import { startSimInSpec, type SimInSpec } from './sim-in-spec';

describe('the control of the simulator', () => {
  let spec: SimInSpec;
  beforeAll(async () => {
    spec = await startSimInSpec({ seed: 42 });
  });
  afterAll(() => spec.stop());

  const fieldsOf = (body: unknown): string[] =>
    (body as { errors: { field: string }[] }).errors.map(({ field }) => field);

  it('says where each broker listens', async () => {
    const { status, body } = await spec.control('GET', '/_sim');
    expect(status).toBe(200);
    expect(body).toMatchObject({ ready: true, seed: 42, baseUrls: spec.sim.baseUrls });
    expect(new Set(Object.values(spec.sim.baseUrls)).size).toBe(BROKER_NAMES.length);
  });

  it.each<readonly [BrokerName, readonly string[]]>([
    ['upstox', ['apiKey', 'accessToken']],
    ['zerodha', ['apiKey', 'apiSecret', 'accessToken']],
    ['fyers', ['appId', 'accessToken']],
    ['angelone', ['apiKey', 'clientCode', 'jwtToken', 'feedToken']],
  ])('makes a client at %s with what its adapter connects with', async (broker, fields) => {
    const { status, body } = await spec.control('POST', '/_sim/clients', { broker, clientId: `C${broker}` });
    expect(status).toBe(201);
    expect(body).toMatchObject({ clientId: `C${broker}`, baseUrl: spec.sim.baseUrls[broker] });
    expect(Object.keys((body as { credentials: object }).credentials).sort()).toEqual([...fields].sort());
  });

  it('gives two clients two names and two sets of secrets', async () => {
    const [one, two] = [
      await spec.control('POST', '/_sim/clients', { broker: 'upstox' }),
      await spec.control('POST', '/_sim/clients', { broker: 'upstox' }),
    ];
    const { clientId, credentials } = one.body as { clientId: string; credentials: Record<string, string> };
    expect((two.body as { clientId: string }).clientId).not.toBe(clientId);
    expect((two.body as { credentials: Record<string, string> }).credentials['accessToken']).not.toBe(
      credentials['accessToken'],
    );
  });

  it('makes a client once', async () => {
    const asked = { broker: 'fyers', clientId: 'ONCE' };
    expect((await spec.control('POST', '/_sim/clients', asked)).status).toBe(201);
    const again = await spec.control('POST', '/_sim/clients', asked);
    expect([again.status, fieldsOf(again.body)]).toEqual([409, ['clientId']]);
  });

  it('asks which broker is meant when a name exists at several', async () => {
    for (const broker of ['upstox', 'fyers']) await spec.control('POST', '/_sim/clients', { broker, clientId: 'BOTH' });
    const unclear = await spec.control('POST', '/_sim/clients/BOTH/session');
    expect([unclear.status, fieldsOf(unclear.body)]).toEqual([409, ['broker']]);
    const clear = await spec.control('POST', '/_sim/clients/BOTH/session', { broker: 'fyers' });
    expect(clear).toMatchObject({ status: 200, body: { baseUrl: spec.sim.baseUrls.fyers } });
    const unknown = await spec.control('POST', '/_sim/clients/NOBODY/session');
    expect([unknown.status, fieldsOf(unknown.body)]).toEqual([404, ['clientId']]);
  });

  it.each<readonly [string, unknown, string]>([
    ['/_sim/clients', { broker: 'icici' }, 'broker'],
    ['/_sim/clients', { broker: 'upstox', clientId: 'a b' }, 'clientId'],
    ['/_sim/clients', { broker: 'upstox', fundsRupees: -1 }, 'fundsRupees'],
    ['/_sim/clients', { broker: 'upstox', postbackUrl: 'ftp://x' }, 'postbackUrl'],
    ['/_sim/clients', { broker: 'upstox', colour: 'red' }, 'colour'],
    ['/_sim/seed', { seed: 'dice' }, 'seed'],
  ])('names what is wrong in POST %s %j', async (path, body, field) => {
    const answer = await spec.control('POST', path, body);
    expect([answer.status, fieldsOf(answer.body)]).toEqual([400, [field]]);
  });

  it('says that a body is no JSON, and that a path is none', async () => {
    const answer = await request(`${spec.sim.controlUrl}/_sim/clients`, { method: 'POST', body: '{"broker":' });
    expect(answer.statusCode).toBe(400);
    await answer.body.dump();
    expect((await spec.control('GET', '/_sim/nothing')).status).toBe(404);
  });

  it('tells what was accepted, counts what arrived, and forgets on demand', async () => {
    const { credentials, baseUrl, clientId } = spec.sim.control.addClient({ broker: 'upstox' });
    const placed = await request(`${baseUrl}/v3/order/place`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credentials['accessToken'] ?? ''}` },
      body: JSON.stringify({
        instrument_token: 'NSE_EQ|INE002A01018',
        transaction_type: 'BUY',
        product: 'I',
        order_type: 'LIMIT',
        quantity: 3,
        price: 1580.1,
        trigger_price: 0,
        validity: 'DAY',
        tag: 'T1',
      }),
    });
    const { data } = (await placed.body.json()) as { data: { order_ids: string[] } };
    const { body } = await spec.control('GET', `/_sim/orders?broker=upstox&clientId=${clientId}`);
    expect(body).toMatchObject({
      forgotten: 0,
      orders: [
        {
          broker: 'upstox',
          clientId,
          brokerOrderId: data.order_ids[0],
          tag: 'T1',
          instrumentKey: 'NSE_EQ|INE002A01018',
          quantity: 3,
          price: 1580.1,
          state: 'complete',
          filledQuantity: 3,
          trades: [{ quantity: 3, price: 1580 }],
        },
      ],
    });
    expect((await spec.control('GET', `/_sim/orders?broker=zerodha&clientId=${clientId}`)).body).toMatchObject({
      orders: [],
    });
    const requests = await spec.control('GET', '/_sim/requests');
    expect(requests.body).toMatchObject({
      counts: [{ broker: 'upstox', operation: 'place', requests: 1 }],
      breachCount: 0,
    });
    await spec.control('DELETE', '/_sim');
    expect((await spec.control('GET', '/_sim/orders')).body).toEqual({ orders: [], forgotten: 0 });
    expect((await spec.control('GET', '/_sim/requests')).body).toMatchObject({ counts: [] });
  });

  it('says in one line that its port is taken', async () => {
    const port = Number(new URL(spec.sim.controlUrl).port);
    await expect(startSimInSpec({ port })).rejects.toThrow(/cannot listen on .*EADDRINUSE/);
  });
});

describe('the names of instruments', () => {
  let names: Readonly<Record<BrokerName, Names>>;
  beforeAll(async () => {
    const data = await loadSimMarket({});
    names = {
      upstox: namesOf('upstox', data),
      zerodha: namesOf('zerodha', data),
      fyers: namesOf('fyers', data),
      angelone: namesOf('angelone', data),
    };
  });

  it.each<readonly [BrokerName, string, string]>([
    ['upstox', 'NSE_EQ|INE002A01018', 'NSE:RELIANCE'],
    ['zerodha', 'NSE:RELIANCE', 'NSE:RELIANCE'],
    ['zerodha', '738561', 'NSE:RELIANCE'],
    ['fyers', 'NSE:SBIN-EQ', 'NSE:SBIN'],
    ['angelone', 'NSE:SBIN-EQ', 'NSE:SBIN'],
    ['angelone', '3045', 'NSE:SBIN'],
    ['fyers', 'NSE_EQ|3045', 'NSE:SBIN'],
  ])('are found at %s by %s', (broker, name, symbol) => {
    expect(names[broker](name)?.symbol).toBe(symbol);
  });

  it('are not made up', () => {
    for (const broker of BROKER_NAMES) expect(names[broker]('NSE:NOTHING-EQ')).toBeUndefined();
  });

  it('lead to one instrument each, whichever broker is asked', () => {
    const found: (Instrument | undefined)[] = [
      names.zerodha('NSE:SBIN'),
      names.fyers('NSE:SBIN-EQ'),
      names.angelone('3045'),
    ];
    expect(new Set(found.map((instrument) => instrument?.instrumentKey)).size).toBe(1);
  });
});
