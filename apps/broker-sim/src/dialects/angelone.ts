import { nextIst } from '#brokers/fields';
import type { Segment } from '#domain/instruments/instrument';
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
  SimReply,
  SimRequest,
} from '../dialect';
import { isRecord, json, parsedJson } from '../words';
import { malformed, PRODUCTS, readInstrument, readPlace, readTerms, typeName, varietyOf } from './angelone-requests';
import {
  funds,
  greeting,
  list,
  ok,
  orderFrame,
  orderRow,
  positions,
  profile,
  pushedRow,
  STATUS,
  tradeBook,
  tradingSymbol,
  uniqueId,
} from './angelone-rows';
import { digest, jwtShaped, requestedE4, type Fields } from './printed';
import { onStreamMessage, streamFrame } from './smart-stream';

/* ---------------------------------------------------------------------------------------------------- replies */

const no = (status: number, errorcode: string, message: string): SimReply =>
  json(status, { status: false, message, errorcode, data: '' });

/** AB2000 is this broker's word for whatever it has no other code for. */
const CODES: Readonly<Partial<Record<Refusal['reason'], string>>> = {
  'unknown-instrument': 'AB1009',
  product: 'AB1012',
  tag: 'AB4008',
  'not-found': 'AB1013',
  'final-state': 'AB1013',
};

/** The gateway says 400 to what makes no sense; what the order management says comes with 200. */
const refused = ({ reason, detail }: Refusal): SimReply =>
  no(reason === 'not-found' || reason === 'final-state' ? 200 : 400, CODES[reason] ?? 'AB2000', detail);

/* --------------------------------------------------------------------------------------------------- requests */

/** What any order call is looked at for first: its variety, which must fit the type that it names. */
const varietyRefusal = (variety: unknown, orderType: OrderType | undefined): SimReply | undefined => {
  if (variety === 'ROBO') return no(400, 'AB2002', 'ROBO order is block');
  return orderType === undefined || variety === varietyOf(orderType)
    ? undefined
    : no(400, 'AB1008', 'Invalid Order Variety');
};

/* ---------------------------------------------------------------------------------------------------- answers */

const idsOf = (order: SimOrder): Fields => ({ orderid: order.brokerOrderId, uniqueorderid: uniqueId(order) });

/** SUCCESS says that the order was taken in: what risk management makes of it stands in the book alone. */
const place = (body: Fields, client: SimClient, book: SimBook): SimReply => {
  const refusal = varietyRefusal(body['variety'], typeName(body['ordertype']));
  if (refusal) return refusal;
  const wanted = readPlace(body, book);
  if ('reason' in wanted) return refused(wanted);
  const outcome = book.place(client, wanted);
  if (!outcome.ok) return refused(outcome.refusal);
  return ok({ script: tradingSymbol(outcome.order), ...idsOf(outcome.order) });
};

const orderOf = (body: Fields, client: SimClient, book: SimBook): SimOrder | undefined =>
  typeof body['orderid'] === 'string' ? book.order(client, body['orderid']) : undefined;

const noOrder = no(200, 'AB1013', 'Order not found');

const modify = (body: Fields, client: SimClient, book: SimBook): SimReply => {
  const refusal = varietyRefusal(body['variety'], typeName(body['ordertype']));
  if (refusal) return refusal;
  const order = orderOf(body, client, book);
  if (!order) return noOrder;
  const named = readInstrument(body, book);
  if ('reason' in named) return refused(named);
  if (named.instrument.instrumentKey !== order.instrument.instrumentKey)
    return no(400, 'AB1018', 'Failed to get symbol details');
  if (body['producttype'] !== order.product) return no(400, 'AB1012', 'Invalid Product Type');
  const change: SimChange | Refusal = readTerms(body);
  if ('reason' in change) return refused(change);
  const outcome = book.modify(client, order.brokerOrderId, change);
  return outcome.ok ? ok(idsOf(outcome.order)) : refused(outcome.refusal);
};

const cancel = (body: Fields, client: SimClient, book: SimBook): SimReply => {
  const order = orderOf(body, client, book);
  const refusal = varietyRefusal(body['variety'], order?.orderType);
  if (refusal) return refusal;
  if (!order) return noOrder;
  const outcome = book.cancel(client, order.brokerOrderId);
  return outcome.ok ? ok(idsOf(outcome.order)) : refused(outcome.refusal);
};

/** Here, and here alone, quantity and price are numbers. */
const margin = (body: Fields, book: SimBook): SimReply => {
  const rows = Array.isArray(body['positions']) ? (body['positions'] as readonly unknown[]) : [];
  if (rows.length === 0) return refused(malformed('positions', 'Invalid positions'));
  let neededE4 = 0;
  for (const row of rows) {
    if (!isRecord(row)) return refused(malformed('positions', 'Invalid positions'));
    const { exchange, token, qty, price, productType, tradeType, orderType = 'LIMIT' } = row;
    const segment = SEGMENTS.find(([, name]) => name === exchange)?.[0];
    const instrument = typeof token === 'string' && segment ? book.instrument(`${segment}|${token}`) : undefined;
    if (!instrument) return refused({ reason: 'unknown-instrument', detail: 'Symbol Not Found' });
    if (typeof productType !== 'string' || !PRODUCTS.includes(productType))
      return refused({ reason: 'product', detail: 'Invalid Product Type' });
    const priceE4 = typeof price === 'number' ? requestedE4(price) : undefined;
    if (!Number.isSafeInteger(qty) || Number(qty) < 1 || priceE4 === undefined || !typeName(orderType))
      return refused(malformed('positions', 'Invalid quantity, price or orderType'));
    if (tradeType !== 'BUY' && tradeType !== 'SELL') return refused(malformed('positions', 'Invalid tradeType'));
    neededE4 += Number(qty) * (priceE4 || (book.lastPriceE4(instrument.instrumentKey) ?? 0));
  }
  const needed = toRupees(neededE4);
  const marginComponents = {
    netPremium: 0,
    spanMargin: 0,
    marginBenefit: 0,
    deliveryMargin: needed,
    nonNFOMargin: 0,
    totOptionsPremium: 0,
  };
  return ok({ totalMarginRequired: needed, marginComponents });
};

const SEGMENTS: readonly (readonly [Segment, string])[] = [
  ['NSE_EQ', 'NSE'],
  ['BSE_EQ', 'BSE'],
  ['NSE_FO', 'NFO'],
  ['BSE_FO', 'BFO'],
  ['MCX_FO', 'MCX'],
  ['NCD_FO', 'CDS'],
];

/* ---------------------------------------------------------------------------------------------------- dialect */

const SECURE = '/rest/secure/angelbroking';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  [`GET ${SECURE}/user/v1/getProfile`]: 'profile',
  [`GET ${SECURE}/user/v1/getRMS`]: 'funds',
  [`POST ${SECURE}/order/v1/placeOrder`]: 'place',
  [`POST ${SECURE}/order/v1/modifyOrder`]: 'modify',
  [`POST ${SECURE}/order/v1/cancelOrder`]: 'cancel',
  [`GET ${SECURE}/order/v1/getOrderBook`]: 'orders',
  [`GET ${SECURE}/order/v1/getTradeBook`]: 'trades',
  [`GET ${SECURE}/order/v1/getPosition`]: 'positions',
  [`GET ${SECURE}/portfolio/v1/getHolding`]: 'holdings',
  [`GET ${SECURE}/portfolio/v1/getAllHolding`]: 'holdings',
  [`POST ${SECURE}/margin/v1/batch`]: 'margin',
};

const DETAILS = `${SECURE}/order/v1/details/`;

const operationOf = ({ method, path }: SimRequest): Operation | undefined =>
  method === 'GET' && path.startsWith(DETAILS) ? 'order' : OPERATIONS[`${method} ${path}`];

/** Each kind of read has a limit of its own, which no shared one can express. */
const READS_PER_SECOND: Readonly<Partial<Record<Operation, number>>> = {
  orders: 1,
  trades: 1,
  positions: 1,
  holdings: 1,
  funds: 2,
  profile: 3,
  order: 10,
  margin: 10,
};

type Counted = Partial<Record<Operation, { readonly second: number; readonly used: number }>>;
const reads = new WeakMap<SimBook, Map<string, Counted>>();

/** Counts a read in the client's calendar second; false when there were too many. */
const mayRead = (operation: Operation, { clientId }: SimClient, book: SimBook): boolean => {
  const limit = READS_PER_SECOND[operation];
  if (limit === undefined) return true;
  const clients = reads.get(book) ?? new Map<string, Counted>();
  reads.set(book, clients);
  const counted = clients.get(clientId) ?? {};
  const second = Math.floor(book.now() / 1000);
  const before = counted[operation];
  const used = before?.second === second ? before.used + 1 : 1;
  clients.set(clientId, { ...counted, [operation]: { second, used } });
  return used <= limit;
};

const isOrderCall = (operation: Operation): boolean =>
  operation === 'place' || operation === 'modify' || operation === 'cancel';

/** The gateway's own envelope, with key names of its own. */
const gateway = (errorCode: string, message: string): SimReply =>
  json(200, { success: false, message, errorCode, data: '' });

const headerRefusal = (operation: Operation, { headers }: SimRequest): SimReply | undefined => {
  if (headers['x-usertype'] !== 'USER' || headers['x-sourceid'] !== 'WEB')
    return no(400, 'AB1005', 'User Type must be USER and Source ID must be WEB');
  const addressed = ['x-clientlocalip', 'x-clientpublicip', 'x-macaddress'].every((name) => headers[name]);
  return isOrderCall(operation) && !addressed ? gateway('AG7002', 'Unregistered IP address') : undefined;
};

const answer = (operation: Operation, request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const refusal = headerRefusal(operation, request);
  if (refusal) return refusal;
  if (!mayRead(operation, client, book)) return angelone.throttled;
  const read = parsedJson(request.body);
  const body = isRecord(read) ? read : {};
  switch (operation) {
    case 'profile':
      return profile(client);
    case 'place':
      return place(body, client, book);
    case 'modify':
      return modify(body, client, book);
    case 'cancel':
      return cancel(body, client, book);
    case 'order': {
      const unique = request.path.slice(DETAILS.length);
      const order = book.orders(client).find((each) => uniqueId(each) === unique);
      return order ? ok(orderRow(order)) : noOrder;
    }
    case 'orders':
      return list(book.orders(client).map(orderRow));
    case 'trades':
      return tradeBook(client, book);
    case 'positions':
      return positions(client, book);
    case 'holdings':
      return list([]);
    case 'funds':
      return funds(client, book);
    case 'margin':
      return margin(body, book);
    case 'placeMany':
    case 'findByTag':
    case 'authorizeFeed':
      return angelone.notFound; // there is no such call at this broker
  }
};

/** SDKs hand the token out with the scheme's word before it, and without. */
const bearer = (header: string | undefined): string | undefined => /^Bearer ([^ ]+)$/.exec(header ?? '')?.[1];

const clientOf = ({ headers }: SimRequest, sessions: Sessions): SimClient | undefined => {
  const token = bearer(headers['authorization']);
  const client = token === undefined ? undefined : sessions.byCredential('jwtToken', token);
  return client?.credentials['apiKey'] === headers['x-privatekey'] ? client : undefined;
};

/** By headers, or by the query, which browsers must use. */
const streamClient = ({ headers, query }: SimRequest, sessions: Sessions): SimClient | undefined => {
  const feedToken = headers['x-feed-token'] ?? query.get('feedToken');
  const client = feedToken ? sessions.byCredential('feedToken', feedToken) : undefined;
  const { apiKey, clientCode, jwtToken } = client?.credentials ?? {};
  const authorization = headers['authorization'];
  const isTheirs =
    (headers['x-api-key'] ?? query.get('apiKey')) === apiKey &&
    (headers['x-client-code'] ?? query.get('clientCode')) === clientCode &&
    (authorization === undefined || authorization.replace(/^Bearer /, '') === jwtToken);
  return isTheirs ? client : undefined;
};

/**
 * Angel One, SmartAPI. Placing is answered with SUCCESS whatever risk management thinks of it; orders are searched by
 * nobody's tag; nothing is ever held overnight, so there are no holdings.
 */
export const angelone: Dialect = {
  broker: 'angelone',
  clientOf,
  operationOf,
  answer,
  unauthorised: gateway('AG8001', 'Invalid Token'),
  throttled: { status: 403, contentType: 'text/plain', body: 'Access denied because of exceeding access rate' },
  serverError: {
    status: 502,
    contentType: 'text/html',
    body: '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>',
  },
  notFound: {
    status: 404,
    contentType: 'text/html',
    body: '<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>',
  },
  perSecond: { orders: 9, reads: Object.values(READS_PER_SECOND).reduce((sum, limit) => sum + limit, 0) },
  weightOf: () => 1,
  credentialsFor: (clientId, secret) => {
    const nowMs = Date.now();
    const claims = {
      username: clientId,
      usertype: 'USER',
      iat: Math.floor(nowMs / 1000),
      exp: Math.floor(nextIst(nowMs, 0, 0) / 1000),
    };
    return {
      apiKey: digest(`key ${clientId}`).slice(0, 8),
      clientCode: clientId,
      jwtToken: jwtShaped({ ...claims, iss: 'angel' }, secret),
      feedToken: jwtShaped({ ...claims, iss: 'feed' }, secret),
    };
  },
  socketOf: (request, sessions) => {
    if (request.path === '/smart-stream') {
      const client = streamClient(request, sessions);
      return client && { client, purpose: 'prices' };
    }
    const token = request.path === '/smart-order-update' ? bearer(request.headers['authorization']) : undefined;
    const client = token === undefined ? undefined : sessions.byCredential('jwtToken', token);
    return client && { client, purpose: 'orders' };
  },
  onSocketOpen: (socket) => {
    if (socket.purpose === 'orders') socket.send(greeting(socket.client.clientId));
  },
  onSocketMessage: (socket, data, isBinary, book) => {
    const text = isBinary ? '' : data.toString();
    if (socket.purpose === 'prices') onStreamMessage(socket, text, book);
    else if (text === 'ping') socket.send('pong');
  },
  orderFrames: (order, trade) => [orderFrame(order.clientId, STATUS[order.state].code, pushedRow(order, trade))],
  priceFrame: streamFrame,
  postback: (order) => ({
    body: JSON.stringify({ ...pushedRow(order, order.trades.at(-1)), clientcode: order.clientId }),
    headers: { 'Content-Type': 'application/json' },
  }),
};
