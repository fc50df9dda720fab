import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { Evidence, OrderTerms } from '#domain/orders/order';
import { eventually } from '../../../apps/broker-sim/src/sim-in-spec';
import type {
  BrokerClient,
  Feed,
  FeedState,
  OrderAtBroker,
  OrderRow,
  OrderToSend,
  PriceTick,
  Read,
  Sent,
  TradeRow,
} from './client';
import { type ClientWorld, resting, type TrueOrder } from './sim-world.contract';

/** How a broker says no to an order: in its answer, or in its book after it had said yes. */
export interface Habits {
  readonly refusesLater: readonly ('tick' | 'lot' | 'funds' | 'circuit')[];
}

export interface Worlds {
  /** The market stands at its open. */
  still(): Promise<ClientWorld>;
  /** Prices move several times a second. */
  moving(): Promise<ClientWorld>;
}

/** What every client promises over the wire, numbered; each case for what the broker's capabilities claim. */
export const clientContract = (name: string, { still, moving }: Worlds, { refusesLater }: Habits): void => {
  describe(`${name} over the wire`, () => {
    let world: ClientWorld;
    let client: BrokerClient;
    let order: OrderToSend;
    let feeds: Feed[];
    let count = 0;
    const nextTag = (): string => `CONTRACT${String((count += 1)).padStart(11, '0')}`;

    beforeEach(async () => {
      world = await still();
      client = world.open();
      order = resting(world.share, nextTag());
      feeds = [];
    });
    afterEach(async () => {
      for (const feed of feeds) await feed.close();
      await world.heal();
      await world.stop();
    });

    /** Some brokers ration reads by the second: what was too fast is asked for again. */
    const read = async <Value>(ask: () => Promise<Read<Value>>): Promise<Value> => {
      const answer = await eventually('an answer', async () => {
        const one = await ask();
        return one.outcome === 'failed' && one.errorClass === 'throttled' ? undefined : one;
      });
      if (answer.outcome === 'failed') throw new Error(`failed: ${JSON.stringify(answer)}`);
      return answer.value;
    };
    const refusal = async (ask: () => Promise<Read<unknown>>): Promise<Read<unknown>> =>
      eventually('an answer', async () => {
        const one = await ask();
        return one.outcome === 'failed' && one.errorClass === 'throttled' ? undefined : one;
      });
    const rowOf = (brokerOrderId: string): Promise<OrderRow | undefined> => read(() => client.order(brokerOrderId));
    const placed = async (asked: OrderToSend = order): Promise<OrderAtBroker> => {
      const { tag: _tag, ...rest } = asked;
      return { ...rest, brokerOrderId: idOf(await client.place(asked)) };
    };
    const truly = async (brokerOrderId: string): Promise<TrueOrder | undefined> =>
      (await world.truth()).find((one) => one.brokerOrderId === brokerOrderId);

    describe('a session', () => {
      it('1. knows whose it is', async () => {
        expect(await client.validate()).toMatchObject({ outcome: 'ok', value: { clientId: world.clientId } });
      });

      it('2. says that a token is wrong', async () => {
        const wrong = Object.fromEntries(
          Object.entries(world.credentials).map(([field, value]) => [
            field,
            /token/i.test(field) ? `${value.slice(0, -3)}xyz` : value,
          ]),
        );
        const stranger = world.open({ credentials: wrong });
        expect(await stranger.validate()).toMatchObject({ outcome: 'failed', errorClass: 'auth' });
        expect(await stranger.place(order)).toMatchObject({ outcome: 'notSent', errorClass: 'auth' });
        expect(await world.truth()).toEqual([]);
      });

      it('3. says that it is over', async () => {
        await world.fault({ kind: 'expire-token' });
        expect(await client.validate()).toMatchObject({ outcome: 'failed', errorClass: 'auth' });
      });
    });

    describe('an order', () => {
      it('4. is accepted, and is in the book as it was asked for', async () => {
        const { brokerOrderId } = await placed();
        expect(await world.truth()).toMatchObject([
          {
            ...{ brokerOrderId, tag: order.tag, instrumentKey: world.share.instrumentKey, side: 'BUY' },
            ...{ orderType: 'LIMIT', quantity: 10, price: 1400, validity: 'DAY', state: 'open' },
          },
        ]);
        expect(await rowOf(brokerOrderId)).toMatchObject({
          ...{ brokerOrderId, tag: order.tag, symbol: world.share.symbol, side: 'BUY', product: 'CNC' },
          ...{ state: 'WORKING', terms: order.terms, filledQuantity: 0 },
        });
      });

      it.each<[string, Partial<OrderTerms> & Pick<OrderTerms, 'orderType'>, Partial<TrueOrder>]>([
        ['MARKET', { orderType: 'MARKET' }, { state: 'complete', filledQuantity: 10 }],
        ['LIMIT', { orderType: 'LIMIT', priceE4: 15_800_000 }, { state: 'complete', price: 1580 }],
        [
          'SL',
          { orderType: 'SL', priceE4: 16_500_000, triggerPriceE4: 16_400_000 },
          { state: 'trigger-wait', price: 1650, triggerPrice: 1640 },
        ],
        ['SL_M', { orderType: 'SL_M', triggerPriceE4: 16_400_000 }, { state: 'trigger-wait', triggerPrice: 1640 }],
        ['IOC', { orderType: 'LIMIT', priceE4: 14_000_000, validity: 'IOC' }, { state: 'cancelled', validity: 'IOC' }],
      ])('5. of the kind %s is understood', async (_, terms, expected) => {
        const asked: OrderToSend = { ...order, terms: { quantity: 10, validity: 'DAY', ...terms } };
        const { brokerOrderId } = await placed(asked);
        expect(await truly(brokerOrderId)).toMatchObject({ quantity: 10, ...expected });
        const state = { complete: 'FILLED', 'trigger-wait': 'TRIGGER_WAIT', cancelled: 'CANCELLED' } as const;
        const row = await rowOf(brokerOrderId);
        expect(row?.state).toBe(state[expected.state as keyof typeof state]);
        expect(row?.averagePriceE4).toBe(expected.state === 'complete' ? 15_800_000 : undefined);
      });

      it('6. of an unknown instrument is rejected', async () => {
        const symbol = name === 'upstox' ? 'NSE_EQ|INE999Z01999' : 'NSE:NOSUCH-EQ';
        const instrument = { ...world.share, symbol, token: name === 'upstox' ? symbol : '99999999' };
        expect(await client.place({ ...order, instrument })).toMatchObject({
          outcome: 'rejected',
          evidence: { message: expect.any(String) },
        });
        expect(await world.truth()).toEqual([]);
      });

      it.each<['tick' | 'lot' | 'funds' | 'circuit', (one: OrderToSend) => OrderToSend]>([
        ['tick', (one) => ({ ...one, terms: { ...one.terms, priceE4: 14_000_100 } })],
        ['lot', (one) => ({ ...one, product: 'NRML', terms: { ...one.terms, quantity: 64, priceE4: 250_000_000 } })],
        ['funds', (one) => ({ ...one, terms: { ...one.terms, quantity: 90_000 } })],
        ['circuit', (one) => ({ ...one, terms: { ...one.terms, priceE4: 10_000_000 } })],
      ])('7. against the rules (%s) is rejected after the habit of the broker', async (rule, broken) => {
        const instrument = rule === 'lot' ? world.contract : world.share;
        if (!instrument) {
          expect(['fyers', 'angelone']).toContain(name); // their files of that day list no futures
          return;
        }
        const sent = await client.place(broken({ ...order, instrument }));
        if (!refusesLater.includes(rule)) {
          expect(sent).toMatchObject({ outcome: 'rejected', evidence: { message: expect.any(String) } });
          if (rule === 'funds') expect(sent).toMatchObject({ errorClass: expect.stringMatching(/^(funds|risk)$/) });
          return;
        }
        expect(await rowOf(idOf(sent))).toMatchObject({
          state: 'REJECTED',
          filledQuantity: 0,
          evidence: { message: expect.any(String) },
        });
      });

      it('8. is in doubt when it was taken and the answer got lost', async () => {
        for (const kind of ['accept-then-drop', 'accept-then-5xx'] as const) {
          await world.fault({ kind, operation: 'place', count: 1 });
          const asked = { ...order, tag: nextTag() };
          expect(await client.place(asked)).toMatchObject({ outcome: 'unknown' });
          const [found, ...others] = await read(() => client.findByTag(asked.tag));
          expect(others).toEqual([]);
          expect(await truly(found?.brokerOrderId ?? '')).toMatchObject({ tag: asked.tag });
        }
        expect(await world.truth()).toHaveLength(2);
      });

      it('9. is in doubt when the connection broke before it was taken', async () => {
        await world.fault({ kind: 'drop-before', operation: 'place', count: 1 });
        expect(await client.place(order)).toMatchObject({ outcome: 'unknown' });
        expect(await read(() => client.findByTag(order.tag))).toEqual([]);
        expect(await world.truth()).toEqual([]);
      });

      it('10. is in doubt beyond the deadline, and may appear after it was looked for', async () => {
        await world.fault({ kind: 'delay', operation: 'place', delayMs: 1_500, count: 1 });
        const hasty = world.open({ timeoutMs: 300 });
        expect(await hasty.place(order)).toMatchObject({ outcome: 'unknown', evidence: { code: 'DEADLINE' } });
        expect(await read(() => client.findByTag(order.tag))).toEqual([]);
        await eventually('the order', async () => ((await world.truth()).length === 1 ? true : undefined));
        expect(await read(() => client.findByTag(order.tag))).toHaveLength(1);
      });

      it('11. was provably not sent when nobody listens', async () => {
        await world.faultForAll({ kind: 'refuse', forMs: 60_000 });
        expect(await client.place(order)).toMatchObject({ outcome: 'notSent', errorClass: 'transient' });
        expect(await client.cancel(atBroker(order))).toMatchObject({ outcome: 'notSent', errorClass: 'transient' });
        expect(await client.orders()).toMatchObject({ outcome: 'failed', errorClass: 'transient' });
        expect(await world.truth()).toEqual([]);
      });

      it('12. was provably not sent when the broker says it was too fast', async () => {
        await world.fault({ kind: 'throttle', operation: 'place', count: 1 });
        expect(await client.place(order)).toMatchObject({ outcome: 'notSent', errorClass: 'throttled' });
        expect(await world.truth()).toEqual([]);
        expect(await client.place(order)).toMatchObject({ outcome: 'accepted' });
      });

      it('13. was provably not sent when the session is over', async () => {
        await world.fault({ kind: 'expire-token' });
        expect(await client.place(order)).toMatchObject({ outcome: 'notSent', errorClass: 'auth' });
        expect(await world.truth()).toEqual([]);
      });
    });

    describe('several orders in one call', () => {
      const three = (): OrderToSend[] =>
        [0, 1, 2].map((n) => ({ ...order, tag: nextTag(), terms: { ...order.terms, quantity: 10 + n } }));
      /** `undefined` where there is no such call: then nothing is claimed. */
      const sendMany = async (orders: readonly OrderToSend[]): Promise<readonly Sent[] | undefined> => {
        expect(client.placeMany !== undefined).toBe(world.capabilities.multiPlaceMax > 0);
        return client.placeMany?.(orders);
      };

      it('14. are answered in their order, whatever order they were taken in', async () => {
        const [first, second, third] = three();
        if (!first || !second || !third) throw new Error('three were made');
        const orders = [{ ...first, side: 'SELL' as const, terms: rising(first.terms) }, second, third];
        const sent = await sendMany(orders);
        if (!sent) return;
        for (const [index, one] of sent.entries())
          expect(await truly(idOf(one))).toMatchObject({ tag: orders[index]?.tag, quantity: 10 + index });
        expect(await world.truth()).toHaveLength(3);
      });

      it('15. stand alone: one that is rejected does not take the others with it', async () => {
        const [first, second, third] = three();
        if (!first || !second || !third) throw new Error('three were made');
        const symbol = name === 'upstox' ? 'NSE_EQ|INE999Z01999' : 'NSE:NOSUCH-EQ';
        const sent = await sendMany([first, { ...second, instrument: { ...world.share, symbol } }, third]);
        if (!sent) return;
        expect(sent).toMatchObject([{ outcome: 'accepted' }, { outcome: 'rejected' }, { outcome: 'accepted' }]);
        expect((await world.truth()).map(({ tag }) => tag)).toEqual([first.tag, third.tag]);
      });

      it('16. are all in doubt when the answer got lost, and each is found by its tag', async () => {
        const orders = three();
        await world.fault({ kind: 'accept-then-drop', operation: 'placeMany', count: 1 });
        const sent = await sendMany(orders);
        if (!sent) return;
        expect(sent.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', 'unknown']);
        for (const { tag } of orders) expect(await read(() => client.findByTag(tag))).toMatchObject([{ tag }]);
      });

      it('17. were provably not sent when the broker says it was too fast, or nobody listens', async () => {
        await world.fault({ kind: 'throttle', operation: 'placeMany', count: 1 });
        const sent = await sendMany(three());
        if (!sent) return;
        expect(sent).toMatchObject(Array(3).fill({ outcome: 'notSent', errorClass: 'throttled' }));
        await world.faultForAll({ kind: 'refuse', forMs: 60_000 });
        expect(await sendMany(three())).toMatchObject(Array(3).fill({ outcome: 'notSent', errorClass: 'transient' }));
        expect(await world.truth()).toEqual([]);
      });
    });

    describe('a change', () => {
      const thin = (): OrderToSend => ({
        ...order,
        instrument: world.thin,
        terms: { orderType: 'LIMIT', quantity: 25, priceE4: 36_246_000, validity: 'DAY' },
      });

      it('18. names the total quantity, what was filled included', async () => {
        const mine = await placed(thin());
        expect(await truly(mine.brokerOrderId)).toMatchObject({ filledQuantity: 10, quantity: 25 });
        const terms = { ...mine.terms, quantity: 40 };
        expect(await client.modify(mine, terms)).toEqual({ outcome: 'accepted', brokerOrderId: mine.brokerOrderId });
        expect(await truly(mine.brokerOrderId)).toMatchObject({ filledQuantity: 10, quantity: 40 });
        expect(await rowOf(mine.brokerOrderId)).toMatchObject({ filledQuantity: 10, terms });
      });

      it('19. changes price and kind', async () => {
        const mine = await placed();
        const terms: OrderTerms = { ...mine.terms, orderType: 'SL', priceE4: 16_500_000, triggerPriceE4: 16_400_000 };
        expect(await client.modify(mine, { ...mine.terms, priceE4: 13_990_000 })).toMatchObject({
          outcome: 'accepted',
        });
        expect(await truly(mine.brokerOrderId)).toMatchObject({ price: 1399, quantity: 10 });
        const sent = await client.modify(mine, terms);
        if (sent.outcome === 'accepted')
          expect(await truly(mine.brokerOrderId)).toMatchObject({ orderType: 'SL', triggerPrice: 1640 });
        else expect(sent).toMatchObject({ outcome: 'rejected' });
      });

      it('20. of an order that is over is rejected, and so is its cancel', async () => {
        const mine = await placed();
        expect(await client.cancel(mine)).toEqual({ outcome: 'accepted', brokerOrderId: mine.brokerOrderId });
        expect(await truly(mine.brokerOrderId)).toMatchObject({ state: 'cancelled' });
        expect(await client.cancel(mine)).toMatchObject({ outcome: 'rejected' });
        expect(await client.modify(mine, { ...mine.terms, quantity: 11 })).toMatchObject({ outcome: 'rejected' });
        expect(await truly(mine.brokerOrderId)).toMatchObject({ state: 'cancelled', quantity: 10 });
      });

      it('21. of an order that the broker does not have is rejected', async () => {
        const stranger = { ...atBroker(order), brokerOrderId: '1234567890123456' };
        expect(await client.cancel(stranger)).toMatchObject({ outcome: 'rejected' });
        expect(await client.modify(stranger, { ...order.terms, quantity: 11 })).toMatchObject({ outcome: 'rejected' });
      });

      it('22. is in doubt when its answer got lost', async () => {
        const mine = await placed();
        await world.fault({ kind: 'accept-then-drop', operation: 'modify', count: 1 });
        await world.fault({ kind: 'accept-then-5xx', operation: 'cancel', count: 1 });
        expect(await client.modify(mine, { ...mine.terms, quantity: 11 })).toMatchObject({ outcome: 'unknown' });
        expect(await client.cancel(mine)).toMatchObject({ outcome: 'unknown' });
        expect(await truly(mine.brokerOrderId)).toMatchObject({ quantity: 11, state: 'cancelled' });
      });

      it('23. was provably not made when the broker says it was too fast', async () => {
        const mine = await placed();
        for (const operation of ['modify', 'cancel'] as const)
          await world.fault({ kind: 'throttle', operation, count: 1 });
        const tooFast = { outcome: 'notSent', errorClass: 'throttled' };
        expect(await client.modify(mine, { ...mine.terms, quantity: 11 })).toMatchObject(tooFast);
        expect(await client.cancel(mine)).toMatchObject(tooFast);
        expect(await truly(mine.brokerOrderId)).toMatchObject({ quantity: 10, state: 'open' });
      });
    });

    describe('what is read', () => {
      it('24. is found by its tag, of 19 characters, and by no other', async () => {
        const mine = await placed();
        await placed({ ...order, tag: nextTag() });
        expect(order.tag).toHaveLength(19);
        expect(await read(() => client.findByTag(order.tag))).toMatchObject([
          { brokerOrderId: mine.brokerOrderId, tag: order.tag, state: 'WORKING' },
        ]);
        expect(await read(() => client.findByTag(nextTag()))).toEqual([]);
      });

      it('25. finds both orders where one tag stands on two', async () => {
        const ids = [await placed(), await placed()].map(({ brokerOrderId }) => brokerOrderId);
        const found = await read(() => client.findByTag(order.tag));
        expect(found.map(({ brokerOrderId }) => brokerOrderId).sort()).toEqual(ids.sort());
      });

      it('26. is not known, rather than absent, when the broker cannot be asked', async () => {
        await placed();
        const operation = world.capabilities.findByTag === 'search' ? 'findByTag' : 'orders';
        await world.fault({ kind: 'accept-then-5xx', operation, count: 1 });
        expect(await refusal(() => client.findByTag(order.tag))).toMatchObject({
          outcome: 'failed',
          errorClass: 'transient',
        });
        await world.fault({ kind: 'expire-token' });
        expect(await refusal(() => client.findByTag(order.tag))).toMatchObject({
          outcome: 'failed',
          errorClass: 'auth',
        });
      });

      it('27. is the order, the book and its trades, each as they are', async () => {
        const mine = await placed({
          ...order,
          instrument: world.thin,
          terms: { orderType: 'LIMIT', quantity: 25, priceE4: 36_246_000, validity: 'DAY' },
        });
        const other = await placed({ ...order, tag: nextTag(), terms: { ...order.terms, priceE4: 15_800_000 } });
        const { trades: [truth] = [] } = (await truly(mine.brokerOrderId)) ?? {};
        const trade = {
          ...{ tradeId: expect.stringContaining(truth?.tradeId ?? 'none'), brokerOrderId: mine.brokerOrderId },
          ...{ symbol: world.thin.symbol, side: 'BUY', quantity: 10, priceE4: 36_246_000 },
        };
        const row = { brokerOrderId: mine.brokerOrderId, state: 'WORKING', filledQuantity: 10 };
        expect(await rowOf(mine.brokerOrderId)).toMatchObject({ ...row, averagePriceE4: 36_246_000 });
        expect(await rowOf('1234567890123456')).toBeUndefined();
        const book = await read(() => client.orders());
        expect(book).toHaveLength(2);
        expect(book.find(({ brokerOrderId }) => brokerOrderId === mine.brokerOrderId)).toMatchObject(row);
        expect(await read(() => client.tradesOf(mine.brokerOrderId))).toMatchObject([trade]);
        const trades = await read(() => client.trades());
        expect(trades.map(({ brokerOrderId }) => brokerOrderId)).toEqual([mine.brokerOrderId, other.brokerOrderId]);
        const sinceMs = Date.now() - (trades[0]?.tradedAtMs ?? 0);
        expect(Math.abs(sinceMs)).toBeLessThan(60_000); // in IST, and on this day
      });

      it('28. is what the client holds and what it may spend', async () => {
        await placed({ ...order, terms: { orderType: 'MARKET', quantity: 10, validity: 'DAY' } });
        expect(await read(() => client.positions())).toMatchObject([
          { symbol: world.share.symbol, product: 'CNC', quantity: 10, averagePriceE4: 15_800_000 },
        ]);
        expect(await read(() => client.holdings())).toEqual([]);
        expect(await read(() => client.funds())).toEqual({
          availableE4: 1_000_000_000_000 - 158_000_000,
          utilisedE4: 158_000_000,
        });
        expect(await read(() => client.margin([order]))).toBe(140_000_000);
      });

      it('29. fails, and says how, when the broker fails', async () => {
        for (const operation of ['orders', 'trades', 'positions', 'holdings', 'funds', 'margin', 'profile'] as const)
          await world.fault({ kind: 'accept-then-5xx', operation });
        const asks: (() => Promise<Read<unknown>>)[] = [
          () => client.orders(),
          () => client.trades(),
          () => client.positions(),
          () => client.holdings(),
          () => client.funds(),
          () => client.margin([order]),
          () => client.validate(),
        ];
        for (const ask of asks) expect(await ask()).toMatchObject({ outcome: 'failed', errorClass: 'transient' });
      });
    });

    describe('news of orders', () => {
      const follow = async (on: BrokerClient = client) => {
        const heard = newsOf(on);
        feeds.push(heard.feed);
        await eventually('the feed', () => (heard.states.length > 0 ? true : undefined));
        expect(heard.states).toEqual([{ state: 'up' }]);
        return heard;
      };
      type Heard = Awaited<ReturnType<typeof follow>>;
      const hears = (heard: Heard, state: OrderRow['state'], brokerOrderId: string): Promise<OrderRow> =>
        eventually(`news that ${brokerOrderId} is ${state}`, () =>
          heard.rows.find((row) => row.brokerOrderId === brokerOrderId && row.state === state),
        );

      it('30. comes by itself, from the first to the last', async () => {
        const heard = await follow();
        const mine = await placed();
        expect(await hears(heard, 'WORKING', mine.brokerOrderId)).toMatchObject({
          ...{ tag: order.tag, symbol: world.share.symbol, terms: order.terms, filledQuantity: 0 },
        });
        await client.modify(mine, { ...mine.terms, quantity: 12 });
        await eventually('the change', () => heard.rows.find(({ terms }) => terms.quantity === 12));
        await client.cancel(mine);
        await hears(heard, 'CANCELLED', mine.brokerOrderId);
        const bought = await placed({ ...order, tag: nextTag(), terms: rising(order.terms) });
        expect(await hears(heard, 'FILLED', bought.brokerOrderId)).toMatchObject({
          filledQuantity: 10,
          averagePriceE4: 15_800_000,
        });
        expect(heard.drift).toEqual([]);
      });

      it('31. bears being told twice and in the wrong order', async () => {
        const heard = await follow();
        await world.fault({ kind: 'duplicate-update' });
        await world.fault({ kind: 'reorder-updates', count: 2 });
        const mine = await placed();
        await client.modify(mine, { ...mine.terms, quantity: 12 });
        await client.cancel(mine);
        await eventually('all six', () => (heard.rows.length === 6 ? true : undefined));
        expect(heard.rows.map(({ state, terms }) => `${state} ${String(terms.quantity)}`)).toEqual([
          ...['CANCELLED 12', 'CANCELLED 12', 'WORKING 12', 'WORKING 12', 'WORKING 10', 'WORKING 10'],
        ]);
        expect([heard.states, heard.drift]).toEqual([[{ state: 'up' }], []]);
      });

      it('32. that cannot be read is told as such, and is not the end', async () => {
        const heard = await follow();
        await world.fault({ kind: 'garble-update', count: 1 });
        const mine = await placed();
        await eventually('drift', () => heard.drift[0]);
        expect(heard.drift).toMatchObject([{ code: expect.any(String), message: expect.any(String) }]);
        expect(heard.rows).toEqual([]);
        await client.cancel(mine);
        await hears(heard, 'CANCELLED', mine.brokerOrderId);
        expect(heard.states).toEqual([{ state: 'up' }]);
      });

      it('33. goes on over a new connection when the old one was cut', async () => {
        const heard = await follow();
        await world.fault({ kind: 'cut-sockets' });
        await eventually('a new connection', () => (heard.states.length === 3 ? true : undefined));
        expect(heard.states).toMatchObject([
          { state: 'up' },
          { state: 'down', errorClass: 'transient', evidence: { code: expect.stringMatching(/^WS_/) } },
          { state: 'up' },
        ]);
        const mine = await placed();
        await hears(heard, 'WORKING', mine.brokerOrderId);
      });

      it('34. is not waited for on a connection that has gone silent', async () => {
        const line = await openLine(world.baseUrl);
        try {
          jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] });
          const heard = newsOf(world.open({ baseUrl: line.url }));
          feeds.push(heard.feed);
          await spin(() => heard.states.length > 0);
          expect(heard.states).toEqual([{ state: 'up' }]);
          // A connection on which nothing happens but an answer to each of our pings is alive …
          for (let second = 0; second < 120; second += 1) await passSecond();
          expect(heard.states).toEqual([{ state: 'up' }]);
          // … and one without even that is not.
          line.freeze();
          for (let second = 0; second < 60 && heard.states.length === 1; second += 1) await passSecond();
          expect(heard.states).toMatchObject([{ state: 'up' }, { state: 'down', evidence: { code: 'SILENT' } }]);
        } finally {
          jest.useRealTimers();
          for (const feed of feeds.splice(0)) await feed.close();
          await line.close();
        }
      });

      it('35. is not to be had with a session that is over', async () => {
        await world.fault({ kind: 'expire-token' });
        const heard = newsOf(client);
        feeds.push(heard.feed);
        await eventually('a refusal', () => heard.states[0]);
        expect(heard.states[0]).toMatchObject({ state: 'down', errorClass: 'auth' });
      });
    });

    describe('prices', () => {
      let live: ClientWorld;
      beforeEach(async () => {
        live = await moving();
      });
      afterEach(() => live.stop());

      it('36. come for what is followed, and for nothing else once that has changed', async () => {
        const { feed, ticks, states, drift } = pricesOf(live.open());
        feeds.push(feed);
        feed.follow([live.share]);
        const share = await eventually('a price', () => ticks[0]);
        expect(share.instrumentKey).toBe(live.share.instrumentKey);
        expect([15_800_000, 15_782_000, 15_946_000, 15_923_000]).toContain(share.lastPriceE4);
        expect(Math.abs(Date.now() - share.atMs)).toBeLessThan(60_000);
        await eventually('a move', () => ticks.find(({ lastPriceE4 }) => lastPriceE4 !== share.lastPriceE4));
        feed.follow([live.share, live.thin]);
        await eventually('the other', () =>
          ticks.find(({ instrumentKey }) => instrumentKey === live.thin.instrumentKey),
        );
        feed.follow([live.thin]);
        await eventually('a stretch with the other alone', () => {
          const last = ticks.slice(-6);
          return last.length === 6 && last.every(({ instrumentKey }) => instrumentKey === live.thin.instrumentKey)
            ? true
            : undefined;
        });
        expect([states, drift]).toEqual([[{ state: 'up' }], []]);
      });

      it('37. come again by themselves after the connection was cut', async () => {
        const { feed, ticks, states } = pricesOf(live.open());
        feeds.push(feed);
        feed.follow([live.share]);
        await eventually('a price', () => ticks[0]);
        await live.faultForAll({ kind: 'cut-sockets' });
        await eventually('a new connection', () => (states.length === 3 ? true : undefined));
        const before = ticks.length;
        await eventually('another price', () => (ticks.length > before ? true : undefined));
        expect(states).toMatchObject([{ state: 'up' }, { state: 'down', errorClass: 'transient' }, { state: 'up' }]);
      });
    });

    it('38. a postback is worth what its signature is worth', async () => {
      const mine = await placed();
      await eventually('a postback', () => world.postbacks[0]);
      const body = world.postbacks[0] ?? '';
      const { adapter, credentials, capabilities } = world;
      expect(adapter.readPostback(body, credentials)).toMatchObject(
        capabilities.signedPostbacks
          ? { kind: 'order', row: { brokerOrderId: mine.brokerOrderId, state: 'WORKING', tag: order.tag } }
          : { kind: 'hint', brokerOrderId: mine.brokerOrderId },
      );
      expect(adapter.readPostback(body.slice(0, 40), credentials)).toMatchObject({ kind: 'refused' });
      expect(adapter.readPostback('{}', credentials)).toMatchObject({ kind: 'refused' });
      if (!capabilities.signedPostbacks) return;
      const forged = body.replace(mine.brokerOrderId, `${mine.brokerOrderId.slice(0, -1)}x`);
      expect(forged).not.toBe(body);
      for (const other of [forged, body.replace(/"checksum":"[^"]*"/, `"checksum":"${'0'.repeat(64)}"`)])
        expect(adapter.readPostback(other, credentials)).toMatchObject({ kind: 'refused' });
      expect(adapter.readPostback(body, { ...credentials, apiSecret: 'another' })).toMatchObject({
        kind: 'refused',
        evidence: { code: 'CHECKSUM' },
      });
    });

    it('39. an id is the same text on every way it comes, however long it is', async () => {
      const heard = newsOf(client);
      feeds.push(heard.feed);
      await eventually('the feed', () => heard.states[0]);
      const bought = await placed({ ...order, terms: rising(order.terms) });
      const id = bought.brokerOrderId;
      expect(await truly(id)).toMatchObject({ brokerOrderId: id });
      if (name === 'zerodha') expect(String(Number(id))).not.toBe(id);
      const row = await eventually('its news', () => heard.rows.find(({ state }) => state === 'FILLED'));
      const [trade] = await read(() => client.tradesOf(id));
      const [found] = await read(() => client.findByTag(order.tag));
      const book = await read(() => client.orders());
      expect([row, trade, found, await rowOf(id), ...book].map((one) => one?.brokerOrderId)).toEqual(Array(5).fill(id));
      expect(world.postbacks.length === 0 || world.postbacks.every((body) => body.includes(id))).toBe(true);
    });

    it('40. no evidence repeats a secret, though the broker does', async () => {
      const secrets = Object.entries(world.credentials)
        .filter(([field]) => /token|secret|key/i.test(field))
        .map(([, value]) => value);
      expect(secrets.length).toBeGreaterThan(0);
      const parrot = await openParrot(secrets.join(' '));
      try {
        const told: unknown[] = [];
        for (const [status, shape] of [
          [400, 'json'],
          [500, 'json'],
          [200, 'json'],
          [502, 'html'],
        ] as const) {
          parrot.answerWith(status, shape);
          const other = world.open({ baseUrl: parrot.url });
          told.push(await other.validate(), await other.place(order), await other.cancel(atBroker(order)));
          told.push(await other.orders(), await other.findByTag(order.tag), await other.funds());
          told.push(await other.placeMany?.([order, { ...order, tag: nextTag() }]));
          const heard = newsOf(other);
          feeds.push(heard.feed);
          told.push(await eventually('a refusal', () => heard.states[0]));
        }
        const text = JSON.stringify(told);
        expect(text).toContain('***');
        for (const secret of secrets) expect(text).not.toContain(secret);
      } finally {
        for (const feed of feeds.splice(0)) await feed.close();
        await parrot.close();
      }
    });
  });
};

const idOf = (sent: Sent): string => {
  if (sent.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(sent)}`);
  return sent.brokerOrderId;
};

const atBroker = ({ tag: _tag, ...rest }: OrderToSend): OrderAtBroker => ({ ...rest, brokerOrderId: '26010200000001' });

/** To buy at the price of the market; to sell far above the open, it rests. */
const rising = (terms: OrderTerms): OrderTerms => ({ ...terms, priceE4: 15_800_000 });

const newsOf = (client: BrokerClient) => {
  const rows: OrderRow[] = [];
  const trades: TradeRow[] = [];
  const drift: Evidence[] = [];
  const states: FeedState[] = [];
  const feed = client.followOrders({
    onRows: (some, others) => {
      rows.push(...some);
      trades.push(...others);
    },
    onDrift: (evidence) => drift.push(evidence),
    onState: (state) => states.push(state),
  });
  return { feed, rows, trades, drift, states };
};

const pricesOf = (client: BrokerClient) => {
  const ticks: PriceTick[] = [];
  const drift: Evidence[] = [];
  const states: FeedState[] = [];
  const feed = client.followPrices({
    onTicks: (some) => ticks.push(...some),
    onDrift: (evidence) => drift.push(evidence),
    onState: (state) => states.push(state),
  });
  return { feed, ticks, drift, states };
};

/** A line to a broker on which everything can stop without anybody hanging up. */
const openLine = async (baseUrl: string) => {
  const ends: Socket[] = [];
  let isFrozen = false;
  const server = createTcpServer((near) => {
    const far = connect(Number(new URL(baseUrl).port), '127.0.0.1');
    ends.push(near, far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (data: Buffer) => {
        if (!isFrozen) to.write(data);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    freeze: () => {
      isFrozen = true;
    },
    close: async () => {
      for (const end of ends) end.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** Lets sockets work while the timers are ours. */
const spin = async (isDone: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 20_000 && !isDone(); turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const passSecond = async (): Promise<void> => {
  jest.advanceTimersByTime(1_000);
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A broker that says no, and what it was asked with. */
const openParrot = async (secrets: string) => {
  let [status, shape] = [400, 'json'];
  const server = createServer((request, response) => {
    request.resume();
    const said = { s: 'error', code: -1, status: status === 200 ? false : 'error', success: false, errorcode: 'AB1' };
    const errors = [{ errorCode: 'X1', message: secrets }];
    const json = JSON.stringify({ ...said, message: secrets, error_type: 'InputException', errorCode: 'AG1', errors });
    response.writeHead(status, { 'content-type': shape === 'json' ? 'application/json' : 'text/html' });
    response.end(shape === 'json' ? json : `<html><body>${secrets}</body></html>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    answerWith: (next: number, as: 'json' | 'html') => {
      [status, shape] = [next, as];
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
