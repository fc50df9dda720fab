import { Set } from 'immutable';
import type { Charges } from '../charges/charges';
import { type Decider, type DomainEvent, refuse } from '../decider';
import type { Exchange, Segment } from '../instruments/instrument';
import type { Verdict } from '../risk/verdict';

/* ------------------------------------------------------------------------------------------------ vocabulary */

export type Side = 'BUY' | 'SELL';
export type Product = 'CNC' | 'MIS' | 'NRML' | 'MTF';
export type OrderType = 'MARKET' | 'LIMIT' | 'SL' | 'SL_M';
export type Validity = 'DAY' | 'IOC';

/** What a modify may change. `quantity` is always the total, filled part included. Prices in 1/10,000 rupee. */
export interface OrderTerms {
  readonly orderType: OrderType;
  readonly quantity: number;
  readonly priceE4?: number;
  readonly triggerPriceE4?: number;
  readonly validity: Validity;
  readonly disclosedQuantity?: number;
}

/** An order as asked for, its symbol resolved: the part of a line that never changes, and its terms. */
export interface OrderDetails extends OrderTerms {
  readonly orderId: string;
  readonly intentId: string;
  readonly line: number;
  /** From 0, where the line was larger than the exchange takes in one order and was cut: one order a slice. */
  readonly slice?: number;
  /** Of a slice: what its line asked for in all. */
  readonly lineQuantity?: number;
  readonly accountId: string;
  readonly userId: string;
  readonly instrumentKey: string;
  readonly symbol: string;
  readonly exchange: Exchange;
  readonly segment: Segment;
  readonly side: Side;
  readonly product: Product;
  readonly clientOrderId?: string;
  readonly strategyId?: string;
  /** May wait with us for the next session when the market is closed (after-market order). */
  readonly afterMarket?: boolean;
}

/** What was decided when an order was placed. */
export interface Placing {
  readonly route: Route;
  readonly verdicts: readonly Verdict[];
  /** What it will cost if all of it fills at the price it was judged at: an estimate. */
  readonly charges?: Charges;
  /** Held by us until then, epoch milliseconds of its market's clock; absent: sent at once. */
  readonly releaseAtMs?: number;
}

export interface Route {
  readonly broker: string;
  /** Which rule chose the broker: `explicit`, `account`, … */
  readonly reason: string;
}

/** What a broker said, kept as proof. Never contains credentials. */
export interface Evidence {
  readonly code?: string;
  readonly message?: string;
}

/**
 * What any broker channel tells us about one order, normalised. A trade is identified by the broker's trade id; one
 * that was seen before changes nothing. `cancelled` with `unsolicited` came without our asking (IOC rest, exchange).
 */
export type ExecutionReport =
  | { readonly kind: 'new'; readonly brokerOrderId: string; readonly evidence?: Evidence }
  | { readonly kind: 'rejected'; readonly evidence: Evidence }
  | {
      readonly kind: 'trade';
      readonly tradeId: string;
      readonly quantity: number;
      readonly priceE4: number;
      readonly tradedAt: number;
    }
  | { readonly kind: 'replaced'; readonly terms: OrderTerms }
  | { readonly kind: 'replace-rejected'; readonly evidence: Evidence }
  | { readonly kind: 'cancelled'; readonly reason: CancelReason }
  | { readonly kind: 'cancel-rejected'; readonly evidence: Evidence }
  | { readonly kind: 'expired' };

export type CancelReason = 'requested' | 'immediate-or-cancel' | 'unsolicited';

/* ---------------------------------------------------------------------------------------------------- events */

export type OrderEvent =
  // past tense; never renamed once stored
  | {
      readonly type: 'OrderPlaced';
      readonly data: OrderDetails & Placing;
    }
  | { readonly type: 'OrderDenied'; readonly data: OrderDetails & { readonly verdicts: readonly Verdict[] } }
  /** Written before the broker is called: from here on an order may exist at the broker. */
  | {
      readonly type: 'OrderDispatched';
      readonly data: {
        readonly attempt: number;
        readonly broker: string;
        readonly tag: string;
        /** As whom it is sent: of a registered algorithm, from a registered address. */
        readonly algoId?: string;
        readonly egressAddress?: string;
        /** Of the second look that an order gets when it was held. */
        readonly verdicts?: readonly Verdict[];
      };
    }
  | {
      readonly type: 'OrderAccepted';
      readonly data: { readonly attempt: number; readonly brokerOrderId: string; readonly evidence?: Evidence };
    }
  | { readonly type: 'OrderRejected'; readonly data: { readonly attempt: number; readonly evidence: Evidence } }
  /** The attempt provably never reached the broker; another may follow. */
  | { readonly type: 'DispatchNotSent'; readonly data: { readonly attempt: number; readonly evidence: Evidence } }
  /** Nobody answered: the order is in doubt until it is found or proven absent. */
  | { readonly type: 'DispatchInDoubt'; readonly data: { readonly attempt: number; readonly evidence: Evidence } }
  /** Every attempt ended as not sent, and no further one will be made; or a held order did not pass its second look. */
  | {
      readonly type: 'OrderAbandoned';
      readonly data: {
        readonly attempt: number;
        readonly evidence: Evidence;
        readonly verdicts?: readonly Verdict[];
      };
    }
  | { readonly type: 'CancelRequested'; readonly data: { readonly requestId: string } }
  | { readonly type: 'CancelRejected'; readonly data: { readonly evidence: Evidence } }
  | {
      readonly type: 'OrderCancelled';
      readonly data: { readonly reason: CancelReason; readonly leavesQuantity: number };
    }
  | {
      readonly type: 'ReplaceRequested';
      readonly data: { readonly requestId: string; readonly terms: OrderTerms; readonly verdicts: readonly Verdict[] };
    }
  /** Our rules refused the change; the order goes on under its present terms. */
  | {
      readonly type: 'ReplaceDenied';
      readonly data: { readonly requestId: string; readonly terms: OrderTerms; readonly verdicts: readonly Verdict[] };
    }
  | { readonly type: 'ReplaceRejected'; readonly data: { readonly requestId: string; readonly evidence: Evidence } }
  | { readonly type: 'OrderReplaced'; readonly data: { readonly terms: OrderTerms; readonly leavesQuantity: number } }
  | {
      readonly type: 'OrderFilled';
      readonly data: {
        readonly tradeId: string;
        readonly quantity: number;
        readonly priceE4: number;
        readonly tradedAt: number;
        readonly cumulativeQuantity: number;
        readonly leavesQuantity: number;
      };
    }
  /** The broker reported more than was ordered. Kept for a human; the order's own figures do not move. */
  | {
      readonly type: 'OverfillReported';
      readonly data: {
        readonly tradeId: string;
        readonly quantity: number;
        readonly priceE4: number;
        readonly tradedAt: number;
      };
    }
  | { readonly type: 'OrderExpired'; readonly data: { readonly leavesQuantity: number } };

/* -------------------------------------------------------------------------------------------------- commands */

export type OrderCommand =
  | {
      readonly type: 'PlaceOrder';
      readonly data: OrderDetails & Placing;
    }
  | { readonly type: 'DenyOrder'; readonly data: OrderDetails & { readonly verdicts: readonly Verdict[] } }
  | {
      readonly type: 'DispatchOrder';
      readonly data: {
        readonly attempt: number;
        readonly broker: string;
        readonly tag: string;
        /** As whom it is sent: of a registered algorithm, from a registered address. */
        readonly algoId?: string;
        readonly egressAddress?: string;
        readonly verdicts?: readonly Verdict[];
      };
    }
  | { readonly type: 'RecordNotSent'; readonly data: { readonly attempt: number; readonly evidence: Evidence } }
  | { readonly type: 'RecordDoubt'; readonly data: { readonly attempt: number; readonly evidence: Evidence } }
  | {
      readonly type: 'AbandonOrder';
      readonly data: { readonly evidence: Evidence; readonly verdicts?: readonly Verdict[] };
    }
  | { readonly type: 'RequestCancel'; readonly data: { readonly requestId: string } }
  | {
      readonly type: 'RequestReplace';
      readonly data: { readonly requestId: string; readonly terms: OrderTerms; readonly verdicts: readonly Verdict[] };
    }
  | {
      readonly type: 'DenyReplace';
      readonly data: { readonly requestId: string; readonly terms: OrderTerms; readonly verdicts: readonly Verdict[] };
    }
  | { readonly type: 'RecordReport'; readonly data: ExecutionReport };

/* ----------------------------------------------------------------------------------------------------- state */

export type OrderStatus =
  | 'new' // no event yet
  | 'placed' // durable with us, not yet handed to a broker
  | 'denied' // our rules said no
  | 'dispatched' // handed over, no answer yet
  | 'in-doubt' // handed over, nobody answered
  | 'not-sent' // the last attempt provably never arrived
  | 'working' // accepted by the broker
  | 'filled'
  | 'cancelled'
  | 'rejected'
  | 'expired'
  | 'abandoned'; // given up before any broker had it

/** Nothing that happens to a closed order changes its status. */
export const CLOSED: ReadonlySet<OrderStatus> = new globalThis.Set<OrderStatus>([
  'denied',
  'filled',
  'cancelled',
  'rejected',
  'expired',
  'abandoned',
]);

export interface Order {
  readonly status: OrderStatus;
  /** Absent only while `new`. */
  readonly details?: OrderDetails;
  readonly route?: Route;
  /** Held by us until then and not sent before, epoch milliseconds of its market's clock. */
  readonly releaseAtMs?: number;
  /** Estimated when it was placed. */
  readonly charges?: Charges;
  /** Changes that were asked of the broker so far. */
  readonly replaces: number;
  /** In force at the broker; follows `OrderReplaced`. */
  readonly terms: OrderTerms;
  readonly attempt: number;
  /** Broker and tag of the last attempt. */
  readonly broker?: string;
  readonly tag?: string;
  readonly brokerOrderId?: string;
  readonly filledQuantity: number;
  readonly tradeIds: Set<string>;
  /** Why our rules said no, in full; present only when they did. */
  readonly denial?: readonly Verdict[];
  /** What was last said against the order, for the answer to its client. */
  readonly lastEvidence?: Evidence;
  readonly pendingCancel?: string;
  /** Of the last cancel, whatever came of it: the same request told after the order closed is recognised by it. */
  readonly lastCancel?: string;
  readonly pendingReplace?: { readonly requestId: string; readonly terms: OrderTerms };
  /** Of the last modify, whatever came of it: a repeated request is recognised by it. */
  readonly lastReplace?: { readonly requestId: string; readonly terms: OrderTerms; readonly denied: boolean };
}

const initial: Order = {
  status: 'new',
  terms: { orderType: 'MARKET', quantity: 0, validity: 'DAY' },
  replaces: 0,
  attempt: 0,
  filledQuantity: 0,
  tradeIds: Set(),
};

/** What is still to be filled. */
export const leavesOf = ({ terms, filledQuantity }: Pick<Order, 'terms' | 'filledQuantity'>): number =>
  terms.quantity - filledQuantity;

/** With us, and not at any broker: it waits for its market to open. */
export const isHeld = ({ status, releaseAtMs }: Order): boolean => status === 'placed' && releaseAtMs !== undefined;

/** The trades in an order's history, in the order in which they were recorded. */
export const fillsOf = (events: Iterable<DomainEvent>): readonly OrderFilled[] => [...events].filter(isFill);

type OrderFilled = Extract<OrderEvent, { type: 'OrderFilled' }>;
const isFill = (event: DomainEvent): event is OrderFilled => event.type === 'OrderFilled';

/** A sent order's broker may yet report on it, whatever we believe. */
const reachedBroker = ({ status }: Order): boolean =>
  !['new', 'placed', 'denied', 'not-sent', 'abandoned'].includes(status);

/* ---------------------------------------------------------------------------------------------------- decide */

const decide = (command: OrderCommand, order: Order): readonly OrderEvent[] => {
  switch (command.type) {
    case 'PlaceOrder': {
      if (order.status === 'new') return [{ type: 'OrderPlaced', data: command.data }];
      return sameOrder(command.data, order) && order.status !== 'denied' ? [] : refuse('order.different');
    }
    case 'DenyOrder': {
      if (order.status === 'new') return [{ type: 'OrderDenied', data: command.data }];
      return sameOrder(command.data, order) && order.status === 'denied' ? [] : refuse('order.different');
    }
    case 'DispatchOrder': {
      const { attempt, broker, tag } = command.data;
      if (attempt === order.attempt && (broker !== order.broker || tag !== order.tag))
        return refuse('order.attempt-differs');
      if (attempt <= order.attempt) return []; // this attempt was made before
      if (order.status !== 'placed' && order.status !== 'not-sent') return refuse('order.not-dispatchable');
      if (order.pendingCancel !== undefined) return refuse('order.cancel-pending'); // nobody wants it sent any more
      return attempt === order.attempt + 1
        ? [{ type: 'OrderDispatched', data: command.data }]
        : refuse('order.attempt-skipped');
    }
    case 'RecordNotSent': {
      const { attempt } = command.data;
      const awaited = order.status === 'dispatched' || order.status === 'in-doubt';
      return awaited && attempt === order.attempt ? [{ type: 'DispatchNotSent', data: command.data }] : [];
    }
    case 'RecordDoubt': {
      const { attempt } = command.data;
      return order.status === 'dispatched' && attempt === order.attempt
        ? [{ type: 'DispatchInDoubt', data: command.data }]
        : [];
    }
    case 'AbandonOrder': {
      if (order.status === 'abandoned') return [];
      if (order.status !== 'placed' && order.status !== 'not-sent') return refuse('order.not-abandonable');
      return [{ type: 'OrderAbandoned', data: { attempt: order.attempt, ...command.data } }];
    }
    case 'RequestCancel': {
      if (order.status === 'new') return refuse('order.unknown');
      if (CLOSED.has(order.status)) return order.lastCancel === command.data.requestId ? [] : refuse('order.closed');
      if (order.pendingCancel !== undefined) return []; // asked once is enough
      return isHeld(order)
        ? [
            { type: 'CancelRequested', data: command.data },
            { type: 'OrderCancelled', data: { reason: 'requested', leavesQuantity: leavesOf(order) } },
          ]
        : [{ type: 'CancelRequested', data: command.data }];
    }
    case 'RequestReplace':
    case 'DenyReplace': {
      const { requestId, terms } = command.data;
      if (order.status === 'new') return refuse('order.unknown');
      if (order.lastReplace?.requestId === requestId)
        return sameTerms(order.lastReplace.terms, terms) ? [] : refuse('order.replace-differs');
      if (CLOSED.has(order.status)) return refuse('order.closed');
      if (order.status !== 'working') return refuse('order.not-working');
      if (order.pendingCancel !== undefined) return refuse('order.cancel-pending');
      if (order.pendingReplace) return refuse('order.replace-pending');
      if (terms.quantity <= order.filledQuantity)
        return refuse('order.quantity-below-filled', {
          quantity: terms.quantity,
          filledQuantity: order.filledQuantity,
        });
      return [{ type: command.type === 'RequestReplace' ? 'ReplaceRequested' : 'ReplaceDenied', data: command.data }];
    }
    case 'RecordReport':
      return decideReport(command.data, order);
  }
};

/**
 * A broker's report is a fact: it is recorded when it is new and ignored when it is not; it is never refused, except
 * for an order that no broker can know. Where reports race, FIX 4.4 volume 4, appendix D, decides: a fill beats a pending cancel, a
 * cancel confirmed after the last fill is void, a replace confirmed below the filled quantity leaves a filled order.
 */
const decideReport = (report: ExecutionReport, order: Order): readonly OrderEvent[] => {
  if (!reachedBroker(order)) return refuse('order.not-at-broker');
  const leavesQuantity = leavesOf(order);
  const closed = CLOSED.has(order.status);
  switch (report.kind) {
    case 'new': {
      const { brokerOrderId, evidence } = report;
      if (order.brokerOrderId !== undefined) return [];
      return [
        { type: 'OrderAccepted', data: { attempt: order.attempt, brokerOrderId, ...(evidence && { evidence }) } },
      ];
    }
    case 'rejected':
      if (closed) return [];
      // What was filled stays filled: a rejection after that can only mean the rest.
      if (order.filledQuantity > 0)
        return [{ type: 'OrderCancelled', data: { reason: 'unsolicited', leavesQuantity } }];
      return [{ type: 'OrderRejected', data: { attempt: order.attempt, evidence: report.evidence } }];
    case 'trade': {
      const { tradeId, quantity, priceE4, tradedAt } = report;
      if (!Number.isSafeInteger(quantity) || quantity <= 0) return refuse('order.trade-malformed');
      if (order.tradeIds.has(tradeId)) return [];
      const cumulativeQuantity = order.filledQuantity + quantity;
      const fill = (of: number): OrderEvent => ({
        type: 'OrderFilled',
        data: { tradeId, quantity, priceE4, tradedAt, cumulativeQuantity, leavesQuantity: of - cumulativeQuantity },
      });
      if (quantity <= leavesQuantity) return [fill(order.terms.quantity)];
      // More than was left, but no more than a pending replace asks for: the broker has replaced, the news is late.
      const { terms } = order.pendingReplace ?? order;
      return cumulativeQuantity <= terms.quantity
        ? [
            { type: 'OrderReplaced', data: { terms, leavesQuantity: leavesOf({ ...order, terms }) } },
            fill(terms.quantity),
          ]
        : [{ type: 'OverfillReported', data: { tradeId, quantity, priceE4, tradedAt } }];
    }
    case 'replaced': {
      const { pendingReplace } = order;
      const awaited = pendingReplace !== undefined && sameTerms(report.terms, pendingReplace.terms);
      if (closed || (sameTerms(report.terms, order.terms) && !awaited)) return [];
      const quantity = Math.max(report.terms.quantity, order.filledQuantity);
      const terms = { ...report.terms, quantity };
      return [{ type: 'OrderReplaced', data: { terms, leavesQuantity: quantity - order.filledQuantity } }];
    }
    case 'replace-rejected': {
      const { requestId } = order.pendingReplace ?? {};
      return requestId === undefined || closed
        ? []
        : [{ type: 'ReplaceRejected', data: { requestId, evidence: report.evidence } }];
    }
    case 'cancelled':
      return closed ? [] : [{ type: 'OrderCancelled', data: { reason: report.reason, leavesQuantity } }];
    case 'cancel-rejected':
      return order.pendingCancel === undefined || closed
        ? []
        : [{ type: 'CancelRejected', data: { evidence: report.evidence } }];
    case 'expired':
      return closed ? [] : [{ type: 'OrderExpired', data: { leavesQuantity } }];
  }
};

const TERMS = ['orderType', 'quantity', 'priceE4', 'triggerPriceE4', 'validity', 'disclosedQuantity'] as const;
const DETAILS = [
  'orderId',
  'intentId',
  'line',
  'slice',
  'lineQuantity',
  'accountId',
  'userId',
  'instrumentKey',
  'side',
  'product',
  'clientOrderId',
  'strategyId',
  'afterMarket',
] as const;

/** Two sets of terms ask for the same. */
export const sameTerms = (a: OrderTerms, b: OrderTerms): boolean => TERMS.every((name) => a[name] === b[name]);

const sameOrder = (asked: OrderDetails, { details }: Order): boolean =>
  details !== undefined && sameTerms(asked, details) && DETAILS.every((name) => asked[name] === details[name]);

/* ---------------------------------------------------------------------------------------------------- evolve */

const evolve = (order: Order, event: OrderEvent): Order => {
  switch (event.type) {
    case 'OrderPlaced':
    case 'OrderDenied': {
      const { verdicts, ...asked } = event.data;
      const { charges, releaseAtMs, ...placed } = { charges: undefined, releaseAtMs: undefined, ...asked };
      const { orderType, quantity, priceE4, triggerPriceE4, validity, disclosedQuantity } = placed;
      const terms = {
        orderType,
        quantity,
        validity,
        ...(priceE4 !== undefined && { priceE4 }),
        ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
        ...(disclosedQuantity !== undefined && { disclosedQuantity }),
      };
      return event.type === 'OrderPlaced'
        ? {
            ...order,
            status: 'placed',
            details: placed,
            route: event.data.route,
            terms,
            ...(charges && { charges }),
            ...(releaseAtMs !== undefined && { releaseAtMs }),
          }
        : { ...order, status: 'denied', details: placed, terms, denial: verdicts };
    }
    case 'OrderDispatched': {
      const { verdicts: _found, ...dispatch } = event.data;
      return { ...order, status: 'dispatched', ...dispatch };
    }
    case 'OrderAccepted':
      return { ...knownToBroker(order), brokerOrderId: event.data.brokerOrderId };
    case 'OrderRejected':
      return close({ ...order, lastEvidence: event.data.evidence }, 'rejected');
    case 'DispatchNotSent':
      return { ...order, status: 'not-sent', lastEvidence: event.data.evidence };
    case 'DispatchInDoubt':
      return { ...order, status: 'in-doubt', lastEvidence: event.data.evidence };
    case 'OrderAbandoned':
      return close({ ...order, lastEvidence: event.data.evidence }, 'abandoned');
    case 'CancelRequested':
      return { ...order, pendingCancel: event.data.requestId, lastCancel: event.data.requestId };
    case 'CancelRejected': {
      const { pendingCancel: _settled, ...rest } = order;
      return { ...rest, lastEvidence: event.data.evidence };
    }
    case 'OrderCancelled':
      return close(order, 'cancelled');
    case 'ReplaceRequested': {
      const { requestId, terms } = event.data;
      return {
        ...order,
        replaces: order.replaces + 1,
        pendingReplace: { requestId, terms },
        lastReplace: { requestId, terms, denied: false },
      };
    }
    case 'ReplaceDenied': {
      const { requestId, terms } = event.data;
      return { ...order, lastReplace: { requestId, terms, denied: true } };
    }
    case 'ReplaceRejected': {
      const { pendingReplace: _settled, ...rest } = order;
      return closeIfFilled({ ...rest, lastEvidence: event.data.evidence });
    }
    case 'OrderReplaced': {
      const { pendingReplace: _settled, ...rest } = order;
      return closeIfFilled({ ...knownToBroker(rest), terms: event.data.terms });
    }
    case 'OrderFilled': {
      const { tradeId, cumulativeQuantity } = event.data;
      const tradeIds = order.tradeIds.add(tradeId);
      return closeIfFilled({ ...knownToBroker(order), filledQuantity: cumulativeQuantity, tradeIds });
    }
    case 'OverfillReported':
      return { ...knownToBroker(order), tradeIds: order.tradeIds.add(event.data.tradeId) };
    case 'OrderExpired':
      return close(order, 'expired');
  }
};

/** The broker has the order, whether or not its acceptance ever reached us. A closed order stays closed. */
const knownToBroker = (order: Order): Order => (CLOSED.has(order.status) ? order : { ...order, status: 'working' });

/** Filled to its last share, unless a pending replace asks for more: then the broker's answer decides. */
const closeIfFilled = (order: Order): Order => {
  const wanted = Math.max(order.terms.quantity, order.pendingReplace?.terms.quantity ?? 0);
  return CLOSED.has(order.status) || wanted > order.filledQuantity ? order : close(order, 'filled');
};

const close = (order: Order, status: OrderStatus): Order => {
  const { pendingCancel: _cancel, pendingReplace: _replace, ...rest } = order;
  return { ...rest, status };
};

/** The order: one line of an intent, with its own stream (`order-{id}`) and life. */
export const order: Decider<Order, OrderCommand, OrderEvent> = { initial, decide, evolve };
