import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, or until `signal` says that waiting is over. Never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** Pauses that double from the first to the longest. */
export class GrowingPause {
  private nextMs: number;

  constructor(
    private readonly firstMs = 100,
    private readonly longestMs = 5_000,
  ) {
    this.nextMs = firstMs;
  }

  next(): number {
    const ms = this.nextMs;
    this.nextMs = Math.min(2 * ms, this.longestMs);
    return ms;
  }

  reset(): void {
    this.nextMs = this.firstMs;
  }
}

/**
 * The result of `work`, or a rejection after `timeoutMs`. What comes of `work` later is dropped: only for what may end
 * at any time, or be done twice, without harm.
 */
export async function within<Result>(timeoutMs: number, what: string, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} took longer than ${String(timeoutMs)} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
