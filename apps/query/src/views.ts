import { ApiProperty } from '@nestjs/swagger';
import { toRupees } from '#domain/money';
import { SCHEMA } from '#read-models/columns';
import { BOOK_STATUSES } from '#domain/orders/book-status';
import { PRODUCTS, SIDES } from './filters';

/**
 * How rows become JSON: Postgres writes the text, and it goes out as it is. That saves parsing it here only to write it
 * again, and no amount passes through a binary fraction. Every field is always there; null where it does not apply.
 */
type Fields = Readonly<Record<string, string>>;

const instant = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const amount = (column: string): string => `trim_scale(${column})`;

/** The select list of fields by their name in JSON. */
export const selectList = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, expression]) => `${expression} as "${name}"`)
    .join(', ');

/** An order as it stands in a list. */
export const ORDER: Fields = {
  orderId: 'order_id',
  intentId: 'intent_id',
  line: 'line',
  accountId: 'account_id',
  clientOrderId: 'client_order_id',
  strategyId: 'strategy_id',
  symbol: 'symbol',
  instrumentKey: 'instrument_key',
  exchange: 'exchange',
  segment: 'segment',
  side: 'side',
  product: 'product',
  orderType: 'order_type',
  validity: 'validity',
  quantity: 'quantity',
  filledQuantity: 'filled_quantity',
  leavesQuantity: 'leaves_quantity',
  price: amount('price'),
  triggerPrice: amount('trigger_price'),
  disclosedQuantity: 'disclosed_quantity',
  averagePrice: amount('average_price'),
  status: 'status',
  ordStatus: 'ord_status',
  pending: `case when pending_cancel then 'CANCEL' when pending_quantity is not null then 'REPLACE' end`,
  pendingQuantity: 'pending_quantity',
  broker: 'broker',
  brokerOrderId: 'broker_order_id',
  reason: 'reason',
  placedAt: instant('placed_at'),
  updatedAt: instant('updated_at'),
  version: 'version',
};

/** An order on its own: with what the checks found, and how it went to its broker. */
export const ORDER_DETAIL: Fields = {
  ...ORDER,
  userId: 'user_id',
  routeReason: 'route_reason',
  attempt: 'attempt',
  tag: 'tag',
  filledValue: amount('filled_value'),
  verdicts: 'verdicts',
};

export const ORDER_EVENT: Fields = {
  version: 'revision',
  type: 'type',
  execType: 'exec_type',
  ordStatus: 'ord_status',
  at: instant('at'),
  userId: 'user_id',
  correlationId: 'correlation_id',
  position: 'position',
  data: 'data',
};

export const TRADE: Fields = {
  tradeId: 'trade_id',
  orderId: 'order_id',
  accountId: 'account_id',
  symbol: 'symbol',
  instrumentKey: 'instrument_key',
  exchange: 'exchange',
  segment: 'segment',
  side: 'side',
  product: 'product',
  quantity: 'quantity',
  price: amount('price'),
  value: amount('value'),
  broker: 'broker',
  brokerOrderId: 'broker_order_id',
  tradedAt: instant('traded_at'),
  position: 'position',
};

export const TABLE = {
  orders: `${SCHEMA}.orders`,
  orderEvents: `${SCHEMA}.order_events`,
  trades: `${SCHEMA}.trades`,
} as const;

/**
 * What an event recorded, in the API's units: amounts in rupees under their plain name (`priceE4` becomes `price`),
 * instants as text.
 */
export const presentable = (recorded: unknown): unknown => {
  if (Array.isArray(recorded)) return recorded.map(presentable);
  if (typeof recorded !== 'object' || recorded === null) return recorded;
  return Object.fromEntries(
    Object.entries(recorded).map(([name, value]: [string, unknown]) => {
      if (name.endsWith('E4') && typeof value === 'number') return [name.slice(0, -2), toRupees(value)];
      if (name === 'tradedAt' && typeof value === 'number') return [name, new Date(value).toISOString()];
      return [name, presentable(value)];
    }),
  );
};

/* ------------------------------------------------------------------------- the same shapes, for the OpenAPI document */

const nullable = (
  type: typeof String | typeof Number,
  options: { readonly description?: string; readonly enum?: string[] } = {},
): PropertyDecorator => ApiProperty({ ...options, type, nullable: true });
const RUPEES = { description: 'Rupees, at most four decimal places.' };

export class OrderView {
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ format: 'uuid' }) intentId!: string;
  @ApiProperty({ description: 'Position in its intent, from 0.' }) line!: number;
  @ApiProperty({ format: 'uuid' }) accountId!: string;
  @nullable(String) clientOrderId!: string | null;
  @nullable(String) strategyId!: string | null;
  @ApiProperty({ example: 'NSE:RELIANCE' }) symbol!: string;
  @ApiProperty() instrumentKey!: string;
  @ApiProperty() exchange!: string;
  @ApiProperty() segment!: string;
  @ApiProperty({ enum: SIDES }) side!: string;
  @ApiProperty({ enum: PRODUCTS }) product!: string;
  @ApiProperty({ enum: ['MARKET', 'LIMIT', 'SL', 'SL_M'] }) orderType!: string;
  @ApiProperty({ enum: ['DAY', 'IOC'] }) validity!: string;
  @ApiProperty() quantity!: number;
  @ApiProperty() filledQuantity!: number;
  @ApiProperty({ description: 'What can still be filled: 0 once the order is closed.' }) leavesQuantity!: number;
  @nullable(Number, RUPEES) price!: number | null;
  @nullable(Number, RUPEES) triggerPrice!: number | null;
  @nullable(Number) disclosedQuantity!: number | null;
  @nullable(Number, { description: 'Rupees, of what was filled.' }) averagePrice!: number | null;
  @ApiProperty({ enum: BOOK_STATUSES }) status!: string;
  @ApiProperty({ description: 'FIX OrdStatus (tag 39).' }) ordStatus!: string;
  @nullable(String, { enum: ['CANCEL', 'REPLACE'], description: 'Asked of the broker and not answered yet.' })
  pending!: string | null;
  @nullable(Number, { description: 'The total that a replace on its way asks for.' }) pendingQuantity!: number | null;
  @nullable(String) broker!: string | null;
  @nullable(String) brokerOrderId!: string | null;
  @nullable(String, { description: 'Why it stands where it stands, if somebody said so.' }) reason!: string | null;
  @ApiProperty({ format: 'date-time' }) placedAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
  @ApiProperty({ description: 'For `If-Match` of the next change.' }) version!: number;
}

export class VerdictView {
  @ApiProperty({ example: 'tick-size' }) check!: string;
  @ApiProperty({ enum: ['pass', 'fail', 'not-applicable'] }) outcome!: string;
  @ApiProperty({ required: false, oneOf: [{ type: 'number' }, { type: 'string' }] }) limit?: number | string;
  @ApiProperty({ required: false, oneOf: [{ type: 'number' }, { type: 'string' }] }) actual?: number | string;
  @ApiProperty({ required: false }) reason?: string;
}

export class OrderDetailView extends OrderView {
  @ApiProperty() userId!: string;
  @nullable(String, { description: 'Which rule chose the broker.' }) routeReason!: string | null;
  @ApiProperty({ description: 'Dispatches so far.' }) attempt!: number;
  @nullable(String, { description: 'Our identifier as the broker stores it.' }) tag!: string | null;
  @ApiProperty({ description: 'Rupees, of what was filled.' }) filledValue!: number;
  @ApiProperty({ type: [VerdictView], description: 'What every check found before the order was placed or denied.' })
  verdicts!: VerdictView[];
}

export class OrderEventView {
  @ApiProperty({ description: 'Version of the order after this event.' }) version!: number;
  @ApiProperty({ example: 'OrderPlaced' }) type!: string;
  @ApiProperty({ description: 'FIX ExecType (tag 150).' }) execType!: string;
  @ApiProperty({ description: 'FIX OrdStatus (tag 39) after this event.' }) ordStatus!: string;
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty() userId!: string;
  @ApiProperty() correlationId!: string;
  @ApiProperty({ description: 'Position in the event log.' }) position!: number;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What was recorded, amounts in rupees. Which fields there are depends on `type`.',
  })
  data!: object;
}

export class TradeView {
  @ApiProperty({ description: 'The broker’s id.' }) tradeId!: string;
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ format: 'uuid' }) accountId!: string;
  @ApiProperty({ example: 'NSE:RELIANCE' }) symbol!: string;
  @ApiProperty() instrumentKey!: string;
  @ApiProperty() exchange!: string;
  @ApiProperty() segment!: string;
  @ApiProperty({ enum: SIDES }) side!: string;
  @ApiProperty({ enum: PRODUCTS }) product!: string;
  @ApiProperty() quantity!: number;
  @ApiProperty(RUPEES) price!: number;
  @ApiProperty({ description: 'Rupees: price times quantity.' }) value!: number;
  @nullable(String) broker!: string | null;
  @nullable(String) brokerOrderId!: string | null;
  @ApiProperty({ format: 'date-time' }) tradedAt!: string;
  @ApiProperty({ description: 'Position in the event log.' }) position!: number;
}

const nextCursor = (): PropertyDecorator =>
  nullable(String, { description: 'Send it as `cursor` for the next page; null on the last one.' });

export class OrderPage {
  @ApiProperty({ type: [OrderView] }) items!: OrderView[];
  @nextCursor() nextCursor!: string | null;
}

export class OrderEventPage {
  @ApiProperty({ type: [OrderEventView] }) items!: OrderEventView[];
  @nextCursor() nextCursor!: string | null;
}

export class TradePage {
  @ApiProperty({ type: [TradeView] }) items!: TradeView[];
  @nextCursor() nextCursor!: string | null;
}
