import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';

import { isSameContract } from './broker-listing';
import { demoDataPath, type DemoFile } from './demo-data';
import { loadInstruments, loadListings } from './load';
import { InstrumentFileError, LIMITS } from './source';
import { UPSTOX_CSV_COLUMNS } from './upstox';

const day = { validFrom: '2026-01-02' };
const MASTER = 'instruments.upstox.2026-01-02.json.gz';
const KITE = 'instruments.kite.2025-12.csv.gz';
const packed = (name: DemoFile) => readFileSync(demoDataPath(name));
const unpacked = (name: DemoFile) => gunzipSync(packed(name));
/** Bytes as they come over a wire: in pieces that respect no boundary. */
const stream = (bytes: Buffer | string, pieceBytes = 1000) => {
  const all = Buffer.from(bytes);
  const pieces = Array.from({ length: Math.ceil(all.length / pieceBytes) }, (_, i) =>
    all.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  return Readable.from(pieces);
};
const refusalOf = async (load: Promise<unknown>): Promise<InstrumentFileError> => {
  const error: unknown = await load.then(
    () => 'loaded',
    (reason: unknown) => reason,
  );
  if (error instanceof InstrumentFileError) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
};

describe('the recorded Upstox master of 2026-01-02', () => {
  const loading = loadInstruments(demoDataPath(MASTER), day);

  it('loads whole, with a count for every segment', async () => {
    const { summary, instruments } = await loading;
    expect(summary).toMatchObject({
      format: 'upstox-json',
      rows: 4178,
      loaded: 4178,
      refused: 0,
      refusals: [],
      earliestExpiry: '2026-01-02',
    });
    expect(summary.loadedBySegment).toEqual({
      NSE_EQ: 2651,
      BSE_EQ: 180,
      NSE_FO: 760,
      BSE_FO: 43,
      NCD_FO: 36,
      BCD_FO: 84,
      MCX_FO: 102,
      NSE_COM: 118,
      NSE_INDEX: 134,
      BSE_INDEX: 70,
    });
    expect(instruments).toHaveLength(4178);
  });

  it('has trading symbols that repeat within a segment, and canonical symbols that do not', async () => {
    const { instruments } = await loading;
    const pairs = instruments.map(({ segment, tradingSymbol }) => `${segment} ${tradingSymbol}`);
    const repeated = new Set(pairs.filter((pair, i) => pairs.indexOf(pair) !== i));
    expect([...repeated].sort()).toEqual([
      'BSE_EQ 875PFL26',
      ...['AAFS27B', 'AARTISURF', 'ANURAS', 'CHOLAFIN', 'ELECTCAST', 'IMC1', 'M&MFIN', 'MOTHERSON', 'RADIOCITY'].map(
        (name) => `NSE_EQ ${name}`,
      ),
    ]);
    expect(new Set(instruments.map(({ symbol }) => symbol.toUpperCase())).size).toBe(instruments.length);
  });

  it('gives lot and tick to everything that can be ordered, and to nothing else', async () => {
    const { instruments } = await loading;
    const untradable = instruments.filter(
      ({ lotSize, tickSizeE4 }) => lotSize === undefined || tickSizeE4 === undefined,
    );
    expect(new Set(untradable.map(({ instrumentType }) => instrumentType))).toEqual(new Set(['INDEX', 'COM']));
    expect(
      instruments.filter(({ instrumentType }) => instrumentType === 'INDEX' || instrumentType === 'COM'),
    ).toHaveLength(untradable.length);
  });

  it('gives a freeze quantity to derivatives only, a whole number of lots in NSE_FO', async () => {
    const { instruments } = await loading;
    const frozen = instruments.filter(({ freezeQuantity }) => freezeQuantity !== undefined);
    expect(frozen.filter(({ segment }) => segment === 'NSE_EQ' || segment === 'BSE_EQ')).toEqual([]);
    expect(frozen.filter(({ segment }) => segment === 'NSE_FO')).toHaveLength(760);
  });

  it('is the same from the unpacked file, from a stream and in odd pieces', async () => {
    const { instruments } = await loading;
    const bytes = unpacked(MASTER);
    expect((await loadInstruments(stream(bytes, 65_537), day)).instruments).toEqual(instruments);
    expect((await loadInstruments(stream(packed(MASTER), 777), day)).instruments).toEqual(instruments);
  });
});

it('a derivative key names another contract three weeks later: a history is kept by key and date', async () => {
  const [then, now] = await Promise.all([
    loadInstruments(demoDataPath('instruments.upstox.2025-12-12.json.gz'), { validFrom: '2025-12-12' }),
    loadInstruments(demoDataPath(MASTER), day),
  ]);
  const nowByKey = new Map(now.instruments.map((instrument) => [instrument.instrumentKey, instrument]));
  const reused = then.instruments.filter((instrument) => {
    const later = nowByKey.get(instrument.instrumentKey);
    return instrument.expiry !== undefined && later !== undefined && !isSameContract(instrument, later);
  });
  expect(reused.length).toBeGreaterThan(60);
  const history = [...then.instruments, ...now.instruments].map(
    ({ instrumentKey, validFrom }) => `${instrumentKey} ${validFrom}`,
  );
  expect(new Set(history).size).toBe(history.length);
});

describe('a row that is no good', () => {
  const rows =
    unpacked(MASTER)
      .toString()
      .match(/\{[^{}]*\}/g) ?? [];
  const [first = '', second = '', third = ''] = rows;

  it('is left out and counted with row, byte and value; the file goes on', async () => {
    const bad = second.replace(/"segment":"[A-Z_]+"/, '"segment":"MOON"');
    const { instruments, summary } = await loadInstruments(stream(`[${first},${bad},${third}]`), day);
    expect(instruments).toHaveLength(2);
    expect(summary).toMatchObject({ rows: 3, loaded: 2, refused: 1 });
    expect(summary.refusals).toEqual([
      {
        reason: 'segment is not one we know',
        count: 1,
        examples: [{ row: 2, byte: first.length + 2, detail: '"MOON"' }],
      },
    ]);
  });

  it('because its key stands in an earlier row is left out, and the first one stays', async () => {
    const renamed = first.replace(/"name":"[^"]*"/, '"name":"SECOND"');
    const { instruments, summary } = await loadInstruments(stream(`[${first},${renamed}]`), day);
    expect(instruments).toHaveLength(1);
    expect(instruments[0]?.name).not.toBe('SECOND');
    expect(summary.refusals[0]).toMatchObject({ reason: 'instrument_key stands in an earlier row', count: 1 });
  });

  it('is shown three times per reason at most', async () => {
    const bad = first.replace(/"segment":"[A-Z_]+",/, '');
    const { summary } = await loadInstruments(stream(`[${[first, ...Array<string>(50).fill(bad)].join(',')}]`), day);
    expect(summary.refusals).toMatchObject([{ reason: 'segment is missing', count: 50 }]);
    expect(summary.refusals[0]?.examples).toHaveLength(3);
  });

  it('because its line has too many or too few cells is left out with its line', async () => {
    const lines = unpacked(KITE).toString().split('\n');
    lines[3] = `${lines[3] ?? ''},extra`;
    lines[5] = (lines[5] ?? '').replace(/,[^,]*$/, '');
    const { summary } = await loadListings(stream(lines.join('\n')));
    expect(summary.refusals).toEqual([
      {
        reason: 'wrong number of columns',
        count: 2,
        examples: [
          { row: 3, line: 4, byte: lines.slice(0, 3).join('\n').length + 1, detail: '14 where 13 are expected' },
          { row: 5, line: 6, byte: lines.slice(0, 5).join('\n').length + 1, detail: '12 where 13 are expected' },
        ],
      },
    ]);
  });
});

describe('a file that is no good is refused whole:', () => {
  it('a gzip that is cut off, with the byte up to which it could be unpacked', async () => {
    const torn = packed(MASTER).subarray(0, 100_000);
    const error = await refusalOf(loadInstruments(stream(torn), day));
    expect(error.problem).toBe('the gzip is cut off');
    expect(error.at.byte).toBeGreaterThan(100_000);
  });

  it('a gzip with a flipped byte', async () => {
    const damaged = Buffer.from(packed(MASTER));
    damaged[60_000] = (damaged[60_000] ?? 0) ^ 0xff;
    expect((await refusalOf(loadInstruments(stream(damaged), day))).at.byte).toBeDefined();
  });

  it('JSON that is cut off anywhere', async () => {
    const whole = unpacked(MASTER);
    for (const length of [1, 2, 500, 65_536, 700_000, whole.length - 2, whole.length - 1]) {
      const error = await refusalOf(loadInstruments(stream(whole.subarray(0, length), 4096), day));
      expect(error.message).toMatch(new RegExp(`cut off.*\\(byte ${String(length)}\\)$`));
    }
  });

  it('CSV whose last line is cut off, with the line', async () => {
    const whole = unpacked(KITE);
    const error = await refusalOf(loadListings(stream(whole.subarray(0, whole.length - 4))));
    expect(error.message).toBe(`the last line is cut off (line 206, byte ${String(whole.length - 4)})`);
  });

  it('CSV that is cut off inside a quoted field', async () => {
    const header = UPSTOX_CSV_COLUMNS.map((column) => `"${column}"`).join(',');
    const error = await refusalOf(loadInstruments(stream(`${header}\n"NSE_EQ|INE002A01018","2885","RELI`), day));
    expect(error.message).toMatch(/^the file is cut off inside a quoted field \(line 2, byte \d+\)$/);
  });

  it('CSV with a column missing, with its name', async () => {
    const lines = unpacked(KITE).toString().split('\n');
    const less = lines.map((line) =>
      line
        .split(',')
        .filter((_, i) => i !== 9)
        .join(','),
    );
    expect((await refusalOf(loadListings(stream(less.join('\n'))))).message).toBe(
      'looks like kite-csv saved by pandas, but column 10 is "instrument_type" where "lot_size" is expected (line 1, byte 0)',
    );
  });

  it('CSV with two names of the header swapped', async () => {
    const text = unpacked(KITE).toString().replace('strike,tick_size', 'tick_size,strike');
    expect((await refusalOf(loadListings(stream(text)))).message).toContain(
      'column 8 is "tick_size" where "strike" is expected',
    );
  });

  it.each([
    ['nothing at all', '', 'is empty (byte 0)'],
    ['blank lines', '\n\n', 'is empty (byte 0)'],
    [
      'a web page',
      '<!DOCTYPE html>\n<html></html>\n',
      'not a file we know: its first line begins with "<!DOCTYPE html>" (line 1, byte 0)',
    ],
    ['an error message in JSON', '{"status":"error"}', 'not a JSON array of objects: unexpected "{" (byte 0)'],
    ['an empty list', '[]', 'holds no rows (byte 2)'],
    ['a header alone', `${UPSTOX_CSV_COLUMNS.join(',')}\n`, 'holds no rows'],
    ['other objects', '[{"a":1},{"a":2}]', 'none of its 2 rows can be used: segment is missing'],
    ['a zip archive', Buffer.from('PK\u0003\u0004....\n'), 'not a file we know'],
  ])('%s', async (_, content, message) => {
    expect((await refusalOf(loadInstruments(stream(content), day))).message).toContain(message);
  });

  it('one that names no instruments of its own, where instruments are wanted', async () => {
    const error = await refusalOf(loadInstruments(demoDataPath(KITE), day));
    expect(error.message).toMatch(/^looks like upstox-csv, but column 1 is/);
    expect((await refusalOf(loadListings(demoDataPath(MASTER)))).message).toContain('JSON where CSV is expected');
  });

  it('one that is not there', async () => {
    expect((await refusalOf(loadInstruments(join(__dirname, 'no-such-file'), day))).message).toMatch(
      /^cannot be read: ENOENT/,
    );
  });

  it('one with a row beyond all measure', async () => {
    const long = 'x'.repeat(LIMITS.rowBytes + 1);
    const header = `${UPSTOX_CSV_COLUMNS.join(',')}\n`;
    expect((await refusalOf(loadInstruments(stream(`[{"name":"${long}"}]`), day))).problem).toMatch(/^row 1 is longer/);
    const rows = [
      `${long}\n`,
      ','.repeat(long.length),
      `"${'a\n'.repeat(long.length)}`,
      '"\n",'.repeat(2 * long.length),
    ];
    for (const row of rows)
      expect((await refusalOf(loadInstruments(stream(`${header}${row}`), day))).message).toMatch(
        /^a row is longer than 16384 bytes \(line \d+, byte \d+\)$/,
      );
  });

  it('one that blows up when unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024, 'x'));
    expect(bomb.length).toBeLessThan(100_000);
    expect((await refusalOf(loadInstruments(stream(bomb), day))).problem).toMatch(/^a row is longer/);
  });

  it('a stream that breaks', async () => {
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('[{"a":1},');
        throw new Error('connection reset');
      })(),
    );
    const error = await refusalOf(loadInstruments(broken, day));
    expect(error.message).toBe('cannot be read: connection reset (byte 9)');
  });
});

describe('the master files of other brokers', () => {
  it.each([
    ['Kite, saved by pandas with a column without a name', 'zerodha', KITE, 205, 0],
    ['Fyers, without a header', 'fyers', 'instruments.fyers.2025-05-15.csv.gz', 229, 0],
    [
      'Angel One, with four lines of a segment we do not read',
      'angelone',
      'instruments.angelone.2025-04-08.csv.gz',
      286,
      4,
    ],
  ] as const)('%s', async (_, broker, file, rows, refused) => {
    const loaded = await loadListings(demoDataPath(file));
    expect(loaded).toMatchObject({ broker, summary: { rows, refused, loaded: rows - refused } });
    expect(loaded.listings).toHaveLength(rows - refused);
  });

  it('Kite as it is published, without the nameless column', async () => {
    const text = unpacked(KITE)
      .toString()
      .replace(/^[^,\n]*,/gm, '');
    const loaded = await loadListings(stream(text));
    expect(loaded.summary).toMatchObject({ format: 'kite-csv', loaded: 205 });
    expect(loaded.listings).toEqual((await loadListings(demoDataPath(KITE))).listings);
  });

  it('Fyers with a header somebody added, whose names are wrong', async () => {
    const header =
      'id, company_name, volume, price, change, isin, trading_sessions,date, unknown_field_1, symbol_exchange, lot_size, face_value,tick_size, symbol, market_status, unidentified_field, exchange_code, product_code, expiry_date, open_interest, strike_price';
    const loaded = await loadListings(
      stream(`${header}\n${unpacked('instruments.fyers.2025-05-15.csv.gz').toString()}`),
    );
    expect(loaded.summary.loaded).toBe(229);
  });
});
