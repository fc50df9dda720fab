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
});
