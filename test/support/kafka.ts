/**
 * A real Kafka for a suite: the one of `KAFKA_BROKERS`, or one of its own from the jars in the cache.
 *
 *     needsKafka('the Kafka feed', (kafka) => {
 *       it('…', async () => { … kafka.brokers … }); // not before `beforeAll`
 *     });
 */
import { describeWith, describeWithOwn, type EngineKind, missingFor, OwnEngine } from './engines';

export const kafka: EngineKind = {
  key: 'kafka',
  name: 'Kafka',
  variable: 'KAFKA_BROKERS',
  script: 'scripts/infra/kafka.mjs',
  address: 'brokers',
};

/** `host:port,host:port`, as the configuration wants it. */
export interface KafkaOfSuite {
  readonly brokers: string;
}

/** A broker that belongs to the test. It ends with the process of the test, whatever becomes of that. */
export class OwnKafka implements KafkaOfSuite {
  constructor(private readonly engine = new OwnEngine(kafka)) {}

  /** The same after each start. */
  get brokers(): string {
    return this.engine.address;
  }
  get pid(): number {
    return this.engine.pid;
  }
  /** Resolves when it answers; after `stop` or `kill` with the data it had. */
  start = (): Promise<void> => this.engine.start();
  stop = (): Promise<void> => this.engine.stop();
  /** SIGKILL; resolves when it is gone. */
  kill = (): Promise<void> => this.engine.kill();
  /** Stops it, if it runs, and removes its data. */
  remove = (): Promise<void> => this.engine.remove();
}

/** Describes a suite beside others on one broker: its topics and groups must bear names of their own. */
export const needsKafka = (suite: string, body: (kafka: KafkaOfSuite) => void): void => {
  describeWith(kafka, suite, (engine) => {
    body({
      get brokers() {
        return engine.address;
      },
    });
  });
};

/** Describes a suite with a broker that nobody else uses, running at first, free to be killed. */
export const needsOwnKafka = (suite: string, body: (kafka: OwnKafka) => void): void => {
  describeWithOwn(kafka, suite, (engine) => {
    body(new OwnKafka(engine));
  });
};

/** Why no broker can be started here, in one line; undefined when one can. */
export const missingForKafka = (): string | undefined => missingFor(kafka);
