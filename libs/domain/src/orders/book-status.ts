import type { OrderStatus } from './order';

/**
 * An order's status in the words of the API. The only place where the domain's words become these:
 *
 * | domain      | API                                  | FIX OrdStatus (`ord_status`)   |
 * |-------------|--------------------------------------|--------------------------------|
 * | placed      | PLACED                               | A pending new                  |
 * | dispatched  | DISPATCHED                           | A pending new                  |
 * | in-doubt    | IN_DOUBT                             | A pending new                  |
 * | not-sent    | NOT_SENT                             | A pending new                  |
 * | working     | OPEN; PARTIALLY_FILLED after a fill  | 0 new; 1 partially filled      |
 * | filled      | FILLED                               | 2 filled                       |
 * | cancelled   | CANCELLED                            | 4 cancelled                    |
 * | expired     | EXPIRED                              | C expired                      |
 * | denied      | DENIED                               | 8 rejected                     |
 * | rejected    | REJECTED                             | 8 rejected                     |
 * | abandoned   | ABANDONED                            | 8 rejected                     |
 *
 * A cancel or replace on its way does not change the status, but does show as FIX 6 or E and in `pending`.
 */
export const BOOK_STATUSES = [
  'PLACED',
  'DISPATCHED',
  'IN_DOUBT',
  'NOT_SENT',
  'OPEN',
  'PARTIALLY_FILLED',
  'FILLED',
  'CANCELLED',
  'EXPIRED',
  'DENIED',
  'REJECTED',
  'ABANDONED',
] as const;

export type BookStatus = (typeof BOOK_STATUSES)[number];

const DOMAIN: Readonly<Record<BookStatus, OrderStatus>> = {
  PLACED: 'placed',
  DISPATCHED: 'dispatched',
  IN_DOUBT: 'in-doubt',
  NOT_SENT: 'not-sent',
  OPEN: 'working',
  PARTIALLY_FILLED: 'working',
  FILLED: 'filled',
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
  DENIED: 'denied',
  REJECTED: 'rejected',
  ABANDONED: 'abandoned',
};

export const domainStatusOf = (status: BookStatus): OrderStatus => DOMAIN[status];

/** @throws Error for `new`: an order without an event is in no book. */
export const bookStatusOf = (status: OrderStatus, filledQuantity: number): BookStatus => {
  switch (status) {
    case 'new':
      throw new Error('an order without an event has no status');
    case 'placed':
      return 'PLACED';
    case 'dispatched':
      return 'DISPATCHED';
    case 'in-doubt':
      return 'IN_DOUBT';
    case 'not-sent':
      return 'NOT_SENT';
    case 'working':
      return filledQuantity > 0 ? 'PARTIALLY_FILLED' : 'OPEN';
    case 'filled':
      return 'FILLED';
    case 'cancelled':
      return 'CANCELLED';
    case 'expired':
      return 'EXPIRED';
    case 'denied':
      return 'DENIED';
    case 'rejected':
      return 'REJECTED';
    case 'abandoned':
      return 'ABANDONED';
  }
};
