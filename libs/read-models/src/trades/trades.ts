import type { OrderEvent } from '#domain/orders/order';
import type { OrderRow } from '../orders/order-row';
import type { Recorded } from '../recorded';
import type { TradeRow } from './trade-row';

/** A fill as a trade. What was traded, and where, stands in the order's row. */
export const tradeOf = (
  order: OrderRow,
  { data, position }: Recorded<Extract<OrderEvent, { type: 'OrderFilled' }>>,
): TradeRow => ({
  orderId: order.orderId,
  tradeId: data.tradeId,
  accountId: order.accountId,
  symbol: order.symbol,
  instrumentKey: order.instrumentKey,
  exchange: order.exchange,
  segment: order.segment,
  side: order.side,
  product: order.product,
  quantity: data.quantity,
  priceE4: data.priceE4,
  valueE4: data.priceE4 * data.quantity,
  broker: order.broker,
  brokerOrderId: order.brokerOrderId,
  tradedAt: data.tradedAt,
  position,
});
