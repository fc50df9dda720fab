/**
 * Many processes that together are one Coordinator, on engines of their own: each part may be killed and brought back by
 * name while clients go on asking whoever is there.
 */
import { join } from 'node:path';
import type { EventLog } from '#event-log/event-log';
import { openEventLog, type OpenEventLogOptions } from '#event-log/event-log.module';
import { partitioner } from '#messaging/topic';
import type { RunningProcess } from '#platform/running-process';
import type { RebuildOptions } from '#read-models/rebuild';
import { AppProcess, type Ended } from './app-process';
import { type Credentials, Deployment, jsonIn, partOf } from './deployment';
import { type EventStoreDouble, startEventStoreDouble } from './eventstore-double/start';
import { OwnKafka } from './kafka';
import { OwnPostgres } from './own-postgres';
import { OwnRedis } from './redis';
import { makeDataDir, removeDataDir } from './workspace';

export type App = 'command' | 'projector' | 'query' | 'relay';

export interface FleetPlan {
  /** How many processes of each app. */
  readonly processes: Readonly<Record<App, number>>;
  /** The double of EventStoreDB holds the log, not Postgres. */
  readonly eventStore?: boolean;
  /** Events travel through Kafka, which needs relays. */
  readonly kafka?: boolean;
  readonly redis?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Two of everything on everything: Kafka and Redis must be installed. */
export const DISTRIBUTED: FleetPlan = {
  processes: { command: 2, projector: 2, query: 2, relay: 2 },
  eventStore: true,
  kafka: true,
  redis: true,
};

const PARTITIONS = 12;
const TRADER = { email: 'asha@example.com', password: 'correct horse battery' };

/** One process of the fleet, and where it listens while it runs. */
export class Member {
  url: string | undefined;

  constructor(
    readonly app: App,
    /** `command 1` */
    readonly name: string,
    private readonly process: AppProcess,
  ) {}

  get isRunning(): boolean {
    return this.process.isRunning;
  }

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    this.url = await this.process.start(urlIn);
  }

  async kill(): Promise<void> {
    this.url = undefined;
    await this.process.kill();
  }

  /** Starts it and takes it away again so much later, wherever it is by then. */
  startAndKill(afterMs: number): Promise<void> {
    return this.process.startAndKill(afterMs);
  }

  async stop(signal: 'SIGTERM' | 'SIGINT'): Promise<Ended> {
    const ended = await this.process.stop(signal);
    this.url = undefined;
    return ended;
  }

  running(): RunningProcess | undefined {
    return this.process.running();
  }

  /** What one of its metrics says, `undefined` when it does not say it or does not answer. */
  async metric(line: string): Promise<number | undefined> {
    if (this.url === undefined) return undefined;
    const response = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const found = (await response.text()).split('\n').find((text) => text.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.slice(line.length + 1));
  }
}

export class Fleet extends Deployment {
  credentials: Credentials = { ...TRADER, apiKey: '', accountId: '' };
  readonly postgres: OwnPostgres;
  readonly kafka: OwnKafka | undefined;
  readonly redis: OwnRedis | undefined;
  private double: EventStoreDouble | undefined;
  private isDoubleRunning = false;
  private crew: readonly Member[] = [];
  private readonly dataDir = makeDataDir();

  constructor(private readonly plan: FleetPlan) {
    super();
    this.postgres = new OwnPostgres(join(this.dataDir, 'postgres'));
    this.kafka = plan.kafka === true ? new OwnKafka() : undefined;
    this.redis = plan.redis === true ? new OwnRedis() : undefined;
  }

  /** The engines first; then all processes at once, as after a power cut. */
  async start(): Promise<void> {
    if (this.crew.length === 0) this.crew = await this.recruit();
    await Promise.all(this.crew.filter(({ isRunning }) => !isRunning).map((member) => member.start()));
    if (this.credentials.apiKey === '') this.credentials = await this.register();
  }

  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<Ended> {
    const running = this.crew.filter(({ isRunning }) => isRunning);
    const ended = await Promise.all(running.map((member) => member.stop(signal)));
    return {
      exitCode: ended.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0,
      signal: ended.find((one) => one.signal !== null)?.signal ?? null,
      stdout: ended.map(({ stdout }) => stdout).join(''),
      stderr: ended.map(({ stderr }) => stderr).join(''),
    };
  }

  async kill(): Promise<void> {
    await Promise.all(this.crew.filter(({ isRunning }) => isRunning).map((member) => member.kill()));
  }

  async dispose(): Promise<void> {
    const left = await Promise.allSettled([this.kill()]);
    left.push(
      ...(await Promise.allSettled([
        this.postgres.stop(),
        this.double?.stop(),
        this.kafka?.remove(),
        this.redis?.remove(),
      ])),
    );
    removeDataDir(this.dataDir);
    const failures = left.filter(({ status }) => status === 'rejected');
    if (failures.length > 0) throw new AggregateError(failures, 'the fleet did not end in order');
  }

  family(): readonly RunningProcess[] {
    return this.crew.map((member) => member.running()).filter((running) => running !== undefined);
  }

  members(app?: App): readonly Member[] {
    return app === undefined ? this.crew : this.crew.filter((member) => member.app === app);
  }

  /** The relay that publishes, once there is one. */
  async leadingRelay(): Promise<Member | undefined> {
    for (const member of this.members('relay'))
      if ((await member.metric('coordinator_lease_held{lease="relay"}')) === 1) return member;
    return undefined;
  }

  commandUrls(): readonly string[] {
    return this.urlsOf('command');
  }

  queryUrls(): readonly string[] {
    return this.urlsOf('query');
  }

  databaseUrl(): Promise<string> {
    return Promise.resolve(this.postgres.url);
  }

  async killEventStore(): Promise<void> {
    await this.eventStore.kill();
    this.isDoubleRunning = false;
  }

  async startEventStore(): Promise<void> {
    if (!this.isDoubleRunning) await this.eventStore.restart();
    this.isDoubleRunning = true;
  }

  protected openLog(): Promise<EventLog> {
    const options: OpenEventLogOptions = { databaseUrl: this.postgres.url, eventStoreUrl: this.double?.url };
    return Promise.resolve(openEventLog(options));
  }

  protected rebuildOptions(): Promise<RebuildOptions> {
    return Promise.resolve(
      this.kafka === undefined ? {} : { partitions: PARTITIONS, partitionOf: partitioner(PARTITIONS) },
    );
  }

  private get eventStore(): EventStoreDouble {
    if (this.double === undefined) throw new Error('this fleet has no event store of its own');
    return this.double;
  }

  private urlsOf(app: App): readonly string[] {
    return this.members(app)
      .map(({ url }) => url)
      .filter((url) => url !== undefined);
  }

  private async recruit(): Promise<readonly Member[]> {
    const { eventStore, processes, environment = {} } = this.plan;
    const file = join(this.dataDir, '../eventstore-double.log');
    await Promise.all([
      eventStore === true ? this.openDouble(file) : undefined,
      this.postgres.start(),
      this.kafka?.start(),
      this.redis?.start(),
    ]);
    const { double } = this;
    const settings = {
      LOG_LEVEL: 'info',
      COMMAND_PORT: '0',
      QUERY_PORT: '0',
      PROJECTOR_PORT: '0',
      RELAY_PORT: '0',
      DATABASE_URL: this.postgres.url,
      EVENT_PARTITIONS: String(PARTITIONS),
      JWT_SECRET: 'a secret that all processes of this fleet share',
      ...(double !== undefined && { EVENTSTORE_URL: double.url }),
      ...(this.kafka !== undefined && { KAFKA_BROKERS: this.kafka.brokers }),
      ...(this.redis !== undefined && { REDIS_URL: this.redis.url }),
      ...environment,
    };
    const crewOf = (app: App): readonly Member[] =>
      Array.from(
        { length: processes[app] },
        (_, at) => new Member(app, `${app} ${String(at + 1)}`, new AppProcess(app, settings)),
      );
    return [...crewOf('projector'), ...crewOf('relay'), ...crewOf('query'), ...crewOf('command')];
  }

  private async openDouble(file: string): Promise<void> {
    this.double = await startEventStoreDouble({ file });
    this.isDoubleRunning = true;
  }

  private async register(): Promise<Credentials> {
    const { status, text, body } = await this.command('POST', '/auth/register', {
      headers: { 'X-Api-Key': '' },
      body: TRADER,
    });
    const [apiKey, accountId] = [partOf(body, 'apiKey'), partOf(body, 'accountId')];
    if (typeof apiKey !== 'string' || typeof accountId !== 'string')
      throw new Error(`nobody could be registered: ${String(status)} ${text}`);
    return { ...TRADER, apiKey, accountId };
  }
}

/** A process that is ready says so in one line of its log, with where it listens. */
const urlIn = (stdout: string): string | undefined => {
  for (const line of stdout.split('\n')) {
    const url = partOf(jsonIn(line), 'url');
    if (typeof url === 'string') return url;
  }
  return undefined;
};
