import { RateLimit } from './rate-limit';

describe('a rate limit', () => {
  it('counts tries per key and window, and says how long to wait', () => {
    let now = 0;
    const limit = new RateLimit({ triesMax: 2, windowMs: 10_000, now: () => now });
    limit.count('a');
    limit.count('a');
    now = 4_500;
    expect(() => limit.count('a')).toThrow(
      expect.objectContaining({ status: 429, code: 'TOO_MANY_TRIES', headers: { 'retry-after': '6' } }),
    );
    expect(() => limit.count('b')).not.toThrow();
    now = 10_000;
    expect(() => limit.count('a')).not.toThrow();
  });
});
