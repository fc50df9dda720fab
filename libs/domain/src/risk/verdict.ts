/**
 * What one check found, so that every denial (and every approval) explains itself. `limit` and `actual` are what was
 * compared; prices and amounts in rupees. `not-applicable`: the rule does not touch this order.
 */
export interface Verdict {
  readonly check: string;
  readonly outcome: 'pass' | 'fail' | 'not-applicable';
  /** Whose rule it is: a circular, a file of the day, a setting of the user or of the house. */
  readonly rule?: string;
  readonly limit?: number | string;
  readonly actual?: number | string;
  /** Since when the rule is in force, or the day of the file it was read from: `YYYY-MM-DD`. */
  readonly effectiveFrom?: string;
  readonly reason?: string;
}
