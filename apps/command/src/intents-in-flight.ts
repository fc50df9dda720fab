import { Problem } from '#platform/problem-details';

/** Intents this process is working on right now: a second request with the same key is told to come back. */
export class IntentsInFlight {
  private readonly hashes = new Map<string, string>();

  /**
   * Begins work on an intent, or tells with `false` that the same request is under way.
   * @throws Problem 422 when it is another one under the same key.
   */
  enter(intentId: string, payloadHash: string): boolean {
    const known = this.hashes.get(intentId);
    if (known !== undefined && known !== payloadHash) throw keyReused();
    this.hashes.set(intentId, payloadHash);
    return known === undefined;
  }

  leave(intentId: string): void {
    this.hashes.delete(intentId);
  }

  has(intentId: string): boolean {
    return this.hashes.has(intentId);
  }
}

/** The same request is under way. */
export const inProgress = (): Problem =>
  new Problem(409, 'INTENT_IN_PROGRESS', 'A request with this Idempotency-Key is still running.', {
    headers: { 'Retry-After': '1' },
  });

/** The key belongs to another request. */
export const keyReused = (): Problem =>
  new Problem(422, 'IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key was used for another request.', {
    errors: [{ field: 'Idempotency-Key', message: 'was used with a different body' }],
  });
