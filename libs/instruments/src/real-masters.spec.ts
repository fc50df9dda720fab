import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { countsOf, diffCatalogues } from './diff';
import { loadInstruments, loadListings } from './load';
import { objectionTo } from './objection';
import { type FileSource, InstrumentFileError } from './source';

/**
 * Loads every full, real master of a folder, twice, and damaged copies of each. They are not part of the repository: without
 * the folder this suite is skipped by name. Expected below it: `instruments/{upstox,kite,fyers,angelone,dhan,aliceblue}/`.
 */
const folder = process.env['REAL_DATA_DIR'];
const present = folder !== undefined && existsSync(folder);
/** Hundreds of thousands of rows, several times, on a machine that does other things too. */
const DEADLINE_MS = 600_000;

const filesOf = (broker: string): readonly string[] =>
  present
    ? readdirSync(join(folder, 'instruments', broker))
        .sort()
        .map((name) => join('instruments', broker, name))
    : [];

/** The day that a file says it is of: a month counts from its first day. */
const dayOf = (file: string): string => {
  const [, month = '', day = '01'] = /(\d{4}-\d{2})(?:-(\d{2}))?/.exec(file) ?? [];
  return `${month}-${day}`;
};

interface Loaded {
  readonly rows: number;
  readonly loaded: number;
  readonly refused: number;
  /** What of the rows was kept, in the file's order. */
  readonly items: readonly object[];
}

interface Master {
  readonly file: string;
  readonly load: (source: FileSource) => Promise<Loaded>;
}

const MASTERS: readonly Master[] = [
  ...filesOf('upstox').map((file) => ({
    file,
    load: async (source: FileSource): Promise<Loaded> => {
      const { instruments, summary } = await loadInstruments(source, { validFrom: dayOf(file) });
      return { ...summary, items: instruments };
    },
  })),
  ...['kite', 'fyers', 'angelone'].flatMap(filesOf).map((file) => ({
    file,
    load: async (source: FileSource): Promise<Loaded> => {
      const { listings, summary } = await loadListings(source);
      return { ...summary, items: listings };
    },
  })),
];

/** Masters of brokers that nobody here speaks to. */
const STRANGERS = ['dhan', 'aliceblue'].flatMap(filesOf);

/* ------------------------------------------------------------------------------------------------ damaged copies */

type JsonRow = Readonly<Record<string, unknown>>;
const REPEATED = 100;

const isJson = (content: string): boolean => content.startsWith('[');
const rowsIn = (content: string): readonly JsonRow[] => JSON.parse(content) as readonly JsonRow[];

/** The last rows of it once more: what they say stands in an earlier row. */
const withRepeatedRows = (content: string): string => {
  if (isJson(content)) return JSON.stringify([...rowsIn(content), ...rowsIn(content).slice(-REPEATED)]);
  const lines = content.trimEnd().split('\n');
  return `${[...lines, ...lines.slice(-REPEATED)].join('\n')}\n`;
};

/** As if the publisher had dropped a column: the one that names what a row is about, or the second of a table. */
const withoutAColumn = (content: string): string => {
  if (isJson(content)) return JSON.stringify(rowsIn(content).map(({ instrument_key: _, ...row }) => row));
  return content.replace(/^([^,\n]*,)[^,\n]*,/gm, '$1');
};

const packed = (content: string): Readable => Readable.from([gzipSync(content, { level: 1 })]);

const failureOf = async (loading: Promise<unknown>): Promise<unknown> =>
  loading.then(
    () => 'loaded',
    (error: unknown) => error,
  );

/* --------------------------------------------------------------------------------------------------------- the suite */

(present ? describe : describe.skip)(`full masters below REAL_DATA_DIR (${folder ?? 'not set'})`, () => {
  const root = folder ?? '';
  const report: string[] = [];
  const pathOf = ({ file }: Pick<Master, 'file'>): string => join(root, file);
  const contentOf = (master: Master): string => {
    const bytes = readFileSync(pathOf(master));
    return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString();
  };

  afterAll(() => {
    process.stdout.write(`${report.join('\n')}\n`);
  });

  it('are those of all brokers that instruments are taken from', () => {
    expect(MASTERS.map(({ file }) => file.split('/')[1])).toEqual([
      ...Array<string>(7).fill('upstox'),
      ...['kite', 'kite', 'fyers', 'fyers', 'angelone'],
    ]);
    expect(STRANGERS).not.toEqual([]);
  });

  it.each(MASTERS)(
    '$file loads, and loads again without a change',
    async (master) => {
      const startedAt = performance.now();
      const first = await master.load(pathOf(master));
      const ms = Math.round(performance.now() - startedAt);
      const { rows, loaded, refused, items } = first;
      expect(loaded).toBeGreaterThan(0);
      expect(loaded + refused).toBe(rows);
      expect(refused).toBeLessThanOrEqual(rows * 0.05);
      expect(items).toHaveLength(loaded);
      const second = await master.load(pathOf(master));
      expect(changesBetween(items, second.items)).toEqual([]);
      report.push(
        `| ${master.file} | ${String(rows)} | ${String(loaded)} | ${String(refused)} | 0 changed | ${String(ms)} ms |`,
      );
    },
    DEADLINE_MS,
  );

  it.each(MASTERS)(
    '$file is refused as a whole when it is cut, and says each row that it repeats',
    async (master) => {
      const bytes = readFileSync(pathOf(master));
      for (const share of [0.1, 0.9]) {
        const torn = Readable.from([bytes.subarray(0, Math.floor(bytes.length * share))]);
        expect(await failureOf(master.load(torn))).toBeInstanceOf(InstrumentFileError);
      }
      const content = contentOf(master);
      expect(await failureOf(master.load(packed(withoutAColumn(content))))).toBeInstanceOf(InstrumentFileError);
      const whole = await master.load(pathOf(master));
      const repeating = await master.load(packed(withRepeatedRows(content)));
      const { rows, refused } = repeating;
      expect([rows, refused]).toEqual([whole.rows + REPEATED, whole.refused + REPEATED]);
      expect(changesBetween(whole.items, repeating.items)).toEqual([]);
    },
    DEADLINE_MS,
  );

  it.each(STRANGERS)('%s is refused: no broker that we know names its columns so', async (file) => {
    for (const load of [loadListings, (path: string) => loadInstruments(path, { validFrom: '2026-01-02' })]) {
      const error = await failureOf(load(join(root, file)));
      expect(error).toBeInstanceOf(InstrumentFileError);
      expect(String(error)).toContain('not a file we know');
      report.push(`| ${file} | refused: ${String(error).slice(0, 120)} |`);
    }
  });

  it(
    'do not take each other’s place where their days are swapped',
    async () => {
      const fileOf = (day: string): string => join(root, 'instruments', 'upstox', `complete.${day}.json.gz`);
      const [december, january] = [
        await loadInstruments(fileOf('2025-12-12'), { validFrom: '2025-12-12' }),
        await loadInstruments(fileOf('2026-01-02'), { validFrom: '2026-01-02' }),
      ];
      const nothing = { validFrom: '', instruments: [] };
      expect(objectionTo(december, nothing)).toBeUndefined();
      expect(objectionTo(january, december)).toBeUndefined();
      expect(objectionTo(december, january)).toContain('older than the catalogue of 2026-01-02');
      // Under the name of another day its own contracts give it away.
      const disguised = await loadInstruments(fileOf('2025-12-12'), { validFrom: '2026-01-02' });
      expect(objectionTo(disguised, december)).toContain('the file is of an earlier day');
      const { added, removed, changed, reusedKeys } = countsOf(
        diffCatalogues(december.instruments, january.instruments),
      );
      report.push(
        `| 2025-12-12 to 2026-01-02 | added ${String(added)} | removed ${String(removed)} | changed ${String(changed)} | keys used again ${String(reusedKeys)} |`,
      );
      expect(reusedKeys).toBeGreaterThan(0);
    },
    DEADLINE_MS,
  );
});

/** What is another thing at the same place; the first few. */
const changesBetween = (before: readonly object[], after: readonly object[]): readonly unknown[] => {
  const changes = Array.from(
    { length: Math.max(before.length, after.length) },
    (_, n) => [before[n], after[n]] as const,
  );
  return changes.filter(([one, other]) => JSON.stringify(one) !== JSON.stringify(other)).slice(0, 3);
};
