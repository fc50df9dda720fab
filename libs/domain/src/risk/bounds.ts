import { inForce } from '../instruments/in-force';
import { type Dated, inForceOn } from '../dated';
import { toRupees } from '../money';
import {
  amountUpTo,
  type Check,
  DAY_NOT_KNOWN,
  fail,
  type Finding,
  finding,
  type Measured,
  NO_VALUE,
  NOT_LIMITED,
  notApplicable,
  ruleOf,
  worthE4,
} from './check';
import type { CheckContext } from './context';
import type { Limits } from './limits';

/** What no single order may exceed, whoever asks, by date. */
const ORDER_VALUE_CEILINGS: readonly (Dated & { readonly valueE4: number })[] = [
  { from: '2012-12-13', valueE4: 1_000_000_000_000, certainty: 'confirmed', source: 'SEBI CIR/MRD/DP/34/2012' },
];

interface Asked {
  readonly quantity: number;
  readonly reason?: string;
}

/** What the client asked for in one line, and how to say so of a slice of it. */
const askedFor = (quantity: number, { lineQuantity }: CheckContext): Asked =>
  lineQuantity === undefined
    ? { quantity }
    : {
        quantity: lineQuantity,
        reason: `the line asks for ${String(lineQuantity)} in all, this slice for ${String(quantity)}`,
      };

/**
 * The whole order counts, executed or not: premium for an option, price times units for everything else. The ceiling is on
 * each order that is sent; what an account may ask for is judged of the line, however it is cut.
 */
export const orderValue: Check = ({ quantity }, context, { priceE4 }) => {
  const ceiling = inForceOn(ORDER_VALUE_CEILINGS, context.tradingDate);
  if (ceiling === undefined) return fail({ reason: `no order value is allowed on ${context.tradingDate}` });
  const ownE4 = context.limits.orderValueMaxE4;
  const byCeiling: Finding = {
    ...valueUpTo(ceiling.valueE4, worthE4(priceE4, quantity), ceiling.source),
    effectiveFrom: ceiling.from,
  };
  if (ownE4 === undefined) return byCeiling;
  // A limit that only repeats the ceiling means what the ceiling means.
  const { quantity: asked, reason }: Asked = ownE4 === ceiling.valueE4 ? { quantity } : askedFor(quantity, context);
  const byOwn = {
    ...(reason !== undefined && { reason }),
    ...valueUpTo(ownE4, worthE4(priceE4, asked), ruleOf(context, 'orderValueMaxE4')),
  };
  return firstFailing(ownE4 > ceiling.valueE4 ? [byCeiling, byOwn] : [byOwn, byCeiling]) ?? byCeiling;
};

const valueUpTo = (limitE4: number, valueE4: number | undefined, rule: string): Finding =>
  valueE4 === undefined
    ? fail({ rule, limit: toRupees(limitE4), reason: NO_VALUE })
    : amountUpTo(limitE4, valueE4, rule);

/** Of several, the first that is broken, otherwise the first. */
const firstFailing = (findings: readonly Finding[]): Finding | undefined =>
  findings.find(({ outcome }) => outcome === 'fail') ?? findings[0];

/** A number that must not exceed a limit of the account. */
const countUpTo = (context: CheckContext, field: CountField, actual: number | undefined): Finding => {
  const limit = context.limits[field];
  if (limit === undefined) return notApplicable(NOT_LIMITED);
  const rule = ruleOf(context, field);
  return actual === undefined
    ? fail({ rule, limit, reason: DAY_NOT_KNOWN })
    : finding(actual <= limit, { rule, limit, actual });
};

type CountField = Extract<
  keyof Limits,
  'orderQuantityMax' | 'openOrdersMax' | 'ordersPerDayMax' | 'modificationsPerOrderMax'
>;

export const orderQuantity: Check = ({ quantity }, context) => {
  const { quantity: asked, reason } = askedFor(quantity, context);
  return { ...(reason !== undefined && { reason }), ...countUpTo(context, 'orderQuantityMax', asked) };
};

export const openOrders: Check = (_, context) =>
  context.action === 'modify'
    ? notApplicable('the order is open already')
    : countUpTo(context, 'openOrdersMax', context.exposure.openOrders + 1);

export const ordersPerDay: Check = (_, context) =>
  context.action === 'modify'
    ? notApplicable('the order is counted already')
    : countUpTo(context, 'ordersPerDayMax', oneMoreThan(context.exposure.ordersToday));

const oneMoreThan = (count: number | undefined): number | undefined => (count === undefined ? undefined : count + 1);

export const modifications: Check = (_, context) =>
  context.action === 'new'
    ? notApplicable('a new order')
    : countUpTo(context, 'modificationsPerOrderMax', context.exposure.modifications + 1);

/** What is ordered and not executed, this order included. */
export const openOrderValue: Check = (_, context, measured) => {
  const { limits, exposure } = context;
  const limitE4 = limits.openOrderValueMaxE4;
  if (limitE4 === undefined) return notApplicable(NOT_LIMITED);
  const rule = ruleOf(context, 'openOrderValueMaxE4');
  const valueE4 = worthE4(measured.priceE4, measured.remainingQuantity);
  if (valueE4 === undefined) return fail({ rule, limit: toRupees(limitE4), reason: NO_VALUE });
  if (addsNothing(context, valueE4)) return notApplicable(ADDS_NOTHING);
  const openE4 = exposure.openOrderValueE4;
  return amountUpTo(limitE4, openE4 + valueE4, rule, `${String(toRupees(openE4))} is open already`);
};

/** All positions and open orders, this order included. */
export const exposure: Check = (_, context, measured) => {
  const limitE4 = context.limits.exposureMaxE4;
  if (limitE4 === undefined) return notApplicable(NOT_LIMITED);
  const rule = ruleOf(context, 'exposureMaxE4');
  const limit = toRupees(limitE4);
  const valueE4 = worthE4(measured.priceE4, measured.openingQuantity);
  if (valueE4 === undefined) return fail({ rule, limit, reason: NO_VALUE });
  if (addsNothing(context, worthE4(measured.priceE4, measured.remainingQuantity))) return notApplicable(ADDS_NOTHING);
  const presentE4 = context.exposure.grossExposureE4;
  if (presentE4 === undefined)
    return fail({ rule, limit, reason: 'the exposure is not known: a position has no last price' });
  return amountUpTo(limitE4, presentE4 + valueE4, rule);
};

const ADDS_NOTHING = 'the change adds nothing to what is open';

/** A change that makes an order smaller is no breach of anything, however far above a limit the account is. */
const addsNothing = ({ action, exposure: { presentValueE4 } }: CheckContext, valueE4: number | undefined): boolean =>
  action === 'modify' && presentValueE4 !== undefined && valueE4 !== undefined && valueE4 <= presentValueE4;

/* --------------------------------------------------------------------------------------------- caps by symbol */

type Cap = NonNullable<Limits['symbolCaps']>[string];

interface CapOn {
  readonly limit: number;
  readonly rule: string;
  readonly isUnderlying: boolean;
}

/** The caps that touch the order: of the symbol itself, and of what it is a contract on. */
const capsOn = (context: CheckContext, field: keyof Cap): readonly CapOn[] => {
  const {
    limits: { symbolCaps },
    instrument: { symbol, underlyingSymbol },
  } = context;
  const found: CapOn[] = [];
  if (symbolCaps === undefined) return found;
  const add = (wanted: string, isUnderlying: boolean) => {
    for (const [name, cap] of Object.entries(symbolCaps)) {
      const limit = cap[field];
      if (limit === undefined || plain(name) !== plain(wanted)) continue;
      found.push({ limit, rule: `${ruleOf(context, `symbolCaps.${name}.${field}`)}, ${name}`, isUnderlying });
    }
  };
  add(symbol, false);
  if (underlyingSymbol !== undefined) add(underlyingSymbol, true);
  return found;
};

/** However it was typed: a cap must not fail to count for its spelling. */
const plain = (name: string): string => name.trim().toUpperCase();

const NOT_CAPPED = 'no cap is set for the symbol';

const strictest = (findings: readonly Finding[]): Finding => firstFailing(findings) ?? notApplicable(NOT_CAPPED);

export const symbolQuantity: Check = ({ quantity }, context) => {
  const { quantity: actual, ...told } = askedFor(quantity, context);
  return strictest(
    capsOn(context, 'quantityMax').map(({ limit, rule }) => finding(actual <= limit, { rule, limit, actual, ...told })),
  );
};

export const symbolValue: Check = ({ quantity }, context, { priceE4 }) => {
  const { quantity: asked, ...told } = askedFor(quantity, context);
  const valueE4 = worthE4(priceE4, asked);
  return strictest(
    capsOn(context, 'valueMaxE4').map(({ limit, rule }) => ({ ...told, ...valueUpTo(limit, valueE4, rule) })),
  );
};

/** What would be held of the instrument, short or long, were this order and every other open one of its side filled. */
const unitsAfter = ({ side, exposure: { symbolPosition } }: CheckContext, { remainingQuantity }: Measured): number =>
  Math.abs(symbolPosition + (side === 'BUY' ? remainingQuantity : -remainingQuantity));

const isSmaller = ({ exposure: { symbolPosition } }: CheckContext, after: number): boolean =>
  after < Math.abs(symbolPosition);

export const symbolPosition: Check = (_, context, measured) => {
  const caps = capsOn(context, 'positionMax');
  if (caps.length === 0) return notApplicable(NOT_CAPPED);
  const after = unitsAfter(context, measured);
  if (isSmaller(context, after)) return notApplicable(SMALLER);
  return strictest(
    caps.map(({ limit, rule, isUnderlying }) => {
      const actual = isUnderlying ? after + context.exposure.otherContracts : after;
      return finding(actual <= limit, { rule, limit, actual });
    }),
  );
};

const SMALLER = 'the position over all products becomes smaller';

/** What the exchange lets one client hold of all contracts on a share. */
export const clientPosition: Check = (_, context, measured) => {
  const { instrument, underlying } = context;
  if (instrument.expiry === undefined) return notApplicable('not a contract');
  const told = inForce(underlying?.clientLimit, context.tradingDate);
  if (told === undefined) return notApplicable('no file gives a limit for one client');
  const after = unitsAfter(context, measured);
  if (isSmaller(context, after)) return notApplicable(SMALLER);
  const actual = after + context.exposure.otherContracts;
  return finding(actual <= told.quantity, {
    rule: told.source,
    limit: told.quantity,
    actual,
    effectiveFrom: told.effectiveFrom,
  });
};

/* ------------------------------------------------------------------------------------------------- duplicates */

export const duplicate: Check = (_, context) => {
  const { action, limits, exposure: present } = context;
  const windowMs = limits.duplicateWindowMs;
  if (action === 'modify') return notApplicable('a change of an order that is open');
  if (windowMs === undefined || windowMs === 0) return notApplicable(NOT_LIMITED);
  const rule = `${ruleOf(context, 'duplicateWindowMs')}, milliseconds`;
  if (present.lastAlikeMs === undefined) return { outcome: 'pass', rule, limit: windowMs, reason: 'none was alike' };
  const passed = present.lastAlikeMs >= windowMs;
  return finding(passed, {
    rule,
    limit: windowMs,
    actual: present.lastAlikeMs,
    ...(!passed && { reason: 'the same symbol, side, quantity and price were just ordered' }),
  });
};
