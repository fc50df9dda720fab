import { istDay } from './fields';
import { replayClock } from './replay-clock';

const HOURS = { fromMinute: 9 * 60 + 15, untilMinute: 15 * 60 + 30 };
const TICK_MS = 1_000;

const istTime = (atMs: number): string => new Date(atMs + 5.5 * 3_600_000).toISOString().slice(11, 19);
const at = (nowMs: number): number => replayClock('2026-01-02', HOURS, TICK_MS, () => nowMs)();

describe('the clock of a replayed day', () => {
  it('begins where the hours begin', () => expect(istTime(at(0))).toBe('09:15:00'));
  it('is half way through after half of the ticks', () => expect(istTime(at(2 * TICK_MS))).toBe('12:22:30'));
  it('begins again after the last tick', () => expect(at(4 * TICK_MS)).toBe(at(0)));
  it('never leaves the hours of its day, whenever it is asked', () => {
    for (let nowMs = 1_767_000_000_000; nowMs < 1_767_000_020_000; nowMs += 7) {
      expect(istDay(at(nowMs))).toBe('2026-01-02');
      expect(istTime(at(nowMs)) >= '09:15:00' && istTime(at(nowMs)) < '15:30:00').toBe(true);
    }
  });
});
