import type { OrderTerms } from '#domain/orders/order';
import { type Tell, tellOf } from '../answers';
import type {
  BrokerAdapter,
  BrokerClient,
  BrokerInstrument,
  ClientOptions,
  Feed,
  Funds,
  HoldingRow,
  OrderAtBroker,
  OrderFeedListener,
  OrderRow,
  OrderToSend,
  PositionRow,
  PriceFeed,
  PriceFeedListener,
  Profile,
  Read,
  Sent,
  TradeRow,
} from '../client';
import { FeedRefused, FeedSocket } from '../feed-socket';
import { Wire, type WireReply } from '../wire';
import { readCredentials, sessionEndsAt } from './credentials';
import { ORDER_FEED_QUERY, readOrderFrame } from './order-feed';
import { readPostback } from './postback';
import { readPriceFrame } from './price-feed';
import {
  changedOf,
  feedAddressOf,
  fundsOf,
  holdingsOf,
  type Lookup,
  marginOf,
  orderOf,
  ordersOf,
  placedManyOf,
  placedOf,
  positionsOf,
  profileOf,
  taggedOf,
  tradesOf,
  tradesOfOrder,
} from './replies';
import { feedCommand, type Parts, UpstoxRequests } from './requests';

const SILENCE_MS = 15_000;
/** Instruments with their depth on one connection; more are followed by their last price alone. */
const FULL_MAX = 2_000;
const KEYS_MAX = 5_000;

export const upstox: BrokerAdapter = {
  broker: 'upstox',
  endpoints: (baseUrl) =>
    baseUrl === undefined
      ? {
          rest: 'https://api.upstox.com',
          orders: 'https://api-hft.upstox.com',
          orderFeed: 'wss://api.upstox.com/v2/feed/portfolio-stream-feed',
          priceFeed: 'https://api.upstox.com',
        }
      : {
          rest: baseUrl,
          orders: baseUrl,
          orderFeed: `${baseUrl.replace(/^http/, 'ws')}/v2/feed/portfolio-stream-feed`,
          priceFeed: baseUrl,
        },
  readCredentials,
  sessionEndsAt,
  open: (options) => new UpstoxClient(options),
  readPostback: (body, credentials) => readPostback(body, tellOf(credentials)),
};

class UpstoxClient implements BrokerClient {
  readonly broker = 'upstox';
  private readonly wire = new Wire();
  private readonly requests: UpstoxRequests;
  private readonly tell: Tell;
  private readonly lookup: Lookup;

  constructor(private readonly options: ClientOptions) {
    this.requests = new UpstoxRequests(options.endpoints, options.credentials);
    this.tell = tellOf(options.credentials);
    this.lookup = (symbol) => options.instruments.bySymbol(symbol);
  }

  async validate(): Promise<Read<Profile>> {
    return profileOf(await this.call(this.requests.read('/v2/user/profile')), this.tell);
  }

  async place(order: OrderToSend): Promise<Sent> {
    return placedOf(await this.call(this.requests.place(order)), this.tell);
  }

  async placeMany(orders: readonly OrderToSend[]): Promise<readonly Sent[]> {
    if (orders.length === 0) return [];
    return placedManyOf(await this.call(this.requests.placeMany(orders)), orders.length, this.tell);
  }

  async modify(order: OrderAtBroker, terms: OrderTerms): Promise<Sent> {
    return changedOf(await this.call(this.requests.modify(order, terms)), order.brokerOrderId, this.tell);
  }

  async cancel({ brokerOrderId }: OrderAtBroker): Promise<Sent> {
    return changedOf(await this.call(this.requests.cancel(brokerOrderId)), brokerOrderId, this.tell);
  }

  async findByTag(tag: string): Promise<Read<readonly OrderRow[]>> {
    return taggedOf(await this.call(this.requests.historyOf(tag)), tag, this.lookup, this.tell);
  }

  async order(brokerOrderId: string): Promise<Read<OrderRow | undefined>> {
    return orderOf(await this.call(this.requests.order(brokerOrderId)), this.lookup, this.tell);
  }

  async orders(): Promise<Read<readonly OrderRow[]>> {
    return ordersOf(await this.call(this.requests.read('/v2/order/retrieve-all')), this.lookup, this.tell);
  }

  async trades(): Promise<Read<readonly TradeRow[]>> {
    const reply = await this.call(this.requests.read('/v2/order/trades/get-trades-for-day'));
    return tradesOf(reply, this.lookup, this.tell);
  }

  async tradesOf(brokerOrderId: string): Promise<Read<readonly TradeRow[]>> {
    return tradesOfOrder(await this.call(this.requests.tradesOf(brokerOrderId)), this.lookup, this.tell);
  }

  async positions(): Promise<Read<readonly PositionRow[]>> {
    const reply = await this.call(this.requests.read('/v2/portfolio/short-term-positions'));
    return positionsOf(reply, this.lookup, this.tell);
  }

  async holdings(): Promise<Read<readonly HoldingRow[]>> {
    return holdingsOf(await this.call(this.requests.read('/v2/portfolio/long-term-holdings')), this.tell);
  }

  async funds(): Promise<Read<Funds>> {
    return fundsOf(await this.call(this.requests.funds()), this.tell);
  }

  async margin(orders: readonly OrderToSend[]): Promise<Read<number>> {
    return marginOf(await this.call(this.requests.margin(orders)), this.tell);
  }

  /** One socket per listener. The published address may only point to the real one. */
  followOrders(listener: OrderFeedListener): Feed {
    const { orderFeed } = this.options.endpoints;
    return new FeedSocket({
      target: () => Promise.resolve({ url: `${orderFeed}?${ORDER_FEED_QUERY}`, headers: this.requests.authorization }),
      followRedirects: true,
      onOpen: () => undefined,
      onMessage: (data) => {
        const frame = readOrderFrame(data.toString('utf8'), this.lookup, this.tell);
        if (frame.kind === 'rows') listener.onRows(frame.rows, []);
        if (frame.kind === 'drift') listener.onDrift(frame.evidence);
      },
      onState: (state) => listener.onState(state),
      upOnOpen: true, // the handshake is where the token is looked at
      silenceMs: SILENCE_MS,
      connectTimeoutMs: this.options.timeoutMs,
    });
  }

  followPrices(listener: PriceFeedListener): PriceFeed {
    return new UpstoxPrices(listener, () => this.feedAddress(), this.tell, this.options.timeoutMs);
  }

  private async feedAddress(): Promise<string> {
    const url = `${this.options.endpoints.priceFeed}/v3/feed/market-data-feed/authorize`;
    const address = feedAddressOf(
      await this.call({ method: 'GET', url, headers: this.requests.authorization }),
      this.tell,
    );
    if (address.outcome === 'failed') throw new FeedRefused(address.errorClass, address.evidence);
    return address.value;
  }

  private call(parts: Parts): Promise<WireReply> {
    const { timeoutMs, egressAddress } = this.options;
    return this.wire.call({ ...parts, timeoutMs, ...(egressAddress !== undefined && { egressAddress }) });
  }
}

/** The followed instruments outlive a connection: each new one is told all of them. */
class UpstoxPrices implements PriceFeed {
  private readonly socket: FeedSocket;
  private wanted = new Map<string, string>();
  private mode: 'full' | 'ltpc' = 'full';

  constructor(
    private readonly listener: PriceFeedListener,
    address: () => Promise<string>,
    tell: Tell,
    timeoutMs: number,
  ) {
    this.socket = new FeedSocket({
      target: async () => ({ url: await address() }),
      onOpen: (send) => {
        if (this.wanted.size > 0) send(feedCommand('sub', this.mode, [...this.wanted.keys()]));
      },
      onMessage: (data) => {
        const frame = readPriceFrame(data, (symbol) => this.wanted.get(symbol), tell);
        if (frame.kind === 'drift') listener.onDrift(frame.evidence);
        else if (frame.ticks.length > 0) listener.onTicks(frame.ticks);
      },
      onState: (state) => listener.onState(state),
      upOnOpen: true,
      silenceMs: SILENCE_MS,
      connectTimeoutMs: timeoutMs,
    });
  }

  follow(instruments: readonly BrokerInstrument[]): void {
    const wanted = new Map(
      instruments.slice(0, KEYS_MAX).map(({ symbol, instrumentKey }) => [symbol, instrumentKey] as const),
    );
    if (instruments.length > KEYS_MAX) {
      const message = `${String(instruments.length)} instruments, of which ${String(KEYS_MAX)} are followed`;
      this.listener.onDrift({ code: 'TOO_MANY', message });
    }
    const mode = wanted.size > FULL_MAX ? 'ltpc' : 'full';
    const kept = mode === this.mode ? this.wanted : new Map<string, string>();
    const gone = [...this.wanted.keys()].filter((symbol) => !wanted.has(symbol) || !kept.has(symbol));
    const added = [...wanted.keys()].filter((symbol) => !kept.has(symbol));
    if (gone.length > 0) this.socket.send(feedCommand('unsub', this.mode, gone));
    if (added.length > 0) this.socket.send(feedCommand('sub', mode, added));
    this.wanted = wanted;
    this.mode = mode;
  }

  close(): Promise<void> {
    return this.socket.close();
  }
}
