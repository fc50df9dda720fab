import type { Pool, PoolClient, QueryConfig } from 'pg';
import type { RecordedEvent } from '#event-log/event-log';
import { type Before, type Changes, foldBatch, instantsOf, park, read, type Reading, workKey, workOf } from './batch';
import { BulkTable } from './bulk-table';
import { OrderChargesRow } from './charges/order-charges-row';
import { TradeChargesRow } from './charges/trade-charges-row';
import { SCHEMA } from './columns';
import { MonthPartitions } from './month-partitions';
import { orderIdOf } from './open-work/open-work';
import { OpenWorkRow } from './open-work/open-work-row';
import { OrderEventRow } from './order-events/order-event-row';
import { OrderRow } from './orders/order-row';
import { ParkedEvent } from './parked-events/parked-event';
import { type PositionId, positionIdOf, positionKey, movesPosition } from './positions/positions';
import { PositionRow } from './positions/position-row';
import { PROJECTION } from './projection-positions/projection-position';
import { instantOf } from './recorded';
import { RowCache } from './row-cache';
import { SettingsRow } from './settings/settings-row';
import { TradeRow } from './trades/trade-row';
import { asRefused, ValueRefused } from './value-refused';

/** Most events of one page; see `CACHED_ROWS`. */
export const PAGE_MAX = 5_000;

/**
 * Rows of each view that are kept in memory for each event of the longest page. Two pages may be folded ahead of what is
 * stored, and their rows must be found here, not in the table: so never less than two pages can touch.
 */
const CACHED_ROWS_PER_EVENT = 2;

/**
 * A stretch of the log, or of one partition of the feed: all of its events after `after` (exclusive) up to `next`
 * (inclusive), in order.
 */
export interface LogPage {
  readonly after: number;
  readonly next: number;
  readonly events: readonly RecordedEvent[];
}

/** A page folded into rows, not stored yet. */
export interface FoldedPage {
  readonly page: LogPage;
  /** Undefined when it could not be folded ahead: it will be when its turn to be stored comes. */
  readonly folded: Folded | undefined;
}

interface Folded {
  /** Which memory of the rows it was folded on. */
  readonly generation: number;
  /** The checkpoint it continues from. */
  readonly from: number;
  readonly changes: Changes;
  readonly events: number;
}

export interface Projected {
  /** Events that were new to the read models. */
  readonly events: number;
  readonly parked: readonly ParkedEvent[];
}

export interface ProjectorOptions {
  readonly schema?: string;
  /** Which partition of the feed, and of how many. Without them: the only one. */
  readonly partition?: number;
  readonly partitions?: number;
  /** Most events that are folded and stored at once; the memory for rows goes with it. At most `PAGE_MAX`. */
  readonly pageMax?: number;
  /** Shared among the projectors of one process, so that each month is looked for once. */
  readonly months?: MonthPartitions;
}

/** The checkpoint lies before the page at hand: a page was left out, or the tables were put back. Go on from `position`. */
export class CheckpointMovedBack extends Error {
  override readonly name = 'CheckpointMovedBack';

  constructor(readonly position: number) {
    super(`the read models went back to position ${String(position)}`);
  }
}

/**
 * Folds pages of one partition into the views. Rows and checkpoint are written in one transaction, and the checkpoint only
 * moves from where this projector believes it to be: of two projectors on one schema one is fenced off, looks again,
 * and goes on behind the other. What lies at or below the checkpoint is ignored, so that every event counts once
 * however often it is delivered.
 */
export class Projector {
  private readonly orders: BulkTable<OrderRow>;
  private readonly orderEvents: BulkTable<OrderEventRow>;
  private readonly trades: BulkTable<TradeRow>;
  private readonly orderCharges: BulkTable<OrderChargesRow>;
  private readonly tradeCharges: BulkTable<TradeChargesRow>;
  private readonly positions: BulkTable<PositionRow>;
  private readonly openWork: BulkTable<OpenWorkRow>;
  private readonly settings: BulkTable<SettingsRow>;
  private readonly parked: BulkTable<ParkedEvent>;
  private readonly months: MonthPartitions;
  private readonly schema: string;
  private readonly partition: number;
  private readonly partitions: number;
  private readonly pageMax: number;

  private readonly orderRows: RowCache<OrderRow>;
  private readonly workRows: RowCache<OpenWorkRow>;
  private readonly positionRows: RowCache<PositionRow>;
  /** Grows whenever the rows in memory may differ from the table's and were forgotten. */
  private generation = 0;
  /** The rows in memory stand as of here; undefined while that has to be asked. */
  private foldedTo: Promise<number> | undefined;

  constructor(
    private readonly pool: Pool,
    { schema = SCHEMA, partition = 0, partitions = 1, pageMax = PAGE_MAX, months }: ProjectorOptions = {},
  ) {
    this.schema = schema;
    this.partition = partition;
    this.partitions = partitions;
    this.pageMax = Math.min(PAGE_MAX, pageMax);
    this.orderRows = new RowCache(CACHED_ROWS_PER_EVENT * this.pageMax);
    this.workRows = new RowCache(CACHED_ROWS_PER_EVENT * this.pageMax);
    this.positionRows = new RowCache(CACHED_ROWS_PER_EVENT * this.pageMax);
    this.orders = new BulkTable(OrderRow, schema);
    this.orderEvents = new BulkTable(OrderEventRow, schema);
    this.trades = new BulkTable(TradeRow, schema);
    this.orderCharges = new BulkTable(OrderChargesRow, schema);
    this.tradeCharges = new BulkTable(TradeChargesRow, schema);
    this.positions = new BulkTable(PositionRow, schema);
    this.openWork = new BulkTable(OpenWorkRow, schema);
    this.settings = new BulkTable(SettingsRow, schema);
    this.parked = new BulkTable(ParkedEvent, schema);
    this.months = months ?? new MonthPartitions(pool, schema);
  }

  /** The checkpoint: everything of the partition up to this position is in the rows. */
  async position(): Promise<number> {
    const { rows } = await this.pool.query<{ position: string }>({
      name: `${this.schema} position`,
      text: `select position from ${this.schema}.projection_positions
             where name = $1 and partition = $2 and partitions = $3`,
      values: [PROJECTION, this.partition, this.partitions],
    });
    if (rows[0] === undefined)
      throw new Error(
        `${this.schema} has no checkpoint of ${PROJECTION} for partition ${String(this.partition)} of ${String(this.partitions)}: were the tables put to another number of partitions?`,
      );
    return Number(rows[0].position);
  }

  /** The checkpoint as it stands, for who begins (again) with the partition: what is in memory may be older. */
  begin(): Promise<number> {
    this.forget();
    return this.rememberedPosition();
  }

  /** Makes the partitions of this month and the next two. */
  makePartitionsAhead(nowMs: number): Promise<void> {
    return this.months.makeAhead(nowMs);
  }

  /** Folds and stores a page, however long. */
  async project(page: LogPage): Promise<Projected> {
    if (page.events.length <= this.pageMax) return this.store(await this.fold(page));
    let events = 0;
    const parked: ParkedEvent[] = [];
    for (const piece of piecesOf(page, this.pageMax)) {
      const projected = await this.store(await this.fold(piece));
      events += projected.events;
      parked.push(...projected.parked);
    }
    return { events, parked };
  }

  /**
   * Folds a page in memory, on top of the pages folded before it, while they may still be being stored. Pages must be
   * folded and stored in order, one `fold` and one `store` at a time.
   */
  async fold(page: LogPage): Promise<FoldedPage> {
    if (page.events.length > this.pageMax) throw new RangeError(`a page holds at most ${String(this.pageMax)} events`);
    const generation = this.generation;
    const from = await this.rememberedPosition();
    if (generation !== this.generation || from < page.after) return { page, folded: undefined };

    const events = from > page.after ? page.events.filter(({ position }) => position > from) : page.events;
    const reading = read(events);
    if (!(await this.load(reading))) return { page, folded: undefined };

    const changes = foldBatch(reading, this.before());
    for (const [id, row] of changes.orders) this.orderRows.set(id, row);
    for (const [key, row] of changes.openWork) this.workRows.set(key, row);
    for (const [key, row] of changes.positions) this.positionRows.set(key, row);
    this.foldedTo = Promise.resolve(Math.max(from, page.next));
    return { page, folded: { generation, from, changes, events: events.length } };
  }

  /**
   * Stores a folded page. An event that Postgres refuses is found by halving the page, and parked.
   * @throws CheckpointMovedBack
   * @throws Error of `pg` when the database is away or busy; the page can be projected again.
   */
  async store({ page, folded }: FoldedPage): Promise<Projected> {
    for (let asked = false; ;) {
      if (folded?.generation !== this.generation) {
        folded = (await this.fold(page)).folded;
        if (folded === undefined) {
          if (asked) throw new CheckpointMovedBack(await this.rememberedPosition());
          asked = true;
          this.forget(); // another projector may have come further than what is remembered here
          continue;
        }
      }
      if (page.next <= folded.from) return { events: 0, parked: [] };
      try {
        if (await this.commit(page, folded)) return { events: folded.events, parked: folded.changes.parked };
        this.forget(); // another projector was here
      } catch (error) {
        this.forget();
        if (!(error instanceof ValueRefused)) throw error;
        return this.storeWithoutRefused(page, error);
      }
    }
  }

  private async storeWithoutRefused(page: LogPage, error: unknown): Promise<Projected> {
    const { after, events, next } = page;
    const [only] = events;
    if (only === undefined) throw error;
    if (events.length === 1) return this.storeParked(page, only, error);
    const half = Math.ceil(events.length / 2);
    const middle = events[half - 1]?.position ?? after;
    const first = await this.project({ after, events: events.slice(0, half), next: middle });
    const second = await this.project({ after: middle, events: events.slice(half), next });
    return { events: first.events + second.events, parked: [...first.parked, ...second.parked] };
  }

  private async storeParked(page: LogPage, event: RecordedEvent, error: unknown): Promise<Projected> {
    const from = await this.rememberedPosition();
    if (from < page.after) throw new CheckpointMovedBack(from);
    if (from >= page.next) return { events: 0, parked: [] };
    const changes = foldBatch({ known: [], parked: [park(event, error)] }, this.before());
    const ours = await this.commit(page, { generation: this.generation, from, changes, events: 1 });
    this.forget();
    return ours ? { events: 1, parked: changes.parked } : this.project(page);
  }

  /** Rows and checkpoint in one transaction. False: the checkpoint was not where it was believed to be. */
  private async commit({ next, events }: LogPage, { from, changes }: Folded): Promise<boolean> {
    await this.months.cover(instantsOf(changes));
    const client = await this.pool.connect();
    try {
      // Not waiting for the disk is safe here: after a crash rows and checkpoint are both as they were before, and the
      // log, which is durable, is read again from there.
      await client.query('begin; set local synchronous_commit = off');
      const ours = await this.moveCheckpoint(client, from, next, events);
      if (ours) for (const statement of this.statements(changes)) await client.query(statement);
      await client.query(ours ? 'commit' : 'rollback');
      client.release();
      return ours;
    } catch (error) {
      client.release(true); // whatever state it is in, closing the connection rolls back
      throw asRefused(error);
    }
  }

  /** Comes first in the transaction: whoever waits here for another projector, or for a swap of schemas, holds nothing. */
  private async moveCheckpoint(
    client: PoolClient,
    from: number,
    next: number,
    events: readonly RecordedEvent[],
  ): Promise<boolean> {
    const last = events.at(-1);
    const { rowCount } = await client.query({
      name: `${this.schema} checkpoint`,
      text: `update ${this.schema}.projection_positions
             set position = $5, updated_at = now(), as_of = greatest(as_of, to_timestamp($6::double precision / 1000))
             where name = $1 and partition = $2 and partitions = $3 and position = $4`,
      // An event may be dated by a clock that is ahead: what is yet to come is not in the rows.
      values: [
        PROJECTION,
        this.partition,
        this.partitions,
        from,
        next,
        Math.min(Date.now(), (last && instantOf(last)) ?? 0),
      ],
    });
    return rowCount === 1;
  }

  private *statements(changes: Changes): Iterable<QueryConfig> {
    const { orders, orderEvents, trades, orderCharges, tradeCharges, positions, openWork, settings, parked } = changes;
    if (orders.size > 0) yield this.orders.upsert([...orders.values()]);
    if (orderEvents.length > 0) yield this.orderEvents.insert(orderEvents);
    if (trades.length > 0) yield this.trades.insert(trades);
    if (orderCharges.length > 0) yield this.orderCharges.insert(orderCharges);
    if (tradeCharges.length > 0) yield this.tradeCharges.insert(tradeCharges);
    if (positions.size > 0) yield this.positions.upsert([...positions.values()]);
    const kept: OpenWorkRow[] = [];
    const gone: Pick<OpenWorkRow, 'kind' | 'id'>[] = [];
    for (const [key, row] of openWork)
      if (row === null) gone.push(workOf(key));
      else kept.push(row);
    if (kept.length > 0) yield this.openWork.upsert(kept);
    if (gone.length > 0) yield this.openWork.delete(gone);
    if (settings.size > 0) yield this.settings.upsert([...settings.values()]);
    if (parked.length > 0) yield this.parked.insert(parked);
  }

  /**
   * Brings the rows into memory that the events need and that are not there yet: one query a view. False: what is in
   * memory was forgotten in the meantime, and what was read may be older than that.
   */
  private async load({ known }: Reading): Promise<boolean> {
    const generation = this.generation;
    const newOrders = new Set<string>();
    const orders = new Set<string>();
    const work = new Map<string, string>();
    const positions = new Map<string, PositionId>();
    for (const found of known) {
      const { kind, id } = found;
      if (kind === 'settings') continue; // each event holds the whole row
      if (kind === 'order') {
        // The first event of a stream: there can be no row.
        if (found.event.revision === 0) newOrders.add(id);
        else if (!newOrders.has(id) && this.orderRows.get(id) === undefined) orders.add(id);
      }
      if (kind === 'account' && movesPosition(found.event)) {
        const position = positionIdOf(id, found.event);
        const key = positionKey(position);
        if (this.positionRows.get(key) === undefined) positions.set(key, position);
      }
      const workId = kind === 'account' ? orderIdOf(found.event) : id;
      if (workId === undefined) continue;
      const key = workKey(kind === 'intent' ? 'intent' : 'order', workId);
      if (this.workRows.get(key) === undefined) work.set(key, workId);
    }
    const [orderRows, workRows, positionRows] = await Promise.all([
      this.select(this.orders, 'orderId', [...orders]),
      this.select(this.openWork, 'id', [...work.values()]),
      this.selectPositions([...positions.values()]),
    ]);
    if (generation !== this.generation) return false;
    for (const id of [...newOrders, ...orders]) this.orderRows.set(id, null);
    for (const row of orderRows) this.orderRows.set(row.orderId, row);
    for (const key of work.keys()) this.workRows.set(key, null);
    for (const row of workRows) this.workRows.set(workKey(row.kind, row.id), row);
    for (const key of positions.keys()) this.positionRows.set(key, null);
    for (const row of positionRows) this.positionRows.set(positionKey(row), row);
    return true;
  }

  private async selectPositions(ids: readonly PositionId[]): Promise<readonly PositionRow[]> {
    if (ids.length === 0) return [];
    const { rows } = await this.pool.query<unknown[]>(this.positions.selectByKey(ids));
    return rows.map((row) => this.positions.row(row));
  }

  private async select<Row extends object>(
    table: BulkTable<Row>,
    property: keyof Row & string,
    values: readonly string[],
  ): Promise<readonly Row[]> {
    if (values.length === 0) return [];
    const { rows } = await this.pool.query<unknown[]>(table.select(property, values));
    return rows.map((row) => table.row(row));
  }

  /** The rows in memory. Only for keys that `load` has looked at. */
  private before(): Before {
    return {
      order: (id) => this.orderRows.get(id) ?? null,
      work: (key) => this.workRows.get(key) ?? null,
      position: (key) => this.positionRows.get(key) ?? null,
    };
  }

  private rememberedPosition(): Promise<number> {
    return (this.foldedTo ??= this.lookAgain());
  }

  private async lookAgain(): Promise<number> {
    const generation = this.generation;
    try {
      const position = await this.position();
      if (generation !== this.generation) return position;
      this.orderRows.reset(position === 0); // before the first event there is no row
      this.workRows.reset(position === 0);
      this.positionRows.reset(position === 0);
      return position;
    } catch (error) {
      if (generation === this.generation) this.foldedTo = undefined;
      throw error;
    }
  }

  /** What is in memory may not be what is stored. */
  private forget(): void {
    this.generation += 1;
    this.foldedTo = undefined;
    this.orderRows.reset(false);
    this.workRows.reset(false);
    this.positionRows.reset(false);
  }
}

function* piecesOf({ after, next, events }: LogPage, length: number): Iterable<LogPage> {
  let from = after;
  for (let start = 0; start < events.length; start += length) {
    const piece = events.slice(start, start + length);
    const until = start + length < events.length ? (piece.at(-1)?.position ?? from) : next;
    yield { after: from, next: until, events: piece };
    from = until;
  }
}
