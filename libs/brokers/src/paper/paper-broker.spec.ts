import { fold } from '#domain/decider';
import {
  type ExecutionReport,
  order,
  type Order,
  type OrderDetails,
  type OrderTerms,
  type Side,
} from '#domain/orders/order';
import { type BrokerAnswer, type Dispatch, reportsOn, type Told } from '../broker';
import { type BrokerWorld, brokerContract } from '../broker.contract';
import { PaperBroker, type RestingOrder } from './paper-broker';
import { PaperMarket, type RecordedDay } from './paper-market';

const TICK_MS = 1_000;
/** 2 January 2026, 10:00 IST; the first tick of a replayed day. */
const TEN_O_CLOCK_MS = Date.UTC(2026, 0, 2, 4, 30);

const RELIANCE = 'NSE_EQ|INE002A01018';
const THIN = 'NSE_EQ|INE459A01010';
const NIFTY_FUTURE = 'NSE_FO|49229';
const LATER_FUTURE = 'NSE_FO|59182';
const UNPRICED = 'NSE_EQ|INE467B01029';

/** Recorded on 2 January 2026; the futures' days are made up. */
const DAYS = new Map<string, RecordedDay>([
  // 1580.00, 1578.20, 1594.60, 1592.30
  [RELIANCE, { openE4: 15_800_000, highE4: 15_946_000, lowE4: 15_782_000, closeE4: 15_923_000, volume: 6_602_230 }],
  // 10 shares a tick
  [THIN, { openE4: 36_246_000, highE4: 36_500_000, lowE4: 36_000_000, closeE4: 36_024_000, volume: 400 }],
  // 50 units a tick: less than a lot
  [NIFTY_FUTURE, { openE4: 260_000_000, highE4: 260_000_000, lowE4: 260_000_000, closeE4: 260_000_000, volume: 2_000 }],
  // 150 units a tick: two lots and a bit
  [LATER_FUTURE, { openE4: 261_000_000, highE4: 261_000_000, lowE4: 261_000_000, closeE4: 261_000_000, volume: 6_000 }],
]);
const LOT_SIZES = new Map([
  [RELIANCE, 1],
  [THIN, 1],
  [NIFTY_FUTURE, 65],
  [LATER_FUTURE, 65],
  [UNPRICED, 1],
]);

/** What the log holds, for a broker whose book that is. */
type Recorded = (() => RestingOrder)[];

const openBroker = (recorded: Recorded = []): PaperBroker =>
  new PaperBroker({
    market: new PaperMarket(DAYS, TICK_MS),
    marketNowMs: () => Date.UTC(2026, 0, 2, 5),
    tickMs: TICK_MS,
    now: () => Date.now(),
    lotSizeOf: (instrumentKey) => LOT_SIZES.get(instrumentKey),
    resting: () => Promise.resolve(recorded.map((now) => now())),
    onError: (error) => {
      throw error;
    },
  });

const tick = async (times = 1): Promise<void> => {
  for (let n = 0; n < times; n += 1) await jest.advanceTimersByTimeAsync(TICK_MS);
};

beforeEach(() => {
  jest.useFakeTimers({ now: TEN_O_CLOCK_MS });
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

const market = (quantity: number): OrderTerms => ({ orderType: 'MARKET', quantity, validity: 'DAY' });
const limit = (quantity: number, rupees: number, rest: Partial<OrderTerms> = {}): OrderTerms => ({
  orderType: 'LIMIT',
  quantity,
  priceE4: Math.round(rupees * 10_000),
  validity: 'DAY',
  ...rest,
});
const stop = (quantity: number, triggerRupees: number, limitRupees?: number): OrderTerms => ({
  orderType: limitRupees === undefined ? 'SL_M' : 'SL',
  quantity,
  triggerPriceE4: Math.round(triggerRupees * 10_000),
  ...(limitRupees !== undefined && { priceE4: Math.round(limitRupees * 10_000) }),
  validity: 'DAY',
});

const detailsOf = (orderId: string, instrumentKey = RELIANCE, side: Side = 'BUY') =>
  ({
    orderId,
    intentId: 'intent',
    line: 0,
    accountId: 'account',
    userId: 'asha',
    instrumentKey,
    symbol: instrumentKey,
    exchange: 'NSE',
    segment: 'NSE_EQ',
    side,
    product: 'CNC',
  }) as const satisfies Omit<OrderDetails, keyof OrderTerms>;

brokerContract('the paper broker', () => {
  const recorded: Recorded = [];
  const world: BrokerWorld = {
    broker: openBroker(recorded),
    details: detailsOf('o', THIN),
    resting: limit(10, 3_000),
    thin: market(25),
    pass: () => tick(),
    restart: () => openBroker(recorded),
    recorded: (now) => {
      const acceptedAtMs = Date.now();
      recorded.push(() => ({ order: now(), acceptedAtMs, termsSinceMs: acceptedAtMs }));
    },
    stop: () => Promise.resolve(),
  };
  return Promise.resolve(world);
});

/** One order in one paper book: what was said of it, in short. */
const placed = async (terms: OrderTerms, wanted: { instrumentKey?: string; side?: Side } = {}) => {
  const { instrumentKey = RELIANCE, side = 'BUY' } = wanted;
  const recorded: Recorded = [];
  const broker = openBroker(recorded);
  const details = { ...detailsOf('o', instrumentKey, side), ...terms };
  const dispatch: Dispatch = { details, terms, tag: 'T' };
  const said: string[] = [];
  let state: Order = fold(order, order.initial, [
    { type: 'OrderPlaced', data: { ...details, route: { broker: 'paper', reason: 'account' }, verdicts: [] } },
    { type: 'OrderDispatched', data: { attempt: 1, broker: 'paper', tag: 'T' } },
  ]);
  const hear = (reports: readonly ExecutionReport[]): void => {
    for (const report of reports) {
      said.push(inShort(report));
      state = fold(order, state, order.decide({ type: 'RecordReport', data: report }, state));
    }
  };
  const heard = (answer: BrokerAnswer): BrokerAnswer => {
    if (answer.outcome === 'accepted') hear(reportsOn(state, answer.reports));
    return answer;
  };
  const listener = (_: unknown, told: Told): Promise<void> => {
    hear(reportsOn(state, told));
    return Promise.resolve();
  };
  let leave = broker.subscribe(listener);
  let acceptedAtMs = Date.now();
  let termsSinceMs = acceptedAtMs;
  recorded.push(() => ({ order: state, acceptedAtMs, termsSinceMs }));
  const mine = {
    said,
    recorded,
    order: () => state,
    broker,
    /** What is said from now on. */
    after: async (ticks: number): Promise<string[]> => {
      const before = said.length;
      await tick(ticks);
      return said.slice(before);
    },
    modify: async (wanted: OrderTerms) => {
      termsSinceMs = Date.now();
      return heard(await mine.broker.modify(state, wanted));
    },
    cancel: async () => heard(await mine.broker.cancel(state)),
    /** The process ends; the next one goes on with what is known of the order. */
    restart: async (wasAcceptedAtMs = acceptedAtMs): Promise<void> => {
      await leave();
      acceptedAtMs = wasAcceptedAtMs;
      termsSinceMs = wasAcceptedAtMs;
      mine.broker = openBroker(recorded);
      leave = mine.broker.subscribe(listener);
    },
    leave: () => leave(),
  };
  heard(await broker.place(dispatch));
  return mine;
};

const inShort = (report: ExecutionReport): string => {
  switch (report.kind) {
    case 'trade':
      return `${String(report.quantity)} @ ${String(report.priceE4 / 10_000)}`;
    case 'cancelled':
      return `cancelled: ${report.reason}`;
    case 'new':
    case 'replaced':
    case 'expired':
    case 'rejected':
    case 'replace-rejected':
    case 'cancel-rejected':
      return report.kind;
  }
};

describe('a market order', () => {
  it('fills at the price of the tick it meets', async () => {
    const mine = await placed(market(10));
    expect(mine.said).toEqual(['new', '10 @ 1580']);
    await mine.leave();
  });

  it('fills in parts where the market is thin, tick by tick, at each tick’s price', async () => {
    const mine = await placed(market(35), { instrumentKey: THIN });
    await tick(5);
    expect(mine.said).toEqual(['new', '10 @ 3624.6', '10 @ 3600', '10 @ 3650', '5 @ 3602.4']);
    expect(mine.order().status).toBe('filled');
    await mine.leave();
  });

  it('fills in whole lots, one of them even where less is on offer', async () => {
    const some = await placed(market(325), { instrumentKey: LATER_FUTURE });
    await tick(2);
    expect(some.said).toEqual(['new', '130 @ 26100', '130 @ 26100', '65 @ 26100']);
    await some.leave();
    const few = await placed(market(130), { instrumentKey: NIFTY_FUTURE });
    await tick(1);
    expect(few.said).toEqual(['new', '65 @ 26000', '65 @ 26000']);
    await few.leave();
  });

  it('is rejected where no price was recorded', async () => {
    const broker = openBroker();
    const answer = await broker.place({
      details: { ...detailsOf('o', UNPRICED), ...market(1) },
      terms: market(1),
      tag: 'T',
    });
    expect(answer).toMatchObject({ outcome: 'rejected', evidence: { code: 'PAPER_NO_PRICE' } });
  });
});

describe('a limit order', () => {
  it('waits until the market comes to it, and takes the better price', async () => {
    const buy = await placed(limit(10, 1_579));
    expect(buy.said).toEqual(['new']);
    expect(await buy.after(1)).toEqual(['10 @ 1578.2']);
    await buy.leave();
    jest.setSystemTime(TEN_O_CLOCK_MS);
    const sell = await placed(limit(10, 1_593), { side: 'SELL' });
    expect(await sell.after(1)).toEqual([]);
    expect(await sell.after(1)).toEqual(['10 @ 1594.6']);
    await sell.leave();
  });

  it('trades at exactly its price', async () => {
    const mine = await placed(limit(10, 1_580));
    expect(mine.said).toEqual(['new', '10 @ 1580']);
    await mine.leave();
  });

  it('rests where nothing was recorded', async () => {
    const mine = await placed(limit(10, 100), { instrumentKey: UNPRICED });
    expect(await mine.after(8)).toEqual([]);
    await mine.leave();
  });
});

describe('a stop', () => {
  it('sleeps until its trigger is touched, then takes what its limit allows', async () => {
    const mine = await placed(stop(10, 1_594, 1_595));
    expect(await mine.after(1)).toEqual([]);
    expect(await mine.after(1)).toEqual(['10 @ 1594.6']);
    await mine.leave();
  });

  it('without a limit takes the market', async () => {
    const mine = await placed(stop(10, 1_579), { side: 'SELL' });
    expect(mine.said).toEqual(['new']);
    expect(await mine.after(1)).toEqual(['10 @ 1578.2']);
    await mine.leave();
  });

  it('that was touched is an ordinary limit order from then on', async () => {
    const mine = await placed(stop(10, 1_590, 1_590.5));
    expect(await mine.after(3)).toEqual([]); // touched at 1594.60, above its limit
    expect(await mine.after(1)).toEqual(['10 @ 1580']);
    await mine.leave();
  });

  it('stays touched over a restart', async () => {
    const mine = await placed(stop(10, 1_590, 1_590.5));
    const acceptedAtMs = Date.now();
    await tick(3);
    await mine.restart(acceptedAtMs);
    expect(await mine.after(1)).toEqual(['10 @ 1580']);
    await mine.leave();
  });

  it('that was not touched sleeps on after a restart', async () => {
    const mine = await placed(stop(10, 1_590, 1_590.5));
    const acceptedAtMs = Date.now();
    await tick(1);
    await mine.restart(acceptedAtMs);
    expect(await mine.after(2)).toEqual([]);
    expect(await mine.after(1)).toEqual(['10 @ 1580']);
    await mine.leave();
  });
});

describe('immediate or cancel', () => {
  it('takes what is there and cancels the rest', async () => {
    const mine = await placed({ ...market(25), validity: 'IOC' }, { instrumentKey: THIN });
    expect(mine.said).toEqual(['new', '10 @ 3624.6', 'cancelled: immediate-or-cancel']);
    expect(await mine.after(2)).toEqual([]);
    expect(mine.order()).toMatchObject({ status: 'cancelled', filledQuantity: 10 });
    await mine.leave();
  });

  it('cancels all of it where nothing is there', async () => {
    const mine = await placed(limit(10, 1_500, { validity: 'IOC' }));
    expect(mine.said).toEqual(['new', 'cancelled: immediate-or-cancel']);
    await mine.leave();
  });

  it('fills whole without a cancel where enough is there', async () => {
    const mine = await placed({ ...market(10), validity: 'IOC' });
    expect(mine.said).toEqual(['new', '10 @ 1580']);
    await mine.leave();
  });

  it('ends a resting order that is changed to it', async () => {
    const mine = await placed(limit(10, 1_500));
    await mine.modify(limit(10, 1_510, { validity: 'IOC' }));
    expect(mine.said).toEqual(['new', 'replaced', 'cancelled: immediate-or-cancel']);
    expect(await mine.after(4)).toEqual([]);
    await mine.leave();
  });
});

describe('a change', () => {
  it('is matched at once, but an order trades at most once a tick', async () => {
    const mine = await placed(limit(25, 3_624.6), { instrumentKey: THIN });
    expect(mine.said).toEqual(['new', '10 @ 3624.6']);
    await mine.modify(limit(40, 3_700));
    expect(mine.said.slice(2)).toEqual(['replaced']);
    expect(await mine.after(1)).toEqual(['10 @ 3600']);
    await mine.leave();
  });

  it('to a price that the market is at trades at once', async () => {
    const mine = await placed(limit(10, 1_500));
    await mine.modify(limit(10, 1_580));
    expect(mine.said).toEqual(['new', 'replaced', '10 @ 1580']);
    await mine.leave();
  });

  it('to what was filled meanwhile leaves a filled order', async () => {
    const mine = await placed(limit(25, 3_624.6), { instrumentKey: THIN });
    await mine.modify(limit(10, 3_624.6));
    expect(mine.order()).toMatchObject({ status: 'filled', filledQuantity: 10 });
    expect(await mine.after(4)).toEqual([]);
    await mine.leave();
  });
});

describe('the end of the day', () => {
  const MIDNIGHT_IST_MS = Date.UTC(2026, 0, 2, 18, 30);

  it('comes at midnight IST and ends what still rests', async () => {
    jest.setSystemTime(MIDNIGHT_IST_MS - 2_500);
    const mine = await placed(limit(10, 1_500));
    expect(await mine.after(2)).toEqual([]);
    expect(await mine.after(1)).toEqual(['expired']);
    expect(await mine.after(4)).toEqual([]);
    expect(mine.order().status).toBe('expired');
    await mine.leave();
  });

  it('an order of one minute past midnight lives until the next one', async () => {
    jest.setSystemTime(MIDNIGHT_IST_MS + 60_000);
    const mine = await placed(limit(10, 1_500));
    jest.setSystemTime(MIDNIGHT_IST_MS + 86_400_000 - 2_000);
    expect(await mine.after(1)).toEqual([]);
    expect(await mine.after(2)).toEqual(['expired']);
    await mine.leave();
  });

  it('that came while no process ran is made up for', async () => {
    const mine = await placed(limit(10, 1_500));
    jest.setSystemTime(MIDNIGHT_IST_MS + 3_600_000);
    await mine.restart(TEN_O_CLOCK_MS);
    expect(await mine.after(1)).toEqual(['expired']);
    await mine.leave();
  });

  it('leaves nothing to be filled: what would match after it expires', async () => {
    const mine = await placed(limit(10, 1_579));
    jest.setSystemTime(MIDNIGHT_IST_MS + 1);
    await mine.restart(TEN_O_CLOCK_MS);
    expect(await mine.after(4)).toEqual(['expired']);
    await mine.leave();
  });
});

describe('a restart', () => {
  it('within a tick does not trade that tick again', async () => {
    const mine = await placed(limit(25, 3_700), { instrumentKey: THIN });
    await mine.restart();
    await mine.modify(limit(30, 3_700)); // is matched at once
    expect(mine.said).toEqual(['new', '10 @ 3624.6', 'replaced']);
    expect(await mine.after(3)).toEqual(['10 @ 3600', '10 @ 3650']);
    expect(mine.order().status).toBe('filled');
    await mine.leave();
  });

  it('of two that match at once, each says the same trade under the same id', async () => {
    const mine = await placed(market(25), { instrumentKey: THIN });
    await mine.leave();
    const heard: (readonly ExecutionReport[])[] = [];
    const listen = (_: unknown, told: Told): Promise<void> => {
      heard.push(reportsOn(mine.order(), told));
      return Promise.resolve();
    };
    const leaves = [openBroker(mine.recorded), openBroker(mine.recorded)].map((broker) => broker.subscribe(listen));
    await tick();
    for (const leave of leaves) await leave();
    expect(heard).toHaveLength(2);
    expect(heard[0]).toEqual(heard[1]);
  });
});

describe('what is said of an order', () => {
  it('is said of the order as it stands when it is recorded', async () => {
    const mine = await placed(market(25), { instrumentKey: THIN });
    await mine.leave();
    const toldOf: Told[] = [];
    const leave = openBroker(mine.recorded).subscribe((_, told) => {
      toldOf.push(told);
      return Promise.resolve();
    });
    await tick();
    await leave();
    const [told = []] = toldOf;
    const before = mine.order();
    await mine.cancel();
    expect(reportsOn(before, told)).toHaveLength(1);
    expect(reportsOn(mine.order(), told)).toEqual([]);
  });
});
