import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DEMO_DAY, demoDataPath } from '#instruments/demo-data';
import { hasFields, type Child, startChild } from './child';

/** A whole day's instrument master, and what it is. */
export interface Master {
  readonly file: string;
  readonly day: string;
  readonly note: string;
}

/** What is measured in a process of its own: memory is counted per process. */
export type MasterWork = { readonly kind: 'load' | 'search' } & Pick<Master, 'file' | 'day'>;

export interface MasterFigures {
  readonly rows: number;
  /** Reading, or building the index. */
  readonly seconds: number;
  readonly peakRssMb: number;
  /** Of searches; empty where none was made. */
  readonly durationsMs: readonly number[];
}

export const startMasterWorker = (): Child<MasterWork, MasterFigures> =>
  startChild('master-worker.js', hasFields<MasterFigures>('rows', 'durationsMs'));

const ROWS_MIN = 100_000;

/** The file that BENCH_MASTER names, or one that is made of the rows in the repository. */
export const masterFile = async (folder: string): Promise<Master> => {
  const given = process.env['BENCH_MASTER'];
  if (given === undefined || given === '') return madeUpMaster(folder, ROWS_MIN);
  const day = /\d{4}-\d{2}-\d{2}/.exec(basename(given))?.[0];
  if (day === undefined) throw new Error('BENCH_MASTER: the name of the file must contain its day as YYYY-MM-DD');
  return { file: given, day, note: `the published master of ${day}` };
};

type Row = Readonly<Record<string, unknown>>;

/** Made of the rows in the repository: at least so many. */
export const madeUpMaster = async (folder: string, rowsMin: number): Promise<Master> => {
  const recorded = JSON.parse(
    gunzipSync(await readFile(demoDataPath('instruments.upstox.2026-01-02.json.gz'))).toString(),
  ) as readonly Row[];
  const options = recorded.filter(({ instrument_type: type }) => type === 'CE' || type === 'PE');
  const rows = [...recorded];
  for (let round = 1; rows.length < rowsMin; round += 1)
    for (const [i, option] of options.entries()) rows.push(another(option, round, round * options.length + i));
  const file = join(folder, `made-up-${String(rowsMin)}.${DEMO_DAY}.json.gz`);
  await writeFile(file, gzipSync(JSON.stringify(rows)));
  const note = `MADE UP: ${String(recorded.length)} recorded rows, the options among them repeated with other strikes and weeks`;
  return { file, day: DEMO_DAY, note };
};

const WEEK_MS = 7 * 86_400_000;

/** The same option with a strike and a week of its own, under a number that no other row has. */
const another = (option: Row, round: number, number: number): Row => ({
  ...option,
  instrument_key: `${String(option['segment'])}|9${String(number).padStart(7, '0')}`,
  exchange_token: `9${String(number).padStart(7, '0')}`,
  strike_price: Number((Number(option['strike_price']) + round * 0.05).toFixed(2)),
  expiry: Number(option['expiry']) + (round % 50) * WEEK_MS,
});
