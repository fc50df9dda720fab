import type { OrderTerms } from '#domain/orders/order';
import { type Tell, tellOf } from '../answers';
import type {
  BrokerAdapter,
  BrokerClient,
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
import { Wire, type WireReply } from '../wire';
import { readCredentials, sessionEndsAt } from './credentials';
import { KiteSocket } from './kite-socket';
import { readPostback } from './postback';
import {
  changedOf,
  fundsOf,
  holdingsOf,
  type Lookup,
  marginOf,
  orderOf,
  ordersOf,
  placedOf,
  positionsOf,
  profileOf,
  taggedOf,
  tradesOf,
  tradesOfOrder,
} from './replies';
import { type Parts, ZerodhaRequests } from './requests';

export const zerodha: BrokerAdapter = {
  broker: 'zerodha',
  endpoints: (baseUrl) => {
    const rest = baseUrl ?? 'https://api.kite.trade';
    const socket = baseUrl === undefined ? 'wss://ws.kite.trade' : `${baseUrl.replace(/^http/, 'ws')}/ws`;
    return { rest, orders: rest, orderFeed: socket, priceFeed: socket };
  },
  readCredentials,
  sessionEndsAt,
  open: (options) => new ZerodhaClient(options),
  readPostback: (body, credentials) => readPostback(body, credentials['apiSecret'] ?? '', tellOf(credentials)),
};

class ZerodhaClient implements BrokerClient {
  readonly broker = 'zerodha';
  private readonly wire = new Wire();
  private readonly requests: ZerodhaRequests;
  private readonly tell: Tell;
  private readonly lookup: Lookup;
  private readonly socket: KiteSocket;

  constructor(private readonly options: ClientOptions) {
    this.requests = new ZerodhaRequests(options.endpoints, options.credentials);
    this.tell = tellOf(options.credentials);
    this.lookup = (symbol) => options.instruments.bySymbol(symbol);
    this.socket = new KiteSocket({
      url: this.requests.socket,
      connectTimeoutMs: options.timeoutMs,
      lookup: this.lookup,
      now: options.now,
      tell: this.tell,
    });
  }

  async validate(): Promise<Read<Profile>> {
    return profileOf(await this.read('/user/profile'), this.tell);
  }

  async place(order: OrderToSend): Promise<Sent> {
    return placedOf(await this.call(this.requests.place(order)), this.tell);
  }

  async modify(order: OrderAtBroker, terms: OrderTerms): Promise<Sent> {
    return changedOf(await this.call(this.requests.modify(order, terms)), order.brokerOrderId, this.tell);
  }

  async cancel({ brokerOrderId }: OrderAtBroker): Promise<Sent> {
    return changedOf(await this.call(this.requests.cancel(brokerOrderId)), brokerOrderId, this.tell);
  }

  /** There is no search: the book is read, and every tag in it. */
  async findByTag(tag: string): Promise<Read<readonly OrderRow[]>> {
    return taggedOf(await this.read('/orders'), tag, this.lookup, this.tell);
  }

  async order(brokerOrderId: string): Promise<Read<OrderRow | undefined>> {
    return orderOf(await this.call(this.requests.historyOf(brokerOrderId)), this.lookup, this.tell);
  }

  async orders(): Promise<Read<readonly OrderRow[]>> {
    return ordersOf(await this.read('/orders'), this.lookup, this.tell);
  }

  async trades(): Promise<Read<readonly TradeRow[]>> {
    return tradesOf(await this.read('/trades'), this.lookup, this.tell);
  }

  async tradesOf(brokerOrderId: string): Promise<Read<readonly TradeRow[]>> {
    return tradesOfOrder(await this.call(this.requests.tradesOf(brokerOrderId)), this.lookup, this.tell);
  }

  async positions(): Promise<Read<readonly PositionRow[]>> {
    return positionsOf(await this.read('/portfolio/positions'), this.lookup, this.tell);
  }

  async holdings(): Promise<Read<readonly HoldingRow[]>> {
    return holdingsOf(await this.read('/portfolio/holdings'), this.tell);
  }

  async funds(): Promise<Read<Funds>> {
    return fundsOf(await this.read('/user/margins'), this.tell);
  }

  async margin(orders: readonly OrderToSend[]): Promise<Read<number>> {
    return marginOf(await this.call(this.requests.margin(orders)), this.tell);
  }

  followOrders(listener: OrderFeedListener): Feed {
    return this.socket.followOrders(listener);
  }

  followPrices(listener: PriceFeedListener): PriceFeed {
    return this.socket.followPrices(listener);
  }

  private read(path: string): Promise<WireReply> {
    return this.call(this.requests.read(path));
  }

  private call(parts: Parts): Promise<WireReply> {
    const { timeoutMs, egressAddress } = this.options;
    return this.wire.call({ ...parts, timeoutMs, ...(egressAddress !== undefined && { egressAddress }) });
  }
}
