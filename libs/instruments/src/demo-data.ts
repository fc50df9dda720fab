import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The recorded files that live in the repository, see `libs/instruments/data/README.md`. */
export type DemoFile =
  | 'instruments.upstox.2026-01-02.json.gz'
  | 'instruments.upstox.2025-12-12.json.gz'
  | 'instruments.kite.2025-12.csv.gz'
  | 'instruments.fyers.2025-05-15.csv.gz'
  | 'instruments.angelone.2025-04-08.csv.gz'
  | 'prices.nse.2026-01-02.csv.gz'
  | DemoReferenceFile;

/** What exchanges and the broker say of the demo instruments beside their master. */
export type DemoReferenceFile = (typeof DEMO_REFERENCE)[number];

const DEMO_REFERENCE = [
  'mis.upstox.2025-05-20.json.gz',
  'bands.nse.2025-12-12.csv.gz',
  'surveillance.nse.2025-01-16.csv.gz',
  'elm.nse.2025-08-20.csv.gz',
  'contracts.nse.2026-01-02.csv.gz',
] as const;

/** Trading day of the demo instruments and prices. */
export const DEMO_DAY = '2026-01-02';

/** Where a recorded file lies, from the sources as well as from the build below `dist`. */
export const demoDataPath = (name: DemoFile): string =>
  join(repositoryRoot(__dirname), 'libs', 'instruments', 'data', name);

/**
 * The recorded reference files, for `loadReference` or a `ReferenceHolder`. Their days differ: each fact says of which day it
 * is. The price day stands for the cash bhavcopy.
 */
export const demoReferenceFiles = (): readonly { readonly name: string; readonly source: string }[] =>
  [...DEMO_REFERENCE, 'prices.nse.2026-01-02.csv.gz' as const].map((name) => ({ name, source: demoDataPath(name) }));

const repositoryRoot = (folder: string): string => {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error(`no package.json above ${__dirname}`);
  return repositoryRoot(parent);
};
