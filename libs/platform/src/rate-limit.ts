/** How often something may be tried in a window of time, per key: an e-mail address, a network address. */

import { createHash } from 'node:crypto';
import type { HotState } from './hot-state';
import { Problem } from './problem-details';

export interface RateLimitOptions {
  /** What is limited: keys of one name are counted together by all processes. */
  readonly name: string;
  readonly triesMax: number;
  readonly windowMs: number;
}

export class RateLimit {
  constructor(
    private readonly hotState: HotState,
    private readonly options: RateLimitOptions,
  ) {}

  /** Counts one try. @throws Problem 429 TOO_MANY_TRIES with `Retry-After` once there were too many. */
  async count(key: string): Promise<void> {
    const { name, triesMax, windowMs } = this.options;
    const { allowed, retryAfterMs } = await this.hotState.hit(`${name}:${digest(key)}`, { max: triesMax, windowMs });
    if (allowed) return;
    throw new Problem(429, 'TOO_MANY_TRIES', 'Too many tries. Wait a while.', {
      headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
    });
  }
}

/** Who looks into the shared state sees no addresses of people. */
const digest = (key: string): string => createHash('sha256').update(key).digest('base64url');
