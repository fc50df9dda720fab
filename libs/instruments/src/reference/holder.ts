import { InstrumentFileError } from '../source';
import { buildReferenceDay, ReferenceDay } from './day';
import { differenceOf, type ReferenceDifference } from './difference';
import type { InstrumentSource } from './instrument-index';
import { readReferenceFile, type ReferenceFile, type ReferencePart } from './read-file';

/** What `replace` did with one file. Kept: what was held of that kind before is still in force. */
export type FileOutcome =
  | { readonly file: string; readonly outcome: 'replaced'; readonly kind: string }
  | { readonly file: string; readonly outcome: 'kept'; readonly reason: string };

export interface ReferenceReplacement {
  readonly files: readonly FileOutcome[];
  readonly difference: ReferenceDifference;
}

/** A new file must say at least this share of what is held of its kind, and may refuse few of its rows. */
const SMALLEST_SHARE = 0.8;
const LARGEST_REFUSED_SHARE = 0.05;

/**
 * Holds the facts everybody uses and swaps them whole. A reader that takes `current` once sees one consistent day. Each kind of
 * file is judged by itself: a broken one leaves what is held of its kind, and the others take effect.
 */
export class ReferenceHolder {
  private held: { readonly day: ReferenceDay; readonly parts: ReadonlyMap<string, ReferencePart> } = {
    day: ReferenceDay.empty,
    parts: new Map(),
  };

  /** Without facts until the first `replace`. */
  get current(): ReferenceDay {
    return this.held.day;
  }

  /**
   * Takes over what the files bring, and ties everything that is held to `catalogue` anew: without files it follows a new
   * master. Errors other than `InstrumentFileError` pass through, and then nothing has changed.
   */
  async replace(
    files: readonly ReferenceFile[],
    day: { readonly catalogue: InstrumentSource; readonly effectiveFrom: string },
  ): Promise<ReferenceReplacement> {
    const read: (ReferencePart | FileOutcome)[] = [];
    for (const file of files) read.push(await readOrKeep(file, day.effectiveFrom));
    // No waiting from here on: two that replace at once are judged one after the other, against what the first one left.
    const before = this.held;
    if (day.effectiveFrom < before.day.effectiveFrom) {
      const reason = `loaded for ${day.effectiveFrom}, the facts held are for ${before.day.effectiveFrom}`;
      return {
        files: read.map(({ file }) => ({ file, outcome: 'kept', reason })),
        difference: { added: [], removed: [], changed: [] },
      };
    }
    const parts = new Map(before.parts);
    const outcomes = read.map((part): FileOutcome => {
      if ('outcome' in part) return part;
      const reason = objectionTo(part, parts.get(part.slot));
      if (reason !== undefined) return { file: part.file, outcome: 'kept', reason };
      parts.set(part.slot, part);
      return { file: part.file, outcome: 'replaced', kind: part.slot };
    });
    const built = buildReferenceDay([...parts.values()], day);
    this.held = { day: built, parts };
    return { files: outcomes, difference: differenceOf(before.day, built) };
  }
}

const readOrKeep = async (file: ReferenceFile, effectiveFrom: string): Promise<ReferencePart | FileOutcome> => {
  try {
    return await readReferenceFile(file, { effectiveFrom });
  } catch (error) {
    if (!(error instanceof InstrumentFileError)) throw error;
    return { file: file.name, outcome: 'kept', reason: error.message };
  }
};

const objectionTo = (part: ReferencePart, held: ReferencePart | undefined): string | undefined => {
  const { refused, rows, refusals, loaded } = part.table;
  if (refused > rows * LARGEST_REFUSED_SHARE)
    return `${String(refused)} of ${String(rows)} rows were refused, mostly: ${refusals[0]?.reason ?? ''}`;
  if (held === undefined) return undefined;
  if (part.effectiveFrom < held.effectiveFrom)
    return `the file is of ${part.effectiveFrom}, older than ${held.file} of ${held.effectiveFrom}`;
  if (loaded < held.table.loaded * SMALLEST_SHARE)
    return `only ${String(loaded)} rows where ${held.file} has ${String(held.table.loaded)}`;
  return undefined;
};
