import { type Certainty, overlaid, type Dated, inForceOn } from '../dated';
import { type ChargedSecurity, isCash } from './security';

/** What is levied on the value of each side, in parts per billion. */
export interface RateRow extends Dated {
  readonly buyE9: number;
  readonly sellE9: number;
}

/** An admin's rows, by the name of their table. A table that is not known yet is begun: another group, another underlying. */
export interface RateCorrections {
  readonly rates?: readonly (RateRow & { readonly table: string })[];
}

/** What is levied on a security on one day; each is the row it comes from, so that an answer can say since when and why. */
export interface Rates {
  /** Securities or commodities transaction tax, and stamp duty: of what is delivered, and of what is squared off in the day. */
  readonly tax: { readonly delivered: RateRow; readonly squared: RateRow };
  readonly stamp: { readonly delivered: RateRow; readonly squared: RateRow };
  /** The exchange's charge with what it collects for its investor protection fund. */
  readonly exchange: RateRow;
  readonly sebi: RateRow;
  readonly gst: RateRow;
  /** No brokerage above this share of the value, whatever the plan says. */
  readonly brokerageCeiling: RateRow;
}

/* --------------------------------------------------------------------------------------------------- writing rows */

type Shape = (percent: number) => Pick<RateRow, 'buyE9' | 'sellE9'>;

/** 1 % is 10,000,000 parts per billion; percentages of the tables have at most five places. */
const fromPercent = (percent: number): number => Math.round(percent * 10_000_000);

const both: Shape = (percent) => ({ buyE9: fromPercent(percent), sellE9: fromPercent(percent) });
const seller: Shape = (percent) => ({ buyE9: 0, sellE9: fromPercent(percent) });
const buyer: Shape = (percent) => ({ buyE9: fromPercent(percent), sellE9: 0 });
const nobody = { buyE9: 0, sellE9: 0 } as const;

const row = (
  from: string,
  rate: Pick<RateRow, 'buyE9' | 'sellE9'>,
  source: string,
  certainty: Certainty = 'confirmed',
): RateRow => ({ from, ...rate, certainty, source });

/** Rupees per crore, the exchange's own charge and its investor protection fund: billed as one figure, never one on the other. */
const perCrore = (charge: number, fund = 0): Pick<RateRow, 'buyE9' | 'sellE9'> => {
  const rateE9 = Math.round(charge * 100) + Math.round(fund * 100);
  return { buyE9: rateE9, sellE9: rateE9 };
};

/* ----------------------------------------------------------------------------------------------------- the tables */

const FINANCE_2024 = 'Finance (No. 2) Act 2024';
const FATAX = 'Finance Act 2026; NSE/FATAX/73524';
const STAMP = 'Ministry of Finance, 30 Jun 2020: uniform stamp duty, buyer only';

const CIRCULARS = [
  ['2021-01-01', 'NSE/FA/46730'],
  ['2023-04-01', 'NSE/FA/56129'],
  ['2024-04-01', 'NSE/FA/61137'],
  ['2024-10-01', 'NSE/FA/64232: one rate, no slabs'],
  ['2026-03-01', 'NSE/FA/73061'],
] as const;

/** One charge and fund, rupees per crore, for each of the circulars. */
const nse = (...perCircular: readonly (readonly [charge: number, fund: number])[]): readonly RateRow[] =>
  CIRCULARS.flatMap(([from, source], n) => {
    const rupees = perCircular[n];
    return rupees === undefined ? [] : [row(from, perCrore(...rupees), source)];
  });

const nseFutures = nse([200, 0.01], [190, 10], [188, 10], [173, 10], [182.99, 0.01]);
/** On the premium. A summary splits the last row as 3,552 + 1: the total is the same. */
const nseOptions = nse([5_300, 0.01], [5_000, 50], [4_950, 50], [3_503, 50], [3_552.99, 0.01]);
const bseFutures = [row('2019-08-19', nobody, 'BSE 20190819-14')];
const bseTopOptions = [
  row('2024-05-13', perCrore(4_950), 'BSE 20240430-42: the top slab, dearest of that time'),
  row('2024-10-01', perCrore(3_250), 'BSE 20240927-37'),
];
const bseOtherOptions = [row('2024-10-01', perCrore(500), 'exchange and broker pages of 2026; first day inferred')];

const futuresTax = [
  row('2023-04-01', seller(0.0125), 'in force until 30 Sep 2024; first day inferred: Finance Act 2023'),
  row('2024-10-01', seller(0.02), FINANCE_2024),
  row('2026-04-01', seller(0.05), FATAX),
];
const optionsTax = [
  row('2023-04-01', seller(0.0625), 'on the premium, in force until 30 Sep 2024; first day inferred: Finance Act 2023'),
  row('2024-10-01', seller(0.1), FINANCE_2024),
  row('2026-04-01', seller(0.15), FATAX),
];
const squaredTax = (certainty: Certainty) => [
  row('2012-07-01', seller(0.025), 'exchange and broker pages of 2026; first day inferred', certainty),
];
const noTax = [row('2012-07-01', nobody, 'not a taxable security; first day inferred')];

/** BSE charges a share by its group. Group X is in real masters and in no list: taken with Z, the dearer of its neighbours. */
const BSE_GROUPS: readonly (readonly [groups: readonly string[], rupees: number, source: string, Certainty])[] = [
  [['A', 'B'], 375, 'BSE 20221109-7', 'confirmed'],
  [
    ['E', 'F', 'FC', 'G', 'GC', 'I', 'W', 'T', 'M', 'MT', 'MS', 'TS'],
    275,
    'broker pages of 2026; first day inferred',
    'single-source',
  ],
  [['Z', 'ZP', 'XC', 'XD', 'XT'], 10_000, 'broker pages of 2026; first day inferred', 'confirmed'],
  [['X'], 10_000, 'as groups XC, XD, XT and Z; first day inferred', 'inferred'],
  [['P', 'R', 'SS', 'ST'], 100_000, 'broker pages of 2026; first day inferred', 'single-source'],
];

/**
 * Every levy with its history: rows sorted by date. The name of a table is what is levied, and on what. Where one has a row
 * for the group or for the underlying (`exchange BSE cash A`), it is meant; otherwise the one without.
 *
 * Not told apart, and taken at the rate that is known: agricultural commodities, which are exempt from the tax. Investor
 * protection fund on currency (2023: Rs 0.05 a lakh, options Rs 2) is not in these figures: nobody could say if it is billed.
 */
const TABLES: ReadonlyMap<string, readonly RateRow[]> = new Map<string, readonly RateRow[]>([
  ['gst', [row('2017-07-01', both(18), 'goods and services tax')]],
  [
    'sebi',
    [
      row('2019-04-01', both(0.0001), 'SEBI'),
      row('2020-06-01', both(0.00005), 'SEBI, relief until March 2021'),
      row('2021-04-01', both(0.0001), 'SEBI'),
    ],
  ],
  ['brokerage ceiling', [row('2012-07-01', both(2.5), 'SEBI; first day inferred')]],

  ['tax equity delivered', [row('2012-07-01', both(0.1), 'NSE/FATAX/63809, NSE/FATAX/73524')]],
  ['tax equity squared', squaredTax('confirmed')],
  ['tax equity-etf delivered', [row('2013-06-01', seller(0.001), 'Finance Act 2013')]],
  ['tax equity-etf squared', squaredTax('inferred')],
  ['tax other-etf', noTax],
  ['tax future', futuresTax],
  ['tax option', optionsTax],
  ['tax currency', noTax],
  ['tax commodity-future', [row('2013-07-01', seller(0.01), 'Finance Act 2013; first day inferred')]],
  ['tax commodity-option', [row('2018-04-01', seller(0.05), 'on the premium; first day inferred')]],
  [
    'tax exercise', // on what the option is worth, paid by its holder
    [
      row('2019-09-01', seller(0.125), 'in force until 31 Mar 2026; first day inferred'),
      row('2026-04-01', seller(0.15), FATAX),
    ],
  ],

  ['stamp equity delivered', [row('2020-07-01', buyer(0.015), STAMP)]],
  ['stamp equity squared', [row('2020-07-01', buyer(0.003), STAMP)]],
  ['stamp etf delivered', [row('2020-07-01', buyer(0.015), `${STAMP}; as a share`, 'unconfirmed')]],
  ['stamp etf squared', [row('2020-07-01', buyer(0.003), `${STAMP}; as a share`, 'unconfirmed')]],
  ['stamp future', [row('2020-07-01', buyer(0.002), STAMP)]],
  ['stamp option', [row('2020-07-01', buyer(0.003), STAMP)]],
  ['stamp currency', [row('2020-07-01', buyer(0.0001), STAMP)]],
  ['stamp commodity-future', [row('2020-07-01', buyer(0.002), STAMP)]],
  ['stamp commodity-option', [row('2020-07-01', buyer(0.003), STAMP)]],
  ['stamp exercise', [row('2020-07-01', nobody, 'none assumed', 'unconfirmed')]],

  ['exchange NSE cash', nse([345, 0.01], [325, 10], [322, 10], [297, 10], [306.99, 0.01])],
  ...BSE_GROUPS.flatMap(([groups, rupees, source, certainty]) =>
    groups.map(
      (group) => [`exchange BSE cash ${group}`, [row('2022-12-01', perCrore(rupees), source, certainty)]] as const,
    ),
  ),
  ['exchange NSE index-future', nseFutures],
  ['exchange NSE stock-future', nseFutures],
  ['exchange NSE index-option', nseOptions],
  ['exchange NSE stock-option', nseOptions],
  ['exchange BSE index-future', bseFutures],
  ['exchange BSE stock-future', bseFutures],
  ['exchange BSE index-option SENSEX', bseTopOptions],
  ['exchange BSE index-option BANKEX', bseTopOptions],
  ['exchange BSE index-option SENSEX50', bseOtherOptions],
  ['exchange BSE stock-option', bseOtherOptions],
  ['exchange NSE currency-future', [row('2024-10-01', perCrore(35), 'broker pages of 2026; first day inferred')]],
  ['exchange NSE currency-option', [row('2024-10-01', perCrore(3_110), 'broker pages of 2026; first day inferred')]],
  ['exchange BSE currency-future', [row('2024-10-01', perCrore(45), 'broker pages of 2026; first day inferred')]],
  ['exchange BSE currency-option', [row('2024-10-01', perCrore(100), 'broker pages of 2026; first day inferred')]],
  ['exchange MCX commodity-future', [row('2024-10-01', perCrore(210), 'broker pages of 2026; first day inferred')]],
  ['exchange MCX commodity-option', [row('2024-10-01', perCrore(4_180), 'broker pages of 2026; first day inferred')]],
  ['exchange exercise', [row('2020-07-01', nobody, 'none assumed', 'unconfirmed')]],
  ['sebi exercise', [row('2020-07-01', nobody, 'none assumed', 'unconfirmed')]],
]);

/* ------------------------------------------------------------------------------------------------------- look-up */

interface Names {
  readonly tax: { readonly delivered: string; readonly squared: string };
  readonly stamp: { readonly delivered: string; readonly squared: string };
  readonly exchange: string;
}

const cash = (tax: Names['tax'], stamp: string): Names => ({
  tax,
  stamp: { delivered: `stamp ${stamp} delivered`, squared: `stamp ${stamp} squared` },
  exchange: 'cash',
});

/** A contract is not delivered: the same whether or not it is closed within the day. */
const contract = (exchange: string, tax: string, stamp = tax): Names => ({
  tax: { delivered: `tax ${tax}`, squared: `tax ${tax}` },
  stamp: { delivered: `stamp ${stamp}`, squared: `stamp ${stamp}` },
  exchange,
});

const NAMES: Readonly<Record<ChargedSecurity['kind'], Names>> = {
  equity: cash({ delivered: 'tax equity delivered', squared: 'tax equity squared' }, 'equity'),
  'equity-etf': cash({ delivered: 'tax equity-etf delivered', squared: 'tax equity-etf squared' }, 'etf'),
  'other-etf': cash({ delivered: 'tax other-etf', squared: 'tax other-etf' }, 'etf'),
  'index-future': contract('index-future', 'future'),
  'stock-future': contract('stock-future', 'future'),
  'index-option': contract('index-option', 'option'),
  'stock-option': contract('stock-option', 'option'),
  'currency-future': contract('currency-future', 'currency'),
  'currency-option': contract('currency-option', 'currency'),
  'commodity-future': contract('commodity-future', 'commodity-future'),
  'commodity-option': contract('commodity-option', 'commodity-option'),
};

type Tables = ReadonlyMap<string, readonly RateRow[]>;

const UNCORRECTED: RateCorrections = {};

/** Merged once for each set of corrections, which changes a few times a year and is asked for with every order. */
const merged = new WeakMap<RateCorrections, Tables>();

/** Every table by its name, with an admin's rows in it. */
export const rateTables = (corrections: RateCorrections = UNCORRECTED): Tables => {
  if (corrections.rates === undefined) return TABLES;
  const known = merged.get(corrections);
  if (known !== undefined) return known;
  const tables = new Map(TABLES);
  for (const { table, ...rate } of corrections.rates) tables.set(table, overlaid(tables.get(table) ?? [], [rate]));
  merged.set(corrections, tables);
  return tables;
};

/** What is levied on a security on a trade date (`YYYY-MM-DD`, IST), or `undefined` where one of it is not known. */
export const ratesOn = (
  date: string,
  { exchange, kind, group, underlyingSymbol }: ChargedSecurity,
  corrections: RateCorrections = UNCORRECTED,
): Rates | undefined => {
  const names = NAMES[kind];
  const name = `exchange ${exchange} ${names.exchange}`;
  const special = isCash(kind) ? group : underlyingSymbol;
  return collect(date, rateTables(corrections), {
    ...names,
    exchange: special === undefined ? [name] : [`${name} ${special}`, name],
    sebi: 'sebi',
  });
};

/** What is levied when an option is exercised, on what it is worth; its holder counts as a seller. */
export const exerciseRatesOn = (date: string, corrections: RateCorrections = UNCORRECTED): Rates | undefined =>
  collect(date, rateTables(corrections), {
    tax: { delivered: 'tax exercise', squared: 'tax exercise' },
    stamp: { delivered: 'stamp exercise', squared: 'stamp exercise' },
    exchange: ['exchange exercise'],
    sebi: 'sebi exercise',
  });

const collect = (
  date: string,
  tables: Tables,
  names: Pick<Names, 'tax' | 'stamp'> & { readonly exchange: readonly string[]; readonly sebi: string },
): Rates | undefined => {
  const rowOf = (name: string): RateRow | undefined => inForceOn(tables.get(name), date);
  const tax = { delivered: rowOf(names.tax.delivered), squared: rowOf(names.tax.squared) };
  const stamp = { delivered: rowOf(names.stamp.delivered), squared: rowOf(names.stamp.squared) };
  const exchange = names.exchange.map(rowOf).find((found) => found !== undefined);
  const [sebi, gst, brokerageCeiling] = [rowOf(names.sebi), rowOf('gst'), rowOf('brokerage ceiling')];
  return tax.delivered && tax.squared && stamp.delivered && stamp.squared && exchange && sebi && gst && brokerageCeiling
    ? {
        tax: { delivered: tax.delivered, squared: tax.squared },
        stamp: { delivered: stamp.delivered, squared: stamp.squared },
        exchange,
        sebi,
        gst,
        brokerageCeiling,
      }
    : undefined;
};
