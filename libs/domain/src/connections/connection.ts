import { type Decider, refuse } from '../decider';
import type { Evidence } from '../orders/order';

/** One login at the broker. Nothing in here is a secret: those are sealed elsewhere, under the connection's name. */
interface Session {
  /** The broker's name for its client. */
  readonly clientId: string;
  /** By the broker's rules, epoch milliseconds. */
  readonly sessionEndsAt: number;
  /** Tells one login from the next, so that a complaint about an older one can be passed over. */
  readonly sessionId?: string;
  /** Of a registered algorithm, sent with each order where the broker takes it. */
  readonly algoId?: string;
  /** Local address that orders leave from, as it is registered with the broker. */
  readonly egressAddress?: string;
}

interface Parties {
  readonly connectionId: string;
  readonly accountId: string;
  readonly userId: string;
  readonly broker: string;
}

/** `expired` by the clock; `auth` and `address`: the broker refuses the session, or the address it is used from. */
export type LoginReason = 'expired' | 'auth' | 'address';

/* ---------------------------------------------------------------------------------------------------- events */

export type ConnectionEvent =
  | { readonly type: 'ConnectionOpened'; readonly data: Parties & Session }
  /** Somebody logged in again: a new session of the same client, with its own settings. */
  | { readonly type: 'ConnectionRenewed'; readonly data: Session }
  /** No order goes out until somebody logs in. */
  | { readonly type: 'LoginRequired'; readonly data: { readonly reason: LoginReason; readonly evidence?: Evidence } }
  /** The owner wants no more of it; the secret is erased. */
  | { readonly type: 'ConnectionClosed'; readonly data: Readonly<Record<string, never>> };

/* -------------------------------------------------------------------------------------------------- commands */

export type ConnectionCommand =
  | { readonly type: 'OpenConnection'; readonly data: Parties & Session }
  | { readonly type: 'RenewConnection'; readonly data: Session }
  /** `sessionId`: which session is complained of; the present one, whichever that is, when absent. */
  | {
      readonly type: 'RequireLogin';
      readonly data: { readonly reason: LoginReason; readonly evidence?: Evidence; readonly sessionId?: string };
    }
  | { readonly type: 'CloseConnection'; readonly data: Readonly<Record<string, never>> };

/* ----------------------------------------------------------------------------------------------------- state */

export type Connection =
  { readonly status: 'new' } | (Parties & Session & { readonly status: 'open' | 'login-required' | 'closed' });

/* ------------------------------------------------------------------------------------------- decide and evolve */

const decide = (command: ConnectionCommand, connection: Connection): readonly ConnectionEvent[] => {
  switch (command.type) {
    case 'OpenConnection': {
      const opened: ConnectionEvent = { type: 'ConnectionOpened', data: command.data };
      if (connection.status === 'new') return [opened];
      if (!sameParties(connection, command.data)) return refuse('connection.other-account');
      if (connection.status === 'closed') return [opened];
      return renew(connection, sessionOf(command.data));
    }
    case 'RenewConnection':
      if (connection.status === 'new') return refuse('connection.unknown');
      if (connection.status === 'closed') return refuse('connection.closed');
      return renew(connection, command.data);
    case 'RequireLogin': {
      if (connection.status === 'new') return refuse('connection.unknown');
      if (connection.status !== 'open') return []; // nobody is logged in
      const { sessionId, ...data } = command.data;
      // The complaint is older than the login that answers it.
      if (sessionId !== undefined && sessionId !== connection.sessionId) return [];
      return [{ type: 'LoginRequired', data }];
    }
    case 'CloseConnection':
      if (connection.status === 'new') return refuse('connection.unknown');
      return connection.status === 'closed' ? [] : [{ type: 'ConnectionClosed', data: {} }];
  }
};

/**
 * Each login is news, even where the session ends at the same hour as the one before: whoever holds the older one must
 * take the newer. Only the same login told twice is nothing, as long as nobody refused it.
 */
const renew = (connection: Exclude<Connection, { status: 'new' }>, session: Session): readonly ConnectionEvent[] => {
  if (session.clientId !== connection.clientId) return refuse('connection.other-client');
  const isToldTwice =
    connection.status === 'open' && session.sessionId !== undefined && session.sessionId === connection.sessionId;
  return isToldTwice ? [] : [{ type: 'ConnectionRenewed', data: session }];
};

const sameParties = (one: Parties, other: Parties): boolean =>
  one.connectionId === other.connectionId &&
  one.accountId === other.accountId &&
  one.userId === other.userId &&
  one.broker === other.broker;

const partiesOf = ({ connectionId, accountId, userId, broker }: Parties): Parties => ({
  connectionId,
  accountId,
  userId,
  broker,
});

const sessionOf = ({ clientId, sessionEndsAt, sessionId, algoId, egressAddress }: Session): Session => ({
  clientId,
  sessionEndsAt,
  ...(sessionId !== undefined && { sessionId }),
  ...(algoId !== undefined && { algoId }),
  ...(egressAddress !== undefined && { egressAddress }),
});

const evolve = (connection: Connection, event: ConnectionEvent): Connection => {
  if (event.type === 'ConnectionOpened') return { status: 'open', ...partiesOf(event.data), ...sessionOf(event.data) };
  if (connection.status === 'new') return connection;
  switch (event.type) {
    case 'ConnectionRenewed':
      return { status: 'open', ...partiesOf(connection), ...sessionOf(event.data) };
    case 'LoginRequired':
      return { ...connection, status: 'login-required' };
    case 'ConnectionClosed':
      return { ...connection, status: 'closed' };
  }
};

/** One account's connection to one broker: who may send orders there, and until when. */
export const connection: Decider<Connection, ConnectionCommand, ConnectionEvent> = {
  initial: { status: 'new' },
  decide,
  evolve,
};
