/**
 * How sure a row is. `confirmed`: sources agree. `single-source`: one says so. `inferred`: follows from a rule or from its
 * neighbours. `unconfirmed`: nobody could be found who says so; an admin should correct it. It is said of the value; where
 * the first day of a row is inferred, its source says that.
 */
export type Certainty = 'confirmed' | 'single-source' | 'inferred' | 'unconfirmed';

/** A row of a table with history: it holds from its date on, `YYYY-MM-DD` in IST, until the next row's of the same kind. */
export interface Dated {
  readonly from: string;
  readonly certainty: Certainty;
  readonly source: string;
}

/** The row in force on a day, of rows sorted by `from`. Before the first row there is no answer. */
export const inForceOn = <Row extends Dated>(rows: readonly Row[] | undefined, date: string): Row | undefined =>
  rows?.findLast(({ from }) => from <= date);

/**
 * Shipped rows with an admin's laid over them: one of the same kind and date replaces, any other is added. Sorted by `from`.
 * A table whose rows are all of one kind needs no `kindOf`.
 */
export const overlaid = <Row extends Dated>(
  shipped: readonly Row[],
  corrections: readonly Row[] | undefined,
  kindOf: (row: Row) => string = () => '',
): readonly Row[] => {
  const rows = new Map([...shipped, ...(corrections ?? [])].map((row) => [`${kindOf(row)} ${row.from}`, row]));
  return [...rows.values()].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
};
