import { impliedVolatility } from '#domain/margin/black76';
import { E4_PER_RUPEE } from '#domain/money';

import { daysBetween } from './dates';
import type { ContractPrice } from './rows';

/** A day's volatility as a fraction in millionths, and the expiry whose options it was taken from. */
export interface ImpliedSigma {
  readonly millionths: number;
  readonly expiry: string;
  /** Of a year, in basis points. */
  readonly annualBp: number;
}

/**
 * Options that live shorter than this say more about their last days than about the share; the month then is the next one.
 * Ours, not the exchange's.
 */
const SHORTEST_LIFE_DAYS = 7;
const YEAR_DAYS = 365;

/** What a call and a put at the money, explained by two volatilities this far apart, say is not believed. Ours. */
const LARGEST_DISAGREEMENT = 2;

/**
 * The volatility of one day that the settlement prices of a day imply for each underlying: of the near month, at the strike
 * nearest to the future of that month, the mean of call and put, by the root of 365 days. An underlying without a near future or
 * without a priced pair has none.
 */
export const impliedSigmas = (prices: Iterable<ContractPrice>, day: string): ReadonlyMap<string, ImpliedSigma> => {
  const books = new Map<string, ContractPrice[]>();
  for (const price of prices) {
    const book = books.get(price.contract.underlyingSymbol);
    if (book === undefined) books.set(price.contract.underlyingSymbol, [price]);
    else book.push(price);
  }
  return new Map(
    [...books].flatMap(([symbol, book]) => {
      const sigma = nearMonth(book, day);
      return sigma === undefined ? [] : [[symbol, sigma] as const];
    }),
  );
};

const nearMonth = (book: readonly ContractPrice[], day: string): ImpliedSigma | undefined => {
  const futures = book
    .filter(({ contract }) => contract.instrumentType === 'FUT')
    .filter(({ contract }) => daysBetween(day, contract.expiry) >= SHORTEST_LIFE_DAYS)
    .sort((a, b) => (a.contract.expiry < b.contract.expiry ? -1 : 1));
  const [near] = futures;
  return near === undefined ? undefined : atTheMoney(book, near, day);
};

const atTheMoney = (book: readonly ContractPrice[], future: ContractPrice, day: string): ImpliedSigma | undefined => {
  const { expiry } = future.contract;
  const strikes = new Map<number, { CE?: number; PE?: number }>();
  for (const { contract, priceE4 } of book) {
    const { instrumentType, strikeE4 } = contract;
    if (instrumentType === 'FUT' || strikeE4 === undefined || contract.expiry !== expiry) continue;
    strikes.set(strikeE4, { ...strikes.get(strikeE4), [instrumentType]: priceE4 });
  }
  const years = daysBetween(day, expiry) / YEAR_DAYS;
  const [nearest] = [...strikes]
    .flatMap(([strikeE4, { CE, PE }]) => (CE === undefined || PE === undefined ? [] : [{ strikeE4, CE, PE }]))
    .sort(
      (a, b) =>
        Math.abs(a.strikeE4 - future.priceE4) - Math.abs(b.strikeE4 - future.priceE4) || a.strikeE4 - b.strikeE4,
    );
  if (nearest === undefined) return undefined;
  // Volatility is no money: it is computed in binary fractions and rounded once, below.
  const volatilityOf = (kind: 'CE' | 'PE') =>
    impliedVolatility(
      { kind, strike: nearest.strikeE4 / E4_PER_RUPEE, years },
      future.priceE4 / E4_PER_RUPEE,
      nearest[kind] / E4_PER_RUPEE,
    );
  const [call, put] = [volatilityOf('CE'), volatilityOf('PE')];
  if (call === undefined || put === undefined) return undefined;
  if (Math.max(call, put) > Math.min(call, put) * LARGEST_DISAGREEMENT) return undefined;
  const annual = (call + put) / 2;
  return {
    millionths: Math.ceil((annual / Math.sqrt(YEAR_DAYS)) * 1_000_000),
    expiry,
    annualBp: Math.round(annual * 10_000),
  };
};
