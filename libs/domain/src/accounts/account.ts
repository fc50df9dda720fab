import { Map } from 'immutable';
import { type Decider, refuse } from '../decider';
import { shareOf, valueOf } from '../money';
import type { Product, Side } from '../orders/order';

/** What an order is about, as far as the ledger cares. Positions of different products do not net. */
interface Subject {
  readonly orderId: string;
  readonly instrumentKey: string;
  readonly product: Product;
  readonly side: Side;
}

/**
 * What is held back for one open order. Only the part that opens a position needs margin, at full value; the part that
 * closes one (`closingQuantity`) releases money when it fills. `amountE4` = opening part × `marginPriceE4`.
 */
interface Hold {
  readonly remainingQuantity: number;
  readonly closingQuantity: number;
  readonly marginPriceE4: number;
  readonly amountE4: number;
}

export type Reservation = Subject & Hold;

/* ---------------------------------------------------------------------------------------------------- events */

export type AccountEvent =
  | {
      readonly type: 'AccountOpened';
      readonly data: {
        readonly accountId: string;
        readonly userId: string;
        readonly kind: 'paper' | 'live';
        readonly broker: string;
      };
    }
  | { readonly type: 'FundsDeposited'; readonly data: { readonly depositId: string; readonly amountE4: number } }
  | { readonly type: 'MarginReserved'; readonly data: Reservation }
  /** The order needs another hold: it was modified, or another order's trade closed what it was promised to close. */
  | { readonly type: 'ReservationChanged'; readonly data: Hold & { readonly orderId: string } }
  /**
   * A trade turned (part of) a reservation into a position. `costE4` is what the position's cost changes by (negative
   * when it shrinks); `realisedE4` is the profit or loss of what was closed. `hold` is what stays reserved.
   */
  | {
      readonly type: 'MarginPosted';
      readonly data: Subject & {
        readonly tradeId: string;
        readonly quantity: number;
        readonly priceE4: number;
        readonly cumulativeQuantity: number;
        readonly closedQuantity: number;
        readonly openedQuantity: number;
        readonly costE4: number;
        readonly realisedE4: number;
        readonly hold: Hold | null;
      };
    }
  /** The rest of a reservation came free: cancelled, rejected, expired. */
  | { readonly type: 'MarginVoided'; readonly data: { readonly orderId: string; readonly amountE4: number } };

/* -------------------------------------------------------------------------------------------------- commands */

export type AccountCommand =
  | { readonly type: 'OpenAccount'; readonly data: Extract<AccountEvent, { type: 'AccountOpened' }>['data'] }
  | { readonly type: 'DepositFunds'; readonly data: { readonly depositId: string; readonly amountE4: number } }
  | {
      readonly type: 'ReserveMargin';
      readonly data: Subject & { readonly quantity: number; readonly marginPriceE4: number };
    }
  /** Asked before a modify is sent, so it may be refused. `quantity` is the order's new total. */
  | {
      readonly type: 'ChangeReservation';
      readonly data: { readonly orderId: string; readonly quantity: number; readonly marginPriceE4: number };
    }
  /** Follows what the broker made of a modify: a fact, never refused. */
  | {
      readonly type: 'AdjustReservation';
      readonly data: { readonly orderId: string; readonly quantity: number; readonly marginPriceE4: number };
    }
  /** `orderClosed`: the order is over, so that nothing stays on hold for it. */
  | {
      readonly type: 'PostMargin';
      readonly data: Subject & {
        readonly tradeId: string;
        readonly quantity: number;
        readonly priceE4: number;
        readonly cumulativeQuantity: number;
        readonly orderClosed: boolean;
      };
    }
  | { readonly type: 'VoidMargin'; readonly data: { readonly orderId: string } };

/* ----------------------------------------------------------------------------------------------------- state */

export interface Position {
  /** Signed: short is negative. */
  readonly quantity: number;
  /** What was paid (or, short, received) for what is open: the margin posted at full value. */
  readonly costE4: number;
  /** Of the open quantity, already promised to open orders of the other side. */
  readonly promisedQuantity: number;
}

export interface Account {
  readonly status: 'new' | 'open';
  readonly accountId: string;
  readonly userId: string;
  readonly kind: 'paper' | 'live';
  readonly broker: string;
  readonly cashE4: number;
  readonly reservedE4: number;
  readonly postedE4: number;
  readonly positions: Map<string, Position>;
  readonly reservations: Map<string, Reservation>;
  /**
   * Posted quantity of every order that ever traded or is over: a trade that is told twice is posted once, and nothing
   * is ever reserved again for an order that is over.
   */
  readonly postedQuantities: Map<string, number>;
  readonly deposits: Map<string, number>;
}

const initial: Account = {
  status: 'new',
  accountId: '',
  userId: '',
  kind: 'paper',
  broker: '',
  cashE4: 0,
  reservedE4: 0,
  postedE4: 0,
  positions: Map(),
  reservations: Map(),
  postedQuantities: Map(),
  deposits: Map(),
};

const FLAT: Position = { quantity: 0, costE4: 0, promisedQuantity: 0 };

/** What a new order may still take. Can be negative after an adverse fill; then only closing orders pass. */
export const availableE4 = ({ cashE4, reservedE4, postedE4 }: Account): number => cashE4 - reservedE4 - postedE4;

/** Positions of one instrument under different products are different positions. */
export const positionKey = ({ instrumentKey, product }: Pick<Subject, 'instrumentKey' | 'product'>): string =>
  `${instrumentKey}/${product}`;

/** How much of a position an order of this side could close. */
const oppositeQuantity = ({ quantity }: Position, side: Side): number =>
  Math.max(0, side === 'SELL' ? quantity : -quantity);

/* ---------------------------------------------------------------------------------------------------- decide */

const decide = (command: AccountCommand, account: Account): readonly AccountEvent[] => {
  if (command.type === 'OpenAccount') {
    if (account.status === 'new') return [{ type: 'AccountOpened', data: command.data }];
    const { accountId, userId, kind, broker } = command.data;
    const same =
      accountId === account.accountId &&
      userId === account.userId &&
      kind === account.kind &&
      broker === account.broker;
    return same ? [] : refuse('account.different');
  }
  if (account.status === 'new') return refuse('account.unknown');
  switch (command.type) {
    case 'DepositFunds': {
      const { depositId, amountE4 } = command.data;
      if (!Number.isSafeInteger(amountE4) || amountE4 <= 0) return refuse('account.deposit-not-positive');
      const known = account.deposits.get(depositId);
      if (known !== undefined) return known === amountE4 ? [] : refuse('account.deposit-differs');
      if (!Number.isSafeInteger(account.cashE4 + amountE4)) return refuse('money.too-large');
      return [{ type: 'FundsDeposited', data: command.data }];
    }
    case 'ReserveMargin': {
      const { quantity, marginPriceE4, ...subject } = command.data;
      const held = account.reservations.get(subject.orderId);
      if (held && (held.side !== subject.side || positionKey(held) !== positionKey(subject)))
        return refuse('margin.different-order');
      if (held || account.postedQuantities.has(subject.orderId)) return [];
      const hold = needOf(account, subject, quantity, marginPriceE4);
      mustAfford(account, hold.amountE4);
      return [{ type: 'MarginReserved', data: { ...subject, ...hold } }];
    }
    case 'ChangeReservation':
    case 'AdjustReservation': {
      const { orderId, quantity, marginPriceE4 } = command.data;
      const held = account.reservations.get(orderId);
      if (!held) return []; // nothing is open any more
      const remaining = quantity - (account.postedQuantities.get(orderId) ?? 0);
      const hold = needOf(account, held, Math.max(0, remaining), marginPriceE4, held);
      if (command.type === 'ChangeReservation') mustAfford(account, hold.amountE4 - held.amountE4);
      const same = hold.remainingQuantity === held.remainingQuantity && hold.marginPriceE4 === held.marginPriceE4;
      return same ? [] : [{ type: 'ReservationChanged', data: { orderId, ...hold } }];
    }
    case 'PostMargin':
      return post(command.data, account);
    case 'VoidMargin': {
      const held = account.reservations.get(command.data.orderId);
      return held ? [{ type: 'MarginVoided', data: { orderId: held.orderId, amountE4: held.amountE4 } }] : [];
    }
  }
};

/** The hold that `quantity` needs now, given what the order holds already. */
const needOf = (account: Account, subject: Subject, quantity: number, marginPriceE4: number, held?: Hold): Hold => {
  const position = account.positions.get(positionKey(subject)) ?? FLAT;
  const closable = oppositeQuantity(position, subject.side) - position.promisedQuantity + (held?.closingQuantity ?? 0);
  const closingQuantity = Math.min(quantity, Math.max(0, closable));
  const amountE4 = valueOf(marginPriceE4, quantity - closingQuantity);
  return { remainingQuantity: quantity, closingQuantity, marginPriceE4, amountE4 };
};

/** @throws Refused `margin.insufficient` when more money is needed than is available. */
const mustAfford = (account: Account, requiredE4: number): void => {
  if (requiredE4 > 0 && requiredE4 > availableE4(account))
    refuse('margin.insufficient', { requiredE4, availableE4: availableE4(account) });
};

/** A trade happened: it is posted whether or not it was reserved, because it is a fact. */
const post = (
  { orderClosed, ...trade }: Extract<AccountCommand, { type: 'PostMargin' }>['data'],
  account: Account,
): readonly AccountEvent[] => {
  const { orderId, side, quantity, priceE4, cumulativeQuantity } = trade;
  const posted = account.postedQuantities.get(orderId) ?? 0;
  if (cumulativeQuantity <= posted) return [];
  if (cumulativeQuantity - quantity !== posted) return refuse('margin.trade-skipped', { posted, cumulativeQuantity });

  const position = account.positions.get(positionKey(trade)) ?? FLAT;
  const open = Math.abs(position.quantity);
  const closedQuantity = Math.min(quantity, oppositeQuantity(position, side));
  const openedQuantity = quantity - closedQuantity;
  const costOutE4 = closedQuantity === 0 ? 0 : shareOf(position.costE4, closedQuantity, open);
  const proceedsE4 = valueOf(priceE4, closedQuantity);

  const held = account.reservations.get(orderId);
  const happened: AccountEvent = {
    type: 'MarginPosted',
    data: {
      ...trade,
      closedQuantity,
      openedQuantity,
      costE4: valueOf(priceE4, openedQuantity) - costOutE4,
      realisedE4: side === 'SELL' ? proceedsE4 - costOutE4 : costOutE4 - proceedsE4,
      hold: held && !orderClosed && held.remainingQuantity > quantity ? shrunk(held, quantity) : null,
    },
  };
  return closedQuantity === 0 ? [happened] : [happened, ...brokenPromises(trade, evolve(account, happened))];
};

/**
 * A trade may close what another order was promised to close: that order will open a position instead, and needs margin
 * for it from now on, whether or not the account can cover it.
 */
const brokenPromises = (closing: Subject, account: Account): readonly AccountEvent[] => {
  const key = positionKey(closing);
  const position = account.positions.get(key) ?? FLAT;
  let broken = position.promisedQuantity - oppositeQuantity(position, closing.side);
  if (broken <= 0) return [];
  return [...account.reservations.values()].flatMap((held): readonly AccountEvent[] => {
    const lost = positionKey(held) === key ? Math.min(broken, held.closingQuantity) : 0;
    if (lost === 0) return [];
    broken -= lost;
    const { orderId, remainingQuantity, marginPriceE4 } = held;
    const closingQuantity = held.closingQuantity - lost;
    const amountE4 = valueOf(marginPriceE4, remainingQuantity - closingQuantity);
    return [
      { type: 'ReservationChanged', data: { orderId, remainingQuantity, closingQuantity, marginPriceE4, amountE4 } },
    ];
  });
};

/** What stays on hold after `quantity` of it traded: the closing part goes first, it is the part that freed money. */
const shrunk = ({ remainingQuantity, closingQuantity, marginPriceE4 }: Hold, quantity: number): Hold => {
  const remaining = remainingQuantity - quantity;
  const closing = closingQuantity - Math.min(closingQuantity, quantity);
  return {
    remainingQuantity: remaining,
    closingQuantity: closing,
    marginPriceE4,
    amountE4: valueOf(marginPriceE4, remaining - closing),
  };
};

/* ---------------------------------------------------------------------------------------------------- evolve */

const evolve = (account: Account, event: AccountEvent): Account => {
  switch (event.type) {
    case 'AccountOpened':
      return { ...account, status: 'open', ...event.data };
    case 'FundsDeposited': {
      const { depositId, amountE4 } = event.data;
      return { ...account, cashE4: account.cashE4 + amountE4, deposits: account.deposits.set(depositId, amountE4) };
    }
    case 'MarginReserved':
      return withHold(account, event.data, event.data);
    case 'ReservationChanged': {
      const held = account.reservations.get(event.data.orderId);
      return held ? withHold(account, held, event.data) : account;
    }
    case 'MarginPosted': {
      const { orderId, side, openedQuantity, closedQuantity, costE4, realisedE4, cumulativeQuantity, hold } =
        event.data;
      const key = positionKey(event.data);
      const position = account.positions.get(key) ?? FLAT;
      const sign = side === 'BUY' ? 1 : -1;
      const quantity = position.quantity + sign * (openedQuantity + closedQuantity);
      const moved = { ...position, quantity, costE4: position.costE4 + costE4 };
      const posted = {
        ...account,
        cashE4: account.cashE4 + realisedE4,
        postedE4: account.postedE4 + costE4,
        positions: account.positions.set(key, moved),
        postedQuantities: account.postedQuantities.set(orderId, cumulativeQuantity),
      };
      return withHold(posted, event.data, hold);
    }
    case 'MarginVoided': {
      const { orderId } = event.data;
      const held = account.reservations.get(orderId);
      if (!held) return account;
      const postedQuantities = account.postedQuantities.set(orderId, account.postedQuantities.get(orderId) ?? 0);
      return withHold({ ...account, postedQuantities }, held, null);
    }
  }
};

/** Sets (or, with `null`, ends) what is held for an order, and keeps the sums that depend on it. */
const withHold = (account: Account, { orderId, instrumentKey, product, side }: Subject, hold: Hold | null): Account => {
  const before = account.reservations.get(orderId);
  const key = positionKey({ instrumentKey, product });
  const position = account.positions.get(key) ?? FLAT;
  const promisedQuantity = position.promisedQuantity - (before?.closingQuantity ?? 0) + (hold?.closingQuantity ?? 0);
  const after = { ...position, promisedQuantity };
  const flat = after.quantity === 0 && promisedQuantity === 0;
  return {
    ...account,
    reservedE4: account.reservedE4 - (before?.amountE4 ?? 0) + (hold?.amountE4 ?? 0),
    positions: flat ? account.positions.delete(key) : account.positions.set(key, after),
    reservations: hold
      ? account.reservations.set(orderId, {
          orderId,
          instrumentKey,
          product,
          side,
          remainingQuantity: hold.remainingQuantity,
          closingQuantity: hold.closingQuantity,
          marginPriceE4: hold.marginPriceE4,
          amountE4: hold.amountE4,
        })
      : account.reservations.delete(orderId),
  };
};

/**
 * The account: one client's money at one broker, and the point where everything that touches it is serialised
 * (`account-{id}`). Money is held for an order, booked when it
 * trades, and let go when it ends.
 */
export const account: Decider<Account, AccountCommand, AccountEvent> = { initial, decide, evolve };
