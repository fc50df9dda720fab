import { account, type Account, type AccountEvent, positionKey } from '#domain/accounts/account';
import { type DomainEvent, fold } from '#domain/decider';
import { intent, type Intent, type IntentEvent } from '#domain/intents/intent';
import { basisPointsOfRoundedUp, valueOf } from '#domain/money';
import { CLOSED, fillsOf, isHeld, order, type Order, type OrderEvent } from '#domain/orders/order';
import type { EventLog, RecordedEvent } from '#event-log/event-log';

/** Every stream of the log, folded with the deciders of the domain, by id. */
export interface Books {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly orders: ReadonlyMap<string, Order>;
  readonly intents: ReadonlyMap<string, Intent>;
  /** By stream. */
  readonly histories: ReadonlyMap<string, readonly RecordedEvent[]>;
}

const PAGE = 10_000;

/** Everything that was recorded after a position, in order. */
export const readAllOf = async (log: EventLog, from = 0): Promise<readonly RecordedEvent[]> => {
  const all: RecordedEvent[] = [];
  for (let after = from; ;) {
    const { events, next, atEnd } = await log.readAll({ after, limit: PAGE });
    all.push(...events);
    if (atEnd) return all;
    after = next;
  }
};

/** Streams that say what may be traded, by whom and where, and nothing of any order. */
const BESIDE_THE_BOOKS: ReadonlySet<string> = new Set(['settings', 'connection', 'instruments']);

/** Folds what was recorded after a position; streams that are in there must begin after it. */
export const readBooks = async (log: EventLog, from = 0): Promise<Books> => {
  const histories = new Map<string, RecordedEvent[]>();
  for (const event of await readAllOf(log, from)) {
    const history = histories.get(event.stream);
    if (history) history.push(event);
    else histories.set(event.stream, [event]);
  }
  const accounts = new Map<string, Account>();
  const orders = new Map<string, Order>();
  const intents = new Map<string, Intent>();
  for (const [stream, history] of histories) {
    const kind = stream.slice(0, stream.indexOf('-'));
    const id = stream.slice(kind.length + 1);
    // A stream is written by its own decider only: what it holds are that decider's events.
    const events: readonly DomainEvent[] = history;
    if (kind === 'account') accounts.set(id, fold(account, account.initial, events as readonly AccountEvent[]));
    else if (kind === 'order') orders.set(id, fold(order, order.initial, events as readonly OrderEvent[]));
    else if (kind === 'intent') intents.set(id, fold(intent, intent.initial, events as readonly IntentEvent[]));
    else if (!BESIDE_THE_BOOKS.has(kind))
      throw new Error(`the log holds a stream of a kind that these books do not know: ${stream}`);
  }
  return { accounts, orders, intents, histories };
};

/**
 * Everything in the log that does not fit together, a sentence each; none when all is well. `settled`: nothing is
 * under way any more, so every intent must be complete and no request may be pending.
 */
export const faultsOf = (books: Books, { settled }: { readonly settled: boolean }): readonly string[] => [
  ...[...books.accounts].flatMap(([id, state]) => faultsOfAccount(id, state, books)),
  ...[...books.orders].flatMap(([id, state]) => faultsOfOrder(id, state, books, settled)),
  ...[...books.intents].flatMap(([id, state]) => faultsOfIntent(id, state, books, settled)),
];

const faultsOfAccount = (id: string, state: Account, books: Books): string[] => {
  const faults: string[] = [];
  const fail = (what: string) => faults.push(`account ${id} ${what}`);
  for (const held of state.reservations.values()) {
    const { orderId, remainingQuantity, closingQuantity, marginPriceE4, marginBp, amountE4 } = held;
    const it = books.orders.get(orderId);
    if (!it || it.status === 'new') fail(`holds margin for order ${orderId}, which does not exist`);
    else if (CLOSED.has(it.status)) fail(`holds margin for order ${orderId}, which is ${it.status}`);
    else if (it.details?.accountId !== id) fail(`holds margin for order ${orderId} of another one`);
    const openingE4 = valueOf(marginPriceE4, remainingQuantity - closingQuantity);
    const neededE4 = marginBp === undefined ? openingE4 : basisPointsOfRoundedUp(openingE4, marginBp);
    if (amountE4 !== neededE4)
      fail(`holds ${String(amountE4)} for order ${orderId}, its share of price times opening is ${String(neededE4)}`);
  }
  faults.push(...faultsOfMoney(id, state, books));

  const traded = new Map<string, number>();
  const add = (key: string, quantity: number) => traded.set(key, (traded.get(key) ?? 0) + quantity);
  for (const it of books.orders.values()) {
    const { details, filledQuantity } = it;
    if (details?.accountId === id) add(positionKey(details), details.side === 'BUY' ? filledQuantity : -filledQuantity);
  }
  for (const { type, data } of accountEventsOf(books, id))
    if (type === 'HoldingAdopted') add(positionKey({ ...data, product: 'CNC' }), data.quantity);
    else if (type === 'PositionExpired') add(positionKey(data), -data.quantity);
  for (const key of new Set([...traded.keys(), ...state.positions.keys()])) {
    const [held, expected] = [state.positions.get(key)?.quantity ?? 0, traded.get(key) ?? 0];
    if (held !== expected) fail(`has ${String(held)} of ${key}, its orders traded ${String(expected)}`);
  }
  return faults;
};

/** Every sum of an account, made anew from its parts. */
const faultsOfMoney = (id: string, state: Account, books: Books): string[] => {
  const total = (amounts: Iterable<number>): number => [...amounts].reduce((sum, amountE4) => sum + amountE4, 0);
  const events = accountEventsOf(books, id);
  const pools = [...state.pools.values()];
  const sums = {
    reserved: [
      state.reservedE4,
      total([...state.reservations.values()].map(({ amountE4 }) => amountE4)) +
        total(pools.map(({ ordersE4 }) => ordersE4)),
    ],
    posted: [
      state.postedE4,
      total([...state.positions.values()].map(({ marginE4 }) => marginE4)) +
        total(pools.map(({ positionsE4 }) => positionsE4)),
    ],
    'in cash': [state.cashE4, total(events.map(cashMovedE4))],
  } as const;
  const faults = Object.entries(sums).flatMap(([what, [saidE4, partsE4]]) =>
    saidE4 === partsE4 ? [] : [`account ${id} has ${String(saidE4)} ${what}, its parts add up to ${String(partsE4)}`],
  );
  for (const { group, positionsE4, ordersE4 } of pools)
    if (positionsE4 < 0 || ordersE4 < 0)
      faults.push(`account ${id} needs ${String(positionsE4)} and ${String(ordersE4)} for ${group}: less than nothing`);
  return faults;
};

/** What an event brought in cash: paid in, adopted with what it had cost, or traded, less what that was charged. */
const cashMovedE4 = ({ type, data }: AccountEvent): number => {
  switch (type) {
    case 'FundsDeposited':
      return data.amountE4;
    case 'HoldingAdopted':
      return data.costE4;
    case 'MarginPosted':
      return (data.cashE4 ?? data.realisedE4) - (data.charges?.totalE4 ?? 0);
    case 'AccountOpened':
    case 'MarginReserved':
    case 'ReservationChanged':
    case 'MarginVoided':
    case 'PositionExpired':
      return 0;
  }
};

const faultsOfOrder = (id: string, it: Order, books: Books, settled: boolean): string[] => {
  const { details, status, terms, pendingReplace, pendingCancel, filledQuantity } = it;
  if (!details) return [`order ${id} has events but was never placed`];
  const faults: string[] = [];
  const fail = (what: string) => faults.push(`order ${id} (${status}) ${what}`);
  const history = books.histories.get(`order-${id}`) ?? [];
  const owner = books.accounts.get(details.accountId);
  const parent = books.intents.get(details.intentId);
  if (!parent || parent.status === 'new') fail('belongs to no intent');
  else if (
    !parent.received.lines.some((it) => it.orderId === id && it.line === details.line && it.slice === details.slice)
  )
    fail('is not the line of its intent that it says');

  const times = (type: OrderEvent['type']) => history.filter((event) => event.type === type).length;
  if (times('OrderPlaced') + times('OrderDenied') !== 1) fail('was not placed or denied exactly once');
  if (times('OrderDispatched') > 1 + times('DispatchNotSent')) fail('was dispatched again without proof of absence');
  if (filledQuantity > terms.quantity) fail(`filled ${String(filledQuantity)} of ${String(terms.quantity)}`);

  const held = owner?.reservations.get(id);
  if (CLOSED.has(status)) {
    if (held) fail('is closed and holds margin');
  } else if (!held) fail('is open and holds no margin');
  else {
    const total = Math.max(terms.quantity, pendingReplace?.terms.quantity ?? 0);
    if (held.remainingQuantity !== total - filledQuantity)
      fail(`holds margin for ${String(held.remainingQuantity)}, needs it for ${String(total - filledQuantity)}`);
    // A buy is margined at its limit; a sell at no less, because it may fill above it.
    const limitE4 = pendingReplace ? undefined : terms.priceE4;
    const fits = details.side === 'BUY' ? held.marginPriceE4 === limitE4 : held.marginPriceE4 >= (limitE4 ?? 0);
    if (limitE4 !== undefined && !fits)
      fail(`is margined at ${String(held.marginPriceE4)} with a limit of ${String(limitE4)}`);
  }

  const fills = fillsOf(history);
  const sum = fills.reduce((total, { data }) => total + data.quantity, 0);
  if (sum !== filledQuantity) fail(`has fills of ${String(sum)} and says ${String(filledQuantity)}`);
  const posted = postingsOf(books, details.accountId).filter(({ orderId }) => orderId === id);
  const described = (list: readonly { tradeId: string; quantity: number; priceE4: number }[]) =>
    list.map(({ tradeId, quantity, priceE4 }) => `${tradeId}:${String(quantity)}@${String(priceE4)}`).join(' ');
  if (described(posted) !== described(fills.map(({ data }) => data)))
    fail(`filled [${described(fills.map(({ data }) => data))}], posted [${described(posted)}]`);

  if (settled && ['new', 'placed', 'dispatched', 'not-sent'].includes(status) && !isHeld(it))
    fail('is left on its way');
  if (settled && pendingCancel !== undefined) fail('has a cancel pending');
  if (settled && pendingReplace) fail('has a change pending');
  return faults;
};

const faultsOfIntent = (id: string, it: Intent, books: Books, settled: boolean): string[] => {
  if (it.status === 'new') return [`intent ${id} has events but was never received`];
  const faults: string[] = [];
  if (settled && it.status !== 'completed') faults.push(`intent ${id} has no answer`);
  if (it.status !== 'completed') return faults;
  for (const { orderId, line } of it.received.lines) {
    if (!books.orders.has(orderId)) faults.push(`intent ${id} is answered and its line ${String(line)} has no order`);
    const result = it.completed.results[line];
    if (result?.orderId !== orderId && !result?.slices?.some((slice) => slice.orderId === orderId))
      faults.push(`intent ${id} answers line ${String(line)} with another order`);
  }
  return faults;
};

type Posting = Extract<AccountEvent, { type: 'MarginPosted' }>['data'];

/** What was recorded of an account, in order. */
const accountEventsOf = ({ histories }: Books, accountId: string): readonly AccountEvent[] =>
  (histories.get(`account-${accountId}`) ?? []) as readonly DomainEvent[] as readonly AccountEvent[];

const postings = new WeakMap<Books, Map<string, readonly Posting[]>>();

/** What an account posted, in order. Collected once per books: a log has many orders per account. */
const postingsOf = (books: Books, accountId: string): readonly Posting[] => {
  const known = postings.get(books) ?? new Map<string, readonly Posting[]>();
  postings.set(books, known);
  const found = known.get(accountId);
  if (found) return found;
  const posted = accountEventsOf(books, accountId).flatMap(({ type, data }) => (type === 'MarginPosted' ? [data] : []));
  known.set(accountId, posted);
  return posted;
};
