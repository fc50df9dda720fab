import { calendarWith } from '#domain/market/calendar';
import type { HouseSettings } from '#domain/settings/house-settings';
import type { Corrections } from './market-day';

const known = new WeakMap<HouseSettings['corrections'], Corrections>();

/** What an admin has set right, laid over the tables: the same object until something changes. */
export const correctionsOf = ({ corrections }: Pick<HouseSettings, 'corrections'>): Corrections => {
  const found = known.get(corrections);
  if (found) return found;
  const { calendar, charges, margin } = corrections;
  const made: Corrections = { calendar: calendarWith(calendar), charges, margin };
  known.set(corrections, made);
  return made;
};
