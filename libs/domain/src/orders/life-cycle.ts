import { CLOSED, type Order, type OrderEvent, type OrderStatus } from './order';

/** FIX 4.4 tag 39. */
export type OrdStatus = 'A' | '0' | '1' | '2' | '4' | '6' | '8' | 'C' | 'E';

/** FIX 4.4 tag 150; `I` (order status) where FIX has no execution type for what happened. */
export type ExecType = 'A' | '0' | '4' | '5' | '6' | '8' | 'C' | 'E' | 'F' | 'I';

interface Transition {
  readonly from: readonly OrderStatus[];
  /** Where the order stands afterwards; `same` where the event does not move it. */
  readonly to: readonly (OrderStatus | 'same')[];
  readonly execType: ExecType;
}

const SENT: readonly OrderStatus[] = ['dispatched', 'in-doubt', 'working'];
const OVER: readonly OrderStatus[] = ['filled', 'cancelled', 'rejected', 'expired'];

/** The whole life of an order, one row an event. The specs prove that the decider never leaves it. */
export const lifeCycle: Readonly<Record<OrderEvent['type'], Transition>> = {
  OrderPlaced: { from: ['new'], to: ['placed'], execType: 'A' },
  OrderDenied: { from: ['new'], to: ['denied'], execType: '8' },
  OrderDispatched: { from: ['placed', 'not-sent'], to: ['dispatched'], execType: 'A' },
  OrderAccepted: { from: [...SENT, ...OVER], to: ['working', 'same'], execType: '0' },
  OrderRejected: { from: SENT, to: ['rejected'], execType: '8' },
  DispatchNotSent: { from: ['dispatched', 'in-doubt'], to: ['not-sent'], execType: 'I' },
  DispatchInDoubt: { from: ['dispatched'], to: ['in-doubt'], execType: 'I' },
  OrderAbandoned: { from: ['placed', 'not-sent'], to: ['abandoned'], execType: '8' },
  CancelRequested: { from: ['placed', 'not-sent', ...SENT], to: ['same'], execType: '6' },
  CancelRejected: { from: SENT, to: ['same'], execType: 'I' },
  OrderCancelled: { from: ['placed', ...SENT], to: ['cancelled'], execType: '4' }, // `placed`: held by us
  ReplaceRequested: { from: ['working'], to: ['same'], execType: 'E' },
  ReplaceDenied: { from: ['working'], to: ['same'], execType: 'I' },
  ReplaceRejected: { from: ['working'], to: ['same', 'filled'], execType: 'I' },
  OrderReplaced: { from: SENT, to: ['working', 'filled'], execType: '5' },
  OrderFilled: {
    from: [...SENT, 'cancelled', 'expired', 'rejected'],
    to: ['working', 'filled', 'same'],
    execType: 'F',
  },
  OverfillReported: { from: [...SENT, ...OVER], to: ['working', 'same'], execType: 'I' },
  OrderExpired: { from: SENT, to: ['expired'], execType: 'C' },
};

/**
 * FIX OrdStatus of an order. Where several hold at once the highest precedence shows: PendingCancel, PendingReplace,
 * Filled, Cancelled, PartiallyFilled, New (FIX 4.4 volume 4, appendix D).
 */
export const ordStatusOf = (
  order: Pick<Order, 'status' | 'filledQuantity' | 'pendingCancel' | 'pendingReplace'>,
): OrdStatus => {
  if (!CLOSED.has(order.status)) {
    if (order.pendingCancel !== undefined) return '6';
    if (order.pendingReplace) return 'E';
  }
  switch (order.status) {
    case 'new':
    case 'placed':
    case 'dispatched':
    case 'in-doubt':
    case 'not-sent':
      return 'A';
    case 'working':
      return order.filledQuantity > 0 ? '1' : '0';
    case 'filled':
      return '2';
    case 'cancelled':
      return '4';
    case 'denied':
    case 'rejected':
    case 'abandoned':
      return '8';
    case 'expired':
      return 'C';
  }
};
