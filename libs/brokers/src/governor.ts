import { setTimeout as wait } from 'node:timers/promises';
import type { Exchange } from '#domain/instruments/instrument';
import type { Evidence } from '#domain/orders/order';
import type { Limits, Window } from './capabilities';
import { istDay } from './fields';

/** One call that wants to go out; one that carries several orders weighs as many. */
export interface Asked {
  /** `book` as in `Limits.book`: order book, trades, positions, holdings, funds. */
  readonly kind: 'order' | 'read' | 'book';
  /** Where the orders of the call go. */
  readonly exchange?: Exchange;
  /** A whole number, at least 1. */
  readonly weight: number;
  /** Cancels, and orders that close a position: they go first, and have room of their own. */
  readonly isExit: boolean;
  /** Epoch milliseconds: what cannot go out by then is refused, as soon as that is known. */
  readonly notAfterMs: number;
}

/** A call that was not admitted was not sent: it may be asked for again. */
export type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly evidence: Evidence; readonly retryAfterMs: number };

/** Where hits are counted, by all processes that use the connection. The hot state of the platform is one. */
export interface SlidingWindows {
  /** Counts in all windows, or in none when one has no room. Windows of one name and length share their count. */
  slide(
    key: string,
    windows: readonly (Window & { readonly name: string })[],
    weight: number,
  ): Promise<{ readonly allowed: boolean; readonly retryAfterMs: number }>;
}

export interface GovernorOptions {
  readonly limits: Limits;
  readonly windows: SlidingWindows;
  /** What is limited: one client at one broker, whatever number of processes speak for it. */
  readonly key: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How many calls of a kind may wait; exits are counted apart. */
  readonly queueMax: number;
  /** Of each window that orders count in, how much is kept for exits. */
  readonly exitReserve: number;
  /** By how much the ways of two calls to the broker may differ. */
  readonly marginMs?: number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const MARGIN_MS = 50;
const DAY_MS = 86_400_000;
/** How far the broker's calendar may be from ours. */
const CLOCK_SKEW_MS = 1_000;

interface Waiting extends Asked {
  readonly answer: (admission: Admission) => void;
}

/** Calls of one kind, which go out one after the other. */
interface Lane {
  readonly exits: Waiting[];
  readonly others: Waiting[];
  running: boolean;
  /** While it rests: until when, and how to wake it. */
  rest?: { readonly untilMs: number; readonly waking: AbortController };
}

const lane = (): Lane => ({ exits: [], others: [], running: false });

/**
 * Keeps every published window of one connection. Brokers count in their own calendar second, and their clock is not ours:
 * at most `max` in any stretch of that length holds for every second, wherever it begins. The stretch is longer by a margin,
 * because a call may be faster on its way than the one before. What is later than that costs an answer "too many", which
 * proves that nothing was done. Days are counted by the calendar of India, so that a morning does not pay for the
 * afternoon before.
 */
export class Governor {
  private readonly lanes = { order: lane(), read: lane(), book: lane() };
  private closed = false;

  constructor(private readonly options: GovernorOptions) {}

  /** Resolves when the call may go out, or as soon as it is known that it may not. Never rejects. */
  admit(asked: Asked): Promise<Admission> {
    const { now, queueMax } = this.options;
    const mine = this.lanes[asked.kind];
    const queue = asked.isExit ? mine.exits : mine.others;
    if (this.closed) return Promise.resolve(refused('GOVERNOR_CLOSED', 'the connection is being closed', 1_000));
    if (asked.weight > this.weightMax(asked)) return Promise.resolve(this.tooHeavy(asked));
    if (asked.notAfterMs < now()) return Promise.resolve(tooLate(1));
    if (queue.length >= queueMax) return Promise.resolve(this.full(mine, queueMax));
    return new Promise((answer) => {
      queue.push({ ...asked, answer });
      const isNews = (asked.isExit && queue.length === 1) || asked.notAfterMs < (mine.rest?.untilMs ?? -Infinity);
      if (isNews) mine.rest?.waking.abort();
      if (!mine.running) void this.serve(mine);
    });
  }

  /** The most that one call may weigh: a heavier one would wait for ever, and is to be cut. */
  weightMax(asked: Pick<Asked, 'kind' | 'exchange' | 'isExit'>): number {
    return Math.min(...this.windowsOf(asked).map(({ max }) => max));
  }

  /** Refuses whatever waits, and whatever comes. */
  close(): void {
    this.closed = true;
    for (const { exits, others, rest } of Object.values(this.lanes)) {
      for (const { answer } of [...exits.splice(0), ...others.splice(0)])
        answer(refused('GOVERNOR_CLOSED', 'the connection was closed', 1_000));
      rest?.waking.abort();
    }
  }

  /** Runs while somebody waits. */
  private async serve(mine: Lane): Promise<void> {
    mine.running = true;
    for (let next = this.next(mine); next !== undefined; next = this.next(mine)) {
      const waitMs = await this.attempt(mine, next);
      if (waitMs > 0 && this.next(mine) === next) await this.rest(mine, waitMs); // unless an exit came meanwhile
    }
    mine.running = false;
  }

  /** Who goes next, after those are gone for whom it is too late. */
  private next({ exits, others }: Lane): Waiting | undefined {
    const now = this.options.now();
    for (const queue of [exits, others])
      for (const waiting of queue.filter(({ notAfterMs }) => notAfterMs < now)) settle(queue, waiting, tooLate(1));
    return exits[0] ?? others[0];
  }

  /** Answers it if there is an answer; else says how long there will be none. */
  private async attempt({ exits, others }: Lane, waiting: Waiting): Promise<number> {
    const { windows, key, now } = this.options;
    const queue = waiting.isExit ? exits : others;
    try {
      const { allowed, retryAfterMs } = await windows.slide(key, this.windowsOf(waiting), waiting.weight);
      const isLate = now() + retryAfterMs > waiting.notAfterMs;
      if (allowed || isLate) settle(queue, waiting, isLate ? tooLate(retryAfterMs) : { admitted: true });
      return allowed || isLate ? 0 : Math.max(1, retryAfterMs);
    } catch (error) {
      // Not counted is not sent: nobody may go out on a guess.
      const message = error instanceof Error ? error.message : String(error);
      settle(queue, waiting, refused('GOVERNOR_FAILED', message, 1_000));
      return 0;
    }
  }

  private async rest(mine: Lane, waitMs: number): Promise<void> {
    const { now, sleep = sleepUnlessWoken } = this.options;
    const waking = new AbortController();
    const lastMs = Math.min(...[...mine.exits, ...mine.others].map(({ notAfterMs }) => notAfterMs)) + 1;
    const untilMs = Math.min(now() + waitMs, lastMs);
    mine.rest = { untilMs, waking };
    await sleep(Math.max(1, untilMs - now()), waking.signal);
    delete mine.rest;
  }

  /** All windows that a call counts in. Exits may fill them; others leave the reserve, as far as there can be one. */
  private windowsOf({
    kind,
    exchange = 'NSE',
    isExit,
  }: Pick<Asked, 'kind' | 'exchange' | 'isExit'>): (Window & { name: string })[] {
    const { limits, exitReserve } = this.options;
    const reserve = isExit ? 0 : exitReserve;
    const all = this.named('all', limits.all, reserve);
    switch (kind) {
      case 'order':
        return [
          ...this.named('orders', limits.orders, reserve),
          ...this.named(`orders ${exchange}`, limits.ordersPerExchange, reserve),
          ...all,
        ];
      case 'read':
        return [...this.named('reads', limits.reads, 0), ...all];
      case 'book':
        return [...this.named('reads', limits.reads, 0), ...this.named('book', limits.book, 0), ...all];
    }
  }

  private named(name: string, windows: readonly Window[], reserve: number): (Window & { name: string })[] {
    const { now, marginMs = MARGIN_MS } = this.options;
    // Around midnight a call counts on both days: on one of them it does for the broker.
    const days = new Set([istDay(now() - CLOCK_SKEW_MS), istDay(now() + CLOCK_SKEW_MS)]);
    return windows.flatMap(({ max, windowMs }) => {
      const allowed = Math.max(Math.min(1, max), max - reserve);
      return windowMs < DAY_MS
        ? [{ name, max: allowed, windowMs: windowMs + marginMs }]
        : [...days].map((day) => ({ name: `${name} ${day}`, max: allowed, windowMs }));
    });
  }

  private full(mine: Lane, queueMax: number): Admission {
    const retryAfterMs = Math.max(1, (mine.rest?.untilMs ?? 0) - this.options.now());
    return refused('GOVERNOR_QUEUE_FULL', `${String(queueMax)} calls are waiting already`, retryAfterMs);
  }

  private tooHeavy(asked: Asked): Admission {
    const max = this.weightMax(asked);
    const message = `a call of ${String(asked.weight)} orders is more than a window holds: at most ${String(max)}`;
    return refused('GOVERNOR_TOO_HEAVY', message, DAY_MS);
  }
}

const settle = (queue: Waiting[], waiting: Waiting, admission: Admission): void => {
  const at = queue.indexOf(waiting);
  if (at < 0) return; // refused meanwhile, because all is being closed
  queue.splice(at, 1);
  waiting.answer(admission);
};

const refused = (code: string, message: string, retryAfterMs: number): Admission => ({
  admitted: false,
  evidence: { code, message },
  retryAfterMs,
});

const tooLate = (retryAfterMs: number): Admission =>
  refused('GOVERNOR_TOO_LATE', 'the published limits leave no room in time', Math.max(1, retryAfterMs));

const sleepUnlessWoken = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
