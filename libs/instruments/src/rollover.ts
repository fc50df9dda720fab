import type { Instrument } from '#domain/instruments/instrument';

import type { Catalogue } from './catalogue';

/**
 * The contract that follows one: of the same underlying and type, for an option of the same strike, with the next expiry on the same exchange.
 * `undefined` for what never expires, and when nothing longer is listed. Looks through all instruments: for reports,
 * not for orders.
 */
export const rolloverOf = (catalogue: Catalogue, instrumentKey: string): Instrument | undefined => {
  const contract = catalogue.resolve(instrumentKey);
  if (contract?.expiry === undefined) return undefined;
  let next: Instrument | undefined;
  for (const other of catalogue.instruments) {
    if (other.expiry === undefined || other.expiry <= contract.expiry) continue;
    if (next?.expiry !== undefined && other.expiry >= next.expiry) continue;
    if (isSameSeries(contract, other)) next = other;
  }
  return next;
};

const isSameSeries = (a: Instrument, b: Instrument): boolean =>
  a.underlyingSymbol === b.underlyingSymbol &&
  a.segment === b.segment &&
  a.instrumentType === b.instrumentType &&
  a.strikeE4 === b.strikeE4;
