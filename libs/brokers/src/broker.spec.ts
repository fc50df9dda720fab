import { type BrokerAnswer, withDeadline } from './broker';

describe('a call with a deadline', () => {
  const accepted: BrokerAnswer = { outcome: 'accepted', reports: [] };

  it('passes on what the broker answers in time', async () => {
    expect(await withDeadline(Promise.resolve(accepted), 1_000)).toBe(accepted);
    const rejected: BrokerAnswer = { outcome: 'rejected', evidence: { code: 'RMS' } };
    expect(await withDeadline(Promise.resolve(rejected), 1_000)).toBe(rejected);
  });

  it('takes silence for what it is: unknown, never a rejection', async () => {
    const silent = new Promise<BrokerAnswer>(() => undefined);
    expect(await withDeadline(silent, 5)).toEqual({
      outcome: 'unknown',
      evidence: { code: 'DEADLINE', message: 'no answer within 5 ms' },
    });
  });

  it('takes a call that falls over for unknown: it may have arrived', async () => {
    const socketLost = Promise.reject(new Error('socket hang up'));
    expect(await withDeadline(socketLost, 1_000)).toEqual({
      outcome: 'unknown',
      evidence: { code: 'CALL_FAILED', message: 'socket hang up' },
    });
  });

  it('lets an answer that comes too late go by', async () => {
    let answer: (value: BrokerAnswer) => void = () => undefined;
    const late = new Promise<BrokerAnswer>((resolve) => (answer = resolve));
    expect(await withDeadline(late, 5)).toMatchObject({ outcome: 'unknown' });
    answer(accepted);
  });

  it('keeps no timer once it is over', async () => {
    jest.useFakeTimers();
    await withDeadline(Promise.resolve(accepted), 60_000);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });
});
