import type { Client } from 'pg';
import { LagWatch } from '../lag-watch';
import type { Latencies } from '../latencies';
import { figure, type Figure, type Measure } from '../report';
import { type LoadContext, runAt, type Site, type SiteRun } from '../site';

const CONNECTIONS = 64;
/** One write in so many is read back over HTTP. */
const READ_BACK_EVERY = 50;
const MICROSECONDS = 1e6;

/** One order per request, many accounts. */
export const writeAt = (context: LoadContext, site: Site): Promise<SiteRun> => {
  const { shares, accounts } = context;
  return runAt(context, site, `${String(CONNECTIONS)} connections`, {
    connections: CONNECTIONS,
    requests: { kind: 'orders', shares, accounts, linesPerRequest: 1 },
  });
};

export interface SiteLag {
  readonly site: Site;
  readonly run: SiteRun;
  readonly lags: Latencies;
}

/** Append → visible, while writing at half of what this deployment was measured to take. */
export const lagAt = async (context: LoadContext, site: Site, capacityPerSec: number): Promise<SiteLag> => {
  const { shares, accounts } = context;
  const watch = new LagWatch(site.store);
  let lags: Latencies | undefined;
  const run = await runAt(
    context,
    site,
    'half of capacity',
    {
      connections: CONNECTIONS,
      arrivalsPerSec: capacityPerSec / 2,
      requests: {
        kind: 'orders',
        shares,
        accounts,
        linesPerRequest: 1,
        readBack: { origin: site.queryOrigin, everyNth: READ_BACK_EVERY },
      },
    },
    {
      meanwhile: () => watch.begin(),
      afterwards: async () => {
        lags = await watch.end();
      },
    },
  );
  if (lags === undefined) throw new Error('the lag was not watched to its end');
  return { site, run, lags };
};

export interface Written {
  readonly site: Site;
  readonly run: SiteRun;
}

/** @param baseline what the others are compared with. */
export const writeMeasure = (baseline: Written, others: readonly Written[]): Measure => ({
  name: 'write',
  title: 'POST /v2/orders, 64 connections, 1,000 accounts',
  figures: [baseline, ...others].flatMap(({ site: { name }, run }) => [
    figure(`orders, ${name}`, run.perSec, '/s'),
    figure(`p50, ${name}`, run.latencies.p50Ms, 'ms'),
    figure(`p99, ${name}`, run.latencies.p99Ms, 'ms'),
    figure(`read models behind at the end, ${name}`, run.behindEvents, 'events'),
    ...(run === baseline.run
      ? []
      : [figure(`ratio to ${baseline.site.name}, ${name}`, run.perSec / baseline.run.perSec, '')]),
  ]),
  costs: [],
  processCosts: [baseline, ...others].map(({ run }) => run.costs),
});

export const lagMeasure = (embedded: SiteLag, distributed: SiteLag): Measure => ({
  name: 'lag',
  title: 'Append → visible, writing at half of capacity',
  figures: [embedded, distributed].flatMap((one): readonly Figure[] => {
    const { run, lags } = one;
    const { name } = one.site;
    return [
      figure(`orders meanwhile, ${name}`, run.perSec, '/s'),
      figure(`events watched, ${name}`, lags.count, ''),
      figure(`p50, ${name}`, lags.p50Ms, 'ms'),
      figure(`p99, ${name}`, lags.p99Ms, 'ms', ...(one === distributed ? [{ atMost: 500 }] : [])),
      figure(`longest, ${name}`, lags.maxMs, 'ms'),
      figure(`p99 of a write, ${name}`, run.latencies.p99Ms, 'ms'),
      ...(run.readBack ? [figure(`write answered → read back over HTTP, p99, ${name}`, run.readBack.p99Ms, 'ms')] : []),
    ];
  }),
  costs: [],
  processCosts: [embedded.run.costs, distributed.run.costs],
});

/** What is stored for one of each, once a log has been filled, published and projected. */
export interface Footprint {
  readonly logBytesPerEvent: number;
  /** Of these, its indexes. */
  readonly logIndexBytesPerEvent: number;
  readonly topicBytesPerEvent: number;
  readonly viewBytesPerOrder: number;
  readonly viewBytesPerTrade: number;
}

export const footprintOf = async (client: Client, topicBytes: number): Promise<Footprint> => {
  const { rows } = await client.query<
    Record<'events' | 'orders' | 'trades' | 'log' | 'index' | 'order' | 'trade', string>
  >(`
    select (select count(*) from events) as events,
      (select count(*) from read_model.orders) as orders, (select count(*) from read_model.trades) as trades,
      pg_total_relation_size('events') as log, pg_indexes_size('events') as index,
      pg_total_relation_size('read_model.orders') + ${treeBytes('order_events')} as order,
      ${treeBytes('trades')} as trade`);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres does not tell the sizes of its tables');
  const [events, orders, trades] = [Number(row.events), Number(row.orders), Number(row.trades)];
  return {
    logBytesPerEvent: Number(row.log) / events,
    logIndexBytesPerEvent: Number(row.index) / events,
    topicBytesPerEvent: topicBytes / events,
    viewBytesPerOrder: Number(row.order) / orders,
    viewBytesPerTrade: Number(row.trade) / trades,
  };
};

/** A table that is kept by month, indexes included. */
const treeBytes = (table: string): string =>
  `(select sum(pg_total_relation_size(relid)) from pg_partition_tree('read_model.${table}'))`;

/** What a page on capacity is reckoned from. @param live orders that came one by one through all of the processes. */
export const capacityMeasure = (footprint: Footprint, live: SiteRun, embedded: SiteRun): Measure => ({
  name: 'capacity',
  title: 'What one event and one order take',
  figures: [
    figure('events of an order', live.events / live.succeeded, ''),
    figure('in the log, an event', footprint.logBytesPerEvent, 'bytes'),
    figure('  of that, indexes', footprint.logIndexBytesPerEvent, 'bytes'),
    figure('in the topic, an event, published in bulk', footprint.topicBytesPerEvent, 'bytes'),
    figure('in the topic, an event, while orders come in', live.topicBytes / live.events, 'bytes'),
    figure('in the read models, an order with its history', footprint.viewBytesPerOrder, 'bytes'),
    figure('in the read models, a trade', footprint.viewBytesPerTrade, 'bytes'),
    ...[live, embedded].flatMap(({ wal, succeeded }, index) => {
      const profile = index === 0 ? '' : ', embedded profile';
      return [
        figure(`written ahead by Postgres soon after a checkpoint, an order${profile}`, wal.bytes / succeeded, 'bytes'),
        figure(`  of that, whole pages${profile}`, wal.wholePages / succeeded, 'pages'),
      ];
    }),
    ...Object.entries(live.cpuSecPerOrder)
      .filter(([name]) => name !== 'load generator' && name !== 'others')
      .map(([name, cpuSec]) => figure(`CPU of ${name}, an order`, cpuSec * MICROSECONDS, 'µs')),
    ...Object.entries(embedded.cpuSecPerOrder)
      .filter(([name]) => name === 'standalone' || name === 'Postgres')
      .map(([name, cpuSec]) => figure(`CPU of ${name}, an order, embedded profile`, cpuSec * MICROSECONDS, 'µs')),
  ],
  costs: [],
});
