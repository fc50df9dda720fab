import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { E4_PER_RUPEE, toRupees } from '#domain/money';
import type { Logger } from '#platform/logging';
import { ORDERS_KEPT_PER_CLIENT, type Book } from './book';
import { ClientError, type Clients } from './clients';
import { OPERATIONS, type SimClient, type SimOrder } from './dialect';
import { FAULT_KINDS, UPDATE_FAULTS, isImmediate, type Fault, type Faults } from './faults';
import type { RequestLog } from './requests';
import { bodyOf, type BrokerServer } from './server';
import type { Sockets } from './sockets';

/** One simulated broker with everything that belongs to it. */
export interface SimBroker {
  readonly broker: BrokerName;
  readonly book: Book;
  readonly clients: Clients;
  readonly sockets: Sockets;
  readonly server: BrokerServer;
}

export interface ControlOptions {
  readonly brokers: readonly SimBroker[];
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly tickMs: number;
  readonly logger: Logger;
}

/** What the simulator is told and asked beside the brokers' own calls. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

const DEFAULT_FUNDS_RUPEES = 10_000_000;
const FUNDS_MAX_RUPEES = 100_000_000_000;
const WAIT_MAX_MS = 600_000;

const broker = z.enum(BROKER_NAMES);
const clientId = z.string().regex(/^[A-Za-z0-9]{1,20}$/, 'must be 1 to 20 letters and digits');
const waitMs = z.int().min(0).max(WAIT_MAX_MS);

const newClient = z.strictObject({
  broker,
  clientId: clientId.optional(),
  fundsRupees: z.int().min(0).max(FUNDS_MAX_RUPEES).default(DEFAULT_FUNDS_RUPEES),
  postbackUrl: z.url({ protocol: /^https?$/ }).optional(),
  ordersPerSecond: z.int().min(1).max(1_000_000).optional(),
});

const newFault = z
  .strictObject({
    kind: z.enum(FAULT_KINDS),
    broker: broker.optional(),
    operation: z.enum(OPERATIONS).optional(),
    clientId: clientId.optional(),
    count: z.int().min(1).optional(),
    probability: z.number().gt(0).max(1).optional(),
    delayMs: waitMs.optional(),
    forMs: waitMs.min(1).optional(),
  })
  .superRefine(({ kind, operation, delayMs, forMs }, context) => {
    const wrong = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if ((kind === 'refuse' || kind === 'restart') && forMs === undefined) wrong('forMs', `is required for ${kind}`);
    if ((kind === 'delay' || kind === 'delay-answer') && delayMs === undefined)
      wrong('delayMs', `is required for ${kind}`);
    if ([...UPDATE_FAULTS, 'cut-sockets'].includes(kind) && operation !== undefined)
      wrong('operation', `does not apply to ${kind}, which strikes the news of orders`);
  });

const newSeed = z.strictObject({ seed: z.int().min(0).max(4_294_967_295) });
const orderQuery = z.strictObject({ broker: broker.optional(), clientId: clientId.optional() });

/** The control API: sets clients and faults, and tells the truth. Knows no HTTP; `serveControl` does. */
export class Control {
  private lastClient = 0;

  constructor(private readonly options: ControlOptions) {}

  answer(method: string, path: string, query: URLSearchParams, body: unknown): ControlAnswer {
    try {
      return this.route(method, path, query, body);
    } catch (error) {
      if (error instanceof z.ZodError) return { status: 400, body: { errors: error.issues.map(fieldErrorOf) } };
      if (error instanceof ClientError)
        return { status: error.status, body: { errors: [{ field: error.field, message: error.message }] } };
      throw error;
    }
  }

  /** A client with a session, by the control API's own defaults. */
  addClient(request: z.input<typeof newClient>): {
    clientId: string;
    credentials: SimClient['credentials'];
    baseUrl: string;
  } {
    const { broker: name, clientId: id, fundsRupees, ...terms } = newClient.parse(request);
    const of = this.brokerOf(name);
    return told(of, of.clients.add(id ?? this.freeClientId(of), { ...terms, fundsE4: fundsRupees * E4_PER_RUPEE }));
  }

  private freeClientId(of: SimBroker): string {
    do this.lastClient += 1;
    while (of.clients.latestOf(`SIM${String(this.lastClient).padStart(4, '0')}`) !== undefined);
    return `SIM${String(this.lastClient).padStart(4, '0')}`;
  }

  private route(method: string, path: string, query: URLSearchParams, body: unknown): ControlAnswer {
    const { brokers, faults, requests } = this.options;
    const [, sessionOf] = /^\/_sim\/clients\/([^/]+)\/session$/.exec(path) ?? [];
    if (method === 'POST' && sessionOf !== undefined) return ok(this.newSession(clientId.parse(sessionOf), body));
    switch (`${method} ${path}`) {
      case 'GET /_sim':
        return ok(this.overview());
      case 'DELETE /_sim':
        for (const each of brokers) each.book.clear();
        requests.clear();
        return ok({ forgotten: 'orders' });
      case 'POST /_sim/clients':
        return { status: 201, body: this.addClient(newClient.parse(body)) };
      case 'GET /_sim/orders':
        return ok(this.truth(orderQuery.parse(Object.fromEntries(query))));
      case 'POST /_sim/faults':
        return { status: 201, body: this.setFault(newFault.parse(body)) };
      case 'GET /_sim/faults':
        return ok({ seed: faults.seed, faults: faults.list() });
      case 'DELETE /_sim/faults':
        faults.clear();
        for (const { server } of brokers) server.reopen();
        return ok({ faults: [] });
      case 'POST /_sim/seed':
        faults.reseed(newSeed.parse(body).seed);
        return ok({ seed: faults.seed });
      case 'GET /_sim/requests':
        return ok(requests.summary());
      default:
        return { status: 404, body: { errors: [{ field: '', message: `there is no ${method} ${path}` }] } };
    }
  }

  private overview() {
    const { brokers, faults, tickMs } = this.options;
    return {
      ready: true,
      seed: faults.seed,
      tickMs,
      ordersKeptPerClient: ORDERS_KEPT_PER_CLIENT,
      baseUrls: Object.fromEntries(brokers.map((each) => [each.broker, each.server.url])),
      listening: Object.fromEntries(brokers.map((each) => [each.broker, each.server.isListening])),
      sockets: Object.fromEntries(brokers.map((each) => [each.broker, each.sockets.count])),
    };
  }

  /** A client's name may exist at several brokers: `broker` says which is meant, and may be left out otherwise. */
  private newSession(id: string, body: unknown) {
    const named = z.strictObject({ broker: broker.optional() }).parse(body ?? {}).broker;
    const having = this.options.brokers.filter(
      (each) => (named === undefined || each.broker === named) && each.clients.latestOf(id) !== undefined,
    );
    const [only, another] = having;
    if (only === undefined) throw new ClientError(404, 'clientId', `there is no client ${id}`);
    if (another !== undefined) throw new ClientError(409, 'broker', `${id} exists at several brokers: name one`);
    return told(only, only.clients.openSession(id));
  }

  private setFault(rule: z.output<typeof newFault>): Fault {
    const fault = this.options.faults.add(rule);
    if (!isImmediate(fault)) return fault;
    for (const each of this.options.brokers) {
      if (fault.broker !== undefined && fault.broker !== each.broker) continue;
      if (fault.kind === 'refuse') each.server.refuse(fault.forMs ?? 0);
      if (fault.kind === 'restart') each.server.restart(fault.forMs ?? 0);
      if (fault.kind === 'expire-token') each.clients.expire(fault.clientId);
      if (fault.kind === 'cut-sockets') each.sockets.cut(fault.clientId);
      fault.struck += 1;
    }
    return fault;
  }

  private truth(asked: z.output<typeof orderQuery>) {
    const books = this.options.brokers.filter((each) => asked.broker === undefined || each.broker === asked.broker);
    const truths = books.map((each) => ({ broker: each.broker, ...each.book.truth(asked.clientId) }));
    return {
      orders: truths.flatMap(({ broker: name, orders }) => orders.map((order) => rowOf(name, order))),
      forgotten: truths.reduce((sum, { forgotten }) => sum + forgotten, 0),
    };
  }

  private brokerOf(name: BrokerName): SimBroker {
    const found = this.options.brokers.find((each) => each.broker === name);
    if (found === undefined) throw new Error(`the simulator has no ${name}`);
    return found;
  }
}

const ok = (body: unknown): ControlAnswer => ({ status: 200, body });

const told = ({ server }: SimBroker, { clientId: id, credentials }: SimClient) => ({
  clientId: id,
  credentials,
  baseUrl: server.url,
});

const rowOf = (name: BrokerName, order: SimOrder) => ({
  broker: name,
  clientId: order.clientId,
  brokerOrderId: order.brokerOrderId,
  exchangeOrderId: order.exchangeOrderId,
  tag: order.tag ?? null,
  instrumentKey: order.instrument.instrumentKey,
  symbol: order.instrument.symbol,
  side: order.side,
  product: order.product,
  orderType: order.orderType,
  validity: order.validity,
  quantity: order.quantity,
  price: toRupees(order.priceE4),
  triggerPrice: toRupees(order.triggerPriceE4),
  state: order.state,
  refusal: order.refusal ?? null,
  filledQuantity: order.filledQuantity,
  averagePrice: toRupees(order.averagePriceE4),
  trades: order.trades.map(({ tradeId, quantity, priceE4, tradedAtMs }) => ({
    tradeId,
    quantity,
    price: toRupees(priceE4),
    tradedAtMs,
  })),
  placedAtMs: order.placedAtMs,
  updatedAtMs: order.updatedAtMs,
  modifications: order.modifications,
});

const fieldErrorOf = (issue: z.core.$ZodIssue) => ({
  field: issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : issue.path.join('.'),
  message: issue.code === 'unrecognized_keys' ? 'is not known here' : issue.message,
});

/** Serves the control API; the caller listens and closes. */
export const controlServer = (control: Control, logger: Logger): Server =>
  createServer((incoming, response) => {
    serve(control, incoming, response).catch((error: unknown) => {
      logger.error({ err: error }, 'a control request could not be served');
      if (response.headersSent) response.destroy();
      else write(response, { status: 500, body: { errors: [{ field: '', message: 'an error of the simulator' }] } });
    });
  });

const serve = async (control: Control, incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
  const arrived = await bodyOf(incoming);
  if (arrived.kind === 'gone') return;
  const body = arrived.kind === 'whole' ? parsed(arrived.text) : undefined;
  if (body === undefined) {
    write(response, { status: 400, body: { errors: [{ field: '', message: 'the body must be JSON' }] } });
    return;
  }
  const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
  write(response, control.answer(incoming.method ?? 'GET', path, new URLSearchParams(query), body.value));
};

const parsed = (text: string): { readonly value: unknown } | undefined => {
  if (text === '') return { value: undefined };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
};

const write = (response: ServerResponse, { status, body }: ControlAnswer): void => {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
};
