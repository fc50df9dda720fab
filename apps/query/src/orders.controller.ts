import { Controller, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiResponse, ApiTags } from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import type { FastifyReply } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import {
  Conditions,
  decodeCursor,
  encodeCursor,
  invalid,
  limitOf,
  OrderFilter,
  PageFilter,
  type SortKey,
  TradeFilter,
} from './filters';
import { Consistency } from './consistency';
import { type Accounts, OrderBookCache, type Page } from './order-book-cache';
import { type Checkpoint, ReadModel } from './read-model';
import { MIN_POSITION, MinPosition, NO_ACCOUNT, positionOf, Read, stamp, standAt } from './read-route';
import {
  LISTED,
  ORDER,
  ORDER_DETAIL,
  ORDER_EVENT,
  OrderDetailView,
  OrderEventPage,
  OrderPage,
  presentable,
  selectList,
  TABLE,
  TRADE,
  TradePage,
} from './views';

const NOT_FOUND = ApiResponse({ status: 404, description: 'ORDER_NOT_FOUND: no such order among yours' });

/** Order book, history and trades. Everything is read from Postgres, the order book at times a moment ago, and every answer says how old it is. */
@ApiTags('reads')
@MinPosition()
@Controller('v2')
export class OrdersController {
  constructor(
    private readonly model: ReadModel,
    private readonly orderBook: OrderBookCache,
    private readonly consistency: Consistency,
  ) {}

  @Read('orders', 'The order book, newest first', OrderPage, NO_ACCOUNT)
  async orders(
    @CurrentIdentity() identity: Identity,
    @Query() filter: OrderFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const source = { table: TABLE.orders, columns: selectList(ORDER), ...BY_PLACING };
    const conditions = matching(filter, BY_PLACING.sort.time);
    if (filter.status !== undefined) conditions.add([filter.status], (at) => `status = ${at}`);
    const accounts = accountsOf(identity, filter.accountId);
    const wanted = await this.wanted(identity, minPosition);
    const page = await this.orderBook.page({ accounts, filter, minPosition: wanted }, () =>
      this.read(source, accounts, conditions, filter, wanted),
    );
    stamp(reply, page.checkpoint, page.source);
    return page.body;
  }

  @Read('orders/:orderId', 'One order, with its verdicts', OrderDetailView, NOT_FOUND)
  async order(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const id = uuidOf(orderId);
    const checkpoint = await this.standAt(await this.wanted(identity, minPosition));
    const own = ownOrder(identity, id);
    const [order] = await this.model.texts(
      `select row_to_json(item) from
         (select ${selectList(ORDER_DETAIL)} from ${TABLE.orders} where ${own.text}) as item`,
      own.values,
    );
    if (order === undefined) throw orderNotFound();
    stamp(reply, checkpoint);
    void reply.header('etag', `"${String(fieldOf(order, 'version'))}"`);
    return order;
  }

  @Read('orders/:orderId/history', 'What happened to an order, oldest first', OrderEventPage, NOT_FOUND)
  async history(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Query() filter: PageFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const source = { table: TABLE.orderEvents, columns: selectList(ORDER_EVENT), ...BY_REVISION };
    return this.pageOfOrder(source, identity, uuidOf(orderId), filter, minPosition, reply);
  }

  @Read('orders/:orderId/trades', 'The trades of an order, oldest first', TradePage, NOT_FOUND)
  async tradesOf(
    @CurrentIdentity() identity: Identity,
    @Param('orderId') orderId: string,
    @Query() filter: PageFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const source = { table: TABLE.trades, columns: selectList(TRADE), ...BY_POSITION };
    return this.pageOfOrder(source, identity, uuidOf(orderId), filter, minPosition, reply);
  }

  @Read('trades', 'Trades, newest first', TradePage, NO_ACCOUNT)
  async trades(
    @CurrentIdentity() identity: Identity,
    @Query() filter: TradeFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const source = { table: TABLE.trades, columns: selectList(TRADE), ...BY_TRADING };
    const conditions = matching(filter, BY_TRADING.sort.time);
    const accounts = accountsOf(identity, filter.accountId);
    return this.page(source, accounts, conditions, filter, await this.wanted(identity, minPosition), reply);
  }

  private async pageOfOrder(
    source: Source,
    identity: Identity,
    orderId: string,
    filter: PageFilter,
    minPosition: string | undefined,
    reply: FastifyReply,
  ): Promise<string> {
    const wanted = await this.wanted(identity, minPosition);
    await this.standAt(wanted);
    const own = ownOrder(identity, orderId);
    const [found] = await this.model.texts(`select '' from ${TABLE.orders} where ${own.text}`, own.values);
    if (found === undefined) throw orderNotFound();
    const conditions = new Conditions().add([orderId], (at) => `order_id = ${at}`);
    return this.page(source, 'all', conditions, filter, wanted, reply);
  }

  private async page(
    source: Source,
    accounts: Accounts,
    conditions: Conditions,
    filter: PageFilter,
    minPosition: number | undefined,
    reply: FastifyReply,
  ): Promise<string> {
    const { body, checkpoint } = await this.read(source, accounts, conditions, filter, minPosition);
    stamp(reply, checkpoint);
    return body;
  }

  private async read(
    source: Source,
    accounts: Accounts,
    conditions: Conditions,
    filter: PageFilter,
    minPosition: number | undefined,
  ): Promise<Page> {
    const limit = limitOf(filter);
    if (filter.cursor !== undefined) addCursor(conditions, filter.cursor, source.sort);
    const checkpoint = await this.standAt(minPosition);
    const text = pageStatement(source, accounts, conditions, limit + 1);
    const items = await this.model.texts(text, conditions.values);
    const last = items.length > limit ? items[limit - 1] : undefined;
    const nextCursor = last === undefined ? 'null' : JSON.stringify(encodeCursor(source.cursorOf(last)));
    const body = `{"items":[${items.slice(0, limit).map(source.present).join(',')}],"nextCursor":${nextCursor}}`;
    return { body, checkpoint };
  }

  private wanted(identity: Identity, minPosition: string | undefined): Promise<number | undefined> {
    return this.consistency.positionFor(identity, positionOf(minPosition));
  }

  private standAt(minPosition: number | undefined): Promise<Checkpoint> {
    return standAt(this.model, minPosition);
  }
}

/* -------------------------------------------------------------------------------------------------- statements */

/** Where the items of a list come from, and in which order. */
interface Source {
  readonly table: string;
  readonly columns: string;
  readonly sort: SortKey;
  /** Where a page ends whose last item, as JSON, is this one. */
  readonly cursorOf: (item: string) => { readonly atMs: number; readonly id: string };
  /** The item as it goes out. */
  readonly present: (item: string) => string;
}
type Order = Pick<Source, 'sort' | 'cursorOf' | 'present'>;

const asIs = (item: string): string => item;

const BY_PLACING = {
  sort: { time: 'placed_at', id: 'order_id', kind: 'uuid', direction: 'desc' },
  cursorOf: (item) => ({ atMs: timeOf(item, 'placedAt'), id: String(fieldOf(item, 'orderId')) }),
  present: asIs,
} as const satisfies Order;

const BY_TRADING = {
  sort: { time: 'traded_at', id: 'position', kind: 'bigint', direction: 'desc' },
  cursorOf: (item) => ({ atMs: timeOf(item, 'tradedAt'), id: String(fieldOf(item, 'position')) }),
  present: asIs,
} as const satisfies Order;

const BY_POSITION = {
  sort: { id: 'position', kind: 'bigint', direction: 'asc' },
  cursorOf: (item) => ({ atMs: 0, id: String(fieldOf(item, 'position')) }),
  present: asIs,
} as const satisfies Order;

const BY_REVISION = {
  sort: { id: 'revision', kind: 'integer', direction: 'asc' },
  cursorOf: (item) => ({ atMs: 0, id: String(fieldOf(item, 'version')) }),
  present: (item) => JSON.stringify(presentable(JSON.parse(item))),
} as const satisfies Order;

/** @throws Problem 404 for an account that is not theirs. */
const accountsOf = (identity: Identity, accountId: string | undefined): Accounts => {
  if (accountId !== undefined) return [accountOf(identity, accountId, 'read')];
  return identity.role === 'trader' ? identity.accountIds : 'all';
};

/** A trader's own order; for an order of somebody else it is as if there were none. */
const ownOrder = (identity: Identity, orderId: string): Conditions => {
  const conditions = new Conditions().add([orderId], (at) => `order_id = ${at}`);
  const accounts = accountsOf(identity, undefined);
  return accounts === 'all' ? conditions : conditions.add([accounts], (at) => `account_id = any(${at}::text[])`);
};

const matching = (filter: TradeFilter, time: string): Conditions => {
  const conditions = new Conditions();
  const { symbol, side, product, broker, from, to } = filter;
  if (symbol !== undefined) conditions.add([symbol], (at) => `upper(symbol) = upper(${at})`);
  if (side !== undefined) conditions.add([side], (at) => `side = ${at}`);
  if (product !== undefined) conditions.add([product], (at) => `product = ${at}`);
  if (broker !== undefined) conditions.add([broker], (at) => `broker = ${at}`);
  if (from !== undefined) conditions.add([instantOf('from', from)], (at) => `${time} >= ${at}::timestamptz`);
  if (to !== undefined) conditions.add([instantOf('to', to)], (at) => `${time} < ${at}::timestamptz`);
  return conditions;
};

const addCursor = (conditions: Conditions, cursor: string, { time, id, kind, direction }: SortKey): void => {
  const { atMs, id: lastId } = decodeCursor(cursor, kind);
  const beyond = direction === 'asc' ? '>' : '<';
  if (time === undefined) conditions.add([lastId], (at) => `${id} ${beyond} ${at}::${kind}`);
  else
    conditions.add(
      [new Date(atMs).toISOString(), lastId],
      (at, last) => `(${time}, ${id}) ${beyond} (${at}::timestamptz, ${last}::${kind})`,
    );
};

/**
 * One page in the order of an index. Rows of several accounts are taken account by account, as many as a page can hold,
 * and merged: one scan over all of them could not come in the order of the index.
 */
const pageStatement = (
  { table, columns, sort: { time, id, direction } }: Source,
  accounts: Accounts,
  conditions: Conditions,
  rows: number,
): string => {
  const order = `order by ${[time, id].filter((column) => column !== undefined).join(` ${direction}, `)} ${direction}`;
  const [only, ...others] = accounts === 'all' ? [] : accounts;
  if (only !== undefined && others.length === 0) conditions.add([only], (at) => `account_id = ${at}`);
  const limit = `limit ${conditions.placeholder(rows)}`;
  const isMerged = accounts !== 'all' && accounts.length !== 1;
  const from = isMerged
    ? `unnest(${conditions.placeholder(accounts)}::text[]) as own (own_account) cross join lateral (
         select * from ${table} where account_id = own_account and ${conditions.text} ${order} ${limit}
       ) as ${LISTED}`
    : `${table} as ${LISTED} where ${conditions.text}`;
  return `select row_to_json(item) from (select ${columns} from ${from} ${order} ${limit}) as item`;
};

/* ------------------------------------------------------------------------------------------------------ answers */

const fieldOf = (item: string, name: string): unknown => {
  const parsed: unknown = JSON.parse(item);
  return typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, name) : undefined;
};

const timeOf = (item: string, name: string): number => Date.parse(String(fieldOf(item, name)));

/** The filter's pattern lets days pass that their month does not have, and `Date` would take them for the next month's. */
const instantOf = (field: string, text: string): string => {
  const [day = ''] = text.split('T');
  if (!new Date(`${day}T00:00:00Z`).toISOString().startsWith(day))
    throw invalid('A query parameter is not as it must be.', field, 'is no day of the calendar');
  return new Date(text).toISOString();
};

const uuidOf = (text: string): string => {
  if (!isUUID(text)) throw invalid('The path names no order.', 'orderId', 'must be a UUID');
  return text.toLowerCase();
};

const orderNotFound = (): Problem => new Problem(404, 'ORDER_NOT_FOUND', 'There is no such order.');
