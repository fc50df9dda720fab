import { Entity, PrimaryColumn } from 'typeorm';
import { Instant, Position, SCHEMA } from '../columns';

/** The projection that keeps all views of this library: one checkpoint, moved in the transaction of the rows. */
export const PROJECTION = 'read-models';

/** How far a projection has read the log. */
@Entity({ name: 'projection_positions', schema: SCHEMA })
export class ProjectionPosition {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'projection_positions_pkey' })
  readonly name!: string;

  @Position('position')
  readonly position!: number;

  /** When the checkpoint last moved. */
  @Instant('updated_at')
  readonly updatedAt!: number;

  /** The rows hold everything that was recorded before this moment. Its distance from now is the age of a read. */
  @Instant('as_of')
  readonly asOf!: number;
}
