import type { Exchange, Segment } from '../instruments/instrument';

/** Segments that share holidays. */
export type SegmentClass = 'equity' | 'derivatives' | 'currency' | 'commodity';

/** Where something is traded, as far as its holidays go. */
export interface Venue {
  readonly exchange: Exchange;
  readonly segmentClass: SegmentClass;
}

/** Indices are quoted, not traded: they have none. */
export const SEGMENT_CLASS: Readonly<Record<Segment, SegmentClass | undefined>> = {
  NSE_EQ: 'equity',
  BSE_EQ: 'equity',
  NSE_FO: 'derivatives',
  BSE_FO: 'derivatives',
  NCD_FO: 'currency',
  BCD_FO: 'currency',
  MCX_FO: 'commodity',
  NSE_COM: 'commodity',
  NSE_INDEX: undefined,
  BSE_INDEX: undefined,
};
