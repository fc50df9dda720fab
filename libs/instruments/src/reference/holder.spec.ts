import { readFileSync } from 'node:fs';

import { Catalogue } from '../catalogue';
import { DEMO_DAY, demoDataPath, demoReferenceFiles } from '../demo-data';
import { loadInstruments } from '../load';
import { ReferenceHolder } from './holder';
import type { ReferenceFile } from './read-file';
import { demo, fileOf } from './samples';

// Whole files are read and tied to a whole master: a matter of seconds on a busy machine.
jest.setTimeout(60_000);

let catalogue = Catalogue.empty;
beforeAll(async () => {
  const master = demoDataPath('instruments.upstox.2026-01-02.json.gz');
  catalogue = new Catalogue((await loadInstruments(master, { validFrom: DEMO_DAY })).instruments);
});

const RELIANCE = 'NSE_EQ|INE002A01018';
const bands = () => demo('bands.nse.2025-12-12.csv.gz');
const replace = (holder: ReferenceHolder, ...files: readonly ReferenceFile[]) =>
  holder.replace(files, { catalogue, effectiveFrom: DEMO_DAY });
/** Intraday list and bands: enough to see that one kind stays while another changes. */
const loaded = async () => {
  const holder = new ReferenceHolder();
  await replace(holder, ...demoReferenceFiles().slice(0, 2));
  return holder;
};
const nothing = { added: [], removed: [], changed: [] };

it('says nothing of anything at first', () => {
  expect(new ReferenceHolder().current.of(RELIANCE)).toEqual({});
  expect(new ReferenceHolder().current.underlying('NIFTY')).toBeUndefined();
});

it('takes over every good file, and the same files again change nothing', async () => {
  const holder = new ReferenceHolder();
  const first = await replace(holder, ...demoReferenceFiles());
  expect(new Set(first.files.map(({ outcome }) => outcome))).toEqual(new Set(['replaced']));
  expect(first.difference.added).toContain(RELIANCE);
  expect(first.difference.added).toContain('underlying NIFTY');
  expect((await replace(holder, ...demoReferenceFiles())).difference).toEqual(nothing);
});

it('names what a new band changed', async () => {
  const holder = await loaded();
  const moved = bands().replace(/^(20MICRONS,EQ,[^,]+),20,/m, '$1,5,');
  expect(moved).not.toBe(bands());
  const { difference } = await replace(holder, fileOf('bands.nse.2025-12-15.csv', moved.replace(/\n$/, '\n')));
  const key = catalogue.resolve('NSE:20MICRONS')?.instrumentKey ?? '';
  expect(holder.current.of(key).band).toMatchObject({ basisPoints: 500, effectiveFrom: '2025-12-15' });
  expect(difference.changed).toContain(key);
});

it.each([
  ['broken', () => fileOf('bands.nse.2025-12-15.csv', bands().slice(0, -5)), 'the last line is cut off'],
  [
    'older than what is held',
    () => fileOf('bands.nse.2025-12-10.csv', bands()),
    'older than bands.nse.2025-12-12.csv.gz',
  ],
  [
    'suspiciously small',
    () => fileOf('bands.nse.2025-12-15.csv', `${bands().split('\n').slice(0, 1900).join('\n')}\n`),
    'only 1899 rows where bands.nse.2025-12-12.csv.gz has 2387',
  ],
  [
    'full of rows that make no sense',
    () => fileOf('bands.nse.2025-12-15.csv', bands().replaceAll(',20,"', ',200,"')),
    'rows were refused, mostly: Band is not one we know',
  ],
  ['for a day to come', () => fileOf('bands.nse.2026-01-05.csv', bands()), 'later than 2026-01-02'],
  ['not one we know', () => fileOf('shopping.csv', 'milk,bread\n'), 'not a file we know'],
])('keeps what it holds when a file is %s, and takes the others', async (_, file, reason) => {
  const holder = await loaded();
  const before = holder.current;
  const limits = fileOf('limits.2025-12-15.lst', 'SYMBOL,CLIENT_LIMIT,EXCHANGE\nRELIANCE,100,NSE\n');
  const { files } = await replace(holder, file(), limits);
  expect(files).toMatchObject([
    { outcome: 'kept', reason: expect.stringContaining(reason) },
    { outcome: 'replaced', kind: 'client-limit' },
  ]);
  expect(holder.current.of(RELIANCE)).toEqual(before.of(RELIANCE));
  expect(holder.current.underlying('RELIANCE')?.clientLimit).toMatchObject({ quantity: 100 });
});

it('a reader keeps the day it took while another is swapped in', async () => {
  const holder = await loaded();
  const taken = holder.current;
  await replace(holder, fileOf('l.csv', 'SYMBOL,CLIENT_LIMIT,EXCHANGE\nRELIANCE,100,NSE\n'));
  expect(taken.underlying('RELIANCE')?.clientLimit).toBeUndefined();
  expect(holder.current).not.toBe(taken);
});

it('keeps everything when it is loaded for an earlier day', async () => {
  const holder = await loaded();
  const before = holder.current;
  const { files, difference } = await holder.replace(demoReferenceFiles().slice(1, 2), {
    catalogue,
    effectiveFrom: '2026-01-01',
  });
  expect(files).toMatchObject([
    { outcome: 'kept', reason: 'loaded for 2026-01-01, the facts held are for 2026-01-02' },
  ]);
  expect(difference).toEqual(nothing);
  expect(holder.current).toBe(before);
});

it('follows a new master without files: what it no longer lists has no facts', async () => {
  const holder = await loaded();
  const without = new Catalogue(catalogue.instruments.filter(({ instrumentKey }) => instrumentKey !== RELIANCE));
  const { difference } = await holder.replace([], { catalogue: without, effectiveFrom: '2026-01-05' });
  expect(difference.removed).toEqual([RELIANCE]);
  expect(holder.current.of(RELIANCE)).toEqual({});
});

it('two that replace at once lose neither', async () => {
  const holder = new ReferenceHolder();
  const slow = fileOf('bands.nse.2025-12-12.csv', bands(), 100);
  const quick = fileOf('mis.2025-05-20.json', readFileSync(demoDataPath('mis.upstox.2025-05-20.json.gz')), 1_000_000);
  await Promise.all([replace(holder, slow), replace(holder, quick)]);
  expect(holder.current.of(RELIANCE)).toMatchObject({ band: { kind: 'dynamic' }, intraday: { marginBp: 2_000 } });
});

it('lets an error that is no matter of the file pass, and has changed nothing', async () => {
  const holder = await loaded();
  const before = holder.current;
  const broken = {
    get instruments(): never {
      throw new Error('no catalogue');
    },
  };
  await expect(holder.replace([], { catalogue: broken, effectiveFrom: DEMO_DAY })).rejects.toThrow('no catalogue');
  expect(holder.current).toBe(before);
});
