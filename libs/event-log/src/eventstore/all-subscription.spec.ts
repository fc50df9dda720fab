import { AllSubscription } from './all-subscription';
import type { Batch, Feed } from './feed';

describe('a subscription to the whole log', () => {
  it('never goes back when a slow feed brings a stretch that was looked at meanwhile', async () => {
    const brought: (Batch | undefined)[] = [
      undefined,
      undefined,
      ...[10, 20, 30].map((next) => ({ events: [], next })),
    ];
    const looked = [10, 20];
    const feed: Pick<Feed, 'take' | 'isWaiting' | 'cancel'> = {
      isWaiting: false,
      take: () => Promise.resolve(brought.shift()),
      cancel: () => undefined,
    };
    const stretches: number[] = [];
    const subscription = new AllSubscription({
      after: 0,
      open: () => Promise.resolve(feed as Feed),
      look: (after) => Promise.resolve({ events: [], next: looked.shift() ?? after, atEnd: true }),
      handle: (_, next) => {
        stretches.push(next);
        return next === 30 ? Promise.reject(new Error('enough')) : Promise.resolve();
      },
      onEnd: () => undefined,
      onTrouble: () => undefined,
    });
    await expect(subscription.ended).rejects.toThrow('enough');
    expect(stretches).toEqual([10, 20, 30]);
  });
});
