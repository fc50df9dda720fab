import type { Conditions } from './filters';
import type { ReadModel } from './read-model';

/** One page of what an account has, as JSON. */
export interface Items {
  readonly items: string;
  /** JSON: a text or null. */
  readonly nextCursor: string;
}

/** A list as a statement without its limit. */
export interface Listing {
  readonly text: string;
  readonly conditions: Conditions;
  readonly limit: number;
  /** Where a page ends whose last item is this one. */
  readonly cursorOf: (item: Readonly<Record<string, unknown>>) => string;
}

/** Reads one item more than asked for, to know whether there is another page. */
export const pageOf = async (model: ReadModel, { text, conditions, limit, cursorOf }: Listing): Promise<Items> => {
  const statement = `select row_to_json(item) from (${text} limit ${conditions.placeholder(limit + 1)}) as item`;
  const items = await model.texts(statement, conditions.values);
  const last = items.length > limit ? items[limit - 1] : undefined;
  return {
    items: items.slice(0, limit).join(','),
    nextCursor: last === undefined ? 'null' : JSON.stringify(cursorOf(fieldsOf(last))),
  };
};

const fieldsOf = (item: string): Readonly<Record<string, unknown>> => {
  const parsed: unknown = JSON.parse(item);
  return typeof parsed === 'object' && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : {};
};
