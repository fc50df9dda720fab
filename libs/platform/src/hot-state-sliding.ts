import { defineScript } from '@redis/client';
import { LRUCache } from 'lru-cache';
import type { Hit, SlidingWindow } from './hot-state';

const LOGS_MAX = 100_000;
/** From here on the memory of hits that are over is given back. */
const GONE_MAX = 256;

/** When each hit was made, oldest first; as long as the window at most. */
class Log {
  private times: number[] = [];
  private gone = 0;

  forgetUntil(ms: number): void {
    for (let oldest = this.times[this.gone]; oldest !== undefined && oldest <= ms; oldest = this.times[this.gone])
      this.gone += 1;
    if (this.gone < GONE_MAX || 2 * this.gone < this.times.length) return;
    this.times = this.times.slice(this.gone);
    this.gone = 0;
  }

  /** Until so many hits of the past are over; `undefined` when there are not so many. */
  nth(count: number): number | undefined {
    return this.times[this.gone + count - 1];
  }

  get length(): number {
    return this.times.length - this.gone;
  }

  add(ms: number, weight: number): void {
    for (let n = 0; n < weight; n += 1) this.times.push(ms);
  }
}

/** Sliding windows of one process, exact: every hit is remembered for as long as it counts. */
export class SlidingLogs {
  private readonly logs = new LRUCache<string, Log>({ max: LOGS_MAX });

  /** Milliseconds that never go back, whatever becomes of the wall clock. */
  constructor(private readonly monotonicMs = () => performance.now()) {}

  slide(key: string, windows: readonly SlidingWindow[], weight: number): Hit {
    const retryAfterMs = this.waitMs(key, windows, weight);
    if (retryAfterMs > 0) return { allowed: false, retryAfterMs };
    this.take(key, windows, weight);
    return { allowed: true, retryAfterMs: 0 };
  }

  /** Until all windows have room; 0 when they have it now. */
  waitMs(key: string, windows: readonly SlidingWindow[], weight: number): number {
    const now = this.monotonicMs();
    let waitMs = 0;
    for (const window of windows) {
      const log = this.logs.get(slidingKey(key, window));
      log?.forgetUntil(now - window.windowMs);
      const tooMany = (log?.length ?? 0) + weight - window.max;
      if (tooMany <= 0) continue;
      const endsAt = (log?.nth(tooMany) ?? now) + window.windowMs;
      waitMs = Math.max(waitMs, endsAt - now);
    }
    return waitMs;
  }

  /** Counts a hit, whether there is room or not. */
  take(key: string, windows: readonly SlidingWindow[], weight: number): void {
    const now = this.monotonicMs();
    for (const window of windows) {
      const name = slidingKey(key, window);
      const log = this.logs.get(name) ?? new Log();
      log.forgetUntil(now - window.windowMs);
      log.add(now, weight);
      this.logs.set(name, log);
    }
  }

  clear(): void {
    this.logs.clear();
  }
}

/** What a window counts: its maximum is not part of it, so that some may be held to less of the same window. */
export const slidingKey = (key: string, { name, windowMs }: SlidingWindow): string =>
  JSON.stringify([key, name ?? '', windowMs]);

/**
 * The same in Redis, on the server's clock: one list for each window, one entry for each hit. Answers how many
 * milliseconds are missing; 0 when the hit was counted in all windows. Should the server's clock have gone back, what lies
 * in the future counts as of now: too much for one window, never too little.
 */
export const slideScript = defineScript({
  SCRIPT: `
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local stamp = string.format('%.0f', now)
    local weight = tonumber(ARGV[1])
    local function push(key, count, length)
      for _ = 1, count do redis.call('RPUSH', key, stamp) end
      redis.call('PEXPIRE', key, length)
    end
    local wait = 0
    for i, key in ipairs(KEYS) do
      local max, length = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
      local newest = redis.call('LINDEX', key, -1)
      if newest and tonumber(newest) > now then
        local count = redis.call('LLEN', key)
        redis.call('DEL', key)
        push(key, count, length)
      end
      local oldest = redis.call('LINDEX', key, 0)
      while oldest and tonumber(oldest) <= now - length do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
      end
      local tooMany = redis.call('LLEN', key) + weight - max
      if tooMany > 0 then
        local ends = redis.call('LINDEX', key, tooMany - 1)
        wait = math.max(wait, (ends and tonumber(ends) or now) + length - now)
      end
    end
    if wait > 0 then return wait end
    for i, key in ipairs(KEYS) do push(key, weight, tonumber(ARGV[2 * i + 1])) end
    return 0`,
  parseCommand: (parser, keys: readonly string[], weight: number, windows: readonly SlidingWindow[]) => {
    parser.pushKeysLength([...keys]);
    parser.push(String(weight), ...windows.flatMap(({ max, windowMs }) => [String(max), String(windowMs)]));
  },
  transformReply: (reply: unknown): number => Number(reply),
});
