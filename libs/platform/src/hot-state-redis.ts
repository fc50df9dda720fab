import { createClient, ErrorReply } from '@redis/client';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { DeadlineExceeded, withDeadline } from './deadline';
import { type Hit, type HotState, type SlidingWindow, type Window, windowSecOf } from './hot-state';
import { InProcessHotState } from './hot-state-in-process';
import { SlidingLogs, slideScript, slidingKey } from './hot-state-sliding';
import type { Logger } from './logging';
import { counter, gauge } from './metrics';

export interface RedisHotStateOptions {
  readonly url: string;
  readonly logger: Logger;
  /** How long the server may take to answer at start. */
  readonly startTimeoutMs?: number;
  /** How long a call may take before it counts as unanswered. */
  readonly commandTimeoutMs?: number;
}

/** Redis did not answer at start, or its URL cannot be used. One line, without the password. */
export class HotStateError extends Error {
  override readonly name = 'HotStateError';
}

export const hotStateUp = gauge({
  name: 'coordinator_hot_state_up',
  help: '1 while the hot state answers; at 0 each process has its own: caches miss, rates are counted apart',
});

const errors = counter({
  name: 'coordinator_hot_state_errors_total',
  help: 'Calls to the hot state that went without an answer: a miss, a value dropped, a hit counted by the process alone',
  labels: ['operation'],
});

const PREFIX = 'coordinator:';
const CONNECT_TIMEOUT_MS = 2_000;
/** An idle connection is asked this often whether it still lives … */
const PING_MS = 1_000;
/** … and is given up when nothing came for so long. */
const SILENCE_MAX_MS = 3_000;
const RECONNECT_MAX_MS = 5_000;

/**
 * Hot state in Redis. While the server is away, or answers nothing, every call is over at once: nothing waits in a queue
 * for it to come back. The client reconnects by itself and pings; that tells when it is there again.
 */
export class RedisHotState implements HotState {
  /** One for each kind of window: the limiter knows its maximum, the server only counts. */
  private readonly limiters = new Map<string, RateLimiterRedis>();
  private readonly alone = new InProcessHotState();
  /** What this process was allowed, so that it knows at least that much when the server has forgotten or is away. */
  private readonly own = new SlidingLogs();
  private up = false;
  private refusalTold = false;
  private closed = false;

  private constructor(
    private readonly client: Client,
    private readonly start: { readonly done: boolean },
    private readonly logger: Logger,
    private readonly commandTimeoutMs: number,
  ) {}

  /** @throws HotStateError when the server cannot be reached, lets us not in, or does not answer in time. */
  static async open({
    url,
    logger,
    startTimeoutMs = 5_000,
    commandTimeoutMs = 500,
  }: RedisHotStateOptions): Promise<RedisHotState> {
    const start = { done: false };
    const client = clientOf(url, start);
    const state = new RedisHotState(client, start, logger, commandTimeoutMs);
    client.on('error', (error: unknown) => state.lost(error));
    client.on('ready', () => state.connected());
    client.on('ping-interval', () => state.found());
    try {
      await withDeadline(
        client.connect().then(() => client.ping()),
        startTimeoutMs,
        'the first answer',
      );
    } catch (error) {
      await state.close();
      throw new HotStateError(`Redis at ${placeOf(url)} does not answer: ${messageOf(error)}`, { cause: error });
    }
    start.done = true;
    state.up = true;
    hotStateUp.set(1);
    return state;
  }

  async get(key: string): Promise<string | undefined> {
    const text = await this.ask('get', () => this.client.get(`${PREFIX}value:${key}`));
    return text ?? undefined;
  }

  async set(key: string, text: string, ttlMs: number): Promise<void> {
    const expiration = { type: 'PX', value: Math.max(1, Math.ceil(ttlMs)) } as const;
    await this.ask('set', () => this.client.set(`${PREFIX}value:${key}`, text, { expiration }));
  }

  async hit(key: string, window: Window): Promise<Hit> {
    const hit = await this.ask('hit', () => consume(this.limiterOf(window), key));
    return hit ?? this.alone.hit(key, window);
  }

  async slide(key: string, windows: readonly SlidingWindow[], weight: number): Promise<Hit> {
    const ownMs = this.own.waitMs(key, windows, weight);
    if (ownMs > 0) return { allowed: false, retryAfterMs: ownMs };
    const keys = windows.map((window) => `${PREFIX}slide:${slidingKey(key, window)}`);
    const waitMs = await this.ask('slide', () => this.client.slide(keys, weight, windows));
    if (waitMs === undefined) return this.own.slide(key, windows, weight);
    if (waitMs > 0) return { allowed: false, retryAfterMs: waitMs };
    this.own.take(key, windows, weight);
    return { allowed: true, retryAfterMs: 0 };
  }

  /** Whoever still waits for an answer gets a miss. A connection that is just being made ends by its silence. */
  async close(): Promise<void> {
    this.closed = true;
    this.client.destroy();
    this.own.clear();
    await this.alone.close();
  }

  /** Undefined when there is no answer, for whatever reason. */
  private async ask<Answer>(
    operation: 'get' | 'set' | 'hit' | 'slide',
    question: () => Promise<Answer>,
  ): Promise<Answer | undefined> {
    try {
      // The client limits only how long a command waits to be written, not how long for its answer.
      if (this.up) return await withDeadline(question(), this.commandTimeoutMs, operation);
    } catch (error) {
      if (error instanceof DeadlineExceeded) this.lost(error);
      if (error instanceof ErrorReply) this.refused(operation, error);
    }
    errors.inc({ operation });
    return undefined;
  }

  private connected(): void {
    this.refusalTold = false;
    this.found();
  }

  private found(): void {
    if (this.up || this.closed || !this.start.done) return;
    this.up = true;
    hotStateUp.set(1);
    this.logger.info('the hot state is shared again');
  }

  private lost(error: unknown): void {
    if (!this.up || this.closed) return;
    this.up = false;
    hotStateUp.set(0);
    this.logger.warn({ err: error }, 'Redis is lost: until it is back, this process has its own hot state');
  }

  /** It answers, but not what was asked: it is full, or a replica, or we may not. */
  private refused(operation: string, error: ErrorReply): void {
    if (this.refusalTold) return;
    this.refusalTold = true;
    this.logger.warn({ err: error, operation }, 'Redis refuses a command; the next ones are only counted');
  }

  private limiterOf(window: Window): RateLimiterRedis {
    const [points, duration] = [window.max, windowSecOf(window)];
    const kind = `${String(points)}/${String(duration)}`;
    const limiter =
      this.limiters.get(kind) ??
      new RateLimiterRedis({
        storeClient: this.client,
        useRedisPackage: true,
        keyPrefix: `${PREFIX}window`,
        points,
        duration, // never a part of a second: the limiter would cut it off, and a window of none has no end
      });
    this.limiters.set(kind, limiter);
    return limiter;
  }
}

type Client = ReturnType<typeof clientOf>;

const clientOf = (url: string, start: { readonly done: boolean }) => {
  try {
    return createClient({
      url,
      name: 'coordinator',
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      scripts: { slide: slideScript },
      pingInterval: PING_MS,
      socket: {
        connectTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: SILENCE_MAX_MS,
        reconnectStrategy: (retries) => start.done && pauseMs(retries),
      },
    });
  } catch {
    // Its own words repeat the URL.
    throw new HotStateError('REDIS_URL cannot be used: it must look like redis://user:password@host:6379/0');
  }
};

/** Growing, and not the same for all processes that lost the server at once. */
const pauseMs = (retries: number): number =>
  Math.min(50 * 2 ** Math.min(retries, 10), RECONNECT_MAX_MS) * (0.5 + Math.random() / 2);

const consume = async (limiter: RateLimiterRedis, key: string): Promise<Hit> => {
  try {
    await limiter.consume(key);
    return { allowed: true, retryAfterMs: 0 };
  } catch (reason) {
    if (!(reason instanceof RateLimiterRes)) throw reason;
    return { allowed: false, retryAfterMs: Math.min(Math.max(1, reason.msBeforeNext), limiter.duration * 1000) };
  }
};

const placeOf = (url: string): string => {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
};

const messageOf = (error: unknown): string =>
  (error instanceof AggregateError
    ? String(error.errors[0])
    : error instanceof Error
      ? error.message
      : String(error)
  ).replace(/\s+/g, ' ');
