import { registry } from '#platform/metrics';
import { showLead, showProgress } from './relay-metrics';

const valuesOf = (...names: readonly string[]): Promise<unknown[]> =>
  Promise.all(names.map(async (name) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value));

describe('the figures of the relay', () => {
  it('tell how far it is behind while it leads, and of nothing once another one does', async () => {
    const lags = ['coordinator_relay_lag_seconds', 'coordinator_relay_lag_positions'];
    showLead(true);
    showProgress({ published: 3, lagSeconds: 2, lagPositions: 40 });
    showProgress({ published: 4, lagSeconds: 1 });
    expect(await valuesOf(...lags, 'coordinator_relay_published_events_total')).toEqual([1, 40, 7]);
    showLead(false);
    expect(await valuesOf(...lags, 'coordinator_relay_published_events_total')).toEqual([0, 0, 7]);
  });
});
