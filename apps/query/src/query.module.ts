import { type DynamicModule, Module } from '@nestjs/common';
import type { Pool } from 'pg';
import { Health } from '#platform/health';
import { HOT_STATE, type HotState } from '#platform/hot-state';
import { type HttpApp, startHttpApp } from '#platform/http';
import { type Platform, PlatformModule } from '#platform/platform.module';
import type { OnStop } from '#platform/run';
import { OrderBookCache } from './order-book-cache';
import { OrdersController } from './orders.controller';
import { problemOfQuery } from './problems';
import { openQueryPool } from './query-pool';
import { ReadModel } from './read-model';

/** The read side as an app: order book, history, trades, from the read models alone. */
@Module({})
export class QueryModule {
  static forRoot(platform: Platform, pool: Pool): DynamicModule {
    return {
      module: QueryModule,
      imports: [PlatformModule.forRoot(platform)],
      controllers: [OrdersController],
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
        {
          provide: OrderBookCache,
          useFactory: (hotState: HotState) =>
            new OrderBookCache(hotState, platform.config.orderBookCacheMs, () => Date.now()),
          inject: [HOT_STATE],
        },
      ],
    };
  }
}

/** Starts the read side. Resolves when it answers. */
export const startQuery = async (platform: Platform, databaseUrl: string, onStop: OnStop): Promise<HttpApp> => {
  const { config, logger } = platform;
  const pool = openQueryPool(databaseUrl, logger);
  onStop(() => pool.end());
  const app = await startHttpApp(QueryModule.forRoot(platform, pool), {
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
