/** `npm run bench -- --profile distributed`: many processes with Kafka and Redis, beside the standalone one. */
import { join } from 'node:path';
import { newAccounts, storeUsers } from './accounts';
import { type App, startApp } from './app';
import type { Cleanup } from './cleanup';
import { type Engine, requireEngines, startEngine } from './engines';
import { startLoadGenerator } from './load';
import { describeMachine } from './machine';
import { loadMarket, sharesOf } from './market';
import {
  capacityMeasure,
  footprintOf,
  lagAt,
  lagMeasure,
  type SiteLag,
  writeAt,
  writeMeasure,
  type Written,
} from './measures/distributed';
import {
  type Passage,
  projectAll,
  projectionMeasure,
  relayAll,
  type Transport,
  variablesOf,
} from './measures/projection';
import { allAimsMet, type BenchReport, type Measure } from './report';
import { startSeeder } from './seed';
import type { LoadContext, Site } from './site';
import type { Scale } from './stage';
import { startStandalone } from './standalone';
import { calm, doubleStore, dropStore, openStore, settle, type Store } from './store';
import { tell } from './tell';
import { Topic } from './topic';

export const DISTRIBUTED_MEASURES = ['projection', 'write', 'lag'] as const;
export type DistributedMeasure = (typeof DISTRIBUTED_MEASURES)[number];

export const FULL_DISTRIBUTED: Scale = { orders: 60_000, accounts: 1_000, warmUpMs: 5_000, durationMs: 12_000 };
export const QUICK_DISTRIBUTED: Scale = { orders: 6_000, accounts: 1_000, warmUpMs: 1_500, durationMs: 3_000 };

/** As the software makes the topic by default. */
const PARTITIONS = 12;
/** Beside one. */
const PROJECTORS = [2, 4];

export interface DistributedWanted {
  readonly scale: Scale;
  readonly quick: boolean;
  readonly measures: ReadonlySet<DistributedMeasure>;
}

/** @throws EngineMissing before anything is started. */
export const benchDistributed = async (cleanup: Cleanup, wanted: DistributedWanted): Promise<BenchReport> => {
  const startedAt = performance.now();
  const takenAt = new Date().toISOString();
  requireEngines('Kafka', 'Redis');
  const { scale, quick } = wanted;
  tell('starting Postgres, Kafka and Redis');
  const store = await openStore(cleanup);
  const [kafka, redis] = await Promise.all([
    startEngine(cleanup, 'Kafka', join(store.folder, 'kafka')),
    startEngine(cleanup, 'Redis', join(store.folder, 'redis')),
  ]);
  const transport: Transport = { kafka, topic: await Topic.open(cleanup, kafka), partitions: PARTITIONS };

  const accounts = newAccounts(scale.accounts);
  await storeUsers(store.client, accounts);
  tell(`filling the log with the histories of ${String(scale.orders)} orders`);
  const seeder = startSeeder();
  cleanup.add(() => seeder.stop());
  const seeded = await seeder.ask({ databaseUrl: store.url, accounts, orders: scale.orders });
  await seeder.stop();
  tell(`${String(seeded.events)} events in ${seeded.seconds.toFixed(1)} s`);
  await calm(store);

  const measures: Measure[] = [];
  const topicBytes = await passOn(cleanup, store, transport, wanted.measures.has('projection') ? measures : undefined);
  const machine = await describeMachine(store.client);
  if (wanted.measures.has('write') || wanted.measures.has('lag')) {
    const footprint = await footprintOf(store.client, topicBytes);
    const { original, copy } = await doubleStore(cleanup, store);
    const generator = startLoadGenerator();
    cleanup.add(() => generator.stop());
    const context = { generator, scale, accounts, shares: sharesOf(await loadMarket()) };
    const isLagWanted = wanted.measures.has('lag');
    const embedded = await serveEmbedded(cleanup, context, original, isLagWanted);
    await dropStore(original, copy);
    const distributed = await serveDistributed(cleanup, context, copy, { transport, redis }, isLagWanted);
    if (wanted.measures.has('write'))
      measures.push(
        writeMeasure(embedded.written, [distributed.written, distributed.two]),
        capacityMeasure(footprint, distributed.written.run, embedded.written.run),
      );
    if (embedded.lag && distributed.lag) measures.push(lagMeasure(embedded.lag, distributed.lag));
  }

  return {
    profile: 'distributed',
    takenAt,
    quick,
    machine,
    dataset: {
      accounts: accounts.length,
      'orders before the first measure': seeded.orders,
      'events before it': seeded.events,
      partitions: PARTITIONS,
    },
    measures,
    allMet: allAimsMet(measures),
    seconds: (performance.now() - startedAt) / 1_000,
  };
};

/**
 * The log into the topic and from there into the read models, which what comes later builds on; the other ways are
 * measured only when they go into a report. Returns what the topic takes then.
 */
const passOn = async (
  cleanup: Cleanup,
  store: Store,
  transport: Transport,
  measures: Measure[] | undefined,
): Promise<number> => {
  const told = <Way extends Passage>(passage: Way): Way => {
    tell(`${passage.name}: ${passage.perSec.toFixed(0)} events/s`);
    return passage;
  };
  const relay = told(await relayAll(cleanup, store, transport));
  const topicBytes = await transport.topic.bytes();
  const one = told(await projectAll(cleanup, store, transport, 1));
  if (measures !== undefined) {
    const direct = told(await projectAll(cleanup, store, undefined, 1));
    const more = [];
    for (const processes of PROJECTORS) more.push(told(await projectAll(cleanup, store, transport, processes)));
    measures.push(projectionMeasure(relay, direct, [one, ...more]));
  }
  await calm(store);
  return topicBytes;
};

interface Served {
  readonly written: Written;
  readonly lag?: SiteLag;
}

/** Capacity, and at half of it the lag. */
const writeAndLag = async (context: LoadContext, site: Site, isLagWanted: boolean): Promise<Served> => {
  tell(`writing: ${site.name}`);
  const run = await writeAt(context, site);
  tell(`${run.perSec.toFixed(0)} orders/s`);
  if (!isLagWanted) return { written: { site, run } };
  tell(`lag: ${site.name}`);
  return { written: { site, run }, lag: await lagAt(context, site, run.perSec) };
};

const serveEmbedded = async (
  cleanup: Cleanup,
  context: LoadContext,
  store: Store,
  isLagWanted: boolean,
): Promise<Served> => {
  const standalone = await startStandalone(cleanup, store.folder, store.url);
  const { pid, commandOrigin, queryOrigin } = standalone;
  await settle(store);
  await calm(store);
  const served = await writeAndLag(
    context,
    {
      name: 'standalone',
      store,
      commandOrigins: [commandOrigin],
      queryOrigin,
      processes: [{ name: 'standalone', pid }],
    },
    isLagWanted,
  );
  await standalone.stop();
  return served;
};

const serveDistributed = async (
  cleanup: Cleanup,
  context: LoadContext,
  store: Store,
  { transport, redis }: { readonly transport: Transport; readonly redis: Engine },
  isLagWanted: boolean,
): Promise<Served & { readonly two: Written }> => {
  const environment = { ...variablesOf(transport), REDIS_URL: redis.address };
  const start = async (app: 'command' | 'projector' | 'query' | 'relay', name: string = app): Promise<App> =>
    startApp(cleanup, {
      app,
      name,
      folder: store.folder,
      databaseUrl: store.url,
      ports: [`${app.toUpperCase()}_PORT`],
      environment,
    });
  const [relay, projector, query, first] = await Promise.all([
    start('relay'),
    start('projector'),
    start('query'),
    start('command', 'command 1'),
  ]);
  await Promise.all([relay, projector, query, first].map((app) => app.ready()));
  await settle(store);
  await calm(store);
  const others = [relay, projector, query, transport.kafka, redis];
  const siteOf = (name: string, commands: readonly App[]): Site => ({
    name,
    store,
    commandOrigins: commands.flatMap(({ origins }) => origins),
    queryOrigin: query.origins[0] ?? '',
    processes: [...commands, ...others],
    topicBytes: () => transport.topic.bytes(),
  });

  const served = await writeAndLag(context, siteOf('1 command', [first]), isLagWanted);
  const second = await start('command', 'command 2');
  await second.ready();
  const { written: two } = await writeAndLag(context, siteOf('2 commands', [first, second]), false);
  await Promise.all([first, second, query, relay, projector].map((app) => app.stop()));
  return { ...served, two };
};
