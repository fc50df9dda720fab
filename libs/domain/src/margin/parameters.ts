import { overlaid, type Dated, inForceOn } from '../dated';

/**
 * What exchanges, clearing corporations and the regulator set for margins, by the day it came into force. Nothing here
 * is known before its first row; a row says how sure it is, and an admin's row of the same day replaces it. Shares are
 * basis points.
 */

/** Rates of their own: contracts on an index, options on one that expire in more than nine months, contracts on a share. */
export type ScanKind = 'index' | 'index-long-dated' | 'stock';
export type UnderlyingKind = 'index' | 'stock';
export type CashGroup = 'I' | 'II' | 'III-weekly' | 'III' | 'broad-etf';

/**
 * How far a scenario goes: the underlying by the greater of `sigmas` × σ × √`days` and the floor, volatility by the
 * greater of a share of the annualised one and a floor, both in hundredths of a volatility point.
 */
export interface ScanRange extends Dated {
  readonly sigmas: number;
  readonly days: number;
  readonly priceFloorBp: number;
  readonly volatilityShareBp: number;
  readonly volatilityFloorBp: number;
}

/** One of the sixteen: the price moves by thirds of its range, volatility by all of its, and so much of the loss counts. */
export interface Scenario {
  readonly moveThirds: number;
  readonly volatility: -1 | 0 | 1;
  readonly coverBp: number;
}

export interface ScenarioSet extends Dated {
  readonly scenarios: readonly Scenario[];
}

/** A rate that is all there is to say. */
export interface Rate extends Dated {
  readonly basisPoints: number;
}

/** Extreme loss margin on notional. Far out: further out of the money than `farOutBp` of the underlying. */
export interface ExtremeLoss extends Dated {
  readonly basisPoints: number;
  readonly farOutBp: number;
  readonly farOutBeyondBp: number;
  /** Options that expire in more than nine months; at least this. */
  readonly longDatedBp: number;
  /** Of the far month's value, what counts for a calendar spread of futures: one part of so many. */
  readonly calendarPart: number;
}

/** Whether a contract on its last day still hedges another month. */
export interface LastDay extends Dated {
  readonly calendarBenefit: boolean;
}

/** How the model counts time and annualises: a year has so many days of volatility, an option lives at least so many more. */
export interface ModelTime extends Dated {
  readonly yearDays: number;
  readonly leastDays: number;
  readonly longDatedMonths: number;
}

/** Value at risk of shares: the greater of `sigmas` × σ (0: not looked at) and the floor. */
export interface CashRange extends Dated {
  readonly sigmas: number;
  readonly floorBp: number;
}

/** What a shortfall costs, of the shortfall. */
export interface Penalty extends Dated {
  /** Small is less than this amount and less than this share of the applicable margin. */
  readonly smallBelowE4: number;
  readonly smallBelowBp: number;
  readonly smallBp: number;
  readonly otherBp: number;
  /** From this day in a row on, or beyond so many days in a month. */
  readonly repeatedBp: number;
  readonly repeatedFromDay: number;
  readonly repeatedBeyondDaysInMonth: number;
}

/** When the clearing corporation looks at what clients hold: at least so often a day, somewhere in each window (IST). */
export interface Snapshots extends Dated {
  readonly atLeast: number;
  readonly windows: readonly (readonly [from: string, until: string])[];
}

/** Where an account's value at risk begins to throttle it, in shares of its limit. */
export interface Throttle extends Dated {
  readonly cautionBp: number;
  readonly blockedBp: number;
}

interface Rows {
  readonly scanRange: ScanRange;
  readonly scenarios: ScenarioSet;
  readonly calendarCharge: Rate;
  readonly shortOptionMinimum: Rate;
  readonly extremeLoss: ExtremeLoss;
  readonly lastDayAddition: Rate;
  readonly lastDay: LastDay;
  readonly time: ModelTime;
  readonly cashRange: CashRange;
  readonly cashExtremeLoss: Rate;
  readonly cashMinimum: Rate;
  readonly paidInFull: Rate;
  readonly snapshots: Snapshots;
  readonly penalty: Penalty;
  readonly throttle: Throttle;
}

interface Keys {
  readonly scanRange: ScanKind;
  readonly scenarios: 'all';
  readonly calendarCharge: UnderlyingKind;
  readonly shortOptionMinimum: UnderlyingKind;
  readonly extremeLoss: UnderlyingKind;
  readonly lastDayAddition: UnderlyingKind;
  readonly lastDay: UnderlyingKind;
  readonly time: 'all';
  readonly cashRange: CashGroup;
  readonly cashExtremeLoss: 'share' | 'broad-etf';
  readonly cashMinimum: 'all';
  readonly paidInFull: 'all';
  readonly snapshots: 'all';
  readonly penalty: 'all';
  readonly throttle: 'all';
}

export type MarginTables = {
  readonly [Table in keyof Rows]: Readonly<Record<Keys[Table], readonly Rows[Table][]>>;
};

/** An admin's rows, by table and key. */
export type MarginCorrections = {
  readonly [Table in keyof Rows]?: Readonly<Partial<Record<Keys[Table], readonly Rows[Table][]>>>;
};

export const NONE: MarginCorrections = {};

const CLEARING = 'NSE Clearing, SPAN risk parameters';
const REVIEW = `${CLEARING}, after SEBI's review of margins of 2020; first day inferred`;
const F_AND_O = 'NSE Clearing, margins of the derivatives segment; first day inferred';
const INDEX_MEASURES = 'SEBI circular of 1 October 2024 on index derivatives';
const CASH = 'NSE Clearing, margins of the cash segment; first day inferred';

/** When the review of 2020 came into force. */
const SINCE_REVIEW = '2020-05-01';
/** When all of the margin had to be there at the peak of the day. */
const SINCE_FULL_PEAK = '2021-09-01';

const scanned = { sigmas: 6, days: 2, volatilityShareBp: 2_500 } as const;
const inPairs = (moveThirds: number): readonly Scenario[] => [
  { moveThirds, volatility: 1, coverBp: 10_000 },
  { moveThirds, volatility: -1, coverBp: 10_000 },
];

export const MARGIN_TABLES: MarginTables = {
  scanRange: {
    index: [
      {
        from: SINCE_REVIEW,
        ...scanned,
        priceFloorBp: 930,
        volatilityFloorBp: 400,
        certainty: 'confirmed',
        source: REVIEW,
      },
    ],
    'index-long-dated': [
      {
        from: SINCE_REVIEW,
        ...scanned,
        priceFloorBp: 1_770,
        volatilityFloorBp: 400,
        certainty: 'confirmed',
        source: REVIEW,
      },
    ],
    stock: [
      {
        from: SINCE_REVIEW,
        ...scanned,
        priceFloorBp: 1_420,
        volatilityFloorBp: 1_000,
        certainty: 'confirmed',
        source: REVIEW,
      },
    ],
  },
  scenarios: {
    all: [
      {
        from: SINCE_REVIEW,
        scenarios: [
          ...[0, 1, -1, 2, -2, 3, -3].flatMap(inPairs),
          { moveThirds: 6, volatility: 0, coverBp: 3_500 },
          { moveThirds: -6, volatility: 0, coverBp: 3_500 },
        ],
        certainty: 'confirmed',
        source: REVIEW,
      },
    ],
  },
  calendarCharge: {
    index: [{ from: SINCE_REVIEW, basisPoints: 175, certainty: 'confirmed', source: REVIEW }],
    stock: [{ from: SINCE_REVIEW, basisPoints: 220, certainty: 'confirmed', source: REVIEW }],
  },
  shortOptionMinimum: {
    index: [
      {
        from: SINCE_REVIEW,
        basisPoints: 0,
        certainty: 'single-source',
        source: 'parameter files carry 0; older documents say 3 % of notional',
      },
    ],
    stock: [
      {
        from: SINCE_REVIEW,
        basisPoints: 0,
        certainty: 'single-source',
        source: 'parameter files carry 0; older documents say 7.5 % of notional',
      },
    ],
  },
  extremeLoss: {
    index: [
      {
        from: SINCE_REVIEW,
        basisPoints: 200,
        farOutBp: 300,
        farOutBeyondBp: 1_000,
        longDatedBp: 500,
        calendarPart: 3,
        certainty: 'single-source',
        source: `${F_AND_O}; the 2 % confirmed, the rest by one source`,
      },
    ],
    stock: [
      {
        from: SINCE_REVIEW,
        basisPoints: 350,
        farOutBp: 525,
        farOutBeyondBp: 3_000,
        longDatedBp: 350,
        calendarPart: 3,
        certainty: 'unconfirmed',
        source: `${F_AND_O}; 3.5 % confirmed, 5.25 % as in a file of rates of 20 August 2025, how far is far is not confirmed`,
      },
    ],
  },
  lastDayAddition: {
    index: [
      { from: SINCE_REVIEW, basisPoints: 0, certainty: 'confirmed', source: `nothing before the ${INDEX_MEASURES}` },
      { from: '2024-11-20', basisPoints: 200, certainty: 'confirmed', source: INDEX_MEASURES },
    ],
    stock: [{ from: SINCE_REVIEW, basisPoints: 0, certainty: 'confirmed', source: F_AND_O }],
  },
  lastDay: {
    index: [
      { from: SINCE_REVIEW, calendarBenefit: true, certainty: 'confirmed', source: F_AND_O },
      { from: '2025-02-10', calendarBenefit: false, certainty: 'confirmed', source: INDEX_MEASURES },
    ],
    stock: [
      { from: SINCE_REVIEW, calendarBenefit: true, certainty: 'confirmed', source: F_AND_O },
      {
        from: '2026-05-05',
        calendarBenefit: false,
        certainty: 'confirmed',
        source: 'SEBI circular of 5 February 2026 on calendar spreads of stock derivatives',
      },
    ],
  },
  time: {
    all: [
      {
        from: SINCE_REVIEW,
        yearDays: 365,
        // A settlement price was struck the evening before: on its last day an option had one day left when it was.
        leastDays: 1,
        longDatedMonths: 9,
        certainty: 'single-source',
        source: `${CLEARING}: published annual volatility is the daily one times the root of 365; the least time inferred`,
      },
    ],
  },
  cashRange: {
    I: [{ from: SINCE_REVIEW, sigmas: 6, floorBp: 900, certainty: 'confirmed', source: CASH }],
    II: [{ from: SINCE_REVIEW, sigmas: 6, floorBp: 2_150, certainty: 'confirmed', source: CASH }],
    'III-weekly': [{ from: SINCE_REVIEW, sigmas: 0, floorBp: 5_000, certainty: 'confirmed', source: CASH }],
    III: [{ from: SINCE_REVIEW, sigmas: 0, floorBp: 7_500, certainty: 'confirmed', source: CASH }],
    'broad-etf': [{ from: SINCE_REVIEW, sigmas: 6, floorBp: 600, certainty: 'confirmed', source: CASH }],
  },
  cashExtremeLoss: {
    share: [{ from: SINCE_REVIEW, basisPoints: 350, certainty: 'unconfirmed', source: CASH }],
    'broad-etf': [{ from: SINCE_REVIEW, basisPoints: 200, certainty: 'unconfirmed', source: CASH }],
  },
  cashMinimum: {
    all: [
      {
        from: SINCE_FULL_PEAK,
        basisPoints: 2_000,
        certainty: 'confirmed',
        source: "SEBI's framework of peak margin: 20 %, or value at risk and extreme loss",
      },
    ],
  },
  paidInFull: {
    all: [
      {
        from: SINCE_REVIEW,
        basisPoints: 10_000,
        certainty: 'confirmed',
        source: 'delivery, trade-for-trade and first days are paid in full; first day inferred',
      },
    ],
  },
  snapshots: {
    all: [
      {
        from: SINCE_FULL_PEAK,
        atLeast: 4,
        windows: [
          ['11:00', '11:30'],
          ['12:30', '13:00'],
          ['13:30', '14:00'],
          ['14:30', '15:00'],
        ],
        certainty: 'single-source',
        source: 'the number confirmed, the windows as reported by one source, before the close moved to 15:40',
      },
    ],
  },
  penalty: {
    all: [
      {
        from: SINCE_FULL_PEAK,
        smallBelowE4: 100_000 * 10_000,
        smallBelowBp: 1_000,
        smallBp: 50,
        otherBp: 100,
        repeatedBp: 500,
        repeatedFromDay: 4,
        repeatedBeyondDaysInMonth: 5,
        certainty: 'confirmed',
        source: 'penalties for short collection; first day that of the full peak margin',
      },
    ],
  },
  throttle: {
    all: [
      {
        from: SINCE_REVIEW,
        cautionBp: 8_000,
        blockedBp: 10_000,
        certainty: 'inferred',
        source: 'practice of risk desks, no rule',
      },
    ],
  },
};

/** The row of a table that holds on a date (`YYYY-MM-DD`, IST). `undefined` before its first one: nobody guesses. */
export const rowOn = <Table extends keyof Rows>(
  table: Table,
  key: Keys[Table],
  date: string,
  corrections: MarginCorrections = NONE,
): Rows[Table] | undefined => {
  const rows: readonly Rows[Table][] = MARGIN_TABLES[table][key];
  const ours: readonly Rows[Table][] | undefined = corrections[table]?.[key];
  return inForceOn(ours === undefined ? rows : overlaid(rows, ours), date);
};
