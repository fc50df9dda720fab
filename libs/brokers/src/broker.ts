import type { Evidence, ExecutionReport, Order, OrderDetails, OrderTerms } from '#domain/orders/order';

/**
 * What a broker says of an order. A broker whose book is our log says it of the order as it stands at the moment it is
 * recorded: a function that must not touch anything else, because it may run more than once.
 */
export type Told = readonly ExecutionReport[] | ((order: Order) => readonly ExecutionReport[]);

/** What is said of an order as it stands. */
export const reportsOn = (order: Order, told: Told): readonly ExecutionReport[] =>
  typeof told === 'function' ? told(order) : told;

/**
 * What a mutating call came to. Only `notSent` proves that nothing happened at the broker and may be followed by
 * another attempt; `unknown` is every silence: deadline, dropped connection, 5xx. Silence is never a rejection.
 * `accepted` and `rejected` carry what the broker reported with its answer, in order.
 */
export type BrokerAnswer =
  | { readonly outcome: 'accepted'; readonly reports: Told }
  | { readonly outcome: 'rejected'; readonly evidence: Evidence }
  | { readonly outcome: 'unknown'; readonly evidence: Evidence }
  | { readonly outcome: 'notSent'; readonly evidence: Evidence };

/** What the broker's book says about a tag. `unknown` when it could not be asked. */
export type TagSearch =
  | { readonly outcome: 'found'; readonly reports: readonly ExecutionReport[] }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unknown'; readonly evidence: Evidence };

/** An order on its way to a broker, with the tag it is to be found by. */
export interface Dispatch {
  readonly details: OrderDetails;
  readonly terms: OrderTerms;
  readonly tag: string;
}

/**
 * Takes what a broker says of an order by itself, and keeps trying until it is durable: a report is never thrown away
 * while the process lives. Rejects only when the process ends first.
 */
export type ReportListener = (order: { orderId: string; accountId: string }, told: Told) => Promise<void>;

/** One broker, as the coordinator sees it. Prices in 1/10,000 rupee. No method throws for what a broker answered. */
export interface Broker {
  readonly name: string;
  /** The day this broker's market trades on, `YYYY-MM-DD` in IST: the recorded one where prices are replayed. */
  tradingDate(): string;
  /** Last traded price, `undefined` when this broker knows none. */
  lastPriceE4(instrumentKey: string): number | undefined;
  place(dispatch: Dispatch): Promise<BrokerAnswer>;
  modify(order: Order, terms: OrderTerms): Promise<BrokerAnswer>;
  cancel(order: Order): Promise<BrokerAnswer>;
  findByTag(dispatch: Dispatch): Promise<TagSearch>;
  /** Starts telling `listener` what happens to orders from now on; returns how to stop. */
  subscribe(listener: ReportListener): () => Promise<void>;
}

/**
 * Gives a mutating call its deadline: no answer in time, or a call that failed in a way nobody foresaw, is `unknown`.
 */
export const withDeadline = async (call: Promise<BrokerAnswer>, timeoutMs: number): Promise<BrokerAnswer> => {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<BrokerAnswer>((resolve) => {
    timer = setTimeout(() => {
      resolve({
        outcome: 'unknown',
        evidence: { code: 'DEADLINE', message: `no answer within ${String(timeoutMs)} ms` },
      });
    }, timeoutMs);
  });
  try {
    return await Promise.race([call, silence]);
  } catch (error) {
    return {
      outcome: 'unknown',
      evidence: { code: 'CALL_FAILED', message: error instanceof Error ? error.message : String(error) },
    };
  } finally {
    clearTimeout(timer);
  }
};
