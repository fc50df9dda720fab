import { setTimeout as rest } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Evidence } from '#domain/orders/order';
import type { ErrorClass, FeedState } from './client';

type Send = (data: string | Uint8Array) => void;

export interface FeedTarget {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FeedSocketOptions {
  /** Where to connect, asked anew for each connection: some brokers hand out addresses that work once. */
  readonly target: () => Promise<FeedTarget>;
  /** Called when the socket is open: subscribe here. */
  readonly onOpen: (send: Send) => void;
  readonly onMessage: (data: Buffer, isBinary: boolean, send: Send) => void;
  readonly onState: (state: FeedState) => void;
  /** Where an open socket is all the confirmation there is. Otherwise `up` is told by whoever reads the frames. */
  readonly upOnOpen?: boolean;
  /** What the broker expects to hear from us. Pings of the protocol are sent besides. */
  readonly ping?: { readonly everyMs: number; readonly text: string };
  /** Neither frame nor pong for so long: the connection is dead. */
  readonly silenceMs: number;
  /** For the address and for the handshake, each. */
  readonly connectTimeoutMs: number;
  readonly firstPauseMs?: number;
  /** Where the published address only points to the real one. Credentials do not follow to another host. */
  readonly followRedirects?: boolean;
}

/** Why there is no connection, said by whoever knows. The evidence must not hold an address with a token in it. */
export class FeedRefused extends Error {
  override readonly name = 'FeedRefused';
  constructor(
    readonly errorClass: ErrorClass,
    readonly evidence: Evidence,
  ) {
    super(evidence.message ?? evidence.code ?? errorClass);
  }
}

const FIRST_PAUSE_MS = 500;
const PAUSE_MAX_MS = 30_000;
/** A first snapshot of some thousand instruments with their depth has about 2 MB. */
const FRAME_MAX_BYTES = 16 * 1024 * 1024;
/** How long the other side may take to say goodbye. */
const GOODBYE_MS = 1_000;

/**
 * A WebSocket that is always wanted: connects, and after each end connects again with growing pauses, until closed. The
 * end may be anything: a refusal, a silence, a frame that its reader could not stand. Nothing that happens here throws.
 */
export class FeedSocket {
  private readonly closing = new AbortController();
  private readonly running: Promise<void>;
  private socket: WebSocket | undefined;

  constructor(private readonly options: FeedSocketOptions) {
    this.running = this.run();
  }

  /** Dropped while there is no connection: what must be said each time belongs into `onOpen`. */
  send(data: string | Uint8Array): void {
    if (this.socket) sendOn(this.socket, data);
  }

  /** Nothing is told once this is called; resolves when the connection is gone. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { firstPauseMs = FIRST_PAUSE_MS } = this.options;
    let pauseMs = firstPauseMs;
    while (!this.isClosed()) {
      const begunAt = performance.now();
      const { errorClass, evidence } = await this.connection();
      if (this.isClosed()) return;
      this.tell({ state: 'down', errorClass, evidence });
      // Only a connection that lasted is a reason for hope: one that is taken and dropped at once must not be hammered.
      if (performance.now() - begunAt > 2 * pauseMs + this.options.connectTimeoutMs) pauseMs = firstPauseMs;
      await rest(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.closing.signal }).catch(ignoreAbort);
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
    }
  }

  /** One connection from its address to its end; resolves with the reason of the end. */
  private async connection(): Promise<FeedRefused> {
    try {
      const { url, headers } = await this.target();
      if (!URL.canParse(url)) return new FeedRefused('drift', { code: 'ADDRESS', message: 'no address to connect to' });
      return await this.talk(url, headers);
    } catch (error) {
      return refusal(error);
    }
  }

  private async target(): Promise<FeedTarget> {
    const { target, connectTimeoutMs } = this.options;
    const answered = new AbortController();
    const signal = AbortSignal.any([this.closing.signal, answered.signal]);
    try {
      return await Promise.race([
        target(),
        rest(connectTimeoutMs, undefined, { signal }).then(() => Promise.reject(tooLate(connectTimeoutMs))),
      ]);
    } finally {
      answered.abort();
    }
  }

  private async talk(url: string, headers: Readonly<Record<string, string>> = {}): Promise<FeedRefused> {
    const { onOpen, onMessage, upOnOpen, connectTimeoutMs, silenceMs, ping, followRedirects = false } = this.options;
    if (this.isClosed()) return over();
    const socket = new WebSocket(url, {
      headers: { ...headers },
      family: 4, // as with REST: addresses are registered with brokers as such
      maxPayload: FRAME_MAX_BYTES,
      perMessageDeflate: false,
      followRedirects,
      maxRedirects: 3,
    });
    const send: Send = (data) => sendOn(socket, data);
    const timers: NodeJS.Timeout[] = [];
    let reason: FeedRefused | undefined;

    const { promise: ended, resolve } = withResolvers();
    const end = (why: FeedRefused): void => {
      reason ??= why;
      socket.terminate();
    };
    /** Whatever the owner does with it must not reach the socket's own machinery, where it would end the process. */
    const guarded = (work: () => void): void => {
      if (this.isClosed() || reason) return;
      try {
        work();
      } catch (error) {
        end(
          error instanceof FeedRefused
            ? error
            : new FeedRefused('drift', { code: 'FRAME_FAILED', message: told(error) }),
        );
      }
    };
    const leave = (): void => {
      socket.close(1000);
      timers.push(setTimeout(() => end(over()), GOODBYE_MS));
    };
    const silence = setTimeout(() => end(tooLate(connectTimeoutMs)), connectTimeoutMs);
    timers.push(silence);
    let quiet: NodeJS.Timeout | undefined;
    const heard = (): void => void quiet?.refresh();

    socket.on('open', () => {
      clearTimeout(silence);
      this.socket = socket;
      quiet = setTimeout(() => {
        end(new FeedRefused('transient', { code: 'SILENT', message: `nothing heard for ${String(silenceMs)} ms` }));
      }, silenceMs);
      timers.push(
        quiet,
        setInterval(() => socket.ping(), silenceMs / 3),
      );
      if (ping) timers.push(setInterval(() => send(ping.text), ping.everyMs));
      guarded(() => {
        onOpen(send);
        if (upOnOpen) this.options.onState({ state: 'up' });
      });
    });
    socket.on('ping', heard);
    socket.on('pong', heard);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      heard();
      guarded(() => onMessage(data, isBinary, send));
    });
    socket.on('unexpected-response', (_, { statusCode = 0 }) => end(refusedWith(statusCode)));
    socket.on('error', (error) => {
      reason ??= refusal(error);
    });
    socket.on('close', (code: number) => {
      resolve(reason ?? new FeedRefused('transient', { code: `WS_${String(code)}`, message: 'the broker hung up' }));
    });
    this.closing.signal.addEventListener('abort', leave);

    const why = await ended;
    this.closing.signal.removeEventListener('abort', leave);
    for (const timer of timers) clearTimeout(timer);
    this.socket = undefined;
    return why;
  }

  private tell(state: FeedState): void {
    try {
      this.options.onState(state);
    } catch {
      // Its owner cannot be told that it failed to listen. The next connection is made all the same.
    }
  }

  private isClosed(): boolean {
    return this.closing.signal.aborted;
  }
}

const sendOn = (socket: WebSocket, data: string | Uint8Array): void => {
  if (socket.readyState === WebSocket.OPEN) socket.send(data);
};

const refusedWith = (status: number): FeedRefused => {
  const errorClass = status === 401 || status === 403 ? 'auth' : status === 429 ? 'throttled' : 'transient';
  return new FeedRefused(errorClass, { code: `HTTP_${String(status)}`, message: 'the feed was refused' });
};

const refusal = (error: unknown): FeedRefused => {
  if (error instanceof FeedRefused) return error;
  // By shape: an error of Node's own is no `Error` of ours where code runs in a context of its own, as in specs.
  const { code } = typeof error === 'object' && error !== null && 'code' in error ? error : { code: undefined };
  return new FeedRefused('transient', { code: typeof code === 'string' ? code : 'FEED_FAILED', message: told(error) });
};

const tooLate = (ms: number): FeedRefused =>
  new FeedRefused('transient', { code: 'DEADLINE', message: `no connection within ${String(ms)} ms` });

const over = (): FeedRefused => new FeedRefused('transient', { code: 'CLOSED' });

const told = (error: unknown): string => {
  const { message } = typeof error === 'object' && error !== null && 'message' in error ? error : { message: error };
  return String(message).slice(0, 300);
};

const withResolvers = (): { promise: Promise<FeedRefused>; resolve: (why: FeedRefused) => void } => {
  let resolve: (why: FeedRefused) => void = () => undefined;
  const promise = new Promise<FeedRefused>((done) => (resolve = done));
  return { promise, resolve };
};

const ignoreAbort = (): void => undefined;
