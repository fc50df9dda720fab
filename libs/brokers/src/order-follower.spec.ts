import { fold } from '#domain/decider';
import { type ExecutionReport, order as decider, type Order, type OrderEvent } from '#domain/orders/order';
import { details, happened, terms } from '#domain/orders/samples';
import { eventually } from '../../../apps/broker-sim/src/sim-in-spec';
import { reportsOn, type ReportListener } from './broker';
import {
  BROKER_NAMES,
  type BrokerClient,
  type BrokerName,
  type OrderFeedListener,
  type OrderRow,
  type Read,
  type TradeRow,
} from './client';
import { type OpenOrder, OrderFollower, type OrderFollowerOptions } from './order-follower';
import { type ClientWorld, openStage, resting, type SimStage } from './sim-world.contract';

/** One order in our log, whoever tells of it. */
const logged = (before: readonly OrderEvent[], dispatchedAtMs = Date.now()) => {
  const events: OrderEvent[] = [...before];
  const now = (): Order => fold(decider, decider.initial, events);
  const told: { reports: readonly ExecutionReport[]; source: string }[] = [];
  const listener: ReportListener = (_, say, source) => {
    const reports = reportsOn(now(), say);
    told.push({ reports, source });
    for (const report of reports) events.push(...decider.decide({ type: 'RecordReport', data: report }, now()));
    return Promise.resolve();
  };
  return { now, told, listener, events, open: (): OpenOrder => ({ order: now(), dispatchedAtMs }) };
};

jest.setTimeout(30_000);

/* ------------------------------------------------------------------------------------------- a broker under our hands */

describe('a follower', () => {
  const NOW_MS = Date.UTC(2026, 0, 2, 6, 0); // 11:30 in India
  const RECONCILE_MS = 60_000;
  let book: { orders: OrderRow[]; trades: TradeRow[] };
  let asked: string[];
  let alarms: string[];
  let feed: OrderFeedListener;
  let open: readonly OpenOrder[];
  let mine: ReturnType<typeof logged>;
  let follower: OrderFollower;
  let stop: () => Promise<void>;

  const row = (change: Partial<OrderRow> = {}): OrderRow => ({
    ...{ brokerOrderId: 'B1', tag: 'tag-1', symbol: 'NSE:RELIANCE', side: 'BUY', state: 'WORKING', rawState: 'open' },
    ...{ terms: terms(100), filledQuantity: 0 },
    ...change,
  });
  const trade = (tradeId: string, quantity: number, brokerOrderId = 'B1'): TradeRow => ({
    ...{ tradeId, brokerOrderId, symbol: 'NSE:RELIANCE', side: 'BUY', quantity, priceE4: 14_120_000 },
    tradedAtMs: NOW_MS,
  });
  const ok = <Value>(value: Value): Promise<Read<Value>> => Promise.resolve({ outcome: 'ok', value });
  const failed = { outcome: 'failed', errorClass: 'transient', evidence: { code: 'HTTP_503' } } as const;

  const build = (change: Partial<OrderFollowerOptions> = {}): void => {
    follower = new OrderFollower({
      broker: 'somewhere',
      follow: (listener) => {
        feed = listener;
        return { close: () => Promise.resolve() };
      },
      orders: () => {
        asked.push('orders');
        return ok([...book.orders]);
      },
      trades: () => {
        asked.push('trades');
        return ok([...book.trades]);
      },
      order: (id) => {
        asked.push(`order ${id}`);
        return ok(book.orders.find(({ brokerOrderId }) => brokerOrderId === id));
      },
      tradesOf: (id) => {
        asked.push(`trades of ${id}`);
        return ok(book.trades.filter(({ brokerOrderId }) => brokerOrderId === id));
      },
      openOrders: () => Promise.resolve(open),
      reconcileMs: RECONCILE_MS,
      now: () => Date.now(),
      onAlarm: (kind) => alarms.push(kind),
      ...change,
    });
  };
  /** With the socket up, and its first comparisons done. */
  const start = async (listener: ReportListener = mine.listener): Promise<void> => {
    stop = follower.start(listener);
    feed.onState({ state: 'up' });
    await jest.advanceTimersByTimeAsync(10);
    asked = [];
  };
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
  const kinds = (): string[] => mine.events.slice(3).map(({ type }) => type);

  beforeEach(() => {
    jest.useFakeTimers({ now: NOW_MS });
    [asked, alarms] = [[], []];
    book = { orders: [row()], trades: [] };
    mine = logged([happened.placed(), happened.dispatched(), happened.accepted()]);
    open = [];
    build();
    open = [mine.open()];
  });
  afterEach(async () => {
    await stop();
    expect(jest.getTimerCount()).toBe(0); // whoever has stopped waits for nothing
    jest.useRealTimers();
  });

  it('tells a trade that comes later than the row, and the end of the order after it', async () => {
    await start();
    feed.onRows([row({ state: 'CANCELLED', filledQuantity: 30 })], []);
    await pass(1);
    expect(kinds()).toEqual([]); // overtaken by its cancel, the trade is not lost
    book.trades = [trade('T1', 30)];
    await pass(200);
    expect(kinds()).toEqual(['OrderFilled', 'OrderCancelled']);
    expect(mine.events.at(-1)).toMatchObject({ data: { leavesQuantity: 70 } });
  });

  it('tells what is known of the trades while it waits for the rest', async () => {
    await start();
    book.trades = [trade('T1', 10)];
    feed.onRows([row({ state: 'FILLED', filledQuantity: 100 })], []);
    await pass(1);
    expect(kinds()).toEqual(['OrderFilled']);
    book.trades = [trade('T1', 10), trade('T2', 90)];
    await pass(1_500);
    expect(kinds()).toEqual(['OrderFilled', 'OrderFilled']);
    expect(mine.now().status).toBe('filled');
  });

  it('leaves trades that do not come to the next comparison', async () => {
    await start();
    feed.onRows([row({ state: 'CANCELLED', filledQuantity: 30 })], []);
    await pass(10_000);
    expect(asked).toEqual(Array(4).fill('trades of B1'));
    expect(kinds()).toEqual([]);
    book = { orders: [row({ state: 'CANCELLED', filledQuantity: 30 })], trades: [trade('T1', 30)] };
    await pass(RECONCILE_MS);
    expect(kinds()).toEqual(['OrderFilled', 'OrderCancelled']);
    expect(mine.told.at(-1)?.source).toBe('reconciliation-somewhere');
  });

  it('does not read trades that the socket has brought', async () => {
    await start();
    feed.onRows([row({ filledQuantity: 30 })], []);
    feed.onRows([], [trade('T1', 30)]);
    await pass(1);
    expect([kinds(), asked]).toEqual([['OrderFilled'], []]);
  });

  it('says how an order ended without reading the trades that it knows', async () => {
    await start();
    feed.onRows([row({ filledQuantity: 30 })], [trade('T1', 30)]);
    await pass(1);
    open = [mine.open()];
    await follower.compare();
    asked = [];
    feed.onRows([row({ state: 'CANCELLED', filledQuantity: 30 })], []);
    await pass(1);
    expect([kinds(), asked]).toEqual([['OrderFilled', 'OrderCancelled'], []]);
  });

  it('ignores the orders of others', async () => {
    await start();
    const foreign = { brokerOrderId: 'B2', tag: 'another' };
    feed.onRows([row({ ...foreign, filledQuantity: 5 })], [trade('T9', 5, 'B2')]);
    book.orders = [row(), row({ ...foreign, state: 'CANCELLED' })];
    await pass(RECONCILE_MS + 10);
    expect(mine.told).toEqual([]);
    expect(asked.filter((one) => one.includes('B2'))).toEqual([]);
    expect(alarms).toEqual([]);
  });

  it('looks again for an order that the to-do list does not know yet', async () => {
    open = [];
    await start();
    feed.onRows([row({ state: 'CANCELLED' })], []);
    await pass(100);
    open = [mine.open()];
    await pass(150);
    expect(kinds()).toEqual(['OrderCancelled']);
    expect(asked).toEqual([]); // before any comparison
  });

  it('knows an order by its tag as long as the broker’s id for it is not known', async () => {
    mine = logged([happened.placed(), happened.dispatched()]);
    open = [mine.open()];
    build();
    await start(mine.listener);
    expect(mine.events.slice(2)).toMatchObject([{ type: 'OrderAccepted', data: { brokerOrderId: 'B1' } }]);
  });

  it('tells one thing after the other of an order', async () => {
    let [busy, most] = [0, 0];
    await start(async (...said) => {
      busy += 1;
      most = Math.max(most, busy);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await mine.listener(...said);
      busy -= 1;
    });
    for (const n of [1, 2, 3]) feed.onRows([row({ filledQuantity: n * 10 })], [trade(`T${String(n)}`, 10)]);
    await pass(1_000);
    expect(most).toBe(1);
    expect(mine.now().filledQuantity).toBe(30);
  });

  it('does not guess what became of an order of yesterday that is in no book any more, and says so', async () => {
    book.orders = [];
    const yesterday = NOW_MS - 12 * 3_600_000; // 23:30 of the day before in India, the same day in Greenwich
    open = [{ order: mine.now(), dispatchedAtMs: yesterday }];
    await start();
    expect(mine.told).toEqual([]);
    expect(alarms).toEqual(['missing']);
  });

  it('tells nothing of an order of yesterday when the book cannot be read', async () => {
    build({ orders: () => Promise.resolve(failed) });
    open = [{ order: mine.now(), dispatchedAtMs: NOW_MS - 86_400_000 }];
    await start();
    await pass(RECONCILE_MS);
    expect(mine.told).toEqual([]);
    expect(new Set(alarms)).toEqual(new Set(['reading-failed']));
  });

  it('raises an alarm when an order of today is missing for long, and none when it comes back', async () => {
    book.orders = [];
    open = [mine.open()];
    await start();
    expect(alarms).toEqual([]);
    await pass(29_000);
    await follower.compare();
    expect(alarms).toEqual([]);
    book.orders = [row()];
    await follower.compare();
    book.orders = [];
    await pass(2_000);
    await follower.compare(); // missing anew: the time begins again
    expect(alarms).toEqual([]);
    await pass(30_000);
    await follower.compare();
    expect(alarms).toEqual(['missing']);
    expect(mine.told).toEqual([]);
  });

  describe('while a comparison runs', () => {
    let release: () => void;
    beforeEach(() => {
      build({
        orders: async () => {
          asked.push('orders');
          const seen = [...book.orders];
          if (asked.length === 1) await new Promise<void>((resolve) => (release = resolve));
          return { outcome: 'ok', value: seen };
        },
      });
    });

    it.each([
      ['is still running then', 1],
      ['ends in the same moment', 0],
    ])('and %s, another one begins when the socket comes up', async (_, ms) => {
      stop = follower.start(mine.listener);
      await pass(1); // reads the book, slowly, before the socket is up
      book.orders = [row({ state: 'CANCELLED' })];
      feed.onState({ state: 'up' });
      if (ms > 0) await pass(ms);
      release();
      await pass(10);
      expect(kinds()).toEqual(['OrderCancelled']);
    });

    it('no other one does at the same time, however often it is asked for', async () => {
      stop = follower.start(mine.listener);
      await pass(1);
      const others = [follower.compare(), follower.compare()];
      await pass(10);
      expect(asked).toEqual(['orders']);
      release();
      await Promise.all(others);
      expect(asked).toEqual(['orders', 'trades', 'orders', 'trades']);
    });
  });

  it('polls while the socket is down, and no more often than it has to while it is up', async () => {
    await start();
    await pass(RECONCILE_MS - 1_000);
    expect(asked).toEqual([]);
    feed.onState({ state: 'down', errorClass: 'transient', evidence: {} });
    await pass(6_500);
    expect(asked.filter((one) => one === 'orders')).toHaveLength(4); // at once, and every two seconds
    expect(alarms).toEqual(['feed-down']);
    feed.onState({ state: 'up' });
    await pass(10);
    asked = [];
    await pass(RECONCILE_MS - 1_000);
    expect(asked).toEqual([]);
  });

  it('says that a listener has failed, and tells it again with the next comparison', async () => {
    let isBroken = true;
    await start((...said) => (isBroken ? Promise.reject(new Error('no log')) : mine.listener(...said)));
    book.orders = [row({ state: 'CANCELLED' })];
    feed.onRows([row({ state: 'CANCELLED' })], []);
    await pass(1);
    expect(alarms).toEqual(['listener-failed']);
    isBroken = false;
    await pass(RECONCILE_MS);
    expect(kinds()).toEqual(['OrderCancelled']);
  });

  it('says what could not be read', async () => {
    build({ order: () => Promise.resolve(failed), tradesOf: () => Promise.resolve(failed) });
    await start();
    await follower.hint('B1');
    expect(alarms).toEqual(['reading-failed']);
    feed.onRows([row({ filledQuantity: 1, state: 'CANCELLED' })], []);
    feed.onDrift({ code: 'DRIFT' });
    await pass(1);
    expect(alarms).toEqual(['reading-failed', 'drift', 'reading-failed']);
    expect(kinds()).toEqual([]);
  });

  it('tells nothing once it has stopped, and does not wait for what will not come', async () => {
    await start();
    feed.onRows([row({ state: 'CANCELLED', filledQuantity: 30 })], []);
    feed.onRows([row({ brokerOrderId: 'B7' })], []);
    await pass(1);
    await stop(); // in the middle of both pauses
    book.trades = [trade('T1', 30)];
    feed.onRows([row({ state: 'CANCELLED', filledQuantity: 30 })], [trade('T1', 30)]);
    await pass(RECONCILE_MS);
    expect(kinds()).toEqual([]);
    expect(() => follower.start(mine.listener)).not.toThrow();
  });

  it('follows for one listener at a time', async () => {
    await start();
    expect(() => follower.start(mine.listener)).toThrow('followed already');
  });
});

/* ---------------------------------------------------------------------------------------------------- over the wire */

describe('whatever channel brings the news, over the wire', () => {
  let stage: SimStage;
  let world: ClientWorld;
  let client: BrokerClient;
  let stop: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.stop());
  afterEach(async () => {
    await stop?.();
    stop = undefined;
    await world.stop();
  });

  const NEVER_MS = 3_600_000;
  const none = Promise.resolve({ outcome: 'ok' as const, value: [] });
  /** A follower of the one order that is placed next: 10 shares, bought at once. */
  const begin = async (
    broker: BrokerName,
    {
      reconcileMs = NEVER_MS,
      orderFeed,
      hasBooks = true,
    }: { reconcileMs?: number; orderFeed?: string; hasBooks?: boolean } = {},
  ) => {
    world = await stage.world(broker);
    client = world.open({ ...(orderFeed !== undefined && { orderFeed }) });
    const asked = resting(world.share, 'FOLLOWED00000000001');
    const order = { ...asked, terms: { ...asked.terms, priceE4: 15_800_000 } };
    const ordered = { ...details, ...order.terms, instrumentKey: world.share.instrumentKey };
    const mine = logged([
      happened.placed(ordered),
      { type: 'OrderDispatched', data: { attempt: 1, broker, tag: order.tag } },
    ]);
    const alarms: string[] = [];
    let states = 0;
    const follower = new OrderFollower({
      broker,
      follow: (listener) =>
        client.followOrders({
          ...listener,
          onState: (state) => {
            states += state.state === 'up' ? 1 : 0;
            listener.onState(state);
          },
        }),
      // Where no comparison may be what finds it, there is nothing in the books that are compared.
      orders: () => (hasBooks ? patient(() => client.orders()) : none),
      trades: () => (hasBooks ? patient(() => client.trades()) : none),
      order: (id) => patient(() => client.order(id)),
      tradesOf: (id) => patient(() => client.tradesOf(id)),
      openOrders: () => Promise.resolve([mine.open()]),
      reconcileMs,
      now: () => Date.now(),
      onAlarm: (kind) => alarms.push(kind),
    });
    stop = follower.start(mine.listener);
    const place = async (): Promise<string> => {
      const sent = await client.place(order);
      if (sent.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(sent)}`);
      return sent.brokerOrderId;
    };
    const isUp = (times = 1): Promise<true> => eventually('the feed', () => (states >= times ? true : undefined));
    const isFilled = (): Promise<Order> =>
      eventually('the fill', () => (mine.now().status === 'filled' ? mine.now() : undefined));
    /** The same from every channel: accepted, then one trade. */
    const expectAll = async (source: string): Promise<void> => {
      await isFilled();
      const [truth] = await world.truth();
      expect(mine.events.slice(2)).toMatchObject([
        { type: 'OrderAccepted', data: { brokerOrderId: truth?.brokerOrderId } },
        { type: 'OrderFilled', data: { quantity: 10, priceE4: 15_800_000, leavesQuantity: 0 } },
      ]);
      expect(mine.now().tradeIds.first()).toContain(truth?.trades[0]?.tradeId ?? 'none');
      expect(mine.told.find(({ reports }) => reports.some(({ kind }) => kind === 'trade'))?.source).toEqual(source);
    };
    return { follower, mine, alarms, place, isUp, expectAll };
  };

  /** Reads are rationed by the second at some brokers; whoever owns the follower waits for its turn. */
  const patient = <Value>(ask: () => Promise<Read<Value>>): Promise<Read<Value>> =>
    eventually('an answer', async () => {
      const answer = await ask();
      return answer.outcome === 'failed' && answer.errorClass === 'throttled' ? undefined : answer;
    });

  describe.each(BROKER_NAMES)('%s', (broker) => {
    it('is heard by its socket', async () => {
      const { place, isUp, expectAll, alarms } = await begin(broker, { hasBooks: false });
      await isUp();
      await place();
      await expectAll(`broker-${broker}`);
      expect(alarms).toEqual([]);
    });

    it('is heard by a hint, when the socket has told nothing', async () => {
      const { follower, place, isUp, expectAll, mine } = await begin(broker, { hasBooks: false });
      await isUp();
      await world.fault({ kind: 'lose-update' });
      const id = await place();
      expect(mine.told).toEqual([]);
      await follower.hint(id);
      await expectAll(`broker-${broker}`);
    });

    it('is heard by a row that proves itself, when the socket has told nothing', async () => {
      const { follower, place, isUp, expectAll } = await begin(broker, { hasBooks: false });
      await isUp();
      await world.fault({ kind: 'lose-update' });
      const row = await patient(async () => client.order(await place()));
      if (row.outcome === 'failed' || !row.value) throw new Error('there is no row');
      await follower.take(row.value);
      await expectAll(`broker-${broker}`);
    });

    it('is polled while the socket is down', async () => {
      const { place, expectAll, alarms } = await begin(broker, { orderFeed: 'ws://127.0.0.1:1' });
      await eventually('the alarm', () => (alarms.includes('feed-down') ? true : undefined));
      await place();
      await expectAll(`broker-${broker}`);
    });

    it('is compared from time to time, and what only that has found is marked', async () => {
      const { place, isUp, expectAll } = await begin(broker, { reconcileMs: 200 });
      await isUp();
      await world.fault({ kind: 'lose-update' });
      await place();
      await expectAll(`reconciliation-${broker}`);
    });

    it('is caught up with as soon as a socket that was cut is back', async () => {
      const { place, isUp, expectAll, alarms } = await begin(broker, { reconcileMs: NEVER_MS });
      await isUp();
      await world.fault({ kind: 'lose-update' });
      await place();
      await world.fault({ kind: 'cut-sockets' });
      await isUp(2);
      await expectAll(expect.stringMatching(`^(broker|reconciliation)-${broker}$`) as string);
      expect(alarms).toContain('feed-down');
    });

    it('bears being told everything twice and in the wrong order', async () => {
      const { place, isUp, expectAll } = await begin(broker, { hasBooks: false });
      await isUp();
      await world.fault({ kind: 'duplicate-update' });
      await world.fault({ kind: 'reorder-updates' });
      await place();
      await expectAll(`broker-${broker}`);
    });
  });
});
