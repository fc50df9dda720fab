import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Instant, Position, SCHEMA } from '../columns';

/** The projection that keeps all views of this library: a checkpoint for each partition, moved in the transaction of the rows. */
export const PROJECTION = 'read-models';

/** How far a projection has read one partition of the feed. The direct feed has one: the whole log. */
@Entity({ name: 'projection_positions', schema: SCHEMA })
export class ProjectionPosition {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'projection_positions_pkey' })
  readonly name!: string;

  @Position('position')
  readonly position!: number;

  /** When the checkpoint last moved. */
  @Instant('updated_at')
  readonly updatedAt!: number;

  /** The rows of this partition hold everything that was recorded before this moment. Its distance from now is the age of a read. */
  @Instant('as_of')
  readonly asOf!: number;

  /** From 0. */
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'projection_positions_pkey' })
  readonly partition!: number;

  /** How many there are: which partition an account belongs to depends on it. */
  @Column('integer')
  readonly partitions!: number;
}
