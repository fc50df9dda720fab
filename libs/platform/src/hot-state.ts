/** What processes share and may lose at any moment: a cache, windows of a rate. Whatever must last is kept elsewhere. */

export interface Window {
  /** Hits that a window lets through. */
  readonly max: number;
  /** Whole seconds; a part of one counts as one. */
  readonly windowMs: number;
}

export interface Hit {
  readonly allowed: boolean;
  /** Until the window ends; 0 while hits are let through. */
  readonly retryAfterMs: number;
}

/**
 * Losing all of it changes nothing but latency, and the keeper may fall silent, so nothing here ever throws: what is
 * not there is a miss, what cannot be kept is dropped, and what cannot be counted together is counted alone.
 */
export interface HotState {
  /** What was last set under the key and is not too old. Written by others: to be doubted like any input. */
  get(key: string): Promise<string | undefined>;
  set(key: string, text: string, ttlMs: number): Promise<void>;
  /** Counts one hit in the key's window, which begins with its first hit. */
  hit(key: string, window: Window): Promise<Hit>;
  close(): Promise<void>;
}

/** Injects the process's `HotState`. */
export const HOT_STATE = Symbol('HotState');

export const windowSecOf = ({ windowMs }: Window): number => Math.max(1, Math.ceil(windowMs / 1000));
