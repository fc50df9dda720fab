import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { toWatermark } from '#messaging/envelope';
import { createKafka } from '#messaging/kafka-client';
import { silent } from '#messaging/quiet.contract';
import { topicsOf } from '#messaging/topic';
import { needsOwnKafka } from '../../../test/support/kafka';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';

jest.setTimeout(180_000);

const PARTITIONS = 2;
const root = resolve(__dirname, '../../..');

needsOwnKafka('the projector', (kafka) => {
  let database: TestDatabase;
  beforeAll(async () => (database = await createTestDatabase([])));
  afterAll(() => database.drop());

  it('ends with one line when the topic is another one, so that the next start takes that', async () => {
    const typescript = resolve(root, 'test/support/register-typescript.cjs');
    const child = spawn(process.execPath, ['-r', typescript, resolve(__dirname, 'main.ts')], {
      cwd: root,
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: database.url,
        KAFKA_BROKERS: kafka.brokers,
        EVENT_PARTITIONS: String(PARTITIONS),
        PROJECTOR_PORT: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      const said = { out: '', err: '' };
      child.stdout.setEncoding('utf8').on('data', (part: string) => (said.out += part));
      child.stderr.setEncoding('utf8').on('data', (part: string) => (said.err += part));
      const closed = once(child, 'close');
      const started = new Promise<void>((settle) => {
        child.stdout.on('data', () => {
          if (said.out.includes('events are projected')) settle();
        });
      });
      const early = await Promise.race([started, closed]);
      if (early) throw new Error(`it ended instead of starting: ${said.err}${said.out}`);

      const { events: topic } = topicsOf();
      const client = createKafka({ brokers: kafka.brokers, clientId: 'spec', logger: silent });
      const [admin, producer] = [client.admin(), client.producer()];
      await admin.connect();
      await admin.createPartitions({ topicPartitions: [{ topic, count: PARTITIONS + 1 }] });
      await admin.disconnect();
      await producer.connect();
      const message = toWatermark(1, { after: 0, partitions: PARTITIONS + 1 });
      await producer.send({ topic, messages: [{ ...message, partition: 0 }] });
      await producer.disconnect();

      const [exitCode] = (await closed) as unknown[];
      expect(said.err.replace(/^npm .*\n/gm, '')).toBe(
        `topic ${topic} has 3 partitions and had 2 when this process started: start it again\n`,
      );
      expect(exitCode).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
