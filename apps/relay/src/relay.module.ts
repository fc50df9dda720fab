import { hostname } from 'node:os';
import { type DynamicModule, Module } from '@nestjs/common';
import type { EventLog } from '#event-log/event-log';
import { openRelay } from '#messaging/messaging.module';
import type { Relay } from '#messaging/relay';
import { PostgresRelayCheckpoint } from '#messaging/relay-checkpoint';
import { Health } from '#platform/health';
import { Lease } from '#platform/leases';
import { type Platform, PlatformModule } from '#platform/platform.module';
import type { OnStop } from '#platform/run';
import { showLead, showProgress } from './relay-metrics';

const CHECKPOINT = 'coordinator.events';

export interface RelayAdapters {
  readonly log: EventLog;
  /** Of the Postgres that `Platform.dataSource` is connected to. */
  readonly databaseUrl: string;
  /** `host:port,host:port` */
  readonly kafkaBrokers: string;
}

/** Starts to relay, or to stand by: of all processes that do, the one with the lease publishes. */
export const startRelay = async (
  { config, logger, dataSource }: Platform,
  { log, databaseUrl, kafkaBrokers }: RelayAdapters,
  onStop: OnStop,
): Promise<Relay> => {
  const checkpoint = new PostgresRelayCheckpoint({ url: databaseUrl, name: CHECKPOINT, logger });
  onStop(() => checkpoint.close());
  const holder = `${hostname()}:${String(process.pid)}`;
  const lease = new Lease({ database: dataSource, name: 'relay', holder, logger });
  const relay = await openRelay({
    kafkaBrokers,
    partitions: config.eventPartitions,
    log,
    checkpoint,
    lead: (signal) => lease.lead(signal),
    logger,
    now: () => Date.now(),
    onProgress: showProgress,
    onLeading: showLead,
  });
  await lease.start();
  onStop(() => lease.stop());
  relay.start();
  onStop(() => relay.stop());
  return relay;
};

const RELAY = Symbol('Relay');

/** What a process that relays shows to the outside: health and metrics. */
@Module({})
export class RelayModule {
  static forRoot(platform: Platform, relay: Relay): DynamicModule {
    return {
      module: RelayModule,
      imports: [PlatformModule.forRoot(platform)],
      providers: [
        {
          provide: RELAY,
          useFactory: (health: Health) => {
            health.require('relay', () => relay.check());
            return relay;
          },
          inject: [Health],
        },
      ],
    };
  }
}
