import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type IntentLine, type IntentStatus, type LineResult, perLine, statusOf } from '#domain/intents/intent';
import { Refused } from '#domain/decider';
import type { AccountLedgers, Cause } from './account-ledger';
import { placeTogether } from './all-or-none';
import { intentIdOf } from './ids';
import { complete, type DueDispatch, resultOf, resultsOf } from './order-desk';
import { type OrderLine, payloadHashOf, toIntentLines } from './order-line';
import { inProgress, keyReused } from './intents-in-flight';
import type { Routes } from './routing';
import { WriteSide } from './write-side';

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

@CommandHandler(PlaceOrders)
export class PlaceOrdersHandler implements ICommandHandler<PlaceOrders> {
  constructor(private readonly side: WriteSide) {}

  async execute({ request }: PlaceOrders): Promise<IntentReply> {
    const { accountId, userId, idempotencyKey, lines, correlationId, pathOf } = request;
    const { brokers, inFlight, desk } = this.side;
    const { resolve, factsOf } = this.side;
    const intentId = intentIdOf(accountId, idempotencyKey);
    const payloadHash = payloadHashOf(lines);
    let intentLines: readonly IntentLine[];
    try {
      intentLines = toIntentLines(lines, { intentId, accountId, userId, brokers, resolve, factsOf, pathOf });
    } catch (error) {
      // What an instrument is called today does not matter to a request that was answered before.
      if (await this.wasReceived(intentId, payloadHash)) return this.replay(intentId);
      throw error;
    }
    if (!inFlight.enter(intentId, payloadHash)) return this.replay(intentId);
    let working = false;
    try {
      const cause: Cause = { userId, correlationId, causationId: intentId };
      const routes = await desk.prepare(accountId, intentLines);
      const { value: due, position } = await this.receive(request, intentId, payloadHash, intentLines, routes, cause);
      if (due === undefined) return await this.replay(intentId);

      const finished = this.finish(accountId, intentId, intentLines, due, cause);
      working = true;
      desk.background(
        finished.finally(() => {
          inFlight.leave(intentId);
        }),
      );
      return request.respondAsync ? await this.pending(intentId, intentLines, position) : await finished;
    } finally {
      if (!working) inFlight.leave(intentId);
    }
  }

  /** The intent, its reservations, its orders and their dispatches, durable before anybody is called. */
  private async receive(
    { userId, accountId, idempotencyKey }: PlaceOrdersRequest,
    intentId: string,
    payloadHash: string,
    lines: readonly IntentLine[],
    routes: Routes,
    cause: Cause,
  ) {
    const { desk, ledgers } = this.side;
    try {
      return await placeTogether(desk, routes, (placeLines) =>
        ledgers.transact(accountId, [], cause, (ledger) => {
          const events = ledger.decideIntent(intentId, {
            type: 'ReceiveIntent',
            data: { intentId, accountId, userId, idempotencyKey, payloadHash, lines },
          });
          return events.length === 0 ? undefined : placeLines(ledger, lines, lines); // `undefined`: it was here before
        }),
      );
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
    const { value: results, position } = await this.side.desk.send(accountId, due, load, cause, (ledger) => {
      const told = resultsOf(lines, (orderId) => ledger.order(orderId));
      complete(ledger, intentId, told);
      return told;
    });
    for (const { status } of results) if (status === 'DENIED') this.side.options.outcomes.count('none', 'denied');
    return { intentId, status: statusOf(results), results, position, replayed: false };
  }

  private async pending(intentId: string, lines: readonly IntentLine[], position: number): Promise<IntentReply> {
    const orders = await Promise.all(lines.map(({ orderId }) => this.side.ledgers.read(`order-${orderId}`)));
    const results = lines.map(({ line, orderId }, index): LineResult => {
      const state = orders[index]?.state;
      return state?.status === 'denied' ? resultOf(line, orderId, state) : { line, orderId, status: 'PENDING' };
    });
    return { intentId, status: 'PENDING', results: perLine(results), position, replayed: false };
  }

  private async wasReceived(intentId: string, payloadHash: string): Promise<boolean> {
    const { state } = await this.side.ledgers.read(`intent-${intentId}`);
    return state.status !== 'new' && state.received.payloadHash === payloadHash;
  }

  /**
   * The stored answer within the window; after it, what the orders have come to.
   * @throws Problem 409 while there is none.
   */
  private async replay(intentId: string): Promise<IntentReply> {
    const { state } = await this.side.ledgers.read(`intent-${intentId}`);
    const last = (await this.side.options.log.readStream(`intent-${intentId}`)).at(-1);
    if (state.status !== 'completed' || !last) throw inProgress();
    const { idempotencyWindowSec } = (await this.side.settings.house()).document;
    const fresh = this.side.options.now() - last.meta.at <= idempotencyWindowSec * 1000;
    const results = fresh ? state.completed.results : await presentResults(this.side.ledgers, state.received.lines);
    return { intentId, status: statusOf(results), results, position: last.position, replayed: true };
  }
}

/** What the lines of an intent have come to by now. */
export const presentResults = async (
  ledgers: AccountLedgers,
  lines: readonly IntentLine[],
): Promise<readonly LineResult[]> => {
  const orders = await Promise.all(lines.map(({ orderId }) => ledgers.read(`order-${orderId}`)));
  return perLine(
    lines.flatMap(({ line, orderId }, index) => {
      const state = orders[index]?.state;
      return state ? [resultOf(line, orderId, state)] : [];
    }),
  );
};
