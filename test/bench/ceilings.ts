import { hasFields, type Child, startChild } from './child';

/** What the bare server needs to know to start. */
export interface BareServer {
  /** Has the table `bare_orders`. */
  readonly insertUrl: string;
  /** Has the read models. */
  readonly readUrl: string;
}

export interface BareServerStarted {
  readonly origin: string;
}

/** The ceiling of what is served over HTTP: Fastify and `pg` and nothing else, in a process of its own. */
export const startBareServer = (): Child<BareServer, BareServerStarted> =>
  startChild('bare-server.js', hasFields<BareServerStarted>('origin'));
