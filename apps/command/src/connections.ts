import { createHash, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { v5 as uuidv5 } from 'uuid';
import { connection, type Connection, type ConnectionCommand, type LoginReason } from '#domain/connections/connection';
import { type DomainEvent, fold } from '#domain/decider';
import type { Evidence } from '#domain/orders/order';
import { type EventLog, EventLogUnavailable, type EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import type { Broker, Brokers, ReportListener } from '#brokers/broker';
import { capabilitiesAt } from '#brokers/capabilities';
import {
  BROKER_NAMES,
  type BrokerAdapter,
  type BrokerClient,
  type BrokerInstruments,
  type BrokerName,
  type Credentials,
} from '#brokers/client';
import { ConnectedBroker } from '#brokers/connected-broker';
import { Governor, type SlidingWindows } from '#brokers/governor';
import type { LastPrices } from '#brokers/last-prices';
import { type BrokerOperation, observedClient } from '#brokers/observed-client';
import { istDay } from '#brokers/fields';
import type { Alarm, OpenOrder } from '#brokers/order-follower';
import { type Vault, VaultError } from '#platform/vault';

export interface ConnectionsOptions {
  readonly log: EventLog;
  readonly vault: Vault;
  /** Serves every account that has no connection of its own. */
  readonly paper: Broker;
  readonly adapters: Readonly<Record<BrokerName, BrokerAdapter>>;
  /** Instead of the real hosts; `real` for these. */
  readonly baseUrls: Partial<Readonly<Record<BrokerName, string>>>;
  readonly instruments: Readonly<Record<BrokerName, BrokerInstruments>>;
  readonly prices: LastPrices;
  readonly windows: SlidingWindows;
  /** What the clock of a broker's market shows: the real one, or that of the day that a stand-in replays. */
  readonly marketNowMs: (broker: BrokerName) => number;
  readonly timeoutMs: number;
  /** Instead of what each broker's capabilities say. */
  readonly settleMs?: number;
  readonly reconcileMs: number;
  readonly now: () => number;
  /** What is open at a broker for an account. */
  readonly openOrders: (accountId: string, broker: string) => Promise<readonly OpenOrder[]>;
  /** Whether it is this process that follows the orders of all connections. */
  readonly isKeeper: () => boolean;
  readonly onAlarm: (broker: BrokerName, kind: Alarm, evidence: Evidence) => void;
  /** A broker was called, and so long it took. Must not throw. */
  readonly onCall: (broker: BrokerName, operation: BrokerOperation, durationMs: number) => void;
  /** Work behind the scenes that failed and is tried again. */
  readonly onError: (error: unknown) => void;
}

/** A connection as its owner may see it. */
export interface ConnectionView {
  readonly connectionId: string;
  readonly accountId: string;
  readonly broker: BrokerName;
  readonly clientId: string;
  readonly state: 'CONNECTED' | 'LOGIN_REQUIRED' | 'DISCONNECTED';
  readonly sessionEndsAt: string;
}

export interface ConnectRequest {
  readonly userId: string;
  readonly accountId: string;
  readonly broker: BrokerName;
  readonly credentials: Credentials;
  readonly algoId?: string;
  readonly egressAddress?: string;
}

/** Of connection ids: one for each account and broker. */
const CONNECTIONS = '0c6b1b3e-58a8-5d6f-8a39-7a3a2b8f5d11';
export const connectionIdOf = (accountId: string, broker: BrokerName): string =>
  uuidv5(`${accountId}/${broker}`, CONNECTIONS);

/** What another process connected is known here this much later at most. */
const BELIEVED_MS = 1_000;
const FOLLOW_EVERY_MS = 500;
/** A process may die between recording that a session is over and touching its secret. */
const LOOK_AGAIN_MS = 15_000;
const QUEUE_MAX = 500;
/** Of every ten orders a second, so many are kept for those that close something. */
const EXIT_RESERVE = 2;
/** The broker's own no to a token that once was good. */
const EXPIRED_CODES = new Set(['AG8002', 'AB1010', 'AB8051', '-8']);

/** Beside the credentials: which login they are of. */
const SESSION = 'sessionId';

const sealedName = (accountId: string, broker: BrokerName): string => `connection/${accountId}/${broker}`;

interface Open {
  readonly broker: ConnectedBroker;
  readonly accountId: string;
  readonly revision: number;
  readonly credentialsHash: string;
  readonly sessionEndsAt: number;
  readonly sessionId: string | undefined;
}

/** What tells one login from another, and as whom its orders are sent. */
interface SessionIdentity {
  readonly clientId: string;
  readonly sessionId: string | undefined;
  readonly algoId: string | undefined;
  readonly egressAddress: string | undefined;
}

/**
 * The connections of all accounts to real brokers: their secrets in the vault, their state in the log, their sessions in
 * this process. One process, the keeper, follows the orders of all of them.
 */
export class Connections implements Brokers {
  readonly names: readonly string[];
  private readonly open = new Map<string, Open>();
  private lastOverview: Overview | undefined;
  private asking: Promise<Overview> | undefined;
  private readonly loading = new Map<string, Promise<void>>();
  private listener: ReportListener | undefined;
  /** By connection: what of it in the vault has been looked at. */
  private readonly seen = new LRUCache<string, string>({ max: 50_000, ttl: LOOK_AGAIN_MS });
  private readonly followed = new Map<
    string,
    { readonly broker: ConnectedBroker; readonly stop: () => Promise<void> }
  >();

  constructor(private readonly options: ConnectionsOptions) {
    this.names = [options.paper.name, ...BROKER_NAMES];
  }

  of(accountId: string, broker: string): Broker | undefined {
    if (broker === this.options.paper.name) return this.hasAny(accountId) ? undefined : this.options.paper;
    const found = this.open.get(`${accountId}/${broker}`);
    return found && found.sessionEndsAt > this.options.now() ? found.broker : undefined;
  }

  connected(accountId: string): readonly string[] {
    return this.names.filter((name) => this.of(accountId, name) !== undefined);
  }

  marketNowMs(broker: string): number | undefined {
    if (broker === this.options.paper.name) return this.options.paper.marketNowMs();
    const known = BROKER_NAMES.find((name) => name === broker);
    return known && this.options.marketNowMs(known);
  }

  /**
   * While the vault is away, everybody goes on with what is known of them.
   * @throws EventLogUnavailable where that is nothing: nobody can say now where the account may trade.
   */
  async refresh(accountId: string): Promise<void> {
    const { all } = await this.overview();
    const hasMoved = BROKER_NAMES.some((broker) => {
      const changed = all.get(sealedName(accountId, broker));
      const key = `${accountId}/${broker}`;
      return changed === undefined ? this.open.has(key) : this.seen.get(key) !== changed;
    });
    if (!hasMoved) return;
    try {
      await this.load(accountId);
    } catch (error) {
      if (this.connected(accountId).every((name) => name === this.options.paper.name))
        throw new EventLogUnavailable('the connections of the account cannot be looked up', { cause: error });
      this.options.onError(error);
    }
  }

  /** Follows the orders of every connection for as long as this process is the keeper. */
  subscribe(listener: ReportListener): () => Promise<void> {
    this.listener = listener;
    const unsubscribePaper = this.options.paper.subscribe(listener);
    let running: Promise<void> | undefined;
    const timer = setInterval(() => {
      running ??= this.follow(listener)
        .catch(this.options.onError)
        .finally(() => (running = undefined));
    }, FOLLOW_EVERY_MS);
    return async () => {
      clearInterval(timer);
      await running;
      await Promise.all([unsubscribePaper(), ...[...this.followed.values()].map(({ stop }) => stop())]);
      this.followed.clear();
      await Promise.all([...this.open.values()].map(({ broker }) => broker.close()));
    };
  }

  /**
   * Asks the broker whose session this is. @throws ConnectError when it knows none, or when the account is connected to
   * that broker for another client.
   */
  async clientIdOf(
    accountId: string,
    {
      broker,
      credentials,
      egressAddress,
    }: Pick<ConnectRequest, 'broker' | 'credentials'> & { egressAddress?: string | undefined },
  ): Promise<string> {
    const sessionEndsAt = this.options.adapters[broker].sessionEndsAt(this.options.now(), credentials);
    if (sessionEndsAt <= this.options.now())
      throw new ConnectError('expired', { code: 'TOKEN_EXPIRED', message: 'the session is over' });
    const profile = await this.clientOf(broker, credentials, egressAddress).validate();
    if (profile.outcome === 'failed') throw connectErrorOf(profile);
    const { clientId } = profile.value;
    const { state } = await this.read(connectionIdOf(accountId, broker));
    if (state.status !== 'new' && state.clientId !== clientId)
      throw new ConnectError('mismatch', { code: 'OTHER_CLIENT', message: 'the session belongs to another client' });
    return clientId;
  }

  /**
   * Asks the broker whose session this is, seals the credentials and records the connection.
   * @throws ConnectError; then nothing was kept.
   */
  async connect(request: ConnectRequest): Promise<ConnectionView> {
    const { accountId, userId, broker, credentials, algoId, egressAddress } = request;
    const { vault, now, adapters } = this.options;
    const connectionId = connectionIdOf(accountId, broker);
    const clientId = await this.clientIdOf(accountId, request);
    const sessionId = randomUUID();
    const session = {
      clientId,
      sessionId,
      sessionEndsAt: adapters[broker].sessionEndsAt(now(), credentials),
      ...(algoId !== undefined && { algoId }),
      ...(egressAddress !== undefined && { egressAddress }),
    };
    // Sealed first: a connection that stands in the log can be opened. With the session's id, because two may do this at once.
    await vault.put(sealedName(accountId, broker), { ...credentials, [SESSION]: sessionId });
    const data = { connectionId, accountId, userId, broker, ...session };
    await this.decide(connectionId, { type: 'OpenConnection', data }, { userId, accountId });
    await vault.touch(sealedName(accountId, broker));
    await this.load(accountId);
    return this.view(accountId, broker);
  }

  /** Erases the secret; what is open at the broker stays there. */
  async disconnect(accountId: string, userId: string, broker: BrokerName): Promise<ConnectionView> {
    const connectionId = connectionIdOf(accountId, broker);
    await this.decide(connectionId, { type: 'CloseConnection', data: {} }, { userId, accountId });
    await this.options.vault.erase(sealedName(accountId, broker));
    await this.load(accountId);
    return this.view(accountId, broker);
  }

  async views(accountId: string): Promise<readonly ConnectionView[]> {
    const views = await Promise.all(BROKER_NAMES.map((broker) => this.viewOf(accountId, broker)));
    return views.filter((view) => view !== undefined);
  }

  /** Where a broker is called, if not at its real hosts. */
  urlOf(broker: BrokerName): string | undefined {
    return this.options.baseUrls[broker];
  }

  /** The session itself, for whoever asks the broker something else: postbacks, funds. */
  async session(accountId: string, broker: BrokerName): Promise<ConnectedBroker | undefined> {
    await this.refresh(accountId);
    return this.open.get(`${accountId}/${broker}`)?.broker;
  }

  /** For a postback: who is meant, with the secret that it must be signed with. */
  async addressee(connectionId: string, accountId: string, broker: BrokerName): Promise<Credentials | undefined> {
    if (connectionIdOf(accountId, broker) !== connectionId) return undefined;
    const { [SESSION]: _session, ...credentials } =
      (await this.options.vault.open(sealedName(accountId, broker))) ?? {};
    return Object.keys(credentials).length === 0 ? undefined : credentials;
  }

  clientOf(broker: BrokerName, credentials: Credentials, egressAddress?: string): BrokerClient {
    const { adapters, baseUrls, instruments, timeoutMs, now, onCall } = this.options;
    const adapter = adapters[broker];
    const client = adapter.open({
      endpoints: adapter.endpoints(baseUrls[broker] === 'real' ? undefined : baseUrls[broker]),
      credentials,
      instruments: instruments[broker],
      timeoutMs,
      now,
      ...(egressAddress !== undefined && { egressAddress }),
    });
    return observedClient(client, (operation, durationMs) => {
      onCall(broker, operation, durationMs);
    });
  }

  private hasAny(accountId: string): boolean {
    return BROKER_NAMES.some((broker) => this.open.has(`${accountId}/${broker}`));
  }

  private async view(accountId: string, broker: BrokerName): Promise<ConnectionView> {
    const view = await this.viewOf(accountId, broker);
    if (!view) throw new Error(`there is no connection of ${accountId} to ${broker}`);
    return view;
  }

  private async viewOf(accountId: string, broker: BrokerName): Promise<ConnectionView | undefined> {
    const connectionId = connectionIdOf(accountId, broker);
    const { state } = await this.read(connectionId);
    if (state.status === 'new') return undefined;
    const isOver = state.sessionEndsAt <= this.options.now();
    return {
      connectionId,
      accountId,
      broker,
      clientId: state.clientId,
      state:
        state.status === 'closed'
          ? 'DISCONNECTED'
          : state.status === 'open' && !isOver
            ? 'CONNECTED'
            : 'LOGIN_REQUIRED',
      sessionEndsAt: new Date(state.sessionEndsAt).toISOString(),
    };
  }

  /** What is in the vault, asked for once in a while, however many want to know: most accounts have no connection. */
  private async overview(): Promise<Overview> {
    const { vault, now } = this.options;
    const last = this.lastOverview;
    if (last && now() - last.askedAtMs < BELIEVED_MS) return last;
    this.asking ??= vault
      .entries('connection/')
      .then((entries): Overview => ({ askedAtMs: now(), all: byName(entries) }))
      .catch((error: unknown): Overview => {
        if (!last) throw new EventLogUnavailable('connections cannot be looked up', { cause: error });
        this.options.onError(error);
        return { ...last, askedAtMs: now() };
      })
      .finally(() => (this.asking = undefined));
    this.lastOverview = await this.asking;
    return this.lastOverview;
  }

  /** One after the other: what was read first must not be taken for the latest. */
  private async load(accountId: string): Promise<void> {
    const before = this.loading.get(accountId) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => this.loadNow(accountId)); // its failure was for whoever began it
    this.loading.set(accountId, turn);
    try {
      await turn;
    } finally {
      if (this.loading.get(accountId) === turn) this.loading.delete(accountId);
    }
  }

  private async loadNow(accountId: string): Promise<void> {
    const sealed = byName(await this.options.vault.entries(`connection/${accountId}/`));
    for (const broker of BROKER_NAMES) {
      const changed = sealed.get(sealedName(accountId, broker));
      if (changed !== undefined) await this.lookAt(accountId, broker, changed);
      else {
        this.seen.delete(`${accountId}/${broker}`);
        this.drop(`${accountId}/${broker}`);
      }
    }
  }

  /** Looks at a connection again only when somebody has touched it, or has not looked for a while. */
  private async lookAt(accountId: string, broker: BrokerName, changed: string): Promise<void> {
    const key = `${accountId}/${broker}`;
    if (this.seen.get(key) === changed) return;
    try {
      await this.loadOne(accountId, broker, key);
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      // One secret that cannot be opened must not stop the others.
      this.drop(key);
      this.options.onError(error);
    }
    this.seen.set(key, changed);
  }

  private async loadOne(accountId: string, broker: BrokerName, key: string): Promise<void> {
    const { state, revision } = await this.read(connectionIdOf(accountId, broker));
    const known = this.open.get(key);
    if (state.status !== 'open') {
      this.drop(key);
      return;
    }
    if (known?.revision === revision) return;
    const sealed = await this.options.vault.open(sealedName(accountId, broker));
    if (!sealed) {
      this.drop(key);
      return;
    }
    const { [SESSION]: sealedFor, ...credentials } = sealed;
    if (sealedFor !== state.sessionId) return; // of a login that is being recorded, or was refused
    const credentialsHash = createHash('sha256')
      .update(JSON.stringify(Object.entries(credentials).sort()))
      .digest('hex');
    const { clientId, sessionEndsAt, sessionId, algoId, egressAddress } = state;
    const opened = { accountId, revision, credentialsHash, sessionEndsAt, sessionId };
    if (
      known?.sessionId === sessionId &&
      known?.credentialsHash === credentialsHash &&
      isDeepStrictEqual([known.broker.algoId, known.broker.egressAddress], [algoId, egressAddress])
    ) {
      this.open.set(key, { ...opened, broker: known.broker });
      return;
    }
    this.drop(key);
    const connected = this.connectedBroker(accountId, broker, credentials, {
      clientId,
      sessionId,
      algoId,
      egressAddress,
    });
    if (this.listener) connected.follower.hear(this.listener);
    this.open.set(key, { ...opened, broker: connected });
  }

  private connectedBroker(
    accountId: string,
    broker: BrokerName,
    credentials: Credentials,
    { clientId, sessionId, algoId, egressAddress }: SessionIdentity,
  ): ConnectedBroker {
    const { windows, now, instruments, prices, marketNowMs, settleMs, openOrders, reconcileMs, onAlarm } = this.options;
    const capabilities = capabilitiesAt(broker, istDay(now()));
    return new ConnectedBroker({
      client: this.clientOf(broker, credentials, egressAddress),
      capabilities,
      governor: new Governor({
        limits: capabilities.limits,
        windows,
        key: `governor/${broker}/${clientId}`,
        now,
        queueMax: QUEUE_MAX,
        exitReserve: EXIT_RESERVE,
      }),
      instruments: instruments[broker],
      prices,
      marketNowMs: () => marketNowMs(broker),
      settleMs: settleMs ?? capabilities.settleMs,
      openOrders: () => openOrders(accountId, broker),
      reconcileMs,
      now,
      ...(algoId !== undefined && { algoId }),
      ...(egressAddress !== undefined && { egressAddress }),
      onLocked: (reason, evidence) => {
        this.requireLogin(accountId, broker, { reason, evidence, sessionId }).catch(this.options.onError);
      },
      onAlarm: (kind, evidence) => {
        onAlarm(broker, kind, evidence);
      },
    });
  }

  /** The broker refused the session or the address: no order goes there until somebody has logged in again. */
  private async requireLogin(
    accountId: string,
    broker: BrokerName,
    { reason, evidence, sessionId }: { reason: LoginReason; evidence?: Evidence; sessionId: string | undefined },
  ): Promise<void> {
    const key = `${accountId}/${broker}`;
    // A complaint about a session that was renewed meanwhile is none.
    if (this.open.get(key)?.sessionId === sessionId) this.drop(key);
    const data = { reason, ...(evidence && { evidence }), ...(sessionId !== undefined && { sessionId }) };
    const who = { userId: `broker-${broker}`, accountId };
    await this.decide(connectionIdOf(accountId, broker), { type: 'RequireLogin', data }, who);
    await this.options.vault.touch(sealedName(accountId, broker));
  }

  private drop(key: string): void {
    const known = this.open.get(key);
    this.open.delete(key);
    if (known) known.broker.close().catch(this.options.onError);
  }

  private async follow(listener: ReportListener): Promise<void> {
    const { isKeeper, now, onError } = this.options;
    const wanted = new Map<string, Open>();
    if (isKeeper()) {
      const { all: sealed } = await this.overview();
      for (const [name, changed] of sealed) {
        const [, accountId = '', named] = name.split('/');
        const broker = BROKER_NAMES.find((one) => one === named);
        if (broker && this.seen.get(`${accountId}/${broker}`) !== changed) await this.load(accountId).catch(onError);
      }
      for (const [key, open] of this.open) {
        if (!sealed.has(`connection/${key}`)) continue;
        if (open.sessionEndsAt > now()) wanted.set(key, open);
        else
          await this.requireLogin(open.accountId, open.broker.name as BrokerName, {
            reason: 'expired',
            sessionId: open.sessionId,
          }).catch(onError);
      }
    }
    for (const [key, { broker, stop }] of this.followed) {
      if (wanted.get(key)?.broker === broker) continue;
      this.followed.delete(key);
      await stop();
    }
    for (const [key, { broker }] of wanted)
      if (!this.followed.has(key)) this.followed.set(key, { broker, stop: broker.subscribe(listener) });
  }

  private async read(connectionId: string): Promise<{ state: Connection; revision: number }> {
    const events = await this.options.log.readStream(`connection-${connectionId}`);
    const history = events.map((event) => event as DomainEvent as Parameters<typeof connection.evolve>[1]);
    return { state: fold(connection, connection.initial, history), revision: events.at(-1)?.revision ?? -1 };
  }

  private async decide(
    connectionId: string,
    command: ConnectionCommand,
    { userId, accountId }: { userId: string; accountId: string },
  ): Promise<void> {
    const at = this.options.now();
    const correlationId = randomUUID();
    const meta: EventMeta = { userId, accountId, correlationId, causationId: connectionId, at, schemaVersion: 1 };
    await execute(this.options.log, connection, `connection-${connectionId}`, command, meta);
  }
}

/** By name, when each secret was last touched, as it stood at an instant. */
interface Overview {
  readonly askedAtMs: number;
  readonly all: ReadonlyMap<string, string>;
}

/** What is in the vault, and when it was last touched. */
const byName = (entries: readonly { readonly name: string; readonly changed: string }[]): ReadonlyMap<string, string> =>
  new Map(entries.map(({ name, changed }) => [name, changed]));

/** Why a connection did not come about. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  constructor(
    readonly reason: 'expired' | 'auth' | 'mismatch' | 'address' | 'busy' | 'unreachable' | 'unreadable',
    readonly evidence: Evidence,
  ) {
    super(evidence.message ?? evidence.code ?? reason);
  }
}

const connectErrorOf = ({ errorClass, evidence }: { errorClass: string; evidence: Evidence }): ConnectError => {
  if (errorClass === 'auth')
    return new ConnectError(EXPIRED_CODES.has(evidence.code ?? '') ? 'expired' : 'auth', evidence);
  if (errorClass === 'entitlement') return new ConnectError('mismatch', evidence);
  if (errorClass === 'address') return new ConnectError('address', evidence);
  if (errorClass === 'throttled') return new ConnectError('busy', evidence);
  return new ConnectError(errorClass === 'drift' ? 'unreadable' : 'unreachable', evidence);
};
