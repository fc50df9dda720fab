import type { BenchAccount } from '../accounts';
import { figure, type Measure, ratio } from '../report';
import type { LoadShape, Stage } from '../stage';
import { settle } from '../store';

const CONNECTIONS = 64;
const LINES_PER_BATCH = 20;

const orders = (
  { shares }: Stage,
  accounts: readonly BenchAccount[],
  linesPerRequest: number,
): LoadShape['requests'] => ({ kind: 'orders', shares, accounts, linesPerRequest });

/** One order per request, many accounts, beside one bare insert per request. */
export const writeSingle = async (stage: Stage): Promise<Measure & { readonly perSec: number }> => {
  const load = { connections: CONNECTIONS, requests: orders(stage, stage.accounts, 1) };
  const ceiling = await stage.run('bare insert', stage.bare, load);
  const ours = await stage.run('64 connections', stage.command, load);
  const after = await settle(stage.store);
  const alone = await stage.run('1 connection', stage.command, { ...load, connections: 1 });
  return {
    name: 'write-single',
    title: 'POST /v2/orders, 1,000 accounts',
    perSec: ours.perSec,
    figures: [
      figure('orders, 64 connections', ours.perSec, '/s', { atLeast: 3_000 }),
      figure('p50, 64 connections', ours.latencies.p50Ms, 'ms'),
      figure('p99, 64 connections', ours.latencies.p99Ms, 'ms'),
      figure('bare inserts, 64 connections', ceiling.perSec, '/s'),
      figure('p99 of bare inserts', ceiling.latencies.p99Ms, 'ms'),
      ratio('ratio to bare inserts', ours.perSec, ceiling.perSec, { atLeast: 0.3 }),
      figure('p50, 1 connection', alone.latencies.p50Ms, 'ms'),
      figure('p99, 1 connection', alone.latencies.p99Ms, 'ms', { atMost: 5 }),
      figure('read models behind at the end', after.behindEvents, 'events'),
    ],
    costs: [ceiling.cost, ours.cost, alone.cost],
  };
};

/** Twenty lines per request. */
export const writeBatch = async (stage: Stage): Promise<Measure> => {
  const ours = await stage.run('64 connections', stage.command, {
    connections: CONNECTIONS,
    requests: orders(stage, stage.accounts, LINES_PER_BATCH),
  });
  const after = await settle(stage.store);
  return {
    name: 'write-batch',
    title: 'POST /v2/orders/multi, 20 lines, 1,000 accounts',
    figures: [
      figure('lines', ours.perSec * LINES_PER_BATCH, '/s', { atLeast: 10_000 }),
      figure('p50 of a request', ours.latencies.p50Ms, 'ms'),
      figure('p99 of a request', ours.latencies.p99Ms, 'ms'),
      figure('read models behind at the end', after.behindEvents, 'events'),
    ],
    costs: [ours.cost],
  };
};

/** One order per request, all for one account, whose margin allows no two decisions at once. */
export const writeHot = async (stage: Stage): Promise<Measure> => {
  const ours = await stage.run('64 connections', stage.command, {
    connections: CONNECTIONS,
    requests: orders(stage, stage.accounts.slice(0, 1), 1),
  });
  const after = await settle(stage.store);
  return {
    name: 'write-hot',
    title: 'POST /v2/orders, one account',
    figures: [
      figure('orders', ours.perSec, '/s', { atLeast: 1_500 }),
      figure('p50', ours.latencies.p50Ms, 'ms'),
      figure('p99', ours.latencies.p99Ms, 'ms'),
      figure('read models behind at the end', after.behindEvents, 'events'),
    ],
    costs: [ours.cost],
  };
};
