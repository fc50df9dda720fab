import { EventLogUnavailable } from '../event-log';

/** SQLSTATE classes that say nothing about the request: connection, transaction state, resources, operator, system. */
const passing = ['08', '25', '40', '53', '55', '57', '58'];

/**
 * What to throw for a failed query: `EventLogUnavailable` when the database or the way to it was the cause, the error
 * itself when the database answered and repeating would not help (no such table, wrong password).
 */
export function explain(error: unknown): unknown {
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined && !passing.includes(sqlState.slice(0, 2))) return error;
  return new EventLogUnavailable(`the event log did not answer: ${messageOf(error)}`, { cause: error });
}

/** Set on answers of the server; a driver or socket error has another kind of code or none. */
function sqlStateOf(error: unknown): string | undefined {
  return typeof error === 'object' &&
    error !== null &&
    'severity' in error &&
    'code' in error &&
    typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** A refused connection to a name with two addresses is an AggregateError without a message of its own. */
function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.map(messageOf).join(', ');
  return 'message' in error ? String(error.message) : 'it gave no reason';
}
