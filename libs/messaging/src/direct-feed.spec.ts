import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import type { EventLog } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { DirectFeed } from './direct-feed';
import { feedContract } from './feed.contract';
import { silent } from './quiet.contract';

jest.setTimeout(90_000);

let database: TestDatabase;
let log: EventLog;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});

afterAll(async () => {
  await log.close();
  await database.drop();
});

feedContract(
  'the direct feed',
  () => log,
  () =>
    Promise.resolve({
      open: () => Promise.resolve(new DirectFeed({ log, logger: silent, batchSize: 50 })),
      close: () => Promise.resolve(),
    }),
);
