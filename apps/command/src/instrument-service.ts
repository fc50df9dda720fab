import { setTimeout as sleep } from 'node:timers/promises';
import type { Instrument } from '#domain/instruments/instrument';
import { type Catalogue, InstrumentCatalogue } from '#instruments/catalogue';
import { loadInstruments, loadListings, type ListingLoad } from '#instruments/load';
import { dayOfSource, nameOfSource, readSource, streamOf } from '#instruments/read-source';
import { InstrumentFileError } from '#instruments/source';
import { type InstrumentStore, istDateOf, marketDateOf, type StoredLoad } from '#instruments/store/instrument-store';

/** There are no instruments: neither from the file nor from an earlier load. One line for the person who set the file. */
export class NoInstruments extends Error {
  override readonly name = 'NoInstruments';
}

/**
 * - `master-kept`: the file could not be used; what was there before stays.
 * - `master-late`: the hour is over and today's master has not come.
 * - `listings-kept`: a broker's names could not be read; those of before stay.
 * - `facts-failed`: what the day's other files say could not be refreshed.
 */
export type InstrumentAlarm = 'master-kept' | 'master-late' | 'listings-kept' | 'facts-failed';

/** When the files of a day are there, `HH:MM` in IST, from a date on. */
interface MorningFrom {
  readonly from: string;
  readonly factsAt: string;
  readonly masterAt: string;
  readonly giveUpAt: string;
}

const MORNINGS: readonly MorningFrom[] = [
  { from: '2000-01-01', factsAt: '06:00', masterAt: '08:00', giveUpAt: '09:00' },
];

export interface InstrumentServiceOptions {
  readonly store: InstrumentStore;
  /** The master: a path or an http(s) URL. A day in its name is the day it is of; without one it is of the day it is read on. */
  readonly file: string;
  /** The day of the file where its name does not tell and it is not today's. */
  readonly day?: string | undefined;
  /** How the brokers name instruments: paths or URLs. */
  readonly listings: readonly string[];
  readonly now: () => number;
  readonly onAlarm: (kind: InstrumentAlarm, reason: string) => void;
  /** What failed and is tried again in a moment: the database is away. */
  readonly onError: (error: unknown) => void;
  /** Told after every swap, the first included. */
  readonly onSwapped?: ((catalogue: Catalogue, load: StoredLoad) => void) | undefined;
  readonly timing?: Partial<Timing>;
  readonly random?: () => number;
}

interface Timing {
  /** How often the store is asked for a newer load, and the clock. */
  readonly watchMs: number;
  /** Files are asked for so much later at most, not by everybody at once. */
  readonly jitterMs: number;
  /** After the first failure; twice as long after each further one. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  readonly readTimeoutMs: number;
}

const TIMING: Timing = {
  watchMs: 2_000,
  jitterMs: 60_000,
  retryMs: 15_000,
  retryMaxMs: 300_000,
  readTimeoutMs: 120_000,
};

export interface Duties {
  /** Whether this process is the one that loads. */
  readonly isKeeper: () => boolean;
  /**
   * Told of each load by the process that keeps, at least once: the number of the load tells one that was told before.
   * Counts, and examples of what changed.
   */
  readonly onChanged?: (load: StoredLoad) => Promise<void>;
  /** Time to read the day's eligibility, bands and rates again; in every process, each holds its own. */
  readonly onFactsDue?: (day: string) => Promise<void>;
}

type Attempt =
  | {
      readonly outcome: 'held';
      readonly isNew: boolean;
      readonly load: StoredLoad;
      readonly instruments: readonly Instrument[];
    }
  | { readonly outcome: 'kept'; readonly reason: string };

/**
 * Today's instruments in memory. Every process follows the store, so all of them use the same day; the one that keeps
 * reads the day's master in the morning and stores it. A master that is broken, late or not today's leaves yesterday's in
 * place, whose expired contracts are no longer traded because of the date.
 */
export class InstrumentService {
  private readonly holder = new InstrumentCatalogue();
  private readonly timing: Timing;
  private readonly stopped = new AbortController();
  private readonly master: Morning;
  private readonly facts: Morning;
  private listings: readonly ListingLoad[] = [];
  private held: StoredLoad | undefined;
  private running: Promise<void> | undefined;

  constructor(private readonly options: InstrumentServiceOptions) {
    this.timing = { ...TIMING, ...options.timing };
    const random = options.random ?? Math.random;
    this.master = new Morning(({ masterAt, giveUpAt }) => [masterAt, giveUpAt], this.timing, random);
    this.facts = new Morning(({ factsAt, giveUpAt }) => [factsAt, giveUpAt], this.timing, random);
  }

  get catalogue(): Catalogue {
    return this.holder.current;
  }

  /** The load that the catalogue is from. @throws NoInstruments before `open`. */
  get load(): StoredLoad {
    if (this.held === undefined) throw new NoInstruments('no instruments were loaded yet');
    return this.held;
  }

  /** The trading date to decide with: today, or the day that is replayed. */
  tradingDate(): string {
    return marketDateOf(this.load, this.options.now());
  }

  /**
   * Reads the configured file, or takes what was stored before where that is newer or the file is no good.
   * @throws NoInstruments when there is neither.
   */
  async open(): Promise<void> {
    this.listings = await this.readListings();
    const attempt = await this.attempt();
    if (attempt.outcome === 'held') {
      this.swap(attempt.instruments, attempt.load);
      return;
    }
    const stored = await this.options.store.read();
    if (stored === undefined) throw new NoInstruments(attempt.reason);
    // Not an alarm where a newer day was loaded by command: the file of the configuration is just older.
    if (stored.load.day <= this.dayOfFile()) this.options.onAlarm('master-kept', attempt.reason);
    this.swap(stored.instruments, stored.load);
  }

  /** Follows the store, and reads the day's files when it is time. */
  start(duties: Duties): void {
    this.running = this.run(duties);
  }

  /** What is under way is broken off, and nothing of it stored. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  private async run(duties: Duties): Promise<void> {
    const { signal } = this.stopped;
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      for (const duty of [() => this.follow(), () => this.keep(duties), () => this.refreshFacts(duties)]) {
        try {
          if (!isStopped()) await duty();
        } catch (error) {
          if (!isStopped()) this.options.onError(error);
        }
      }
      await sleep(this.timing.watchMs, undefined, { signal }).catch(() => undefined); // woken by `stop`
    }
  }

  /** Another process, or a command, has stored a newer load. */
  private async follow(): Promise<void> {
    const { store } = this.options;
    const latest = await store.latest();
    if (latest === undefined || latest.loadId <= (this.held?.loadId ?? 0)) return;
    const stored = await store.read();
    if (stored === undefined) return;
    await this.refreshListings();
    this.swap(stored.instruments, stored.load);
  }

  private async keep({ isKeeper, onChanged }: Duties): Promise<void> {
    if (!isKeeper()) return;
    if (onChanged !== undefined) {
      for (const load of await this.options.store.unannounced()) {
        await onChanged(load);
        await this.options.store.markAnnounced(load.loadId);
      }
    }
    const now = this.options.now();
    if (this.isOfOneDay() || this.load.day >= istDateOf(now)) return;
    switch (this.master.at(now)) {
      case 'wait':
        return;
      case 'over':
        if (this.master.isFirstTimeOver(now))
          this.options.onAlarm(
            'master-late',
            `the master of ${istDateOf(now)} has not come: that of ${this.load.day} stays`,
          );
        return;
      case 'due': {
        const attempt = await this.attempt();
        if (attempt.outcome === 'held' && attempt.isNew) {
          await this.refreshListings();
          this.swap(attempt.instruments, attempt.load);
          return;
        }
        // Yesterday's file once more is no fault yet: today's may still come.
        if (attempt.outcome === 'kept') this.options.onAlarm('master-kept', attempt.reason);
        this.master.failed(this.options.now());
      }
    }
  }

  private async refreshFacts({ onFactsDue }: Duties): Promise<void> {
    const now = this.options.now();
    if (onFactsDue === undefined || this.facts.at(now) !== 'due') return;
    try {
      await onFactsDue(istDateOf(now));
      this.facts.done(now);
    } catch (error) {
      this.facts.failed(this.options.now());
      this.options.onAlarm('facts-failed', error instanceof Error ? error.message : String(error));
    }
  }

  private async attempt(): Promise<Attempt> {
    const { store, file, now } = this.options;
    const day = this.dayOfFile();
    const startedAt = now();
    const from = { source: nameOfSource(file), sha256: '', startedAt, now };
    try {
      const content = await readSource(file, { timeoutMs: this.timing.readTimeoutMs, signal: this.stopped.signal });
      const loaded = await loadInstruments(streamOf(content), { validFrom: day });
      const result = await store.save(loaded, { ...from, sha256: content.sha256 });
      if (result.outcome === 'kept') return result;
      const isNew = result.outcome === 'stored';
      return { outcome: 'held', isNew, load: result.load, instruments: loaded.instruments };
    } catch (error) {
      if (!(error instanceof InstrumentFileError) || this.stopped.signal.aborted) throw error;
      await store.noteFailure(day, error.message, from);
      return { outcome: 'kept', reason: error.message };
    }
  }

  private readListings(): Promise<readonly ListingLoad[]> {
    const options = { timeoutMs: this.timing.readTimeoutMs, signal: this.stopped.signal };
    return Promise.all(
      this.options.listings.map(async (file) => loadListings(streamOf(await readSource(file, options)))),
    );
  }

  private async refreshListings(): Promise<void> {
    try {
      this.listings = await this.readListings();
    } catch (error) {
      if (!(error instanceof InstrumentFileError)) throw error;
      this.options.onAlarm('listings-kept', error.message);
    }
  }

  private swap(instruments: readonly Instrument[], load: StoredLoad): void {
    this.holder.take(instruments, this.listings, load.day);
    this.held = load;
    this.options.onSwapped?.(this.catalogue, load);
  }

  private isOfOneDay(): boolean {
    return (this.options.day ?? dayOfSource(this.options.file)) !== undefined;
  }

  private dayOfFile(): string {
    return this.options.day ?? dayOfSource(this.options.file) ?? istDateOf(this.options.now());
  }
}

/** Something that is done once every morning: from an hour on, again after a failure, until another hour. */
class Morning {
  private day = '';
  private startMs = 0;
  private endMs = 0;
  private failures = 0;
  private isDone = false;
  private isTold = false;

  constructor(
    private readonly hours: (morning: MorningFrom) => readonly [start: string, end: string],
    private readonly timing: Timing,
    private readonly random: () => number,
  ) {}

  at(nowMs: number): 'wait' | 'due' | 'over' {
    this.begin(istDateOf(nowMs));
    if (this.isDone || nowMs < this.startMs) return 'wait';
    return nowMs < this.endMs ? 'due' : 'over';
  }

  done(nowMs: number): void {
    this.begin(istDateOf(nowMs));
    this.isDone = true;
  }

  failed(nowMs: number): void {
    this.begin(istDateOf(nowMs));
    const { retryMs, retryMaxMs } = this.timing;
    const waitMs = Math.min(retryMaxMs, retryMs * 2 ** this.failures);
    this.failures += 1;
    this.startMs = nowMs + waitMs * (0.5 + this.random() / 2);
  }

  isFirstTimeOver(nowMs: number): boolean {
    this.begin(istDateOf(nowMs));
    const isFirst = !this.isTold;
    this.isTold = true;
    return isFirst;
  }

  private begin(day: string): void {
    if (this.day === day) return;
    this.day = day;
    this.failures = 0;
    this.isDone = false;
    this.isTold = false;
    const morning = MORNINGS.findLast(({ from }) => from <= day);
    if (morning === undefined) throw new Error(`nobody knows when the files of ${day} are there`);
    const [start, end] = this.hours(morning);
    this.endMs = Date.parse(`${day}T${end}:00+05:30`);
    this.startMs = Date.parse(`${day}T${start}:00+05:30`) + this.timing.jitterMs * this.random();
  }
}
