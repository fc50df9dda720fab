/** The process that sends the requests: see `load.ts`. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerQuestions, hasFields } from './child';
import { headerOf, type HttpAnswer, HttpConnection, requestText } from './http-connection';
import { latenciesOf } from './latencies';
import type { DispatchTimes, Load, LoadResult, RecordedRequest, Requests } from './load';
import { orderMix, randomNumbers, restingOrders } from './order-mix';

interface Request {
  readonly text: string;
  readonly apiKey: string;
}

/** No two loads of a run, nor two runs, share a key. */
const run = randomBytes(6).toString('hex');
let keys = 0;
/** The same orders in every run, other ones in every load of a run. */
const random = randomNumbers(1);

/** One after the other, again and again. */
const inTurn = <One>(all: readonly One[]): (() => One) => {
  let count = 0;
  return () => {
    const one = all[count++ % all.length];
    if (one === undefined) throw new RangeError('nobody to send requests for');
    return one;
  };
};

const requestsOf = (requests: Requests): ((origin: string) => Request) => {
  switch (requests.kind) {
    case 'book': {
      const nextAccount = inTurn(requests.accounts);
      const path = `/v2/orders?limit=${String(requests.limit)}`;
      return () => {
        const { apiKey, accountId } = nextAccount();
        return { apiKey, text: requestText('GET', path, { 'x-api-key': apiKey, 'x-account': accountId }) };
      };
    }
    case 'orders': {
      const { shares, linesPerRequest } = requests;
      const nextAccount = inTurn(requests.accounts);
      const nextOrder = orderMix(shares, random, 'DAY');
      const path = linesPerRequest === 1 ? '/v2/orders' : '/v2/orders/multi';
      return () => {
        const { apiKey } = nextAccount();
        const key = `${run}-${String(++keys)}`;
        const body = JSON.stringify(
          linesPerRequest === 1 ? nextOrder() : { orders: Array.from({ length: linesPerRequest }, nextOrder) },
        );
        return { apiKey, text: requestText('POST', path, { 'x-api-key': apiKey, 'idempotency-key': key }, body) };
      };
    }
    case 'dispatch': {
      const nextSeat = inTurn(requests.seats);
      const nextOrder = restingOrders(requests.shares, random);
      return () => {
        const { apiKey, accountId, broker } = nextSeat();
        const key = `${run}-${String(++keys)}`;
        const body = JSON.stringify({ ...nextOrder(), accountId, broker });
        const headers = { 'x-api-key': apiKey, 'idempotency-key': key };
        return { apiKey, text: requestText('POST', '/v2/orders', headers, body) };
      };
    }
    case 'recorded': {
      const byOrigin = new Map<string, () => RecordedRequest>();
      for (const origin of new Set(requests.requests.map((one) => one.origin)))
        byOrigin.set(origin, inTurn(requests.requests.filter((one) => one.origin === origin)));
      return (origin) => {
        const next = byOrigin.get(origin);
        if (!next) throw new RangeError(`no request was recorded for ${origin}`);
        return { apiKey: '', text: next().text };
      };
    }
  }
};

/** Everything that is measured while a load runs. */
class Measured {
  readonly latenciesMs: number[] = [];
  readonly statuses: Record<string, number> = {};
  bodyBytes = 0;
  failure: string | undefined;

  add(latencyMs: number, { status, body }: HttpAnswer): void {
    this.latenciesMs.push(latencyMs);
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    this.bodyBytes += body.length;
    if (status !== 200) this.failure ??= body;
    if (status >= 500) throw new Error(`the server answered ${String(status)}: ${body}`);
  }
}

/** The two parts of each answer's time. */
class Parts {
  private readonly brokerMs: number[] = [];
  private readonly restMs: number[] = [];

  add(answeredAfterMs: number, answer: HttpAnswer): void {
    const brokerMs = brokerMsOf(answer);
    if (brokerMs === undefined) return; // no success, which is counted by its status
    this.brokerMs.push(brokerMs);
    this.restMs.push(answeredAfterMs - brokerMs);
  }

  times(): DispatchTimes {
    return { broker: latenciesOf(this.brokerMs), rest: latenciesOf(this.restMs) };
  }
}

/** @throws Error for an order that was taken, and no time is told: what is left would pass for our own. */
const brokerMsOf = ({ status, head, body }: HttpAnswer): number | undefined => {
  const told = /(?:^|[\s,])broker;dur=([\d.]+)/.exec(headerOf(head, 'server-timing') ?? '')?.[1];
  if (told === undefined && status === 200) throw new Error(`an order without the time of its broker: ${body}`);
  return told === undefined ? undefined : Number(told);
};

const generate = async (load: Load): Promise<LoadResult> => {
  const { origins, connections, durationMs, requests } = load;
  const next = requestsOf(requests);
  const measured = new Measured();
  const parts = requests.kind === 'dispatch' ? new Parts() : undefined;
  const readers = requests.kind === 'orders' && requests.readBack ? new ReadBack(requests.readBack) : undefined;
  const open = await Promise.all(Array.from({ length: connections }, (_, index) => openOneOf(origins, index)));
  await readers?.open();
  try {
    const startedAt = performance.now();
    const endsAt = startedAt + durationMs;
    const send = async (connection: HttpConnection, arrivedAt: number): Promise<void> => {
      const { text, apiKey } = next(connection.origin);
      const sentAt = performance.now();
      const answer = await connection.send(text);
      const answeredAt = performance.now();
      measured.add(answeredAt - arrivedAt, answer);
      parts?.add(answeredAt - sentAt, answer);
      readers?.after(answer, apiKey);
    };
    if (load.arrivalsPerSec === undefined) await closedLoop(open, endsAt, load.atLeast ?? 0, send);
    else await openLoop(open, endsAt, load.arrivalsPerSec, send);
    const elapsedMs = performance.now() - startedAt;
    const readBack = await readers?.latencies();
    return {
      durationMs: elapsedMs,
      succeeded: measured.statuses['200'] ?? 0,
      statuses: measured.statuses,
      latencies: latenciesOf(measured.latenciesMs),
      ...(measured.failure !== undefined && { failure: measured.failure }),
      bodyBytes: Math.round(measured.bodyBytes / measured.latenciesMs.length),
      ...(readBack && { readBack }),
      ...(parts && { dispatch: parts.times() }),
    };
  } finally {
    for (const connection of open) connection.close();
    readers?.close();
  }
};

const openOneOf = (origins: readonly string[], index: number): Promise<HttpConnection> => {
  const origin = origins[index % origins.length];
  if (origin === undefined) throw new RangeError('nobody to send requests to');
  return HttpConnection.open(origin);
};

type Send = (connection: HttpConnection, arrivedAt: number) => Promise<void>;

const closedLoop = async (
  open: readonly HttpConnection[],
  endsAt: number,
  atLeast: number,
  send: Send,
): Promise<void> => {
  let sent = 0;
  await Promise.all(
    open.map(async (connection) => {
      for (let now = performance.now(); now < endsAt || sent < atLeast; now = performance.now()) {
        sent += 1;
        await send(connection, now);
      }
    }),
  );
};

/** Requests that find no free connection wait for one, and the wait counts. */
const openLoop = async (
  open: readonly HttpConnection[],
  endsAt: number,
  arrivalsPerSec: number,
  send: Send,
): Promise<void> => {
  const free = [...open];
  const waiting: number[] = [];
  const sending = new Set<Promise<void>>();
  const failures: Error[] = [];
  const serve = (): void => {
    while (free.length > 0 && waiting.length > 0) {
      const connection = free.pop();
      const arrivedAt = waiting.shift();
      if (connection === undefined || arrivedAt === undefined) return;
      const sent = send(connection, arrivedAt)
        .catch((error: unknown) => failures.push(errorOf(error)))
        .then(() => {
          sending.delete(sent);
          free.push(connection);
          serve();
        });
      sending.add(sent);
    }
  };
  const everyMs = 1_000 / arrivalsPerSec;
  for (let arrivesAt = performance.now(); arrivesAt < endsAt;) {
    for (const now = performance.now(); arrivesAt <= now; arrivesAt += everyMs) waiting.push(arrivesAt);
    serve();
    if (failures[0] !== undefined) throw failures[0];
    await sleep(1);
  }
  while (sending.size > 0) await Promise.all(sending);
  if (failures[0] !== undefined) throw failures[0];
};

const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const READERS = 4;

/** Reads the order book at the position of a write: how long a client waits to see what it has written. */
class ReadBack {
  private readonly free: HttpConnection[] = [];
  private readonly reading = new Set<Promise<void>>();
  private readonly latenciesMs: number[] = [];
  private failure: Error | undefined;
  private answers = 0;

  constructor(private readonly options: { readonly origin: string; readonly everyNth: number }) {}

  async open(): Promise<void> {
    for (let index = 0; index < READERS; index++) this.free.push(await HttpConnection.open(this.options.origin));
  }

  after({ status, head }: HttpAnswer, apiKey: string): void {
    const position = headerOf(head, 'coordinator-position');
    if (status !== 200 || position === undefined || ++this.answers % this.options.everyNth !== 0) return;
    const connection = this.free.pop();
    if (connection === undefined) return; // all readers wait already: this write is not sampled
    const reading = this.read(connection, apiKey, position)
      .catch((error: unknown) => (this.failure = errorOf(error)))
      .then(() => {
        this.free.push(connection);
        this.reading.delete(reading);
      });
    this.reading.add(reading);
  }

  async latencies() {
    while (this.reading.size > 0) await Promise.all(this.reading);
    if (this.failure !== undefined) throw this.failure;
    return latenciesOf(this.latenciesMs);
  }

  close(): void {
    for (const connection of this.free) connection.close();
  }

  private async read(connection: HttpConnection, apiKey: string, position: string): Promise<void> {
    const askedAt = performance.now();
    const headers = { 'x-api-key': apiKey, 'coordinator-min-position': position };
    const { status, body } = await connection.send(requestText('GET', '/v2/orders?limit=1', headers));
    if (status !== 200) throw new Error(`the order book answered ${String(status)}: ${body}`);
    this.latenciesMs.push(performance.now() - askedAt);
  }
}

answerQuestions(hasFields<Load>('origins', 'connections', 'durationMs', 'requests'), generate);
