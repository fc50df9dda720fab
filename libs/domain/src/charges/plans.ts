import type { Product } from '../orders/order';
import { type Certainty, overlaid, type Dated, inForceOn } from '../dated';
import { type Exact, exactly, atRate, lesser, NOTHING } from './exact';
import { type ChargedSecurity, isCash } from './security';

/* ----------------------------------------------------------------------------------------------------- brokerage */

export type PlanSegment =
  | 'delivery'
  | 'intraday'
  | 'mtf'
  | 'future'
  | 'option'
  | 'currency-future'
  | 'currency-option'
  | 'commodity-future'
  | 'commodity-option';

/** A share of an executed order's value, or an amount for it: what is absent does not count. The floor comes before the cap. */
export interface BrokerageRule {
  readonly shareE9?: number;
  readonly flatE4?: number;
  readonly floorE4?: number;
  readonly capE4?: number;
  /** A clearing charge beside the brokerage, on the value of every trade. */
  readonly clearingE9?: number;
}

interface OfPlan {
  readonly broker: string;
  readonly plan: string;
}

export interface BrokerageRow extends Dated, OfPlan {
  readonly segment: PlanSegment;
  readonly rule: BrokerageRule;
}

/** `PAISE`: tax and stamp duty as they are, to the paisa. `RUPEE_VIA_PAISE`: then to the whole rupee, as most notes bill them. */
export type Rounding = 'PAISE' | 'RUPEE_VIA_PAISE';

/** What a plan says beside its brokerage. */
export interface TermsRow extends Dated, OfPlan {
  readonly rounding: Rounding;
  /** Of the commodities transaction tax, where brokers differ more. */
  readonly cttRounding: Rounding;
  /** For every scrip of which more was sold than bought on a day; with GST in it, or GST on top. */
  readonly dp: { readonly amountE4: number; readonly withGst: boolean };
  /** Whether brokerage is due when an option is exercised. */
  readonly exerciseBrokerage: boolean;
}

/** Interest on what a broker funds, by the calendar day: a share of it, or an amount for every slab that is begun. */
export interface InterestRow extends Dated, OfPlan {
  readonly perDay: { readonly shareE9: number } | { readonly slabE4: number; readonly chargeE4: number };
}

/** An admin's rows: a plan that nobody knows yet, a promotional price, another figure from another day on. */
export interface PlanCorrections {
  readonly brokerage?: readonly BrokerageRow[];
  readonly terms?: readonly TermsRow[];
  readonly interest?: readonly InterestRow[];
}

/** The plan of everybody who chose none: Zerodha's only one, Upstox Basic, and so on. */
export const DEFAULT_PLAN = 'default';

/* --------------------------------------------------------------------------------------------------- writing rows */

const RUPEE_E4 = 10_000;
const percent = (share: number): number => Math.round(share * 10_000_000);
const upTo = (sharePercent: number, capRupees: number): BrokerageRule => ({
  shareE9: percent(sharePercent),
  capE4: capRupees * RUPEE_E4,
});
const flat = (rupees: number): BrokerageRule => ({ flatE4: rupees * RUPEE_E4 });
const FREE: BrokerageRule = { flatE4: 0 };

/** Plans were read in September and October 2026. They are older than that; since when, no page says. */
const FROM = '2024-10-01';
const READ = 'broker pages, Sep-Oct 2026; first day inferred';

type Line = readonly [segment: PlanSegment, rule: BrokerageRule, certainty?: Certainty, source?: string];

const plan = (broker: string, lines: readonly Line[]): readonly BrokerageRow[] =>
  lines.map(([segment, rule, certainty = 'confirmed', source = READ]) => ({
    broker,
    plan: DEFAULT_PLAN,
    segment,
    rule,
    from: FROM,
    certainty,
    source,
  }));

const zerodha: readonly Line[] = [
  ['delivery', FREE],
  ['intraday', upTo(0.03, 20)],
  ['mtf', upTo(0.3, 20), 'single-source'],
  ['future', upTo(0.03, 20)],
  ['option', flat(20)],
  ['currency-future', upTo(0.03, 20)],
  ['currency-option', flat(20)],
  ['commodity-future', upTo(0.03, 20)],
  ['commodity-option', flat(20)],
];

/** One source bills every future at Rs 20. */
const upstox: readonly Line[] = [
  ['delivery', upTo(2.5, 20)],
  ['intraday', upTo(0.1, 20)],
  ['mtf', upTo(2.5, 20), 'single-source'],
  ['future', upTo(0.05, 20)],
  ['option', flat(20)],
  ['currency-future', upTo(0.05, 20)],
  ['currency-option', flat(20)],
  ['commodity-future', upTo(0.05, 20)],
  ['commodity-option', flat(20)],
];

const clearing = (rule: BrokerageRule, sharePercent: number): BrokerageRule => ({
  ...rule,
  clearingE9: percent(sharePercent),
});
const FYERS_PAGE = 'support page of the broker, 2025; first day inferred';

const fyers: readonly Line[] = [
  ['delivery', upTo(0.3, 20), 'single-source', FYERS_PAGE],
  ['intraday', upTo(0.03, 20), 'single-source', FYERS_PAGE],
  ['mtf', upTo(0.3, 20), 'unconfirmed', 'as delivery'],
  ['future', clearing(upTo(0.03, 20), 0.0005), 'single-source', FYERS_PAGE],
  ['option', clearing(flat(20), 0.009), 'single-source', FYERS_PAGE],
  ['currency-future', upTo(0.03, 20), 'inferred', 'as commodity futures'],
  ['currency-option', flat(20), 'inferred', 'as commodity options'],
  ['commodity-future', clearing(upTo(0.03, 20), 0.0018), 'single-source', FYERS_PAGE],
  ['commodity-option', clearing(flat(20), 0.05), 'single-source', FYERS_PAGE],
];

const withFloor = (rule: BrokerageRule, rupees: number): BrokerageRule => ({ ...rule, floorE4: rupees * RUPEE_E4 });

/** Older pages say 0.03 % for the intraday share. */
const angelOne: readonly Line[] = [
  ['delivery', withFloor(upTo(0.1, 20), 5)],
  ['intraday', withFloor(upTo(0.1, 20), 5), 'single-source'],
  ['mtf', withFloor(upTo(0.1, 20), 5), 'unconfirmed', 'as delivery'],
  ['future', flat(20)],
  ['option', flat(20)],
  ['currency-future', flat(20)],
  ['currency-option', flat(20)],
  ['commodity-future', flat(20)],
  ['commodity-option', flat(20)],
];

/** Paper trades cost what they would cost at Zerodha, so that what is practised on is what is paid. */
const BROKERAGE: readonly BrokerageRow[] = [
  ...plan('zerodha', zerodha),
  ...plan('upstox', upstox),
  ...plan('fyers', fyers),
  ...plan('angelone', angelOne),
  ...plan('paper', zerodha),
];

const terms = (
  broker: string,
  dpRupees: number,
  withGst: boolean,
  exerciseBrokerage: boolean,
  certainty: Certainty,
  source: string,
): TermsRow => ({
  broker,
  plan: DEFAULT_PLAN,
  from: FROM,
  certainty,
  source,
  rounding: 'RUPEE_VIA_PAISE',
  cttRounding: 'RUPEE_VIA_PAISE',
  dp: { amountE4: Math.round(dpRupees * RUPEE_E4), withGst },
  exerciseBrokerage,
});

const ZERODHA_TERMS = 'charges page: 3.50 depository + 9.50 broker + 2.34 GST; exercised options Rs 20';

const TERMS: readonly TermsRow[] = [
  terms('zerodha', 15.34, true, true, 'confirmed', ZERODHA_TERMS),
  terms('upstox', 20, false, true, 'confirmed', 'charges page; one source has the GST within; exercise as an order'),
  terms('fyers', 3.5, false, true, 'single-source', 'support page; exercise as an order; discounts exist'),
  terms('angelone', 20, false, true, 'confirmed', 'charges page, per ISIN; exercise as an order'),
  terms('paper', 15.34, true, true, 'confirmed', ZERODHA_TERMS),
];

const interest = (
  broker: string,
  perDay: InterestRow['perDay'],
  certainty: Certainty,
  source: string,
  planName = DEFAULT_PLAN,
): InterestRow => ({ broker, plan: planName, from: FROM, certainty, source, perDay });

const slab = (slabRupees: number, chargeRupees: number): InterestRow['perDay'] => ({
  slabE4: slabRupees * RUPEE_E4,
  chargeE4: chargeRupees * RUPEE_E4,
});

/** FYERS has tiers that nobody confirmed: no row. */
const INTEREST: readonly InterestRow[] = [
  interest('zerodha', { shareE9: percent(0.04) }, 'unconfirmed', 'charges page, 14.6 % a year'),
  interest('paper', { shareE9: percent(0.04) }, 'unconfirmed', 'as Zerodha'),
  interest('upstox', slab(40_000, 20), 'single-source', 'charges page, Basic'),
  interest('upstox', slab(50_000, 20), 'single-source', 'charges page, Plus', 'plus'),
  interest('angelone', { shareE9: Math.round(percent(15) / 365) }, 'unconfirmed', 'about 15 % a year'),
];

/* -------------------------------------------------------------------------------------------------------- look-up */

type Book<Row> = ReadonlyMap<string, readonly Row[]>;

const keyOf = ({ broker, plan: name }: OfPlan, segment = ''): string => `${broker}/${name}/${segment}`;

const brokerageKey = (row: BrokerageRow): string => keyOf(row, row.segment);
const planKey = (row: OfPlan): string => keyOf(row);

const bookOf = <Row extends Dated>(rows: readonly Row[], key: (row: Row) => string): Book<Row> => {
  const book = new Map<string, readonly Row[]>();
  for (const row of rows) book.set(key(row), overlaid(book.get(key(row)) ?? [], [row]));
  return book;
};

interface Books {
  readonly brokerage: Book<BrokerageRow>;
  readonly terms: Book<TermsRow>;
  readonly interest: Book<InterestRow>;
}

const booksOf = (corrections: PlanCorrections): Books => ({
  brokerage: bookOf([...BROKERAGE, ...(corrections.brokerage ?? [])], brokerageKey),
  terms: bookOf([...TERMS, ...(corrections.terms ?? [])], planKey),
  interest: bookOf([...INTEREST, ...(corrections.interest ?? [])], planKey),
});

const UNCORRECTED: PlanCorrections = {};

/** Put together once for each set of corrections, as the rates are. */
const known = new WeakMap<PlanCorrections, Books>();

/** Every row of every plan, with an admin's in it, by `broker/plan/segment`. */
export const planBooks = (corrections: PlanCorrections = UNCORRECTED): Books => {
  const kept = known.get(corrections);
  if (kept !== undefined) return kept;
  const books = booksOf(corrections);
  known.set(corrections, books);
  return books;
};

/** How a plan prices an order of a product, or `undefined` where the product does not fit the security. */
export const planSegmentOf = ({ kind }: Pick<ChargedSecurity, 'kind'>, product: Product): PlanSegment | undefined => {
  if (isCash(kind)) return CASH_SEGMENTS[product];
  if (product === 'CNC' || product === 'MTF') return undefined;
  switch (kind) {
    case 'index-future':
    case 'stock-future':
      return 'future';
    case 'index-option':
    case 'stock-option':
      return 'option';
    case 'currency-future':
    case 'currency-option':
    case 'commodity-future':
    case 'commodity-option':
      return kind;
  }
};

const CASH_SEGMENTS: Readonly<Record<Product, PlanSegment | undefined>> = {
  CNC: 'delivery',
  MIS: 'intraday',
  MTF: 'mtf',
  NRML: undefined,
};

export interface PlanOn {
  readonly broker: string;
  readonly plan?: string;
  readonly date: string;
}

const named = ({ broker, plan: name = DEFAULT_PLAN }: PlanOn): OfPlan => ({ broker, plan: name });

export const brokerageOn = (
  on: PlanOn,
  segment: PlanSegment,
  corrections: PlanCorrections = UNCORRECTED,
): BrokerageRow | undefined => inForceOn(planBooks(corrections).brokerage.get(keyOf(named(on), segment)), on.date);

export const termsOn = (on: PlanOn, corrections: PlanCorrections = UNCORRECTED): TermsRow | undefined =>
  inForceOn(planBooks(corrections).terms.get(keyOf(named(on))), on.date);

export const interestOn = (on: PlanOn, corrections: PlanCorrections = UNCORRECTED): InterestRow | undefined =>
  inForceOn(planBooks(corrections).interest.get(keyOf(named(on))), on.date);

/* ------------------------------------------------------------------------------------------------------ arithmetic */

/**
 * The brokerage of one executed order, all its fills together: never above the ceiling, which is stronger than a floor.
 * An order that traded nothing costs nothing.
 */
export const brokerageOf = (
  { shareE9, flatE4, floorE4, capE4 }: BrokerageRule,
  valueE4: number,
  ceilingE9: number,
): Exact => {
  const asked = flatE4 === undefined ? atRate(valueE4, shareE9 ?? 0) : exactly(flatE4);
  const floored = floorE4 === undefined || asked.e4 >= floorE4 ? asked : exactly(floorE4);
  const capped = capE4 === undefined ? floored : lesser(floored, exactly(capE4));
  return capped === NOTHING ? NOTHING : lesser(capped, atRate(valueE4, ceilingE9));
};
