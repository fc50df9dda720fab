import { Refused } from '../decider';
import type { CalendarCorrections } from './corrections';
import { calendarWith, SHIPPED_CALENDAR } from './calendar';
import { expiryInWeek, monthlyExpiry } from './expiry';
import { dayOf } from './ist';
import { ist } from './samples';
import type { SegmentClass, Venue } from './venues';

const EQUITY: Venue = { exchange: 'NSE', segmentClass: 'equity' };
const CURRENCY: Venue = { exchange: 'NSE', segmentClass: 'currency' };
const COMMODITY: Venue = { exchange: 'MCX', segmentClass: 'commodity' };
const calendar = SHIPPED_CALENDAR;

/** Monday to Friday without trading. */
const weekdaysClosed = (venue: Venue, year: number): readonly string[] => {
  const closed: string[] = [];
  for (let at = Date.UTC(year, 0, 1); at < Date.UTC(year + 1, 0, 1); at += 86_400_000) {
    const date = new Date(at).toISOString().slice(0, 10);
    const market = calendar.dayOf(venue, date);
    if (market.status === 'closed' && market.code === 'HOLIDAY') closed.push(date.slice(5));
  }
  return closed;
};

describe('holidays', () => {
  it('of shares in 2025 and 2026', () => {
    expect(weekdaysClosed(EQUITY, 2025)).toEqual(
      '02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-22 11-05 12-25'.split(' '), // 10-21 is Muhurat
    );
    expect(weekdaysClosed(EQUITY, 2026)).toEqual(
      '01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25'.split(' '),
    );
    expect(weekdaysClosed({ exchange: 'BSE', segmentClass: 'derivatives' }, 2026)).toEqual(
      weekdaysClosed(EQUITY, 2026),
    );
  });
  it('of currency: those of banks too', () => {
    const more = (year: number) =>
      weekdaysClosed(CURRENCY, year).filter((day) => !weekdaysClosed(EQUITY, year).includes(day));
    expect(more(2025)).toEqual(['02-19', '04-01', '05-12', '09-05']);
    expect(more(2026)).toEqual(['02-19', '03-19', '04-01', '08-26']);
  });
  it('of commodities: few all day, an evening on all others', () => {
    expect(weekdaysClosed(COMMODITY, 2026)).toEqual(['01-26', '04-03', '10-02', '12-25']);
    expect(weekdaysClosed(COMMODITY, 2025)).toEqual(['04-18', '08-15', '10-02', '12-25']);
    expect(calendar.dayOf(COMMODITY, '2026-11-24')).toMatchObject({ status: 'open', part: 'evening' });
    expect(calendar.dayOf(COMMODITY, '2026-01-01')).toMatchObject({ status: 'open', part: 'morning' });
    expect(calendar.dayOf(COMMODITY, '2025-02-01')).toMatchObject({ status: 'open', part: 'morning' });
  });
  it('outside of the years loaded nothing is known', () => {
    for (const date of ['2024-12-31', '2027-01-01', '2026-02-30', 'tomorrow', ''])
      expect(calendar.dayOf(EQUITY, date)).toMatchObject({ status: 'unknown', code: 'CALENDAR_UNKNOWN' });
  });
});

describe('trading days', () => {
  it.each([
    ['over a weekend and a holiday', '2026-11-23', '2026-11-25'],
    ['over a weekend', '2026-11-20', '2026-11-23'],
    ['to a Budget Sunday', '2026-01-30', '2026-02-01'],
    ['from a Budget Sunday', '2026-02-01', '2026-02-02'],
    ['to a Muhurat session', '2025-10-20', '2025-10-21'],
    ['from a Muhurat session', '2025-10-21', '2025-10-23'],
  ])('%s: after %s comes %s, and the other way round', (_, date, next) => {
    expect(calendar.nextTradingDay(EQUITY, date)).toBe(next);
    expect(calendar.previousTradingDay(EQUITY, next)).toBe(date);
  });
  it('are not known past the end of the calendar, nor over a session that is not', () => {
    expect(calendar.nextTradingDay(EQUITY, '2026-12-31')).toBeUndefined();
    expect(calendar.previousTradingDay(EQUITY, '2025-01-01')).toBeUndefined();
    expect(calendar.nextTradingDay(EQUITY, '2026-11-06')).toBeUndefined();
    expect(calendar.previousTradingDay(EQUITY, '2026-11-09')).toBeUndefined();
    expect(calendar.nextTradingDay(EQUITY, 'soon')).toBeUndefined();
  });
  it('settle on the next day on which money moves', () => {
    expect(calendar.nextSettlementDay(EQUITY, '2026-08-25')).toBe('2026-08-27'); // banks are closed on the 26th
    expect(calendar.nextSettlementDay(EQUITY, '2026-01-30')).toBe('2026-02-02'); // not on the Budget Sunday
    expect(calendar.nextSettlementDay(EQUITY, '2026-11-19')).toBe('2026-11-20');
  });
  it.each([
    [EQUITY, '2026-11-20 15:59:59', '2026-11-20'],
    [EQUITY, '2026-11-20 16:00:00', '2026-11-23'],
    [EQUITY, '2026-11-23 00:00:00', '2026-11-23'],
    [EQUITY, '2026-11-24 10:00:00', '2026-11-25'],
    [COMMODITY, '2026-11-24 10:00:00', '2026-11-24'],
    [COMMODITY, '2026-11-20 23:54:59', '2026-11-20'],
    [EQUITY, '2026-12-31 16:00:00', undefined],
    [EQUITY, '2026-11-08 10:00:00', undefined],
  ])('an order for %j at %s belongs to %s', (venue, instant, date) =>
    expect(calendar.tradingDayOf(venue, ist(instant))).toBe(date),
  );
});

describe('expiry', () => {
  it.each([
    ['BSE', '2026-01-15', '2026-01-14'],
    ['NSE', '2026-03-03', '2026-03-02'],
    ['BSE', '2026-03-26', '2026-03-25'],
    ['NSE', '2026-03-31', '2026-03-30'],
    ['NSE', '2026-04-14', '2026-04-13'],
    ['BSE', '2026-05-28', '2026-05-27'],
    ['NSE', '2026-10-20', '2026-10-19'],
    ['NSE', '2026-11-10', '2026-11-09'],
    ['NSE', '2026-11-24', '2026-11-23'],
    ['NSE', '2026-11-17', '2026-11-17'],
    ['BSE', '2026-11-19', '2026-11-19'],
    ['NSE', '2025-10-21', '2025-10-20'],
  ] as const)('%s, the week of %s: %s', (exchange, date, expiry) =>
    expect(expiryInWeek(exchange, date, calendar)).toBe(expiry),
  );
  it('S7: the weekly expiry of the week of 10 November 2026 is Monday the 9th', () => {
    for (const date of ['2026-11-09', '2026-11-10', '2026-11-15'])
      expect(expiryInWeek('NSE', date, calendar)).toBe('2026-11-09');
    expect(expiryInWeek('NSE', '2026-11-08', calendar)).toBe('2026-11-03');
  });
  it('S12: SENSEX contracts of 26 March 2026 expire on the 25th', () => {
    expect(expiryInWeek('BSE', '2026-03-26', calendar)).toBe('2026-03-25');
    expect(monthlyExpiry('BSE', '2026-03', calendar)).toBe('2026-03-25');
  });
  it.each([
    ['NSE', '2025-08', '2025-08-28'],
    ['BSE', '2025-08', '2025-08-26'],
    ['NSE', '2025-09', '2025-09-30'],
    ['BSE', '2025-09', '2025-09-25'],
    ['NSE', '2026-03', '2026-03-30'],
    ['BSE', '2026-05', '2026-05-27'],
    ['NSE', '2026-11', '2026-11-23'],
    ['NSE', '2026-12', '2026-12-29'],
    ['BSE', '2026-11', '2026-11-26'],
    ['BSE', '2026-12', '2026-12-31'],
    ['NSE', '2027-01', undefined],
    ['MCX', '2026-12', undefined],
  ] as const)('%s, the month of %s: %s', (exchange, month, expiry) =>
    expect(monthlyExpiry(exchange, month, calendar)).toBe(expiry),
  );
  it('changed its weekday on 1 September 2025', () => {
    expect(expiryInWeek('NSE', '2025-08-25', calendar)).toBe('2025-08-28');
    expect(expiryInWeek('BSE', '2025-08-25', calendar)).toBe('2025-08-26');
    expect(expiryInWeek('NSE', '2025-09-01', calendar)).toBe('2025-09-02');
    expect(expiryInWeek('BSE', '2025-09-01', calendar)).toBe('2025-09-04');
  });
  it('neither falls on a Muhurat session nor needs its times', () => {
    const muhurat = calendarWith({
      sessions: [
        {
          date: '2026-12-29',
          classes: ['derivatives'],
          name: 'Muhurat',
          hours: 'unknown',
          expires: false,
          certainty: 'unconfirmed',
          source: 'test',
        },
      ],
    });
    expect(monthlyExpiry('NSE', '2026-12', muhurat)).toBe('2026-12-28');
  });
});

describe('corrections', () => {
  const confirmed = { certainty: 'confirmed', source: 'circular' } as const;
  const only = (segmentClass: SegmentClass) => ({ classes: [segmentClass] });

  it('add a holiday, take one back, and leave the shipped calendar as it was', () => {
    const holiday = { date: '2026-11-25', ...only('equity'), settles: false, reason: 'Elections', ...confirmed };
    const corrected = calendarWith({
      holidays: [
        { ...holiday, closed: 'day' },
        { ...holiday, date: '2026-11-24', closed: 'nothing' },
      ],
    });
    expect(corrected.dayOf(EQUITY, '2026-11-25')).toMatchObject({ status: 'closed', reason: 'Elections' });
    expect(corrected.dayOf(EQUITY, '2026-11-24')).toMatchObject({ status: 'open' });
    expect(corrected.dayOf(CURRENCY, '2026-11-25')).toMatchObject({ status: 'open' });
    expect(calendar.dayOf(EQUITY, '2026-11-25')).toMatchObject({ status: 'open' });
  });
  it('may hold for one exchange alone', () => {
    const corrected = calendarWith({
      holidays: [
        {
          date: '2026-11-25',
          ...only('equity'),
          exchanges: ['BSE'],
          closed: 'day',
          settles: false,
          reason: 'x',
          ...confirmed,
        },
      ],
    });
    expect(corrected.isTradingDay({ ...EQUITY, exchange: 'BSE' }, '2026-11-25')).toBe(false);
    expect(corrected.isTradingDay(EQUITY, '2026-11-25')).toBe(true);
  });
  it('make another year known', () => {
    const corrected = calendarWith({ knownUntil: { equity: '2027-12-31' } });
    expect(corrected.nextTradingDay(EQUITY, '2026-12-31')).toBe('2027-01-01');
    expect(corrected.nextTradingDay(CURRENCY, '2026-12-31')).toBeUndefined();
  });
  it('change the hours from a day on, and the weekday of expiry', () => {
    const corrected = calendarWith({
      phases: [
        {
          exchanges: ['NSE', 'BSE'],
          phaseClass: 'option',
          rule: 'longer hours',
          from: '2026-12-01',
          windows: [{ phase: 'continuous', start: '09:15', end: '17:00' }],
          ...confirmed,
        },
      ],
      expiryDays: [{ exchange: 'NSE', weekday: 3, from: '2026-12-01', ...confirmed }],
    });
    const end = (date: string) => corrected.planOf('NSE', 'option', dayOf(date)).windows;
    expect(end('2026-11-30')).not.toEqual(end('2026-12-01'));
    expect(monthlyExpiry('NSE', '2026-11', corrected)).toBe('2026-11-23');
    expect(monthlyExpiry('NSE', '2026-12', corrected)).toBe('2026-12-30');
    const fridays = calendarWith({ expiryDays: [{ exchange: 'NSE', weekday: 5, from: '2026-12-01', ...confirmed }] });
    expect(expiryInWeek('NSE', '2026-12-08', fridays)).toBe('2026-12-11');
    expect(expiryInWeek('NSE', '2026-12-22', fridays)).toBe('2026-12-24'); // Christmas
  });
  it.each<[string, CalendarCorrections]>([
    ['date-invalid', { knownUntil: { equity: '2027-02-29' } }],
    [
      'date-invalid',
      { holidays: [{ date: '24 Nov', ...only('equity'), closed: 'day', settles: false, reason: '', ...confirmed }] },
    ],
    ['weekday-invalid', { expiryDays: [{ exchange: 'NSE', weekday: 6, from: '2026-12-01', ...confirmed }] }],
    ...(
      [
        [{ phase: 'continuous', start: '09:15', end: '09:15' }],
        [{ phase: 'continuous', start: '9:15', end: '15:30' }],
        [{ phase: 'continuous', start: '09:15', end: '25:30' }],
        [{ phase: 'continuous', start: '09:15', end: '15:30', mayEndFrom: '15:31' }],
        [
          { phase: 'continuous', start: '09:15', end: '15:30' },
          { phase: 'post-close', start: '15:29', end: '16:00' },
        ],
      ] as const
    ).map((windows): [string, CalendarCorrections] => [
      'window-invalid',
      {
        sessions: [
          { date: '2026-11-08', ...only('equity'), name: 'Muhurat', hours: windows, expires: false, ...confirmed },
        ],
      },
    ]),
    [
      'window-invalid',
      {
        amo: [
          {
            broker: 'x',
            segmentClass: 'equity',
            window: { opens: '08:00', closes: '09:00' },
            from: '2026-12-01',
            ...confirmed,
          },
        ],
      },
    ],
  ])('that make no sense are refused: %s %j', (code, corrections) => {
    const build = () => calendarWith(corrections);
    expect(build).toThrow(Refused);
    expect(build).toThrow(`calendar.${code}`);
  });
});
