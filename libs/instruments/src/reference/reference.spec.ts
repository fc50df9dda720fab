import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { SHIPPED_CALENDAR } from '#domain/market/calendar';

import { Catalogue } from '../catalogue';
import { DEMO_DAY, demoDataPath, demoReferenceFiles } from '../demo-data';
import { loadInstruments } from '../load';
import { InstrumentFileError } from '../source';
import { calendarDisagreements } from './calendar-check';
import type { ReferenceDay } from './day';
import { differenceOf } from './difference';
import { loadReference } from './load-reference';
import type { ReferenceFile } from './read-file';
import { demo, fileOf, fixture, fixtureFile, zipOf } from './samples';

// Whole files are read and tied to a whole master: a matter of seconds on a busy machine.
jest.setTimeout(60_000);

let catalogue = Catalogue.empty;
beforeAll(async () => {
  const master = demoDataPath('instruments.upstox.2026-01-02.json.gz');
  catalogue = new Catalogue((await loadInstruments(master, { validFrom: DEMO_DAY })).instruments);
});

const load = (...files: readonly ReferenceFile[]) => loadReference(files, { catalogue, effectiveFrom: DEMO_DAY });
const summaryOf = async (file: ReferenceFile) => {
  const [summary] = (await load(file)).summary;
  if (summary === undefined) throw new Error('no summary');
  return summary;
};
let wholeDemo: Promise<ReferenceDay> | undefined;
const demoDay = () => (wholeDemo ??= load(...demoReferenceFiles()));
const key = (symbol: string): string => catalogue.resolve(symbol)?.instrumentKey ?? `no ${symbol}`;
const refusalOf = async (...files: readonly ReferenceFile[]): Promise<InstrumentFileError> => {
  const error: unknown = await load(...files).then(
    () => 'loaded',
    (reason: unknown) => reason,
  );
  if (error instanceof InstrumentFileError) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
};

describe('the recorded reference files of the demo', () => {
  it('load whole, each with its own day', async () => {
    const { summary } = await demoDay();
    const counts = summary.map(({ kind, effectiveFrom, rows, loaded, refused, unmatched }) => [
      ...[kind, effectiveFrom, rows, loaded, refused, unmatched],
    ]);
    expect(counts).toEqual([
      ['intraday', '2025-05-20', 1176, 1176, 0, 0],
      ['band', '2025-12-12', 2387, 2387, 0, 0],
      ['surveillance', '2025-01-16', 1935, 1935, 0, 0],
      ['contract-elm', '2025-08-20', 402, 402, 0, 0],
      ['contract-price NSE_FO', '2026-01-02', 1173, 1173, 0, 413],
      ['keyed-close', '2026-01-02', 3118, 3118, 0, 0],
    ]);
  });

  it('say of a share what may be done with it, and who said so', async () => {
    const day = await demoDay();
    expect(day.of(key('NSE:RELIANCE'))).toMatchObject({
      previousClose: { priceE4: 15_923_000, effectiveFrom: '2026-01-02', source: 'prices.nse.2026-01-02.csv.gz' },
      band: { kind: 'dynamic', effectiveFrom: '2025-12-12' },
      intraday: { marginBp: 2_000, effectiveFrom: '2025-05-20', source: 'mis.upstox.2025-05-20.json.gz' },
      hasDerivatives: { effectiveFrom: '2026-01-02' },
    });
    expect(day.of(key('NSE:21STCENMGM'))).toMatchObject({ band: { kind: 'percent', basisPoints: 200 } });
    expect(day.of('NSE_EQ|nothing')).toEqual({});
  });

  it('know derivatives of a share at both of its exchanges, and none of a share without contracts', async () => {
    const day = await demoDay();
    expect(day.of(key('BSE:RELIANCE')).hasDerivatives).toBeDefined();
    expect(day.of(key('NSE:20MICRONS')).hasDerivatives).toBeUndefined();
    expect(day.of(key('NSE:NIFTY')).hasDerivatives).toBeUndefined();
  });

  it('take what a contract settled at, not what the price day calls its close', async () => {
    const future = key('NSE:RELIANCE FUT 27 JAN 26');
    const settled = (await demoDay()).of(future).previousClose;
    const line = demo('contracts.nse.2026-01-02.csv.gz')
      .split('\n')
      .find((row) => row.includes('RELIANCE26JANFUT'));
    expect(settled).toMatchObject({
      source: 'contracts.nse.2026-01-02.csv.gz',
      priceE4: Math.round(Number(line?.split(',')[21]) * 10_000),
    });
  });

  it('know every underlying of a contract: index or share, its price, its volatility, its extreme loss margin', async () => {
    const day = await demoDay();
    expect(day.underlying('RELIANCE')).toMatchObject({
      kind: 'stock',
      price: { priceE4: 15_923_000 },
      elm: { othersBp: 350, farOutBp: 525, effectiveFrom: '2025-08-20' },
    });
    expect(day.underlying('NIFTY')).toMatchObject({ kind: 'index', price: { priceE4: 263_285_500 } });
    expect(day.underlying('NOTHING')).toBeUndefined();
    const symbols = catalogue.instruments
      .filter(({ segment }) => segment === 'NSE_FO')
      .flatMap(({ underlyingSymbol }) => underlyingSymbol ?? []);
    for (const symbol of new Set(symbols)) {
      const { price, dailySigma } = day.underlying(symbol) ?? {};
      expect({ symbol, priced: price !== undefined, sigma: dailySigma !== undefined }).toEqual({
        symbol,
        priced: true,
        sigma: true,
      });
    }
  });

  it('tell a share that is not in the intraday list from a list that was never given', async () => {
    const day = await demoDay();
    const notListed = key('NSE:21STCENMGM');
    expect(day.of(notListed).intraday).toBeUndefined();
    expect(day.sourceOf('intraday')).toEqual({ effectiveFrom: '2025-05-20', source: 'mis.upstox.2025-05-20.json.gz' });
    expect(day.sourceOf('freeze')).toBeUndefined();
  });

  it('keep GSM stage 0 as it stands, and say that it has no effect', async () => {
    const day = await demoDay();
    const watched = [...day.facts.values()].flatMap(({ surveillance = [] }) => surveillance);
    const zero = watched.filter(({ measure, stage }) => measure === 'GSM' && stage === 0);
    expect(zero.length).toBeGreaterThan(0);
    expect(new Set(zero.map(({ source }) => source))).toEqual(
      new Set(['surveillance.nse.2025-01-16.csv.gz: GSM stage 0 has no effect']),
    );
    expect(new Set(watched.map(({ measure }) => measure))).toEqual(new Set(['ST-ASM', 'LT-ASM', 'GSM', 'ESM', 'IRP']));
    // The code for "does not apply" is no stage.
    expect(watched.filter(({ stage }) => stage > 6)).toEqual([]);
  });

  it('say the same when loaded again, in another order and in odd pieces', async () => {
    const first = await demoDay();
    const again = [...demoReferenceFiles()]
      .reverse()
      .map(({ name, source }) => fileOf(name, readFileSync(source), 777));
    expect(differenceOf(first, await load(...again))).toEqual({ added: [], removed: [], changed: [] });
  });
});

describe('one file of each kind, cut from the exchange’s own', () => {
  it.each([
    ['eq_bands_26052017.csv', 'band', '2017-05-26', 7, 7],
    ['EQD_DP250517.csv', 'price-band', '2017-05-25', 7, 7],
    ['qtyfreeze.2023-03-31.csv', 'freeze', '2023-03-31', 8, 8],
    ['mpl_mwpl_may2017.csv', 'market-limit', '2017-05-01', 4, 4],
    ['elm_may2017.csv', 'cash-elm', '2017-05-01', 4, 4],
    ['oi_cli_limit_17-NOV-2025.lst', 'client-limit', '2025-11-17', 7, 7],
    ['sec_bhavdata_full.2026-01-02.csv', 'cash-close', '2026-01-02', 7, 7],
    ['cm01Jan2020bhav.csv', 'cash-close', '2020-01-01', 5, 5],
    ['fo01Jan2020bhav.csv', 'contract-price NSE_FO', '2020-01-01', 10, 10],
    ['fo_mktlots.2022-11.csv', 'market-lot', '2022-11-01', 8, 7],
    ['futures_broker_margin_cache.2025-11-06.csv', 'future-margin', '2025-11-06', 6, 6],
    ['banknifty_span_extract.20250808.csv', 'worst-loss', '2025-08-08', 6, 6],
    ['nsccl_x.20170526.i01.spn', 'span', '2017-05-26', 6, 6],
    ['nse_holidays.2025.json', 'holiday', '2026-01-02', 78, 78],
  ])('%s is %s of %s', async (name, kind, effectiveFrom, rows, loaded) => {
    expect(await summaryOf(fixtureFile(name))).toMatchObject({
      kind,
      effectiveFrom,
      rows,
      loaded,
      refused: rows - loaded,
    });
  });

  it('the press copy of a day’s trades is one archive of two tables, each with a footnote', async () => {
    const archive = zipOf(
      ['fo17112025.csv', 'op17112025.csv']
        .map((name) => ({ name, content: fixture(name) }))
        .concat({ name: 'fohelp.csv', content: Buffer.from('What these files are\n') }),
    );
    const day = await load(fileOf('fo17112025.zip', archive));
    expect(day.summary).toMatchObject([
      { kind: 'contract-price NSE_FO', effectiveFrom: '2025-11-17', rows: 13, loaded: 11, refused: 2 },
    ]);
    expect(day.rowsOf('contract-price')).toContainEqual(
      expect.objectContaining({
        contract: { underlyingSymbol: 'NIFTY', instrumentType: 'PE', expiry: '2025-11-18', strikeE4: 259_500_000 },
        priceE4: 400_000,
        underlyingKind: 'index',
      }),
    );
  });

  it('a freeze quantity of an underlying holds for each of its contracts', async () => {
    const day = await load(fixtureFile('qtyfreeze.2023-03-31.csv'));
    const { freezeQuantity } = day.of(key('NSE:NIFTY FUT 27 JAN 26'));
    expect(freezeQuantity).toEqual({
      quantity: 1_800,
      effectiveFrom: '2023-03-31',
      source: 'qtyfreeze.2023-03-31.csv',
    });
    expect(day.of(key('NSE:INFY FUT 27 JAN 26')).freezeQuantity).toBeUndefined();
  });

  it('of three exchanges’ client limits the smallest counts', async () => {
    const text = fixture('oi_cli_limit_17-NOV-2025.lst').toString().replace('66270000,MSEI', '66269999,MSEI');
    const day = await load(fileOf('oi_cli_limit_17-NOV-2025.lst', text));
    expect(day.underlying('RELIANCE')?.clientLimit).toMatchObject({ quantity: 66_269_999 });
  });

  it('closes of shares are of series and symbol together, in ten-thousandths of a rupee', async () => {
    const day = await load(fixtureFile('sec_bhavdata_full.2026-01-02.csv'));
    expect(day.of(key('NSE:M&M')).previousClose).toMatchObject({ priceE4: 38_024_000 });
  });

  it('lots stand by month; a month without a contract has none', async () => {
    const [nifty] = (await load(fixtureFile('fo_mktlots.2022-11.csv')))
      .rowsOf('market-lot')
      .filter(({ symbol }) => symbol === 'NIFTY');
    expect(nifty?.lots).toMatchObject({ '2022-11': 50, '2027-06': 50 });
    const [shares] = (await load(fixtureFile('fo_mktlots.2022-11.csv')))
      .rowsOf('market-lot')
      .filter(({ symbol }) => symbol === 'ABFRL');
    expect(shares?.lots).toEqual({ '2022-11': 2600, '2022-12': 2600, '2023-01': 2600 });
  });

  it('a broker’s computed margin is rounded up to 1/10,000 rupee', async () => {
    const margins = (await load(fixtureFile('futures_broker_margin_cache.2025-11-06.csv'))).rowsOf('future-margin');
    expect(margins.find(({ symbol }) => symbol === 'ADANIENT')).toMatchObject({ marginE4: 252_631_500, lotSize: 300 });
    expect(margins.find(({ symbol }) => symbol === 'ABCAPITAL')).toMatchObject({ marginE4: 437_483_625 });
  });

  it('a SPAN file has sixteen losses of each contract, a gain below zero', async () => {
    const [span] = (await load(fixtureFile('nsccl_x.20170526.i01.spn'))).spans;
    expect(span?.asOf).toBe('2017-05-26');
    expect(span?.contracts[0]).toEqual({
      ...{ pfCode: 'GBPINR', kind: 'FUT', expiry: '2017-05-29', priceE4: 837_800, units: 1000, delta: 1 },
      scenarioLossE4: [
        ...[131_300, 131_300, -5_638_100, -5_638_100, 5_900_700, 5_900_700, -11_407_500, -11_407_500],
        ...[11_670_000, 11_670_000, -17_176_800, -17_176_800, 17_439_400, 17_439_400, -12_069_700, 12_161_600],
      ],
    });
    expect(span?.contracts[3]).toMatchObject({
      ...{ pfCode: 'USDINR', kind: 'PE', expiry: '2017-05-29', strikeE4: 635_000, priceE4: 25, delta: -0.0281 },
    });
  });

  it('holidays are of a segment; a commodity day may be half open', async () => {
    const holidays = (await load(fixtureFile('nse_holidays.2025.json'))).rowsOf('holiday');
    expect(holidays.find(({ segment, day }) => segment === 'COM' && day === '2025-01-01')).toMatchObject({
      morning: 'open',
      evening: 'closed',
    });
    expect(holidays.find(({ segment, day }) => segment === 'CM' && day === '2025-12-25')).toMatchObject({
      morning: 'closed',
      evening: 'closed',
    });
  });

  it('our calendar and the exchange’s list of 2025 say the same of every day', async () => {
    const holidays = (await load(fixtureFile('nse_holidays.2025.json'))).rowsOf('holiday');
    const dayOf = SHIPPED_CALENDAR.dayOf.bind(SHIPPED_CALENDAR);
    expect(calendarDisagreements(holidays, dayOf)).toEqual([]);
    const without = holidays.filter(({ day }) => day !== '2025-12-25');
    expect(calendarDisagreements(without, dayOf).map(({ segment, day }) => `${segment} ${day}`)).toEqual([
      ...['CM 2025-12-25', 'FO 2025-12-25', 'CD 2025-12-25', 'COM 2025-12-25'],
    ]);
  });

  it('a volatility that a person chose stands above the implied one', async () => {
    const chosen = fileOf('risk-parameters.2025-06-01.csv', 'symbol,dailySigmaPercent,source\nRELIANCE,1.35,EWMA\n');
    const day = await load(...demoReferenceFiles(), chosen);
    expect(day.underlying('RELIANCE')?.dailySigma).toMatchObject({ millionths: 13_500, effectiveFrom: '2025-06-01' });
    expect(day.underlying('RELIANCE')?.dailySigma?.source).toContain('EWMA');
    expect(day.underlying('INFY')?.dailySigma?.source).toContain('implied by options of 2026-01-27');
  });
});

it('past returns are kept in the order of their days, whatever the order of the lines', async () => {
  const lines = [
    'symbol,date,returnPercent',
    'NIFTY,2025-12-31,-0.52',
    'NIFTY,2025-12-30,1.2',
    'NIFTY,2026-01-01,0.05',
    '',
  ];
  const day = await load(...demoReferenceFiles(), fileOf('past-returns.2026-01-01.csv', lines.join('\n')));
  expect(day.underlying('NIFTY')?.returns?.millionths).toEqual([12_000, -5_200, 500]);
});

describe('a damaged file is refused whole, by name', () => {
  const bands = demo('bands.nse.2025-12-12.csv.gz');
  const contracts = demo('contracts.nse.2026-01-02.csv.gz');
  const named = 'bands.nse.2025-12-12.csv';

  it.each([
    ['a gzip that is cut', () => fileOf(named, gzipSync(bands).subarray(0, 9_000)), 'the gzip is cut off'],
    ['a last line that is cut', () => fileOf(named, bands.slice(0, -5)), 'the last line is cut off'],
    ['a last line without its line break', () => fileOf(named, bands.slice(0, -1)), 'the last line is cut off'],
    [
      'a missing column',
      () => fileOf(named, bands.replace('Symbol,Series', 'Series')),
      'not a file we know|looks like',
    ],
    ['swapped columns', () => fileOf(named, bands.replace('Symbol,Series', 'Series,Symbol')), 'column 1 is "Series"'],
    ['a header alone', () => fileOf(named, bands.slice(0, bands.indexOf('\n') + 1)), 'holds no rows'],
    ['nothing in it', () => fileOf(named, ''), 'is empty'],
    [
      'rows of two days',
      () => fileOf('c.csv', contracts.replace('\n2026-01-02,2026-01-02', '\n2026-01-01,2026-01-01')),
      'rows of two days',
    ],
    ['another day than its name says', () => fileOf('contracts.2026-01-01.csv', contracts), 'its name says 2026-01-01'],
    ['a day to come', () => fileOf('bands.2026-01-05.csv', bands), 'is of 2026-01-05, later than 2026-01-02'],
    ['two exchanges', () => fileOf('c.csv', contracts.replace(',FO,NSE,', ',FO,BSE,')), 'rows of two kinds'],
    [
      'a whole row of prices in paise',
      () => fileOf('r.csv', 'symbol,dailySigmaPercent,source\nNIFTY,135,x\n'),
      'none of its 1 rows',
    ],
    ['XML of another kind', () => fileOf('a.spn', '<?xml version="1.0"?><html></html>'), 'XML whose root is <html>'],
    [
      'an archive without a table',
      () => fileOf('a.zip', zipOf([{ name: 'a.txt', content: Buffer.from('a') }])),
      'the zip holds no table',
    ],
    [
      'an archive of another table',
      () => fileOf('a.zip', zipOf([{ name: 'a.csv', content: Buffer.from('a,b\n') }])),
      'a.csv: not a file we know',
    ],
  ])('%s', async (_, file, message) => {
    const { name } = file();
    const refusal = await refusalOf(file());
    expect(refusal.message).toMatch(new RegExp(message));
    expect(refusal.message).toMatch(new RegExp(`^${name}: `));
  });

  it('a file without a last line break is whole only when its last row is', async () => {
    const limits = fixture('EQD_DP250517.csv').toString();
    expect((await summaryOf(fileOf('EQD_DP250517.csv', limits))).loaded).toBe(7);
    const cut = limits.slice(0, limits.lastIndexOf(','));
    expect((await refusalOf(fileOf('EQD_DP250517.csv', cut))).message).toContain('the last line is cut off');
  });

  it('a SPAN file that is cut or does not say its day', async () => {
    const span = fixture('nsccl_x.20170526.i01.spn').toString();
    expect((await refusalOf(fileOf('x.spn', span.slice(0, 3_000)))).message).toContain('cut off inside');
    expect((await refusalOf(fileOf('x.spn', span.replace('<date>20170526</date>', '')))).message).toContain(
      'for which day',
    );
    expect((await refusalOf(fileOf('nsccl.20170527.spn', span))).message).toContain('its name says 2017-05-27');
  });
});

describe('a row that makes no sense is counted and left out', () => {
  const refusals = async (file: ReferenceFile) =>
    (await summaryOf(file)).refusals.map(({ reason, count }) => [reason, count]);
  const twice = (text: string): string => {
    const lines = text.trimEnd().split('\n');
    return `${[...lines, lines[1] ?? ''].join('\n')}\n`;
  };

  it.each([
    ['bands.nse.2025-12-12.csv.gz', 'bands.2025-12-12.csv'],
    ['contracts.nse.2026-01-02.csv.gz', 'contracts.2026-01-02.csv'],
    ['elm.nse.2025-08-20.csv.gz', 'elm.2025-08-20.csv'],
  ] as const)('a key that repeats in %s', async (name, as) => {
    expect(await refusals(fileOf(as, twice(demo(name))))).toEqual([['stands in an earlier row', 1]]);
  });

  it('a key that repeats in the intraday list', async () => {
    const [first = ''] = demo('mis.upstox.2025-05-20.json.gz')
      .slice(1, -1)
      .split(/(?<=\}),/);
    expect(await refusals(fileOf('mis.json', `[${first},${first}]`))).toEqual([['stands in an earlier row', 1]]);
  });

  it.each([
    [
      'mis.json',
      '"intraday_leverage":5.0',
      '"intraday_leverage":0.05',
      'intraday_margin and intraday_leverage do not fit',
    ],
    ['mis.json', '"intraday_margin":20.0', '"intraday_margin":2000.0', 'intraday_margin is not a percentage'],
  ])('%s in other units: %s', async (name, from, to, reason) => {
    const rows = demo('mis.upstox.2025-05-20.json.gz')
      .slice(1, -1)
      .split(/(?<=\}),/)
      .slice(0, 10);
    const text = `[${rows.join(',').replace(from, to)}]`;
    expect(await refusals(fileOf(name, text))).toEqual([[reason, 1]]);
  });

  it('a cash close in paise does not fit the turnover', async () => {
    const text = fixture('sec_bhavdata_full.2026-01-02.csv')
      .toString()
      .replace('1575.6,1580.0,1594.6,1578.2,1593.0,1592.3,1589.16', '157560,158000,159460,157820,159300,159230,158916');
    expect(await refusals(fileOf('s.2026-01-02.csv', text))).toEqual([['prices do not fit the turnover', 1]]);
  });

  it('a settlement price in paise does not fit the underlying', async () => {
    const rows = demo('contracts.nse.2026-01-02.csv.gz').split('\n').slice(0, 40);
    expect((await summaryOf(fileOf('c.csv', `${rows.join('\n')}\n`))).refused).toBe(0);
    const inPaise = rows.map((row, i) => {
      const cells = row.split(',').map((cell, at) => (i === 1 && at === 21 ? String(Number(cell) * 100) : cell));
      return cells.join(',');
    });
    expect(await refusals(fileOf('c.csv', `${inPaise.join('\n')}\n`))).toEqual([
      ['SttlmPric does not fit UndrlygPric', 1],
    ]);
  });

  it('a total extreme loss margin that is not the sum of its parts', async () => {
    const text = demo('elm.nse.2025-08-20.csv.gz').replace(',3.5,0,3.5', ',3.5,0,350');
    expect((await refusals(fileOf('e.csv', text)))[0]?.[0]).toBe('Total applicable ELM% is not a percentage');
    const wrong = demo('elm.nse.2025-08-20.csv.gz').replace(',3.5,0,3.5', ',3.5,0,35');
    expect(await refusals(fileOf('e.csv', wrong))).toEqual([['the total is not the sum of its parts', 1]]);
  });

  it('a holiday on another weekday, a stage that does not exist, a risk array of fifteen', async () => {
    const holidays = fixture('nse_holidays.2025.json').toString().replace('"Thursday"', '"Friday"');
    expect(await refusals(fileOf('h.json', holidays))).toEqual([['tradingDate is not that weekday', 1]]);
    const watched = demo('surveillance.nse.2025-01-16.csv.gz').replace(',EQ,100,100,', ',EQ,7,100,');
    expect(await refusals(fileOf('s.2025-01-16.csv', watched))).toEqual([['GSM is not a stage', 1]]);
    const span = fixture('nsccl_x.20170526.i01.spn').toString().replace('<a>4.23</a>', '');
    expect(await refusals(fileOf('x.spn', span))).toEqual([['not sixteen scenarios', 1]]);
  });

  it('what an option settles at on its last day is not its price', async () => {
    const rows = demo('contracts.nse.2026-01-02.csv.gz').split('\n');
    const header = rows[0] ?? '';
    const cells = (rows.find((row) => row.includes(',IDO,') && row.includes(',CE,')) ?? '').split(',');
    const lastDay = cells
      .map((cell, at) => (at === 9 || at === 10 ? '2026-01-02' : at === 21 ? (cells[20] ?? '') : cell))
      .join(',');
    const [price] = (await load(fileOf('c.csv', `${header}\n${lastDay}\n`))).rowsOf('contract-price');
    expect(price?.priceE4).toBe(Math.round(Number(cells[17]) * 10_000));
  });
});
