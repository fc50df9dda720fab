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
  charges: `(select charges_json from ${SCHEMA}.order_charges as estimate where estimate.order_id = orders.order_id)`,
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

/** What the rows of a list are called in its statement, so that a field can be looked up in another table. */
export const LISTED = 'listed';

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
  charges: `(select ${amount('total')} from ${SCHEMA}.trade_charges as charged
    where charged.order_id = ${LISTED}.order_id and charged.trade_id = ${LISTED}.trade_id)`,
  tradedAt: instant('traded_at'),
  position: 'position',
};

const LINES = ['brokerage', 'stt', 'exchange', 'sebi', 'stamp', 'gst', 'clearing', 'dp', 'total'] as const;

/** A contract note out of the trades that were charged on it: the sums of one day, broker and segment. */
export const NOTE: Fields = {
  date: `to_char(trading_date, 'YYYY-MM-DD')`,
  broker: 'broker',
  segment: 'exchange_segment',
  trades: 'count(*)',
  turnoverBuy: `coalesce(${amount(`sum(value) filter (where side = 'BUY')`)}, 0)`,
  turnoverSell: `coalesce(${amount(`sum(value) filter (where side = 'SELL')`)}, 0)`,
  charges: `json_build_object(${LINES.map((line) => `'${line}', ${amount(`sum(${line})`)}`).join(', ')})`,
  realised: amount('sum(realised)'),
  net: amount('sum(realised) - sum(total)'),
};

/** What a contract note grew by with one trade. */
export const NOTE_TRADE: Fields = {
  tradeId: 'trade_id',
  orderId: 'order_id',
  symbol: `(select symbol from ${SCHEMA}.orders as placed where placed.order_id = charged.order_id)`,
  instrumentKey: 'instrument_key',
  product: 'product',
  side: 'side',
  quantity: 'quantity',
  price: amount('price'),
  value: amount('value'),
  charges: 'charges_json',
  realised: amount('realised'),
  net: amount('realised - total'),
  position: 'position',
};

export const POSITION: Fields = {
  symbol: `(select symbol from ${SCHEMA}.orders as placed where placed.order_id = positions.order_id)`,
  instrumentKey: 'instrument_key',
  product: 'product',
  quantity: 'quantity',
  averagePrice: amount('average_price'),
  cost: amount('cost'),
  margin: amount('margin'),
  realised: amount('realised'),
  charges: amount('charges'),
  net: amount('realised - charges'),
  tradingDate: `to_char(trading_date, 'YYYY-MM-DD')`,
  updatedAt: instant('updated_at'),
};

/** The sums of all positions that were traded on the account's last day. */
export const PORTFOLIO_DAY: Fields = {
  date: `to_char(trading_date, 'YYYY-MM-DD')`,
  realised: amount('sum(day_realised)'),
  charges: amount('sum(day_charges)'),
  net: amount('sum(day_realised) - sum(day_charges)'),
};

export const TABLE = {
  orders: `${SCHEMA}.orders`,
  orderEvents: `${SCHEMA}.order_events`,
  trades: `${SCHEMA}.trades`,
  tradeCharges: `${SCHEMA}.trade_charges`,
  positions: `${SCHEMA}.positions`,
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
  @ApiProperty({ required: false, description: 'Whose rule it is: a circular, a file of the day, a setting.' })
  rule?: string;
  @ApiProperty({ required: false, oneOf: [{ type: 'number' }, { type: 'string' }] }) limit?: number | string;
  @ApiProperty({ required: false, oneOf: [{ type: 'number' }, { type: 'string' }] }) actual?: number | string;
  @ApiProperty({
    required: false,
    format: 'date',
    description: 'In force since, or the day of the file it was read from.',
  })
  effectiveFrom?: string;
  @ApiProperty({ required: false }) reason?: string;
}

export class ChargesView {
  @ApiProperty(RUPEES) brokerage!: number;
  @ApiProperty({ description: 'Securities transaction tax; of commodities, the commodities transaction tax.' })
  stt!: number;
  @ApiProperty({ description: 'What the exchange charges.' }) exchange!: number;
  @ApiProperty(RUPEES) sebi!: number;
  @ApiProperty(RUPEES) stamp!: number;
  @ApiProperty(RUPEES) gst!: number;
  @ApiProperty(RUPEES) clearing!: number;
  @ApiProperty({ description: 'Of the depository, with its GST.' }) dp!: number;
  @ApiProperty({ description: 'The sum of the lines.' }) total!: number;
}

export class OrderDetailView extends OrderView {
  @ApiProperty() userId!: string;
  @nullable(String, { description: 'Which rule chose the broker.' }) routeReason!: string | null;
  @ApiProperty({ description: 'Dispatches so far.' }) attempt!: number;
  @nullable(String, { description: 'Our identifier as the broker stores it.' }) tag!: string | null;
  @ApiProperty({ description: 'Rupees, of what was filled.' }) filledValue!: number;
  @ApiProperty({ type: [VerdictView], description: 'What every check found before the order was placed or denied.' })
  verdicts!: VerdictView[];
  @ApiProperty({
    type: ChargesView,
    nullable: true,
    description: 'Estimated when it was placed: what it costs if all of it fills and nothing else does that day.',
  })
  charges!: ChargesView | null;
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
  @nullable(Number, { description: 'Rupees, what its contract note grew by; null where that is not known.' })
  charges!: number | null;
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

export class NoteView {
  @ApiProperty({ format: 'date', description: 'Trading day of the broker’s market.' }) date!: string;
  @ApiProperty() broker!: string;
  @ApiProperty({ example: 'NSE_EQ' }) segment!: string;
  @ApiProperty({ description: 'How many were charged.' }) trades!: number;
  @ApiProperty({ description: 'Rupees, of what was bought.' }) turnoverBuy!: number;
  @ApiProperty({ description: 'Rupees, of what was sold.' }) turnoverSell!: number;
  @ApiProperty({ type: ChargesView }) charges!: ChargesView;
  @ApiProperty({ description: 'Rupees: profit or loss of what was closed, before charges.' }) realised!: number;
  @ApiProperty({ description: 'Rupees: realised less charges.' }) net!: number;
}

export class NotePage {
  @ApiProperty({ type: [NoteView] }) items!: NoteView[];
  @nextCursor() nextCursor!: string | null;
}

export class NoteTradeView {
  @ApiProperty({ description: 'The broker’s id.' }) tradeId!: string;
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @nullable(String, { description: 'Null while its order is not projected.' }) symbol!: string | null;
  @ApiProperty() instrumentKey!: string;
  @ApiProperty({ enum: PRODUCTS }) product!: string;
  @ApiProperty({ enum: SIDES }) side!: string;
  @ApiProperty() quantity!: number;
  @ApiProperty(RUPEES) price!: number;
  @ApiProperty({ description: 'Rupees: price times quantity.' }) value!: number;
  @ApiProperty({
    type: ChargesView,
    description: 'What the note grew by. A line may be negative: a delivery that was squared off had paid too much.',
  })
  charges!: ChargesView;
  @ApiProperty({ description: 'Rupees: profit or loss of what it closed, before charges.' }) realised!: number;
  @ApiProperty({ description: 'Rupees: realised less charges.' }) net!: number;
  @ApiProperty({ description: 'Position in the event log.' }) position!: number;
}

export class NoteTradePage {
  @ApiProperty({ type: [NoteTradeView] }) items!: NoteTradeView[];
  @nextCursor() nextCursor!: string | null;
}

export class PositionView {
  @nullable(String, { description: 'Null for what was never traded here.' }) symbol!: string | null;
  @ApiProperty() instrumentKey!: string;
  @ApiProperty({ enum: PRODUCTS }) product!: string;
  @ApiProperty({ description: 'Short is negative; 0 for what was closed.' }) quantity!: number;
  @nullable(Number, { description: 'Rupees, of what is open.' }) averagePrice!: number | null;
  @ApiProperty({ description: 'Rupees: paid (or, short, received) for what is open.' }) cost!: number;
  @ApiProperty({ description: 'Rupees posted for it alone; 0 for what is margined with its group.' }) margin!: number;
  @ApiProperty({ description: 'Rupees: profit or loss of all that was closed, before charges.' }) realised!: number;
  @ApiProperty({ description: 'Rupees, of all its trades as far as they are known.' }) charges!: number;
  @ApiProperty({ description: 'Rupees: realised less charges.' }) net!: number;
  @nullable(String, { description: 'The last day on which it was traded, YYYY-MM-DD.' }) tradingDate!: string | null;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class PortfolioDayView {
  @ApiProperty({ format: 'date', description: 'The last day on which the account traded.' }) date!: string;
  @ApiProperty({ description: 'Rupees, of all positions: what was closed that day, before charges.' })
  realised!: number;
  @ApiProperty({ description: 'Rupees, of all trades of that day as far as they are known.' }) charges!: number;
  @ApiProperty({ description: 'Rupees: realised less charges.' }) net!: number;
}

export class PortfolioPage {
  @ApiProperty({ format: 'uuid' }) accountId!: string;
  @ApiProperty({ type: PortfolioDayView, nullable: true, description: 'Null before the first trade.' })
  day!: PortfolioDayView | null;
  @ApiProperty({ type: [PositionView], description: 'What is open first, then what was closed.' })
  items!: PositionView[];
  @nextCursor() nextCursor!: string | null;
}
