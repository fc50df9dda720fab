import { MONTHS, readRow, refuseRow } from '../row';
import { headedCsv, type CsvFormat } from '../table';
import { printedCsv, SYMBOL, type HeaderDate } from './printed-csv';
import type { ReferenceRow } from './rows';

export const freeze = printedCsv('nse-freeze', ['S.No.', 'SYMBOL', 'VOL_FRZ_QTY'], (row) =>
  readRow(row, (fields) => ({
    kind: 'freeze' as const,
    symbol: fields.textLike('SYMBOL', SYMBOL),
    quantity: fields.count('VOL_FRZ_QTY'),
  })),
);

export const marketLimit = (seen: HeaderDate): CsvFormat<ReferenceRow> =>
  printedCsv(
    'nse-market-limit',
    ['UNDERLYING_NAME', /^MWPL \([A-Za-z]{3} ?\d{4}\)$/],
    (row) =>
      readRow(row, (fields) => ({
        kind: 'market-limit' as const,
        symbol: fields.textLike('UNDERLYING_NAME', SYMBOL),
        quantity: fields.count('column 2'),
      })),
    { seen },
  );

const EXCHANGES = new Map(['NSE', 'BSE', 'MSEI'].map((name) => [name, name] as const));

export const clientLimit = headedCsv<ReferenceRow>('client-limits', ['SYMBOL', 'CLIENT_LIMIT', 'EXCHANGE'], (row) =>
  readRow(row, (fields) => ({
    kind: 'client-limit' as const,
    symbol: fields.textLike('SYMBOL', SYMBOL),
    exchange: fields.lookup('EXCHANGE', EXCHANGES),
    quantity: fields.count('CLIENT_LIMIT'),
  })),
);

/** Months stand in the header; a blank cell says that there is no contract. The header stands again above the shares. */
const MONTH = new RegExp(`^(${MONTHS.join('|')})-(\\d{2})$`);

export const marketLots = (): CsvFormat<ReferenceRow> => {
  const columns: string[] = [];
  const monthOf = (cell: string): string | undefined => {
    const [, month, year] = MONTH.exec(cell) ?? [];
    const number = MONTHS.findIndex((name) => name === month) + 1;
    return year === undefined ? undefined : `20${year}-${String(number).padStart(2, '0')}`;
  };
  return {
    name: 'nse-market-lots',
    columns,
    recognise: (first) => {
      const [underlying, symbol, ...months] = first.map((cell) => cell.trim());
      if (underlying !== 'UNDERLYING' || symbol !== 'SYMBOL' || months.length === 0) return undefined;
      const printed = months.map(monthOf);
      if (printed.includes(undefined)) return undefined;
      columns.push('UNDERLYING', 'SYMBOL', ...printed.flatMap((month) => month ?? []));
      return 'header';
    },
    parse: (row) =>
      readRow(row, (fields) => {
        const symbol = fields.textLike('SYMBOL', SYMBOL);
        if (symbol === 'Symbol') return refuseRow('a second header', row['UNDERLYING']);
        const lots = Object.fromEntries(
          columns.slice(2).flatMap((month) => {
            const lot = fields.optionalCount(month);
            return lot === undefined ? [] : [[month, lot] as const];
          }),
        );
        return { kind: 'market-lot' as const, symbol, lots };
      }),
  };
};
