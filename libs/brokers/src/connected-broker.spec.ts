import { DEMO_DAY } from '#instruments/demo-data';
import { fold } from '#domain/decider';
import { order as decider, type Order, type OrderEvent, type OrderTerms } from '#domain/orders/order';
import { details as sample, happened } from '#domain/orders/samples';
import { InProcessHotState } from '#platform/hot-state-in-process';
import { eventually } from '../../../apps/broker-sim/src/sim-in-spec';
import type { BrokerAnswer, Dispatch } from './broker';
import { reportsOn } from './broker';
import { brokerContract, type BrokerWorld } from './broker.contract';
import { BROKER_NAMES, type BrokerClient, type BrokerName } from './client';
import { ConnectedBroker, type ConnectedBrokerOptions } from './connected-broker';
import { Governor } from './governor';
import { LastPrices } from './last-prices';
import { type ClientWorld, openStage, resting, SHARE, type SimStage, THIN } from './sim-world.contract';

jest.setTimeout(40_000);

let still: SimStage;
let moving: SimStage;
beforeAll(async () => {
  [still, moving] = [await openStage(), await openStage(50)];
});
afterAll(async () => {
  await still.stop();
  await moving.stop();
});

const NEVER_MS = 3_600_000;
const REST: OrderTerms = { orderType: 'LIMIT', quantity: 10, priceE4: 14_000_000, validity: 'DAY' };
const BUY_NOW: OrderTerms = { ...REST, priceE4: 15_800_000 };

/** One account's session at a simulated broker, within the limits that the broker has for everybody. */
const connect = (world: ClientWorld, more: Partial<ConnectedBrokerOptions> = {}) => {
  const { adapter, capabilities, instruments } = world;
  const alarms: string[] = [];
  const locks: string[] = [];
  /** What the broker itself called too fast. */
  const throttled: string[] = [];
  const governor = new Governor({
    limits: capabilities.limits,
    windows: new InProcessHotState(),
    key: adapter.broker,
    now: () => Date.now(),
    queueMax: 200,
    exitReserve: 1,
  });
  const connected = new ConnectedBroker({
    client: noting(world.open(), throttled),
    ...{ capabilities, governor, instruments, settleMs: capabilities.settleMs, reconcileMs: NEVER_MS },
    prices: new LastPrices(),
    marketNowMs: () => Date.parse(`${DEMO_DAY}T10:00:00+05:30`),
    openOrders: () => Promise.resolve([]),
    now: () => Date.now(),
    onLocked: (errorClass) => locks.push(errorClass),
    onAlarm: (kind) => alarms.push(kind),
    ...more,
  });
  return { connected, alarms, locks, throttled };
};

const noting = (client: BrokerClient, throttled: string[]): BrokerClient =>
  new Proxy(client, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(member, target, args);
        if (answer instanceof Promise)
          void answer.then((value: unknown) => {
            if (JSON.stringify(value).includes('"errorClass":"throttled"')) throttled.push(String(name));
          });
        return answer;
      };
    },
  });

let count = 0;
const dispatchOf = (terms: OrderTerms = REST, change: Partial<Dispatch['details']> = {}): Dispatch => {
  count += 1;
  const details = { ...sample, instrumentKey: SHARE, orderId: `order-${String(count)}`, ...change, ...terms };
  return { details, terms, tag: `CONNECTED${String(count).padStart(10, '0')}` };
};

/** An order of our log that is at the broker. */
const workingOrder = (broker: BrokerName, { details, tag }: Dispatch, answer: BrokerAnswer) => {
  const events: OrderEvent[] = [
    happened.placed(details),
    { type: 'OrderDispatched', data: { attempt: 1, broker, tag } },
  ];
  const now = (): Order => fold(decider, decider.initial, events);
  const hear = (told: BrokerAnswer): void => {
    if (told.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(told)}`);
    for (const report of reportsOn(now(), told.reports))
      events.push(...decider.decide({ type: 'RecordReport', data: report }, now()));
  };
  hear(answer);
  return { now, hear, events };
};

/* ------------------------------------------------------------------------------------------- the port's own contract */

for (const broker of BROKER_NAMES)
  brokerContract(`${broker}, connected`, async (): Promise<BrokerWorld> => {
    const world = await moving.world(broker, { ordersPerSecond: 0 });
    const open: (() => Order)[] = [];
    const connections: ReturnType<typeof connect>[] = [];
    const join = (): ConnectedBroker => {
      const dispatchedAtMs = Date.now();
      const connection = connect(world, {
        openOrders: () => Promise.resolve(open.map((now) => ({ order: now(), dispatchedAtMs }))),
      });
      connections.push(connection);
      return connection.connected;
    };
    return {
      broker: join(),
      details: { ...sample, instrumentKey: THIN },
      resting: { ...REST, priceE4: 30_000_000 },
      thin: { orderType: 'MARKET', quantity: 60, validity: 'DAY' },
      pass: () => new Promise((resolve) => setTimeout(resolve, 25)),
      restart: join,
      opened: (now) => open.push(now),
      stop: async () => {
        for (const { connected } of connections) await connected.close();
        await world.stop();
        for (const { throttled } of connections) expect(throttled).toEqual([]);
        expect(await world.breaches()).toBe(0);
      },
    };
  });

/* ---------------------------------------------------------------------------------------------- what it does of its own */

describe.each(BROKER_NAMES)('%s, connected', (broker) => {
  let world: ClientWorld;
  let connected: ConnectedBroker;
  let alarms: string[];
  let locks: string[];
  beforeEach(async () => {
    world = await still.world(broker);
    ({ connected, alarms, locks } = connect(world));
  });
  afterEach(async () => {
    await connected.close();
    await world.heal();
    await world.stop();
  });

  const place = (dispatch: Dispatch = dispatchOf()): Promise<BrokerAnswer> => connected.place(dispatch, Infinity);
  const working = async (dispatch: Dispatch = dispatchOf()) => workingOrder(broker, dispatch, await place(dispatch));
  /** How often something was asked of the broker while `work` was done. */
  const asks = async (operation: string, work: () => Promise<unknown>): Promise<number> => {
    const before = await world.asked(operation);
    await work();
    return (await world.asked(operation)) - before;
  };

  it('sends what is placed in the same instant in one call, where there is such a call', async () => {
    const dispatches = [1, 2, 3, 4, 5].map((n) => dispatchOf({ ...REST, quantity: n }));
    let answers: BrokerAnswer[] = [];
    let single = 0;
    const many = await asks('placeMany', async () => {
      single = await asks('place', async () => {
        answers = await Promise.all(dispatches.map(place));
      });
    });
    expect([many, single]).toEqual(world.capabilities.multiPlaceMax > 0 ? [1, 0] : [0, 5]);
    const truth = await world.truth();
    for (const [index, answer] of answers.entries()) {
      const [report] = answer.outcome === 'accepted' ? reportsOn(decider.initial, answer.reports) : [];
      const found = truth.find(({ tag }) => tag === dispatches[index]?.tag);
      expect(report).toMatchObject({ kind: 'new', brokerOrderId: found?.brokerOrderId });
      expect(found).toMatchObject({ quantity: index + 1 });
    }
  });

  it('sends by itself what such a call does not take, and what closes a position', async () => {
    const margin = { product: 'MTF' as const };
    const dispatches = [
      ...[dispatchOf(), dispatchOf()],
      ...[dispatchOf(REST, margin), dispatchOf(REST, margin)],
      ...[dispatchOf(), dispatchOf()].map((exit): Dispatch => ({ ...exit, isExit: true })),
    ];
    let single = 0;
    const many = await asks('placeMany', async () => {
      single = await asks('place', async () => {
        const answers = await Promise.all(dispatches.map(place));
        expect(answers.map(({ outcome }) => outcome)).toEqual(Array(6).fill('accepted'));
      });
    });
    expect([many, single]).toEqual(world.capabilities.multiPlaceMax > 0 ? [2, 2] : [0, 6]);
    expect(await world.truth()).toHaveLength(6);
  });

  it('does not know what became of any line when the answer to all got lost, and finds each', async () => {
    await world.fault({ kind: 'accept-then-drop', operation: 'placeMany', count: 1 });
    await world.fault({ kind: 'accept-then-drop', operation: 'place', count: 3 });
    const dispatches = [dispatchOf(), dispatchOf(), dispatchOf()];
    const answers = await Promise.all(dispatches.map(place));
    expect(answers.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', 'unknown']);
    for (const dispatch of dispatches) expect(await connected.findByTag(dispatch)).toMatchObject({ outcome: 'found' });
    expect(await world.truth()).toHaveLength(3);
  });

  it('is not tried for a while after it has not come through five times, and is tried again', async () => {
    await world.faultForAll({ kind: 'refuse', forMs: 60_000 });
    for (let n = 0; n < 5; n += 1)
      expect(await place()).toMatchObject({ outcome: 'notSent', again: 'here', evidence: { code: 'ECONNREFUSED' } });
    await world.heal();
    // The broker is back, but nobody looks yet.
    expect(await place()).toMatchObject({ outcome: 'notSent', again: 'here', evidence: { code: 'CIRCUIT_OPEN' } });
    expect(await world.truth()).toEqual([]);
    await eventually('another try', async () => ((await place()).outcome === 'accepted' ? true : undefined));
    expect(await place()).toMatchObject({ outcome: 'accepted' });
  });

  it('is not given up for what it rejects', async () => {
    // Of the wrong tick: rejected, some of them after they were taken.
    for (let n = 0; n < 6; n += 1) await place(dispatchOf({ ...REST, priceE4: 14_000_100 }));
    expect(await place()).toMatchObject({ outcome: 'accepted' });
  });

  it('says that an order filled before it could be cancelled', async () => {
    const mine = await working(dispatchOf(BUY_NOW));
    mine.events.push(happened.cancelRequested());
    mine.hear(await connected.cancel(mine.now()));
    expect(mine.now()).toMatchObject({ status: 'filled', filledQuantity: 10 });
    expect(mine.events.map(({ type }) => type)).not.toContain('OrderCancelled');
  });

  it('says that an order filled before it could be made larger', async () => {
    const mine = await working(dispatchOf(BUY_NOW));
    const wanted = { ...BUY_NOW, quantity: 20 };
    mine.events.push(happened.replaceRequested(wanted));
    mine.hear(await connected.modify(mine.now(), wanted));
    expect(mine.now()).toMatchObject({ status: 'filled', filledQuantity: 10, terms: { quantity: 10 } });
    expect(mine.events.map(({ type }) => type)).toContain('ReplaceRejected');
  });

  it('says that a change was rejected when the order stands as it stood', async () => {
    const mine = await working();
    const answer = await connected.modify(mine.now(), { ...REST, priceE4: 14_000_100 });
    // Angel One has one code for this and for troubles of its own, and only what is certain is a rejection.
    const outcome = broker === 'angelone' ? 'unknown' : 'rejected';
    expect(answer).toMatchObject({ outcome, evidence: { message: expect.any(String) } });
  });

  it('leaves a change and a cancel in doubt when their answers got lost, and the book shows them', async () => {
    const mine = await working();
    await world.fault({ kind: 'accept-then-drop', operation: 'modify', count: 1 });
    await world.fault({ kind: 'accept-then-drop', operation: 'cancel', count: 1 });
    const wanted = { ...REST, quantity: 12 };
    mine.events.push(happened.replaceRequested(wanted));
    expect(await connected.modify(mine.now(), wanted)).toMatchObject({ outcome: 'unknown' });
    mine.hear(await connected.modify(mine.now(), wanted)); // asked again, it stands under those terms
    expect(mine.now().terms).toEqual(wanted);
    mine.events.push(happened.cancelRequested());
    expect(await connected.cancel(mine.now())).toMatchObject({ outcome: 'unknown' });
    mine.hear(await connected.cancel(mine.now()));
    expect(mine.now().status).toBe('cancelled');
    expect(await world.truth()).toMatchObject([{ state: 'cancelled', quantity: 12 }]);
  });

  it('cannot change an order that it never gave an id', async () => {
    const unknown = fold(decider, decider.initial, [happened.placed(), happened.dispatched()]);
    for (const answer of [await connected.cancel(unknown), await connected.modify(unknown, REST)])
      expect(answer).toMatchObject({ outcome: 'notSent', evidence: { code: 'NOT_AT_BROKER' } });
  });

  it('raises an alarm when one tag stands on two orders', async () => {
    const dispatch = dispatchOf();
    expect(await connected.findByTag(dispatch)).toEqual({ outcome: 'absent' });
    const client = world.open();
    for (let n = 0; n < 2; n += 1) await client.place(resting(world.share, dispatch.tag));
    expect(await connected.findByTag(dispatch)).toMatchObject({ outcome: 'found' });
    expect(alarms).toEqual(['duplicate']);
  });

  it('tells with an order that it found what was traded of it', async () => {
    const dispatch = dispatchOf(BUY_NOW);
    await world.fault({ kind: 'accept-then-drop', operation: 'place', count: 1 });
    expect(await place(dispatch)).toMatchObject({ outcome: 'unknown' });
    const found = await connected.findByTag(dispatch);
    if (found.outcome !== 'found') throw new Error(JSON.stringify(found));
    const mine = workingOrder(broker, dispatch, { outcome: 'accepted', reports: found.reports });
    expect(mine.now()).toMatchObject({ status: 'filled', filledQuantity: 10 });
    expect(mine.events[2]).toMatchObject({ type: 'OrderAccepted', data: { evidence: { code: 'FOUND_BY_TAG' } } });
  });

  it('is locked for as long as nobody logs in, and knows nothing of absence meanwhile', async () => {
    await world.fault({ kind: 'expire-token' });
    expect(await place()).toMatchObject({ outcome: 'notSent', again: 'elsewhere' });
    expect(await connected.findByTag(dispatchOf())).toMatchObject({ outcome: 'unknown' });
    expect(locks).toEqual(['auth', 'auth']);
  });

  it('reads again what failed for a moment', async () => {
    const operation = world.capabilities.findByTag === 'search' ? 'findByTag' : 'orders';
    await world.fault({ kind: 'accept-then-5xx', operation, count: 1 });
    expect(await connected.findByTag(dispatchOf())).toEqual({ outcome: 'absent' });
  });

  it('does not send what is too late, what it does not list, or what comes after its end', async () => {
    expect(await connected.place(dispatchOf(), Date.now() - 1)).toMatchObject({ outcome: 'notSent', again: 'here' });
    const unlisted = dispatchOf(REST, { instrumentKey: 'NSE_EQ|NOSUCH' });
    expect(await place(unlisted)).toMatchObject({ outcome: 'notSent', again: 'elsewhere' });
    await connected.close();
    expect(await place()).toMatchObject({ outcome: 'notSent', evidence: { code: 'GOVERNOR_CLOSED' } });
    expect(await world.truth()).toEqual([]);
  });

  it('says beforehand what it will not take', () => {
    const asked = { ...sample, instrumentKey: SHARE };
    expect(connected.refuses(asked)).toBeUndefined();
    expect(connected.refuses({ ...asked, instrumentKey: 'NSE_EQ|NOSUCH' })).toContain('does not list');
    expect(connected.refuses({ ...asked, segment: 'NSE_INDEX' })).toContain('segment');
  });

  it('knows the price of what it was prepared for', async () => {
    const live = await moving.world(broker);
    const { connected: other, alarms: heard } = connect(live);
    expect(other.lastPriceE4(SHARE)).toBeUndefined();
    await other.prepare([SHARE, 'NSE_EQ|NOSUCH']);
    expect([15_800_000, 15_782_000, 15_946_000, 15_923_000]).toContain(other.lastPriceE4(SHARE));
    await other.prepare([SHARE, THIN]); // the first goes on while the second is waited for
    expect(other.lastPriceE4(THIN)).toBeDefined();
    const before = other.lastPriceE4(SHARE);
    await eventually('a move', () => (other.lastPriceE4(SHARE) === before ? undefined : true));
    expect(heard).toEqual([]);
    await other.close();
    await live.stop();
  });
});

it('many cancels at a broker that shows single orders in its book alone share their looks at it', async () => {
  const world = await still.world('angelone', { ordersPerSecond: 0 });
  const { connected, throttled } = connect(world);
  const orders = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const dispatch = dispatchOf();
      return workingOrder('angelone', dispatch, await connected.place(dispatch, Infinity));
    }),
  );
  const before = await world.asked('orders');
  await Promise.all(
    orders.map(async (mine) => {
      mine.events.push(happened.cancelRequested());
      mine.hear(await connected.cancel(mine.now()));
    }),
  );
  expect(orders.map((mine) => mine.now().status)).toEqual(Array(8).fill('cancelled'));
  expect((await world.asked('orders')) - before).toBeLessThan(8);
  expect(throttled).toEqual([]);
  await connected.close();
  await world.stop();
});

/** As whoever sends orders does: what provably was not sent, and may be tried here again, is. */
const placedAtLast = async (connected: ConnectedBroker, dispatch: Dispatch): Promise<BrokerAnswer> => {
  for (let tries = 1; ; tries += 1) {
    const answer = await connected.place(dispatch, Infinity);
    if (answer.outcome !== 'notSent' || answer.again !== 'here' || tries === 3) return answer;
  }
};

it('sixty orders at once at each broker all get there, and no broker finds them too many', async () => {
  await Promise.all(
    BROKER_NAMES.map(async (broker) => {
      const world = await still.world(broker, { ordersPerSecond: 0 });
      const { connected, throttled } = connect(world);
      const before = await world.breaches();
      const dispatches = Array.from({ length: 60 }, () => dispatchOf());
      const answers = await Promise.all(dispatches.map((dispatch) => placedAtLast(connected, dispatch)));
      // Told with its evidence: which of sixty it was, and why.
      expect([broker, answers.filter(({ outcome }) => outcome !== 'accepted')]).toEqual([broker, []]);
      const tags = (await world.truth()).map(({ tag }) => tag);
      expect(tags.sort()).toEqual(dispatches.map(({ tag }) => tag).sort());
      expect([broker, throttled]).toEqual([broker, []]);
      expect(await world.breaches()).toBe(before);
      await connected.close();
      await world.stop();
    }),
  );
});
