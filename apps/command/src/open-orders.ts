import { type DomainEvent, fold } from '#domain/decider';
import { order as orderDecider, type OrderEvent } from '#domain/orders/order';
import type { EventLog } from '#event-log/event-log';
import type { OpenOrder } from '#brokers/order-follower';

/** An order of the to-do list, and the position of the last event that changed its entry. */
export interface ListedOrder {
  readonly orderId: string;
  readonly position: number;
}

export interface OpenOrdersOptions {
  readonly log: Pick<EventLog, 'readStream'>;
  /** Open orders of an account at a broker, as the read side has it: where to look, never what to believe. */
  readonly listed: (accountId: string, broker: string) => Promise<readonly ListedOrder[]>;
}

const READS_AT_ONCE = 16;

/** What is open at a broker: each order read from the log when it is new here, and again when it has changed. */
export class OpenOrders {
  private readonly held = new Map<
    string,
    ReadonlyMap<string, { readonly position: number; readonly open: OpenOrder }>
  >();

  constructor(private readonly options: OpenOrdersOptions) {}

  async of(accountId: string, broker: string): Promise<readonly OpenOrder[]> {
    const key = `${accountId}/${broker}`;
    const before = this.held.get(key);
    const now = new Map<string, { readonly position: number; readonly open: OpenOrder }>();
    const changed: ListedOrder[] = [];
    for (const one of await this.options.listed(accountId, broker)) {
      const known = before?.get(one.orderId);
      if (known?.position === one.position) now.set(one.orderId, known);
      else changed.push(one);
    }
    for (let from = 0; from < changed.length; from += READS_AT_ONCE)
      await Promise.all(
        changed.slice(from, from + READS_AT_ONCE).map(async ({ orderId, position }) => {
          now.set(orderId, { position, open: await this.read(orderId) });
        }),
      );
    this.held.set(key, now);
    return [...now.values()].map(({ open }) => open);
  }

  private async read(orderId: string): Promise<OpenOrder> {
    const events = await this.options.log.readStream(`order-${orderId}`);
    const order = fold(
      orderDecider,
      orderDecider.initial,
      events.map((event) => event as DomainEvent as OrderEvent),
    );
    return { order, dispatchedAtMs: events.findLast(({ type }) => type === 'OrderDispatched')?.meta.at ?? 0 };
  }
}
