import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Product } from '#domain/orders/order';
import { Instant, Money, Position, SCHEMA } from '../columns';

/** One row per account, instrument and product that ever had a position. A flat one stays: what it realised is history. */
@Entity({ name: 'positions', schema: SCHEMA })
export class PositionRow {
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'positions_pkey' })
  readonly accountId!: string;

  @PrimaryColumn('text', { name: 'instrument_key', primaryKeyConstraintName: 'positions_pkey' })
  readonly instrumentKey!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'positions_pkey' })
  readonly product!: Product;

  /** Signed: short is negative. */
  @Column('integer')
  readonly quantity!: number;

  /** What was paid (or, short, received) for what is open. */
  @Money('cost')
  readonly costE4!: number;

  /** Of one unit of what is open, rounded half up to 1/10,000 rupee; null while flat. */
  @Money('average_price', { nullable: true })
  readonly averagePriceE4!: number | null;

  /** Margin posted for it alone; 0 for a contract that is margined with its group. */
  @Money('margin')
  readonly marginE4!: number;

  /** Profit and loss of all that was closed, before charges. */
  @Money('realised')
  readonly realisedE4!: number;

  /** Of all its trades, as far as they are known. */
  @Money('charges')
  readonly chargesE4!: number;

  /** The last day on which it was traded, `YYYY-MM-DD`; null while no trade said so. */
  @Column('date', { name: 'trading_date', nullable: true })
  readonly tradingDate!: string | null;

  /** Of the trades of that day. */
  @Money('day_realised')
  readonly dayRealisedE4!: number;

  @Money('day_charges')
  readonly dayChargesE4!: number;

  /** The order that traded last: its row has the symbol. Null while all of it was adopted. */
  @Column('uuid', { name: 'order_id', nullable: true })
  readonly orderId!: string | null;

  @Instant('updated_at')
  readonly updatedAt!: number;

  @Position('position')
  readonly position!: number;
}
