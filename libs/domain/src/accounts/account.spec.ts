import { Refused } from '../decider';
import { E4_PER_RUPEE } from '../money';
import type { Side } from '../orders/order';
import { specify } from '../specify';
import { type Account, account, type AccountCommand, type AccountEvent, availableE4, positionKey } from './account';

const given = specify(account);

const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);

const RELIANCE = 'NSE_EQ|INE002A01018';

/* ----------------------------------------------------------------------------------------------- what is asked */

const open: AccountCommand = {
  type: 'OpenAccount',
  data: { accountId: 'account-1', userId: 'user-1', kind: 'paper', broker: 'paper' },
};
const deposit = (amount: number, depositId = 'deposit-1'): AccountCommand => ({
  type: 'DepositFunds',
  data: { depositId, amountE4: rupees(amount) },
});

interface Line {
  readonly instrumentKey?: string;
  readonly product?: 'CNC' | 'MIS';
}
const subject = (orderId: string, side: Side, { instrumentKey = RELIANCE, product = 'MIS' }: Line = {}) => ({
  orderId,
  instrumentKey,
  product,
  side,
});
const reserve = (orderId: string, side: Side, quantity: number, price: number, line?: Line): AccountCommand => ({
  type: 'ReserveMargin',
  data: { ...subject(orderId, side, line), quantity, marginPriceE4: rupees(price) },
});
const change = (orderId: string, quantity: number, price: number): AccountCommand => ({
  type: 'ChangeReservation',
  data: { orderId, quantity, marginPriceE4: rupees(price) },
});
const adjust = (orderId: string, quantity: number, price: number): AccountCommand => ({
  type: 'AdjustReservation',
  data: { orderId, quantity, marginPriceE4: rupees(price) },
});
/** A trade of an order's, `cumulativeQuantity` the order's total with it. */
const post = (
  orderId: string,
  side: Side,
  quantity: number,
  price: number,
  cumulativeQuantity = quantity,
  line?: Line,
): AccountCommand => ({
  type: 'PostMargin',
  data: {
    ...subject(orderId, side, line),
    tradeId: `${orderId}-${String(cumulativeQuantity)}`,
    quantity,
    priceE4: rupees(price),
    cumulativeQuantity,
    orderClosed: false,
  },
});
/** The trade with which the order is over. */
const postLast = (...trade: Parameters<typeof post>): AccountCommand => {
  const command = post(...trade);
  return command.type === 'PostMargin' ? { ...command, data: { ...command.data, orderClosed: true } } : command;
};
const cancel = (orderId: string): AccountCommand => ({ type: 'VoidMargin', data: { orderId } });

/* ----------------------------------------------------------------------------------------------- what comes of it */

/** What happened when all this was asked, one after the other. */
const historyOf = (...commands: readonly AccountCommand[]): readonly AccountEvent[] => {
  const events: AccountEvent[] = [];
  let now = account.initial;
  for (const command of commands)
    for (const event of account.decide(command, now)) {
      events.push(event);
      now = account.evolve(now, event);
    }
  return events;
};

const accountAfter = (...commands: readonly AccountCommand[]): Account =>
  historyOf(...commands).reduce(account.evolve, account.initial);

/** An account with Rs 1,00,000 after all this. */
const funded = (...commands: readonly AccountCommand[]): Account => accountAfter(open, deposit(100_000), ...commands);

/** The figures of an account in rupees. */
const figures = (now: Account) => ({
  cash: now.cashE4 / E4_PER_RUPEE,
  reserved: now.reservedE4 / E4_PER_RUPEE,
  posted: now.postedE4 / E4_PER_RUPEE,
  available: availableE4(now) / E4_PER_RUPEE,
});

const positionOf = (now: Account, line: Line = {}) => {
  const found = now.positions.get(
    positionKey({ instrumentKey: line.instrumentKey ?? RELIANCE, product: line.product ?? 'MIS' }),
  );
  return found && { quantity: found.quantity, cost: found.costE4 / E4_PER_RUPEE, promised: found.promisedQuantity };
};

/** The sentence about the next command, given what was asked before. */
const with1Lakh = (...commands: readonly AccountCommand[]) => given(...historyOf(open, deposit(100_000), ...commands));

describe('opening', () => {
  const opened: AccountEvent = {
    type: 'AccountOpened',
    data: { accountId: 'account-1', userId: 'user-1', kind: 'paper', broker: 'paper' },
  };
  it('opens an account without money', () => {
    given().when(open).then(opened);
    expect(figures(accountAfter(open))).toEqual({ cash: 0, reserved: 0, posted: 0, available: 0 });
  });
  it('opens it once', () => given(opened).when(open).thenNothing());
  it.each([
    ['another owner', { userId: 'user-2' }],
    ['another kind', { kind: 'live' }],
    ['another broker', { broker: 'upstox' }],
  ] as const)('refuses the same account with %s', (_, other) =>
    given(opened)
      .when({ type: 'OpenAccount', data: { ...opened.data, ...other } })
      .thenRefused('account.different'),
  );
  it.each([
    ['a deposit', deposit(1)],
    ['a reservation', reserve('order-1', 'BUY', 1, 1)],
    ['a change', change('order-1', 1, 1)],
    ['an adjustment', adjust('order-1', 1, 1)],
    ['a trade', post('order-1', 'BUY', 1, 1)],
    ['a void', cancel('order-1')],
  ])('refuses %s before that', (_, command) => given().when(command).thenRefused('account.unknown'));
});

describe('deposits', () => {
  it('add up to the last paisa', () =>
    expect(figures(accountAfter(open, deposit(0.1, 'a'), deposit(0.2, 'b')))).toMatchObject({ cash: 0.3 }));
  it('count once', () => with1Lakh().when(deposit(100_000)).thenNothing());
  it('are refused when the same id comes back with another amount', () =>
    with1Lakh().when(deposit(100_001)).thenRefused('account.deposit-differs'));
  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuse %p', (amountE4) =>
    given(...historyOf(open))
      .when({ type: 'DepositFunds', data: { depositId: 'deposit-1', amountE4 } })
      .thenRefused('account.deposit-not-positive'),
  );
  it('refuse what would make the balance inexact', () =>
    given(...historyOf(open, { type: 'DepositFunds', data: { depositId: 'a', amountE4: Number.MAX_SAFE_INTEGER } }))
      .when({ type: 'DepositFunds', data: { depositId: 'b', amountE4: 1 } })
      .thenRefused('money.too-large'));
});

describe('reserving', () => {
  it('holds the full value of a buy', () => {
    with1Lakh()
      .when(reserve('order-1', 'BUY', 10, 1_412.3))
      .then({
        type: 'MarginReserved',
        data: {
          ...subject('order-1', 'BUY'),
          remainingQuantity: 10,
          closingQuantity: 0,
          marginPriceE4: 14_123_000,
          amountE4: 141_230_000,
        },
      });
    expect(figures(funded(reserve('order-1', 'BUY', 10, 1_412.3)))).toEqual({
      cash: 100_000,
      reserved: 14_123,
      posted: 0,
      available: 85_877,
    });
  });
  it('holds the full value of a sell that opens a short', () =>
    expect(figures(funded(reserve('order-1', 'SELL', 10, 100)))).toMatchObject({ reserved: 1_000 }));
  it('takes the last rupee', () =>
    expect(figures(funded(reserve('order-1', 'BUY', 1_000, 100)))).toMatchObject({ available: 0 }));
  it('refuses one ten-thousandth of a rupee more than there is', () =>
    with1Lakh()
      .when(reserve('order-1', 'BUY', 1, 100_000.0001))
      .thenRefused('margin.insufficient', { requiredE4: 1_000_000_001, availableE4: 1_000_000_000 }));
  it('refuses what other orders hold', () =>
    with1Lakh(reserve('order-1', 'BUY', 600, 100))
      .when(reserve('order-2', 'BUY', 401, 100))
      .thenRefused('margin.insufficient'));
  it('refuses what positions hold', () =>
    with1Lakh(reserve('order-1', 'BUY', 600, 100), post('order-1', 'BUY', 600, 100))
      .when(reserve('order-2', 'BUY', 401, 100))
      .thenRefused('margin.insufficient'));
  it('refuses a value too large to be exact', () =>
    with1Lakh()
      .when({
        type: 'ReserveMargin',
        data: { ...subject('order-1', 'BUY'), quantity: 10_000_000, marginPriceE4: 100_000_000_000 },
      })
      .thenRefused('money.too-large'));
  it('holds prices that binary fractions cannot', () => {
    const now = funded(reserve('order-1', 'BUY', 3, 0.1), reserve('order-2', 'BUY', 3, 0.2));
    expect(now.reservedE4).toBe(9_000);
  });

  it('is done once per order', () =>
    with1Lakh(reserve('order-1', 'BUY', 10, 100))
      .when(reserve('order-1', 'BUY', 10, 100))
      .thenNothing());
  it('is done once per order, even when the order is filled by now', () =>
    with1Lakh(reserve('order-1', 'BUY', 10, 100), post('order-1', 'BUY', 10, 100))
      .when(reserve('order-1', 'BUY', 10, 100))
      .thenNothing());
  it('is never done again for an order that is over', () =>
    with1Lakh(reserve('order-1', 'BUY', 10, 100), cancel('order-1'))
      .when(reserve('order-1', 'BUY', 10, 100))
      .thenNothing());
  it.each([
    ['side', reserve('order-1', 'SELL', 10, 100)],
    ['instrument', reserve('order-1', 'BUY', 10, 100, { instrumentKey: 'NSE_EQ|INE467B01029' })],
    ['product', reserve('order-1', 'BUY', 10, 100, { product: 'CNC' })],
  ])('refuses the same order with another %s', (_, command) =>
    with1Lakh(reserve('order-1', 'BUY', 10, 100))
      .when(command)
      .thenRefused('margin.different-order'),
  );
});

describe('posting', () => {
  it('turns the reservation of the traded part into a position', () => {
    with1Lakh(reserve('order-1', 'BUY', 10, 100))
      .when(post('order-1', 'BUY', 4, 99))
      .then({
        type: 'MarginPosted',
        data: {
          ...subject('order-1', 'BUY'),
          tradeId: 'order-1-4',
          quantity: 4,
          priceE4: rupees(99),
          cumulativeQuantity: 4,
          closedQuantity: 0,
          openedQuantity: 4,
          costE4: rupees(396),
          realisedE4: 0,
          hold: { remainingQuantity: 6, closingQuantity: 0, marginPriceE4: rupees(100), amountE4: rupees(600) },
        },
      });
    expect(figures(funded(reserve('order-1', 'BUY', 10, 100), post('order-1', 'BUY', 4, 99)))).toEqual({
      cash: 100_000,
      reserved: 600,
      posted: 396,
      available: 99_004,
    });
  });
  it('ends the reservation with the last trade', () => {
    const now = funded(
      reserve('order-1', 'BUY', 10, 100),
      post('order-1', 'BUY', 4, 99),
      post('order-1', 'BUY', 6, 98, 10),
    );
    expect(figures(now)).toEqual({ cash: 100_000, reserved: 0, posted: 984, available: 99_016 });
    expect(now.reservations.size).toBe(0);
  });
  it('ends the reservation with the trade that closes the order, even when more was held for a modify', () => {
    const modified = [reserve('order-1', 'BUY', 10, 100), change('order-1', 15, 100)];
    expect(figures(funded(...modified, post('order-1', 'BUY', 10, 100)))).toMatchObject({ reserved: 500 });
    const now = funded(...modified, postLast('order-1', 'BUY', 10, 100));
    expect(figures(now)).toMatchObject({ reserved: 0, posted: 1_000 });
    expect(now.reservations.size).toBe(0);
  });
  it('counts a trade once', () => {
    const before = [reserve('order-1', 'BUY', 10, 100), post('order-1', 'BUY', 4, 99)];
    with1Lakh(...before)
      .when(post('order-1', 'BUY', 4, 99))
      .thenNothing();
    with1Lakh(...before, post('order-1', 'BUY', 6, 99, 10))
      .when(post('order-1', 'BUY', 4, 99))
      .thenNothing();
  });
  it('refuses a trade when the one before it is missing', () =>
    with1Lakh(reserve('order-1', 'BUY', 10, 100))
      .when(post('order-1', 'BUY', 6, 99, 10))
      .thenRefused('margin.trade-skipped', { posted: 0, cumulativeQuantity: 10 }));
  it('takes a trade that nothing was reserved for: it is a fact', () =>
    expect(figures(funded(post('order-1', 'BUY', 2_000, 100)))).toEqual({
      cash: 100_000,
      reserved: 0,
      posted: 200_000,
      available: -100_000,
    }));
  it('takes a trade that was told after the cancel', () =>
    expect(
      figures(funded(reserve('order-1', 'BUY', 10, 100), cancel('order-1'), post('order-1', 'BUY', 4, 99))),
    ).toMatchObject({ reserved: 0, posted: 396 }));
  it('goes into the negative when a trade costs more than was held, and then opens nothing more', () => {
    const before = [reserve('order-1', 'BUY', 1_000, 100), post('order-1', 'BUY', 1_000, 101)];
    expect(figures(funded(...before))).toMatchObject({ available: -1_000 });
    with1Lakh(...before)
      .when(reserve('order-2', 'BUY', 1, 1))
      .thenRefused('margin.insufficient');
  });
});

describe('voiding', () => {
  it('sets free what is still held', () => {
    const before = [reserve('order-1', 'BUY', 10, 100), post('order-1', 'BUY', 4, 100)];
    with1Lakh(...before)
      .when(cancel('order-1'))
      .then({ type: 'MarginVoided', data: { orderId: 'order-1', amountE4: rupees(600) } });
    expect(figures(funded(...before, cancel('order-1')))).toMatchObject({ reserved: 0, posted: 400 });
  });
  it('is done once', () =>
    with1Lakh(reserve('order-1', 'BUY', 10, 100), cancel('order-1'))
      .when(cancel('order-1'))
      .thenNothing());
  it('is nothing for an order that holds nothing', () => with1Lakh().when(cancel('order-1')).thenNothing());
});

describe.each([
  ['asking for another reservation', change],
  ['following a modify', adjust],
])('%s', (_, changed) => {
  const before = [reserve('order-1', 'BUY', 10, 100)];

  it('holds more for a larger order', () =>
    expect(figures(funded(...before, changed('order-1', 15, 100)))).toMatchObject({ reserved: 1_500 }));
  it('holds more at a higher price', () =>
    expect(figures(funded(...before, changed('order-1', 10, 120)))).toMatchObject({ reserved: 1_200 }));
  it('holds less for a smaller order', () =>
    expect(figures(funded(...before, changed('order-1', 5, 100)))).toMatchObject({ reserved: 500 }));
  it('counts the total: what has traded is not held again', () =>
    expect(figures(funded(...before, post('order-1', 'BUY', 4, 100), changed('order-1', 15, 100)))).toMatchObject({
      reserved: 1_100,
      posted: 400,
    }));
  it('holds nothing when the new total has traded already', () =>
    expect(figures(funded(...before, post('order-1', 'BUY', 4, 100), changed('order-1', 3, 100)))).toMatchObject({
      reserved: 0,
    }));
  it('is done once', () =>
    with1Lakh(...before, changed('order-1', 15, 100))
      .when(changed('order-1', 15, 100))
      .thenNothing());
  it('is nothing for an order that holds nothing', () =>
    with1Lakh()
      .when(changed('order-1', 15, 100))
      .thenNothing());
  it('holds less even when nothing is available', () =>
    expect(figures(funded(...before, post('order-2', 'BUY', 2_000, 100), changed('order-1', 5, 100)))).toMatchObject({
      reserved: 500,
    }));
});

describe('a modify that cannot be covered', () => {
  const before = [reserve('order-1', 'BUY', 600, 100), reserve('order-2', 'BUY', 300, 100)];
  it('is refused when it is asked for', () =>
    with1Lakh(...before)
      .when(change('order-1', 701, 100))
      .thenRefused('margin.insufficient', { requiredE4: rupees(10_100), availableE4: rupees(10_000) }));
  it('may take the last rupee', () =>
    expect(figures(funded(...before, change('order-1', 700, 100)))).toMatchObject({ available: 0 }));
  it('is followed when the broker has made it: it is a fact', () =>
    expect(figures(funded(...before, adjust('order-1', 701, 100)))).toMatchObject({
      reserved: 100_100,
      available: -100,
    }));
});

describe('closing', () => {
  const long = [reserve('buy', 'BUY', 10, 100), post('buy', 'BUY', 10, 100)];

  it('needs no margin, even when nothing is available', () => {
    const broke = [...long, post('loss', 'BUY', 2_000, 100, 2_000, { product: 'CNC' })];
    with1Lakh(...broke)
      .when(reserve('sell', 'SELL', 10, 90))
      .then({
        type: 'MarginReserved',
        data: {
          ...subject('sell', 'SELL'),
          remainingQuantity: 10,
          closingQuantity: 10,
          marginPriceE4: rupees(90),
          amountE4: 0,
        },
      });
  });
  it('keeps its promise to itself: a trade closes what the order was promised', () =>
    with1Lakh(...long, reserve('sell', 'SELL', 10, 90))
      .when(post('sell', 'SELL', 4, 110))
      .then({
        type: 'MarginPosted',
        data: {
          ...subject('sell', 'SELL'),
          tradeId: 'sell-4',
          quantity: 4,
          priceE4: rupees(110),
          cumulativeQuantity: 4,
          closedQuantity: 4,
          openedQuantity: 0,
          costE4: rupees(-400),
          realisedE4: rupees(40),
          hold: { remainingQuantity: 6, closingQuantity: 6, marginPriceE4: rupees(90), amountE4: 0 },
        },
      }));
  it('cannot promise the same shares twice', () => {
    const now = funded(...long, reserve('sell-1', 'SELL', 7, 100), reserve('sell-2', 'SELL', 7, 100));
    expect(positionOf(now)).toEqual({ quantity: 10, cost: 1_000, promised: 10 });
    expect(figures(now)).toMatchObject({ reserved: 400 });
  });
  it('promises again what a cancel gave back', () => {
    const now = funded(
      ...long,
      reserve('sell-1', 'SELL', 7, 100),
      cancel('sell-1'),
      reserve('sell-2', 'SELL', 10, 100),
    );
    expect(positionOf(now)).toEqual({ quantity: 10, cost: 1_000, promised: 10 });
    expect(figures(now)).toMatchObject({ reserved: 0 });
  });
  it('gives back what a smaller order no longer closes', () => {
    const now = funded(
      ...long,
      reserve('sell-1', 'SELL', 10, 100),
      adjust('sell-1', 4, 100),
      reserve('sell-2', 'SELL', 6, 100),
    );
    expect(positionOf(now)).toEqual({ quantity: 10, cost: 1_000, promised: 10 });
    expect(figures(now)).toMatchObject({ reserved: 0 });
  });
  it('holds margin only for the part that opens', () =>
    expect(figures(funded(...long, reserve('sell', 'SELL', 25, 100)))).toMatchObject({ reserved: 1_500 }));
  it('does not net different products', () =>
    expect(figures(funded(...long, reserve('sell', 'SELL', 10, 100, { product: 'CNC' })))).toMatchObject({
      reserved: 1_000,
    }));
  it('does not net different instruments', () =>
    expect(
      figures(funded(...long, reserve('sell', 'SELL', 10, 100, { instrumentKey: 'NSE_EQ|INE467B01029' }))),
    ).toMatchObject({ reserved: 1_000 }));
  it('does not call it closing when the order is on the same side', () =>
    expect(figures(funded(...long, reserve('more', 'BUY', 10, 100)))).toMatchObject({ reserved: 1_000 }));

  it('realises a profit', () => {
    const now = funded(...long, reserve('sell', 'SELL', 10, 110), post('sell', 'SELL', 10, 112));
    expect(figures(now)).toEqual({ cash: 100_120, reserved: 0, posted: 0, available: 100_120 });
    expect(now.positions.size).toBe(0);
  });
  it('realises a loss', () =>
    expect(figures(funded(...long, reserve('sell', 'SELL', 10, 90), post('sell', 'SELL', 10, 91)))).toEqual({
      cash: 99_910,
      reserved: 0,
      posted: 0,
      available: 99_910,
    }));
  it('realises its share of the average cost', () => {
    const averaged = [...long, post('buy-2', 'BUY', 5, 130)];
    const now = funded(...averaged, post('sell', 'SELL', 6, 120));
    // 15 cost 1,650, so 6 of them 660, sold for 720.
    expect(figures(now)).toEqual({ cash: 100_060, reserved: 0, posted: 990, available: 99_070 });
    expect(positionOf(now)).toEqual({ quantity: 9, cost: 990, promised: 0 });
  });
  it('loses nothing to rounding: three thirds of Rs 1 are Rs 1', () => {
    const third = (cumulative: number) => post('sell', 'SELL', 1, 1, cumulative);
    const bought = [post('buy', 'BUY', 2, 0.3), post('buy', 'BUY', 1, 0.4, 3)];
    expect(figures(funded(...bought, third(1)))).toMatchObject({ posted: 0.6667 });
    expect(figures(funded(...bought, third(1), third(2), third(3)))).toEqual({
      cash: 100_002,
      reserved: 0,
      posted: 0,
      available: 100_002,
    });
  });
  it('leaves no trace of a position that is flat, reserved for or not', () => {
    expect(funded(...long, reserve('sell', 'SELL', 10, 100), post('sell', 'SELL', 10, 100)).positions.size).toBe(0);
    expect(funded(...long, post('sell', 'SELL', 10, 100)).positions.size).toBe(0);
  });
});

describe('short, then covered', () => {
  const short = [reserve('sell', 'SELL', 10, 100), post('sell', 'SELL', 10, 100)];

  it('posts what the short was sold for', () => {
    expect(figures(funded(...short))).toEqual({ cash: 100_000, reserved: 0, posted: 1_000, available: 99_000 });
    expect(positionOf(funded(...short))).toEqual({ quantity: -10, cost: 1_000, promised: 0 });
  });
  it('covers without margin', () =>
    expect(figures(funded(...short, reserve('buy', 'BUY', 10, 150)))).toMatchObject({ reserved: 0 }));
  it('realises a profit when bought back cheaper', () =>
    expect(figures(funded(...short, post('buy', 'BUY', 10, 92)))).toEqual({
      cash: 100_080,
      reserved: 0,
      posted: 0,
      available: 100_080,
    }));
  it('realises a loss when bought back dearer', () =>
    expect(figures(funded(...short, post('buy', 'BUY', 10, 108)))).toMatchObject({ cash: 99_920 }));
});

describe('flipping a position with one order', () => {
  const long = [reserve('buy', 'BUY', 10, 100), post('buy', 'BUY', 10, 100)];
  const flipping = [...long, reserve('sell', 'SELL', 25, 110)];

  it('closes first, then opens', () => {
    const now = funded(...flipping, post('sell', 'SELL', 25, 110));
    expect(figures(now)).toEqual({ cash: 100_100, reserved: 0, posted: 1_650, available: 98_450 });
    expect(positionOf(now)).toEqual({ quantity: -15, cost: 1_650, promised: 0 });
  });
  it('says what was closed and what was opened', () =>
    with1Lakh(...flipping)
      .when(post('sell', 'SELL', 25, 110))
      .then({
        type: 'MarginPosted',
        data: {
          ...subject('sell', 'SELL'),
          tradeId: 'sell-25',
          quantity: 25,
          priceE4: rupees(110),
          cumulativeQuantity: 25,
          closedQuantity: 10,
          openedQuantity: 15,
          costE4: rupees(650),
          realisedE4: rupees(100),
          hold: null,
        },
      }));
  it('keeps the margin of the opening part until that trades', () => {
    expect(figures(funded(...flipping, post('sell', 'SELL', 4, 110)))).toMatchObject({ reserved: 1_650, posted: 600 });
    expect(figures(funded(...flipping, post('sell', 'SELL', 12, 110)))).toMatchObject({ reserved: 1_430, posted: 220 });
  });
  it('flips back', () => {
    const now = funded(...flipping, post('sell', 'SELL', 25, 110), post('back', 'BUY', 20, 105));
    expect(positionOf(now)).toEqual({ quantity: 5, cost: 525, promised: 0 });
    expect(figures(now)).toMatchObject({ cash: 100_175, posted: 525 });
  });
});

describe('a promise that another order’s trade has broken', () => {
  const long = [reserve('buy', 'BUY', 10, 100), post('buy', 'BUY', 10, 100)];
  /** `first` closes the position, so `second` is held for as opening a short. */
  const promised = [...long, reserve('first', 'SELL', 10, 100), reserve('second', 'SELL', 10, 90)];

  it('needs margin from then on', () => {
    expect(figures(funded(...promised))).toMatchObject({ reserved: 900, posted: 1_000 });
    const now = funded(...promised, post('second', 'SELL', 10, 100));
    expect(figures(now)).toMatchObject({ reserved: 1_000, posted: 0 });
    expect(positionOf(now)).toBeUndefined();
  });
  it('is said to have changed', () =>
    with1Lakh(...promised)
      .when(post('second', 'SELL', 4, 100))
      .then(
        {
          type: 'MarginPosted',
          data: {
            ...subject('second', 'SELL'),
            tradeId: 'second-4',
            quantity: 4,
            priceE4: rupees(100),
            cumulativeQuantity: 4,
            closedQuantity: 4,
            openedQuantity: 0,
            costE4: rupees(-400),
            realisedE4: 0,
            hold: { remainingQuantity: 6, closingQuantity: 0, marginPriceE4: rupees(90), amountE4: rupees(540) },
          },
        },
        {
          type: 'ReservationChanged',
          data: {
            orderId: 'first',
            remainingQuantity: 10,
            closingQuantity: 6,
            marginPriceE4: rupees(100),
            amountE4: rupees(400),
          },
        },
      ));
  it('is told once', () =>
    with1Lakh(...promised, post('second', 'SELL', 4, 100))
      .when(post('second', 'SELL', 4, 100))
      .thenNothing());
  it('is broken by a trade that nothing was reserved for', () =>
    expect(figures(funded(...long, reserve('first', 'SELL', 10, 100), post('stray', 'SELL', 3, 100)))).toMatchObject({
      reserved: 300,
      posted: 700,
    }));
  it('does not stand in the way of the other side once the position has flipped', () => {
    const flipped = [...long, reserve('first', 'SELL', 10, 100), post('stray', 'SELL', 15, 100)];
    expect(positionOf(funded(...flipped))).toEqual({ quantity: -5, cost: 500, promised: 0 });
    expect(figures(funded(...flipped, reserve('cover', 'BUY', 5, 100)))).toMatchObject({ reserved: 1_000 });
  });
  it('is spread over as many orders as it takes', () => {
    const three = ['a', 'b', 'c'].map((id) => reserve(id, 'SELL', 3, 100));
    const now = funded(...long, ...three, post('stray', 'SELL', 8, 100));
    expect(positionOf(now)).toEqual({ quantity: 2, cost: 200, promised: 2 });
    expect(figures(now)).toMatchObject({ reserved: 700 });
  });
  it('leaves orders of other instruments and products alone', () => {
    const other = { product: 'CNC' } as const;
    const elsewhere = [post('other', 'BUY', 10, 100, 10, other), reserve('elsewhere', 'SELL', 10, 100, other)];
    const now = funded(...elsewhere, ...long, reserve('first', 'SELL', 10, 100), post('stray', 'SELL', 10, 100));
    expect(figures(now)).toMatchObject({ reserved: 1_000 });
    expect(positionOf(now, other)).toEqual({ quantity: 10, cost: 1_000, promised: 10 });
  });
  it('is not broken by a trade that makes the position larger', () =>
    expect(figures(funded(...long, reserve('first', 'SELL', 10, 100), post('more', 'BUY', 5, 100)))).toMatchObject({
      reserved: 0,
    }));
});

describe('a refusal', () => {
  it('says what was needed and what there was', () => {
    const ask = () => account.decide(reserve('order-1', 'BUY', 1, 100_001), funded());
    expect(ask).toThrow(Refused);
    expect(ask).toThrow(
      expect.objectContaining({
        code: 'margin.insufficient',
        detail: { requiredE4: rupees(100_001), availableE4: rupees(100_000) },
      }),
    );
  });
});
