import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { demoDataPath } from '#instruments/demo-data';

/**
 * The recorded day as a file beside the data directory, with every price at its close: what an order is compared with does not
 * move while a story runs. `day`: the day that it shall be taken for.
 */
export const stillPrices = (dataDir: string, day: string): string => {
  const [header = '', ...rows] = gunzipSync(readFileSync(demoDataPath('prices.nse.2026-01-02.csv.gz')))
    .toString()
    .trim()
    .split('\n');
  const still = rows.map((row) => {
    const [key = '', , , , close = '', volume = ''] = row.split(',');
    return [key, close, close, close, close, volume].join(',');
  });
  const file = join(dataDir, '..', `prices.${day}.csv`);
  writeFileSync(file, `${[header, ...still].join('\n')}\n`);
  return file;
};
