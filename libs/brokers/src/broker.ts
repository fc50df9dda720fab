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
 * `accepted` and `rejected` carry what the broker reported with its answer, in order. `callMs` is how long the call itself
 * took, without the wait for its turn, where one was made.
 */
export type BrokerAnswer = { readonly callMs?: number } & (
  | { readonly outcome: 'accepted'; readonly reports: Told }
  | { readonly outcome: 'rejected'; readonly evidence: Evidence }
  | { readonly outcome: 'unknown'; readonly evidence: Evidence }
  | {
      readonly outcome: 'notSent';
      readonly evidence: Evidence;
      readonly again?: Again;
      /** Not before then, where the broker or our own limits say so. */
      readonly retryAfterMs?: number;
    }
);

/**
 * Where an order that was not sent may be tried again: `here` after a pause (busy, unreachable), `elsewhere` only (this
 * session, address or broker will not take it today), or `nowhere`.
 */
export type Again = 'here' | 'elsewhere' | 'nowhere';

/** What the broker's book says about a tag. `unknown` when it could not be asked. */
export type TagSearch =
  | { readonly outcome: 'found'; readonly reports: Told }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unknown'; readonly evidence: Evidence };

/** An order on its way to a broker, with the tag it is to be found by. */
export interface Dispatch {
  readonly details: OrderDetails;
  readonly terms: OrderTerms;
  readonly tag: string;
  /** Of a registered algorithm. */
  readonly algoId?: string;
  /** It only closes what is open: room is kept for such orders. */
  readonly isExit?: boolean;
}

/**
 * Takes what a broker says of an order by itself, and keeps trying until it is durable: a report is never thrown away
 * while the process lives. Rejects only when the process ends first. `source` says who told it, and becomes the
 * `meta.userId` of what is recorded: `broker-upstox` over the broker's own channels, `reconciliation-upstox` where only
 * comparing the books has found it.
 */
export type ReportListener = (
  order: { readonly orderId: string; readonly accountId: string },
  told: Told,
  source: string,
) => Promise<void>;

/**
 * One broker, as the coordinator sees it: for a real one, one account's session there. Prices in 1/10,000 rupee. No
 * method throws for what a broker answered.
 */
export interface Broker {
  readonly name: string;
  /** It only plays: no live account may trade there. */
  readonly isPaper?: true;
  /** An order that is not in the broker's book so long after it was sent never arrived. */
  readonly settleMs: number;
  /** How long a call may wait for its turn before it is made; none where there is no such wait. */
  readonly queueMs?: number;
  /** Local address that its orders leave from, where it wants a registered one. */
  readonly egressAddress?: string;
  readonly algoId?: string;
  /** What its market's clock shows, epoch milliseconds: a moment of the recorded day where prices are replayed. */
  marketNowMs(): number;
  /** Last traded price, `undefined` when this broker knows none. */
  lastPriceE4(instrumentKey: string): number | undefined;
  /** Waits, not for long, until prices of these instruments are known, where they have to be asked for. */
  prepare?(instrumentKeys: readonly string[]): Promise<void>;
  /** What it cannot take of an order, in words; `undefined` when it can. */
  refuses?(
    order: Pick<OrderDetails, 'instrumentKey' | 'segment' | 'product' | 'orderType' | 'validity'>,
  ): string | undefined;
  /** What has not been sent by `notAfterMs` (epoch milliseconds) must not be sent any more. */
  place(dispatch: Dispatch, notAfterMs: number): Promise<BrokerAnswer>;
  modify(order: Order, terms: OrderTerms): Promise<BrokerAnswer>;
  cancel(order: Order): Promise<BrokerAnswer>;
  findByTag(dispatch: Dispatch): Promise<TagSearch>;
  /** Starts telling `listener` what happens to orders from now on; returns how to stop. */
  subscribe(listener: ReportListener): () => Promise<void>;
}

/** The brokers of this process, and who may use which. */
export interface Brokers {
  /** What a line may name. */
  readonly names: readonly string[];
  /** The account's own connection, as far as this process knows it; `undefined` when there is none that can be used. */
  of(accountId: string, broker: string): Broker | undefined;
  /** Names for which `of` has an answer, in a settled order. */
  connected(accountId: string): readonly string[];
  /** Makes sure that `of` knows what was connected until a moment ago. */
  refresh(accountId: string): Promise<void>;
  /** What the clock of this broker's market shows, whoever is connected. */
  marketNowMs(broker: string): number | undefined;
  /** As `Broker.subscribe`, for all of them. */
  subscribe(listener: ReportListener): () => Promise<void>;
}

/** Brokers that serve every account alike. */
export const sharedBrokers = (brokers: readonly Broker[]): Brokers => {
  const byName = new Map(brokers.map((broker) => [broker.name, broker]));
  const names = [...byName.keys()];
  return {
    names,
    of: (_, broker) => byName.get(broker),
    connected: () => names,
    refresh: () => Promise.resolve(),
    marketNowMs: (broker) => byName.get(broker)?.marketNowMs(),
    subscribe: (listener) => {
      const stops = brokers.map((broker) => broker.subscribe(listener));
      return async () => {
        await Promise.all(stops.map((stop) => stop()));
      };
    },
  };
};

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
