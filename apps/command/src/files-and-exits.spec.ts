import type { InstrumentFacts } from '#domain/instruments/facts';
import type { Verdict } from '#domain/risk/verdict';
import type { HouseSettings } from '#domain/settings/house-settings';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, NIFTY_FUTURE, openAccount, orderIdOf, place, sideOn } from '../../../test/support/write-side';
import type { OrderLine } from './order-line';
import { WriteSide } from './write-side';

let database: TestDatabase;
let log: PostgresEventLog;
let broker: RecordingBroker;
let side: WriteSide;
let failures: unknown[];
let accountId: string;
const others: WriteSide[] = [];

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});
beforeEach(async () => {
  broker = new RecordingBroker('zerodha');
  ({ side, failures } = sideOn({ log, brokers: [broker] }));
  accountId = await openAccount(side, 'zerodha');
});
afterEach(async () => {
  await Promise.all([side, ...others.splice(0)].map((one) => one.stop()));
  expect(failures).toEqual([]);
});

/** A process whose files say something else. */
const sideWith = (change: (facts: InstrumentFacts) => InstrumentFacts, knowsUnderlyings = true): WriteSide => {
  const files = side.options.files();
  const facts = {
    ...files.facts,
    of: (key: string) => change(files.facts.of(key)),
    ...(!knowsUnderlyings && { underlying: () => undefined }),
  };
  const opened = new WriteSide({ ...side.options, files: () => ({ ...files, facts }) });
  others.push(opened);
  return opened;
};

const verdictOf = async (on: WriteSide, key: string, wanted: Partial<OrderLine>, check: string) => {
  const reply = await place(on, { accountId, key, lines: [line(wanted)] });
  const [placed] = await log.readStream(`order-${orderIdOf(reply)}`);
  const { verdicts } = placed?.data as { readonly verdicts: readonly Verdict[] };
  return [reply.results[0]?.status, verdicts.find((verdict) => verdict.check === check)];
};

describe('what a file does not speak of any more', () => {
  const unlisted = ({ intraday: _gone, ...facts }: InstrumentFacts): InstrumentFacts => facts;
  const bought = async (wanted: Partial<OrderLine>): Promise<void> => {
    const quantity = wanted.quantity ?? 10;
    broker.onPlace = () => ({ kind: 'accept', fills: [quantity] });
    const { results } = await place(side, { accountId, key: 'buy', lines: [line(wanted)] });
    expect(results[0]?.status).toBe('ACCEPTED');
    broker.onPlace = () => ({ kind: 'accept' });
  };

  it('can be got out of, and not into: a share that left the list of intraday margins', async () => {
    await bought({ product: 'MIS' });
    const today = sideWith(unlisted);
    const [status, balance] = await verdictOf(today, 'exit', { side: 'SELL', product: 'MIS' }, 'balance');
    expect([status, balance]).toMatchObject(['ACCEPTED', { outcome: 'pass', actual: 0 }]);
    const [again] = await verdictOf(today, 'short', { side: 'SELL', product: 'MIS' }, 'balance');
    expect(again).toBe('DENIED');
  });

  it('can be got out of, and not into: a contract whose risk nobody tells', async () => {
    const future = { symbol: NIFTY_FUTURE.symbol, product: 'NRML', quantity: 65, price: 1412 } as const;
    await bought(future);
    const today = sideWith((facts) => facts, false);
    const [status, balance] = await verdictOf(today, 'exit', { ...future, side: 'SELL' }, 'balance');
    expect([status, balance]).toMatchObject(['ACCEPTED', { outcome: 'pass' }]);
    const [again] = await verdictOf(today, 'short', { ...future, side: 'SELL' }, 'balance');
    expect(again).toBe('DENIED');
  });
});

describe('what the files say', () => {
  it('does not count after a month: the check fails, and names the file and its day', async () => {
    const months = { effectiveFrom: '2025-10-01', source: 'bands of October' };
    const old = sideWith((facts) => ({
      ...facts,
      band: { ...months, kind: 'prices', lowerE4: 100, upperE4: 1_000_000_000 },
    }));
    const [status, band] = await verdictOf(old, 'old', {}, 'price-band');
    expect([status, band]).toMatchObject([
      'DENIED',
      { outcome: 'fail', reason: expect.stringMatching(/2025-10-01.*bands of October/) as string },
    ]);
  });

  it('is no word on suspended shares where no list of them was loaded', async () => {
    const [, suspended] = await verdictOf(side, 'list', {}, 'suspended');
    expect(suspended).toMatchObject({ outcome: 'not-applicable' });
  });

  it('is the newest list of suspended shares where one was loaded', async () => {
    const files = side.options.files();
    const listed = { effectiveFrom: '2026-01-02', source: 'suspended of today' };
    const facts = { ...files.facts, sourceOf: () => listed };
    const opened = new WriteSide({ ...side.options, files: () => ({ ...files, facts }) });
    others.push(opened);
    const [, suspended] = await verdictOf(opened, 'listed', {}, 'suspended');
    expect(suspended).toMatchObject({ outcome: 'pass', effectiveFrom: '2026-01-02' });
  });
});

describe('a trade that is the first thing a process hears of', () => {
  const meta = { userId: 'ops', accountId: '', correlationId: 'test', causationId: 'test', at: 0, schemaVersion: 1 };
  const correct = async (charges: HouseSettings['corrections']['charges']): Promise<void> => {
    const { version } = await side.settings.house();
    await side.settings.changeHouse({ expectedVersion: version, meta }, (present) => ({
      ...present,
      corrections: { ...present.corrections, charges },
    }));
  };
  afterEach(() => correct({}));

  it('is charged by the tables that an admin has set right', async () => {
    const rule = { flatE4: 50_0000 };
    const row = {
      broker: 'zerodha',
      plan: 'default',
      rule,
      from: '2026-01-01',
      certainty: 'confirmed',
      source: 'x',
    } as const;
    await correct({ brokerage: [{ ...row, segment: 'intraday' }] });
    const reply = await place(side, { accountId, key: 'charged', lines: [line({ product: 'MIS' })] });
    const { side: next, failures: failed } = sideOn({ log, brokers: [broker] });
    others.push(next);
    next.start();
    await broker.fill(orderIdOf(reply), 10);
    const posted = (await log.readStream(`account-${accountId}`)).find(({ type }) => type === 'MarginPosted');
    expect(posted?.data).toMatchObject({ charges: { brokerageE4: 50_0000 } });
    expect(failed).toEqual([]);
  });
});
