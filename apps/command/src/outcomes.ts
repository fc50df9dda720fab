import type { BrokerAnswer } from '#brokers/broker';

/** What the write side counts and complains about; the module gives it metrics and a log. */
export interface OrderOutcomes {
  count(broker: string, outcome: BrokerAnswer['outcome'] | 'denied'): void;
  /** So long the brokers took to answer the orders of one request, which were sent at once. Milliseconds. */
  waited?(ms: number): void;
  /** An attempt that was proven absent has come to the broker after all: whatever was done since, there may be two. */
  late?(order: { readonly broker: string; readonly orderId: string; readonly tag: string }): void;
  /** Something that goes on in the background failed; it is retried or recovered, but somebody should know. */
  failed(error: unknown): void;
}
