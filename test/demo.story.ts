import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { toRupees } from '#domain/money';
import { demoDataPath } from '#instruments/demo-data';
import { loadPriceDay } from '#instruments/price-day';

/** The first run on a fresh clone builds everything. */
const TIMEOUT_MS = 300_000;

const root = resolve(__dirname, '..');

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run demo -- --json`, with `folder` as the place for temporary files; `until` ends it as Ctrl-C does. */
const demo = async (folder: string, until?: RegExp): Promise<Ended> => {
  const { TEST_DATABASE_URL: _, ...environment } = process.env;
  const child = spawn(process.execPath, ['scripts/demo.mjs', '--json'], {
    cwd: root,
    env: { ...environment, TMPDIR: folder },
    timeout: TIMEOUT_MS,
  });
  child.stdin.end();
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    const before = told;
    told += part;
    if (until?.test(told) === true && !until.test(before)) child.kill('SIGINT');
  });
  const [stdout, exitCode] = await Promise.all([
    text(child.stdout),
    new Promise<number | null>((ended) => child.once('close', ended)),
  ]);
  return { exitCode, stdout, stderr: told };
};

const partOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const listIn = (value: unknown, name: string): readonly unknown[] => {
  const list = partOf(value, name);
  return Array.isArray(list) ? list : [];
};

const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-story-'));
  chmodSync(folder, 0o755); // as root, Postgres runs as another user
  return folder;
};

describe('npm run demo -- --json', () => {
  const folder = temporaryFolder();
  let ended: Ended;
  let document: unknown;

  beforeAll(async () => {
    ended = await demo(folder);
    document = ended.exitCode === 0 ? JSON.parse(ended.stdout) : undefined;
  }, TIMEOUT_MS);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('ends with 0, tells its progress beside the document, and leaves no file behind', () => {
    expect({ ...ended, stdout: '' }).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/place five orders/) });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('places orders in real symbols, and sends them once although it asks twice', () => {
    expect(document).toMatchObject({
      symbols: ['NSE:RELIANCE', 'NSE:HDFCBANK', 'NSE:INFY', 'NSE:LIBERTSHOE', 'NSE:MRF'],
      intent: {
        httpStatus: 207,
        status: 'PARTIAL',
        results: ['ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'DENIED'].map((status, line) => ({ line, status })),
      },
      replay: { httpStatus: 207, idempotencyReplayed: true, identical: true },
    });
    expect(document).toHaveProperty('orders.length', 5);
  });

  it('explains the denial with every check’s verdict', () => {
    expect(document).toMatchObject({
      denial: {
        symbol: 'NSE:MRF',
        verdicts: expect.arrayContaining([
          expect.objectContaining({ check: 'lot-multiple', outcome: 'pass' }),
          {
            check: 'balance',
            outcome: 'fail',
            rule: 'delivery is paid in full',
            effectiveFrom: expect.any(String),
            limit: expect.any(Number),
            actual: expect.any(Number),
            reason: expect.any(String),
          },
        ]),
      },
    });
  });

  it('shows a partial fill whose rest is cancelled, and the history of both', () => {
    expect(document).toMatchObject({
      partialFill: {
        symbol: 'NSE:LIBERTSHOE',
        status: 'PARTIALLY_FILLED',
        quantity: 10_000,
        trades: expect.any(Number),
      },
      cancel: { symbol: 'NSE:LIBERTSHOE', httpStatus: 200, status: 'CANCELLED', quantity: 10_000 },
      orders: expect.arrayContaining([
        expect.objectContaining({ symbol: 'NSE:LIBERTSHOE', status: 'CANCELLED' }),
        expect.objectContaining({ symbol: 'NSE:RELIANCE', status: 'FILLED', filledQuantity: 100 }),
      ]),
      history: expect.arrayContaining(
        ['OrderPlaced', 'OrderDispatched', 'OrderAccepted', 'OrderFilled', 'CancelRequested', 'OrderCancelled'].map(
          (type): unknown => expect.objectContaining({ type }),
        ),
      ),
    });
  });

  it('shows a modified order under its new terms', () => {
    expect(document).toMatchObject({
      modify: { symbol: 'NSE:INFY', before: { quantity: 100, price: 1_600 }, after: { quantity: 120, price: 1_610 } },
      orders: expect.arrayContaining([
        expect.objectContaining({ symbol: 'NSE:INFY', status: 'OPEN', quantity: 120, price: 1_610 }),
      ]),
    });
  });

  it('trades at recorded prices only', async () => {
    const { prices } = await loadPriceDay(demoDataPath('prices.nse.2026-01-02.csv.gz'));
    const trades = listIn(document, 'trades');
    expect(trades.length).toBeGreaterThanOrEqual(4);
    for (const trade of trades) {
      const day = prices.get(String(partOf(trade, 'instrumentKey')));
      const recorded = day && [day.openE4, day.highE4, day.lowE4, day.closeE4].map(toRupees);
      expect(recorded).toContain(partOf(trade, 'price'));
    }
  });

  it('rebuilds the very same read models from the log, and stops without leaving a process', () => {
    expect(document).toMatchObject({
      rebuild: { identical: true, events: expect.any(Number), seconds: expect.any(Number) },
      shutdown: { exitCode: 0, leftovers: [] },
    });
  });
});

describe('npm run demo, broken off', () => {
  const folder = temporaryFolder();
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it(
    'stops what it started, removes its files and says where it was',
    async () => {
      const { exitCode, stdout, stderr } = await demo(folder, /place five orders/);
      expect(stderr).toMatch(/^demo failed at ".+": told to end by SIGINT$/m);
      expect(exitCode).toBe(130);
      expect(stdout).toBe('');
      expect(readdirSync(folder)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
