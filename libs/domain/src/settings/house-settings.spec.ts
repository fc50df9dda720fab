import { Refused } from '../decider';
import { MARGIN_TABLES, type ScenarioSet } from '../margin/parameters';
import { AMO_ROWS } from '../market/amo-rows';
import { EXPIRY_DAYS } from '../market/expiry';
import type { SpecialSession } from '../market/holidays';
import { PHASE_TABLES } from '../market/phases';
import { SERIES_RULES, STAGE_EFFECTS } from '../market/surveillance';
import { specify } from '../specify';
import type { FieldChange } from './document';
import {
  type HouseSettings,
  houseSettings,
  type HouseSettingsCommand,
  type HouseSettingsEvent,
  initialHouseSettings,
} from './house-settings';

const CONFIGURED = { idempotencyWindowSec: 86_400, maxOrdersPerBatch: 20 };
const INITIAL = initialHouseSettings(CONFIGURED);
const decider = houseSettings(CONFIGURED);
const given = specify(decider);
const set = (wanted: Partial<HouseSettings>, expectedVersion = 0): HouseSettingsCommand => ({
  type: 'SetHouseSettings',
  data: { settings: { ...INITIAL, ...wanted }, expectedVersion },
});
const changed = (wanted: Partial<HouseSettings>, ...changes: FieldChange[]): HouseSettingsEvent => ({
  type: 'HouseSettingsChanged',
  data: { changes, settings: { ...INITIAL, ...wanted } },
});
const halts = { ...INITIAL.halts, brokers: { zerodha: 'reduce-only' } } as const;
const SURE = { certainty: 'confirmed', source: 'a circular' } as const;
const session: SpecialSession = {
  date: '2026-11-08',
  classes: ['equity'],
  name: 'Muhurat',
  hours: [{ phase: 'continuous', start: '18:00', end: '19:15' }],
  expires: false,
  ...SURE,
};
const withCalendar = (calendar: object): HouseSettings['corrections'] => ({ ...INITIAL.corrections, calendar });
const corrections = withCalendar({ sessions: [session] });

describe('the settings of the house', () => {
  it('begin as a process is configured', () => expect(decider.initial.document).toMatchObject(CONFIGURED));

  it('are set, and the record says what changed from what', () =>
    given()
      .when(set({ maxOrdersPerBatch: 5, halts, ceilings: { orderValueMaxE4: 1 } }))
      .then(
        changed(
          { maxOrdersPerBatch: 5, halts, ceilings: { orderValueMaxE4: 1 } },
          { field: 'maxOrdersPerBatch', from: 20, to: 5 },
          { field: 'ceilings.orderValueMaxE4', from: 1_000_000_000_000, to: 1 },
          { field: 'halts.brokers.zerodha', to: 'reduce-only' },
        ),
      ));

  it('record a list as one value', () =>
    given()
      .when(set({ corrections }))
      .then(changed({ corrections }, { field: 'corrections.calendar.sessions', to: [session] })));

  it('are set once', () => {
    given(changed({ halts, corrections })).when(set({ halts, corrections }, 1)).thenNothing();
    given(changed({ halts, corrections })).when(set({ halts, corrections }, 0)).thenNothing();
  });

  it('are not changed by who has not seen how they stand', () =>
    given(changed({ halts }))
      .when(set({ auditLevel: 'WRITES' }))
      .thenRefused('settings.stale', { version: 1, expected: 0 }));

  it.each<[Partial<HouseSettings>, string, object]>([
    [{ maxOrdersPerBatch: 0 }, 'settings.out-of-range', { field: 'maxOrdersPerBatch', min: 1, max: 100 }],
    [{ maxOrdersPerBatch: 101 }, 'settings.out-of-range', { field: 'maxOrdersPerBatch', min: 1, max: 100 }],
    [
      { idempotencyWindowSec: 0.5 },
      'settings.out-of-range',
      { field: 'idempotencyWindowSec', min: 1, max: 31_536_000 },
    ],
    [{ ceilings: { openOrdersMax: -1 } }, 'settings.not-whole', { field: 'ceilings.openOrdersMax' }],
    [{ defaults: { openOrdersMax: 1.5 } }, 'settings.not-whole', { field: 'defaults.openOrdersMax' }],
  ])('refuse %j', (wanted, code, detail) =>
    given()
      .when(set(wanted))
      .thenRefused(code, detail as Record<string, string | number>),
  );

  const refusalOf = (wanted: object): object => {
    try {
      decider.decide(set({ corrections: wanted as HouseSettings['corrections'] }), decider.initial);
    } catch (error) {
      if (error instanceof Refused) return { code: error.code, field: error.detail['field'] };
      throw error;
    }
    return {};
  };

  it.each<[object, string]>([
    [{ ...session, date: '2026-02-30' }, '.date'],
    [{ ...session, hours: 'evening' }, '.hours'],
    [{ ...session, hours: [{ phase: 'party', start: '18:00', end: '19:15' }] }, '.hours[0].phase'],
    [{ ...session, hours: [{ phase: 'continuous', start: '6 pm', end: '19:15' }] }, '.hours[0].start'],
    [{ ...session, classes: undefined }, '.classes'],
    [{ ...session, opens: '18:00' }, '.opens'],
    [{ ...session, certainty: 'sure' }, '.certainty'],
    [[], ''],
  ])('refuse a special session that nobody could hold: %j', (row, field) =>
    expect(refusalOf(withCalendar({ sessions: [session, row] }))).toEqual({
      code: 'settings.malformed',
      field: `corrections.calendar.sessions[1]${field}`,
    }),
  );

  it('refuse windows that overlap', () =>
    expect(
      refusalOf(
        withCalendar({
          sessions: [{ ...session, hours: [...hoursOf('18:00', '19:00'), ...hoursOf('18:30', '19:15')] }],
        }),
      ),
    ).toEqual({ code: 'settings.malformed', field: 'corrections.calendar.sessions' }));

  const hoursOf = (start: string, end: string) => [{ phase: 'continuous', start, end }];
  const rate = { from: '2026-10-01', table: 'sebi', buyE9: 1_000, sellE9: 1_000, ...SURE };
  const minimum = { from: '2026-10-01', basisPoints: 2_500, ...SURE };
  const charges = (rows: object) => ({ ...INITIAL.corrections, charges: rows });
  const margin = (rows: object) => ({ ...INITIAL.corrections, margin: rows });

  it.each<[string, object]>([
    [
      'a holiday',
      withCalendar({
        holidays: [
          {
            date: '2026-12-01',
            classes: ['equity'],
            closed: 'day',
            settles: false,
            reason: 'a day of mourning',
            ...SURE,
          },
        ],
      }),
    ],
    ['every table of phases', withCalendar({ phases: PHASE_TABLES })],
    [
      'every row of surveillance, expiries and orders after hours',
      withCalendar({ stages: STAGE_EFFECTS, series: SERIES_RULES, expiryDays: EXPIRY_DAYS, amo: AMO_ROWS }),
    ],
    ['a rate', charges({ rates: [rate] })],
    ['every row of margins', margin(MARGIN_TABLES)],
  ])('take %s', (_, wanted) => expect(refusalOf(wanted)).toEqual({}));

  it.each<[object, string]>([
    [withCalendar({ festivals: [] }), 'calendar.festivals'],
    [withCalendar({ holidays: {} }), 'calendar.holidays'],
    [charges({ rates: [{ ...rate, buyE9: 0.5 }] }), 'charges.rates[0].buyE9'],
    [charges({ rates: [{ ...rate, from: 'tomorrow' }] }), 'charges.rates[0].from'],
    [charges({ brokerage: [rate] }), 'charges.brokerage[0].broker'],
    [margin({ cashMinimum: { all: [{ ...minimum, basisPoints: 'a lot' }] } }), 'margin.cashMinimum.all[0].basisPoints'],
    [margin({ cashMinimum: { some: [minimum] } }), 'margin.cashMinimum.some'],
    [margin({ cashMaximum: {} }), 'margin.cashMaximum'],
    [{ calendar: {}, charges: {} }, 'margin'],
  ])('refuse corrections that no table could be built with: %j', (wanted, field) =>
    expect(refusalOf(wanted)).toEqual({ code: 'settings.malformed', field: `corrections.${field}` }),
  );

  const [{ scenarios: shipped, ...scenarios }] = MARGIN_TABLES.scenarios.all as readonly [ScenarioSet];
  const scenario = { moveThirds: 1, volatility: 1, coverBp: 10_000 };
  const laid = (table: keyof typeof MARGIN_TABLES, key: string, change: object): [object, string] => {
    const [row] = Reflect.get(MARGIN_TABLES[table], key) as readonly object[];
    return [margin({ [table]: { [key]: [{ ...row, ...change }] } }), `margin.${table}.${key}[0]`];
  };
  it.each<[string, object, string, string]>([
    ['extremeLoss', { calendarPart: 0 }, 'index', '.calendarPart'],
    ['extremeLoss', { calendarPart: 2.5 }, 'index', '.calendarPart'],
    ['extremeLoss', { basisPoints: -500 }, 'stock', '.basisPoints'],
    ['extremeLoss', { farOutBp: 10_001 }, 'stock', '.farOutBp'],
    ['paidInFull', { basisPoints: -10_000 }, 'all', '.basisPoints'],
    ['cashMinimum', { basisPoints: 20.5 }, 'all', '.basisPoints'],
    ['scenarios', { ...scenarios, scenarios: [] }, 'all', '.scenarios'],
    [
      'scenarios',
      { ...scenarios, scenarios: [...shipped, { ...scenario, volatility: 2 }] },
      'all',
      '.scenarios[16].volatility',
    ],
    ['scenarios', { ...scenarios, scenarios: [{ ...scenario, coverBp: -1 }] }, 'all', '.scenarios[0].coverBp'],
    ['scenarios', { ...scenarios, scenarios: Array.from({ length: 65 }, () => scenario) }, 'all', '.scenarios'],
    ['scanRange', { sigmas: -6 }, 'index', '.sigmas'],
    ['scanRange', { days: 0 }, 'stock', '.days'],
    ['time', { yearDays: 0 }, 'all', '.yearDays'],
    ['time', { leastDays: 0 }, 'all', '.leastDays'],
    ['cashRange', { floorBp: 10_001 }, 'III', '.floorBp'],
    ['snapshots', { windows: [] }, 'all', '.windows'],
    ['snapshots', { windows: [['11:30', '11:00']] }, 'all', '.windows[0]'],
    ['snapshots', { windows: [['11:00', '11:30', '12:00']] }, 'all', '.windows[0]'],
    ['penalty', { repeatedFromDay: 0 }, 'all', '.repeatedFromDay'],
    ['throttle', { blockedBp: 0 }, 'all', '.blockedBp'],
    ['lastDay', { calendarBenefit: 'yes' }, 'index', '.calendarBenefit'],
  ])('refuse margins that no model can count with: %s %j', (table, change, key, field) => {
    const [wanted, at] = laid(table as keyof typeof MARGIN_TABLES, key, change);
    expect(refusalOf(wanted)).toEqual({ code: 'settings.malformed', field: `corrections.${at}${field}` });
  });

  const plan = { broker: 'zerodha', plan: 'default', from: '2026-10-01', ...SURE };
  it.each<[object, string]>([
    [charges({ rates: [{ ...rate, sellE9: 1_000_000_001 }] }), 'charges.rates[0].sellE9'],
    [charges({ brokerage: [{ ...plan, segment: 'option', rule: { capE4: -1 } }] }), 'charges.brokerage[0].rule.capE4'],
    [
      charges({ brokerage: [{ ...plan, segment: 'option', rule: { shareE9: 2e9 } }] }),
      'charges.brokerage[0].rule.shareE9',
    ],
    [charges({ interest: [{ ...plan, perDay: { slabE4: 0, chargeE4: 1 } }] }), 'charges.interest[0].perDay.slabE4'],
    [
      withCalendar({ expiryDays: [{ exchange: 'NSE', weekday: 7, from: '2026-10-01', ...SURE }] }),
      'calendar.expiryDays[0].weekday',
    ],
    [
      withCalendar({ stages: [{ measure: 'GSM', stage: 1, marginBp: 10_001, from: '2026-10-01', ...SURE }] }),
      'calendar.stages[0].marginBp',
    ],
  ])('refuse rates that nobody would set: %j', (wanted, field) =>
    expect(refusalOf(wanted)).toEqual({ code: 'settings.malformed', field: `corrections.${field}` }),
  );
});
