/** What all documents of settings have in common: a version, and a record of what each change changed. */

import { refuse } from '../decider';

/** A document and how often it was changed: 0 is the one that nobody has set yet. */
export interface Versioned<Document> {
  readonly version: number;
  readonly document: Document;
}

/** One value that a change touched, by its path (`limits.openOrdersMax`). Without `from` it was not there, without `to` it is gone. */
export interface FieldChange {
  readonly field: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/**
 * What tells `after` from `before`; a list counts as one value. Nothing, if they are the same: who sets the same again
 * has changed nothing, whatever version they had seen.
 * @throws Refused `settings.stale` for a change to a document that is not the one its author has seen.
 */
export const changesTo = <Document extends object>(
  { version, document }: Versioned<Document>,
  after: Document,
  expectedVersion: number,
): readonly FieldChange[] => {
  const changes = changesOf(document, after, '');
  return changes.length > 0 && version !== expectedVersion
    ? refuse('settings.stale', { version, expected: expectedVersion })
    : changes;
};

const changesOf = (before: object, after: object, path: string): readonly FieldChange[] => {
  const was = new Map<string, unknown>(Object.entries(before));
  const is = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((name): readonly FieldChange[] => {
    const from = was.get(name);
    const to = is.get(name);
    const field = path === '' ? name : `${path}.${name}`;
    if (isPlain(from) && isPlain(to)) return changesOf(from, to, field);
    if (sameValue(from, to)) return [];
    return [{ field, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }];
  });
};

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sameValue = (one: unknown, other: unknown): boolean => {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((entry, n) => sameValue(entry, other[n]));
  if (isPlain(one) && isPlain(other)) return changesOf(one, other, '').length === 0;
  return one === other;
};
