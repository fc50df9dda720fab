import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Instant, Money, Position, SCHEMA } from '../columns';

/** One row per order that was placed with an estimate of what it will cost; written once, never changed. */
@Entity({ name: 'order_charges', schema: SCHEMA })
export class OrderChargesRow {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'order_charges_pkey' })
  readonly orderId!: string;

  @Column('text', { name: 'account_id' })
  readonly accountId!: string;

  /** By whose plan it was estimated. */
  @Column('text')
  readonly broker!: string;

  @Column('text')
  readonly symbol!: string;

  @Money('brokerage')
  readonly brokerageE4!: number;

  @Money('stt')
  readonly sttE4!: number;

  @Money('exchange')
  readonly exchangeE4!: number;

  @Money('sebi')
  readonly sebiE4!: number;

  @Money('stamp')
  readonly stampE4!: number;

  @Money('gst')
  readonly gstE4!: number;

  @Money('clearing')
  readonly clearingE4!: number;

  @Money('dp')
  readonly dpE4!: number;

  @Money('total')
  readonly totalE4!: number;

  /** The same as JSON text, as the API tells it: rupees by line. */
  @Column('json', { name: 'charges_json' })
  readonly chargesJson!: string;

  @Instant('estimated_at')
  readonly estimatedAt!: number;

  @Position('position')
  readonly position!: number;
}
