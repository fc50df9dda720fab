import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiHeader, ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import { v5 as uuidv5 } from 'uuid';
import { statusOf } from '#domain/intents/intent';
import { BOOK_STATUSES } from '#domain/orders/book-status';
import type { FastifyReply } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity, mayReach } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import { correlationId } from '#platform/request-context';
import { CANCEL_STATUSES, CancelBatch, CancelMany, type CancelManyReply } from './cancel-many';
import { CancelOrder, type OrderReply, ReplaceOrder } from './change-orders';
import { versionIn } from './if-match';
import { type LineDocument, lineDocument, LineProblemDocument, LineResultDocument } from './line-document';
import { OrderBatch, OrderChange, OrderLine } from './order-line';
import { type IntentReply, PlaceOrders, presentResults } from './place-orders';
import { WriteSide } from './write-side';

/** A batch answers for all of its lines: 200 all accepted, 207 mixed, 422 none, 202 not finished yet. */
const HTTP_STATUS = { ACCEPTED: 200, PARTIAL: 207, REJECTED: 422, PENDING: 202 } as const;

const KEY = /^[\x21-\x7E]{1,255}$/;

class IntentDocument {
  @ApiProperty({ format: 'uuid' }) intentId!: string;
  @ApiProperty({ enum: Object.keys(HTTP_STATUS) }) status!: string;
  @ApiProperty({ type: [LineResultDocument] }) results!: LineResultDocument[];
}

class OrderDocument {
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ enum: BOOK_STATUSES }) status!: string;
  @ApiProperty({ description: 'FIX OrdStatus (tag 39).' }) ordStatus!: string;
  @ApiProperty({ enum: ['CANCEL', 'REPLACE'], nullable: true, type: String }) pending!: string | null;
  @ApiProperty({ description: 'For If-Match of the next change.' }) version!: number;
  @ApiProperty() quantity!: number;
  @ApiProperty() filledQuantity!: number;
  @ApiProperty() leavesQuantity!: number;
  @ApiProperty({ nullable: true, type: Number }) price!: number | null;
  @ApiProperty({ nullable: true, type: Number }) triggerPrice!: number | null;
  @ApiPropertyOptional() reason?: string;
}

class CancelResultDocument {
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ enum: CANCEL_STATUSES }) status!: string;
  @ApiPropertyOptional({ type: LineProblemDocument }) problem?: LineProblemDocument;
}

class CancelManyDocument {
  @ApiProperty({ enum: Object.keys(HTTP_STATUS) }) status!: string;
  @ApiProperty({ type: [CancelResultDocument] }) results!: CancelResultDocument[];
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  description: '1 to 255 visible ASCII characters. The same key never executes twice.',
};

@ApiTags('orders')
@Controller()
export class OrdersController {
  constructor(
    private readonly bus: CommandBus,
    private readonly side: WriteSide,
  ) {}

  @Post('v2/orders/multi')
  @HttpCode(200)
  @ApiOperation({ summary: 'Place one to N orders; each line stands alone' })
  @ApiHeader({ ...IDEMPOTENCY_KEY, required: true })
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description: '`respond-async`: answer 202 as soon as the orders are durable',
  })
  @ApiResponse({ status: 200, type: IntentDocument, description: 'all lines accepted' })
  @ApiResponse({ status: 202, type: IntentDocument, description: 'durable, not finished' })
  @ApiResponse({ status: 207, type: IntentDocument, description: 'mixed' })
  @ApiResponse({ status: 422, type: IntentDocument, description: 'no line accepted' })
  async placeMany(
    @CurrentIdentity() identity: Identity,
    @Body() { orders }: OrderBatch,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IntentAnswer> {
    const { maxOrdersPerBatch } = (await this.side.settings.house()).document;
    if (orders.length > maxOrdersPerBatch)
      throw new Problem(400, 'VALIDATION_FAILED', 'The batch has too many lines.', {
        errors: [
          { field: 'orders', message: `at most ${String(maxOrdersPerBatch)} lines, not ${String(orders.length)}` },
        ],
      });
    return this.place(identity, orders, key, prefer, reply, (line, field) => `orders[${String(line)}].${field}`);
  }

  @Post('v2/orders')
  @HttpCode(200)
  @ApiOperation({ summary: 'Place one order; answers like a batch of one line' })
  @ApiHeader({ ...IDEMPOTENCY_KEY, required: true })
  @ApiHeader({ name: 'Prefer', required: false })
  @ApiResponse({ status: 200, type: IntentDocument })
  @ApiResponse({ status: 202, type: IntentDocument })
  @ApiResponse({ status: 422, type: IntentDocument, description: 'denied or rejected' })
  async placeOne(
    @CurrentIdentity() identity: Identity,
    @Body() line: OrderLine,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IntentAnswer> {
    return this.place(identity, [line], key, prefer, reply, (_, field) => field);
  }

  @Get('v2/intents/:intentId')
  @ApiOperation({ summary: 'What became of a request' })
  @ApiResponse({ status: 200, type: IntentDocument })
  async intent(@CurrentIdentity() identity: Identity, @Param('intentId') intentId: string): Promise<IntentAnswer> {
    const { state } = await this.side.ledgers.read(`intent-${uuidOf(intentId, 'intentId')}`);
    if (state.status === 'new' || !mayReach(identity, state.received.accountId, 'read'))
      throw new Problem(404, 'INTENT_NOT_FOUND', 'There is no such intent.');
    const results = await presentResults(this.side.ledgers, state.received.lines);
    return {
      intentId: state.received.intentId,
      status: state.status === 'open' ? 'PENDING' : statusOf(results),
      results: results.map(lineDocument),
    };
  }

  @Delete('v2/orders/:orderId')
  @ApiOperation({ summary: 'Cancel an order' })
  @ApiResponse({ status: 200, type: OrderDocument, description: 'cancelled' })
  @ApiResponse({ status: 202, type: OrderDocument, description: 'asked; the broker has not confirmed' })
  @ApiResponse({ status: 409, description: 'the order is closed, or the broker refused' })
  async cancel(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Omit<OrderReply, 'position'>> {
    const request = { ...changeOf(identity, orderId), requestId: requestIdOf(orderId, key, 'cancel') };
    return answerOrder(await this.bus.execute(new CancelOrder(request)), reply);
  }

  @Post('v2/orders/multi/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel many orders, whichever brokers they are at; answered in their order' })
  @ApiHeader({ ...IDEMPOTENCY_KEY, required: true })
  @ApiResponse({ status: 200, type: CancelManyDocument, description: 'none is open any more' })
  @ApiResponse({ status: 202, type: CancelManyDocument, description: 'asked; not all are confirmed' })
  @ApiResponse({ status: 207, type: CancelManyDocument, description: 'some failed' })
  @ApiResponse({
    status: 422,
    type: CancelManyDocument,
    description: 'all failed; or a problem: ASYNC_CANCEL_DISABLED',
  })
  async cancelMany(
    @CurrentIdentity() identity: Identity,
    @Body() { orderIds, mode, onFailure }: CancelBatch,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ status: string; results: CancelManyReply['results'] }> {
    const idempotencyKey = keyOf(key);
    if (mode === 'SOFT' && !(await this.side.settings.house()).document.asyncCancelEnabled)
      throw new Problem(422, 'ASYNC_CANCEL_DISABLED', 'Cancels of mode SOFT are not taken at present: use HARD.', {
        errors: [{ field: 'mode', message: 'must be HARD' }],
      });
    const ids = [...new Set(orderIds.map((orderId) => orderId.toLowerCase()))];
    const { results, position } = await this.bus.execute(
      new CancelMany({
        userId: identity.userId,
        accountIds: identity.role === 'auditor' ? [] : identity.accountIds,
        correlationId: correlationId(),
        orders: ids.map((orderId) => ({ orderId, requestId: requestIdOf(orderId, idempotencyKey, 'cancel') })),
        mode: mode ?? 'HARD',
        onFailure: onFailure ?? 'BEST_EFFORT',
      }),
    );
    const failed = results.filter(({ status }) => status === 'FAILED' || status === 'SKIPPED').length;
    const isPending = results.some(({ status }) => status === 'PENDING');
    const status = failed === results.length ? 'REJECTED' : failed > 0 ? 'PARTIAL' : isPending ? 'PENDING' : 'ACCEPTED';
    if (position > 0) void reply.header('Coordinator-Position', String(position));
    void reply.status(HTTP_STATUS[status]);
    return { status, results };
  }

  @Put('v3/orders/:orderId')
  @ApiOperation({ summary: 'Change an order: quantity (the new total), prices, type, validity' })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The version of the order that you have seen.' })
  @ApiResponse({ status: 200, type: OrderDocument })
  @ApiResponse({ status: 202, type: OrderDocument, description: 'asked; the broker has not confirmed' })
  @ApiResponse({ status: 409, description: 'the order is closed or busy, or the broker refused' })
  @ApiResponse({ status: 412, description: 'the order has moved on' })
  @ApiResponse({ status: 422, description: 'the change does not pass the checks' })
  @ApiResponse({ status: 428, description: 'If-Match is missing' })
  async replace(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Body() change: OrderChange,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Omit<OrderReply, 'position'>> {
    if (Object.values(change).every((value) => value === undefined))
      throw new Problem(400, 'VALIDATION_FAILED', 'Nothing is to be changed.', {
        errors: [{ field: '', message: 'name at least one field' }],
      });
    const expectedVersion = versionIn(ifMatch, 'order');
    const requestId = requestIdOf(orderId, key, `replace-${String(expectedVersion)}`);
    const request = { ...changeOf(identity, orderId), requestId, expectedVersion, change };
    return answerOrder(await this.bus.execute(new ReplaceOrder(request)), reply);
  }

  private async place(
    identity: Identity,
    lines: readonly OrderLine[],
    key: string | undefined,
    prefer: string | undefined,
    reply: FastifyReply,
    pathOf: (line: number, field: string) => string,
  ): Promise<IntentAnswer> {
    const idempotencyKey = keyOf(key);
    const asked = lines[0]?.accountId;
    const other = lines.findIndex(({ accountId }) => accountId !== asked);
    if (other !== -1)
      throw new Problem(400, 'VALIDATION_FAILED', 'All lines of one request belong to one account.', {
        errors: [{ field: pathOf(other, 'accountId'), message: 'must be the same on every line' }],
      });
    const { position, replayed, results, ...answer } = await this.bus.execute(
      new PlaceOrders({
        userId: identity.userId,
        accountId: accountOf(identity, asked),
        idempotencyKey,
        lines,
        correlationId: correlationId(),
        respondAsync: /(^|,)\s*respond-async\s*(,|;|$)/i.test(prefer ?? ''),
        pathOf,
      }),
    );
    if (replayed) void reply.header('Idempotency-Replayed', 'true');
    void reply.header('Coordinator-Position', String(position)).status(HTTP_STATUS[answer.status]);
    return { ...answer, results: results.map(lineDocument) };
  }
}

/** What a client is told of a request. */
interface IntentAnswer extends Omit<IntentReply, 'position' | 'replayed' | 'results'> {
  readonly results: readonly LineDocument[];
}

const answerOrder = ({ position, ...order }: OrderReply, reply: FastifyReply): Omit<OrderReply, 'position'> => {
  void reply.header('ETag', `"${String(order.version)}"`);
  if (position > 0) void reply.header('Coordinator-Position', String(position));
  void reply.status(order.pending === null ? 200 : 202);
  return order;
};

const changeOf = (identity: Identity, orderId: string) => ({
  userId: identity.userId,
  orderId: uuidOf(orderId, 'orderId'),
  accountIds: identity.role === 'auditor' ? [] : identity.accountIds,
  correlationId: correlationId(),
});

const uuidOf = (text: string, field: string): string => {
  if (!isUUID(text))
    throw new Problem(400, 'VALIDATION_FAILED', 'The path names no id.', {
      errors: [{ field, message: 'must be a UUID' }],
    });
  return text.toLowerCase();
};

/** The id of a change: the client's own key, or what makes a repetition the same request. */
const requestIdOf = (orderId: string, key: string | undefined, otherwise: string): string =>
  uuidv5(key === undefined ? otherwise : `key-${keyOf(key)}`, uuidOf(orderId, 'orderId'));

const keyOf = (key: string | undefined): string => {
  if (key === undefined || key === '')
    throw new Problem(400, 'IDEMPOTENCY_KEY_MISSING', 'A request that writes needs an Idempotency-Key.', {
      errors: [{ field: 'Idempotency-Key', message: 'is missing' }],
    });
  if (!KEY.test(key))
    throw new Problem(400, 'IDEMPOTENCY_KEY_INVALID', 'The Idempotency-Key cannot be used.', {
      errors: [{ field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }],
    });
  return key;
};
