import type { Segment } from '../instruments/instrument';
import { inForce } from '../instruments/in-force';
import { type Check, fail, finding, notApplicable, pass } from './check';

export const tradable: Check = (_, { instrument: { lotSize, tickSizeE4, instrumentType, validFrom } }) =>
  lotSize === undefined || tickSizeE4 === undefined
    ? fail({
        rule: 'instrument master',
        actual: instrumentType,
        reason: 'quoted, not traded: the master has no lot or tick size',
      })
    : pass({ rule: 'instrument master', actual: instrumentType, effectiveFrom: validFrom });

export const expiry: Check = (_, { instrument: { expiry: lastDay }, tradingDate }) =>
  lastDay === undefined
    ? notApplicable('does not expire')
    : finding(tradingDate <= lastDay, { rule: 'last trading day', limit: lastDay, actual: tradingDate });

export const suspended: Check = (_, { facts, lists, tradingDate }) => {
  const told = inForce(facts.suspended, tradingDate);
  if (told !== undefined)
    return fail({ rule: told.source, effectiveFrom: told.effectiveFrom, reason: 'suspended from trading' });
  const list = inForce(lists?.suspended, tradingDate);
  return list === undefined
    ? notApplicable('no list of suspended instruments is loaded: the exchange refuses them by itself')
    : pass({ rule: `not in the list of suspended instruments: ${list.source}`, effectiveFrom: list.effectiveFrom });
};

/** Segments whose price is for one unit of a contract of many: 1,000 dollars, 100 barrels. */
const WITH_MULTIPLIER: ReadonlySet<Segment> = new Set<Segment>(['NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM']);

/** Price times quantity is the value of an order only where a unit is a unit: elsewhere the check fails closed. */
export const contractValue: Check = (_, { instrument: { segment } }) =>
  finding(!WITH_MULTIPLIER.has(segment), {
    rule: 'price times quantity',
    actual: segment,
    ...(WITH_MULTIPLIER.has(segment) && {
      reason: 'the contract multiplier is not known, so the value is not either',
    }),
  });
