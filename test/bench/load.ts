import type { BrokerName } from '#brokers/client';
import type { BenchAccount } from './accounts';
import { hasFields, type Child, startChild } from './child';
import type { Latencies } from './latencies';
import type { Share } from './market';

/** What the load generator is asked to do. */
export interface Load {
  /** `http://127.0.0.1:3000`; of several the connections are shared out evenly. */
  readonly origins: readonly string[];
  readonly connections: number;
  readonly durationMs: number;
  /** Goes on beyond `durationMs` until so many requests were sent. Only without `arrivalsPerSec`. */
  readonly atLeast?: number;
  readonly requests: Requests;
  /**
   * Requests arrive at this pace whether or not the ones before were answered, and a latency counts from the arrival.
   * Absent: every connection sends its next request as soon as the last one was answered.
   */
  readonly arrivalsPerSec?: number;
}

export type Requests =
  | {
      readonly kind: 'orders';
      readonly shares: readonly Share[];
      /** Taken in turn. */
      readonly accounts: readonly BenchAccount[];
      /** 1: `POST /v2/orders`; more: `POST /v2/orders/multi`. */
      readonly linesPerRequest: number;
      /** After every so many answers, read the order book with the position that was answered. */
      readonly readBack?: { readonly origin: string; readonly everyNth: number };
    }
  | { readonly kind: 'book'; readonly accounts: readonly BenchAccount[]; readonly limit: number }
  /** `POST /v2/orders` for an account's connection to a broker, taken in turn. Its answers say how long the broker took. */
  | { readonly kind: 'dispatch'; readonly shares: readonly Share[]; readonly seats: readonly Seat[] }
  /** Each origin gets its own, in turn, again and again. */
  | { readonly kind: 'recorded'; readonly requests: readonly RecordedRequest[] };

/** An account's connection to one broker. */
export interface Seat {
  readonly apiKey: string;
  readonly accountId: string;
  readonly broker: BrokerName;
}

/** A request, head and body, as it once went over the wire. */
export interface RecordedRequest {
  readonly origin: string;
  readonly text: string;
}

/** After so many requests everybody has had a turn. */
export const turnOf = (requests: Requests): number => {
  switch (requests.kind) {
    case 'orders':
    case 'book':
      return requests.accounts.length;
    case 'dispatch':
      return requests.seats.length;
    case 'recorded':
      return requests.requests.length;
  }
};

export interface LoadResult {
  readonly durationMs: number;
  /** Answered with 200: of orders, all lines were accepted. */
  readonly succeeded: number;
  /** All answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly latencies: Latencies;
  /** The first answer that was no success. */
  readonly failure?: string;
  /** Mean size of an answer's body. */
  readonly bodyBytes: number;
  /** From a write's answer to a book that holds it. */
  readonly readBack?: Latencies;
  readonly dispatch?: DispatchTimes;
}

/** An answer's time in two: what the broker's own call took by the answer's account, and all the rest, from sending on. */
export interface DispatchTimes {
  readonly broker: Latencies;
  readonly rest: Latencies;
}

/** Sends requests from a process of its own. */
export type LoadGenerator = Child<Load, LoadResult>;

export const startLoadGenerator = (): LoadGenerator =>
  startChild('load-generator.js', hasFields<LoadResult>('succeeded', 'statuses', 'latencies'));
