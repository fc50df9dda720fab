import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

import { Catalogue } from '../catalogue';
import { loadInstruments } from '../load';
import { InstrumentFileError } from '../source';
import { ReferenceDay } from './day';
import { differenceOf } from './difference';
import { ReferenceHolder } from './holder';
import { loadReference } from './load-reference';

/**
 * Loads every full, real file of a folder. They are not part of the repository: without the folder this suite is skipped by
 * name. Expected below it: `instruments/upstox/complete.2026-01-02.json.gz`, `instruments/upstox/NSE_MIS*`, `exchange/`,
 * `calendar/`.
 */
const folder = process.env['REAL_DATA_DIR'];
const present = folder !== undefined && existsSync(folder);
const day = '2026-01-02';
/** Hundreds of thousands of rows, several times, on a machine that does other things too. */
const DEADLINE_MS = 600_000;

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Files of the folder that are no reference files of a day; why they are refused. */
const OTHERS = new Map([
  ['EQUITY_L.csv.gz', 'not a file we know'],
  ['Pd250517.csv.gz', 'not a file we know'],
  ['bse_SETLMAS_0517.txt', 'not a file we know'],
  ['fo_contract_stream_info.csv.gz', 'not a file we know'],
  ['spd_contract.txt.gz', 'not a file we know'],
  ['PR160125.zip', 'not a file we know'],
  ['fao_participant_oi_17112025.csv', 'not'],
  ['preopen_orderbook_20251117.json.gz', 'not a file we know'],
  ['NSE_FO_SosScheme.2025-10-06.csv', 'not a file we know'],
  ['qtyfreeze.2023-03-31.xls', 'not'],
  ['nse_quote_equity.RELIANCE.2025-11-28.json', 'not a file we know'],
]);

(present ? describe : describe.skip)(`full files below REAL_DATA_DIR (${folder ?? 'not set'})`, () => {
  const root = folder ?? '';
  const paths = present
    ? [
        ...filesBelow(join(root, 'exchange')),
        ...filesBelow(join(root, 'calendar')),
        ...filesBelow(join(root, 'instruments', 'upstox')).filter((path) => path.includes('NSE_MIS')),
      ]
    : [];
  const baseName = (path: string) => path.split('/').at(-1) ?? '';
  const isReference = (path: string) => !OTHERS.has(baseName(path));
  let catalogue = Catalogue.empty;
  const report: string[] = [];

  beforeAll(async () => {
    const master = join(root, 'instruments', 'upstox', 'complete.2026-01-02.json.gz');
    catalogue = new Catalogue((await loadInstruments(master, { validFrom: day })).instruments);
  }, DEADLINE_MS);

  afterAll(() => {
    process.stdout.write(`${report.join('\n')}\n`);
  });

  it.each(paths.filter(isReference))(
    '%s loads, and loads again without a change',
    async (path) => {
      const load = () => loadReference([{ name: path, source: path }], { catalogue, effectiveFrom: day });
      const startedAt = performance.now();
      const first = await load();
      const ms = Math.round(performance.now() - startedAt);
      for (const { kind, effectiveFrom, dateFrom, rows, loaded, refused, unmatched, refusals } of first.summary) {
        const reasons = refusals.map(
          ({ reason, count, examples }) => `${reason} ${String(count)} e.g. ${examples[0]?.detail ?? ''}`,
        );
        report.push(
          `| ${relative(root, path)} | ${kind} | ${effectiveFrom} ${dateFrom} | ${String(rows)} | ${String(loaded)} | ${String(refused)} | ${String(unmatched)} | ${String(ms)} | ${reasons.join('; ')} |`,
        );
        expect(loaded).toBeGreaterThan(0);
        expect(refused).toBeLessThanOrEqual(rows * 0.05);
        expect(loaded + refused).toBe(rows);
        expect(unmatched).toBeLessThanOrEqual(loaded);
      }
      expect(first.summary).toHaveLength(1);
      expect(differenceOf(first, await load())).toEqual({ added: [], removed: [], changed: [] });
    },
    60_000,
  );

  it.each(paths.filter((path) => !isReference(path)))('%s is refused: it is no such file', async (path) => {
    const error: unknown = await loadReference([{ name: path, source: path }], { catalogue, effectiveFrom: day }).then(
      () => 'loaded',
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InstrumentFileError);
    report.push(`| ${relative(root, path)} | refused: ${String(error).slice(0, 160)} |`);
    expect(String(error)).toContain(OTHERS.get(baseName(path)));
  });

  it(
    'gives every contract at NSE a settlement price, and each of their underlyings a price and a volatility',
    async () => {
      const files = paths.filter(isReference).map((path) => ({ name: path, source: path }));
      const holder = new ReferenceHolder();
      const { files: outcomes } = await holder.replace(files, { catalogue, effectiveFrom: day });
      const now = holder.current;
      report.push(
        ...outcomes.flatMap((each) => (each.outcome === 'kept' ? [`| ${each.file} kept: ${each.reason}`] : [])),
      );
      const contracts = catalogue.instruments.filter(({ segment }) => segment === 'NSE_FO');
      expect(contracts.filter(({ instrumentKey }) => now.of(instrumentKey).previousClose === undefined)).toEqual([]);
      expect(contracts).toHaveLength(36_065);
      const symbols = new Set(contracts.flatMap(({ underlyingSymbol }) => underlyingSymbol ?? []));
      const isKnown = (symbol: string) => {
        const { price, dailySigma } = now.underlying(symbol) ?? {};
        return price !== undefined && dailySigma !== undefined;
      };
      expect([...symbols].filter((symbol) => !isKnown(symbol))).toEqual([]);
      expect(symbols.size).toBe(213);
      for (const symbol of ['NIFTY', 'BANKNIFTY', 'RELIANCE', 'SBIN'])
        report.push(`| ${symbol} ${JSON.stringify(now.underlying(symbol))}`);
      report.push(`| RELIANCE ${JSON.stringify(now.of('NSE_EQ|INE002A01018'))}`);
      report.push(
        `| facts ${String(now.facts.size)} shares with derivatives ${String([...now.facts.values()].filter((f) => f.hasDerivatives).length)}`,
      );
      expect(now).toBeInstanceOf(ReferenceDay);
    },
    DEADLINE_MS,
  );
});
