import { account, type Account, type AccountEvent, positionKey as domainKey } from '#domain/accounts/account';
import type { Charges } from '#domain/charges/charges';
import { NO_CHARGES } from '#domain/charges/charges';
import type { RecordedEvent } from '#event-log/event-log';
import { history, recorded, STORY_NAMES } from '../../../../test/support/events';
import { type Before, foldBatch, read } from '../batch';
import { positionKey } from './positions';
import type { PositionRow } from './position-row';

const NOTHING: Before = { order: () => null, work: () => null, position: () => null };
const [ORDER, OTHER_ORDER] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
const SHARE = 'NSE_EQ|INE002A01018';

const recordedAs = (events: readonly { readonly type: string; readonly data: object }[]): RecordedEvent[] =>
  events.map((event, index) => ({
    ...event,
    id: `0a7a3a5e-32a1-4c4b-a5b2-${String(index).padStart(12, '0')}`,
    stream: 'account-a-1',
    revision: index,
    position: index + 1,
    meta: {
      userId: 'asha',
      accountId: 'a-1',
      correlationId: 'c',
      causationId: 'c',
      at: 1_000 + index,
      schemaVersion: 1,
    },
  }));

const charged = (totalE4: number): Charges => ({ ...NO_CHARGES, brokerageE4: totalE4, totalE4 });

/** A trade as it is posted, of ten shares that were bought for a rupee each, but for what is said otherwise. */
const posted = (data: Partial<Extract<AccountEvent, { type: 'MarginPosted' }>['data']> = {}) => ({
  type: 'MarginPosted',
  data: {
    orderId: ORDER,
    instrumentKey: SHARE,
    product: 'MIS',
    side: 'BUY',
    tradeId: '1',
    quantity: 10,
    priceE4: 10_000,
    cumulativeQuantity: 10,
    closedQuantity: 0,
    openedQuantity: 10,
    costE4: 100_000,
    realisedE4: 0,
    hold: null,
    ...data,
  },
});
const sold = { side: 'SELL', closedQuantity: 10, openedQuantity: 0, costE4: -100_000 } as const;
const adopted = (quantity: number, costE4: number) => ({
  type: 'HoldingAdopted',
  data: { broker: 'zerodha', instrumentKey: SHARE, quantity, costE4 },
});

const positionsAfter = (...events: readonly { readonly type: string; readonly data: object }[]): PositionRow[] => {
  const { positions, parked } = foldBatch(read(recordedAs(events)), NOTHING);
  expect(parked).toEqual([]);
  return [...positions.values()];
};

describe('a position', () => {
  it('begins with the first trade, in the words of its event', () =>
    expect(
      positionsAfter(posted({ marginE4: 20_000, tradingDate: '2026-01-02', charges: charged(77), broker: 'x' })),
    ).toEqual([
      {
        accountId: 'a-1',
        instrumentKey: SHARE,
        product: 'MIS',
        quantity: 10,
        costE4: 100_000,
        averagePriceE4: 10_000,
        marginE4: 20_000,
        realisedE4: 0,
        chargesE4: 77,
        tradingDate: '2026-01-02',
        dayRealisedE4: 0,
        dayChargesE4: 77,
        orderId: ORDER,
        updatedAt: 1_000,
        position: 1,
      },
    ]));

  it('of an event from before charges and days were kept is margined at its cost, and charged nothing', () =>
    expect(positionsAfter(posted())).toMatchObject([
      { costE4: 100_000, marginE4: 100_000, chargesE4: 0, tradingDate: null, dayRealisedE4: 0 },
    ]));

  it('that is flat stays, with what it has realised', () =>
    expect(positionsAfter(posted(), posted({ ...sold, realisedE4: 500, orderId: OTHER_ORDER }))).toMatchObject([
      { quantity: 0, costE4: 0, marginE4: 0, averagePriceE4: null, realisedE4: 500, orderId: OTHER_ORDER, position: 2 },
    ]));

  it('may be short, at what was received for it', () =>
    expect(
      positionsAfter(posted(), posted({ ...sold, quantity: 13, openedQuantity: 3, costE4: -69_999, realisedE4: 5 })),
    ).toMatchObject([{ quantity: -3, costE4: 30_001, averagePriceE4: 10_000, marginE4: 30_001 }]));

  it('costs on average a half more, not a half less', () => {
    expect(positionsAfter(posted({ quantity: 2, costE4: 3 }))).toMatchObject([{ averagePriceE4: 2 }]);
    expect(positionsAfter(posted({ quantity: 3, costE4: 4 }))).toMatchObject([{ averagePriceE4: 1 }]);
  });

  it('adds up the trades of its last day, and begins anew with the next', () => {
    const day = (tradingDate: string, realisedE4: number, totalE4: number) =>
      posted({ tradingDate, realisedE4, charges: charged(totalE4), broker: 'zerodha' });
    const first = [day('2026-01-02', 10, 1), day('2026-01-02', 20, 2)];
    expect(positionsAfter(...first)).toMatchObject([{ tradingDate: '2026-01-02', dayRealisedE4: 30, dayChargesE4: 3 }]);
    const second = [...first, day('2026-01-05', -7, 4)];
    const after = { tradingDate: '2026-01-05', dayRealisedE4: -7, dayChargesE4: 4 };
    expect(positionsAfter(...second)).toMatchObject([{ ...after, realisedE4: 23, chargesE4: 7 }]);
    // Told late, and told without a day: in the sums, and of no day that is shown.
    expect(positionsAfter(...second, day('2026-01-02', 100, 8), posted({ realisedE4: 1_000 }))).toMatchObject([
      { ...after, realisedE4: 1_123, chargesE4: 15 },
    ]);
  });

  it('that was adopted is for delivery, and posted at its cost', () =>
    expect(
      positionsAfter(adopted(500, 7_000_001), posted({ product: 'CNC', tradingDate: '2026-01-02' })),
    ).toMatchObject([
      { product: 'CNC', quantity: 510, costE4: 7_100_001, marginE4: 7_100_001, averagePriceE4: 13_922, orderId: ORDER },
    ]));

  it('has no order while all of it was adopted, and no day', () =>
    expect(positionsAfter(adopted(500, 7_000_001))).toMatchObject([
      { quantity: 500, realisedE4: 0, tradingDate: null, orderId: null },
    ]));

  it('that has expired is flat, with what it realised before', () => {
    const expired = (quantity: number, costE4: number) => ({
      type: 'PositionExpired',
      data: { instrumentKey: SHARE, product: 'MIS', quantity, costE4, expiry: '2026-01-27' },
    });
    const flat = { quantity: 0, costE4: 0, marginE4: 0, averagePriceE4: null, orderId: ORDER, position: 2 };
    expect(positionsAfter(posted({ marginE4: 7, realisedE4: 9 }), expired(10, 100_000))).toMatchObject([
      { ...flat, realisedE4: 9 },
    ]);
    expect(positionsAfter(posted({ side: 'SELL' }), expired(-10, 100_000))).toMatchObject([flat]);
  });

  it('is another one under another product', () =>
    expect(positionsAfter(posted(), posted({ product: 'CNC' })).map(({ product }) => product)).toEqual(['MIS', 'CNC']));

  it('goes on from its row', () => {
    const [row] = positionsAfter(posted());
    const next = read(recordedAs([posted({ ...sold, quantity: 4, costE4: -40_000, realisedE4: 9 })]));
    const { positions } = foldBatch(next, {
      ...NOTHING,
      position: (key) => (row && key === positionKey(row) ? row : null),
    });
    expect([...positions.values()]).toMatchObject([{ quantity: 6, costE4: 60_000, realisedE4: 9 }]);
  });

  it('is not moved by what is beyond all bounds', () => {
    const events = [posted(), posted({ realisedE4: Number.MAX_SAFE_INTEGER }), posted({ realisedE4: 1 })];
    const { positions, parked } = foldBatch(read(recordedAs(events)), NOTHING);
    expect(parked).toMatchObject([{ position: 3, error: 'MarginPosted: the position is too large' }]);
    expect([...positions.values()]).toMatchObject([{ quantity: 20, realisedE4: Number.MAX_SAFE_INTEGER }]);
  });

  it('is what the account itself believes to have, over whole histories', () => {
    for (const seed of [1, 2, 3]) {
      const events = recorded(history({ seed, orders: 150, accounts: 3, stories: STORY_NAMES }));
      const states = new Map<string, Account>();
      for (const found of read(events).known)
        if (found.kind === 'account')
          states.set(found.id, account.evolve(states.get(found.id) ?? account.initial, found.event));
      const rows = [...foldBatch(read(events), NOTHING).positions.values()];
      const believed = [...states].flatMap(([accountId, { positions }]) =>
        [...positions].map(([key, { quantity, costE4, marginE4 }]) => ({
          key: `${accountId} ${key}`,
          quantity,
          costE4,
          marginE4,
        })),
      );
      const folded = rows.map((row) => ({
        key: `${row.accountId} ${domainKey(row)}`,
        quantity: row.quantity,
        costE4: row.costE4,
        marginE4: row.marginE4,
      }));
      const byKey = (a: { readonly key: string }, b: { readonly key: string }) => (a.key < b.key ? -1 : 1);
      const open = ({ quantity }: { readonly quantity: number }) => quantity !== 0;
      expect(folded.filter(open).sort(byKey)).toEqual(believed.filter(open).sort(byKey));
      expect(believed.filter(open).length).toBeGreaterThan(10);
      // What was paid beyond the deposits, and what is still in the account, is what was realised and charged.
      for (const [accountId, { cashE4, deposits }] of states) {
        const own = rows.filter((row) => row.accountId === accountId);
        const adoptedE4 = events.reduce(
          (sum, { type, stream, data }) =>
            type === 'HoldingAdopted' && stream === `account-${accountId}`
              ? sum + Number(Reflect.get(data, 'costE4'))
              : sum,
          0,
        );
        const depositedE4 = deposits.reduce((sum, amountE4) => sum + amountE4, adoptedE4);
        const netE4 = own.reduce((sum, { realisedE4, chargesE4 }) => sum + realisedE4 - chargesE4, 0);
        expect(cashE4).toBe(depositedE4 + netE4);
      }
    }
  });
});
