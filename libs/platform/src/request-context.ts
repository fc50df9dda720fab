/** What belongs to the request being served, reachable from any code that runs for it. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

export interface RequestContext {
  /** Follows one request from its first log line to the events it caused and the rows built from them. */
  readonly correlationId: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work` as part of a request; everything it awaits belongs to it too. */
export const runInContext = <Result>(context: RequestContext, work: () => Result): Result => storage.run(context, work);

export const currentContext = (): RequestContext | undefined => storage.getStore();

/** The correlation id of the request being served, or a new one for work that nobody asked for. */
export const correlationId = (): string => storage.getStore()?.correlationId ?? randomUUID();

/** A client may bring its own id, but only one that is safe in a log line and a header. */
export const correlationIdOf = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : randomUUID();
