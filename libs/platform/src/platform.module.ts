/** What every app has: configuration, logs, metrics, health, a database, and a guard that asks who is there. */

import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from './config';
import { Health, HealthController } from './health';
import { HOT_STATE, type HotState } from './hot-state';
import { Identities } from './identities';
import { IdentityGuard } from './identity-guard';
import { LOGGER, type Logger } from './logging';
import { MetricsController } from './metrics';

export interface Platform {
  readonly config: Config;
  readonly logger: Logger;
  /** Connected; whoever connected it closes it, after the app. Must know `identityEntities`. */
  readonly dataSource: DataSource;
  readonly identities: Identities;
  /** Whoever opened it closes it, after the app. */
  readonly hotState: HotState;
}

/**
 * Provides `CONFIG`, `LOGGER`, `DataSource`, `Identities`, `HOT_STATE` and `Health` to every module of an app, serves
 * `/health` and `/metrics`, and guards all routes.
 */
@Module({})
export class PlatformModule {
  static forRoot({ config, logger, dataSource, identities, hotState }: Platform): DynamicModule {
    return {
      module: PlatformModule,
      global: true,
      controllers: [HealthController, MetricsController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: DataSource, useValue: dataSource },
        { provide: Identities, useValue: identities },
        { provide: HOT_STATE, useValue: hotState },
        {
          provide: Health,
          useFactory: () => {
            const health = new Health(logger);
            health.require('database', () => dataSource.query('select 1'));
            return health;
          },
        },
        { provide: APP_GUARD, useClass: IdentityGuard },
      ],
      exports: [CONFIG, LOGGER, DataSource, Identities, HOT_STATE, Health],
    };
  }
}
