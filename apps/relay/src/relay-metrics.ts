import type { RelayProgress } from '#messaging/relay';
import { counter, gauge } from '#platform/metrics';

const lagPositions = gauge({
  name: 'coordinator_relay_lag_positions',
  help: 'Positions of the log that are not published yet; of the process that leads',
});
const lagSeconds = gauge({
  name: 'coordinator_relay_lag_seconds',
  help: 'How long the oldest event that is not published yet has waited; of the process that leads',
});
const publishedTotal = counter({ name: 'coordinator_relay_published_events_total', help: 'Events published to Kafka' });

export const showProgress = (progress: Omit<RelayProgress, 'position'>): void => {
  publishedTotal.inc(progress.published);
  lagSeconds.set(progress.lagSeconds);
  if (progress.lagPositions !== undefined) lagPositions.set(progress.lagPositions);
};

/** Whoever does not lead is behind with nothing: its last figures would stand beside those of the one that does. */
export const showLead = (isLeading: boolean): void => {
  if (isLeading) return;
  lagSeconds.set(0);
  lagPositions.set(0);
};
