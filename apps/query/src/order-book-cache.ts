/** Pages of the order book that were read a moment ago, shared by all query processes through the hot state. */

import { createHash } from 'node:crypto';
import type { HotState } from '#platform/hot-state';
import { counter } from '#platform/metrics';
import { limitOf, type OrderFilter } from './filters';
import type { Checkpoint } from './read-model';

/** Whose rows are listed: those of these accounts, or everybody's. */
export type Accounts = readonly string[] | 'all';

/** A page as it goes out, and where the read model stood when it was read. */
export interface Page {
  readonly body: string;
  readonly checkpoint: Checkpoint;
}

export interface ServedPage extends Page {
  readonly source: 'CACHE' | 'DB';
}

export interface OrderBookQuery {
  readonly accounts: Accounts;
  readonly filter: OrderFilter;
  /** What the page must hold at least. */
  readonly minPosition: number | undefined;
}

const lookups = counter({
  name: 'coordinator_order_book_reads_total',
  help: 'Pages of the order book: served from the cache, read, or read by another request that asked for the same',
  labels: ['outcome'],
});

export class OrderBookCache {
  private readonly reading = new Map<string, Promise<ServedPage>>();

  constructor(
    private readonly hotState: HotState,
    /** 0 reads every page anew. */
    private readonly ttlMs: number,
    private readonly now: () => number,
  ) {}

  /** The page from the cache if it is young enough and reaches far enough; else as `read` reads it. */
  async page(query: OrderBookQuery, read: () => Promise<Page>): Promise<ServedPage> {
    if (this.ttlMs === 0) return { ...(await read()), source: 'DB' };
    const key = keyOf(query);
    const cached = await this.find(key, query);
    if (cached !== undefined) {
      lookups.inc({ outcome: 'cached' });
      return cached;
    }
    // Who waits for a position waits with those who wait for the same: nobody else need be late or fail with them.
    const wanted = `${key} ${String(query.minPosition ?? '')}`;
    const underWay = this.reading.get(wanted);
    lookups.inc({ outcome: underWay === undefined ? 'read' : 'joined' });
    if (underWay !== undefined) return underWay;
    const page = this.read(key, read).finally(() => this.reading.delete(wanted));
    this.reading.set(wanted, page);
    return page;
  }

  private async find(key: string, { accounts, minPosition = 0 }: OrderBookQuery): Promise<ServedPage | undefined> {
    const entry = parseEntry(await this.hotState.get(key), accounts);
    if (entry === undefined) return undefined;
    const { page, readAt } = entry;
    const isYoung = Math.abs(this.now() - readAt) < this.ttlMs; // nor from a clock that is far ahead
    return isYoung && page.checkpoint.position >= minPosition ? { ...page, source: 'CACHE' } : undefined;
  }

  private async read(key: string, read: () => Promise<Page>): Promise<ServedPage> {
    const readAt = this.now();
    const page = await read();
    // Not waited for: it cannot fail, and the answer does not depend on it.
    void this.hotState.set(key, entryOf(page, readAt), this.ttlMs);
    return { ...page, source: 'DB' };
  }
}

/**
 * Same key, same rows: everything that the rows depend on is in it, first of all whose they are. It takes the filter as a
 * whole, so that a filter that is added one day cannot be forgotten here.
 */
export const keyOf = ({ accounts, filter }: Pick<OrderBookQuery, 'accounts' | 'filter'>): string => {
  const given: [string, unknown][] = Object.entries({ ...filter, limit: limitOf(filter) });
  const parameters = given.filter(([, value]) => value !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([accounts === 'all' ? 'all' : [...accounts].sort(), parameters]);
  return `order-book:${createHash('sha256').update(text).digest('base64url')}`;
};

/* ------------------------------------------------------------------------------------------------------ entries */

/** Figures in the first line, the body as it goes out in the second: so it is not written as JSON once more. */
const entryOf = ({ body, checkpoint: { position, asOf } }: Page, readAt: number): string =>
  `1 ${String(position)} ${String(asOf)} ${String(readAt)}\n${body}`;

const HEAD = /^1 (\d{1,15}) (\d{1,15}) (\d{1,15})$/;

/**
 * Others can write where entries are kept, so an entry is nothing until it is a page of orders of these accounts alone:
 * whatever stands there, nobody sees an order of somebody else.
 */
const parseEntry = (
  entry: string | undefined,
  accounts: Accounts,
): { readonly page: Page; readonly readAt: number } | undefined => {
  if (entry === undefined) return undefined;
  const end = entry.indexOf('\n');
  const [, position, asOf, readAt] = HEAD.exec(entry.slice(0, Math.max(0, end))) ?? [];
  const body = entry.slice(end + 1);
  if (readAt === undefined || !isPageOf(accounts, body)) return undefined;
  return { page: { body, checkpoint: { position: Number(position), asOf: Number(asOf) } }, readAt: Number(readAt) };
};

const isPageOf = (accounts: Accounts, body: string): boolean => {
  let page: unknown;
  try {
    page = JSON.parse(body);
  } catch {
    return false;
  }
  const items = fieldOf(page, 'items');
  const nextCursor = fieldOf(page, 'nextCursor');
  if (!Array.isArray(items) || !(nextCursor === null || typeof nextCursor === 'string')) return false;
  return items.every((item) => {
    const accountId = fieldOf(item, 'accountId');
    return typeof accountId === 'string' && (accounts === 'all' || accounts.includes(accountId));
  });
};

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
