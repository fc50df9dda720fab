import fc from 'fast-check';
import { InProcessHotState } from '../../platform/src/hot-state-in-process';
import { type Capabilities, capabilitiesAt, type Limits, type Window } from './capabilities';
import { type Admission, type Asked, Governor, type GovernorOptions, type SlidingWindows } from './governor';

const MARGIN_MS = 50;
const NOWHERE = { orders: [], ordersPerExchange: [], reads: [], book: [], all: [] };
const perSecond = (max: number): Window => ({ max, windowMs: 1_000 });
const perDay = (max: number): Window => ({ max, windowMs: 86_400_000 });
/** 21 November 2026, 10:00 IST, and a bit. */
const MORNING_MS = Date.UTC(2026, 10, 21, 4, 30) + 137;

/** Time that goes on only when everybody waits for it. */
class Clock {
  private readonly timers: { readonly atMs: number; readonly ring: () => void }[] = [];
  /** How often anybody had to be woken. */
  rings = 0;
  constructor(public nowMs = MORNING_MS) {}

  now = (): number => this.nowMs;

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const timer = { atMs: this.nowMs + ms, ring: resolve };
      this.timers.push(timer);
      signal?.addEventListener('abort', () => {
        this.timers.splice(this.timers.indexOf(timer), 1);
        resolve();
      });
    });

  async run(forMs: number): Promise<void> {
    const endMs = this.nowMs + forMs;
    for (;;) {
      await new Promise(setImmediate);
      const next = this.timers.reduce<(typeof this.timers)[number] | undefined>(
        (first, timer) => (timer.atMs <= endMs && timer.atMs < (first?.atMs ?? Infinity) ? timer : first),
        undefined,
      );
      if (next === undefined) break;
      this.timers.splice(this.timers.indexOf(next), 1);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.rings += 1;
      next.ring();
    }
    this.nowMs = endMs;
  }

  get waiting(): number {
    return this.timers.length;
  }
}

interface World {
  readonly clock: Clock;
  readonly windows: SlidingWindows;
  governor(options?: Partial<GovernorOptions>): Governor;
}

const aWorld = (limits: Partial<Limits>, startMs = MORNING_MS): World => {
  const clock = new Clock(startMs);
  const windows = new InProcessHotState(clock.now);
  return {
    clock,
    windows,
    governor: (options = {}) =>
      new Governor({
        limits: { ...NOWHERE, ...limits },
        windows,
        key: 'connection-1',
        now: clock.now,
        queueMax: 1_000,
        exitReserve: 0,
        marginMs: MARGIN_MS,
        sleep: clock.sleep,
        ...options,
      }),
  };
};

const entry = (asked: Partial<Asked> = {}): Asked => ({
  kind: 'order',
  exchange: 'NSE',
  weight: 1,
  isExit: false,
  notAfterMs: Number.MAX_SAFE_INTEGER,
  ...asked,
});
const exit = (asked: Partial<Asked> = {}): Asked => entry({ isExit: true, ...asked });

/** Who was answered what, in the order of the answers. */
const follow = ({ clock }: World) => {
  const answers: { readonly name: string; readonly atMs: number; readonly admission: Admission }[] = [];
  return {
    answers,
    ask: (governor: Governor, name: string, asked: Asked): void =>
      void governor.admit(asked).then((admission) => answers.push({ name, atMs: clock.nowMs, admission })),
    told: () =>
      answers.map(({ name, admission }) => `${name} ${admission.admitted ? 'goes' : (admission.evidence.code ?? '')}`),
  };
};

/** The most that a server counts in one window of its calendar. */
const most = (hits: readonly { readonly atMs: number; readonly weight: number }[], windowMs: number): number => {
  const counts = new Map<number, number>();
  for (const { atMs, weight } of hits) {
    const window = Math.floor(atMs / windowMs);
    counts.set(window, (counts.get(window) ?? 0) + weight);
  }
  return Math.max(0, ...counts.values());
};

describe('a call', () => {
  it('goes at once while there is room, and waits for it when there is none', async () => {
    const world = aWorld({ orders: [perSecond(2)] });
    const [governor, { ask, told, answers }] = [world.governor(), follow(world)];
    for (const name of ['a', 'b', 'c', 'd', 'e']) ask(governor, name, entry());
    await world.clock.run(0);
    expect(told()).toEqual(['a goes', 'b goes']);
    await world.clock.run(10_000);
    expect(told()).toEqual(['a goes', 'b goes', 'c goes', 'd goes', 'e goes']);
    expect(answers.map(({ atMs }) => atMs - MORNING_MS)).toEqual([0, 0, 1_050, 1_050, 2_100]);
  });

  it('goes at once where nothing is limited', async () => {
    const world = aWorld({});
    const governor = world.governor();
    expect(governor.weightMax(entry())).toBe(Infinity);
    expect(await governor.admit(entry({ weight: 1_000 }))).toEqual({ admitted: true });
  });

  it('takes from all windows that it counts in, or from none', async () => {
    const world = aWorld({ orders: [perSecond(5)], all: [{ max: 6, windowMs: 60_000 }], reads: [perSecond(1)] });
    const [governor, { ask, told }] = [world.governor(), follow(world)];
    for (let n = 0; n < 3; n += 1) ask(governor, `read ${String(n)}`, entry({ kind: 'read' }));
    await world.clock.run(0);
    expect(told()).toEqual(['read 0 goes']);
    for (let n = 0; n < 5; n += 1) ask(governor, `order ${String(n)}`, entry());
    await world.clock.run(0);
    expect(told()).toHaveLength(6); // the reads that wait have taken nothing of the minute
    await world.clock.run(59_000);
    expect(told()).toHaveLength(6);
  });

  it('of the book counts as a read besides, and holds up neither reads nor orders', async () => {
    const world = aWorld({ book: [perSecond(1)], reads: [perSecond(3)], orders: [perSecond(10)] });
    const [governor, { ask, told }] = [world.governor(), follow(world)];
    for (const name of ['book 1', 'book 2']) ask(governor, name, entry({ kind: 'book' }));
    for (const name of ['read 1', 'read 2', 'read 3']) ask(governor, name, entry({ kind: 'read' }));
    ask(governor, 'order', entry());
    await world.clock.run(0);
    expect(told().sort()).toEqual(['book 1 goes', 'order goes', 'read 1 goes', 'read 2 goes']);
  });

  it('is counted at its exchange too', async () => {
    const world = aWorld({ ordersPerExchange: [perSecond(1)] });
    const governor = world.governor();
    expect(await governor.admit(entry({ exchange: 'NSE' }))).toEqual({ admitted: true });
    expect(await governor.admit(entry({ exchange: 'BSE' }))).toEqual({ admitted: true });
    const late = entry({ exchange: 'BSE', notAfterMs: world.clock.nowMs + 500 });
    expect(await governor.admit(late)).toMatchObject({ admitted: false, retryAfterMs: 1_050 });
  });

  it('shares its windows with other processes on the same connection, and with no other connection', async () => {
    const world = aWorld({ orders: [perSecond(1)] });
    const soon = entry({ notAfterMs: world.clock.nowMs + 500 });
    expect(await world.governor().admit(soon)).toEqual({ admitted: true });
    expect(await world.governor().admit(soon)).toMatchObject({ evidence: { code: 'GOVERNOR_TOO_LATE' } });
    expect(await world.governor({ key: 'connection-2' }).admit(soon)).toEqual({ admitted: true });
  });

  it('is counted by the day of India', async () => {
    const MIDNIGHT_MS = Date.UTC(2026, 10, 21, 18, 30);
    const world = aWorld({ orders: [perDay(2)] }, MIDNIGHT_MS - 3_600_000);
    const governor = world.governor();
    const soon = (): Asked => entry({ notAfterMs: world.clock.nowMs + 10 });
    for (let n = 0; n < 2; n += 1) expect(await governor.admit(soon())).toEqual({ admitted: true });
    expect(await governor.admit(soon())).toMatchObject({ admitted: false });
    await world.clock.run(3_600_000);
    expect(await governor.admit(soon())).toMatchObject({ admitted: false }); // midnight may be later for the broker
    await world.clock.run(1_001);
    for (let n = 0; n < 2; n += 1) expect(await governor.admit(soon())).toEqual({ admitted: true });
    expect(await governor.admit(soon())).toMatchObject({ admitted: false });
  });
});

describe('a call that cannot go', () => {
  it('is refused at once when there will be no room in time', async () => {
    const world = aWorld({ orders: [perSecond(1)] });
    const governor = world.governor();
    await governor.admit(entry());
    expect(await governor.admit(entry({ notAfterMs: world.clock.nowMs + 1_049 }))).toEqual({
      admitted: false,
      evidence: { code: 'GOVERNOR_TOO_LATE', message: expect.any(String) },
      retryAfterMs: 1_050,
    });
    expect(await governor.admit(entry({ notAfterMs: world.clock.nowMs - 1 }))).toMatchObject({ admitted: false });
    expect(world.clock.waiting).toBe(0);
  });

  it('is refused when its time comes while it waits behind others', async () => {
    const world = aWorld({ orders: [perSecond(1)] });
    const [governor, { ask, told, answers }] = [world.governor(), follow(world)];
    for (const name of ['a', 'b', 'c']) ask(governor, name, entry());
    ask(governor, 'd', entry({ notAfterMs: MORNING_MS + 1_500 }));
    await world.clock.run(900);
    ask(governor, 'e', entry({ notAfterMs: MORNING_MS + 1_000 }));
    await world.clock.run(10_000);
    expect(told()).toEqual(['a goes', 'e GOVERNOR_TOO_LATE', 'b goes', 'd GOVERNOR_TOO_LATE', 'c goes']);
    expect(answers.map(({ atMs }) => atMs - MORNING_MS)).toEqual([0, 1_001, 1_050, 1_501, 2_100]);
  });

  it('is refused when too many wait; exits are counted apart', async () => {
    const world = aWorld({ orders: [perSecond(1)] });
    const [governor, { ask, told }] = [world.governor({ queueMax: 2 }), follow(world)];
    await governor.admit(entry());
    for (const name of ['a', 'b', 'c']) ask(governor, name, entry());
    await world.clock.run(100);
    expect(told()).toEqual(['c GOVERNOR_QUEUE_FULL']);
    expect(await governor.admit(entry())).toMatchObject({ admitted: false, retryAfterMs: 950 });
    for (const name of ['x', 'y', 'z']) ask(governor, name, exit());
    await world.clock.run(10_000);
    expect(told().slice(1)).toEqual(['z GOVERNOR_QUEUE_FULL', 'x goes', 'y goes', 'a goes', 'b goes']);
  });

  it('is refused when it is more than a window ever holds', async () => {
    const governor = aWorld({ orders: [perSecond(10)], all: [perSecond(8)] }).governor({ exitReserve: 2 });
    expect(governor.weightMax(entry())).toBe(6);
    expect(governor.weightMax(exit())).toBe(8);
    expect(await governor.admit(entry({ weight: 6 }))).toEqual({ admitted: true });
    expect(await governor.admit(entry({ weight: 7 }))).toMatchObject({ evidence: { code: 'GOVERNOR_TOO_HEAVY' } });
  });

  it('is refused when nobody can count it', async () => {
    const world = aWorld({ orders: [perSecond(1)] });
    let broken = true;
    const windows: SlidingWindows = {
      slide: (...asked) => (broken ? Promise.reject(new Error('out of order')) : world.windows.slide(...asked)),
    };
    const governor = world.governor({ windows });
    expect(await governor.admit(entry())).toMatchObject({
      admitted: false,
      evidence: { code: 'GOVERNOR_FAILED', message: 'out of order' },
    });
    broken = false;
    expect(await governor.admit(entry())).toEqual({ admitted: true });
  });

  it('is not let out when the permission came too late', async () => {
    const world = aWorld({ orders: [perSecond(5)] });
    const windows: SlidingWindows = {
      slide: async (...asked) => {
        await world.clock.sleep(300);
        return world.windows.slide(...asked);
      },
    };
    const [governor, { ask, told }] = [world.governor({ windows }), follow(world)];
    ask(governor, 'a', entry({ notAfterMs: MORNING_MS + 299 }));
    ask(governor, 'b', entry({ notAfterMs: MORNING_MS + 600 }));
    await world.clock.run(1_000);
    expect(told()).toEqual(['a GOVERNOR_TOO_LATE', 'b goes']);
  });

  it('is refused once the connection is closed, also when it waited', async () => {
    const world = aWorld({ orders: [perSecond(1)] });
    const [governor, { ask, told }] = [world.governor(), follow(world)];
    for (const name of ['a', 'b']) ask(governor, name, entry());
    ask(governor, 'x', exit());
    await world.clock.run(10);
    governor.close();
    ask(governor, 'c', entry());
    await world.clock.run(5_000);
    expect(told()).toEqual(['a goes', 'x GOVERNOR_CLOSED', 'b GOVERNOR_CLOSED', 'c GOVERNOR_CLOSED']);
    expect(world.clock.waiting).toBe(0);
  });
});

describe('an exit', () => {
  it('goes before all who wait, and wakes whoever rests', async () => {
    const world = aWorld({ orders: [perSecond(3)] });
    const [governor, { ask, told, answers }] = [world.governor({ exitReserve: 1 }), follow(world)];
    for (const name of ['a', 'b', 'c', 'd']) ask(governor, name, entry());
    await world.clock.run(100);
    for (const name of ['x', 'y']) ask(governor, name, exit());
    await world.clock.run(5_000);
    expect(told()).toEqual(['a goes', 'b goes', 'x goes', 'y goes', 'c goes', 'd goes']);
    expect(answers.map(({ atMs }) => atMs - MORNING_MS)).toEqual([0, 0, 100, 1_050, 1_150, 2_100]);
  });

  it('that comes while another is being counted does not wait for the end of its rest', async () => {
    const world = aWorld({ orders: [perSecond(3)] });
    const windows: SlidingWindows = {
      slide: async (...asked) => {
        await world.clock.sleep(100);
        return world.windows.slide(...asked);
      },
    };
    const [governor, { ask, told, answers }] = [world.governor({ exitReserve: 1, windows }), follow(world)];
    for (const name of ['a', 'b', 'c']) ask(governor, name, entry());
    await world.clock.run(250);
    ask(governor, 'x', exit());
    await world.clock.run(5_000);
    expect(told()).toEqual(['a goes', 'b goes', 'x goes', 'c goes']);
    expect((answers[2]?.atMs ?? 0) - MORNING_MS).toBe(400);
  });

  it('finds room in the windows of all calls too, which reads and entries leave to it', async () => {
    const world = aWorld({ all: [perSecond(4)] });
    const [governor, { ask, told }] = [world.governor({ exitReserve: 2 }), follow(world)];
    for (const name of ['r', 's', 't']) ask(governor, name, entry({ kind: 'read' }));
    ask(governor, 'a', entry());
    await world.clock.run(10);
    for (const name of ['x', 'y']) ask(governor, name, exit());
    await world.clock.run(10);
    expect(told()).toHaveLength(4);
    expect(told().slice(2)).toEqual(['x goes', 'y goes']);
  });

  it(
    'is never starved: with room reserved it goes the moment it comes, whatever else wants to',
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 600, max: 2_000 }), { minLength: 1, maxLength: 12 }),
          fc.integer({ min: 1, max: 8 }),
          async (pausesMs, weight) => {
            const world = aWorld({ orders: [perSecond(10)], ordersPerExchange: [perSecond(10)] });
            const governors = [world.governor({ exitReserve: 2 }), world.governor({ exitReserve: 2 })];
            for (let n = 0; n < 150; n += 1) void governors[n % 2]?.admit(entry({ weight }));
            for (const [n, pauseMs] of pausesMs.entries()) {
              await world.clock.run(pauseMs);
              const cameMs = world.clock.nowMs;
              const { answers, ask } = follow(world);
              ask(governors[n % 2] ?? world.governor(), 'x', exit());
              await world.clock.run(0);
              expect(answers).toEqual([{ name: 'x', atMs: cameMs, admission: { admitted: true } }]);
            }
            for (const governor of governors) governor.close();
          },
        ),
        { numRuns: 30 },
      ),
    60_000,
  );
});

describe('whatever is asked', () => {
  const limitsOf = (broker: Capabilities['broker']): Limits => capabilitiesAt(broker, '2026-11-21').limits;

  interface Plan extends Pick<Asked, 'kind' | 'weight' | 'isExit'> {
    readonly exchange: 'NSE' | 'BSE';
    readonly afterMs: number;
    readonly patienceMs: number;
    readonly jitterMs: number;
  }
  const plan: fc.Arbitrary<Plan> = fc.record({
    kind: fc.constantFrom('order', 'order', 'order', 'read', 'book'),
    exchange: fc.constantFrom('NSE', 'BSE'),
    weight: fc.constantFrom(1, 1, 1, 2, 5),
    isExit: fc.boolean(),
    afterMs: fc.constantFrom(0, 0, 0, 0, 3, 90, 700),
    patienceMs: fc.integer({ min: 0, max: 20_000 }),
    jitterMs: fc.integer({ min: 0, max: MARGIN_MS }),
  });

  it.each(['upstox', 'zerodha', 'fyers', 'angelone'] as const)(
    'no second, minute or day of %s sees more than the limit, with its clock up to 500 ms off ours, and everybody is answered in time',
    (broker) =>
      fc.assert(
        fc.asyncProperty(
          fc.array(plan, { minLength: 20, maxLength: 150 }),
          fc.integer({ min: -500, max: 500 }),
          fc.integer({ min: 0, max: 999 }),
          fc.integer({ min: 0, max: 3 }),
          async (plans, offsetMs, startMs, exitReserve) => {
            const limits = limitsOf(broker);
            const world = aWorld(limits, MORNING_MS + startMs);
            const governors = [world.governor({ exitReserve }), world.governor({ exitReserve })];
            const seen: (Plan & { readonly atMs: number })[] = [];
            let answered = 0;
            let lateMs = 0;
            for (const [n, one] of plans.entries()) {
              await world.clock.run(one.afterMs);
              const notAfterMs = world.clock.nowMs + one.patienceMs;
              void governors[n % 2]?.admit({ ...one, notAfterMs }).then(({ admitted }) => {
                answered += 1;
                lateMs = Math.max(lateMs, world.clock.nowMs - notAfterMs - (admitted ? 0 : 1));
                if (admitted) seen.push({ ...one, atMs: world.clock.nowMs + offsetMs + one.jitterMs });
              });
            }
            await world.clock.run(25_000);
            expect({ answered, lateMs }).toEqual({ answered: plans.length, lateMs: 0 });
            const hold = (windows: readonly Window[], hits: typeof seen): void => {
              for (const { max, windowMs } of windows) expect(most(hits, windowMs)).toBeLessThanOrEqual(max);
            };
            const orders = seen.filter(({ kind }) => kind === 'order');
            hold(limits.orders, orders);
            for (const exchange of ['NSE', 'BSE'])
              hold(
                limits.ordersPerExchange,
                orders.filter((hit) => hit.exchange === exchange),
              );
            const reads = seen.filter(({ kind }) => kind !== 'order');
            hold(limits.reads, reads);
            hold(
              limits.book,
              reads.filter(({ kind }) => kind === 'book'),
            );
            hold(limits.all, seen);
          },
        ),
        { numRuns: 40 },
      ),
    60_000,
  );

  it.each([
    ['upstox', 9 * 30, 30_000],
    ['upstox', 500 * 3, 180_000],
    ['zerodha', 9 * 30, 30_000],
    ['zerodha', 400 * 3, 180_000],
    ['fyers', 200 * 3, 180_000],
    ['angelone', 9 * 30, 30_000],
  ] as const)('%s lets %d orders through in %d ms: at least nine in ten of them go', async (broker, rate, forMs) => {
    const world = aWorld(limitsOf(broker));
    const governors = [world.governor(), world.governor(), world.governor()];
    const admitted: { readonly atMs: number; readonly weight: number }[] = [];
    const keepAsking = async (governor: Governor): Promise<void> => {
      while ((await governor.admit(entry())).admitted) admitted.push({ atMs: world.clock.nowMs, weight: 1 });
    };
    for (let n = 0; n < 30; n += 1) void keepAsking(governors[n % 3] ?? world.governor());
    await world.clock.run(forMs);
    for (const governor of governors) governor.close();
    await world.clock.run(0);
    expect(admitted.length).toBeGreaterThanOrEqual(0.9 * rate);
    for (const { max, windowMs } of [...limitsOf(broker).orders, ...limitsOf(broker).all])
      expect(most(admitted, windowMs)).toBeLessThanOrEqual(max);
  });

  it('nobody is busy while they wait', async () => {
    const world = aWorld({ orders: [perSecond(10)] });
    const governor = world.governor();
    for (let n = 0; n < 100; n += 1) void governor.admit(entry());
    await world.clock.run(20_000);
    expect(world.clock.rings).toBeLessThanOrEqual(10);
    expect(world.clock.waiting).toBe(0);
  });
});

it('rests on a timer of its own when it is given none', async () => {
  const windows = new InProcessHotState();
  const limits = { ...NOWHERE, orders: [{ max: 1, windowMs: 20 }] };
  const options = { limits, windows, key: 'a', now: Date.now, queueMax: 10, exitReserve: 0, marginMs: 0 };
  const governor = new Governor(options);
  const three = await Promise.all([entry(), entry(), exit()].map((asked) => governor.admit(asked)));
  expect(three).toEqual([{ admitted: true }, { admitted: true }, { admitted: true }]);
});
