import fc from 'fast-check';
import { fold } from '../decider';
import { CLOSED, order, type Order, type OrderCommand, type OrderEvent } from './order';
import {
  after,
  ask,
  commandOf,
  decideOrPass,
  happened,
  KINDS,
  liveThrough,
  SMALL,
  type Step,
  terms,
  told,
} from './samples';

/** Everything that could be asked and told, in any order; most lives start at the broker. */
const lives = fc
  .tuple(
    fc.constantFrom(
      [],
      [ask.place(SMALL)],
      [ask.place(SMALL), ask.dispatch()],
      [ask.place(SMALL), ask.dispatch(), told.accepted()],
    ),
    // Without a bias to small numbers: these choose, they do not measure.
    fc.array(fc.noBias(fc.tuple(fc.nat(KINDS.length - 1), fc.nat(99), fc.nat(99))), { maxLength: 60, size: 'max' }),
  )
  .map(([start, choices]) => [...start, ...choices.map(commandOf)]);

const always = (check: (steps: readonly Step[], commands: readonly OrderCommand[]) => void, numRuns = 120): void => {
  fc.assert(
    fc.property(lives, (commands) => {
      check(liveThrough(commands), commands);
    }),
    { numRuns },
  );
};

/** The state as plain JSON, comparable and printable. */
const plain = ({ tradeIds, ...rest }: Order) => ({ ...rest, tradeIds: [...tradeIds].sort() });

const isFill = ({ event }: Step): boolean => event.type === 'OrderFilled';

describe('whatever is asked and told', () => {
  it('never fills more than the order’s quantity', () =>
    always((steps) => {
      for (const step of steps) expect(step.after.filledQuantity).toBeLessThanOrEqual(step.after.terms.quantity);
    }));

  it('has filled what its trades add up to, and says so in each fill', () =>
    always((steps) => {
      let filledQuantity = 0;
      for (const step of steps) {
        if (step.event.type === 'OrderFilled') {
          const { quantity, cumulativeQuantity, leavesQuantity } = step.event.data;
          filledQuantity += quantity;
          expect({ cumulativeQuantity, leavesQuantity }).toEqual({
            cumulativeQuantity: filledQuantity,
            leavesQuantity: step.after.terms.quantity - filledQuantity,
          });
        }
        expect(step.after.filledQuantity).toBe(filledQuantity);
      }
    }));

  it('never loses what was filled', () =>
    always((steps) => {
      for (const step of steps)
        expect(step.after.filledQuantity).toBeGreaterThanOrEqual(step.before.filledQuantity + (isFill(step) ? 1 : 0));
    }));

  it('records each trade id once, as a fill or as an overfill', () =>
    always((steps) => {
      const tradeIds = steps.flatMap(({ event }) =>
        event.type === 'OrderFilled' || event.type === 'OverfillReported' ? [event.data.tradeId] : [],
      );
      expect(tradeIds).toEqual([...new Set(tradeIds)]);
    }));

  it('leaves a closed order closed as it is', () =>
    always((steps) => {
      for (const step of steps) if (CLOSED.has(step.before.status)) expect(step.after.status).toBe(step.before.status);
    }));

  it('records of a closed order only what the broker may still tell: trades and its order id', () =>
    always((steps) => {
      for (const step of steps)
        if (CLOSED.has(step.before.status))
          expect(['OrderFilled', 'OverfillReported', 'OrderAccepted']).toContain(step.event.type);
    }));

  it('waits for nothing any more once it is closed', () =>
    always((steps) => {
      for (const step of steps)
        if (CLOSED.has(step.after.status))
          expect([step.after.pendingCancel, step.after.pendingReplace]).toEqual([undefined, undefined]);
    }));

  it('is filled exactly when nothing is left to fill and no pending replace asks for more', () =>
    always((steps) => {
      for (const { after: now } of steps) {
        const wanted = Math.max(now.terms.quantity, now.pendingReplace?.terms.quantity ?? 0);
        if (now.status === 'filled') expect(now.filledQuantity).toBe(now.terms.quantity);
        else if (!CLOSED.has(now.status) && now.status !== 'new') expect(now.filledQuantity).toBeLessThan(wanted);
      }
    }));

  it('dispatches attempts one after the other, each after the one before was not sent', () =>
    always((steps) => {
      const attempts = steps.flatMap(({ event, before }) =>
        event.type === 'OrderDispatched' ? [{ attempt: event.data.attempt, from: before.status }] : [],
      );
      expect(attempts).toEqual(
        attempts.map((_, index) => ({ attempt: index + 1, from: index === 0 ? 'placed' : 'not-sent' })),
      );
    }));

  it('makes no further attempt once the broker has shown that it has the order', () =>
    always((steps) => {
      const shown: readonly OrderEvent['type'][] = [
        'OrderAccepted',
        'OrderFilled',
        'OverfillReported',
        'OrderReplaced',
      ];
      const first = steps.findIndex(({ event }) => shown.includes(event.type));
      if (first >= 0) expect(steps.slice(first).map(({ event }) => event.type)).not.toContain('OrderDispatched');
    }));

  it('comes back the same from its stored events', () =>
    always((steps) => {
      const stored = steps.map(({ event }) => JSON.parse(JSON.stringify(event)) as OrderEvent);
      expect(plain(fold(order, order.initial, stored))).toEqual(plain(steps.at(-1)?.after ?? order.initial));
    }));

  it('decides without touching what it was given', () =>
    always((_, commands) => {
      let now = order.initial;
      for (const command of commands) {
        const before = JSON.stringify([command, plain(now)]);
        const decided = decideOrPass(command, now);
        const next = fold(order, now, decided);
        expect(JSON.stringify([command, plain(now)])).toBe(before);
        now = next;
      }
    }, 50));
});

describe('told twice', () => {
  it('decides nothing the second time, whatever the command', () =>
    always((steps) => {
      // A command may lead to several events: what follows the last of them is its outcome.
      for (const [index, { command, after: now }] of steps.entries())
        if (steps[index + 1]?.command !== command) expect(order.decide(command, now)).toEqual([]);
    }));

  /** These carry their own identity, or close the order, so that they may come back at any later time. */
  const forEver: readonly OrderEvent['type'][] = [
    'OrderPlaced',
    'OrderDenied',
    'OrderDispatched',
    'DispatchNotSent',
    'DispatchInDoubt',
    'OrderAbandoned',
    'OrderAccepted',
    'OrderRejected',
    'OrderCancelled',
    'OrderExpired',
    'OrderFilled',
    'OverfillReported',
  ];
  it('decides nothing at any later time, for commands with an identity of their own', () =>
    always((steps) => {
      const last = steps.at(-1)?.after ?? order.initial;
      for (const { command, event } of steps)
        if (forEver.includes(event.type)) expect(order.decide(command, last)).toEqual([]);
    }));
});

describe('the broker’s reports, in whatever order and however often they arrive', () => {
  /** The same reports, each at least once, shuffled. */
  const anyArrival = (reports: readonly OrderCommand[]): fc.Arbitrary<readonly OrderCommand[]> =>
    fc
      .array(fc.nat(Math.max(0, reports.length - 1)), { maxLength: 6 })
      .map((again) => [...reports, ...again.flatMap((index) => reports[index] ?? [])])
      .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));

  const sizes = (total: number) =>
    fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 }).map((wanted) => {
      let left = total;
      return wanted.flatMap((size) => {
        const quantity = Math.min(size, left);
        left -= quantity;
        return quantity > 0 ? [quantity] : [];
      });
    });
  const tradesOf = (quantities: readonly number[]) =>
    quantities.map((quantity, index) => told.trade(`trade-${String(index)}`, quantity));
  const sum = (quantities: readonly number[]) => quantities.reduce((a, b) => a + b, 0);

  const dispatched = after(happened.placed(SMALL), happened.dispatched());
  const ending = (arrival: readonly OrderCommand[], from: Order): Order =>
    liveThrough(arrival, from).at(-1)?.after ?? from;

  /*
   * The filled quantity is the sum of the trades, whatever their order, exactly when
   *  1. the trades together are no more than the smallest total that is in force at any time, or
   *  2. they are no more than the total of a pending replace, and no report among them closes the order.
   * Beyond that an overfill is kept aside, and which trade that is depends on which came first.
   */

  it('fills the sum of the trades when they fit the order, whatever else is reported', () =>
    fc.assert(
      fc.property(
        sizes(10).chain((quantities) =>
          fc
            .subarray([
              told.accepted(),
              told.cancelled(),
              told.expired(),
              told.rejected(),
              told.cancelRejected(),
              told.replaceRejected(),
              told.replaced(terms(10, 14_000_000)),
              told.replaced(terms(12)),
            ])
            .chain((others) => fc.tuple(fc.constant(quantities), anyArrival([...tradesOf(quantities), ...others]))),
        ),
        ([quantities, arrival]) => {
          expect(ending(arrival, dispatched).filledQuantity).toBe(sum(quantities));
        },
      ),
      { numRuns: 200 },
    ));

  it('fills the sum of the trades when they fit a replace downwards', () =>
    fc.assert(
      fc.property(
        sizes(6).chain((quantities) =>
          fc.tuple(
            fc.constant(quantities),
            anyArrival([...tradesOf(quantities), told.accepted(), told.replaced(terms(6))]),
          ),
        ),
        ([quantities, arrival]) => {
          const pending = fold(order, dispatched, [happened.accepted(), happened.replaceRequested(terms(6))]);
          const { filledQuantity, terms: inForce } = ending(arrival, pending);
          expect({ filledQuantity, quantity: inForce.quantity }).toEqual({
            filledQuantity: sum(quantities),
            quantity: 6,
          });
        },
      ),
      { numRuns: 150 },
    ));

  it('fills the sum of the trades when they fit a pending replace upwards', () =>
    fc.assert(
      fc.property(
        sizes(20).chain((quantities) =>
          fc.tuple(
            fc.constant(quantities),
            anyArrival([...tradesOf(quantities), told.accepted(), told.replaced(terms(20))]),
          ),
        ),
        ([quantities, arrival]) => {
          const pending = fold(order, dispatched, [happened.accepted(), happened.replaceRequested(terms(20))]);
          const { status, filledQuantity, terms: inForce } = ending(arrival, pending);
          expect({ status, filledQuantity, quantity: inForce.quantity }).toEqual({
            status: sum(quantities) === 20 ? 'filled' : 'working',
            filledQuantity: sum(quantities),
            quantity: 20,
          });
        },
      ),
      { numRuns: 200 },
    ));

  it('ends with the same status, broker order id and trades when one report closes the order before it is full', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(told.cancelled(), told.expired()).chain((closing) =>
          sizes(9).chain((quantities) => {
            const reports = [told.accepted(), ...tradesOf(quantities), closing];
            return fc.tuple(fc.constant(reports), anyArrival(reports));
          }),
        ),
        ([reports, arrival]) => {
          const { lastEvidence: _a, ...inOrder } = plain(ending(reports, dispatched));
          const { lastEvidence: _b, ...arrived } = plain(ending(arrival, dispatched));
          expect(arrived).toEqual(inOrder);
        },
      ),
      { numRuns: 150 },
    ));

  it('keeps another trade aside when the trades overfill in another order: here arrival decides', () => {
    const [six, five] = [told.trade('trade-6', 6), told.trade('trade-5', 5)];
    expect(ending([six, five], dispatched).filledQuantity).toBe(6);
    expect(ending([five, six], dispatched).filledQuantity).toBe(5);
  });

  it('keeps a trade aside when the order was closed before the trade could prove the replace', () => {
    const pending = fold(order, dispatched, [happened.accepted(), happened.replaceRequested(terms(20))]);
    const [twelve, cancelled] = [told.trade('trade-12', 12), told.cancelled()];
    expect(ending([twelve, cancelled], pending).filledQuantity).toBe(12);
    expect(ending([cancelled, twelve], pending).filledQuantity).toBe(0);
  });
});
