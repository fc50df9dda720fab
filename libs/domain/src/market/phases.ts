import type { Exchange } from '../instruments/instrument';
import { type Dated } from '../dated';

/** What an exchange does at a time of day. What it takes in each is in `phase-rules.ts`. */
export type PhaseName =
  | 'block'
  | 'pre-open'
  | 'pre-open-limit-only'
  | 'pre-open-match'
  | 'pre-open-buffer'
  | 'continuous'
  | 'closing-reference'
  | 'closing-entry'
  | 'closing-limit-only'
  | 'closing-match'
  | 'transition'
  | 'post-close'
  | 'call-auction'
  | 'call-auction-match'
  | 'call-auction-buffer'
  | 'listing-pre-open'
  | 'listing-match'
  | 'listing-buffer';

/** Instruments whose day has the same phases. */
export type PhaseClass =
  /** Shares of the normal market, without and with the closing auction. */
  | 'cash'
  | 'cash-closing-auction'
  /** Bonds, bills and the like: no pre-open. */
  | 'debt'
  /** A share on its first day, or its first day back. */
  | 'listing-day'
  /** Illiquid shares: six auctions a day. */
  | 'call-auction'
  /** Series BL. */
  | 'block'
  /** Settled on the day of the trade: series T0. */
  | 'same-day'
  | 'future'
  /** Futures near enough to expiry to take part in a pre-open. */
  | 'future-pre-open'
  | 'option'
  | 'currency'
  | 'commodity'
  | 'agri'
  | 'agri-evening';

/** A phase from `start` until just before `end`, as a circular prints it: `09:15`, `24:00`. */
export interface WindowText {
  readonly phase: PhaseName;
  readonly start: string;
  readonly end: string;
  /** From here on the exchange ends the phase when it likes: an order may be refused. */
  readonly mayEndFrom?: string;
}

/** The day of a class of instruments, from a trading day on. Sorted, no overlap; gaps are closed. */
export interface PhaseTable extends Dated {
  readonly exchanges: readonly Exchange[];
  readonly phaseClass: PhaseClass;
  readonly rule: string;
  readonly windows: readonly WindowText[];
}

const window = (phase: PhaseName, start: string, end: string, mayEndFrom?: string): WindowText => ({
  phase,
  start,
  end,
  ...(mayEndFrom !== undefined && { mayEndFrom }),
});

/* ---------------------------------------------------------------------------------------------- parts of a day */

const PRE_OPEN_V1 = [
  window('pre-open', '09:00', '09:08', '09:07'),
  window('pre-open-match', '09:08', '09:12'),
  window('pre-open-buffer', '09:12', '09:15'),
];
const PRE_OPEN_V2 = [
  window('pre-open', '09:00', '09:05'),
  window('pre-open-limit-only', '09:05', '09:10', '09:08'),
  window('pre-open-match', '09:10', '09:12'),
  window('pre-open-buffer', '09:12', '09:15'),
];
const LISTING_PRE_OPEN = [
  window('listing-pre-open', '09:00', '09:45', '09:35'),
  window('listing-match', '09:45', '09:55'),
  window('listing-buffer', '09:55', '10:00'),
];
const CLOSING_AUCTION = [
  window('closing-reference', '15:15', '15:20'),
  window('closing-entry', '15:20', '15:25'),
  window('closing-limit-only', '15:25', '15:30', '15:28'),
  window('closing-match', '15:30', '15:35'),
  window('transition', '15:35', '15:50'),
];
const POST_CLOSE_V1 = [window('transition', '15:30', '15:40'), window('post-close', '15:40', '16:00')];
const POST_CLOSE_V2 = [window('transition', '15:30', '15:50'), window('post-close', '15:50', '16:00')];
const POST_CLOSE_AFTER_AUCTION = [window('post-close', '15:50', '16:00')];

/** Each hour from 09:30: 45 minutes of entry, closed at random in the last one, 8 of matching, 7 of rest. */
const CALL_AUCTIONS = [9, 10, 11, 12, 13, 14].flatMap((hour) => {
  const [now, next] = [String(hour).padStart(2, '0'), String(hour + 1).padStart(2, '0')];
  return [
    window('call-auction', `${now}:30`, `${next}:15`, `${next}:14`),
    window('call-auction-match', `${next}:15`, `${next}:23`),
    window('call-auction-buffer', `${next}:23`, `${next}:30`),
  ];
});

/** Split where a holiday closes one half of a commodity day. */
export const EVENING = '17:00';
const WITH_EVENING_UNTIL = (end: string): readonly WindowText[] => [
  window('continuous', '09:00', EVENING),
  window('continuous', EVENING, end),
];

/* ------------------------------------------------------------------------------------------------------ tables */

type Version = readonly [from: string, windows: readonly WindowText[], certainty: Dated['certainty'], source: string];

const tables = (
  exchanges: readonly Exchange[],
  phaseClass: PhaseClass,
  rule: string,
  versions: readonly Version[],
): readonly PhaseTable[] =>
  versions.map(([from, windows, certainty, source]) => ({
    exchanges,
    phaseClass,
    rule,
    from,
    windows,
    certainty,
    source,
  }));

/** Nothing older is loaded: the calendar begins here too. */
const START = '2025-01-01';
/** The closing auction, and with it the later ends of the day. */
const AUCTION_FROM = '2026-08-03';
const PRE_OPEN_V2_FROM = '2026-09-07';

const BOTH: readonly Exchange[] = ['NSE', 'BSE'];
const TIMINGS = 'NSE market timings';
const AUCTION_CIRCULAR = 'SEBI circular of 16 Jan 2026, NSE/CMTR/72394, 73362, 74466, 74969';

const SUMMER = WITH_EVENING_UNTIL('23:30');
const WINTER = WITH_EVENING_UNTIL('23:55');
const MCX_CLOCK = 'MCX trading hours, by the clock of New York';
const BY_THE_RULE = 'second Sunday of March to first Sunday of November';

export const PHASE_TABLES: readonly PhaseTable[] = [
  ...tables(BOTH, 'cash', 'equity market phases', [
    [START, [...PRE_OPEN_V1, window('continuous', '09:15', '15:30'), ...POST_CLOSE_V1], 'confirmed', TIMINGS],
    [
      AUCTION_FROM,
      [...PRE_OPEN_V1, window('continuous', '09:15', '15:30'), ...POST_CLOSE_V2],
      'confirmed',
      AUCTION_CIRCULAR,
    ],
    [
      PRE_OPEN_V2_FROM,
      [...PRE_OPEN_V2, window('continuous', '09:15', '15:30'), ...POST_CLOSE_V2],
      'confirmed',
      AUCTION_CIRCULAR,
    ],
  ]),
  ...tables(BOTH, 'cash-closing-auction', 'equity market phases with the closing auction', [
    [START, [...PRE_OPEN_V1, window('continuous', '09:15', '15:30'), ...POST_CLOSE_V1], 'confirmed', TIMINGS],
    [
      AUCTION_FROM,
      [...PRE_OPEN_V1, window('continuous', '09:15', '15:15'), ...CLOSING_AUCTION, ...POST_CLOSE_AFTER_AUCTION],
      'confirmed',
      AUCTION_CIRCULAR,
    ],
    [
      PRE_OPEN_V2_FROM,
      [...PRE_OPEN_V2, window('continuous', '09:15', '15:15'), ...CLOSING_AUCTION, ...POST_CLOSE_AFTER_AUCTION],
      'confirmed',
      AUCTION_CIRCULAR,
    ],
  ]),
  ...tables(BOTH, 'debt', 'debt in the equity market', [
    [START, [window('continuous', '09:15', '15:30')], 'inferred', TIMINGS],
  ]),
  ...tables(BOTH, 'listing-day', 'special pre-open of new and relisted shares', [
    [START, [...LISTING_PRE_OPEN, window('continuous', '10:00', '15:30'), ...POST_CLOSE_V1], 'confirmed', TIMINGS],
    [
      AUCTION_FROM,
      [...LISTING_PRE_OPEN, window('continuous', '10:00', '15:30'), ...POST_CLOSE_V2],
      'confirmed',
      AUCTION_CIRCULAR,
    ],
  ]),
  ...tables(BOTH, 'call-auction', 'periodic call auction', [[START, CALL_AUCTIONS, 'single-source', TIMINGS]]),
  ...tables(BOTH, 'block', 'block deal windows', [
    [
      '2025-12-07',
      [window('block', '08:45', '09:00'), window('block', '14:05', '14:20')],
      'confirmed',
      'SEBI circular of 8 Oct 2025',
    ],
  ]),
  ...tables(BOTH, 'same-day', 'market settled on the same day', [
    ['2025-01-31', [window('continuous', '09:15', '13:30')], 'confirmed', TIMINGS],
  ]),
  ...tables(BOTH, 'future', 'equity derivatives hours', [
    [START, [window('continuous', '09:15', '15:30')], 'confirmed', TIMINGS],
    [AUCTION_FROM, [window('continuous', '09:15', '15:40')], 'confirmed', 'NSE/FAOP/74467'],
  ]),
  ...tables(BOTH, 'option', 'equity derivatives hours', [
    [START, [window('continuous', '09:15', '15:30')], 'confirmed', TIMINGS],
    [AUCTION_FROM, [window('continuous', '09:15', '15:40')], 'confirmed', 'NSE/FAOP/74467'],
  ]),
  // Whether BSE has a pre-open for futures is not confirmed: there, they wait for 09:15.
  ...tables(['NSE'], 'future-pre-open', 'pre-open of near futures', [
    ['2025-12-08', [...PRE_OPEN_V1, window('continuous', '09:15', '15:30')], 'confirmed', 'NSE/FAOP/71092'],
    [AUCTION_FROM, [...PRE_OPEN_V1, window('continuous', '09:15', '15:40')], 'confirmed', 'NSE/FAOP/71092, 74467'],
  ]),
  ...tables(BOTH, 'currency', 'currency derivatives hours', [
    [START, [window('continuous', '09:00', '17:00')], 'confirmed', TIMINGS],
  ]),
  ...tables(['MCX', 'NSE'], 'commodity', 'commodity derivatives hours', [
    [START, WINTER, 'inferred', BY_THE_RULE],
    ['2025-03-10', SUMMER, 'inferred', BY_THE_RULE],
    ['2025-11-02', WINTER, 'confirmed', MCX_CLOCK],
    ['2026-03-09', SUMMER, 'confirmed', MCX_CLOCK],
    ['2026-11-01', WINTER, 'confirmed', MCX_CLOCK],
    ['2027-03-15', SUMMER, 'inferred', BY_THE_RULE],
    ['2027-11-07', WINTER, 'inferred', BY_THE_RULE],
  ]),
  ...tables(['MCX', 'NSE'], 'agri', 'agricultural commodities, domestic', [
    [START, [window('continuous', '09:00', '17:00')], 'single-source', MCX_CLOCK],
  ]),
  ...tables(['MCX', 'NSE'], 'agri-evening', 'agricultural commodities, international reference', [
    [
      START,
      [window('continuous', '09:00', '17:00'), window('continuous', '17:00', '21:00')],
      'single-source',
      MCX_CLOCK,
    ],
  ]),
];

/* --------------------------------------------------------------------------- which class an instrument belongs to */

/**
 * Agricultural contracts by underlying. Which of them trade until 21:00 is not confirmed, so all of them end at 17:00:
 * refusing what the exchange would have taken harms less than holding for it what it refuses.
 */
export const AGRI_CONTRACTS: Readonly<Record<string, 'agri' | 'agri-evening'>> = {
  CARDAMOM: 'agri',
  CASTORSEED: 'agri',
  COTTON: 'agri',
  COTTONCNDY: 'agri',
  COTTONOIL: 'agri',
  CPO: 'agri',
  DEGUMSYOIL: 'agri',
  KAPAS: 'agri',
  MENTHAOIL: 'agri',
  PEPPER: 'agri',
  RUBBER: 'agri',
};

/** NSE series and BSE groups that have a pre-open: shares, small and medium companies, partly paid, trusts. */
export const PRE_OPEN_SERIES: ReadonlySet<string> = new Set([
  ...['EQ', 'BE', 'BZ', 'SM', 'ST', 'SZ', 'E1', 'X1', 'IV', 'IT', 'RR'],
  ...['A', 'B', 'T', 'TS', 'X', 'XT', 'Z', 'ZP', 'M', 'MT', 'MS', 'P', 'R', 'E', 'IF'],
]);
