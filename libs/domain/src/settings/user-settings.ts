/** How a user wants their orders handled, and what they allow themselves. */

import { type Decider, refuse } from '../decider';
import type { Limits } from '../risk/limits';
import { changesTo, type FieldChange, type Versioned } from './document';
import { beyondCeilings, type HaltState } from './effective';
import { checkLimits } from './limit-check';

export type ReadConsistency = 'EVENTUAL' | 'STRONG';

export interface UserSettings {
  /** Where orders go for which neither the order nor the account names a broker. */
  readonly defaultBroker?: string;
  /** False: all lines of a batch or none, so one that is denied keeps the others from being sent. */
  readonly allowPartialMultiOrder: boolean;
  /** STRONG: a read shows everything that was recorded before it was asked for. */
  readonly readConsistency: ReadConsistency;
  /** False: an order that provably was not sent is not sent again. */
  readonly autoRetryOnNetworkFailure: boolean;
  readonly limits: Limits;
  /** The user's own switch, beside those of the house. */
  readonly halt: HaltState;
}

/** The whole new document, and what in it is new. Who did it stands in the event's `meta`. */
export interface UserSettingsEvent {
  readonly type: 'UserSettingsChanged';
  readonly data: { readonly changes: readonly FieldChange[]; readonly settings: UserSettings };
}

/** Replaces the document of version `expectedVersion`. */
export interface UserSettingsCommand {
  readonly type: 'SetUserSettings';
  readonly data: {
    readonly settings: UserSettings;
    readonly expectedVersion: number;
    /** What the house allows at most. */
    readonly ceilings: Limits;
  };
}

export const INITIAL_USER_SETTINGS: UserSettings = {
  allowPartialMultiOrder: true,
  readConsistency: 'EVENTUAL',
  autoRetryOnNetworkFailure: true,
  limits: {},
  halt: 'open',
};

/** Of stream `settings-user-{userId}`. */
export const userSettings: Decider<Versioned<UserSettings>, UserSettingsCommand, UserSettingsEvent> = {
  initial: { version: 0, document: INITIAL_USER_SETTINGS },
  decide: ({ data: { settings, expectedVersion, ceilings } }, present) => {
    const changes = changesTo(present, settings, expectedVersion);
    if (changes.length === 0) return [];
    checkLimits(settings.limits, 'limits', present.document.limits);
    // Only what is set now: who was overtaken by a lower ceiling must still be able to stop their own trading.
    const touched = new Set(changes.map(({ field }) => field));
    const beyond = beyondCeilings(settings.limits, ceilings).find(({ field }) => isTouched(`limits.${field}`, touched));
    if (beyond)
      refuse('settings.beyond-ceiling', {
        field: `limits.${beyond.field}`,
        ceiling: beyond.ceiling,
        rule: beyond.rule,
      });
    return [{ type: 'UserSettingsChanged', data: { changes, settings } }];
  },
  evolve: ({ version }, { data: { settings } }) => ({
    version: version + 1,
    document: { ...INITIAL_USER_SETTINGS, ...settings },
  }),
};

/** A group of limits that was not there before is one change. */
const isTouched = (field: string, touched: ReadonlySet<string>): boolean =>
  [...touched].some((changed) => field === changed || field.startsWith(`${changed}.`));
