import { type DynamicModule, Module } from '@nestjs/common';
import { Health } from '#platform/health';
import { type Platform, PlatformModule } from '#platform/platform.module';
import type { Projection } from './projection';

const PROJECTION = Symbol('Projection');

/** What a process that only projects shows to the outside: health and metrics. */
@Module({})
export class ProjectorModule {
  static forRoot(platform: Platform, projection: Projection): DynamicModule {
    return {
      module: ProjectorModule,
      imports: [PlatformModule.forRoot(platform)],
      providers: [
        {
          provide: PROJECTION,
          useFactory: (health: Health) => {
            health.require('projection', () => projection.check());
            return projection;
          },
          inject: [Health],
        },
      ],
    };
  }
}
