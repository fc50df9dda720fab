import { type Metadata, status } from '@grpc/grpc-js';
import { EventLogUnavailable } from '../event-log';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A call that the server, or gRPC in its name, ended with a status other than OK. */
interface CallError extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Statuses that say nothing about the request: the way to the server, its state, its load. */
const passing: readonly status[] = [
  status.CANCELLED,
  status.UNKNOWN, // how the server says that it does not know who leads
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED, // how the server says that an operation timed out within it
  status.INTERNAL, // how gRPC says that the connection broke
  status.UNAVAILABLE,
  status.DATA_LOSS,
];

/**
 * What to throw for a failed call: `EventLogUnavailable` when the server or the way to it was the cause, an error in
 * plain words when the server answered and repeating would not help (access denied, an unknown position).
 */
export function explain(error: unknown): Error {
  if (error instanceof EventLogUnavailable) return error;
  if (!isCallError(error)) return error instanceof Error ? error : new Error(String(error));
  if (leaderIn(error) !== undefined) {
    return new EventLogUnavailable('the event store has another leader', { cause: error });
  }
  return passing.includes(error.code)
    ? new EventLogUnavailable(`the event store did not answer: ${error.details}`, { cause: error })
    : new Error(`the event store refused: ${error.details}`, { cause: error });
}

/** Where the leader is, when that is the reason of the failure. */
export function leaderIn(error: unknown): Endpoint | undefined {
  if (!isCallError(error) || text(error.metadata, 'exception') !== 'not-leader') return undefined;
  const address = text(error.metadata, 'leader-endpoint-host');
  const port = Number(text(error.metadata, 'leader-endpoint-port'));
  return address === undefined || !Number.isInteger(port) ? undefined : { address, port };
}

/** True when the call's own deadline ended it. */
export function ranOutOfTime(error: unknown): boolean {
  return isCallError(error) && error.code === status.DEADLINE_EXCEEDED;
}

function isCallError(error: unknown): error is CallError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;
}

function text(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return value?.toString();
}
