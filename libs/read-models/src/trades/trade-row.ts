import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Exchange, Segment } from '#domain/instruments/instrument';
import type { Product, Side } from '#domain/orders/order';
import { Instant, Money, Position, SCHEMA } from '../columns';

/** One row per fill of an order; written once, never changed. Partitioned by the month of `traded_at` (UTC). */
@Entity({ name: 'trades', schema: SCHEMA })
@Index('trades_account_traded', ['accountId', 'tradedAt', 'position'])
@Index('trades_traded', ['tradedAt', 'position'])
export class TradeRow {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'trades_pkey' })
  readonly orderId!: string;

  /** The broker's id. Both sides of a trade may carry the same one: it is unique within an order. */
  @PrimaryColumn('text', { name: 'trade_id', primaryKeyConstraintName: 'trades_pkey' })
  readonly tradeId!: string;

  @Column('text', { name: 'account_id' })
  readonly accountId!: string;

  @Column('text')
  readonly symbol!: string;

  @Column('text', { name: 'instrument_key' })
  readonly instrumentKey!: string;

  @Column('text')
  readonly exchange!: Exchange;

  @Column('text')
  readonly segment!: Segment;

  @Column('text')
  readonly side!: Side;

  @Column('text')
  readonly product!: Product;

  @Column('integer')
  readonly quantity!: number;

  @Money('price')
  readonly priceE4!: number;

  @Money('value')
  readonly valueE4!: number;

  @Column('text', { nullable: true })
  readonly broker!: string | null;

  /** Null when the fill was heard of before the broker's acceptance. */
  @Column('text', { name: 'broker_order_id', nullable: true })
  readonly brokerOrderId!: string | null;

  @Instant('traded_at', { primary: true, primaryKeyConstraintName: 'trades_pkey' })
  readonly tradedAt!: number;

  @Position('position')
  readonly position!: number;
}
