import { amoWindow } from './amo';
import { calendarWith, SHIPPED_CALENDAR } from './calendar';
import { ist } from './samples';
import type { SegmentClass } from './venues';

const window = (broker: string, segmentClass: SegmentClass, instant: string, calendar = SHIPPED_CALENDAR) =>
  amoWindow(broker, segmentClass, ist(instant), calendar);

describe('orders after hours', () => {
  it.each<[string, SegmentClass, string, string | undefined]>([
    ['zerodha', 'equity', '2026-11-20 15:59:59', undefined],
    ['zerodha', 'equity', '2026-11-20 16:00:00', '2026-11-23 09:00:00'],
    ['zerodha', 'equity', '2026-11-21 12:00:00', '2026-11-23 09:00:00'],
    ['zerodha', 'equity', '2026-11-23 08:56:59', '2026-11-23 09:00:00'],
    ['zerodha', 'equity', '2026-11-23 08:57:00', undefined],
    ['zerodha', 'equity', '2026-11-23 20:00:00', '2026-11-25 09:00:00'], // a holiday between
    ['zerodha', 'equity', '2026-11-24 10:00:00', '2026-11-25 09:00:00'],
    ['zerodha', 'equity', '2025-10-20 20:00:00', '2025-10-21 13:45:00'], // Muhurat
    ['zerodha', 'derivatives', '2026-11-20 15:44:59', undefined],
    ['zerodha', 'derivatives', '2026-11-20 15:45:00', '2026-11-23 09:15:00'],
    ['zerodha', 'derivatives', '2026-11-23 09:09:59', '2026-11-23 09:15:00'],
    ['zerodha', 'derivatives', '2026-11-23 09:10:00', undefined],
    ['zerodha', 'currency', '2026-11-20 17:15:00', '2026-11-23 09:00:00'],
    ['rupeezy', 'equity', '2026-11-20 15:45:00', '2026-11-23 09:00:00'],
    ['rupeezy', 'currency', '2026-11-20 17:15:00', '2026-11-23 09:00:00'], // of the house
    ['rupeezy', 'equity', '2026-07-31 15:45:00', undefined], // its own window is known since August
    ['iifl', 'derivatives', '2026-11-23 09:13:59', '2026-11-23 09:15:00'],
  ])('%s, %s at %s: released %s', (broker, segmentClass, instant, releases) => {
    const answer = window(broker, segmentClass, instant);
    expect(answer.open ? answer.releasesAtMs : undefined).toBe(releases === undefined ? undefined : ist(releases));
  });

  it('says when the window opens, and whose rule it is', () =>
    expect(window('upstox', 'equity', '2026-11-20 10:00:00')).toEqual({
      open: false,
      reason: 'orders for the next session are taken from 16:00',
      opensAtMs: ist('2026-11-20 16:00:00'),
      rule: 'our own queue, after the latest close known',
      certainty: 'inferred',
      effectiveFrom: '2025-01-01',
    }));
  it('names limits of a broker', () =>
    expect(window('iifl', 'currency', '2026-11-20 17:15:00')).toMatchObject({ open: true, limitOnly: true }));
  it('never through the API of FYERS, since it said so', () => {
    expect(window('fyers', 'equity', '2026-11-20 20:00:00')).toMatchObject({
      open: false,
      reason: expect.stringContaining('through an API'),
    });
    expect(window('fyers', 'equity', '2026-03-09 20:00:00')).toMatchObject({ open: true });
  });
  it('are not taken while the next session is not known', () => {
    for (const instant of [
      '2026-12-31 20:00:00',
      '2026-11-06 20:00:00',
      '2026-11-06 10:00:00',
      '2026-11-08 20:00:00',
    ]) {
      const answer = window('zerodha', 'equity', instant);
      expect(answer.open).toBe(false);
      expect(answer).not.toHaveProperty('opensAtMs');
    }
  });
  it('are not taken where no window is known', () =>
    expect(window('zerodha', 'commodity', '2026-11-20 23:58:00')).toMatchObject({ open: false }));
  it('follow a window that an admin knows', () => {
    const calendar = calendarWith({
      amo: [
        {
          broker: 'zerodha',
          segmentClass: 'commodity',
          window: { opens: '23:56', closes: '08:50' },
          from: '2026-11-01',
          certainty: 'confirmed',
          source: 'page of the broker',
        },
      ],
    });
    expect(window('zerodha', 'commodity', '2026-11-20 23:58:00', calendar)).toMatchObject({
      open: true,
      releasesAtMs: ist('2026-11-23 09:00:00'),
      certainty: 'confirmed',
    });
    // On a holiday of shares, commodities open in the evening.
    expect(window('zerodha', 'commodity', '2026-11-24 08:00:00', calendar)).toMatchObject({
      open: true,
      releasesAtMs: ist('2026-11-24 17:00:00'),
    });
  });
});
