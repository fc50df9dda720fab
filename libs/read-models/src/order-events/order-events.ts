import { lifeCycle } from '#domain/orders/life-cycle';
import type { OrderRow } from '../orders/order-row';
import type { OrderRecorded } from '../recorded';
import type { OrderEventRow } from './order-event-row';

/** The event as a row of the history; `after` is the order's row with this event in it. */
export const orderEventOf = (
  after: OrderRow,
  { type, data, revision, position, meta }: OrderRecorded,
): OrderEventRow => ({
  orderId: after.orderId,
  revision,
  position,
  accountId: after.accountId,
  type,
  execType: lifeCycle[type].execType,
  ordStatus: after.ordStatus,
  data: JSON.stringify(data),
  correlationId: meta.correlationId,
  userId: meta.userId,
  at: meta.at,
});
