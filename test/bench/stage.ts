import { Client } from 'pg';
import type { BenchAccount } from './accounts';
import { startBareServer } from './ceilings';
import type { Cleanup } from './cleanup';
import type { BrokerName } from '#brokers/client';
import { type Load, type LoadGenerator, type LoadResult, startLoadGenerator, turnOf } from './load';
import type { Share } from './market';
import { familyCpuSec, machineCpuSec, usageOf } from './processes';
import type { Cost } from './report';
import { startStandalone } from './standalone';
import { settle, type Store } from './store';

/** How much is measured. */
export interface Scale {
  readonly orders: number;
  readonly accounts: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export const FULL: Scale = { orders: 200_000, accounts: 1_000, warmUpMs: 5_000, durationMs: 12_000 };
export const QUICK: Scale = { orders: 20_000, accounts: 1_000, warmUpMs: 2_000, durationMs: 3_000 };

/** Who serves a load: an app of the software, or the bare server beside it. */
interface Server {
  readonly pid: number;
  readonly origin: string;
}

/** What a load came to, and what it cost. */
export interface Run extends LoadResult {
  /** Answers with status 200. */
  readonly perSec: number;
  readonly cost: Cost;
}

/** Everything that the measures of served requests need. */
export interface Stage {
  readonly scale: Scale;
  readonly store: Store;
  readonly accounts: readonly BenchAccount[];
  readonly shares: readonly Share[];
  readonly command: Server;
  readonly query: Server;
  readonly bare: Server;
  readonly generator: LoadGenerator;
  /** From the start of the software's process until it was ready. */
  readonly startSeconds: number;
  /**
   * Sends a load for as long as the scale says, after a shorter one that warms up caches and compilers.
   * @param of what the cost is called in the report
   * @param meanwhile runs beside the measured part of the load
   */
  run(of: string, server: Server, load: LoadShape, meanwhile?: () => Promise<void>): Promise<Run>;
}

/** A load without what the stage knows itself. */
export type LoadShape = Omit<Load, 'origins' | 'durationMs'>;

/** Of a load, this share of the answers may be no success before the figure is no figure any more. */
const FAILED_SHARE_MAX = 0.001;

/** @param brokerUrls where the software is to find its brokers; absent: nobody is connected to any. */
export const openStage = async (
  cleanup: Cleanup,
  given: Pick<Stage, 'scale' | 'store' | 'accounts' | 'shares'>,
  brokerUrls?: Readonly<Record<BrokerName, string>>,
): Promise<Stage> => {
  const { scale, store } = given;
  const standalone = await startStandalone(cleanup, store.folder, store.url, brokerUrls);
  const generator = startLoadGenerator();
  cleanup.add(() => generator.stop());
  const bare = startBareServer();
  cleanup.add(() => bare.stop());
  await createBareTable(store.ceilingUrl);
  const { origin } = await bare.ask({ insertUrl: store.ceilingUrl, readUrl: store.url });

  const cpuNow = (server: Server) => ({
    server: usageOf(server.pid)?.cpuSec,
    postgres: familyCpuSec(store.pid),
    generator: usageOf(generator.pid)?.cpuSec,
    machine: machineCpuSec(),
  });

  const send = (server: Server, load: LoadShape, durationMs: number): Promise<LoadResult> =>
    generator.ask({ ...load, origins: [server.origin], durationMs });

  return {
    ...given,
    command: { pid: standalone.pid, origin: standalone.commandOrigin },
    query: { pid: standalone.pid, origin: standalone.queryOrigin },
    bare: { pid: bare.pid, origin },
    generator,
    startSeconds: standalone.startSeconds,
    run: async (of, server, load, meanwhile) => {
      // The first order of an account reads its history: that, too, is warmed up, however slow the machine is.
      await send(server, { ...load, atLeast: turnOf(load.requests) }, scale.warmUpMs);
      await settle(store);
      const before = cpuNow(server);
      const [result] = await Promise.all([send(server, load, scale.durationMs), meanwhile?.()]);
      const after = cpuNow(server);
      checkStatuses(of, result);
      const seconds = result.durationMs / 1_000;
      return {
        ...result,
        perSec: result.succeeded / seconds,
        cost: costOf(of, seconds, result.succeeded, before, after, server),
      };
    },
  };
};

const createBareTable = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`
      create table bare_orders (
        id uuid primary key,
        symbol text not null,
        side text not null,
        quantity integer not null,
        created_at timestamptz not null default now()
      )`);
  } finally {
    await client.end();
  }
};

/** @throws Error when too many answers were no success: then their pace says nothing. */
export const checkStatuses = (of: string, { statuses, succeeded, failure = '' }: LoadResult): void => {
  const answers = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  if (answers - succeeded > answers * FAILED_SHARE_MAX)
    throw new Error(`${of}: too many answers were no success: ${JSON.stringify(statuses)} ${failure}`);
};

interface Cpu {
  readonly server: number | undefined;
  readonly postgres: number | undefined;
  readonly generator: number | undefined;
  readonly machine: number;
}

const costOf = (of: string, seconds: number, units: number, before: Cpu, after: Cpu, { pid }: Server): Cost => {
  const spent = (name: 'server' | 'postgres' | 'generator'): number | undefined => {
    const [from, to] = [before[name], after[name]];
    return from === undefined || to === undefined ? undefined : to - from;
  };
  const [serverCpuSec, postgresCpuSec, generatorCpuSec] = [spent('server'), spent('postgres'), spent('generator')];
  if (serverCpuSec === undefined || postgresCpuSec === undefined || generatorCpuSec === undefined)
    return { of, seconds, units };
  const otherCpuSec = after.machine - before.machine - serverCpuSec - postgresCpuSec - generatorCpuSec;
  const rssBytes = usageOf(pid)?.rssBytes;
  return {
    of,
    seconds,
    units,
    serverCpuSec,
    postgresCpuSec,
    generatorCpuSec,
    otherCpuSec: Math.max(0, otherCpuSec),
    ...(rssBytes !== undefined && { serverRssMb: Math.round(rssBytes / 2 ** 20) }),
  };
};
