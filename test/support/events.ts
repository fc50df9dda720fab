/**
 * Histories as the write side would have recorded them: made by the real deciders, the same ones for the same seed.
 *
 *     const events = recorded(history({ seed: 1, orders: 100 }));
 *     for (const writes of history({ seed: 1, orders: 50_000 })) await log.append(writes);
 */
import { type Account, accountBy, type AccountCommand } from '#domain/accounts/account';
import { dayCharges } from '#domain/accounts/day-charges';
import { accountReaction } from '#domain/accounts/reactions';
import { estimateCharges, NO_CORRECTIONS } from '#domain/charges/estimate';
import { type ChargedSecurity, chargedSecurityOf } from '#domain/charges/security';
import { type DomainEvent, Refused } from '#domain/decider';
import type { Instrument } from '#domain/instruments/instrument';
import { intent, type Intent, type IntentCommand, type LineResult, statusOf } from '#domain/intents/intent';
import {
  type ExecutionReport,
  leavesOf,
  order,
  type Order,
  type OrderCommand,
  type OrderDetails,
  type OrderTerms,
  type Side,
} from '#domain/orders/order';
import type { Verdict } from '#domain/risk/verdict';
import { marginPriceE4 } from '#domain/risk/margin-price';
import type { EventMeta, ExpectedRevision, NewEvent, RecordedEvent, Write } from '#event-log/event-log';

export interface HistoryOptions {
  readonly seed: number;
  readonly orders: number;
  /** How many, or their ids; default 20. */
  readonly accounts?: number | readonly string[];
  /** Epoch ms of the first event; default is the opening of trade on 2026-01-02. */
  readonly startMs?: number;
  /** Longest time between two appends; default 40. */
  readonly stepMs?: number;
  /** How many orders are alive at a time, their events mixed; default 50. */
  readonly concurrency?: number;
  /** Only these stories; default is all, the common ones more often. */
  readonly stories?: readonly StoryName[];
}

/** One element is one append. */
export function* history(options: HistoryOptions): Generator<readonly Write[], void> {
  const { orders, accounts = 20, concurrency = 50, stories: wanted = EVERYDAY } = options;
  const world = new World(options);
  const ids = typeof accounts === 'number' ? Array.from({ length: accounts }, () => world.uuid()) : accounts;
  for (const accountId of ids) yield world.openAccount(accountId);
  const alive: Generator<readonly Write[], void>[] = [];
  for (let begun = 0; begun < orders || alive.length > 0;) {
    if (begun < orders && alive.length < concurrency) {
      alive.push(life(world, world.pick(wanted)));
      begun += 1;
      continue;
    }
    const index = world.below(alive.length);
    const step = alive[index]?.next();
    if (step?.done !== false) alive.splice(index, 1);
    else if (step.value.length > 0) yield step.value;
  }
}

/** The events of appends as the log would hand them out, positions from 1. */
export const recorded = (appends: Iterable<readonly Write[]>): RecordedEvent[] => {
  const events: RecordedEvent[] = [];
  for (const writes of appends)
    for (const { stream, expected, events: added } of writes)
      added.forEach((event, index) => {
        const revision = (expected === 'no-stream' ? 0 : expected + 1) + index;
        events.push({ ...event, stream, revision, position: events.length + 1 });
      });
  return events;
};

/** The recorded events of one order, and what belongs to it, that lived through one story. */
export const storyOf = (story: StoryName, seed = 1): RecordedEvent[] =>
  recorded(history({ seed, orders: 1, accounts: 1, stories: [story] }));

/* ------------------------------------------------------------------------------------------------------ stories */

type Step = Generator<readonly Write[], void>;

/** What may become of an order once it is placed. Each step is one append. */
const STORIES = {
  *filled(line: Line): Step {
    yield* accepted(line);
    yield line.trade(line.leaves());
  },
  *filledInParts(line: Line): Step {
    yield* accepted(line);
    while (line.leaves() > 1) yield line.trade(1 + line.world.below(line.leaves() - 1));
    yield line.trade(line.leaves());
  },
  *open(line: Line): Step {
    yield* accepted(line);
  },
  *partlyFilled(line: Line): Step {
    yield* accepted(line);
    yield line.trade(1);
  },
  *cancelled(line: Line): Step {
    yield* accepted(line);
    yield line.do({ type: 'RequestCancel', data: { requestId: line.world.uuid() } });
    yield line.report({ kind: 'cancelled', reason: 'requested' });
  },
  *partlyFilledThenCancelled(line: Line): Step {
    yield* accepted(line);
    yield line.trade(1);
    yield line.do({ type: 'RequestCancel', data: { requestId: line.world.uuid() } });
    yield line.report({ kind: 'cancelled', reason: 'requested' });
  },
  *filledInsteadOfCancelled(line: Line): Step {
    yield* accepted(line);
    yield line.do({ type: 'RequestCancel', data: { requestId: line.world.uuid() } });
    yield line.report({ kind: 'cancel-rejected', evidence: { code: 'TOO_LATE', message: 'order is being executed' } });
    yield line.trade(line.leaves());
  },
  *tradedAfterCancel(line: Line): Step {
    yield* accepted(line);
    yield line.report({ kind: 'cancelled', reason: 'unsolicited' });
    yield line.trade(1);
  },
  *immediateOrCancel(line: Line): Step {
    yield* accepted(line);
    yield line.trade(1);
    yield line.report({ kind: 'cancelled', reason: 'immediate-or-cancel' });
  },
  *expired(line: Line): Step {
    yield* accepted(line);
    yield line.report({ kind: 'expired' });
  },
  *rejected(line: Line): Step {
    yield line.dispatch();
    yield line.report({ kind: 'rejected', evidence: { code: 'RMS', message: 'blocked "for" the client\\desk' } });
  },
  *notSentThenFilled(line: Line): Step {
    yield line.dispatch();
    yield line.do({ type: 'RecordNotSent', data: { attempt: 1, evidence: { code: 'ECONNREFUSED' } } });
    yield* accepted(line);
    yield line.trade(line.leaves());
  },
  *abandoned(line: Line): Step {
    yield line.dispatch();
    yield line.do({ type: 'RecordNotSent', data: { attempt: 1, evidence: { code: 'ECONNREFUSED' } } });
    yield line.do({ type: 'AbandonOrder', data: { evidence: { message: 'no broker could be reached' } } });
  },
  *inDoubtThenFilled(line: Line): Step {
    yield line.dispatch();
    yield line.do({ type: 'RecordDoubt', data: { attempt: 1, evidence: { message: 'no answer in time' } } });
    yield line.report({ kind: 'new', brokerOrderId: line.brokerOrderId });
    yield line.trade(line.leaves());
  },
  *filledBeforeAccepted(line: Line): Step {
    yield line.dispatch();
    yield line.trade(line.leaves());
    yield line.report({ kind: 'new', brokerOrderId: line.brokerOrderId });
  },
  *replacedThenFilled(line: Line): Step {
    yield* accepted(line);
    yield line.trade(1);
    const terms = line.moreOf(10);
    yield line.requestReplace(terms);
    yield line.report({ kind: 'replaced', terms });
    yield line.trade(line.leaves());
  },
  *filledWhileReplaced(line: Line): Step {
    yield* accepted(line);
    const terms = line.moreOf(10);
    yield line.requestReplace(terms);
    yield line.trade(line.leaves());
    yield line.trade(5);
    yield line.trade(line.leaves());
  },
  *replaceRejected(line: Line): Step {
    yield* accepted(line);
    yield line.requestReplace(line.moreOf(10));
    yield line.trade(line.leaves());
    yield line.report({ kind: 'replace-rejected', evidence: { message: 'price band' } });
  },
  *replaceDenied(line: Line): Step {
    yield* accepted(line);
    const verdicts: Verdict[] = [{ check: 'quantity', outcome: 'fail', limit: 10, actual: 20 }];
    yield line.do({ type: 'DenyReplace', data: { requestId: line.world.uuid(), terms: line.moreOf(10), verdicts } });
    yield line.trade(line.leaves());
  },
  *cancelledWhileReplacing(line: Line): Step {
    yield* accepted(line);
    yield line.requestReplace(line.moreOf(10));
    yield line.do({ type: 'RequestCancel', data: { requestId: line.world.uuid() } });
    yield line.report({ kind: 'cancel-rejected', evidence: { message: 'replace in progress' } });
    yield line.report({ kind: 'replaced', terms: line.moreOf(10) });
    yield line.report({ kind: 'cancelled', reason: 'unsolicited' });
  },
  *overfilled(line: Line): Step {
    yield* accepted(line);
    yield line.trade(line.leaves());
    yield line.trade(7);
  },
  *filledBesideAHolding(line: Line): Step {
    yield* accepted(line);
    yield line.adopt(500);
    yield line.trade(line.leaves());
    yield line.adopt(800);
  },
  *denied(): Step {
    // Decided when it was placed.
  },
} satisfies Record<string, (line: Line) => Step>;

export type StoryName = keyof typeof STORIES;

const isStory = (name: string): name is StoryName => Object.hasOwn(STORIES, name);
export const STORY_NAMES: readonly StoryName[] = Object.keys(STORIES).filter(isStory);

/** All of them, and mostly the ones of every day. */
const EVERYDAY: readonly StoryName[] = [
  ...STORY_NAMES,
  ...Array.from({ length: 40 }, (): StoryName => 'filled'),
  ...Array.from({ length: 6 }, (): StoryName[] => ['filledInParts', 'cancelled', 'denied']).flat(),
];

function* accepted(line: Line): Step {
  yield line.dispatch();
  yield line.report({ kind: 'new', brokerOrderId: line.brokerOrderId });
}

/** An intent of one line from its receipt to its completion, and its order to the end of its story. */
function* life(world: World, story: StoryName): Step {
  const line = new Line(world, story === 'denied');
  yield line.place();
  const steps = STORIES[story](line);
  const first = steps.next();
  if (first.done === false) yield first.value;
  yield line.complete();
  yield* steps;
}

/* -------------------------------------------------------------------------------------------------- one order */

class Line {
  readonly brokerOrderId: string;
  private readonly details: OrderDetails;
  private readonly verdicts: readonly Verdict[];
  private trades = 0;

  constructor(
    readonly world: World,
    denied: boolean,
  ) {
    const instrument = world.pick(INSTRUMENTS);
    const { lastPriceE4 } = instrument;
    const limited = world.below(3) > 0;
    this.brokerOrderId = `26010200${String(world.below(1_000_000)).padStart(6, '0')}`;
    const side: Side = world.below(2) === 0 ? 'BUY' : 'SELL';
    this.details = {
      orderId: world.uuid(),
      intentId: world.uuid(),
      line: 0,
      accountId: world.pick(world.accountIds),
      userId: 'user-1',
      instrumentKey: instrument.instrumentKey,
      symbol: instrument.symbol,
      exchange: instrument.exchange,
      segment: instrument.segment,
      side,
      product: world.pick(['CNC', 'MIS'] as const),
      orderType: limited ? 'LIMIT' : 'MARKET',
      quantity: denied ? 20_000_000 : 10 + world.below(90),
      validity: 'DAY',
      ...(limited && { priceE4: lastPriceE4 + 500 * (world.below(40) - 20) }),
      ...(world.below(4) === 0 && { clientOrderId: `client "${String(world.below(1_000))}" ü` }),
      ...(world.below(8) === 0 && { strategyId: 'momentum' }),
    };
    // What a check found, as it is stored: the folds only carry it along.
    this.verdicts = [
      { check: 'tradable', outcome: 'pass', rule: 'instrument master', actual: 'EQ', effectiveFrom: '2026-01-02' },
      {
        check: 'quantity',
        outcome: denied ? 'fail' : 'pass',
        rule: 'house: one order line',
        limit: 10_000_000,
        actual: this.details.quantity,
      },
      { check: 'disclosed-quantity', outcome: 'not-applicable', reason: 'the whole quantity is shown' },
    ];
    this.lastPriceE4 = lastPriceE4;
  }

  private readonly lastPriceE4: number;

  private get order(): Order {
    return this.world.order(this.details.orderId);
  }

  leaves(): number {
    return leavesOf(this.order);
  }

  moreOf(quantity: number): OrderTerms {
    return { ...this.order.terms, quantity: this.details.quantity + quantity };
  }

  place(): readonly Write[] {
    const { details, verdicts } = this;
    const { intentId, orderId, accountId, userId, instrumentKey, product, side, quantity } = details;
    const { broker } = ROUTE;
    return this.world.append(accountId, (append) => {
      const received = { intentId, accountId, userId, idempotencyKey: orderId, payloadHash: 'h', lines: [details] };
      append.intent(intentId, { type: 'ReceiveIntent', data: received });
      const priceE4 =
        marginPriceE4(details, { side: details.side, lastPriceE4: this.lastPriceE4, tradingDate: '2026-01-02' }) ?? 0;
      const failed = verdicts.some(({ outcome }) => outcome === 'fail');
      const reserve = { orderId, instrumentKey, product, side, quantity, marginPriceE4: priceE4 };
      if (failed || !append.affords({ type: 'ReserveMargin', data: reserve })) {
        append.order(orderId, { type: 'DenyOrder', data: { ...details, verdicts } });
        return;
      }
      const security = securityOf(instrumentKey);
      const charges =
        security && estimateCharges({ ...details, priceE4, security }, { broker, date: dateOf(this.world.nowMs) });
      append.order(orderId, {
        type: 'PlaceOrder',
        data: { ...details, verdicts, route: { broker, reason: 'account' }, ...(charges && { charges }) },
      });
    });
  }

  /** The broker is found to hold so many of the instrument. */
  adopt(quantity: number): readonly Write[] {
    const { accountId, instrumentKey } = this.details;
    const holding = { broker: ROUTE.broker, instrumentKey, quantity, averagePriceE4: this.lastPriceE4 - 123 };
    return this.world.append(accountId, (append) => append.account({ type: 'AdoptHolding', data: holding }));
  }

  dispatch(): readonly Write[] {
    const attempt = this.order.attempt + 1;
    const tag = `C${this.details.orderId.slice(0, 8)}${String(attempt)}`;
    return this.do({ type: 'DispatchOrder', data: { attempt, broker: ROUTE.broker, tag } });
  }

  complete(): readonly Write[] {
    const { intentId, orderId, accountId } = this.details;
    const result: LineResult = { line: 0, orderId, status: this.order.status === 'denied' ? 'DENIED' : 'ACCEPTED' };
    const data = { intentId, status: statusOf([result]), results: [result] };
    return this.world.append(accountId, (append) => append.intent(intentId, { type: 'CompleteIntent', data }));
  }

  requestReplace(terms: OrderTerms): readonly Write[] {
    const { world, verdicts } = this;
    return this.do({ type: 'RequestReplace', data: { requestId: world.uuid(), terms, verdicts } });
  }

  trade(quantity: number): readonly Write[] {
    this.trades += 1;
    const tradeId = `${this.brokerOrderId}-${String(this.trades)}`;
    const priceE4 = (this.details.priceE4 ?? this.lastPriceE4) + this.world.below(3);
    return this.report({
      kind: 'trade',
      tradeId,
      quantity,
      priceE4,
      tradedAt: this.world.nowMs - this.world.below(20),
    });
  }

  report(report: ExecutionReport): readonly Write[] {
    return this.do({ type: 'RecordReport', data: report });
  }

  do(command: OrderCommand): readonly Write[] {
    if (this.order.status === 'denied') return []; // for want of money: its story ends before it began
    return this.world.append(this.details.accountId, (append) => append.order(this.details.orderId, command));
  }
}

const ROUTE = { broker: 'paper' } as const;

/* -------------------------------------------------------------------------------------------------- the streams */

interface Stream<State> {
  readonly state: State;
  readonly revision: ExpectedRevision;
}

class World {
  readonly accountIds: string[] = [];
  nowMs: number;
  private readonly stepMs: number;
  private random: number;
  private readonly accounts = new Map<string, Stream<Account>>();
  private readonly orders = new Map<string, Stream<Order>>();
  private readonly intents = new Map<string, Stream<Intent>>();

  constructor({ seed, startMs = Date.UTC(2026, 0, 2, 3, 45), stepMs = 40 }: HistoryOptions) {
    this.random = seed;
    this.nowMs = startMs;
    this.stepMs = stepMs;
  }

  openAccount(accountId: string): readonly Write[] {
    this.accountIds.push(accountId);
    return this.append(accountId, (append) => {
      append.account({
        type: 'OpenAccount',
        data: { accountId, userId: 'user-1', kind: 'paper', broker: ROUTE.broker },
      });
      append.account({ type: 'DepositFunds', data: { depositId: 'first', amountE4: 10_000_000_000_000 } });
    });
  }

  order(orderId: string): Order {
    return this.orders.get(orderId)?.state ?? order.initial;
  }

  append(accountId: string, work: (append: Append) => void): readonly Write[] {
    this.nowMs += 1 + this.below(this.stepMs);
    const append = new Append(this, accountId);
    work(append);
    return append.writes();
  }

  /** mulberry32: small, quick, and the same on every machine. */
  below(limit: number): number {
    this.random = (this.random + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.random ^ (this.random >>> 15), 1 | this.random);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) % limit;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('there is nothing to pick from');
    return value;
  }

  uuid(): string {
    const word = () =>
      this.below(2 ** 32)
        .toString(16)
        .padStart(8, '0');
    const [a, b, c, d] = [word(), word(), word(), word()];
    return `${a}-${b.slice(0, 4)}-5${b.slice(5)}-a${c.slice(1, 4)}-${c.slice(4)}${d}`;
  }

  /** Looks a stream up, or begins it. */
  readonly streams = {
    account: (id: string): Stream<Account> =>
      this.accounts.get(id) ?? { state: account.initial, revision: 'no-stream' },
    order: (id: string): Stream<Order> => this.orders.get(id) ?? { state: order.initial, revision: 'no-stream' },
    intent: (id: string): Stream<Intent> => this.intents.get(id) ?? { state: intent.initial, revision: 'no-stream' },
  };

  keep = {
    account: (id: string, stream: Stream<Account>) => this.accounts.set(id, stream),
    order: (id: string, stream: Stream<Order>) => this.orders.set(id, stream),
    intent: (id: string, stream: Stream<Intent>) => this.intents.set(id, stream),
  };
}

/** What one append writes, in the order of the write side: new intents, known orders, the account, new orders, answers. */
class Append {
  private readonly meta: EventMeta;
  private readonly pending = new Map<
    string,
    { readonly rank: number; readonly expected: ExpectedRevision; readonly events: NewEvent[] }
  >();

  constructor(
    private readonly world: World,
    private readonly accountId: string,
  ) {
    const correlationId = world.uuid();
    this.meta = {
      userId: 'user-1',
      accountId,
      correlationId,
      causationId: correlationId,
      at: world.nowMs,
      schemaVersion: 1,
    };
  }

  intent(id: string, command: IntentCommand): void {
    const { state, revision } = this.world.streams.intent(id);
    const events = intent.decide(command, state);
    const after = events.reduce((folded, event) => intent.evolve(folded, event), state);
    this.world.keep.intent(id, {
      state: after,
      revision: this.write(`intent-${id}`, revision, events, revision === 'no-stream' ? 0 : 4),
    });
  }

  order(id: string, command: OrderCommand): void {
    for (const event of order.decide(command, this.world.order(id))) {
      const { state, revision } = this.world.streams.order(id);
      const after = order.evolve(state, event);
      this.world.keep.order(id, {
        state: after,
        revision: this.write(`order-${id}`, revision, [event], revision === 'no-stream' ? 3 : 1),
      });
      const side = after.details?.side ?? 'BUY';
      const priceE4 = marginPriceE4(after.terms, { side, tradingDate: '2026-01-02' }) ?? 0;
      const reaction = accountReaction(event, after, priceE4, (_, tradedAt) => dateOf(tradedAt));
      if (reaction) this.account(reaction);
    }
  }

  account(command: AccountCommand): void {
    const { state, revision } = this.world.streams.account(this.accountId);
    const events = account.decide(command, state);
    const after = events.reduce((folded, event) => account.evolve(folded, event), state);
    this.world.keep.account(this.accountId, {
      state: after,
      revision: this.write(`account-${this.accountId}`, revision, events, 2),
    });
  }

  /** Carries the command out unless the account refuses it. */
  affords(command: AccountCommand): boolean {
    try {
      this.account(command);
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  }

  writes(): readonly Write[] {
    return [...this.pending]
      .sort(([, a], [, b]) => a.rank - b.rank)
      .map(([stream, { expected, events }]) => ({ stream, expected, events }));
  }

  /** Returns the revision of the last event. */
  private write(
    stream: string,
    revision: ExpectedRevision,
    events: readonly DomainEvent[],
    rank: number,
  ): ExpectedRevision {
    if (events.length === 0) return revision;
    const write = this.pending.get(stream) ?? { rank, expected: revision, events: [] };
    for (const { type, data } of events) write.events.push({ id: this.world.uuid(), type, data, meta: this.meta });
    this.pending.set(stream, write);
    return (revision === 'no-stream' ? -1 : revision) + events.length;
  }
}

/* ------------------------------------------------------------------------------------------------- instruments */

const cash = (symbol: string, isin: string, lastPriceE4: number): Instrument & { readonly lastPriceE4: number } => ({
  instrumentKey: `NSE_EQ|${isin}`,
  validFrom: '2026-01-02',
  symbol: `NSE:${symbol}`,
  tradingSymbol: symbol,
  name: symbol,
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType: 'EQ',
  exchangeToken: '0',
  isin,
  lotSize: 1,
  tickSizeE4: 500,
  lastPriceE4,
});

const INSTRUMENTS = [
  cash('RELIANCE', 'INE002A01018', 15_753_000),
  cash('TCS', 'INE467B01029', 32_251_000),
  cash('INFY', 'INE009A01021', 16_291_500),
  cash('HDFCBANK', 'INE040A01034', 9_901_500),
  cash('SBIN', 'INE062A01020', 9_896_500),
];

/** What an instrument is charged as. Of one of them nobody knows: its trades are booked without charges. */
const securityOf = (instrumentKey: string): ChargedSecurity | undefined => SECURITIES.get(instrumentKey);
const SECURITIES = new Map(
  INSTRUMENTS.slice(0, -1).map((instrument) => [instrument.instrumentKey, chargedSecurityOf(instrument)]),
);

/** The day in India. */
const dateOf = (ms: number): string => new Date(ms + 5.5 * 3_600_000).toISOString().slice(0, 10);

const account = accountBy({
  contractOf: () => undefined,
  worstCaseE4: () => undefined,
  chargesOf: dayCharges(securityOf, NO_CORRECTIONS),
});
