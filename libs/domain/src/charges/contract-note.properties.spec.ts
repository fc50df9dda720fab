import fc from 'fast-check';
import { NO_CHARGES, plusCharges } from './charges';
import {
  addTrade,
  type ContractNote,
  estimateOf,
  noteCharges,
  noteFromData,
  noteToData,
  openNote,
} from './contract-note';
import { estimateCharges } from './estimate';
import type { ChargedTrade } from './levies';
import {
  EQUITY_ETF,
  filled,
  GOLD_ETF,
  GOLD_FUTURE,
  GOLD_OPTION,
  NIFTY_FUTURE,
  NIFTY_OPTION,
  NSE_SHARE,
} from './samples';
import type { ChargedSecurity } from './security';

const DATE = '2026-09-01';
const BROKERS = ['zerodha', 'upstox', 'fyers', 'angelone', 'paper'] as const;

/** Securities of one note, with the products they can be ordered as. */
const SEGMENTS: readonly (readonly [readonly ChargedSecurity[], readonly ChargedTrade['product'][]])[] = [
  [
    [NSE_SHARE, EQUITY_ETF, GOLD_ETF],
    ['CNC', 'MIS', 'MTF'],
  ],
  [
    [NIFTY_FUTURE, NIFTY_OPTION],
    ['NRML', 'MIS'],
  ],
  [
    [GOLD_FUTURE, GOLD_OPTION],
    ['NRML', 'MIS'],
  ],
];

const priceE4 = fc.oneof(fc.integer({ min: 0, max: 500_000_000 }), fc.constantFrom(0, 500, 1_000_000, 50_000_000));
const quantity = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(10, 1_000_000));

/** An order of up to four fills; order ids are given by position. */
const order = (securities: readonly ChargedSecurity[], products: readonly ChargedTrade['product'][]) =>
  fc.record({
    side: fc.constantFrom('BUY' as const, 'SELL' as const),
    security: fc.constantFrom(...securities),
    product: fc.constantFrom(...products),
    fills: fc.array(fc.record({ quantity, priceE4 }), { minLength: 1, maxLength: 4 }),
  });

interface Day {
  readonly broker: (typeof BROKERS)[number];
  readonly orders: readonly (readonly ChargedTrade[])[];
}

const day: fc.Arbitrary<Day> = fc.constantFrom(...SEGMENTS).chain(([securities, products]) =>
  fc.record({
    broker: fc.constantFrom(...BROKERS),
    orders: fc.array(order(securities, products), { minLength: 1, maxLength: 8 }).map((orders) =>
      orders.map(({ side, security, product, fills }, n) =>
        fills.map((fill, f) => ({
          ...filled(side, fill.quantity, 0, security, product, `order ${String(n)}`),
          tradeId: `${String(n)}/${String(f)}`,
          priceE4: fill.priceE4,
        })),
      ),
    ),
  }),
);

const begun = ({ broker, orders }: Day): ContractNote =>
  openNote({ broker, date: DATE, exchangeSegment: orders[0]?.[0]?.security.segment ?? 'NSE_EQ' });

const booked = (note: ContractNote, trade: ChargedTrade) => {
  const found = addTrade(note, trade);
  if (!found) throw new Error('no charges known');
  return found;
};

const noteOf = (of: Day, trades: readonly ChargedTrade[]): ContractNote =>
  trades.reduce((note, trade) => booked(note, trade).note, begun(of));

/** The same day's trades in another order. */
const shuffled = (of: Day) =>
  fc.shuffledSubarray(of.orders.flat(), { minLength: of.orders.flat().length, maxLength: of.orders.flat().length });

it('what trades were charged is what the note comes to, after each of them, in any order', () =>
  fc.assert(
    fc.property(
      day.chain((of) => fc.tuple(fc.constant(of), shuffled(of))),
      ([of, trades]) => {
        let [note, sum] = [begun(of), NO_CHARGES];
        for (const trade of trades) {
          const next = booked(note, trade);
          [note, sum] = [next.note, plusCharges(sum, next.charges)];
          expect(sum).toEqual(noteCharges(note));
        }
      },
    ),
    { numRuns: 500 },
  ));
it('the note is the same in whatever order its trades are told', () =>
  fc.assert(
    fc.property(
      day.chain((of) => fc.tuple(fc.constant(of), shuffled(of))),
      ([of, trades]) => {
        const [one, other] = [noteOf(of, of.orders.flat()), noteOf(of, trades)];
        expect(noteCharges(other)).toEqual(noteCharges(one));
        expect(estimateOf(other)).toEqual(estimateOf(one));
        expect(other.levies).toEqual(one.levies);
        expect(other.brokerage).toEqual(one.brokerage);
      },
    ),
    { numRuns: 300 },
  ));
it('in how many fills an order came does not matter', () =>
  fc.assert(
    fc.property(day, (of) => {
      // Each order at its first price: all its fills, or one for the whole quantity.
      const fills = of.orders.map((trades) => trades.map((trade) => ({ ...trade, priceE4: trades[0]?.priceE4 ?? 0 })));
      const whole = fills.flatMap((trades) =>
        trades
          .slice(0, 1)
          .map((trade) => ({ ...trade, quantity: trades.reduce((sum, fill) => sum + fill.quantity, 0) })),
      );
      expect(noteCharges(noteOf(of, fills.flat()))).toEqual(noteCharges(noteOf(of, whole)));
    }),
    { numRuns: 300 },
  ));
it('no line of a note is ever below zero, and its total is the sum of its lines', () =>
  fc.assert(
    fc.property(day, (of) => {
      const { totalE4, ...lines } = noteCharges(noteOf(of, of.orders.flat()));
      for (const line of Object.values(lines)) expect(line).toBeGreaterThanOrEqual(0);
      expect(Object.values(lines).reduce((sum, line) => sum + line, 0)).toBe(totalE4);
    }),
    { numRuns: 300 },
  ));
it('every line is whole paise, and tax and stamp duty of a note are whole rupees', () =>
  fc.assert(
    fc.property(day, (of) => {
      const note = noteOf(of, of.orders.flat());
      for (const line of [...Object.values(noteCharges(note)), ...Object.values(estimateOf(note))])
        expect(line % 100).toBe(0);
      expect(noteCharges(note).sttE4 % 10_000).toBe(0);
      expect(noteCharges(note).stampE4 % 10_000).toBe(0);
    }),
    { numRuns: 200 },
  ));
it('more of the same on the same side never costs less', () =>
  fc.assert(
    fc.property(day, fc.integer({ min: 1, max: 1_000 }), ({ broker, orders }, more) => {
      const trade = orders[0]?.[0];
      if (!trade) throw new Error('a day has an order');
      const larger = { ...trade, quantity: trade.quantity + more };
      const costs = [trade, larger].map((asked) => [
        estimateCharges(asked, { broker, date: DATE })?.totalE4 ?? -1,
        noteCharges(noteOf({ broker, orders }, [asked])).totalE4,
      ]);
      expect(costs[1]?.[0]).toBeGreaterThanOrEqual(costs[0]?.[0] ?? Number.NaN);
      expect(costs[1]?.[1]).toBeGreaterThanOrEqual(costs[0]?.[1] ?? Number.NaN);
    }),
    { numRuns: 500 },
  ));
it('a note read back from JSON goes on as if it had not been away', () =>
  fc.assert(
    fc.property(day, (of) => {
      const trades = of.orders.flat();
      const half = noteOf(of, trades.slice(0, trades.length / 2));
      const kept: ReturnType<typeof noteToData> = JSON.parse(JSON.stringify(noteToData(half)));
      const [on, back] = [half, noteFromData(kept)].map((note) =>
        trades.slice(trades.length / 2).reduce((at, trade) => booked(at, trade).note, note),
      );
      expect(back && noteToData(back)).toEqual(on && noteToData(on));
      expect(back && noteCharges(back)).toEqual(on && noteCharges(on));
    }),
    { numRuns: 200 },
  ));
it('a correction that comes during the day reaches what trades after it, and the sum still holds', () =>
  fc.assert(
    fc.property(day, (of) => {
      const dearer = {
        rates: [
          {
            table: 'gst',
            from: '2026-09-01',
            buyE9: 280_000_000,
            sellE9: 280_000_000,
            certainty: 'confirmed',
            source: 'x',
          },
        ],
      } as const;
      let [note, sum] = [begun(of), NO_CHARGES];
      of.orders.flat().forEach((trade, n) => {
        const next = n % 2 === 0 ? addTrade(note, trade) : addTrade(note, trade, dearer);
        if (!next) throw new Error('no charges known');
        [note, sum] = [next.note, plusCharges(sum, next.charges)];
        expect(sum).toEqual(noteCharges(note));
      });
    }),
    { numRuns: 200 },
  ));
