import { valueOf } from '../money';
import { atRate, toPaise } from './exact';
import { interestOn, type PlanCorrections, type PlanOn } from './plans';

/**
 * Interest on an amount that the broker funds, for a number of charged days, to the paisa: at the plan's rate of `date`, so a
 * loan over a change of rate is asked for in two parts. A slab that is begun is charged whole. `undefined` where the plan's
 * interest is not known. Which days are charged is the broker's: commonly every calendar day from the one after the trade.
 */
export const mtfInterestE4 = (
  { fundedE4, days }: { readonly fundedE4: number; readonly days: number },
  on: PlanOn,
  corrections?: PlanCorrections,
): number | undefined => {
  const perDay = interestOn(on, corrections)?.perDay;
  if (perDay === undefined) return undefined;
  if ('shareE9' in perDay) return toPaise(atRate(valueOf(fundedE4, days), perDay.shareE9).e4);
  const begun = fundedE4 % perDay.slabE4;
  const slabs = (fundedE4 - begun) / perDay.slabE4 + (begun > 0 ? 1 : 0);
  return valueOf(perDay.chargeE4 * slabs, days);
};
