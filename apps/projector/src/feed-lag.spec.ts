import { registry } from '#platform/metrics';
import { dropFeedLagOfOthers, showFeedLag } from './feed-lag';

const shown = async (): Promise<unknown> => {
  const metric = await registry.getSingleMetric('coordinator_feed_lag_messages')?.get();
  return Object.fromEntries(metric?.values.map(({ labels, value }) => [labels['partition'], value]) ?? []);
};

describe('the lag of the feed', () => {
  it('is shown of the partitions that this process has, and of no other', async () => {
    for (const partition of [0, 1, 2]) showFeedLag({ partition, lagMessages: partition });
    dropFeedLagOfOthers([1, 2, 3]);
    expect(await shown()).toEqual({ 1: 1, 2: 2 });
    showFeedLag({ partition: 0, lagMessages: 9 }); // it has come back
    expect(await shown()).toEqual({ 0: 9, 1: 1, 2: 2 });
    dropFeedLagOfOthers([]);
    expect(await shown()).toEqual({});
  });
});
