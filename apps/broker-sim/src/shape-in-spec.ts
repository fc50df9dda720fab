/** Compares what the simulator says with what a broker was captured saying: by names and kinds, not by values. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerName } from '#brokers/client';
import { isRecord } from './words';

const FOLDER = join(__dirname, '..', '..', '..', 'libs', 'brokers', 'fixtures');

export const fixture = (broker: BrokerName, name: string): unknown => {
  const file = join(FOLDER, broker, name);
  if (!existsSync(file)) throw new Error(`the captured reply ${broker}/${name} is not in libs/brokers/fixtures`);
  return JSON.parse(readFileSync(file, 'utf8')) as unknown;
};

type Kinds = ReadonlyMap<string, ReadonlySet<string>>;

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);

/** Every path within a value with the kinds of what stands there: `data[].tag` → string, null. */
const kindsOf = (value: unknown, path = '', into = new Map<string, Set<string>>()): Kinds => {
  into.set(path, (into.get(path) ?? new Set()).add(kindOf(value)));
  if (Array.isArray(value)) for (const each of value) kindsOf(each, `${path}[]`, into);
  else if (isRecord(value)) for (const [name, each] of Object.entries(value)) kindsOf(each, `${path}.${name}`, into);
  return into;
};

/**
 * How `said` differs from what was captured: names that are missing or that no captured reply has, and kinds that none
 * of them has. `null` stands for anything. Captured lists of objects are taken together: a name in one row is enough;
 * names below `mayBeMissing` stand in some rows only.
 */
export const differences = (
  said: unknown,
  captured: readonly unknown[],
  { mayBeMissing = [] }: { readonly mayBeMissing?: readonly string[] } = {},
): readonly string[] => {
  const expected = new Map<string, Set<string>>();
  for (const each of captured) kindsOf(each, '', expected);
  const found = kindsOf(said);
  const missing = [...expected.keys()].filter(
    (path) => !found.has(path) && !mayBeMissing.some((each) => path.startsWith(each)),
  );
  const unknown = [...found.keys()].filter((path) => !expected.has(path));
  const different = [...found].filter(([path, kinds]) => {
    const known = expected.get(path);
    if (known === undefined || (known.size === 1 && known.has('null'))) return false;
    return [...kinds].some((kind) => kind !== 'null' && !known.has(kind));
  });
  return [
    ...missing.map((path) => `${path} is missing`),
    ...unknown.map((path) => `${path} was never seen`),
    ...different.map(([path, kinds]) => `${path} is ${[...kinds].join(' or ')}`),
  ];
};
