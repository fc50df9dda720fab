/**
 * What every hot state must do, as specs. An adapter's own spec calls `hotStateContract` with a way to make one; nothing
 * in here knows what is behind it.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { HotState } from './hot-state';

/** Waits for a condition; a deadline far beyond what it takes says what was missing. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  for (const endMs = Date.now() + timeoutMs; !(await isTrue());) {
    if (Date.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const MINUTE_MS = 60_000;
const aKey = (): string => `test-${randomUUID()}`;

export function hotStateContract(open: () => Promise<HotState>): void {
  let state: HotState;
  beforeAll(async () => {
    state = await open();
  });
  afterAll(() => state.close());

  describe('a value', () => {
    it('is a miss before it is set', async () => expect(await state.get(aKey())).toBeUndefined());

    it('is what was set last', async () => {
      const key = aKey();
      await state.set(key, 'one', MINUTE_MS);
      await state.set(key, 'two', MINUTE_MS);
      expect(await state.get(key)).toBe('two');
      expect(await state.get(`${key}2`)).toBeUndefined();
    });

    it.each(['', '{"a":1}\r\n$-1\r\n', 'रुपये ₹ 📈', '\0', 'x'.repeat(1_000_000)])('is any text (%#)', async (text) => {
      const key = aKey();
      await state.set(key, text, MINUTE_MS);
      expect(await state.get(key)).toBe(text);
    });

    it.each([40, 0.5])('is forgotten after its time: %d ms', async (ttlMs) => {
      const key = aKey();
      await state.set(key, 'short-lived', ttlMs);
      await until('the value is gone', async () => (await state.get(key)) === undefined);
    });

    it('lives as long as the last one who set it said', async () => {
      const [key, other] = [aKey(), aKey()];
      await state.set(key, 'short-lived', 20);
      await state.set(other, 'short-lived', 20);
      await state.set(key, 'long-lived', MINUTE_MS);
      await until('the other value is gone', async () => (await state.get(other)) === undefined);
      expect(await state.get(key)).toBe('long-lived');
    });

    it('is found under its own key alone, whatever the keys are', () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), { maxLength: 10 }),
          async (pairs) => {
            const test = aKey();
            for (const [key, text] of pairs) await state.set(test + key, text, MINUTE_MS);
            for (const [key, text] of new Map(pairs)) expect(await state.get(test + key)).toBe(text);
          },
        ),
        { numRuns: 50 },
      ));
  });

  describe('a window', () => {
    const window = { max: 3, windowMs: MINUTE_MS };

    it('lets its maximum through and says how long the others must wait', async () => {
      const key = aKey();
      for (let hits = 0; hits < 3; hits += 1)
        expect(await state.hit(key, window)).toEqual({ allowed: true, retryAfterMs: 0 });
      const { allowed, retryAfterMs } = await state.hit(key, window);
      expect(allowed).toBe(false);
      expect(retryAfterMs).toBeGreaterThan(MINUTE_MS / 2);
      expect(retryAfterMs).toBeLessThanOrEqual(MINUTE_MS);
    });

    it('lets exactly its maximum through of many that come at once', async () => {
      const key = aKey();
      const hits = await Promise.all(
        Array.from({ length: 50 }, () => state.hit(key, { max: 20, windowMs: MINUTE_MS })),
      );
      expect(hits.filter(({ allowed }) => allowed)).toHaveLength(20);
    });

    it.each([1_000, 1])('ends, also for who did not stop asking: %d ms count as a second', async (windowMs) => {
      const [key, short] = [aKey(), { max: 1, windowMs }];
      expect(await state.hit(key, short)).toMatchObject({ allowed: true });
      let refused = 0;
      await until('a hit is let through again', async () => {
        const { allowed, retryAfterMs } = await state.hit(key, short);
        if (allowed) return true;
        refused += 1;
        expect(retryAfterMs).toBeGreaterThan(0);
        expect(retryAfterMs).toBeLessThanOrEqual(1_000);
        return false;
      });
      expect(refused).toBeGreaterThan(0);
    });

    it('may let nothing through', async () =>
      expect(await state.hit(aKey(), { max: 0, windowMs: MINUTE_MS })).toMatchObject({ allowed: false }));

    it('is counted apart for each key, and has nothing to do with a value of the same key', async () => {
      const [key, once] = [aKey(), { max: 1, windowMs: MINUTE_MS }];
      await state.set(key, 'no number', MINUTE_MS);
      expect(await state.hit(key, once)).toMatchObject({ allowed: true });
      expect(await state.hit(aKey(), once)).toMatchObject({ allowed: true });
      expect(await state.hit(key, once)).toMatchObject({ allowed: false });
      expect(await state.get(key)).toBe('no number');
    });
  });

  describe('a sliding window', () => {
    const three = { max: 3, windowMs: MINUTE_MS };
    const allowed = { allowed: true, retryAfterMs: 0 };

    it('lets its maximum through and says how long the others must wait', async () => {
      const key = aKey();
      for (let hits = 0; hits < 3; hits += 1) expect(await state.slide(key, [three], 1)).toEqual(allowed);
      const refused = await state.slide(key, [three], 1);
      expect(refused.allowed).toBe(false);
      expect(refused.retryAfterMs).toBeGreaterThan(MINUTE_MS / 2);
      expect(refused.retryAfterMs).toBeLessThanOrEqual(MINUTE_MS);
    });

    it('lets exactly its maximum through of many that come at once', async () => {
      const key = aKey();
      const twenty = [{ max: 20, windowMs: MINUTE_MS }];
      const hits = await Promise.all(Array.from({ length: 50 }, () => state.slide(key, twenty, 1)));
      expect(hits.filter((hit) => hit.allowed)).toHaveLength(20);
    });

    it('never holds more than its maximum, in whatever stretch of its length', async () => {
      const key = aKey();
      const short = { max: 3, windowMs: 100 };
      const made: { readonly before: number; readonly after: number }[] = [];
      let refused = 0;
      await until('twelve hits were let through', async () => {
        const before = performance.now();
        const hit = await state.slide(key, [short], 1);
        if (hit.allowed) made.push({ before, after: performance.now() });
        else {
          refused += 1;
          expect(hit.retryAfterMs).toBeGreaterThan(0);
          expect(hit.retryAfterMs).toBeLessThanOrEqual(100);
        }
        return made.length === 12;
      });
      expect(refused).toBeGreaterThan(0);
      // Whole milliseconds of another clock: two of them are lost at the ends.
      for (const [n, { before }] of made.entries())
        expect((made[n + 3]?.after ?? Infinity) - before).toBeGreaterThanOrEqual(98);
    });

    it('is taken together with the others of its call, or none is', async () => {
      const key = aKey();
      const [wide, narrow] = [
        { max: 3, windowMs: MINUTE_MS },
        { max: 1, windowMs: 2 * MINUTE_MS },
      ];
      expect(await state.slide(key, [wide, narrow], 1)).toEqual(allowed);
      for (let n = 0; n < 5; n += 1)
        expect(await state.slide(key, [wide, narrow], 1)).toMatchObject({ allowed: false });
      expect(await state.slide(key, [wide], 2)).toEqual(allowed);
      expect(await state.slide(key, [wide], 1)).toMatchObject({ allowed: false });
    });

    it('waits for the longest of them', async () => {
      const key = aKey();
      const both = [
        { max: 1, windowMs: MINUTE_MS },
        { max: 1, windowMs: 10 * MINUTE_MS },
      ];
      await state.slide(key, both, 1);
      for (const windows of [both, both.toReversed()])
        expect((await state.slide(key, windows, 1)).retryAfterMs).toBeGreaterThan(5 * MINUTE_MS);
    });

    it('counts weights, all of one or nothing of it', async () => {
      const key = aKey();
      expect(await state.slide(key, [three], 2)).toEqual(allowed);
      expect(await state.slide(key, [three], 2)).toMatchObject({ allowed: false });
      expect(await state.slide(key, [three], 1)).toEqual(allowed);
      expect(await state.slide(key, [three], 1)).toMatchObject({ allowed: false });
    });

    it('never has room for more than its maximum', async () => {
      const key = aKey();
      expect(await state.slide(key, [three], 4)).toEqual({ allowed: false, retryAfterMs: MINUTE_MS });
      expect(await state.slide(key, [{ max: 0, windowMs: MINUTE_MS }], 1)).toMatchObject({ allowed: false });
      expect(await state.slide(key, [three], 3)).toEqual(allowed);
    });

    it('may hold some to less of it than others', async () => {
      const key = aKey();
      const two = { ...three, max: 2 };
      for (let hits = 0; hits < 2; hits += 1) expect(await state.slide(key, [two], 1)).toEqual(allowed);
      expect(await state.slide(key, [two], 1)).toMatchObject({ allowed: false });
      expect(await state.slide(key, [three], 1)).toEqual(allowed);
      expect(await state.slide(key, [three], 1)).toMatchObject({ allowed: false });
    });

    it('is counted apart for each key, name and length', async () => {
      const key = aKey();
      const one = { max: 1, windowMs: MINUTE_MS };
      const others = [
        { ...one, name: 'NSE' },
        { ...one, name: 'BSE' },
        { max: 1, windowMs: MINUTE_MS + 1 },
      ];
      expect(await state.slide(key, [one], 1)).toEqual(allowed);
      for (const other of others) {
        expect(await state.slide(key, [other], 1)).toEqual(allowed);
        expect(await state.slide(key, [other], 1)).toMatchObject({ allowed: false });
      }
      expect(await state.slide(`${key}"`, [one], 1)).toEqual(allowed);
      expect(await state.hit(key, one)).toMatchObject({ allowed: true });
    });

    it('has room where nothing is held', async () => expect(await state.slide(aKey(), [], 1_000)).toEqual(allowed));
  });

  it('once closed knows nothing, still lets its callers live, and may be closed again', async () => {
    const [closed, key] = [await open(), aKey()];
    await closed.set(key, 'gone', MINUTE_MS);
    await closed.slide(key, [{ max: 1, windowMs: MINUTE_MS }], 1);
    await closed.close();
    expect(await closed.get(key)).toBeUndefined();
    expect(await closed.hit(key, { max: 1, windowMs: MINUTE_MS })).toMatchObject({ allowed: true });
    expect(await closed.slide(key, [{ max: 1, windowMs: MINUTE_MS }], 1)).toMatchObject({ allowed: true });
    await expect(closed.close()).resolves.toBeUndefined();
  });
}
