import { formatE4, parseE4 } from '#domain/money';
import type { Exchange, Instrument, SecurityType, Segment } from '#domain/instruments/instrument';

/** A row of the table as it goes over the wire: amounts in rupees as text, days as text, null where it does not apply. */
export interface InstrumentRow {
  readonly instrument_key: string;
  readonly valid_from: string;
  readonly symbol: string;
  readonly trading_symbol: string;
  readonly name: string;
  readonly exchange: Exchange;
  readonly segment: Segment;
  readonly instrument_type: string;
  readonly exchange_token: string;
  readonly isin: string | null;
  readonly lot_size: string | number | null;
  readonly tick_size: string | null;
  readonly freeze_quantity: string | number | null;
  readonly expiry: string | null;
  readonly strike: string | null;
  readonly underlying_symbol: string | null;
  readonly underlying_kind: 'index' | 'stock' | null;
  readonly security_type: SecurityType | null;
  readonly funded_margin_bp: number | null;
}

/** The columns and their types, in the order in which rows are written. */
export const COLUMNS = {
  instrument_key: 'text',
  valid_from: 'date',
  symbol: 'text',
  trading_symbol: 'text',
  name: 'text',
  exchange: 'text',
  segment: 'text',
  instrument_type: 'text',
  exchange_token: 'text',
  isin: 'text',
  lot_size: 'bigint',
  tick_size: 'numeric',
  freeze_quantity: 'bigint',
  expiry: 'date',
  strike: 'numeric',
  underlying_symbol: 'text',
  underlying_kind: 'text',
  security_type: 'text',
  funded_margin_bp: 'integer',
} as const satisfies Record<keyof InstrumentRow, string>;

/** What is selected: days and amounts as text, so that neither a time zone nor a binary fraction gets between. */
export const SELECT_LIST = Object.entries(COLUMNS)
  .map(([column, type]) => (type === 'date' || type === 'numeric' ? `${column}::text` : column))
  .join(', ');

export const toRow = (instrument: Instrument): InstrumentRow => ({
  instrument_key: instrument.instrumentKey,
  valid_from: instrument.validFrom,
  symbol: instrument.symbol,
  trading_symbol: instrument.tradingSymbol,
  name: instrument.name,
  exchange: instrument.exchange,
  segment: instrument.segment,
  instrument_type: instrument.instrumentType,
  exchange_token: instrument.exchangeToken,
  isin: instrument.isin ?? null,
  lot_size: instrument.lotSize ?? null,
  tick_size: rupees(instrument.tickSizeE4),
  freeze_quantity: instrument.freezeQuantity ?? null,
  expiry: instrument.expiry ?? null,
  strike: rupees(instrument.strikeE4),
  underlying_symbol: instrument.underlyingSymbol ?? null,
  underlying_kind: instrument.underlyingKind ?? null,
  security_type: instrument.securityType ?? null,
  funded_margin_bp: instrument.funded?.marginBp ?? null,
});

const rupees = (amountE4: number | undefined): string | null => (amountE4 === undefined ? null : formatE4(amountE4));

export const ofRow = (row: InstrumentRow): Instrument => ({
  instrumentKey: row.instrument_key,
  validFrom: row.valid_from,
  symbol: row.symbol,
  tradingSymbol: row.trading_symbol,
  name: row.name,
  exchange: row.exchange,
  segment: row.segment,
  instrumentType: row.instrument_type,
  exchangeToken: row.exchange_token,
  ...(row.isin !== null && { isin: row.isin }),
  ...(row.lot_size !== null && { lotSize: Number(row.lot_size) }),
  ...(row.tick_size !== null && { tickSizeE4: amountOf(row, row.tick_size) }),
  ...(row.freeze_quantity !== null && { freezeQuantity: Number(row.freeze_quantity) }),
  ...(row.expiry !== null && { expiry: row.expiry }),
  ...(row.strike !== null && { strikeE4: amountOf(row, row.strike) }),
  ...(row.underlying_symbol !== null && { underlyingSymbol: row.underlying_symbol }),
  ...(row.underlying_kind !== null && { underlyingKind: row.underlying_kind }),
  ...(row.security_type !== null && { securityType: row.security_type }),
  ...(row.funded_margin_bp !== null && { funded: { marginBp: row.funded_margin_bp } }),
});

const amountOf = ({ instrument_key }: InstrumentRow, amount: string): number => {
  const amountE4 = parseE4(amount);
  if (amountE4 === undefined) throw new Error(`${instrument_key} is stored with the amount ${amount}`);
  return amountE4;
};
