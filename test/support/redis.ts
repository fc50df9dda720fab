/**
 * A real Redis for a suite: the one of `REDIS_URL`, or one of its own from the `redis-server` of the system.
 *
 *     needsRedis('the shared cache', (redis) => {
 *       it('…', async () => { … redis.url … }); // not before `beforeAll`
 *     });
 */
import { describeWith, describeWithOwn, type EngineKind, missingFor, OwnEngine } from './engines';

export const redis: EngineKind = {
  key: 'redis',
  name: 'Redis',
  variable: 'REDIS_URL',
  script: 'scripts/infra/redis.mjs',
  address: 'url',
};

export interface RedisOfSuite {
  readonly url: string;
}

/** A server that belongs to the test. It ends with the process of the test, whatever becomes of that. */
export class OwnRedis implements RedisOfSuite {
  constructor(private readonly engine = new OwnEngine(redis)) {}

  /** The same after each start. */
  get url(): string {
    return this.engine.address;
  }
  get pid(): number {
    return this.engine.pid;
  }
  /** Resolves when it answers; always empty. */
  start = (): Promise<void> => this.engine.start();
  stop = (): Promise<void> => this.engine.stop();
  /** SIGKILL; resolves when it is gone. */
  kill = (): Promise<void> => this.engine.kill();
  /** Stops it, if it runs, and removes its folder. */
  remove = (): Promise<void> => this.engine.remove();
}

/** Describes a suite beside others on one server: its keys must bear names of their own, and nothing may be flushed. */
export const needsRedis = (suite: string, body: (redis: RedisOfSuite) => void): void => {
  describeWith(redis, suite, (engine) => {
    body({
      get url() {
        return engine.address;
      },
    });
  });
};

/** Describes a suite with a server that nobody else uses, running at first, free to be killed and flushed. */
export const needsOwnRedis = (suite: string, body: (redis: OwnRedis) => void): void => {
  describeWithOwn(redis, suite, (engine) => {
    body(new OwnRedis(engine));
  });
};

/** Why no server can be started here, in one line; undefined when one can. */
export const missingForRedis = (): string | undefined => missingFor(redis);
