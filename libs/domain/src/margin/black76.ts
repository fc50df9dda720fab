import { E4_PER_RUPEE } from '../money';

/**
 * Black's model of an option on a future, without interest: what exchanges fill their risk arrays with. A model price is
 * not money: it is a binary fraction, in rupees, and becomes money once, by `roundedToPaiseE4`.
 */
export interface OptionTerms {
  readonly kind: 'CE' | 'PE';
  readonly strike: number;
  /** Until expiry, in years of 365 days. */
  readonly years: number;
}

/** No option is believed to be more volatile than 1,000 % a year: beyond, the price is wrong. */
const MAX_VOLATILITY = 10;

/** A price is explained when the model is nearer to it than a millionth of a rupee. */
const CLOSE_ENOUGH = 1e-6;

const ROOT_2_PI = Math.sqrt(2 * Math.PI);

/** Cumulative normal distribution to 15 places: Hart's rational approximation, a continued fraction in the tails. */
export const normal = (x: number): number => {
  const z = Math.abs(x);
  if (z > 37) return x > 0 ? 1 : 0;
  const density = Math.exp((-z * z) / 2);
  let tail: number;
  if (z < 7.071_067_811_865_47) {
    let above = 3.526_249_659_989_11e-2 * z + 0.700_383_064_443_688;
    above = above * z + 6.373_962_203_531_65;
    above = above * z + 33.912_866_078_383;
    above = above * z + 112.079_291_497_871;
    above = above * z + 221.213_596_169_931;
    above = above * z + 220.206_867_912_376;
    let below = 8.838_834_764_831_84e-2 * z + 1.755_667_163_182_64;
    below = below * z + 16.064_177_579_207;
    below = below * z + 86.780_732_202_946_1;
    below = below * z + 296.564_248_779_674;
    below = below * z + 637.333_633_378_831;
    below = below * z + 793.826_512_519_948;
    below = below * z + 440.413_735_824_752;
    tail = (density * above) / below;
  } else {
    tail = density / (z + 1 / (z + 2 / (z + 3 / (z + 4 / (z + 0.65))))) / ROOT_2_PI;
  }
  return x > 0 ? 1 - tail : tail;
};

/** What exercising at once would bring, per unit. */
export const intrinsic = ({ kind, strike }: OptionTerms, future: number): number =>
  Math.max(0, kind === 'CE' ? future - strike : strike - future);

/** A future cannot be worth less than nothing: below 0, which a wide scan may ask for, it is taken for 0. */
export const price = (terms: OptionTerms, future: number, volatility: number): number => {
  const { kind, strike, years } = terms;
  const deviation = volatility * Math.sqrt(years);
  if (future <= 0 || !(deviation > 0)) return intrinsic(terms, Math.max(0, future));
  const d1 = Math.log(future / strike) / deviation + deviation / 2;
  const d2 = d1 - deviation;
  return kind === 'CE'
    ? Math.max(0, future * normal(d1) - strike * normal(d2))
    : Math.max(0, strike * normal(-d2) - future * normal(-d1));
};

/** How many units of the future move like one option: from 0 to 1 for a call, −1 to 0 for a put. */
export const delta = (terms: OptionTerms, future: number, volatility: number): number => {
  const { kind, strike, years } = terms;
  const deviation = volatility * Math.sqrt(years);
  const call = deviation > 0 ? normal(Math.log(future / strike) / deviation + deviation / 2) : future > strike ? 1 : 0;
  return kind === 'CE' ? call : call - 1;
};

/**
 * The volatility that explains a price; `undefined` where none does: at or below what exercising would bring, or above
 * what any volatility is worth. Newton's steps inside a bracket that halves when they leave it: the same price always
 * has the same answer, in at most a hundred steps.
 */
export const impliedVolatility = (terms: OptionTerms, future: number, optionPrice: number): number | undefined => {
  if (!(optionPrice > intrinsic(terms, future) + CLOSE_ENOUGH)) return undefined;
  if (!(optionPrice < price(terms, future, MAX_VOLATILITY))) return undefined;
  const { strike, years } = terms;
  const root = Math.sqrt(years);
  let low = 0;
  let high = MAX_VOLATILITY;
  // Where vega is greatest: from there Newton's steps converge from either side.
  let volatility = Math.min(high / 2, Math.max(0.01, Math.sqrt((2 * Math.abs(Math.log(future / strike))) / years)));
  for (let step = 0; step < 100; step++) {
    const miss = price(terms, future, volatility) - optionPrice;
    if (Math.abs(miss) < CLOSE_ENOUGH) return volatility;
    if (miss > 0) high = volatility;
    else low = volatility;
    const deviation = volatility * root;
    const d1 = Math.log(future / strike) / deviation + deviation / 2;
    const next = volatility - (miss * ROOT_2_PI) / (future * root * Math.exp((-d1 * d1) / 2));
    volatility = next > low && next < high ? next : (low + high) / 2;
  }
  return volatility;
};

/** Half away from zero, so that what is long and what is short round to the same amount. */
const halfAway = (value: number): number => (value < 0 ? 0 - Math.round(-value) : Math.round(value));

/** A model price or a change of one, to the paisa. */
export const roundedToPaiseE4 = (rupees: number): number => halfAway(rupees * 100) * (E4_PER_RUPEE / 100);

/** A share of a price that no paisa was said of, to 1/10,000 rupee. */
export const roundedToE4 = (amountE4: number): number => halfAway(amountE4);
