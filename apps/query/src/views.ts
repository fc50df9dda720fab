import { ApiProperty } from '@nestjs/swagger';
import { SCHEMA } from '#read-models/columns';
import { BOOK_STATUSES } from '#read-models/orders/status';

/**
 * How rows become JSON: Postgres writes the text, and it goes out as it is. That saves parsing it here only to write it
 * again, and no amount ever passes through a binary fraction.
 */

const instant = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const amount = (column: string): string => `trim_scale(${column})`;

const json = (fields: Readonly<Record<string, string>>): string =>
  `json_build_object(${Object.entries(fields)
    .map(([name, expression]) => `'${name}', ${expression}`)
    .join(', ')})::text`;

export const ORDER_JSON = json({
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
  broker: 'broker',
  brokerOrderId: 'broker_order_id',
  reason: 'reason',
  placedAt: instant('placed_at'),
  updatedAt: instant('updated_at'),
  version: 'version',
});

export const ORDER_WITH_VERDICTS_JSON = `(${ORDER_JSON}::jsonb || jsonb_build_object('verdicts', verdicts, 'tag', tag, 'route', route_reason))::text`;

export const ORDER_EVENT_JSON = json({
  version: 'revision',
  type: 'type',
  execType: 'exec_type',
  ordStatus: 'ord_status',
  at: instant('at'),
  userId: 'user_id',
  correlationId: 'correlation_id',
  position: 'position',
  data: 'data',
});

export const TRADE_JSON = json({
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
});

export const TABLE = {
  orders: `${SCHEMA}.orders`,
  orderEvents: `${SCHEMA}.order_events`,
  trades: `${SCHEMA}.trades`,
} as const;

/* What the JSON above looks like, for the OpenAPI document. */

const SIDES = ['BUY', 'SELL'];
const Nullable = (type: typeof String | typeof Number, description?: string) =>
  ApiProperty({ type, nullable: true, ...(description !== undefined && { description }) });

export class OrderView {
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ format: 'uuid' }) intentId!: string;
  @ApiProperty() line!: number;
  @ApiProperty({ format: 'uuid' }) accountId!: string;
  @Nullable(String) clientOrderId!: string | null;
  @Nullable(String) strategyId!: string | null;
  @ApiProperty({ example: 'NSE:RELIANCE' }) symbol!: string;
  @ApiProperty() instrumentKey!: string;
  @ApiProperty() exchange!: string;
  @ApiProperty() segment!: string;
  @ApiProperty({ enum: SIDES }) side!: string;
  @ApiProperty() product!: string;
  @ApiProperty() orderType!: string;
  @ApiProperty() validity!: string;
  @ApiProperty() quantity!: number;
  @ApiProperty() filledQuantity!: number;
  @ApiProperty() leavesQuantity!: number;
  @Nullable(Number, 'Rupees.') price!: number | null;
  @Nullable(Number, 'Rupees.') triggerPrice!: number | null;
  @Nullable(Number) disclosedQuantity!: number | null;
  @Nullable(Number, 'Rupees, of what was filled.') averagePrice!: number | null;
  @ApiProperty({ enum: BOOK_STATUSES }) status!: string;
  @ApiProperty({ description: 'FIX OrdStatus (tag 39).' }) ordStatus!: string;
  @ApiProperty({ enum: ['CANCEL', 'REPLACE'], nullable: true, type: String }) pending!: string | null;
  @Nullable(String) broker!: string | null;
  @Nullable(String) brokerOrderId!: string | null;
  @Nullable(String, 'Why it was denied or rejected.') reason!: string | null;
  @ApiProperty({ format: 'date-time' }) placedAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
  @ApiProperty({ description: 'For If-Match of the next change.' }) version!: number;
}

export class OrderEventView {
  @ApiProperty({ description: 'The version of the order after this event.' }) version!: number;
  @ApiProperty({ example: 'OrderPlaced' }) type!: string;
  @ApiProperty({ description: 'FIX ExecType (tag 150).' }) execType!: string;
  @ApiProperty({ description: 'FIX OrdStatus (tag 39) after this event.' }) ordStatus!: string;
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty() userId!: string;
  @ApiProperty() correlationId!: string;
  @ApiProperty({ description: 'Position in the event log.' }) position!: number;
  @ApiProperty({
    type: Object,
    description: 'The event as recorded; prices and amounts ending in E4 are 1/10,000 rupee.',
  })
  data!: object;
}

export class TradeView {
  @ApiProperty() tradeId!: string;
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ format: 'uuid' }) accountId!: string;
  @ApiProperty() symbol!: string;
  @ApiProperty() instrumentKey!: string;
  @ApiProperty() exchange!: string;
  @ApiProperty() segment!: string;
  @ApiProperty({ enum: SIDES }) side!: string;
  @ApiProperty() product!: string;
  @ApiProperty() quantity!: number;
  @ApiProperty({ description: 'Rupees.' }) price!: number;
  @ApiProperty({ description: 'Rupees.' }) value!: number;
  @Nullable(String) broker!: string | null;
  @Nullable(String) brokerOrderId!: string | null;
  @ApiProperty({ format: 'date-time' }) tradedAt!: string;
}

export class OrderPage {
  @ApiProperty({ type: [OrderView] }) items!: OrderView[];
  @Nullable(String, 'Send it as `cursor` for the next page.') nextCursor!: string | null;
}

export class OrderEventPage {
  @ApiProperty({ type: [OrderEventView] }) items!: OrderEventView[];
  @Nullable(String) nextCursor!: string | null;
}

export class TradePage {
  @ApiProperty({ type: [TradeView] }) items!: TradeView[];
  @Nullable(String) nextCursor!: string | null;
}
