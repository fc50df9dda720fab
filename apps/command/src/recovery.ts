import { accountReaction } from '#domain/accounts/reactions';
import { type DomainEvent, Refused } from '#domain/decider';
import type { IntentLine } from '#domain/intents/intent';
import { CLOSED, fillsOf, isHeld, type Order } from '#domain/orders/order';
import { marginPriceE4 } from '#domain/risk/margin-price';
import type { EventLog, RecordedEvent } from '#event-log/event-log';
import type { Brokers } from '#brokers/broker';
import { istDay } from '#brokers/fields';
import type { AccountLedgers, Cause, Ledger } from './account-ledger';
import { placeTogether } from './all-or-none';
import { complete, type DueDispatch, type OrderDesk, reserveBoth, resultsOf, SETTLE_MS, STALE_MS } from './order-desk';
import type { OrderOutcomes } from './outcomes';
import type { IntentsInFlight } from './intents-in-flight';

/** One entry of the to-do list: an intent without an answer, or an order that is not closed and settled. */
export interface OpenWork {
  readonly kind: 'intent' | 'order';
  readonly id: string;
  readonly accountId: string;
  /** Epoch milliseconds. */
  readonly since: number;
  /** Of the last event that changed this entry. */
  readonly position: number;
}

export interface RecoveryOptions {
  readonly log: EventLog;
  readonly ledgers: AccountLedgers;
  readonly desk: OrderDesk;
  readonly brokers: Brokers;
  readonly inFlight: IntentsInFlight;
  readonly outcomes: OrderOutcomes;
  readonly now: () => number;
  /** Work begun before an instant (epoch ms), as the read side has it: where to look, never what to believe. */
  readonly openWork: (beforeMs: number) => Promise<readonly OpenWork[]>;
  /** Of several processes one looks after the work of all: see `start`. */
  readonly isKeeper: () => boolean;
}

const SWEEP_MS = 5_000;
const ASK_AT_LEAST_EVERY_MS = 300_000;

/** So many brokers are waited for at a time. */
const AT_ONCE = 32;

/** `fine`: there was nothing to do. `later`: somebody may be busy with it. */
type Outcome = 'finished' | 'fine' | 'later';

/**
 * Finishes what a process left open when it died, wherever it died. The to-do list says where to look; what is done
 * follows from the streams alone, and doing it twice changes nothing.
 */
export class Recovery {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<unknown> | undefined;
  private stopped = false;
  /** Orders that were found in good order, with their position: not looked at again until that moves. */
  private fine = new Map<string, number>();
  /** Orders that wait for their market, as they were found: left alone until that opens, or something happens to them. */
  private held = new Map<string, { readonly position: number; readonly order: Order }>();
  /** Orders whose broker was asked and had nothing to say: when it is asked again, each time later. */
  private asked = new Map<string, { readonly againAtMs: number; readonly pauseMs: number }>();

  constructor(private readonly options: RecoveryOptions) {}

  /** Before any process serves requests: everything that is open belongs to one that is gone. */
  async finishAll(): Promise<{ finished: number }> {
    const sweeping = this.sweep(this.options.now(), true);
    this.sweeping = sweeping.finally(() => (this.sweeping = undefined)).catch(() => undefined); // told to whoever asked
    return { finished: await sweeping };
  }

  /** Looks from time to time for what a process has left open: one that died, or one that could not finish it. */
  start(): void {
    this.timer = setInterval(() => {
      if (!this.options.isKeeper()) return;
      this.sweeping ??= this.sweep(this.options.now() - SETTLE_MS, false)
        .catch((error: unknown) => {
          this.options.outcomes.failed(error);
        })
        .finally(() => {
          this.sweeping = undefined;
        });
    }, SWEEP_MS);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.idle();
  }

  /** Resolves when it is not at work. */
  async idle(): Promise<void> {
    await this.sweeping;
  }

  private async sweep(beforeMs: number, first: boolean): Promise<number> {
    let finished = 0;
    const fine = new Map<string, number>();
    const finish = async (work: OpenWork): Promise<void> => {
      if (this.fine.get(work.id) === work.position) {
        fine.set(work.id, work.position);
        return;
      }
      try {
        if (await this.waitsOn(work)) return;
        const outcome = work.kind === 'intent' ? await this.finishIntent(work) : await this.finishOrder(work, first);
        if (outcome === 'finished') finished += 1;
        if (outcome === 'fine') fine.set(work.id, work.position);
      } catch (error) {
        this.options.outcomes.failed(error); // one that cannot be finished must not keep the others waiting
      }
    };
    const all = await this.options.openWork(beforeMs);
    // Intents first: they carry their orders along. Several at once, because one that has to ask a broker may wait for long.
    for (const kind of ['intent', 'order'] as const) {
      const due = all.filter((work) => work.kind === kind).values();
      const worker = async (): Promise<void> => {
        for (const work of due) {
          if (this.stopped) return;
          await finish(work);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    }
    this.fine = fine;
    const open = new Set(all.map(({ id }) => id));
    for (const known of [this.asked, this.held]) for (const id of known.keys()) if (!open.has(id)) known.delete(id);
    return finished;
  }

  /** Known to wait for its market, which is not open yet: nothing of it is read until then. */
  private async waitsOn({ id, position }: OpenWork): Promise<boolean> {
    const held = this.held.get(id);
    return held?.position === position && !(await this.options.desk.isDue(held.order));
  }

  /** Carries an intent from wherever it stands to its answer. */
  private async finishIntent({ id, accountId, since }: OpenWork): Promise<Outcome> {
    const { ledgers, desk, inFlight, now } = this.options;
    if (inFlight.has(id)) return 'later';
    const { state } = await ledgers.read(`intent-${id}`);
    if (state.status !== 'open') return 'later'; // the list does not know yet that it was answered
    const { lines, userId } = state.received;
    const cause: Cause = { userId, correlationId: `recovery-${id}`, causationId: id };
    const load = [`intent-${id}`, ...lines.map(({ orderId }) => `order-${orderId}`)];
    const ageMs = now() - since;
    const routes = await desk.prepare(accountId, lines);

    const { value } = await placeTogether(desk, routes, (placeLines) =>
      ledgers.transact(accountId, load, cause, (ledger) => {
        const fresh: IntentLine[] = [];
        const doubtful: Order[] = [];
        for (const line of lines) {
          const { status } = ledger.order(line.orderId);
          if (status === 'new' && ageMs > STALE_MS) desk.denyAsStale(ledger, line, ageMs, STALE_MS);
          else if (status === 'new') fresh.push(line);
          else doubtful.push(ledger.order(line.orderId));
        }
        return { fresh: placeLines(ledger, fresh, lines), doubtful };
      }),
    );
    const doubtful = await Promise.all(value.doubtful.map((order) => this.doubtOf(order)));
    const known = await desk.search(doubtful.filter((one) => one !== undefined));
    await desk.conclude(accountId, known, load, cause, () => undefined);
    await desk.send(accountId, value.fresh, load, cause, (ledger) => {
      complete(
        ledger,
        id,
        resultsOf(lines, (orderId) => ledger.order(orderId)),
      );
    });
    return 'finished';
  }

  /** Brings an order, its account and its broker back in step. */
  private async finishOrder({ id, accountId, position }: OpenWork, first: boolean): Promise<Outcome> {
    const { ledgers, desk, log, inFlight, now } = this.options;
    const { state } = await ledgers.read(`order-${id}`);
    const { details, broker, status, pendingCancel, pendingReplace } = state;
    if (!details || inFlight.has(details.intentId)) return 'later'; // its intent is open and carries it on
    const cause: Cause = { userId: details.userId, correlationId: `recovery-${id}`, causationId: id };
    const events = await log.readStream(`order-${id}`);
    const settled = await ledgers.transact(accountId, [`order-${id}`], cause, (ledger) => {
      this.settleMargin(ledger, id, events);
    });
    const doubtful = doubtOf(state, events, desk);
    if (isHeld(state)) {
      if (!(await desk.isDue(state))) {
        this.held.set(id, { position, order: state });
        return 'later';
      }
      await desk.prepare(accountId, [details]); // it is judged again, on what is known now
      const { value: due } = await ledgers.transact(accountId, [`order-${id}`], cause, (ledger) =>
        desk.release(ledger, id),
      );
      if (!due) return 'later';
      await desk.send(accountId, [due], [], cause, () => undefined);
      return 'finished';
    }
    const isAwaited = doubtful !== undefined || pendingCancel !== undefined || pendingReplace !== undefined;
    if (isAwaited && !first && !this.mayAsk(id)) return 'later';
    if (doubtful) {
      await desk.conclude(accountId, await desk.search([doubtful]), [], cause, () => undefined);
      return 'finished';
    }
    if (status !== 'working' || broker === undefined || (pendingCancel === undefined && !pendingReplace))
      return settled.position > 0 ? 'finished' : 'fine';

    if (!first && now() - (events.findLast(isRequest)?.meta.at ?? 0) < SETTLE_MS) return 'later';
    if (pendingCancel !== undefined) await desk.cancelAtBroker(details, broker, cause);
    else await this.finishReplace(state, cause);
    return 'finished';
  }

  /** A broker that has nothing to say is asked less and less often, and never not at all. */
  private mayAsk(orderId: string): boolean {
    const nowMs = this.options.now();
    const { againAtMs, pauseMs } = this.asked.get(orderId) ?? { againAtMs: 0, pauseMs: SWEEP_MS / 2 };
    if (nowMs < againAtMs) return false;
    const next = Math.min(2 * pauseMs, ASK_AT_LEAST_EVERY_MS);
    this.asked.set(orderId, { againAtMs: nowMs + next, pauseMs: next });
    return true;
  }

  private async doubtOf(order: Order): Promise<DueDispatch | undefined> {
    const { log, desk } = this.options;
    return order.details && doubtOf(order, await log.readStream(`order-${order.details.orderId}`), desk);
  }

  /** What the account should have heard of an order: every trade, the last change, the end. */
  private settleMargin(ledger: Ledger, orderId: string, events: readonly DomainEvent[]): void {
    const order = ledger.order(orderId);
    for (const fill of fillsOf(events)) {
      const post = accountReaction(fill, order, 0, ledger.tradingDateOf);
      if (post) ledger.decideAccount(post);
    }
    if (CLOSED.has(order.status)) {
      ledger.decideAccount({ type: 'VoidMargin', data: { orderId } });
      return;
    }
    if (!order.pendingReplace) ledger.followTerms(orderId);
  }

  /** A modify that was recorded: its margin is held, or the modify is given up, before the broker is asked again. */
  private async finishReplace({ details, broker, pendingReplace }: Order, cause: Cause): Promise<void> {
    if (!details || broker === undefined || !pendingReplace) return;
    const { ledgers, desk, brokers } = this.options;
    const { accountId, orderId } = details;
    const { requestId, terms } = pendingReplace;
    const marketNowMs = brokers.marketNowMs(broker);
    if (marketNowMs === undefined) return; // the broker is not connected: the change stays pending until it is
    const { value: held } = await ledgers.transact(accountId, [`order-${orderId}`], cause, (ledger) => {
      const order = ledger.order(orderId);
      if (order.pendingReplace?.requestId !== requestId) return false; // the broker has answered meanwhile
      try {
        const tradingDate = istDay(marketNowMs);
        const priceE4 = marginPriceE4(terms, { side: details.side, tradingDate }) ?? 0;
        ledger.decideAccount(reserveBoth(ledger, orderId, order, terms, { marginPriceE4: priceE4 }));
        return true;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const evidence = { code: error.code, message: 'the account could not cover the change' };
        ledger.decideOrder(orderId, { type: 'RecordReport', data: { kind: 'replace-rejected', evidence } });
        return false;
      }
    });
    if (held) await desk.replaceAtBroker(details, broker, terms, cause);
  }
}

const isRequest = ({ type }: RecordedEvent): boolean => type === 'CancelRequested' || type === 'ReplaceRequested';

/** A dispatch whose outcome nobody recorded. */
const doubtOf = (
  { status, details, terms, tag, broker, attempt }: Order,
  events: readonly RecordedEvent[],
  desk: OrderDesk,
): DueDispatch | undefined => {
  if (!details || tag === undefined || broker === undefined) return undefined;
  if (status !== 'dispatched' && status !== 'in-doubt') return undefined;
  const askedAtMs = events[0]?.meta.at ?? 0;
  const decidedAtMs = events.findLast(({ type }) => type === 'OrderDispatched')?.meta.at ?? 0;
  return {
    dispatch: { details, terms, tag },
    broker,
    attempt,
    askedAtMs,
    decidedAtMs,
    sentBeforeMs: desk.sentBefore(decidedAtMs),
  };
};
