import fc from 'fast-check';
import { type ExecType, lifeCycle, type OrdStatus, ordStatusOf } from './life-cycle';
import { CLOSED, isHeld, order, type Order, type OrderCommand, type OrderEvent, type OrderStatus } from './order';
import { ask, commandOf, decideOrPass, details, KINDS, liveThrough, SMALL, terms, told } from './samples';

type EventType = OrderEvent['type'];

const EVENTS = Object.keys(lifeCycle) as EventType[];

const STATUSES = [
  'new',
  'placed',
  'denied',
  'dispatched',
  'in-doubt',
  'not-sent',
  'working',
  'filled',
  'cancelled',
  'rejected',
  'expired',
  'abandoned',
] as const satisfies readonly OrderStatus[];

const nameOf = ({ type, from, to }: Pick<Transition, 'type' | 'from' | 'to'>): string => `${type}: ${from} to ${to}`;

const isAllowed = ({ type, from, to }: Pick<Transition, 'type' | 'from' | 'to'>): boolean => {
  const row = lifeCycle[type];
  return row.from.includes(from) && (row.to.includes(to) || (row.to.includes('same') && to === from));
};

/** One command, see `commandOf`; without a bias to small numbers. */
const choice = fc.noBias(fc.tuple(fc.nat(KINDS.length - 1), fc.nat(99), fc.nat(99)));

describe('the table of transitions', () => {
  it('is never left, whatever is asked and told', () =>
    fc.assert(
      fc.property(fc.boolean(), fc.array(choice, { maxLength: 60, size: 'max' }), (held, choices) => {
        const begun = held ? [ask.hold(SMALL)] : [ask.place(SMALL), ask.dispatch()];
        const left = liveThrough([...begun, ...choices.map(commandOf)])
          .map(({ event: { type }, before, after }) => ({ type, from: before.status, to: after.status }))
          .filter((transition) => !isAllowed(transition));
        expect(left.map(nameOf)).toEqual([]);
      }),
      { numRuns: 150 },
    ));

  it('is never left by any life of a small order', () =>
    expect(
      exploreAllLives()
        .filter((transition) => !isAllowed(transition))
        .map(nameOf),
    ).toEqual([]));

  it.each(EVENTS)('promises nothing of %s that cannot happen', (type) => {
    const reached = exploreAllLives().filter((transition) => transition.type === type);
    expect(new Set(reached.map(({ from }) => from))).toEqual(new Set(lifeCycle[type].from));
    const stays = reached.some(({ from, to }) => to === from);
    const moves = new Set(reached.filter(({ from, to }) => to !== from).map(({ to }) => to));
    expect(new Set(lifeCycle[type].to)).toEqual(
      new Set([...moves, ...(stays && lifeCycle[type].to.includes('same') ? ['same'] : [])]),
    );
  });

  it('moves no order that is closed', () =>
    expect(
      exploreAllLives()
        .filter(({ from, to }) => CLOSED.has(from) && to !== from)
        .map(nameOf),
    ).toEqual([]));

  it('cancels an order that is held on the spot, and no other without its broker', () => {
    const cancelled = exploreAllLives().filter(({ type, from }) => type === 'OrderCancelled' && from === 'placed');
    expect(cancelled.map(({ held }) => held)).toEqual([true]);
  });

  /** The shortest way to each event: what was asked and told until it happened. */
  const shortest: Readonly<Record<EventType, readonly OrderCommand[]>> = {
    OrderPlaced: [ask.place()],
    OrderDenied: [ask.deny()],
    OrderDispatched: [ask.place(), ask.dispatch()],
    OrderAccepted: [ask.place(), ask.dispatch(), told.accepted()],
    OrderRejected: [ask.place(), ask.dispatch(), told.rejected()],
    DispatchNotSent: [ask.place(), ask.dispatch(), ask.notSent()],
    DispatchInDoubt: [ask.place(), ask.dispatch(), ask.doubt()],
    OrderAbandoned: [ask.place(), ask.abandon()],
    CancelRequested: [ask.place(), ask.cancel()],
    CancelRejected: [ask.place(), ask.dispatch(), ask.cancel(), told.cancelRejected()],
    OrderCancelled: [ask.hold(), ask.cancel()],
    ReplaceRequested: [ask.place(), ask.dispatch(), told.accepted(), ask.replace(terms(3))],
    ReplaceDenied: [ask.place(), ask.dispatch(), told.accepted(), ask.denyReplace(terms(3))],
    ReplaceRejected: [ask.place(), ask.dispatch(), told.accepted(), ask.replace(terms(3)), told.replaceRejected()],
    OrderReplaced: [ask.place(), ask.dispatch(), told.replaced(terms(3))],
    OrderFilled: [ask.place(), ask.dispatch(), told.trade('trade-1', 1)],
    OverfillReported: [ask.place(), ask.dispatch(), told.trade('trade-1', 1_000)],
    OrderExpired: [ask.place(), ask.dispatch(), told.expired()],
  };
  const ways = EVENTS.map((type) => ({ type, way: shortest[type], length: shortest[type].length }));

  it.each(ways)('$type happens after no less than $length commands', ({ type, way, length }) => {
    const steps = liveThrough(way);
    expect(new Set(steps.map(({ command }) => command)).size).toBe(length); // each of them did something
    expect(steps.at(-1)?.event.type).toBe(type);
    expect(exploreAllLives().find((step) => step.type === type)?.depth).toBe(length);
  });
});

describe('FIX', () => {
  const execTypes: Readonly<Record<EventType, ExecType>> = {
    OrderPlaced: 'A', // pending new
    OrderDispatched: 'A',
    OrderAccepted: '0', // new
    OrderDenied: '8', // rejected
    OrderRejected: '8',
    OrderAbandoned: '8',
    CancelRequested: '6', // pending cancel
    OrderCancelled: '4', // cancelled
    ReplaceRequested: 'E', // pending replace
    OrderReplaced: '5', // replaced
    OrderFilled: 'F', // trade
    OrderExpired: 'C', // expired
    DispatchNotSent: 'I', // order status: FIX knows no such event
    DispatchInDoubt: 'I',
    CancelRejected: 'I', // FIX answers with an OrderCancelReject message instead
    ReplaceDenied: 'I',
    ReplaceRejected: 'I',
    OverfillReported: 'I',
  };
  it.each(EVENTS)('%s has its execution type', (type) => expect(lifeCycle[type].execType).toBe(execTypes[type]));

  const plain: Readonly<Record<OrderStatus, OrdStatus>> = {
    new: 'A',
    placed: 'A',
    dispatched: 'A',
    'in-doubt': 'A',
    'not-sent': 'A',
    working: '0',
    filled: '2',
    cancelled: '4',
    denied: '8',
    rejected: '8',
    abandoned: '8',
    expired: 'C',
  };
  it.each(STATUSES)('an order that is %s has its status', (status) =>
    expect(ordStatusOf({ status, filledQuantity: 0 })).toBe(plain[status]),
  );

  /** Where several hold at once, the one further up shows. */
  const cancel = { pendingCancel: 'cancel-1' };
  const replace = { pendingReplace: { requestId: 'replace-1', terms: terms(150) } };
  type Shown = Parameters<typeof ordStatusOf>[0];
  const precedence: readonly (readonly [string, OrdStatus, Shown])[] = [
    ['pending cancel over pending replace', '6', { status: 'working', filledQuantity: 40, ...cancel, ...replace }],
    ['pending cancel over partially filled', '6', { status: 'working', filledQuantity: 40, ...cancel }],
    ['pending cancel over new', '6', { status: 'working', filledQuantity: 0, ...cancel }],
    ['pending cancel over pending new', '6', { status: 'placed', filledQuantity: 0, ...cancel }],
    ['pending replace over partially filled', 'E', { status: 'working', filledQuantity: 40, ...replace }],
    ['pending replace over new', 'E', { status: 'working', filledQuantity: 0, ...replace }],
    ['filled over partially filled', '2', { status: 'filled', filledQuantity: 100 }],
    ['cancelled over partially filled', '4', { status: 'cancelled', filledQuantity: 40 }],
    ['expired over partially filled', 'C', { status: 'expired', filledQuantity: 40 }],
    ['rejected over partially filled', '8', { status: 'rejected', filledQuantity: 40 }],
    ['partially filled over new', '1', { status: 'working', filledQuantity: 1 }],
    [
      'filled over a request that came to nothing',
      '2',
      { status: 'filled', filledQuantity: 100, ...cancel, ...replace },
    ],
  ];
  it.each(precedence)('%s: %s', (_, ordStatus, shown) => expect(ordStatusOf(shown)).toBe(ordStatus));

  it('shows a pending replace over filled as long as the replace may still raise the total', () => {
    const steps = liveThrough([
      ask.place(),
      ask.dispatch(),
      told.accepted(),
      ask.replace(terms(150)),
      told.trade('trade-1', 100),
      told.replaceRejected(),
    ]);
    expect(steps.slice(-2).map((step) => ordStatusOf(step.after))).toEqual(['E', '2']);
  });
});

interface Transition {
  readonly type: EventType;
  readonly from: OrderStatus;
  readonly to: OrderStatus;
  /** Whether the order waited with us before it. */
  readonly held: boolean;
  /** Commands it takes at least. */
  readonly depth: number;
}

/**
 * Every transition that any life of an order of two can make, nearest first: all commands in all states, breadth first,
 * until nothing new turns up. Not a sample: two attempts, three trades and a modify up and down are enough to show every
 * kind of race.
 */
const exploreAllLives = (() => {
  const small = { ...details, ...terms(2) };
  const alphabet: readonly OrderCommand[] = [
    ask.place(small),
    ask.hold(small),
    ask.deny(small),
    ask.dispatch(1),
    ask.dispatch(2),
    ask.notSent(1),
    ask.notSent(2),
    ask.doubt(1),
    ask.doubt(2),
    ask.abandon(),
    ask.cancel(),
    ask.replace(terms(3), 'up'),
    ask.replace(terms(1), 'down'),
    ask.denyReplace(terms(3), 'never'),
    told.accepted(),
    told.rejected(),
    told.trade('trade-1', 1),
    told.trade('trade-2', 1),
    told.trade('trade-3', 3),
    told.replaced(terms(3)),
    told.replaced(terms(1)),
    told.replaceRejected(),
    told.cancelled(),
    told.cancelRejected(),
    told.expired(),
  ];
  let explored: readonly Transition[] | undefined;

  const explore = (): readonly Transition[] => {
    const transitions = new Map<string, Transition>();
    const known = new Set<string>([keyOf(order.initial)]);
    let frontier: readonly Order[] = [order.initial];
    for (let depth = 1; frontier.length > 0; depth += 1) {
      const next: Order[] = [];
      for (const before of frontier)
        for (const command of alphabet) {
          let now = before;
          for (const event of decideOrPass(command, now)) {
            const [from, held] = [now.status, isHeld(now)];
            now = order.evolve(now, event);
            const name = `${event.type} ${from} ${String(held)} ${now.status}`;
            if (!transitions.has(name)) transitions.set(name, { type: event.type, from, to: now.status, held, depth });
          }
          const key = keyOf(now);
          if (known.has(key)) continue;
          known.add(key);
          next.push(now);
        }
      frontier = next;
    }
    return [...transitions.values()];
  };
  return () => (explored ??= explore());
})();

/** Two orders with the same key behave alike from here on. */
const keyOf = (now: Order): string => {
  const { status, terms: inForce, attempt, brokerOrderId, filledQuantity, tradeIds } = now;
  return JSON.stringify([
    ...[status, isHeld(now), inForce.quantity, attempt, brokerOrderId, filledQuantity, [...tradeIds].sort()],
    ...[now.pendingCancel, now.lastCancel, now.pendingReplace?.requestId, now.lastReplace?.requestId],
  ]);
};

describe('the exploration', () => {
  it('reaches every status', () => {
    const reached = new Set<OrderStatus>(['new', ...exploreAllLives().map(({ to }) => to)]);
    expect([...reached].sort()).toEqual([...STATUSES].sort());
  });
});
