import { Controller, Get, Header, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import type { FastifyReply } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import { Conditions, decodeCursor, encodeCursor, limitOf, OrderFilter, PageFilter } from './filters';
import { type Checkpoint, ReadModel } from './read-model';
import {
  ORDER_EVENT_JSON,
  ORDER_JSON,
  ORDER_WITH_VERDICTS_JSON,
  OrderEventPage,
  OrderPage,
  OrderView,
  TABLE,
  TRADE_JSON,
  TradePage,
} from './views';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const POSITION = /^\d{1,15}$/;

const JSON_TYPE = 'application/json; charset=utf-8';
const MIN_POSITION = {
  name: 'Coordinator-Min-Position',
  required: false,
  description: '`Coordinator-Position` of a write: the read waits until it is included, for at most two seconds.',
};
/** An order never has more events or trades than this in one answer; none has come near. */
const OF_ONE_ORDER_MAX = 10_000;

/** Everything here is read from Postgres, and every answer says how old it is. */
@ApiTags('reads')
@ApiHeader(MIN_POSITION)
@Controller('v2')
export class OrdersController {
  constructor(private readonly model: ReadModel) {}

  @Get('orders')
  @Header('content-type', JSON_TYPE)
  @ApiOperation({ summary: 'The order book, newest first' })
  @ApiResponse({ status: 200, type: OrderPage })
  async orders(
    @CurrentIdentity() identity: Identity,
    @Query() filter: OrderFilter,
    @Headers('coordinator-min-position') minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const checkpoint = await this.standAt(minPosition);
    const conditions = conditionsOf(identity, filter, 'placed_at');
    if (filter.status !== undefined) conditions.add(filter.status, (at) => `status = ${at}`);
    if (filter.cursor !== undefined)
      addCursor(conditions, decodeCursor(filter.cursor, UUID), 'placed_at', 'order_id', 'uuid');
    return this.page(reply, checkpoint, conditions, filter, {
      json: ORDER_JSON,
      table: TABLE.orders,
      time: 'placed_at',
      id: 'order_id',
    });
  }

  @Get('orders/:orderId')
  @Header('content-type', JSON_TYPE)
  @ApiOperation({ summary: 'One order, with its verdicts' })
  @ApiResponse({ status: 200, type: OrderView })
  @ApiResponse({ status: 404, description: 'no such order among yours' })
  async order(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Headers('coordinator-min-position') minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const checkpoint = await this.standAt(minPosition);
    const conditions = ownAccounts(identity).add(uuidOf(orderId), (at) => `order_id = ${at}`);
    const text = `select ${ORDER_WITH_VERDICTS_JSON}, version from ${TABLE.orders} where ${conditions.text}`;
    const [row] = await this.model.rows(`order ${conditions.text}`, text, conditions.values);
    if (!row) throw orderNotFound();
    void reply.header('etag', `"${String(row[1])}"`);
    stamp(reply, checkpoint);
    return String(row[0]);
  }

  @Get('orders/:orderId/history')
  @Header('content-type', JSON_TYPE)
  @ApiOperation({ summary: 'What happened to an order, oldest first' })
  @ApiResponse({ status: 200, type: OrderEventPage })
  async history(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Headers('coordinator-min-position') minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.ofOneOrder(
      identity,
      orderId,
      minPosition,
      reply,
      `select ${ORDER_EVENT_JSON} from ${TABLE.orderEvents}`,
      'revision',
    );
  }

  @Get('orders/:orderId/trades')
  @Header('content-type', JSON_TYPE)
  @ApiOperation({ summary: 'The trades of an order, oldest first' })
  @ApiResponse({ status: 200, type: TradePage })
  async tradesOf(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Headers('coordinator-min-position') minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.ofOneOrder(
      identity,
      orderId,
      minPosition,
      reply,
      `select ${TRADE_JSON} from ${TABLE.trades}`,
      'position',
    );
  }

  @Get('trades')
  @Header('content-type', JSON_TYPE)
  @ApiOperation({ summary: 'Trades, newest first' })
  @ApiResponse({ status: 200, type: TradePage })
  async trades(
    @CurrentIdentity() identity: Identity,
    @Query() filter: PageFilter,
    @Headers('coordinator-min-position') minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const checkpoint = await this.standAt(minPosition);
    const conditions = conditionsOf(identity, filter, 'traded_at');
    if (filter.cursor !== undefined)
      addCursor(conditions, decodeCursor(filter.cursor, POSITION), 'traded_at', 'position', 'bigint');
    return this.page(reply, checkpoint, conditions, filter, {
      json: TRADE_JSON,
      table: TABLE.trades,
      time: 'traded_at',
      id: 'position',
    });
  }

  /** The checkpoint is read before the rows: they hold at least what it says. */
  private standAt(minPosition: string | undefined): Promise<Checkpoint> {
    if (minPosition === undefined) return this.model.checkpoint();
    if (!POSITION.test(minPosition))
      throw new Problem(400, 'VALIDATION_FAILED', 'A header is not as it must be.', {
        errors: [{ field: 'Coordinator-Min-Position', message: 'must be a position as Coordinator-Position gave it' }],
      });
    return this.model.reached(Number(minPosition));
  }

  private async page(
    reply: FastifyReply,
    checkpoint: Checkpoint,
    conditions: Conditions,
    filter: PageFilter,
    { json, table, time, id }: { json: string; table: string; time: string; id: string },
  ): Promise<string> {
    const limit = limitOf(filter);
    const text = `
      select ${json}, (extract(epoch from ${time}) * 1000)::bigint::text, ${id}::text from ${table}
      where ${conditions.text} order by ${time} desc, ${id} desc limit $${String(conditions.values.length + 1)}`;
    const rows = await this.model.rows(`${table} ${conditions.text}`, text, [...conditions.values, limit + 1]);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const next =
      rows.length > limit && last ? JSON.stringify(encodeCursor({ at: Number(last[1]), id: String(last[2]) })) : 'null';
    stamp(reply, checkpoint);
    return `{"items":[${page.map((row) => row[0]).join(',')}],"nextCursor":${next}}`;
  }

  private async ofOneOrder(
    identity: Identity,
    orderId: string,
    minPosition: string | undefined,
    reply: FastifyReply,
    select: string,
    orderBy: string,
  ): Promise<string> {
    const checkpoint = await this.standAt(minPosition);
    const order = ownAccounts(identity).add(uuidOf(orderId), (at) => `order_id = ${at}`);
    const found = await this.model.rows(
      `owned ${order.text}`,
      `select 1 from ${TABLE.orders} where ${order.text}`,
      order.values,
    );
    if (found.length === 0) throw orderNotFound();
    const text = `${select} where order_id = $1 order by ${orderBy} limit ${String(OF_ONE_ORDER_MAX)}`;
    const rows = await this.model.rows(`of order by ${orderBy}`, text, [uuidOf(orderId)]);
    stamp(reply, checkpoint);
    return `{"items":[${rows.map((row) => row[0]).join(',')}],"nextCursor":null}`;
  }
}

/** A trader sees own accounts; who may read all of them is not narrowed down. */
const ownAccounts = (identity: Identity, accountId?: string): Conditions => {
  const conditions = new Conditions();
  if (accountId !== undefined)
    return conditions.add(accountOf(identity, accountId, 'read'), (at) => `account_id = ${at}`);
  if (identity.role !== 'trader') return conditions;
  const [only, ...more] = identity.accountIds;
  return only !== undefined && more.length === 0
    ? conditions.add(only, (at) => `account_id = ${at}`)
    : conditions.add(identity.accountIds, (at) => `account_id = any(${at})`);
};

const conditionsOf = (identity: Identity, filter: PageFilter, time: string): Conditions => {
  const conditions = ownAccounts(identity, filter.accountId);
  const { symbol, side, product, broker, from, to } = filter;
  if (symbol !== undefined) conditions.add(symbol.toUpperCase(), (at) => `upper(symbol) = ${at}`);
  if (side !== undefined) conditions.add(side, (at) => `side = ${at}`);
  if (product !== undefined) conditions.add(product, (at) => `product = ${at}`);
  if (broker !== undefined) conditions.add(broker, (at) => `broker = ${at}`);
  if (from !== undefined) conditions.add(new Date(from), (at) => `${time} >= ${at}`);
  if (to !== undefined) conditions.add(new Date(to), (at) => `${time} < ${at}`);
  return conditions;
};

const addCursor = (
  conditions: Conditions,
  { at, id }: { at: number; id: string },
  time: string,
  column: string,
  type: string,
): void => {
  conditions.add(at, (placeholder) => {
    const instant = `to_timestamp(${placeholder}::double precision / 1000)`;
    conditions.values.push(id);
    return `(${time}, ${column}) < (${instant}, $${String(conditions.values.length)}::${type})`;
  });
};

const stamp = (reply: FastifyReply, { position, asOf }: Checkpoint): void => {
  void reply.headers({
    'coordinator-source': 'DB',
    'coordinator-age-ms': String(Math.max(0, Date.now() - asOf)),
    'coordinator-position': String(position),
    'cache-control': 'no-store',
  });
};

const uuidOf = (text: string): string => {
  if (!isUUID(text))
    throw new Problem(400, 'VALIDATION_FAILED', 'The path names no id.', {
      errors: [{ field: 'orderId', message: 'must be a UUID' }],
    });
  return text.toLowerCase();
};

const orderNotFound = (): Problem => new Problem(404, 'ORDER_NOT_FOUND', 'There is no such order.');
