/**
 * What a story needs to know of the software it runs against, whether that is one process or a fleet of them: how to ask
 * it over HTTP, how to end it, and how to read its log behind its back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '#event-log/event-log';
import type { RunningProcess } from '#platform/running-process';
import { openPool } from '#read-models/pool';
import { rebuild, type RebuildOptions, type RebuildReport } from '#read-models/rebuild';
import type { Ended } from './app-process';

export const REQUEST_TIMEOUT_MS = 30_000;
const REBUILD_STATEMENT_TIMEOUT_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body to the letter. */
  readonly text: string;
  /** The body as JSON, `undefined` when it is none. */
  readonly body: unknown;
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, without a Content-Type of ours. */
  readonly raw?: string;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
  readonly accountId: string;
}

/** Nobody listens where the request should go. It was not sent. */
export class NobodyThere extends Error {
  override readonly name = 'NobodyThere';
}

export abstract class Deployment {
  /** Of the trader in whose name a request is made that brings no identity of its own. */
  abstract readonly credentials: Credentials;
  /** Requests whose connection was cut before they were answered. */
  cutOff = 0;
  private turn = 0;

  /** Starts what does not run and resolves when all of it is ready. @throws Error with what a process said that ended instead. */
  abstract start(): Promise<void>;
  /** Asks every process to stop, as a process manager does, and waits until all have: as one, the worst of all exit codes. */
  abstract stop(signal?: 'SIGTERM' | 'SIGINT'): Promise<Ended>;
  /** Takes every process away without a word. Databases stay, as after an accident. */
  abstract kill(): Promise<void>;
  /** Leaves nothing running and nothing on the disk, whatever happened before. */
  abstract dispose(): Promise<void>;
  /** The processes that `stop` ends. */
  abstract family(): readonly RunningProcess[];
  /** Connection string of the database. */
  abstract databaseUrl(): Promise<string>;
  /** The log, past every process. Whoever asks closes it. */
  protected abstract openLog(): Promise<EventLog>;
  protected abstract rebuildOptions(): Promise<RebuildOptions>;
  /** Where the processes listen that run now. */
  abstract commandUrls(): readonly string[];
  abstract queryUrls(): readonly string[];

  /** One of the processes that take orders. */
  get commandUrl(): string {
    return firstOf(this.commandUrls());
  }

  /** One of the processes that answer questions. */
  get queryUrl(): string {
    return firstOf(this.queryUrls());
  }

  command(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    return this.ask(this.commandUrls(), method, path, ask);
  }

  query(path: string, ask: Ask = {}): Promise<Answer> {
    return this.ask(this.queryUrls(), 'GET', path, ask);
  }

  /** A view as it is once everything up to `position` is in it. @throws Error when it does not get there in time. */
  async queryFrom(path: string, position: number, headers: Ask['headers'] = {}): Promise<Answer> {
    const giveUpAt = Date.now() + REQUEST_TIMEOUT_MS;
    for (;;) {
      const answer = await this.query(path, {
        headers: { ...headers, 'Coordinator-Min-Position': String(position) },
      });
      if (answer.status !== 503) return answer;
      if (Date.now() > giveUpAt) throw new Error(`the views did not reach ${String(position)}: ${answer.text}`);
    }
  }

  /** Every item of a list, page by page. */
  async queryAll(path: string, position: number, headers: Ask['headers'] = {}): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    for (let cursor = ''; ;) {
      const separator = path.includes('?') ? '&' : '?';
      const page = await this.queryFrom(`${path}${separator}limit=200${cursor}`, position, headers);
      const list = partOf(page.body, 'items');
      if (page.status !== 200 || !Array.isArray(list)) throw new Error(`${path}: ${String(page.status)} ${page.text}`);
      items.push(...(list as unknown[]));
      const next = partOf(page.body, 'nextCursor');
      if (typeof next !== 'string') return items;
      cursor = `&cursor=${next}`;
    }
  }

  /** Reads the log past everybody. */
  async withLog<T>(read: (log: EventLog) => Promise<T>): Promise<T> {
    const log = await this.openLog();
    try {
      return await read(log);
    } finally {
      await log.close();
    }
  }

  /** Builds the read models anew beside the live ones and compares. */
  async rebuild(): Promise<RebuildReport> {
    const pool = openPool(await this.databaseUrl(), {
      name: 'story',
      max: 6,
      statementTimeoutMs: REBUILD_STATEMENT_TIMEOUT_MS,
      onTrouble: () => undefined,
    });
    try {
      const options = await this.rebuildOptions();
      return await this.withLog((log) => rebuild(log, pool, options));
    } finally {
      await pool.end();
    }
  }

  /** One request at one process, in the trader's name unless it brings its own identity. @throws when nobody answers. */
  async request(url: string, method: string, { headers = {}, body, raw }: Ask = {}): Promise<Answer> {
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const isIdentified = names.includes('x-api-key') || names.includes('authorization');
    const response = await fetch(url, {
      method,
      headers: {
        ...(!isIdentified && { 'X-Api-Key': this.credentials.apiKey }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(raw !== undefined ? { body: raw } : body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: jsonIn(text) };
  }

  /**
   * Asks the processes in turn. Where one refuses the connection, the next is asked; where one cuts it, the next is asked
   * if the request may be made twice: a question, or one that bears a key or a version.
   */
  private async ask(urls: readonly string[], method: string, path: string, ask: Ask): Promise<Answer> {
    this.turn += 1;
    const names = Object.keys(ask.headers ?? {}).map((name) => name.toLowerCase());
    const mayRepeat = method === 'GET' || names.includes('idempotency-key') || names.includes('if-match');
    let failure: unknown = new NobodyThere('no such process runs');
    for (let tried = 0; tried < urls.length; tried += 1) {
      const url = urls[(this.turn + tried) % urls.length] ?? '';
      try {
        return await this.request(`${url}${path}`, method, ask);
      } catch (error) {
        const wasSent = !isRefused(error);
        failure = error;
        if (wasSent) this.cutOff += 1;
        if (wasSent && !mayRepeat) break;
      }
    }
    throw failure;
  }
}

const firstOf = (urls: readonly string[]): string => {
  const [url] = urls;
  if (url === undefined) throw new NobodyThere('no such process runs');
  return url;
};

const isRefused = (error: unknown): boolean => partOf(partOf(error, 'cause'), 'code') === 'ECONNREFUSED';

/** A part of an answer by name; `undefined` where there is none. */
export const partOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** A part of an answer that is a list; empty where there is none. */
export const listIn = (value: unknown, name: string): readonly unknown[] => {
  const list = partOf(value, name);
  return Array.isArray(list) ? (list as unknown[]) : [];
};

/** `Coordinator-Position` of an answer, 0 when it has none. */
export const positionOf = ({ headers }: Answer): number => Number(headers.get('coordinator-position') ?? 0);

/** Tries until it holds. @throws Error saying what did not come true. */
export const eventually = async <T>(
  what: string,
  attempt: () => Promise<T | undefined>,
  timeoutMs = 60_000,
): Promise<T> => {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const found = await attempt();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(`it did not come true: ${what}`);
    await sleep(50);
  }
};

export const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
