import { fold } from '../decider';
import { specify } from '../specify';
import {
  accountRouting,
  type AccountRouting,
  type AccountRoutingCommand,
  type AccountRoutingEvent,
  type AskedRoute,
  fallback,
  type Fallback,
  type FallbackCommand,
  type FallbackEvent,
  routesOf,
} from './routing';

describe('the routing of an account', () => {
  const given = specify(accountRouting);
  const set = (data: AccountRouting): AccountRoutingCommand => ({ type: 'SetAccountRouting', data });
  const wasSet = (data: AccountRouting): AccountRoutingEvent => ({ type: 'AccountRoutingSet', data });
  const mine: AccountRouting = { defaultBroker: 'zerodha', strategyBrokers: { momentum: 'fyers', pairs: 'upstox' } };

  it('is set', () => given().when(set(mine)).then(wasSet(mine)));
  it('is set once', () => given(wasSet(mine)).when(set(mine)).thenNothing());
  it('is the same in whatever order its strategies come', () =>
    given(wasSet(mine))
      .when(set({ ...mine, strategyBrokers: { pairs: 'upstox', momentum: 'fyers' } }))
      .thenNothing());
  it('is empty at first, and need not be set to that', () =>
    given()
      .when(set({ strategyBrokers: {} }))
      .thenNothing());
  it.each<AccountRouting>([
    { strategyBrokers: mine.strategyBrokers },
    { ...mine, defaultBroker: 'fyers' },
    { ...mine, strategyBrokers: {} },
    { ...mine, strategyBrokers: { momentum: 'fyers' } },
    { ...mine, strategyBrokers: { momentum: 'fyers', pairs: 'zerodha' } },
    { ...mine, strategyBrokers: { momentum: 'fyers', other: 'upstox' } },
  ])('is replaced by %j', (other) => given(wasSet(mine)).when(set(other)).then(wasSet(other)));
  it('keeps nothing of what it was before', () => {
    const now = fold(accountRouting, accountRouting.initial, [wasSet(mine), wasSet({ strategyBrokers: {} })]);
    expect(now).toEqual({ strategyBrokers: {} });
  });
});

describe('the fallback', () => {
  const given = specify(fallback);
  const set = (data: Fallback): FallbackCommand => ({ type: 'SetFallback', data });
  const wasSet = (data: Fallback): FallbackEvent => ({ type: 'FallbackSet', data });
  const ours: Fallback = { brokers: ['upstox', 'fyers'], failover: true, maxAttempts: 3 };

  it('is nowhere at first, and nothing fails over', () =>
    expect(fallback.initial).toEqual({ brokers: [], failover: false, maxAttempts: 3 }));
  it('is set', () => given().when(set(ours)).then(wasSet(ours)));
  it('is set once', () => given(wasSet(ours)).when(set(ours)).thenNothing());
  it.each<Fallback>([
    { ...ours, brokers: ['fyers', 'upstox'] },
    { ...ours, brokers: ['upstox'] },
    { ...ours, brokers: [] },
    { ...ours, failover: false },
    { ...ours, maxAttempts: 1 },
  ])('is replaced by %j', (other) => given(wasSet(ours)).when(set(other)).then(wasSet(other)));
  it('names no broker twice', () =>
    given()
      .when(set({ ...ours, brokers: ['fyers', 'upstox', 'fyers'] }))
      .thenRefused('routing.broker-repeated'));
  it.each([0, -1, 1.5, 11, NaN])('allows no %d attempts', (maxAttempts) =>
    given()
      .when(set({ ...ours, maxAttempts }))
      .thenRefused('routing.attempts-out-of-range', { min: 1, max: 10 }),
  );
});

describe('where an order goes', () => {
  const account: AccountRouting = { defaultBroker: 'zerodha', strategyBrokers: { momentum: 'fyers' } };
  const none: AccountRouting = { strategyBrokers: {} };
  const chosen: AccountRouting = { strategyBrokers: account.strategyBrokers };
  const everywhere = ['paper', 'upstox', 'zerodha', 'fyers', 'angelone'];
  const strict: Fallback = { brokers: ['upstox', 'angelone'], failover: false, maxAttempts: 3 };
  const failover: Fallback = { ...strict, failover: true };
  const momentum: AskedRoute = { strategyId: 'momentum' };
  const told = (...args: Parameters<typeof routesOf>): string =>
    routesOf(...args)
      .map(({ broker, reason }) => `${broker} (${reason})`)
      .join(', ');

  it.each<[string, AskedRoute, AccountRouting, Fallback, readonly string[], string | undefined, string]>([
    ['the broker that it names', { explicit: 'angelone' }, account, strict, everywhere, 'paper', 'angelone (explicit)'],
    ["the user's default", momentum, account, strict, everywhere, 'paper', 'zerodha (user-default)'],
    ["its strategy's broker", momentum, chosen, strict, everywhere, 'paper', 'fyers (strategy)'],
    ['the broker of its account', momentum, none, strict, everywhere, 'paper', 'paper (account)'],
    ['the first fallback', {}, none, strict, everywhere, undefined, 'upstox (fallback)'],
    ['nowhere', {}, none, { ...strict, brokers: [] }, everywhere, undefined, ''],
  ])('is %s', (_, asked, mine, ours, connected, accountBroker, routes) => {
    expect(told(asked, mine, ours, connected, accountBroker)).toBe(routes);
  });

  it('passes over brokers without a connection', () => {
    expect(told(momentum, account, strict, ['fyers', 'upstox'], 'paper')).toBe('fyers (strategy)');
    expect(told(momentum, account, strict, ['angelone'], 'paper')).toBe('angelone (fallback)');
    expect(told(momentum, account, strict, [], 'paper')).toBe('');
  });

  it('is never another broker than the one it names', () => {
    expect(told({ explicit: 'angelone' }, account, failover, ['zerodha', 'upstox'], 'zerodha')).toBe('');
    expect(told({ explicit: 'angelone' }, account, failover, everywhere, 'zerodha')).toBe('angelone (explicit)');
  });

  it('may be the others in turn, each once, when failover is on', () => {
    expect(told(momentum, account, failover, everywhere, 'upstox')).toBe(
      'zerodha (user-default), fyers (strategy), upstox (account), angelone (fallback)',
    );
    expect(told(momentum, account, failover, ['upstox', 'fyers'], 'fyers')).toBe('fyers (strategy), upstox (fallback)');
  });

  it('is not misled by the name of a strategy', () =>
    expect(told({ strategyId: 'constructor' }, none, strict, everywhere, 'paper')).toBe('paper (account)'));
});
