import { TICKS_PER_DAY } from './paper/paper-market';

const IST_OFFSET_MS = 5.5 * 3_600_000;

/** From when until when a recorded day is replayed, minutes after midnight IST. */
export interface ReplayHours {
  readonly fromMinute: number;
  readonly untilMinute: number;
}

/**
 * The clock of a market that replays one recorded day (`YYYY-MM-DD`) in a circle: it walks once through the hours while
 * the day's ticks pass, and begins again. So it always shows a moment of that day within those hours, the same in every
 * process. Returns epoch milliseconds.
 */
export const replayClock = (
  day: string,
  { fromMinute, untilMinute }: ReplayHours,
  tickMs: number,
  now: () => number,
): (() => number) => {
  const midnightMs = Date.parse(`${day}T00:00:00Z`) - IST_OFFSET_MS;
  const roundMs = TICKS_PER_DAY * tickMs;
  const hoursMs = (untilMinute - fromMinute) * 60_000;
  return () => midnightMs + fromMinute * 60_000 + Math.floor(((now() % roundMs) / roundMs) * hoursMs);
};
