import { EventLogUnavailable, type Page, type RecordedEvent } from './event-log';
import { PollingSubscription, type PollingSubscriptionOptions } from './subscription';

const eventAt = (position: number): RecordedEvent => ({
  id: String(position),
  type: 'Happened',
  data: {},
  meta: { userId: 'u', accountId: 'a', correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 },
  stream: 's',
  revision: position,
  position,
});

/** A subscription on a log of so many events, one per page. Nobody is ever woken unless the test does it. */
function subscribe(options: Partial<PollingSubscriptionOptions> = {}) {
  const log = { head: 0, reads: 0 };
  const received: number[] = [];
  const wake: { now: () => void } = { now: () => undefined };
  let ends = 0;
  const subscription = new PollingSubscription({
    after: 0,
    readPage: (after) => {
      log.reads++;
      const page: Page =
        after < log.head
          ? { events: [eventAt(after + 1)], next: after + 1, atEnd: after + 1 === log.head }
          : { events: [], next: after, atEnd: true };
      return Promise.resolve(page);
    },
    listen: (now) => {
      wake.now = now;
      return () => (wake.now = () => undefined);
    },
    handle: (events) => {
      received.push(...events.map(({ position }) => position));
      return Promise.resolve();
    },
    onEnd: () => ends++,
    onTrouble: () => undefined,
    ...options,
  });
  return { subscription, log, received, wake, ends: () => ends };
}

describe('a polling subscription', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('finds what is new by itself when nobody wakes it', async () => {
    const { subscription, log, received } = subscribe();
    await jest.advanceTimersByTimeAsync(10);
    log.head = 3;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(received).toEqual([1, 2, 3]);
    await subscription.close();
  });

  it('looks at once when it is woken, and rests when it is not', async () => {
    const { subscription, log, received, wake } = subscribe();
    await jest.advanceTimersByTimeAsync(10);
    expect(log.reads).toBe(1);
    log.head = 1;
    wake.now();
    await jest.advanceTimersByTimeAsync(0);
    expect(received).toEqual([1]);
    const { reads } = log;
    await jest.advanceTimersByTimeAsync(500);
    expect(log.reads).toBe(reads);
    await subscription.close();
  });

  it('looks again when it was woken while the handler was busy', async () => {
    let release = (): void => undefined;
    const seen: number[] = [];
    const { subscription, log, wake } = subscribe({
      handle: async (events) => {
        seen.push(...events.map(({ position }) => position));
        if (seen.length === 1) await new Promise<void>((resolve) => (release = resolve));
      },
    });
    log.head = 1;
    wake.now();
    await jest.advanceTimersByTimeAsync(0);
    log.head = 2;
    wake.now();
    release();
    await jest.advanceTimersByTimeAsync(0);
    expect(seen).toEqual([1, 2]);
    await subscription.close();
  });

  it('tries again while the log is unavailable, and says so', async () => {
    const troubles: string[] = [];
    let reads = 0;
    const { subscription, received } = subscribe({
      readPage: () => {
        reads++;
        if (reads < 4) return Promise.reject(new EventLogUnavailable('away'));
        return Promise.resolve({ events: reads === 4 ? [eventAt(1)] : [], next: 1, atEnd: true });
      },
      onTrouble: (_error, message) => troubles.push(message),
    });
    await jest.advanceTimersByTimeAsync(60_000);
    expect(received).toEqual([1]);
    expect(troubles).toHaveLength(3);
    await subscription.close();
  });

  it('ends with the error when the log fails for good', async () => {
    const { subscription, ends } = subscribe({ readPage: () => Promise.reject(new Error('no such table')) });
    await expect(subscription.ended).rejects.toThrow('no such table');
    expect(ends()).toBe(1);
    await subscription.close();
  });

  it.each([0, 50, 5_000])('closes at once after %i ms, wherever it waits', async (ms) => {
    const idle = subscribe();
    const failing = subscribe({ readPage: () => Promise.reject(new EventLogUnavailable('away')) });
    await jest.advanceTimersByTimeAsync(ms);
    await Promise.all([idle.subscription.close(), failing.subscription.close()]);
    await Promise.all([idle.subscription.ended, failing.subscription.ended]);
    expect([idle.ends(), failing.ends()]).toEqual([1, 1]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
