import fc from 'fast-check';
import { Map } from 'immutable';
import { NO_CHARGES } from '../charges/charges';
import { type Decider, fold, Refused } from '../decider';
import { E4_PER_RUPEE } from '../money';
import {
  CLOSED,
  leavesOf,
  order,
  type Order,
  type OrderCommand,
  type OrderDetails,
  type OrderEvent,
} from '../orders/order';
import { ask, details, terms, told } from '../orders/samples';
import { marginPriceE4 } from '../risk/margin-price';
import {
  type Account,
  account,
  accountBy,
  type AccountCommand,
  type AccountEvent,
  type AccountRules,
  availableE4,
  positionKey,
} from './account';
import { accountReaction } from './reactions';

const FUNDS_E4 = 100 * E4_PER_RUPEE;

/** Six orders, most of them in one instrument, half of them sells, of 10 at Rs 1.0001 and more: too much for Rs 100. */
const LINES: readonly OrderDetails[] = [0, 1, 2, 3, 4, 5].map((index) => ({
  ...details,
  ...terms(10, (1 + index) * 10_001),
  orderId: `order-${String(index)}`,
  instrumentKey: index < 4 ? 'NSE_EQ|most' : 'NSE_EQ|other',
  product: 'MIS',
  side: index % 2 === 0 ? 'BUY' : 'SELL',
}));

/* ------------------------------------------------------------------------------------ the world around an account */

/** What an account is traded in, and by which rules. */
interface Market {
  readonly account: Decider<Account, AccountCommand, AccountEvent>;
  readonly lines: readonly OrderDetails[];
  /** The share of its value that an order needs; absent: all of it. */
  readonly marginBpOf?: (line: OrderDetails) => number | undefined;
  readonly tradingDateOf?: () => string;
}

const SHARES: Market = { account, lines: LINES };

/** One command to the account, and where everything stood before and after it. */
interface Step {
  readonly command: AccountCommand;
  readonly before: Account;
  readonly events: readonly AccountEvent[];
  readonly after: Account;
}

/** An account, its orders, and what happened to them. Works as the write side does: one command after the other. */
class World {
  account: Account;
  orders = Map<string, Order>();
  readonly steps: Step[] = [];
  readonly happened: { readonly orderId: string; readonly event: OrderEvent; readonly after: Order }[] = [];

  constructor(readonly market: Market = SHARES) {
    this.account = market.account.initial;
    this.tell({
      type: 'OpenAccount',
      data: { accountId: 'account-1', userId: 'user-1', kind: 'paper', broker: 'paper' },
    });
    this.tell({ type: 'DepositFunds', data: { depositId: 'deposit-1', amountE4: FUNDS_E4 } });
  }

  order(orderId: string): Order {
    return this.orders.get(orderId) ?? order.initial;
  }

  /** @throws Refused what the account refused. */
  tell(command: AccountCommand): void {
    const before = this.account;
    const events = this.market.account.decide(command, before);
    this.account = fold(this.market.account, before, events);
    this.steps.push({ command, before, events, after: this.account });
  }

  /** Reserves first, then places and dispatches; denies what the account cannot cover. */
  place(line: OrderDetails): void {
    const { orderId, instrumentKey, product, side, quantity } = line;
    if (this.order(orderId).status !== 'new') return;
    const marginBp = this.market.marginBpOf?.(line);
    const covered = this.tries({
      type: 'ReserveMargin',
      data: {
        ...{ orderId, instrumentKey, product, side, quantity, marginPriceE4: priceOf(line) },
        ...(marginBp !== undefined && { marginBp }),
      },
    });
    this.apply(orderId, covered ? ask.place(line) : ask.deny(line));
    this.apply(orderId, ask.dispatch());
  }

  /** Holds enough for the old terms and the new ones until the broker has answered. */
  replace(orderId: string, quantity: number, priceE4: number, requestId: string): void {
    const wanted = terms(quantity, priceE4);
    const command = ask.replace(wanted, requestId);
    const held = this.account.reservations.get(orderId);
    if (!held || isNothing(command, this.order(orderId))) return;
    const present = this.order(orderId).terms;
    const covered = this.tries({
      type: 'ChangeReservation',
      data: {
        orderId,
        quantity: Math.max(quantity, present.quantity),
        marginPriceE4: Math.max(priceE4, held.marginPriceE4),
      },
    });
    this.apply(orderId, covered ? command : ask.denyReplace(wanted, requestId));
  }

  /** What happens to an order happens to its account. What the order refuses is passed over. */
  apply(orderId: string, command: OrderCommand): void {
    for (const event of decideOrPass(command, this.order(orderId))) {
      const after = order.evolve(this.order(orderId), event);
      this.orders = this.orders.set(orderId, after);
      this.happened.push({ orderId, event, after });
      const reaction = accountReaction(event, after, priceOf(after.terms), this.market.tradingDateOf);
      if (reaction) this.tell(reaction);
    }
  }

  private tries(command: AccountCommand): boolean {
    try {
      this.tell(command);
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  }
}

const priceOf = (of: Parameters<typeof marginPriceE4>[0]): number =>
  marginPriceE4(of, { side: 'BUY', tradingDate: '2026-01-02' }) ?? 0;

const decideOrPass = (command: OrderCommand, now: Order): readonly OrderEvent[] => {
  try {
    return order.decide(command, now);
  } catch (error) {
    if (error instanceof Refused) return [];
    throw error;
  }
};

const isNothing = (command: OrderCommand, now: Order): boolean => decideOrPass(command, now).length === 0;

type Deed = (world: World, line: OrderDetails, a: number, b: number) => void;

const often = (times: number, deed: Deed): readonly Deed[] => Array.from({ length: times }, () => deed);

/** What clients and the broker do to an order; `a` and `b` choose the particulars. */
const DEEDS: readonly Deed[] = [
  ...often(4, (world, line) => world.place(line)),
  ...often(12, (world, { orderId }, a, b) =>
    world.apply(orderId, told.trade(`trade-${String(a % 12)}`, 1 + (a % 6), (1 + (b % 7)) * 10_003)),
  ),
  ...often(3, (world, { orderId }) => world.apply(orderId, told.accepted())),
  ...often(4, (world, { orderId }, a, b) =>
    world.replace(orderId, 1 + (a % 20), (1 + (b % 7)) * 10_001, `replace-${String(b)}`),
  ),
  ...often(2, (world, { orderId }) => confirmPending(world, orderId)),
  (world, { orderId }) => world.apply(orderId, told.replaceRejected()),
  (world, { orderId }, a, b) => world.apply(orderId, told.replaced(terms(1 + (a % 20), (1 + (b % 7)) * 10_001))),
  (world, { orderId }, a) => world.apply(orderId, ask.cancel(`cancel-${String(a)}`)),
  (world, { orderId }) => world.apply(orderId, told.cancelRejected()),
  (world, { orderId }) => world.apply(orderId, told.cancelled()),
  (world, { orderId }) => world.apply(orderId, told.rejected()),
  (world, { orderId }) => world.apply(orderId, told.expired()),
  (world, { orderId }) => world.apply(orderId, ask.notSent()),
  (world, { orderId }) => world.apply(orderId, ask.abandon()),
];

const confirmPending = (world: World, orderId: string): void => {
  const { pendingReplace } = world.order(orderId);
  if (pendingReplace) world.apply(orderId, told.replaced(pendingReplace.terms));
};

/** Without a bias to small numbers: these choose, they do not measure. */
const deeds = fc.array(
  fc.noBias(fc.tuple(fc.nat(LINES.length - 1), fc.nat(DEEDS.length - 1), fc.nat(99), fc.nat(99))),
  { minLength: 1, maxLength: 80, size: 'max' },
);

/** Checks see the world after each deed, or at the end. */
const inEveryWorld = (
  check: (world: World) => void,
  { afterEachDeed = true, market = SHARES }: { readonly afterEachDeed?: boolean; readonly market?: Market } = {},
): void => {
  fc.assert(
    fc.property(deeds, (chosen) => {
      const world = new World(market);
      for (const [index, deed, a, b] of chosen) {
        const line = market.lines[index];
        if (line) DEEDS[deed]?.(world, line, a, b);
        if (afterEachDeed) check(world);
      }
      if (!afterEachDeed) check(world);
    }),
    { numRuns: afterEachDeed ? 20 : 60 },
  );
};

/* ------------------------------------------------------------------------------------------ what must be so */

const openOrders = ({ orders }: World): readonly Order[] =>
  [...orders.values()].filter(({ status }) => !CLOSED.has(status));

const total = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

/** Quantity, signed, and money paid (negative) or received in each position, read off the trades alone. */
const traded = ({ happened, orders }: World) => {
  const books: Record<string, { quantity: number; moneyE4: number }> = {};
  for (const { orderId, event } of happened) {
    const placed = orders.get(orderId)?.details;
    if (event.type !== 'OrderFilled' || !placed) continue;
    const book = (books[positionKey(placed)] ??= { quantity: 0, moneyE4: 0 });
    const sign = placed.side === 'BUY' ? 1 : -1;
    book.quantity += sign * event.data.quantity;
    book.moneyE4 -= sign * event.data.quantity * event.data.priceE4;
  }
  return books;
};

describe('whatever happens to the orders of an account', () => {
  it('what is available, reserved and posted is all its cash, in whole 1/10,000 rupee', () =>
    inEveryWorld(({ account: now }) => {
      const reservedE4 = total([...now.reservations.values()].map(({ amountE4 }) => amountE4));
      const postedE4 = total([...now.positions.values()].map(({ costE4 }) => costE4));
      expect({ reservedE4: now.reservedE4, postedE4: now.postedE4 }).toEqual({ reservedE4, postedE4 });
      expect(availableE4(now) + reservedE4 + postedE4).toBe(now.cashE4);
      for (const amountE4 of [now.cashE4, reservedE4, postedE4]) expect(Number.isSafeInteger(amountE4)).toBe(true);
    }));

  it('its positions are what its orders traded', () =>
    inEveryWorld((world) => {
      const expected = Object.entries(traded(world)).flatMap(([key, { quantity }]) =>
        quantity === 0 ? [] : [[key, quantity]],
      );
      const actual = [...world.account.positions].flatMap(([key, { quantity }]) =>
        quantity === 0 ? [] : [[key, quantity]],
      );
      expect(actual.sort()).toEqual(expected.sort());
    }));

  it('its cash is what was paid in, plus what trades brought, less what they cost, plus what is still open', () =>
    inEveryWorld((world) => {
      const cashE4 = total(
        Object.entries(traded(world)).map(([key, { quantity, moneyE4 }]) => {
          const costE4 = world.account.positions.get(key)?.costE4 ?? 0;
          return moneyE4 + Math.sign(quantity) * costE4;
        }),
      );
      expect(world.account.cashE4).toBe(FUNDS_E4 + cashE4);
    }));

  it('each open order has its reservation, and no other order has one', () =>
    inEveryWorld((world) => {
      const expected = openOrders(world).map(({ details: placed }) => placed?.orderId);
      expect([...world.account.reservations.keys()].sort()).toEqual(expected.sort());
    }));

  it('each open order holds what it needs: its opening part at its price; while a replace is pending, enough for either', () =>
    inEveryWorld((world) => {
      for (const now of openOrders(world)) {
        const held = world.account.reservations.get(now.details?.orderId ?? '');
        const wanted = now.pendingReplace?.terms ?? now.terms;
        const remainingQuantity = Math.max(leavesOf(now), leavesOf({ ...now, terms: wanted }));
        const marginPriceE4 = Math.max(priceOf(now.terms), priceOf(wanted));
        const opening = remainingQuantity - (held?.closingQuantity ?? 0);
        expect(held).toMatchObject({ remainingQuantity, marginPriceE4, amountE4: opening * marginPriceE4 });
        expect(opening).toBeGreaterThanOrEqual(0);
      }
    }));

  it('no share of a position is promised to two orders, nor to one on its own side', () =>
    inEveryWorld(({ account: now }) => {
      for (const [key, { quantity, promisedQuantity }] of now.positions) {
        const promised = [...now.reservations.values()].filter(
          (held) => positionKey(held) === key && held.closingQuantity > 0,
        );
        expect(promisedQuantity).toBe(total(promised.map(({ closingQuantity }) => closingQuantity)));
        expect(promisedQuantity).toBeLessThanOrEqual(Math.abs(quantity));
        for (const { side } of promised) expect(side).toBe(quantity > 0 ? 'SELL' : 'BUY');
      }
      const known = new Set(now.positions.keys());
      for (const held of now.reservations.values())
        if (held.closingQuantity > 0) expect(known).toContain(positionKey(held));
    }));

  it('closes as much as it can when it is reserved, so that closing costs nothing', () =>
    inEveryWorld(
      ({ steps }) => {
        for (const { before, events } of steps)
          for (const { type, data } of events) {
            if (type !== 'MarginReserved') continue;
            const { quantity = 0, promisedQuantity = 0 } = before.positions.get(positionKey(data)) ?? {};
            const closable = (data.side === 'SELL' ? quantity : -quantity) - promisedQuantity;
            expect(data.closingQuantity).toBe(Math.max(0, Math.min(data.remainingQuantity, closable)));
          }
      },
      { afterEachDeed: false },
    ));

  it('breaks a promise only when a trade has closed what was promised, and then no more than that', () =>
    inEveryWorld(
      ({ steps }) => {
        for (const { command, events, after } of steps) {
          const [, ...changed] = events;
          if (command.type !== 'PostMargin' || changed.length === 0) continue;
          const { quantity = 0, promisedQuantity = 0 } = after.positions.get(positionKey(command.data)) ?? {};
          expect(promisedQuantity).toBe(Math.max(0, command.data.side === 'SELL' ? quantity : -quantity));
        }
      },
      { afterEachDeed: false },
    ));

  it('never holds less than nothing', () =>
    inEveryWorld(({ account: now }) => {
      for (const { amountE4, closingQuantity } of now.reservations.values()) {
        expect(amountE4).toBeGreaterThanOrEqual(0);
        expect(closingQuantity).toBeGreaterThanOrEqual(0);
      }
      expect(now.reservedE4).toBeGreaterThanOrEqual(0);
    }));

  it('never takes for a request what was not available', () =>
    inEveryWorld(
      ({ steps }) => {
        for (const { command, before, after } of steps) {
          if (command.type !== 'ReserveMargin' && command.type !== 'ChangeReservation') continue;
          const takenE4 = after.reservedE4 - before.reservedE4;
          expect(takenE4 > 0 ? takenE4 : 0).toBeLessThanOrEqual(Math.max(0, availableE4(before)));
        }
      },
      { afterEachDeed: false },
    ));

  it('holds and promises nothing once all orders are closed', () =>
    inEveryWorld(
      (world) => {
        closeAll(world);
        expect(world.account.reservedE4).toBe(0);
        expect(world.account.reservations.size).toBe(0);
        for (const { quantity, promisedQuantity } of world.account.positions.values()) {
          expect(promisedQuantity).toBe(0);
          expect(quantity).not.toBe(0);
        }
      },
      { afterEachDeed: false },
    ));

  it('comes back the same from its stored events', () =>
    inEveryWorld(
      ({ steps, account: live }) => {
        const stored = steps.flatMap(({ events }) =>
          events.map((event) => JSON.parse(JSON.stringify(event)) as AccountEvent),
        );
        expect(plain(fold(account, account.initial, stored))).toEqual(plain(live));
      },
      { afterEachDeed: false },
    ));
});

describe('told twice', () => {
  it('decides nothing the second time, whatever the command', () =>
    inEveryWorld(
      ({ steps }) => {
        for (const { command, after } of steps) expect(account.decide(command, after)).toEqual([]);
      },
      { afterEachDeed: false },
    ));

  it('decides nothing when all that happened to its orders is told again from the start', () =>
    inEveryWorld(
      (world) => {
        closeAll(world);
        for (const { orderId, event } of world.happened) {
          const last = world.order(orderId);
          const reaction = accountReaction(event, last, priceOf(last.terms));
          if (reaction) expect(account.decide(reaction, world.account)).toEqual([]);
        }
        for (const { command } of world.steps)
          if (command.type === 'ReserveMargin') expect(account.decide(command, world.account)).toEqual([]);
      },
      { afterEachDeed: false },
    ));

  it('catches up when it was told nothing for a while, and is then told everything in order', () =>
    inEveryWorld(
      (world) => {
        closeAll(world);
        // All reservations were durable before anything else happened; then the process died.
        const asked = world.steps.flatMap(({ command, events }) =>
          ['OpenAccount', 'DepositFunds', 'ReserveMargin'].includes(command.type) ? events : [],
        );
        let behind = fold(account, account.initial, asked);
        for (const { orderId, event } of world.happened) {
          const last = world.order(orderId);
          const reaction = accountReaction(event, last, priceOf(last.terms));
          if (reaction) behind = fold(account, behind, account.decide(reaction, behind));
        }
        const { cashE4, postedE4, reservedE4, positions } = plain(world.account);
        expect(plain(behind)).toMatchObject({ cashE4, postedE4, reservedE4, positions });
      },
      { afterEachDeed: false },
    ));
});

/* ------------------------------------------------------------------------- contracts that are margined together */

const CHARGE_E4 = 7;

/** A unit of any contract needs Rs 0.30, longs hedge shorts, and each trade costs the same. */
const TOGETHER: AccountRules = {
  contractOf: (key) =>
    key.startsWith('NSE_FO|') ? { group: 'NIFTY', isOption: key === 'NSE_FO|call', expiry: '2026-01-27' } : undefined,
  worstCaseE4: (positions, orders) => {
    const net = total(positions.map(({ quantity }) => quantity));
    const long = net + total(orders.map(({ quantity }) => Math.max(0, quantity)));
    const short = net + total(orders.map(({ quantity }) => Math.min(0, quantity)));
    return 3_000 * Math.max(Math.abs(net), Math.abs(long), Math.abs(short));
  },
  chargesOf: () => ({ ...NO_CHARGES, brokerageE4: CHARGE_E4, totalE4: CHARGE_E4 }),
};

/** Two orders each in a future, an option and a share: a purchase and a sale. */
const DERIVATIVES: Market = {
  account: accountBy(TOGETHER),
  lines: LINES.map((line, index) => ({
    ...line,
    instrumentKey: ['NSE_FO|future', 'NSE_FO|call', 'NSE_EQ|share'][Math.floor(index / 2)] ?? '',
  })),
  marginBpOf: ({ instrumentKey, side }) => {
    if (instrumentKey === 'NSE_EQ|share') return 2_000;
    return instrumentKey === 'NSE_FO|call' && side === 'BUY' ? undefined : 0;
  },
  tradingDateOf: () => '2026-01-02',
};

describe('whatever happens to contracts that are margined together', () => {
  const market = DERIVATIVES;
  const poolsOf = ({ account: { pools } }: World) => [...pools.values()];

  it('what is reserved and posted are the sums of their parts, and nothing is less than nothing', () =>
    inEveryWorld(
      (world) => {
        const { account: now } = world;
        const pools = poolsOf(world);
        const reserved = [...now.reservations.values()].map(({ amountE4 }) => amountE4);
        const posted = [...now.positions.values()].map(({ marginE4 }) => marginE4);
        expect({ reservedE4: now.reservedE4, postedE4: now.postedE4 }).toEqual({
          reservedE4: total(reserved) + total(pools.map(({ ordersE4 }) => ordersE4)),
          postedE4: total(posted) + total(pools.map(({ positionsE4 }) => positionsE4)),
        });
        for (const amountE4 of [...reserved, ...posted, ...pools.flatMap((pool) => [pool.positionsE4, pool.ordersE4])])
          expect(Number.isSafeInteger(amountE4) && amountE4 >= 0).toBe(true);
      },
      { market },
    ));

  it('their group holds what it needs as everything stands, and no group without contracts holds anything', () =>
    inEveryWorld(
      (world) => {
        const isPooled = ({ instrumentKey }: { instrumentKey: string }) => instrumentKey.startsWith('NSE_FO|');
        const positions = [...world.account.positions.values()].filter(isPooled);
        const orders = openOrders(world).flatMap(({ details: placed }) => {
          const held = world.account.reservations.get(placed?.orderId ?? '');
          if (!placed || !held || !isPooled(placed)) return [];
          const { instrumentKey, side } = placed;
          return [{ instrumentKey, quantity: side === 'BUY' ? held.remainingQuantity : -held.remainingQuantity }];
        });
        const positionsE4 = TOGETHER.worstCaseE4(positions, []) ?? 0;
        const ordersE4 = (TOGETHER.worstCaseE4(positions, orders) ?? 0) - positionsE4;
        const isEmpty = positionsE4 === 0 && ordersE4 === 0;
        expect(poolsOf(world)).toEqual(isEmpty ? [] : [{ group: 'NIFTY', positionsE4, ordersE4 }]);
      },
      { market },
    ));

  it('its cash is what was paid in and what trades brought: options at their price, the rest when it is closed, less charges', () =>
    inEveryWorld(
      (world) => {
        const broughtE4 = total(
          Object.entries(traded(world)).map(([key, { quantity, moneyE4 }]) => {
            const costE4 = world.account.positions.get(key)?.costE4 ?? 0;
            return key.startsWith('NSE_FO|call') ? moneyE4 : moneyE4 + Math.sign(quantity) * costE4;
          }),
        );
        const trades = world.happened.filter(({ event }) => event.type === 'OrderFilled').length;
        expect(world.account.cashE4).toBe(FUNDS_E4 + broughtE4 - trades * CHARGE_E4);
        expect(world.account.day.chargesE4).toBe(trades * CHARGE_E4);
      },
      { market },
    ));

  it('never takes for a request what was not available', () =>
    inEveryWorld(
      ({ steps }) => {
        for (const { command, before, after } of steps) {
          if (command.type !== 'ReserveMargin' && command.type !== 'ChangeReservation') continue;
          const takenE4 = after.reservedE4 + after.postedE4 - before.reservedE4 - before.postedE4;
          expect(Math.max(0, takenE4)).toBeLessThanOrEqual(Math.max(0, availableE4(before)));
        }
      },
      { market, afterEachDeed: false },
    ));

  it('holds nothing for orders once all are closed', () =>
    inEveryWorld(
      (world) => {
        closeAll(world);
        expect(world.account.reservedE4).toBe(0);
        for (const { ordersE4 } of poolsOf(world)) expect(ordersE4).toBe(0);
      },
      { market, afterEachDeed: false },
    ));

  it('comes back the same from its stored events, without asking the rules', () =>
    inEveryWorld(
      ({ steps, account: live }) => {
        const stored = steps.flatMap(({ events }) =>
          events.map((event) => JSON.parse(JSON.stringify(event)) as AccountEvent),
        );
        expect(plain(fold(account, account.initial, stored))).toEqual(plain(live));
      },
      { market, afterEachDeed: false },
    ));

  it('decides nothing the second time, whatever the command', () =>
    inEveryWorld(
      ({ steps }) => {
        for (const { command, after } of steps) expect(market.account.decide(command, after)).toEqual([]);
      },
      { market, afterEachDeed: false },
    ));
});

const closeAll = (world: World): void => {
  for (const { orderId } of world.market.lines) {
    world.apply(orderId, told.expired());
    world.apply(orderId, ask.abandon());
  }
};

/** The account as plain JSON, comparable and printable. */
const plain = (now: Account) => ({
  ...now,
  positions: now.positions.toJS(),
  reservations: now.reservations.toJS(),
  postedQuantities: now.postedQuantities.toJS(),
  deposits: now.deposits.toJS(),
  pools: now.pools.toJS(),
  day: {
    ...now.day,
    recent: now.day.recent.toJS(),
    opening: now.day.opening.toJS(),
    bought: now.day.bought.toJS(),
    notes: now.day.notes.toJS(),
  },
});
