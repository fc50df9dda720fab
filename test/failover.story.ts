import { randomUUID } from 'node:crypto';
import { BrokerSim, type TrueOrder } from './support/broker-sim';
import { Coordinator } from './support/coordinator';
import { type Answer, eventually, listIn, partOf } from './support/deployment';
import { type LiveTrader, LiveTraders } from './support/live-traders';
import { ensureBuilt, makeDataDir } from './support/workspace';

/* When may an order go to another broker? When it provably is at none. */

const STORY_TIMEOUT_MS = 300_000;
const line = { symbol: 'NSE:INFY', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 1, price: 1_600 };

describe('failover', () => {
  const sim = new BrokerSim();
  let coordinator: Coordinator;
  let traders: LiveTraders;
  let admin = '';

  beforeAll(async () => {
    ensureBuilt();
    await sim.start();
    const environment = { BROKER_TIMEOUT_MS: '1500', BROKER_SETTLE_MS: '1500', RECONCILE_MS: '1000' };
    coordinator = new Coordinator(makeDataDir(), { ...sim.environment(), ...environment });
    await coordinator.start();
    traders = new LiveTraders(coordinator, sim);
    admin = await traders.admin('admin');
  }, STORY_TIMEOUT_MS);
  afterEach(() => sim.clearFaults());
  afterAll(async () => {
    await coordinator.dispose();
    await sim.stop();
  }, STORY_TIMEOUT_MS);

  const allow = async (failover: boolean): Promise<void> => {
    const body = { brokers: ['zerodha', 'upstox', 'fyers'], failover, maxAttempts: 3 };
    const set = await coordinator.command('PUT', '/v2/settings/routing/fallback', {
      headers: { 'X-Api-Key': admin },
      body,
    });
    expect(set.status).toBe(200);
  };
  const place = ({ apiKey, accountId }: LiveTrader, lines: number): Promise<Answer> =>
    coordinator.command('POST', '/v2/orders/multi', {
      headers: { 'X-Api-Key': apiKey, 'Idempotency-Key': randomUUID() },
      body: { orders: Array.from({ length: lines }, () => ({ ...line, accountId })) },
    });
  const statusesIn = ({ body }: Answer) => listIn(body, 'results').map((result) => partOf(result, 'status'));
  const orderIdsIn = ({ body }: Answer) => listIn(body, 'results').map((result) => String(partOf(result, 'orderId')));
  const orderOf = async ({ apiKey }: LiveTrader, orderId: string): Promise<unknown> =>
    (await coordinator.query(`/v2/orders/${orderId}`, { headers: { 'X-Api-Key': apiKey } })).body;
  /** Each event with what tells one from another. */
  const historyOf = async ({ apiKey }: LiveTrader, orderId: string): Promise<string[]> => {
    const { body } = await coordinator.query(`/v2/orders/${orderId}/history`, { headers: { 'X-Api-Key': apiKey } });
    return listIn(body, 'items').map((event) => {
      const data = partOf(event, 'data');
      const what = [partOf(data, 'broker'), partOf(partOf(data, 'evidence'), 'code')];
      return [partOf(event, 'type'), ...what].filter((word) => typeof word === 'string').join(' ');
    });
  };
  const whereIs = async ({ sessions }: LiveTrader): Promise<readonly TrueOrder[]> => {
    const clients = new Set([...sessions.values()].map(({ clientId }) => clientId));
    return (await sim.orders()).filter(({ clientId }) => clients.has(clientId));
  };
  const until = (what: string, trader: LiveTrader, orderId: string, holds: (history: string[]) => boolean) =>
    eventually(what, async () => {
      const history = await historyOf(trader, orderId);
      return holds(history) ? history : undefined;
    });

  it(
    'the first broker refuses connections in the middle of a batch: the rest goes to the next, and the history says so',
    async () => {
      const trader = await traders.join('asha', { brokers: ['zerodha', 'upstox'] });
      await allow(true);
      const placing = place(trader, 20);
      // Zerodha takes so many orders a second and no more: the batch is not through when it goes down.
      await eventually('the first orders of the batch are at the broker', async () =>
        (await whereIs(trader)).length > 0 ? true : undefined,
      );
      await sim.setFault({ kind: 'refuse', broker: 'zerodha', forMs: 120_000 });
      const placed = await placing;

      const orderIds = orderIdsIn(placed);
      expect(orderIds).toHaveLength(20);
      expect(statusesIn(placed).filter((status) => status !== 'ACCEPTED' && status !== 'UNKNOWN')).toEqual([]);
      const rows = await whereIs(trader);
      const moved = rows.filter(({ broker }) => broker === 'upstox');
      expect(moved.length).toBeGreaterThan(0);
      expect(rows.length).toBeGreaterThan(moved.length);
      // Each at one broker, and the answers name it.
      expect(new Set(rows.map(({ tag }) => tag)).size).toBe(rows.length);
      const results = listIn(placed.body, 'results');
      for (const { brokerOrderId } of moved) {
        const result = results.find((one) => partOf(one, 'brokerOrderId') === brokerOrderId);
        expect(result).toMatchObject({ status: 'ACCEPTED', broker: 'upstox' });
        const orderId = String(partOf(result, 'orderId'));
        const history = await until('the views know of it', trader, orderId, (all) => all.includes('OrderAccepted'));
        expect(history).toEqual([
          'OrderPlaced',
          'OrderDispatched zerodha',
          expect.stringMatching(/^DispatchNotSent (ECONNREFUSED|CIRCUIT_OPEN|ECONNRESET|UND_ERR_SOCKET)$/),
          'OrderDispatched upstox',
          'OrderAccepted',
        ]);
        expect(await orderOf(trader, orderId)).toMatchObject({ broker: 'upstox', brokerOrderId });
      }
    },
    STORY_TIMEOUT_MS,
  );

  it(
    'an answer that is lost after the order was taken: nothing is sent elsewhere, the order is found',
    async () => {
      const trader = await traders.join('bela', { brokers: ['upstox', 'fyers'] });
      await allow(true);
      await sim.setFault({ kind: 'accept-then-drop', broker: 'upstox', operation: 'place', count: 1 });
      const placed = await place(trader, 1);
      expect(statusesIn(placed)).toEqual(['UNKNOWN']);
      const [orderId = ''] = orderIdsIn(placed);
      const history = await until('it is found', trader, orderId, (all) => all.some((one) => one.includes('Accepted')));
      expect(history).toEqual([
        'OrderPlaced',
        'OrderDispatched upstox',
        expect.stringMatching(/^DispatchInDoubt/),
        expect.stringMatching(/^OrderAccepted/),
      ]);
      expect((await whereIs(trader)).map(({ broker }) => broker)).toEqual(['upstox']);
    },
    STORY_TIMEOUT_MS,
  );

  it(
    'as long as the broker cannot be asked, absence is not proven: nothing is sent elsewhere until it can',
    async () => {
      const trader = await traders.join('chitra', { brokers: ['upstox', 'fyers'] });
      await allow(true);
      await sim.setFault({ kind: 'drop-before', broker: 'upstox', operation: 'place', count: 1 });
      for (const operation of ['findByTag', 'orders', 'order'])
        await sim.setFault({ kind: 'accept-then-5xx', broker: 'upstox', operation });
      const placed = await place(trader, 1);
      expect(statusesIn(placed)).toEqual(['UNKNOWN']);
      const [orderId = ''] = orderIdsIn(placed);
      const before = await sim.requests('upstox', 'findByTag');
      // The search at the end of the settle time, and each of its repetitions, was answered with an error.
      await eventually('the broker was asked again and again', async () =>
        (await sim.requests('upstox', 'findByTag')) >= before + 9 ? true : undefined,
      );
      expect(await whereIs(trader)).toEqual([]);
      expect(await historyOf(trader, orderId)).toEqual([
        'OrderPlaced',
        'OrderDispatched upstox',
        expect.stringMatching(/^DispatchInDoubt/),
      ]);

      await sim.clearFaults();
      const history = await until('it went elsewhere', trader, orderId, (all) => all.includes('OrderAccepted'));
      expect(history.slice(3)).toEqual(['DispatchNotSent PROVEN_ABSENT', 'OrderDispatched fyers', 'OrderAccepted']);
      expect((await whereIs(trader)).map(({ broker }) => broker)).toEqual(['fyers']);
    },
    STORY_TIMEOUT_MS,
  );

  it(
    'with failover off nothing goes elsewhere, however provably it was not sent',
    async () => {
      const trader = await traders.join('devi', { brokers: ['zerodha', 'upstox'] });
      await allow(false);
      await sim.setFault({ kind: 'refuse', broker: 'zerodha', forMs: 120_000 });
      const placed = await place(trader, 3);
      expect(placed.status).toBe(422);
      expect(statusesIn(placed)).toEqual(['FAILED', 'FAILED', 'FAILED']);
      expect(await whereIs(trader)).toEqual([]);
      for (const orderId of orderIdsIn(placed)) {
        const history = await until('the views know of it', trader, orderId, (all) =>
          all.some((one) => one.includes('Abandoned')),
        );
        expect(new Set(history.filter((one) => one.includes('Dispatched')))).toEqual(
          new Set(['OrderDispatched zerodha']),
        );
      }
    },
    STORY_TIMEOUT_MS,
  );
});
