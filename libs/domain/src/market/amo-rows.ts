import type { Dated } from '../dated';
import type { SegmentClass } from './venues';

/**
 * When a broker takes orders for the next session: from `opens` on a trading day until `closes` on the next one, and
 * all of the days without trading between them.
 */
export interface AmoRow extends Dated {
  /** `house`: every broker without rows of its own. Our own queue holds the order, and sends nothing before the session. */
  readonly broker: string;
  readonly segmentClass: SegmentClass;
  readonly window: 'prohibited' | { readonly opens: string; readonly closes: string; readonly limitOnly?: true };
}

export const HOUSE = 'house';

const row = (
  broker: string,
  segmentClass: SegmentClass,
  window: AmoRow['window'],
  { from, certainty, source }: Dated,
): AmoRow => ({ broker, segmentClass, window, from, certainty, source });

const QUEUE: Dated = {
  from: '2025-01-01',
  certainty: 'inferred',
  source: 'our own queue, after the latest close known',
};
const RUPEEZY: Dated = { from: '2026-08-03', certainty: 'single-source', source: 'Rupeezy guide of August 2026' };
const IIFL: Dated = { from: '2026-08-03', certainty: 'single-source', source: 'IIFL help pages' };
const FYERS: Dated = { from: '2026-03-10', certainty: 'single-source', source: 'FYERS notice of 10 Mar 2026' };

const EVERY_CLASS: readonly SegmentClass[] = ['equity', 'derivatives', 'currency', 'commodity'];

export const AMO_ROWS: readonly AmoRow[] = [
  row(HOUSE, 'equity', { opens: '16:00', closes: '08:57' }, QUEUE),
  row(HOUSE, 'derivatives', { opens: '15:45', closes: '09:10' }, QUEUE),
  row(HOUSE, 'currency', { opens: '17:15', closes: '08:57' }, QUEUE),
  row('rupeezy', 'equity', { opens: '15:45', closes: '08:57' }, RUPEEZY),
  row('rupeezy', 'derivatives', { opens: '15:45', closes: '09:10' }, RUPEEZY),
  row('iifl', 'equity', { opens: '16:00', closes: '08:57' }, IIFL),
  row('iifl', 'derivatives', { opens: '15:35', closes: '09:14' }, IIFL),
  row('iifl', 'currency', { opens: '17:15', closes: '08:59', limitOnly: true }, IIFL),
  // Through an API, which is the only way we go.
  ...EVERY_CLASS.map((segmentClass) => row('fyers', segmentClass, 'prohibited', FYERS)),
];
