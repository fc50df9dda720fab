import fc from 'fast-check';
import { fold } from '#domain/decider';
import { ordStatusOf } from '#domain/orders/life-cycle';
import { CLOSED, leavesOf, order } from '#domain/orders/order';
import { history, recorded, STORY_NAMES, storyOf, type StoryName } from '../../../../test/support/events';
import { type OrderRecorded, parseRecorded } from '../recorded';
import { evolve } from './orders';
import type { OrderRow } from './order-row';
import { bookStatusOf, domainStatusOf } from '#domain/orders/book-status';

const orderEventsOf = (events: ReturnType<typeof recorded>): OrderRecorded[] =>
  events.flatMap((event) => {
    const known = parseRecorded(event);
    return known?.kind === 'order' ? [known.event] : [];
  });

const rowOf = (events: readonly OrderRecorded[]): OrderRow => {
  const row = events.reduce<OrderRow | null>(evolve, null);
  if (row === null) throw new Error('no event, no row');
  return row;
};

/** The row after each event of a story. */
const rowsOf = (story: StoryName): OrderRow[] => {
  const events = orderEventsOf(storyOf(story));
  return events.map((_, index) => rowOf(events.slice(0, index + 1)));
};
const lastOf = (story: StoryName): OrderRow => rowOf(orderEventsOf(storyOf(story)));
const statusesOf = (story: StoryName) => rowsOf(story).map(({ status }) => status);

describe('an order in the book', () => {
  it('moves from placed to filled', () =>
    expect(statusesOf('filled')).toEqual(['PLACED', 'DISPATCHED', 'OPEN', 'FILLED']));

  it('is partially filled in between', () =>
    expect(new Set(statusesOf('filledInParts'))).toEqual(
      new Set(['PLACED', 'DISPATCHED', 'OPEN', 'PARTIALLY_FILLED', 'FILLED']),
    ));

  it('says which checks denied it', () =>
    expect(lastOf('denied')).toMatchObject({
      status: 'DENIED',
      ordStatus: '8',
      broker: null,
      reason: 'quantity',
      leavesQuantity: 0,
    }));

  it('says why the broker rejected it', () =>
    expect(lastOf('rejected')).toMatchObject({ status: 'REJECTED', reason: 'blocked "for" the client\\desk' }));

  it('keeps what was filled when the rest is cancelled, and has nothing left', () =>
    expect(lastOf('partlyFilledThenCancelled')).toMatchObject({
      status: 'CANCELLED',
      filledQuantity: 1,
      leavesQuantity: 0,
      reason: 'requested',
    }));

  it('shows a cancel on its way in FIX, not in its status', () =>
    expect(rowsOf('cancelled').at(-2)).toMatchObject({ status: 'OPEN', ordStatus: '6', pendingCancel: true }));

  it('goes on when a cancel came too late', () =>
    expect(rowsOf('filledInsteadOfCancelled').at(-2)).toMatchObject({ status: 'OPEN', pendingCancel: false }));

  it('shows what a modify on its way asks for', () => {
    const pending = rowsOf('replacedThenFilled').find(({ ordStatus }) => ordStatus === 'E');
    expect(pending?.pendingQuantity).toBe((pending?.quantity ?? 0) + 10);
  });

  it('stands under its new terms once the broker has replaced it', () => {
    const [placed, ...later] = rowsOf('replacedThenFilled');
    expect(later.at(-1)).toMatchObject({
      status: 'FILLED',
      quantity: (placed?.quantity ?? 0) + 10,
      filledQuantity: (placed?.quantity ?? 0) + 10,
      pendingQuantity: null,
    });
  });

  it('waits for the broker when it fills while a larger replace is pending', () => {
    const filled = rowsOf('replaceRejected').at(-2);
    expect(filled).toMatchObject({ status: 'PARTIALLY_FILLED', leavesQuantity: 0, ordStatus: 'E' });
    expect(lastOf('replaceRejected').status).toBe('FILLED');
  });

  it('tells why it was not sent, and forgets it once it was', () => {
    const rows = rowsOf('notSentThenFilled');
    expect(rows.map(({ status, reason, attempt }) => [status, reason, attempt])).toEqual([
      ['PLACED', null, 0],
      ['DISPATCHED', null, 1],
      ['NOT_SENT', 'ECONNREFUSED', 1],
      ['DISPATCHED', null, 2],
      ['OPEN', null, 2],
      ['FILLED', null, 2],
    ]);
  });

  it('stays cancelled, with its reason, when a trade is heard of later', () =>
    expect(lastOf('tradedAfterCancel')).toMatchObject({
      status: 'CANCELLED',
      reason: 'unsolicited',
      filledQuantity: 1,
    }));

  it('keeps what was found when it was placed', () => {
    const [first] = orderEventsOf(storyOf('filled'));
    if (first?.type !== 'OrderPlaced') throw new Error('the first event places the order');
    expect(JSON.parse(lastOf('filled').verdicts)).toEqual(first.data.verdicts);
    expect(lastOf('filled')).toMatchObject({ placedAt: first.meta.at, routeReason: 'account', broker: 'paper' });
  });

  it('reflects the revision and the position of its last event', () => {
    const events = orderEventsOf(storyOf('cancelled'));
    const last = events.at(-1);
    expect(rowOf(events)).toMatchObject({
      version: last?.revision,
      position: last?.position,
      updatedAt: last?.meta.at,
    });
  });

  it('has no row to start from when its first event is missing', () =>
    expect(() => rowOf(orderEventsOf(storyOf('filled')).slice(1))).toThrow('OrderDispatched: the order has no row'));

  it.each([
    ['one price', [[10, 1_000_000]], 1_000_000],
    [
      'an exact mean',
      [
        [1, 100],
        [1, 102],
      ],
      101,
    ],
    [
      'a half, rounded up',
      [
        [1, 100],
        [1, 101],
      ],
      101,
    ],
    [
      'a third, rounded down',
      [
        [2, 100],
        [1, 101],
      ],
      100,
    ],
    [
      'two thirds, rounded up',
      [
        [1, 100],
        [2, 101],
      ],
      101,
    ],
    [
      'large amounts without loss',
      [
        [3, 99_999_999_999_999],
        [4, 100_000_000_000_001],
      ],
      100_000_000_000_000,
    ],
  ] satisfies [string, [number, number][], number][])('averages %s', (_, fills, averagePriceE4) => {
    const [placed, dispatched, accepted] = orderEventsOf(storyOf('filled'));
    if (!placed || !dispatched || !accepted) throw new Error('the story begins so');
    let cumulativeQuantity = 0;
    const trades = fills.map(([quantity, priceE4], index): OrderRecorded => {
      cumulativeQuantity += quantity;
      const data = { tradeId: String(index), quantity, priceE4, tradedAt: 0, cumulativeQuantity, leavesQuantity: 1 };
      return { ...accepted, type: 'OrderFilled', data };
    });
    expect(rowOf([placed, dispatched, accepted, ...trades]).averagePriceE4).toBe(averagePriceE4);
  });
});

describe('the book and the domain', () => {
  const domainOf = (events: readonly OrderRecorded[]) => fold(order, order.initial, events);

  it.each(STORY_NAMES)('agree at every step when the order is %s', (story) => {
    const events = orderEventsOf(storyOf(story, 3));
    events.forEach((_, index) => {
      const told = events.slice(0, index + 1);
      const state = domainOf(told);
      expect(rowOf(told)).toMatchObject({
        status: bookStatusOf(state.status, state.filledQuantity),
        ordStatus: ordStatusOf(state),
        quantity: state.terms.quantity,
        filledQuantity: state.filledQuantity,
        leavesQuantity: CLOSED.has(state.status) ? 0 : leavesOf(state),
        priceE4: state.terms.priceE4 ?? null,
        pendingCancel: state.pendingCancel !== undefined,
        pendingQuantity: state.pendingReplace?.terms.quantity ?? null,
        attempt: state.attempt,
        tag: state.tag ?? null,
        brokerOrderId: state.brokerOrderId ?? null,
      });
    });
  });

  it('agree for any mix of orders', () =>
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const byOrder = new Map<string, OrderRecorded[]>();
        for (const event of orderEventsOf(recorded(history({ seed, orders: 20, accounts: 2, concurrency: 5 }))))
          byOrder.set(event.stream, [...(byOrder.get(event.stream) ?? []), event]);
        for (const events of byOrder.values()) {
          const { status, filledQuantity } = domainOf(events);
          expect(rowOf(events)).toMatchObject({ status: bookStatusOf(status, filledQuantity), filledQuantity });
        }
      }),
      { numRuns: 20 },
    ));

  it('name every status there and back', () => {
    for (const status of ['placed', 'dispatched', 'in-doubt', 'not-sent', 'working', 'filled'] as const)
      expect(domainStatusOf(bookStatusOf(status, 0))).toBe(status);
    expect(domainStatusOf(bookStatusOf('working', 1))).toBe('working');
    expect(() => bookStatusOf('new', 0)).toThrow('no status');
  });
});
