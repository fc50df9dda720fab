import type { QueryArrayConfig, QueryArrayResult } from 'pg';
import type { ExpectedRevision } from '../event-log';
import type { SerialisedWrite } from '../serialise';
import { int4Array, jsonArray, textArray, uuidArray } from './binary-arrays';
import { parsePosition, rawText } from './rows';

/** All the writes of one append call: stored together or not at all. */
export type Unit = readonly SerialisedWrite[];

/** What became of one unit. */
export type UnitOutcome = { readonly position: number } | { readonly refused: readonly RefusedWrite[] };

export interface RefusedWrite {
  readonly write: SerialisedWrite;
  readonly actual: ExpectedRevision;
  /** Id of the event that lies where the write's first one would: its own id if the write was stored before. */
  readonly storedId: string | undefined;
}

/** One call of `append_events` for many units. No two units may name the same stream. */
export function appendStatement(units: readonly Unit[]): QueryArrayConfig {
  const writes = { unit: [] as number[], stream: [] as string[], expected: [] as number[] };
  const events = {
    unit: [] as number[],
    stream: [] as string[],
    revision: [] as number[],
    id: [] as string[],
    type: [] as string[],
    data: [] as string[],
    meta: [] as string[],
  };
  for (const [unit, ofUnit] of units.entries()) {
    for (const write of ofUnit) {
      const expected = write.expected === 'no-stream' ? -1 : write.expected;
      writes.unit.push(unit);
      writes.stream.push(write.stream);
      writes.expected.push(expected);
      let revision = expected;
      for (const { id, type, data, meta } of write.events) {
        revision += 1;
        events.unit.push(unit);
        events.stream.push(write.stream);
        events.revision.push(revision);
        events.id.push(id);
        events.type.push(type);
        events.data.push(data);
        events.meta.push(meta);
      }
    }
  }
  return {
    name: 'append_events',
    text: 'select * from append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: [
      int4Array(writes.unit),
      textArray(writes.stream),
      int4Array(writes.expected),
      int4Array(events.unit),
      textArray(events.stream),
      int4Array(events.revision),
      uuidArray(events.id),
      textArray(events.type),
      jsonArray(events.data),
      jsonArray(events.meta),
    ],
    rowMode: 'array',
    types: rawText,
  };
}

/** Reads the answer to `appendStatement(units)`: one outcome per unit, in their order. */
export function appendOutcomes(units: readonly Unit[], { rows }: QueryArrayResult<unknown[]>): readonly UnitOutcome[] {
  const [beforeFirst, refusedUnits, refusedWrites, actuals, storedIds] = rows[0] ?? [];
  const refusals = new Map<number, RefusedWrite[]>();
  const writes = units.flat();
  const writeIndexes = parseArray(refusedWrites);
  const heads = parseArray(actuals);
  const ids = parseArray(storedIds);
  for (const [index, unit] of parseArray(refusedUnits).entries()) {
    const write = writes[Number(writeIndexes[index])];
    if (write === undefined) throw new Error('append_events refused a write that was not asked for');
    const head = Number(heads[index]);
    const id = ids[index];
    const refusal: RefusedWrite = {
      write,
      actual: head === -1 ? 'no-stream' : head,
      storedId: id === 'NULL' ? undefined : id,
    };
    const ofUnit = refusals.get(Number(unit));
    if (ofUnit === undefined) refusals.set(Number(unit), [refusal]);
    else ofUnit.push(refusal);
  }

  let position = parsePosition(beforeFirst);
  return units.map((unit, index) => {
    const refused = refusals.get(index);
    if (refused !== undefined) return { refused };
    for (const { events } of unit) position += events.length;
    return { position };
  });
}

/** `{1,2,NULL}`: an array of numbers or UUIDs as text. SQL null is the empty array. */
function parseArray(value: unknown): readonly string[] {
  if (value === null) return [];
  if (typeof value !== 'string') throw new Error('append_events did not answer with an array');
  return value.slice(1, -1).split(',');
}
