/** Where orders go: what an account's owner has chosen, what an admin has, and what follows from both. */

import { type Decider, refuse } from '../decider';

/* ----------------------------------------------------------------------------------- the choice of an account */

export interface AccountRouting {
  readonly defaultBroker?: string;
  /** By strategy id. */
  readonly strategyBrokers: Readonly<Record<string, string>>;
}

/** Replaces what was chosen before. */
export interface AccountRoutingEvent {
  readonly type: 'AccountRoutingSet';
  readonly data: AccountRouting;
}

export interface AccountRoutingCommand {
  readonly type: 'SetAccountRouting';
  readonly data: AccountRouting;
}

/** Of stream `settings-routing-{accountId}`. */
export const accountRouting: Decider<AccountRouting, AccountRoutingCommand, AccountRoutingEvent> = {
  initial: { strategyBrokers: {} },
  decide: ({ data }, routing) => (sameChoice(data, routing) ? [] : [{ type: 'AccountRoutingSet', data }]),
  evolve: (_, { data }) => data,
};

const sameChoice = (one: AccountRouting, other: AccountRouting): boolean => {
  const [mine, theirs] = [Object.entries(one.strategyBrokers), new Map(Object.entries(other.strategyBrokers))];
  return (
    one.defaultBroker === other.defaultBroker &&
    mine.length === theirs.size &&
    mine.every(([strategyId, broker]) => theirs.get(strategyId) === broker)
  );
};

/* ------------------------------------------------------------------------------------ the choice of the admin */

export interface Fallback {
  /** Where orders go that nobody chose a broker for, first choice first. */
  readonly brokers: readonly string[];
  /** Whether an order that provably was not sent may go to another broker. */
  readonly failover: boolean;
  /** Dispatches of one order, all brokers together. */
  readonly maxAttempts: number;
}

/** Replaces what was chosen before. */
export interface FallbackEvent {
  readonly type: 'FallbackSet';
  readonly data: Fallback;
}

export interface FallbackCommand {
  readonly type: 'SetFallback';
  readonly data: Fallback;
}

const ATTEMPTS_MAX = 10;

/** Of stream `settings-routing`. Nothing goes elsewhere unless an admin said that it may. */
export const fallback: Decider<Fallback, FallbackCommand, FallbackEvent> = {
  initial: { brokers: [], failover: false, maxAttempts: 3 },
  decide: ({ data }, { brokers, failover, maxAttempts }) => {
    if (new Set(data.brokers).size < data.brokers.length) return refuse('routing.broker-repeated');
    if (!Number.isInteger(data.maxAttempts) || data.maxAttempts < 1 || data.maxAttempts > ATTEMPTS_MAX)
      return refuse('routing.attempts-out-of-range', { min: 1, max: ATTEMPTS_MAX });
    const isSame =
      data.failover === failover &&
      data.maxAttempts === maxAttempts &&
      data.brokers.length === brokers.length &&
      data.brokers.every((broker, n) => broker === brokers[n]);
    return isSame ? [] : [{ type: 'FallbackSet', data }];
  },
  evolve: (_, { data }) => data,
};

/* ----------------------------------------------------------------------------------------- what follows of it */

/** What an order itself says of where it wants to go. */
export interface AskedRoute {
  readonly explicit?: string | undefined;
  readonly strategyId?: string | undefined;
}

export interface ChosenRoute {
  readonly broker: string;
  /** Which choice it was; the first that named the broker. */
  readonly reason: 'explicit' | 'user-default' | 'strategy' | 'account' | 'fallback';
}

/**
 * Where an order goes, and after that where it may go if it provably was not sent: nowhere else unless failover is on.
 * Brokers without a connection are passed over, except the one that the order names: who names a broker means that one,
 * because a position is closed where it is held. No route at all is an empty list.
 */
export const routesOf = (
  { explicit, strategyId }: AskedRoute,
  { defaultBroker, strategyBrokers }: AccountRouting,
  { brokers, failover }: Fallback,
  connected: readonly string[],
  accountBroker?: string,
): readonly ChosenRoute[] => {
  if (explicit !== undefined) return connected.includes(explicit) ? [{ broker: explicit, reason: 'explicit' }] : [];
  const strategyBroker = strategyId === undefined ? undefined : strategyBrokers[strategyId];
  const choices: readonly (readonly [string | undefined, ChosenRoute['reason']])[] = [
    [defaultBroker, 'user-default'],
    [strategyBroker, 'strategy'],
    [accountBroker, 'account'],
    ...brokers.map((broker) => [broker, 'fallback'] as const),
  ];
  const routes = new Map<string, ChosenRoute>();
  for (const [broker, reason] of choices)
    if (broker !== undefined && connected.includes(broker) && !routes.has(broker))
      routes.set(broker, { broker, reason });
  return [...routes.values()].slice(0, failover ? undefined : 1);
};
