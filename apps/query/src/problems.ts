import { DatabaseError } from 'pg';
import { Problem } from '#platform/problem-details';

/** SQLSTATE classes of a server that cannot answer now: connection (08), resources (53), intervention (57: also our timeout). */
const AWAY = /^(08|53|57)/;

/** What `pg` and its pool say, without a code, when they give up waiting or lose a connection. */
const GIVEN_UP =
  /^(timeout exceeded when trying to connect|Connection terminated|Query read timeout|Client has encountered a connection error)/;

const SYSTEM_ERRORS: readonly unknown[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
];

/**
 * A statement that took too long, a connection that was lost or could not be had: nothing is wrong with the request, and
 * the same one may succeed in a moment.
 */
export const problemOfQuery = (error: unknown): Problem | undefined =>
  isAway(error)
    ? new Problem(503, 'READ_MODEL_UNAVAILABLE', 'The read model does not answer right now.', {
        cause: error,
        headers: { 'retry-after': '1' },
      })
    : undefined;

const isAway = (error: unknown): boolean => {
  if (error instanceof DatabaseError) return AWAY.test(error.code ?? '');
  if (error instanceof AggregateError) return error.errors.some(isAway); // refused by every address of a host
  if (!(error instanceof Error)) return false;
  return GIVEN_UP.test(error.message) || ('code' in error && SYSTEM_ERRORS.includes(error.code));
};
