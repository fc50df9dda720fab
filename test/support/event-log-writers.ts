/**
 * A process of its own for the event log's contract: four callers append through the Postgres adapter while one more
 * connection makes the same appends in transactions that it holds open for a while, and then commits or rolls back.
 *
 *     node -r register-typescript.cjs event-log-writers.ts <url> <stream prefix> <appends per caller> <seed>
 *
 * Sends the ids of all acknowledged events to its parent and ends.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { NewEvent, Write } from '#event-log/event-log';
import { appendStatement } from '#event-log/postgres/append-statement';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { serialiseWrites } from '#event-log/serialise';

const [url = '', prefix = '', appends = '0', seed = '0'] = process.argv.slice(2);
const callers = 4;
const meta = { userId: 'u', accountId: 'a', correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 };

let state = Number(seed);
/** A whole number below `limit`; the same sequence for the same seed. */
const random = (limit: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};

const writeOf = (stream: string, revision: number, count: number): Write => ({
  stream,
  expected: revision === -1 ? 'no-stream' : revision,
  events: Array.from({ length: count }, (): NewEvent => ({ id: randomUUID(), type: 'Happened', data: {}, meta })),
});

async function call(log: PostgresEventLog, caller: number, acknowledged: string[]): Promise<void> {
  let revision = -1;
  for (let n = 0; n < Number(appends); n++) {
    const write = writeOf(`${prefix}${String(caller)}`, revision, 1 + random(3));
    await log.append([write]);
    revision += write.events.length;
    acknowledged.push(...write.events.map(({ id }) => id));
    if (random(3) === 0) await sleep(random(4));
  }
}

async function hesitate(client: Client, isDone: () => boolean, acknowledged: string[]): Promise<void> {
  while (!isDone()) {
    const units = Array.from({ length: 1 + random(3) }, () =>
      serialiseWrites([writeOf(`${prefix}${randomUUID()}`, -1, 1 + random(3))]),
    );
    await client.query('begin');
    await client.query(appendStatement(units));
    await sleep(random(4));
    const commits = random(2) === 0;
    await client.query(commits ? 'commit' : 'rollback');
    if (commits) acknowledged.push(...units.flat().flatMap(({ events }) => events.map(({ id }) => id)));
    await sleep(random(4));
  }
}

async function main(): Promise<void> {
  const log = new PostgresEventLog({ url });
  const client = new Client({ connectionString: url });
  await client.connect();
  const acknowledged: string[] = [];
  let done = false;
  const hesitating = hesitate(client, () => done, acknowledged);
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(log, caller, acknowledged)));
  done = true;
  await hesitating;
  await client.end();
  await log.close();
  process.send?.(acknowledged, () => {
    process.disconnect();
  });
}

void main();
