import { exactE4 } from '#brokers/fields';
import { formatE4, toRupees } from '#domain/money';
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
import { averageE4, exchangeCode, isRecord, istNamed, istText, json, netPositions, parsedJson } from '../words';
import { feedFrame, marketInfo, onFeedMessage } from './upstox-feed';

const LINES_MAX = 10;
const TAG_MAX = 40;
const ORDER_FEED = '/v2/feed/portfolio-stream-feed';
/** Where `authorize` sends a client; the real path is another one at each cluster. */
const PRICE_FEED = '/market-data-feeder/v3/upstox-developer-api/feeds';

const ROUTES: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['GET /v2/user/profile', 'profile'],
  ['POST /v3/order/place', 'place'],
  ['POST /v2/order/multi/place', 'placeMany'],
  ['PUT /v3/order/modify', 'modify'],
  ['DELETE /v3/order/cancel', 'cancel'],
  ['GET /v2/order/details', 'order'],
  ['GET /v2/order/retrieve-all', 'orders'],
  ['GET /v2/order/trades/get-trades-for-day', 'trades'],
  ['GET /v2/order/trades', 'trades'],
  ['GET /v2/portfolio/short-term-positions', 'positions'],
  ['GET /v2/portfolio/long-term-holdings', 'holdings'],
  ['GET /v3/user/get-funds-and-margin', 'funds'],
  ['POST /v2/charges/margin', 'margin'],
  ['GET /v3/feed/market-data-feed/authorize', 'authorizeFeed'],
]);

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

const STATUS: Readonly<Record<SimOrder['state'], string>> = {
  open: 'open',
  'trigger-wait': 'trigger pending',
  complete: 'complete',
  cancelled: 'cancelled',
  rejected: 'rejected',
};

/* --------------------------------------------------------------------------------------------------- errors */

/** One entry of `errors`, in both spellings, as a multi-order has them. */
const wireError = (code: string, text: string, property: string | null = null, value: unknown = null) => ({
  errorCode: code,
  message: text,
  propertyPath: property,
  invalidValue: value,
  error_code: code,
  property_path: property,
  invalid_value: value,
});

type WireError = ReturnType<typeof wireError>;

/** A refused request. The wire has the old spelling alone, whatever the documentation prints. */
const failed = (status: number, ...errors: readonly WireError[]): SimReply =>
  json(status, {
    status: 'error',
    errors: errors.map(({ errorCode, message, propertyPath, invalidValue }) => ({
      errorCode,
      message,
      propertyPath,
      invalidValue,
    })),
  });

const CODES: Readonly<Record<Refusal['reason'], string>> = {
  'unknown-instrument': 'UDAPI100011',
  'lot-size': 'UDAPI1104',
  'tick-size': 'UDAPI1055',
  price: 'UDAPI1054',
  'trigger-price': 'UDAPI1056',
  tag: 'UDAPI1119',
  product: 'UDAPI100036',
  quantity: 'UDAPI1052',
  'freeze-quantity': 'UDAPI1104',
  funds: 'UDAPI100036',
  circuit: 'UDAPI100036',
  'market-protection': 'UDAPI1159',
  'not-found': 'UDAPI100010',
  'final-state': 'UDAPI100040',
  'too-many-modifications': 'UDAPI100041',
  'too-many-lines': 'UDAPI1118',
  malformed: 'UDAPI100036',
};

const PROPERTY: Readonly<Record<string, string>> = {
  instrument: 'instrument_token',
  priceE4: 'price',
  triggerPriceE4: 'trigger_price',
  disclosedQuantity: 'disclosed_quantity',
};

const errorOf = ({ reason, detail, field }: Refusal): WireError =>
  wireError(CODES[reason], detail, field === undefined ? null : (PROPERTY[field] ?? field));

const refusedReply = (refusal: Refusal): SimReply =>
  failed(refusal.reason === 'not-found' ? 404 : 400, errorOf(refusal));

/* -------------------------------------------------------------------------------------------------- requests */

type Parsed<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: WireError };

const wrong = (code: string, text: string, property: string, value: unknown): Parsed<never> => ({
  ok: false,
  error: wireError(code, text, property, value ?? null),
});

/** A JSON number; texts are not taken. */
const amountOf = (value: unknown): number | undefined => (typeof value === 'number' ? exactE4(value) : undefined);

/** The fields that placing and modifying have in common. */
const readTerms = (body: Readonly<Record<string, unknown>>): Parsed<Required<SimChange>> => {
  const orderType = ORDER_TYPES.get(body['order_type']);
  if (orderType === undefined)
    return wrong('UDAPI1004', 'Valid order type is required', 'order_type', body['order_type']);
  const { validity, quantity } = body;
  if (validity !== 'DAY' && validity !== 'IOC')
    return wrong('UDAPI1007', 'Valid validity is required', 'validity', validity);
  if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1)
    return wrong('UDAPI1052', 'The quantity cannot be zero', 'quantity', quantity);
  const priceE4 = amountOf(body['price']);
  if (priceE4 === undefined) return wrong('UDAPI1054', 'The price is required', 'price', body['price']);
  const triggerPriceE4 = amountOf(body['trigger_price']);
  if (triggerPriceE4 === undefined)
    return wrong('UDAPI1056', 'The trigger price is required', 'trigger_price', body['trigger_price']);
  const disclosed = body['disclosed_quantity'] ?? 0;
  if (typeof disclosed !== 'number' || !Number.isInteger(disclosed) || disclosed < 0)
    return wrong('UDAPI100036', 'Invalid disclosed quantity', 'disclosed_quantity', disclosed);
  const protection = body['market_protection'] ?? -1;
  if (typeof protection !== 'number' || protection < -1 || protection > 25)
    return wrong('UDAPI1159', 'Market protection must be from 0 to 25', 'market_protection', protection);
  return { ok: true, value: { orderType, validity, quantity, priceE4, triggerPriceE4, disclosedQuantity: disclosed } };
};

const readPlace = (body: unknown, book: SimBook): Parsed<SimPlace> => {
  if (!isRecord(body)) return wrong('UDAPI100036', 'Invalid input passed to the API', '', null);
  const terms = readTerms(body);
  if (!terms.ok) return terms;
  const { instrument_token: symbol, transaction_type: side, product, tag } = body;
  const instrument = typeof symbol === 'string' ? book.instrument(symbol) : undefined;
  // Names of other brokers mean nothing here.
  if (typeof symbol !== 'string' || instrument?.instrumentKey !== symbol)
    return wrong('UDAPI100011', 'Invalid Instrument key', 'instrument_token', symbol);
  if (side !== 'BUY' && side !== 'SELL')
    return wrong('UDAPI100036', 'Valid transaction type is required', 'transaction_type', side);
  if (product !== 'I' && product !== 'D' && product !== 'MTF')
    return wrong('UDAPI100036', 'Valid product is required', 'product', product);
  if (tag !== undefined && tag !== null && (typeof tag !== 'string' || tag.length > TAG_MAX))
    return wrong('UDAPI1119', 'The tag must be a maximum of 40 characters', 'tag', tag);
  const hasTag = typeof tag === 'string' && tag !== '';
  return { ok: true, value: { ...terms.value, instrument, symbol, side, product, ...(hasTag && { tag }) } };
};

/** What is larger than the freeze quantity becomes several orders, when the client has allowed it. */
const slicesOf = (place: SimPlace, isSliced: boolean): readonly SimPlace[] => {
  const { freezeQuantity, lotSize = 1, segment } = place.instrument;
  const isCash = segment === 'NSE_EQ' || segment === 'BSE_EQ';
  if (!isSliced || isCash || freezeQuantity === undefined || place.quantity < freezeQuantity) return [place];
  const largest = Math.floor((freezeQuantity - 1) / lotSize) * lotSize;
  const slices: SimPlace[] = [];
  for (let left = place.quantity; left > 0; left -= largest)
    slices.push({ ...place, quantity: Math.min(left, largest) });
  return slices;
};

const placeAll = (
  body: unknown,
  client: SimClient,
  book: SimBook,
): { readonly orderIds: readonly string[] } | { readonly error: WireError } => {
  const place = readPlace(body, book);
  if (!place.ok) return { error: place.error };
  const orderIds: string[] = [];
  for (const slice of slicesOf(place.value, isRecord(body) && body['slice'] === true)) {
    const outcome = book.place(client, slice);
    if (!outcome.ok) return { error: errorOf(outcome.refusal) };
    orderIds.push(outcome.order.brokerOrderId);
  }
  return { orderIds };
};

const LATENCY = { latency: 30 };
const success = (data: unknown, more: object = {}): SimReply => json(200, { status: 'success', data, ...more });

const place = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const outcome = placeAll(parsedJson(request.body), client, book);
  if ('error' in outcome) return failed(400, outcome.error);
  return success({ order_ids: outcome.orderIds }, { metadata: LATENCY });
};

const isBuy = (line: Readonly<Record<string, unknown>>): boolean => line['transaction_type'] === 'BUY';

/** Lines that buy go before lines that sell; 200 when all were taken, 207 when some were, 400 when none was. */
const placeMany = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const body = parsedJson(request.body);
  const lines = Array.isArray(body) ? body.filter(isRecord) : [];
  if (lines.length === 0) return failed(400, wireError('UDAPI1114', 'At least one order is required'));
  if (lines.length > LINES_MAX)
    return failed(400, wireError('UDAPI1118', `At most ${String(LINES_MAX)} orders can be placed in one request`));
  const ids = lines.map((line) => line['correlation_id']);
  if (ids.some((id) => typeof id !== 'string' || id === '' || id.length > 20))
    return failed(400, wireError('UDAPI1115', 'The correlation id is required', 'correlation_id'));
  if (new Set(ids).size !== ids.length)
    return failed(400, wireError('UDAPI1117', 'The correlation id must be unique', 'correlation_id'));
  const data: { correlation_id: string; order_id: string }[] = [];
  const errors: (WireError & { correlation_id: string })[] = [];
  for (const line of [...lines.filter(isBuy), ...lines.filter((each) => !isBuy(each))]) {
    const id = String(line['correlation_id']);
    const outcome = placeAll(line, client, book);
    if ('error' in outcome) errors.push({ correlation_id: id, ...outcome.error });
    else if (outcome.orderIds.length === 1)
      data.push(...outcome.orderIds.map((orderId) => ({ correlation_id: id, order_id: orderId })));
    else
      data.push(
        ...outcome.orderIds.map((orderId, index) => ({
          correlation_id: `${id}_${String(index + 1)}`,
          order_id: orderId,
        })),
      );
  }
  const summary = {
    total: lines.length,
    payload_error: 0,
    success: lines.length - errors.length,
    error: errors.length,
  };
  if (errors.length === 0) return success(data, { summary });
  if (data.length > 0) return json(207, { status: 'partial_success', data, errors, summary });
  return json(400, { status: 'error', data: null, errors, summary });
};

const modify = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const body = parsedJson(request.body);
  const orderId = isRecord(body) ? body['order_id'] : undefined;
  if (!isRecord(body) || typeof orderId !== 'string')
    return failed(400, wireError('UDAPI1023', 'The order id is required', 'order_id'));
  const before = book.order(client, orderId);
  if (before === undefined) return notFoundOrder();
  const terms = readTerms({ quantity: before.quantity, ...body });
  if (!terms.ok) return failed(400, terms.error);
  const outcome = book.modify(client, orderId, terms.value);
  if (outcome.ok) return success({ order_id: orderId }, { metadata: LATENCY });
  if (outcome.refusal.reason === 'final-state')
    return failed(400, wireError('UDAPI100041', 'Order cannot be modified as it is already completed or cancelled'));
  return refusedReply(outcome.refusal);
};

const cancel = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const orderId = request.query.get('order_id');
  if (orderId === null) return failed(400, wireError('UDAPI1023', 'The order id is required', 'order_id'));
  const outcome = book.cancel(client, orderId);
  if (outcome.ok) return success({ order_id: orderId }, { metadata: LATENCY });
  if (outcome.refusal.reason === 'final-state')
    return failed(400, wireError('UDAPI100040', 'Order cannot be cancelled as it is already completed or cancelled'));
  return refusedReply(outcome.refusal);
};

const notFoundOrder = (): SimReply => failed(404, wireError('UDAPI100010', 'Order not found'));

/* ---------------------------------------------------------------------------------------------------- answers */

const tradingSymbolOf = ({ instrument }: SimOrder): string =>
  instrument.segment === 'NSE_EQ'
    ? `${instrument.tradingSymbol}-${instrument.instrumentType}`
    : instrument.tradingSymbol;

const orderRow = (order: SimOrder) => ({
  exchange: exchangeCode(order.instrument),
  product: order.product,
  price: toRupees(order.priceE4),
  quantity: order.quantity,
  status: STATUS[order.state],
  guid: null,
  tag: order.tag ?? null,
  instrument_token: order.instrument.instrumentKey,
  placed_by: order.clientId,
  trading_symbol: tradingSymbolOf(order),
  tradingsymbol: tradingSymbolOf(order),
  order_type: ORDER_TYPE_WORD[order.orderType],
  validity: order.validity,
  trigger_price: toRupees(order.triggerPriceE4),
  disclosed_quantity: order.disclosedQuantity,
  transaction_type: order.side,
  average_price: toRupees(order.averagePriceE4),
  filled_quantity: order.filledQuantity,
  pending_quantity: order.state === 'rejected' ? 0 : order.quantity - order.filledQuantity,
  status_message: order.refusal?.detail ?? null,
  status_message_raw: order.refusal === undefined ? null : `RMS:${order.refusal.detail}`,
  exchange_order_id: order.exchangeOrderId,
  parent_order_id: null,
  order_id: order.brokerOrderId,
  variety: 'SIMPLE',
  order_timestamp: istText(order.updatedAtMs),
  exchange_timestamp: order.state === 'rejected' ? null : istText(order.updatedAtMs),
  is_amo: false,
  order_request_id: String(order.modifications + 1),
  order_ref_id: `udapi-${order.brokerOrderId}`,
});

/** The steps of an order as far as they can be told from what it has come to, oldest first. */
const stepsOf = (order: SimOrder) => {
  const row = orderRow(order);
  const before = {
    ...row,
    status_message: null,
    status_message_raw: null,
    average_price: 0,
    filled_quantity: 0,
    pending_quantity: order.quantity,
    order_timestamp: istText(order.placedAtMs),
  };
  const unsent = { ...before, exchange_order_id: '', exchange_timestamp: null };
  return [
    { ...unsent, status: 'put order req received' },
    { ...unsent, status: 'validation pending' },
    ...(order.state === 'rejected' || order.state === 'open' ? [] : [{ ...before, status: 'open' }]),
    row,
  ];
};

const tradeRow = (trade: SimTrade, order: SimOrder) => ({
  exchange: exchangeCode(order.instrument),
  product: order.product,
  trading_symbol: tradingSymbolOf(order),
  instrument_token: order.instrument.instrumentKey,
  order_type: ORDER_TYPE_WORD[order.orderType],
  transaction_type: order.side,
  quantity: trade.quantity,
  exchange_order_id: order.exchangeOrderId,
  order_id: order.brokerOrderId,
  exchange_timestamp: istNamed(trade.tradedAtMs),
  average_price: toRupees(trade.priceE4),
  trade_id: trade.tradeId,
  order_ref_id: `udapi-${order.brokerOrderId}`,
  order_timestamp: istNamed(order.placedAtMs),
});

const history = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const orderId = request.query.get('order_id');
  const tag = request.query.get('tag');
  if (orderId === null && tag === null)
    return failed(400, wireError('UDAPI100059', 'Either order_id or tag is required'));
  const found = book
    .orders(client)
    .filter((order) => (orderId === null || order.brokerOrderId === orderId) && (tag === null || order.tag === tag));
  return found.length === 0 ? notFoundOrder() : success(found.flatMap(stepsOf));
};

const trades = (request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const orderId = request.query.get('order_id');
  if (request.path === '/v2/order/trades' && orderId === null)
    return failed(400, wireError('UDAPI1023', 'The order id is required', 'order_id'));
  if (orderId !== null && book.order(client, orderId) === undefined) return notFoundOrder();
  const rows = book.trades(client).flatMap((trade) => {
    if (orderId !== null && trade.brokerOrderId !== orderId) return [];
    const order = book.order(client, trade.brokerOrderId);
    return order === undefined ? [] : [tradeRow(trade, order)];
  });
  return success(rows);
};

const positions = (client: SimClient, book: SimBook): SimReply =>
  success(
    netPositions(book, client).map(({ order, buyQuantity, buyValueE4, sellQuantity, sellValueE4 }) => {
      const quantity = buyQuantity - sellQuantity;
      const lastE4 = book.lastPriceE4(order.instrument.instrumentKey) ?? 0;
      const buyE4 = averageE4(buyValueE4, buyQuantity);
      const sellE4 = averageE4(sellValueE4, sellQuantity);
      const pnl = toRupees(sellValueE4 - buyValueE4 + quantity * lastE4);
      return {
        exchange: exchangeCode(order.instrument),
        multiplier: 1,
        value: toRupees(sellValueE4 - buyValueE4),
        pnl,
        product: order.product,
        instrument_token: order.instrument.instrumentKey,
        average_price: quantity === 0 ? null : toRupees(quantity > 0 ? buyE4 : sellE4),
        buy_value: toRupees(buyValueE4),
        overnight_quantity: 0,
        day_buy_value: toRupees(buyValueE4),
        day_buy_price: toRupees(buyE4),
        overnight_buy_amount: 0,
        overnight_buy_quantity: 0,
        day_buy_quantity: buyQuantity,
        day_sell_value: toRupees(sellValueE4),
        day_sell_price: toRupees(sellE4),
        overnight_sell_amount: 0,
        overnight_sell_quantity: 0,
        day_sell_quantity: sellQuantity,
        quantity,
        last_price: toRupees(lastE4),
        unrealised: pnl,
        realised: 0,
        sell_value: toRupees(sellValueE4),
        trading_symbol: tradingSymbolOf(order),
        close_price: toRupees(lastE4),
        buy_price: toRupees(buyE4),
        sell_price: toRupees(sellE4),
        tradingsymbol: tradingSymbolOf(order),
      };
    }),
  );

/** Cash alone: nothing is pledged here. */
const funds = (client: SimClient, book: SimBook): SimReply => {
  const usedE4 = book.utilisedE4(client);
  const available = toRupees(client.fundsE4 - usedE4);
  const used = toRupees(usedE4);
  const nothing = { total: 0, equity: 0, mutual_funds: 0 };
  return success({
    available_to_trade: {
      total: available,
      cash_available_to_trade: {
        total: available,
        cash: {
          opening_balance: toRupees(client.fundsE4),
          added_today: 0,
          withdrawn_today: 0,
          amount_from_stock_sale: 0,
          unpaid_charges: 0,
        },
        margin_used: {
          total: used,
          mtf: 0,
          loss: { total: 0, realised: 0, unrealised: 0 },
          span_exposure: 0,
          cash_margin_var_elm: used,
          premium_present: 0,
          delivery_margin: { total: 0, equity: 0, fo_settlement: 0 },
        },
      },
      pledge_available_to_trade: { total: 0, margin_from_pledge: nothing, margin_used: { total: 0 } },
    },
    unavailable_to_trade: { total: 0, unsettled_profit: { total: 0 }, unavailable_pledge: nothing },
  });
};

/** The full value of each line, as the simulated risk system holds it. */
const margin = (request: SimRequest, book: SimBook): SimReply => {
  const body = parsedJson(request.body);
  const lines = isRecord(body) && Array.isArray(body['instruments']) ? body['instruments'].filter(isRecord) : [];
  if (lines.length === 0 || lines.length > 20)
    return failed(400, wireError('UDAPI1096', 'From 1 to 20 instruments are required', 'instruments'));
  let totalE4 = 0;
  const margins: object[] = [];
  for (const line of lines) {
    const key = line['instrument_key'];
    const quantity = line['quantity'];
    const instrument = typeof key === 'string' ? book.instrument(key) : undefined;
    if (instrument === undefined || typeof quantity !== 'number' || !Number.isInteger(quantity))
      return failed(400, wireError('UDAPI100011', 'Invalid Instrument key', 'instrument_key', key));
    const asked = amountOf(line['price']) ?? 0;
    const valueE4 = quantity * (asked > 0 ? asked : (book.lastPriceE4(instrument.instrumentKey) ?? 0));
    totalE4 += valueE4;
    margins.push({
      equity_margin: toRupees(valueE4),
      total_margin: toRupees(valueE4),
      exposure_margin: 0,
      tender_margin: 0,
      span_margin: 0,
      net_buy_premium: 0,
      additional_margin: 0,
    });
  }
  return success({ margins, required_margin: Number(formatE4(totalE4)), final_margin: Number(formatE4(totalE4)) });
};

const profile = ({ clientId }: SimClient): SimReply =>
  success({
    email: 'trader@example.com',
    exchanges: ['NSE', 'NFO', 'BSE', 'CDS', 'BFO', 'BCD'],
    products: ['D', 'CO', 'I'],
    broker: 'UPSTOX',
    user_id: clientId,
    user_name: 'SIMULATED TRADER',
    order_types: ['MARKET', 'LIMIT', 'SL', 'SL-M'],
    user_type: 'individual',
    poa: false,
    ddpi: false,
    is_active: true,
  });

/** News of an order, on the socket and as a postback. */
const updateOf = (order: SimOrder): string => {
  const { guid: _guid, tradingsymbol: _tradingSymbol, order_request_id: _requests, ...row } = orderRow(order);
  return JSON.stringify({
    update_type: 'order',
    user_id: order.clientId,
    instrument_key: order.instrument.instrumentKey,
    ...row,
  });
};

/* ---------------------------------------------------------------------------------------------------- sessions */

const bearerOf = ({ headers }: SimRequest, sessions: Sessions): SimClient | undefined => {
  const token = /^Bearer (\S+)$/.exec(headers['authorization'] ?? '')?.[1];
  return token === undefined ? undefined : sessions.byCredential('accessToken', token);
};

const authorizeFeed = (request: SimRequest, client: SimClient, sessions: Sessions | undefined): SimReply => {
  const ticket = sessions?.issueTicket(client);
  if (ticket === undefined) return upstox.serverError;
  const host = request.headers['host'] ?? '';
  return success({
    authorized_redirect_uri: `ws://${host}${PRICE_FEED}?requestId=${ticket.slice(0, 8)}&code=${ticket}`,
  });
};

/**
 * Upstox, v2 and v3, as a server. Money is in JSON numbers, a cancelled or completed order cannot be cancelled again
 * (UDAPI100040), and what the risk system refuses stands in the book as rejected.
 */
export const upstox: Dialect = {
  broker: 'upstox',
  perSecond: { orders: 10, reads: 50 },
  unauthorised: failed(401, wireError('UDAPI100050', 'Invalid token used to access API')),
  throttled: failed(429, wireError('UDAPI10005', 'Too Many Request Sent')),
  serverError: failed(500, wireError('UDAPI100500', 'Something went wrong... please contact us')),
  notFound: failed(404, wireError('UDAPI100060', 'Resource not Found.')),

  credentialsFor: (clientId, secret) => ({ apiKey: `sim-${clientId.toLowerCase()}`, accessToken: secret }),

  clientOf: bearerOf,

  operationOf({ method, path, query }) {
    if (method === 'GET' && path === '/v2/order/history') return query.has('tag') ? 'findByTag' : 'order';
    return ROUTES.get(`${method} ${path}`);
  },

  weightOf(operation, { body }) {
    const lines = operation === 'placeMany' ? parsedJson(body) : undefined;
    return Array.isArray(lines) ? Math.max(1, lines.length) : 1;
  },

  answer(operation, request, client, book, sessions) {
    switch (operation) {
      case 'profile':
        return profile(client);
      case 'place':
        return place(request, client, book);
      case 'placeMany':
        return placeMany(request, client, book);
      case 'modify':
        return modify(request, client, book);
      case 'cancel':
        return cancel(request, client, book);
      case 'findByTag':
        return history(request, client, book);
      case 'order': {
        if (request.path === '/v2/order/history') return history(request, client, book);
        const order = book.order(client, request.query.get('order_id') ?? '');
        return order === undefined ? notFoundOrder() : success(orderRow(order));
      }
      case 'orders':
        return success(book.orders(client).map(orderRow));
      case 'trades':
        return trades(request, client, book);
      case 'positions':
        return positions(client, book);
      case 'holdings':
        return success([]);
      case 'funds':
        return funds(client, book);
      case 'margin':
        return margin(request, book);
      case 'authorizeFeed':
        return authorizeFeed(request, client, sessions);
    }
  },

  socketOf(request, sessions) {
    if (request.path === ORDER_FEED) {
      const client = bearerOf(request, sessions);
      return client && { client, purpose: 'orders' };
    }
    if (request.path !== PRICE_FEED) return undefined;
    const client = sessions.redeemTicket(request.query.get('code') ?? '');
    return client && { client, purpose: 'prices' };
  },

  onSocketOpen(socket, book) {
    if (socket.purpose === 'prices') socket.send(marketInfo(book.now()));
  },

  onSocketMessage(socket, data, isBinary, book) {
    if (socket.purpose === 'prices') onFeedMessage(socket, data, isBinary, book);
  },

  orderFrames: (order) => [updateOf(order)],
  priceFrame: (socket, book) => feedFrame('live', socket.subscriptions, book),
  postback: (order) => ({ body: updateOf(order), headers: { 'content-type': 'application/json' } }),
};
