import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EventStoreDBClient,
  type EventData,
  jsonEvent,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { type EventStoreDouble, startEventStoreDouble } from './start';

jest.setTimeout(30_000);

const credentials = { username: 'admin', password: 'changeit' }; // makes the client use the older call for appends
const happened = (): EventData => jsonEvent({ type: 'Happened', data: { n: 1 }, metadata: { by: 'u' } });

describe('the double of an EventStoreDB', () => {
  let folder: string;
  let file: string;
  let double: EventStoreDouble;
  let client: EventStoreDBClient;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'eventstore-double-'));
    file = join(folder, 'events');
    double = await startEventStoreDouble({ file });
    client = EventStoreDBClient.connectionString(double.url);
  });

  afterAll(async () => {
    await client.dispose();
    await double.stop();
    await rm(folder, { recursive: true });
  });

  const positionsOf = async (): Promise<bigint[]> => {
    const positions: bigint[] = [];
    for await (const { event } of client.readAll()) if (event !== undefined) positions.push(event.position.commit);
    return positions;
  };

  describe.each([
    ['in batches', {}],
    ['one by one', { credentials }],
  ])('takes appends %s from the official client', (_how, how) => {
    it('and says where they are', async () => {
      const stream = `order-${randomUUID()}`;
      const events = [happened(), happened()];
      const result = await client.appendToStream(stream, events, { expectedRevision: 'no_stream', ...how });
      expect(result).toMatchObject({ success: true, nextExpectedRevision: 1n });
      const read = [];
      for await (const { event } of client.readStream(stream)) read.push(event);
      expect(read).toMatchObject(
        events.map(({ id, type, data, metadata }, n) => ({
          ...{ id, type, data, metadata, streamId: stream, revision: BigInt(n), isJson: true },
        })),
      );
      expect(read.at(-1)?.position?.commit).toBe(result.position?.commit);
      expect(Math.abs(Number(read[0]?.created) - Date.now())).toBeLessThan(60_000);
    });

    it('and takes a repetition for one', async () => {
      const stream = `order-${randomUUID()}`;
      const events = [happened(), happened()];
      const first = await client.appendToStream(stream, events, { expectedRevision: 'no_stream', ...how });
      await client.appendToStream(stream, happened(), { expectedRevision: 1n, ...how });
      const again = await client.appendToStream(stream, events, { expectedRevision: 'no_stream', ...how });
      expect(again.position?.commit).toBe(first.position?.commit);
    });

    it('and refuses what expects another revision, with the actual one', async () => {
      const stream = `order-${randomUUID()}`;
      const early = client.appendToStream(stream, happened(), { expectedRevision: 3n, ...how });
      await expect(early).rejects.toMatchObject({ actualVersion: 'no_stream', expectedVersion: 3n });
      await expect(early).rejects.toThrow(WrongExpectedVersionError);
      await client.appendToStream(stream, [happened(), happened()], { expectedRevision: 'no_stream', ...how });
      const late = client.appendToStream(stream, happened(), { expectedRevision: 'no_stream', ...how });
      await expect(late).rejects.toMatchObject({ actualVersion: 1n, expectedVersion: 'no_stream' });
    });
  });

  it('reads for the official client forwards, backwards, and a missing stream', async () => {
    const stream = `order-${randomUUID()}`;
    await client.appendToStream(stream, [happened(), happened(), happened()]);
    const revisions: (bigint | undefined)[] = [];
    const reading = client.readStream(stream, { direction: 'backwards', fromRevision: 'end', maxCount: 2 });
    for await (const { event } of reading) revisions.push(event?.revision);
    expect(revisions).toEqual([2n, 1n]);

    const missing = async (): Promise<void> => {
      for await (const resolved of client.readStream(`order-${randomUUID()}`)) expect(resolved).toBeUndefined();
    };
    await expect(missing()).rejects.toMatchObject({ type: 'stream-not-found' });

    const forwards = await positionsOf();
    expect(forwards).toEqual([...forwards].sort((a, b) => Number(a - b)));
    const newest = [];
    for await (const { event } of client.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 1 })) {
      newest.push(event?.position.commit);
    }
    expect(newest).toEqual(forwards.slice(-1));
  });

  it('serves a filtered subscription of the official client behind a position, with checkpoints', async () => {
    const prefix = `sub-${randomUUID()}-`;
    const { position } = await client.appendToStream(`${prefix}1`, happened());
    await client.appendToStream(`${prefix}1`, happened());
    const received: bigint[] = [];
    const checkpoints: bigint[] = [];
    let isCaughtUp = false;
    const subscription = client.subscribeToAll({
      fromPosition: position ?? 'start',
      filter: streamNameFilter({
        prefixes: [prefix],
        maxSearchWindow: 5,
        checkpointReached: (_, { commit }) => void checkpoints.push(commit),
      }),
    });
    subscription.on('caughtUp', () => (isCaughtUp = true));
    subscription.on('data', ({ event }) => received.push(event?.revision ?? -1n));
    const until = async (isTrue: () => boolean): Promise<void> => {
      for (const giveUpAt = Date.now() + 20_000; !isTrue();) {
        if (Date.now() > giveUpAt) throw new Error('waited in vain');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await until(() => isCaughtUp);
    expect(received).toEqual([1n]);
    for (let n = 0; n < 10; n++) await client.appendToStream(`order-${randomUUID()}`, happened());
    await client.appendToStream(`${prefix}1`, happened());
    await until(() => received.length === 2 && checkpoints.length >= 2);
    await subscription.unsubscribe();
  });

  it('keeps what it acknowledged when it is killed, drops a line that was cut off, and goes on behind it', async () => {
    const streams = Array.from({ length: 200 }, () => `order-${randomUUID()}`);
    const acknowledged: string[] = [];
    const appending = streams.map(async (stream) => {
      await client.appendToStream(stream, happened());
      acknowledged.push(stream);
    });
    await appending[100];
    await double.kill();
    await Promise.allSettled(appending);
    const before = await (async () => {
      await appendFile(file, '["order-torn",0,17');
      await double.restart();
      return positionsOf();
    })();
    const kept = new Set<string>();
    for await (const { event } of client.readAll()) kept.add(event?.streamId ?? '');
    expect(acknowledged.filter((stream) => !kept.has(stream))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(kept).not.toContain('order-torn');

    const { position } = await client.appendToStream(`order-${randomUUID()}`, happened());
    expect(position?.commit).toBeGreaterThan(before.at(-1) ?? 0n);
    await double.restart();
    expect((await positionsOf()).slice(0, before.length)).toEqual(before);
  });
});
