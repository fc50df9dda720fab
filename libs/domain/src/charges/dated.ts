/**
 * How sure a row is. `confirmed`: sources agree. `single-source`: one says so. `inferred`: follows from a rule or from its
 * neighbours. `unconfirmed`: nobody could be found who says so; an admin should correct it. It is said of the value; where
 * the first day of a row is inferred, its source says that.
 */
export type Certainty = 'confirmed' | 'single-source' | 'inferred' | 'unconfirmed';

/** A row of a table with history: it holds from its date on, `YYYY-MM-DD` in IST, until the next row's. */
export interface Dated {
  readonly from: string;
  readonly certainty: Certainty;
  readonly source: string;
}

/** The row in force on a date, of rows sorted by date. Before the first row nothing is known. */
export const inForce = <Row extends Dated>(rows: readonly Row[] | undefined, date: string): Row | undefined =>
  rows?.findLast(({ from }) => from <= date);

/** A table with an admin's rows in it: one of the same date replaces, any other is added. */
export const corrected = <Row extends Dated>(rows: readonly Row[], corrections: readonly Row[]): readonly Row[] =>
  [...new Map([...rows, ...corrections].map((row) => [row.from, row] as const)).values()].sort((one, other) =>
    one.from < other.from ? -1 : 1,
  );
