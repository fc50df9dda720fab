import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Instant, Position, SCHEMA } from '../columns';

/** A document of settings as it stands: of the house, or of one user. */
@Entity({ name: 'settings', schema: SCHEMA })
export class SettingsRow {
  /** `house` or `user-{userId}`. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'settings_pkey' })
  readonly scope!: string;

  /** How often it was changed. */
  @Column('integer')
  readonly version!: number;

  /** In the words of the domain: amounts in 1/10,000 rupee. */
  @Column('json')
  readonly document!: string;

  @Column('text', { name: 'changed_by' })
  readonly changedBy!: string;

  @Instant('changed_at')
  readonly changedAt!: number;

  @Position('position')
  readonly position!: number;
}
