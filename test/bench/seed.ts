import { hasFields, type Child, startChild } from './child';
import type { BenchAccount } from './accounts';

/** Fills an empty event log with histories. */
export interface Seed {
  readonly databaseUrl: string;
  readonly accounts: readonly BenchAccount[];
  readonly orders: number;
}

export interface Seeded {
  readonly orders: number;
  readonly events: number;
  readonly seconds: number;
}

export const startSeeder = (): Child<Seed, Seeded> => startChild('seeder.js', hasFields<Seeded>('orders', 'events'));
