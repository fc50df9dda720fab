import { setTimeout as sleep } from 'node:timers/promises';

import type { Instrument } from '#domain/instruments/instrument';

import { countsOf, diffCatalogues, type CatalogueDiff, type DiffCounts } from '../diff';
import type { InstrumentLoad } from '../load';
import { objectionTo } from '../objection';
import { COLUMNS, ofRow, SELECT_LIST, toRow, type InstrumentRow } from './instrument-rows';
import { SCHEMA } from './instrument-tables';

/** What the store needs of a `DataSource`, which is one: statements, and several of them as one. */
export interface StoreDatabase {
  query<T>(sql: string, parameters?: unknown[]): Promise<T>;
  transaction<T>(isolation: Isolation, work: (session: Session) => Promise<T>): Promise<T>;
}

/** All of it as of its first statement; or each statement as of its own moment. */
type Isolation = 'REPEATABLE READ' | 'READ COMMITTED';

interface Session {
  query<T>(sql: string, parameters?: unknown[]): Promise<T>;
}

/** A load that was taken over: what the present instruments are. */
export interface StoredLoad extends DiffCounts {
  readonly loadId: number;
  /** The trading day it is for, `YYYY-MM-DD` in IST. */
  readonly day: string;
  readonly source: string;
  readonly sha256: string;
  /** Its day was over when it was loaded, as that of a recorded file: whoever uses it lives on that day. */
  readonly isReplay: boolean;
  readonly rows: number;
  readonly finishedAt: number;
  /** Some of what is different now, in words that a person can look up. */
  readonly examples: readonly ChangeExample[];
}

export interface ChangeExample {
  readonly kind: 'added' | 'removed' | 'changed' | 'reused-key';
  readonly instrumentKey: string;
  readonly symbol: string;
  readonly fields?: readonly string[];
}

export type SaveResult =
  | { readonly outcome: 'stored'; readonly load: StoredLoad; readonly diff: CatalogueDiff }
  /** The same content is what is held: nothing was written. */
  | { readonly outcome: 'unchanged'; readonly load: StoredLoad }
  | { readonly outcome: 'kept'; readonly reason: string };

/** Where the instruments came from, and when. Times in epoch milliseconds. */
export interface Provenance {
  /** The name of the file; no path, no secret. */
  readonly source: string;
  readonly sha256: string;
  readonly startedAt: number;
  readonly now: () => number;
}

/** Raised whenever the same file would be read as something else: then it is stored anew although it is the same. */
const READER = 1;

const ROWS_PER_STATEMENT = 4_000;
const ROWS_PER_PAGE = 8_000;
const MOST_EXAMPLES = 200;

/** "coordinator" and "instruments", as the two halves of an advisory lock. */
const LOCK = [0x636f6f72, 0x696e7374] as const;
const TURN_TIMEOUT_MS = 120_000;
const ASK_AGAIN_MS = 50;

const IST_OFFSET_MS = 19_800_000;

/** The date in India of an instant. */
export const istDateOf = (atMs: number): string => new Date(atMs + IST_OFFSET_MS).toISOString().slice(0, 10);

/**
 * The day that counts for whoever uses a load: today, so that what expired yesterday is gone even when today's master
 * has not come; the day of the recording where one is played.
 */
export const marketDateOf = ({ day, isReplay }: Pick<StoredLoad, 'day' | 'isReplay'>, nowMs: number): string => {
  const today = istDateOf(nowMs);
  return isReplay || today < day ? day : today;
};

/**
 * The instruments of all days in Postgres: a row for each instrument from the day on which it was so, and a row for each
 * load. A load is one transaction: who reads sees the day before or this day, also when the process dies half-way.
 * Loads take turns.
 */
export class InstrumentStore {
  constructor(
    private readonly database: StoreDatabase,
    private readonly turnTimeoutMs = TURN_TIMEOUT_MS,
  ) {}

  /** The load that the present instruments are from; `undefined` before the first. */
  latest(): Promise<StoredLoad | undefined> {
    return latestLoad(this.database);
  }

  /** The present instruments and the load they are from, as of one moment. */
  async read(): Promise<{ readonly load: StoredLoad; readonly instruments: readonly Instrument[] } | undefined> {
    return this.database.transaction('REPEATABLE READ', async (session) => {
      const load = await latestLoad(session);
      return load && { load, instruments: await presentInstruments(session) };
    });
  }

  /** The instruments as they were on a day, as far back as there were loads. */
  asOf(day: string): Promise<readonly Instrument[]> {
    return this.database.transaction('REPEATABLE READ', (session) =>
      pages(session, `valid_from <= ${literalOf(day)} and (valid_to is null or valid_to > ${literalOf(day)})`),
    );
  }

  /**
   * Takes over a load: writes what is different from what is held, and a row that says so. The same content writes nothing;
   * what must not take the place of what is held is left and noted.
   */
  async save(loaded: InstrumentLoad, from: Provenance): Promise<SaveResult> {
    return this.inTurn(async (session): Promise<SaveResult> => {
      const load = await latestLoad(session);
      if (load?.sha256 === from.sha256 && load.reader === READER) return { outcome: 'unchanged', load };
      const held = await presentInstruments(session);
      const reason =
        (await sameContentEarlier(session, loaded, from)) ??
        objectionTo(loaded, { instruments: held, validFrom: load?.day ?? '' });
      if (reason !== undefined) {
        await note(session, { day: loaded.validFrom, reason, ...loaded.summary }, from);
        return { outcome: 'kept', reason };
      }
      const diff = diffCatalogues(held, loaded.instruments);
      await write(session, loaded.validFrom, diff);
      return { outcome: 'stored', load: await record(session, loaded, from, diff), diff };
    });
  }

  /** Notes that a file could not be used at all. */
  async noteFailure(day: string, reason: string, from: Provenance): Promise<void> {
    await note(this.database, { day, reason, rows: 0, refused: 0 }, from);
  }

  /** Loads that nobody was told of yet, oldest first: telling and marking may be repeated, and each is told at least once. */
  async unannounced(): Promise<readonly StoredLoad[]> {
    return loads(this.database, `outcome = 'stored' and announced_at is null order by load_id`);
  }

  async markAnnounced(loadId: number): Promise<void> {
    await this.database.query(
      `update ${SCHEMA}.instrument_loads set announced_at = now() where load_id = $1 and announced_at is null`,
      [loadId],
    );
  }

  /** One load at a time, over all processes; the lock goes with the transaction, however that ends. */
  private async inTurn<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const deadline = Date.now() + this.turnTimeoutMs;
    for (;;) {
      // Each statement sees what is there now: what the holder before us has written, and it alone could have.
      const done = await this.database.transaction('READ COMMITTED', async (session) => {
        const [row] = await session.query<{ ours: boolean }[]>('select pg_try_advisory_xact_lock($1, $2) as ours', [
          ...LOCK,
        ]);
        return row?.ours === true ? { result: await work(session) } : undefined;
      });
      if (done !== undefined) return done.result;
      if (Date.now() > deadline)
        throw new Error(`another process has been loading instruments for ${String(this.turnTimeoutMs)} ms`);
      await sleep(ASK_AGAIN_MS);
    }
  }
}

interface LoadRow {
  readonly load_id: string;
  readonly day: string;
  readonly source: string;
  readonly sha256: string;
  readonly reader: number;
  readonly is_replay: boolean;
  readonly rows: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly reused_keys: number;
  readonly examples: readonly ChangeExample[];
  readonly finished_at: Date;
}

type KnownLoad = StoredLoad & { readonly reader: number };

const loads = async (session: Session, where: string): Promise<KnownLoad[]> => {
  const rows = await session.query<LoadRow[]>(
    `select load_id, day::text, source, sha256, reader, is_replay, rows, added, removed, changed, reused_keys, examples,
       finished_at from ${SCHEMA}.instrument_loads where ${where}`,
  );
  return rows.map((row) => ({
    loadId: Number(row.load_id),
    day: row.day,
    source: row.source,
    sha256: row.sha256,
    reader: row.reader,
    isReplay: row.is_replay,
    rows: row.rows,
    added: row.added,
    removed: row.removed,
    changed: row.changed,
    reusedKeys: row.reused_keys,
    examples: row.examples,
    finishedAt: row.finished_at.getTime(),
  }));
};

const latestLoad = async (session: Session): Promise<KnownLoad | undefined> =>
  (await loads(session, `outcome = 'stored' order by load_id desc limit 1`))[0];

const presentInstruments = (session: Session): Promise<Instrument[]> => pages(session, 'valid_to is null');

/** A cursor is declared without parameters. @throws RangeError for what is no date. */
const literalOf = (day: string): string => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new RangeError(`${day} is not a date`);
  return `date '${day}'`;
};

/** Page by page, in no order: the answer to one statement for all of them would be held twice. Within a transaction only. */
const pages = async (session: Session, where: string): Promise<Instrument[]> => {
  const instruments: Instrument[] = [];
  await session.query(
    `declare pages no scroll cursor for select ${SELECT_LIST} from ${SCHEMA}.instruments where ${where}`,
  );
  for (;;) {
    const rows = await session.query<InstrumentRow[]>(`fetch ${String(ROWS_PER_PAGE)} from pages`);
    for (const row of rows) instruments.push(ofRow(row));
    if (rows.length < ROWS_PER_PAGE) break;
  }
  await session.query('close pages');
  return instruments;
};

/** The same bytes cannot be the master of two days: somebody took one file for another. */
const sameContentEarlier = async (
  session: Session,
  { validFrom }: InstrumentLoad,
  { sha256 }: Provenance,
): Promise<string | undefined> => {
  const [row] = await session.query<{ day: string }[]>(
    `select day::text from ${SCHEMA}.instrument_loads
     where outcome = 'stored' and sha256 = $1 and day <> $2 and reader = $3 limit 1`,
    [sha256, validFrom, READER],
  );
  return row && `the same file was loaded as that of ${row.day}`;
};

const write = async (session: Session, day: string, diff: CatalogueDiff): Promise<void> => {
  const { added, removed, changed, reusedKeys } = diff;
  const superseded = [...removed, ...changed.map(({ before }) => before), ...reusedKeys.map(({ before }) => before)];
  for (const part of parts(superseded)) {
    await session.query(
      `update ${SCHEMA}.instruments set valid_to = $2 where instrument_key = any($1) and valid_to is null`,
      [part.map(({ instrumentKey }) => instrumentKey), day],
    );
  }
  const columns = Object.keys(COLUMNS);
  const types = Object.entries(COLUMNS).map(([column, type]) => `${column} ${type}`);
  // Loaded again on the same day: what was corrected stands in place of what was wrong.
  const corrected = columns.slice(2).map((column) => `${column} = excluded.${column}`);
  for (const part of parts([...added, ...[...changed, ...reusedKeys].map(({ after }) => after)])) {
    await session.query(
      `insert into ${SCHEMA}.instruments (${columns.join(', ')})
       select ${columns.join(', ')} from json_to_recordset($1::json) as rows (${types.join(', ')})
       on conflict (instrument_key, valid_from) do update set ${corrected.join(', ')}, valid_to = null`,
      [JSON.stringify(part.map(toRow))],
    );
  }
};

function* parts<T>(items: readonly T[]): Generator<readonly T[], void> {
  for (let at = 0; at < items.length; at += ROWS_PER_STATEMENT) yield items.slice(at, at + ROWS_PER_STATEMENT);
}

const record = async (
  session: Session,
  { validFrom, summary }: InstrumentLoad,
  { source, sha256, startedAt, now }: Provenance,
  diff: CatalogueDiff,
): Promise<StoredLoad> => {
  const { added, removed, changed, reusedKeys } = countsOf(diff);
  const finishedAt = now();
  await session.query(
    `insert into ${SCHEMA}.instrument_loads (day, source, sha256, reader, outcome, is_replay, rows, refused,
       added, removed, changed, reused_keys, examples, started_at, finished_at)
     values ($1, $2, $3, $4, 'stored', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      ...[validFrom, source, sha256, READER, validFrom < istDateOf(finishedAt), summary.rows, summary.refused],
      ...[added, removed, changed, reusedKeys, JSON.stringify(examplesOf(diff))],
      ...[new Date(startedAt), new Date(finishedAt)],
    ],
  );
  const load = await latestLoad(session);
  if (load === undefined) throw new Error('a load that was just stored is not there');
  return load;
};

const note = async (
  session: Session,
  { day, reason, rows, refused }: { day: string; reason: string; rows: number; refused: number },
  { source, sha256, startedAt, now }: Provenance,
): Promise<void> => {
  await session.query(
    `insert into ${SCHEMA}.instrument_loads (day, source, sha256, reader, outcome, reason, is_replay, rows, refused,
       added, removed, changed, reused_keys, examples, started_at, finished_at)
     values ($1, $2, $3, $4, 'kept', $5, false, $6, $7, 0, 0, 0, 0, '[]', $8, $9)`,
    [day, source, sha256, READER, reason, rows, refused, new Date(startedAt), new Date(now())],
  );
};

/** Changes first: a thousand new strikes are a normal day, another lot size is news. */
const examplesOf = ({ added, removed, changed, reusedKeys }: CatalogueDiff): readonly ChangeExample[] => {
  const named = (kind: ChangeExample['kind'], { instrumentKey, symbol }: Instrument): ChangeExample => ({
    kind,
    instrumentKey,
    symbol,
  });
  const isNews = ({ fields }: { fields: readonly string[] }): boolean => fields.some((field) => field !== 'funded');
  return [
    ...[...changed]
      .sort((a, b) => Number(isNews(b)) - Number(isNews(a)))
      .slice(0, MOST_EXAMPLES)
      .map(({ after, fields }) => ({ ...named('changed', after), fields })),
    ...reusedKeys.map(({ after }) => named('reused-key', after)),
    ...removed.slice(0, MOST_EXAMPLES).map((instrument) => named('removed', instrument)),
    ...added.slice(0, MOST_EXAMPLES).map((instrument) => named('added', instrument)),
  ].slice(0, MOST_EXAMPLES);
};
