import fc from 'fast-check';
import { accountBy, type AccountCommand, type AccountEvent } from '#domain/accounts/account';
import { dayCharges } from '#domain/accounts/day-charges';
import { type Charges, NO_CHARGES, plusCharges } from '#domain/charges/charges';
import { addTrade, type ContractNote, noteCharges, openNote } from '#domain/charges/contract-note';
import { NO_CORRECTIONS } from '#domain/charges/estimate';
import { BSE_SHARE, EQUITY_ETF, GOLD_ETF, NSE_SHARE } from '#domain/charges/samples';
import type { ChargedSecurity } from '#domain/charges/security';
import type { RecordedEvent } from '#event-log/event-log';
import { history, recorded, STORY_NAMES, storyOf } from '../../../../test/support/events';
import { type Before, foldBatch, read } from '../batch';
import { linesOf } from './lines';

const NOTHING: Before = { order: () => null, work: () => null, position: () => null };
const foldOf = (events: readonly RecordedEvent[]) => foldBatch(read(events), NOTHING);

const CHARGES: Charges = {
  brokerageE4: 200_000,
  sttE4: 12_500,
  exchangeE4: 3_070,
  sebiE4: 100,
  stampE4: -1,
  gstE4: 36_571,
  clearingE4: 0,
  dpE4: 153_400,
  totalE4: 405_640,
};
const CHARGES_JSON =
  '{"brokerage":20,"stt":1.25,"exchange":0.307,"sebi":0.01,"stamp":-0.0001,"gst":3.6571,"clearing":0,"dp":15.34,"total":40.564}';

/** The first event of a type in the story of an order that was filled at once, with other data. */
const changed = (type: string, data: object): RecordedEvent[] =>
  storyOf('filled').map((event) => (event.type === type ? { ...event, data: { ...event.data, ...data } } : event));

describe('what an order will cost', () => {
  it('is a row beside the order, line by line and as the API tells it', () => {
    const { orderCharges, orders } = foldOf(changed('OrderPlaced', { charges: CHARGES }));
    const [order] = orders.values();
    expect(orderCharges).toEqual([
      {
        orderId: order?.orderId,
        accountId: order?.accountId,
        broker: 'paper',
        symbol: order?.symbol,
        ...CHARGES,
        chargesJson: CHARGES_JSON,
        estimatedAt: order?.placedAt,
        position: expect.any(Number),
      },
    ]);
  });

  it('is no row when nobody knew it, nor for what was stored before it was estimated', () =>
    expect(foldOf(changed('OrderPlaced', { charges: undefined })).orderCharges).toEqual([]));

  it('is what the order was placed with, in a whole history', () => {
    const events = recorded(history({ seed: 3, orders: 120, stories: STORY_NAMES }));
    const estimates = events.flatMap(({ type, data }) =>
      type === 'OrderPlaced' ? [Reflect.get(data, 'charges') as unknown] : [],
    );
    const known = estimates.filter((charges) => charges !== undefined);
    expect(foldOf(events).orderCharges.map(linesOf)).toEqual(known);
    expect(known.length).toBeGreaterThan(50);
    expect(known.length).toBeLessThan(estimates.length);
  });
});

describe('what a trade was charged', () => {
  it('is a row beside the trade, with the day and the segment of its contract note', () => {
    const { tradeCharges, trades } = foldOf(
      changed('MarginPosted', { charges: CHARGES, tradingDate: '2026-01-02', broker: 'zerodha', realisedE4: -70 }),
    );
    const [trade] = trades;
    expect(tradeCharges).toEqual([
      {
        orderId: trade?.orderId,
        tradeId: trade?.tradeId,
        accountId: trade?.accountId,
        broker: 'zerodha',
        tradingDate: '2026-01-02',
        instrumentKey: trade?.instrumentKey,
        exchangeSegment: 'NSE_EQ',
        product: trade?.product,
        side: trade?.side,
        quantity: trade?.quantity,
        priceE4: trade?.priceE4,
        valueE4: trade?.valueE4,
        realisedE4: -70,
        ...CHARGES,
        chargesJson: CHARGES_JSON,
        position: expect.any(Number),
      },
    ]);
  });

  it('is no row when nobody knew the rates, nor for what was stored before trades were charged', () => {
    const before = { charges: undefined, tradingDate: undefined, broker: undefined, marginE4: undefined };
    const { tradeCharges, parked, positions } = foldOf(changed('MarginPosted', before));
    expect({ tradeCharges, parked, positions: positions.size }).toEqual({ tradeCharges: [], parked: [], positions: 1 });
  });

  it.each([
    ['charges of no day', { charges: CHARGES, tradingDate: undefined }, 'charges without the day'],
    ['charges of nobody', { charges: CHARGES, broker: undefined }, 'charges without the day'],
    ['a value beyond all bounds', { charges: CHARGES, priceE4: 9e15, quantity: 5 }, 'the value of the trade is too'],
  ])('is set aside whole when it has %s: no view has any of it', (_, data, error) => {
    const posted = { tradingDate: '2026-01-02', broker: 'paper', ...data };
    const { tradeCharges, positions, parked, openWork } = foldOf(changed('MarginPosted', posted));
    expect(parked).toMatchObject([{ type: 'MarginPosted', error: expect.stringContaining(error) }]);
    expect(tradeCharges).toEqual([]);
    expect(positions.size).toBe(0);
    expect([...openWork.values()].filter((row) => row !== null)).toMatchObject([{ posted: 0 }]); // still to be posted
  });

  it('stands beside its trade in a whole history, but for the instrument that nobody knows', () => {
    const { trades, tradeCharges } = foldOf(recorded(history({ seed: 3, orders: 120 })));
    const idsOf = (rows: readonly { readonly orderId: string; readonly tradeId: string }[]) =>
      rows.map(({ orderId, tradeId }) => `${orderId} ${tradeId}`).sort();
    expect(idsOf(tradeCharges)).toEqual(idsOf(trades.filter(({ symbol }) => symbol !== 'NSE:SBIN')));
    expect(tradeCharges.length).toBeGreaterThan(50);
  });
});

/* --------------------------------------------------------------------------------------- what adds up to what */

const SECURITIES: Readonly<Record<string, ChargedSecurity>> = {
  'NSE_EQ|share': NSE_SHARE,
  'BSE_EQ|share': BSE_SHARE,
  'NSE_EQ|fund': EQUITY_ETF,
  'NSE_EQ|gold': GOLD_ETF,
};
const ACCOUNT = accountBy({
  contractOf: () => undefined,
  worstCaseE4: () => undefined,
  chargesOf: dayCharges((instrumentKey) => SECURITIES[instrumentKey], NO_CORRECTIONS),
});

type Traded = Extract<AccountCommand, { type: 'PostMargin' }>['data'];

/** Fills of a handful of orders, over some days and at two brokers. */
const fills = fc
  .array(
    fc.record({
      instrumentKey: fc.constantFrom(...Object.keys(SECURITIES)),
      product: fc.constantFrom('CNC', 'MIS'),
      side: fc.constantFrom('BUY', 'SELL'),
      broker: fc.constantFrom('zerodha', 'upstox'),
      tradingDate: fc.constantFrom('2026-01-02', '2026-01-05', '2026-01-06'),
      fills: fc.array(
        fc.record({ quantity: fc.integer({ min: 1, max: 2_000 }), priceE4: fc.integer({ min: 500, max: 50_000_000 }) }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((orders) =>
    orders
      .sort((a, b) => (a.tradingDate < b.tradingDate ? -1 : 1))
      .flatMap(({ fills, ...order }, at): Traded[] => {
        const orderId = `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;
        let cumulativeQuantity = 0;
        return fills.map((fill, index) => {
          cumulativeQuantity += fill.quantity;
          const tradeId = String(index);
          return { ...order, ...fill, orderId, tradeId, cumulativeQuantity, orderClosed: index === fills.length - 1 };
        });
      }),
  );

const ACCOUNT_ID = 'a-1';
/** As the account records them. */
const postedOf = (trades: readonly Traded[]): RecordedEvent[] => {
  const opened = { accountId: ACCOUNT_ID, userId: 'asha', kind: 'live', broker: 'zerodha' } as const;
  let state = ACCOUNT.initial;
  const events: AccountEvent[] = [];
  const commands: AccountCommand[] = trades.map((data) => ({ type: 'PostMargin', data }));
  for (const command of [{ type: 'OpenAccount', data: opened } as const, ...commands])
    for (const event of ACCOUNT.decide(command, state)) {
      state = ACCOUNT.evolve(state, event);
      events.push(event);
    }
  return events.map((event, index) => ({
    ...event,
    id: `0a7a3a5e-32a1-4c4b-a5b2-${String(index).padStart(12, '0')}`,
    stream: `account-${ACCOUNT_ID}`,
    revision: index,
    position: index + 1,
    meta: { userId: 'asha', accountId: ACCOUNT_ID, correlationId: 'c', causationId: 'c', at: index, schemaVersion: 1 },
  }));
};

/** The contract notes of these trades, made in one go: by day, broker and segment. */
const notesOf = (trades: readonly Traded[]): Map<string, Charges> => {
  const notes = new Map<string, ContractNote>();
  for (const { tradingDate: date = '', broker = '', instrumentKey, ...trade } of trades) {
    const security = SECURITIES[instrumentKey];
    if (!security) throw new Error(`${instrumentKey} is not known`);
    const key = `${date} ${broker} ${security.segment}`;
    const note = notes.get(key) ?? openNote({ broker, date, exchangeSegment: security.segment });
    const booked = addTrade(note, { ...trade, instrumentKey, security });
    if (!booked) throw new Error('its rates are known');
    notes.set(key, booked.note);
  }
  return new Map([...notes].map(([key, note]) => [key, noteCharges(note)]));
};

describe('the charges of the trades of a day', () => {
  it('add up to its contract notes, line by line and to the paisa, whatever was traded', () =>
    fc.assert(
      fc.property(fills, (trades) => {
        const { tradeCharges, parked } = foldOf(postedOf(trades));
        expect(parked).toEqual([]);
        expect(tradeCharges).toHaveLength(trades.length);
        const sums = new Map<string, Charges>();
        for (const row of tradeCharges) {
          const key = `${row.tradingDate} ${row.broker} ${row.exchangeSegment}`;
          sums.set(key, plusCharges(sums.get(key) ?? NO_CHARGES, linesOf(row)));
          expect(row.totalE4).toBe(plusCharges(NO_CHARGES, linesOf(row)).totalE4);
        }
        expect(sums).toEqual(notesOf(trades));
      }),
      { numRuns: 60 },
    ));
});
