import type { BrokerName } from '#brokers/client';
import { istDay } from '#brokers/fields';

/** Makes the numbers of one broker. Each is given out once, also after a restart of the simulator on the same day. */
export interface Ids {
  order(): string;
  exchangeOrder(): string;
  trade(): string;
}

const IST_OFFSET_MS = 5.5 * 3_600_000;
const DAY_MS = 86_400_000;

/** `2026-11-21` as `261121`. */
const shortDay = (atMs: number): string => istDay(atMs).replaceAll('-', '').slice(2);
const msOfDay = (atMs: number): number => (atMs + IST_OFFSET_MS) % DAY_MS;

/** Grows with the clock, and by one when asked faster than that. */
const rising = (floorOf: (atMs: number) => bigint, now: () => number): (() => bigint) => {
  let last = -1n;
  return () => {
    const floor = floorOf(now());
    last = floor > last ? floor : last + 1n;
    return last;
  };
};

/** Zerodha counts its snowflakes from here: 63 bits, far beyond what a JavaScript number holds exactly. */
const SNOWFLAKE_EPOCH_MS = 1_288_834_974_657n;

/** A day in IST and a number with as many digits as the broker's own ids have. */
const dated = (digits: 8 | 9, now: () => number): (() => string) => {
  const perMs = digits === 9 ? 10n : 1n;
  const next = rising((atMs) => BigInt(msOfDay(atMs)) * perMs, now);
  return () => `${shortDay(now())}${String(next()).padStart(digits, '0')}`;
};

const snowflakes = (now: () => number): (() => string) => {
  const next = rising((atMs) => (BigInt(atMs) - SNOWFLAKE_EPOCH_MS) << 22n, now);
  return () => String(next());
};

export const idsOf = (broker: BrokerName, now: () => number): Ids => {
  const exchangeOrder = rising((atMs) => BigInt(msOfDay(atMs)), now);
  const trade = rising((atMs) => BigInt(msOfDay(atMs)) * 10n, now);
  return {
    order: broker === 'zerodha' ? snowflakes(now) : dated(broker === 'fyers' ? 8 : 9, now),
    exchangeOrder: () => `13${String(exchangeOrder()).padStart(14, '0')}`,
    trade: () => String(1_000_000_000n + trade()),
  };
};
