import { setTimeout as sleep } from 'node:timers/promises';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { type BenchAccount, newAccounts, storeUsers } from '../accounts';
import type { DispatchTimes, RecordedRequest, Seat } from '../load';
import type { Market } from '../market';
import { orderFor, recordPlace } from '../recorded';
import { Meter, spent } from '../meter';
import { figure, type Measure, type ProcessCosts, ratio } from '../report';
import type { Simulator } from '../simulator';
import { runAt, type Site, type SiteRun } from '../site';
import type { Stage } from '../stage';
import { settle } from '../store';

const CONNECTIONS = 64;
const STEADY_PER_SEC = 500;
/** At a steady pace nobody waits for a free connection, unless answers take half a second. */
const STEADY_CONNECTIONS = 250;

/**
 * Each has an account with all four brokers. Of a connection's ten orders a second eight may open something, and Fyers
 * takes 200 calls a minute whatever they are: with so many, none waits for its turn.
 */
const TRADERS = 64;
const CONNECTED_AT_ONCE = 8;
const RECORDED_PER_BROKER = 8;
const ANSWER_TIMEOUT_MS = 30_000;
const FEEDS_TIMEOUT_MS = 60_000;

/** From a request until its order is at a broker, beside the same simulated brokers without anybody in between. */
export const dispatch = async (stage: Stage, simulator: Simulator, market: Market): Promise<Measure> => {
  const { store, shares, command, query, scale, accounts, generator } = stage;
  const context = { generator, scale, accounts, shares };
  const watched = { name: 'broker-sim', pid: simulator.pid };
  const direct: Site = {
    name: 'straight to the brokers',
    store,
    commandOrigins: BROKER_NAMES.map((name) => simulator.brokerUrls[name]),
    queryOrigin: query.origin,
    processes: [watched],
  };
  const ours: Site = {
    ...direct,
    name: 'standalone',
    commandOrigins: [command.origin],
    processes: [{ name: 'standalone', pid: command.pid }, watched],
  };

  // First, while nobody is connected: what follows orders would take part in it.
  const recorded = { kind: 'recorded', requests: await recordRequests(stage, simulator, market) } as const;
  const saturated = `${String(CONNECTIONS)} connections`;
  const steady = `${String(STEADY_PER_SEC)} orders/s`;
  const ceiling = await runAt(context, direct, saturated, { connections: CONNECTIONS, requests: recorded });
  const near = await runAt(context, direct, steady, {
    connections: STEADY_CONNECTIONS,
    arrivalsPerSec: STEADY_PER_SEC,
    requests: recorded,
  });

  const traders = await connectTraders(stage, simulator);
  const idle = await costOfRest(ours, scale.durationMs, traders.seats.length);
  const requests = { kind: 'dispatch', shares, seats: traders.seats } as const;
  const alone = await runAt(context, ours, '1 connection', { connections: 1, requests });
  const even = await runAt(context, ours, steady, {
    connections: STEADY_CONNECTIONS,
    arrivalsPerSec: STEADY_PER_SEC,
    requests,
  });
  const full = await runAt(context, ours, saturated, { connections: CONNECTIONS, requests });
  const { taken, held } = await compare(stage, simulator, traders);

  const [inAlone, inEven, inFull] = [timesOf(alone), timesOf(even), timesOf(full)];
  return {
    name: 'dispatch',
    title: 'POST /v2/orders to four simulated brokers',
    figures: [
      figure(`orders at ${steady}`, even.perSec, '/s', { atLeast: STEADY_PER_SEC * 0.98 }),
      figure(`p50 without the broker's call, ${steady}`, inEven.rest.p50Ms, 'ms'),
      figure(`p99 without the broker's call, ${steady}`, inEven.rest.p99Ms, 'ms', { atMost: 5 }),
      figure(`p50 of the broker's call, ${steady}`, inEven.broker.p50Ms, 'ms'),
      figure(`p99 of the broker's call, ${steady}`, inEven.broker.p99Ms, 'ms'),
      figure(`p50 of an answer, ${steady}`, even.latencies.p50Ms, 'ms'),
      figure(`p99 of an answer, ${steady}`, even.latencies.p99Ms, 'ms'),
      figure(`p50 straight to the brokers, ${steady}`, near.latencies.p50Ms, 'ms'),
      figure(`p99 straight to the brokers, ${steady}`, near.latencies.p99Ms, 'ms'),
      figure("p50 without the broker's call, 1 connection", inAlone.rest.p50Ms, 'ms'),
      figure("p99 without the broker's call, 1 connection", inAlone.rest.p99Ms, 'ms'),
      figure("p50 of the broker's call, 1 connection", inAlone.broker.p50Ms, 'ms'),
      figure(`orders, ${saturated}`, full.perSec, '/s'),
      figure(`p99 without the broker's call, ${saturated}`, inFull.rest.p99Ms, 'ms'),
      figure(`orders straight to the brokers, ${saturated}`, ceiling.perSec, '/s'),
      ratio('ratio to straight', full.perSec, ceiling.perSec),
      figure('orders that were taken', taken, ''),
      figure('of these at no broker, or twice', Math.abs(taken - held), '', { atMost: 0 }),
    ],
    costs: [],
    processCosts: [ceiling.costs, near.costs, idle, alone.costs, even.costs, full.costs],
  };
};

const timesOf = ({ dispatch: times }: SiteRun): DispatchTimes => {
  if (times === undefined) throw new Error('nobody told how long the brokers took');
  return times;
};

/** What it takes to be connected, and nobody orders anything. */
const costOfRest = async ({ store, processes }: Site, durationMs: number, units: number): Promise<ProcessCosts> => {
  const meter = new Meter([...processes, { name: 'Postgres', pid: store.pid, family: true }]);
  const before = meter.read();
  await sleep(durationMs);
  const taken = Object.entries(spent(before, meter.read()));
  return {
    of: `${String(units)} connections, no orders (a unit is a connection)`,
    seconds: durationMs / 1_000,
    units,
    processes: taken.map(([name, cpuSec]) => ({ name, cpuSec })),
  };
};

/** Clients of their own: the software would wonder about orders that are not its. */
const recordRequests = async (
  { shares }: Stage,
  simulator: Simulator,
  market: Market,
): Promise<readonly RecordedRequest[]> => {
  const requests: RecordedRequest[] = [];
  for (const broker of BROKER_NAMES)
    for (const share of shares.slice(0, RECORDED_PER_BROKER)) {
      const { credentials } = await simulator.newClient(broker);
      const text = await recordPlace(broker, market, credentials, orderFor(broker, market, share));
      requests.push({ origin: simulator.brokerUrls[broker], text });
    }
  return requests;
};

interface Traders {
  /** One broker after the other, so that no connection has its next turn soon. */
  readonly seats: readonly Seat[];
  readonly clientIds: Readonly<Record<BrokerName, ReadonlySet<string>>>;
}

/** Opens accounts with all brokers, by the way that everybody goes, and waits until their orders are followed. */
const connectTraders = async ({ store, command }: Stage, simulator: Simulator): Promise<Traders> => {
  const users = newAccounts(TRADERS);
  await storeUsers(store.client, users);
  const seats: Seat[] = [];
  const clientIds = {
    upstox: new Set<string>(),
    zerodha: new Set<string>(),
    fyers: new Set<string>(),
    angelone: new Set<string>(),
  };
  const connect = async ({ apiKey }: BenchAccount): Promise<void> => {
    for (const broker of BROKER_NAMES) {
      const { clientId, credentials } = await simulator.newClient(broker);
      const answer = await fetch(`${command.origin}/broker/connect`, {
        method: 'POST',
        headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
        body: JSON.stringify({ broker, credentials }),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`nobody could be connected to ${broker}: ${text}`);
      const { accountId } = JSON.parse(text) as { readonly accountId: string };
      seats.push({ apiKey, accountId, broker });
      clientIds[broker].add(clientId);
    }
  };
  const left = [...users];
  await Promise.all(
    Array.from({ length: CONNECTED_AT_ONCE }, async () => {
      for (let user = left.pop(); user !== undefined; user = left.pop()) await connect(user);
    }),
  );
  const startedAt = performance.now();
  while ((await simulator.openSockets()) < seats.length) {
    if (performance.now() - startedAt > FEEDS_TIMEOUT_MS) throw new Error('not all orders are followed in time');
    await sleep(50);
  }
  return { seats: BROKER_NAMES.flatMap((name) => seats.filter(({ broker }) => broker === name)), clientIds };
};

/** What the software has taken, and what the brokers hold of it. */
const compare = async (
  { store }: Stage,
  simulator: Simulator,
  { seats, clientIds }: Traders,
): Promise<{ readonly taken: number; readonly held: number }> => {
  await settle(store);
  const { rows } = await store.client.query<{ taken: string }>(
    `select count(*) as taken from read_model.orders where account_id = any($1) and broker_order_id is not null`,
    [[...new Set(seats.map(({ accountId }) => accountId))]],
  );
  const held = await Promise.all(BROKER_NAMES.map((name) => simulator.ordersOf(name, clientIds[name])));
  return { taken: Number(rows[0]?.taken), held: held.reduce((sum, count) => sum + count, 0) };
};
