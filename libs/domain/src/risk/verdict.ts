/**
 * What one check found, so that every denial (and every approval) explains itself. `limit` and `actual` are what was
 * compared; prices and amounts in rupees. `not-applicable`: the rule does not touch this order.
 */
export interface Verdict {
  readonly check: string;
  readonly outcome: 'pass' | 'fail' | 'not-applicable';
  readonly limit?: number | string;
  readonly actual?: number | string;
  readonly reason?: string;
}
