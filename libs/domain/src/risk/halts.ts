import { SEGMENT_CLASS } from '../market/venues';
import { type Check, fail, inForce, notApplicable, pass } from './check';

const told = (by: string, reason: string | undefined): { readonly rule: string; readonly reason?: string } => ({
  rule: `switch of ${by}`,
  ...(reason !== undefined && { reason }),
});

/** Nothing is sent, not even what closes a position: whoever pulls this switch wants silence. */
export const killSwitch: Check = (_, { halt }) =>
  halt.state === 'killed' ? fail({ actual: halt.state, ...told(halt.by, halt.reason) }) : pass({ actual: halt.state });

/** Judged for entries only: what closes a position passes. */
export const reduceOnly: Check = (_, { halt }) =>
  halt.state === 'open'
    ? pass({ actual: halt.state })
    : fail({ actual: halt.state, ...told(halt.by, halt.reason ?? 'only what closes a position is sent') });

/**
 * A share whose contracts reached the limit of the whole market takes only orders that reduce a position. Judged for
 * entries only. Indices have no such limit.
 */
export const derivativesBan: Check = (_, { instrument, underlying, tradingDate }) => {
  if (instrument.expiry === undefined) return notApplicable('not a contract');
  if (SEGMENT_CLASS[instrument.segment] !== 'derivatives') return notApplicable('not a contract on a share');
  if ((instrument.underlyingKind ?? underlying?.kind) === 'index')
    return notApplicable('contracts on an index are never banned');
  if (underlying === undefined)
    return fail({
      rule: 'list of banned underlyings',
      reason: `nothing is known of ${instrument.underlyingSymbol ?? 'the underlying'}: load the reference files`,
    });
  const banned = inForce(underlying.banned, tradingDate);
  return banned === undefined
    ? pass({ rule: 'list of banned underlyings', actual: underlying.symbol })
    : fail({
        rule: banned.source,
        actual: underlying.symbol,
        effectiveFrom: banned.effectiveFrom,
        reason: 'the market-wide position limit is reached: only what closes a position is sent',
      });
};
