import type { Pool, PoolClient } from 'pg';
import { type Changes, foldBatch, instantsOf, read, type Reading, workKey, workOf } from './batch';
import { BulkTable } from './bulk-table';
import { OrderChargesRow } from './charges/order-charges-row';
import { TradeChargesRow } from './charges/trade-charges-row';
import { type CopyIn, copyIn } from './copy-in';
import type { MonthPartitions } from './month-partitions';
import { orderIdOf } from './open-work/open-work';
import { OpenWorkRow } from './open-work/open-work-row';
import { OrderEventRow } from './order-events/order-event-row';
import { OrderRow } from './orders/order-row';
import { ParkedEvent } from './parked-events/parked-event';
import type { LogPage } from './projector';
import { type PositionId, positionIdOf, positionKey, movesPosition } from './positions/positions';
import { PositionRow } from './positions/position-row';
import { PROJECTION } from './projection-positions/projection-position';
import { instantOf } from './recorded';
import { RowCache } from './row-cache';
import { SettingsRow } from './settings/settings-row';
import { TradeRow } from './trades/trade-row';
import { asRefused } from './value-refused';

/**
 * Events of one transaction. A row is written once in it, as it stands at its end: most orders are over by then, and most
 * work was done, so that it is never written at all.
 */
const EVENTS_PER_CHUNK = 50_000;
/** Pages that are folded and wait to be stored, so that a longer transaction's end does not hold up the folding. */
const WAITING_MAX = 4;
/** Rows in memory. Only what is dropped from there has to be read again. */
const CACHED_ORDERS = 40_000;
const CACHED_WORK = 100_000;
const CACHED_POSITIONS = 100_000;

export interface BulkLoadOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly months: MonthPartitions;
  /** The checkpoint of the tables; 0 only if they are empty. */
  readonly position: number;
  readonly eventsPerChunk?: number;
  readonly cachedOrders?: number;
  readonly cachedWork?: number;
  readonly cachedPositions?: number;
}

/** A row as the chunk leaves it, and whether the table had one before. */
interface Dirty<Row> {
  readonly row: Row;
  readonly stored: boolean;
}

/** What has been committed. */
export interface Loaded {
  readonly position: number;
  readonly events: number;
  readonly parked: number;
}

/**
 * Fills tables that nobody else uses yet, in large transactions, by COPY. Of what a `Projector` gives for its smaller ones
 * only this is left: what is committed belongs to one position of the log, the checkpoint.
 *
 * Finding the one event whose value Postgres refuses is the projector's business: here it ends the load, and `loaded`
 * tells from where to go on.
 */
export class BulkLoad {
  private readonly orders: BulkTable<OrderRow>;
  private readonly orderEvents: BulkTable<OrderEventRow>;
  private readonly trades: BulkTable<TradeRow>;
  private readonly orderCharges: BulkTable<OrderChargesRow>;
  private readonly tradeCharges: BulkTable<TradeChargesRow>;
  private readonly positions: BulkTable<PositionRow>;
  private readonly openWork: BulkTable<OpenWorkRow>;
  private readonly settings: BulkTable<SettingsRow>;
  private readonly parked: BulkTable<ParkedEvent>;

  private readonly pool: Pool;
  private readonly schema: string;
  private readonly months: MonthPartitions;
  private readonly eventsPerChunk: number;
  private readonly orderRows: RowCache<OrderRow>;
  private readonly workRows: RowCache<OpenWorkRow>;
  private readonly positionRows: RowCache<PositionRow>;
  private dirtyOrders = new Map<string, Dirty<OrderRow>>();
  private dirtyWork = new Map<string, Dirty<OpenWorkRow | null>>();
  private dirtyPositions = new Map<string, Dirty<PositionRow>>();
  private dirtySettings = new Map<string, SettingsRow>();
  private parkedEvents: ParkedEvent[] = [];
  private eventsInChunk = 0;
  private foldedTo: number;
  /** When the newest event was recorded. */
  private newestMs = 0;

  private client: PoolClient | undefined;
  /** Whether the session has a transaction, as of the last task that waits. */
  private begun = false;
  private readonly waiting: Promise<void>[] = [];
  private last: Promise<void> = Promise.resolve();
  private committed: Loaded;

  constructor(options: BulkLoadOptions) {
    const { pool, schema, months, position, eventsPerChunk, cachedOrders, cachedWork, cachedPositions } = options;
    this.pool = pool;
    this.schema = schema;
    this.months = months;
    this.eventsPerChunk = eventsPerChunk ?? EVENTS_PER_CHUNK;
    this.orderRows = new RowCache(cachedOrders ?? CACHED_ORDERS);
    this.workRows = new RowCache(cachedWork ?? CACHED_WORK);
    this.positionRows = new RowCache(cachedPositions ?? CACHED_POSITIONS);
    this.orders = new BulkTable(OrderRow, schema);
    this.orderEvents = new BulkTable(OrderEventRow, schema);
    this.trades = new BulkTable(TradeRow, schema);
    this.orderCharges = new BulkTable(OrderChargesRow, schema);
    this.tradeCharges = new BulkTable(TradeChargesRow, schema);
    this.positions = new BulkTable(PositionRow, schema);
    this.openWork = new BulkTable(OpenWorkRow, schema);
    this.settings = new BulkTable(SettingsRow, schema);
    this.parked = new BulkTable(ParkedEvent, schema);
    this.orderRows.reset(position === 0);
    this.workRows.reset(position === 0);
    this.positionRows.reset(position === 0);
    this.foldedTo = position;
    this.committed = { position, events: 0, parked: 0 };
  }

  get loaded(): Loaded {
    return this.committed;
  }

  /**
   * Folds a page that begins where the one before it ended; it is stored soon.
   * @throws ValueRefused when Postgres refuses a row of it, or of one before it.
   */
  async add({ next, events }: LogPage): Promise<void> {
    const reading = read(events);
    await this.bringIntoMemory(reading);
    const changes = foldBatch(reading, {
      order: (id) => this.orderRow(id) ?? null,
      work: (key) => this.workRow(key) ?? null,
      position: (key) => this.positionRow(key) ?? null,
    });
    if (!this.months.covers(instantsOf(changes))) {
      this.endChunk(); // a month is not made beside an open transaction on its table
      await this.last;
      await this.months.cover(instantsOf(changes));
    }
    this.remember(changes);
    this.foldedTo = next;
    const last = events.at(-1);
    this.newestMs = Math.max(this.newestMs, (last && instantOf(last)) ?? 0);
    this.eventsInChunk += events.length;
    if (changes.orderEvents.length > 0) this.store(this.encoded(() => this.orderEvents.copy(changes.orderEvents)));
    if (changes.trades.length > 0) this.store(this.encoded(() => this.trades.copy(changes.trades)));
    if (changes.orderCharges.length > 0) this.store(this.encoded(() => this.orderCharges.copy(changes.orderCharges)));
    if (changes.tradeCharges.length > 0) this.store(this.encoded(() => this.tradeCharges.copy(changes.tradeCharges)));
    if (this.eventsInChunk >= this.eventsPerChunk) this.endChunk();
    while (this.waiting.length > WAITING_MAX) await this.waiting.shift();
  }

  /** Stores what is left. */
  async finish(): Promise<void> {
    this.endChunk();
    await this.last;
    this.client?.release();
    this.client = undefined;
  }

  /** Gives up what is not committed. */
  async abandon(): Promise<void> {
    await this.last.catch(() => undefined); // whoever abandons the load has seen it fail
    this.client?.release(true); // closing the connection rolls back
    this.client = undefined;
  }

  private remember(changes: Changes): void {
    for (const [id, row] of changes.orders) {
      const stored = this.dirtyOrders.get(id)?.stored ?? (this.orderRow(id) ?? null) !== null;
      this.dirtyOrders.set(id, { row, stored });
      this.orderRows.set(id, row);
    }
    for (const [key, row] of changes.openWork) {
      const stored = this.dirtyWork.get(key)?.stored ?? (this.workRow(key) ?? null) !== null;
      this.dirtyWork.set(key, { row, stored });
      this.workRows.set(key, row);
    }
    for (const [key, row] of changes.positions) {
      const stored = this.dirtyPositions.get(key)?.stored ?? (this.positionRow(key) ?? null) !== null;
      this.dirtyPositions.set(key, { row, stored });
      this.positionRows.set(key, row);
    }
    for (const [scope, row] of changes.settings) this.dirtySettings.set(scope, row);
    this.parkedEvents.push(...changes.parked);
  }

  private orderRow(id: string): OrderRow | null | undefined {
    return this.dirtyOrders.get(id)?.row ?? this.orderRows.get(id);
  }

  private positionRow(key: string): PositionRow | null | undefined {
    return this.dirtyPositions.get(key)?.row ?? this.positionRows.get(key);
  }

  private workRow(key: string): OpenWorkRow | null | undefined {
    const dirty = this.dirtyWork.get(key);
    return dirty === undefined ? this.workRows.get(key) : dirty.row;
  }

  /** Reads the rows that the events need and that were dropped from memory: once all that is folded is in the tables. */
  private async bringIntoMemory({ known }: Reading): Promise<void> {
    const newOrders = new Set<string>();
    const orders = new Set<string>();
    const work = new Map<string, string>();
    const positions = new Map<string, PositionId>();
    for (const found of known) {
      const { kind, id } = found;
      if (kind === 'settings') continue; // each event holds the whole row
      if (kind === 'order') {
        if (found.event.revision === 0) newOrders.add(id);
        else if (!newOrders.has(id) && this.orderRow(id) === undefined) orders.add(id);
      }
      if (kind === 'account' && movesPosition(found.event)) {
        const position = positionIdOf(id, found.event);
        const key = positionKey(position);
        if (this.positionRow(key) === undefined) positions.set(key, position);
      }
      const workId = kind === 'account' ? orderIdOf(found.event) : id;
      if (workId === undefined) continue;
      const key = workKey(kind === 'intent' ? 'intent' : 'order', workId);
      if (this.workRow(key) === undefined) work.set(key, workId);
    }
    for (const id of newOrders) if (this.orderRow(id) === undefined) this.orderRows.set(id, null);
    if (orders.size === 0 && work.size === 0 && positions.size === 0) return;
    await this.last; // committed chunks only: what the chunk at hand has touched is in memory
    const [orderRows, workRows, positionRows] = await Promise.all([
      this.select(this.orders, 'orderId', [...orders]),
      this.select(this.openWork, 'id', [...work.values()]),
      this.selectPositions([...positions.values()]),
    ]);
    for (const id of orders) this.orderRows.set(id, null);
    for (const row of orderRows) this.orderRows.set(row.orderId, row);
    for (const key of work.keys()) this.workRows.set(key, null);
    for (const row of workRows) {
      const key = workKey(row.kind, row.id);
      if (work.has(key)) this.workRows.set(key, row);
    }
    for (const key of positions.keys()) this.positionRows.set(key, null);
    for (const row of positionRows) this.positionRows.set(positionKey(row), row);
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

  private encoded(encode: () => CopyIn): (client: PoolClient) => Promise<void> {
    let copy: CopyIn;
    try {
      copy = encode(); // now: the rows need not be kept until it is sent
    } catch (error) {
      throw asRefused(error);
    }
    return (client) => copyIn(client, copy);
  }

  /** Writes the rows as they now stand, and the checkpoint with them. */
  private endChunk(): void {
    if (this.foldedTo === this.committed.position && this.eventsInChunk === 0) return;
    const { foldedTo: position, eventsInChunk: events, parkedEvents: parked, newestMs } = this;
    const newOrders: OrderRow[] = [];
    const changedOrders: OrderRow[] = [];
    for (const { row, stored } of this.dirtyOrders.values()) (stored ? changedOrders : newOrders).push(row);
    const newWork: OpenWorkRow[] = [];
    const changedWork: OpenWorkRow[] = [];
    const doneWork: Pick<OpenWorkRow, 'kind' | 'id'>[] = [];
    for (const [key, { row, stored }] of this.dirtyWork) {
      if (row !== null) (stored ? changedWork : newWork).push(row);
      else if (stored) doneWork.push(workOf(key));
    }
    const newPositions: PositionRow[] = [];
    const changedPositions: PositionRow[] = [];
    for (const { row, stored } of this.dirtyPositions.values()) (stored ? changedPositions : newPositions).push(row);
    this.dirtyOrders = new Map();
    this.dirtyPositions = new Map();
    const settings = [...this.dirtySettings.values()];
    this.dirtyWork = new Map();
    this.dirtySettings = new Map();
    this.parkedEvents = [];
    this.eventsInChunk = 0;

    if (newOrders.length > 0) this.store(this.encoded(() => this.orders.copy(newOrders)));
    if (newPositions.length > 0) this.store(this.encoded(() => this.positions.copy(newPositions)));
    if (newWork.length > 0) this.store(this.encoded(() => this.openWork.copy(newWork)));
    this.store(async (client) => {
      if (changedOrders.length > 0) await client.query(this.orders.upsert(changedOrders));
      if (changedWork.length > 0) await client.query(this.openWork.upsert(changedWork));
      if (changedPositions.length > 0) await client.query(this.positions.upsert(changedPositions));
      if (doneWork.length > 0) await client.query(this.openWork.delete(doneWork));
      if (settings.length > 0) await client.query(this.settings.upsert(settings));
      if (parked.length > 0) await client.query(this.parked.insert(parked));
      await client.query(
        `update ${this.schema}.projection_positions set position = $2, updated_at = now(),
           as_of = greatest(as_of, to_timestamp($3::double precision / 1000))
         where name = $1`,
        [PROJECTION, position, Math.min(Date.now(), newestMs)],
      );
      await client.query('commit');
      this.begun = false;
      const { events: before, parked: parkedBefore } = this.committed;
      this.committed = { position, events: before + events, parked: parkedBefore + parked.length };
    });
  }

  /** Runs when everything before it has run, in the chunk's transaction. After a failure nothing runs any more. */
  private store(task: (client: PoolClient) => Promise<void>): void {
    const stored = this.last.then(async () => {
      const client = (this.client ??= await this.pool.connect());
      if (!this.begun) {
        // Nobody waits for a commit here: after a crash of the server the rebuild begins anew.
        await client.query('begin; set local synchronous_commit = off');
        this.begun = true;
      }
      try {
        await task(client);
      } catch (error) {
        throw asRefused(error);
      }
    });
    stored.catch(() => undefined); // looked at when its turn comes
    this.last = stored;
    this.waiting.push(stored);
  }
}
