import type { Unit, UnitOutcome } from './append-statement';

/** Enough for any number of callers, and small enough for a flush to stay well within its deadline. */
const eventsPerFlushMax = 5_000;

interface Waiting {
  readonly unit: Unit;
  readonly resolve: (outcome: UnitOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Combines the appends of concurrent callers: one flush at a time, and what arrives while it runs goes with the next.
 * A flush holds at most one unit per stream; units on the same stream are flushed in the order they came, so that each
 * is judged by what the one before it left behind.
 */
export class GroupCommit {
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly flush: (units: readonly Unit[]) => Promise<readonly UnitOutcome[]>) {}

  /** Rejects with what `flush` rejected with. */
  append(unit: Unit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ unit, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is waiting and nothing is under way. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    await new Promise(setImmediate); // whoever else appends in this turn of the event loop comes along
    while (this.waiting.length > 0) {
      const batch = this.take();
      try {
        const outcomes = await this.flush(batch.map(({ unit }) => unit));
        for (const [index, { resolve, reject }] of batch.entries()) {
          const outcome = outcomes[index];
          if (outcome === undefined) reject(new Error('a flush left a unit without an outcome'));
          else resolve(outcome);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.running = undefined;
  }

  /** The oldest first; who shares a stream with somebody ahead of it, flushed or not, waits its turn. */
  private take(): readonly Waiting[] {
    const batch: Waiting[] = [];
    const later: Waiting[] = [];
    const streams = new Set<string>();
    let events = 0;
    for (const waiting of this.waiting) {
      const free = waiting.unit.every(({ stream }) => !streams.has(stream));
      const size = waiting.unit.reduce((sum, write) => sum + write.events.length, 0);
      for (const { stream } of waiting.unit) streams.add(stream);
      if (free && (batch.length === 0 || events + size <= eventsPerFlushMax)) {
        batch.push(waiting);
        events += size;
      } else {
        later.push(waiting);
      }
    }
    this.waiting = later;
    return batch;
  }
}
