/** The process that rebuilds the read models, and the ceiling of that: see `projection.ts`. */
import { Client } from 'pg';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { readModelMigrations } from '#read-models/database';
import { MonthPartitions } from '#read-models/month-partitions';
import { openPool } from '#read-models/pool';
import { rebuild } from '#read-models/rebuild';
import { answerQuestions, hasFields } from './child';
import type { ProjectionWork, ProjectionWorkDone } from './projection';

const STATEMENT_TIMEOUT_MS = 300_000;
const ROWS_PER_BATCH = 5_000;

const work = (task: ProjectionWork): Promise<ProjectionWorkDone> => {
  switch (task.kind) {
    case 'rebuild':
      return rebuildViews(task.databaseUrl);
    case 'bulk-upsert':
      return bulkUpsert(task.fromUrl, task.toUrl);
  }
};

/**
 * Until the new tables stand with their indexes. What follows is no projection: waiting for the live tables, and
 * comparing the new ones with them.
 */
const rebuildViews = async (databaseUrl: string): Promise<ProjectionWorkDone> => {
  const log = new PostgresEventLog({ url: databaseUrl });
  const pool = openPool(databaseUrl, {
    name: 'bench',
    max: 8,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    onTrouble: fail,
  });
  try {
    const { events, parked, phases } = await rebuild(log, pool);
    if (parked > 0) throw new Error(`${String(parked)} events of the seed could not be projected`);
    return { events, seconds: phases.load + phases.indexes, phases };
  } finally {
    await pool.end();
    await log.close();
  }
};

/** A table of the read models, its columns with their types, and how its rows are put: `keys` where one may be there. */
interface Table {
  readonly name: string;
  readonly order: string;
  readonly keys: readonly string[];
}

const TABLES: readonly Table[] = [
  { name: 'orders', order: 'position', keys: ['order_id'] },
  { name: 'order_events', order: 'position', keys: [] },
  { name: 'trades', order: 'position', keys: [] },
];

/**
 * The ceiling: the same rows, made already, go into empty tables of the same shape. Each column travels as an array
 * that the server itself has written out, so that our side has nothing to do but to send it. As in a rebuild, tables
 * that are only appended to get their keys and indexes at the end, and no commit waits for the disk.
 */
const bulkUpsert = async (fromUrl: string, toUrl: string): Promise<ProjectionWorkDone> => {
  const from = new Client({ connectionString: fromUrl });
  const to = new Client({ connectionString: toUrl });
  const pool = openPool(toUrl, { name: 'bench', max: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS, onTrouble: fail });
  await Promise.all([from.connect(), to.connect()]);
  try {
    for (const Migration of readModelMigrations) await new Migration().up(to);
    const makeIndexes = await dropIndexes(to);
    await new MonthPartitions(pool, 'read_model').cover(await monthsOf(from));
    await to.query('set synchronous_commit = off');

    const phases: Record<string, number> = {};
    let rows = 0;
    for (const table of TABLES) {
      const columns = await columnsOf(from, table.name);
      const insert = insertText(table, columns);
      let durationMs = 0;
      for await (const { arrays, count } of batches(from, table, columns)) {
        const startedAt = performance.now();
        await to.query({ name: table.name, text: insert, values: arrays });
        durationMs += performance.now() - startedAt;
        rows += count;
      }
      phases[table.name] = durationMs / 1_000;
    }
    const startedAt = performance.now();
    for (const sql of makeIndexes) await to.query(sql);
    phases['indexes'] = (performance.now() - startedAt) / 1_000;
    return { rows, phases, seconds: Object.values(phases).reduce((sum, seconds) => sum + seconds, 0) };
  } finally {
    await Promise.all([from.end(), to.end(), pool.end()]);
  }
};

interface ColumnType {
  readonly name: string;
  readonly type: string;
}

const columnsOf = async (client: Client, table: string): Promise<readonly ColumnType[]> => {
  const { rows } = await client.query<ColumnType>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [`read_model.${table}`],
  );
  return rows;
};

const insertText = ({ name, keys }: Table, columns: readonly ColumnType[]): string => {
  const names = columns.map((column) => column.name).join(', ');
  const arrays = columns.map(({ type }, index) => `$${String(index + 1)}::${type}[]`).join(', ');
  const insert = `insert into read_model.${name} (${names}) select * from unnest(${arrays})`;
  if (keys.length === 0) return insert;
  const changed = columns.map((column) => `${column.name} = excluded.${column.name}`).join(', ');
  return `${insert} on conflict (${keys.join(', ')}) do update set ${changed}`;
};

async function* batches(client: Client, { name, order }: Table, columns: readonly ColumnType[]) {
  const arrays = columns.map((column) => `array_agg(${column.name})::text`).join(', ');
  await client.query('begin');
  await client.query(`declare batches no scroll cursor for
    select count(*)::int, ${arrays} from (
      select *, (row_number() over (order by ${order}) - 1) / ${String(ROWS_PER_BATCH)} as batch from read_model.${name}
    ) numbered group by batch order by batch`);
  for (;;) {
    const { rows } = await client.query<[number, ...string[]]>({ text: 'fetch 1 from batches', rowMode: 'array' });
    const [row] = rows;
    if (row === undefined) break;
    const [count, ...values] = row;
    yield { count, arrays: values };
  }
  await client.query('commit');
}

/** As a rebuild does: what is only appended to has no index while it is filled. Returns how to make them again. */
const dropIndexes = async (client: Client): Promise<readonly string[]> => {
  const { rows } = await client.query<{ drop: string; make: string }>(`
    select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop,
      format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as make
    from pg_constraint
    where contype = 'p' and conparentid = 0
      and conrelid in ('read_model.order_events'::regclass, 'read_model.trades'::regclass)
    union all
    select format('drop index %s', indexrelid::regclass), replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
    from pg_index join pg_class on pg_class.oid = indexrelid
    where relnamespace = 'read_model'::regnamespace and not indisprimary and not relispartition`);
  for (const { drop } of rows) await client.query(drop);
  return rows.map(({ make }) => make);
};

const monthsOf = async (client: Client): Promise<readonly number[]> => {
  const { rows } = await client.query<{ month: Date }>(
    `select distinct date_trunc('month', at) as month from read_model.order_events`,
  );
  return rows.map(({ month }) => month.getTime());
};

const fail = (error: unknown): never => {
  throw error;
};

answerQuestions((value: unknown): value is ProjectionWork => hasFields<ProjectionWork>('kind')(value), work);
