/** How often something may be tried in a window of time, per key: an e-mail address, a network address. */

import { LRUCache } from 'lru-cache';
import { Problem } from './problem-details';

export interface RateLimitOptions {
  readonly triesMax: number;
  readonly windowMs: number;
  readonly now?: () => number;
}

export class RateLimit {
  /** Bounded: a flood of made-up keys forgets old ones instead of filling the memory. */
  private readonly windows = new LRUCache<string, { readonly endsAt: number; tries: number }>({ max: 20_000 });

  constructor(private readonly options: RateLimitOptions) {}

  /** Counts one try. @throws Problem 429 TOO_MANY_TRIES with `Retry-After` once there were too many. */
  count(key: string): void {
    const now = (this.options.now ?? Date.now)();
    let window = this.windows.get(key);
    if (window === undefined || window.endsAt <= now) {
      window = { endsAt: now + this.options.windowMs, tries: 0 };
      this.windows.set(key, window);
    }
    window.tries += 1;
    if (window.tries <= this.options.triesMax) return;
    throw new Problem(429, 'TOO_MANY_TRIES', 'Too many tries. Wait a while.', {
      headers: { 'retry-after': String(Math.ceil((window.endsAt - now) / 1000)) },
    });
  }
}
