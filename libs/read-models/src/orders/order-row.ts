import { Column, type ColumnOptions, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Exchange, Segment } from '#domain/instruments/instrument';
import type { OrdStatus } from '#domain/orders/life-cycle';
import type { OrderType, Product, Side, Validity } from '#domain/orders/order';
import { Instant, Money, Position, SCHEMA } from '../columns';
import type { BookStatus } from '#domain/orders/book-status';

/** Written with the first event and never again. */
const Fixed = (type: 'uuid' | 'text' | 'integer' | 'json', options: ColumnOptions = {}): PropertyDecorator =>
  Column({ ...options, type, update: false });

/** One row per order: how it stands now. */
@Entity({ name: 'orders', schema: SCHEMA })
@Index('orders_account_placed', ['accountId', 'placedAt', 'orderId'])
@Index('orders_placed', ['placedAt', 'orderId'])
export class OrderRow {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'orders_pkey' })
  readonly orderId!: string;

  @Fixed('uuid', { name: 'intent_id' })
  readonly intentId!: string;

  @Fixed('integer')
  readonly line!: number;

  @Fixed('text', { name: 'account_id' })
  readonly accountId!: string;

  @Fixed('text', { name: 'user_id' })
  readonly userId!: string;

  @Fixed('text', { name: 'client_order_id', nullable: true })
  readonly clientOrderId!: string | null;

  @Fixed('text', { name: 'strategy_id', nullable: true })
  readonly strategyId!: string | null;

  @Fixed('text', { name: 'instrument_key' })
  readonly instrumentKey!: string;

  @Fixed('text')
  readonly symbol!: string;

  @Fixed('text')
  readonly exchange!: Exchange;

  @Fixed('text')
  readonly segment!: Segment;

  @Fixed('text')
  readonly side!: Side;

  @Fixed('text')
  readonly product!: Product;

  @Column('text', { name: 'order_type' })
  readonly orderType!: OrderType;

  @Column('text')
  readonly validity!: Validity;

  @Column('integer')
  readonly quantity!: number;

  @Column('integer', { name: 'filled_quantity' })
  readonly filledQuantity!: number;

  /** What can still be filled: 0 once the order is closed, whatever it was closed by. */
  @Column('integer', { name: 'leaves_quantity' })
  readonly leavesQuantity!: number;

  /** Of what was filled, rounded half up to 1/10,000 rupee; null before the first fill. */
  @Money('average_price', { nullable: true })
  readonly averagePriceE4!: number | null;

  /** Exact value of what was filled. */
  @Money('filled_value')
  readonly filledValueE4!: number;

  @Money('price', { nullable: true })
  readonly priceE4!: number | null;

  @Money('trigger_price', { nullable: true })
  readonly triggerPriceE4!: number | null;

  @Column('integer', { name: 'disclosed_quantity', nullable: true })
  readonly disclosedQuantity!: number | null;

  /** In the words of the API: see `status.ts`. */
  @Column('text')
  readonly status!: BookStatus;

  /** FIX 4.4 tag 39. */
  @Column('text', { name: 'ord_status' })
  readonly ordStatus!: OrdStatus;

  @Column('boolean', { name: 'pending_cancel' })
  readonly pendingCancel!: boolean;

  /** The total that a modify on its way asks for; null while none is. */
  @Column('integer', { name: 'pending_quantity', nullable: true })
  readonly pendingQuantity!: number | null;

  /** Null for an order that was denied before one was chosen. */
  @Column('text', { nullable: true })
  readonly broker!: string | null;

  @Fixed('text', { name: 'route_reason', nullable: true })
  readonly routeReason!: string | null;

  /** Dispatches so far. */
  @Column('integer')
  readonly attempt!: number;

  @Column('text', { nullable: true })
  readonly tag!: string | null;

  @Column('text', { name: 'broker_order_id', nullable: true })
  readonly brokerOrderId!: string | null;

  /** Why the order stands where it stands, when somebody said why: denied, rejected, cancelled, in doubt, … */
  @Column('text', { nullable: true })
  readonly reason!: string | null;

  /** JSON text of what the checks found when the order was placed or denied. `json`: nobody looks inside on the server. */
  @Fixed('json')
  readonly verdicts!: string;

  @Instant('placed_at', { update: false })
  readonly placedAt!: number;

  @Instant('updated_at')
  readonly updatedAt!: number;

  /** Revision of the last event of the order's stream: what a client sends back as `If-Match`. */
  @Column('integer')
  readonly version!: number;

  /** Position of that event in the log. */
  @Position('position')
  readonly position!: number;
}
