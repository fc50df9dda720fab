import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Instrument } from '#domain/instruments/instrument';
import { type IntentLine, type IntentStatus, type LineResult, statusOf } from '#domain/intents/intent';
import { Refused } from '#domain/decider';
import type { EventLog } from '#event-log/event-log';
import { Problem } from '#platform/problem-details';
import type { AccountLedgers, Cause } from './account-ledger';
import { intentIdOf } from './ids';
import { complete, type DueDispatch, type OrderDesk, resultOf } from './order-desk';
import { type OrderLine, payloadHashOf, toIntentLines } from './order-line';
import type { OrderOutcomes } from './outcomes';

/** What the client is told of an intent. */
export interface IntentReply {
  readonly intentId: string;
  readonly status: IntentStatus;
  readonly results: readonly LineResult[];
  /** For `Coordinator-Position`. */
  readonly position: number;
  readonly replayed: boolean;
}

export interface PlaceOrdersRequest {
  readonly userId: string;
  readonly accountId: string;
  readonly idempotencyKey: string;
  readonly lines: readonly OrderLine[];
  readonly correlationId: string;
  /** Answer as soon as the orders are durable and due, without waiting for the broker. */
  readonly respondAsync: boolean;
  readonly pathOf: (line: number, field: string) => string;
}

/** Place one to N orders: one intent, one answer per line. */
export class PlaceOrders extends Command<IntentReply> {
  constructor(readonly request: PlaceOrdersRequest) {
    super();
  }
}

export interface PlaceOrdersOptions {
  readonly log: EventLog;
  readonly ledgers: AccountLedgers;
  readonly desk: OrderDesk;
  readonly outcomes: OrderOutcomes;
  readonly resolve: (name: string) => Instrument | undefined;
  readonly brokers: ReadonlySet<string>;
  readonly now: () => number;
  readonly idempotencyWindowSec: number;
}

/** Intents this process is working on right now: a second request with the same key is told to come back. */
export class IntentsInFlight {
  private readonly hashes = new Map<string, string>();

  /** @throws Problem 409 while the same request is under way, 422 when it is another one under the same key. */
  enter(intentId: string, payloadHash: string): void {
    const known = this.hashes.get(intentId);
    if (known !== undefined) throw known === payloadHash ? inProgress() : keyReused();
    this.hashes.set(intentId, payloadHash);
  }

  leave(intentId: string): void {
    this.hashes.delete(intentId);
  }

  has(intentId: string): boolean {
    return this.hashes.has(intentId);
  }
}

@CommandHandler(PlaceOrders)
export class PlaceOrdersHandler implements ICommandHandler<PlaceOrders> {
  constructor(
    private readonly options: PlaceOrdersOptions,
    private readonly inFlight: IntentsInFlight,
  ) {}

  async execute({ request }: PlaceOrders): Promise<IntentReply> {
    const { accountId, userId, idempotencyKey, lines, correlationId, pathOf } = request;
    const { brokers, resolve } = this.options;
    const intentId = intentIdOf(accountId, idempotencyKey);
    const payloadHash = payloadHashOf(lines);
    const intentLines = toIntentLines(lines, { intentId, accountId, userId, brokers, resolve, pathOf });
    this.inFlight.enter(intentId, payloadHash);
    let working = false;
    try {
      const cause: Cause = { userId, correlationId, causationId: intentId };
      const { value: due, position } = await this.receive(request, intentId, payloadHash, intentLines, cause);
      if (due === undefined) return await this.replay(intentId);

      const finished = this.finish(accountId, intentId, intentLines, due, cause);
      working = true;
      this.options.desk.background(
        finished.finally(() => {
          this.inFlight.leave(intentId);
        }),
      );
      return request.respondAsync ? await this.pending(intentId, intentLines, position) : await finished;
    } finally {
      if (!working) this.inFlight.leave(intentId);
    }
  }

  /** The intent, its reservations, its orders and their dispatches, durable before anybody is called. */
  private async receive(
    { userId, accountId, idempotencyKey }: PlaceOrdersRequest,
    intentId: string,
    payloadHash: string,
    lines: readonly IntentLine[],
    cause: Cause,
  ) {
    try {
      return await this.options.ledgers.transact(accountId, [], cause, (ledger): readonly DueDispatch[] | undefined => {
        const received = ledger.decideIntent(intentId, {
          type: 'ReceiveIntent',
          data: { intentId, accountId, userId, idempotencyKey, payloadHash, lines },
        });
        if (received.length === 0) return undefined; // the same request was here before
        return lines.map((line) => this.options.desk.place(ledger, line)).filter((due) => due !== undefined);
      });
    } catch (error) {
      throw error instanceof Refused && error.code === 'intent.payload-differs' ? keyReused() : error;
    }
  }

  private async finish(
    accountId: string,
    intentId: string,
    lines: readonly IntentLine[],
    due: readonly DueDispatch[],
    cause: Cause,
  ): Promise<IntentReply> {
    const load = [`intent-${intentId}`, ...lines.map(({ orderId }) => `order-${orderId}`)];
    const { value: results, position } = await this.options.desk.send(accountId, due, load, cause, (ledger) => {
      const told = lines.map(({ line, orderId }) => resultOf(line, orderId, ledger.order(orderId)));
      complete(ledger, intentId, told);
      return told;
    });
    for (const { status } of results) if (status === 'DENIED') this.options.outcomes.count('none', 'denied');
    return { intentId, status: statusOf(results), results, position, replayed: false };
  }

  private async pending(intentId: string, lines: readonly IntentLine[], position: number): Promise<IntentReply> {
    const orders = await Promise.all(lines.map(({ orderId }) => this.options.ledgers.read(`order-${orderId}`)));
    const results = lines.map(({ line, orderId }, index): LineResult => {
      const state = orders[index]?.state;
      return state?.status === 'denied' ? resultOf(line, orderId, state) : { line, orderId, status: 'PENDING' };
    });
    return { intentId, status: 'PENDING', results, position, replayed: false };
  }

  /** The stored answer within the window; after it, what the orders have come to. */
  private async replay(intentId: string): Promise<IntentReply> {
    const events = await this.options.log.readStream(`intent-${intentId}`);
    const { state } = await this.options.ledgers.read(`intent-${intentId}`);
    const last = events.at(-1);
    if (state.status !== 'completed' || !last) throw inProgress();
    const { now, idempotencyWindowSec, ledgers } = this.options;
    const fresh = now() - last.meta.at <= idempotencyWindowSec * 1000;
    const results = fresh ? state.completed.results : await presentResults(ledgers, state.received.lines);
    return { intentId, status: statusOf(results), results, position: last.position, replayed: true };
  }
}

/** What the lines of an intent have come to by now. */
export const presentResults = (ledgers: AccountLedgers, lines: readonly IntentLine[]): Promise<readonly LineResult[]> =>
  Promise.all(
    lines.map(async ({ line, orderId }) => resultOf(line, orderId, (await ledgers.read(`order-${orderId}`)).state)),
  );

const inProgress = (): Problem =>
  new Problem(409, 'INTENT_IN_PROGRESS', 'A request with this Idempotency-Key is still running.', {
    headers: { 'Retry-After': '1' },
  });

const keyReused = (): Problem =>
  new Problem(422, 'IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key was used for another request.', {
    errors: [{ field: 'Idempotency-Key', message: 'was used with a different body' }],
  });
