/**
 * Cuts the recorded demo and test data in libs/instruments/data out of full, real files. Rows are taken as they are, byte for
 * byte; only which rows is decided here. Run again when other days or other rows are wanted:
 *
 *   node scripts/trim-instruments.mjs <folder with the full files> [output folder]
 *
 * Expected below the input folder:
 *   instruments/upstox/complete.2026-01-02.json.gz, complete.2025-12-12.json.gz
 *   instruments/kite/NSE.2025-12.csv.gz, NFO.2025-12.csv.gz
 *   instruments/fyers/NSE_CM.2025-05-15.csv.gz, instruments/angelone/instruments.2025-04-08.csv.gz
 *   exchange/cm_bhavcopy/sec_bhavdata_full.2026-01-02.csv.gz, exchange/fo_bhavcopy/BhavCopy_NSE_FO.2026-01-02.csv.gz
 *   instruments/upstox/NSE_MIS.2025-05-20.json.gz and, for the reference files, what the sections below read
 *
 * Small samples of every other reference file are written to `fixtures` beside the output folder.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { parse } from 'csv-parse/sync';

const [input, output = join(import.meta.dirname, '..', 'libs', 'instruments', 'data')] = process.argv.slice(2);
if (input === undefined) {
  console.error('usage: node scripts/trim-instruments.mjs <folder with the full files> [output folder]');
  process.exit(2);
}

const read = (path) => {
  const content = readFileSync(join(input, path));
  return (path.endsWith('.gz') ? gunzipSync(content) : content).toString('utf8');
};
const write = (name, text) => {
  const packed = gzipSync(text, { level: 9 });
  writeFileSync(join(output, name), packed);
  console.log(`${name}: ${packed.length} bytes, ${text.split(/\n|\},\{/).length} lines or rows`);
};

/** Rows of an Upstox file with their own text: the objects are flat, so a row is what stands between two braces. */
const readUpstox = (path) => {
  const rows = read(path)
    .match(/\{[^{}]*\}/g)
    .map((text) => ({ ...JSON.parse(text), text }));
  return { rows, byKey: new Map(rows.map((row) => [row.instrument_key, row])) };
};

/** Lines of a CSV file with their cells under the names of the header. No field of these files holds a line break. */
const readCsv = (path, columns = true) => {
  const lines = read(path).trimEnd().split('\n');
  const cells = parse(lines.join('\n'), { columns, trim: true, relax_column_count: true });
  const data = columns === true ? lines.slice(1) : lines;
  return { header: lines[0], rows: cells.map((row, i) => ({ ...row, text: data[i] })) };
};

const istDate = (epochMs) => new Date(epochMs + 5.5 * 3_600_000).toISOString().slice(0, 10);
const first = (count, rows, wanted) => rows.filter(wanted).slice(0, count);
/** The first `count` rows of each kind. */
const sampleOf = (count, rows, kindOf) => {
  const seen = new Map();
  return rows.filter((row) => {
    const kind = kindOf(row);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return kind !== undefined && seen.get(kind) <= count;
  });
};

const today = readUpstox('instruments/upstox/complete.2026-01-02.json.gz');
const before = readUpstox('instruments/upstox/complete.2025-12-12.json.gz');
const cash = readCsv('exchange/cm_bhavcopy/sec_bhavdata_full.2026-01-02.csv.gz').rows;
const derivatives = readCsv('exchange/fo_bhavcopy/BhavCopy_NSE_FO.2026-01-02.csv.gz').rows;

// ---- what traded -------------------------------------------------------------------------------------------------

const cashOf = new Map(cash.map((row) => [`${row.SYMBOL} ${row.SERIES}`, row]));
const tradedContract = new Map(
  derivatives.filter((row) => Number(row.TtlTradgVol) > 0).map((row) => [row.FinInstrmId, row]),
);
const contractsTraded = (row) => Number(tradedContract.get(row.exchange_token)?.TtlTradgVol ?? 0);

// ---- the master of 2026-01-02 ------------------------------------------------------------------------------------

const STOCKS = ['RELIANCE', 'INFY', 'HDFCBANK', 'TCS', 'ITC', 'SBIN', 'M&M', 'BAJAJ-AUTO'];
const chosen = new Map();
const choose = (rows) => rows.forEach((row) => chosen.set(row.instrument_key, row));
const of = (segment) => today.rows.filter((row) => row.segment === segment);

const shares = of('NSE_EQ').filter((row) => row.instrument_type === 'EQ' && cashOf.has(`${row.trading_symbol} EQ`));
choose(shares);
choose(of('NSE_INDEX'));
choose(of('BSE_INDEX'));

const bySymbol = new Map();
for (const row of today.rows) {
  const symbol = `${row.exchange}:${row.trading_symbol}`.toUpperCase();
  bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), row]);
}
choose([...bySymbol.values()].filter((rows) => rows.length > 1).flat());

choose(sampleOf(2, of('NSE_EQ'), ({ instrument_type }) => (instrument_type === 'EQ' ? undefined : instrument_type)));
choose(
  sampleOf(12, of('NSE_EQ'), ({ instrument_type: type }) =>
    ['BE', 'BZ', 'SM', 'ST'].includes(type) ? type : undefined,
  ),
);
choose(sampleOf(6, of('NSE_EQ'), ({ security_type }) => (security_type === 'NORMAL' ? undefined : security_type)));

const mostTraded = [...shares]
  .sort((a, b) => cashOf.get(`${b.trading_symbol} EQ`).TTL_TRD_QNTY - cashOf.get(`${a.trading_symbol} EQ`).TTL_TRD_QNTY)
  .slice(0, 120);
const twins = new Set(
  [...mostTraded, ...shares.filter((row) => STOCKS.includes(row.trading_symbol))].map(({ isin }) => isin),
);
choose(of('BSE_EQ').filter(({ isin }) => twins.has(isin)));
choose(sampleOf(3, of('BSE_EQ'), ({ instrument_type }) => instrument_type));
choose(of('BSE_EQ').filter(({ freeze_quantity }) => freeze_quantity !== 100000));
choose(today.rows.filter(({ isin }) => isin !== undefined && isin !== isin.toUpperCase()));

const nseDerivatives = of('NSE_FO').filter((row) => row.expiry <= Date.UTC(2026, 1, 28));
choose(
  nseDerivatives.filter(
    (row) =>
      row.instrument_type === 'FUT' &&
      (row.expiry <= Date.UTC(2026, 0, 31) ||
        row.underlying_symbol === 'NIFTY' ||
        STOCKS.includes(row.underlying_symbol)),
  ),
);
const nearOptions = (underlying, expiries, count) =>
  nseDerivatives
    .filter(
      (row) =>
        row.underlying_symbol === underlying &&
        row.instrument_type !== 'FUT' &&
        expiries.includes(istDate(row.expiry)) &&
        contractsTraded(row) > 0,
    )
    .sort((a, b) => contractsTraded(b) - contractsTraded(a))
    .slice(0, count);
choose(nearOptions('NIFTY', ['2026-01-06'], 120));
choose(nearOptions('NIFTY', ['2026-01-27'], 120));
choose(nearOptions('BANKNIFTY', ['2026-01-27'], 80));
for (const stock of STOCKS) choose(nearOptions(stock, ['2026-01-27'], 24));
choose(first(4, nseDerivatives, (row) => row.instrument_type === 'CE' && !tradedContract.has(row.exchange_token)));
choose(first(2, of('NSE_FO'), (row) => row.freeze_quantity === 100000));

choose(of('BSE_FO').filter((row) => row.underlying_symbol === 'SENSEX' && row.instrument_type === 'FUT'));
choose(first(40, of('BSE_FO'), (row) => row.underlying_symbol === 'SENSEX' && row.instrument_type !== 'FUT'));
choose(first(8, of('MCX_FO'), (row) => row.instrument_type === 'FUT'));
choose(sampleOf(2, of('MCX_FO'), (row) => `${row.underlying_symbol} ${row.instrument_type}`));
choose(of('NSE_COM').filter((row) => row.instrument_type === 'COM'));
choose(sampleOf(1, of('NSE_COM'), (row) => `${row.underlying_symbol} ${row.instrument_type}`));
for (const currency of ['NCD_FO', 'BCD_FO']) {
  choose(sampleOf(3, of(currency), (row) => `${row.underlying_symbol} ${row.instrument_type}`));
  choose(first(2, of(currency), (row) => /\.\d{3}$/.test(String(row.strike_price))));
}

// ---- the day before the keys changed hands -----------------------------------------------------------------------

const differs = (key, field) => {
  const [then, now] = [before.byKey.get(key), today.byKey.get(key)];
  return then !== undefined && now !== undefined && then[field] !== now[field];
};
const derivativeKeys = today.rows
  .filter(({ expiry }) => expiry !== undefined)
  .map(({ instrument_key }) => instrument_key);
const reused = new Set([
  ...derivativeKeys.filter((key) => differs(key, 'underlying_type')).slice(0, 20),
  ...derivativeKeys.filter((key) => differs(key, 'underlying_symbol')).slice(0, 40),
  ...derivativeKeys.filter((key) => differs(key, 'instrument_type')).slice(0, 20),
  ...derivativeKeys.filter((key) => differs(key, 'strike_price')).slice(0, 20),
  // The same contract with a moved expiry.
  ...derivativeKeys
    .filter(
      (key) =>
        differs(key, 'expiry') &&
        !differs(key, 'underlying_symbol') &&
        !differs(key, 'strike_price') &&
        !differs(key, 'instrument_type'),
    )
    .slice(0, 10),
]);
choose([...reused].map((key) => today.byKey.get(key)));

const seriesChanged = shares
  .map(({ instrument_key }) => instrument_key)
  .concat(of('NSE_EQ').map(({ instrument_key }) => instrument_key))
  .filter((key) => differs(key, 'instrument_type'));
choose([...new Set(seriesChanged)].slice(0, 12).map((key) => today.byKey.get(key)));

const formerRows = [
  ...mostTraded.slice(0, 100).map(({ instrument_key }) => instrument_key),
  ...[...new Set(seriesChanged)].slice(0, 12),
  ...reused,
  ...before.rows
    .filter((row) => row.segment === 'NSE_FO' && istDate(row.expiry) === '2025-12-30' && row.instrument_type === 'FUT')
    .slice(0, 60)
    .map(({ instrument_key }) => instrument_key),
  'NSE_INDEX|Nifty 50',
  'NSE_INDEX|Nifty Bank',
];
const former = before.rows.filter(({ instrument_key }) => new Set(formerRows).has(instrument_key));

// ---- other brokers -----------------------------------------------------------------------------------------------

const chosenToken = new Set([...chosen.values()].map((row) => `${row.segment} ${row.exchange_token}`));
const popular = new Set(mostTraded.slice(0, 60).map(({ exchange_token }) => exchange_token));
const stockTokens = new Set(
  shares.filter((row) => STOCKS.includes(row.trading_symbol)).map((row) => row.exchange_token),
);
const wantedShare = (token) => popular.has(token) || stockTokens.has(token);

const kiteCash = readCsv('instruments/kite/NSE.2025-12.csv.gz');
const kiteDerivatives = readCsv('instruments/kite/NFO.2025-12.csv.gz');
const upstoxByToken = new Map(today.rows.map((row) => [`${row.segment} ${row.exchange_token}`, row]));
const kiteRow = (row) => upstoxByToken.get(`NSE_FO ${row.exchange_token}`);
const differentContract = (row) => {
  const ours = kiteRow(row);
  return (
    ours !== undefined &&
    chosenToken.has(`NSE_FO ${row.exchange_token}`) &&
    (ours.underlying_symbol !== row.name ||
      istDate(ours.expiry) !== row.expiry ||
      ours.instrument_type !== row.instrument_type)
  );
};
const kite = [
  ...first(12, kiteCash.rows, (row) => row.segment === 'INDICES'),
  ...kiteCash.rows.filter((row) => wantedShare(row.exchange_token) && row.segment !== 'INDICES'),
  ...sampleOf(2, kiteCash.rows, (row) => (/-(BE|BZ|SM|ST|GS|N\d)$/.exec(row.tradingsymbol) ?? [])[1]).filter(
    (row) => chosenToken.has(`NSE_EQ ${row.exchange_token}`) || row.name === '',
  ),
  ...kiteCash.rows.filter((row) =>
    ['JCHAC', 'UTINIFTETF', 'RELINFRA-BE', 'BAJAJ-AUTO', 'M&M'].includes(row.tradingsymbol),
  ),
  ...kiteDerivatives.rows.filter((row) => row.name === 'NIFTY' && row.instrument_type === 'FUT'),
  ...first(
    60,
    kiteDerivatives.rows,
    (row) => row.name === 'NIFTY' && row.expiry === '2026-01-27' && chosenToken.has(`NSE_FO ${row.exchange_token}`),
  ),
  ...first(
    20,
    kiteDerivatives.rows,
    (row) => row.name === 'RELIANCE' && row.expiry === '2026-01-27' && chosenToken.has(`NSE_FO ${row.exchange_token}`),
  ),
  ...first(20, kiteDerivatives.rows, differentContract),
  ...first(
    6,
    kiteDerivatives.rows,
    (row) =>
      kiteRow(row)?.instrument_type === 'FUT' &&
      chosenToken.has(`NSE_FO ${row.exchange_token}`) &&
      kiteRow(row).lot_size !== Number(row.lot_size),
  ),
];
const kiteHeader = kiteCash.header;
if (kiteHeader !== kiteDerivatives.header) throw new Error('the Kite files have different headers');

const fyers = readCsv(
  'instruments/fyers/NSE_CM.2025-05-15.csv.gz',
  Array.from({ length: 21 }, (_, i) => `c${i}`),
).rows;
const fyersChosen = [
  ...fyers.filter((row) => wantedShare(row.c12) && !row.c9.endsWith('-INDEX')),
  ...sampleOf(2, fyers, (row) => row.c9.split('-').at(-1)).filter((row) => chosenToken.has(`NSE_EQ ${row.c12}`)),
  ...fyers.filter((row) => row.c9.endsWith('-INDEX')).slice(0, 40),
  ...fyers.filter((row) =>
    [
      'NSE:COFORGE-EQ',
      'NSE:ORICONENT-EQ',
      'NSE:UTINIFTETF-EQ',
      'NSE:ARE&M-EQ',
      'NSE:NIFTY50-INDEX',
      'NSE:NIFTYBANK-INDEX',
    ].includes(row.c9),
  ),
];

const angel = readCsv('instruments/angelone/instruments.2025-04-08.csv.gz');
const angelChosen = [
  ...angel.rows.filter((row) => row.exch_seg !== 'NFO'),
  ...angel.rows.filter((row) => row.instrumenttype === 'FUTIDX'),
  ...sampleOf(12, angel.rows, (row) =>
    row.instrumenttype === 'OPTIDX' ? `${row.name} ${row.expiry}` : undefined,
  ).slice(0, 180),
];

// ---- the price day -----------------------------------------------------------------------------------------------

const prices = [...chosen.values()].flatMap((row) => {
  if (row.segment === 'NSE_EQ' && row.instrument_type === 'EQ') {
    const day = cashOf.get(`${row.trading_symbol} EQ`);
    if (day === undefined || Number(day.TTL_TRD_QNTY) === 0) return [];
    return [[row.instrument_key, day.OPEN_PRICE, day.HIGH_PRICE, day.LOW_PRICE, day.CLOSE_PRICE, day.TTL_TRD_QNTY]];
  }
  const day = row.segment === 'NSE_FO' ? tradedContract.get(row.exchange_token) : undefined;
  if (day === undefined) return [];
  // The exchange counts contracts here, the paper broker counts units.
  const units = Number(day.TtlTradgVol) * Number(day.NewBrdLotQty);
  return [[row.instrument_key, day.OpnPric, day.HghPric, day.LwPric, day.ClsPric, units]];
});

// ---- write -------------------------------------------------------------------------------------------------------

const inFileOrder = (all, some) => all.filter((row) => some.has(row.instrument_key));
const unique = (rows) => [...new Set(rows.map(({ text }) => text))];

mkdirSync(output, { recursive: true });
write(
  'instruments.upstox.2026-01-02.json.gz',
  `[${inFileOrder(today.rows, chosen)
    .map(({ text }) => text)
    .join(',')}]`,
);
write('instruments.upstox.2025-12-12.json.gz', `[${former.map(({ text }) => text).join(',')}]`);
write('instruments.kite.2025-12.csv.gz', `${[kiteHeader, ...unique(kite)].join('\n')}\n`);
write('instruments.fyers.2025-05-15.csv.gz', `${unique(fyersChosen).join('\n')}\n`);
write('instruments.angelone.2025-04-08.csv.gz', `${[angel.header, ...unique(angelChosen)].join('\n')}\n`);
write(
  'prices.nse.2026-01-02.csv.gz',
  `${[['instrumentKey', 'open', 'high', 'low', 'close', 'volume'], ...prices].map((cells) => cells.join(',')).join('\n')}\n`,
);

// ---- reference files of the day ----------------------------------------------------------------------------------

const chosenRows = [...chosen.values()];
const listed = new Set(
  chosenRows.filter((row) => row.segment === 'NSE_EQ').map((row) => `${row.trading_symbol} ${row.instrument_type}`),
);
const listedSymbols = new Set([...listed].map((name) => name.split(' ')[0]));
const underlyingSymbols = new Set(chosenRows.map((row) => row.underlying_symbol).filter((symbol) => symbol));

const intraday = readUpstox('instruments/upstox/NSE_MIS.2025-05-20.json.gz');
const isChosen = ({ instrument_key }) => chosen.has(instrument_key);
write(
  'mis.upstox.2025-05-20.json.gz',
  `[${intraday.rows
    .filter(isChosen)
    .map(({ text }) => text)
    .join(',')}]`,
);

const writeRows = (name, { header, rows }) => write(name, `${[header, ...rows.map(({ text }) => text)].join('\n')}\n`);
const keep = (file, wanted) => ({ header: file.header, rows: file.rows.filter(wanted) });

writeRows(
  'bands.nse.2025-12-12.csv.gz',
  keep(readCsv('exchange/price_bands/sec_list.2025-12-12.csv'), (row) => listed.has(`${row.Symbol} ${row.Series}`)),
);
writeRows(
  'surveillance.nse.2025-01-16.csv.gz',
  keep(readCsv('exchange/surveillance/REG1_IND160125.csv.gz'), (row) => listedSymbols.has(row.Symbol)),
);
writeRows(
  'elm.nse.2025-08-20.csv.gz',
  keep(readCsv('exchange/margin/ael_20082025.csv'), (row) => underlyingSymbols.has(row.Symbol)),
);

// Contracts of the master, and for every underlying the call and the put at the money that tell its volatility.
const bhavcopy = readCsv('exchange/fo_bhavcopy/BhavCopy_NSE_FO.2026-01-02.csv.gz');
const NEAR_MONTH = '2026-01-27';
const atTheMoney = new Set();
for (const future of bhavcopy.rows) {
  if (future.OptnTp !== '' || future.XpryDt !== NEAR_MONTH) continue;
  const distance = (row) => Math.abs(Number(row.StrkPric) - Number(future.SttlmPric));
  const options = bhavcopy.rows.filter(
    (row) => row.TckrSymb === future.TckrSymb && row.XpryDt === NEAR_MONTH && row.OptnTp !== '',
  );
  const isPaired = ({ StrkPric }) => options.filter((row) => row.StrkPric === StrkPric).length === 2;
  const nearest = Math.min(...options.filter(isPaired).map(distance));
  for (const row of options) if (isPaired(row) && distance(row) === nearest) atTheMoney.add(row.FinInstrmId);
}
writeRows(
  'contracts.nse.2026-01-02.csv.gz',
  keep(bhavcopy, (row) => chosenToken.has(`NSE_FO ${row.FinInstrmId}`) || atTheMoney.has(row.FinInstrmId)),
);

// ---- samples of other reference files ----------------------------------------------------------------------------

const fixtures = join(output, '..', 'fixtures');
mkdirSync(fixtures, { recursive: true });
const writeFixture = (name, text) => {
  writeFileSync(join(fixtures, name), text);
  console.log(`fixtures/${name}: ${text.length} bytes`);
};
/** The lines of these numbers, from 0, with their own line ends. */
const sample = (name, path, isWanted) => {
  const lines = read(path).split(/(?<=\n)/);
  writeFixture(name, lines.filter((line, i) => isWanted(i, line)).join(''));
};
const upTo = (count) => (i) => i < count;

sample(
  'eq_bands_26052017.csv',
  'exchange/price_bands/eq_bands_26052017.csv',
  (i, line) => i < 6 || /^(ZEEL|ACC),/.test(line),
);
sample(
  'EQD_DP250517.csv',
  'exchange/price_bands/bse_EQD_DP250517.csv.gz',
  (i, line) => i < 5 || /^(1104735|837029|833171),/.test(line),
);
sample(
  'qtyfreeze.2023-03-31.csv',
  'exchange/freeze/qtyfreeze.2023-03-31.csv',
  (i, line) => i < 8 || /,RELIANCE /.test(line),
);
sample(
  'mpl_mwpl_may2017.csv',
  'exchange/2017-05-26/mpl_mwpl_may2017.csv',
  (i, line) => i < 4 || /^RELIANCE,/.test(line),
);
sample('elm_may2017.csv', 'exchange/2017-05-26/elm_may2017.csv', (i, line) => i < 4 || /^RELIANCE,/.test(line));
sample(
  'oi_cli_limit_17-NOV-2025.lst',
  'exchange/2025-11-17/oi_cli_limit_17-NOV-2025.lst',
  (i, line) => i < 4 || /^(RELIANCE|NIFTY),/.test(line),
);
sample(
  'sec_bhavdata_full.2026-01-02.csv',
  'exchange/cm_bhavcopy/sec_bhavdata_full.2026-01-02.csv.gz',
  (i, line) => i < 6 || /^(RELIANCE|M&M),/.test(line),
);
sample(
  'cm01Jan2020bhav.csv',
  'exchange/legacy_2020-01-01/cm01Jan2020bhav.csv.gz',
  (i, line) => i < 5 || /^RELIANCE,/.test(line),
);
sample(
  'fo01Jan2020bhav.csv',
  'exchange/legacy_2020-01-01/fo01Jan2020bhav.csv.gz',
  (i, line) => i < 4 || /^(FUTSTK,RELIANCE|OPTIDX,NIFTY,30-Jan-2020,12[23]00),/.test(line),
);
sample('fo_mktlots.2022-11.csv', 'exchange/fo_mktlots.2022-11.csv', upTo(9));
sample(
  'futures_broker_margin_cache.2025-11-06.csv',
  'exchange/margin/futures_broker_margin_cache.2025-11-06.csv',
  (i, line) => i < 6 || /^RELIANCE,/.test(line),
);
sample('banknifty_span_extract.20250808.csv', 'exchange/span/banknifty_span_extract.20250808.run1.csv.gz', upTo(7));

const span = read('exchange/span/nsccl_x.20170526.i01.spn.gz');
const element = (name, from = span) =>
  from.slice(from.indexOf(`<${name}>`), from.indexOf(`</${name}>`) + name.length + 3);
const elements = (name, from) =>
  from
    .split(new RegExp(`(?=<${name}>)`))
    .slice(1)
    .map((part) => element(name, part));
const future = element('futPf');
const option = element('oopPf');
const headOf = (whole, inner) => whole.slice(0, whole.indexOf(`<${inner}>`));
const someOptions = elements('opt', element('series', option)).slice(6, 10);
writeFixture(
  'nsccl_x.20170526.i01.spn',
  `${span.slice(0, span.indexOf('<definitions>'))}<pointInTime>\n${element('date')}\n<clearingOrg>\n<exchange>\n` +
    `${headOf(future, 'fut')}${elements('fut', future).slice(0, 2).join('\n')}\n</futPf>\n` +
    `${headOf(option, 'opt')}${someOptions.join('\n')}\n</series>\n</oopPf>\n` +
    '</exchange>\n</clearingOrg>\n</pointInTime>\n</spanFile>\n',
);

const holidays = JSON.parse(read('calendar/nse_holidays.2025.all_segments.json'));
const { CM, FO, CD, COM } = holidays;
writeFixture('nse_holidays.2025.json', `${JSON.stringify({ CM, FO, CD, COM }, null, 2)}\n`);

// The press copy of a day's trades is an archive of padded tables, each with a footnote that is no row.
for (const name of ['fo17112025.csv', 'op17112025.csv']) {
  const archive = join(input, 'exchange/2025-11-17/fo17112025.zip');
  const lines = execFileSync('unzip', ['-p', archive, name], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).split(
    /(?<=\n)/,
  );
  const wanted = (line, i) =>
    i < 4 || /^FUTSTK +,RELIANCE +,25\/11|^OPTIDX +,NIFTY +,18\/11\/2025,00025[89]50/.test(line);
  writeFixture(name, lines.filter((line, i) => wanted(line, i) || i === lines.length - 1).join(''));
}
