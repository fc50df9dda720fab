import type { CsvFormat } from '../table';
import { bands, bsePriceBands, surveillance } from './band-formats';
import { cashCloses, formerCashCloses, priceDay } from './close-formats';
import { contractPrices, formerContractPrices, pressFutures, pressOptions } from './contract-formats';
import { clientLimit, freeze, marketLimit, marketLots } from './limit-formats';
import { cashElm, contractElm, futureMargin, pastReturns, riskParameters, worstLoss } from './margin-formats';
import type { HeaderDate } from './printed-csv';
import type { ReferenceRow } from './rows';

/**
 * The published tables of a day, each recognised by its columns. Layouts and quirks were learned from real files; see
 * `libs/instruments/data/README.md`. One list is for one reading of one file: `seen` takes the date that a header prints.
 */
export const csvFormats = (seen: HeaderDate): readonly CsvFormat<ReferenceRow>[] => [
  ...[bands, bsePriceBands, surveillance, contractElm(seen), cashElm(seen), freeze, marketLimit(seen), clientLimit],
  ...[futureMargin, worstLoss, marketLots(), riskParameters, pastReturns, cashCloses, formerCashCloses, priceDay],
  ...[contractPrices, formerContractPrices, pressFutures, pressOptions],
];
