import { Set } from 'immutable';
import type { Decider } from '../decider';

/** What became different with a day's instruments. */
export interface DailyLoad {
  /** Of the load in the store: one that was told before is told once. */
  readonly loadId: number;
  /** Trading day, `YYYY-MM-DD` in IST. */
  readonly day: string;
  readonly source: string;
  readonly sha256: string;
  readonly rows: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly reusedKeys: number;
}

export interface DailyLoadEvent {
  readonly type: 'InstrumentsLoaded';
  readonly data: DailyLoad;
}

export interface DailyLoadCommand {
  readonly type: 'TellLoad';
  readonly data: DailyLoad;
}

/** Of stream `instruments-{day}`: which instruments an order of that day was judged by, and since when. */
export const dailyLoads: Decider<Set<number>, DailyLoadCommand, DailyLoadEvent> = {
  initial: Set(),
  decide: ({ data }, told) => (told.has(data.loadId) ? [] : [{ type: 'InstrumentsLoaded', data }]),
  evolve: (told, { data }) => told.add(data.loadId),
};
