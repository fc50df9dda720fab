import { buildReferenceDay, type ReferenceDay } from './day';
import type { InstrumentSource } from './instrument-index';
import { readReferenceFile, type ReferenceFile, type ReferencePart } from './read-file';

/**
 * Reads the files of a day and puts their facts together. Of several files for one thing the latest counts, of two of one day
 * the one that was given last. @throws InstrumentFileError, with the file's name, when any of them is no good: who wants the others
 * nevertheless uses a `ReferenceHolder`.
 */
export const loadReference = async (
  files: readonly ReferenceFile[],
  day: { readonly catalogue: InstrumentSource; readonly effectiveFrom: string },
): Promise<ReferenceDay> => {
  const bySlot = new Map<string, ReferencePart>();
  for (const file of files) {
    const part = await readReferenceFile(file, day);
    const held = bySlot.get(part.slot);
    if (held === undefined || held.effectiveFrom <= part.effectiveFrom) bySlot.set(part.slot, part);
  }
  return buildReferenceDay([...bySlot.values()], day);
};
