import { specify } from '../specify';
import type { Limits } from '../risk/limits';
import {
  INITIAL_USER_SETTINGS,
  type UserSettings,
  userSettings,
  type UserSettingsCommand,
  type UserSettingsEvent,
} from './user-settings';
import type { FieldChange } from './document';

const given = specify(userSettings);
const settings = (wanted: Partial<UserSettings>): UserSettings => ({ ...INITIAL_USER_SETTINGS, ...wanted });
const set = (wanted: Partial<UserSettings>, expectedVersion = 0, ceilings: Limits = {}): UserSettingsCommand => ({
  type: 'SetUserSettings',
  data: { settings: settings(wanted), expectedVersion, ceilings },
});
const changed = (wanted: Partial<UserSettings>, ...changes: FieldChange[]): UserSettingsEvent => ({
  type: 'UserSettingsChanged',
  data: { changes, settings: settings(wanted) },
});
const wasSet = (wanted: Partial<UserSettings>): UserSettingsEvent => changed(wanted);

describe('the settings of a user', () => {
  it('are set, and the record says what changed from what', () =>
    given()
      .when(set({ defaultBroker: 'zerodha', readConsistency: 'STRONG', limits: { openOrdersMax: 5 } }))
      .then(
        changed(
          { defaultBroker: 'zerodha', readConsistency: 'STRONG', limits: { openOrdersMax: 5 } },
          { field: 'readConsistency', from: 'EVENTUAL', to: 'STRONG' },
          { field: 'limits.openOrdersMax', to: 5 },
          { field: 'defaultBroker', to: 'zerodha' },
        ),
      ));

  it('record what is gone as gone', () =>
    given(wasSet({ defaultBroker: 'fyers', limits: { openOrdersMax: 5 } }))
      .when(set({}, 1))
      .then(changed({}, { field: 'limits.openOrdersMax', from: 5 }, { field: 'defaultBroker', from: 'fyers' })));

  it('are set once: the same again is nothing, whatever version its author has seen', () => {
    given(wasSet({ halt: 'killed' }))
      .when(set({ halt: 'killed' }, 1))
      .thenNothing();
    given(wasSet({ halt: 'killed' }))
      .when(set({ halt: 'killed' }, 0))
      .thenNothing();
    given().when(set({})).thenNothing();
  });

  it('are not changed by who has not seen how they stand', () =>
    given(wasSet({ halt: 'killed' }))
      .when(set({ halt: 'open' }, 0))
      .thenRefused('settings.stale', { version: 1, expected: 0 }));

  it.each<[Limits, Limits, object]>([
    [{ orderValueMaxE4: 11 }, { orderValueMaxE4: 10 }, { field: 'orderValueMaxE4', ceiling: 10, rule: 'at-most' }],
    [
      { duplicateWindowMs: 0 },
      { duplicateWindowMs: 500 },
      { field: 'duplicateWindowMs', ceiling: 500, rule: 'at-least' },
    ],
    [
      { priceDeviationMaxBp: { cash: 300, futures: 600, options: 4_000 } },
      { priceDeviationMaxBp: { cash: 300, futures: 500, options: 4_000 } },
      { field: 'priceDeviationMaxBp.futures', ceiling: 500, rule: 'at-most' },
    ],
    [
      { symbolCaps: { 'NSE:M&M.X': { quantityMax: 2 } } },
      { symbolCaps: { 'NSE:M&M.X': { quantityMax: 1 } } },
      { field: 'symbolCaps.NSE:M&M.X.quantityMax', ceiling: 1, rule: 'at-most' },
    ],
    [
      { intradayVar: { limitE4: 1, method: 'parametric', confidenceBp: 9_500 } },
      { intradayVar: { limitE4: 1, method: 'parametric', confidenceBp: 9_900 } },
      { field: 'intradayVar.confidenceBp', ceiling: 9_900, rule: 'at-least' },
    ],
    [
      { intradayVar: { limitE4: 1, method: 'historical', confidenceBp: 9_900 } },
      { intradayVar: { limitE4: 1, method: 'parametric', confidenceBp: 9_900 } },
      { field: 'intradayVar.method', ceiling: 'parametric', rule: 'exactly' },
    ],
  ])('refuse %j under ceilings of %j, by name', (limits, ceilings, { field, ...rest }: { field?: string }) =>
    given()
      .when(set({ limits }, 0, ceilings))
      .thenRefused('settings.beyond-ceiling', { field: `limits.${String(field)}`, ...rest }),
  );

  it('may be set to the ceiling itself', () =>
    given()
      .when(set({ limits: { orderValueMaxE4: 10 } }, 0, { orderValueMaxE4: 10 }))
      .then(changed({ limits: { orderValueMaxE4: 10 } }, { field: 'limits.orderValueMaxE4', to: 10 })));

  it('let a user stop their trading although a ceiling was lowered below what they had set', () =>
    given(wasSet({ limits: { orderValueMaxE4: 10 } }))
      .when(set({ limits: { orderValueMaxE4: 10 }, halt: 'killed' }, 1, { orderValueMaxE4: 9 }))
      .then(
        changed({ limits: { orderValueMaxE4: 10 }, halt: 'killed' }, { field: 'halt', from: 'open', to: 'killed' }),
      ));

  it.each<[Limits, string, object]>([
    [{ openOrdersMax: -1 }, 'settings.not-whole', { field: 'limits.openOrdersMax' }],
    [{ orderValueMaxE4: 0.5 }, 'settings.not-whole', { field: 'limits.orderValueMaxE4' }],
    [{ symbolCaps: { X: { quantityMax: NaN } } }, 'settings.not-whole', { field: 'limits.symbolCaps.X.quantityMax' }],
    [
      { marginUtilisationMaxBp: 10_001 },
      'settings.out-of-range',
      { field: 'limits.marginUtilisationMaxBp', min: 0, max: 10_000 },
    ],
    [
      { intradayVar: { limitE4: 1, method: 'historical', confidenceBp: 95 } },
      'settings.out-of-range',
      { field: 'limits.intradayVar.confidenceBp', min: 5_000, max: 9_999 },
    ],
  ])('refuse limits that make no sense: %j', (limits, code, detail) =>
    given()
      .when(set({ limits }))
      .thenRefused(code, detail as Record<string, string | number>),
  );

  it.each(['nse:tcs', ' NIFTY', 'NIFTY ', 'NSE:', 'NASDAQ:TCS', 'NSE:TCS:EQ', ''])(
    'refuse a cap on %j, which nothing is called',
    (name) =>
      given()
        .when(set({ limits: { symbolCaps: { [name]: { quantityMax: 1 } } } }))
        .thenRefused('settings.malformed', {
          field: `limits.symbolCaps.${name}`,
          expected: 'a symbol as NSE:RELIANCE, or an underlying as NIFTY',
        }),
  );

  it.each(['NSE:TCS', 'BSE:M&M', 'NSE:NIFTY 26000 CE 27 JAN 26', 'NIFTY', 'BAJAJ-AUTO', 'M&M', '360ONE'])(
    'take a cap on %j',
    (name) => {
      const limits = { symbolCaps: { [name]: { quantityMax: 1 } } };
      given()
        .when(set({ limits }))
        .then(changed({ limits }, { field: 'limits.symbolCaps', to: limits.symbolCaps }));
    },
  );

  it('let a user stop their trading although a cap has a name that was taken once', () => {
    const limits = { symbolCaps: { tcs: { quantityMax: 1 } } };
    given(wasSet({ limits }))
      .when(set({ limits, halt: 'killed' }, 1))
      .then(changed({ limits, halt: 'killed' }, { field: 'halt', from: 'open', to: 'killed' }));
  });

  it('refuse a group of limits that is not whole', () =>
    given()
      .when(set({ limits: { priceDeviationMaxBp: { cash: 300 } } as unknown as Limits }))
      .thenRefused('settings.incomplete', { field: 'limits.priceDeviationMaxBp.futures' }));

  it('have what an older document does not have at its initial value', () => {
    const { readConsistency: _absent, ...older } = INITIAL_USER_SETTINGS;
    const event = {
      type: 'UserSettingsChanged',
      data: { changes: [], settings: older },
    } as unknown as UserSettingsEvent;
    expect(userSettings.evolve(userSettings.initial, event)).toEqual({ version: 1, document: INITIAL_USER_SETTINGS });
  });
});
