import { type DynamicModule, Module } from '@nestjs/common';
import type { EventLog } from '#event-log/event-log';
import { openFeed } from '#messaging/messaging.module';
import { Parking } from '#messaging/parking';
import { Health } from '#platform/health';
import { counter } from '#platform/metrics';
import { type Platform, PlatformModule } from '#platform/platform.module';
import type { OnStop } from '#platform/run';
import { openPool } from '#read-models/pool';
import { dropFeedLagOfOthers, showFeedLag } from './feed-lag';
import { Projection } from './projection';

/** Projectors of this group share the topic's partitions. */
const CONSUMER_GROUP = 'coordinator-projector';
/** Pages of so many partitions are written at once. */
const CONNECTIONS_MAX = 6;
const STATEMENT_TIMEOUT_MS = 30_000;

const unreadableTotal = counter({
  name: 'coordinator_feed_parked_messages_total',
  help: 'Messages that could not be read and were set aside in the topic of parked ones',
});

export interface ProjectionAdapters {
  readonly log: EventLog;
  /** Of the Postgres with the read models. */
  readonly databaseUrl: string;
}

/** Starts projecting: from Kafka where brokers are configured, else from the log itself. */
export const startProjection = async (
  { config, logger }: Platform,
  { log, databaseUrl }: ProjectionAdapters,
  onStop: OnStop,
): Promise<Projection> => {
  const pool = openPool(databaseUrl, {
    name: 'projection',
    max: CONNECTIONS_MAX,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    onTrouble: (error) => {
      logger.warn({ err: error }, 'an idle connection of the read models was lost');
    },
  });
  onStop(() => pool.end());
  const { kafkaBrokers, eventPartitions } = config;
  const feed = await openFeed({
    kafkaBrokers,
    log,
    groupId: CONSUMER_GROUP,
    partitions: eventPartitions,
    logger,
    onParked: () => {
      unreadableTotal.inc();
    },
    onProgress: showFeedLag,
    onAssigned: dropFeedLagOfOthers,
  });
  onStop(() => feed.close());
  const parking = kafkaBrokers === undefined ? undefined : new Parking({ brokers: kafkaBrokers, logger });
  if (parking) onStop(() => parking.close());
  const projection = new Projection({
    feed,
    log,
    pool,
    logger,
    now: () => Date.now(),
    onFeedEnded: endProcess,
    ...(parking && { onParked: (event, reason) => parking.parkEvent(event, reason) }),
  });
  await projection.start();
  onStop(() => projection.stop());
  return projection;
};

/** As an error that nobody caught: `run` tells it and ends the process in order, and the next start takes what is there then. */
const endProcess = (error: Error): void => {
  setImmediate(() => {
    throw error;
  });
};

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
