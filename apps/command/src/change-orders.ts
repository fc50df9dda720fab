import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  CLOSED,
  type Evidence,
  leavesOf,
  order as orderDecider,
  type Order,
  type OrderDetails,
  type OrderEvent,
  type OrderTerms,
  sameTerms,
} from '#domain/orders/order';
import type { DomainEvent } from '#domain/decider';
import { toRupees } from '#domain/money';
import { type BookStatus, bookStatusOf } from '#domain/orders/book-status';
import { ordStatusOf } from '#domain/orders/life-cycle';
import type { Verdict } from '#domain/risk/verdict';
import { Problem } from '#platform/problem-details';
import type { AccountLedgers, Cause, Ledger } from './account-ledger';
import { reserveBoth, shareNow } from './order-desk';
import { changedTerms, type OrderChange } from './order-line';
import { WriteSide } from './write-side';

/** An order as the write side answers it: what the log says now. */
export interface OrderReply {
  readonly orderId: string;
  readonly status: BookStatus;
  readonly ordStatus: string;
  readonly pending: 'CANCEL' | 'REPLACE' | null;
  readonly version: number;
  readonly quantity: number;
  readonly filledQuantity: number;
  readonly leavesQuantity: number;
  readonly price: number | null;
  readonly triggerPrice: number | null;
  /** Why the last request did not come to what was asked. */
  readonly reason?: string;
  readonly position: number;
}

interface ChangeRequest {
  readonly userId: string;
  readonly orderId: string;
  /** Accounts the caller may touch: an order of another one does not exist for them. */
  readonly accountIds: readonly string[];
  readonly correlationId: string;
  /** The client's Idempotency-Key, or else what makes the request the same one when it is repeated. */
  readonly requestId: string;
}

export class CancelOrder extends Command<OrderReply> {
  constructor(readonly request: ChangeRequest) {
    super();
  }
}

export class ReplaceOrder extends Command<OrderReply> {
  /** `expectedVersion`: the revision of the order that the client has seen (`If-Match`). */
  constructor(readonly request: ChangeRequest & { readonly expectedVersion: number; readonly change: OrderChange }) {
    super();
  }
}

/** An order that exists, is the caller's own and is known in full. */
type Owned = Order & { readonly details: OrderDetails };

const ownedOrder = async (ledgers: AccountLedgers, { orderId, accountIds }: ChangeRequest): Promise<Owned> => {
  const { state } = await ledgers.read(`order-${orderId}`);
  const { details } = state;
  if (!details || !accountIds.includes(details.accountId))
    throw new Problem(404, 'ORDER_NOT_FOUND', 'There is no such order.');
  return { ...state, details };
};

const causeOf = ({ userId, correlationId, requestId }: ChangeRequest): Cause => ({
  userId,
  correlationId,
  causationId: requestId,
});

const reply = async (ledgers: AccountLedgers, orderId: string, position: number): Promise<OrderReply> => {
  const { state, revision } = await ledgers.read(`order-${orderId}`);
  const { terms, filledQuantity, lastEvidence } = state;
  const reason = lastEvidence?.message ?? lastEvidence?.code;
  return {
    orderId,
    status: bookStatusOf(state.status, filledQuantity),
    ordStatus: ordStatusOf(state),
    pending: state.pendingCancel !== undefined ? 'CANCEL' : state.pendingReplace ? 'REPLACE' : null,
    version: revision === 'no-stream' ? -1 : revision,
    quantity: terms.quantity,
    filledQuantity,
    leavesQuantity: CLOSED.has(state.status) ? 0 : leavesOf(state),
    price: terms.priceE4 === undefined ? null : toRupees(terms.priceE4),
    triggerPrice: terms.triggerPriceE4 === undefined ? null : toRupees(terms.triggerPriceE4),
    ...(reason !== undefined && { reason }),
    position,
  };
};

/**
 * Cancels one order: recorded first, then asked of the broker. Asked again while it is pending, it asks the broker
 * again.
 */
@CommandHandler(CancelOrder)
export class CancelOrderHandler implements ICommandHandler<CancelOrder> {
  constructor(private readonly side: WriteSide) {}

  async execute({ request }: CancelOrder): Promise<OrderReply> {
    const { orderId, requestId } = request;
    const { details } = await ownedOrder(this.side.ledgers, request);
    const cause = causeOf(request);
    const { value: asked, position } = await this.side.ledgers.transact(
      details.accountId,
      [`order-${orderId}`],
      cause,
      (ledger) => {
        ledger.decideOrder(orderId, { type: 'RequestCancel', data: { requestId } });
        return ledger.order(orderId);
      },
    );
    // On its way to the broker: the cancel follows as soon as the broker has it.
    if (asked.status !== 'working' || asked.broker === undefined) return this.answer(orderId, position);
    const answered = await this.side.desk.cancelAtBroker(details, asked.broker, cause);
    return this.answer(orderId, Math.max(position, answered.position));
  }

  /** @throws Problem 409 when the order was not cancelled and will not be: the broker refused, or a fill was faster. */
  private async answer(orderId: string, position: number): Promise<OrderReply> {
    const { state } = await this.side.ledgers.read(`order-${orderId}`);
    const { status, pendingCancel, lastEvidence } = state;
    if (status === 'cancelled' || pendingCancel !== undefined) return reply(this.side.ledgers, orderId, position);
    if (CLOSED.has(status)) throw new Problem(409, 'ORDER_CLOSED', `The order was ${status} before it was cancelled.`);
    throw new Problem(409, 'CANCEL_REJECTED', `The broker did not cancel the order: ${saidBy(lastEvidence)}.`);
  }
}

/** Changes one order: judged by the same checks on its new total, reserved, recorded, then asked of the broker. */
@CommandHandler(ReplaceOrder)
export class ReplaceOrderHandler implements ICommandHandler<ReplaceOrder> {
  constructor(private readonly side: WriteSide) {}

  async execute({ request }: ReplaceOrder): Promise<OrderReply> {
    const { orderId } = request;
    const { details, route, broker } = await ownedOrder(this.side.ledgers, request);
    if (!route) throw new Problem(409, 'ORDER_CLOSED', 'The order was denied and never reached a broker.');
    const { orderType = details.orderType } = request.change;
    await this.side.desk.prepare(details.accountId, [{ ...details, orderType }]);
    const cause = causeOf(request);
    const { value: wanted, position } = await this.side.ledgers.transact(
      details.accountId,
      [`order-${orderId}`],
      cause,
      (ledger) => this.request(ledger, request, details, broker ?? route.broker),
    );
    const answered = wanted && (await this.side.desk.replaceAtBroker(details, broker ?? route.broker, wanted, cause));
    await this.mustNotBeRefused(request);
    return reply(this.side.ledgers, orderId, Math.max(position, answered?.position ?? 0));
  }

  /** The terms to ask the broker for; `undefined` when there is nothing to ask: denied, or asked before. */
  private request(
    ledger: Ledger,
    { orderId, requestId, expectedVersion, change }: ReplaceOrder['request'],
    details: OrderDetails,
    broker: string,
  ): OrderTerms | undefined {
    const order = ledger.order(orderId);
    const { lastReplace } = order;
    const terms = changedTerms(order.terms, change);
    if (lastReplace?.requestId === requestId && sameTerms(lastReplace.terms, terms)) return undefined;
    if (ledger.versionOf(orderId) !== expectedVersion)
      throw new Problem(
        412,
        'VERSION_MISMATCH',
        `The order is at version ${String(ledger.versionOf(orderId))}, not ${String(expectedVersion)}.`,
      );
    // A change that makes no sense now is refused before it is judged: nothing of it is recorded.
    orderDecider.decide({ type: 'RequestReplace', data: { requestId, terms, verdicts: [] } }, order);
    const { verdicts, reservation } = this.side.desk.assess(ledger, details, terms, broker, (need) =>
      reserveBoth(ledger, orderId, order, terms, { ...need, ...shareNow(ledger.account, orderId, need.marginBp) }),
    );
    if (reservation) ledger.decideAccount(reservation);
    ledger.decideOrder(orderId, {
      type: reservation ? 'RequestReplace' : 'DenyReplace',
      data: { requestId, terms, verdicts },
    });
    return reservation && terms;
  }

  /**
   * @throws Problem 422 when our rules denied this change, 409 when the broker rejected it or the order closed before it
   *   was made; now or the first time.
   */
  private async mustNotBeRefused({ orderId, requestId }: ReplaceOrder['request']): Promise<void> {
    const history: readonly DomainEvent[] = await this.side.options.log.readStream(`order-${orderId}`);
    const refusal = history.filter(isRefusal).find(({ data }) => data.requestId === requestId);
    if (refusal?.type === 'ReplaceDenied') throw deniedBy(refusal.data.verdicts);
    if (refusal?.type === 'ReplaceRejected')
      throw new Problem(
        409,
        'CHANGE_REJECTED',
        `The broker did not change the order: ${saidBy(refusal.data.evidence)}.`,
      );
    // A fill, or a cancel, was faster than the broker's answer.
    const asked = history.findIndex((event) => isRequestOf(event, requestId));
    const isMade = history.slice(asked).some(({ type }) => type === 'OrderReplaced');
    const { state } = await this.side.ledgers.read(`order-${orderId}`);
    if (asked >= 0 && !isMade && CLOSED.has(state.status))
      throw new Problem(409, 'ORDER_CLOSED', `The order was ${state.status} before it was changed.`);
  }
}

const isRequestOf = ({ type, data }: DomainEvent, requestId: string): boolean =>
  type === 'ReplaceRequested' && 'requestId' in data && data.requestId === requestId;

type Refusal = Extract<OrderEvent, { type: 'ReplaceDenied' | 'ReplaceRejected' }>;
const isRefusal = (event: DomainEvent): event is Refusal =>
  event.type === 'ReplaceDenied' || event.type === 'ReplaceRejected';

const saidBy = (evidence: Evidence | undefined): string => evidence?.message ?? evidence?.code ?? 'no reason was given';

const deniedBy = (verdicts: readonly Verdict[]): Problem => {
  const failed = verdicts.filter(({ outcome }) => outcome === 'fail');
  return new Problem(
    422,
    'ORDER_DENIED',
    'The change does not pass the checks; the order goes on under its present terms.',
    {
      errors: failed.map(({ check, limit, actual, reason }) => ({
        field: check,
        message: [
          reason,
          limit !== undefined && `limit ${String(limit)}`,
          actual !== undefined && `actual ${String(actual)}`,
        ]
          .filter((part) => typeof part === 'string')
          .join(', '),
      })),
    },
  );
};
