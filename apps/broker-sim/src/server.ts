import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { Logger } from '#platform/logging';
import type { Book } from './book';
import type { Clients } from './clients';
import type { Dialect, Operation, SimClient, SimReply, SimRequest } from './dialect';
import type { Faults, Occasion } from './faults';
import { groupOf, type RequestLog } from './requests';
import type { Sockets } from './sockets';

const BODY_MAX_BYTES = 256 * 1024;
const FRAME_MAX_BYTES = 1024 * 1024;
/** Longer than any client of ours keeps a connection: who closes an idle one must not be us, in the middle of a request. */
const KEEP_ALIVE_MS = 120_000;
const ARRIVAL_TIMEOUT_MS = 10_000;
const REOPEN_RETRY_MS = 50;
const DEFAULT_DELAY_MS = 1_000;
const DEFAULT_DOWN_MS = 1_000;

export interface BrokerServerOptions {
  readonly dialect: Dialect;
  readonly book: Book;
  readonly clients: Clients;
  readonly sockets: Sockets;
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly host: string;
  /** 0 takes any free port, and keeps it. */
  readonly port: number;
  readonly logger: Logger;
}

/** A request that nothing speaks against. */
interface Accepted {
  readonly operation: Operation;
  readonly request: SimRequest;
  readonly client: SimClient;
  readonly occasion: Occasion;
  readonly response: ServerResponse;
  readonly life: AbortSignal;
}

/** A port could not be taken; one line for the person who started it. */
export class SimStartError extends Error {
  override readonly name = 'SimStartError';
}

/**
 * One broker on the wire. Speaks the broker's dialect and, around it, everything that may go wrong with a request; bare
 * `node:http`, because faults need the socket.
 */
export class BrokerServer {
  private readonly frames = new WebSocketServer({ noServer: true, maxPayload: FRAME_MAX_BYTES });
  private server: Server | undefined;
  private port: number;
  /** Ends whatever waits in this life of the broker: a restart begins another. */
  private life = new AbortController();
  private reopening: { readonly timer: NodeJS.Timeout; readonly atMs: number } | undefined;
  private isStopped = false;

  constructor(private readonly options: BrokerServerOptions) {
    this.port = options.port;
  }

  get url(): string {
    const { host } = this.options;
    return `http://${host.includes(':') ? `[${host}]` : host}:${String(this.port)}`;
  }

  get isListening(): boolean {
    return this.server?.listening === true;
  }

  /** @throws SimStartError when the port cannot be taken. */
  async start(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SimStartError(`the ${this.options.dialect.broker} simulator cannot listen on ${this.url}: ${reason}`);
    }
  }

  /** Closes the listener and cuts all connections for a while; sockets stay. */
  refuse(forMs: number): void {
    this.shut();
    const atMs = Math.max(Date.now() + forMs, this.reopening?.atMs ?? 0);
    clearTimeout(this.reopening?.timer);
    this.reopening = { timer: setTimeout(() => this.reopen(), atMs - Date.now()), atMs };
  }

  /** As the process of a broker that dies and comes back: sockets, tickets and waiting requests are gone, the book is not. */
  restart(forMs: number): void {
    this.life.abort();
    this.life = new AbortController();
    this.options.sockets.cut();
    this.options.clients.forgetTickets();
    this.refuse(forMs);
  }

  /** Ends a `refuse` or `restart` before its time. */
  reopen(): void {
    if (this.reopening === undefined || this.isStopped) return;
    clearTimeout(this.reopening.timer);
    const { atMs } = this.reopening;
    this.reopening = undefined;
    this.open().catch((error: unknown) => {
      // Somebody else may have taken the port meanwhile: the broker is down until it is free.
      this.options.logger.error({ err: error }, `${this.url} cannot be listened on again yet`);
      if (this.isStopped) return;
      this.reopening = { timer: setTimeout(() => this.reopen(), REOPEN_RETRY_MS), atMs };
    });
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.reopening?.timer);
    this.life.abort();
    this.shut();
    this.frames.close();
  }

  private async open(): Promise<void> {
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: ARRIVAL_TIMEOUT_MS });
    server.on('request', (request, response) => {
      this.serve(request, response).catch((error: unknown) => {
        this.options.logger.error({ err: error }, 'a request could not be served');
        request.socket.destroy();
      });
    });
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', resolve);
      server.once('close', resolve);
      server.listen(this.port, this.options.host);
    });
    const address = server.address();
    if (isInternet(address)) this.port = address.port;
  }

  /** Sockets that were upgraded belong to the frames and are not touched. */
  private shut(): void {
    this.server?.close();
    this.server?.closeAllConnections();
    this.server = undefined;
  }

  private async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { dialect, clients, faults, requests } = this.options;
    const life = this.life.signal;
    const body = await bodyOf(incoming);
    if (body.kind === 'gone') return;
    if (body.kind === 'too-large') {
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    const request = requestOf(incoming, body.text);
    const operation = dialect.operationOf(request);
    if (operation === undefined) {
      send(response, dialect.notFound);
      return;
    }
    const caller = dialect.clientOf(request, clients);
    const occasion: Occasion = { broker: dialect.broker, operation, clientId: caller?.clientId };
    if (this.goesDown(occasion) || faults.strike('drop-before', occasion) !== undefined) {
      incoming.socket.destroy();
      return;
    }
    const group = groupOf(operation);
    const isWithinLimit =
      caller === undefined ||
      requests.arrive({
        broker: dialect.broker,
        clientId: caller.clientId,
        operation,
        weight: dialect.weightOf(operation, request),
        group,
        limit:
          (group === 'orders' ? clients.ordersPerSecondOf(caller.clientId) : undefined) ?? dialect.perSecond[group],
      });
    const delay = faults.strike('delay', occasion);
    if (delay !== undefined && !(await hasWaited(delay.delayMs, life))) {
      incoming.socket.destroy();
      return;
    }
    if (caller !== undefined && faults.strike('expire-token', occasion) !== undefined) clients.expire(caller.clientId);
    // A session may have ended while its request was on its way.
    const client = dialect.clientOf(request, clients);
    if (client === undefined) send(response, dialect.unauthorised);
    else if (!isWithinLimit || faults.strike('throttle', occasion) !== undefined) send(response, dialect.throttled);
    else await this.answer({ operation, request, client, occasion, response, life });
  }

  /** From here on the request has been carried out, whatever the client gets to hear. */
  private async answer({ operation, request, client, occasion, response, life }: Accepted): Promise<void> {
    const { dialect, clients, book, faults, logger } = this.options;
    let reply: SimReply;
    try {
      reply = dialect.answer(operation, request, client, book, clients);
    } catch (error) {
      logger.error({ err: error, broker: dialect.broker, operation }, 'the simulator could not answer');
      reply = dialect.serverError;
    }
    const late = faults.strike('delay-answer', occasion);
    const isDropped = faults.strike('accept-then-drop', occasion) !== undefined;
    const isFailed = faults.strike('accept-then-5xx', occasion) !== undefined;
    const isAlive = late === undefined || (await hasWaited(late.delayMs, life));
    if (isDropped || !isAlive) response.destroy();
    else send(response, isFailed ? dialect.serverError : reply);
  }

  /** `refuse` and `restart` that wait for a request which matches. */
  private goesDown(occasion: Occasion): boolean {
    const { faults } = this.options;
    const restart = faults.strike('restart', occasion);
    if (restart !== undefined) this.restart(restart.forMs ?? DEFAULT_DOWN_MS);
    const refusal = restart === undefined ? faults.strike('refuse', occasion) : undefined;
    if (refusal !== undefined) this.refuse(refusal.forMs ?? DEFAULT_DOWN_MS);
    return restart !== undefined || refusal !== undefined;
  }

  private upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { dialect, clients, sockets } = this.options;
    socket.on('error', () => socket.destroy());
    const opened = dialect.socketOf(requestOf(incoming, ''), clients);
    if (opened === undefined) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.frames.handleUpgrade(incoming, socket, head, (ws) => sockets.add(ws, opened.client, opened.purpose));
  }
}

const isInternet = (address: string | AddressInfo | null): address is AddressInfo =>
  typeof address === 'object' && address !== null;

/** False when the broker went down meanwhile. */
const hasWaited = async (delayMs: number | undefined, life: AbortSignal): Promise<boolean> => {
  try {
    await sleep(delayMs ?? DEFAULT_DELAY_MS, undefined, { signal: life });
    return true;
  } catch (error) {
    if (life.aborted) return false;
    throw error;
  }
};

const send = (response: ServerResponse, { status, contentType, body, headers }: SimReply): void => {
  response.writeHead(status, { ...headers, 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
};

/** `gone`: the client left before all of it was here. */
export type Body =
  { readonly kind: 'whole'; readonly text: string } | { readonly kind: 'too-large' } | { readonly kind: 'gone' };

export const bodyOf = async (incoming: IncomingMessage): Promise<Body> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes += chunk.length;
      if (bytes > BODY_MAX_BYTES) return { kind: 'too-large' };
      chunks.push(chunk);
    }
  } catch {
    // The only way to fail here is a connection that ended.
    return { kind: 'gone' };
  }
  return { kind: 'whole', text: Buffer.concat(chunks).toString('utf8') };
};

const requestOf = (incoming: IncomingMessage, body: string): SimRequest => {
  const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: incoming.method ?? 'GET',
    path,
    query: new URLSearchParams(query),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body,
  };
};
