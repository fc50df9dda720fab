import { Readable } from 'node:stream';

import { DEMO_DAY, demoDataPath } from './demo-data';
import { loadInstruments } from './load';
import { loadPriceDay, parsePriceRow } from './price-day';

const header = 'instrumentKey,open,high,low,close,volume\n';
const load = (content: string) => loadPriceDay(Readable.from([Buffer.from(content)]));

describe('the recorded price day', () => {
  it('has the prices of 2026-01-02 in ten-thousandths of a rupee', async () => {
    const { prices, summary } = await loadPriceDay(demoDataPath('prices.nse.2026-01-02.csv.gz'));
    expect(summary).toMatchObject({ rows: 3118, loaded: 3118, refused: 0 });
    expect(prices.get('NSE_EQ|INE002A01018')).toEqual({
      openE4: 15_800_000,
      highE4: 15_946_000,
      lowE4: 15_782_000,
      closeE4: 15_923_000,
      volume: 6_602_230,
    });
  });

  it('counts derivatives in units: whole lots', async () => {
    const { prices } = await loadPriceDay(demoDataPath('prices.nse.2026-01-02.csv.gz'));
    expect(prices.get('NSE_FO|49229')).toMatchObject({ volume: 64_091 * 65 });
  });

  it('prices only what the recorded master of that day can trade, and every share of series EQ in it', async () => {
    const { prices } = await loadPriceDay(demoDataPath('prices.nse.2026-01-02.csv.gz'));
    const { instruments } = await loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), {
      validFrom: DEMO_DAY,
    });
    const tradable = new Set(
      instruments.filter(({ lotSize }) => lotSize !== undefined).map(({ instrumentKey }) => instrumentKey),
    );
    expect([...prices.keys()].filter((key) => !tradable.has(key))).toEqual([]);
    const traded = [
      'RELIANCE',
      'INFY',
      'HDFCBANK',
      'TCS',
      'ITC',
      'SBIN',
      'M&M',
      'BAJAJ-AUTO',
      'GROBTEA',
      'SURAJLTD',
      'NDGL',
    ];
    for (const symbol of traded) {
      const key = instruments.find((instrument) => instrument.symbol === `NSE:${symbol}`)?.instrumentKey ?? symbol;
      expect(prices.has(key)).toBe(true);
    }
  });
});

it.each([
  ['open is missing', { open: '' }],
  ['high is not a price in rupees', { high: '1,594.60' }],
  ['low is not above zero', { low: '0.00' }],
  ['close is not a price in rupees', { close: '-1' }],
  ['volume is not a whole number above zero', { volume: '0' }],
  ['instrumentKey is malformed', { instrumentKey: 'RELIANCE' }],
  ['open or close lies outside of low and high', { open: '1600.05' }],
  ['open or close lies outside of low and high', { close: '1500' }],
])('a row is refused because %s', (reason, wrong) => {
  const row = {
    instrumentKey: 'NSE_EQ|INE002A01018',
    open: '1580.0',
    high: '1594.6',
    low: '1578.2',
    close: '1592.3',
    volume: '6602230',
  };
  expect(parsePriceRow(row)).toMatchObject({ volume: 6_602_230 });
  expect(parsePriceRow({ ...row, ...wrong })).toMatchObject({ reason });
});

it('the first row of an instrument counts, a second is reported', async () => {
  const { prices, summary } = await load(`${header}NSE_EQ|A,1,2,1,2,10\nNSE_EQ|A,5,6,5,6,20\n`);
  expect(prices.get('NSE_EQ|A')).toMatchObject({ openE4: 10_000 });
  expect(summary.refusals).toMatchObject([
    { reason: 'instrumentKey stands in an earlier row', examples: [{ line: 3 }] },
  ]);
});

it.each([
  ['a cut line', `${header}NSE_EQ|A,1,2,1,2,1`, 'the last line is cut off (line 2'],
  ['swapped columns', header.replace('open,high', 'high,open'), 'column 2 is "high" where "open" is expected'],
  ['JSON', '[]', 'JSON where CSV is expected'],
  ['no rows', header, 'holds no rows'],
])('a file with %s is refused whole', async (_, content, message) => {
  await expect(load(content)).rejects.toThrow(message);
});
