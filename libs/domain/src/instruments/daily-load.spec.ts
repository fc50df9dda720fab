import { specify } from '../specify';
import { type DailyLoad, dailyLoads } from './daily-load';

const given = specify(dailyLoads);

const load: DailyLoad = {
  loadId: 7,
  day: '2026-01-02',
  source: 'complete.json.gz',
  sha256: 'f00d',
  rows: 144_005,
  added: 2_971,
  removed: 396,
  changed: 689,
  reusedKeys: 0,
};

describe('the instruments of a day', () => {
  it('are told once they are loaded', () =>
    given().when({ type: 'TellLoad', data: load }).then({ type: 'InstrumentsLoaded', data: load }));
  it('are told once', () =>
    given({ type: 'InstrumentsLoaded', data: load }).when({ type: 'TellLoad', data: load }).thenNothing());
  it('are told again when they were loaded again', () => {
    const again = { ...load, loadId: 8, changed: 1 };
    given({ type: 'InstrumentsLoaded', data: load })
      .when({ type: 'TellLoad', data: again })
      .then({ type: 'InstrumentsLoaded', data: again });
  });
});
