import { STATUS_CODES } from 'node:http';

import { nextIst } from '#brokers/fields';
import { toRupees } from '#domain/money';

import type {
  Dialect,
  Operation,
  Outcome,
  Refusal,
  Sessions,
  SimBook,
  SimClient,
  SimOrder,
  SimReply,
  SimRequest,
} from '../dialect';
import { isRecord, json, parsedJson } from '../words';
import { onPriceMessage, openPrices, priceFrame, visitorOf } from './fyers-prices';
import { MULTI_PRODUCTS, PRODUCTS, readChange, readPlace } from './fyers-requests';
import {
  funds,
  ok,
  orderBook,
  orderRow,
  positions,
  profile,
  rawOrder,
  rawTrade,
  STATUS,
  tradeBook,
} from './fyers-rows';
import { digest, jwtShaped, type Fields } from './printed';

/* -------------------------------------------------------------------------------------------------- refusals */

const CODES: Readonly<Record<Refusal['reason'], number>> = {
  'unknown-instrument': -300,
  'lot-size': -310,
  'tick-size': -392,
  price: -308,
  'trigger-price': -309,
  tag: -50,
  product: -314,
  quantity: -310,
  'freeze-quantity': -99,
  funds: -99,
  circuit: -99,
  'market-protection': -99,
  'not-found': -51,
  'final-state': -163,
  'too-many-modifications': -163,
  'too-many-lines': -50,
  malformed: -50,
};

const DEAD: Partial<Readonly<Record<SimOrder['state'], number>>> = { cancelled: -161, complete: -162, rejected: -164 };

interface Said {
  readonly status: number;
  readonly body: Fields;
}

const no = (code: number, message: string): Said => ({
  // What risk management refuses is told with HTTP 200: only the body says no.
  status: code === -99 ? 200 : 400,
  body: { s: 'error', code, message },
});

const refused = ({ reason, detail }: Refusal, order?: SimOrder): Said => {
  const dead = reason === 'final-state' && order ? DEAD[order.state] : undefined;
  return no(dead ?? CODES[reason], detail);
};

/* ---------------------------------------------------------------------------------------------------- answers */

type Line = (body: unknown, client: SimClient, book: SimBook) => Said;

const place =
  (products: readonly string[], code: number): Line =>
  (body, client, book) => {
    const wanted = readPlace(body, book, products);
    if ('reason' in wanted) return refused(wanted);
    const outcome: Outcome = book.place(client, wanted);
    if (!outcome.ok) return refused(outcome.refusal);
    const { brokerOrderId: id, state, refusal } = outcome.order;
    if (state === 'rejected') return no(-99, refusal?.detail ?? 'Your order has been rejected');
    return {
      status: 200,
      body: { s: 'ok', code, message: `Order submitted successfully.Your Order Ref.No.${id}`, id },
    };
  };

/** Finds the order that a modify or cancel names, and says what came of it. */
const onOrder =
  (
    code: number,
    done: string,
    act: (order: SimOrder, body: Fields, client: SimClient, book: SimBook) => Outcome,
  ): Line =>
  (body, client, book) => {
    const id = isRecord(body) ? body['id'] : undefined;
    if (!isRecord(body) || typeof id !== 'string') return no(-50, 'id: must be text');
    const order = book.order(client, id);
    if (!order) return no(-51, 'Invalid order number');
    const outcome = act(order, body, client, book);
    return outcome.ok
      ? { status: 200, body: { s: 'ok', code, message: done, id } }
      : refused(outcome.refusal, book.order(client, id));
  };

const modify = onOrder(1101, 'Successfully modified order', (order, body, client, book) => {
  const change = readChange(body, order);
  return 'reason' in change ? { ok: false, refusal: change } : book.modify(client, order.brokerOrderId, change);
});

const cancel = onOrder(1103, 'Successfully cancelled order', (order, _body, client, book) =>
  book.cancel(client, order.brokerOrderId),
);

const one = ({ status, body }: Said): SimReply => json(status, body);

const LINES_MAX = 10;

/** Each line stands alone and is answered at its place; the envelope says nothing about them. */
const many = (line: Line, body: unknown, client: SimClient, book: SimBook): SimReply => {
  if (!Array.isArray(body) || body.length === 0) return one(no(-50, 'Looks like some input is missing'));
  if (body.length > LINES_MAX) return one(no(-50, `At most ${String(LINES_MAX)} orders are allowed`));
  const data = body.map((each: unknown) => {
    const said = line(each, client, book);
    const description = `HTTP ${said.status === 200 ? 'OK' : (STATUS_CODES[said.status] ?? '').toUpperCase()}`;
    return { statusCode: said.status, body: said.body, statusDescription: description };
  });
  return ok({ data });
};

const margin = (body: unknown, client: SimClient, book: SimBook): SimReply => {
  const rows = isRecord(body) && Array.isArray(body['data']) ? (body['data'] as readonly unknown[]) : [];
  if (rows.length === 0) return one(no(-50, 'data: must be a list'));
  let neededE4 = 0;
  for (const row of rows) {
    const wanted = readPlace({ validity: 'DAY', ...(isRecord(row) ? row : {}) }, book, PRODUCTS);
    if ('reason' in wanted) return one(refused(wanted));
    const priceE4 = wanted.priceE4 || wanted.triggerPriceE4 || book.lastPriceE4(wanted.instrument.instrumentKey);
    neededE4 += wanted.quantity * (priceE4 ?? 0);
  }
  const utilisedE4 = book.utilisedE4(client);
  return ok({
    data: {
      margin_avail: toRupees(client.fundsE4 - utilisedE4),
      margin_total: toRupees(utilisedE4 + neededE4),
      margin_new_order: toRupees(neededE4),
    },
  });
};

/* ----------------------------------------------------------------------------------------------------- frames */

const onOrderMessage = (text: string): string => {
  if (text === 'ping') return 'pong';
  const message = parsedJson(text);
  if (
    isRecord(message) &&
    message['T'] === 'SUB_ORD' &&
    Array.isArray(message['SLIST']) &&
    (message['SUB_T'] === 1 || message['SUB_T'] === -1)
  )
    return JSON.stringify({ code: 1605, message: 'Successfully subscribed', s: 'ok' });
  return JSON.stringify({ code: -50, message: 'Invalid input', s: 'error' });
};

/* ---------------------------------------------------------------------------------------------------- dialect */

const MULTI = '/api/v3/multi-order/sync';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /api/v3/profile': 'profile',
  'POST /api/v3/orders/sync': 'place',
  'PATCH /api/v3/orders/sync': 'modify',
  'DELETE /api/v3/orders/sync': 'cancel',
  [`POST ${MULTI}`]: 'placeMany',
  [`PATCH ${MULTI}`]: 'modify',
  [`DELETE ${MULTI}`]: 'cancel',
  'GET /api/v3/orders': 'orders',
  'GET /api/v3/tradebook': 'trades',
  'GET /api/v3/positions': 'positions',
  'GET /api/v3/holdings': 'holdings',
  'GET /api/v3/funds': 'funds',
  'POST /api/v3/multiorder/margin': 'margin',
};

/** `DELETE /orders/{id}/sync` needs no body. */
const CANCEL_BY_PATH = /^\/api\/v3\/orders\/([^/]+)\/sync$/;

const operationOf = ({ method, path, query }: SimRequest): Operation | undefined => {
  if (method === 'DELETE' && CANCEL_BY_PATH.test(path)) return 'cancel';
  const operation = OPERATIONS[`${method} ${path}`];
  if (operation !== 'orders') return operation;
  return query.has('id') ? 'order' : query.has('order_tag') ? 'findByTag' : 'orders';
};

const answer = (operation: Operation, request: SimRequest, client: SimClient, book: SimBook): SimReply => {
  const body = parsedJson(request.body);
  const lines = request.path === MULTI;
  switch (operation) {
    case 'profile':
      return profile(client);
    case 'place':
      return one(place(PRODUCTS, 1101)(body, client, book));
    case 'placeMany':
      return many(place(MULTI_PRODUCTS, 200), body, client, book);
    case 'modify':
      return lines ? many(modify, body, client, book) : one(modify(body, client, book));
    case 'cancel': {
      const [, id] = CANCEL_BY_PATH.exec(request.path) ?? [];
      if (lines) return many(cancel, body, client, book);
      return one(cancel(id === undefined ? body : { id }, client, book));
    }
    case 'order': {
      const order = book.order(client, request.query.get('id') ?? '');
      return orderBook(order ? [order] : [], book);
    }
    case 'findByTag': {
      const tag = request.query.get('order_tag')?.replace(/^1:/, '');
      return orderBook(
        book.orders(client).filter((order) => order.tag === tag),
        book,
      );
    }
    case 'orders':
      return orderBook(book.orders(client), book);
    case 'trades':
      return tradeBook(client, book, request.query.get('order_tag'));
    case 'positions':
      return positions(client, book);
    case 'holdings':
      return ok({
        holdings: [],
        overall: { count_total: 0, total_investment: 0, total_current_value: 0, total_pl: 0, pnl_perc: 0 },
      });
    case 'funds':
      return funds(client, book);
    case 'margin':
      return margin(body, client, book);
    case 'authorizeFeed':
      return fyers.notFound;
  }
};

/** `appId:token`, without a word for the scheme. */
const clientOf = ({ headers }: SimRequest, sessions: Sessions): SimClient | undefined => {
  const [, appId, token] = /^([^: ]+):([^: ]+)$/.exec(headers['authorization'] ?? '') ?? [];
  if (appId === undefined || token === undefined) return undefined;
  const client = sessions.byCredential('accessToken', token);
  return client?.credentials['appId'] === appId ? client : undefined;
};

/** Ten capitals and digits and the kind of app: what the data socket's key begins with, in hexadecimal. */
const appIdOf = (clientId: string): string => `${digest(`app ${clientId}`).slice(0, 10).toUpperCase()}-100`;

/**
 * Fyers, API v3. Orders that risk management refuses are answered with code -99 at once and stand in the book as
 * rejected. One trade book, one order book; nothing is ever held overnight, so there are no holdings.
 */
export const fyers: Dialect = {
  broker: 'fyers',
  clientOf,
  operationOf,
  answer,
  unauthorised: json(401, { s: 'error', code: -16, message: 'Could not authenticate the user' }),
  throttled: {
    ...json(429, { s: 'error', code: -429, message: 'request limit reached' }),
    headers: { 'Retry-After': '1', 'X-Retry-After-Ms': '1000' },
  },
  serverError: json(503, { s: 'error', code: -96, message: 'Something went wrong' }),
  notFound: json(404, { s: 'error', code: -50, message: 'No such path' }),
  perSecond: { orders: 10, reads: 10 },
  weightOf: (_operation, request) => {
    const body = request.path === MULTI ? parsedJson(request.body) : undefined;
    return Array.isArray(body) ? Math.max(1, body.length) : 1;
  },
  credentialsFor: (clientId, secret) => {
    const [appId, nowMs] = [appIdOf(clientId), Date.now()];
    const claims = {
      iss: 'api.fyers.in',
      iat: Math.floor(nowMs / 1000),
      nbf: Math.floor(nowMs / 1000),
      exp: Math.floor(nextIst(nowMs, 3, 0) / 1000),
      sub: 'access_token',
      fy_id: clientId,
      hsm_key: Buffer.from(appId).toString('hex') + digest(`hsm ${clientId} ${secret} ${String(nowMs)}`),
    };
    return { appId, accessToken: jwtShaped(claims, secret) };
  },
  socketOf: (request, sessions) => {
    if (request.path === '/hsm/v1-5/prod') return { client: visitorOf(sessions), purpose: 'prices' };
    const client = request.path === '/trade/v3' ? clientOf(request, sessions) : undefined;
    return client && { client, purpose: 'orders' };
  },
  onSocketOpen: (socket) => {
    if (socket.purpose === 'prices') openPrices(socket);
  },
  onSocketMessage: (socket, data, isBinary, book) => {
    if (socket.purpose !== 'prices') socket.send(onOrderMessage(isBinary ? '' : data.toString()));
    else if (isBinary) onPriceMessage(socket, data, book);
  },
  orderFrames: (order, trade) => [
    JSON.stringify({ orders: rawOrder(order), s: 'ok' }),
    ...(trade ? [JSON.stringify({ s: 'ok', trades: rawTrade(order, trade) })] : []),
  ],
  priceFrame,
  postback: (order, _client, book) => {
    const { ch: _ch, chp: _chp, lp: _lp, slNo: _slNo, ...row } = orderRow(order, 0, book);
    return {
      body: JSON.stringify({ ...row, message: order.refusal?.detail ?? STATUS[order.state].text }),
      headers: { 'Content-Type': 'application/json' },
    };
  },
};
