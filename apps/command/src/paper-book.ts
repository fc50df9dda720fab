import { type DomainEvent, fold } from '#domain/decider';
import { order as orderDecider, type OrderEvent } from '#domain/orders/order';
import type { EventLog } from '#event-log/event-log';
import type { RestingOrder } from '#brokers/paper/paper-broker';

/** An order of the to-do list, and the position of the last event that changed its entry. */
export interface Listed {
  readonly orderId: string;
  readonly position: number;
}

export interface PaperBookOptions {
  readonly log: Pick<EventLog, 'readStream'>;
  /** Orders that work at the paper broker, as the read side has it: where to look, never what to believe. */
  readonly listed: () => Promise<readonly Listed[]>;
  /** Whether it is this process that matches them. */
  readonly isKeeper: () => boolean;
}

const READS_AT_ONCE = 16;

/** What rests at the paper broker: each order read from the log when it is new here, and again when it has changed. */
export class PaperBook {
  private held = new Map<string, { readonly position: number; readonly resting: RestingOrder | undefined }>();

  constructor(private readonly options: PaperBookOptions) {}

  /** Nothing while another process keeps the book. */
  async resting(): Promise<readonly RestingOrder[]> {
    const { listed, isKeeper } = this.options;
    if (!isKeeper()) {
      this.held.clear();
      return [];
    }
    const list = await listed();
    const held: typeof this.held = new Map();
    const changed: Listed[] = [];
    for (const one of list) {
      const known = this.held.get(one.orderId);
      if (known?.position === one.position) held.set(one.orderId, known);
      else changed.push(one);
    }
    for (let from = 0; from < changed.length; from += READS_AT_ONCE)
      await Promise.all(
        changed.slice(from, from + READS_AT_ONCE).map(async ({ orderId, position }) => {
          held.set(orderId, { position, resting: await this.read(orderId) });
        }),
      );
    this.held = held;
    return [...held.values()].map(({ resting }) => resting).filter((resting) => resting !== undefined);
  }

  private async read(orderId: string): Promise<RestingOrder | undefined> {
    const events = await this.options.log.readStream(`order-${orderId}`);
    const accepted = events.find(({ type }) => KNOWN_TO_BROKER.has(type));
    if (!accepted) return undefined;
    const renewed = events.findLast(({ type }) => type === 'OrderReplaced') ?? accepted;
    const history = events.map((event) => event as DomainEvent as OrderEvent);
    return {
      order: fold(orderDecider, orderDecider.initial, history),
      acceptedAtMs: accepted.meta.at,
      termsSinceMs: renewed.meta.at,
    };
  }
}

const KNOWN_TO_BROKER: ReadonlySet<string> = new Set<OrderEvent['type']>(['OrderAccepted', 'OrderFilled']);
