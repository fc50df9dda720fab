import { Column, type ColumnOptions } from 'typeorm';

/** The read models live in a schema of their own: a rebuild makes another one and swaps the names. */
export const SCHEMA = 'read_model';

/** Rupees in the table, an integer of 1/10,000 rupee (`…E4`) in a row. */
export const Money = (name: string, options: ColumnOptions = {}): PropertyDecorator =>
  Column({
    ...options,
    name,
    type: 'numeric',
    precision: 18,
    scale: 4,
    transformer: {
      to: (amountE4: number | null) => (amountE4 === null ? null : rupeesOf(amountE4)),
      from: (rupees: string | null) => (rupees === null ? null : Number(rupees.replace('.', ''))),
    },
  });

/** `timestamptz` in the table, epoch milliseconds in a row. */
export const Instant = (name: string, options: ColumnOptions = {}): PropertyDecorator =>
  Column({
    ...options,
    name,
    type: 'timestamptz',
    transformer: {
      to: (ms: number | null) => (ms === null ? null : new Date(ms)),
      from: (date: Date | null) => (date === null ? null : date.getTime()),
    },
  });

/** A position of the log: `bigint` in the table, and always a safe integer. */
export const Position = (name: string, options: ColumnOptions = {}): PropertyDecorator =>
  Column({ ...options, name, type: 'bigint', transformer: { to: (position: number) => position, from: Number } });

const rupeesOf = (amountE4: number): string => {
  const digits = String(Math.abs(amountE4)).padStart(5, '0');
  return `${amountE4 < 0 ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`;
};
