/** The people of a story about what may be ordered: traders of their own, an admin, and what they ask for. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Coordinator } from './coordinator';
import { type Answer, type Ask, listIn, partOf } from './deployment';
import { root } from './workspace';

export interface Person {
  readonly email: string;
  readonly apiKey: string;
  readonly userId: string;
}

const MAKE_ADMIN_TIMEOUT_MS = 30_000;

export class Desk {
  constructor(private readonly coordinator: Coordinator) {}

  /** Somebody new, with a paper account of one crore rupees. */
  async trader(): Promise<Person> {
    const email = `trader-${randomUUID()}@example.com`;
    const { status, body, text } = await this.coordinator.command('POST', '/auth/register', {
      body: { email, password: 'correct horse battery' },
    });
    if (status !== 201) throw new Error(`nobody was registered: ${text}`);
    return { email, apiKey: String(partOf(body, 'apiKey')), userId: String(partOf(body, 'userId')) };
  }

  /** By the command for it, before they have asked for anything: no process knows them under another role. */
  async admin(): Promise<Person> {
    const person = await this.trader();
    const script = join(root, 'dist/apps/command/src/make-admin.js');
    const { status, stderr } = spawnSync(process.execPath, [script, person.email], {
      cwd: root,
      env: { PATH: process.env['PATH'], DATA_DIR: this.coordinator.dataDir },
      encoding: 'utf8',
      timeout: MAKE_ADMIN_TIMEOUT_MS,
    });
    if (status !== 0) throw new Error(`nobody was made an admin: ${stderr}`);
    return person;
  }

  as({ apiKey }: Person, method: string, path: string, ask: Ask = {}): Promise<Answer> {
    return this.coordinator.command(method, path, { ...ask, headers: { ...ask.headers, 'X-Api-Key': apiKey } });
  }

  /** Changes settings, as somebody who has just looked. @throws Error when they were not changed. */
  async set(who: Person, whose: 'user' | 'house', body: object): Promise<void> {
    const { headers } = await this.as(who, 'GET', `/v2/settings/${whose}`);
    const ifMatch = { 'If-Match': headers.get('etag') ?? '' };
    const { status, text } = await this.as(who, 'PATCH', `/v2/settings/${whose}`, { headers: ifMatch, body });
    if (status !== 200) throw new Error(`the settings were not changed: ${text}`);
  }

  place(who: Person, ...lines: readonly object[]): Promise<Answer> {
    return this.as(who, 'POST', '/v2/orders/multi', {
      headers: { 'Idempotency-Key': randomUUID() },
      body: { orders: lines },
    });
  }

  /** An order that must be accepted; its id. */
  async accepted(who: Person, line: object): Promise<string> {
    const answer = await this.place(who, line);
    if (answer.status !== 200) throw new Error(`the order was not accepted: ${answer.text}`);
    return String(partOf(resultsIn(answer)[0], 'orderId'));
  }

  /** Asks for a change of an order as it stands now. */
  async change(who: Person, orderId: string, body: object): Promise<Answer> {
    const { headers } = await this.coordinator.query(`/v2/orders/${orderId}`, {
      headers: { 'X-Api-Key': who.apiKey, 'Coordinator-Min-Position': String(await this.head()) },
    });
    const ifMatch = { 'If-Match': headers.get('etag') ?? '' };
    return this.as(who, 'PUT', `/v3/orders/${orderId}`, { headers: ifMatch, body });
  }

  /** What the read side tells of an order, everything that was recorded so far included. */
  async history(who: Person, orderId: string): Promise<readonly Happened[]> {
    const headers = { 'X-Api-Key': who.apiKey };
    const { body } = await this.coordinator.queryFrom(`/v2/orders/${orderId}/history`, await this.head(), headers);
    return listIn(body, 'items') as readonly Happened[];
  }

  async order(who: Person, orderId: string): Promise<unknown> {
    const headers = { 'X-Api-Key': who.apiKey };
    return (await this.coordinator.queryFrom(`/v2/orders/${orderId}`, await this.head(), headers)).body;
  }

  /** Where the log stands. */
  head(): Promise<number> {
    return this.coordinator.withLog((log) => log.head());
  }
}

export interface Happened {
  readonly type: string;
  readonly data: { readonly verdicts?: readonly Verdict[] };
}

/** As the API tells it. */
export interface Verdict {
  readonly check: string;
  readonly outcome: string;
  readonly rule?: string;
  readonly limit?: number | string;
  readonly actual?: number | string;
  readonly effectiveFrom?: string;
  readonly reason?: string;
}

export const resultsIn = ({ body }: Answer): readonly unknown[] => listIn(body, 'results');

export const verdictsIn = (result: unknown): readonly Verdict[] => listIn(result, 'verdicts') as readonly Verdict[];

export const failedIn = (verdicts: readonly Verdict[]): readonly string[] =>
  verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check);
