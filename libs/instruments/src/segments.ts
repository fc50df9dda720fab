import type { Exchange, Segment } from '#domain/instruments/instrument';

/** The exchange behind each segment: currency and commodity segments of NSE and BSE belong to NSE and BSE. */
const EXCHANGE_OF: Readonly<Record<Segment, Exchange>> = {
  NSE_EQ: 'NSE',
  BSE_EQ: 'BSE',
  NSE_FO: 'NSE',
  BSE_FO: 'BSE',
  NCD_FO: 'NSE',
  BCD_FO: 'BSE',
  MCX_FO: 'MCX',
  NSE_COM: 'NSE',
  NSE_INDEX: 'NSE',
  BSE_INDEX: 'BSE',
};

export const exchangeOf = (segment: Segment): Exchange => EXCHANGE_OF[segment];

const isSegment = (text: string): text is Segment => Object.hasOwn(EXCHANGE_OF, text);

/** Every segment under its own name. */
export const SEGMENTS: ReadonlyMap<string, Segment> = new Map(
  Object.keys(EXCHANGE_OF)
    .filter(isSegment)
    .map((segment) => [segment, segment]),
);

export type DerivativeType = 'FUT' | 'CE' | 'PE';

export const DERIVATIVE_TYPES: ReadonlyMap<string, DerivativeType> = new Map([
  ['FUT', 'FUT'],
  ['CE', 'CE'],
  ['PE', 'PE'],
]);
