/** What an admin sets for the whole house. */

import { type Decider, refuse } from '../decider';
import { E4_PER_RUPEE } from '../money';
import type { Limits } from '../risk/limits';
import { type Corrections, checkCorrections, NO_CORRECTIONS } from './corrections';
import { changesTo, type FieldChange, type Versioned } from './document';
import type { HouseHalts, HouseLimits } from './effective';
import { checkLimits } from './limit-check';

export interface HouseSettings extends HouseLimits {
  /** For how long a repeated Idempotency-Key gets the stored answer word for word. */
  readonly idempotencyWindowSec: number;
  readonly maxOrdersPerBatch: number;
  /** False: nothing fails over, whatever the routing says. */
  readonly brokerFailoverEnabled: boolean;
  /** What is audited of reads: FULL all of them, WRITES none. */
  readonly auditLevel: 'FULL' | 'WRITES';
  /** Whether a cancel may be answered before its broker has (mode SOFT). */
  readonly asyncCancelEnabled: boolean;
  readonly halts: HouseHalts;
  /** Market data that was wrong in the files, or came too late for them. */
  readonly corrections: Corrections;
}

/** The whole new document, and what in it is new. Who did it stands in the event's `meta`. */
export interface HouseSettingsEvent {
  readonly type: 'HouseSettingsChanged';
  readonly data: { readonly changes: readonly FieldChange[]; readonly settings: HouseSettings };
}

/** Replaces the document of version `expectedVersion`. */
export interface HouseSettingsCommand {
  readonly type: 'SetHouseSettings';
  readonly data: { readonly settings: HouseSettings; readonly expectedVersion: number };
}

export const IDEMPOTENCY_WINDOW_MAX_SEC = 31_536_000;
export const ORDERS_PER_BATCH_MAX = 100;

/** No single order above this without the exchange's leave. */
const ORDER_VALUE_MAX_E4 = 100_000_000 * E4_PER_RUPEE;

const INITIAL_CEILINGS: Limits = { orderValueMaxE4: ORDER_VALUE_MAX_E4 };

/** What one process was configured with; it counts until somebody sets something. */
export type ConfiguredHouse = Pick<HouseSettings, 'idempotencyWindowSec' | 'maxOrdersPerBatch'>;

export const initialHouseSettings = (configured: ConfiguredHouse): HouseSettings => ({
  idempotencyWindowSec: configured.idempotencyWindowSec,
  maxOrdersPerBatch: configured.maxOrdersPerBatch,
  brokerFailoverEnabled: true,
  auditLevel: 'FULL',
  asyncCancelEnabled: true,
  ceilings: INITIAL_CEILINGS,
  defaults: {
    ...INITIAL_CEILINGS,
    priceDeviationMaxBp: { cash: 300, futures: 500, options: 4_000 },
    marginUtilisationMaxBp: 10_000,
    duplicateWindowMs: 0,
  },
  halts: { house: 'open', brokers: {}, strategies: {}, accounts: {} },
  corrections: NO_CORRECTIONS,
});

/** Of stream `settings-house`. */
export const houseSettings = (
  configured: ConfiguredHouse,
): Decider<Versioned<HouseSettings>, HouseSettingsCommand, HouseSettingsEvent> => {
  const initial = initialHouseSettings(configured);
  return {
    initial: { version: 0, document: initial },
    decide: ({ data: { settings, expectedVersion } }, present) => {
      const changes = changesTo(present, settings, expectedVersion);
      if (changes.length === 0) return [];
      checkRange('idempotencyWindowSec', settings.idempotencyWindowSec, IDEMPOTENCY_WINDOW_MAX_SEC);
      checkRange('maxOrdersPerBatch', settings.maxOrdersPerBatch, ORDERS_PER_BATCH_MAX);
      checkLimits(settings.ceilings, 'ceilings', present.document.ceilings);
      checkLimits(settings.defaults, 'defaults', present.document.defaults);
      checkCorrections(settings.corrections, 'corrections');
      return [{ type: 'HouseSettingsChanged', data: { changes, settings } }];
    },
    // What a later version of this document adds has its initial value in an earlier one.
    evolve: ({ version }, { data: { settings } }) => ({
      version: version + 1,
      document: {
        ...initial,
        ...settings,
        halts: { ...initial.halts, ...settings.halts },
        corrections: { ...initial.corrections, ...settings.corrections },
      },
    }),
  };
};

const checkRange = (field: string, value: number, max: number): void => {
  if (!Number.isInteger(value) || value < 1 || value > max) refuse('settings.out-of-range', { field, min: 1, max });
};
