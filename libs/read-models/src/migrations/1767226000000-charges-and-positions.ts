import type { MigrationInterface } from 'typeorm';
import { SCHEMA } from '../columns';

const LINES = ['brokerage', 'stt', 'exchange', 'sebi', 'stamp', 'gst', 'clearing', 'dp', 'total']
  .map((line) => `${line} numeric(18,4) not null`)
  .join(', ');

/** What orders and trades cost, and the positions they made. Of events that were projected before, a rebuild tells. */
export class ChargesAndPositions1767226000000 implements MigrationInterface {
  readonly name = 'ChargesAndPositions1767226000000';

  /** @param schema another one than the live schema while a rebuild makes its tables. */
  constructor(private readonly schema: string = SCHEMA) {}

  async up(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    const { schema } = this;
    await runner.query(`
      create table ${schema}.order_charges (
        order_id uuid not null constraint order_charges_pkey primary key,
        account_id text not null,
        broker text not null,
        symbol text not null,
        ${LINES},
        charges_json json not null,
        estimated_at timestamptz not null,
        position bigint not null
      )`);

    // Kept as long as the trades, and like them by month, of the day of their contract note.
    await runner.query(`
      create table ${schema}.trade_charges (
        order_id uuid not null,
        trade_id text not null,
        account_id text not null,
        broker text not null,
        trading_date date not null,
        instrument_key text not null,
        exchange_segment text not null,
        product text not null,
        side text not null,
        quantity integer not null,
        price numeric(18,4) not null,
        value numeric(18,4) not null,
        realised numeric(18,4) not null,
        ${LINES},
        charges_json json not null,
        position bigint not null,
        constraint trade_charges_pkey primary key (order_id, trade_id, trading_date)
      ) partition by range (trading_date)`);
    await runner.query(
      `create index trade_charges_account_date on ${schema}.trade_charges (account_id, trading_date desc, position desc)`,
    );
    await runner.query(`create table ${schema}.trade_charges_default partition of ${schema}.trade_charges default`);

    // A row changes with each trade: room in its page keeps that off the index.
    await runner.query(`
      create table ${schema}.positions (
        account_id text not null,
        instrument_key text not null,
        product text not null,
        quantity integer not null,
        cost numeric(18,4) not null,
        average_price numeric(18,4),
        margin numeric(18,4) not null,
        realised numeric(18,4) not null,
        charges numeric(18,4) not null,
        trading_date date,
        day_realised numeric(18,4) not null,
        day_charges numeric(18,4) not null,
        order_id uuid,
        updated_at timestamptz not null,
        position bigint not null,
        constraint positions_pkey primary key (account_id, instrument_key, product)
      ) with (fillfactor = 80)`);
  }

  async down(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
    for (const table of ['positions', 'trade_charges', 'order_charges'])
      await runner.query(`drop table ${this.schema}.${table}`);
  }
}
