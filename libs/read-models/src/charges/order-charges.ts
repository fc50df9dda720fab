import type { OrderEvent } from '#domain/orders/order';
import type { Recorded } from '../recorded';
import { chargesJsonOf, linesOf } from './lines';
import type { OrderChargesRow } from './order-charges-row';

/** The estimate that an order was placed with; none where no rates were known, and in what was stored before there were any. */
export const orderChargesOf = ({
  data,
  meta,
  position,
}: Recorded<Extract<OrderEvent, { type: 'OrderPlaced' }>>): OrderChargesRow | undefined =>
  data.charges && {
    orderId: data.orderId,
    accountId: data.accountId,
    broker: data.route.broker,
    symbol: data.symbol,
    ...linesOf(data.charges),
    chargesJson: chargesJsonOf(data.charges),
    estimatedAt: meta.at,
    position,
  };
