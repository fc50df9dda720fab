import fc from 'fast-check';
import type { SerialisedWrite } from '../serialise';
import type { Unit, UnitOutcome } from './append-statement';
import { GroupCommit } from './group-commit';

const unit = (streams: readonly string[], events = 1): Unit =>
  streams.map((stream): SerialisedWrite => {
    const event = { id: '', type: '', data: '', meta: '' };
    return { stream, expected: 'no-stream', events: Array.from({ length: events }, () => event) };
  });
const streamsOf = (units: readonly Unit[]): string[] => units.map((each) => each.map(({ stream }) => stream).join('+'));

const streams = ['a', 'b', 'c', 'd'] as const;

/** A group commit whose flushes wait until they are let go, and then acknowledge everything. */
function held() {
  const flushes: string[][] = [];
  const waiting: (() => void)[] = [];
  let position = 0;
  const commits = new GroupCommit(async (units) => {
    flushes.push(streamsOf(units));
    await new Promise<void>((resolve) => waiting.push(resolve));
    return units.map((): UnitOutcome => ({ position: ++position }));
  });
  return {
    commits,
    flushes,
    /** Lets everything go, flush after flush, until nothing is waiting. */
    letGo: async (): Promise<void> => {
      const idle = new AbortController();
      void commits.idle().then(() => {
        idle.abort();
      });
      while (!idle.signal.aborted) {
        waiting.shift()?.();
        await new Promise(setImmediate);
      }
    },
  };
}

describe('group commit', () => {
  it('flushes together what is appended at once, and what arrives meanwhile after that', async () => {
    const { commits, flushes, letGo } = held();
    const first = [commits.append(unit(['a'])), commits.append(unit(['b']))];
    await new Promise(setImmediate);
    const second = [commits.append(unit(['c'])), commits.append(unit(['d']))];
    await new Promise(setImmediate);
    expect(flushes).toEqual([['a', 'b']]);
    await letGo();
    await Promise.all([...first, ...second]);
    expect(flushes).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('never flushes two units of one stream together, and keeps their order', async () => {
    const { commits, flushes, letGo } = held();
    const all = [['a'], ['a', 'b'], ['b'], ['c'], ['b', 'c']].map((streams) => commits.append(unit(streams)));
    await letGo();
    await Promise.all(all);
    expect(flushes).toEqual([['a', 'c'], ['a+b'], ['b'], ['b+c']]);
  });

  it('limits a flush, but not a unit', async () => {
    const { commits, flushes, letGo } = held();
    const all = [2_000, 2_000, 2_000, 9_000, 1].map((events, n) => commits.append(unit([String(n)], events)));
    await letGo();
    await Promise.all(all);
    expect(flushes).toEqual([['0', '1', '4'], ['2'], ['3']]);
  });

  it('tells everyone in a failed flush, and goes on with the next', async () => {
    let failing = true;
    const commits = new GroupCommit((units) =>
      failing ? Promise.reject(new Error('lost')) : Promise.resolve(units.map(() => ({ position: 1 }))),
    );
    const outcomes = await Promise.allSettled([commits.append(unit(['a'])), commits.append(unit(['b']))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    failing = false;
    expect(await commits.append(unit(['a']))).toEqual({ position: 1 });
  });

  it('gives each caller the outcome of its own unit, in an order each stream agrees with', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(fc.constantFrom(...streams), { minLength: 1, maxLength: 3 }), {
          maxLength: 20,
        }),
        async (list) => {
          const done: string[] = [];
          const commits = new GroupCommit(async (units) => {
            await Promise.resolve();
            const together = units.flat().map(({ stream }) => stream);
            expect(new Set(together).size).toBe(together.length);
            return units.map((each): UnitOutcome => ({ position: done.push(streamsOf([each]).join()) }));
          });
          const outcomes = await Promise.all(list.map((each) => commits.append(unit(each))));
          for (const [n, outcome] of outcomes.entries()) {
            if (!('position' in outcome)) throw new Error('unexpected refusal');
            expect(done[outcome.position - 1]).toBe(list[n]?.join('+'));
          }
          for (const stream of streams) {
            const positions = outcomes
              .filter((_, n) => list[n]?.includes(stream))
              .map((outcome) => ('position' in outcome ? outcome.position : 0));
            expect(positions).toEqual([...positions].sort((x, y) => x - y));
          }
        },
      ),
    ));
});
