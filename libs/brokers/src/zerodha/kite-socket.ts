import type { Tell } from '../answers';
import type { BrokerInstrument, Feed, FeedState, OrderFeedListener, PriceFeed, PriceFeedListener } from '../client';
import { FeedSocket } from '../feed-socket';
import { readOrderFrame } from './order-feed';
import { readPriceFrame, subscribe, unsubscribe } from './price-feed';
import type { Lookup } from './replies';

/** A heartbeat comes about every second. */
const SILENCE_MS = 10_000;
const TOKENS_MAX = 3_000;

export interface KiteSocketOptions {
  readonly url: string;
  readonly connectTimeoutMs: number;
  readonly lookup: Lookup;
  readonly now: () => number;
  readonly tell: Tell;
}

type Wanted = ReadonlyMap<string, string>;

/**
 * The one connection of a client that carries orders and prices; there may be three per app. It is open while anybody
 * listens, and each new connection is told everything that is followed.
 */
export class KiteSocket {
  private socket: FeedSocket | undefined;
  private state: FeedState | undefined;
  private readonly orders = new Set<OrderFeedListener>();
  private readonly prices = new Map<PriceFeedListener, Wanted>();

  constructor(private readonly options: KiteSocketOptions) {}

  followOrders(listener: OrderFeedListener): Feed {
    this.orders.add(listener);
    this.join(listener, () => this.orders.has(listener));
    return {
      close: () => {
        this.orders.delete(listener);
        return this.leave();
      },
    };
  }

  followPrices(listener: PriceFeedListener): PriceFeed {
    this.prices.set(listener, new Map());
    this.join(listener, () => this.prices.has(listener));
    return {
      follow: (instruments) => this.follow(listener, instruments),
      close: () => {
        this.change(() => this.prices.delete(listener));
        return this.leave();
      },
    };
  }

  private follow(listener: PriceFeedListener, instruments: readonly BrokerInstrument[]): void {
    if (!this.prices.has(listener)) return;
    if (instruments.length > TOKENS_MAX) {
      const message = `${String(instruments.length)} instruments, of which ${String(TOKENS_MAX)} are followed`;
      listener.onDrift({ code: 'TOO_MANY', message });
    }
    const wanted = new Map(
      instruments.slice(0, TOKENS_MAX).map(({ token, instrumentKey }) => [token, instrumentKey] as const),
    );
    this.change(() => this.prices.set(listener, wanted));
  }

  /** Tells the broker what the change added and took away, over all who listen. */
  private change(work: () => void): void {
    const before = this.wanted();
    work();
    const after = this.wanted();
    const gone = [...before.keys()].filter((token) => !after.has(token));
    const added = [...after.keys()].filter((token) => !before.has(token));
    if (gone.length > 0) this.socket?.send(unsubscribe(gone));
    if (added.length > 0) for (const command of subscribe(added)) this.socket?.send(command);
  }

  private wanted(): Wanted {
    return new Map([...this.prices.values()].flatMap((wanted) => [...wanted]));
  }

  private join(listener: OrderFeedListener | PriceFeedListener, isListening: () => boolean): void {
    this.socket ??= this.open();
    // Who joins an open connection hears so, once it has its hands on the feed.
    queueMicrotask(() => {
      if (this.state?.state !== 'up' || !isListening()) return;
      try {
        listener.onState(this.state);
      } catch {
        // As when the connection comes up by itself: its owner cannot be told that it failed to listen.
      }
    });
  }

  private async leave(): Promise<void> {
    if (this.orders.size > 0 || this.prices.size > 0) return;
    const { socket } = this;
    this.socket = undefined;
    this.state = undefined;
    await socket?.close();
  }

  private open(): FeedSocket {
    const { url, connectTimeoutMs, lookup, now, tell } = this.options;
    return new FeedSocket({
      target: () => Promise.resolve({ url }),
      onOpen: (send) => {
        const tokens = [...this.wanted().keys()];
        if (tokens.length > 0) for (const command of subscribe(tokens)) send(command);
      },
      onMessage: (data, isBinary) => {
        if (isBinary) {
          const wanted = this.wanted();
          const frame = readPriceFrame(data, (token) => wanted.get(token), now(), tell);
          if (frame.kind === 'drift') for (const listener of this.prices.keys()) listener.onDrift(frame.evidence);
          if (frame.kind === 'ticks') this.tellTicks(frame.ticks);
        } else {
          const frame = readOrderFrame(data.toString('utf8'), lookup, tell);
          if (frame.kind === 'rows') for (const listener of this.orders) listener.onRows(frame.rows, []);
          if (frame.kind === 'drift') for (const listener of this.all()) listener.onDrift(frame.evidence);
        }
      },
      onState: (state) => {
        this.state = state;
        for (const listener of this.all()) listener.onState(state);
      },
      upOnOpen: true, // the handshake is where the token is looked at
      silenceMs: SILENCE_MS,
      connectTimeoutMs,
    });
  }

  private all(): readonly (OrderFeedListener | PriceFeedListener)[] {
    return [...this.orders, ...this.prices.keys()];
  }

  private tellTicks(ticks: Parameters<PriceFeedListener['onTicks']>[0]): void {
    for (const [listener, wanted] of this.prices) {
      const keys = new Set(wanted.values());
      const mine = ticks.filter(({ instrumentKey }) => keys.has(instrumentKey));
      if (mine.length > 0) listener.onTicks(mine);
    }
  }
}
