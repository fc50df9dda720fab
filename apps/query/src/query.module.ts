import { type DynamicModule, Module } from '@nestjs/common';
import type { Pool } from 'pg';
import { Health } from '#platform/health';
import { type Platform, PlatformModule } from '#platform/platform.module';
import { OrdersController } from './orders.controller';
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
      ],
    };
  }
}
