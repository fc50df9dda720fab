/**
 * A process of its own for the event log's contract: four callers append through the EventStoreDB adapter, with random
 * pauses, while a fifth makes appends of two writes of which one is refused every other time.
 *
 *     node -r register-typescript.cjs writers.ts <url> <stream prefix> <appends per caller> <seed>
 *
 * Sends the ids of all events that are stored to its parent and ends.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NewEvent, type Write, WrongExpectedRevision } from '#event-log/event-log';
import { EventStoreEventLog } from '#event-log/eventstore/eventstore-event-log';

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
const idsOf = ({ events }: Write): readonly string[] => events.map(({ id }) => id);

async function call(log: EventStoreEventLog, caller: number, stored: string[]): Promise<void> {
  let revision = -1;
  for (let n = 0; n < Number(appends); n++) {
    const write = writeOf(`${prefix}${String(caller)}`, revision, 1 + random(3));
    await log.append([write]);
    revision += write.events.length;
    stored.push(...idsOf(write));
    if (random(3) === 0) await sleep(random(4));
  }
}

async function collide(log: EventStoreEventLog, isDone: () => boolean, stored: string[]): Promise<void> {
  while (!isDone()) {
    const good = writeOf(`${prefix}${randomUUID()}`, -1, 1 + random(3));
    const other = writeOf(`${prefix}${randomUUID()}`, random(2) === 0 ? -1 : 5, 1);
    try {
      await log.append([good], [other]);
      stored.push(...idsOf(good), ...idsOf(other));
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      stored.push(...idsOf(good));
    }
    await sleep(random(4));
  }
}

async function main(): Promise<void> {
  const log = new EventStoreEventLog({ url });
  const stored: string[] = [];
  let done = false;
  const colliding = collide(log, () => done, stored);
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(log, caller, stored)));
  done = true;
  await colliding;
  await log.close();
  process.send?.(stored, () => {
    process.disconnect();
  });
}

void main();
