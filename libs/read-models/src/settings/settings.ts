import type { SettingsRecorded } from '../recorded';
import type { SettingsRow } from './settings-row';

/** The row after a change: its event holds the whole document. */
export const settingsRowOf = (scope: string, { data, revision, position, meta }: SettingsRecorded): SettingsRow => ({
  scope,
  version: revision + 1,
  document: JSON.stringify(data.settings),
  changedBy: meta.userId,
  changedAt: meta.at,
  position,
});
