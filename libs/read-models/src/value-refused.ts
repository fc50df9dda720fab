import { DatabaseError } from 'pg';
import { DoesNotFit } from './copy-buffer';

/** A row cannot be stored, whatever happens. */
export class ValueRefused extends Error {
  override readonly name = 'ValueRefused';

  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/**
 * Postgres understood the statement and refuses a value in it: data exception (22), integrity constraint (23), program
 * limit (54). Trying again would change nothing; every other failure passes.
 */
const isRefused = (error: unknown): error is Error =>
  error instanceof DoesNotFit || (error instanceof DatabaseError && /^(22|23|54)/.test(error.code ?? ''));

/** The failure of a statement, as `ValueRefused` where it is one. */
export const asRefused = (error: unknown): unknown => (isRefused(error) ? new ValueRefused(error) : error);
