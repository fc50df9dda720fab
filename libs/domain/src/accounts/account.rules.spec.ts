import { NO_CHARGES } from '../charges/charges';
import { fold } from '../decider';
import { E4_PER_RUPEE, valueOf } from '../money';
import type { Side } from '../orders/order';
import { specify } from '../specify';
import {
  type Account,
  accountBy,
  type AccountCommand,
  type AccountEvent,
  type AccountRules,
  availableE4,
} from './account';

/* The account under rules: shares of a value, contracts that are margined together, premiums, charges. */

const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);

const SHARE = 'NSE_EQ|INE002A01018';
const FUTURE = 'NSE_FO|future';
const CALL = 'NSE_FO|call';
const EXPIRY = '2026-01-27';
/** Nobody knows what it needs. */
const UNKNOWN = 'NSE_FO|unknown';

/** A unit of any contract on the one underlying needs Rs 10, and what is long hedges what is short. */
const hedging: AccountRules = {
  contractOf: (key) =>
    key.startsWith('NSE_FO|') ? { group: 'NIFTY', isOption: key === CALL, expiry: EXPIRY } : undefined,
  worstCaseE4: (positions, orders) => {
    if ([...positions, ...orders].some(({ instrumentKey }) => instrumentKey === UNKNOWN)) return undefined;
    const net = positions.reduce((sum, { quantity }) => sum + quantity, 0);
    const [buys, sells] = [1, -1].map((sign) =>
      orders.reduce((sum, { quantity }) => sum + Math.max(0, sign * quantity), 0),
    );
    return rupees(10) * Math.max(Math.abs(net + (buys ?? 0)), Math.abs(net - (sells ?? 0)), Math.abs(net));
  },
  chargesOf: () => undefined,
};

/** The same, and nothing hedges anything. */
const standingAlone: AccountRules = {
  ...hedging,
  worstCaseE4: (positions, orders) =>
    rupees(10) * [...positions, ...orders].reduce((sum, { quantity }) => sum + Math.abs(quantity), 0),
};

/** Each trade costs Rs 20, and a ten-thousandth more for each one that the day has seen. */
const charging: AccountRules = {
  ...hedging,
  chargesOf: ({ notes }, { tradingDate }) =>
    tradingDate === '2026-01-02'
      ? { ...NO_CHARGES, brokerageE4: rupees(20) + notes.size, totalE4: rupees(20) + notes.size }
      : undefined,
};

/* ----------------------------------------------------------------------------------------------- what is asked */

interface Line {
  readonly key?: string;
  readonly product?: 'CNC' | 'MIS' | 'NRML';
  readonly marginBp?: number;
}
const subject = (orderId: string, side: Side, { key = SHARE, product = 'MIS' }: Line) => ({
  orderId,
  instrumentKey: key,
  product,
  side,
});
const reserve = (orderId: string, side: Side, quantity: number, price: number, line: Line = {}): AccountCommand => ({
  type: 'ReserveMargin',
  data: {
    ...subject(orderId, side, line),
    quantity,
    marginPriceE4: rupees(price),
    ...(line.marginBp !== undefined && { marginBp: line.marginBp }),
  },
});
const change = (orderId: string, quantity: number, price: number, marginBp?: number): AccountCommand => ({
  type: 'ChangeReservation',
  data: { orderId, quantity, marginPriceE4: rupees(price), ...(marginBp !== undefined && { marginBp }) },
});
const post = (orderId: string, side: Side, quantity: number, price: number, line: Line = {}): AccountCommand => ({
  type: 'PostMargin',
  data: {
    ...subject(orderId, side, line),
    tradeId: `${orderId}-${String(quantity)}`,
    quantity,
    priceE4: rupees(price),
    cumulativeQuantity: quantity,
    orderClosed: false,
  },
});
const postOn = (tradingDate: string, ...trade: Parameters<typeof post>): AccountCommand => {
  const command = post(...trade);
  return command.type === 'PostMargin'
    ? { ...command, data: { ...command.data, tradingDate, broker: 'paper' } }
    : command;
};
const cancel = (orderId: string): AccountCommand => ({ type: 'VoidMargin', data: { orderId } });
const adopt = (quantity: number, average: number): AccountCommand => ({
  type: 'AdoptHolding',
  data: { broker: 'zerodha', instrumentKey: SHARE, quantity, averagePriceE4: rupees(average) },
});

/** A future needs nothing by itself: what its group needs is in the pool. */
const future: Line = { key: FUTURE, product: 'NRML', marginBp: 0 };
/** Of an option that is bought all of the premium is held; of one that is sold nothing beside the pool. */
const bought: Line = { key: CALL, product: 'NRML' };
const sold: Line = { key: CALL, product: 'NRML', marginBp: 0 };

/* ----------------------------------------------------------------------------------------------- what comes of it */

const OPENED: readonly AccountCommand[] = [
  { type: 'OpenAccount', data: { accountId: 'account-1', userId: 'user-1', kind: 'paper', broker: 'paper' } },
  { type: 'DepositFunds', data: { depositId: 'deposit-1', amountE4: rupees(10_000) } },
];

/** An account with Rs 10,000 under some rules. */
const under = (rules: AccountRules) => {
  const decider = accountBy(rules);
  const historyOf = (...commands: readonly AccountCommand[]): readonly AccountEvent[] => {
    const events: AccountEvent[] = [];
    let now = decider.initial;
    for (const command of [...OPENED, ...commands])
      for (const event of decider.decide(command, now)) {
        events.push(event);
        now = decider.evolve(now, event);
      }
    return events;
  };
  const after = (...commands: readonly AccountCommand[]): Account =>
    historyOf(...commands).reduce(decider.evolve, decider.initial);
  return {
    after,
    historyOf,
    with: (...commands: readonly AccountCommand[]) => specify(decider)(...historyOf(...commands)),
    last: (...commands: readonly AccountCommand[]) => historyOf(...commands).at(-1),
    /** In rupees. */
    figures: (...commands: readonly AccountCommand[]) => {
      const now = after(...commands);
      const [cash, reserved, posted] = [now.cashE4, now.reservedE4, now.postedE4].map((e4) => e4 / E4_PER_RUPEE);
      return { cash, reserved, posted, available: availableE4(now) / E4_PER_RUPEE };
    },
  };
};

describe('an order that needs a share of its value', () => {
  const { with: given, figures, last, after } = under(hedging);
  const fifth: Line = { marginBp: 2_000 };

  it('holds that share', () =>
    expect(figures(reserve('order-1', 'BUY', 10, 100, fifth))).toMatchObject({ reserved: 200, available: 9_800 }));
  it('holds no less by rounding', () =>
    expect(after(reserve('order-1', 'BUY', 1, 0.0001, { marginBp: 3_333 })).reservedE4).toBe(1));
  it('may be worth more than there is', () =>
    expect(figures(reserve('order-1', 'BUY', 500, 100, fifth))).toMatchObject({ available: 0 }));
  it('is refused when its share is more than there is', () =>
    given()
      .when(reserve('order-1', 'BUY', 501, 100, fifth))
      .thenRefused('margin.insufficient', { requiredE4: rupees(10_020), availableE4: rupees(10_000) }));
  it('posts its share of what it trades at, beside what that cost', () => {
    const trade = [reserve('order-1', 'BUY', 10, 100, fifth), post('order-1', 'BUY', 10, 90, fifth)];
    expect(figures(...trade)).toEqual({ cash: 10_000, reserved: 0, posted: 180, available: 9_820 });
    expect(last(...trade)).toMatchObject({ data: { costE4: rupees(900), marginE4: rupees(180), realisedE4: 0 } });
  });
  it('gives back the margin of what it closes, to the last of it', () => {
    const thirds = [
      reserve('buy', 'BUY', 3, 100, { marginBp: 3_333 }),
      post('buy', 'BUY', 3, 100),
      ...[1, 2, 3].flatMap((n) => [
        reserve(`sell-${String(n)}`, 'SELL', 1, 110),
        post(`sell-${String(n)}`, 'SELL', 1, 110),
      ]),
    ];
    expect(figures(...thirds.slice(0, 4))).toMatchObject({ posted: 66.66 });
    expect(figures(...thirds)).toEqual({ cash: 10_030, reserved: 0, posted: 0, available: 10_030 });
  });
  it('keeps its share when its terms change, unless another one is named', () => {
    const before = reserve('order-1', 'BUY', 10, 100, fifth);
    expect(figures(before, change('order-1', 20, 100))).toMatchObject({ reserved: 400 });
    expect(figures(before, change('order-1', 20, 100, 5_000))).toMatchObject({ reserved: 1_000 });
    given(before)
      .when(change('order-1', 10, 100, 2_000))
      .thenNothing();
  });
  it('keeps its share while it fills', () =>
    expect(figures(reserve('order-1', 'BUY', 10, 100, fifth), post('order-1', 'BUY', 4, 100, fifth))).toMatchObject({
      reserved: 120,
      posted: 80,
    }));
});

describe('contracts on one underlying', () => {
  const { with: given, figures, last, after } = under(hedging);
  const short = [reserve('short', 'SELL', 100, 50, future), post('short', 'SELL', 100, 50, future)];

  it('are covered by what their group needs, said in the event', () => {
    given()
      .when(reserve('order-1', 'SELL', 100, 50, future))
      .then({
        type: 'MarginReserved',
        data: {
          ...subject('order-1', 'SELL', future),
          remainingQuantity: 100,
          closingQuantity: 0,
          marginPriceE4: rupees(50),
          marginBp: 0,
          amountE4: 0,
          contract: { group: 'NIFTY', isOption: false, expiry: EXPIRY },
          pool: { group: 'NIFTY', positionsE4: 0, ordersE4: rupees(1_000) },
        },
      });
    expect(figures(reserve('order-1', 'SELL', 100, 50, future))).toMatchObject({ reserved: 1_000, posted: 0 });
  });
  it('are refused when the group would need more than there is', () =>
    given(...short)
      .when(reserve('order-1', 'SELL', 901, 50, future))
      .thenRefused('margin.insufficient', { requiredE4: rupees(9_010), availableE4: rupees(9_000) }));
  it('move from reserved to posted with the trade', () => {
    expect(figures(...short)).toEqual({ cash: 10_000, reserved: 0, posted: 1_000, available: 9_000 });
    expect(last(...short)).toMatchObject({
      data: { costE4: rupees(5_000), marginE4: 0, pool: { positionsE4: rupees(1_000), ordersE4: 0 } },
    });
  });
  it('that hedge each other need less together', () => {
    const hedge = reserve('hedge', 'BUY', 60, 2, { ...bought, marginBp: 0 });
    // As long as the hedge has not filled nothing is hedged.
    expect(figures(...short, hedge)).toMatchObject({ reserved: 0, posted: 1_000 });
    expect(figures(...short, hedge, post('hedge', 'BUY', 60, 0, { ...bought }))).toMatchObject({ posted: 400 });
  });
  it('never need more together than each on its own', () => {
    const legs = [
      ...short,
      reserve('hedge', 'BUY', 60, 2, { ...future, key: 'NSE_FO|far' }),
      reserve('more', 'SELL', 30, 2, future),
    ];
    const alone = under(standingAlone).after(...legs);
    const together = after(...legs);
    expect(together.reservedE4 + together.postedE4).toBeLessThan(alone.reservedE4 + alone.postedE4);
  });
  it('are free again with the cancel', () => {
    expect(figures(...short, reserve('more', 'SELL', 50, 50, future))).toMatchObject({ reserved: 500 });
    expect(figures(...short, reserve('more', 'SELL', 50, 50, future), cancel('more'))).toMatchObject({ reserved: 0 });
  });
  it('leave no trace once the last one is closed', () => {
    const flat = after(...short, reserve('cover', 'BUY', 100, 40, future), post('cover', 'BUY', 100, 40, future));
    expect([flat.pools.size, flat.positions.size, flat.postedE4, flat.reservedE4]).toEqual([0, 0, 0, 0]);
    expect(flat.cashE4).toBe(rupees(11_000));
  });
  it('may be closed with nothing available', () => {
    const broke = [...short, post('loss', 'BUY', 90, 100, { product: 'CNC' })];
    expect(figures(...broke)).toMatchObject({ available: 0 });
    expect(figures(...broke, reserve('cover', 'BUY', 100, 50, future))).toMatchObject({ available: 0 });
    given(...broke)
      .when(reserve('more', 'SELL', 1, 50, future))
      .thenRefused('margin.insufficient');
  });
  it('are held at the new terms when an order is made larger, and refused when that is too much', () => {
    const before = reserve('order-1', 'SELL', 100, 50, future);
    expect(figures(before, change('order-1', 1_000, 50))).toMatchObject({ available: 0 });
    given(before)
      .when(change('order-1', 1_001, 50))
      .thenRefused('margin.insufficient');
  });

  describe('of which one is not known', () => {
    const stray: Line = { key: UNKNOWN, product: 'NRML', marginBp: 0 };
    it('are not opened', () =>
      given()
        .when(reserve('order-1', 'BUY', 1, 50, stray))
        .thenRefused('margin.parameters-missing'));
    it('keep what was held for the group when a trade is told: it is a fact', () => {
      const now = figures(...short, post('stray', 'BUY', 10, 50, stray));
      expect(now).toMatchObject({ posted: 1_000, available: 9_000 });
    });
    it('are closed all the same', () => {
      const held = [...short, post('stray', 'BUY', 10, 50, stray)];
      expect(figures(...held, reserve('exit', 'SELL', 10, 50, stray))).toMatchObject({ posted: 1_000 });
      given(...held)
        .when(reserve('exit', 'SELL', 11, 50, stray))
        .thenRefused('margin.parameters-missing');
    });
  });
});

describe('an option', () => {
  const { with: given, figures, last } = under(hedging);
  const long = [reserve('buy', 'BUY', 10, 100, bought), post('buy', 'BUY', 10, 90, bought)];
  const short = [reserve('sell', 'SELL', 10, 100, sold), post('sell', 'SELL', 10, 90, sold)];

  it('that is bought is held in full until it trades, with what its group needs', () =>
    expect(figures(reserve('buy', 'BUY', 10, 100, bought))).toMatchObject({ reserved: 1_100 }));
  it('is refused when premium and margin are more than there is', () =>
    given()
      .when(reserve('buy', 'BUY', 91, 100, bought))
      .thenRefused('margin.insufficient', {
        requiredE4: rupees(10_010),
        availableE4: rupees(10_000),
      }));
  it('is paid when it trades', () => {
    expect(figures(...long)).toEqual({ cash: 9_100, reserved: 0, posted: 100, available: 9_000 });
    expect(last(...long)).toMatchObject({
      data: { costE4: rupees(900), marginE4: 0, cashE4: rupees(-900), realisedE4: 0 },
    });
  });
  it('brings its price when it is sold again, and the difference is realised', () => {
    const sale = [...long, reserve('exit', 'SELL', 10, 110, sold), post('exit', 'SELL', 10, 110, sold)];
    expect(figures(...sale)).toEqual({ cash: 10_200, reserved: 0, posted: 0, available: 10_200 });
    expect(last(...sale)).toMatchObject({ data: { cashE4: rupees(1_100), realisedE4: rupees(200) } });
  });
  it('that is written brings its premium at once, and binds what its group needs', () =>
    expect(figures(...short)).toEqual({ cash: 10_900, reserved: 0, posted: 100, available: 10_800 }));
  it('that was written is bought back out of cash', () =>
    expect(figures(...short, post('cover', 'BUY', 10, 95, bought))).toEqual({
      cash: 9_950,
      reserved: 0,
      posted: 0,
      available: 9_950,
    }));
  it('that was posted at full value before it was paid when it traded gives that back with its sale', () => {
    const { after: before } = under({ ...hedging, contractOf: () => undefined });
    const old = before(reserve('buy', 'BUY', 10, 100, bought), post('buy', 'BUY', 10, 90, bought));
    expect([old.cashE4, old.postedE4]).toEqual([rupees(10_000), rupees(900)]);
    const decider = accountBy(hedging);
    const now = decider.decide(post('exit', 'SELL', 10, 110, sold), old).reduce(decider.evolve, old);
    expect([now.cashE4, now.postedE4, now.positions.size]).toEqual([rupees(10_200), 0, 0]);
  });
});

describe('charges', () => {
  const { with: given, figures, last, after } = under(charging);
  const trade = postOn('2026-01-02', 'order-1', 'BUY', 10, 100);

  it('of a trade are taken from cash, and said line by line', () => {
    expect(last(reserve('order-1', 'BUY', 10, 100), trade)).toMatchObject({
      type: 'MarginPosted',
      data: { charges: { brokerageE4: rupees(20), totalE4: rupees(20) }, realisedE4: 0 },
    });
    expect(figures(reserve('order-1', 'BUY', 10, 100), trade)).toMatchObject({ cash: 9_980, posted: 1_000 });
  });
  it('are taken once', () => given(trade).when(trade).thenNothing());
  it('are worked out on what the day has seen', () => {
    const now = after(trade, postOn('2026-01-02', 'order-2', 'BUY', 1, 1));
    expect(now.cashE4).toBe(rupees(9_960) - 1);
    expect(now.day).toMatchObject({ date: '2026-01-02', chargesE4: rupees(40) + 1 });
  });
  it('may take more than there is: the trade is a fact', () =>
    expect(figures(post('order-1', 'BUY', 100, 100), postOn('2026-01-02', 'order-2', 'BUY', 1, 1))).toMatchObject({
      cash: 9_980,
      available: -21,
    }));
  it.each([
    ['on a day whose rates nobody knows', postOn('2025-01-02', 'order-1', 'BUY', 10, 100)],
    ['of which nobody says the day', post('order-1', 'BUY', 10, 100)],
  ])('are not taken for a trade %s', (_, command) => {
    expect(after(command).cashE4).toBe(rupees(10_000));
    expect(last(command)?.data).not.toHaveProperty('charges');
  });
});

describe('what has happened', () => {
  const { after, last } = under(hedging);
  const fails = (): never => {
    throw new RangeError('a table that nobody can count with');
  };
  const failing: AccountRules = { ...hedging, worstCaseE4: fails, chargesOf: fails };
  const tooLarge: AccountRules = { ...failing, worstCaseE4: () => valueOf(Number.MAX_SAFE_INTEGER, 2) };
  const noAmount: AccountRules = { ...failing, worstCaseE4: () => Number.NaN };
  const open = [reserve('order-2', 'SELL', 1, 5, sold), reserve('order-1', 'SELL', 10, 5, sold)];

  it.each<[string, AccountRules]>([
    ['fails', failing],
    ['comes to more than can be counted', tooLarge],
    ['comes to no amount', noAmount],
  ])('is recorded where the model of margins %s, and what was held stays', (_, rules) => {
    const decider = accountBy(rules);
    const before = after(...open);
    const told = (command: AccountCommand) => fold(decider, before, decider.decide(command, before));
    const filled = told(postOn('2026-01-02', 'order-1', 'SELL', 10, 5, sold));
    expect(filled.positions.get(`${CALL}/NRML`)?.quantity).toBe(-10);
    expect(filled.pools).toEqual(before.pools);
    expect(filled.day.chargesE4).toBe(0);
    const adjusted = told({
      type: 'AdjustReservation',
      data: { orderId: 'order-1', quantity: 4, marginPriceE4: rupees(5) },
    });
    expect(adjusted.reservations.get('order-1')?.remainingQuantity).toBe(4);
    expect([...told(cancel('order-1')).reservations.keys()]).toEqual(['order-2']);
  });
  it('is recorded of a contract that expired as well', () => {
    const decider = accountBy(failing);
    const trades = [post('order-1', 'SELL', 10, 5, sold), post('order-2', 'SELL', 1, 5, sold)];
    const short = after(...open, ...trades, post('order-3', 'BUY', 1, 100, future));
    const nextDay = { ...subject('next', 'BUY', {}), quantity: 1, marginPriceE4: rupees(1), tradingDate: '2026-01-28' };
    const events = decider.decide({ type: 'ReserveMargin', data: nextDay }, short);
    expect(events.map(({ type }) => type)).toEqual(['PositionExpired', 'PositionExpired', 'MarginReserved']);
  });
  it('is no reason to take an order whose margin nobody can work out', () => {
    const decider = accountBy(noAmount);
    const asked = open.at(-1);
    expect(asked && (() => decider.decide(asked, after()))).toThrow('margin.parameters-missing');
    expect(last(...open)?.type).toBe('MarginReserved');
  });
});

describe('a holding that no order of ours bought', () => {
  const { with: given, figures, after, last } = under(hedging);

  it('is taken over at what it cost, and makes nothing available', () => {
    given()
      .when(adopt(10, 100))
      .then({
        type: 'HoldingAdopted',
        data: { broker: 'zerodha', instrumentKey: SHARE, quantity: 10, costE4: rupees(1_000), shownQuantity: 10 },
      });
    expect(figures(adopt(10, 100))).toEqual({ cash: 11_000, reserved: 0, posted: 1_000, available: 10_000 });
  });
  it('is taken over once, and then only what has been added', () => {
    given(adopt(10, 100)).when(adopt(10, 100)).thenNothing();
    expect(last(adopt(10, 100), adopt(12, 100))).toMatchObject({ data: { quantity: 2, costE4: rupees(200) } });
  });
  it('is not taken over as far as it was bought here', () => {
    const here = post('order-1', 'BUY', 10, 100, { product: 'CNC' });
    expect(last(here, adopt(10, 100))).toMatchObject({ data: { quantity: 0, costE4: 0, shownQuantity: 10 } });
    expect(last(here, adopt(12, 100))).toMatchObject({ data: { quantity: 2 } });
  });
  it('is not given back when the broker says less: what was sold is told as a trade', () =>
    expect(last(adopt(10, 100), adopt(4, 100))).toMatchObject({ data: { quantity: 0, shownQuantity: 4 } }));
  it('is not taken over again on the day it was sold, which the broker shows a day later', () => {
    const sold = postOn('2026-01-02', 'sell', 'SELL', 10, 110, { product: 'CNC' });
    given(adopt(10, 100), sold).when(adopt(10, 100)).thenNothing();
  });
  it('at a second broker is another one', () => {
    const elsewhere: AccountCommand = {
      type: 'AdoptHolding',
      data: { broker: 'upstox', instrumentKey: SHARE, quantity: 4, averagePriceE4: rupees(100) },
    };
    expect(last(adopt(10, 100), elsewhere)).toMatchObject({ data: { quantity: 4 } });
  });
  it('is sold like any other, without margin', () => {
    const sale = [adopt(10, 100), reserve('sell', 'SELL', 10, 110, { product: 'CNC' })];
    expect(figures(...sale)).toMatchObject({ reserved: 0 });
    const flat = after(...sale, post('sell', 'SELL', 10, 110, { product: 'CNC' }));
    expect([flat.cashE4, flat.postedE4, flat.positions.size]).toEqual([rupees(11_100), 0, 0]);
  });
  it('is delivered: an order of another product does not close it', () =>
    expect(figures(adopt(10, 100), reserve('sell', 'SELL', 10, 110))).toMatchObject({ reserved: 1_100 }));
});

describe('a contract whose last trading day is over', () => {
  const { after, historyOf, figures } = under(hedging);
  const short = [reserve('short', 'SELL', 10, 5, sold), post('short', 'SELL', 10, 5, sold)];
  const orderOn = (tradingDate: string): AccountCommand => {
    const command = reserve('next', 'BUY', 1, 100);
    return command.type === 'ReserveMargin' ? { ...command, data: { ...command.data, tradingDate } } : command;
  };
  const nextDay = orderOn('2026-01-28');
  /** What comes of a command under other rules: those of a day whose files know less. */
  const later = (now: Account, rules: AccountRules, command: AccountCommand): Account =>
    fold(accountBy(rules), now, accountBy(rules).decide(command, now));

  it('binds nothing from the next order on', () => {
    expect(after(...short).pools.size).toBe(1);
    const now = after(...short, nextDay);
    expect([now.pools.size, now.positions.has(`${CALL}/NRML`)]).toEqual([0, false]);
    expect(figures(...short, nextDay)).toMatchObject({ reserved: 100, posted: 0 });
  });
  it('is told, with what was open in it', () => {
    const told = historyOf(...short, nextDay).find(({ type }) => type === 'PositionExpired');
    expect(told?.data).toMatchObject({ instrumentKey: CALL, quantity: -10, expiry: EXPIRY });
  });
  it('stays on its last day', () => expect(after(...short, orderOn(EXPIRY)).positions.has(`${CALL}/NRML`)).toBe(true));
  it('is still an option when a trade of its last day is told after it: its price was paid', () => {
    const late = post('close', 'BUY', 10, 8, sold);
    const forgetful: AccountRules = { ...hedging, contractOf: () => undefined };
    expect(later(after(...short), forgetful, late).cashE4).toBe(after(...short, late).cashE4);
  });
  it('lets its open order go without leaving anything bound', () => {
    const forgetful: AccountRules = { ...hedging, contractOf: () => undefined, worstCaseE4: () => undefined };
    const now = later(after(reserve('open', 'SELL', 10, 5, sold)), forgetful, cancel('open'));
    expect([now.reservedE4, now.pools.size]).toEqual([0, 0]);
  });
});
