import { CLOSED } from '#domain/orders/order';
import type { OrderRow } from '../orders/order-row';
import { domainStatusOf } from '#domain/orders/book-status';
import type { AccountRecorded, IntentRecorded, OrderRecorded } from '../recorded';
import type { OpenWorkRow } from './open-work-row';

/** An intent is work from its receipt to its completion. */
export const evolveIntent = (row: OpenWorkRow | null, id: string, recorded: IntentRecorded): OpenWorkRow | null => {
  const { position, meta } = recorded;
  switch (recorded.type) {
    case 'IntentReceived':
      return {
        kind: 'intent',
        id,
        accountId: recorded.data.accountId,
        broker: null,
        status: 'open',
        since: meta.at,
        closed: false,
        reserved: false,
        filled: 0,
        posted: 0,
        position,
      };
    case 'IntentCompleted':
      return null;
  }
};

/**
 * An order is work until it is closed and its account has caught up: no margin held, every fill posted. Both streams
 * tell, in either order, because the events of one append may come account first or order first. `order` is the order's
 * row with this event in it.
 */
export const evolveOrder = (row: OpenWorkRow | null, order: OrderRow, recorded: OrderRecorded): OpenWorkRow | null => {
  const { position, meta } = recorded;
  const status = domainStatusOf(order.status);
  const now = { broker: order.broker, status, closed: CLOSED.has(status), filled: order.filledQuantity, position };
  if (row !== null) return unlessDone({ ...row, ...now });
  const first = {
    kind: 'order',
    id: order.orderId,
    accountId: order.accountId,
    since: meta.at,
    reserved: false,
  } as const;
  if (recorded.type === 'OrderPlaced') return { ...first, ...now, posted: 0 };
  // A trade that is heard of after the order was closed and settled: everything before it has been posted.
  if (recorded.type === 'OrderFilled') return { ...first, ...now, posted: now.filled - recorded.data.quantity };
  return null;
};

/** The account's side of an order: `accountId` is the account whose stream it is. */
export const evolveAccount = (
  row: OpenWorkRow | null,
  accountId: string,
  recorded: AccountRecorded,
): OpenWorkRow | null => {
  const { position, meta } = recorded;
  switch (recorded.type) {
    case 'MarginReserved':
      return row === null
        ? {
            kind: 'order',
            id: recorded.data.orderId,
            accountId,
            broker: null,
            status: 'reserved',
            since: meta.at,
            closed: false,
            reserved: true,
            filled: 0,
            posted: 0,
            position,
          }
        : { ...row, reserved: true, position };
    case 'MarginPosted': {
      const { orderId, quantity, cumulativeQuantity, hold } = recorded.data;
      if (row !== null) return unlessDone({ ...row, reserved: hold !== null, posted: cumulativeQuantity, position });
      // The order's own event of a late trade is still to come.
      return {
        kind: 'order',
        id: orderId,
        accountId,
        broker: null,
        status: 'filled',
        since: meta.at,
        closed: true,
        reserved: hold !== null,
        filled: cumulativeQuantity - quantity,
        posted: cumulativeQuantity,
        position,
      };
    }
    case 'MarginVoided':
      return row === null ? null : unlessDone({ ...row, reserved: false, position });
    case 'ReservationChanged':
      return row === null ? null : { ...row, position };
    case 'AccountOpened':
    case 'FundsDeposited':
    case 'HoldingAdopted':
    case 'PositionExpired':
      return row;
  }
};

/** The order that an account's event is about, if it is about one. */
export const orderIdOf = (recorded: AccountRecorded): string | undefined =>
  'orderId' in recorded.data ? recorded.data.orderId : undefined;

const unlessDone = (row: OpenWorkRow): OpenWorkRow | null =>
  row.closed && !row.reserved && row.posted === row.filled ? null : row;
