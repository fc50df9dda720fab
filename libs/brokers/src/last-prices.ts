import type { PriceTick } from './client';

/** A price that was last heard of longer ago says nothing about now. */
const OLD_AFTER_MS = 60_000;

/** The last price of every instrument that somebody follows, whichever broker told it. */
export class LastPrices {
  private readonly ticks = new Map<string, { readonly tick: PriceTick; readonly heardAtMs: number }>();
  private readonly waiting = new Set<() => void>();

  constructor(private readonly now: () => number = Date.now) {}

  /** `undefined` when nothing has been heard of it lately. */
  of(instrumentKey: string): number | undefined {
    const known = this.ticks.get(instrumentKey);
    return known && this.now() - known.heardAtMs <= OLD_AFTER_MS ? known.tick.lastPriceE4 : undefined;
  }

  /** Brokers differ in delay: the younger tick stays. */
  take(ticks: readonly PriceTick[]): void {
    for (const tick of ticks) {
      const known = this.ticks.get(tick.instrumentKey)?.tick;
      const younger = known && known.atMs > tick.atMs ? known : tick;
      this.ticks.set(tick.instrumentKey, { tick: younger, heardAtMs: this.now() });
    }
    for (const look of this.waiting) look();
  }

  /** Resolves when all of them are known, or after `timeoutMs`. */
  async known(instrumentKeys: readonly string[], timeoutMs: number): Promise<void> {
    const isDone = () => instrumentKeys.every((key) => this.of(key) !== undefined);
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
