import { SECURITY_TYPES, type Instrument, type SecurityType, type Segment } from '#domain/instruments/instrument';

import { MONTHS, readRow, refuseRow, type Fields, type RawRow, type RowContext, type RowRefusal } from './row';
import { DERIVATIVE_TYPES, SEGMENTS, exchangeOf } from './segments';
import { contractSymbol, printedStrike, type Contract } from './symbols';

/**
 * Upstox publishes the day's master as a JSON array of flat objects, and as a CSV with fewer and differently named
 * fields. Field meanings and quirks were learned from the real files; see `libs/instruments/data/README.md`.
 */
export const UPSTOX_CSV_COLUMNS = [
  'instrument_key',
  'exchange_token',
  'tradingsymbol',
  'name',
  'last_price',
  'expiry',
  'strike',
  'tick_size',
  'lot_size',
  'instrument_type',
  'option_type',
  'exchange',
] as const;

/**
 * One object of the JSON file. Ticks are in paise, strikes in rupees, an expiry is the last second of its day in IST
 * in epoch milliseconds. Fields that do not apply are absent.
 */
export const parseUpstoxJsonRow = (row: RawRow, context: RowContext): Instrument | RowRefusal =>
  readRow(row, (fields) => {
    const segment = fields.lookup('segment', SEGMENTS);
    const identity = readIdentity(fields, segment, 'trading_symbol', context);
    if (fields.text('exchange') !== exchangeOf(segment))
      return refuseRow('exchange does not fit the segment', row['exchange']);
    switch (segment) {
      case 'NSE_INDEX':
      case 'BSE_INDEX':
        return quoted(identity, 'INDEX');
      case 'NSE_EQ':
      case 'BSE_EQ':
        // `freeze_quantity` is one constant for the whole cash segment: not the exchange's limit, so none is known.
        return security(identity, {
          instrumentType: fields.textLike('instrument_type', SERIES),
          isin: fields.textLike('isin', ISIN),
          lotSize: fields.count('lot_size'),
          tickSizeE4: fields.priceE4('tick_size', 'paise'),
          securityType: SECURITY_TYPE.get(fields.optionalText('security_type') ?? ''),
          fundedMarginBp: fields.flag('mtf_enabled') ? fields.basisPoints('mtf_bracket') : undefined,
        });
      case 'NSE_FO':
      case 'BSE_FO':
      case 'NCD_FO':
      case 'BCD_FO':
      case 'MCX_FO':
      case 'NSE_COM': {
        // The spot price of a commodity is the underlying of contracts, not itself listed for trading: no lot, no tick.
        if (fields.text('instrument_type') === 'COM') return quoted(identity, 'COM');
        const instrumentType = fields.lookup('instrument_type', DERIVATIVE_TYPES);
        return derivative(
          identity,
          {
            underlyingSymbol: fields.text('underlying_symbol'),
            instrumentType,
            expiry: fields.istDate('expiry'),
            ...(instrumentType !== 'FUT' && { strikeE4: fields.priceE4('strike_price', 'rupees') }),
          },
          {
            lotSize: fields.count('lot_size'),
            tickSizeE4: fields.priceE4('tick_size', 'paise'),
            freezeQuantity: firstRefused(fields.optionalCount('freeze_quantity')),
            underlyingKind: UNDERLYING_KIND.get(fields.optionalText('underlying_type') ?? ''),
          },
        );
      }
    }
  });

/**
 * One object of a list of suspended instruments, which has the form of the master: only the key is read, because what
 * is not traded may well lack what is needed to trade it.
 */
export const parseUpstoxSuspendedRow = (row: RawRow, context: RowContext): { instrumentKey: string } | RowRefusal =>
  readRow(row, (fields) => {
    const { instrumentKey } = readIdentity(fields, fields.lookup('segment', SEGMENTS), 'trading_symbol', context);
    return { instrumentKey };
  });

/**
 * One line of the CSV file. The column `exchange` holds the segment; ticks are rupees in equity and its derivatives,
 * paise elsewhere; the series of a share, ISIN, freeze quantity and the underlying of a contract are not given. The
 * ISIN is read from the key and the underlying from the trading symbol; a share's `instrumentType` is `EQUITY`.
 */
export const parseUpstoxCsvRow = (row: RawRow, context: RowContext): Instrument | RowRefusal =>
  readRow(row, (fields) => {
    const segment = fields.lookup('exchange', SEGMENTS);
    const identity = readIdentity(fields, segment, 'tradingsymbol', context);
    switch (segment) {
      case 'NSE_INDEX':
      case 'BSE_INDEX':
        return quoted(identity, 'INDEX');
      case 'NSE_EQ':
      case 'BSE_EQ': {
        const isin = identity.instrumentKey.slice(segment.length + 1);
        return security(identity, {
          instrumentType: 'EQUITY',
          isin: ISIN.test(isin) ? isin : refuseRow('instrument_key holds no ISIN', identity.instrumentKey),
          lotSize: fields.count('lot_size'),
          tickSizeE4: fields.priceE4('tick_size', 'rupees'),
          securityType: undefined,
          fundedMarginBp: undefined,
        });
      }
      case 'NSE_FO':
      case 'BSE_FO':
        return csvDerivative(fields, identity, 'rupees');
      case 'NCD_FO':
      case 'BCD_FO':
      case 'MCX_FO':
      case 'NSE_COM':
        return fields.text('option_type') === 'COM'
          ? quoted(identity, 'COM')
          : csvDerivative(fields, identity, 'paise');
    }
  });

const csvDerivative = (fields: Fields, identity: Identity, tickUnit: 'rupees' | 'paise'): Instrument => {
  const instrumentType = fields.lookup('option_type', CSV_DERIVATIVE_TYPES);
  const expiry = fields.date('expiry');
  const strikeE4 = instrumentType === 'FUT' ? undefined : fields.priceE4('strike', 'rupees');
  const tail = strikeE4 === undefined ? 'FUT' : `${printedStrike(strikeE4)}${instrumentType}`;
  const underlyingSymbol = csvExpiries(expiry)
    .map((printed) => printed + tail)
    .filter((ending) => identity.tradingSymbol.endsWith(ending) && identity.tradingSymbol !== ending)
    .map((ending) => identity.tradingSymbol.slice(0, -ending.length))[0];
  return derivative(
    identity,
    {
      underlyingSymbol:
        underlyingSymbol ??
        refuseRow('tradingsymbol does not fit expiry and strike', `${identity.tradingSymbol} ${expiry}`),
      instrumentType,
      expiry,
      ...(strikeE4 !== undefined && { strikeE4 }),
    },
    {
      lotSize: fields.count('lot_size'),
      tickSizeE4: fields.priceE4('tick_size', tickUnit),
      freezeQuantity: undefined,
      underlyingKind: undefined,
    },
  );
};

/** An expiry as the CSV's trading symbols print it: the month's last contract `25AUG`, the others `25821`, `25O24`. */
const csvExpiries = (expiry: string): string[] => {
  const [year, month, day] = [expiry.slice(2, 4), Number(expiry.slice(5, 7)), expiry.slice(8)];
  return [`${year}${MONTHS[month - 1] ?? ''}`, `${year}${'123456789OND'.charAt(month - 1)}${day}`];
};

const CSV_DERIVATIVE_TYPES = new Map([...DERIVATIVE_TYPES, ['FF', 'FUT'] as const]);

/** A type that is not known yet says nothing: a check that needs it fails, the share stays in the file. */
const SECURITY_TYPE: ReadonlyMap<string, SecurityType> = new Map(SECURITY_TYPES.map((type) => [type, type]));

/** Currencies (CUR), interest rates (IRD) and commodities (COM) are neither. */
const UNDERLYING_KIND: ReadonlyMap<string, 'index' | 'stock'> = new Map([
  ['INDEX', 'index'],
  ['EQUITY', 'stock'],
]);

const SERIES = /^[A-Z0-9]{1,3}$/;
/**
 * Twelve letters and digits. Not stricter: real files hold a mistyped one (`INEl48I07QA5`) that is nevertheless the
 * key.
 */
const ISIN = /^[A-Za-z0-9]{12}$/;
const TOKEN = /^\d{1,12}$/;
/** Separators of keys and of canonical symbols cannot be part of a symbol. */
const TRADING_SYMBOL = /^[^|:]{1,60}$/;

type Identity = Pick<
  Instrument,
  'instrumentKey' | 'validFrom' | 'tradingSymbol' | 'name' | 'exchange' | 'segment' | 'exchangeToken'
>;

const readIdentity = (fields: Fields, segment: Segment, symbolField: string, { validFrom }: RowContext): Identity => {
  const instrumentKey = fields.text('instrument_key');
  if (!instrumentKey.startsWith(`${segment}|`) || instrumentKey.length === segment.length + 1)
    return refuseRow('instrument_key does not fit the segment', instrumentKey);
  return {
    instrumentKey,
    validFrom,
    tradingSymbol: fields.textLike(symbolField, TRADING_SYMBOL),
    name: fields.text('name'),
    exchange: exchangeOf(segment),
    segment,
    exchangeToken: fields.textLike('exchange_token', TOKEN),
  };
};

// The three builders name every field: objects put together with `...` take three times the memory and ten times as long.

/** An instrument that has a price but takes no orders. */
const quoted = (
  { instrumentKey, validFrom, tradingSymbol, name, exchange, segment, exchangeToken }: Identity,
  instrumentType: string,
): Instrument => ({
  instrumentKey,
  validFrom,
  symbol: `${exchange}:${tradingSymbol}`,
  tradingSymbol,
  name,
  exchange,
  segment,
  instrumentType,
  exchangeToken,
});

/** A share, fund unit or bond. */
const security = (
  { instrumentKey, validFrom, tradingSymbol, name, exchange, segment, exchangeToken }: Identity,
  {
    instrumentType,
    isin,
    lotSize,
    tickSizeE4,
    securityType,
    fundedMarginBp,
  }: Record<'instrumentType' | 'isin', string> &
    Record<'lotSize' | 'tickSizeE4', number> & {
      securityType: SecurityType | undefined;
      fundedMarginBp: number | undefined;
    },
): Instrument => ({
  instrumentKey,
  validFrom,
  symbol: `${exchange}:${tradingSymbol}`,
  tradingSymbol,
  name,
  exchange,
  segment,
  instrumentType,
  exchangeToken,
  isin,
  lotSize,
  tickSizeE4,
  ...(securityType !== undefined && { securityType }),
  ...(fundedMarginBp !== undefined && { funded: { marginBp: fundedMarginBp } }),
});

const derivative = (
  { instrumentKey, validFrom, tradingSymbol, name, exchange, segment, exchangeToken }: Identity,
  contract: Contract,
  {
    lotSize,
    tickSizeE4,
    freezeQuantity,
    underlyingKind,
  }: Record<'lotSize' | 'tickSizeE4', number> & {
    freezeQuantity: number | undefined;
    underlyingKind: 'index' | 'stock' | undefined;
  },
): Instrument => ({
  instrumentKey,
  validFrom,
  symbol: contractSymbol(exchange, contract),
  tradingSymbol,
  name,
  exchange,
  segment,
  instrumentType: contract.instrumentType,
  exchangeToken,
  lotSize,
  tickSizeE4,
  expiry: contract.expiry,
  underlyingSymbol: contract.underlyingSymbol,
  ...(contract.strikeE4 !== undefined && { strikeE4: contract.strikeE4 }),
  ...(freezeQuantity !== undefined && { freezeQuantity }),
  ...(underlyingKind !== undefined && { underlyingKind }),
});

/**
 * How this source's freeze figure is read: as the first quantity that is refused. It is a whole number of lots (1755
 * for a NIFTY lot of 65) where the exchange's limit is not (1800), so it may well mean the last quantity allowed;
 * until that is known for certain the reading that can never be rejected stands, at the price of one lot per slice.
 */
const firstRefused = (stored: number | undefined): number | undefined => stored;
