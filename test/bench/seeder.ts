/**
 * The process that makes histories: the write side itself, with the same deciders, broker and event log that serve
 * requests, without HTTP around it and with a clock of its own that spreads the orders over the past three months.
 */
import 'reflect-metadata';
import type { LineResult } from '#domain/intents/intent';
import { sharedBrokers } from '#brokers/broker';
import { PaperBroker } from '#brokers/paper/paper-broker';
import { replayClock } from '#brokers/replay-clock';
import { PaperMarket } from '#brokers/paper/paper-market';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { marketFilesOf } from '../../apps/command/src/market-day';
import { PlaceOrders, PlaceOrdersHandler } from '../../apps/command/src/place-orders';
import { WriteSide } from '../../apps/command/src/write-side';
import type { BenchAccount } from './accounts';
import { answerQuestions, hasFields } from './child';
import { loadMarket, sharesOf } from './market';
import { orderMix, randomNumbers } from './order-mix';
import type { Seed, Seeded } from './seed';

const DAYS = 90;
const DAY_MS = 86_400_000;
const LINES_MAX = 20;
const INTENTS_AT_ONCE = 64;
/** Between intents that are under way together: an order that was decided seconds ago is not sent any more. */
const PAUSE_MS = 50;
const TICK_MS = 5_000;
const HOURS = { fromMinute: 9 * 60 + 15, untilMinute: 15 * 60 + 30 };
/** A hundred billion rupees: no run ever spends it. */
const FUNDS_E4 = 1e15;

const seed = async ({ databaseUrl, accounts, orders }: Seed): Promise<Seeded> => {
  const startedAt = performance.now();
  const market = await loadMarket();
  const beganAtMs = Date.now() - DAYS * DAY_MS;
  let clockMs = beganAtMs;
  const stepMs = ((DAYS - 1) * DAY_MS) / orders;
  const now = (): number => Math.floor(clockMs);

  const log = new PostgresEventLog({ url: databaseUrl });
  const side = writeSide(log, market, now);
  try {
    await Promise.all(accounts.map((account) => openAccount(side, account)));
    const handler = new PlaceOrdersHandler(side);
    const random = randomNumbers(1);
    const nextOrder = orderMix(sharesOf(market), random, 'IOC');
    let placed = 0;
    let intents = 0;
    const place = async (count: number): Promise<void> => {
      const account = accounts[intents++ % accounts.length];
      if (account === undefined) throw new RangeError('no account to place orders for');
      const { status, results } = await handler.execute(
        new PlaceOrders({
          userId: account.userId,
          accountId: account.accountId,
          idempotencyKey: `seed-${String(intents)}`,
          lines: Array.from({ length: count }, nextOrder),
          correlationId: `seed-${String(intents)}`,
          respondAsync: false,
          pathOf: (line, field) => `orders[${String(line)}].${field}`,
        }),
      );
      if (status !== 'ACCEPTED') throw new Error(`an intent of the seed came to ${status}: ${whyNot(results)}`);
    };
    while (placed < orders) {
      const round: Promise<void>[] = [];
      for (let more = INTENTS_AT_ONCE; more > 0 && placed < orders; more--) {
        const count = Math.min(1 + Math.floor(random() * LINES_MAX), orders - placed);
        placed += count;
        clockMs += PAUSE_MS;
        round.push(place(count));
      }
      // All of a round come to an end before the first failure ends the seed: nobody writes to a log that is closed.
      const ends = await Promise.allSettled(round);
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
      clockMs = Math.max(clockMs, beganAtMs + placed * stepMs);
    }
    await side.desk.drain();
    return { orders: placed, events: await log.head(), seconds: (performance.now() - startedAt) / 1_000 };
  } finally {
    await log.close();
  }
};

const writeSide = (
  log: PostgresEventLog,
  { catalogue, prices, priceDate, facts }: Awaited<ReturnType<typeof loadMarket>>,
  now: () => number,
): WriteSide => {
  const files = marketFilesOf(catalogue, facts);
  return new WriteSide({
    log,
    brokers: sharedBrokers([
      new PaperBroker({
        market: new PaperMarket(prices.prices, TICK_MS),
        marketNowMs: replayClock(priceDate, HOURS, TICK_MS, now),
        tickMs: TICK_MS,
        now,
        lotSizeOf: (instrumentKey) => catalogue.resolve(instrumentKey)?.lotSize,
        resting: () => Promise.resolve([]),
        onError: fail,
      }),
    ]),
    files: () => files,
    now,
    outcomes: { count: () => undefined, failed: fail },
    idempotencyWindowSec: 86_400,
    maxOrdersPerBatch: LINES_MAX,
    brokerTimeoutMs: 5_000,
    openWork: () => Promise.resolve([]),
    openOrders: () => Promise.resolve([]),
    isKeeper: () => false,
  });
};

const openAccount = (side: WriteSide, { accountId, userId }: BenchAccount): Promise<unknown> => {
  const cause = { userId, correlationId: 'seed', causationId: accountId };
  return side.ledgers.transact(accountId, [], cause, (ledger) => {
    ledger.decideAccount({ type: 'OpenAccount', data: { accountId, userId, kind: 'paper', broker: 'paper' } });
    ledger.decideAccount({ type: 'DepositFunds', data: { depositId: 'opening', amountE4: FUNDS_E4 } });
  });
};

/** Nothing of a seed may be lost: whatever goes wrong ends it. */
const fail = (error: unknown): never => {
  throw error;
};

answerQuestions(hasFields<Seed>('databaseUrl', 'accounts', 'orders'), seed);

/** The first reason why a line was not taken. */
const whyNot = (results: readonly LineResult[]): string => {
  const problem = results.find(({ status }) => status !== 'ACCEPTED');
  const failed = problem?.verdicts?.find(({ outcome }) => outcome === 'fail');
  return JSON.stringify(failed ?? problem);
};
