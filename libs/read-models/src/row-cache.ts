import { LRUCache } from 'lru-cache';

const ABSENT = Symbol('absent');

/**
 * Rows as they stand after the last event that was folded, stored or about to be. A row is `null` where it is known
 * that the table has none, and `undefined` where that has to be asked.
 */
export class RowCache<Row extends object> {
  private readonly rows: LRUCache<string, Row | typeof ABSENT>;
  /** Holds every row there is: what is not in here does not exist. True until something was dropped. */
  private complete = false;

  constructor(max: number) {
    this.rows = new LRUCache({
      max,
      dispose: (_, __, reason) => {
        if (reason === 'evict') this.complete = false;
      },
    });
  }

  /** Forgets everything. `empty`: the table is known to have no row. */
  reset(empty: boolean): void {
    this.rows.clear();
    this.complete = empty;
  }

  get(key: string): Row | null | undefined {
    const row = this.rows.get(key);
    if (row === undefined) return this.complete ? null : undefined;
    return row === ABSENT ? null : row;
  }

  set(key: string, row: Row | null): void {
    if (row !== null) this.rows.set(key, row);
    else if (this.complete) this.rows.delete(key);
    else this.rows.set(key, ABSENT);
  }
}
