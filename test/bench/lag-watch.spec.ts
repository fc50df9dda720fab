import { lagsOf } from './lag-watch';

describe('the lag of an event', () => {
  it('ends with the first sighting of its position or a later one', () => {
    const sightings = [
      { position: 4, atMs: 1_000 },
      { position: 5, atMs: 1_010 },
      { position: 9, atMs: 1_030 },
    ];
    const events = [
      { position: 5, atMs: 1_001 },
      { position: 6, atMs: 1_005 },
      { position: 9, atMs: 1_006 },
    ];
    expect(lagsOf(events, sightings)).toEqual([9, 25, 24]);
  });

  it('is not made up for an event that nobody saw', () => {
    expect(() => lagsOf([{ position: 5, atMs: 0 }], [{ position: 4, atMs: 1 }])).toThrow(RangeError);
  });
});
