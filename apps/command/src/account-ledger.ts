import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import {
  account,
  type Account,
  accountBy,
  type AccountCommand,
  type AccountEvent,
  type AccountRules,
} from '#domain/accounts/account';
import { accountReaction, askedIn } from '#domain/accounts/reactions';
import { type Decider, type DomainEvent, fold } from '#domain/decider';
import { intent, type Intent, type IntentCommand, type IntentEvent } from '#domain/intents/intent';
import {
  CLOSED,
  order,
  type Order,
  type OrderCommand,
  type OrderDetails,
  type OrderEvent,
  type OrderTerms,
} from '#domain/orders/order';
import { marginPriceE4 } from '#domain/risk/margin-price';
import {
  type EventLog,
  EventLogUnavailable,
  type EventMeta,
  type ExpectedRevision,
  type NewEvent,
  type RecordedEvent,
  type Stage,
  type Write,
  WrongExpectedRevision,
} from '#event-log/event-log';

/** Who asks, and why: becomes every event's `meta`. */
export interface Cause {
  readonly userId: string;
  readonly correlationId: string;
  readonly causationId: string;
}

/** One stream as far as this process knows it. */
interface Folded<State> {
  readonly state: State;
  readonly revision: ExpectedRevision;
}

/**
 * What a piece of work sees and may do. It is synchronous and may run more than once (another process wrote first),
 * so it must not touch anything but this.
 */
export interface Ledger {
  readonly account: Account;
  order(orderId: string): Order;
  /** Revision of the order's last event, -1 while it has none. */
  versionOf(orderId: string): number;
  intent(intentId: string): Intent;
  decideAccount(command: AccountCommand): void;
  /** Decides, and lets the account follow what happened to the order. Returns what happened. */
  decideOrder(orderId: string, command: OrderCommand): readonly OrderEvent[];
  decideIntent(intentId: string, command: IntentCommand): readonly IntentEvent[];
  /** The day of a broker's market that an instant (epoch milliseconds) belongs to. */
  readonly tradingDateOf: (broker: string, atMs: number) => string;
  /** Lets the account hold what the order's present terms need: repeated, it changes nothing. */
  followTerms(orderId: string): void;
}

export interface Committed<T> {
  readonly value: T;
  /** Position of the last event written, or 0 when nothing was. */
  readonly position: number;
}

/** What the day's files and tables say, for the account to decide with. */
export interface LedgerRules {
  /** The day of a broker's market, `YYYY-MM-DD`: today, or the day that an instant (epoch milliseconds) belongs to. */
  tradingDate(broker: string, atMs?: number): string;
  of(account: Account): AccountRules;
  /** Brings into memory what the two answer from. Costs nothing while that is fresh. */
  prepare(): Promise<unknown>;
}

interface Job {
  readonly load: readonly string[];
  readonly cause: Cause;
  readonly work: (ledger: Ledger) => unknown;
  readonly resolve: (committed: Committed<never>) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_JOBS_PER_APPEND = 256;
const MAX_TRIES = 30;
const CONFLICT_PAUSE_MAX_MS = 64;

/** A write that an append which failed as a whole has left in the log. */
interface Stored {
  /** The stream before it. */
  readonly before: Folded<unknown>;
  readonly events: readonly NewEvent[];
  readonly position: number;
}

const DECIDERS = { account, order, intent } as const;
type Kind = keyof typeof DECIDERS;

/** The decider of a stream by its name: `order-{id}` belongs to `order`. */
const kindOf = (stream: string): Kind => {
  if (stream.startsWith('order-')) return 'order';
  if (stream.startsWith('account-')) return 'account';
  if (stream.startsWith('intent-')) return 'intent';
  throw new Error(`no decider for stream ${stream}`);
};

const BLANK: Readonly<Record<Kind, Folded<unknown>>> = {
  account: { state: account.initial, revision: 'no-stream' },
  order: { state: order.initial, revision: 'no-stream' },
  intent: { state: intent.initial, revision: 'no-stream' },
};

/**
 * The write side of one account: everything that touches an account, its orders and its intents passes through one
 * queue per account in this process, and whatever waits there is decided in order and appended together. That keeps a
 * hot account free of conflicts, and one append serves many requests; other processes are met with expected revisions.
 *
 * Order of the writes, so that a crash between any two of them leaves something to go on from: new intents, then what
 * happened to known orders, then the account, then new orders, last the completion of intents. An open intent
 * therefore covers everything that is not finished: see `recovery.ts`.
 */
export class AccountLedgers {
  private readonly queues = new Map<string, Job[]>();
  private readonly accounts = new LRUCache<string, Folded<unknown>>({ max: 20_000 });
  private readonly others = new LRUCache<string, Folded<unknown>>({ max: 20_000 });

  constructor(
    private readonly log: EventLog,
    private readonly now: () => number,
    private readonly rules: LedgerRules,
  ) {}

  /**
   * Runs `work` when its turn comes and resolves once everything it decided is durable.
   * `load` names the orders and intents that may exist already; others are taken as new until the log objects.
   * @throws Refused what a decider refused: nothing of this work was recorded.
   * @throws EventLogUnavailable the outcome is not known.
   */
  transact<T>(
    accountId: string,
    load: readonly string[],
    cause: Cause,
    work: (ledger: Ledger) => T,
  ): Promise<Committed<T>> {
    return new Promise((resolve, reject) => {
      const job: Job = { load, cause, work, resolve, reject };
      const queue = this.queues.get(accountId);
      if (queue) {
        queue.push(job);
        return;
      }
      this.queues.set(accountId, [job]);
      void this.drain(accountId);
    });
  }

  /** The stream's state as the log has it now, whoever wrote last. */
  async read(stream: `order-${string}`): Promise<Folded<Order>>;
  async read(stream: `intent-${string}`): Promise<Folded<Intent>>;
  async read(stream: `account-${string}`): Promise<Folded<Account>>;
  async read(stream: string): Promise<Folded<unknown>> {
    return this.catchUp(stream);
  }

  private async drain(accountId: string): Promise<void> {
    const queue = this.queues.get(accountId) ?? [];
    while (queue.length > 0) {
      const jobs = queue.splice(0, MAX_JOBS_PER_APPEND);
      try {
        await this.commit(accountId, jobs);
      } catch (error) {
        for (const job of jobs) job.reject(error);
      }
    }
    this.queues.delete(accountId);
  }

  private async commit(accountId: string, jobs: readonly Job[]): Promise<void> {
    // A broker's report may be the first thing that this process hears: it is booked by the tables of now, like any other.
    await this.rules.prepare();
    const wanted = new Set([`account-${accountId}`]);
    for (const { load } of jobs) for (const stream of load) wanted.add(stream);
    const lookedUp = new Set<string>();
    const stored = new Map<string, Stored>();
    for (let tries = 1; ; tries += 1) {
      for (const stream of wanted) {
        if (this.cacheOf(stream).has(stream)) continue;
        await this.load(stream);
        lookedUp.add(stream);
      }
      // Decided again on the very state that they were decided on: what follows from them has yet to be written.
      const base = (stream: string): Folded<unknown> => stored.get(stream)?.before ?? this.known(stream);
      const found = (stream: string): readonly NewEvent[] => stored.get(stream)?.events ?? [];
      const unit = new UnitOfWork(accountId, base, found, this.now(), this.rules);
      const settled = jobs.map((job) => ({ job, outcome: unit.run(job) }));
      const writes = unit.writes();
      if (forgetOthers(stored, writes)) continue;
      const due = writes.filter(({ stream }) => !stored.has(stream));
      const before = new Map(due.map(({ stream }) => [stream, this.known(stream)]));
      try {
        const moved = await this.movedMeanwhile(unit.consulted, writes, lookedUp);
        if (moved) throw moved;
        const appended = due.length === 0 ? 0 : (await this.log.append(...stagesOf(due))).position;
        const position = Math.max(appended, ...[...stored.values()].map((it) => it.position));
        for (const [stream, folded] of unit.touched()) this.remember(stream, folded);
        for (const { job, outcome } of settled) {
          if (outcome.ok) job.resolve({ value: outcome.value as never, position: outcome.wrote ? position : 0 });
          else job.reject(outcome.error);
        }
        return;
      } catch (error) {
        if (!(error instanceof WrongExpectedRevision)) throw error;
        if (tries >= MAX_TRIES)
          throw new EventLogUnavailable(`${error.stream} kept moving for ${String(MAX_TRIES)} tries`, { cause: error });
        // Two processes that collide on an account do not collide again in step.
        if (tries > 1) await sleep(Math.random() * Math.min(2 ** tries, CONFLICT_PAUSE_MAX_MS));
        // Somebody else wrote. What was to be written is read on: an adapter may have applied a part of it.
        for (const [stream, it] of await this.takeStock(due, before)) stored.set(stream, it);
      }
    }
  }

  /** Reads on in every stream that was to be written. Returns what is ours of what was found, by stream. */
  private async takeStock(
    writes: readonly Write[],
    before: ReadonlyMap<string, Folded<unknown>>,
  ): Promise<readonly (readonly [string, Stored])[]> {
    const found = await Promise.all(
      writes.map(async ({ stream, events }) => {
        const known = before.get(stream) ?? BLANK[kindOf(stream)];
        const news = await this.readOn(stream, known);
        // A write is stored whole, and right behind what was known when it was decided, or not at all.
        const last = news[events.length - 1];
        const isOurs = last !== undefined && last.id === events.at(-1)?.id;
        return isOurs ? ([stream, { before: known, events, position: last.position }] as const) : undefined;
      }),
    );
    return found.filter((it) => it !== undefined);
  }

  /**
   * The append proves that nobody else has written to the streams it writes to. What a decision only looked at, and
   * only from memory, is looked up: no refusal and no denial may rest on what another process has changed since.
   */
  private async movedMeanwhile(
    consulted: ReadonlySet<string>,
    writes: readonly Write[],
    lookedUp: Set<string>,
  ): Promise<WrongExpectedRevision | undefined> {
    const proven = new Set(writes.map(({ stream }) => stream));
    let moved: WrongExpectedRevision | undefined;
    for (const stream of consulted) {
      if (proven.has(stream) || lookedUp.has(stream)) continue;
      const { revision: expected } = this.known(stream);
      const { revision: actual } = await this.catchUp(stream);
      lookedUp.add(stream);
      if (actual !== expected) moved ??= new WrongExpectedRevision(stream, expected, actual);
    }
    return moved;
  }

  /** Reads what is new in a stream, and remembers it. */
  private async catchUp(stream: string): Promise<Folded<unknown>> {
    const known = this.known(stream);
    return refold(stream, await this.readOn(stream, known), known);
  }

  private async readOn(stream: string, known: Folded<unknown>): Promise<readonly RecordedEvent[]> {
    const events = await this.log.readStream(stream, revisionOf(known) + 1);
    const folded = refold(stream, events, known);
    // An append of ours may have been faster.
    if (revisionOf(folded) > revisionOf(this.known(stream))) this.cacheOf(stream).set(stream, folded);
    return events;
  }

  /** Where a stream stands now that it is durable, unless somebody is known to have gone on from there. */
  private remember(stream: string, folded: Folded<unknown>): void {
    if (isOver(stream, folded)) this.cacheOf(stream).delete(stream);
    else if (revisionOf(folded) >= revisionOf(this.known(stream))) this.cacheOf(stream).set(stream, folded);
  }

  private known(stream: string): Folded<unknown> {
    return this.cacheOf(stream).get(stream) ?? BLANK[kindOf(stream)];
  }

  private async load(stream: string): Promise<Folded<unknown>> {
    const events = await this.log.readStream(stream);
    const folded = refold(stream, events, BLANK[kindOf(stream)]);
    if (events.length > 0) this.cacheOf(stream).set(stream, folded);
    return folded;
  }

  private cacheOf(stream: string): LRUCache<string, Folded<unknown>> {
    return kindOf(stream) === 'account' ? this.accounts : this.others;
  }
}

/**
 * Nothing more is expected of the stream, so it is not kept: thousands of finished orders would only outlive the young
 * generation and make every collection longer. Whoever asks for one again reads it from the log.
 */
const isOver = (stream: string, { state }: Folded<unknown>): boolean => {
  switch (kindOf(stream)) {
    case 'account':
      return false;
    case 'order':
      return CLOSED.has((state as Order).status);
    case 'intent':
      return (state as Intent).status === 'completed';
  }
};

/** -1 for a stream without events. */
const revisionOf = ({ revision }: Folded<unknown>): number => (revision === 'no-stream' ? -1 : revision);

const refold = (stream: string, events: readonly RecordedEvent[], from: Folded<unknown>): Folded<unknown> => {
  const decider = DECIDERS[kindOf(stream)] as Decider<unknown, unknown, DomainEvent>;
  return { state: fold(decider, from.state, events), revision: events.at(-1)?.revision ?? from.revision };
};

/** The decisions of one append, folded forward as they are made, so that each sees the ones before it. */
class UnitOfWork {
  /** Streams whose state somebody asked for. */
  readonly consulted = new Set<string>();
  private readonly states = new Map<string, Folded<unknown>>();
  private readonly events = new Map<string, NewEvent[]>();

  constructor(
    private readonly accountId: string,
    private readonly known: (stream: string) => Folded<unknown>,
    /** What an earlier try has left in a stream. */
    private readonly found: (stream: string) => readonly NewEvent[],
    private readonly at: number,
    private readonly rules: LedgerRules,
  ) {}

  /** Runs one job; what it decided counts only if it did not throw. */
  run({ work, cause }: Job): { ok: true; value: unknown; wrote: boolean } | { ok: false; error: unknown } {
    const trial = new Trial(
      this.accountId,
      (stream) => {
        this.consulted.add(stream);
        return this.states.get(stream) ?? this.known(stream);
      },
      (stream) => this.found(stream).slice(this.events.get(stream)?.length ?? 0),
      this.at,
      this.rules,
      cause,
    );
    try {
      const value = work(trial);
      for (const [stream, events] of trial.events) {
        const revision = revisionOf(this.states.get(stream) ?? this.known(stream)) + events.length;
        this.states.set(stream, { state: trial.states.get(stream), revision });
        const decided = this.events.get(stream);
        if (decided) decided.push(...events);
        else this.events.set(stream, events);
      }
      return { ok: true, value, wrote: trial.events.size > 0 };
    } catch (error) {
      return { ok: false, error };
    }
  }

  writes(): readonly Write[] {
    return [...this.events].map(([stream, events]) => ({ stream, expected: this.known(stream).revision, events }));
  }

  /** Where the streams stand once the writes are durable. */
  touched(): ReadonlyMap<string, Folded<unknown>> {
    return this.states;
  }
}

/**
 * Whether something is decided otherwise now than it was stored by an earlier try: that is a fact from then on, and no
 * decision of this one.
 */
const forgetOthers = (stored: Map<string, Stored>, writes: readonly Write[]): boolean => {
  const decided = new Map(writes.map(({ stream, events }) => [stream, events.map(contentOf)]));
  const others = [...stored].filter(([stream, { events }]) => {
    return !isDeepStrictEqual(decided.get(stream), events.map(contentOf));
  });
  for (const [stream] of others) stored.delete(stream);
  return others.length > 0;
};

const contentOf = ({ type, data }: NewEvent): Pick<NewEvent, 'type' | 'data'> => ({ type, data });

/** What tells how something was decided: with the account it moves on, and the decision is the same. */
const TOLD = new Set(['verdicts', 'charges', 'placedAtMs']);

const decisionIn = ({ type, data }: Pick<NewEvent, 'type' | 'data'>): unknown => [
  type,
  Object.entries(data)
    .filter(([name]) => !TOLD.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1)),
];

/** See `AccountLedgers`: what must be durable first comes first. */
const stagesOf = (writes: readonly Write[]): readonly Stage[] => {
  const stages: Write[][] = Array.from({ length: 5 }, () => []);
  for (const write of writes) stages[rank(write)]?.push(write);
  return stages.filter((stage) => stage.length > 0);
};

const rank = ({ stream, expected }: Write): number => {
  const isNew = expected === 'no-stream';
  switch (kindOf(stream)) {
    case 'intent':
      return isNew ? 0 : 4;
    case 'order':
      return isNew ? 3 : 1;
    case 'account':
      return 2;
  }
};

class Trial implements Ledger {
  readonly states = new Map<string, unknown>();
  readonly events = new Map<string, NewEvent[]>();
  private readonly meta: EventMeta;
  // Names that every decision asks for many times: put together once.
  private readonly accountStream: string;
  private accountDecider: Decider<Account, AccountCommand, AccountEvent> | undefined;
  private lastOrder = { orderId: '', stream: '' };

  constructor(
    accountId: string,
    private readonly known: (stream: string) => Folded<unknown>,
    /** What an earlier try has left in a stream, from here on. */
    private readonly found: (stream: string) => readonly NewEvent[],
    at: number,
    private readonly rules: LedgerRules,
    cause: Cause,
  ) {
    this.meta = { ...cause, accountId, at, schemaVersion: 1 };
    this.accountStream = `account-${accountId}`;
  }

  get account(): Account {
    return this.stateOf(this.accountStream) as Account;
  }

  order(orderId: string): Order {
    return this.stateOf(this.orderStream(orderId)) as Order;
  }

  versionOf(orderId: string): number {
    const stream = this.orderStream(orderId);
    return revisionOf(this.known(stream)) + (this.events.get(stream)?.length ?? 0);
  }

  intent(intentId: string): Intent {
    return this.stateOf(`intent-${intentId}`) as Intent;
  }

  decideAccount(command: AccountCommand): void {
    const decider = (this.accountDecider ??= accountBy(this.rules.of(this.account)));
    this.decide<Account, AccountCommand, AccountEvent>(decider, this.accountStream, command);
  }

  decideOrder(orderId: string, command: OrderCommand): readonly OrderEvent[] {
    const stream = this.orderStream(orderId);
    const decided = order.decide(command, this.order(orderId));
    for (const event of decided) {
      this.react(this.record(order, stream, event), this.order(orderId));
    }
    return decided;
  }

  decideIntent(intentId: string, command: IntentCommand): readonly IntentEvent[] {
    return this.decide<Intent, IntentCommand, IntentEvent>(intent, `intent-${intentId}`, command);
  }

  followTerms(orderId: string): void {
    const { details, route, terms } = this.order(orderId);
    if (!details || !route) return;
    const marginPriceE4 = this.repriced(details, terms, route.broker);
    this.decideAccount({
      type: 'AdjustReservation',
      data: { orderId, quantity: terms.quantity, marginPriceE4, asked: askedIn(terms) },
    });
  }

  readonly tradingDateOf = (broker: string, atMs: number): string => this.rules.tradingDate(broker, atMs);

  private react(event: OrderEvent, after: Order): void {
    const { details, route, terms } = after;
    if (!details || !route) return; // denied: nothing was ever reserved
    const command = accountReaction(event, after, this.repriced(details, terms, route.broker), this.tradingDateOf);
    if (command) this.decideAccount(command);
  }

  /**
   * What an open order is margined at after its terms changed. What the market was when it was judged is only known from
   * the price it is held at, and an order without a limit, or a sell, may still fill there.
   */
  private repriced({ orderId, side }: OrderDetails, terms: OrderTerms, broker: string): number {
    const heldE4 = this.account.reservations.get(orderId)?.marginPriceE4 ?? 0;
    const namedE4 = marginPriceE4(terms, { side, tradingDate: this.rules.tradingDate(broker) });
    return side === 'BUY' && terms.priceE4 !== undefined ? terms.priceE4 : Math.max(namedE4 ?? 0, heldE4);
  }

  private decide<State, Command, Event extends DomainEvent>(
    decider: Decider<State, Command, Event>,
    stream: string,
    command: Command,
  ): readonly Event[] {
    const decided = decider.decide(command, this.stateOf(stream) as State);
    for (const event of decided) this.record(decider, stream, event);
    return decided;
  }

  /** Returns what is in the stream then: an earlier try may have stored the same decision, and that is the fact. */
  private record<State, Event extends DomainEvent>(
    { evolve }: { readonly evolve: (state: State, event: Event) => State },
    stream: string,
    { type, data }: Event,
  ): Event {
    const events = this.events.get(stream);
    const decided: NewEvent = { id: randomUUID(), type, data, meta: this.meta };
    const stored = this.found(stream)[events?.length ?? 0];
    const event = stored && isDeepStrictEqual(decisionIn(stored), decisionIn(decided)) ? stored : decided;
    const fact = contentOf(event) as Event;
    this.states.set(stream, evolve(this.stateOf(stream) as State, fact));
    if (events) events.push(event);
    else this.events.set(stream, [event]);
    return fact;
  }

  private stateOf(stream: string): unknown {
    const seen = this.states.get(stream);
    if (seen !== undefined) return seen;
    const { state } = this.known(stream);
    this.states.set(stream, state);
    return state;
  }

  private orderStream(orderId: string): string {
    if (orderId !== this.lastOrder.orderId) this.lastOrder = { orderId, stream: `order-${orderId}` };
    return this.lastOrder.stream;
  }
}
