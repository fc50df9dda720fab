import { randomBytes } from 'node:crypto';
import type { Dialect, Sessions, SimClient } from './dialect';

/** A code for a socket is good for this long, once. */
const TICKET_LIFE_MS = 60_000;
const TICKETS_MAX = 10_000;

/** Something asked over the control API that cannot be done; `field` names what is wrong. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  constructor(
    readonly status: 404 | 409,
    readonly field: string,
    message: string,
  ) {
    super(message);
  }
}

export interface ClientTerms {
  readonly fundsE4: number;
  readonly postbackUrl?: string | undefined;
  /** Of a client with a registered algorithm: more than everybody may do. */
  readonly ordersPerSecond?: number | undefined;
}

interface Registered extends ClientTerms {
  /** The first half of every secret of the client: what does not change from session to session. */
  readonly lasting: string;
  session: SimClient | undefined;
  /** The latest session, also once it is over: postbacks go on. */
  latest: SimClient | undefined;
}

/** The clients of one simulated broker. A client has one session: a new one ends the one before. */
export class Clients implements Sessions {
  private readonly registered = new Map<string, Registered>();
  private readonly tickets = new Map<string, { readonly client: SimClient; readonly endsAtMs: number }>();

  constructor(
    private readonly dialect: Pick<Dialect, 'credentialsFor'>,
    private readonly now: () => number,
  ) {}

  add(clientId: string, terms: ClientTerms): SimClient {
    if (this.registered.has(clientId)) throw new ClientError(409, 'clientId', `${clientId} exists already`);
    const lasting = randomBytes(16).toString('hex');
    const registered: Registered = { ...terms, lasting, session: undefined, latest: undefined };
    this.registered.set(clientId, registered);
    return this.openSession(clientId);
  }

  openSession(clientId: string): SimClient {
    const registered = this.registered.get(clientId);
    if (registered === undefined) throw new ClientError(404, 'clientId', `there is no client ${clientId}`);
    const secret = `${registered.lasting}${randomBytes(16).toString('hex')}`;
    const credentials = this.dialect.credentialsFor(clientId, secret);
    const session: SimClient = { clientId, credentials, fundsE4: registered.fundsE4 };
    registered.session = session;
    registered.latest = session;
    return session;
  }

  postbackUrlOf(clientId: string): string | undefined {
    return this.registered.get(clientId)?.postbackUrl;
  }

  ordersPerSecondOf(clientId: string): number | undefined {
    return this.registered.get(clientId)?.ordersPerSecond;
  }

  latestOf(clientId: string): SimClient | undefined {
    return this.registered.get(clientId)?.latest;
  }

  /** Ends the session of one client, or of all. */
  expire(clientId?: string): void {
    for (const [id, registered] of this.registered)
      if (clientId === undefined || id === clientId) registered.session = undefined;
  }

  byCredential(field: string, value: string): SimClient | undefined {
    for (const { session } of this.registered.values()) if (session?.credentials[field] === value) return session;
    return undefined;
  }

  issueTicket(client: SimClient): string {
    const ticket = randomBytes(16).toString('hex');
    const [oldest] = this.tickets.keys();
    if (this.tickets.size >= TICKETS_MAX && oldest !== undefined) this.tickets.delete(oldest);
    this.tickets.set(ticket, { client, endsAtMs: this.now() + TICKET_LIFE_MS });
    return ticket;
  }

  redeemTicket(ticket: string): SimClient | undefined {
    const issued = this.tickets.get(ticket);
    this.tickets.delete(ticket);
    if (issued === undefined || issued.endsAtMs <= this.now()) return undefined;
    // A session that was ended meanwhile takes its tickets with it.
    return this.registered.get(issued.client.clientId)?.session === issued.client ? issued.client : undefined;
  }

  forgetTickets(): void {
    this.tickets.clear();
  }
}
