import {
  type DynamicModule,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { type DataSource, LessThanOrEqual } from 'typeorm';
import { PaperBroker } from '#brokers/paper/paper-broker';
import { PaperMarket } from '#brokers/paper/paper-market';
import type { EventLog } from '#event-log/event-log';
import type { Catalogue } from '#instruments/catalogue';
import type { PriceDay } from '#instruments/price-day';
import type { Config } from '#platform/config';
import { Health } from '#platform/health';
import { OPEN_ACCOUNT } from '#platform/identity';
import type { Logger } from '#platform/logging';
import { counter } from '#platform/metrics';
import { type Platform, PlatformModule } from '#platform/platform.module';
import { OpenWorkRow } from '#read-models/open-work/open-work-row';
import { PROJECTION, ProjectionPosition } from '#read-models/projection-positions/projection-position';
import { AuthController } from './auth/auth.controller';
import { catchUp } from './catch-up';
import { CancelOrderHandler, ReplaceOrderHandler } from './change-orders';
import { OrdersController } from './orders.controller';
import { PlaceOrdersHandler } from './place-orders';
import type { OpenWork } from './recovery';
import { SoleWriter } from './sole-writer';
import { WriteSide } from './write-side';

/** What a real broker is given to answer before its silence counts. */
const BROKER_TIMEOUT_MS = 5_000;

/** How long the to-do list may stand still at start before that is an error. */
const CATCH_UP_PATIENCE_MS = 30_000;

const orderOutcomes = counter({
  name: 'coordinator_order_outcomes_total',
  help: 'What dispatches came to, by broker; `denied` by our own rules',
  labels: ['broker', 'outcome'],
});

const backgroundFailures = counter({
  name: 'coordinator_background_failures_total',
  help: 'Work behind an answered request that failed and is tried again or left to the recovery',
});

export interface CommandAdapters {
  readonly log: EventLog;
  readonly catalogue: Catalogue;
  readonly prices: PriceDay;
  /** The day the prices were recorded on, `YYYY-MM-DD`. */
  readonly priceDate: string;
}

/** The write side as an app: takes orders, changes them, listens to brokers. */
@Module({})
export class CommandModule {
  static forRoot(platform: Platform, adapters: CommandAdapters): DynamicModule {
    return {
      module: CommandModule,
      imports: [PlatformModule.forRoot(platform), CqrsModule.forRoot()],
      controllers: [OrdersController, AuthController],
      providers: [
        { provide: WriteSide, useFactory: () => writeSide(platform, adapters) },
        {
          provide: OPEN_ACCOUNT,
          useFactory: (side: WriteSide) => (userId: string) => side.openPaperAccount(userId),
          inject: [WriteSide],
        },
        {
          provide: WriteSideLife,
          useFactory: (side: WriteSide, health: Health) => {
            health.require('event log', () => adapters.log.head());
            const { dataSource, logger } = platform;
            return new WriteSideLife(
              side,
              new SoleWriter(dataSource),
              () => caughtUp(adapters.log, dataSource),
              logger,
            );
          },
          inject: [WriteSide, Health],
        },
        PlaceOrdersHandler,
        CancelOrderHandler,
        ReplaceOrderHandler,
      ],
    };
  }
}

/** Recovers before the first request is let in; ends after the last one was answered. */
@Injectable()
class WriteSideLife implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly side: WriteSide,
    private readonly soleWriter: SoleWriter,
    private readonly caughtUp: () => Promise<void>,
    private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.soleWriter.claim();
    await this.caughtUp();
    const { finished } = await this.side.start();
    if (finished > 0) this.logger.info({ finished }, 'finished what an earlier process had left open');
  }

  async onApplicationShutdown(): Promise<void> {
    await this.side.stop();
    await this.soleWriter.release();
  }
}

const writeSide = (
  { config, logger, dataSource }: Platform,
  { log, catalogue, prices, priceDate }: CommandAdapters,
): WriteSide => {
  const now = () => Date.now();
  return new WriteSide({
    log,
    brokers: [paperBroker(config, logger, catalogue, prices, priceDate)],
    resolve: (name) => catalogue.resolve(name),
    now,
    idempotencyWindowSec: config.idempotencyWindowSec,
    brokerTimeoutMs: BROKER_TIMEOUT_MS,
    outcomes: {
      count: (broker, outcome) => {
        orderOutcomes.inc({ broker, outcome });
      },
      failed: (error) => {
        backgroundFailures.inc();
        logger.error({ err: error }, 'work in the background failed');
      },
    },
    openWork: (beforeMs) => openWork(dataSource, beforeMs),
  });
};

const paperBroker = (
  { paperTickMs }: Config,
  logger: Logger,
  catalogue: Catalogue,
  { prices }: PriceDay,
  tradingDate: string,
): PaperBroker =>
  new PaperBroker({
    market: new PaperMarket(prices, paperTickMs),
    tradingDate,
    tickMs: paperTickMs,
    now: () => Date.now(),
    lotSizeOf: (instrumentKey) => catalogue.resolve(instrumentKey)?.lotSize,
    onError: (error) => {
      logger.error({ err: error }, 'a report of the paper broker could not be recorded');
    },
  });

const openWork = async (dataSource: DataSource, beforeMs: number): Promise<readonly OpenWork[]> => {
  const rows = await dataSource.manager.find(OpenWorkRow, {
    select: { kind: true, id: true, accountId: true, since: true, position: true },
    where: { since: LessThanOrEqual(beforeMs) },
    order: { position: 'ASC' },
  });
  return rows.sort((a, b) => a.kind.localeCompare(b.kind)); // intents first: they carry their orders along
};

/** The to-do list of the first pass must know everything that was written before this process started. */
const caughtUp = async (log: EventLog, dataSource: DataSource): Promise<void> => {
  const positionOf = async () =>
    (await dataSource.manager.findOneBy(ProjectionPosition, { name: PROJECTION }))?.position ?? 0;
  await catchUp(await log.head(), positionOf, CATCH_UP_PATIENCE_MS, () => Date.now());
};
