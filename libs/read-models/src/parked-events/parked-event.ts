import { Column, Entity } from 'typeorm';
import { Instant, Position, SCHEMA } from '../columns';

/** An event that no row could be made of. It stays in the log; once the fold can read it, a rebuild takes it in. */
@Entity({ name: 'parked_events', schema: SCHEMA })
export class ParkedEvent {
  @Position('position', { primary: true, primaryKeyConstraintName: 'parked_events_pkey' })
  readonly position!: number;

  @Column('text')
  readonly stream!: string;

  @Column('integer')
  readonly revision!: number;

  @Column('text')
  readonly type!: string;

  @Column('text')
  readonly error!: string;

  /** The event's own time. */
  @Instant('at', { nullable: true })
  readonly at!: number | null;
}
