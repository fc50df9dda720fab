/** Says of JSON that anybody may have written whether it has the shape that code relies on. */

import { refuse } from '../decider';

/** @throws Refused `settings.malformed` naming the field, and what it must be. */
export type Shape = (value: unknown, at: string) => void;

export const malformed = (field: string, expected: string): never => refuse('settings.malformed', { field, expected });

const TEXT_MAX = 500;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const CLOCK = /^([01]\d|2[0-4]):[0-5]\d(:[0-5]\d)?$/;

const test =
  (expected: string, holds: (value: unknown) => boolean): Shape =>
  (value, at) => {
    if (!holds(value)) malformed(at, expected);
  };

export const text = test('a text', (value) => typeof value === 'string' && value !== '' && value.length <= TEXT_MAX);
export const flag = test('true or false', (value) => typeof value === 'boolean');
export const yes = test('true, or absent', (value) => value === true);
export const whole = test('a whole number of 0 or more', (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0);
/** A whole number of a range, which it names. */
export const between = (least: number, most: number): Shape =>
  test(`a whole number from ${String(least)} to ${String(most)}`, (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most);
/** Any number of a range. */
export const figure = (least: number, most: number): Shape =>
  test(`a number from ${String(least)} to ${String(most)}`, (value) =>
    typeof value === 'number' && value >= least && value <= most);
export const clock = test('a time of the day, HH:MM', (value) => typeof value === 'string' && CLOCK.test(value));
export const day = test('a day, YYYY-MM-DD', (value) => {
  if (typeof value !== 'string' || !DAY.test(value)) return false;
  const ms = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(value);
});

export const oneOf = (...names: readonly string[]): Shape =>
  test(`one of ${names.join(', ')}`, (value) => names.some((name) => name === value));

/** The one shape for a text, the other for anything else. */
export const textOr =
  (ofText: Shape, otherwise: Shape): Shape =>
  (value, at) => {
    (typeof value === 'string' ? ofText : otherwise)(value, at);
  };

export const list =
  (entry: Shape): Shape =>
  (value, at) => {
    if (!Array.isArray(value)) return malformed(at, 'a list');
    value.forEach((one: unknown, n) => {
      entry(one, `${at}[${String(n)}]`);
    });
  };

/** A list that is not empty: something takes the greatest, or the first, of it. */
export const someOf =
  (entry: Shape): Shape =>
  (value, at) => {
    list(entry)(value, at);
    if (Array.isArray(value) && value.length === 0) malformed(at, 'a list of one or more');
  };

/** The one shape and the other. */
export const both =
  (one: Shape, other: Shape): Shape =>
  (value, at) => {
    one(value, at);
    other(value, at);
  };

export const byName =
  (entry: Shape, name: Shape = text): Shape =>
  (value, at) => {
    for (const [key, one] of fieldsOf(value, at)) {
      name(key, at);
      entry(one, `${at}.${key}`);
    }
  };

type Fields = Readonly<Record<string, Shape>>;

/** All of the required fields, any of the optional ones, and no other. */
export const row =
  (required: Fields, optional: Fields = {}): Shape =>
  (value, at) => {
    const fields = new Map(fieldsOf(value, at));
    for (const [name, shape] of Object.entries(required)) shape(fields.get(name), `${at}.${name}`);
    for (const [name, one] of fields) {
      const shape = Object.hasOwn(optional, name) ? optional[name] : undefined;
      if (shape) shape(one, `${at}.${name}`);
      else if (!Object.hasOwn(required, name)) malformed(`${at}.${name}`, 'absent: it is not known here');
    }
  };

const fieldsOf = (value: unknown, at: string): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value)
    : malformed(at, 'an object');

/** At most all of a value, in basis points. */
export const shareBp = between(0, 10_000);

/** What a row of every table says beside its own: how sure it is, and who said so. */
export const sourced: Fields = {
  certainty: oneOf('confirmed', 'single-source', 'inferred', 'unconfirmed'),
  source: text,
};

/** The same of a row that counts from a day on. */
export const dated: Fields = { from: day, ...sourced };
