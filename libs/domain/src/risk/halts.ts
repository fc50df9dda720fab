import { inForce } from '../instruments/in-force';
import { SEGMENT_CLASS } from '../market/venues';
import { type Check, fail, notApplicable, pass } from './check';

const told = (by: string, reason: string | undefined): { readonly rule: string; readonly reason?: string } => ({
  rule: `switch of ${by}`,
  ...(reason !== undefined && { reason }),
});

/** Nothing is sent, not even what closes a position: whoever pulls this switch wants silence. */
export const killSwitch: Check = (_, { halt }) =>
  halt.state === 'killed'
    ? fail({ actual: halt.state, ...told(halt.by, halt.reason ?? 'nothing is sent, not even what closes a position') })
    : pass({ actual: halt.state });

/** Judged for entries only: what closes a position passes. */
export const reduceOnly: Check = (_, { halt }) => {
  if (halt.state === 'killed') return notApplicable('nothing at all is sent: see kill-switch');
  return halt.state === 'open'
    ? pass({ actual: halt.state })
    : fail({ actual: halt.state, ...told(halt.by, halt.reason ?? 'only what closes a position is sent') });
};

/**
 * A share whose contracts reached the limit of the whole market takes only orders that reduce a position. Judged for
 * entries only. Indices have no such limit.
 */
export const derivativesBan: Check = (_, { instrument, underlying, lists, tradingDate }) => {
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
  const actual = underlying.symbol;
  if (banned !== undefined)
    return fail({
      rule: banned.source,
      actual,
      effectiveFrom: banned.effectiveFrom,
      reason: 'the market-wide position limit is reached: only what closes a position is sent',
    });
  const list = inForce(lists?.ban, tradingDate);
  return list === undefined
    ? notApplicable('no list of banned underlyings is loaded: the exchange refuses them by itself', { actual })
    : pass({
        rule: `not in the list of banned underlyings: ${list.source}`,
        actual,
        effectiveFrom: list.effectiveFrom,
      });
};
