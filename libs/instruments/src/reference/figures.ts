import { E4_PER_RUPEE, MAX_PRICE_E4, parseE4 } from '#domain/money';

import { refuseRow, type Fields, type RawRow } from '../row';
import { dateIn, firstDayOf } from './dates';

/** Ways to read a cell that reference files need beyond what a master file does. Each refuses the row, never guesses. */

const cellText = (row: RawRow, field: string): string | undefined => {
  const value = row[field];
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
};

/** A margin of more than this is a mistake in units: 100 % is the whole value, surveillance adds at most as much again. */
const MAX_BASIS_POINTS = 20_000;

/** A percentage as basis points, rounded up to a whole one: a margin must never fall short by rounding. */
export const percentAsBasisPoints = (row: RawRow, field: string): number => {
  const text = cellText(row, field) ?? refuseRow(`${field} is missing`, row[field]);
  const percentE4 = parseE4(text);
  const basisPoints = percentE4 === undefined ? undefined : Math.ceil(percentE4 / 100);
  return basisPoints === undefined || basisPoints > MAX_BASIS_POINTS
    ? refuseRow(`${field} is not a percentage`, row[field])
    : basisPoints;
};

const SIGNED = /^(-?)(\d{1,12})(?:\.(\d{1,20}))?$/;

/** A rupee amount with a sign and any number of decimals, rounded away from zero to 1/10,000: computed figures, not prices. */
export const computedE4 = (text: string): number | undefined => {
  const [, sign, whole, fraction = ''] = SIGNED.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const kept = Number(whole) * E4_PER_RUPEE + Number(fraction.slice(0, 4).padEnd(4, '0'));
  const amountE4 = kept + (/[1-9]/.test(fraction.slice(4)) ? 1 : 0);
  if (!Number.isSafeInteger(amountE4)) return undefined;
  return sign === '-' && amountE4 !== 0 ? -amountE4 : amountE4;
};

/** A computed amount of rupees that must be there and not below zero. */
export const amountE4 = (row: RawRow, field: string): number => {
  const amount = computedE4(cellText(row, field) ?? '');
  return amount === undefined || amount < 0 ? refuseRow(`${field} is not an amount`, row[field]) : amount;
};

/** A plain fraction with a sign, such as a delta. */
export const fraction = (text: string): number | undefined => (SIGNED.test(text) ? Number(text) + 0 : undefined);

/** A price in units of 1/10^`decimals` rupee: `111675` with two decimals is Rs 1,116.75. The price of a spread may be below zero. */
export const scaledPriceE4 = (row: RawRow, field: string, decimals: number): number => {
  const text = cellText(row, field) ?? refuseRow(`${field} is missing`, row[field]);
  const priceE4 = /^-?\d{1,12}$/.test(text) ? Number(text) * 10 ** (4 - decimals) : Number.NaN;
  return Number.isInteger(priceE4) && Math.abs(priceE4) <= MAX_PRICE_E4
    ? priceE4
    : refuseRow(`${field} is not a price`, row[field]);
};

/** A day printed in any of the ways exchanges print one: `02-Jan-2026`, `01-JAN-2020`, `25/11/2025`, `2026-01-02`. */
export const printedDay = (fields: Fields, field: string): string => {
  const printed = dateIn(fields.text(field));
  return printed?.length === 10 ? firstDayOf(printed) : refuseRow(`${field} is not a date`, fields.text(field));
};
