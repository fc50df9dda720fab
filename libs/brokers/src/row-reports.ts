import type { Evidence, ExecutionReport, Order, OrderTerms } from '#domain/orders/order';
import type { OrderRow, TradeRow } from './client';

/**
 * What a row of a broker's book, with the trades of that order, says of ours. Rows come late, twice and out of order, so
 * it says everything that the row says, and the order decides what is new.
 *
 * No end is told before its trades are: a row that shows more filled than the trades that came with it is only told as far
 * as they go, and read again by whoever sees the gap (`lacksTrades`).
 */
export const reportsOfRow =
  (row: OrderRow, trades: readonly TradeRow[], evidence?: Evidence) =>
  (order: Order): readonly ExecutionReport[] => {
    const reports: ExecutionReport[] = [];
    if (order.brokerOrderId === undefined)
      reports.push({ kind: 'new', brokerOrderId: row.brokerOrderId, ...(evidence && { evidence }) });
    const { pendingReplace } = order;
    if (pendingReplace && row.state !== 'MODIFY_PENDING' && carries(row.terms, pendingReplace.terms, order.terms))
      reports.push({ kind: 'replaced', terms: pendingReplace.terms });
    for (const { tradeId, quantity, priceE4, tradedAtMs } of tradesOf(row, trades))
      reports.push({ kind: 'trade', tradeId, quantity, priceE4, tradedAt: tradedAtMs });
    if (!lacksTrades(row, trades)) reports.push(...endOf(row, order));
    return reports;
  };

/** The row shows more filled than these trades of it. */
export const lacksTrades = (row: OrderRow, trades: readonly TradeRow[]): boolean =>
  tradesOf(row, trades).reduce((sum, { quantity }) => sum + quantity, 0) < row.filledQuantity;

const tradesOf = ({ brokerOrderId }: OrderRow, trades: readonly TradeRow[]): readonly TradeRow[] =>
  trades
    .filter((trade, at) => trade.brokerOrderId === brokerOrderId && at === firstOf(trade, trades))
    .sort((a, b) => a.tradedAtMs - b.tradedAtMs);

/** A trade that a book lists twice is one trade. */
const firstOf = ({ tradeId, brokerOrderId }: TradeRow, trades: readonly TradeRow[]): number =>
  trades.findIndex((one) => one.tradeId === tradeId && one.brokerOrderId === brokerOrderId);

const endOf = ({ state, evidence, filledQuantity }: OrderRow, order: Order): readonly ExecutionReport[] => {
  switch (state) {
    case 'REJECTED':
      return [{ kind: 'rejected', evidence: evidence ?? { code: 'REJECTED', message: 'the broker gave no reason' } }];
    case 'CANCELLED':
      return [{ kind: 'cancelled', reason: reasonOf(order) }];
    case 'EXPIRED':
      return [{ kind: 'expired' }];
    case 'FILLED': {
      // Its trades say so. A change that asked for more came too late, and nobody else would say that.
      const { pendingReplace } = order;
      return pendingReplace && pendingReplace.terms.quantity > filledQuantity
        ? [{ kind: 'replace-rejected', evidence: { code: 'FILLED_BEFORE', message: 'filled before it was changed' } }]
        : [];
    }
    case 'PENDING_ACK':
    case 'QUEUED_AMO':
    case 'WORKING':
    case 'TRIGGER_WAIT':
    case 'MODIFY_PENDING':
    case 'CANCEL_PENDING':
    case 'UNKNOWN':
      return [];
  }
};

const reasonOf = ({ pendingCancel, terms }: Order) => {
  if (pendingCancel !== undefined) return 'requested';
  return terms.validity === 'IOC' ? 'immediate-or-cancel' : 'unsolicited';
};

/**
 * Whether a broker's row stands under the terms that were asked for, and no longer under those before. Brokers print 0 for
 * what is not used and turn market orders into protected limit orders, so such a row counts only if its price has moved.
 */
export const carries = (row: OrderTerms, asked: OrderTerms, before: OrderTerms): boolean => {
  if (row.quantity !== asked.quantity || row.validity !== asked.validity) return false;
  if (asked.priceE4 !== undefined && row.priceE4 !== asked.priceE4) return false;
  if (asked.triggerPriceE4 !== undefined && row.triggerPriceE4 !== asked.triggerPriceE4) return false;
  if (asked.disclosedQuantity !== undefined && asked.disclosedQuantity !== before.disclosedQuantity)
    return row.disclosedQuantity === asked.disclosedQuantity;
  return (
    row.orderType === asked.orderType ||
    (row.orderType === PROTECTED[asked.orderType] && row.priceE4 !== before.priceE4)
  );
};

/** What brokers make of an order without a limit. */
const PROTECTED: Readonly<Partial<Record<OrderTerms['orderType'], OrderTerms['orderType']>>> = {
  MARKET: 'LIMIT',
  SL_M: 'SL',
};
