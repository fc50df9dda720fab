import { LRUCache } from 'lru-cache';
import { type Hit, type HotState, type SlidingWindow, type Window, windowSecOf } from './hot-state';
import { SlidingLogs } from './hot-state-sliding';

const VALUES_MAX = 10_000;
const CHARACTERS_MAX = 32 * 1024 * 1024;
const WINDOWS_MAX = 20_000;

/**
 * Hot state of one process alone. Bounded: a flood of made-up keys forgets old ones instead of filling the memory, which
 * `RateLimiterMemory` of rate-limiter-flexible, with a timer for each key, would not.
 */
export class InProcessHotState implements HotState {
  private readonly values = new LRUCache<string, { readonly text: string; readonly endsAt: number }>({
    max: VALUES_MAX,
    maxSize: CHARACTERS_MAX,
    sizeCalculation: ({ text }, key) => text.length + key.length + 1,
  });
  private readonly windows = new LRUCache<string, { readonly endsAt: number; hits: number }>({ max: WINDOWS_MAX });
  private readonly sliding: SlidingLogs;

  /** Milliseconds that never go back, whatever becomes of the wall clock. */
  constructor(private readonly monotonicMs = () => performance.now()) {
    this.sliding = new SlidingLogs(monotonicMs);
  }

  get(key: string): Promise<string | undefined> {
    const value = this.values.get(key);
    return Promise.resolve(value !== undefined && value.endsAt > this.monotonicMs() ? value.text : undefined);
  }

  set(key: string, text: string, ttlMs: number): Promise<void> {
    this.values.set(key, { text, endsAt: this.monotonicMs() + ttlMs });
    return Promise.resolve();
  }

  hit(key: string, window: Window): Promise<Hit> {
    const now = this.monotonicMs();
    let count = this.windows.get(key);
    if (count === undefined || count.endsAt <= now) {
      count = { endsAt: now + windowSecOf(window) * 1000, hits: 0 };
      this.windows.set(key, count);
    }
    count.hits += 1;
    const allowed = count.hits <= window.max;
    return Promise.resolve({ allowed, retryAfterMs: allowed ? 0 : count.endsAt - now });
  }

  slide(key: string, windows: readonly SlidingWindow[], weight: number): Promise<Hit> {
    return Promise.resolve(this.sliding.slide(key, windows, weight));
  }

  close(): Promise<void> {
    this.values.clear();
    this.sliding.clear();
    this.windows.clear();
    return Promise.resolve();
  }
}
