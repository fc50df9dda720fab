/**
 * Clients that place, change and cancel for as long as they are let, and ask again under the same key until they are
 * answered. What each was told is kept: it must be true in the end.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLOSED } from '#domain/orders/order';
import { readBooks } from '../support/books';
import { type Answer, type Deployment, eventually, listIn, partOf } from '../support/deployment';
import { type Choices, choicesFrom } from '../support/random';

/** So long a client asks, over any number of kills. */
const PATIENCE_MS = 120_000;
const ASK_AGAIN_MS = 25;
const SETTLE_TIMEOUT_MS = 120_000;

export interface Trader {
  readonly apiKey: string;
  readonly accountId: string;
}

export interface Request {
  readonly kind: 'place' | 'cancel' | 'change';
  readonly trader: Trader;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What a client was told. */
export interface Told {
  readonly request: Request;
  readonly answer: Answer;
}

const FINAL: Readonly<Record<Request['kind'], readonly number[]>> = {
  place: [200, 207, 422],
  cancel: [200, 202, 409],
  change: [200, 202, 409, 412, 422],
};

/** An answer that no client should ever get. */
class Unexpected extends Error {
  override readonly name = 'Unexpected';
}

export class Traders {
  /** How often nobody could answer, and the same was asked again. */
  askedAgain = 0;
  readonly told: Told[] = [];
  readonly all: Trader[] = [];
  /** Orders that may still be open, by trader. */
  private readonly resting = new Map<Trader, string[]>();
  private clients: Promise<unknown> = Promise.resolve();
  private isOver = false;
  private isGivenUp = false;

  constructor(
    private readonly deployment: Deployment,
    private readonly seed: number,
  ) {}

  /** The trader that the deployment came with, and two more. */
  async register(): Promise<void> {
    const { apiKey, accountId } = this.deployment.credentials;
    this.all.push({ apiKey, accountId });
    for (const name of ['bela', 'chitra']) {
      const registered = await this.deployment.command('POST', '/auth/register', {
        body: { email: `${name}@example.com`, password: 'correct horse battery' },
      });
      const given = (part: string): string => String(partOf(registered.body, part));
      this.all.push({ apiKey: given('apiKey'), accountId: given('accountId') });
    }
    for (const trader of this.all) this.resting.set(trader, []);
  }

  begin(clients: number): void {
    this.clients = Promise.all(Array.from({ length: clients }, (_, number) => this.client(number + 1)));
    this.clients.catch(() => undefined); // told by `untilFailure` and `end`
  }

  /** Waits. @throws what a client could not put up with, as soon as that happens. */
  async goOnFor(ms: number): Promise<void> {
    await Promise.race([this.clients, sleep(ms)]);
  }

  /** Lets every client wait for its last answer. */
  async end(): Promise<void> {
    this.isOver = true;
    await this.clients;
  }

  /** For the end of a story that has failed: no client waits for its answer any more. */
  giveUp(): void {
    this.isOver = true;
    this.isGivenUp = true;
  }

  /** Asks until somebody answers, as a client with a key may; with `url`, always the process there. */
  async untilAnswered(request: Request, url?: string): Promise<Answer> {
    const { kind, trader, method, path, headers, body } = request;
    const ask = { headers: { ...headers, 'X-Api-Key': trader.apiKey }, ...(body !== undefined && { body }) };
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const asking =
        url === undefined
          ? this.deployment.command(method, path, ask)
          : this.deployment.request(`${url}${path}`, method, ask);
      const answer = await asking.catch((error: unknown) => {
        if (this.isGivenUp || Date.now() > giveUpAt) throw error;
        return undefined; // the connection was refused or cut
      });
      if (answer) {
        const isBusy = answer.status === 503 || partOf(answer.body, 'code') === 'INTENT_IN_PROGRESS';
        if (!isBusy && FINAL[kind].includes(answer.status)) return answer;
        if (!isBusy || this.isGivenUp || Date.now() > giveUpAt)
          throw new Unexpected(`${method} ${path}: ${String(answer.status)} ${answer.text}`);
      }
      this.askedAgain += 1;
      await sleep(ASK_AGAIN_MS);
    }
  }

  /** Asks, and remembers the answer. */
  async tell(request: Request, url?: string): Promise<Answer> {
    const answer = await this.untilAnswered(request, url);
    this.told.push({ request, answer });
    return answer;
  }

  /** Cancels whatever is open, so that nothing moves any more. Resolves with the position of the last event. */
  async settle(): Promise<number> {
    return eventually(
      'every order is closed',
      async () => {
        const { orders } = await this.deployment.withLog((log) => readBooks(log));
        const open = [...orders].filter(([, { status }]) => !CLOSED.has(status));
        for (const [orderId, { details }] of open) {
          const trader = this.all.find(({ accountId }) => accountId === details?.accountId);
          if (!trader) throw new Error(`order ${orderId} belongs to nobody`);
          const path = `/v2/orders/${orderId}`;
          await this.untilAnswered({ kind: 'cancel', trader, method: 'DELETE', path, headers: {} });
        }
        return open.length === 0 ? this.deployment.withLog((log) => log.head()) : undefined;
      },
      SETTLE_TIMEOUT_MS,
    );
  }

  private async client(number: number): Promise<void> {
    const choices = choicesFrom(this.seed + number);
    const key = () => ({ 'Idempotency-Key': `${String(this.seed)}-${String(number)}-${randomUUID()}` });
    while (!this.isOver) {
      const request = await this.next(choices, key);
      const answer = await this.tell(request);
      if (request.kind === 'place')
        for (const result of listIn(answer.body, 'results'))
          if (partOf(result, 'status') === 'ACCEPTED')
            this.resting.get(request.trader)?.push(String(partOf(result, 'orderId')));
      await sleep(choices.next() * 30);
    }
  }

  private async next(choices: Choices, key: () => Record<string, string>): Promise<Request> {
    const trader = choices.pick(this.all);
    const open = this.resting.get(trader) ?? [];
    const choice = choices.next();
    if (open.length > 3 && choice < 0.35) {
      const [orderId = ''] = open.splice(Math.floor(choices.next() * open.length), 1);
      return { kind: 'cancel', trader, method: 'DELETE', path: `/v2/orders/${orderId}`, headers: key() };
    }
    if (open.length > 0 && choice < 0.5) {
      const orderId = choices.pick(open);
      const version = await this.versionOf(trader, orderId);
      const change = choices.pick([{ quantity: 400 }, { quantity: 2 }, { price: 1_605 }, { price: 1_605.03 }]);
      const headers = { ...key(), 'If-Match': version };
      return { kind: 'change', trader, method: 'PUT', path: `/v3/orders/${orderId}`, headers, body: change };
    }
    const placing = { kind: 'place', trader, method: 'POST', headers: key() } as const;
    if (choice < 0.75) return { ...placing, path: '/v2/orders', body: lineOf(choices) };
    const orders = Array.from({ length: 2 + Math.floor(choices.next() * 6) }, () => lineOf(choices));
    return { ...placing, path: '/v2/orders/multi', body: { orders } };
  }

  /** As the order book has it, which may be a moment old. */
  private async versionOf({ apiKey }: Trader, orderId: string): Promise<string> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        const { headers } = await this.deployment.query(`/v2/orders/${orderId}`, { headers: { 'X-Api-Key': apiKey } });
        return headers.get('etag') ?? '"0"';
      } catch (error) {
        if (this.isGivenUp || Date.now() > giveUpAt) throw error;
        await sleep(ASK_AGAIN_MS);
      }
    }
  }
}

const lineOf = (choices: Choices): object => {
  const side = choices.pick(['BUY', 'SELL']);
  const market = { side, product: 'CNC', orderType: 'MARKET', quantity: 1 + Math.floor(choices.next() * 3) };
  // Within the day anything may be sold; for delivery only what was bought before: the rest is denied.
  const product = choices.pick(['CNC', 'MIS']);
  return choices.pick([
    { ...market, product, symbol: choices.pick(['NSE:RELIANCE', 'NSE:TCS', 'NSE:HDFCBANK']) },
    { ...market, product, symbol: choices.pick(['NSE:RELIANCE', 'NSE:TCS']), validity: 'IOC' },
    { ...market, symbol: 'NSE:LIBERTSHOE', quantity: 300 }, // fills in parts
    { ...market, symbol: 'NSE:MRF', side: 'BUY', quantity: 600 }, // Rs 9 crore: denied
    { ...market, symbol: 'NSE:INFY', side: 'BUY', orderType: 'LIMIT', price: 1_600 }, // rests
    { ...market, symbol: 'NSE:INFY', side: 'BUY', orderType: 'LIMIT', price: 1_630 }, // rests, and fills by and by
  ]);
};
