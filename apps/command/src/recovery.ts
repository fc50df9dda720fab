import { accountReaction } from '#domain/accounts/reactions';
import { Refused } from '#domain/decider';
import { CLOSED, fillsOf, type Order, type OrderTerms } from '#domain/orders/order';
import { marginPriceE4 } from '#domain/risk/margin-price';
import type { EventLog } from '#event-log/event-log';
import type { Broker } from '#brokers/broker';
import type { AccountLedgers, Cause } from './account-ledger';
import { complete, type DueDispatch, type OrderDesk, reserveBoth, resultOf } from './order-desk';
import type { OrderOutcomes } from './outcomes';
import type { IntentsInFlight } from './intents-in-flight';

/** One entry of the to-do list: an intent without an answer, or an order that is not closed and settled. */
export interface OpenWork {
  readonly kind: 'intent' | 'order';
  readonly id: string;
  readonly accountId: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

export interface RecoveryOptions {
  readonly log: EventLog;
  readonly ledgers: AccountLedgers;
  readonly desk: OrderDesk;
  readonly brokers: ReadonlyMap<string, Broker>;
  readonly inFlight: IntentsInFlight;
  readonly outcomes: OrderOutcomes;
  readonly now: () => number;
  /** Work begun before an instant (epoch ms), as the read side has it: where to look, never what to believe. */
  readonly openWork: (beforeMs: number) => Promise<readonly OpenWork[]>;
}

/**
 * Work that a live request may still be busy with is left alone for this long. Must exceed the broker deadline.
 */
const SETTLE_MS = 15_000;
const SWEEP_MS = 5_000;

/** What could not be sent within this time of being asked is not sent later: the market has moved on. */
const STALE_MS = 30_000;

/**
 * Finishes what a process left open when it died, wherever it died. The to-do list says where to look; what is done
 * follows from the streams alone, and doing it twice changes nothing.
 */
export class Recovery {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: RecoveryOptions) {}

  /**
   * First pass, before requests are served: everything that is open belongs to a process that is gone. Then looks
   * again from time to time for what a live process could not finish.
   */
  async start(): Promise<{ finished: number }> {
    const finished = await this.sweep(this.options.now(), true);
    this.timer = setInterval(() => {
      this.sweeping = this.sweeping
        .then(() => this.sweep(this.options.now() - SETTLE_MS, false))
        .catch((error: unknown) => {
          this.options.outcomes.failed(error);
        });
    }, SWEEP_MS);
    return { finished };
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.sweeping;
  }

  private async sweep(beforeMs: number, first: boolean): Promise<number> {
    let finished = 0;
    for (const work of await this.options.openWork(beforeMs)) {
      try {
        if (work.kind === 'intent') finished += await this.finishIntent(work);
        else finished += await this.finishOrder(work, first);
      } catch (error) {
        this.options.outcomes.failed(error); // one that cannot be finished must not keep the others waiting
      }
    }
    return finished;
  }

  /** Carries an intent from wherever it stands to its answer. */
  private async finishIntent({ id, accountId, since }: OpenWork): Promise<number> {
    const { ledgers, desk, inFlight, now } = this.options;
    if (inFlight.has(id)) return 0;
    const { state } = await ledgers.read(`intent-${id}`);
    if (state.status !== 'open') return 0;
    const { lines, userId } = state.received;
    const cause: Cause = { userId, correlationId: `recovery-${id}`, causationId: id };
    const load = [`intent-${id}`, ...lines.map(({ orderId }) => `order-${orderId}`)];
    const ageMs = now() - since;

    const { value } = await ledgers.transact(accountId, load, cause, (ledger) => {
      const fresh: DueDispatch[] = [];
      const doubtful: DueDispatch[] = [];
      for (const line of lines) {
        const { status } = ledger.order(line.orderId);
        if (status === 'new' && ageMs > STALE_MS) desk.denyAsStale(ledger, line, ageMs, STALE_MS);
        else if (status === 'new') fresh.push(...optional(desk.place(ledger, line)));
        else doubtful.push(...optional(dueAgain(ledger.order(line.orderId))));
      }
      return { fresh, doubtful };
    });
    await desk.record(accountId, await desk.search(value.doubtful), load, cause, () => undefined);
    await desk.send(accountId, value.fresh, load, cause, (ledger) => {
      const results = lines.map(({ line, orderId }) => resultOf(line, orderId, ledger.order(orderId)));
      complete(ledger, id, results);
    });
    return 1;
  }

  /** Brings an order, its account and its broker back in step. */
  private async finishOrder({ id, accountId }: OpenWork, first: boolean): Promise<number> {
    const { ledgers, desk, log, brokers, inFlight } = this.options;
    const { state } = await ledgers.read(`order-${id}`);
    const { details, route, pendingCancel, pendingReplace } = state;
    if (!details || !route || inFlight.has(details.intentId)) return 0; // its intent is open and carries it on
    const cause: Cause = { userId: details.userId, correlationId: `recovery-${id}`, causationId: id };
    const events = await log.readStream(`order-${id}`);
    const settled = await ledgers.transact(accountId, [`order-${id}`], cause, (ledger) => {
      for (const fill of fillsOf(events)) {
        const post = accountReaction(fill, state, 0);
        if (post) ledger.decideAccount(post);
      }
      if (CLOSED.has(ledger.order(id).status)) ledger.decideAccount({ type: 'VoidMargin', data: { orderId: id } });
    });
    const doubtful = dueAgain(state);
    if (doubtful) await desk.record(accountId, await desk.search([doubtful]), [], cause, () => undefined);
    if (state.status !== 'working') return settled.position > 0 ? 1 : 0;

    const acceptedAtMs = events.find(({ type }) => type === 'OrderAccepted')?.meta.at ?? this.options.now();
    if (first) brokers.get(route.broker)?.resume([{ order: state, acceptedAtMs }]);
    if (pendingCancel !== undefined) await desk.cancelAtBroker(details, route.broker, cause);
    else if (pendingReplace) await this.finishReplace(state, pendingReplace.terms, cause);
    return settled.position > 0 || pendingCancel !== undefined || pendingReplace ? 1 : 0;
  }

  /** A modify that was recorded: its margin is held, or the modify is given up, before the broker is asked again. */
  private async finishReplace({ details, route }: Order, terms: OrderTerms, cause: Cause): Promise<void> {
    if (!details || !route) return;
    const { ledgers, desk, brokers } = this.options;
    const { accountId, orderId } = details;
    const tradingDate = brokers.get(route.broker)?.tradingDate();
    if (tradingDate === undefined) return; // the broker is not connected: the change stays pending until it is
    const { value: held } = await ledgers.transact(accountId, [`order-${orderId}`], cause, (ledger) => {
      const priceE4 = marginPriceE4(terms, { tradingDate });
      try {
        reserveBoth(ledger, ledger.order(orderId), terms, priceE4 ?? 0);
        return true;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const evidence = { code: error.code, message: 'the account could not cover the change' };
        ledger.decideOrder(orderId, { type: 'RecordReport', data: { kind: 'replace-rejected', evidence } });
        return false;
      }
    });
    if (held) await desk.replaceAtBroker(details, route.broker, terms, cause);
  }
}

const optional = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);

/** A dispatch whose outcome nobody recorded. */
const dueAgain = ({ status, details, terms, tag, route, attempt }: Order): DueDispatch | undefined =>
  details && route && tag !== undefined && (status === 'dispatched' || status === 'in-doubt')
    ? { dispatch: { details, terms, tag }, broker: route.broker, attempt }
    : undefined;
