/** What can be wrong with the double. All of it is off at the start, and after a restart. */
export interface Faults {
  /** Takes every request and answers none; appends that come now are not stored. */
  readonly blackhole: boolean;
  /** So many appends are stored, and then the connection breaks instead of an answer. */
  readonly dropAfterCommit: number;
  /** Answers come so much later. */
  readonly delayMs: number;
  /** Sends everybody to the leader there. */
  readonly notLeader: { readonly host: string; readonly port: number } | null;
  /** Says that it is not ready. */
  readonly unavailable: boolean;
  /** Says of appends that they are stored, but not where. */
  readonly hidePositions: boolean;
  /** Searches for ever when a read of the whole log has a filter by stream prefix. */
  readonly endlessSearch: boolean;
  /** Subscriptions bring nothing more, and nobody is told. */
  readonly silentSubscriptions: boolean;
  /** Does not tell subscriptions when all stored events have come, as older servers. */
  readonly neverCaughtUp: boolean;
}

export const noFaults: Faults = {
  blackhole: false,
  dropAfterCommit: 0,
  delayMs: 0,
  notLeader: null,
  unavailable: false,
  hidePositions: false,
  endlessSearch: false,
  silentSubscriptions: false,
  neverCaughtUp: false,
};

/** What the parent process tells the double. */
export interface Command {
  readonly number: number;
  readonly faults?: Partial<Faults>;
  /** Cuts all connections. */
  readonly cut?: boolean;
}

/** What the double tells its parent: where it listens, then that a command was carried out. */
export type Report = { readonly port: number } | { readonly done: number };
