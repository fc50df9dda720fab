import { setTimeout as sleep } from 'node:timers/promises';
import type { Account, AccountCommand } from '#domain/accounts/account';
import { askedIn } from '#domain/accounts/reactions';
import { Refused } from '#domain/decider';
import { type IntentLine, type LineResult, type LineStatus, perLine, statusOf } from '#domain/intents/intent';
import { type Evidence, isHeld, type Order, type OrderDetails, type OrderTerms } from '#domain/orders/order';
import { passes } from '#domain/risk/checks';
import type { Halt } from '#domain/risk/limits';
import type { Verdict } from '#domain/risk/verdict';
import { EventLogUnavailable } from '#event-log/event-log';
import {
  type Broker,
  type BrokerAnswer,
  type Brokers,
  type Dispatch,
  reportsOn,
  type Told,
  withDeadline,
} from '#brokers/broker';
import { istDay } from '#brokers/fields';
import type { AccountLedgers, Cause, Committed, Ledger } from './account-ledger';
import { tagOf } from './ids';
import { isReplayed } from './market-clock';
import type { OrderOutcomes } from './outcomes';
import { type Judgement, lineIdOf, type Need, type RiskDesk, WHOLE_BP } from './risk-desk';
import type { Routes, Routing } from './routing';

export interface DeskOptions {
  readonly ledgers: AccountLedgers;
  readonly brokers: Brokers;
  readonly routing: Routing;
  readonly risk: RiskDesk;
  readonly outcomes: OrderOutcomes;
  readonly brokerTimeoutMs: number;
  readonly now: () => number;
}

/** A dispatch that stands in the log: it is due, or it may have been sent and is looked for. Epoch milliseconds. */
export interface DueDispatch {
  readonly dispatch: Dispatch;
  readonly broker: string;
  readonly attempt: number;
  /** When the order was asked for: however many attempts, it is not sent for ever. */
  readonly askedAtMs: number;
  readonly decidedAtMs: number;
  /** If it was sent at all, it was before this. */
  readonly sentBeforeMs: number;
}

/** Told what each attempt came to, before the answer is recorded. */
type Answered = DueDispatch & { readonly answer: BrokerAnswer };

/**
 * Work that a live process may still be busy with is left alone for this long. Nothing is sent so late that its broker's
 * answer could come after that: a process that was paused in between finds its dispatch too old.
 */
export const SETTLE_MS = 15_000;

/** What waits this long for its turn at a broker is not sent any more. */
const QUEUE_MS = 8_000;

const RETRY_MS = 250;

const PROVEN_ABSENT = 'PROVEN_ABSENT';

/** Before another attempt at a broker that could not be reached or was busy; doubled with each. */
const AGAIN_MS = 100;
/** Who asks us to come back later than this is not waited for. */
const PATIENCE_MS = 5_000;

/** What was asked for so long ago is not sent any more: the market has moved on. */
export const STALE_MS = 30_000;

/** When an attempt that was proven absent is looked for again: should it have come late, somebody must know. */
const LATE_AFTER_MS = [20_000, 60_000, 300_000, 1_200_000];

/** When a broker that fell silent is asked for an order after its answer was missed; the last time once it has settled. */
const LOOK_AFTER_MS = [300, 1_000, 3_000];

/**
 * Where orders are judged, sent and followed: the steps that a request, a broker's report and the recovery after a
 * crash have in common.
 */
export class OrderDesk {
  private readonly running = new Set<Promise<unknown>>();
  private readonly ending = new AbortController();

  private get stopping(): boolean {
    return this.ending.signal.aborted;
  }

  constructor(private readonly options: DeskOptions) {}

  /** What must be known before lines are judged: the account's connections, its routes, prices where they are asked for. */
  async prepare(accountId: string, lines: readonly IntentLine[]): Promise<Routes> {
    const { brokers, routing } = this.options;
    await brokers.refresh(accountId);
    const routes = await routing.of(accountId);
    const unpriced = lines.filter(({ orderType }) => orderType === 'MARKET');
    if (unpriced.length > 0) {
      const keys = unpriced.map(({ instrumentKey }) => instrumentKey);
      const connected = brokers.connected(accountId).map((name) => brokers.of(accountId, name));
      await Promise.all(connected.map(async (broker) => broker?.prepare?.(keys)));
    }
    return routes;
  }

  /** Judges one line and, if it passes, reserves its margin and records the dispatch that is due. */
  place(ledger: Ledger, line: IntentLine, routes: Routes): DueDispatch | undefined {
    const { broker: explicit, ...details } = line;
    const [first] = routes.of({ explicit, strategyId: line.strategyId }, ledger.account.broker);
    const route = first ?? { broker: explicit ?? ledger.account.broker, reason: 'none' };
    const { verdicts, reservation, charges, releaseAtMs } = this.judge(ledger, details, route.broker);
    if (!reservation) {
      this.deny(ledger, line, verdicts);
      return undefined;
    }
    ledger.decideAccount(reservation);
    const placing = {
      route,
      verdicts,
      ...(charges && { charges }),
      ...(releaseAtMs !== undefined && { releaseAtMs }),
    };
    ledger.decideOrder(details.orderId, { type: 'PlaceOrder', data: { ...details, ...placing } });
    if (releaseAtMs !== undefined) return undefined;
    return this.dispatch(ledger, details.orderId, route.broker, this.options.now());
  }

  /**
   * Denies lines of which one cannot be sent, and whose owner wants all of them or none. `denials`: what was found when each
   * was judged behind the ones before it, by order; the others are told what stopped them.
   */
  denyTogether(
    ledger: Ledger,
    lines: readonly IntentLine[],
    routes: Routes,
    denials: ReadonlyMap<string, readonly Verdict[]>,
  ): void {
    const allOrNone: Verdict = {
      check: 'all-or-none',
      outcome: 'fail',
      rule: 'setting of the user: allowPartialMultiOrder',
      reason: 'another line of the request was denied',
    };
    for (const line of lines) {
      const { broker: explicit, ...details } = line;
      const [first] = routes.of({ explicit, strategyId: line.strategyId }, ledger.account.broker);
      const broker = first?.broker ?? explicit ?? ledger.account.broker;
      const verdicts = denials.get(line.orderId) ?? this.judge(ledger, details, broker).verdicts;
      this.deny(ledger, line, passes(verdicts) ? [...verdicts, allOrNone] : verdicts);
    }
  }

  private deny(ledger: Ledger, { broker: _broker, ...details }: IntentLine, verdicts: readonly Verdict[]): void {
    ledger.decideOrder(details.orderId, { type: 'DenyOrder', data: { ...details, verdicts } });
  }

  /** Whether an order that waits for its market is to be released now. */
  async isDue(order: Order): Promise<boolean> {
    const { details, route, releaseAtMs } = order;
    if (!isHeld(order) || !details || !route || releaseAtMs === undefined) return false;
    const market = await this.brokerOf(details.accountId, route.broker);
    return market !== undefined && this.mayGo(details, market, releaseAtMs);
  }

  /**
   * The time has come. A market that replays a day never shows the next one: there it is due as soon as the hours that are
   * replayed are hours of trading.
   */
  private mayGo(details: OrderDetails, market: Broker, releaseAtMs: number): boolean {
    const marketMs = market.marketNowMs();
    if (marketMs >= releaseAtMs) return true;
    return isReplayed(marketMs, this.options.now()) && this.options.risk.isOpenFor(details, market);
  }

  /**
   * Lets an order go that waited for its market: judged once more, on what is known now, and dispatched or given up. It
   * is of one session: between two windows of that it waits on, and after its day it is not sent any more. `undefined` as
   * well when it is not due, or waits no longer. Settings and routes must have been prepared.
   */
  release(ledger: Ledger, orderId: string): DueDispatch | undefined {
    const order = ledger.order(orderId);
    const { details, route, releaseAtMs } = order;
    if (!isHeld(order) || !details || !route || releaseAtMs === undefined) return undefined;
    const market = this.options.brokers.of(details.accountId, route.broker);
    if (!market || !this.mayGo(details, market, releaseAtMs)) return undefined;
    const giveUp = (evidence: Evidence, verdicts?: readonly Verdict[]) => {
      ledger.decideOrder(orderId, { type: 'AbandonOrder', data: { evidence, ...(verdicts && { verdicts }) } });
    };
    const [session, today] = [istDay(releaseAtMs), istDay(market.marketNowMs())];
    if (today !== session && !isReplayed(market.marketNowMs(), this.options.now())) {
      giveUp({ code: 'SESSION_MISSED', message: `it was for the session of ${session}, and this is ${today}` });
      return undefined;
    }
    if (this.options.risk.opensLaterToday(details, market)) return undefined;
    const { afterMarket: _held, ...now } = details;
    const { verdicts, reservation } = this.assess(ledger, now, now, route.broker, (need) =>
      reserveAgain(ledger, now, need),
    );
    if (reservation) {
      ledger.decideAccount(reservation);
      return this.dispatch(ledger, orderId, route.broker, this.options.now(), verdicts);
    }
    const failed = verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check);
    giveUp({ code: 'DENIED_AT_RELEASE', message: `failed: ${failed.join(', ')}` }, verdicts);
    return undefined;
  }

  private judge(ledger: Ledger, details: OrderDetails, broker: string): Judgement {
    const { orderId, instrumentKey, product, side, quantity, orderType, priceE4, triggerPriceE4 } = details;
    return this.assess(ledger, details, details, broker, (need) => ({
      type: 'ReserveMargin',
      data: {
        orderId,
        instrumentKey,
        product,
        side,
        quantity,
        orderType,
        ...(priceE4 !== undefined && { priceE4 }),
        ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
        ...(details.slice !== undefined && { lineId: lineIdOf(details) }),
        ...need,
      },
    }));
  }

  /** Refuses a line without asking anybody: it came too late to be sent. */
  denyAsStale(ledger: Ledger, line: IntentLine, ageMs: number, limitMs: number): void {
    const { broker: _broker, ...details } = line;
    const verdict: Verdict = {
      check: 'timeliness',
      outcome: 'fail',
      limit: limitMs,
      actual: ageMs,
      reason: 'asked too long ago, in milliseconds',
    };
    ledger.decideAccount({ type: 'VoidMargin', data: { orderId: details.orderId } }); // reserved, if it got that far
    ledger.decideOrder(details.orderId, { type: 'DenyOrder', data: { ...details, verdicts: [verdict] } });
  }

  /** Records the next attempt of an order that is durable and not at a broker. */
  private dispatch(
    ledger: Ledger,
    orderId: string,
    broker: string,
    askedAtMs: number,
    verdicts?: readonly Verdict[],
  ): DueDispatch {
    const attempt = ledger.order(orderId).attempt + 1;
    const tag = tagOf(orderId, attempt);
    const { algoId, egressAddress } = this.options.brokers.of(ledger.account.accountId, broker) ?? {};
    const identity = { ...(algoId !== undefined && { algoId }), ...(egressAddress !== undefined && { egressAddress }) };
    ledger.decideOrder(orderId, {
      type: 'DispatchOrder',
      data: { attempt, broker, tag, ...identity, ...(verdicts && { verdicts }) },
    });
    const { details, terms } = ledger.order(orderId);
    if (!details) throw new Error(`order ${orderId} was dispatched without details`);
    const decidedAtMs = this.options.now();
    const exits = isExit(ledger.account, orderId);
    const dispatch = { details, terms, tag, isExit: exits, ...(algoId !== undefined && { algoId }) };
    return { dispatch, broker, attempt, askedAtMs, decidedAtMs, sentBeforeMs: this.sentBefore(decidedAtMs) };
  }

  /**
   * Runs the checks on `terms`, the account's own last: see `RiskDesk`. `reserve` is the reservation that the order needs,
   * to be recorded when all of them pass.
   */
  assess(
    ledger: Ledger,
    details: OrderDetails,
    terms: OrderTerms,
    broker: string,
    reserve: (need: Need) => AccountCommand,
  ): Judgement {
    const denied = (reason: string): Judgement => ({
      verdicts: [{ check: 'broker', outcome: 'fail', actual: broker, reason }],
    });
    const market = this.options.brokers.of(details.accountId, broker);
    if (!market) return denied('not connected');
    if (market.isPaper === true && ledger.account.kind === 'live')
      return denied('a live account does not trade on paper');
    const refusal = market.refuses?.({ ...details, ...terms });
    if (refusal !== undefined) return denied(refusal);
    const { replaces, status, terms: present } = ledger.order(details.orderId);
    const isNew = status === 'new' || status === 'placed';
    return this.options.risk.judge({
      details,
      terms,
      market,
      account: ledger.account,
      action: isNew ? 'new' : 'modify',
      ...(!isNew && { present }),
      modifications: replaces,
      reserve,
    });
  }

  /**
   * Calls the brokers, all orders at once, and makes their answers durable: from the moment a broker was called its
   * answer is kept and recorded however long the log takes. `afterwards` runs in the transaction of the last answer.
   */
  async send<T>(
    accountId: string,
    due: readonly DueDispatch[],
    load: readonly string[],
    cause: Cause,
    afterwards: (ledger: Ledger) => T,
  ): Promise<Committed<T>> {
    const answered = await Promise.all(
      due.map(async (one): Promise<Answered> => {
        const answer = await this.call(one);
        return { ...one, answer, sentBeforeMs: this.options.now() };
      }),
    );
    const waitedMs = Math.max(0, ...answered.map(({ answer }) => answer.callMs ?? 0));
    if (waitedMs > 0) this.options.outcomes.waited?.(waitedMs);
    for (const one of answered) if (one.answer.outcome === 'unknown') this.background(this.lookFor(one, cause));
    return this.conclude(accountId, answered, load, cause, afterwards);
  }

  /** A dispatch that was recorded at `decidedAtMs`, by whomever, was sent before this or not at all. */
  sentBefore(decidedAtMs: number): number {
    return decidedAtMs + QUEUE_MS + this.options.brokerTimeoutMs;
  }

  /** Asks the brokers for dispatches whose outcome nobody recorded. What is provably absent may be sent again. */
  async search(due: readonly DueDispatch[]): Promise<readonly Answered[]> {
    return Promise.all(due.map(async (one): Promise<Answered> => ({ ...one, answer: await this.find(one) })));
  }

  /**
   * Records what dispatches came to. What provably never arrived is recorded as such and, where that is allowed, tried
   * again: its next attempt stands in the log before anybody is called.
   */
  async conclude<T>(
    accountId: string,
    answered: readonly Answered[],
    load: readonly string[],
    cause: Cause,
    afterwards: (ledger: Ledger) => T,
  ): Promise<Committed<T>> {
    const routes = answered.some(({ answer }) => answer.outcome === 'notSent')
      ? await this.routesOf(accountId)
      : undefined;
    const { value, position } = await this.record(accountId, answered, load, cause, routes, afterwards);
    if (value.again.length === 0) return { value: value.result as T, position };
    const attempt = Math.max(...value.again.map((one) => one.attempt));
    const asked = answered.map(({ answer }) => (answer.outcome === 'notSent' ? (answer.retryAfterMs ?? 0) : 0));
    await sleep(Math.max(AGAIN_MS * 2 ** (attempt - 2), ...asked.filter((ms) => ms <= PATIENCE_MS)));
    return this.send(accountId, value.again, load, cause, afterwards);
  }

  /** Without them nothing goes elsewhere or again; what a broker said must be recorded all the same. */
  private async routesOf(accountId: string): Promise<Routes | undefined> {
    try {
      return await this.options.routing.of(accountId);
    } catch (error) {
      this.options.outcomes.failed(error);
      return undefined;
    }
  }

  private async record<T>(
    accountId: string,
    answered: readonly Answered[],
    load: readonly string[],
    cause: Cause,
    routes: Routes | undefined,
    afterwards: (ledger: Ledger) => T,
  ) {
    const streams = [...load, ...answered.map(({ dispatch }) => `order-${dispatch.details.orderId}`)];
    const committed = await this.untilDurable(() =>
      this.options.ledgers.transact(accountId, streams, cause, (ledger) => {
        const refused: Refused[] = [];
        const again: DueDispatch[] = [];
        // Doubt is counted once, however often it is looked into.
        const news = answered.filter(
          ({ dispatch, answer }) =>
            answer.outcome !== 'unknown' || ledger.order(dispatch.details.orderId).status !== 'in-doubt',
        );
        for (const one of answered)
          unlessRefused(refused, () => {
            settle(ledger, one.dispatch.details.orderId, one.attempt, one.answer);
            again.push(...this.next(ledger, one, routes));
          });
        const result = again.length === 0 ? afterwards(ledger) : undefined;
        const orders = answered.map(({ dispatch }) => ledger.order(dispatch.details.orderId));
        return { refused, again, news, result, cancels: orders.filter(mustStillCancel) };
      }),
    );
    for (const { broker, answer } of committed.value.news) this.options.outcomes.count(broker, answer.outcome);
    for (const refused of committed.value.refused) this.options.outcomes.failed(refused);
    for (const one of answered)
      if (isProvenAbsent(one.answer))
        // Not waited for: it goes on for longer than any request.
        this.watchFor(one).catch((error: unknown) => {
          this.options.outcomes.failed(error);
        });
    for (const { details, broker } of committed.value.cancels)
      if (details && broker !== undefined) this.background(this.cancelAtBroker(details, broker, cause));
    return committed;
  }

  /** The next attempt of an order that was not sent, if there is to be one; otherwise the order is given up. */
  private next(
    ledger: Ledger,
    { dispatch, broker, askedAtMs, answer }: Answered,
    routes?: Routes,
  ): readonly DueDispatch[] {
    const { orderId } = dispatch.details;
    const { status, attempt, pendingCancel } = ledger.order(orderId);
    if (answer.outcome !== 'notSent' || status !== 'not-sent') return [];
    let { evidence } = answer;
    const { again = 'nowhere', retryAfterMs = 0 } = answer;
    const isWanted =
      again !== 'nowhere' && pendingCancel === undefined && this.options.now() - askedAtMs < STALE_MS && !this.stopping;
    if (routes && isWanted && attempt < routes.maxAttempts) {
      const here = again === 'here' && retryAfterMs <= PATIENCE_MS ? broker : undefined;
      const halted = here === undefined ? undefined : this.haltAt(ledger, orderId, here);
      const to = this.elsewhere(ledger, orderId, broker, routes) ?? (halted ? undefined : here);
      if (to !== undefined) return [this.dispatch(ledger, orderId, to, askedAtMs)];
      if (halted)
        evidence = {
          code: 'HALTED',
          message: `switch of ${halted.by}: ${halted.state}; before: ${evidence.code ?? 'no code'}`,
        };
    }
    ledger.decideOrder(orderId, { type: 'AbandonOrder', data: { evidence } });
    return [];
  }

  /** The switch that was thrown since the order was judged and keeps it from a broker. What closes a position may be killed only. */
  private haltAt(ledger: Ledger, orderId: string, broker: string): Halt | undefined {
    const { account } = ledger;
    const halt = this.options.risk.haltOf(account, ledger.order(orderId).details, broker);
    return halt.state === 'killed' || (halt.state === 'reduce-only' && !isExit(account, orderId)) ? halt : undefined;
  }

  /** The next of an order's routes that would take it, where failing over is allowed. */
  private elsewhere(ledger: Ledger, orderId: string, broker: string, routes: Routes): string | undefined {
    const { account } = ledger;
    const { details, terms, route } = ledger.order(orderId);
    if (!routes.failover || !details) return undefined;
    const explicit = route?.reason === 'explicit' ? route.broker : undefined;
    const all = routes.of({ explicit, strategyId: details.strategyId }, account.broker).map((one) => one.broker);
    return all.slice(all.indexOf(broker) + 1).find((name) => {
      const other = this.options.brokers.of(details.accountId, name);
      if (name === broker || !other || (other.isPaper === true && account.kind === 'live')) return false;
      if (this.haltAt(ledger, orderId, name)) return false;
      return other.refuses?.({ ...details, ...terms }) === undefined;
    });
  }

  /**
   * Looks for an order that nobody answered for, until it is found or its broker has settled. What this process does not
   * see the end of is left to the recovery.
   */
  private async lookFor(one: DueDispatch, cause: Cause): Promise<void> {
    const { accountId } = one.dispatch.details;
    const settleMs = this.options.brokers.of(accountId, one.broker)?.settleMs ?? 0;
    if (settleMs === 0) return; // its book is the log, and the recovery reads that
    for (const afterMs of [...LOOK_AFTER_MS.filter((ms) => ms < settleMs), settleMs]) {
      await this.until(one.sentBeforeMs + afterMs);
      if (this.stopping) return;
      const [found] = await this.search([one]);
      if (!found || found.answer.outcome === 'unknown') continue;
      await this.conclude(accountId, [found], [], cause, () => undefined);
      return;
    }
  }

  /** No time is long enough for every broker: an order that comes after it was given up is told, and left to a person. */
  private async watchFor({ dispatch, broker }: DueDispatch): Promise<void> {
    const { now, outcomes } = this.options;
    const { accountId, orderId } = dispatch.details;
    const absentAtMs = now();
    if (this.options.brokers.of(accountId, broker)?.settleMs === 0) return; // it cannot be late
    for (const afterMs of LATE_AFTER_MS) {
      await this.until(absentAtMs + afterMs);
      if (this.stopping) return;
      const search = await (await this.brokerOf(accountId, broker))?.findByTag(dispatch);
      if (search?.outcome !== 'found') continue;
      outcomes.late?.({ broker, orderId, tag: dispatch.tag });
      return;
    }
  }

  /** Waits until an instant, or until this process is asked to end. */
  private async until(atMs: number): Promise<void> {
    const signal = this.ending.signal;
    const waitMs = Math.max(0, atMs - this.options.now());
    await sleep(waitMs, undefined, { signal }).catch(() => undefined); // rejects only when it is cut short
  }

  /** Takes a broker's own reports on one order: the listener of every `Broker.subscribe`. */
  async report(
    { orderId, accountId }: { orderId: string; accountId: string },
    told: Told,
    cause: Cause,
  ): Promise<Committed<void>> {
    const { value, position } = await this.untilDurable(() =>
      this.options.ledgers.transact(accountId, [`order-${orderId}`], cause, (ledger) => {
        const refused: Refused[] = [];
        for (const report of reportsOn(ledger.order(orderId), told))
          unlessRefused(refused, () => {
            ledger.decideOrder(orderId, { type: 'RecordReport', data: report });
          });
        return refused;
      }),
    );
    for (const refused of value) this.options.outcomes.failed(refused);
    return { value: undefined, position };
  }

  /** Asks the broker to cancel and records its answer; silence leaves the cancel pending, to be asked again. */
  async cancelAtBroker(
    { orderId, accountId }: Pick<OrderDetails, 'orderId' | 'accountId'>,
    broker: string,
    cause: Cause,
  ): Promise<Committed<void>> {
    const { state } = await this.options.ledgers.read(`order-${orderId}`);
    const answer = await this.ask(accountId, broker, (it) => it.cancel(state));
    return this.report({ orderId, accountId }, toldBy(answer, 'cancel-rejected'), cause);
  }

  /** Asks the broker to change an order and records its answer; silence leaves the change pending. */
  async replaceAtBroker(
    { orderId, accountId }: Pick<OrderDetails, 'orderId' | 'accountId'>,
    broker: string,
    terms: OrderTerms,
    cause: Cause,
  ): Promise<Committed<void>> {
    const { state } = await this.options.ledgers.read(`order-${orderId}`);
    const answer = await this.ask(accountId, broker, (it) => it.modify(state, terms));
    return this.report({ orderId, accountId }, toldBy(answer, 'replace-rejected'), cause);
  }

  /** Lets work go on after its request was answered; `drain` waits for it. */
  background(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.options.outcomes.failed(error);
      })
      .finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }

  /** From now on what cannot become durable at once is left to the recovery: a log that is away must not hold up the end. */
  stopWaiting(): void {
    this.ending.abort();
  }

  /** Waits for what runs in the background. */
  async drain(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private async call({ dispatch, broker, decidedAtMs }: DueDispatch): Promise<BrokerAnswer> {
    const { now, brokerTimeoutMs } = this.options;
    const ageMs = now() - decidedAtMs;
    if (ageMs > SETTLE_MS - brokerTimeoutMs)
      return {
        outcome: 'notSent',
        evidence: {
          code: 'DISPATCH_TOO_OLD',
          message: `decided ${String(ageMs)} ms ago, and somebody may have given it up`,
        },
      };
    return this.ask(dispatch.details.accountId, broker, (it) => it.place(dispatch, decidedAtMs + QUEUE_MS));
  }

  /**
   * Absence is proven only by a search that began after the broker had time to let the order appear, on the same day: a
   * broker's book vanishes overnight. A broker that cannot be asked proves nothing.
   */
  private async find({ dispatch, broker, sentBeforeMs }: DueDispatch): Promise<BrokerAnswer> {
    const { now } = this.options;
    const { accountId } = dispatch.details;
    if ((await this.brokerOf(accountId, broker)) === undefined)
      return { outcome: 'unknown', evidence: { code: 'BROKER_NOT_CONNECTED', message: `${broker} cannot be asked` } };
    return this.ask(accountId, broker, async (it) => {
      const isToday = istDay(sentBeforeMs) === istDay(now());
      const hasSettled = it.settleMs === 0 || (isToday && now() - sentBeforeMs >= it.settleMs);
      const search = await it.findByTag(dispatch);
      switch (search.outcome) {
        case 'found':
          return { outcome: 'accepted', reports: search.reports };
        case 'absent':
          return hasSettled
            ? {
                outcome: 'notSent',
                evidence: { code: PROVEN_ABSENT, message: `no order tagged ${dispatch.tag} at ${broker}` },
                // A broker may be slower than anybody thought. Whether that risk is taken is an admin's choice: failover.
                again: 'elsewhere',
              }
            : {
                outcome: 'unknown',
                evidence: { code: 'NOT_FOUND_YET', message: `no order tagged ${dispatch.tag} at ${broker} so far` },
              };
        case 'unknown':
          return search;
      }
    });
  }

  /** This process may have heard nothing of the account before; what it cannot look up goes by what it knows. */
  private async brokerOf(accountId: string, name: string): Promise<Broker | undefined> {
    const { brokers, outcomes } = this.options;
    await brokers.refresh(accountId).catch((error: unknown) => {
      outcomes.failed(error);
    });
    return brokers.of(accountId, name);
  }

  private async ask(
    accountId: string,
    name: string,
    call: (broker: Broker) => Promise<BrokerAnswer>,
  ): Promise<BrokerAnswer> {
    const broker = await this.brokerOf(accountId, name);
    if (!broker)
      return { outcome: 'notSent', evidence: { code: 'BROKER_NOT_CONNECTED', message: name }, again: 'elsewhere' };
    // A call that throws before it returns a promise is a silence like any other.
    const calling = Promise.resolve(broker).then(call);
    return withDeadline(calling, (broker.queueMs ?? 0) + this.options.brokerTimeoutMs);
  }

  /** What a broker said must not be lost to a log that is away for a while. */
  private async untilDurable<T>(write: () => Promise<Committed<T>>): Promise<Committed<T>> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof EventLogUnavailable) || this.stopping) throw error;
        this.options.outcomes.failed(error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** What a line has come to, read off its order. */
export const resultOf = (line: number, orderId: string, order: Order): LineResult => {
  const status = isHeld(order) ? 'QUEUED' : LINE_STATUS[order.status];
  const { broker, brokerOrderId, lastEvidence, denial, releaseAtMs } = order;
  const failed = denial?.filter(({ outcome }) => outcome === 'fail') ?? [];
  const problem = PROBLEM[status];
  return {
    line,
    orderId,
    status,
    ...(broker !== undefined && { broker }),
    ...(brokerOrderId !== undefined && { brokerOrderId }),
    ...(denial && { verdicts: denial }),
    ...(order.charges && { charges: order.charges }),
    ...(status === 'QUEUED' && releaseAtMs !== undefined && { heldUntilMs: releaseAtMs }),
    ...(problem !== undefined && {
      problem: {
        code: problem,
        detail:
          failed.length > 0
            ? `failed: ${failed.map(({ check }) => check).join(', ')}`
            : (lastEvidence?.message ?? lastEvidence?.code ?? 'no reason was given'),
      },
    }),
  };
};

const LINE_STATUS: Readonly<Record<Order['status'], LineStatus>> = {
  new: 'PENDING',
  placed: 'PENDING',
  dispatched: 'PENDING',
  'not-sent': 'PENDING',
  'in-doubt': 'UNKNOWN',
  denied: 'DENIED',
  rejected: 'REJECTED',
  abandoned: 'FAILED',
  working: 'ACCEPTED',
  filled: 'ACCEPTED',
  cancelled: 'ACCEPTED',
  expired: 'ACCEPTED',
};

const PROBLEM: Readonly<Partial<Record<LineStatus, string>>> = {
  DENIED: 'ORDER_DENIED',
  REJECTED: 'BROKER_REJECTED',
  FAILED: 'BROKER_UNREACHABLE',
  UNKNOWN: 'OUTCOME_UNKNOWN',
};

/** What the lines of an intent are answered with, one result a line. */
export const resultsOf = (lines: readonly IntentLine[], orderOf: (orderId: string) => Order): readonly LineResult[] =>
  perLine(lines.map(({ line, orderId }) => atLast(resultOf(line, orderId, orderOf(orderId)))));

/** An answer that is final promises nothing more: an attempt that is under way by then is not known to come to anything. */
const atLast = (result: LineResult): LineResult =>
  result.status === 'PENDING'
    ? { ...result, status: 'UNKNOWN', problem: { code: 'OUTCOME_UNKNOWN', detail: 'another attempt is under way' } }
    : result;

/** Records that an intent is finished, with what each line came to. */
export const complete = (ledger: Ledger, intentId: string, results: readonly LineResult[]): void => {
  ledger.decideIntent(intentId, { type: 'CompleteIntent', data: { intentId, status: statusOf(results), results } });
};

/** One report that makes no sense must not take the others with it: it is kept aside for somebody to look at. */
const unlessRefused = (refused: Refused[], work: () => void): void => {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused.push(error);
  }
};

const settle = (ledger: Ledger, orderId: string, attempt: number, answer: BrokerAnswer): void => {
  switch (answer.outcome) {
    case 'accepted':
      for (const report of reportsOn(ledger.order(orderId), answer.reports))
        ledger.decideOrder(orderId, { type: 'RecordReport', data: report });
      return;
    case 'rejected':
      ledger.decideOrder(orderId, { type: 'RecordReport', data: { kind: 'rejected', evidence: answer.evidence } });
      return;
    case 'unknown':
      ledger.decideOrder(orderId, { type: 'RecordDoubt', data: { attempt, evidence: answer.evidence } });
      return;
    case 'notSent':
      ledger.decideOrder(orderId, { type: 'RecordNotSent', data: { attempt, evidence: answer.evidence } });
  }
};

const toldBy = (answer: BrokerAnswer, refusal: 'cancel-rejected' | 'replace-rejected'): Told => {
  switch (answer.outcome) {
    case 'accepted':
      return answer.reports;
    case 'rejected':
      return [{ kind: refusal, evidence: answer.evidence }];
    case 'notSent':
      // Busy or away for a moment: what was asked for stays pending, and is asked again.
      return answer.again === 'here' ? [] : [{ kind: refusal, evidence: answer.evidence }];
    case 'unknown':
      return [];
  }
};

const isProvenAbsent = (answer: BrokerAnswer): boolean =>
  answer.outcome === 'notSent' && answer.evidence.code === PROVEN_ABSENT;

/** Does nothing but close what is held. */
const isExit = ({ reservations }: Account, orderId: string): boolean => {
  const held = reservations.get(orderId);
  return held !== undefined && held.closingQuantity === held.remainingQuantity;
};

/** The client asked to cancel while the order was still on its way. */
const mustStillCancel = ({ status, pendingCancel }: Order): boolean =>
  status === 'working' && pendingCancel !== undefined;

/** Holds anew what an order needs that waited: its price, or the rates of its margin, may have moved meanwhile. */
const reserveAgain = (
  { account }: Ledger,
  details: OrderDetails,
  { marginPriceE4, marginBp }: Need,
): AccountCommand => ({
  type: 'ChangeReservation',
  data: {
    orderId: details.orderId,
    quantity: details.quantity,
    marginPriceE4,
    ...shareNow(account, details.orderId, marginBp),
    asked: askedIn(details),
  },
});

/** The share that an order needs from now on. All of it is said in so many words to who held a part: see `NewTerms`. */
export const shareNow = (
  { reservations }: Account,
  orderId: string,
  marginBp: number | undefined,
): { readonly marginBp?: number } => {
  if (marginBp !== undefined) return { marginBp };
  return reservations.get(orderId)?.marginBp === undefined ? {} : { marginBp: WHOLE_BP };
};

/** Until the broker has answered, the order may stand under its old or its new terms: enough is held for either. */
export const reserveBoth = (
  { account }: Ledger,
  orderId: string,
  { terms: present, details }: Order,
  wanted: OrderTerms,
  { marginPriceE4, marginBp }: Pick<Need, 'marginPriceE4' | 'marginBp'>,
): AccountCommand => ({
  type: 'ChangeReservation',
  data: {
    orderId,
    quantity: Math.max(present.quantity, wanted.quantity),
    marginPriceE4: Math.max(account.reservations.get(orderId)?.marginPriceE4 ?? 0, marginPriceE4),
    ...(marginBp !== undefined && { marginBp }),
    asked: askedIn(readier(details?.side, present, wanted)),
  },
});

/** The terms of the two that trade more readily: neither may meet an own order of the other side. */
const readier = (side: OrderDetails['side'] | undefined, one: OrderTerms, other: OrderTerms): OrderTerms => {
  if (one.orderType !== 'LIMIT' || other.orderType !== 'LIMIT') return one.orderType === 'MARKET' ? one : other;
  const isHigher = (one.priceE4 ?? 0) > (other.priceE4 ?? 0);
  return isHigher === (side === 'BUY') ? one : other;
};
