/** What is asked of the process that judges orders, and what it answers. */

export interface DecideWork {
  /** The day's master. */
  readonly file: string;
  readonly day: string;
  readonly accounts: number;
  /** Contracts on NIFTY that an account with a portfolio holds. */
  readonly legs: number;
  /** Of each kind: judged and measured. */
  readonly orders: number;
}

export interface Judged {
  readonly durationsMs: readonly number[];
  /** What of each the processors worked on it, garbage included: without the time that others had them. */
  readonly cpuMs: readonly number[];
  readonly seconds: number;
  /** Spent on garbage, within `seconds`. */
  readonly gcMs: number;
  readonly passed: number;
  /** Of the processors, what others had of them meanwhile: above a few percent the durations are not worth much. */
  readonly othersShare: number;
}

export interface DecideFigures {
  readonly instruments: number;
  readonly accounts: number;
  readonly cash: Judged;
  readonly portfolio: Judged;
  readonly peakRssMb: number;
}
