import type { OrderTerms } from '#domain/orders/order';
import { orderIn, tradesIn } from '../books';
import type {
  BrokerAdapter,
  BrokerClient,
  BrokerInstrument,
  ClientOptions,
  Endpoints,
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
import { type Answered, readReply, type Say, sayOf, sentBy, spoken } from '../reading';
import { Wire, type WireReply } from '../wire';
import { headersOf, orderFeedHeaders, priceFeedHeaders, readCredentials, sessionEndsAt } from './credentials';
import { PING as ORDER_PING, readOrderFrame } from './order-feed';
import { readPostback } from './postback';
import {
  PING as PRICE_PING,
  readPriceFrame,
  readTextFrame,
  streamKeyOf,
  subscribeMessage,
  TOKENS_MAX,
  unsubscribeMessage,
} from './price-feed';
import * as replies from './replies';
import * as requests from './requests';

const FEED_SILENCE_MS = 45_000;

export const angelone: BrokerAdapter = {
  broker: 'angelone',
  endpoints: (baseUrl) => (baseUrl === undefined ? REAL : at(baseUrl.replace(/\/+$/, ''))),
  readCredentials,
  sessionEndsAt,
  open: (options) => new AngelOneClient(options),
  readPostback,
};

const REAL: Endpoints = {
  rest: 'https://apiconnect.angelone.in',
  orders: 'https://apiconnect.angelone.in',
  orderFeed: 'wss://tns.angelone.in/smart-order-update',
  priceFeed: 'wss://smartapisocket.angelone.in/smart-stream',
};

const at = (baseUrl: string): Endpoints => {
  const sockets = baseUrl.replace(/^http/, 'ws');
  return {
    rest: baseUrl,
    orders: baseUrl,
    orderFeed: `${sockets}/smart-order-update`,
    priceFeed: `${sockets}/smart-stream`,
  };
};

class AngelOneClient implements BrokerClient {
  readonly broker = 'angelone';
  private readonly wire = new Wire();
  private readonly say: Say;

  constructor(private readonly options: ClientOptions) {
    this.say = sayOf(options.credentials);
  }

  /** The feeds go by the client code that somebody typed, all else by the token: they must be of one client. */
  async validate(): Promise<Read<Profile>> {
    const profile = await this.read(requests.profile, (answered) => replies.readProfile(this.say, answered));
    const { clientCode } = this.options.credentials;
    return profile.outcome === 'ok' && profile.value.clientId !== clientCode
      ? {
          outcome: 'failed',
          errorClass: 'entitlement',
          evidence: this.say('OTHER_CLIENT', 'clientCode is not whose token this is'),
        }
      : profile;
  }

  place(order: OrderToSend): Promise<Sent> {
    return this.send(
      () => requests.place(order),
      (answered) => replies.readPlaced(this.say, answered),
    );
  }

  modify(order: OrderAtBroker, terms: OrderTerms): Promise<Sent> {
    return this.send(
      () => requests.modify(order, terms),
      (answered) => replies.readChanged(this.say, answered, order.brokerOrderId),
    );
  }

  cancel(order: OrderAtBroker): Promise<Sent> {
    return this.send(
      () => requests.cancel(order),
      (answered) => replies.readChanged(this.say, answered, order.brokerOrderId),
    );
  }

  /** There is no search: the book of the day is read, once. */
  findByTag(tag: string): Promise<Read<readonly OrderRow[]>> {
    return this.read(requests.orders, (answered) => replies.readByTag(this.say, answered, tag));
  }

  /** A single order is read by an id that only its first answer had, so here too the book is read. */
  async order(brokerOrderId: string): Promise<Read<OrderRow | undefined>> {
    return orderIn(await this.orders(), brokerOrderId);
  }

  orders(): Promise<Read<readonly OrderRow[]>> {
    return this.read(requests.orders, (answered) => replies.readOrders(this.say, answered));
  }

  trades(): Promise<Read<readonly TradeRow[]>> {
    return this.read(requests.trades, (answered) => replies.readTrades(this.say, answered, this.options.now()));
  }

  async tradesOf(brokerOrderId: string): Promise<Read<readonly TradeRow[]>> {
    return tradesIn(await this.trades(), brokerOrderId);
  }

  positions(): Promise<Read<readonly PositionRow[]>> {
    return this.read(requests.positions, (answered) => replies.readPositions(this.say, answered));
  }

  holdings(): Promise<Read<readonly HoldingRow[]>> {
    return this.read(requests.holdings, (answered) => replies.readHoldings(this.say, answered));
  }

  funds(): Promise<Read<Funds>> {
    return this.read(requests.funds, (answered) => replies.readFunds(this.say, answered));
  }

  async margin(orders: readonly OrderToSend[]): Promise<Read<number>> {
    const call = spoken(this.say, () => requests.margin(orders));
    if ('cannot' in call) return { outcome: 'failed', ...call.cannot };
    return this.read(call, (answered) => replies.readMargin(this.say, answered));
  }

  followOrders(listener: OrderFeedListener): Feed {
    const { endpoints, credentials, timeoutMs } = this.options;
    return new FeedSocket({
      target: () => Promise.resolve({ url: endpoints.orderFeed, headers: orderFeedHeaders(credentials) }),
      onOpen: () => undefined, // all orders of the client are told without asking
      onMessage: (data) => {
        const frame = readOrderFrame(this.say, data.toString('utf8'));
        if (frame.kind === 'row') listener.onRows([frame.row], []);
        else if (frame.kind === 'connected') listener.onState({ state: 'up' });
        else if (frame.kind === 'refused') throw new FeedRefused(frame.errorClass, frame.evidence);
        else if (frame.kind === 'drift') listener.onDrift(frame.evidence);
      },
      onState: (state) => listener.onState(state),
      ping: ORDER_PING,
      silenceMs: FEED_SILENCE_MS,
      connectTimeoutMs: timeoutMs,
    });
  }

  followPrices(listener: PriceFeedListener): PriceFeed {
    return new AngelOnePrices(listener, this.options, this.say);
  }

  private async send(speak: () => requests.Call, read: (answered: Answered) => Sent): Promise<Sent> {
    const call = spoken(this.say, speak);
    return 'cannot' in call ? { outcome: 'notSent', ...call.cannot } : sentBy(await this.call(call, true), read);
  }

  private async read<Value>(call: requests.Call, read: (answered: Answered) => Read<Value>): Promise<Read<Value>> {
    return readReply(await this.call(call, false), read);
  }

  /** Only what changes something has to leave from the registered address. */
  private call({ method, path, body }: requests.Call, isChange: boolean): Promise<WireReply> {
    const { endpoints, credentials, timeoutMs, egressAddress } = this.options;
    return this.wire.call({
      method,
      url: `${isChange ? endpoints.orders : endpoints.rest}${path}`,
      headers: { ...headersOf(credentials), ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
      timeoutMs,
      ...(isChange && egressAddress !== undefined && { egressAddress }),
    });
  }
}

class AngelOnePrices implements PriceFeed {
  private readonly socket: FeedSocket;
  private wanted: ReadonlyMap<string, BrokerInstrument> = new Map();

  constructor(
    private readonly listener: PriceFeedListener,
    { endpoints, credentials, timeoutMs }: ClientOptions,
    private readonly say: Say,
  ) {
    this.socket = new FeedSocket({
      target: () => Promise.resolve({ url: endpoints.priceFeed, headers: priceFeedHeaders(credentials) }),
      onOpen: (send) => {
        const message = subscribeMessage([...this.wanted.keys()]);
        if (message !== undefined) send(message);
      },
      onMessage: (data, isBinary) => {
        const frame = isBinary ? readPriceFrame(say, data, this.wanted) : readTextFrame(say, data.toString('utf8'));
        if (frame.kind === 'tick') listener.onTicks([frame.tick]);
        else if (frame.kind === 'drift') listener.onDrift(frame.evidence);
      },
      onState: (state) => listener.onState(state),
      upOnOpen: true, // who may listen is decided with the handshake, and nothing is said about it afterwards
      ping: PRICE_PING,
      silenceMs: FEED_SILENCE_MS,
      connectTimeoutMs: timeoutMs,
    });
  }

  follow(instruments: readonly BrokerInstrument[]): void {
    const wanted = new Map<string, BrokerInstrument>();
    for (const instrument of instruments) {
      const key = streamKeyOf(instrument);
      if (key === undefined) this.listener.onDrift(this.say('STREAM_NO_SEGMENT', instrument.symbol));
      else if (wanted.size < TOKENS_MAX || wanted.has(key)) wanted.set(key, instrument);
      else this.listener.onDrift(this.say('STREAM_FULL', `${instrument.symbol}: ${String(TOKENS_MAX)} are followed`));
    }
    const before = this.wanted;
    this.wanted = wanted;
    const gone = unsubscribeMessage([...before.keys()].filter((key) => !wanted.has(key)));
    const added = subscribeMessage([...wanted.keys()].filter((key) => !before.has(key)));
    // Dropped while there is no connection: each new one begins with the whole set.
    if (gone !== undefined) this.socket.send(gone);
    if (added !== undefined) this.socket.send(added);
  }

  close(): Promise<void> {
    return this.socket.close();
  }
}
