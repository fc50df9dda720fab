import { agree, dateIn, daysBetween, firstDayOf } from './dates';

it.each([
  ['sec_list.2025-12-12.csv', '2025-12-12'],
  ['BhavCopy_NSE_FO_0_0_0_20250227_F_0000.csv.zip', '2025-02-27'],
  ['ael_20082025.csv', '2025-08-20'],
  ['REG1_IND160125.csv.gz', '2025-01-16'],
  ['oi_cli_limit_17-NOV-2025.lst', '2025-11-17'],
  ['fo01Jan2020bhav.csv.gz', '2020-01-01'],
  ['25/11/2025', '2025-11-25'],
  ['fo_mktlots.2022-11.csv', '2022-11'],
  ['Extreme Loss Margin (May 2017)', '2017-05'],
  ['MWPL (May2017)', '2017-05'],
])('%s is of %s', (printed, date) => expect(dateIn(printed)).toBe(date));

it.each([
  'qtyfreeze.csv',
  'nse_holidays.2025.json',
  'sec_list.2025-02-30.csv',
  '31-JUN-2025',
  '99/99/2025',
  '123456789',
])('%s has no date', (printed) => expect(dateIn(printed)).toBeUndefined());

it('a month agrees with its days and with no other', () => {
  expect(agree('2017-05', '2017-05-26')).toBe(true);
  expect(agree('2017-05-26', '2017-05-26')).toBe(true);
  expect(agree('2017-05-26', '2017-05-25')).toBe(false);
  expect(agree('2017-05', '2017-06-01')).toBe(false);
  expect(firstDayOf('2017-05')).toBe('2017-05-01');
});

it('counts days over the end of a year', () => {
  expect(daysBetween('2025-12-30', '2026-01-27')).toBe(28);
  expect(daysBetween('2026-01-27', '2026-01-26')).toBe(-1);
});
