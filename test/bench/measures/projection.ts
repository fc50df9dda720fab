import { setTimeout as sleep } from 'node:timers/promises';
import { type ContentHashes, contentHashes } from '#read-models/content-hash';
import { VIEWS } from '#read-models/database';
import { type App, startApp } from '../app';
import type { Cleanup } from '../cleanup';
import type { Engine } from '../engines';
import { Meter, type Reading, spent, type Watched } from '../meter';
import { emptyReadModels, EventCount, type Standing, standing } from '../read-models';
import { figure, type Measure, type ProcessCosts, ratio } from '../report';
import { calm, headOf, type Store } from '../store';
import type { Topic } from '../topic';

const POLL_MS = 15;
/** Whatever is being filled stands still when it takes longer. */
const TIMEOUT_MS = 240_000;
/** As the relay calls its checkpoint. */
const CHECKPOINT = 'coordinator.events';

/** Where the events of one log are published to, and what is used for it. */
export interface Transport {
  readonly kafka: Engine;
  readonly topic: Topic;
  /** Of the topic. */
  readonly partitions: number;
}

export const variablesOf = ({ kafka, partitions }: Transport): Readonly<Record<string, string>> => ({
  KAFKA_BROKERS: kafka.address,
  EVENT_PARTITIONS: String(partitions),
});

/** What went through something, at which pace, at which cost. */
export interface Passage {
  readonly name: string;
  /** Events that count: what had passed when the counting began is left out. */
  readonly events: number;
  readonly perSec: number;
  readonly costs: ProcessCosts;
}

export interface Projected extends Passage {
  readonly hashes: ContentHashes;
}

/** Publishes the whole log to an empty topic. */
export const relayAll = async (cleanup: Cleanup, store: Store, transport: Transport): Promise<Passage> => {
  const head = await headOf(store);
  const name = 'relay to Kafka';
  const app = await start(cleanup, store, 'relay', 'relay', transport);
  const meter = new Meter(watch(store, transport, [app]));
  let begun: Begun | undefined;
  await until(name, async () => {
    const position = await published(store);
    // Positions of the log have no gaps: a position is a number of events.
    if (begun === undefined && position > 0)
      begun = { events: position, atMs: performance.now(), reading: meter.read() };
    return position >= head;
  });
  const passage = passed(name, meter, begun, head);
  await app.stop();
  return passage;
};

/**
 * Projects the whole log into empty read models, from the log itself or through Kafka, by so many processes. What
 * counts is what they do together: from the moment at which all of them share the partitions, if any is left by then.
 */
export const projectAll = async (
  cleanup: Cleanup,
  store: Store,
  transport: Transport | undefined,
  processes: number,
): Promise<Projected> => {
  const name =
    transport === undefined
      ? 'from the log'
      : `through Kafka, ${String(processes)} ${processes === 1 ? 'process' : 'processes'}`;
  const partitions = transport?.partitions ?? 1;
  await emptyReadModels(store.client);
  await transport?.topic.forgetOffsets();
  await calm(store);
  const head = await headOf(store);
  const count = await EventCount.of(store.client, partitions);

  // All at once: those that share partitions find each other early.
  const names = Array.from({ length: processes }, (_, index) => `projector ${String(index + 1)}`);
  const apps = await Promise.all(names.map((each) => start(cleanup, store, 'projector', each, transport)));
  const meter = new Meter(watch(store, transport, apps));
  let first: Begun | undefined;
  let shared: Begun | undefined;
  const begin = (at: Standing): Begun => ({ events: count.behind(at), atMs: at.atMs, reading: meter.read() });
  await until(name, async () => {
    const isShared = processes > 1 && shared === undefined && (await transport?.topic.isSharedBy(processes)) === true;
    const now = await standing(store.client, partitions);
    if (now.positions.length === 0) return false;
    const isDone = Math.min(...now.positions) >= head;
    if (first === undefined && Math.max(...now.positions) > 0) first = begin(now);
    if (isShared && first !== undefined && !isDone) shared = begin(now);
    return isDone;
  });
  const passage = passed(name, meter, shared ?? first, count.total);
  await expectNoGaps(apps);
  await Promise.all(apps.map((app) => app.stop()));
  return { ...passage, hashes: await contentHashes(store.client) };
};

interface Begun {
  readonly events: number;
  readonly atMs: number;
  readonly reading: Reading;
}

const passed = (name: string, meter: Meter, begun: Begun | undefined, total: number): Passage => {
  if (begun === undefined) throw new Error(`${name}: there was nothing to pass on`);
  const seconds = (performance.now() - begun.atMs) / 1_000;
  const events = total - begun.events;
  const processes = Object.entries(spent(begun.reading, meter.read())).map(([process, cpuSec]) => {
    const rssMb = meter.rssMb(process);
    return { name: process, cpuSec, ...(rssMb !== undefined && { rssMb }) };
  });
  return { name, events, perSec: events / seconds, costs: { of: name, seconds, units: events, processes } };
};

const watch = (store: Store, transport: Transport | undefined, apps: readonly App[]): readonly Watched[] => [
  ...apps,
  ...(transport === undefined ? [] : [transport.kafka]),
  { name: 'Postgres', pid: store.pid, family: true },
];

const start = (
  cleanup: Cleanup,
  { folder, url }: Store,
  app: 'projector' | 'relay',
  name: string,
  transport: Transport | undefined,
): Promise<App> =>
  startApp(cleanup, {
    app,
    name,
    folder,
    databaseUrl: url,
    ports: [`${app.toUpperCase()}_PORT`],
    ...(transport && { environment: variablesOf(transport) }),
  });

const until = async (what: string, isDone: () => Promise<boolean>): Promise<void> => {
  const giveUpAt = performance.now() + TIMEOUT_MS;
  while (!(await isDone())) {
    if (performance.now() > giveUpAt) throw new Error(`${what} did not end within ${String(TIMEOUT_MS / 1_000)} s`);
    await sleep(POLL_MS);
  }
};

const published = async ({ client }: Store): Promise<number> => {
  // The relay makes the table at its start.
  const { rows: tables } = await client.query<{ there: boolean }>(
    "select to_regclass('relay_positions') is not null as there",
  );
  if (tables[0]?.there !== true) return 0;
  const { rows } = await client.query<{ position: string }>('select position from relay_positions where name = $1', [
    CHECKPOINT,
  ]);
  return Number(rows[0]?.position ?? 0);
};

/** What a projector reads from the log because the topic has a gap would pass for having come through Kafka. */
const expectNoGaps = async (apps: readonly App[]): Promise<void> => {
  for (const app of apps) {
    const { name, origins } = app;
    await app.ready(); // a short log is projected before all that started are ready
    const response = await fetch(`${origins[0] ?? ''}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const gaps = /^coordinator_projection_gaps_total (\d+)$/m.exec(await response.text())?.[1];
    if (gaps === undefined) throw new Error(`${name} does not tell how many gaps it met`);
    if (gaps !== '0') throw new Error(`${name} met ${gaps} gaps in the topic and read from the log instead`);
  }
};

/** The report on passages through one topic of one log. */
export const projectionMeasure = (relay: Passage, direct: Projected, throughKafka: readonly Projected[]): Measure => {
  const runs = [direct, ...throughKafka];
  const differing = VIEWS.filter((view) => runs.some(({ hashes }) => hashes[view].hash !== direct.hashes[view].hash));
  return {
    name: 'projection',
    title: 'All events of the log into empty read models',
    figures: [
      figure('published by the relay', relay.perSec, 'events/s'),
      figure('projected from the log', direct.perSec, 'events/s'),
      ...throughKafka.flatMap(({ name, perSec }, index) => [
        figure(`projected ${name}`, perSec, 'events/s'),
        index === 0
          ? ratio(`ratio ${name}, to direct`, perSec, direct.perSec, { atLeast: 0.5 })
          : figure(`ratio ${name}, to direct`, perSec / direct.perSec, ''),
      ]),
      figure('views whose content hashes differ', differing.length, '', { atMost: 0 }),
    ],
    costs: [],
    processCosts: [relay.costs, ...runs.map(({ costs }) => costs)],
    notes: [
      `events behind these figures: ${[relay, ...runs].map(({ name, events }) => `${name}: ${String(events)}`).join(', ')}`,
      differing.length === 0
        ? `the read models of all ${String(runs.length)} runs are equal by content hash: ${hashesOf(direct)}`
        : `the read models differ in ${differing.join(', ')}: ${runs.map((run) => `${run.name}: ${hashesOf(run)}`).join('; ')}`,
    ],
  };
};

const hashesOf = ({ hashes }: Projected): string =>
  VIEWS.map((view) => `${view} ${hashes[view].hash.slice(0, 8)} (${String(hashes[view].rows)} rows)`).join(', ');
