import { InProcessHotState } from './hot-state-in-process';
import { RateLimit } from './rate-limit';

describe('a rate limit', () => {
  it('counts tries per key and window, and says how long to wait', async () => {
    let now = 0;
    const limit = new RateLimit(new InProcessHotState(() => now), { name: 'test', triesMax: 2, windowMs: 10_000 });
    await limit.count('a');
    await limit.count('a');
    now = 4_500;
    await expect(limit.count('a')).rejects.toMatchObject({
      status: 429,
      code: 'TOO_MANY_TRIES',
      headers: { 'retry-after': '6' },
    });
    await expect(limit.count('b')).resolves.toBeUndefined();
    now = 10_000;
    await expect(limit.count('a')).resolves.toBeUndefined();
  });

  it('is one limit wherever it is counted, and two of another name are not', async () => {
    const hotState = new InProcessHotState();
    const limitIn = (name: string) => new RateLimit(hotState, { name, triesMax: 1, windowMs: 60_000 });
    await limitIn('login').count('a');
    await expect(limitIn('login').count('a')).rejects.toMatchObject({ status: 429 });
    await expect(limitIn('orders').count('a')).resolves.toBeUndefined();
  });
});
