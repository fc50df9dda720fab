import { DatabaseError } from 'pg';
import { Problem } from '#platform/problem-details';

/** A statement that took too long, a connection that was lost or not to be had: try again, nothing is wrong with the request. */
export const problemOfQuery = (error: unknown): Problem | undefined => {
  const away =
    error instanceof DatabaseError
      ? /^(57|53|08)/.test(error.code ?? '')
      : error instanceof Error && /timeout|terminated|ECONN|connect/i.test(error.message);
  return away
    ? new Problem(503, 'READ_MODEL_UNAVAILABLE', 'The read model does not answer right now.', {
        cause: error,
        headers: { 'retry-after': '1' },
      })
    : undefined;
};
