import { fold, Refused } from '../decider';
import type { Verdict } from '../risk/verdict';
import {
  type CancelReason,
  type ExecutionReport,
  order,
  type Order,
  type OrderCommand,
  type OrderDetails,
  type OrderEvent,
  type OrderTerms,
  type Route,
} from './order';

/** Orders to tell stories with, for specs only: nothing that runs imports this file. */

/* ------------------------------------------------------------------------------------- one order of 100 RELIANCE */

export const terms = (quantity: number, priceE4 = 14_123_000): OrderTerms => ({
  orderType: 'LIMIT',
  quantity,
  priceE4,
  validity: 'DAY',
});

export const details: OrderDetails = {
  orderId: 'order-1',
  intentId: 'intent-1',
  line: 0,
  accountId: 'account-1',
  userId: 'user-1',
  instrumentKey: 'NSE_EQ|INE002A01018',
  symbol: 'NSE:RELIANCE',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  side: 'BUY',
  product: 'CNC',
  ...terms(100),
};

const route: Route = { broker: 'paper', reason: 'account' };
const passed: readonly Verdict[] = [{ check: 'quantity', outcome: 'pass' }];
const failed: readonly Verdict[] = [{ check: 'quantity', outcome: 'fail' }];
/** Of a held order: 5 January 2026, 9:00 IST. */
export const RELEASE_MS = Date.UTC(2026, 0, 5, 3, 30);
export const evidence = { code: 'X1', message: 'as the broker said' };

/** What was asked of the order. */
export const ask = {
  place: (asked: OrderDetails = details): OrderCommand => ({
    type: 'PlaceOrder',
    data: { ...asked, route, verdicts: passed },
  }),
  /** Placed while its market is closed: it waits with us. */
  hold: (asked: OrderDetails = details): OrderCommand => ({
    type: 'PlaceOrder',
    data: { ...asked, route, verdicts: passed, releaseAtMs: RELEASE_MS },
  }),
  deny: (asked: OrderDetails = details): OrderCommand => ({ type: 'DenyOrder', data: { ...asked, verdicts: failed } }),
  dispatch: (attempt = 1, broker = 'paper'): OrderCommand => ({
    type: 'DispatchOrder',
    data: { attempt, broker, tag: `tag-${String(attempt)}` },
  }),
  notSent: (attempt = 1): OrderCommand => ({ type: 'RecordNotSent', data: { attempt, evidence } }),
  doubt: (attempt = 1): OrderCommand => ({ type: 'RecordDoubt', data: { attempt, evidence } }),
  abandon: (): OrderCommand => ({ type: 'AbandonOrder', data: { evidence } }),
  cancel: (requestId = 'cancel-1'): OrderCommand => ({ type: 'RequestCancel', data: { requestId } }),
  replace: (wanted: OrderTerms, requestId = 'replace-1'): OrderCommand => ({
    type: 'RequestReplace',
    data: { requestId, terms: wanted, verdicts: passed },
  }),
  denyReplace: (wanted: OrderTerms, requestId = 'replace-1'): OrderCommand => ({
    type: 'DenyReplace',
    data: { requestId, terms: wanted, verdicts: failed },
  }),
};

const report = (data: ExecutionReport): OrderCommand => ({ type: 'RecordReport', data });

/** What the broker said about it. */
export const told = {
  accepted: (brokerOrderId = 'B1'): OrderCommand => report({ kind: 'new', brokerOrderId }),
  rejected: (): OrderCommand => report({ kind: 'rejected', evidence }),
  trade: (tradeId: string, quantity: number, priceE4 = 14_120_000): OrderCommand =>
    report({ kind: 'trade', tradeId, quantity, priceE4, tradedAt: 1_764_000_000_000 }),
  replaced: (now: OrderTerms): OrderCommand => report({ kind: 'replaced', terms: now }),
  replaceRejected: (): OrderCommand => report({ kind: 'replace-rejected', evidence }),
  cancelled: (reason: CancelReason = 'requested'): OrderCommand => report({ kind: 'cancelled', reason }),
  cancelRejected: (): OrderCommand => report({ kind: 'cancel-rejected', evidence }),
  expired: (): OrderCommand => report({ kind: 'expired' }),
};

/** What happened to it. */
export const happened = {
  placed: (asked: OrderDetails = details): OrderEvent => ({
    type: 'OrderPlaced',
    data: { ...asked, route, verdicts: passed },
  }),
  held: (asked: OrderDetails = details): OrderEvent => ({
    type: 'OrderPlaced',
    data: { ...asked, route, verdicts: passed, releaseAtMs: RELEASE_MS },
  }),
  denied: (asked: OrderDetails = details): OrderEvent => ({
    type: 'OrderDenied',
    data: { ...asked, verdicts: failed },
  }),
  dispatched: (attempt = 1, broker = 'paper'): OrderEvent => ({
    type: 'OrderDispatched',
    data: { attempt, broker, tag: `tag-${String(attempt)}` },
  }),
  accepted: (attempt = 1, brokerOrderId = 'B1'): OrderEvent => ({
    type: 'OrderAccepted',
    data: { attempt, brokerOrderId },
  }),
  rejected: (attempt = 1): OrderEvent => ({ type: 'OrderRejected', data: { attempt, evidence } }),
  notSent: (attempt = 1): OrderEvent => ({ type: 'DispatchNotSent', data: { attempt, evidence } }),
  inDoubt: (attempt = 1): OrderEvent => ({ type: 'DispatchInDoubt', data: { attempt, evidence } }),
  abandoned: (attempt = 0): OrderEvent => ({ type: 'OrderAbandoned', data: { attempt, evidence } }),
  cancelRequested: (requestId = 'cancel-1'): OrderEvent => ({ type: 'CancelRequested', data: { requestId } }),
  cancelRejected: (): OrderEvent => ({ type: 'CancelRejected', data: { evidence } }),
  cancelled: (leavesQuantity: number, reason: CancelReason = 'requested'): OrderEvent => ({
    type: 'OrderCancelled',
    data: { reason, leavesQuantity },
  }),
  replaceRequested: (wanted: OrderTerms, requestId = 'replace-1'): OrderEvent => ({
    type: 'ReplaceRequested',
    data: { requestId, terms: wanted, verdicts: passed },
  }),
  replaceDenied: (wanted: OrderTerms, requestId = 'replace-1'): OrderEvent => ({
    type: 'ReplaceDenied',
    data: { requestId, terms: wanted, verdicts: failed },
  }),
  replaceRejected: (requestId = 'replace-1'): OrderEvent => ({
    type: 'ReplaceRejected',
    data: { requestId, evidence },
  }),
  replaced: (now: OrderTerms, leavesQuantity: number): OrderEvent => ({
    type: 'OrderReplaced',
    data: { terms: now, leavesQuantity },
  }),
  filled: (tradeId: string, quantity: number, cumulativeQuantity = quantity, of = 100): OrderEvent => ({
    type: 'OrderFilled',
    data: {
      tradeId,
      quantity,
      priceE4: 14_120_000,
      tradedAt: 1_764_000_000_000,
      cumulativeQuantity,
      leavesQuantity: of - cumulativeQuantity,
    },
  }),
  overfilled: (tradeId: string, quantity: number): OrderEvent => ({
    type: 'OverfillReported',
    data: { tradeId, quantity, priceE4: 14_120_000, tradedAt: 1_764_000_000_000 },
  }),
  expired: (leavesQuantity: number): OrderEvent => ({ type: 'OrderExpired', data: { leavesQuantity } }),
};

/* ------------------------------------------------------------------------------------------------ lives of orders */

/** One event of a life: the command it came from, and the order before and after it. */
export interface Step {
  readonly command: OrderCommand;
  readonly before: Order;
  readonly event: OrderEvent;
  readonly after: Order;
}

/** What happens to an order when all this is asked and told, one after the other. What is refused is passed over. */
export const liveThrough = (commands: readonly OrderCommand[], from: Order = order.initial): readonly Step[] => {
  const steps: Step[] = [];
  let now = from;
  for (const command of commands)
    for (const event of decideOrPass(command, now)) {
      const before = now;
      now = order.evolve(before, event);
      steps.push({ command, before, event, after: now });
    }
  return steps;
};

/** What the command leads to, or nothing when it is refused. */
export const decideOrPass = (command: OrderCommand, now: Order): readonly OrderEvent[] => {
  try {
    return order.decide(command, now);
  } catch (error) {
    if (error instanceof Refused) return [];
    throw error;
  }
};

/** The order after this history. */
export const after = (...history: readonly OrderEvent[]): Order => fold(order, order.initial, history);

/** Small enough that random lives collide: an order of 10, trades of 1 to 5, modifies to between 1 and 20. */
export const SMALL: OrderDetails = { ...details, ...terms(10) };

/** Everything that can be asked of or told about an order once it is placed; two numbers choose the particulars. */
export const KINDS: readonly ((a: number, b: number) => OrderCommand)[] = [
  () => ask.place(SMALL),
  () => ask.hold(SMALL),
  () => ask.deny(SMALL),
  (a) => ask.dispatch(1 + (a % 3)),
  (a) => ask.notSent(1 + (a % 2)),
  (a) => ask.doubt(1 + (a % 2)),
  () => ask.abandon(),
  (a) => ask.cancel(`cancel-${String(a % 3)}`),
  (a, b) => ask.replace(terms(1 + (a % 20), 14_000_000 + (b % 3) * 1_000), `replace-${String(b % 4)}`),
  (a, b) => ask.denyReplace(terms(1 + (a % 20)), `replace-${String(b % 4)}`),
  (a) => told.accepted(`B${String(1 + (a % 2))}`),
  (a) => told.trade(`trade-${String(a % 8)}`, 1 + (a % 5)),
  (a, b) => told.trade(`trade-${String(a % 8)}`, 1 + (a % 5), 14_000_000 + b),
  (a, b) => told.replaced(terms(1 + (a % 20), 14_000_000 + (b % 3) * 1_000)),
  () => told.replaceRejected(),
  () => told.cancelRejected(),
  (a) =>
    [told.rejected, told.expired, () => told.cancelled(), () => told.cancelled('unsolicited')][a % 4]?.() ??
    told.expired(),
];

/** A command out of three numbers. */
export const commandOf = ([kind, a, b]: readonly [number, number, number]): OrderCommand => {
  const make = KINDS[kind % KINDS.length];
  if (!make) throw new RangeError(`no command of kind ${String(kind)}`);
  return make(a, b);
};
