import { istDay } from '#brokers/fields';

/** A market whose clock is so far from ours replays another day. */
const REPLAYED_MS = 3_600_000;

/** Whether a market plays the same recorded hours again and again: its clock never gets to another day. */
export const isReplayed = (marketMs: number, nowMs: number): boolean => Math.abs(marketMs - nowMs) > REPLAYED_MS;

/** The day of a market whose clock shows `marketMs`: of something that happened at `atMs`, which may be told late. */
export const tradingDateOf = (marketMs: number, nowMs: number, atMs?: number): string =>
  istDay(atMs === undefined || isReplayed(marketMs, nowMs) ? marketMs : atMs);
