import { Refused } from '#domain/decider';
import { EventLogUnavailable } from '#event-log/event-log';
import { Problem } from '#platform/problem-details';

/** HTTP status of refusals that are not simply a conflict with how things stand (409). */
const STATUS: Readonly<Record<string, number>> = {
  'order.unknown': 404,
  'order.quantity-below-filled': 422,
  'money.too-large': 422,
};

const TEXT: Readonly<Record<string, string>> = {
  'order.unknown': 'There is no such order.',
  'order.closed': 'The order is closed: nothing can be changed any more.',
  'order.not-working': 'The order is not at the broker yet, or in doubt.',
  'order.cancel-pending': 'A cancel of this order is under way.',
  'order.replace-pending': 'A change of this order is under way.',
  'order.replace-differs': 'This version was changed by another request.',
  'order.quantity-below-filled': 'The new total is not above what has been filled.',
  'money.too-large': 'Price times quantity is larger than any amount that is kept.',
};

/** What the write side's own errors mean to a client: `order.closed` is 409 `ORDER_CLOSED`. */
export const problemOfCommand = (error: unknown): Problem | undefined => {
  if (error instanceof Refused)
    return new Problem(
      STATUS[error.code] ?? 409,
      error.code.replace(/[.-]/g, '_').toUpperCase(),
      TEXT[error.code] ?? error.code,
      { cause: error },
    );
  if (error instanceof EventLogUnavailable)
    return new Problem(
      503,
      'EVENT_LOG_UNAVAILABLE',
      'The event log did not answer. Repeat the request with the same Idempotency-Key.',
      {
        cause: error,
        headers: { 'Retry-After': '1' },
      },
    );
  return undefined;
};
