import { refuse } from '../decider';
import { basisPointsOfRoundedUp, valueOf } from '../money';
import type { ContractRisk } from './contract-risk';

/** So many units of a contract, signed: what is sold is negative. */
export interface Leg {
  readonly risk: ContractRisk;
  readonly quantity: number;
}

/** What the contracts on one underlying need together. Amounts in 1/10,000 rupee; an estimate, never the broker's figure. */
export interface GroupMargin {
  /** Loss of all legs together in the worst scenario; of the months apart where that asks for less. */
  readonly scanE4: number;
  /** Its number in the table, from 1; 0 where no scenario loses anything. */
  readonly worstScenario: number;
  /** Charge for months that hedge each other. */
  readonly interMonthE4: number;
  readonly somE4: number;
  readonly spanRequirementE4: number;
  /** Market value of options held less that of options sold. */
  readonly netOptionValueE4: number;
  /** As the clearing corporation asks for it: the requirement less the net option value, not below 0. */
  readonly spanE4: number;
  readonly elmE4: number;
  readonly totalE4: number;
  /** As one large broker shows it: what stays blocked, and what must be there to place the orders. */
  readonly blockedE4: number;
  readonly toPlaceE4: number;
  /** Every contract margined alone. */
  readonly unhedgedE4: number;
  readonly benefitE4: number;
  /** False where the model is known to be off: an option held against a future, or an option without a volatility. */
  readonly reliable: boolean;
  /** The oldest day any of it was computed from; empty for nothing. */
  readonly asOf: string;
}

export interface PortfolioMargin {
  readonly groups: ReadonlyMap<string, GroupMargin>;
  readonly totalE4: number;
  readonly benefitE4: number;
  readonly unhedgedE4: number;
}

/* ----------------------------------------------------------------------------------------- contracts and months */

/**
 * One contract with what is held of it and what open orders may add (`buying` ≥ 0) or take away (`selling` ≤ 0), in units of
 * the underlying. Without orders both are 0, and everything below is exact.
 */
interface Contract {
  readonly risk: ContractRisk;
  held: number;
  buying: number;
  selling: number;
}

/** What nets freely: the contracts of one expiry. */
interface Month {
  readonly expiry: string;
  readonly hasCalendarBenefit: boolean;
  /** By scenario, at most: loss less option value. In row 0 nothing moves: option value alone. */
  readonly needE4: Float64Array;
  /** Between which delta and futures may end up, whichever orders fill. Equal without orders. */
  deltaLow: number;
  deltaHigh: number;
  futuresLow: number;
  futuresHigh: number;
  /** Value of one unit times basis points: for a calendar charge, and for the extreme loss margin of its futures, if any. */
  chargePerUnit: number;
  elmPerUnit: number | undefined;
  readonly calendarPart: number;
}

const add = (contracts: Map<string, Contract>, { risk, quantity }: Leg, isOrder: boolean): void => {
  if (quantity === 0) return;
  let contract = contracts.get(risk.instrumentKey);
  if (contract === undefined) {
    contract = { risk, held: 0, buying: 0, selling: 0 };
    contracts.set(risk.instrumentKey, contract);
  }
  const units = quantity * risk.multiplier;
  if (!isOrder) contract.held += units;
  else if (units > 0) contract.buying += units;
  else contract.selling += units;
};

/** Identical contracts net: what is bought and sold of one is a position of the difference. */
const contractsOf = (positions: readonly Leg[], orders: readonly Leg[]): readonly Contract[] => {
  const contracts = new Map<string, Contract>();
  for (const leg of positions) add(contracts, leg, false);
  for (const leg of orders) add(contracts, leg, true);
  const found: Contract[] = [];
  for (const contract of contracts.values())
    if (contract.held !== 0 || contract.buying !== 0 || contract.selling !== 0) found.push(contract);
  return found;
};

const isOption = ({ kind }: ContractRisk): boolean => kind !== 'FUT';

const monthOf = (
  months: Month[],
  { expiry, hasCalendarBenefit, calendarPart, scenarioLossE4 }: ContractRisk,
): Month => {
  for (const month of months) if (month.expiry === expiry) return month;
  const month: Month = {
    expiry,
    hasCalendarBenefit,
    needE4: new Float64Array(scenarioLossE4.length + 1),
    deltaLow: 0,
    deltaHigh: 0,
    futuresLow: 0,
    futuresHigh: 0,
    chargePerUnit: 0,
    elmPerUnit: undefined,
    calendarPart,
  };
  months.push(month);
  return month;
};

/** Adds what the contract needs at worst: of every order only what makes it worse, so that each row is a true maximum. */
const addNeeds = (needE4: Float64Array, { risk, held, buying, selling }: Contract): void => {
  const losses = risk.scenarioLossE4;
  const valueE4 = isOption(risk) ? risk.priceE4 : 0;
  for (let row = 0; row < needE4.length; row++) {
    const needOfOneE4 = (row === 0 ? 0 : (losses[row - 1] ?? 0)) - valueE4;
    const ordered = needOfOneE4 > 0 ? buying : selling;
    needE4[row] = (needE4[row] ?? 0) + (held + ordered) * needOfOneE4;
  }
};

/** By expiry, nearest first. */
const monthsOf = (contracts: readonly Contract[]): readonly Month[] => {
  const months: Month[] = [];
  for (const contract of contracts) {
    const { risk, held, buying, selling } = contract;
    const month = monthOf(months, risk);
    addNeeds(month.needE4, contract);
    const { deltaMillionths, futurePriceE4, calendarChargeBp } = risk;
    month.deltaLow += held * deltaMillionths + (deltaMillionths > 0 ? selling : buying) * deltaMillionths;
    month.deltaHigh += held * deltaMillionths + (deltaMillionths > 0 ? buying : selling) * deltaMillionths;
    month.chargePerUnit = Math.max(month.chargePerUnit, futurePriceE4 * calendarChargeBp);
    if (isOption(risk)) continue;
    const elmPerUnit = risk.priceE4 * risk.elmBp;
    month.elmPerUnit = Math.min(month.elmPerUnit ?? elmPerUnit, elmPerUnit);
    month.futuresLow += held + selling;
    month.futuresHigh += held + buying;
  }
  return months.sort((one, other) => (one.expiry < other.expiry ? -1 : 1));
};

const greatest = (needE4: Float64Array): number => {
  let most = Number.NEGATIVE_INFINITY;
  for (const needOfRowE4 of needE4) if (needOfRowE4 > most) most = needOfRowE4;
  return most;
};

/** All months that hedge each other, as one; `undefined` where there is only one or none. */
const together = (hedging: readonly Month[]): Float64Array | undefined => {
  const [first, second] = hedging;
  if (first === undefined || second === undefined) return undefined;
  const sum = new Float64Array(first.needE4.length);
  for (const { needE4 } of hedging)
    for (let row = 0; row < sum.length; row++) sum[row] = (sum[row] ?? 0) + (needE4[row] ?? 0);
  return sum;
};

const roundedUp = (amount: bigint, unit: bigint): number => Number((amount + unit - 1n) / unit);

/** One unit of delta is a million millionths, a share of 1 is ten thousand basis points. */
const CHARGE_UNIT = 10_000_000_000n;

/* -------------------------------------------------------------------------------------------- calendar spreads */

/** Pairs opposite amounts of different months, the nearest with the nearest first, and says each pair. */
const pairUp = (
  months: readonly Month[],
  amountOf: (month: Month) => number,
  paired: (near: Month, far: Month, amount: number) => void,
): void => {
  const left = months.map(amountOf);
  for (let near = 0; near < months.length; near++)
    for (let far = near + 1; far < months.length; far++) {
      const [one = 0, other = 0] = [left[near], left[far]];
      const [nearMonth, farMonth] = [months[near], months[far]];
      if (one * other >= 0 || nearMonth === undefined || farMonth === undefined) continue;
      const amount = Math.min(Math.abs(one), Math.abs(other));
      left[near] = one - Math.sign(one) * amount;
      left[far] = other - Math.sign(other) * amount;
      paired(nearMonth, farMonth, amount);
    }
};

/** The charge for every unit of delta that one month takes from another, on the far month's value. */
const chargeE4 = (hedging: readonly Month[]): number => {
  let charge = 0n;
  pairUp(
    hedging,
    ({ deltaLow }) => deltaLow,
    (_, far, deltas) => (charge += BigInt(deltas) * BigInt(far.chargePerUnit)),
  );
  return roundedUp(charge, CHARGE_UNIT);
};

/** No subset of the orders forms more spreads than this, nor dearer ones. */
const chargeAtMostE4 = (hedging: readonly Month[]): number => {
  let [longs, shorts, all, most, dearest] = [0, 0, 0, 0, 0];
  for (const [index, { deltaLow, deltaHigh, chargePerUnit }] of hedging.entries()) {
    const long = Math.max(0, deltaHigh);
    const short = Math.max(0, 0 - deltaLow);
    const either = Math.max(long, short);
    longs += long;
    shorts += short;
    all += either;
    most = Math.max(most, either);
    if (index > 0) dearest = Math.max(dearest, chargePerUnit);
  }
  return roundedUp(BigInt(Math.min(longs, shorts, all - most)) * BigInt(dearest), CHARGE_UNIT);
};

/** What a unit of a futures spread saves, times 10,000 and the part: both legs but that part of the far one. */
const savedPerUnit = (near: number, far: number, part: number): bigint =>
  BigInt(near) * BigInt(part) + BigInt(far) * BigInt(part - 1);

const partOf = (hedging: readonly Month[]): number => hedging[0]?.calendarPart ?? 1;

/** What calendar spreads of futures save of the extreme loss margin. Rounded down: a margin must never fall short by rounding. */
const savedE4 = (hedging: readonly Month[]): number => {
  const part = partOf(hedging);
  let saved = 0n;
  pairUp(
    hedging,
    ({ futuresLow }) => futuresLow,
    (near, far, futures) => (saved += BigInt(futures) * savedPerUnit(near.elmPerUnit ?? 0, far.elmPerUnit ?? 0, part)),
  );
  return Number(saved / (10_000n * BigInt(part)));
};

/** What they save for certain, whichever orders fill. */
const savedAtLeastE4 = (hedging: readonly Month[]): number => {
  const part = partOf(hedging);
  const rates: number[] = [];
  let [longs, shorts] = [0, 0];
  let least: bigint | undefined;
  for (const { futuresLow, futuresHigh, elmPerUnit } of hedging) {
    longs += Math.max(0, futuresLow);
    shorts += Math.max(0, 0 - futuresHigh);
    if (elmPerUnit === undefined) continue;
    for (const near of rates) {
      const saved = savedPerUnit(near, elmPerUnit, part);
      if (least === undefined || saved < least) least = saved;
    }
    rates.push(elmPerUnit);
  }
  return least === undefined ? 0 : Number((BigInt(Math.min(longs, shorts)) * least) / (10_000n * BigInt(part)));
};

/* -------------------------------------------------------------------------------------------------- the group */

/** Extreme loss margin of so many units at most, on what the rate is on: the contract's value, or the underlying's. */
const elmOfE4 = ({ risk, held, buying, selling }: Contract): number => {
  const units = isOption(risk)
    ? Math.max(0, 0 - (held + selling))
    : Math.max(Math.abs(held + selling), Math.abs(held + buying));
  return basisPointsOfRoundedUp(valueOf(isOption(risk) ? risk.underlyingPriceE4 : risk.priceE4, units), risk.elmBp);
};

const shortOptionMinimumE4 = ({ risk, held, selling }: Contract): number =>
  isOption(risk) && risk.shortOptionMinimumBp > 0
    ? basisPointsOfRoundedUp(
        valueOf(risk.underlyingPriceE4, Math.max(0, 0 - (held + selling))),
        risk.shortOptionMinimumBp,
      )
    : 0;

/** The worst loss (not below 0) of what nets freely, option value left out, and in which scenario. */
const scanOf = (needE4: Float64Array): { readonly lossE4: number; readonly scenario: number } => {
  const valueE4 = needE4[0] ?? 0;
  let [lossE4, scenario] = [0, 0];
  for (let row = 1; row < needE4.length; row++) {
    const rowLossE4 = (needE4[row] ?? 0) - valueE4;
    if (rowLossE4 > lossE4) [lossE4, scenario] = [rowLossE4, row];
  }
  return { lossE4, scenario };
};

interface Scanned {
  readonly scanE4: number;
  readonly worstScenario: number;
  readonly interMonthE4: number;
}

const sumOfScans = (parts: readonly Float64Array[]): Scanned => {
  let [scanE4, worstE4, worstScenario] = [0, 0, 0];
  for (const part of parts) {
    const { lossE4, scenario } = scanOf(part);
    scanE4 += lossE4;
    if (lossE4 > worstE4) [worstE4, worstScenario] = [lossE4, scenario];
  }
  return { scanE4, worstScenario, interMonthE4: 0 };
};

/**
 * Months hedge each other for a charge, except those that end today. Nobody has to take the offer: where the charge is
 * more than the hedge is worth (two options held, in two months), the months stand alone. So a hedge never costs more
 * than none.
 */
const scanned = (months: readonly Month[], hedging: readonly Month[]): Scanned => {
  const apart = sumOfScans(months.map(({ needE4 }) => needE4));
  const joint = together(hedging);
  if (joint === undefined) return apart;
  const ending = months.filter(({ hasCalendarBenefit }) => !hasCalendarBenefit);
  const hedged = sumOfScans([joint, ...ending.map(({ needE4 }) => needE4)]);
  const interMonthE4 = chargeE4(hedging);
  return hedged.scanE4 + interMonthE4 <= apart.scanE4 ? { ...hedged, interMonthE4 } : apart;
};

/** What one contract needs alone: the same sum without months and hedges. */
const aloneE4 = (contract: Contract): number => {
  const { risk, held } = contract;
  let worstE4 = 0;
  for (const lossE4 of risk.scenarioLossE4) worstE4 = Math.max(worstE4, held * lossE4);
  const valueE4 = isOption(risk) ? held * risk.priceE4 : 0;
  return Math.max(0, Math.max(worstE4, shortOptionMinimumE4(contract)) - valueE4) + elmOfE4(contract);
};

/** An option that is held against a future: the exchange grants less than the scenarios say. */
const hasDoubtfulOffset = (contracts: readonly Contract[]): boolean =>
  contracts.some(
    ({ risk, held }) =>
      isOption(risk) &&
      held > 0 &&
      contracts.some((other) => !isOption(other.risk) && risk.deltaMillionths * other.held < 0),
  );

const exact = (amountE4: number): number => (Number.isSafeInteger(amountE4) ? amountE4 : refuse('money.too-large'));

/**
 * The margin of contracts on one underlying, of one client. @throws Refused `money.too-large` above the safe range.
 */
export const groupMargin = (legs: readonly Leg[]): GroupMargin => {
  const contracts = contractsOf(legs, []);
  const months = monthsOf(contracts);
  const hedging = months.filter(({ hasCalendarBenefit }) => hasCalendarBenefit);
  const { scanE4, worstScenario, interMonthE4 } = scanned(months, hedging);
  let [heldE4, soldE4, somE4, elmE4, unhedgedE4, isLongOnly] = [0, 0, 0, 0 - savedE4(hedging), 0, true];
  for (const contract of contracts) {
    const { risk, held } = contract;
    if (isOption(risk) && held > 0) heldE4 += valueOf(risk.priceE4, held);
    else isLongOnly = false;
    if (isOption(risk) && held < 0) soldE4 += valueOf(risk.priceE4, 0 - held);
    somE4 += shortOptionMinimumE4(contract);
    elmE4 += elmOfE4(contract);
    unhedgedE4 += aloneE4(contract);
  }
  const netOptionValueE4 = heldE4 - soldE4;
  const spanRequirementE4 = exact(Math.max(scanE4 + interMonthE4, somE4));
  const spanE4 = Math.max(0, spanRequirementE4 - netOptionValueE4);
  const totalE4 = exact(spanE4 + elmE4);
  // A broker asks the premium of an option that is bought, and blocks nothing once it is paid.
  const blockedE4 = isLongOnly ? 0 : spanRequirementE4 + elmE4;
  return {
    scanE4,
    worstScenario,
    interMonthE4,
    somE4,
    spanRequirementE4,
    netOptionValueE4,
    spanE4,
    elmE4,
    totalE4,
    blockedE4,
    toPlaceE4: isLongOnly ? heldE4 : blockedE4 + soldE4,
    unhedgedE4: exact(unhedgedE4),
    benefitE4: unhedgedE4 - totalE4,
    reliable: contracts.every(({ risk }) => risk.reliable) && !hasDoubtfulOffset(contracts),
    asOf: contracts.reduce((day, { risk: { asOf } }) => (day === '' || asOf < day ? asOf : day), ''),
  };
};

/**
 * What the group needs at worst, whichever of the open orders fill, in whatever order: never less than `groupMargin` of the
 * positions and any of the orders, and never less with one order more. The scan is the true maximum over all subsets,
 * because in each scenario the orders that make it worse are known; calendar charge and extreme loss margin are bounds.
 * An order that buys options counts nothing for itself: its premium is paid, and its value is at least what it can lose.
 * Without orders it is what `groupMargin` says. @throws Refused `money.too-large` above the safe range.
 */
export const worstCaseE4 = (positions: readonly Leg[], orders: readonly Leg[]): number => {
  if (orders.every(({ quantity }) => quantity === 0)) return groupMargin(positions).totalE4;
  const contracts = contractsOf(positions, orders);
  const months = monthsOf(contracts);
  const hedging = months.filter(({ hasCalendarBenefit }) => hasCalendarBenefit);
  let [apartE4, endingE4, valueE4] = [0, 0, 0];
  for (const { needE4, hasCalendarBenefit } of months) {
    const mostE4 = greatest(needE4);
    apartE4 += mostE4;
    if (!hasCalendarBenefit) endingE4 += mostE4;
    valueE4 += needE4[0] ?? 0;
  }
  const joint = together(hedging);
  const spanE4 =
    joint === undefined ? apartE4 : Math.min(apartE4, endingE4 + greatest(joint) + chargeAtMostE4(hedging));
  let [somE4, elmE4] = [0, 0 - savedAtLeastE4(hedging)];
  for (const contract of contracts) {
    somE4 += shortOptionMinimumE4(contract);
    elmE4 += elmOfE4(contract);
  }
  return exact(Math.max(0, spanE4, somE4 + valueE4) + elmE4);
};

/** Groups do not help each other: one per underlying, and their sum. */
export const portfolioMargin = (legs: readonly Leg[]): PortfolioMargin => {
  const byUnderlying = new Map<string, Leg[]>();
  for (const leg of legs) {
    const group = byUnderlying.get(leg.risk.underlying);
    if (group === undefined) byUnderlying.set(leg.risk.underlying, [leg]);
    else group.push(leg);
  }
  const groups = new Map<string, GroupMargin>();
  let [totalE4, unhedgedE4] = [0, 0];
  for (const [underlying, group] of byUnderlying) {
    const margin = groupMargin(group);
    groups.set(underlying, margin);
    totalE4 += margin.totalE4;
    unhedgedE4 += margin.unhedgedE4;
  }
  return { groups, totalE4: exact(totalE4), unhedgedE4: exact(unhedgedE4), benefitE4: unhedgedE4 - totalE4 };
};
