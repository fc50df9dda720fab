import type { BenchAccount } from './accounts';
import { type LoadGenerator, type LoadResult, turnOf } from './load';
import { Meter, OTHERS, type Reading, spent, type Watched } from './meter';
import type { ProcessCosts } from './report';
import { checkStatuses, type LoadShape, type Scale } from './stage';
import type { Share } from './market';
import { headOf, settle, type Store } from './store';

/** A deployment of the software that takes orders, of one process or of many. */
export interface Site {
  /** `standalone`, `1 command` */
  readonly name: string;
  readonly store: Store;
  readonly commandOrigins: readonly string[];
  readonly queryOrigin: string;
  /** Of the software and of the servers that it uses, without Postgres. */
  readonly processes: readonly Watched[];
  /** Where events travel through a topic. */
  readonly topicBytes?: () => Promise<number>;
}

export interface SiteRun extends LoadResult {
  /** Answers with status 200. */
  readonly perSec: number;
  /** How far the read models were behind when the last answer came. */
  readonly behindEvents: number;
  /** Events that the load has brought into the log. */
  readonly events: number;
  /** What Postgres has written ahead for them: log and read models. */
  readonly wal: Wal;
  /** What the topic has grown by. */
  readonly topicBytes: number;
  readonly costs: ProcessCosts;
  /** CPU seconds by process for one order, from the request until it was projected. */
  readonly cpuSecPerOrder: Reading;
}

/** Written ahead. The first change of a page after a checkpoint writes the whole page of 8 kB. */
interface Wal {
  readonly bytes: number;
  readonly wholePages: number;
}

/** What every load needs. */
export interface LoadContext {
  readonly generator: LoadGenerator;
  readonly scale: Scale;
  readonly accounts: readonly BenchAccount[];
  readonly shares: readonly Share[];
}

/**
 * Sends a load for as long as the scale says, after one that warms up: compilers, and in each process that takes orders
 * what it keeps of each account, whose first order reads its history. The slower the machine, the more a warm-up by time
 * alone would leave of that to be measured.
 * @param meanwhile runs at the beginning of the measured part, `afterwards` as soon as the last answer has come.
 */
export const runAt = async (
  { generator, scale }: LoadContext,
  site: Site,
  of: string,
  load: LoadShape,
  { meanwhile, afterwards }: { meanwhile?: () => Promise<void>; afterwards?: () => Promise<void> } = {},
): Promise<SiteRun> => {
  const { store } = site;
  const meter = new Meter([
    ...site.processes,
    { name: 'Postgres', pid: store.pid, family: true },
    { name: 'load generator', pid: generator.pid },
  ]);
  const { connections, requests } = load;
  for (const origin of site.commandOrigins)
    await generator.ask({
      origins: [origin],
      connections,
      requests,
      durationMs: scale.warmUpMs / site.commandOrigins.length,
      atLeast: turnOf(requests),
    });
  await settle(store);
  const topicBytes = async (): Promise<number> => (await site.topicBytes?.()) ?? 0;
  const [headBefore, walBefore, topicBefore] = [await headOf(store), await walOf(store), await topicBytes()];
  const before = meter.read();
  const [result] = await Promise.all([
    generator.ask({ ...load, origins: site.commandOrigins, durationMs: scale.durationMs }),
    meanwhile?.(),
  ]);
  const answered = meter.read();
  await afterwards?.();
  checkStatuses(`${site.name}, ${of}`, result);
  const { behindEvents } = await settle(store);
  const projected = meter.read();

  const wal = await walOf(store);
  const { succeeded, durationMs } = result;
  const inAll = spent(before, projected);
  const during = spent(before, answered);
  return {
    ...result,
    perSec: succeeded / (durationMs / 1_000),
    behindEvents,
    events: (await headOf(store)) - headBefore,
    wal: { bytes: wal.bytes - walBefore.bytes, wholePages: wal.wholePages - walBefore.wholePages },
    topicBytes: (await topicBytes()) - topicBefore,
    cpuSecPerOrder: Object.fromEntries(Object.entries(inAll).map(([name, cpuSec]) => [name, cpuSec / succeeded])),
    costs: {
      of: `${site.name}, ${of}`,
      seconds: durationMs / 1_000,
      units: succeeded,
      processes: Object.entries(during).map(([name, cpuSec]) => processCost(meter, name, cpuSec, inAll)),
    },
  };
};

const processCost = (meter: Meter, name: string, cpuSec: number, inAll: Reading) => {
  const rssMb = meter.rssMb(name);
  const unitsCpuSec = name === OTHERS ? undefined : inAll[name];
  return { name, cpuSec, ...(unitsCpuSec !== undefined && { unitsCpuSec }), ...(rssMb !== undefined && { rssMb }) };
};

/** Postgres counts the whole pages of a session up to ten seconds late: a few may be missing. */
const walOf = async ({ client }: Store): Promise<Wal> => {
  const { rows } = await client.query<{ bytes: string; whole_pages: string }>(
    "select pg_current_wal_lsn() - '0/0' as bytes, wal_fpi as whole_pages from pg_stat_wal",
  );
  return { bytes: Number(rows[0]?.bytes), wholePages: Number(rows[0]?.whole_pages) };
};
