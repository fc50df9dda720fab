import { setTimeout as sleep } from 'node:timers/promises';
import type { Instrument } from '#domain/instruments/instrument';
import { SearchIndex, type SearchOptions } from '#instruments/search';
import { type InstrumentStore, marketDateOf, type StoredLoad } from '#instruments/store/instrument-store';
import { Problem } from '#platform/problem-details';

/** How soon a newer load is found, and how soon a store that did not answer is asked again. */
const WATCH_MS = 2_000;

export interface InstrumentSearchOptions {
  readonly store: Pick<InstrumentStore, 'latest' | 'read'>;
  readonly now: () => number;
  /** The store did not answer; what was found before goes on being found. */
  readonly onTrouble: (error: unknown) => void;
  readonly watchMs?: number;
}

export interface Found {
  /** The trading day that was searched. */
  readonly day: string;
  readonly instruments: readonly Instrument[];
}

/** The index over the instruments that are stored, made anew whenever there is a newer load. */
export class InstrumentSearch {
  private held: { readonly load: StoredLoad; readonly index: SearchIndex } | undefined;
  private readonly stopped = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: InstrumentSearchOptions) {}

  start(): void {
    this.running = this.follow();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  /** @throws Problem 503 INSTRUMENTS_NOT_LOADED before the first load. */
  search(text: string, options: Omit<SearchOptions, 'date'>): Found {
    if (this.held === undefined)
      throw new Problem(503, 'INSTRUMENTS_NOT_LOADED', 'No instruments have been loaded yet.', {
        headers: { 'retry-after': '2' },
      });
    const { load, index } = this.held;
    const day = marketDateOf(load, this.options.now());
    return { day, instruments: index.search(text, { ...options, date: day }) };
  }

  private async follow(): Promise<void> {
    const { onTrouble, watchMs = WATCH_MS } = this.options;
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        await this.refresh();
      } catch (error) {
        if (!this.stopped.signal.aborted) onTrouble(error);
      }
      await sleep(watchMs, undefined, { signal }).catch(() => undefined); // woken by `stop`
    }
  }

  private async refresh(): Promise<void> {
    const { store } = this.options;
    const latest = await store.latest();
    if (latest === undefined || latest.loadId === this.held?.load.loadId) return;
    const stored = await store.read();
    if (stored === undefined) return;
    const index = await SearchIndex.build(stored.instruments);
    this.held = { load: stored.load, index };
  }
}
