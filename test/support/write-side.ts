import { randomUUID } from 'node:crypto';
import type { MarketFacts } from '#domain/instruments/facts';
import type { Instrument } from '#domain/instruments/instrument';
import { foldBatch, read } from '#read-models/batch';
import { type Broker, type Brokers, sharedBrokers } from '#brokers/broker';
import type { EventLog } from '#event-log/event-log';
import {
  CancelOrder,
  CancelOrderHandler,
  type OrderReply,
  ReplaceOrder,
  ReplaceOrderHandler,
} from '../../apps/command/src/change-orders';
import type { OrderChange, OrderLine } from '../../apps/command/src/order-line';
import { type IntentReply, PlaceOrders, PlaceOrdersHandler } from '../../apps/command/src/place-orders';
import { type MarketFiles, marketFilesOf } from '../../apps/command/src/market-day';
import type { OpenWork } from '../../apps/command/src/recovery';
import { WriteSide } from '../../apps/command/src/write-side';
import { readAllOf } from './books';

/* A handful of real instruments of 2 January 2026, as the catalogue would hold them. */

const share = (symbol: string, isin: string, exchangeToken: string): Instrument => ({
  instrumentKey: `NSE_EQ|${isin}`,
  validFrom: '2026-01-02',
  symbol: `NSE:${symbol}`,
  tradingSymbol: symbol,
  name: symbol,
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType: 'EQ',
  exchangeToken,
  isin,
  lotSize: 1,
  tickSizeE4: 1_000,
  freezeQuantity: 100_000,
});

export const RELIANCE = share('RELIANCE', 'INE002A01018', '2885');
export const TCS = share('TCS', 'INE467B01029', '11536');
export const NIFTY_FUTURE: Instrument = {
  instrumentKey: 'NSE_FO|49229',
  validFrom: '2026-01-02',
  symbol: 'NSE:NIFTY FUT 27 JAN 26',
  tradingSymbol: 'NIFTY FUT 27 JAN 26',
  name: 'NIFTY',
  exchange: 'NSE',
  segment: 'NSE_FO',
  instrumentType: 'FUT',
  exchangeToken: '49229',
  lotSize: 65,
  tickSizeE4: 1_000,
  freezeQuantity: 1_755,
  expiry: '2026-01-27',
  underlyingSymbol: 'NIFTY',
};
const NIFTY: Instrument = {
  instrumentKey: 'NSE_INDEX|Nifty 50',
  validFrom: '2026-01-02',
  symbol: 'NSE:NIFTY',
  tradingSymbol: 'NIFTY',
  name: 'Nifty 50',
  exchange: 'NSE',
  segment: 'NSE_INDEX',
  instrumentType: 'INDEX',
  exchangeToken: '26000',
};
const INSTRUMENTS = [RELIANCE, TCS, NIFTY_FUTURE, NIFTY];

/** Finds an instrument of the handful by symbol or key. */
export const resolve = (name: string): Instrument | undefined =>
  INSTRUMENTS.find(({ symbol, instrumentKey }) => symbol === name || instrumentKey === name);

const OF_THE_DAY = { effectiveFrom: '2026-01-02', source: 'made up' };

/** What the files of the day would say: shares may be squared off, and all bands are wide. */
const FACTS: MarketFacts = {
  of: (instrumentKey) => ({
    previousClose: { ...OF_THE_DAY, priceE4: 14_120_000 },
    band: { ...OF_THE_DAY, kind: 'prices', lowerE4: 100, upperE4: 1_000_000_000 },
    ...(instrumentKey.startsWith('NSE_EQ') && { intraday: { ...OF_THE_DAY, marginBp: 2_000 } }),
  }),
  underlying: (symbol) => ({
    symbol,
    kind: 'index',
    price: { ...OF_THE_DAY, priceE4: 14_120_000 },
    dailySigma: { ...OF_THE_DAY, millionths: 10_000 },
  }),
};

const FILES: MarketFiles = marketFilesOf({ instruments: INSTRUMENTS, resolve }, FACTS);

/** A trading day: 2 January 2026, 10:00 IST. */
export const TEN_O_CLOCK_MS = Date.UTC(2026, 0, 2, 4, 30);

export interface SideOptions {
  readonly log: EventLog;
  readonly brokers: Brokers | readonly Broker[];
  readonly now?: () => number;
  /** Absent: the fold of the read model over `log`. */
  readonly openWork?: (beforeMs: number) => Promise<readonly OpenWork[]>;
  readonly resolve?: (name: string) => Instrument | undefined;
  readonly idempotencyWindowSec?: number;
  readonly brokerTimeoutMs?: number;
  readonly isKeeper?: () => boolean;
}

/** A write side as a process would have it; `failures` collects what went wrong behind answered requests. */
export const sideOn = (options: SideOptions): { side: WriteSide; failures: unknown[] } => {
  const failures: unknown[] = [];
  const side = new WriteSide({
    log: options.log,
    brokers: 'of' in options.brokers ? options.brokers : sharedBrokers(options.brokers),
    files: options.resolve ? () => ({ ...FILES, resolve: options.resolve ?? resolve }) : () => FILES,
    now: options.now ?? (() => TEN_O_CLOCK_MS),
    outcomes: { count: () => undefined, failed: (error) => failures.push(error) },
    idempotencyWindowSec: options.idempotencyWindowSec ?? 86_400,
    maxOrdersPerBatch: 20,
    brokerTimeoutMs: options.brokerTimeoutMs ?? 5_000,
    openWork: options.openWork ?? ((beforeMs) => openWorkOf(options.log, beforeMs)),
    openOrders: async () =>
      (await openWorkOf(options.log, Infinity))
        .filter(({ kind }) => kind === 'order')
        .map(({ id, accountId }) => ({ orderId: id, accountId, broker: null })),
    isKeeper: options.isKeeper ?? (() => true),
  });
  return { side, failures };
};

/** The to-do list as the projection would have it, had it seen the whole log (or all of it after a position). */
export const openWorkOf = async (log: EventLog, beforeMs: number, from = 0): Promise<readonly OpenWork[]> => {
  const events = await readAllOf(log, from);
  const { openWork, parked } = foldBatch(read(events), { order: () => null, work: () => null, position: () => null });
  if (parked.length > 0) throw new Error(`the projection would park: ${JSON.stringify(parked)}`);
  return [...openWork.values()]
    .filter((row) => row !== null)
    .filter(({ since }) => since <= beforeMs)
    .sort((a, b) => a.kind.localeCompare(b.kind) || a.position - b.position);
};

/** An open account at the broker with so much money; nothing else knows of it. */
export const openAccount = async (side: WriteSide, broker: string, amountE4 = 10_000_000_0000): Promise<string> => {
  const accountId = randomUUID();
  const cause = { userId: 'asha', correlationId: 'test', causationId: accountId };
  await side.ledgers.transact(accountId, [], cause, (ledger) => {
    ledger.decideAccount({ type: 'OpenAccount', data: { accountId, userId: 'asha', kind: 'paper', broker } });
    ledger.decideAccount({ type: 'DepositFunds', data: { depositId: 'opening', amountE4 } });
  });
  return accountId;
};

/** A plain order line: buy 10 RELIANCE at Rs 1,412.30. */
export const line = (wanted: Partial<OrderLine> = {}): OrderLine => ({
  ...(wanted.instrumentKey === undefined && { symbol: RELIANCE.symbol }),
  side: 'BUY',
  product: 'CNC',
  orderType: 'LIMIT',
  quantity: 10,
  ...((wanted.orderType ?? 'LIMIT') === 'LIMIT' && { price: 1412.3 }),
  ...wanted,
});

export interface PlaceOptions {
  readonly accountId: string;
  readonly key: string;
  readonly lines?: readonly OrderLine[];
  readonly respondAsync?: boolean;
}

/** Places as the controller would. */
export const place = (
  side: WriteSide,
  { accountId, key, lines = [line()], respondAsync = false }: PlaceOptions,
): Promise<IntentReply> =>
  new PlaceOrdersHandler(side).execute(
    new PlaceOrders({
      userId: 'asha',
      accountId,
      idempotencyKey: key,
      lines,
      correlationId: 'test',
      respondAsync,
      pathOf: (index, field) => `orders[${String(index)}].${field}`,
    }),
  );

export interface ChangeOptions {
  readonly accountId: string;
  readonly orderId: string;
  readonly requestId: string;
}

/** Cancels as the controller would. */
export const cancel = (side: WriteSide, { accountId, ...request }: ChangeOptions): Promise<OrderReply> =>
  new CancelOrderHandler(side).execute(
    new CancelOrder({ ...request, userId: 'asha', accountIds: [accountId], correlationId: 'test' }),
  );

/** Changes as the controller would. */
export const replace = (
  side: WriteSide,
  { accountId, ...request }: ChangeOptions & { readonly expectedVersion: number; readonly change: OrderChange },
): Promise<OrderReply> =>
  new ReplaceOrderHandler(side).execute(
    new ReplaceOrder({ ...request, userId: 'asha', accountIds: [accountId], correlationId: 'test' }),
  );

/** The order of a reply's line. @throws when there is none. */
export const orderIdOf = ({ results }: IntentReply, index = 0): string => {
  const orderId = results[index]?.orderId;
  if (orderId === undefined) throw new Error(`the reply has no line ${String(index)}`);
  return orderId;
};
