import type { Exchange } from '../instruments/instrument';
import { inForceOn } from '../dated';
import type { Holiday, SpecialSession } from './holidays';
import { secondOf } from './ist';
import { CLASS_RULES, type ClassRule, PHASE_RULES, type PhaseRule } from './phase-rules';
import { EVENING, type PhaseClass, type PhaseName, type PhaseTable, type WindowText } from './phases';
import type { SegmentClass } from './venues';

/** Whether anything is traded on a day, and what of it. */
export type MarketDay = OpenDay | ClosedDay | UnknownDay;

export interface OpenDay {
  readonly status: 'open';
  readonly date: string;
  readonly part: 'day' | 'morning' | 'evening';
  /** Money and shares move: not on a bank holiday, nor on a special session. */
  readonly settles: boolean;
  readonly special?: SpecialSession;
  readonly holiday?: Holiday;
}

export interface ClosedDay {
  readonly status: 'closed';
  readonly date: string;
  readonly code: 'WEEKEND' | 'HOLIDAY';
  readonly reason: string;
  readonly source: string;
}

export interface UnknownDay {
  readonly status: 'unknown';
  readonly date: string;
  readonly code: 'CALENDAR_UNKNOWN' | 'SPECIAL_SESSION_TIMINGS_UNKNOWN';
  readonly reason: string;
  readonly source: string;
}

/** A phase of a day, ready to be asked. Times in seconds of the day, `end` just after the last one. */
export interface Window {
  readonly phase: PhaseName;
  readonly start: number;
  readonly end: number;
  readonly mayEndFrom: number;
  readonly rule: PhaseRule;
  /** The answer to most orders, made once. */
  readonly allowed: Allowed;
}

export interface Allowed {
  readonly allowed: true;
  readonly phase: PhaseName;
  readonly rule: string;
  readonly effectiveFrom: string;
  /** What may still go wrong, for the trader: a phase that may end at any second, a place in the queue that is lost. */
  readonly caution?: string;
}

/** The day of a class of instruments on an exchange. */
export interface DayPlan {
  readonly day: number;
  readonly date: string;
  readonly market: MarketDay;
  /** None on a closed day, and where no table covers the day. */
  readonly windows: readonly Window[];
  readonly table?: PhaseTable;
  readonly classRule?: ClassRule;
  /** The first day of its week that trades: some shares trade on no other. */
  readonly firstOfWeek: boolean;
  /** Futures that expire until this day take part in the pre-open. */
  readonly preOpenThrough?: string;
}

export const CLASS_OF: Readonly<Record<PhaseClass, SegmentClass>> = {
  cash: 'equity',
  'cash-closing-auction': 'equity',
  debt: 'equity',
  'listing-day': 'equity',
  'call-auction': 'equity',
  block: 'equity',
  'same-day': 'equity',
  future: 'derivatives',
  'future-pre-open': 'derivatives',
  option: 'derivatives',
  currency: 'currency',
  commodity: 'commodity',
  agri: 'commodity',
  'agri-evening': 'commodity',
};

/** Markets of their own, which a special session with hours of its own does not open. */
const APART: ReadonlySet<PhaseClass> = new Set(['block', 'same-day', 'call-auction', 'listing-day']);

export const EVENING_SECOND = secondOf(EVENING);

const windowsOn = (market: OpenDay, phaseClass: PhaseClass, table: PhaseTable): readonly WindowText[] => {
  // What is settled on the day of the trade needs a day on which money moves.
  if (phaseClass === 'same-day' && !market.settles) return [];
  const hours = market.special?.hours;
  return hours === undefined || typeof hours === 'string' ? table.windows : APART.has(phaseClass) ? [] : hours;
};

const within = ({ start, end }: { start: number; end: number }, part: OpenDay['part']) => ({
  start: part === 'evening' ? Math.max(start, EVENING_SECOND) : start,
  end: part === 'morning' ? Math.min(end, EVENING_SECOND) : end,
});

/** The table that covers a day, of one class on one exchange. */
export const tableOn = (
  tables: readonly PhaseTable[],
  exchange: Exchange,
  phaseClass: PhaseClass,
  date: string,
): PhaseTable | undefined =>
  inForceOn(
    tables.filter((table) => table.phaseClass === phaseClass && table.exchanges.includes(exchange)),
    date,
  );

export const windowsOf = (
  market: MarketDay,
  phaseClass: PhaseClass,
  table: PhaseTable | undefined,
): readonly Window[] => {
  if (market.status !== 'open' || table === undefined) return [];
  return windowsOn(market, phaseClass, table).flatMap(({ phase, mayEndFrom, ...text }) => {
    const { start, end } = within({ start: secondOf(text.start), end: secondOf(text.end) }, market.part);
    if (start >= end) return [];
    const allowed = {
      allowed: true,
      phase,
      rule: market.special === undefined ? table.rule : `${market.special.name} session`,
      effectiveFrom: market.special === undefined ? table.from : market.date,
    } as const;
    return [
      {
        phase,
        start,
        end,
        mayEndFrom: mayEndFrom === undefined ? end : secondOf(mayEndFrom),
        rule: PHASE_RULES[phase],
        allowed,
      },
    ];
  });
};

export const classRuleOn = (phaseClass: PhaseClass, date: string): ClassRule | undefined =>
  inForceOn(
    CLASS_RULES.filter(({ classes }) => classes.includes(phaseClass)),
    date,
  );
