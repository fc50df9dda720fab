import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OrderStatus } from '#domain/orders/order';
import { Instant, Position, SCHEMA } from '../columns';

/**
 * The write side's to-do list: intents without an answer, and orders that are not closed or whose account has not
 * caught up with them. It tells where to look and nothing else: it lags behind the log, so no decision rests on it.
 */
@Entity({ name: 'open_work', schema: SCHEMA })
export class OpenWorkRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'open_work_pkey' })
  readonly kind!: 'intent' | 'order';

  /** Of the intent or the order. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'open_work_pkey' })
  readonly id!: string;

  @Column('text', { name: 'account_id' })
  readonly accountId!: string;

  @Column('text', { nullable: true })
  readonly broker!: string | null;

  /** In the words of the domain; `reserved`: the account holds margin for an order that was not placed yet. */
  @Column('text')
  readonly status!: OrderStatus | 'reserved' | 'open';

  /** When this work began. */
  @Instant('since')
  readonly since!: number;

  /** The order's stream is at its end. Always false for an intent. */
  @Column('boolean')
  readonly closed!: boolean;

  /** The account holds margin for the order. */
  @Column('boolean')
  readonly reserved!: boolean;

  /** Cumulative quantity that the order says was filled. */
  @Column('integer')
  readonly filled!: number;

  /** Cumulative quantity that the account has posted. */
  @Column('integer')
  readonly posted!: number;

  @Position('position')
  readonly position!: number;
}
