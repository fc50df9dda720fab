import { Map, Set } from 'immutable';
import type { Charges } from '../charges/charges';
import { type Decider, refuse } from '../decider';
import { basisPointsOfRoundedUp, shareOf, valueOf } from '../money';
import type { OrderType, Product, Side } from '../orders/order';
import { type DayBook, dayAfterAdoption, dayAfterOrder, dayAfterTrade, type DayTrade, NO_DAY } from './day-book';

/** What an order is about, as far as the ledger cares. Positions of different products do not net. */
interface Subject {
  readonly orderId: string;
  readonly instrumentKey: string;
  readonly product: Product;
  readonly side: Side;
}

/**
 * What is held back for one open order. Only the part that opens a position needs margin; the part that closes one
 * (`closingQuantity`) releases money when it fills. `amountE4` = `marginBp` of the opening part × `marginPriceE4`, rounded
 * up. `marginBp` is the share of its value that an order needs, in basis points; absent: all of it.
 */
interface Hold {
  readonly remainingQuantity: number;
  readonly closingQuantity: number;
  readonly marginPriceE4: number;
  readonly marginBp?: number;
  readonly amountE4: number;
}

/** How the order was asked for, as far as checks on later orders look at it. Absent in what was stored before it was kept. */
interface Asked {
  readonly orderType?: OrderType;
  readonly priceE4?: number;
  readonly triggerPriceE4?: number;
  readonly placedAtMs?: number;
  /** Of which line of which request it is a part, where a line was cut into slices. */
  readonly lineId?: string;
  /** The day of its market on which it was asked for. */
  readonly tradingDate?: string;
}

/** What of an order changes with its terms. */
export type AskedTerms = Pick<Asked, 'orderType' | 'priceE4' | 'triggerPriceE4'>;

/** What a contract is, as it was when it was ordered: files of a later day do not know it any more. */
export interface Contract {
  /** The underlying that it is margined with. */
  readonly group: string;
  /** Its price is paid when it trades. */
  readonly isOption: boolean;
  /** Last trading day, `YYYY-MM-DD`. */
  readonly expiry: string;
}

export type Reservation = Subject & Hold & Asked & { readonly contract?: Contract };

/**
 * What the contracts on one underlying need together, because they hedge each other: the positions alone, and on top of
 * that the open orders, whichever of them fill. Absolute, as of the event that says it.
 */
export interface Pool {
  readonly group: string;
  readonly positionsE4: number;
  readonly ordersE4: number;
}

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
  /**
   * Shares that stand at the broker and that no order of ours bought. What they cost counts as cash that is posted for
   * them, as if they had been bought here: nothing becomes available before they are sold.
   */
  | {
      readonly type: 'HoldingAdopted';
      readonly data: {
        readonly broker: string;
        readonly instrumentKey: string;
        /** What was taken over: the part of it that nobody here knew of, which may be nothing. */
        readonly quantity: number;
        readonly costE4: number;
        /** What the broker showed in all. */
        readonly shownQuantity: number;
      };
    }
  /** The last trading day of a contract is over: what was open in it is settled by the exchange, and binds nothing here. */
  | {
      readonly type: 'PositionExpired';
      readonly data: {
        readonly instrumentKey: string;
        readonly product: Product;
        readonly quantity: number;
        readonly costE4: number;
        readonly expiry: string;
        readonly pool?: Pool;
      };
    }
  | {
      readonly type: 'MarginReserved';
      readonly data: Reservation & { readonly pool?: Pool };
    }
  /** The order needs another hold: it was modified, or another order's trade closed what it was promised to close. */
  | {
      readonly type: 'ReservationChanged';
      readonly data: Hold & { readonly orderId: string; readonly asked?: AskedTerms; readonly pool?: Pool };
    }
  /**
   * A trade turned (part of) a reservation into a position. `costE4` is what the position's cost changes by (negative
   * when it shrinks); `realisedE4` is the profit or loss of what was closed, before charges. `hold` is what stays
   * reserved. `marginE4` is what the margin posted for the position changes by, where it is margined on its own (absent:
   * at full value, as `costE4`); `cashE4` what the trade moves in cash (absent: `realisedE4`). `charges` is what the
   * contract note of the day grew by, taken from cash.
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
        readonly marginE4?: number;
        readonly cashE4?: number;
        readonly contract?: Contract;
        readonly tradingDate?: string;
        readonly broker?: string;
        readonly charges?: Charges;
        readonly pool?: Pool;
      };
    }
  /** The rest of a reservation came free: cancelled, rejected, expired. */
  | {
      readonly type: 'MarginVoided';
      readonly data: { readonly orderId: string; readonly amountE4: number; readonly pool?: Pool };
    };

/* ----------------------------------------------------------------------------------------------------- rules */

/** Units of one contract, signed: short is negative. */
export interface Units {
  readonly instrumentKey: string;
  readonly quantity: number;
  /** What it was when it was ordered: by now the key may name something else. */
  readonly contract?: Contract;
}

/**
 * What the files and tables of the day say, for the account to decide with. Pure functions; what they answered stands in
 * the events, so that a history never asks them again.
 */
export interface AccountRules {
  /** Of a contract that is margined with others; `undefined` for shares, and for what the files of the day do not know. */
  contractOf(instrumentKey: string): Contract | undefined;
  /** What the contracts of a group need at worst, whichever orders fill. `undefined`: parameters of one are not known. */
  worstCaseE4(positions: readonly Units[], orders: readonly Units[]): number | undefined;
  /** What a trade adds to the charges of its day. `undefined`: nobody knows the rates of that day. */
  chargesOf(day: DayBook, trade: DayTrade): Charges | undefined;
}

/** Everything on its own and at full value, nothing charged. */
const NO_RULES: AccountRules = {
  contractOf: () => undefined,
  worstCaseE4: () => undefined,
  chargesOf: () => undefined,
};

/**
 * The rules for what has happened: a trade is posted whatever becomes of the figures beside it, so a model that fails (a
 * table that it cannot count with, an amount that is no exact number) is one that does not know.
 */
const asFarAsKnown = (rules: AccountRules): AccountRules => ({
  contractOf: (instrumentKey) => rules.contractOf(instrumentKey),
  worstCaseE4: (positions, orders) => unlessItFails(() => rules.worstCaseE4(positions, orders)),
  chargesOf: (day, trade) => unlessItFails(() => rules.chargesOf(day, trade)),
});

const unlessItFails = <Answer>(ask: () => Answer): Answer | undefined => {
  try {
    return ask();
  } catch {
    return undefined;
  }
};

/* -------------------------------------------------------------------------------------------------- commands */

export type AccountCommand =
  | { readonly type: 'OpenAccount'; readonly data: Extract<AccountEvent, { type: 'AccountOpened' }>['data'] }
  | { readonly type: 'DepositFunds'; readonly data: { readonly depositId: string; readonly amountE4: number } }
  /** What the broker holds of an instrument in all, and what it says a share has cost on average. */
  | {
      readonly type: 'AdoptHolding';
      readonly data: {
        readonly broker: string;
        readonly instrumentKey: string;
        readonly quantity: number;
        readonly averagePriceE4: number;
      };
    }
  | {
      readonly type: 'ReserveMargin';
      readonly data: Subject &
        Asked & {
          readonly quantity: number;
          readonly marginPriceE4: number;
          readonly marginBp?: number;
        };
    }
  /** Asked before a modify is sent, so it may be refused. `quantity` is the order's new total. */
  | { readonly type: 'ChangeReservation'; readonly data: NewTerms }
  /** Follows what the broker made of a modify: a fact, never refused. */
  | { readonly type: 'AdjustReservation'; readonly data: NewTerms }
  /** `orderClosed`: the order is over, so that nothing stays on hold for it. */
  | {
      readonly type: 'PostMargin';
      readonly data: Subject & {
        readonly tradeId: string;
        readonly quantity: number;
        readonly priceE4: number;
        readonly cumulativeQuantity: number;
        readonly orderClosed: boolean;
        readonly tradingDate?: string;
        readonly broker?: string;
      };
    }
  | { readonly type: 'VoidMargin'; readonly data: { readonly orderId: string } };

/** What an order is to hold from now on; the share of its value stays as it was where it is not named. */
interface NewTerms {
  readonly orderId: string;
  /** How it is asked for from now on, all of it; absent: as before. */
  readonly asked?: AskedTerms;
  readonly quantity: number;
  readonly marginPriceE4: number;
  readonly marginBp?: number;
}

/* ----------------------------------------------------------------------------------------------------- state */

export interface Position {
  /** Signed: short is negative. */
  readonly quantity: number;
  readonly instrumentKey: string;
  readonly product: Product;
  /** What was paid (or, short, received) for what is open. */
  readonly costE4: number;
  /** Margin posted for it, where it is margined on its own; 0 for a contract that is margined with its group. */
  readonly marginE4: number;
  readonly contract?: Contract;
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
  /** Ids of the open orders in an instrument, of all products. */
  readonly openIn: Map<string, Set<string>>;
  /**
   * Posted quantity of every order that ever traded or is over: a trade that is told twice is posted once, and nothing
   * is ever reserved again for an order that is over.
   */
  readonly postedQuantities: Map<string, number>;
  readonly deposits: Map<string, number>;
  /** By group: what its contracts need together. */
  readonly pools: Map<string, Pool>;
  /** What brokers showed of an instrument at the last login, by instrument and broker. */
  readonly shown: Map<string, Map<string, number>>;
  readonly day: DayBook;
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
  openIn: Map(),
  postedQuantities: Map(),
  deposits: Map(),
  pools: Map(),
  shown: Map(),
  day: NO_DAY,
};

const flatIn = ({ instrumentKey, product }: Pick<Subject, 'instrumentKey' | 'product'>): Position => ({
  instrumentKey,
  product,
  quantity: 0,
  costE4: 0,
  marginE4: 0,
  promisedQuantity: 0,
});

const positionOf = (account: Account, subject: Pick<Subject, 'instrumentKey' | 'product'>): Position =>
  account.positions.get(positionKey(subject)) ?? flatIn(subject);

/** What a new order may still take. Can be negative after an adverse fill; then only closing orders pass. */
export const availableE4 = ({ cashE4, reservedE4, postedE4 }: Account): number => cashE4 - reservedE4 - postedE4;

/** Positions of one instrument under different products are different positions. */
export const positionKey = ({ instrumentKey, product }: Pick<Subject, 'instrumentKey' | 'product'>): string =>
  `${instrumentKey}/${product}`;

/** How much of a position an order of this side could close. */
const oppositeQuantity = ({ quantity }: Position, side: Side): number =>
  Math.max(0, side === 'SELL' ? quantity : -quantity);

/* ---------------------------------------------------------------------------------------------------- decide */

const decideBy = (rules: AccountRules) => {
  const facts = asFarAsKnown(rules);
  return (command: AccountCommand, account: Account): readonly AccountEvent[] => {
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
      case 'AdoptHolding': {
        const { broker, instrumentKey, quantity: shownQuantity, averagePriceE4 } = command.data;
        const shown = account.shown.get(instrumentKey) ?? Map<string, number>();
        if (!Number.isSafeInteger(shownQuantity) || shownQuantity < 0) return refuse('account.holding-malformed');
        if (shown.get(broker) === shownQuantity) return [];
        const quantity = Math.max(0, sumOf(shown.set(broker, shownQuantity)) - knownShares(account, instrumentKey));
        const costE4 = valueOf(averagePriceE4, quantity);
        return [{ type: 'HoldingAdopted', data: { broker, instrumentKey, quantity, costE4, shownQuantity } }];
      }
      case 'ReserveMargin': {
        const { quantity, marginPriceE4, marginBp, ...subject } = command.data;
        const held = account.reservations.get(subject.orderId);
        if (held && (held.side !== subject.side || positionKey(held) !== positionKey(subject)))
          return refuse('margin.different-order');
        if (held || account.postedQuantities.has(subject.orderId)) return [];
        const over = expired(facts, account, subject.tradingDate);
        const now = evolveAll(account, over);
        const contract = rules.contractOf(subject.instrumentKey);
        const hold = needOf(now, subject, quantity, marginPriceE4, marginBp);
        const event: AccountEvent = {
          type: 'MarginReserved',
          data: { ...subject, ...hold, ...(contract && { contract }) },
        };
        return [...over, ...affordable(rules, now, event, { ...subject, ...(contract && { contract }) })];
      }
      case 'ChangeReservation':
      case 'AdjustReservation': {
        const { orderId, quantity, marginPriceE4, marginBp, asked } = command.data;
        const held = account.reservations.get(orderId);
        if (!held) return []; // nothing is open any more
        const remaining = Math.max(0, quantity - (account.postedQuantities.get(orderId) ?? 0));
        const hold = needOf(account, held, remaining, marginPriceE4, marginBp ?? held.marginBp, held);
        const event: AccountEvent = { type: 'ReservationChanged', data: { orderId, ...hold, ...(asked && { asked }) } };
        const isSame =
          (asked === undefined || sameAsked(asked, held)) &&
          hold.remainingQuantity === held.remainingQuantity &&
          hold.marginPriceE4 === held.marginPriceE4 &&
          hold.marginBp === held.marginBp;
        if (isSame) return [];
        return command.type === 'ChangeReservation'
          ? affordable(rules, account, event, held)
          : pooled(facts, account, [event], held.contract);
      }
      case 'PostMargin':
        return post(facts, command.data, account);
      case 'VoidMargin': {
        const held = account.reservations.get(command.data.orderId);
        if (!held) return [];
        const { orderId, amountE4 } = held;
        return pooled(facts, account, [{ type: 'MarginVoided', data: { orderId, amountE4 } }], held.contract);
      }
    }
  };
};

const sumOf = (quantities: Map<string, number>): number => quantities.reduce((sum, quantity) => sum + quantity, 0);

/**
 * Shares that are known of already: held now, held when the day began (a broker's book shows a sale a day later), or shown
 * by the brokers before.
 */
const knownShares = (account: Account, instrumentKey: string): number => {
  const subject = { instrumentKey, product: 'CNC' } as const;
  const asTheDayBegan = account.day.opening.get(positionKey(subject))?.quantity ?? 0;
  const shown = sumOf(account.shown.get(instrumentKey) ?? Map<string, number>());
  return Math.max(0, positionOf(account, subject).quantity, asTheDayBegan, shown);
};

const sameAsked = (one: AskedTerms, other: AskedTerms): boolean =>
  one.orderType === other.orderType && one.priceE4 === other.priceE4 && one.triggerPriceE4 === other.triggerPriceE4;

/** Positions in contracts whose last trading day lies before a date: nothing can be closed against them any more. */
const expired = (rules: AccountRules, account: Account, tradingDate: string | undefined): readonly AccountEvent[] => {
  if (tradingDate === undefined) return [];
  let now = account;
  const events: AccountEvent[] = [];
  for (const { instrumentKey, product, quantity, costE4, contract } of account.positions.values()) {
    if (!contract || contract.expiry >= tradingDate) continue;
    const data = { instrumentKey, product, quantity, costE4, expiry: contract.expiry };
    const [event] = pooled(rules, now, [{ type: 'PositionExpired', data }], contract);
    if (!event) continue;
    events.push(event);
    now = evolve(now, event);
  }
  return events;
};

/** The hold that `quantity` needs now, given what the order holds already. */
const needOf = (
  account: Account,
  subject: Subject,
  quantity: number,
  marginPriceE4: number,
  marginBp: number | undefined,
  held?: Hold,
): Hold => {
  const position = positionOf(account, subject);
  const closable = oppositeQuantity(position, subject.side) - position.promisedQuantity + (held?.closingQuantity ?? 0);
  const closingQuantity = Math.min(quantity, Math.max(0, closable));
  return holdOf(quantity, closingQuantity, marginPriceE4, marginBp);
};

const holdOf = (
  remainingQuantity: number,
  closingQuantity: number,
  marginPriceE4: number,
  marginBp: number | undefined,
): Hold => ({
  remainingQuantity,
  closingQuantity,
  marginPriceE4,
  ...(marginBp !== undefined && { marginBp }),
  amountE4: marginOf(valueOf(marginPriceE4, remainingQuantity - closingQuantity), marginBp),
});

const marginOf = (valueE4: number, marginBp: number | undefined): number =>
  marginBp === undefined ? valueE4 : basisPointsOfRoundedUp(valueE4, marginBp);

/**
 * Something that was asked for, and happens only if there is money for it.
 * @throws Refused `margin.insufficient` when more is needed than is available, `margin.parameters-missing` when nobody
 *   can say how much is needed.
 */
const affordable = (
  rules: AccountRules,
  account: Account,
  event: AccountEvent,
  subject: Subject & { readonly contract?: Contract },
): readonly AccountEvent[] => {
  const events = pooled(rules, account, [event], subject.contract);
  const after = evolveAll(account, events);
  const requiredE4 = heldE4(after) - heldE4(account);
  if (requiredE4 > 0 && requiredE4 > availableE4(account))
    return refuse('margin.insufficient', { requiredE4, availableE4: availableE4(account) });
  const isPooled = subject.contract !== undefined;
  const hold = after.reservations.get(subject.orderId);
  const opens = hold !== undefined && hold.remainingQuantity > hold.closingQuantity;
  if (isPooled && opens && poolIn(events) === undefined) return refuse('margin.parameters-missing');
  return events;
};

const heldE4 = ({ reservedE4, postedE4 }: Account): number => reservedE4 + postedE4;

const poolIn = (events: readonly AccountEvent[]): Pool | undefined =>
  events.map(({ data }) => ('pool' in data ? data.pool : undefined)).findLast((pool) => pool !== undefined);

/**
 * Adds to the last event what the group of its contract needs from then on. Where that is not known, facts stand as they
 * are, and the pool stays what it was until somebody knows; one without contracts needs nothing.
 */
const pooled = (
  rules: AccountRules,
  account: Account,
  events: readonly AccountEvent[],
  contract: Contract | undefined,
): readonly AccountEvent[] => {
  const last = events.at(-1);
  if (!contract || !last) return events;
  const { group } = contract;
  const after = evolveAll(account, events);
  const isOfGroup = (units: { readonly contract?: Contract }) => units.contract?.group === group;
  const positions = [...after.positions.values()].filter((position) => position.quantity !== 0 && isOfGroup(position));
  const orders = [...after.reservations.values()].filter(isOfGroup).map((held) => ({
    instrumentKey: held.instrumentKey,
    quantity: held.side === 'BUY' ? held.remainingQuantity : -held.remainingQuantity,
    ...(held.contract && { contract: held.contract }),
  }));
  const positionsE4 = positions.length === 0 ? 0 : rules.worstCaseE4(positions, []);
  const togetherE4 = orders.length === 0 ? positionsE4 : rules.worstCaseE4(positions, orders);
  if (!isAmount(positionsE4) || !isAmount(togetherE4)) return events;
  const pool: Pool = { group, positionsE4, ordersE4: togetherE4 - positionsE4 };
  return [...events.slice(0, -1), { ...last, data: { ...last.data, pool } } as AccountEvent];
};

const isAmount = (amountE4: number | undefined): amountE4 is number => Number.isSafeInteger(amountE4);

/** A trade happened: it is posted whether or not it was reserved, because it is a fact. */
const post = (
  rules: AccountRules,
  { orderClosed, ...trade }: Extract<AccountCommand, { type: 'PostMargin' }>['data'],
  before: Account,
): readonly AccountEvent[] => {
  const { orderId, side, quantity, priceE4, cumulativeQuantity, tradingDate, broker } = trade;
  const posted = before.postedQuantities.get(orderId) ?? 0;
  if (cumulativeQuantity <= posted) return [];
  if (cumulativeQuantity - quantity !== posted) return refuse('margin.trade-skipped', { posted, cumulativeQuantity });
  const over = expired(rules, before, tradingDate);
  const account = evolveAll(before, over);

  const position = positionOf(account, trade);
  const open = Math.abs(position.quantity);
  const closedQuantity = Math.min(quantity, oppositeQuantity(position, side));
  const openedQuantity = quantity - closedQuantity;
  const costOutE4 = closedQuantity === 0 ? 0 : shareOf(position.costE4, closedQuantity, open);
  const marginOutE4 = closedQuantity === 0 ? 0 : shareOf(position.marginE4, closedQuantity, open);
  const proceedsE4 = valueOf(priceE4, closedQuantity);
  const openedE4 = valueOf(priceE4, openedQuantity);

  const held = account.reservations.get(orderId);
  const contract = held?.contract ?? position.contract ?? rules.contractOf(trade.instrumentKey);
  const paidE4 = valueOf(priceE4, quantity);
  const charges =
    tradingDate === undefined || broker === undefined
      ? undefined
      : rules.chargesOf(account.day, { ...trade, tradingDate, broker });
  const costE4 = openedE4 - costOutE4;
  const marginE4 = (contract ? 0 : marginOf(openedE4, held?.marginBp)) - marginOutE4;
  const happened: AccountEvent = {
    type: 'MarginPosted',
    data: {
      ...trade,
      closedQuantity,
      openedQuantity,
      costE4,
      realisedE4: side === 'SELL' ? proceedsE4 - costOutE4 : costOutE4 - proceedsE4,
      ...(marginE4 !== costE4 && { marginE4 }),
      // The price of an option is paid, or received, when it trades; of everything else only the difference in the end.
      // What was still posted for it at full value had never left the cash.
      ...(contract?.isOption === true && { cashE4: side === 'SELL' ? paidE4 - marginOutE4 : marginOutE4 - paidE4 }),
      ...(contract && { contract }),
      ...(charges && { charges }),
      hold: held && !orderClosed && held.remainingQuantity > quantity ? shrunk(held, quantity) : null,
    },
  };
  const events = closedQuantity === 0 ? [happened] : [happened, ...brokenPromises(trade, evolve(account, happened))];
  return [...over, ...pooled(rules, account, events, contract)];
};

/**
 * A trade may close what another order was promised to close: that order will open a position instead, and needs margin
 * for it from now on, whether or not the account can cover it.
 */
const brokenPromises = (closing: Subject, account: Account): readonly AccountEvent[] => {
  const key = positionKey(closing);
  const position = positionOf(account, closing);
  let broken = position.promisedQuantity - oppositeQuantity(position, closing.side);
  if (broken <= 0) return [];
  return [...account.reservations.values()].flatMap((held): readonly AccountEvent[] => {
    const lost = positionKey(held) === key ? Math.min(broken, held.closingQuantity) : 0;
    if (lost === 0) return [];
    broken -= lost;
    const { orderId, remainingQuantity, marginPriceE4, marginBp } = held;
    const hold = holdOf(remainingQuantity, held.closingQuantity - lost, marginPriceE4, marginBp);
    return [{ type: 'ReservationChanged', data: { orderId, ...hold } }];
  });
};

/** What stays on hold after `quantity` of it traded: the closing part goes first, it is the part that freed money. */
const shrunk = ({ remainingQuantity, closingQuantity, marginPriceE4, marginBp }: Hold, quantity: number): Hold =>
  holdOf(remainingQuantity - quantity, closingQuantity - Math.min(closingQuantity, quantity), marginPriceE4, marginBp);

/* ---------------------------------------------------------------------------------------------------- evolve */

const evolve = (account: Account, event: AccountEvent): Account => {
  switch (event.type) {
    case 'AccountOpened':
      return { ...account, status: 'open', ...event.data };
    case 'FundsDeposited': {
      const { depositId, amountE4 } = event.data;
      return { ...account, cashE4: account.cashE4 + amountE4, deposits: account.deposits.set(depositId, amountE4) };
    }
    case 'HoldingAdopted': {
      const { broker, instrumentKey, quantity, costE4, shownQuantity } = event.data;
      const subject = { instrumentKey, product: 'CNC' } as const;
      const shown = (account.shown.get(instrumentKey) ?? Map<string, number>()).set(broker, shownQuantity);
      const seen = { ...account, shown: account.shown.set(instrumentKey, shown) };
      if (quantity === 0) return seen;
      const before = positionOf(account, subject);
      const after: Position = {
        ...before,
        quantity: before.quantity + quantity,
        costE4: before.costE4 + costE4,
        marginE4: before.marginE4 + costE4,
      };
      return {
        ...seen,
        cashE4: account.cashE4 + costE4,
        postedE4: account.postedE4 + costE4,
        positions: account.positions.set(positionKey(subject), after),
        day: dayAfterAdoption(account.day, positionKey(subject), { ...subject, quantity, costE4 }),
      };
    }
    case 'PositionExpired': {
      const { pool, ...subject } = event.data;
      const { marginE4 } = positionOf(account, subject);
      const positions = account.positions.delete(positionKey(subject));
      return withPool({ ...account, postedE4: account.postedE4 - marginE4, positions }, pool);
    }
    case 'MarginReserved': {
      const { pool, ...reservation } = event.data;
      const counted = { ...account, day: dayAfterOrder(account.day, reservation, account.positions) };
      return withPool(withHold(counted, reservation, reservation), pool);
    }
    case 'ReservationChanged': {
      const { pool, asked, ...hold } = event.data;
      const held = account.reservations.get(hold.orderId);
      if (!held) return account;
      const { orderType: _type, priceE4: _price, triggerPriceE4: _trigger, ...rest } = held;
      return withPool(withHold(account, asked ? { ...rest, ...asked } : held, hold), pool);
    }
    case 'MarginPosted': {
      const { orderId, side, openedQuantity, closedQuantity, realisedE4, cumulativeQuantity, hold, charges } =
        event.data;
      const { costE4, marginE4 = costE4, cashE4 = realisedE4, pool, contract } = event.data;
      const position = positionOf(account, event.data);
      const sign = side === 'BUY' ? 1 : -1;
      const moved: Position = {
        ...position,
        quantity: position.quantity + sign * (openedQuantity + closedQuantity),
        costE4: position.costE4 + costE4,
        marginE4: position.marginE4 + marginE4,
        ...(contract && { contract }),
      };
      const posted: Account = {
        ...account,
        cashE4: account.cashE4 + cashE4 - (charges?.totalE4 ?? 0),
        postedE4: account.postedE4 + marginE4,
        positions: account.positions.set(positionKey(event.data), moved),
        postedQuantities: account.postedQuantities.set(orderId, cumulativeQuantity),
        day: dayAfterTrade(account.day, event.data, account.positions),
      };
      const held = account.reservations.get(orderId);
      return withPool(withHold(posted, held ?? event.data, hold), pool);
    }
    case 'MarginVoided': {
      const { orderId, pool } = event.data;
      const held = account.reservations.get(orderId);
      if (!held) return account;
      const postedQuantities = account.postedQuantities.set(orderId, account.postedQuantities.get(orderId) ?? 0);
      return withPool(withHold({ ...account, postedQuantities }, held, null), pool);
    }
  }
};

const evolveAll = (account: Account, events: readonly AccountEvent[]): Account => events.reduce(evolve, account);

/** Sets (or, with `null`, ends) what is held for an order, and keeps the sums that depend on it. */
const withHold = (
  account: Account,
  subject: Subject & Asked & { readonly contract?: Contract },
  hold: Hold | null,
): Account => {
  const { orderId, instrumentKey, product, side, orderType, priceE4, triggerPriceE4, placedAtMs, lineId, tradingDate } =
    subject;
  const before = account.reservations.get(orderId);
  const key = positionKey(subject);
  const position = positionOf(account, subject);
  const promisedQuantity = position.promisedQuantity - (before?.closingQuantity ?? 0) + (hold?.closingQuantity ?? 0);
  const after = { ...position, promisedQuantity };
  const flat = after.quantity === 0 && promisedQuantity === 0;
  return {
    ...account,
    reservedE4: account.reservedE4 - (before?.amountE4 ?? 0) + (hold?.amountE4 ?? 0),
    positions: flat ? account.positions.delete(key) : account.positions.set(key, after),
    openIn: before === undefined || !hold ? openInAfter(account.openIn, instrumentKey, orderId, hold) : account.openIn,
    reservations: hold
      ? account.reservations.set(orderId, {
          orderId,
          instrumentKey,
          product,
          side,
          remainingQuantity: hold.remainingQuantity,
          closingQuantity: hold.closingQuantity,
          marginPriceE4: hold.marginPriceE4,
          ...(hold.marginBp !== undefined && { marginBp: hold.marginBp }),
          amountE4: hold.amountE4,
          ...(orderType && { orderType }),
          ...(priceE4 !== undefined && { priceE4 }),
          ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
          ...(placedAtMs !== undefined && { placedAtMs }),
          ...(lineId !== undefined && { lineId }),
          ...(tradingDate !== undefined && { tradingDate }),
          ...(subject.contract && { contract: subject.contract }),
        })
      : account.reservations.delete(orderId),
  };
};

const openInAfter = (
  openIn: Map<string, Set<string>>,
  instrumentKey: string,
  orderId: string,
  hold: Hold | null,
): Map<string, Set<string>> => {
  const known = openIn.get(instrumentKey) ?? Set<string>();
  const now = hold ? known.add(orderId) : known.delete(orderId);
  return now.size === 0 ? openIn.delete(instrumentKey) : openIn.set(instrumentKey, now);
};

const withPool = (account: Account, pool: Pool | undefined): Account => {
  if (!pool) return account;
  const before = account.pools.get(pool.group);
  const isEmpty = pool.positionsE4 === 0 && pool.ordersE4 === 0;
  return {
    ...account,
    reservedE4: account.reservedE4 - (before?.ordersE4 ?? 0) + pool.ordersE4,
    postedE4: account.postedE4 - (before?.positionsE4 ?? 0) + pool.positionsE4,
    pools: isEmpty ? account.pools.delete(pool.group) : account.pools.set(pool.group, pool),
  };
};

/**
 * The account: one client's money at one broker, and the point where everything that touches it is serialised
 * (`account-{id}`). Money is held for an order, booked when it trades, and let go when it ends. `rules` is what the files
 * of the day say of margins and charges.
 */
export const accountBy = (rules: AccountRules): Decider<Account, AccountCommand, AccountEvent> => ({
  initial,
  decide: decideBy(rules),
  evolve,
});

/** The account where every order needs its full value and nothing is charged. */
export const account = accountBy(NO_RULES);
