import type { Verdict } from '#domain/risk/verdict';
import { ordStatusOf } from '#domain/orders/life-cycle';
import { CLOSED, leavesOf, order, type Evidence, type Order, type OrderTerms } from '#domain/orders/order';
import { dividedHalfUp } from '../divided-half-up';
import { type OrderRecorded, Unreadable } from '../recorded';
import type { OrderRow } from './order-row';
import { bookStatusOf, domainStatusOf } from '#domain/orders/book-status';

/**
 * Folds an order's event into its row. What an event means is the domain's business: the row becomes an `Order`, the
 * domain evolves it, and the outcome becomes a row again.
 * @throws Unreadable for an event of an order that was never placed or denied.
 */
export const evolve = (row: OrderRow | null, recorded: OrderRecorded): OrderRow => {
  const { revision, position, meta } = recorded;
  const asked = row ?? askedIn(recorded);
  const after = order.evolve(orderOf(row), recorded);
  const { terms, filledQuantity } = after;
  const status = bookStatusOf(after.status, filledQuantity);
  const filledValueE4 = (row?.filledValueE4 ?? 0) + filledValueOf(recorded);
  if (!Number.isSafeInteger(filledValueE4))
    throw new Unreadable(`${recorded.type}: the value of all fills is too large`);
  // Every field by name: spreading a row of forty fields takes twenty times as long.
  return {
    orderId: asked.orderId,
    intentId: asked.intentId,
    line: asked.line,
    accountId: asked.accountId,
    userId: asked.userId,
    clientOrderId: asked.clientOrderId,
    strategyId: asked.strategyId,
    instrumentKey: asked.instrumentKey,
    symbol: asked.symbol,
    exchange: asked.exchange,
    segment: asked.segment,
    side: asked.side,
    product: asked.product,
    orderType: terms.orderType,
    validity: terms.validity,
    quantity: terms.quantity,
    filledQuantity,
    leavesQuantity: CLOSED.has(after.status) ? 0 : leavesOf(after),
    averagePriceE4: filledQuantity === 0 ? null : dividedHalfUp(filledValueE4, filledQuantity),
    filledValueE4,
    priceE4: terms.priceE4 ?? null,
    triggerPriceE4: terms.triggerPriceE4 ?? null,
    disclosedQuantity: terms.disclosedQuantity ?? null,
    status,
    ordStatus: ordStatusOf(after),
    pendingCancel: after.pendingCancel !== undefined,
    pendingQuantity: after.pendingReplace?.terms.quantity ?? null,
    broker: after.broker ?? asked.broker,
    routeReason: asked.routeReason,
    attempt: after.attempt,
    tag: after.tag ?? null,
    brokerOrderId: after.brokerOrderId ?? null,
    reason: reasonIn(recorded) ?? (status === row?.status ? row.reason : null),
    verdicts: asked.verdicts,
    placedAt: asked.placedAt,
    updatedAt: meta.at,
    version: revision,
    position,
  };
};

/** What was asked for, and found when it was: the part of a row that no later event changes. */
const askedIn = (recorded: OrderRecorded) => {
  if (recorded.type !== 'OrderPlaced' && recorded.type !== 'OrderDenied')
    throw new Unreadable(`${recorded.type}: the order has no row; was an earlier event of it parked?`);
  const { data, meta } = recorded;
  const route = recorded.type === 'OrderPlaced' ? recorded.data.route : undefined;
  return {
    orderId: data.orderId,
    intentId: data.intentId,
    line: data.line,
    accountId: data.accountId,
    userId: data.userId,
    clientOrderId: data.clientOrderId ?? null,
    strategyId: data.strategyId ?? null,
    instrumentKey: data.instrumentKey,
    symbol: data.symbol,
    exchange: data.exchange,
    segment: data.segment,
    side: data.side,
    product: data.product,
    broker: route?.broker ?? null,
    routeReason: route?.reason ?? null,
    verdicts: JSON.stringify(data.verdicts),
    placedAt: meta.at,
  };
};

/**
 * The order behind a row, as far as `order.evolve` looks at it. What is left out (trades that were seen, ids of requests,
 * most terms of a pending one) only matters to a decision, and no decision rests on a row.
 */
const orderOf = (row: OrderRow | null): Order => {
  if (row === null) return order.initial;
  return {
    status: domainStatusOf(row.status),
    terms: termsOf(row),
    attempt: row.attempt,
    filledQuantity: row.filledQuantity,
    tradeIds: order.initial.tradeIds,
    replaces: 0,
    ...(row.attempt > 0 && row.broker !== null && { broker: row.broker }),
    ...(row.tag !== null && { tag: row.tag }),
    ...(row.brokerOrderId !== null && { brokerOrderId: row.brokerOrderId }),
    ...(row.pendingCancel && { pendingCancel: '' }),
    ...(row.pendingQuantity !== null && {
      pendingReplace: { requestId: '', terms: { ...order.initial.terms, quantity: row.pendingQuantity } },
    }),
  };
};

const termsOf = (row: OrderRow): OrderTerms => ({
  orderType: row.orderType,
  quantity: row.quantity,
  validity: row.validity,
  ...(row.priceE4 !== null && { priceE4: row.priceE4 }),
  ...(row.triggerPriceE4 !== null && { triggerPriceE4: row.triggerPriceE4 }),
  ...(row.disclosedQuantity !== null && { disclosedQuantity: row.disclosedQuantity }),
});

const filledValueOf = (recorded: OrderRecorded): number =>
  recorded.type === 'OrderFilled' ? recorded.data.priceE4 * recorded.data.quantity : 0;

/** What the event says about why the order now stands where it stands. */
const reasonIn = (recorded: OrderRecorded): string | null => {
  switch (recorded.type) {
    case 'OrderDenied':
      return failuresOf(recorded.data.verdicts);
    case 'OrderRejected':
    case 'DispatchNotSent':
    case 'DispatchInDoubt':
    case 'OrderAbandoned':
      return said(recorded.data.evidence);
    case 'OrderCancelled':
      return recorded.data.reason;
    case 'OrderPlaced':
    case 'OrderDispatched':
    case 'OrderAccepted':
    case 'CancelRequested':
    case 'CancelRejected':
    case 'ReplaceRequested':
    case 'ReplaceDenied':
    case 'ReplaceRejected':
    case 'OrderReplaced':
    case 'OrderFilled':
    case 'OverfillReported':
    case 'OrderExpired':
      return null;
  }
};

const said = ({ code, message }: Evidence): string | null => message ?? code ?? null;

/** Every failed check by name, with its own words where it has some: `tick-size; balance: too little`. */
const failuresOf = (verdicts: readonly Verdict[]): string =>
  verdicts
    .filter(({ outcome }) => outcome === 'fail')
    .map(({ check, reason }) => (reason === undefined ? check : `${check}: ${reason}`))
    .join('; ');
