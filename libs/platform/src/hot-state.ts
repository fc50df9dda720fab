/** What processes share and may lose at any moment: a cache, windows of a rate. Whatever must last is kept elsewhere. */

export interface Window {
  /** Hits that a window lets through. */
  readonly max: number;
  /** Whole seconds; a part of one counts as one. */
  readonly windowMs: number;
}

/** At most `max` in any stretch of that length, wherever it begins. */
export interface SlidingWindow {
  readonly max: number;
  /** Whole milliseconds. */
  readonly windowMs: number;
  /** Tells apart what is counted apart under one key. Windows of one name and length share their count, whatever their maximum. */
  readonly name?: string;
}

export interface Hit {
  readonly allowed: boolean;
  /** Until it is worth asking again; 0 while hits are let through. */
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
  /**
   * Counts as many hits as `weight` says, a whole number, in all of the windows, or in none when one has no room. More
   * than a window's maximum never fits.
   */
  slide(key: string, windows: readonly SlidingWindow[], weight: number): Promise<Hit>;
  close(): Promise<void>;
}

/** Injects the process's `HotState`. */
export const HOT_STATE = Symbol('HotState');

export const windowSecOf = ({ windowMs }: Window): number => Math.max(1, Math.ceil(windowMs / 1000));
