import fc from 'fast-check';
import type { InstrumentFacts } from '../instruments/facts';
import type { Exchange, Instrument } from '../instruments/instrument';
import { SHIPPED_CALENDAR } from './calendar';
import { CLASS_OF } from './day-plan';
import { clockOf, dateOf, dayOf, dayOfMs, secondOf, secondOfMs } from './ist';
import { TRADING_CODES } from './phase-rules';
import { PHASE_TABLES, type PhaseClass } from './phases';
import {
  bseFuture,
  cardamom,
  crude,
  future,
  inSeries,
  nifty,
  option,
  reliance,
  share,
  usdInr,
  withDerivatives,
} from './samples';
import { isTradingAllowed, type OrderInSession, type TradingQuestion } from './trading-allowed';

const calendar = SHIPPED_CALENDAR;
const FIRST_DAY = dayOf('2025-01-01');
const LAST_DAY = dayOf('2026-12-31');
const DAYS = Array.from({ length: LAST_DAY - FIRST_DAY + 1 }, (_, index) => FIRST_DAY + index);
const EXCHANGES: readonly Exchange[] = ['NSE', 'BSE', 'MCX'];
const CLASSES = [...new Set(PHASE_TABLES.map(({ phaseClass }) => phaseClass))];

/** Markets that are open at times of their own; all others are open from the first phase to the last. */
const WITH_GAPS: ReadonlySet<PhaseClass> = new Set(['block']);

describe('the phases of a day', () => {
  it('cover every class that there is', () => expect([...CLASSES].sort()).toEqual(Object.keys(CLASS_OF).sort()));

  it.each(EXCHANGES)('neither overlap nor leave a gap, on any day of any class: %s', (exchange) => {
    let seen = 0;
    for (const phaseClass of CLASSES)
      for (const day of DAYS) {
        const { windows } = calendar.planOf(exchange, phaseClass, day);
        windows.forEach(({ start, end, mayEndFrom }, index) => {
          const before = windows[index - 1]?.end ?? start;
          const where = `${exchange} ${phaseClass} ${dateOf(day)} ${clockOf(start)}`;
          if (!(start < end && mayEndFrom >= start && mayEndFrom <= end)) throw new Error(`no phase: ${where}`);
          if (WITH_GAPS.has(phaseClass) ? start < before : start !== before)
            throw new Error(`gap or overlap: ${where}`);
          seen += 1;
        });
      }
    expect(seen).toBeGreaterThan(1_000);
  });

  it('are there on every trading day since the table of the class begins, and on no other day', () => {
    for (const { exchanges, phaseClass, from } of PHASE_TABLES)
      for (const exchange of exchanges)
        for (const day of DAYS) {
          const { windows, market, date } = calendar.planOf(exchange, phaseClass, day);
          const trades = market.status === 'open' && market.part === 'day' && market.settles;
          if (trades && date >= from && windows.length === 0) throw new Error(`${exchange} ${phaseClass} ${date}`);
          if (market.status !== 'open' && windows.length > 0) throw new Error(`${exchange} ${phaseClass} ${date}`);
        }
  });
});

/* -------------------------------------------------------------------------------------------------- questions */

const instruments: readonly (readonly [Instrument, InstrumentFacts])[] = [
  [share, {}],
  [reliance, withDerivatives],
  [share, { callAuction: { effectiveFrom: '2025-01-01', source: 'list' } }],
  [share, { surveillance: [{ measure: 'GSM', stage: 4, effectiveFrom: '2025-06-01', source: 'list' }] }],
  [share, { listingDay: { effectiveFrom: '2026-08-03', source: 'list' } }],
  [share, { suspended: { effectiveFrom: '2026-01-01', source: 'list' } }],
  [inSeries('BE'), {}],
  [inSeries('BL'), {}],
  [inSeries('T0'), {}],
  [inSeries('GS'), {}],
  [future('2026-12-29'), {}],
  [option('2026-11-23'), {}],
  [bseFuture('2026-11-26'), {}],
  [usdInr, {}],
  [crude, {}],
  [cardamom, {}],
  [nifty, {}],
];

const order: fc.Arbitrary<OrderInSession> = fc.record(
  {
    orderType: fc.constantFrom('MARKET', 'LIMIT', 'SL', 'SL_M'),
    validity: fc.constantFrom('DAY', 'DAY', 'IOC'),
    product: fc.constantFrom('CNC', 'CNC', 'MIS', 'NRML', 'MTF'),
    side: fc.constantFrom('BUY', 'SELL'),
    disclosedQuantity: fc.constant(5),
    changesPrice: fc.boolean(),
  },
  { requiredKeys: ['orderType', 'validity', 'product', 'side'] },
);

const START_MS = Date.UTC(2024, 11, 30);
const END_MS = Date.UTC(2027, 0, 3);

const question: fc.Arbitrary<TradingQuestion> = fc
  .record({
    of: fc.constantFrom(...instruments),
    // Half of them within trading hours, where more is decided: 08:30 to 16:30 IST.
    atMs: fc.oneof(
      fc.integer({ min: START_MS, max: END_MS }),
      fc
        .tuple(fc.integer({ min: FIRST_DAY, max: LAST_DAY }), fc.integer({ min: 3 * 3_600, max: 11 * 3_600 }))
        .map(([day, second]) => day * 86_400_000 + second * 1_000),
    ),
    action: fc.constantFrom('new' as const, 'modify' as const, 'cancel' as const),
    order: fc.option(order, { nil: undefined }),
  })
  .map(({ of: [instrument, facts], atMs, action, order }) => ({
    instrument,
    facts,
    atMs,
    action,
    ...(order !== undefined && { order }),
  }));

describe('every question', () => {
  it('that is allowed lies in a phase of a table in force', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const answer = isTradingAllowed(asked, calendar);
        if (!answer.allowed) return;
        const date = dateOf(dayOfMs(asked.atMs));
        const clock = clockOf(secondOfMs(asked.atMs));
        expect(answer.effectiveFrom <= date).toBe(true);
        const inPhase = PHASE_TABLES.filter((table) => table.exchanges.includes(asked.instrument.exchange))
          .filter(({ from }) => from === answer.effectiveFrom || answer.rule.endsWith('session'))
          .flatMap(({ windows }) => windows)
          .some(({ phase, start, end }) => phase === answer.phase && start <= clock && clock < end);
        expect(inPhase).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });

  it('that is not has a code, a reason, a rule', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const answer = isTradingAllowed(asked, calendar);
        if (answer.allowed) return;
        expect(TRADING_CODES).toContain(answer.code);
        expect(answer.reason).not.toBe('');
        expect(answer.rule).not.toBe('');
      }),
    );
  });

  it('that is told a next opening is allowed then, and at no minute before', () => {
    let told = 0;
    fc.assert(
      fc.property(question, (asked) => {
        const answer = isTradingAllowed(asked, calendar);
        if (answer.allowed || answer.nextOpensAtMs === undefined) return;
        told += 1;
        expect(answer.nextOpensAtMs).toBeGreaterThan(asked.atMs);
        expect(isTradingAllowed({ ...asked, atMs: answer.nextOpensAtMs }, calendar).allowed).toBe(true);
        for (let atMs = asked.atMs; atMs < answer.nextOpensAtMs; atMs += 60_000)
          if (isTradingAllowed({ ...asked, atMs }, calendar).allowed)
            throw new Error(`allowed at ${new Date(atMs).toISOString()}`);
      }),
      { numRuns: 40 },
    );
    expect(told).toBeGreaterThan(0);
  });

  it('that is told none is not allowed on the two days to come, as far as they are known', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const answer = isTradingAllowed(asked, calendar);
        if (answer.allowed || answer.nextOpensAtMs !== undefined) return;
        for (let atMs = asked.atMs; atMs < asked.atMs + 2 * 86_400_000; atMs += 5 * 60_000) {
          const later = isTradingAllowed({ ...asked, atMs }, calendar);
          if (!later.allowed && later.code.endsWith('_UNKNOWN')) return;
          expect(later.allowed).toBe(false);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('is answered alike when it is asked again', () => {
    fc.assert(
      fc.property(question, (asked) =>
        expect(isTradingAllowed(asked, calendar)).toEqual(isTradingAllowed(asked, calendar)),
      ),
    );
  });
});

describe('the clock of India', () => {
  it('reads back what it prints, for every second of a day', () => {
    for (let second = 0; second < 86_400; second += 7) expect(secondOf(clockOf(second))).toBe(second);
    expect(secondOf('24:00')).toBe(86_400);
    for (const clock of ['24:01', '9:15', '09:60', '', '09:15:60']) expect(secondOf(clock)).toBeNaN();
  });
  it('changes the day at midnight, 18:30 UTC', () => {
    expect(dateOf(dayOfMs(Date.UTC(2026, 10, 20, 18, 29, 59)))).toBe('2026-11-20');
    expect(dateOf(dayOfMs(Date.UTC(2026, 10, 20, 18, 30)))).toBe('2026-11-21');
    expect(secondOfMs(Date.UTC(2026, 10, 20, 18, 30))).toBe(0);
    expect(secondOfMs(Date.UTC(2026, 10, 20, 18, 29, 59, 999))).toBe(86_399);
  });
});
