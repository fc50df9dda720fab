import fc from 'fast-check';
import { fold } from '#domain/decider';
import { CLOSED, order, type Order, type OrderCommand, type OrderEvent, type OrderTerms } from '#domain/orders/order';
import { after, ask, details, happened, liveThrough, terms } from '#domain/orders/samples';
import type { OrderRow, TradeRow } from './client';
import { carries, lacksTrades, reportsOfRow } from './row-reports';

const row = (change: Partial<OrderRow> = {}): OrderRow => ({
  brokerOrderId: 'B1',
  tag: 'tag-1',
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  state: 'WORKING',
  rawState: 'open',
  terms: terms(100),
  filledQuantity: 0,
  ...change,
});
const trade = (tradeId: string, quantity: number, change: Partial<TradeRow> = {}): TradeRow => ({
  tradeId,
  brokerOrderId: 'B1',
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  quantity,
  priceE4: 14_120_000,
  tradedAtMs: 1_764_000_000_000,
  ...change,
});

const sent = [happened.placed(), happened.dispatched()];
const working = [...sent, happened.accepted()];
const told = (tradeId: string, quantity: number) => ({
  kind: 'trade',
  tradeId,
  quantity,
  priceE4: 14_120_000,
  tradedAt: 1_764_000_000_000,
});

describe('what a row says of an order', () => {
  it.each<[string, OrderRow, readonly TradeRow[], readonly OrderEvent[], readonly object[]]>([
    ['that it is there', row(), [], sent, [{ kind: 'new', brokerOrderId: 'B1' }]],
    ['nothing, when all is known', row(), [], working, []],
    [
      'its trades',
      row({ filledQuantity: 30 }),
      [trade('T1', 10), trade('T2', 20)],
      working,
      [told('T1', 10), told('T2', 20)],
    ],
    [
      'its trades in the order in which they were made',
      row({ filledQuantity: 30 }),
      [trade('T2', 20, { tradedAtMs: 2 }), trade('T1', 10, { tradedAtMs: 1 })],
      working,
      [{ tradeId: 'T1' }, { tradeId: 'T2' }],
    ],
    ['no trades of others', row(), [trade('T1', 10, { brokerOrderId: 'B2' })], working, []],
    [
      'a trade that is listed twice once',
      row({ filledQuantity: 10 }),
      [trade('T1', 10), trade('T1', 10)],
      working,
      [told('T1', 10)],
    ],
    [
      'that it was rejected, and why',
      row({ state: 'REJECTED', evidence: { message: 'no funds' } }),
      [],
      sent,
      [{ kind: 'new' }, { kind: 'rejected', evidence: { message: 'no funds' } }],
    ],
    [
      'that it was rejected without a reason',
      row({ state: 'REJECTED' }),
      [],
      working,
      [{ kind: 'rejected', evidence: { code: 'REJECTED' } }],
    ],
    ['that it expired', row({ state: 'EXPIRED' }), [], working, [{ kind: 'expired' }]],
    [
      'that somebody cancelled it',
      row({ state: 'CANCELLED' }),
      [],
      working,
      [{ kind: 'cancelled', reason: 'unsolicited' }],
    ],
    [
      'that it was cancelled because we asked',
      row({ state: 'CANCELLED' }),
      [],
      [...working, happened.cancelRequested()],
      [{ kind: 'cancelled', reason: 'requested' }],
    ],
    [
      'that the rest of it was cancelled at once',
      row({ state: 'CANCELLED', terms: { ...terms(100), validity: 'IOC' } }),
      [],
      [happened.placed({ ...details, validity: 'IOC' }), happened.dispatched(), happened.accepted()],
      [{ kind: 'cancelled', reason: 'immediate-or-cancel' }],
    ],
    [
      'no end before the last trade',
      row({ state: 'CANCELLED', filledQuantity: 30 }),
      [trade('T1', 10)],
      working,
      [told('T1', 10)],
    ],
    [
      'no end because a trade was listed twice',
      row({ state: 'CANCELLED', filledQuantity: 20 }),
      [trade('T1', 10), trade('T1', 10)],
      working,
      [told('T1', 10)],
    ],
    ['no end because of a word that nobody knows', row({ state: 'UNKNOWN' }), [], working, []],
    [
      'that it was changed',
      row({ terms: terms(200) }),
      [],
      [...working, happened.replaceRequested(terms(200))],
      [{ kind: 'replaced', terms: terms(200) }],
    ],
    [
      'not that it was changed while the change is under way',
      row({ state: 'MODIFY_PENDING', terms: terms(200) }),
      [],
      [...working, happened.replaceRequested(terms(200))],
      [],
    ],
    [
      'not that it was changed when it stands as it stood',
      row(),
      [],
      [...working, happened.replaceRequested(terms(200))],
      [],
    ],
    [
      'that it was filled before it was changed',
      row({ state: 'FILLED', filledQuantity: 100 }),
      [trade('T1', 100)],
      [...working, happened.replaceRequested(terms(200))],
      [told('T1', 100), { kind: 'replace-rejected', evidence: { code: 'FILLED_BEFORE' } }],
    ],
    [
      'not that a change came too late before all trades are told',
      row({ state: 'FILLED', filledQuantity: 100 }),
      [trade('T1', 60)],
      [...working, happened.replaceRequested(terms(200))],
      [told('T1', 60)],
    ],
  ])('%s', (_, seen, trades, history, expected) => {
    expect(reportsOfRow(seen, trades)(after(...history))).toMatchObject(expected);
    expect(reportsOfRow(seen, trades)(after(...history))).toHaveLength(expected.length);
  });

  it('carries how it was found with its acceptance', () =>
    expect(reportsOfRow(row(), [], { code: 'FOUND' })(after(...sent))).toEqual([
      { kind: 'new', brokerOrderId: 'B1', evidence: { code: 'FOUND' } },
    ]));

  const market: OrderTerms = { orderType: 'MARKET', quantity: 100, validity: 'DAY' };
  it.each<[string, OrderTerms, OrderTerms, boolean, OrderTerms?]>([
    ['the same', terms(100), terms(100), true],
    ['another quantity', terms(101), terms(100), false],
    ['another price', terms(100, 1), terms(100), false],
    ['a market order, turned into a protected limit', terms(100, 1), market, true],
    ['a limit order that was to become a market order, as it was before', terms(100, 1), market, false, terms(100, 1)],
    ['an order for the day that was to become immediate', terms(100), { ...terms(100), validity: 'IOC' }, false],
    ['another disclosed quantity', terms(100), { ...terms(100), disclosedQuantity: 20 }, false],
    ['no trigger where one was asked for', terms(100), { ...terms(100), triggerPriceE4: 5 }, false],
  ])('stands under the terms that were asked for: %s', (_, seen, asked, expected, before = terms(90, 7)) =>
    expect(carries(seen, asked, before)).toBe(expected),
  );

  it('lacks trades until their sum is what it shows', () => {
    const seen = row({ filledQuantity: 30 });
    expect(lacksTrades(seen, [trade('T1', 10), trade('T1', 10), trade('T1', 10)])).toBe(true);
    expect(lacksTrades(seen, [trade('T1', 10), trade('T2', 20, { brokerOrderId: 'B2' })])).toBe(true);
    expect(lacksTrades(seen, [trade('T1', 10), trade('T2', 20)])).toBe(false);
  });
});

/* ------------------------------------------------------------------------------------------ whatever order it comes in */

/** A life at the broker: how much each trade takes, a change and a cancel of ours somewhere between, and how it ends. */
interface Life {
  readonly fills: readonly number[];
  /** The new total, told after so many fills; none without. */
  readonly change?: { readonly quantity: number; readonly afterFills: number };
  readonly isCancelled: boolean;
  readonly end: 'CANCELLED' | 'EXPIRED' | 'none';
}

const QUANTITY = 20;
const lives: fc.Arbitrary<Life> = fc
  .record({
    fills: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }),
    change: fc.option(fc.record({ quantity: fc.integer({ min: 1, max: 40 }), afterFills: fc.nat(6) }), {
      nil: undefined,
    }),
    isCancelled: fc.boolean(),
    end: fc.constantFrom('CANCELLED' as const, 'EXPIRED' as const, 'none' as const),
  })
  .map(({ change, ...life }) => ({ ...life, ...(change && { change }) }));

/** What the broker's book and trade book showed after each step of that life. */
const shown = ({ fills, change, end }: Life): { rows: OrderRow[]; trades: TradeRow[] } => {
  let now = row({ terms: terms(QUANTITY) });
  const rows = [now];
  const trades: TradeRow[] = [];
  const step = (next: Partial<OrderRow>): void => {
    now = { ...now, ...next };
    rows.push(now);
  };
  const changeNow = (): void => {
    if (change && now.state === 'WORKING' && change.quantity > now.filledQuantity)
      step({ terms: terms(change.quantity) });
  };
  for (const [index, wanted] of fills.entries()) {
    if (change?.afterFills === index) changeNow();
    const quantity = Math.min(wanted, now.terms.quantity - now.filledQuantity);
    if (quantity === 0) break;
    trades.push(trade(`T${String(index)}`, quantity, { tradedAtMs: 1_764_000_000_000 + index }));
    const filledQuantity = now.filledQuantity + quantity;
    step({ filledQuantity, state: filledQuantity === now.terms.quantity ? 'FILLED' : 'WORKING' });
  }
  if (change && change.afterFills >= fills.length) changeNow();
  if (end !== 'none' && now.state === 'WORKING') step({ state: end });
  return { rows, trades };
};

/** One thing that is heard: a row as it once was, with as many of the trades as had come by then. */
interface Heard {
  readonly row: OrderRow;
  readonly trades: readonly TradeRow[];
}

const begun = ({ change, isCancelled }: Life): Order => {
  const asked: OrderCommand[] = [ask.place({ ...details, ...terms(QUANTITY) }), ask.dispatch()];
  const start = liveThrough(asked).at(-1)?.after ?? order.initial;
  const accepted = fold(order, start, [happened.accepted()]);
  const replacing = change
    ? (liveThrough([ask.replace(terms(change.quantity))], accepted).at(-1)?.after ?? accepted)
    : accepted;
  return isCancelled ? (liveThrough([ask.cancel()], replacing).at(-1)?.after ?? replacing) : replacing;
};

const hear = (start: Order, heard: readonly Heard[]): { now: Order; events: OrderEvent[] } => {
  let now = start;
  const events: OrderEvent[] = [];
  for (const { row: seen, trades } of heard)
    for (const report of reportsOfRow(seen, trades)(now))
      for (const event of order.decide({ type: 'RecordReport', data: report }, now)) {
        now = order.evolve(now, event);
        events.push(event);
      }
  return { now, events };
};

/** What matters of an order, comparable. */
const summary = ({ status, filledQuantity, terms: inForce, tradeIds, pendingReplace, pendingCancel }: Order) => ({
  ...{ status, filledQuantity, terms: inForce, trades: [...tradeIds].sort(), pendingReplace, pendingCancel },
});

describe('rows and trades of one order, however they come', () => {
  const heardOf = (life: Life) =>
    fc.constant(shown(life)).chain(({ rows, trades }) =>
      fc
        .array(fc.record({ at: fc.nat(rows.length - 1), upTo: fc.nat(trades.length), from: fc.nat(trades.length) }), {
          maxLength: 12,
          size: 'max',
        })
        .map((choices) => ({
          orderly: rows.map((each): Heard => ({ row: each, trades: booked(each, trades) })),
          muddled: choices.flatMap(({ at, upTo, from }): Heard[] => {
            const seen = rows[at];
            return seen ? [{ row: seen, trades: [...trades.slice(from), ...trades.slice(0, upTo)] }] : [];
          }),
          last: rows.slice(-1).map((each): Heard => ({ row: each, trades })),
        })),
    );
  const booked = ({ filledQuantity }: OrderRow, trades: readonly TradeRow[]): readonly TradeRow[] => {
    let sum = 0;
    return trades.filter(({ quantity }) => (sum += quantity) <= filledQuantity);
  };
  const any = lives.chain((life) => heardOf(life).map((heard) => ({ life, ...heard })));

  it('come to the same end as in their own order, once the last row is heard', () => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(any, ({ life, orderly, muddled, last }) => {
        const start = begun(life);
        const expected = hear(start, orderly).now;
        const { now, events } = hear(start, [...muddled, ...last, ...muddled]);
        expect(summary(now)).toEqual(summary(expected));
        expect(events.filter(({ type }) => type === 'OverfillReported')).toEqual([]);
        ends.add(now.status);
      }),
      { numRuns: 2_000 },
    );
    expect([...ends].sort()).toEqual(['cancelled', 'expired', 'filled', 'working']); // all were tried
  });

  it('end an order only once everything of it that was filled is known', () => {
    fc.assert(
      fc.property(any, ({ life, muddled, last }) => {
        const { now } = hear(begun(life), muddled);
        const [{ row: final } = { row: row() }] = last;
        if (CLOSED.has(now.status)) expect(now.filledQuantity).toBe(final.filledQuantity);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are no news the second time', () => {
    fc.assert(
      fc.property(any, ({ life, orderly, last }) => {
        const { now } = hear(begun(life), orderly);
        expect(hear(now, [...last, ...orderly]).events).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
