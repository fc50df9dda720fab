/**
 * `npm run bench`: measures this software beside what the same machine and the same Postgres can do at best. See
 * docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { newAccounts, storeUsers } from './accounts';
import { Cleanup } from './cleanup';
import { benchDistributed, DISTRIBUTED_MEASURES, FULL_DISTRIBUTED, QUICK_DISTRIBUTED } from './distributed';
import { EngineMissing } from './engines';
import { describeMachine } from './machine';
import { loadMarket, sharesOf } from './market';
import { madeUpMaster, masterFile } from './master';
import { decide } from './measures/decide';
import { dispatch } from './measures/dispatch';
import { lag } from './measures/lag';
import { loadMaster } from './measures/load';
import { read } from './measures/read';
import { search } from './measures/search';
import { rebuildViews } from './measures/rebuild';
import { writeBatch, writeHot, writeSingle } from './measures/write';
import { allAimsMet, type BenchReport, type Measure, reportTable } from './report';
import { type Seeded, startSeeder } from './seed';
import { startSimulator } from './simulator';
import { FULL, openStage, QUICK, type Scale, type Stage } from './stage';
import { calm, openStore, settle } from './store';
import { tell } from './tell';

const MEASURES = [
  'rebuild',
  'write-single',
  'write-batch',
  'write-hot',
  'lag',
  'read',
  'dispatch',
  'load',
  'search',
  'decide',
] as const;
type MeasureName = (typeof MEASURES)[number];
const WITHOUT_LOG: ReadonlySet<MeasureName> = new Set<MeasureName>(['load', 'search', 'decide']);

const USAGE = `npm run bench -- [--quick] [--json] [--only ${MEASURES.join(',')}]
npm run bench -- --profile distributed [--quick] [--json] [--only ${DISTRIBUTED_MEASURES.join(',')}]`;

interface Wanted {
  readonly json: boolean;
  readonly bench: (cleanup: Cleanup) => Promise<BenchReport>;
}

/** @throws Error in one line for what is not understood. */
const readArguments = (args: readonly string[]): Wanted => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      profile: { type: 'string', default: 'embedded' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
    },
  });
  const { profile, quick, json, only } = values;
  switch (profile) {
    case 'embedded': {
      const measures = measuresIn(only, MEASURES);
      return { json, bench: (cleanup) => bench(cleanup, { scale: quick ? QUICK : FULL, quick, measures }) };
    }
    case 'distributed': {
      const measures = measuresIn(only, DISTRIBUTED_MEASURES);
      const scale = quick ? QUICK_DISTRIBUTED : FULL_DISTRIBUTED;
      return { json, bench: (cleanup) => benchDistributed(cleanup, { scale, quick, measures }) };
    }
    default:
      throw new Error(`there is no profile ${profile}`);
  }
};

const measuresIn = <Name extends string>(only: string | undefined, all: readonly Name[]): ReadonlySet<Name> =>
  new Set(
    (only?.split(',') ?? all).map((name) => {
      const known = all.find((measure) => measure === name);
      if (known === undefined) throw new Error(`there is no measure ${name}`);
      return known;
    }),
  );

const BRIEF_ORDERS = 3_000;

interface WantedEmbedded {
  readonly scale: Scale;
  readonly quick: boolean;
  readonly measures: ReadonlySet<MeasureName>;
}

const bench = async (cleanup: Cleanup, { scale, quick, measures: wanted }: WantedEmbedded): Promise<BenchReport> => {
  const startedAt = performance.now();
  const takenAt = new Date().toISOString();
  tell('starting Postgres');
  const store = await openStore(cleanup);
  const measures: Measure[] = [];
  if (wanted.has('load') || wanted.has('search')) {
    const master = await masterFile(store.folder);
    tell(`the instrument master: ${master.note}`);
    if (wanted.has('load')) measures.push(await loadMaster(cleanup, master));
    if (wanted.has('search')) measures.push(await search(cleanup, master));
  }
  if (wanted.has('decide')) {
    tell('decide');
    const { file, day } = await madeUpMaster(store.folder, 50_000);
    const orders = quick ? 5_000 : 50_000;
    measures.push(await decide(cleanup, { file, day, accounts: 10_000, legs: 20, orders }));
  }
  const report = async (dataset: BenchReport['dataset']): Promise<BenchReport> => ({
    profile: 'embedded',
    takenAt,
    quick,
    machine: await describeMachine(store.client),
    dataset,
    measures,
    allMet: allAimsMet(measures),
    seconds: (performance.now() - startedAt) / 1_000,
  });
  // What needs no log needs no orders in it.
  if ([...wanted].every((name) => WITHOUT_LOG.has(name))) return report({});
  const accounts = newAccounts(scale.accounts);
  await storeUsers(store.client, accounts);

  // Dispatch never looks back: for a quick look at it alone, enough that Postgres plans as it does on any other day.
  const isBrief = quick && [...wanted].every((name) => name === 'dispatch');
  const seeded = await fillLog(cleanup, { store, accounts, orders: isBrief ? BRIEF_ORDERS : scale.orders });
  await calm(store);

  tell('rebuilding the read models');
  const rebuilt = await rebuildViews(cleanup, store);
  if (wanted.has('rebuild')) measures.push(rebuilt);
  await calm(store);

  if ([...wanted].some((name) => name !== 'rebuild' && !WITHOUT_LOG.has(name))) {
    tell('starting the software');
    const market = await loadMarket();
    const shares = sharesOf(market);
    const simulator = wanted.has('dispatch') ? await startSimulator(cleanup, store) : undefined;
    const stage = await openStage(cleanup, { scale, store, accounts, shares }, simulator?.brokerUrls);
    let capacityPerSec: number | undefined;
    if (wanted.has('write-single') || wanted.has('lag')) {
      tell('write-single');
      const { perSec, ...measure } = await writeSingle(stage);
      capacityPerSec = perSec;
      if (wanted.has('write-single')) measures.push(measure);
    }
    const next = async (name: MeasureName, measure: () => Promise<Measure>): Promise<void> => {
      if (!wanted.has(name)) return;
      await settle(store);
      tell(name);
      measures.push(await measure());
    };
    await next('write-batch', () => writeBatch(stage));
    await next('write-hot', () => writeHot(stage));
    await next('lag', () => lag(stage, capacityPerSec ?? 0));
    await next('read', () => read(stage));
    // Last: whoever is connected then stays so.
    if (simulator) await next('dispatch', () => dispatch(stage, simulator, market));
  }

  return report({
    accounts: accounts.length,
    'orders before the first measure': seeded.orders,
    'events before it': seeded.events,
  });
};

const fillLog = async (
  cleanup: Cleanup,
  { store, accounts, orders }: Pick<Stage, 'store' | 'accounts'> & { readonly orders: number },
): Promise<Seeded> => {
  tell(`filling the log with the histories of ${String(orders)} orders`);
  const seeder = startSeeder();
  cleanup.add(() => seeder.stop());
  const seeded = await seeder.ask({ databaseUrl: store.url, accounts, orders });
  await seeder.stop();
  tell(`${String(seeded.events)} events in ${seeded.seconds.toFixed(1)} s`);
  return seeded;
};

const main = async (): Promise<number> => {
  let wanted: Wanted;
  try {
    wanted = readArguments(process.argv.slice(2));
  } catch (error) {
    tell(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  const cleanup = new Cleanup();
  const breakOff = (signal: NodeJS.Signals): void => {
    tell(`${signal}: cleaning up`);
    void cleanup.run().finally(() => process.exit(1));
  };
  process.once('SIGINT', breakOff);
  process.once('SIGTERM', breakOff);
  try {
    const report = await Promise.race([wanted.bench(cleanup), cleanup.broken]);
    process.stdout.write(`${wanted.json ? JSON.stringify(report, null, 2) : reportTable(report)}\n`);
    return 0;
  } catch (error) {
    if (cleanup.hasBegun) return 1; // broken off: what was under way has lost what it needs
    // What the machine lacks is for the person at the terminal, and one line; everything else is for a programmer.
    if (error instanceof EngineMissing) tell(error.message);
    else tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  } finally {
    await cleanup.run();
  }
};

void main().then((exitCode) => process.exit(exitCode));
