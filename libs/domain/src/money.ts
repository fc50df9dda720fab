import { refuse } from './decider';

/**
 * Amounts and prices are whole numbers of 1/10,000 rupee, named `…E4`: fine enough for a currency tick of Rs 0.0025, and a safe
 * integer up to Rs 90,000 crore. Nothing here, and nothing that uses it, computes money in binary fractions.
 */
export const E4_PER_RUPEE = 10_000;

/** No single price above this is accepted: Rs 1 crore per unit. The dearest listed share is near Rs 1.5 lakh. */
export const MAX_PRICE_E4 = 10_000_000 * E4_PER_RUPEE;

const DECIMAL = /^(\d{1,12})(?:\.(\d{1,4})0*)?$/;

/**
 * Reads a non-negative decimal rupee amount with at most four places, as JSON number or decimal text, exactly.
 * A number is read through its shortest decimal text, which is what was on the wire. Anything else is `undefined`.
 */
export const parseE4 = (rupees: number | string): number | undefined => {
  const [, whole, fraction = ''] = DECIMAL.exec(String(rupees)) ?? [];
  if (whole === undefined) return undefined;
  const amountE4 = Number(whole) * E4_PER_RUPEE + Number(fraction.padEnd(4, '0'));
  return Number.isSafeInteger(amountE4) ? amountE4 : undefined;
};

/** The exact decimal text of an amount, at least two and at most four places: `1412.3000` is `"1412.30"`. */
export const formatE4 = (amountE4: number): string => {
  const digits = String(Math.abs(amountE4)).padStart(5, '0');
  const fraction = digits.slice(-4).replace(/0{1,2}$/, '');
  return `${amountE4 < 0 ? '-' : ''}${digits.slice(0, -4)}.${fraction}`;
};

/**
 * The amount as the JSON number with the same decimal text. For output only: nothing computes with it. One division of whole
 * numbers is rounded once, to the same number that reading the text gives; `+ 0` because no amount is negative nothing.
 */
export const toRupees = (amountE4: number): number => amountE4 / E4_PER_RUPEE + 0;

/** Price times quantity, exactly. @throws Refused `money.too-large` above the safe integer range. */
export const valueOf = (priceE4: number, quantity: number): number => {
  const valueE4 = priceE4 * quantity;
  return Number.isSafeInteger(valueE4) ? valueE4 : refuse('money.too-large');
};

/** `part` of `whole` shares of an amount, rounded down to 1/10,000 rupee; all of it when `part` is `whole`. */
export const shareOf = (amountE4: number, part: number, whole: number): number =>
  part === whole ? amountE4 : Number((BigInt(amountE4) * BigInt(part)) / BigInt(whole));

/** Adds basis points (1/100 of a percent) to a price, rounded up: a margin must never fall short by rounding. */
export const addBasisPointsRoundedUp = (priceE4: number, basisPoints: number): number =>
  priceE4 + Math.ceil((priceE4 * basisPoints) / 10_000);

/** Basis points (1/100 of a percent) of an amount, rounded up: a margin must never fall short by rounding. */
export const basisPointsOfRoundedUp = (amountE4: number, basisPoints: number): number => {
  const rest = amountE4 % 10_000;
  return ((amountE4 - rest) / 10_000) * basisPoints + Math.ceil((rest * basisPoints) / 10_000);
};
