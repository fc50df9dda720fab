import { LRUCache } from 'lru-cache';
import { type Decider, type DomainEvent, fold } from '#domain/decider';
import type { Route } from '#domain/orders/order';
import {
  accountRouting,
  type AccountRouting,
  type AskedRoute,
  fallback,
  type Fallback,
  routesOf,
} from '#domain/settings/routing';
import type { HouseSettings } from '#domain/settings/house-settings';
import type { UserSettings } from '#domain/settings/user-settings';
import type { EventLog } from '#event-log/event-log';
import type { Brokers } from '#brokers/broker';

/** Where an account's orders may go, first choice first, as of the moment it was asked for. */
export interface Routes {
  of(asked: AskedRoute, accountBroker: string): readonly Route[];
  /** Whether an order that was provably not sent may go to the next of them. */
  readonly failover: boolean;
  /** Dispatches of one order, all brokers together. */
  readonly maxAttempts: number;
  /** Whether the lines of a request may fare differently. */
  readonly allowPartial: boolean;
}

/** What an account's owner and the house have set that bears on routes: see `settings.ts`. */
export interface RoutePreferences {
  readonly user: Pick<UserSettings, 'defaultBroker' | 'autoRetryOnNetworkFailure' | 'allowPartialMultiOrder'>;
  readonly house: Pick<HouseSettings, 'brokerFailoverEnabled'>;
}

/** Settings that another process changed are known here so much later at most. */
const BELIEVED_MS = 1_000;

export const routingStreamOf = (accountId: string): string => `settings-routing-${accountId}`;
export const FALLBACK_STREAM = 'settings-routing';

/** The settings that decide on routes, from their streams. */
export class Routing {
  private readonly settings: LRUCache<string, { readonly state: unknown }>;

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    private readonly brokers: Brokers,
    private readonly preferencesOf: (accountId: string) => Promise<RoutePreferences>,
  ) {
    this.settings = new LRUCache({ max: 50_000, ttl: BELIEVED_MS });
  }

  async of(accountId: string): Promise<Routes> {
    const isOnPaper = this.brokers.connected(accountId).every((name) => this.brokers.of(accountId, name)?.isPaper);
    const [chosen, set, { user, house }] = await Promise.all([
      isOnPaper ? accountRouting.initial : this.account(accountId), // there is nothing to choose from
      this.fallback(),
      this.preferencesOf(accountId),
    ]);
    // What is chosen for the account goes before what its owner chose for all of theirs.
    const defaultBroker = chosen.defaultBroker ?? user.defaultBroker;
    const mine = { ...chosen, ...(defaultBroker !== undefined && { defaultBroker }) };
    const everybodys = { ...set, failover: set.failover && house.brokerFailoverEnabled };
    return {
      failover: everybodys.failover,
      maxAttempts: user.autoRetryOnNetworkFailure ? set.maxAttempts : 1,
      allowPartial: user.allowPartialMultiOrder,
      of: (asked, accountBroker) => routesOf(asked, mine, everybodys, this.brokers.connected(accountId), accountBroker),
    };
  }

  account(accountId: string): Promise<AccountRouting> {
    return this.read(accountRouting, routingStreamOf(accountId));
  }

  fallback(): Promise<Fallback> {
    return this.read(fallback, FALLBACK_STREAM);
  }

  /** Something was set here: the next order must know. */
  forget(stream: string): void {
    this.settings.delete(stream);
  }

  private async read<State, Command, Event extends DomainEvent>(
    decider: Decider<State, Command, Event>,
    stream: string,
  ): Promise<State> {
    const known = this.settings.get(stream);
    if (known) return known.state as State;
    const events = await this.log.readStream(stream);
    const state = fold(
      decider,
      decider.initial,
      events.map((event) => event as DomainEvent as Event),
    );
    this.settings.set(stream, { state });
    return state;
  }
}
