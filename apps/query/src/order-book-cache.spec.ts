import { isDeepStrictEqual as isSame } from 'node:util';
import fc from 'fast-check';
import type { HotState } from '#platform/hot-state';
import { InProcessHotState } from '#platform/hot-state-in-process';
import type { OrderFilter } from './filters';
import { type Accounts, keyOf, OrderBookCache, type Page } from './order-book-cache';

const TTL_MS = 2_000;
const NOW = 1_767_225_600_000;
const ACCOUNTS = ['a-1', 'a-2', 'a-3'] as const;

const pageOf = (accountIds: readonly string[], position = 7, extra = {}): Page => ({
  body: JSON.stringify({ items: accountIds.map((accountId) => ({ accountId, ...extra })), nextCursor: null }),
  checkpoint: { position, asOf: NOW - 100 },
});

/** A hot state whose entries can be looked at and tampered with. */
class OpenHotState extends InProcessHotState {
  readonly entries = new Map<string, string>();
  override get = (key: string): Promise<string | undefined> => Promise.resolve(this.entries.get(key));
  override set = (key: string, text: string): Promise<void> => Promise.resolve(void this.entries.set(key, text));
}

const theFilter = fc.record(
  {
    limit: fc.constantFrom(1, 50, 200),
    cursor: fc.constantFrom('abc', 'abd'),
    accountId: fc.constantFrom(...ACCOUNTS),
    symbol: fc.constantFrom('NSE:TCS', 'SELL', '","side":"SELL', '50'),
    side: fc.constantFrom('BUY', 'SELL'),
    product: fc.constantFrom('CNC', 'MIS'),
    broker: fc.constantFrom('paper', 'BUY', '["all",[]]'),
    status: fc.constantFrom('OPEN', 'FILLED'),
    from: fc.constantFrom('2026-01-02T09:15:00Z', '2026-01-02T09:16:00Z'),
    to: fc.constantFrom('2026-01-02T09:15:00Z', '2026-01-02T09:16:00Z'),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<OrderFilter>;
const someAccounts: fc.Arbitrary<Accounts> = fc.oneof(
  fc.constant('all' as const),
  fc.shuffledSubarray([...ACCOUNTS]),
  fc.constant(['all']),
);

describe('the key of a page', () => {
  /** What the rows depend on, the way a person would compare it. */
  const meaning = ({ accounts, filter }: { accounts: Accounts; filter: OrderFilter }) => ({
    whose: accounts === 'all' ? 'everybody' : new Set(accounts),
    filter: { ...filter, limit: filter.limit ?? 50 },
  });
  const aQuery = fc.record({ accounts: someAccounts, filter: theFilter });

  it('is the same for the same rows, and only for these', () =>
    fc.assert(
      fc.property(aQuery, aQuery, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(isSame(meaning(a), meaning(b)));
      }),
      { numRuns: 3_000 },
    ));

  it('changes with whose rows they are, and with every single parameter', () =>
    fc.assert(
      fc.property(aQuery, someAccounts, theFilter, (query, accounts, other) => {
        const variants = [
          { ...query, accounts },
          ...Object.entries(other).map((parameter) => ({
            ...query,
            filter: { ...query.filter, ...Object.fromEntries([parameter]) },
          })),
        ];
        for (const variant of variants)
          expect(keyOf(variant) === keyOf(query)).toBe(isSame(meaning(variant), meaning(query)));
      }),
      { numRuns: 1_000 },
    ));

  it('does not depend on the order of accounts and parameters, nor on what is left open', () =>
    fc.assert(
      fc.property(aQuery, ({ accounts, filter }) => {
        const turned = Object.fromEntries(Object.entries(filter).reverse()) as OrderFilter;
        const reversed = accounts === 'all' ? accounts : [...accounts].reverse();
        expect(keyOf({ accounts: reversed, filter: Object.assign(turned, { later: undefined }) })).toBe(
          keyOf({ accounts, filter }),
        );
      }),
    ));

  it('tells nothing of what it is made from', () =>
    expect(keyOf({ accounts: ['a-1'], filter: { symbol: 'NSE:TCS' } })).toMatch(/^order-book:[\w-]{43}$/));
});

describe('the cache of the order book', () => {
  let now: number;
  let hotState: OpenHotState;
  let cache: OrderBookCache;
  beforeEach(() => {
    now = NOW;
    hotState = new OpenHotState();
    cache = new OrderBookCache(hotState, TTL_MS, () => now);
  });

  const ask = (
    { accounts = ['a-1'], filter = {}, minPosition }: Partial<Parameters<OrderBookCache['page']>[0]> = {},
    read: () => Promise<Page> = () => Promise.resolve(pageOf(['a-1'])),
  ) => cache.page({ accounts, filter, minPosition }, read);
  const never = (): Promise<Page> => Promise.reject(new Error('read'));

  it('serves what was read, with the position and the time at which it was', async () => {
    expect(await ask()).toEqual({ ...pageOf(['a-1']), source: 'DB' });
    now += TTL_MS - 1;
    expect(await ask({}, never)).toEqual({ ...pageOf(['a-1']), source: 'CACHE' });
  });

  it('reads anew once its time is over, whatever the store says', async () => {
    await ask();
    now += TTL_MS;
    expect(await ask({}, () => Promise.resolve(pageOf(['a-1'], 8)))).toEqual({ ...pageOf(['a-1'], 8), source: 'DB' });
    expect(await ask({}, never)).toMatchObject({ checkpoint: { position: 8 } });
  });

  it('counts its time from before the read', async () => {
    await ask({}, () => {
      now += TTL_MS;
      return Promise.resolve(pageOf(['a-1']));
    });
    expect(await ask()).toMatchObject({ source: 'DB' });
  });

  it('reads anew for who must see more, and keeps that', async () => {
    await ask();
    expect(await ask({ minPosition: 7 }, never)).toMatchObject({ source: 'CACHE' });
    expect(await ask({ minPosition: 8 }, () => Promise.resolve(pageOf(['a-1'], 9)))).toMatchObject({ source: 'DB' });
    expect(await ask({ minPosition: 9 }, never)).toMatchObject({ source: 'CACHE' });
  });

  it('is not there when it may keep nothing', async () => {
    cache = new OrderBookCache(hotState, 0, () => now);
    await ask();
    expect(await ask()).toMatchObject({ source: 'DB' });
    expect(hotState.entries.size).toBe(0);
  });

  it('reads once for all who ask at the same time, but for each position apart', async () => {
    const reads: (number | undefined)[] = [];
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const asks = [undefined, undefined, 9, undefined, 9, 12].map((minPosition) =>
      ask({ minPosition }, async () => {
        reads.push(minPosition);
        await gate;
        if (minPosition === 12) throw new Error('behind');
        return pageOf(['a-1'], minPosition);
      }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    go();
    const outcomes = await Promise.allSettled(asks);
    expect(reads).toEqual([undefined, 9, 12]);
    expect(outcomes.map(({ status }) => status)).toEqual([...Array<string>(5).fill('fulfilled'), 'rejected']);
  });

  it('remembers no failure', async () => {
    await expect(ask({}, never)).rejects.toThrow('read');
    expect(await ask()).toMatchObject({ source: 'DB' });
    expect(await ask({}, never)).toMatchObject({ source: 'CACHE' });
  });

  it('works on without its store', async () => {
    const lost: HotState = {
      get: () => Promise.resolve(undefined),
      set: () => Promise.resolve(),
      hit: () => Promise.resolve({ allowed: true, retryAfterMs: 0 }),
      slide: () => Promise.resolve({ allowed: true, retryAfterMs: 0 }),
      close: () => Promise.resolve(),
    };
    cache = new OrderBookCache(lost, TTL_MS, () => now);
    for (let reads = 0; reads < 3; reads += 1) expect(await ask()).toMatchObject({ source: 'DB' });
  });

  it.each([
    ['nothing', () => ''],
    ['half of it', (entry: string) => entry.slice(0, -10)],
    ['its first line alone', (entry: string) => entry.split('\n')[0] ?? ''],
    ['no figures', (entry: string) => entry.slice(entry.indexOf('\n'))],
    ['figures of another kind', (entry: string) => entry.replace('1 7 ', '1 -7 ')],
    ['another version', (entry: string) => entry.replace('1 7 ', '2 7 ')],
    ['a time to come', (entry: string) => entry.replace(String(NOW), '999999999999999')],
    ['no page', (entry: string) => entry.replace(/\n.*/s, '\n[]')],
    ['another page', (entry: string) => entry.replace('a-1', 'a-2')],
    ['orders of nobody', (entry: string) => entry.replace('accountId', 'accountID')],
    ['a cursor that is none', (entry: string) => entry.replace('null', '{}')],
  ])('takes an entry for a miss that holds %s', async (_, tamper) => {
    await ask();
    for (const [key, entry] of hotState.entries) hotState.entries.set(key, tamper(entry));
    expect(await ask()).toEqual({ ...pageOf(['a-1']), source: 'DB' });
    expect(await ask({}, never)).toMatchObject({ source: 'CACHE' });
  });

  /** The rows of the accounts, as the database would give them. */
  const rowsOf = (accounts: Accounts, filter: OrderFilter): Page =>
    pageOf(accounts === 'all' ? ACCOUNTS : [...accounts].sort(), 7, { filter: JSON.stringify(Object.entries(filter)) });
  const own = fc.oneof(fc.constant('all' as const), fc.shuffledSubarray([...ACCOUNTS]));
  const requests = fc.array(fc.record({ accounts: own, filter: fc.oneof(fc.constant<OrderFilter>({}), theFilter) }), {
    minLength: 2,
    maxLength: 15,
  });
  const accountsIn = ({ body }: Page): string[] =>
    (JSON.parse(body) as { items: { accountId: string }[] }).items.map(({ accountId }) => accountId);

  it('gives everybody the page they would have read themselves, whoever asked before or at the same time', () =>
    fc.assert(
      fc.asyncProperty(requests, requests, async (first, second) => {
        cache = new OrderBookCache(new InProcessHotState(), TTL_MS, () => now);
        for (const wave of [first, second, first])
          await Promise.all(
            wave.map(async ({ accounts, filter }) => {
              const sorted = Object.fromEntries(Object.entries(filter).sort()) as OrderFilter;
              const wanted = rowsOf(accounts, { ...sorted, limit: filter.limit ?? 50 });
              const { body } = await ask({ accounts, filter }, () => Promise.resolve(wanted));
              expect(body).toBe(wanted.body);
            }),
          );
      }),
      { numRuns: 200 },
    ));

  it('shows nobody an order of somebody else, even if the store mixes everything up', () =>
    fc.assert(
      fc.asyncProperty(requests, fc.nat(), async (all, shift) => {
        hotState.entries.clear();
        const askAll = () =>
          Promise.all(
            all.map(async ({ accounts, filter }) => {
              const page = await ask({ accounts, filter }, () => Promise.resolve(rowsOf(accounts, filter)));
              if (accounts !== 'all') for (const account of accountsIn(page)) expect(accounts).toContain(account);
            }),
          );
        await askAll();
        const texts = [...hotState.entries.values()];
        [...hotState.entries.keys()].forEach((key, at) => {
          hotState.entries.set(key, texts[(at + shift) % texts.length] ?? '');
        });
        await askAll();
      }),
      { numRuns: 200 },
    ));
});
