import { type DomainEvent, fold } from '#domain/decider';
import {
  type ExecutionReport,
  fillsOf,
  order,
  type Order,
  type OrderDetails,
  type OrderEvent,
  type OrderTerms,
} from '#domain/orders/order';
import { type Broker, type BrokerAnswer, type Dispatch, reportsOn, type Told } from './broker';

/** One broker under proof, with a market that the contract can wait for. */
export interface BrokerWorld {
  readonly broker: Broker;
  /** What is ordered; terms come from below. */
  readonly details: Omit<OrderDetails, keyof OrderTerms>;
  /** Rests in the book for as long as nobody changes it. */
  readonly resting: OrderTerms;
  /** Trades at once, but not all of it at once. */
  readonly thin: OrderTerms;
  /** Lets the market move on and the broker tell what came of it. */
  pass(): Promise<void>;
  /** The same broker as the next process finds it. */
  restart(): Broker;
  /** An order of the log, as it stands whenever it is asked for: for a broker whose book is our log. */
  recorded?(order: () => Order): void;
  /**
   * The same for a broker that keeps a book of its own, and is followed for what is open. It names instruments in its own
   * words, so that what it does not list is never sent; it shows an order as it stands, so that asking the dead is
   * answered with how it ended, and what is known is told again.
   */
  opened?(order: () => Order): void;
  stop(): Promise<void>;
}

/** What every broker adapter promises, numbered. */
export const brokerContract = (name: string, open: () => Promise<BrokerWorld>): void => {
  describe(`${name} as a broker`, () => {
    let world: BrokerWorld;
    let count = 0;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world.stop());

    const dispatch = (terms: OrderTerms): Dispatch => {
      count += 1;
      const orderId = `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
      return { details: { ...world.details, ...terms, orderId }, terms, tag: `CONTRACT${String(count)}` };
    };

    it('1. has a name and trades on a date', () => {
      expect(world.broker.name).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(world.broker.marketNowMs()).toBeGreaterThan(Date.UTC(2025, 0, 1));
    });

    it('2. answers an order with its own id for it, first of all', async () => {
      const answer = await world.broker.place(dispatch(world.resting), Infinity);
      expect(answer).toMatchObject({ outcome: 'accepted' });
      expect(reportsOf(answer, order.initial)).toEqual([{ kind: 'new', brokerOrderId: expect.stringMatching(/\S/) }]);
    });

    it('3. gives two orders two ids', async () => {
      const ids = new Set<unknown>();
      for (let n = 0; n < 5; n += 1)
        for (const report of reportsOf(await world.broker.place(dispatch(world.resting), Infinity), order.initial))
          if (report.kind === 'new') ids.add(report.brokerOrderId);
      expect(ids.size).toBe(5);
    });

    it('4. answers an order it will not take with a rejection and its evidence, and never throws', async () => {
      const { details, terms, tag } = dispatch(world.resting);
      const answer = await world.broker.place(
        { details: { ...details, instrumentKey: 'NSE_EQ|NOSUCH' }, terms, tag },
        Infinity,
      );
      const outcome = world.opened ? 'notSent' : 'rejected';
      expect(answer).toMatchObject({ outcome, evidence: { code: expect.any(String) } });
      expect(world.broker.lastPriceE4('NSE_EQ|NOSUCH')).toBeUndefined();
    });

    it('5. finds an order by its tag if it keeps a book, and proves that another is absent', async () => {
      const one = dispatch(world.resting);
      await world.broker.place(one, Infinity);
      const found = await world.broker.findByTag(one);
      // Where the log is the book, an acceptance that nobody recorded never happened.
      expect(found.outcome).toBe(world.recorded ? 'absent' : 'found');
      if (found.outcome === 'found') expect(reportsOn(order.initial, found.reports)).toMatchObject([{ kind: 'new' }]);
      expect(await world.broker.findByTag({ ...one, tag: 'ANOTHER' })).toEqual({ outcome: 'absent' });
      expect(await world.broker.findByTag(dispatch(world.resting))).toEqual({ outcome: 'absent' });
    });

    it('6. cancels a resting order once; the second cancel is rejected', async () => {
      const mine = follow(world, dispatch(world.resting));
      await mine.placed();
      expect(mine.told(await world.broker.cancel(mine.now()))).toMatchObject({ outcome: 'accepted' });
      expect(mine.now().status).toBe('cancelled');
      await mine.changesNothing(() => world.broker.cancel(mine.now()));
    });

    it('7. changes a resting order to the terms that were asked for', async () => {
      const mine = follow(world, dispatch(world.resting));
      await mine.placed();
      const wanted = { ...world.resting, quantity: 2 * world.resting.quantity };
      mine.wants(wanted);
      expect(mine.told(await world.broker.modify(mine.now(), wanted))).toMatchObject({ outcome: 'accepted' });
      expect(mine.now().terms).toEqual(wanted);
    });

    it('8. rejects a change of an order it does not have', async () => {
      const mine = follow(world, dispatch(world.resting));
      await mine.placed();
      mine.told(await world.broker.cancel(mine.now()));
      await mine.changesNothing(() => world.broker.modify(mine.now(), world.resting));
    });

    it('9. tells every trade once, until all is filled and never more', async () => {
      const mine = follow(world, dispatch(world.thin));
      const stop = world.broker.subscribe((_, told) => mine.heard(told));
      await mine.placed();
      if (!world.opened) expect(mine.now().filledQuantity).toBeGreaterThan(0); // told with the answer
      expect(mine.now().status).toBe('working');
      while (mine.now().status === 'working') await world.pass();
      await stop();
      expect(mine.now()).toMatchObject({ status: 'filled', filledQuantity: world.thin.quantity });
      if (!world.opened) expect(mine.repeated).toBe(0);
      expect(mine.events.filter(({ type }) => type === 'OverfillReported')).toEqual([]);
      expect(new Set(fillsOf(mine.events).map(({ data }) => data.tradeId)).size).toBeGreaterThan(1);
    });

    it('10. tells nothing any more once the listener has left', async () => {
      const mine = follow(world, dispatch(world.thin));
      const stop = world.broker.subscribe((_, told) => mine.heard(told));
      await mine.placed();
      await stop();
      const before = mine.events.length;
      await world.pass();
      await world.pass();
      expect(mine.events).toHaveLength(before);
    });

    it('11. waits for the listener before it tells the next thing about an order', async () => {
      const mine = follow(world, dispatch(world.thin));
      let busy = 0;
      let atOnce = 0;
      const stop = world.broker.subscribe(async (_, told) => {
        busy += 1;
        atOnce = Math.max(atOnce, busy);
        await Promise.resolve();
        await mine.heard(told);
        busy -= 1;
      });
      await mine.placed();
      while (mine.now().status === 'working') await world.pass();
      await stop();
      expect(atOnce).toBe(1);
    });

    it('12. goes on after a restart with what the log holds, and repeats no trade of it', async () => {
      const mine = follow(world, dispatch(world.thin));
      await mine.placed();
      const stop = world.restart().subscribe((_, told) => mine.heard(told));
      while (mine.now().status === 'working') await world.pass();
      await stop();
      expect(mine.now()).toMatchObject({ status: 'filled', filledQuantity: world.thin.quantity });
      expect(fillsOf(mine.events).reduce((sum, { data }) => sum + data.quantity, 0)).toBe(world.thin.quantity);
    });

    it('13. cancels after a restart what was placed before it', async () => {
      const mine = follow(world, dispatch(world.resting));
      await mine.placed();
      const next = world.restart();
      expect(mine.told(await next.cancel(mine.now()))).toMatchObject({ outcome: 'accepted' });
      await mine.changesNothing(() => next.cancel(mine.now()));
    });
  });
};

const reportsOf = (answer: BrokerAnswer, now: Order): readonly ExecutionReport[] =>
  answer.outcome === 'accepted' ? reportsOn(now, answer.reports) : [];

/** One order as the coordinator would follow it: every report goes through its decider. */
const follow = (world: BrokerWorld, { details, terms, tag }: Dispatch) => {
  const { broker } = world;
  const events: OrderEvent[] = [
    {
      type: 'OrderPlaced',
      data: { ...details, ...terms, route: { broker: broker.name, reason: 'account' }, verdicts: [] },
    },
    { type: 'OrderDispatched', data: { attempt: 1, broker: broker.name, tag } },
  ];
  const now = (): Order => fold(order, order.initial, events);
  const take = (reports: readonly ExecutionReport[]): void => {
    for (const report of reports) {
      const decided = order.decide({ type: 'RecordReport', data: report }, now());
      if (decided.length === 0) followed.repeated += 1;
      events.push(...decided);
    }
  };
  const followed = {
    events: events as readonly (OrderEvent & DomainEvent)[],
    now,
    /** Reports that were no news. */
    repeated: 0,
    told: (answer: BrokerAnswer): BrokerAnswer => {
      take(reportsOf(answer, now()));
      return answer;
    },
    heard: (told: Told): Promise<void> => {
      take(reportsOn(now(), told));
      return Promise.resolve();
    },
    placed: async (): Promise<void> => {
      take(reportsOf(await broker.place({ details, terms, tag }, Infinity), now()));
      (world.recorded ?? world.opened)?.(now);
    },
    /** As the coordinator does, what is asked for is written down before it is asked. */
    wants: (wanted: OrderTerms): void => {
      const data = { requestId: 'change-1', terms: wanted, verdicts: [] };
      events.push(...order.decide({ type: 'RequestReplace', data }, now()));
    },
    /** The order is over, and stays as it is. */
    changesNothing: async (ask: () => Promise<BrokerAnswer>): Promise<void> => {
      const before = events.length;
      const answer = await ask();
      expect(answer.outcome).toBe(world.opened ? 'accepted' : 'rejected');
      take(reportsOf(answer, now()));
      expect(events).toHaveLength(before);
    },
  };
  return followed;
};
