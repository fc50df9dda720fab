import type { UnderlyingFacts } from '../instruments/facts';
import { E4_PER_RUPEE } from '../money';
import { type ContractQuestion, type ContractRisk, contractRiskOf } from './contract-risk';

/** Contracts for specs, nothing that runs imports this file: an index at 24,000 that moves 1 % a day, twenty days before its options expire. */

export const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);

export const TODAY = '2026-09-01';
export const NEAR = '2026-09-21';
export const FAR = '2026-10-26';

const sourced = { effectiveFrom: TODAY, source: 'sample' } as const;

export const indexAt = (price: number, dailySigmaMillionths: number): UnderlyingFacts => ({
  symbol: 'NIFTY',
  kind: 'index',
  price: { ...sourced, priceE4: rupees(price) },
  dailySigma: { ...sourced, millionths: dailySigmaMillionths },
});

export const index = indexAt(24_000, 10_000);

export const share: UnderlyingFacts = {
  symbol: 'RELIANCE',
  kind: 'stock',
  price: { ...sourced, priceE4: rupees(1_700) },
  dailySigma: { ...sourced, millionths: 12_000 },
};

export const closedAt = (price: number) => ({ previousClose: { ...sourced, priceE4: rupees(price) } });

type Contract = ContractQuestion['instrument'];

export const future = (expiry = NEAR): Contract => ({
  instrumentKey: `NSE_FO|FUT ${expiry}`,
  segment: 'NSE_FO',
  instrumentType: 'FUT',
  expiry,
  underlyingSymbol: 'NIFTY',
});

export const option = (kind: 'CE' | 'PE', strike: number, expiry = NEAR): Contract => ({
  ...future(expiry),
  instrumentKey: `NSE_FO|${kind} ${String(strike)} ${expiry}`,
  instrumentType: kind,
  strikeE4: rupees(strike),
});

/** @throws Error what is missing: a sample lacks nothing. */
export const riskOf = (instrument: Contract, price: number, also: Partial<ContractQuestion> = {}): ContractRisk => {
  const risk = contractRiskOf({ instrument, facts: closedAt(price), underlying: index, date: TODAY, ...also });
  if ('missing' in risk) throw new Error(risk.missing);
  return risk;
};

/* ------------------------------------------------------------------------------------- worked example A, B */

/** Loss of one unit held, in rupees, by scenario. */
const ARRAYS = [
  [0, -76.01, -46.24, -73.89],
  [0, 65.17, 25.88, 62.95],
  [-744, -415.43, -248.91, 60.65],
  [-744, -241.93, -74.45, 103.49],
  [744, 67.11, 17.93, -401.12],
  [744, 108.39, 31.01, -237.43],
  [-1_488, -962.39, -660.06, 97.27],
  [-1_488, -884.7, -508.66, 104.68],
  [1_488, 103.87, 29.81, -948.72],
  [1_488, 109.48, 31.05, -887.02],
  [-2_232, -1_640.23, -1_257.09, 103.83],
  [-2_232, -1_622.6, -1_203.02, 104.68],
  [2_232, 109.1, 30.99, -1_636.66],
  [2_232, 109.49, 31.05, -1_627.33],
  [-1_562.4, -1_349.08, -1_201.53, 36.64],
  [1_562.4, 38.32, 10.87, -1_350.76],
] as const;

const arrayE4 = (column: 0 | 1 | 2 | 3): readonly number[] => ARRAYS.map((row) => rupees(row[column]));

const tabled: ContractRisk = {
  instrumentKey: 'FUT',
  underlying: 'NIFTY',
  kind: 'FUT',
  expiry: NEAR,
  multiplier: 1,
  priceE4: rupees(24_000),
  underlyingPriceE4: rupees(24_000),
  futurePriceE4: rupees(24_000),
  scenarioLossE4: arrayE4(0),
  deltaMillionths: 1_000_000,
  elmBp: 200,
  calendarChargeBp: 175,
  calendarPart: 3,
  shortOptionMinimumBp: 0,
  hasCalendarBenefit: true,
  reliable: true,
  asOf: TODAY,
};

/** The worked example's contracts with its own arrays: what the sums are proved on, whatever the model says. */
export const A = {
  future: tabled,
  farFuture: {
    ...tabled,
    instrumentKey: 'FAR FUT',
    expiry: FAR,
    priceE4: rupees(24_150),
    futurePriceE4: rupees(24_150),
  },
  call24500: {
    ...tabled,
    instrumentKey: '24500 CE',
    kind: 'CE',
    strikeE4: rupees(24_500),
    priceE4: rupees(109.49),
    scenarioLossE4: arrayE4(1),
    deltaMillionths: 253_900,
  },
  call25000: {
    ...tabled,
    instrumentKey: '25000 CE',
    kind: 'CE',
    strikeE4: rupees(25_000),
    priceE4: rupees(31.05),
    scenarioLossE4: arrayE4(2),
    deltaMillionths: 96_700,
  },
  put23500: {
    ...tabled,
    instrumentKey: '23500 PE',
    kind: 'PE',
    strikeE4: rupees(23_500),
    priceE4: rupees(104.68),
    scenarioLossE4: arrayE4(3),
    deltaMillionths: -238_600,
  },
} as const satisfies Record<string, ContractRisk>;
