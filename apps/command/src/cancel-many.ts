import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsOptional, IsUUID } from 'class-validator';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Refused } from '#domain/decider';
import { CLOSED, type OrderDetails } from '#domain/orders/order';
import { Problem } from '#platform/problem-details';
import type { Cause } from './account-ledger';
import { CancelOrder, CancelOrderHandler } from './change-orders';
import { LINES_MAX } from './order-line';
import { problemOfCommand } from './problems';
import { WriteSide } from './write-side';

/** HARD waits for what the broker says; SOFT records the wish and asks the broker behind the answered request. */
export const CANCEL_MODES = ['HARD', 'SOFT'] as const;
export type CancelMode = (typeof CANCEL_MODES)[number];

/**
 * BEST_EFFORT cancels whatever can be cancelled, all at once. FAIL_FAST goes in the order of the list and touches nothing
 * after the first that failed.
 */
export const ON_FAILURE = ['BEST_EFFORT', 'FAIL_FAST'] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** NOTHING_TO_DO: the order was over already. SKIPPED: not touched, because an earlier one failed. */
export const CANCEL_STATUSES = ['CANCELLED', 'PENDING', 'NOTHING_TO_DO', 'FAILED', 'SKIPPED'] as const;

/** Orders to cancel in one request. */
export class CancelBatch {
  @ApiProperty({ type: [String], format: 'uuid', minItems: 1, maxItems: LINES_MAX })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(LINES_MAX)
  @IsUUID(undefined, { each: true })
  orderIds!: string[];

  @ApiPropertyOptional({
    enum: CANCEL_MODES,
    default: 'HARD',
    description: 'HARD waits for the broker; SOFT does not.',
  })
  @IsOptional()
  @IsIn(CANCEL_MODES)
  mode?: CancelMode;

  @ApiPropertyOptional({
    enum: ON_FAILURE,
    default: 'BEST_EFFORT',
    description: 'FAIL_FAST touches nothing after a failure.',
  })
  @IsOptional()
  @IsIn(ON_FAILURE)
  onFailure?: OnFailure;
}

export interface CancelResult {
  readonly orderId: string;
  readonly status: (typeof CANCEL_STATUSES)[number];
  readonly problem?: { readonly code: string; readonly detail: string };
}

export interface CancelManyReply {
  readonly results: readonly CancelResult[];
  readonly position: number;
}

export interface CancelManyRequest {
  readonly userId: string;
  readonly accountIds: readonly string[];
  readonly correlationId: string;
  /** Each once, with the id under which its cancel is recorded. */
  readonly orders: readonly { readonly orderId: string; readonly requestId: string }[];
  readonly mode: CancelMode;
  readonly onFailure: OnFailure;
}

export class CancelMany extends Command<CancelManyReply> {
  constructor(readonly request: CancelManyRequest) {
    super();
  }
}

type One = CancelManyRequest['orders'][number];
type Done = CancelResult & { readonly position: number };

/** Cancels many orders, whoever their brokers are. Answers in the order of the request; cancelling the dead does nothing. */
@CommandHandler(CancelMany)
export class CancelManyHandler implements ICommandHandler<CancelMany> {
  private readonly one: CancelOrderHandler;

  constructor(private readonly side: WriteSide) {
    this.one = new CancelOrderHandler(side);
  }

  async execute({ request }: CancelMany): Promise<CancelManyReply> {
    const cancel = request.mode === 'HARD' ? this.hard : this.soft;
    const done: Done[] =
      request.onFailure === 'FAIL_FAST'
        ? await this.inTurn(request, cancel)
        : await Promise.all(request.orders.map((one) => attempt(one, () => cancel(request, one))));
    const results = done.map(({ position: _position, ...result }): CancelResult => result);
    return { results, position: Math.max(0, ...done.map(({ position }) => position)) };
  }

  private async inTurn(request: CancelManyRequest, cancel: typeof this.hard): Promise<Done[]> {
    const done: Done[] = [];
    for (const one of request.orders) {
      const hasFailed = done.some(({ status }) => status === 'FAILED');
      done.push(
        hasFailed
          ? { orderId: one.orderId, status: 'SKIPPED', position: 0 }
          : await attempt(one, () => cancel(request, one)),
      );
    }
    return done;
  }

  private readonly hard = async (
    { userId, accountIds, correlationId }: CancelManyRequest,
    { orderId, requestId }: One,
  ): Promise<Done> => {
    const { pending, position } = await this.one.execute(
      new CancelOrder({ userId, orderId, accountIds, correlationId, requestId }),
    );
    return { orderId, status: pending === null ? 'CANCELLED' : 'PENDING', position };
  };

  private readonly soft = async (request: CancelManyRequest, { orderId, requestId }: One): Promise<Done> => {
    const { ledgers, desk } = this.side;
    const details = await this.owned(request, orderId);
    const cause: Cause = { userId: request.userId, correlationId: request.correlationId, causationId: requestId };
    const { value: asked, position } = await ledgers.transact(
      details.accountId,
      [`order-${orderId}`],
      cause,
      (ledger) => {
        ledger.decideOrder(orderId, { type: 'RequestCancel', data: { requestId } });
        return ledger.order(orderId);
      },
    );
    // Still on its way to the broker: the cancel follows as soon as the broker has it.
    if (asked.status === 'working' && asked.broker !== undefined && asked.pendingCancel !== undefined)
      desk.background(desk.cancelAtBroker(details, asked.broker, cause));
    if (asked.status === 'cancelled') return { orderId, status: 'CANCELLED', position };
    return { orderId, status: CLOSED.has(asked.status) ? 'NOTHING_TO_DO' : 'PENDING', position };
  };

  private async owned({ accountIds }: CancelManyRequest, orderId: string): Promise<OrderDetails> {
    const { details } = (await this.side.ledgers.read(`order-${orderId}`)).state;
    if (!details || !accountIds.includes(details.accountId))
      throw new Problem(404, 'ORDER_NOT_FOUND', 'There is no such order.');
    return details;
  }
}

/** One that cannot be cancelled is no trouble for the others; what nobody foresaw is. */
const attempt = async ({ orderId }: One, cancel: () => Promise<Done>): Promise<Done> => {
  try {
    return await cancel();
  } catch (error) {
    if (error instanceof Refused && error.code === 'order.closed')
      return { orderId, status: 'NOTHING_TO_DO', position: 0 };
    const problem = error instanceof Problem ? error : problemOfCommand(error);
    if (!problem) throw error;
    if (problem.code === 'ORDER_CLOSED') return { orderId, status: 'NOTHING_TO_DO', position: 0 };
    return { orderId, status: 'FAILED', problem: { code: problem.code, detail: problem.message }, position: 0 };
  }
};
