import { createHash } from 'node:crypto';
import { exactE4 } from '#brokers/fields';
import { toRupees } from '#domain/money';
import type { OrderType } from '#domain/orders/order';
import type {
  Dialect,
  Operation,
  Refusal,
  Sessions,
  SimBook,
  SimChange,
  SimClient,
  SimOrder,
  SimPlace,
  SimReply,
  SimRequest,
  SimTrade,
} from '../dialect';
import { averageE4, exchangeCode, isRecord, istText, istTime, json, netPositions, parsedJson } from '../words';
import { kiteToken, onTickerMessage, tickerFrame } from './kite-packets';

const ORDER_TYPES: ReadonlyMap<unknown, OrderType> = new Map<unknown, OrderType>([
  ['MARKET', 'MARKET'],
  ['LIMIT', 'LIMIT'],
  ['SL', 'SL'],
  ['SL-M', 'SL_M'],
]);
const ORDER_TYPE_WORD: Readonly<Record<OrderType, string>> = {
  MARKET: 'MARKET',
  LIMIT: 'LIMIT',
  SL: 'SL',
  SL_M: 'SL-M',
};
const PRODUCTS = ['CNC', 'NRML', 'MIS', 'MTF'];

const STATUS: Readonly<Record<SimOrder['state'], string>> = {
  open: 'OPEN',
  'trigger-wait': 'TRIGGER PENDING',
  complete: 'COMPLETE',
  cancelled: 'CANCELLED',
  rejected: 'REJECTED',
};

/* ----------------------------------------------------------------------------------------------------- errors */

const failed = (status: number, errorType: string, text: string): SimReply =>
  json(status, { status: 'error', message: text, data: null, error_type: errorType });

const invalid = (text: string): SimReply => failed(400, 'InputException', text);

const notFoundOrder = (): SimReply => failed(404, 'GeneralException', "Couldn't find that `order_id`.");

const PROPERTY: Readonly<Record<string, string>> = {
  instrument: 'tradingsymbol',
  priceE4: 'price',
  triggerPriceE4: 'trigger_price',
  disclosedQuantity: 'disclosed_quantity',
};

const refusedReply = ({ reason, detail, field }: Refusal): SimReply => {
  switch (reason) {
    case 'funds':
      return failed(400, 'MarginException', `Insufficient funds. ${detail}`);
    case 'not-found':
      return notFoundOrder();
    case 'final-state':
    case 'circuit':
    case 'too-many-modifications':
      return failed(400, 'OrderException', detail);
    case 'unknown-instrument':
    case 'lot-size':
    case 'tick-size':
    case 'price':
    case 'trigger-price':
    case 'tag':
    case 'product':
    case 'quantity':
    case 'freeze-quantity':
    case 'market-protection':
    case 'too-many-lines':
    case 'malformed':
      return invalid(field === undefined ? detail : `Invalid \`${PROPERTY[field] ?? field}\`. ${detail}`);
  }
};

/* --------------------------------------------------------------------------------------------------- requests */

type Parsed<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly reply: SimReply };
const wrong = (text: string): Parsed<never> => ({ ok: false, reply: invalid(text) });

const countOf = (text: string | null, fallback: number): number | undefined => {
  if (text === null || text === '') return fallback;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
};

const amountOf = (text: string | null, fallback: number): number | undefined =>
  text === null || text === '' ? fallback : exactE4(text);

/** The fields that placing and modifying have in common; what is left out stays as it was. */
const readTerms = (form: URLSearchParams, before: Required<SimChange> | undefined): Parsed<Required<SimChange>> => {
  const orderType = ORDER_TYPES.get(form.get('order_type') ?? (before && ORDER_TYPE_WORD[before.orderType]));
  if (orderType === undefined) return wrong('Invalid `order_type`.');
  const validity = form.get('validity') ?? before?.validity ?? 'DAY';
  if (validity !== 'DAY' && validity !== 'IOC') return wrong('Invalid `validity`.');
  const quantity = countOf(form.get('quantity'), before?.quantity ?? 0);
  if (quantity === undefined || quantity < 1) return wrong('Invalid `quantity`.');
  const hasPrice = orderType === 'LIMIT' || orderType === 'SL';
  const priceE4 = hasPrice ? amountOf(form.get('price'), before?.priceE4 ?? 0) : 0;
  if (priceE4 === undefined || priceE4 < 0) return wrong('Invalid `price`.');
  const triggerPriceE4 = amountOf(form.get('trigger_price'), before?.triggerPriceE4 ?? 0);
  if (triggerPriceE4 === undefined || triggerPriceE4 < 0) return wrong('Invalid `trigger_price`.');
  const disclosedQuantity = countOf(form.get('disclosed_quantity'), before?.disclosedQuantity ?? 0);
  if (disclosedQuantity === undefined) return wrong('Invalid `disclosed_quantity`.');
  // An order that is changed keeps the protection it was placed with.
  const protection = Number(form.get('market_protection') ?? (before === undefined ? 0 : -1));
  if (!hasPrice && !(protection === -1 || (protection > 0 && protection <= 100)))
    return wrong(
      'Market orders without market protection are not allowed via API. Please set market protection or use a Limit order.',
    );
  return { ok: true, value: { orderType, validity, quantity, priceE4, triggerPriceE4, disclosedQuantity } };
};

const readPlace = (form: URLSearchParams, book: SimBook): Parsed<SimPlace> => {
  const symbol = `${form.get('exchange') ?? ''}:${form.get('tradingsymbol') ?? ''}`;
  const instrument = book.instrument(symbol);
  if (instrument === undefined)
    return wrong('The instrument you are placing an order for has either expired or does not exist.');
  const side = form.get('transaction_type');
  if (side !== 'BUY' && side !== 'SELL') return wrong('Invalid `transaction_type`.');
  const product = form.get('product') ?? '';
  if (!PRODUCTS.includes(product)) return wrong('Invalid `product`.');
  if (form.has('autoslice') && form.get('autoslice') !== 'false') return wrong('`autoslice` is not simulated.');
  const terms = readTerms(form, undefined);
  if (!terms.ok) return terms;
  if (terms.value.validity === 'IOC' && instrument.exchange === 'MCX') return wrong('Invalid `validity`.');
  const tag = form.get('tag') ?? '';
  if (!/^[A-Za-z0-9]{0,20}$/.test(tag))
    return wrong('Invalid `tag`. It should be alphanumeric with max 20 characters.');
  return { ok: true, value: { ...terms.value, instrument, symbol, side, product, ...(tag !== '' && { tag }) } };
};

const success = (data: unknown): SimReply => json(200, { status: 'success', data });

const place = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const order = readPlace(new URLSearchParams(request.body), book);
  if (!order.ok) return order.reply;
  const outcome = book.place(client, order.value);
  return outcome.ok ? success({ order_id: outcome.order.brokerOrderId }) : refusedReply(outcome.refusal);
};

const modify = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const orderId = orderIdOf(request);
  const before = book.order(client, orderId);
  if (before === undefined) return notFoundOrder();
  const terms = readTerms(new URLSearchParams(request.body), before);
  if (!terms.ok) return terms.reply;
  const outcome = book.modify(client, orderId, terms.value);
  if (outcome.ok) return success({ order_id: orderId });
  if (outcome.refusal.reason === 'final-state')
    return failed(400, 'OrderException', 'Order cannot be modified as it is being processed. Try later.');
  return refusedReply(outcome.refusal);
};

const cancel = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const orderId = orderIdOf(request);
  const outcome = book.cancel(client, orderId);
  if (outcome.ok) return success({ order_id: orderId });
  if (outcome.refusal.reason === 'final-state')
    return failed(400, 'OrderException', 'Order cannot be cancelled as it is being processed. Try later.');
  return refusedReply(outcome.refusal);
};

/** `/orders/regular/1953341975595868160`, `/orders/1953341975595868160/trades` */
const orderIdOf = ({ path }: SimRequest): string => /\/(\d+)(?:\/trades)?$/.exec(path)?.[1] ?? '';

/* ---------------------------------------------------------------------------------------------------- answers */

const tradingSymbolOf = ({ symbol }: SimOrder): string => symbol.slice(symbol.indexOf(':') + 1);

const orderRow = (order: SimOrder) => {
  const left = order.state === 'rejected' ? 0 : order.quantity - order.filledQuantity;
  const isCancelled = order.state === 'cancelled';
  return {
    account_id: order.clientId,
    placed_by: order.clientId,
    order_id: order.brokerOrderId,
    exchange_order_id: order.exchangeOrderId === '' ? null : order.exchangeOrderId,
    parent_order_id: null,
    status: STATUS[order.state],
    status_message: order.refusal?.detail ?? null,
    status_message_raw: order.refusal === undefined ? null : `RMS:${order.refusal.detail}`,
    order_timestamp: istText(order.updatedAtMs),
    exchange_update_timestamp: order.state === 'rejected' ? null : istText(order.updatedAtMs),
    exchange_timestamp: order.state === 'rejected' ? null : istText(order.placedAtMs),
    variety: 'regular',
    modified: order.modifications > 0,
    exchange: exchangeCode(order.instrument),
    tradingsymbol: tradingSymbolOf(order),
    instrument_token: kiteToken(order.instrument),
    order_type: ORDER_TYPE_WORD[order.orderType],
    transaction_type: order.side,
    validity: order.validity,
    validity_ttl: 0,
    product: order.product,
    quantity: order.quantity,
    disclosed_quantity: order.disclosedQuantity,
    price: toRupees(order.priceE4),
    trigger_price: toRupees(order.triggerPriceE4),
    average_price: toRupees(order.averagePriceE4),
    filled_quantity: order.filledQuantity,
    // What a cancelled order had left stands in the one or the other: in both, as some of the broker's rows have it.
    pending_quantity: left,
    cancelled_quantity: isCancelled ? left : 0,
    market_protection: 0,
    meta: {},
    tag: order.tag ?? null,
    ...(order.tag !== undefined && { tags: [order.tag] }),
    guid: null,
  };
};

/** The steps of an order as far as they can be told from what it has come to, oldest first. */
const stepsOf = (order: SimOrder) => {
  const row = orderRow(order);
  const before = {
    ...row,
    status_message: null,
    status_message_raw: null,
    exchange_order_id: null,
    exchange_update_timestamp: null,
    exchange_timestamp: null,
    order_timestamp: istText(order.placedAtMs),
    average_price: 0,
    filled_quantity: 0,
    pending_quantity: order.quantity,
    cancelled_quantity: 0,
  };
  const early = ['PUT ORDER REQ RECEIVED', 'VALIDATION PENDING', 'OPEN PENDING'];
  return [...early.map((status) => ({ ...before, status })), row];
};

const tradeRow = (trade: SimTrade, order: SimOrder) => ({
  trade_id: trade.tradeId,
  order_id: order.brokerOrderId,
  exchange: exchangeCode(order.instrument),
  tradingsymbol: tradingSymbolOf(order),
  instrument_token: kiteToken(order.instrument),
  product: order.product,
  average_price: toRupees(trade.priceE4),
  quantity: trade.quantity,
  exchange_order_id: order.exchangeOrderId,
  transaction_type: order.side,
  fill_timestamp: istText(trade.tradedAtMs),
  order_timestamp: istTime(order.placedAtMs),
  exchange_timestamp: istText(trade.tradedAtMs),
});

const tradesOf = (client: SimClient, book: SimBook, orderId: string | undefined): SimReply => {
  if (orderId !== undefined && book.order(client, orderId) === undefined) return notFoundOrder();
  const rows = book.trades(client).flatMap((trade) => {
    const order = book.order(client, trade.brokerOrderId);
    const isAsked = orderId === undefined || trade.brokerOrderId === orderId;
    return order === undefined || !isAsked ? [] : [tradeRow(trade, order)];
  });
  return success(rows);
};

const positions = (client: SimClient, book: SimBook): SimReply => {
  const rows = netPositions(book, client).map(({ order, buyQuantity, buyValueE4, sellQuantity, sellValueE4 }) => {
    const quantity = buyQuantity - sellQuantity;
    const lastE4 = book.lastPriceE4(order.instrument.instrumentKey) ?? 0;
    const buyE4 = averageE4(buyValueE4, buyQuantity);
    const sellE4 = averageE4(sellValueE4, sellQuantity);
    const value = toRupees(sellValueE4 - buyValueE4);
    const pnl = toRupees(sellValueE4 - buyValueE4 + quantity * lastE4);
    return {
      tradingsymbol: tradingSymbolOf(order),
      exchange: exchangeCode(order.instrument),
      instrument_token: kiteToken(order.instrument),
      product: order.product,
      quantity,
      overnight_quantity: 0,
      multiplier: 1,
      average_price: quantity === 0 ? 0 : toRupees(quantity > 0 ? buyE4 : sellE4),
      close_price: 0,
      last_price: toRupees(lastE4),
      value,
      pnl,
      m2m: pnl,
      unrealised: pnl,
      realised: 0,
      buy_quantity: buyQuantity,
      buy_price: toRupees(buyE4),
      buy_value: toRupees(buyValueE4),
      buy_m2m: toRupees(buyValueE4),
      sell_quantity: sellQuantity,
      sell_price: toRupees(sellE4),
      sell_value: toRupees(sellValueE4),
      sell_m2m: toRupees(sellValueE4),
      day_buy_quantity: buyQuantity,
      day_buy_price: toRupees(buyE4),
      day_buy_value: toRupees(buyValueE4),
      day_sell_quantity: sellQuantity,
      day_sell_price: toRupees(sellE4),
      day_sell_value: toRupees(sellValueE4),
    };
  });
  return success({ net: rows, day: rows });
};

/** Commodity has nothing of its own: the whole of the funds stands under equity. */
const funds = (client: SimClient, book: SimBook, segment: string | undefined): SimReply => {
  const segmentOf = (fundsE4: number, usedE4: number) => ({
    enabled: true,
    net: toRupees(fundsE4 - usedE4),
    available: {
      adhoc_margin: 0,
      cash: toRupees(fundsE4),
      opening_balance: toRupees(fundsE4),
      live_balance: toRupees(fundsE4 - usedE4),
      collateral: 0,
      intraday_payin: 0,
    },
    utilised: {
      debits: toRupees(usedE4),
      exposure: 0,
      m2m_realised: 0,
      m2m_unrealised: 0,
      option_premium: 0,
      payout: 0,
      span: 0,
      holding_sales: 0,
      turnover: 0,
      liquid_collateral: 0,
      stock_collateral: 0,
      delivery: 0,
    },
  });
  const equity = segmentOf(client.fundsE4, book.utilisedE4(client));
  const commodity = segmentOf(0, 0);
  if (segment === 'equity') return success(equity);
  return success(segment === 'commodity' ? commodity : { equity, commodity });
};

/** The full value of each line, as the simulated risk system holds it. */
const margin = (request: SimRequest, book: SimBook): SimReply => {
  const body = parsedJson(request.body);
  const lines = Array.isArray(body) ? body.filter(isRecord) : [];
  if (lines.length === 0) return invalid('Invalid JSON.');
  const margins: object[] = [];
  let sumE4 = 0;
  for (const line of lines) {
    const { exchange, tradingsymbol, quantity, price } = line;
    const instrument = book.instrument(`${String(exchange)}:${String(tradingsymbol)}`);
    if (instrument === undefined || typeof quantity !== 'number') return invalid('Invalid `tradingsymbol`.');
    const asked = typeof price === 'number' ? (exactE4(price) ?? 0) : 0;
    const totalE4 = quantity * (asked > 0 ? asked : (book.lastPriceE4(instrument.instrumentKey) ?? 0));
    sumE4 += totalE4;
    margins.push(marginRow(totalE4, String(tradingsymbol), String(exchange)));
  }
  if (request.path !== '/margins/basket') return success(margins);
  return success({ initial: marginRow(sumE4), final: marginRow(sumE4), orders: margins });
};

const marginRow = (totalE4: number, tradingsymbol = '', exchange = '') => ({
  type: 'equity',
  tradingsymbol,
  exchange,
  span: 0,
  exposure: 0,
  option_premium: 0,
  additional: 0,
  bo: 0,
  cash: 0,
  var: toRupees(totalE4),
  pnl: { realised: 0, unrealised: 0 },
  leverage: 1,
  total: toRupees(totalE4),
});

const profile = ({ clientId }: SimClient): SimReply =>
  success({
    user_id: clientId,
    user_type: 'individual',
    email: 'trader@example.com',
    user_name: 'Simulated Trader',
    user_shortname: 'Simulated',
    broker: 'ZERODHA',
    exchanges: ['BFO', 'MCX', 'NSE', 'CDS', 'BSE', 'BCD', 'MF', 'NFO'],
    products: ['CNC', 'NRML', 'MIS', 'BO', 'CO'],
    order_types: ['MARKET', 'LIMIT', 'SL', 'SL-M'],
    avatar_url: null,
    meta: { demat_consent: 'physical' },
  });

/** News of an order, with a checksum where it comes as a postback. `UPDATE` is what a partial fill or a change is called, and no state. */
const updateOf = (order: SimOrder, apiSecret?: string) => {
  const { modified: _modified, validity_ttl: _ttl, account_id: _account, ...row } = orderRow(order);
  const isUpdate = order.state === 'open' && (order.filledQuantity > 0 || order.modifications > 0);
  const checksum =
    apiSecret === undefined
      ? ''
      : createHash('sha256').update(`${row.order_id}${row.order_timestamp}${apiSecret}`).digest('hex');
  return {
    user_id: order.clientId,
    unfilled_quantity: order.quantity - order.filledQuantity,
    app_id: 1234,
    checksum,
    ...row,
    status: isUpdate ? 'UPDATE' : row.status,
  };
};

/** A token is good together with the key of its app only. */
const holderOf = (sessions: Sessions, apiKey: string, token: string): SimClient | undefined => {
  const client = sessions.byCredential('accessToken', token);
  return client?.credentials['apiKey'] === apiKey ? client : undefined;
};

const VARIETY = '(?:regular|amo|co|iceberg|auction)';
const ROUTES: readonly (readonly [RegExp, Operation])[] = [
  [/^GET \/user\/profile(\/full)?$/, 'profile'],
  [new RegExp(`^POST /orders/${VARIETY}$`), 'place'],
  [new RegExp(`^PUT /orders/${VARIETY}/\\d+$`), 'modify'],
  [new RegExp(`^DELETE /orders/${VARIETY}/\\d+$`), 'cancel'],
  [/^GET \/orders$/, 'orders'],
  [/^GET \/orders\/\d+$/, 'order'],
  [/^GET \/trades$/, 'trades'],
  [/^GET \/orders\/\d+\/trades$/, 'trades'],
  [/^GET \/portfolio\/positions$/, 'positions'],
  [/^GET \/portfolio\/holdings$/, 'holdings'],
  [/^GET \/user\/margins(\/equity|\/commodity)?$/, 'funds'],
  [/^POST \/margins\/(orders|basket)$/, 'margin'],
];

/**
 * Zerodha's Kite Connect v3 as a server. Requests are forms, ids are snowflakes beyond 2^53 in quotes, one socket carries prices
 * and orders, and a postback proves itself with a checksum.
 */
export const zerodha: Dialect = {
  broker: 'zerodha',
  perSecond: { orders: 10, reads: 10 },
  unauthorised: failed(403, 'TokenException', 'Incorrect `api_key` or `access_token`.'),
  throttled: failed(429, 'NetworkException', 'Too many requests'),
  // What stands in front of the broker answers in its place, and not in JSON.
  serverError: {
    status: 502,
    contentType: 'text/html',
    body: '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>',
  },
  notFound: failed(404, 'GeneralException', 'Route not found'),

  // The secret belongs to the app and outlives the session: it is made of the part of `secret` that does.
  credentialsFor: (clientId, secret) => ({
    apiKey: `kite${clientId.toLowerCase()}`,
    apiSecret: createHash('sha256')
      .update(`app ${secret.slice(0, 32)}`)
      .digest('hex')
      .slice(0, 32),
    accessToken: createHash('sha256').update(`session ${secret}`).digest('hex').slice(0, 32),
  }),

  clientOf({ headers }, sessions) {
    const [, apiKey = '', token = ''] = /^token ([^:\s]+):(\S+)$/.exec(headers['authorization'] ?? '') ?? [];
    return holderOf(sessions, apiKey, token);
  },

  operationOf: ({ method, path }) => ROUTES.find(([route]) => route.test(`${method} ${path}`))?.[1],

  weightOf: () => 1,

  answer(operation, request, client, book) {
    switch (operation) {
      case 'profile':
        return profile(client);
      case 'place':
        return place(request, client, book);
      case 'modify':
        return modify(request, client, book);
      case 'cancel':
        return cancel(request, client, book);
      case 'order': {
        const order = book.order(client, orderIdOf(request));
        return order === undefined ? notFoundOrder() : success(stepsOf(order));
      }
      case 'orders':
        return success(book.orders(client).map(orderRow));
      case 'trades':
        return tradesOf(client, book, request.path === '/trades' ? undefined : orderIdOf(request));
      case 'positions':
        return positions(client, book);
      case 'holdings':
        return success([]);
      case 'funds':
        return funds(client, book, /^\/user\/margins\/(.+)$/.exec(request.path)?.[1]);
      case 'margin':
        return margin(request, book);
      case 'placeMany':
      case 'findByTag':
      case 'authorizeFeed':
        return zerodha.notFound;
    }
  },

  socketOf({ path, query }, sessions) {
    if (path !== '/ws' && path !== '/') return undefined;
    const client = holderOf(sessions, query.get('api_key') ?? '', query.get('access_token') ?? '');
    return client && { client, purpose: 'both' };
  },

  onSocketOpen: (socket, book) => socket.send(tickerFrame(socket.subscriptions, book)),
  onSocketMessage: onTickerMessage,

  orderFrames: (order) => [JSON.stringify({ type: 'order', id: '', data: updateOf(order) })],
  priceFrame: (socket, book) => tickerFrame(socket.subscriptions, book),

  postback: (order, client) => ({
    body: JSON.stringify(updateOf(order, client.credentials['apiSecret'] ?? '')),
    headers: { 'content-type': 'application/json' },
  }),
};
