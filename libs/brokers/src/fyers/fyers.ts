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
import type { OrderTerms } from '#domain/orders/order';
import { FeedRefused, FeedSocket } from '../feed-socket';
import { tradesIn } from '../books';
import { type Answered, noReply, readReply, type Say, sayOf, sentBy, spoken } from '../reading';
import { Wire, type WireReply } from '../wire';
import { authorization, hsmKeyOf, readCredentials, sessionEndsAt } from './credentials';
import { PING, readOrderFrame, SUBSCRIBE } from './order-feed';
import { readPostback } from './postback';
import {
  authMessage,
  fullModeMessage,
  PriceFrames,
  subscribeMessages,
  SYMBOLS_MAX,
  topicOf,
  unsubscribeMessages,
} from './price-feed';
import * as replies from './replies';
import * as requests from './requests';

const FEED_SILENCE_MS = 45_000;

export const fyers: BrokerAdapter = {
  broker: 'fyers',
  endpoints: (baseUrl) => (baseUrl === undefined ? REAL : at(baseUrl.replace(/\/+$/, ''))),
  readCredentials,
  sessionEndsAt,
  open: (options) => new FyersClient(options),
  readPostback,
};

const REAL: Endpoints = {
  rest: 'https://api-t1.fyers.in/api/v3',
  orders: 'https://api-t1.fyers.in/api/v3',
  orderFeed: 'wss://socket.fyers.in/trade/v3',
  priceFeed: 'wss://socket.fyers.in/hsm/v1-5/prod',
};

const at = (baseUrl: string): Endpoints => {
  const sockets = baseUrl.replace(/^http/, 'ws');
  return {
    rest: `${baseUrl}/api/v3`,
    orders: `${baseUrl}/api/v3`,
    orderFeed: `${sockets}/trade/v3`,
    priceFeed: `${sockets}/hsm/v1-5/prod`,
  };
};

class FyersClient implements BrokerClient {
  readonly broker = 'fyers';
  private readonly wire = new Wire();
  private readonly say: Say;

  constructor(private readonly options: ClientOptions) {
    this.say = sayOf(options.credentials);
  }

  validate(): Promise<Read<Profile>> {
    return this.read(requests.profile, (answered) => replies.readProfile(this.say, answered));
  }

  place(order: OrderToSend): Promise<Sent> {
    return this.send(
      () => requests.place(order),
      (answered) => replies.readPlaced(this.say, answered),
    );
  }

  async placeMany(orders: readonly OrderToSend[]): Promise<readonly Sent[]> {
    const all = (sent: Sent): readonly Sent[] => orders.map(() => sent);
    const call = spoken(this.say, () => requests.placeMany(orders));
    if ('cannot' in call) return all({ outcome: 'notSent', ...call.cannot });
    const reply = await this.call(call, true);
    return reply.kind === 'reply' ? replies.readPlacedMany(this.say, reply, orders.length) : all(noReply(reply));
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

  findByTag(tag: string): Promise<Read<readonly OrderRow[]>> {
    // There is a search, but whether it wants the tag as it was sent or as it is echoed, nobody says; the book costs as much.
    return this.read(requests.orders, (answered) => replies.readByTag(this.say, answered, tag));
  }

  order(brokerOrderId: string): Promise<Read<OrderRow | undefined>> {
    return this.read(requests.order(brokerOrderId), (answered) => replies.readOrder(this.say, answered, brokerOrderId));
  }

  orders(): Promise<Read<readonly OrderRow[]>> {
    return this.read(requests.orders, (answered) => replies.readOrders(this.say, answered));
  }

  trades(): Promise<Read<readonly TradeRow[]>> {
    return this.read(requests.trades, (answered) => replies.readTrades(this.say, answered));
  }

  /** There is no such call: the book of the day is read, once. */
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
      target: () =>
        Promise.resolve({ url: endpoints.orderFeed, headers: { authorization: authorization(credentials) } }),
      onOpen: (send) => send(SUBSCRIBE),
      onMessage: (data) => {
        const frame = readOrderFrame(this.say, data.toString('utf8'));
        if (frame.kind === 'news') listener.onRows(frame.rows, frame.trades);
        else if (frame.kind === 'subscribed') listener.onState({ state: 'up' });
        else if (frame.kind === 'refused') throw new FeedRefused('auth', frame.evidence);
        else if (frame.kind === 'drift') listener.onDrift(frame.evidence);
      },
      onState: (state) => listener.onState(state),
      ping: PING,
      silenceMs: FEED_SILENCE_MS,
      connectTimeoutMs: timeoutMs,
    });
  }

  followPrices(listener: PriceFeedListener): PriceFeed {
    return new FyersPrices(listener, this.options, this.say);
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
      headers: {
        authorization: authorization(credentials),
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      timeoutMs,
      ...(isChange && egressAddress !== undefined && { egressAddress }),
    });
  }
}

class FyersPrices implements PriceFeed {
  private readonly socket: FeedSocket;
  private wanted: ReadonlyMap<string, BrokerInstrument> = new Map();
  private frames: PriceFrames;
  private isUp = false;

  constructor(
    private readonly listener: PriceFeedListener,
    { endpoints, credentials, timeoutMs, now }: ClientOptions,
    private readonly say: Say,
  ) {
    this.frames = new PriceFrames(say, now);
    const hsmKey = hsmKeyOf(credentials);
    this.socket = new FeedSocket({
      target: () =>
        hsmKey === undefined
          ? Promise.reject(new FeedRefused('auth', say('HSM_KEY', 'the token has no key for the data socket')))
          : Promise.resolve({ url: endpoints.priceFeed }),
      onOpen: (send) => {
        this.frames = new PriceFrames(say, now);
        this.isUp = false;
        send(authMessage(hsmKey ?? ''));
        send(fullModeMessage());
      },
      onMessage: (data, isBinary, send) => {
        if (isBinary) this.take(data, send);
      },
      onState: (state) => {
        if (state.state === 'down') this.isUp = false;
        listener.onState(state);
      },
      silenceMs: FEED_SILENCE_MS,
      connectTimeoutMs: timeoutMs,
    });
  }

  follow(instruments: readonly BrokerInstrument[]): void {
    const wanted = new Map<string, BrokerInstrument>();
    for (const instrument of instruments) {
      const topic = topicOf(instrument);
      if (topic === undefined) this.listener.onDrift(this.say('HSM_NO_TOPIC', instrument.symbol));
      else if (wanted.size < SYMBOLS_MAX || wanted.has(topic)) wanted.set(topic, instrument);
      else this.listener.onDrift(this.say('HSM_FULL', `${instrument.symbol}: ${String(SYMBOLS_MAX)} are followed`));
    }
    const before = this.wanted;
    this.wanted = wanted;
    if (!this.isUp) return; // told as a whole as soon as it is
    const gone = [...before.keys()].filter((topic) => !wanted.has(topic));
    const added = [...wanted.keys()].filter((topic) => !before.has(topic));
    for (const message of unsubscribeMessages(gone)) this.socket.send(message);
    for (const message of subscribeMessages(added)) this.socket.send(message);
  }

  close(): Promise<void> {
    return this.socket.close();
  }

  private take(data: Buffer, send: (data: Uint8Array) => void): void {
    const frame = this.frames.read(data);
    switch (frame.kind) {
      case 'up':
        this.isUp = true;
        for (const message of subscribeMessages([...this.wanted.keys()])) send(message);
        this.listener.onState({ state: 'up' });
        return;
      case 'refused':
        throw new FeedRefused('auth', frame.evidence);
      case 'drift':
        this.listener.onDrift(frame.evidence);
        return;
      case 'other':
        return;
      case 'ticks': {
        const ticks = frame.ticks.flatMap(({ topic, ...tick }) => {
          const instrument = this.wanted.get(topic);
          return instrument ? [{ instrumentKey: instrument.instrumentKey, ...tick }] : [];
        });
        if (ticks.length > 0) this.listener.onTicks(ticks);
        if (frame.drift) this.listener.onDrift(frame.drift);
        if (frame.reply) send(frame.reply);
      }
    }
  }
}
