import { Agent, request } from 'undici';
import type { WebSocket } from 'ws';
import type { Logger } from '#platform/logging';
import type { Book } from './book';
import type { Clients } from './clients';
import type { Dialect, SimClient, SimOrder, SimSocket, SimTrade } from './dialect';
import type { Faults } from './faults';

const POSTBACK_TIMEOUT_MS = 5_000;
/** News that was held back to come after the next one comes by itself after this long. */
const HELD_BACK_MS = 1_000;
const DEFAULT_LATE_MS = 1_000;
/** A client that does not read gets no more prices until it does. */
const BUFFERED_MAX_BYTES = 1024 * 1024;

export interface SocketsOptions {
  readonly dialect: Dialect;
  readonly book: Book;
  readonly clients: Clients;
  readonly faults: Faults;
  readonly logger: Logger;
}

interface Open {
  readonly ws: WebSocket;
  readonly socket: SimSocket;
  /** Whether it has answered the last ping. */
  isAlive: boolean;
}

/** Everything one broker says without being asked: news of orders on sockets and as postbacks, and prices. */
export class Sockets {
  private readonly open = new Set<Open>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly heldBack = new Map<string, (() => void)[]>();
  private readonly agent = new Agent({ connections: 8, connect: { timeout: POSTBACK_TIMEOUT_MS } });

  constructor(private readonly options: SocketsOptions) {}

  get count(): number {
    return this.open.size;
  }

  add(ws: WebSocket, client: SimClient, purpose: SimSocket['purpose']): void {
    const { dialect, book, logger } = this.options;
    const send = (frame: string | Buffer): void => {
      if (ws.readyState === ws.OPEN) ws.send(frame);
    };
    const opened: Open = { ws, socket: { client, purpose, send, subscriptions: new Map() }, isAlive: true };
    this.open.add(opened);
    ws.on('close', () => this.open.delete(opened));
    ws.on('error', (error) => logger.debug({ err: error }, 'a socket failed'));
    ws.on('pong', () => {
      opened.isAlive = true;
    });
    ws.on('message', (data, isBinary) => {
      try {
        dialect.onSocketMessage(opened.socket, bufferOf(data), isBinary, book);
      } catch (error) {
        logger.warn({ err: error, broker: dialect.broker }, 'a frame from a client could not be read');
        ws.close(1007);
      }
    });
    dialect.onSocketOpen(opened.socket, book);
  }

  /** An order has changed. What then goes wrong goes wrong on all channels. */
  news(order: SimOrder, trade: SimTrade | undefined): void {
    const { dialect, faults } = this.options;
    const { clientId } = order;
    if (!this.isFollowed(clientId)) return;
    const occasion = { broker: dialect.broker, clientId };
    if (faults.strike('cut-sockets', occasion) !== undefined) this.cut(clientId);
    if (faults.strike('lose-update', occasion) !== undefined) return;
    const isGarbled = faults.strike('garble-update', occasion) !== undefined;
    const times = faults.strike('duplicate-update', occasion) === undefined ? 1 : 2;
    const late = faults.strike('late-update', occasion);
    const held = faults.strike('reorder-updates', occasion);
    const deliver = (): void => {
      for (let time = 0; time < times; time += 1) this.deliver(order, trade, isGarbled);
    };
    if (held !== undefined) this.holdBack(clientId, deliver, held.delayMs ?? HELD_BACK_MS);
    else if (late !== undefined) this.after(late.delayMs ?? DEFAULT_LATE_MS, deliver);
    else {
      deliver();
      this.letGo(clientId);
    }
  }

  /** One frame of prices to everyone who follows any. */
  prices(): void {
    const { dialect, book } = this.options;
    for (const { ws, socket } of this.open) {
      if (socket.purpose === 'orders' || ws.bufferedAmount > BUFFERED_MAX_BYTES) continue;
      const frame = dialect.priceFrame(socket, book);
      if (frame !== undefined) socket.send(frame);
    }
  }

  /** Asks every socket for a sign of life, and ends those that gave none since the last time. */
  ping(): void {
    for (const opened of this.open) {
      if (!opened.isAlive) opened.ws.terminate();
      else if (opened.ws.readyState === opened.ws.OPEN) {
        opened.isAlive = false;
        opened.ws.ping();
      }
    }
  }

  /** Ends connections without a word, of one client or of all. */
  cut(clientId?: string): void {
    for (const { ws, socket } of this.open)
      if (clientId === undefined || socket.client.clientId === clientId) ws.terminate();
  }

  async close(): Promise<void> {
    this.cut();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.heldBack.clear();
    await this.agent.destroy();
  }

  private isFollowed(clientId: string): boolean {
    if (this.options.clients.postbackUrlOf(clientId) !== undefined) return true;
    for (const { socket } of this.open) if (tellsOrdersOf(socket, clientId)) return true;
    return false;
  }

  private deliver(order: SimOrder, trade: SimTrade | undefined, isGarbled: boolean): void {
    const { dialect, book, clients } = this.options;
    const frames = dialect.orderFrames(order, trade, book);
    for (const { socket } of this.open) {
      if (!tellsOrdersOf(socket, order.clientId)) continue;
      for (const frame of frames) socket.send(isGarbled ? firstHalf(frame) : frame);
    }
    const url = clients.postbackUrlOf(order.clientId);
    const client = clients.latestOf(order.clientId);
    if (url === undefined || client === undefined) return;
    const { body, headers } = dialect.postback(order, client, book);
    void this.post(url, isGarbled ? body.slice(0, Math.floor(body.length / 2)) : body, headers);
  }

  /** Sent once: no broker promises that a postback arrives. */
  private async post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
    try {
      const signal = AbortSignal.timeout(POSTBACK_TIMEOUT_MS);
      const answer = await request(url, { method: 'POST', body, headers, dispatcher: this.agent, signal });
      await answer.body.dump();
      if (answer.statusCode >= 300) this.options.logger.warn({ status: answer.statusCode }, 'a postback was not taken');
    } catch (error) {
      this.options.logger.warn({ err: error }, 'a postback could not be delivered');
    }
  }

  private holdBack(clientId: string, deliver: () => void, atMostMs: number): void {
    const held = this.heldBack.get(clientId) ?? [];
    held.push(deliver);
    this.heldBack.set(clientId, held);
    this.after(atMostMs, () => this.letGo(clientId));
  }

  private letGo(clientId: string): void {
    const held = this.heldBack.get(clientId) ?? [];
    this.heldBack.delete(clientId);
    for (const deliver of held.reverse()) deliver();
  }

  private after(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, delayMs);
    this.timers.add(timer);
  }
}

const tellsOrdersOf = (socket: SimSocket, clientId: string): boolean =>
  socket.purpose !== 'prices' && socket.client.clientId === clientId;

const firstHalf = (frame: string | Buffer): string | Buffer =>
  typeof frame === 'string'
    ? frame.slice(0, Math.floor(frame.length / 2))
    : frame.subarray(0, Math.floor(frame.length / 2));

const bufferOf = (data: Buffer | ArrayBuffer | Buffer[]): Buffer => {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
};
