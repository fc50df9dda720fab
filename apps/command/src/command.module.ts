import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DynamicModule,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { type DataSource, LessThanOrEqual } from 'typeorm';
import { adapters } from '#brokers/adapters';
import { BROKER_NAMES, type BrokerInstruments, type BrokerName } from '#brokers/client';
import type { SlidingWindows } from '#brokers/governor';
import { instrumentsOf } from '#brokers/broker-instruments';
import { LastPrices } from '#brokers/last-prices';
import { replayClock } from '#brokers/replay-clock';
import { PaperBroker } from '#brokers/paper/paper-broker';
import { PaperMarket } from '#brokers/paper/paper-market';
import { dailyLoads } from '#domain/instruments/daily-load';
import type { EventLog } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import type { Catalogue } from '#instruments/catalogue';
import type { StoredLoad } from '#instruments/store/instrument-store';
import { Health } from '#platform/health';
import { type HttpApp, startHttpApp } from '#platform/http';
import { HOT_STATE, type HotState } from '#platform/hot-state';
import { Lease } from '#platform/leases';
import { OPEN_ACCOUNT } from '#platform/identity';
import { counter, gauge, histogram } from '#platform/metrics';
import { type Platform, PlatformModule } from '#platform/platform.module';
import { credentialsKeysOf } from '#platform/config';
import { addWait } from '#platform/request-context';
import type { OnStop } from '#platform/run';
import { Vault } from '#platform/vault';
import { OpenWorkRow } from '#read-models/open-work/open-work-row';
import { PROJECTION, ProjectionPosition } from '#read-models/projection-positions/projection-position';
import { AccountOwners } from './account-owners';
import { AuthController } from './auth/auth.controller';
import { CancelManyHandler } from './cancel-many';
import { catchUp, NotCatchingUp } from './catch-up';
import { CancelOrderHandler, ReplaceOrderHandler } from './change-orders';
import { Connections } from './connections';
import { ADAPTERS, ConnectionsController } from './connections.controller';
import { EstimatesController } from './estimates.controller';
import type { OpenOrder } from './kill-switch';
import { LiveAccounts } from './live-accounts';
import { loadMarketData, type MarketData } from './market-data';
import { type ListedOrder, OpenOrders } from './open-orders';
import { OrdersController } from './orders.controller';
import { PlaceOrdersHandler } from './place-orders';
import { problemOfCommand } from './problems';
import type { OpenWork } from './recovery';
import { type Listed, PaperBook } from './paper-book';
import { RollCall } from './roll-call';
import { RoutingController } from './routing.controller';
import { Settings } from './settings';
import { SettingsController } from './settings.controller';
import { WriteSide } from './write-side';

/** How long the first pass of the recovery may hold up the start. */
const FIRST_PASS_MS = 5_000;

/** How long the to-do list is waited for at start before the recovery is left to the keeper's rounds. Others wait at the door. */
const CATCH_UP = { patienceMs: 30_000, limitMs: 60_000 };

const orderOutcomes = counter({
  name: 'coordinator_order_outcomes_total',
  help: 'What dispatches came to, by broker; `denied` by our own rules',
  labels: ['broker', 'outcome'],
});

const brokerAlarms = counter({
  name: 'coordinator_broker_alarms_total',
  help: 'What somebody should look at: duplicate, drift, missing, feed-down, reading-failed, listener-failed',
  labels: ['broker', 'kind'],
});

const brokerCallSeconds = histogram({
  name: 'coordinator_broker_call_seconds',
  help: 'One HTTP call to a broker until its answer was read, whatever it came to',
  labels: ['broker', 'operation'],
});

const ordersInDoubt = gauge({
  name: 'coordinator_orders_in_doubt',
  help: 'Orders for which nobody has answered for 15 seconds and more, as the process that looks after them has counted',
});

const backgroundFailures = counter({
  name: 'coordinator_background_failures_total',
  help: 'Work behind an answered request that failed and is tried again or left to the recovery',
});

export interface CommandStores {
  readonly log: EventLog;
  /** Of the Postgres that `Platform.dataSource` is connected to. */
  readonly databaseUrl: string;
}

/** The write side as an app: takes orders, changes them, listens to brokers. */
@Module({})
export class CommandModule {
  static forRoot(platform: Platform, stores: CommandStores, market: MarketData): DynamicModule {
    return {
      module: CommandModule,
      imports: [PlatformModule.forRoot(platform), CqrsModule.forRoot()],
      controllers: [
        OrdersController,
        EstimatesController,
        AuthController,
        ConnectionsController,
        RoutingController,
        SettingsController,
      ],
      providers: [
        { provide: Lease, useFactory: () => keeperLease(platform) },
        {
          provide: Connections,
          useFactory: (lease: Lease, hotState: HotState) =>
            connectionsOf(platform, stores, market, { windows: hotState, isKeeper: () => lease.isHeld() }),
          inject: [Lease, HOT_STATE],
        },
        {
          provide: WriteSide,
          useFactory: (lease: Lease, connections: Connections) =>
            writeSide(platform, stores, market, connections, () => lease.isHeld()),
          inject: [Lease, Connections],
        },
        {
          provide: LiveAccounts,
          useFactory: (side: WriteSide, connections: Connections) =>
            new LiveAccounts(side, connections, platform.identities),
          inject: [WriteSide, Connections],
        },
        { provide: Settings, useFactory: (side: WriteSide) => side.settings, inject: [WriteSide] },
        { provide: AccountOwners, useFactory: (side: WriteSide) => side.owners, inject: [WriteSide] },
        { provide: ADAPTERS, useValue: adapters },
        {
          provide: OPEN_ACCOUNT,
          useFactory: (side: WriteSide) => (userId: string) => side.openPaperAccount(userId),
          inject: [WriteSide],
        },
        {
          provide: WriteSideLife,
          useFactory: (side: WriteSide, lease: Lease, health: Health) => {
            health.require('event log', () => stores.log.head());
            return new WriteSideLife(side, lease, platform, stores, market);
          },
          inject: [WriteSide, Lease, Health],
        },
        PlaceOrdersHandler,
        CancelOrderHandler,
        CancelManyHandler,
        ReplaceOrderHandler,
      ],
    };
  }
}

/** Loads today's market and starts the write side. Resolves when it takes requests. */
export const startCommand = async (
  platform: Platform,
  stores: CommandStores,
  onStop: OnStop,
  given?: MarketData,
): Promise<HttpApp> => {
  const { config, logger } = platform;
  const market = given ?? (await loadMarketData(config, logger, platform.dataSource));
  const app = await startHttpApp(CommandModule.forRoot(platform, stores, market), {
    host: config.host,
    port: config.commandPort,
    portVariable: 'COMMAND_PORT',
    title: 'Coordinator: commands',
    description: 'Place, change and cancel orders.',
    logger,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
    trustedProxies: config.trustedProxies,
    translate: problemOfCommand,
  });
  onStop(() => app.close());
  return app;
};

/** Recovers before the first request is let in; ends after the last one was answered. */
@Injectable()
class WriteSideLife implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly rollCall: RollCall;

  constructor(
    private readonly side: WriteSide,
    private readonly lease: Lease,
    private readonly platform: Platform,
    private readonly stores: CommandStores,
    private readonly market: MarketData,
  ) {
    this.rollCall = new RollCall({
      databaseUrl: stores.databaseUrl,
      onTrouble: (error) => {
        platform.logger.warn({ err: error }, 'this process is not on the roll of those that take orders');
      },
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.side.settings.house(); // before anything is decided or looked at by it
    await this.rollCall.enter(() => this.recover());
    await this.lease.start();
    this.side.start();
    this.market.instruments.start({
      isKeeper: () => this.lease.isHeld(),
      onChanged: (load) => announce(this.stores.log, load),
      onFactsDue: (day) => this.market.refreshFacts(day),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.market.instruments.stop();
    await this.side.stop();
    await this.lease.stop();
    await this.rollCall.leave();
  }

  /** This is the only process: whatever is open, or held, belongs to one that is gone. */
  private async recover(): Promise<void> {
    const { logger, dataSource } = this.platform;
    if (!(await this.lease.takeOver())) {
      logger.warn('another process takes orders and is not on the roll: its work is left alone');
      return;
    }
    try {
      await caughtUp(this.stores.log, dataSource);
    } catch (error) {
      if (!(error instanceof NotCatchingUp)) throw error;
      logger.warn({ err: error }, 'what was left open is not known yet, and is finished as soon as it is');
      return;
    }
    const recovering = this.side.recover().then(({ finished }) => {
      if (finished > 0) logger.info({ finished }, 'finished what an earlier process had left open');
    });
    // A broker that does not answer must not keep the door shut: what is left goes on behind it.
    const patience = new AbortController();
    const sleeping = sleep(FIRST_PASS_MS, undefined, { signal: patience.signal }).catch(() => undefined); // cut short
    await Promise.race([recovering, sleeping]);
    patience.abort();
    this.side.desk.background(recovering);
  }
}

/** One of all processes that take orders finishes what others leave open, and matches what rests at the paper broker. */
const keeperLease = ({ dataSource, logger }: Platform): Lease =>
  new Lease({
    database: dataSource,
    name: 'write-side-keeper',
    holder: `${hostname()}:${String(process.pid)}`,
    logger,
  });

const now = (): number => Date.now();

/** Instruments as a broker names them, of whichever day is loaded by now. */
const instrumentsOfTheDay = (name: BrokerName, catalogueNow: () => Catalogue): BrokerInstruments => {
  let catalogue = catalogueNow();
  let named = instrumentsOf(name, catalogue);
  const now = (): BrokerInstruments => {
    if (catalogue !== catalogueNow()) {
      catalogue = catalogueNow();
      named = instrumentsOf(name, catalogue);
    }
    return named;
  };
  return { of: (instrumentKey) => now().of(instrumentKey), bySymbol: (symbol) => now().bySymbol(symbol) };
};

/** Of the house, and of no account. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Tells everybody which instruments are in use from now on: in the log, beside what is decided by them. */
const announce = async (log: EventLog, load: StoredLoad): Promise<void> => {
  const { loadId, day, source, sha256, rows, added, removed, changed, reusedKeys } = load;
  const data = { loadId, day, source, sha256, rows, added, removed, changed, reusedKeys };
  const id = `instruments-${day}`;
  const meta = {
    userId: 'instruments',
    accountId: NOBODY,
    correlationId: id,
    causationId: id,
    at: now(),
    schemaVersion: 1,
  };
  await execute(log, dailyLoads, id, { type: 'TellLoad', data }, meta);
};

const isReal = (baseUrl: string | undefined): boolean => baseUrl === undefined || baseUrl === 'real';

const connectionsOf = (
  { config, logger, dataSource }: Platform,
  { log }: CommandStores,
  market: MarketData,
  { windows, isKeeper }: { windows: SlidingWindows; isKeeper: () => boolean },
): Connections => {
  const { prices, priceDate } = market;
  const replayed = replayClock(priceDate, config.replayHours, config.paperTickMs, now);
  const book = new PaperBook({ log, listed: () => workingAtPaper(dataSource), isKeeper });
  const open = new OpenOrders({ log, listed: (accountId, broker) => openAt(dataSource, accountId, broker) });
  const paper = new PaperBroker({
    market: new PaperMarket(prices.prices, config.paperTickMs),
    marketNowMs: replayed,
    tickMs: config.paperTickMs,
    now,
    lotSizeOf: (instrumentKey) => market.files().resolve(instrumentKey)?.lotSize,
    resting: () => book.resting(),
    onError: (error) => {
      logger.error({ err: error }, 'a tick of the paper broker failed, or a report of it could not be recorded');
    },
  });
  const instruments = Object.fromEntries(
    BROKER_NAMES.map((name) => [name, instrumentsOfTheDay(name, () => market.instruments.catalogue)]),
  );
  return new Connections({
    log,
    vault: new Vault({ dataSource, keys: credentialsKeysOf(config) }),
    paper,
    adapters,
    baseUrls: config.brokerUrls,
    instruments: instruments as Record<BrokerName, BrokerInstruments>,
    prices: new LastPrices(now),
    windows,
    // A stand-in has no opening hours: it trades the recorded day for ever.
    marketNowMs: (broker) => (isReal(config.brokerUrls[broker]) ? now() : replayed()),
    timeoutMs: config.brokerTimeoutMs,
    ...(config.brokerSettleMs !== undefined && { settleMs: config.brokerSettleMs }),
    reconcileMs: config.reconcileMs,
    now,
    openOrders: (accountId, broker) => open.of(accountId, broker),
    isKeeper,
    onAlarm: (broker, kind, evidence) => {
      brokerAlarms.inc({ broker, kind });
      logger.warn({ broker, kind, evidence }, 'something about a broker that somebody should look at');
    },
    onCall: (broker, operation, durationMs) => {
      brokerCallSeconds.observe({ broker, operation }, durationMs / 1_000);
    },
    onError: (error) => {
      backgroundFailures.inc();
      logger.error({ err: error }, 'a connection could not be looked after');
    },
  });
};

const writeSide = (
  { config, logger, dataSource }: Platform,
  { log }: CommandStores,
  { files }: MarketData,
  brokers: Connections,
  isKeeper: () => boolean,
): WriteSide =>
  new WriteSide({
    log,
    brokers,
    files,
    now,
    idempotencyWindowSec: config.idempotencyWindowSec,
    maxOrdersPerBatch: config.maxOrdersPerBatch,
    // What the client of a broker is given for one call, and a little more: its own deadline comes first.
    brokerTimeoutMs: config.brokerTimeoutMs + 500,
    outcomes: {
      count: (broker, outcome) => {
        orderOutcomes.inc({ broker, outcome });
      },
      waited: (ms) => {
        addWait('broker', ms);
      },
      late: (order) => {
        brokerAlarms.inc({ broker: order.broker, kind: 'duplicate' });
        logger.error(order, 'an order that was proven absent stands in the book after all: look at the broker');
      },
      failed: (error) => {
        backgroundFailures.inc();
        logger.error({ err: error }, 'work in the background failed');
      },
    },
    openWork: (beforeMs) => openWork(dataSource, beforeMs),
    openOrders: () => openOrders(dataSource),
    isKeeper,
  });

const openWork = async (dataSource: DataSource, beforeMs: number): Promise<readonly OpenWork[]> => {
  const rows = await dataSource.manager.find(OpenWorkRow, {
    select: { kind: true, id: true, accountId: true, since: true, position: true, status: true },
    where: { since: LessThanOrEqual(beforeMs) },
    order: { position: 'ASC' },
  });
  ordersInDoubt.set(rows.filter(({ status }) => status === 'in-doubt').length);
  return rows.sort((a, b) => a.kind.localeCompare(b.kind)); // intents first: they carry their orders along
};

const workingAtPaper = async (dataSource: DataSource): Promise<readonly Listed[]> => {
  const rows = await dataSource.manager.find(OpenWorkRow, {
    select: { kind: true, id: true, position: true },
    where: { kind: 'order', broker: 'paper', status: 'working', closed: false },
  });
  return rows.map(({ id, position }) => ({ orderId: id, position }));
};

const openOrders = async (dataSource: DataSource): Promise<readonly OpenOrder[]> => {
  const rows = await dataSource.manager.find(OpenWorkRow, {
    select: { kind: true, id: true, accountId: true, broker: true },
    where: { kind: 'order', closed: false },
  });
  return rows.map(({ id, accountId, broker }) => ({ orderId: id, accountId, broker }));
};

const openAt = async (dataSource: DataSource, accountId: string, broker: string): Promise<readonly ListedOrder[]> => {
  const rows = await dataSource.manager.find(OpenWorkRow, {
    select: { kind: true, id: true, position: true },
    where: { kind: 'order', accountId, broker, closed: false },
  });
  return rows.map(({ id, position }) => ({ orderId: id, position }));
};

/** The to-do list of the first pass must know everything that was written before this process started. */
const caughtUp = async (log: EventLog, dataSource: DataSource): Promise<void> => {
  const positionOf = async () =>
    (await dataSource.manager.minimum(ProjectionPosition, 'position', { name: PROJECTION })) ?? 0;
  await catchUp(await log.head(), positionOf, CATCH_UP, () => Date.now());
};
