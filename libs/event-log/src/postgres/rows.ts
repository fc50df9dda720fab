import type { CustomTypesConfig } from 'pg';
import type { EventMeta, RecordedEvent } from '../event-log';
import { isEventMeta } from '../serialise';

/** Columns of `events` in the order `toEvents` reads them. */
export const eventColumns = 'position, stream, revision, id, type, data, meta';

/** Hands every column over as the server's text, so that each is parsed once, by us. */
export const rawText: CustomTypesConfig = { getTypeParser: () => (text: unknown) => text };

/** @throws Error for what is not a position that a JavaScript number holds exactly. */
export function parsePosition(value: unknown): number {
  const position = typeof value === 'string' ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(position) || position < 0) throw new Error(`${String(value)} is not a position of the log`);
  return position;
}

/**
 * Events of one request usually lie side by side and carry the same meta: it is parsed once and shared among them.
 * @throws Error naming the position of a row that does not hold an event.
 */
export function toEvents(rows: readonly (readonly unknown[])[]): readonly RecordedEvent[] {
  let lastMetaText: unknown;
  let lastMeta: EventMeta | undefined;
  return rows.map(([position, stream, revision, id, type, data, metaText]) => {
    if (lastMeta === undefined || metaText !== lastMetaText) {
      lastMeta = parseMeta(metaText, position);
      lastMetaText = metaText;
    }
    if (typeof stream !== 'string' || typeof id !== 'string' || typeof type !== 'string') throw noEvent(position);
    return {
      id,
      type,
      data: parseData(data, position),
      meta: lastMeta,
      stream,
      revision: Number(revision),
      position: parsePosition(position),
    };
  });
}

function parseData(text: unknown, position: unknown): object {
  const data: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (typeof data !== 'object' || data === null) throw noEvent(position);
  return data;
}

function parseMeta(text: unknown, position: unknown): EventMeta {
  const meta: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (!isEventMeta(meta)) throw noEvent(position);
  return meta;
}

function noEvent(position: unknown): Error {
  return new Error(`position ${String(position)} of the log does not hold an event`);
}
