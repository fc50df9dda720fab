import type { PriceTick } from './client';

/** The last price of every instrument that somebody follows, whichever broker told it. */
export class LastPrices {
  private readonly ticks = new Map<string, PriceTick>();
  private readonly waiting = new Set<() => void>();

  of(instrumentKey: string): number | undefined {
    return this.ticks.get(instrumentKey)?.lastPriceE4;
  }

  /** Brokers differ in delay: the younger tick stays. */
  take(ticks: readonly PriceTick[]): void {
    for (const tick of ticks) {
      const known = this.ticks.get(tick.instrumentKey);
      if (!known || known.atMs <= tick.atMs) this.ticks.set(tick.instrumentKey, tick);
    }
    for (const look of this.waiting) look();
  }

  /** Resolves when all of them are known, or after `timeoutMs`. */
  async known(instrumentKeys: readonly string[], timeoutMs: number): Promise<void> {
    const isDone = () => instrumentKeys.every((key) => this.ticks.has(key));
    if (isDone()) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const look = () => {
        if (isDone()) end();
      };
      const timer = setTimeout(end, timeoutMs);
      this.waiting.add(look);
    });
  }
}
