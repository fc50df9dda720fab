import type { MigrationInterface } from 'typeorm';
import { SCHEMA } from '../columns';

/** Orders, their events, their trades, and what the write side still has to finish. */
export class TradingViews1767225700000 implements MigrationInterface {
  readonly name = 'TradingViews1767225700000';

  /** @param schema another one than the live schema while a rebuild makes its tables. */
  constructor(private readonly schema: string = SCHEMA) {}

  async up(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    const { schema } = this;
    await runner.query(`create schema if not exists ${schema}`);

    // A row is updated some five times in the first seconds of its life: room in its page keeps that off the indexes.
    await runner.query(`
      create table ${schema}.orders (
        order_id uuid not null constraint orders_pkey primary key,
        intent_id uuid not null,
        line integer not null,
        account_id text not null,
        user_id text not null,
        client_order_id text,
        strategy_id text,
        instrument_key text not null,
        symbol text not null,
        exchange text not null,
        segment text not null,
        side text not null,
        product text not null,
        order_type text not null,
        validity text not null,
        quantity integer not null,
        filled_quantity integer not null,
        leaves_quantity integer not null,
        average_price numeric(18,4),
        filled_value numeric(18,4) not null,
        price numeric(18,4),
        trigger_price numeric(18,4),
        disclosed_quantity integer,
        status text not null,
        ord_status text not null,
        pending_cancel boolean not null,
        pending_quantity integer,
        broker text,
        route_reason text,
        attempt integer not null,
        tag text,
        broker_order_id text,
        reason text,
        verdicts json not null,
        placed_at timestamptz not null,
        updated_at timestamptz not null,
        version integer not null,
        position bigint not null
      ) with (fillfactor = 80)`);
    await runner.query(
      `create index orders_account_placed on ${schema}.orders (account_id, placed_at desc, order_id desc)`,
    );
    await runner.query(`create index orders_placed on ${schema}.orders (placed_at desc, order_id desc)`);

    // Kept for years, read by month: whole partitions can be archived and dropped.
    await runner.query(`
      create table ${schema}.order_events (
        order_id uuid not null,
        revision integer not null,
        position bigint not null,
        account_id text not null,
        type text not null,
        exec_type text not null,
        ord_status text not null,
        data json not null,
        correlation_id text not null,
        user_id text not null,
        at timestamptz not null,
        constraint order_events_pkey primary key (order_id, revision, at)
      ) partition by range (at)`);
    await runner.query(`create table ${schema}.order_events_default partition of ${schema}.order_events default`);

    await runner.query(`
      create table ${schema}.trades (
        order_id uuid not null,
        trade_id text not null,
        account_id text not null,
        symbol text not null,
        instrument_key text not null,
        exchange text not null,
        segment text not null,
        side text not null,
        product text not null,
        quantity integer not null,
        price numeric(18,4) not null,
        value numeric(18,4) not null,
        broker text,
        broker_order_id text,
        traded_at timestamptz not null,
        position bigint not null,
        constraint trades_pkey primary key (order_id, trade_id, traded_at)
      ) partition by range (traded_at)`);
    await runner.query(
      `create index trades_account_traded on ${schema}.trades (account_id, traded_at desc, position desc)`,
    );
    await runner.query(`create index trades_traded on ${schema}.trades (traded_at desc, position desc)`);
    await runner.query(`create table ${schema}.trades_default partition of ${schema}.trades default`);

    await runner.query(`
      create table ${schema}.open_work (
        kind text not null,
        id uuid not null,
        account_id text not null,
        broker text,
        status text not null,
        since timestamptz not null,
        closed boolean not null,
        reserved boolean not null,
        filled integer not null,
        posted integer not null,
        position bigint not null,
        constraint open_work_pkey primary key (kind, id)
      )`);

    await runner.query(`
      create table ${schema}.parked_events (
        position bigint not null constraint parked_events_pkey primary key,
        stream text not null,
        revision integer not null,
        type text not null,
        error text not null,
        at timestamptz
      )`);

    await runner.query(`
      create table ${schema}.projection_positions (
        name text not null constraint projection_positions_pkey primary key,
        position bigint not null,
        updated_at timestamptz not null,
        as_of timestamptz not null
      )`);
    await runner.query(
      `insert into ${schema}.projection_positions (name, position, updated_at, as_of) values ('read-models', 0, now(), 'epoch')`,
    );
  }

  async down(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    await runner.query(`drop schema ${this.schema} cascade`);
  }
}
