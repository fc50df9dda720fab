import type { MigrationInterface } from 'typeorm';
import { SCHEMA } from '../columns';

/** The settings of the house and of users, as they stand. */
export class SettingsView1767225900000 implements MigrationInterface {
  readonly name = 'SettingsView1767225900000';

  /** @param schema another one than the live schema while a rebuild makes its tables. */
  constructor(private readonly schema: string = SCHEMA) {}

  async up(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    await runner.query(`
      create table ${this.schema}.settings (
        scope text not null constraint settings_pkey primary key,
        version integer not null,
        document json not null,
        changed_by text not null,
        changed_at timestamptz not null,
        position bigint not null
      )`);
  }

  async down(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    await runner.query(`drop table ${this.schema}.settings`);
  }
}
