import { hotStateContract } from './hot-state.contract';
import { InProcessHotState } from './hot-state-in-process';

describe('hot state of one process', () => {
  hotStateContract(() => Promise.resolve(new InProcessHotState()));

  it('forgets old values instead of filling the memory', async () => {
    const state = new InProcessHotState();
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let n = 0; n < 40; n += 1) await state.set(String(n), megabyte, 60_000);
    expect(await state.get('0')).toBeUndefined();
    expect(await state.get('39')).toBe(megabyte);
    await state.set('too large', megabyte.repeat(40), 60_000);
    expect(await state.get('too large')).toBeUndefined();
    expect(await state.get('39')).toBe(megabyte);
  });

  it('forgets old windows under a flood of made-up keys', async () => {
    const state = new InProcessHotState();
    const once = { max: 1, windowMs: 60_000 };
    await state.hit('first', once);
    expect(await state.hit('first', once)).toMatchObject({ allowed: false });
    for (let n = 0; n < 20_000; n += 1) await state.hit(String(n), once);
    expect(await state.hit('first', once)).toMatchObject({ allowed: true });
  });

  it('slides: a hit is over exactly when its time is, however many there were', async () => {
    let now = 0;
    const state = new InProcessHotState(() => now);
    const windows = [{ max: 600, windowMs: 1_000 }];
    const room = async (): Promise<number> => {
      let taken = 0;
      while ((await state.slide('a', windows, 1)).allowed) taken += 1;
      return taken;
    };
    for (; now < 900; now += 300) expect(await state.slide('a', windows, 200)).toMatchObject({ allowed: true });
    now = 999;
    expect(await state.slide('a', windows, 1)).toEqual({ allowed: false, retryAfterMs: 1 });
    for (const [ms, taken] of [
      [1_000, 200],
      [1_299, 0],
      [1_300, 200],
      [1_999, 200],
      [2_000, 200],
      [9_000, 600],
    ] as const) {
      now = ms;
      expect(await room()).toBe(taken);
    }
  });
});
