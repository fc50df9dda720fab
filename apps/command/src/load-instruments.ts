import 'reflect-metadata';
import Table from 'cli-table3';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Catalogue } from '#instruments/catalogue';
import type { Conflict } from '#instruments/conflicts';
import { type InstrumentSummary, loadInstruments, loadListings } from '#instruments/load';
import { nameOfSource, readSource, streamOf } from '#instruments/read-source';
import { InstrumentFileError } from '#instruments/source';
import { InstrumentStore, type SaveResult } from '#instruments/store/instrument-store';
import { instrumentMigrations } from '#instruments/store/instrument-tables';
import { readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '#platform/embedded-postgres';
import { type OnStop, run } from '#platform/run';

const USAGE = 'npm run instruments:load -- --file FILE_OR_URL --day YYYY-MM-DD [--listings FILE,FILE] [--json]';

/** What was asked for cannot be understood; one line and how it is asked. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Nothing was taken over: the process ends with 1, so that a script sees it. */
class NotTakenOver extends Error {
  override readonly name = 'NotTakenOver';
}

interface Wanted {
  readonly file: string;
  readonly day: string;
  readonly listings: readonly string[];
  readonly json: boolean;
}

const readArguments = (args: readonly string[]): Wanted => {
  const options = {
    file: { type: 'string' },
    day: { type: 'string' },
    listings: { type: 'string' },
    json: { type: 'boolean', default: false },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}: ${USAGE}`);
  }
  const { file, day, listings, json } = values;
  if (file === undefined || day === undefined) throw new UsageError(USAGE);
  if (!/^20\d{2}-\d{2}-\d{2}$/.test(day) || Number.isNaN(Date.parse(day)))
    throw new UsageError(`--day must be a date like 2026-01-02, not ${JSON.stringify(day)}`);
  return { file, day, listings: listings?.split(',').map((name) => name.trim()) ?? [], json };
};

interface Report {
  readonly result: SaveResult;
  readonly summary: InstrumentSummary;
  readonly seconds: { readonly read: number; readonly store: number };
  readonly peakRssMb: number;
  readonly conflicts: readonly Conflict[];
}

/** Loads a day's master into the store, as the schedule does. Processes that run take it over within seconds. */
const load = async (onStop: OnStop): Promise<void> => {
  const { file, day, listings, json } = readArguments(process.argv.slice(2));
  const config = readConfig(process.env);
  const url = config.databaseUrl ?? (await embedded(join(config.dataDir, 'postgres'), onStop));
  const options = { name: 'instruments:load', entities: [], migrations: instrumentMigrations, poolSize: 2 };
  const dataSource = await connect(createDataSource(url, options));
  onStop(() => dataSource.destroy());
  const store = new InstrumentStore(dataSource);
  const now = (): number => Date.now();
  const startedAt = now();
  const from = { source: nameOfSource(file), sha256: '', startedAt, now };
  try {
    const content = await readSource(file);
    const bar = new ProgressBar(content.bytes.length);
    const loaded = await loadInstruments(
      streamOf(content, (bytes) => {
        bar.bytes(bytes);
      }),
      {
        validFrom: day,
        onRows: (rows) => {
          bar.rows(rows);
        },
      },
    );
    bar.end();
    const readAt = now();
    const result = await store.save(loaded, { ...from, sha256: content.sha256 });
    const seconds = { read: (readAt - startedAt) / 1_000, store: (now() - readAt) / 1_000 };
    const conflicts = await conflictsWith(loaded.instruments, listings);
    const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1_024);
    const report = { result, summary: loaded.summary, seconds, peakRssMb, conflicts };
    process.stdout.write(json ? `${JSON.stringify(printable(report))}\n` : table(report));
    if (result.outcome === 'kept') throw new NotTakenOver(`nothing was taken over: ${result.reason}`);
  } catch (error) {
    if (!(error instanceof InstrumentFileError)) throw error;
    await store.noteFailure(day, error.message, from);
    if (json) process.stdout.write(`${JSON.stringify({ outcome: 'kept', reason: error.message })}\n`);
    throw new NotTakenOver(`nothing was taken over: ${error.message}`);
  }
};

const conflictsWith = async (
  instruments: ConstructorParameters<typeof Catalogue>[0],
  files: readonly string[],
): Promise<readonly Conflict[]> => {
  if (files.length === 0) return [];
  const listings = await Promise.all(files.map(async (file) => loadListings(streamOf(await readSource(file)))));
  return new Catalogue(
    instruments,
    listings.flatMap((listing) => listing.listings),
  ).conflicts();
};

/** Beside a running process its server is used; otherwise one is started for as long as this takes. */
const embedded = async (dataDir: string, onStop: OnStop): Promise<string> => {
  const running = await findEmbeddedPostgres(dataDir);
  if (running !== undefined) return running;
  const started = await startEmbeddedPostgres({ dataDir });
  onStop(() => started.stop());
  return started.url;
};

/** One line on a terminal that is written over and over; nothing where nobody looks. */
class ProgressBar {
  private readonly startedAt = performance.now();
  private readonly isShown = process.stderr.isTTY;
  private rowsSoFar = 0;
  private share = 0;
  private shownAt = 0;

  constructor(private readonly total: number) {}

  rows(rows: number): void {
    this.rowsSoFar = rows;
    this.show();
  }

  bytes(bytes: number): void {
    this.share = this.total === 0 ? 1 : bytes / this.total;
    this.show();
  }

  end(): void {
    if (this.isShown) process.stderr.write('\r\u001b[K');
  }

  private show(): void {
    const now = performance.now();
    if (!this.isShown || now - this.shownAt < 100) return;
    this.shownAt = now;
    const done = Math.round(this.share * 30);
    const perSec = Math.round((this.rowsSoFar / (now - this.startedAt)) * 1_000);
    const percent = String(Math.floor(this.share * 100)).padStart(3);
    process.stderr.write(
      `\r[${'#'.repeat(done).padEnd(30)}] ${percent} %  ${String(this.rowsSoFar)} rows, ${String(perSec)}/s\u001b[K`,
    );
  }
}

const printable = ({ result, summary, ...rest }: Report): object => ({
  outcome: result.outcome,
  ...(result.outcome === 'kept' ? { reason: result.reason } : { load: result.load }),
  summary,
  ...rest,
});

const table = ({ result, summary, seconds, peakRssMb, conflicts }: Report): string => {
  const style = { head: [], border: [] };
  const counts = new Table({ style, colAligns: ['left', 'right'] });
  const add = (name: string, value: number | string): void => {
    counts.push([name, typeof value === 'number' ? value.toLocaleString('en-US') : value]);
  };
  add('outcome', result.outcome);
  add('rows', summary.rows);
  add('refused', summary.refused);
  for (const { reason, count } of summary.refusals) add(`  ${reason}`, count);
  for (const [segment, count] of Object.entries(summary.loadedBySegment)) add(`  ${segment}`, count);
  if (result.outcome === 'stored') {
    const { added, removed, changed, reusedKeys } = result.load;
    for (const [name, count] of Object.entries({ added, removed, changed, 'keys used again': reusedKeys }))
      add(name, count);
  }
  add('rows/s read', Math.round(summary.rows / Math.max(seconds.read, 0.001)));
  add('seconds to read', seconds.read.toFixed(2));
  add('seconds to compare and store', seconds.store.toFixed(2));
  add('peak memory', `${String(peakRssMb)} MB`);
  const lines = [counts.toString()];
  if (conflicts.length > 0) {
    const shown = new Table({ head: ['broker', 'conflict', 'count', 'such as'], style });
    for (const { broker, kind, count, examples } of conflicts)
      shown.push([
        broker,
        kind,
        count.toLocaleString('en-US'),
        examples
          .slice(0, 2)
          .map(({ symbol, listed, ours, theirs }) =>
            [
              symbol,
              listed === undefined ? '' : ` as ${listed}`,
              ours === undefined ? '' : ` ${String(ours)}/${String(theirs)}`,
            ].join(''),
          )
          .join('\n'),
      ]);
    lines.push(shown.toString());
  }
  return `${lines.join('\n')}\n`;
};

void run(async (onStop) => {
  await load(onStop);
  process.kill(process.pid, 'SIGTERM'); // done: ends as any process of ours does, with everything closed
});
