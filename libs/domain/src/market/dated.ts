/** How sure a row is. What is not confirmed is data for an admin to correct, and is told as such. */
export type Certainty = 'confirmed' | 'single-source' | 'inferred' | 'unconfirmed';

/** A row that counts from a trading day on, until a later row of the same kind takes its place. */
export interface Dated {
  /** `YYYY-MM-DD`, IST. */
  readonly from: string;
  readonly certainty: Certainty;
  readonly source: string;
}

/** The row in force on a day, of rows sorted by `from`. Before the first row there is no answer. */
export const inForceOn = <Row extends Dated>(rows: readonly Row[], date: string): Row | undefined =>
  rows.findLast(({ from }) => from <= date);

/** Shipped rows with an admin's rows laid over them: the same key replaces, a new one is added. Sorted by `from`. */
export const overlaid = <Row extends Dated>(
  shipped: readonly Row[],
  corrections: readonly Row[] | undefined,
  keyOf: (row: Row) => string,
): readonly Row[] => {
  const rows = new Map([...shipped, ...(corrections ?? [])].map((row) => [`${keyOf(row)} ${row.from}`, row]));
  return [...rows.values()].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
};
