import {
  type DynamicModule,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Pool } from 'pg';
import { InstrumentStore } from '#instruments/store/instrument-store';
import { Health } from '#platform/health';
import { HOT_STATE, type HotState } from '#platform/hot-state';
import { type HttpApp, startHttpApp } from '#platform/http';
import { type Platform, PlatformModule } from '#platform/platform.module';
import type { OnStop } from '#platform/run';
import { InstrumentSearch } from './instrument-search';
import { InstrumentsController } from './instruments.controller';
import { ChargesController } from './charges.controller';
import { Consistency, type LogHead } from './consistency';
import { logHeadOf } from './log-head.module';
import { OrderBookCache } from './order-book-cache';
import { OrdersController } from './orders.controller';
import { problemOfQuery } from './problems';
import { openQueryPool } from './query-pool';
import { PortfolioController } from './portfolio.controller';
import { ReadModel } from './read-model';

/** The read side as an app: order book, history, trades, from the read models alone. */
@Module({})
export class QueryModule {
  static forRoot(platform: Platform, pool: Pool, head: LogHead): DynamicModule {
    return {
      module: QueryModule,
      imports: [PlatformModule.forRoot(platform)],
      controllers: [OrdersController, ChargesController, PortfolioController, InstrumentsController],
      providers: [
        {
          provide: ReadModel,
          useFactory: (health: Health) => {
            const model = new ReadModel(pool, () => Date.now());
            health.require('read model', () => model.checkpoint());
            return model;
          },
          inject: [Health],
        },
        { provide: Consistency, useFactory: (model: ReadModel) => new Consistency(model, head), inject: [ReadModel] },
        {
          provide: OrderBookCache,
          useFactory: (hotState: HotState) =>
            new OrderBookCache(hotState, platform.config.orderBookCacheMs, () => Date.now()),
          inject: [HOT_STATE],
        },
        {
          provide: InstrumentSearch,
          useFactory: () =>
            new InstrumentSearch({
              store: new InstrumentStore(platform.dataSource),
              now: () => Date.now(),
              onTrouble: (error) => {
                platform.logger.warn({ err: error }, 'the instruments could not be looked at; those of before stay');
              },
            }),
        },
        InstrumentSearchLife,
      ],
    };
  }
}

@Injectable()
class InstrumentSearchLife implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly instruments: InstrumentSearch) {}

  onApplicationBootstrap(): void {
    this.instruments.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.instruments.stop();
  }
}

/** Starts the read side. Resolves when it answers. */
export const startQuery = async (platform: Platform, databaseUrl: string, onStop: OnStop): Promise<HttpApp> => {
  const { config, logger } = platform;
  const pool = openQueryPool(databaseUrl, logger);
  onStop(() => pool.end());
  const app = await startHttpApp(QueryModule.forRoot(platform, pool, logHeadOf(platform, databaseUrl, onStop)), {
    host: config.host,
    port: config.queryPort,
    portVariable: 'QUERY_PORT',
    title: 'Coordinator: queries',
    description: 'Order book, history and trades, as recorded.',
    logger,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
    trustedProxies: config.trustedProxies,
    translate: problemOfQuery,
  });
  onStop(() => app.close());
  return app;
};
