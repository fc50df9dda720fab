/** What belongs to the request being served, reachable from any code that runs for it. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

export interface RequestContext {
  /** Follows one request from its first log line to the events it caused and the rows built from them. */
  readonly correlationId: string;
}

interface Served {
  readonly context: RequestContext;
  /** What its answer waited for, by name, in milliseconds. */
  readonly waits: Map<string, number>;
}

const storage = new AsyncLocalStorage<Served>();

/** Runs `work` as part of a request; everything it awaits belongs to it too. */
export const runInContext = <Result>(context: RequestContext, work: () => Result): Result =>
  storage.run({ context, waits: new Map() }, work);

export const currentContext = (): RequestContext | undefined => storage.getStore()?.context;

/** The correlation id of the request being served, or a new one for work that nobody asked for. */
export const correlationId = (): string => currentContext()?.correlationId ?? randomUUID();

/** The request being served has waited for somebody else, whose `name` is a token of HTTP. Of work that nobody asked for, nothing is kept. */
export const addWait = (name: string, durationMs: number): void => {
  const waits = storage.getStore()?.waits;
  waits?.set(name, (waits.get(name) ?? 0) + durationMs);
};

/** Those waits as the header `Server-Timing` names them; `undefined` when there were none. */
export const serverTiming = (): string | undefined => {
  const waits = [...(storage.getStore()?.waits ?? [])];
  if (waits.length === 0) return undefined;
  return waits.map(([name, durationMs]) => `${name};dur=${durationMs.toFixed(3)}`).join(', ');
};

/** A client may bring its own id, but only one that is safe in a log line and a header. */
export const correlationIdOf = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : randomUUID();
