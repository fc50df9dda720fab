import type { Exchange } from '../instruments/instrument';
import type { Certainty } from '../dated';
import type { WindowText } from './phases';
import type { SegmentClass } from './venues';

/**
 * A day that is not like the others. `closed: 'nothing'` trades as usual and only `settles: false` counts: pay-in and
 * pay-out move by a day. A row of an admin for the same exchange, class and date takes the place of ours.
 */
export interface Holiday {
  readonly date: string;
  readonly classes: readonly SegmentClass[];
  /** All of them where it is absent. */
  readonly exchanges?: readonly Exchange[];
  readonly closed: 'day' | 'morning' | 'evening' | 'nothing';
  readonly settles: boolean;
  readonly reason: string;
  readonly certainty: Certainty;
  readonly source: string;
}

/**
 * Trading on a day that would be closed. `as-usual`: the phases of any other day. `unknown`: announced, but the circular
 * with its times is not loaded, and nothing is allowed until it is.
 */
export interface SpecialSession {
  readonly date: string;
  readonly classes: readonly SegmentClass[];
  readonly exchanges?: readonly Exchange[];
  readonly name: string;
  readonly hours: 'as-usual' | 'morning' | 'unknown' | readonly WindowText[];
  /** An expiry may fall on this day, or move to it. */
  readonly expires: boolean;
  readonly certainty: Certainty;
  readonly source: string;
}

/** What is known at all. Outside of it a day is neither open nor closed. */
export interface KnownPeriod {
  readonly from: string;
  readonly until: string;
}

export const KNOWN: Readonly<Record<SegmentClass, KnownPeriod>> = {
  equity: { from: '2025-01-01', until: '2026-12-31' },
  derivatives: { from: '2025-01-01', until: '2026-12-31' },
  currency: { from: '2025-01-01', until: '2026-12-31' },
  commodity: { from: '2025-01-01', until: '2026-12-31' },
};

type Row = readonly [date: string, reason: string];
type Common = Omit<Holiday, 'date' | 'reason'>;

const rows = (common: Common, of: readonly Row[]): readonly Holiday[] =>
  of.map(([date, reason]) => ({ ...common, date, reason }));

const NSE_2025 = { settles: false, certainty: 'confirmed', source: 'NSE holiday list 2025' } as const;
const COMMODITY_2025 = { certainty: 'inferred', source: 'NSE holiday list 2025, commodity; MCX alike' } as const;
const EQUITY_2026 = {
  settles: false,
  certainty: 'confirmed',
  source: 'NSE/CMTR/71775, NSE/FAOP/71777 of 12 Dec 2025',
} as const;
const CURRENCY_2026 = {
  settles: false,
  certainty: 'inferred',
  source: 'days on which equity is closed, or banks are: as in 2025',
} as const;
const MCX_2026 = {
  settles: false,
  certainty: 'confirmed',
  source: 'MCX holiday list 2026; NSE commodity alike',
} as const;

const OF_2025: readonly Row[] = [
  ['2025-02-26', 'Mahashivratri'],
  ['2025-03-14', 'Holi'],
  ['2025-03-31', 'Id-Ul-Fitr'],
  ['2025-04-10', 'Mahavir Jayanti'],
  ['2025-04-14', 'Ambedkar Jayanti'],
  ['2025-04-18', 'Good Friday'],
  ['2025-05-01', 'Maharashtra Day'],
  ['2025-08-15', 'Independence Day'],
  ['2025-08-27', 'Ganesh Chaturthi'],
  ['2025-10-02', 'Gandhi Jayanti, Dussehra'],
  ['2025-10-21', 'Diwali Laxmi Pujan'],
  ['2025-10-22', 'Diwali Balipratipada'],
  ['2025-11-05', 'Guru Nanak Jayanti'],
  ['2025-12-25', 'Christmas'],
];

/** Banks closed, shares traded: currency followed the banks. */
const BANKS_2025: readonly Row[] = [
  ['2025-02-19', 'Shivaji Maharaj Jayanti'],
  ['2025-04-01', 'Annual bank closing'],
  ['2025-05-12', 'Buddha Pournima'],
  ['2025-09-05', 'Id-E-Milad'],
];

const OF_2026: readonly Row[] = [
  ['2026-01-26', 'Republic Day'],
  ['2026-03-03', 'Holi'],
  ['2026-03-26', 'Ram Navami'],
  ['2026-03-31', 'Mahavir Jayanti'],
  ['2026-04-03', 'Good Friday'],
  ['2026-04-14', 'Ambedkar Jayanti'],
  ['2026-05-01', 'Maharashtra Day'],
  ['2026-05-28', 'Bakri Id'],
  ['2026-06-26', 'Muharram'],
  ['2026-09-14', 'Ganesh Chaturthi'],
  ['2026-10-02', 'Gandhi Jayanti'],
  ['2026-10-20', 'Dussehra'],
  ['2026-11-10', 'Diwali Balipratipada'],
  ['2026-11-24', 'Guru Nanak Jayanti'],
  ['2026-12-25', 'Christmas'],
];
const ELECTIONS: Row = ['2026-01-15', 'Maharashtra municipal elections'];

const BANKS_2026: readonly Row[] = [
  ['2026-02-19', 'Shivaji Maharaj Jayanti'],
  ['2026-03-19', 'Gudi Padwa'],
  ['2026-04-01', 'Annual bank closing'],
  ['2026-08-26', 'Id-E-Milad'],
];

/** Closed all day in the commodity segment; on every other holiday of shares its evening trades. */
const COMMODITY_CLOSED = new Set([
  ...['2025-04-18', '2025-08-15', '2025-10-02', '2025-10-21', '2025-12-25'],
  ...['2026-01-26', '2026-04-03', '2026-10-02', '2026-12-25'],
]);

const commodity = (common: Omit<Common, 'classes' | 'closed' | 'settles'>, of: readonly Row[]): readonly Holiday[] =>
  of.map(([date, reason]) => ({
    ...common,
    date,
    reason,
    classes: ['commodity'],
    closed: COMMODITY_CLOSED.has(date) ? 'day' : 'morning',
    settles: false,
  }));

const newYear = (date: string, common: Pick<Holiday, 'certainty' | 'source'>): Holiday => ({
  ...common,
  date,
  reason: 'New Year',
  classes: ['commodity'],
  closed: 'evening',
  settles: true,
});

export const HOLIDAYS: readonly Holiday[] = [
  ...rows({ ...NSE_2025, classes: ['equity', 'derivatives', 'currency'], closed: 'day' }, OF_2025),
  ...rows({ ...NSE_2025, classes: ['currency'], closed: 'day' }, BANKS_2025),
  ...rows({ ...NSE_2025, classes: ['equity', 'derivatives'], closed: 'nothing', certainty: 'inferred' }, BANKS_2025),
  newYear('2025-01-01', COMMODITY_2025),
  ...commodity(COMMODITY_2025, OF_2025),
  ...rows({ ...EQUITY_2026, classes: ['equity', 'derivatives'], closed: 'day' }, [...OF_2026, ELECTIONS]),
  ...rows(
    { ...EQUITY_2026, classes: ['equity', 'derivatives'], closed: 'nothing', certainty: 'single-source' },
    BANKS_2026,
  ),
  ...rows({ ...CURRENCY_2026, classes: ['currency'], closed: 'day' }, [...OF_2026, ELECTIONS, ...BANKS_2026]),
  newYear('2026-01-01', MCX_2026),
  ...commodity(MCX_2026, [...OF_2026, ELECTIONS]),
];

const EVERY_CLASS: readonly SegmentClass[] = ['equity', 'derivatives', 'currency', 'commodity'];

export const SPECIAL_SESSIONS: readonly SpecialSession[] = [
  {
    date: '2025-02-01',
    classes: ['equity', 'derivatives'],
    name: 'Union Budget',
    hours: 'as-usual',
    expires: true,
    certainty: 'confirmed',
    source: 'NSE and BSE circulars of 23 Dec 2024, as reported',
  },
  {
    date: '2025-02-01',
    classes: ['commodity'],
    name: 'Union Budget',
    hours: 'morning',
    expires: true,
    certainty: 'single-source',
    source: 'MCX circular, as reported',
  },
  {
    date: '2025-10-21',
    classes: ['equity', 'derivatives'],
    name: 'Muhurat',
    hours: [{ phase: 'continuous', start: '13:45', end: '14:45' }],
    expires: false,
    certainty: 'confirmed',
    source: 'NSE Muhurat circular 2025',
  },
  {
    date: '2025-10-21',
    classes: ['currency', 'commodity'],
    name: 'Muhurat',
    hours: 'unknown',
    expires: false,
    certainty: 'unconfirmed',
    source: 'no circular at hand',
  },
  {
    date: '2026-02-01',
    classes: ['equity', 'derivatives'],
    name: 'Union Budget',
    hours: 'as-usual',
    expires: true,
    certainty: 'confirmed',
    source: 'NSE and BSE circulars on 1 Feb 2026',
  },
  {
    date: '2026-11-08',
    classes: EVERY_CLASS,
    name: 'Muhurat',
    hours: 'unknown',
    expires: false,
    certainty: 'unconfirmed',
    source: 'announced; the times come by a separate circular',
  },
];
