/**
 * What every adapter of the event log must do, as specs. An adapter's own spec calls `eventLogContract` with a way to
 * make one; nothing in here knows what is behind it.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import {
  type EventLog,
  EventLogUnavailable,
  type EventMeta,
  type ExpectedRevision,
  type NewEvent,
  type RecordedEvent,
  type SubscribeOptions,
  type Subscription,
  type Write,
  WrongExpectedRevision,
} from './event-log';

/** A store to run the contract on. */
export interface ContractSubject {
  /** One more log on the same store, as another process would have it. The contract closes it. */
  open(): EventLog;
  /**
   * Runs another process in which four callers append `appends` times each to streams that start with `prefix`, with
   * random pauses, while others there write what comes to nothing in the end: transactions that wait and are rolled
   * back, or whatever the store has of this kind. Resolves with the ids of all events that were stored.
   */
  runWriters(prefix: string, appends: number, seed: number): Promise<readonly string[]>;
  /** Cuts every connection that a log has to the store at this moment. */
  dropConnections(): Promise<void>;
}

const meta: EventMeta = {
  userId: 'u-1',
  accountId: 'a-1',
  correlationId: 'c-1',
  causationId: 'c-0',
  at: 1_767_225_600_000,
  schemaVersion: 1,
};

const event = (data: object = {}): NewEvent => ({ id: randomUUID(), type: 'Happened', data, meta });
const events = (count: number): NewEvent[] => Array.from({ length: count }, (_, n) => event({ n }));
const write = (stream: string, expected: ExpectedRevision, count = 1): Write => ({
  stream,
  expected,
  events: events(count),
});
const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);
const newStream = (kind = 'order'): string => `${kind}-${randomUUID()}`;

/** What a subscription has handed over so far. */
interface Collected {
  readonly subscription: Subscription;
  readonly events: RecordedEvent[];
  readonly batches: number[];
  /** Events that came outside of their batch's stretch: after the last checkpoint, up to the next one. */
  readonly misplaced: RecordedEvent[];
  next: number;
}

export function eventLogContract(name: string, makeSubject: () => ContractSubject): void {
  describe(`${name}, as an event log,`, () => {
    let subject: ContractSubject;
    let log: EventLog;
    const opened: EventLog[] = [];

    const open = (): EventLog => {
      const another = subject.open();
      opened.push(another);
      return another;
    };

    const collect = (options: SubscribeOptions, from: EventLog = log): Collected => {
      const batches: number[] = [];
      const received: RecordedEvent[] = [];
      const subscription = from.subscribeAll(options, (batch, next) => {
        received.push(...batch);
        batches.push(batch.length);
        collected.misplaced.push(...batch.filter(({ position }) => position <= collected.next || position > next));
        collected.next = next;
        return Promise.resolve();
      });
      const collected: Collected = { subscription, events: received, batches, misplaced: [], next: options.after };
      return collected;
    };

    const until = async (isTrue: () => boolean): Promise<void> => {
      for (const giveUpAt = Date.now() + 50_000; !isTrue();) {
        if (Date.now() > giveUpAt) throw new Error('waited in vain');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };

    const refusal = async (attempt: Promise<unknown>): Promise<WrongExpectedRevision> => {
      const error: unknown = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof WrongExpectedRevision)) throw new Error(`expected a refusal, got ${String(error)}`);
      return error;
    };

    const readEverything = async (after: number, streamPrefixes: readonly string[], limit = 500) => {
      const all: RecordedEvent[] = [];
      for (let from = after; ;) {
        const page = await log.readAll({ after: from, limit, streamPrefixes });
        all.push(...page.events);
        from = page.next;
        if (page.atEnd) return all;
      }
    };

    beforeAll(() => {
      subject = makeSubject();
      log = open();
    });

    afterAll(async () => {
      await Promise.all(opened.map((each) => each.close()));
    });

    describe('judges the expected revision', () => {
      const cases: readonly [
        given: number,
        where: string,
        expected: ExpectedRevision,
        outcome: 'stored' | ExpectedRevision,
      ][] = [
        [0, 'an absent stream expected to be absent', 'no-stream', 'stored'],
        [0, 'an absent stream expected at its first event', 0, 'no-stream'],
        [0, 'an absent stream expected further on', 7, 'no-stream'],
        [1, 'a stream of one event expected to be absent', 'no-stream', 0],
        [1, 'a stream of one event expected there', 0, 'stored'],
        [3, 'a stream of three expected to be absent', 'no-stream', 2],
        [3, 'a stream of three expected at the first', 0, 2],
        [3, 'a stream of three expected at the second', 1, 2],
        [3, 'a stream of three expected at the third', 2, 'stored'],
        [3, 'a stream of three expected one further on', 3, 2],
        [3, 'a stream of three expected far ahead', 1_000_000, 2],
      ];

      it.each(cases)('with %i events before: %s (%p) → %p', async (given, _where, expected, outcome) => {
        const stream = newStream();
        if (given > 0) await log.append([write(stream, 'no-stream', given)]);
        const attempt = log.append([write(stream, expected, 2)]);
        if (outcome === 'stored') {
          await attempt;
          expect(await log.readStream(stream)).toHaveLength(given + 2);
        } else {
          expect(await refusal(attempt)).toMatchObject({ stream, expected, actual: outcome });
          expect(await log.readStream(stream)).toHaveLength(given);
        }
      });

      it('lets one of many who expect the same win', async () => {
        const stream = newStream();
        const logs = [log, open()];
        const outcomes = await Promise.allSettled(
          Array.from({ length: 20 }, (_, n) => (logs[n % 2] ?? log).append([write(stream, 'no-stream')])),
        );
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await log.readStream(stream)).toHaveLength(1);
      });

      it('without harm to the neighbours of a refused append', async () => {
        const taken = newStream();
        await log.append([write(taken, 'no-stream')]);
        const streams = Array.from({ length: 40 }, () => newStream());
        const outcomes = await Promise.allSettled(
          streams.flatMap((stream) => [
            log.append([write(stream, 'no-stream', 2)]),
            log.append([write(taken, 'no-stream')]),
            log.append([write(newStream(), 4)]),
          ]),
        );
        for (const [index, { status }] of outcomes.entries()) {
          expect(status).toBe(index % 3 === 0 ? 'fulfilled' : 'rejected');
        }
        for (const stream of streams) expect(await log.readStream(stream)).toHaveLength(2);
        expect(await log.readStream(taken)).toHaveLength(1);
      });
    });

    describe('writes', () => {
      it('gives back what it was given', async () => {
        const stream = newStream('account');
        const before = await log.head();
        const given = [event({ a: [1, null, { b: 'ü€😀' }] }), { ...event(), type: 'HappenedAgain' }];
        const { position } = await log.append([{ stream, expected: 'no-stream', events: given }]);

        const stored = await log.readStream(stream);
        const positions = stored.map((each) => each.position);
        expect(stored).toEqual(given.map((each, n) => ({ ...each, stream, revision: n, position: positions[n] })));
        expect([before, ...positions]).toEqual([...new Set([before, ...positions])].sort((a, b) => a - b));
        expect(positions.at(-1)).toBe(position);
        expect(await log.head()).toBe(position);
      });

      it('gives back any JSON to the letter', () =>
        fc.assert(
          fc.asyncProperty(
            fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 })),
            async (data) => {
              const stream = newStream();
              await log.append([{ stream, expected: 'no-stream', events: [event(data)] }]);
              const [stored] = await log.readStream(stream);
              expect(JSON.stringify(stored?.data)).toBe(JSON.stringify(data));
            },
          ),
          { numRuns: 60 },
        ));

      it.each(["o'brien", 'a"b\\c', '{x,y}', '日本-語', ' ', '%_'])('a stream named %p', async (part) => {
        const stream = `${newStream()}-${part}`;
        await log.append([write(stream, 'no-stream')]);
        await log.append([write(stream, 0)]);
        expect((await log.readStream(stream)).map(({ revision }) => revision)).toEqual([0, 1]);
        expect((await readEverything(0, [stream])).length).toBe(2);
      });

      it('all events of a write or none: nobody sees half of it', async () => {
        const stream = newStream();
        const reader = open();
        const seen = new Set<number>();
        const writing = new AbortController();
        const reading = (async () => {
          while (!writing.signal.aborted) seen.add((await reader.readStream(stream)).length);
        })();
        for (let n = 0; n < 10; n++) await log.append([write(stream, n === 0 ? 'no-stream' : n * 30 - 1, 30)]);
        writing.abort();
        await reading;
        expect([...seen].filter((length) => length % 30 !== 0)).toEqual([]);
      });

      it('several stages in their order', async () => {
        const writes = [
          write(newStream(), 'no-stream', 2),
          write(newStream(), 'no-stream'),
          write(newStream(), 'no-stream', 3),
        ];
        const before = await log.head();
        const { position } = await log.append(...writes.map((each) => [each]));
        const { events: stored } = await log.readAll({ after: before, limit: 100 });
        expect(idsOf(stored)).toEqual(writes.flatMap((each) => idsOf(each.events)));
        expect(stored.at(-1)?.position).toBe(position);
      });

      it('all writes of a stage, and tells the position of the last', async () => {
        const writes = Array.from({ length: 20 }, (_, n) => write(newStream(), 'no-stream', 1 + (n % 3)));
        const before = await log.head();
        const { position } = await log.append(writes);
        const { events: stored } = await log.readAll({ after: before, limit: 100 });
        expect(idsOf(stored).sort()).toEqual(writes.flatMap((each) => idsOf(each.events)).sort());
        expect(stored.at(-1)?.position).toBe(position);
      });

      it('nothing of the stages after a refused write', async () => {
        const taken = newStream();
        await log.append([write(taken, 'no-stream')]);
        const after = newStream();
        const attempt = log.append(
          [write(newStream(), 'no-stream')],
          [write(newStream(), 'no-stream'), write(taken, 'no-stream')],
          [write(after, 'no-stream')],
        );
        expect(await refusal(attempt)).toMatchObject({ stream: taken, expected: 'no-stream', actual: 0 });
        expect(await log.readStream(after)).toEqual([]);
      });
    });

    describe('takes a repeated append for what it is', () => {
      it('of one write', async () => {
        const stream = newStream();
        const first = write(stream, 'no-stream', 3);
        const { position } = await log.append([first]);
        expect(await log.append([first])).toEqual({ position });
        expect(await log.readStream(stream)).toHaveLength(3);
      });

      it('with ids in capital letters', async () => {
        const stream = newStream();
        const first = write(stream, 'no-stream');
        const { position } = await log.append([first]);
        const shouted = first.events.map((each) => ({ ...each, id: each.id.toUpperCase() }));
        expect(await log.append([{ ...first, events: shouted }])).toEqual({ position });
      });

      it('after the stream has gone on', async () => {
        const stream = newStream();
        const [first, second] = [write(stream, 'no-stream', 2), write(stream, 1, 2)];
        const { position: early } = await log.append([first]);
        const { position: late } = await log.append([second]);
        await log.append([write(stream, 3)]);
        expect(await log.append([first])).toEqual({ position: early });
        expect(await log.append([second])).toEqual({ position: late });
        expect(await log.readStream(stream)).toHaveLength(5);
      });

      it('of several writes', async () => {
        const writes = [write(newStream(), 'no-stream', 2), write(newStream(), 'no-stream')];
        const { position } = await log.append(writes);
        expect(await log.append(writes)).toEqual({ position });
      });

      it('of several writes of which the first had been stored', async () => {
        const writes = [
          write(newStream(), 'no-stream', 2),
          write(newStream(), 'no-stream', 2),
          write(newStream(), 'no-stream'),
        ];
        const stored = writes.slice(0, 1);
        await log.append(stored);
        const { position } = await log.append(writes);
        for (const { stream, events: given } of writes)
          expect(idsOf(await log.readStream(stream))).toEqual(idsOf(given));
        expect((await log.readStream(writes[2]?.stream ?? '')).at(-1)?.position).toBe(position);
      });

      it('when it comes many times at once', async () => {
        const first = write(newStream(), 'no-stream', 2);
        const logs = [log, open()];
        const results = await Promise.all(Array.from({ length: 10 }, (_, n) => (logs[n % 2] ?? log).append([first])));
        expect(new Set(results.map(({ position }) => position)).size).toBe(1);
        expect(await log.readStream(first.stream)).toHaveLength(2);
      });

      it('but not for a repetition when the ids are others', async () => {
        const stream = newStream();
        await log.append([write(stream, 'no-stream', 2)]);
        expect(await refusal(log.append([write(stream, 'no-stream', 2)]))).toMatchObject({ actual: 1 });
      });

      it('but not for a repetition when it says more than was stored', async () => {
        const stream = newStream();
        const first = write(stream, 'no-stream', 2);
        await log.append([first]);
        const longer = { ...first, events: [...first.events, event()] };
        expect(await refusal(log.append([longer]))).toMatchObject({ actual: 1 });
        expect(await log.readStream(stream)).toHaveLength(2);
      });

      it('but not for a repetition at another revision', async () => {
        const stream = newStream();
        const first = write(stream, 'no-stream', 2);
        await log.append([first]);
        expect(await refusal(log.append([{ ...first, expected: 0 }]))).toMatchObject({ expected: 0, actual: 1 });
      });
    });

    describe('reads', () => {
      it('a missing stream as empty', async () => {
        expect(await log.readStream(newStream())).toEqual([]);
      });

      it('a stream from a revision on', async () => {
        const stream = newStream();
        await log.append([write(stream, 'no-stream', 5)]);
        expect((await log.readStream(stream, 3)).map(({ revision }) => revision)).toEqual([3, 4]);
        expect(await log.readStream(stream, 5)).toEqual([]);
      });

      it('page by page, each event once', async () => {
        const before = await log.head();
        const stream = newStream();
        await log.append([write(stream, 'no-stream', 7)]);
        const first = await log.readAll({ after: before, limit: 3 });
        const second = await log.readAll({ after: first.next, limit: 3 });
        const third = await log.readAll({ after: second.next, limit: 3 });
        expect([first, second, third].map((page) => page.events.map(({ revision }) => revision))).toEqual([
          [0, 1, 2],
          [3, 4, 5],
          [6],
        ]);
        expect([first, second, third].map(({ atEnd }) => atEnd)).toEqual([false, false, true]);
        expect(await log.readAll({ after: third.next, limit: 3 })).toEqual({
          events: [],
          next: third.next,
          atEnd: true,
        });
      });

      it('only streams of the kinds asked for, and moves past the others', async () => {
        const before = await log.head();
        const [alpha, beta, gamma] = [newStream('alpha'), newStream('alphabet'), newStream('gamma')];
        await log.append([write(alpha, 'no-stream', 2)]);
        await log.append([write(beta, 'no-stream', 2)]);
        await log.append([write(gamma, 'no-stream', 2)]);
        const read = async (streamPrefixes: string[]) => log.readAll({ after: before, limit: 100, streamPrefixes });

        const onlyAlpha = await read(['alpha-']);
        expect(onlyAlpha.events.map(({ stream }) => stream)).toEqual([alpha, alpha]);
        expect(onlyAlpha).toMatchObject({ next: await log.head(), atEnd: true });
        expect((await read(['alpha-', 'gamma-'])).events.map(({ stream }) => stream)).toEqual([
          alpha,
          alpha,
          gamma,
          gamma,
        ]);
        expect((await read(['alpha'])).events).toHaveLength(4);
        expect((await read(['nothing-'])).events).toEqual([]);
        expect((await read([])).events).toHaveLength(6);
      });

      it('a filtered page that is full, from where it ended', async () => {
        const before = await log.head();
        const [wanted, other] = [newStream('wanted'), newStream('other')];
        await log.append([write(wanted, 'no-stream', 2)]);
        await log.append([write(other, 'no-stream', 2)]);
        await log.append([write(wanted, 1, 2)]);
        const first = await log.readAll({ after: before, limit: 2, streamPrefixes: ['wanted-'] });
        const second = await log.readAll({ after: first.next, limit: 2, streamPrefixes: ['wanted-'] });
        expect([...first.events, ...second.events].map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
      });
    });

    describe('refuses, before anything is stored,', () => {
      const tooDeep = (): object => Array.from({ length: 200 }).reduce<object>((inner) => ({ inner }), {});
      const circle = (): object => {
        const data: Record<string, unknown> = {};
        data['self'] = data;
        return data;
      };
      const data: readonly [what: string, data: () => unknown, says: RegExp][] = [
        ['a bigint', () => ({ n: 1n }), /\.n is bigint/],
        ['undefined', () => ({ orders: [{ price: undefined }] }), /\.orders\[0\]\.price is undefined/],
        ['a hole in an array', () => ({ list: new Array<number>(1) }), /\.list\[0\] is undefined/],
        ['NaN', () => ({ price: Number.NaN }), /\.price is NaN/],
        ['Infinity', () => ({ price: Infinity }), /\.price is Infinity/],
        ['a function', () => ({ f: () => 1 }), /\.f is function/],
        ['a symbol', () => ({ s: Symbol('s') }), /\.s is symbol/],
        ['a Date', () => ({ at: new Date(0) }), /\.at is \[object Date\]/],
        ['a Map', () => ({ map: new Map() }), /\.map is \[object Map\]/],
        ['a circle', circle, /circle/],
        ['nesting without end', tooDeep, /nested too deeply/],
        ['an array', () => [], /data must be an object/],
        ['null', () => null, /data must be an object/],
        ['a text', () => 'text', /data must be an object/],
        ['nothing', () => undefined, /data must be an object/],
      ];
      it.each(data)('data that is %s', async (_what, make, says) => {
        const stream = newStream();
        const bad = { ...event(), data: make() } as NewEvent;
        const attempt = log.append([{ stream, expected: 'no-stream', events: [event(), bad] }]);
        await expect(attempt).rejects.toThrow(says);
        await expect(attempt).rejects.toThrow(TypeError);
        expect(await log.readStream(stream)).toEqual([]);
      });

      const ok = (stream = newStream()): Write => write(stream, 'no-stream');
      const writes: readonly [what: string, writes: () => unknown][] = [
        ['no write', () => []],
        ['a write without events', () => [{ ...ok(), events: [] }]],
        ['a stream named twice', () => [ok('order-1'), ok('order-1')]],
        ['a stream without a name', () => [ok('')]],
        ['a stream name of 201 characters', () => [ok('x'.repeat(201))]],
        ['a stream name with a line break', () => [ok('order-\n')]],
        ['a stream name with a character 0', () => [ok('order-\0')]],
        ['a stream name with half a surrogate pair', () => [ok('order-\ud800')]],
        ['a stream name that is a number', () => [{ ...ok(), stream: 7 }]],
        ['an expected revision of -1', () => [{ ...ok(), expected: -1 }]],
        ['an expected revision of 1.5', () => [{ ...ok(), expected: 1.5 }]],
        ['an expected revision of NaN', () => [{ ...ok(), expected: Number.NaN }]],
        ['an expected revision beyond any stream', () => [{ ...ok(), expected: 2 ** 31 }]],
        ['an expected revision in words', () => [{ ...ok(), expected: 'any' }]],
        ['an event id that is no UUID', () => [{ ...ok(), events: [{ ...event(), id: 'e-1' }] }]],
        ['an event type without a name', () => [{ ...ok(), events: [{ ...event(), type: '' }] }]],
        ['an event type with a character 0', () => [{ ...ok(), events: [{ ...event(), type: 'A\0' }] }]],
        ['an event without meta', () => [{ ...ok(), events: [{ ...event(), meta: {} }] }]],
        ['meta without a time', () => [{ ...ok(), events: [{ ...event(), meta: { ...meta, at: Number.NaN } }] }]],
        ['meta that is not JSON', () => [{ ...ok(), events: [{ ...event(), meta: { ...meta, extra: 1n } }] }]],
        ['a bad write behind a good one', () => [ok(), { ...ok(), events: [] }]],
      ];
      it.each(writes)('%s', async (_what, make) => {
        const before = await log.head();
        await expect(log.append(make() as Write[])).rejects.toThrow(TypeError);
        expect(await log.head()).toBe(before);
      });

      it.each([-1, 0.5, Number.NaN, Infinity])('to read on from %p', async (bad) => {
        await expect(log.readAll({ after: bad, limit: 1 })).rejects.toThrow(TypeError);
        await expect(log.readStream('order-1', bad)).rejects.toThrow(TypeError);
      });

      it.each([0, -1, 1.5, 1e9, Number.NaN])('a page of %p events', async (limit) => {
        await expect(log.readAll({ after: 0, limit })).rejects.toThrow(TypeError);
      });
    });

    it('behaves as if its appends came one after the other, whatever is appended at once', () => {
      const streams = ['x', 'y', 'z'];
      const expected = fc.oneof(
        { weight: 2, arbitrary: fc.constant<ExpectedRevision>('no-stream') },
        { weight: 3, arbitrary: fc.nat(4) },
      );
      const attempts = fc.array(
        fc.uniqueArray(
          fc.record({ of: fc.constantFrom(...streams), expected, count: fc.integer({ min: 1, max: 3 }) }),
          {
            minLength: 1,
            maxLength: 3,
            selector: ({ of }) => of,
          },
        ),
        { minLength: 1, maxLength: 25 },
      );
      const logs = [log, open()];
      return fc.assert(
        fc.asyncProperty(attempts, async (list) => {
          const prefix = `${newStream('model')}-`;
          const appends = list.map((writes) => writes.map((w) => write(prefix + w.of, w.expected, w.count)));
          const outcomes = await Promise.allSettled(appends.map((writes, n) => (logs[n % 2] ?? log).append(writes)));

          // What is stored is one of the sequences in which each write found what it expected …
          const writeOf = new Map(appends.flat().flatMap((w) => w.events.map(({ id }) => [id, w] as const)));
          const stored = await readEverything(0, [prefix]);
          const heads = new Map<string, ExpectedRevision>();
          const everHeads = new Map(streams.map((of) => [prefix + of, new Set<ExpectedRevision>(['no-stream'])]));
          const storedWrites = new Set<Write>();
          for (let n = 0; n < stored.length;) {
            const w = writeOf.get(stored[n]?.id ?? '');
            if (w === undefined) throw new Error('an event that nobody appended');
            expect(idsOf(stored.slice(n, n + w.events.length))).toEqual(idsOf(w.events));
            expect(w.expected).toBe(heads.get(w.stream) ?? 'no-stream');
            const head = (w.expected === 'no-stream' ? -1 : w.expected) + w.events.length;
            heads.set(w.stream, head);
            everHeads.get(w.stream)?.add(head);
            storedWrites.add(w);
            n += w.events.length;
          }
          // … everything that was acknowledged is in it, and every refusal tells a head that the stream once had.
          for (const [n, outcome] of outcomes.entries()) {
            const writes = appends[n] ?? [];
            if (outcome.status === 'fulfilled') {
              expect(writes.filter((w) => !storedWrites.has(w))).toEqual([]);
            } else {
              const error: unknown = outcome.reason;
              if (!(error instanceof WrongExpectedRevision)) throw error;
              expect(error.actual).not.toBe(error.expected);
              expect(everHeads.get(error.stream)?.has(error.actual)).toBe(true);
              expect(writes.find(({ stream }) => stream === error.stream)?.expected).toBe(error.expected);
            }
          }
        }),
        { numRuns: 40 },
      );
    });

    describe('subscribes', () => {
      it('from the start: what is stored, then what arrives', async () => {
        const prefix = `${newStream('sub')}-`;
        const stream = `${prefix}1`;
        await log.append([write(stream, 'no-stream', 3)]);
        const { subscription, events: received } = collect({ after: 0, streamPrefixes: [prefix] });
        await until(() => received.length === 3);
        await log.append([write(stream, 2, 2)]);
        await until(() => received.length === 5);
        await open().append([write(stream, 4)]);
        await until(() => received.length === 6);
        await subscription.close();
        await subscription.ended;
        expect(received.map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4, 5]);
      });

      it('from a checkpoint, and misses nothing between one subscription and the next', async () => {
        const stream = newStream();
        const first = collect({ after: await log.head(), batchSize: 2 });
        await log.append([write(stream, 'no-stream', 2)]);
        await until(() => first.events.length === 2);
        await first.subscription.close();
        await log.append([write(stream, 1, 3)]);

        const second = collect({ after: first.next, batchSize: 2 });
        await until(() => second.events.length === 3);
        await second.subscription.close();
        expect([...first.events, ...second.events].map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4]);
      });

      it('in batches of the size asked for, one at a time', async () => {
        const stream = newStream();
        const after = await log.head();
        await log.append([write(stream, 'no-stream', 10)]);
        const sizes: number[] = [];
        let [busy, overlapped, checkpoint, isLeadingTooFar] = [0, false, after, false];
        const subscription = log.subscribeAll({ after, batchSize: 4 }, async (batch, next) => {
          overlapped ||= busy > 0;
          busy++;
          await log.head();
          isLeadingTooFar ||= batch.some(({ position }) => position <= checkpoint || position > next);
          checkpoint = next;
          sizes.push(batch.length);
          busy--;
        });
        await until(() => sizes.reduce((sum, size) => sum + size, 0) === 10);
        await subscription.close();
        expect(sizes).toEqual([4, 4, 2]);
        expect(overlapped).toBe(false);
        expect(isLeadingTooFar).toBe(false);
      });

      it('only to the kinds of streams asked for, and tells how far it has come past the others', async () => {
        const prefix = `${newStream('wanted')}-`;
        const collected = collect({ after: await log.head(), streamPrefixes: [prefix] });
        await log.append([write(`${prefix}1`, 'no-stream', 2)]);
        const { position } = await log.append([write(newStream('unwanted'), 'no-stream', 2)]);
        await until(() => collected.next === position);
        await collected.subscription.close();
        expect(collected.events.map(({ stream }) => stream)).toEqual([`${prefix}1`, `${prefix}1`]);
      });

      it('until it is closed: no handler runs after that', async () => {
        const collected = collect({ after: await log.head() });
        await log.append([write(newStream(), 'no-stream')]);
        await until(() => collected.events.length === 1);
        await collected.subscription.close();
        await log.append([write(newStream(), 'no-stream')]);
        const witness = collect({ after: collected.next });
        await until(() => witness.events.length === 1);
        await witness.subscription.close();
        expect(collected.events).toHaveLength(1);
      });

      it('until its handler throws: the subscription ends with that error', async () => {
        const after = await log.head();
        await log.append([write(newStream(), 'no-stream', 3)]);
        let calls = 0;
        const subscription = log.subscribeAll({ after, batchSize: 1 }, () => {
          calls++;
          return Promise.reject(new Error('poison'));
        });
        await expect(subscription.ended).rejects.toThrow('poison');
        await subscription.close();
        expect(calls).toBe(1);
      });

      it('and survives that all connections are cut', async () => {
        const reader = open();
        const stream = newStream('cut');
        const collected = collect({ after: await log.head(), streamPrefixes: [stream] }, reader);
        for (let round = 0; round < 3; round++) {
          await subject.dropConnections();
          const writer = open();
          await writer.append([write(stream, round === 0 ? 'no-stream' : round - 1)]);
          await until(() => collected.events.length === round + 1);
        }
        await collected.subscription.close();
        expect(collected.events.map(({ revision }) => revision)).toEqual([0, 1, 2]);
      });

      it('while others write: each event once, in order, as it is read afterwards', async () => {
        const prefix = `${newStream('busy')}-`;
        const after = await log.head();
        const collected = collect({ after, streamPrefixes: [prefix], batchSize: 7 });
        const writers = [log, open(), open()];
        await Promise.all(
          writers.flatMap((writer, w) =>
            Array.from({ length: 4 }, async (_, n) => {
              const stream = `${prefix}${String(w)}-${String(n)}`;
              for (let r = 0; r < 20; r++) await writer.append([write(stream, r === 0 ? 'no-stream' : r * 2 - 1, 2)]);
            }),
          ),
        );
        await until(() => collected.events.length >= 480);
        await collected.subscription.close();
        expect(collected.misplaced).toEqual([]);
        expect(collected.events).toEqual(await readEverything(after, [prefix]));
      });

      it('without a gap while eight writers in two processes append and others fail in between', async () => {
        const prefix = `${newStream('gap')}-`;
        const after = await log.head();
        const collected = collect({ after, streamPrefixes: [prefix], batchSize: 50 });
        const acknowledged = (
          await Promise.all([subject.runWriters(`${prefix}1-`, 60, 1), subject.runWriters(`${prefix}2-`, 60, 2)])
        ).flat();
        const head = await log.head();
        await until(() => collected.next >= head);
        await collected.subscription.close();
        expect(collected.misplaced).toEqual([]);

        expect(acknowledged.length).toBeGreaterThanOrEqual(2 * 4 * 60);
        expect(idsOf(collected.events).sort()).toEqual([...acknowledged].sort());
        expect(collected.events).toEqual(await readEverything(after, [prefix]));
        const positions = collected.events.map(({ position }) => position);
        expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      }, 60_000);
    });

    describe('closes', () => {
      it('after what is under way, and ends its subscriptions', async () => {
        const closing = open();
        const { subscription } = collect({ after: 0 }, closing);
        const stream = newStream();
        const appending = closing.append([write(stream, 'no-stream')]);
        await closing.close();
        await appending;
        await subscription.ended;
        expect(await log.readStream(stream)).toHaveLength(1);
      });

      it('for good: whoever still asks is told that it is unavailable', async () => {
        const closed = open();
        await closed.close();
        await closed.close();
        await expect(closed.append([write(newStream(), 'no-stream')])).rejects.toThrow(EventLogUnavailable);
        await expect(closed.readStream('order-1')).rejects.toThrow(EventLogUnavailable);
        await expect(closed.head()).rejects.toThrow(EventLogUnavailable);
      });
    });
  });
}
