import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Reference data live beside the read models and the log: nothing of them can be made again from the log. Not `coordinator`: a schema
 * with the name of the database's user would come before `public` for every table that is named without one.
 */
export const SCHEMA = 'reference';

class CreateInstruments1767225670000 implements MigrationInterface {
  readonly name = 'CreateInstruments1767225670000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema if not exists ${SCHEMA}`);
    // A row holds from its day on until the day before `valid_to`; exchanges use keys again, so a key alone is no name.
    await runner.query(`
      create table ${SCHEMA}.instruments (
        instrument_key text collate "C" not null,
        valid_from date not null,
        valid_to date,
        symbol text not null,
        trading_symbol text not null,
        name text not null,
        exchange text not null,
        segment text not null,
        instrument_type text not null,
        exchange_token text not null,
        isin text,
        lot_size bigint,
        tick_size numeric(18, 4),
        freeze_quantity bigint,
        expiry date,
        strike numeric(18, 4),
        underlying_symbol text,
        underlying_kind text,
        security_type text,
        funded_margin_bp integer,
        primary key (instrument_key, valid_from)
      )`);
    await runner.query(
      `create unique index instruments_present on ${SCHEMA}.instruments (instrument_key) where valid_to is null`,
    );
    await runner.query(`
      create table ${SCHEMA}.instrument_loads (
        load_id bigint generated always as identity primary key,
        day date not null,
        source text not null,
        sha256 text not null,
        reader integer not null,
        outcome text not null,
        reason text,
        is_replay boolean not null,
        rows integer not null,
        refused integer not null,
        added integer not null,
        removed integer not null,
        changed integer not null,
        reused_keys integer not null,
        examples jsonb not null,
        started_at timestamptz not null,
        finished_at timestamptz not null,
        announced_at timestamptz
      )`);
    await runner.query(
      `create index instrument_loads_stored on ${SCHEMA}.instrument_loads (load_id) where outcome = 'stored'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table ${SCHEMA}.instruments`);
    await runner.query(`drop table ${SCHEMA}.instrument_loads`);
  }
}

export const instrumentMigrations = [CreateInstruments1767225670000];
