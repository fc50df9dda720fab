import type { BrokerName } from '#brokers/client';
import type { Operation } from './dialect';

/** Seconds that are remembered for `GET /_sim/requests`. */
const SECONDS_KEPT = 900;
const BREACHES_KEPT = 1_000;

export interface Arrival {
  readonly broker: BrokerName;
  readonly clientId: string;
  readonly operation: Operation;
  /** What it counts as: the lines of a multi-order. */
  readonly weight: number;
  readonly group: 'orders' | 'reads';
  readonly limit: number;
}

export interface Breach {
  readonly broker: BrokerName;
  readonly clientId: string;
  readonly group: 'orders' | 'reads';
  /** Epoch seconds. */
  readonly second: number;
  readonly used: number;
  readonly limit: number;
}

interface Window {
  second: number;
  used: number;
}

const ORDER_OPERATIONS: ReadonlySet<Operation> = new Set(['place', 'placeMany', 'modify', 'cancel']);

/** Placing, changing and cancelling share one limit; everything else shares the other. */
export const groupOf = (operation: Operation): 'orders' | 'reads' =>
  ORDER_OPERATIONS.has(operation) ? 'orders' : 'reads';

/** What arrived when, in calendar seconds of this clock, and whether it was too much. */
export class RequestLog {
  private readonly windows = new Map<string, Window>();
  private readonly counts = new Map<string, Map<number, { requests: number; weight: number }>>();
  private readonly highest = new Map<string, number>();
  private breaches: Breach[] = [];
  private breachCount = 0;

  constructor(private readonly now: () => number) {}

  /** Counts a request. False when its second has seen more than the limit. */
  arrive({ broker, clientId, operation, weight, group, limit }: Arrival): boolean {
    const second = Math.floor(this.now() / 1_000);
    this.count(`${broker} ${operation}`, second, weight);
    const key = `${broker} ${clientId} ${group}`;
    const window = this.windows.get(key) ?? { second, used: 0 };
    if (window.second !== second) Object.assign(window, { second, used: 0 });
    window.used += weight;
    this.windows.set(key, window);
    this.highest.set(`${broker} ${group}`, Math.max(this.highest.get(`${broker} ${group}`) ?? 0, window.used));
    if (window.used <= limit) return true;
    this.breachCount += 1;
    this.breaches.push({ broker, clientId, group, second, used: window.used, limit });
    if (this.breaches.length > BREACHES_KEPT) this.breaches.shift();
    return false;
  }

  summary() {
    return {
      counts: [...this.counts].map(([key, seconds]) => {
        const [broker = '', operation = ''] = key.split(' ');
        const perSecond = [...seconds].map(([second, count]) => ({ second, ...count }));
        return { broker, operation, requests: perSecond.reduce((sum, each) => sum + each.requests, 0), perSecond };
      }),
      highestPerSecond: [...this.highest].map(([key, used]) => {
        const [broker = '', group = ''] = key.split(' ');
        return { broker, group, used };
      }),
      breachCount: this.breachCount,
      breaches: this.breaches,
      secondsKept: SECONDS_KEPT,
    };
  }

  clear(): void {
    this.counts.clear();
    this.highest.clear();
    this.breaches = [];
    this.breachCount = 0;
  }

  private count(key: string, second: number, weight: number): void {
    const seconds = this.counts.get(key) ?? new Map<number, { requests: number; weight: number }>();
    this.counts.set(key, seconds);
    const before = seconds.get(second) ?? { requests: 0, weight: 0 };
    seconds.set(second, { requests: before.requests + 1, weight: before.weight + weight });
    const [oldest] = seconds.keys();
    if (seconds.size > SECONDS_KEPT && oldest !== undefined) seconds.delete(oldest);
  }
}
