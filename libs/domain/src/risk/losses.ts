import { throttle } from '../margin/value-at-risk';
import { toRupees } from '../money';
import { amountUpTo, type Check, DAY_NOT_KNOWN, fail, finding, NOT_LIMITED, notApplicable, ruleOf } from './check';

/** Realised, unrealised and charged today; judged for entries only, because an exit ends a loss. */
export const dailyLoss: Check = (_, context) => {
  const limitE4 = context.limits.dailyLossMaxE4;
  if (limitE4 === undefined) return notApplicable(NOT_LIMITED);
  const rule = ruleOf(context, 'dailyLossMaxE4');
  const { dayRealisedE4, dayChargesE4, unrealisedE4 } = context.exposure;
  if (dayRealisedE4 === undefined || dayChargesE4 === undefined)
    return fail({ rule, limit: toRupees(limitE4), reason: DAY_NOT_KNOWN });
  if (unrealisedE4 === undefined)
    return fail({
      rule,
      limit: toRupees(limitE4),
      reason: 'the loss of the day is not known: a position has no last price, or no previous close',
    });
  const lossE4 = Math.max(0, dayChargesE4 - dayRealisedE4 - unrealisedE4);
  return amountUpTo(limitE4, lossE4, rule, 'nothing is opened any more today');
};

/**
 * Judged by what the order makes of the whole, never by its side: closing one leg of a hedge raises the risk, selling
 * another share lowers it. Where it cannot be worked out, only what closes a position passes.
 */
export const intradayVar: Check = (_, context, { reduces }) => {
  const limit = context.limits.intradayVar;
  if (limit === undefined) return notApplicable(NOT_LIMITED);
  const rule = `${ruleOf(context, 'intradayVar.limitE4')}, ${limit.method}, ${String(limit.confidenceBp / 100)} %`;
  const told = context.valueAtRisk ?? { missing: 'the value at risk was not worked out' };
  if ('missing' in told)
    return reduces
      ? notApplicable(`reduces the position; ${told.missing}`, { rule })
      : fail({ rule, limit: toRupees(limit.limitE4), reason: told.missing });
  if (told.method !== limit.method || told.confidenceBp !== limit.confidenceBp)
    return fail({ rule, limit: toRupees(limit.limitE4), reason: `worked out by ${told.method} at another confidence` });
  const { beforeE4, afterE4, source } = told;
  const compared = { rule, limit: toRupees(limit.limitE4), actual: toRupees(afterE4) };
  const limitE4 = Math.min(Math.floor(limit.limitE4), Number.MAX_SAFE_INTEGER);
  if (![beforeE4, afterE4, limitE4].every(Number.isSafeInteger))
    return fail({ ...compared, reason: `no amount of money; ${source}` });
  const answer = throttle({ beforeE4, afterE4, limitE4, date: context.tradingDate }, context.marginCorrections);
  if ('missing' in answer) return fail({ ...compared, reason: `not known: ${answer.missing}` });
  const { allowed, state, effectiveFrom } = answer;
  return finding(allowed, {
    ...compared,
    effectiveFrom,
    reason: allowed ? `${state}; ${source}` : `${state}: only what lowers the risk; ${source}`,
  });
};
