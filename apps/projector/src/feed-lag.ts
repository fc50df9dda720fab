import { gauge } from '#platform/metrics';

const lagMessages = gauge({
  name: 'coordinator_feed_lag_messages',
  help: 'Messages of a partition that lie in the topic and were not handed to the projection yet',
  labels: ['partition'],
});
const shown = new Set<number>();

interface FeedLag {
  readonly partition: number;
  readonly lagMessages: number;
}

export const showFeedLag = ({ partition, lagMessages: behind }: FeedLag): void => {
  shown.add(partition);
  lagMessages.set({ partition: String(partition) }, behind);
};

/** What another process works on now is shown by that one; the last figure from here would stand for ever. */
export const dropFeedLagOfOthers = (assigned: readonly number[]): void => {
  for (const partition of shown) {
    if (assigned.includes(partition)) continue;
    shown.delete(partition);
    lagMessages.remove({ partition: String(partition) });
  }
};
