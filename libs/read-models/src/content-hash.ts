import type { ClientBase, Pool } from 'pg';
import { SCHEMA } from './columns';
import { type View, VIEWS } from './database';

export interface ContentHash {
  readonly rows: number;
  /** Of every column of every row; the order of the rows does not matter. */
  readonly hash: string;
}

export type ContentHashes = Readonly<Record<View, ContentHash>>;

/**
 * Hash of what a view holds. Each row's text is hashed to 128 bits and the halves are summed: no sorting, and no more
 * memory for a million rows than for one.
 */
export const contentHash = async (db: Pool | ClientBase, view: View, schema: string = SCHEMA): Promise<ContentHash> => {
  const { rows } = await db.query<{ rows: string; hash: string }>(`
    select count(*) as rows, md5(concat_ws('/', count(*), sum(high), sum(low))) as hash
    from (
      select ('x' || left(row_hash, 16))::bit(64)::bigint as high, ('x' || right(row_hash, 16))::bit(64)::bigint as low
      from (select md5(row::text) as row_hash from ${schema}.${view} as row) as hashed
    ) as halves`);
  const [found] = rows;
  if (found === undefined) throw new Error(`${schema}.${view} gave no hash`);
  return { rows: Number(found.rows), hash: found.hash };
};

/** Of all views. On a client within a transaction they belong to one moment. */
export const contentHashes = async (db: Pool | ClientBase, schema: string = SCHEMA): Promise<ContentHashes> => ({
  orders: await contentHash(db, 'orders', schema),
  order_events: await contentHash(db, 'order_events', schema),
  trades: await contentHash(db, 'trades', schema),
  order_charges: await contentHash(db, 'order_charges', schema),
  trade_charges: await contentHash(db, 'trade_charges', schema),
  positions: await contentHash(db, 'positions', schema),
  open_work: await contentHash(db, 'open_work', schema),
  settings: await contentHash(db, 'settings', schema),
  parked_events: await contentHash(db, 'parked_events', schema),
});

export const sameContent = (a: ContentHashes, b: ContentHashes): boolean =>
  VIEWS.every((view) => a[view].hash === b[view].hash);
