import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Product, Side } from '#domain/orders/order';
import { Money, Position, SCHEMA } from '../columns';

/**
 * One row per trade that was charged: what the contract note of its day grew by. The rows of one account, day, broker and
 * segment add up to the note to the paisa. Written once, never changed. Partitioned by the month of `trading_date`.
 */
@Entity({ name: 'trade_charges', schema: SCHEMA })
@Index('trade_charges_account_date', ['accountId', 'tradingDate', 'position'])
export class TradeChargesRow {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'trade_charges_pkey' })
  readonly orderId!: string;

  @PrimaryColumn('text', { name: 'trade_id', primaryKeyConstraintName: 'trade_charges_pkey' })
  readonly tradeId!: string;

  @Column('text', { name: 'account_id' })
  readonly accountId!: string;

  @Column('text')
  readonly broker!: string;

  /** Of the broker's market, `YYYY-MM-DD`. */
  @PrimaryColumn('date', { name: 'trading_date', primaryKeyConstraintName: 'trade_charges_pkey' })
  readonly tradingDate!: string;

  @Column('text', { name: 'instrument_key' })
  readonly instrumentKey!: string;

  /** The part of the instrument key before its bar: a contract note is of one segment of an exchange. */
  @Column('text', { name: 'exchange_segment' })
  readonly exchangeSegment!: string;

  @Column('text')
  readonly product!: Product;

  @Column('text')
  readonly side!: Side;

  @Column('integer')
  readonly quantity!: number;

  @Money('price')
  readonly priceE4!: number;

  @Money('value')
  readonly valueE4!: number;

  /** Profit or loss of what the trade closed, before charges. */
  @Money('realised')
  readonly realisedE4!: number;

  @Money('brokerage')
  readonly brokerageE4!: number;

  @Money('stt')
  readonly sttE4!: number;

  /** What the exchange charges. */
  @Money('exchange')
  readonly exchangeE4!: number;

  @Money('sebi')
  readonly sebiE4!: number;

  @Money('stamp')
  readonly stampE4!: number;

  @Money('gst')
  readonly gstE4!: number;

  @Money('clearing')
  readonly clearingE4!: number;

  @Money('dp')
  readonly dpE4!: number;

  @Money('total')
  readonly totalE4!: number;

  /** The same as JSON text, as the API tells it: rupees by line. */
  @Column('json', { name: 'charges_json' })
  readonly chargesJson!: string;

  @Position('position')
  readonly position!: number;
}
