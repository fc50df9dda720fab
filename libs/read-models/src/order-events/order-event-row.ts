import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ExecType, OrdStatus } from '#domain/orders/life-cycle';
import { Instant, Position, SCHEMA } from '../columns';

/** One row per event of an order's stream; written once, never changed. Partitioned by the month of `at` (UTC). */
@Entity({ name: 'order_events', schema: SCHEMA })
export class OrderEventRow {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'order_events_pkey' })
  readonly orderId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'order_events_pkey' })
  readonly revision!: number;

  @Position('position')
  readonly position!: number;

  @Column('text', { name: 'account_id' })
  readonly accountId!: string;

  @Column('text')
  readonly type!: string;

  /** FIX 4.4 tag 150: what happened. */
  @Column('text', { name: 'exec_type' })
  readonly execType!: ExecType;

  /** FIX 4.4 tag 39: how the order stood afterwards. */
  @Column('text', { name: 'ord_status' })
  readonly ordStatus!: OrdStatus;

  /** JSON text of the event as the log holds it. */
  @Column('json')
  readonly data!: string;

  @Column('text', { name: 'correlation_id' })
  readonly correlationId!: string;

  @Column('text', { name: 'user_id' })
  readonly userId!: string;

  @Instant('at', { primary: true, primaryKeyConstraintName: 'order_events_pkey' })
  readonly at!: number;
}
