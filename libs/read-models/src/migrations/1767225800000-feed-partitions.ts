import type { MigrationInterface } from 'typeorm';
import { SCHEMA } from '../columns';

/**
 * One checkpoint for each partition of the feed. Each row names the number of partitions it belongs to: a projector that
 * still counts otherwise finds no row of its own, and so cannot move one.
 */
export class FeedPartitions1767225800000 implements MigrationInterface {
  readonly name = 'FeedPartitions1767225800000';

  /** @param schema another one than the live schema while a rebuild makes its tables. */
  constructor(private readonly schema: string = SCHEMA) {}

  async up(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    const table = `${this.schema}.projection_positions`;
    // The defaults make of the checkpoint that is there the one of the only partition; rows to come say what they are.
    await runner.query(
      `alter table ${table} add column partition integer not null default 0, add column partitions integer not null default 1`,
    );
    await runner.query(
      `alter table ${table} alter column partition drop default, alter column partitions drop default,
         drop constraint projection_positions_pkey,
         add constraint projection_positions_pkey primary key (name, partition)`,
    );
  }

  /** Back to one checkpoint: as far as all partitions have come. What lies beyond it needs a rebuild. */
  async down(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    const table = `${this.schema}.projection_positions`;
    await runner.query(
      `update ${table} as first set position = least.position, as_of = least.as_of
       from (select name, min(position) as position, min(as_of) as as_of from ${table} group by name) as least
       where first.name = least.name and first.partition = 0`,
    );
    await runner.query(`delete from ${table} where partition > 0`);
    await runner.query(
      `alter table ${table} drop constraint projection_positions_pkey, drop column partition, drop column partitions,
         add constraint projection_positions_pkey primary key (name)`,
    );
  }
}
