/** Our log beside what the brokers really took: what is missing, what is there twice, what differs. */
import { fillsOf, type Order, type OrderEvent, type OrderStatus } from '#domain/orders/order';
import type { DomainEvent } from '#domain/decider';
import type { RecordedEvent } from '#event-log/event-log';
import type { RebuildReport } from '#read-models/rebuild';
import { type Books, faultsOf, readBooks } from '../support/books';
import type { BrokerSim, TrueOrder } from '../support/broker-sim';
import { type Answer, type Deployment, listIn, partOf } from '../support/deployment';
import type { LiveTrader } from '../support/live-traders';

/** What a client was told of the orders that it placed. */
export interface ToldOrders {
  readonly trader: LiveTrader;
  readonly key: string;
  readonly lines: number;
  readonly answer: Answer;
}

export interface TruthBoard {
  readonly intended: number;
  /** Rows of the brokers' books, rejected ones included. */
  readonly atBrokers: number;
  readonly trades: number;
  /** Sum of price times quantity, in 1/10,000 rupee: ours and theirs. */
  readonly tradedE4: { readonly ours: bigint; readonly theirs: bigint };
  /** A sentence each; none when all is well. */
  readonly lost: readonly string[];
  readonly duplicated: readonly string[];
  readonly mismatched: readonly string[];
  readonly statuses: Readonly<Partial<Record<OrderStatus, number>>>;
  /** How doubts and failures were resolved, by what was found. */
  readonly resolved: ReadonlyMap<string, number>;
  readonly rebuild: RebuildReport;
}

type Attempt = Extract<OrderEvent, { type: 'OrderDispatched' }>['data'];

/** The brokers' words for the ways in which an order of ours may have ended after they took it. */
const STATE_OF: Readonly<Partial<Record<OrderStatus, TrueOrder['state']>>> = {
  filled: 'complete',
  cancelled: 'cancelled',
  rejected: 'rejected',
};

/** Once nothing moves any more; `head` is the position of the last event. */
export const boardOf = async (
  deployment: Deployment,
  sim: BrokerSim,
  traders: readonly LiveTrader[],
  told: readonly ToldOrders[],
  head: number,
): Promise<TruthBoard> => {
  const books = await deployment.withLog((log) => readBooks(log));
  const truth = await sim.orders();
  const byTag = new Map<string, TrueOrder[]>();
  for (const row of truth) {
    const at = tagAt(row.broker, row.tag ?? '');
    byTag.set(at, [...(byTag.get(at) ?? []), row]);
  }

  const lost: string[] = [];
  const duplicated: string[] = [];
  const mismatched: string[] = [...faultsOf(books, { settled: true })];
  const ofOurs = new Set<TrueOrder>();
  for (const [orderId, order] of books.orders) {
    const rows = attemptsOf(books.histories.get(`order-${orderId}`) ?? []).flatMap(
      ({ broker, tag }) => byTag.get(tagAt(broker, tag)) ?? [],
    );
    for (const row of rows) ofOurs.add(row);
    if (rows.length > 1) duplicated.push(`order ${orderId} is ${rows.map(nameOf).join(' and ')}`);
    const row = rows.find((one) => one.brokerOrderId === order.brokerOrderId) ?? rows[0];
    if (order.brokerOrderId !== undefined && row?.brokerOrderId !== order.brokerOrderId)
      lost.push(`order ${orderId} is said to be ${order.brokerOrderId}, which no broker has for it`);
    else if (row) mismatched.push(...differencesOf(orderId, order, row, books));
    else if (order.status !== 'denied' && order.status !== 'abandoned' && order.status !== 'rejected')
      lost.push(`order ${orderId} is ${order.status} and at no broker`);
  }
  for (const row of truth) if (!ofOurs.has(row)) duplicated.push(`${nameOf(row)} belongs to no order`);

  const intended = told.reduce((sum, { lines }) => sum + lines, 0);
  for (const one of told) lost.push(...untrueOf(one, await finalOf(deployment, one), books));
  if (books.orders.size > intended)
    duplicated.push(`${String(intended)} orders were intended, ${String(books.orders.size)} recorded`);
  mismatched.push(...(await differencesOfViews(deployment, traders, books, head)));

  const rebuild = await deployment.rebuild();
  if (!rebuild.identical) mismatched.push('the read models, rebuilt, are not what they were');
  const statuses: Partial<Record<OrderStatus, number>> = {};
  for (const { status } of books.orders.values()) statuses[status] = (statuses[status] ?? 0) + 1;
  const fills = [...books.histories.values()].flatMap((history) => fillsOf(history));
  return {
    intended,
    atBrokers: truth.length,
    trades: fills.length,
    tradedE4: {
      ours: sumE4(fills.map(({ data }) => data)),
      theirs: sumE4(truth.flatMap((row) => row.trades.map(inE4))),
    },
    lost,
    duplicated,
    mismatched,
    statuses,
    resolved: resolvedIn(books),
    rebuild,
  };
};

export const linesOf = (board: TruthBoard): readonly string[] => [
  `orders intended: ${String(board.intended)}; at brokers: ${String(board.atBrokers)}; trades: ${String(board.trades)}, worth Rs ${String(board.tradedE4.ours / 10_000n)}`,
  `ended: ${Object.entries(board.statuses)
    .map(([status, count]) => `${String(count)} ${status}`)
    .join(', ')}`,
  `resolved: ${[...board.resolved].map(([how, count]) => `${String(count)} ${how}`).join(', ')}`,
  `rebuild identical: ${String(board.rebuild.identical)}; events: ${String(board.rebuild.events)}`,
  `lost: ${String(board.lost.length)}, duplicated: ${String(board.duplicated.length)}, mismatched: ${String(board.mismatched.length)}`,
];

/** What one order is on both sides, where it is not the same. */
const differencesOf = (orderId: string, order: Order, row: TrueOrder, books: Books): string[] => {
  const { status, terms, filledQuantity } = order;
  const fills = fillsOf(books.histories.get(`order-${orderId}`) ?? []).map(({ data }) => data);
  const figures: readonly (readonly [what: string, ours: unknown, theirs: unknown])[] = [
    ['status', STATE_OF[status] ?? status, row.state],
    // A row that the broker rejected, and one that it cancelled, keep whatever they were last asked for.
    ...(status === 'filled' ? [['quantity', terms.quantity, row.quantity] as const] : []),
    ['filled', filledQuantity, row.filledQuantity],
    ['trades', described(fills), described(row.trades.map(inE4))],
    ['money', sumE4(fills), sumE4(row.trades.map(inE4))],
  ];
  return figures.flatMap(([what, ours, theirs]) =>
    ours === theirs
      ? []
      : [`order ${orderId} (${nameOf(row)}): ${what} is ${String(ours)} with us, ${String(theirs)} there`],
  );
};

/** The answers to a request; asked for again where some were not known yet when it was answered. */
const finalOf = async (deployment: Deployment, { trader, answer }: ToldOrders): Promise<readonly unknown[]> => {
  const results = listIn(answer.body, 'results');
  if (!results.some((result) => ['PENDING', 'UNKNOWN'].includes(String(partOf(result, 'status'))))) return results;
  const ask = { headers: { 'X-Api-Key': trader.apiKey } };
  const now = await deployment.command('GET', `/v2/intents/${String(partOf(answer.body, 'intentId'))}`, ask);
  return listIn(now.body, 'results');
};

/** A client was told of an order what is not so. */
const untrueOf = ({ key, lines }: ToldOrders, results: readonly unknown[], books: Books): string[] => {
  if (results.length !== lines) return [`${key}: ${String(lines)} orders, ${String(results.length)} answers`];
  return results.flatMap((result) => {
    const [orderId, status] = [String(partOf(result, 'orderId')), String(partOf(result, 'status'))];
    const order = books.orders.get(orderId);
    if (!order) return [`order ${orderId} was answered and is not in the log`];
    const isTrue = {
      ACCEPTED: order.brokerOrderId !== undefined && order.brokerOrderId === partOf(result, 'brokerOrderId'),
      REJECTED: order.status === 'rejected',
      DENIED: order.status === 'denied',
      FAILED: order.status === 'abandoned',
    }[status];
    return isTrue === true ? [] : [`order ${orderId} was told ${status}, is ${order.status}`];
  });
};

/** What the order book and the trades say over HTTP, where it is not what the log says. */
const differencesOfViews = async (
  deployment: Deployment,
  traders: readonly LiveTrader[],
  books: Books,
  head: number,
): Promise<string[]> => {
  const differences: string[] = [];
  const seen = new Set<string>();
  for (const { apiKey, accountId } of traders) {
    for (const row of await deployment.queryAll(`/v2/orders?accountId=${accountId}`, head, { 'X-Api-Key': apiKey })) {
      const orderId = String(partOf(row, 'orderId'));
      const order = books.orders.get(orderId);
      if (seen.has(orderId)) differences.push(`order ${orderId} is in the order book twice`);
      seen.add(orderId);
      const [ours, shown] = [
        [order?.status.toUpperCase(), order?.filledQuantity],
        [partOf(row, 'status'), partOf(row, 'filledQuantity')],
      ].map((figures) => JSON.stringify(figures));
      if (ours !== shown)
        differences.push(`order ${orderId} is ${String(ours)}, the order book shows ${String(shown)}`);
    }
  }
  if (seen.size !== books.orders.size)
    differences.push(`the order book has ${String(seen.size)} orders, the log ${String(books.orders.size)}`);
  return differences;
};

const resolvedIn = ({ histories }: Books): ReadonlyMap<string, number> => {
  const resolved = new Map<string, number>();
  const count = (how: string): void => {
    resolved.set(how, (resolved.get(how) ?? 0) + 1);
  };
  for (const [stream, history] of histories) {
    if (!stream.startsWith('order-')) continue;
    const attempts = attemptsOf(history);
    if (attempts.length > 1) count('sent again');
    if (new Set(attempts.map(({ broker }) => broker)).size > 1) count('failed over');
    for (const event of history as readonly (OrderEvent & RecordedEvent)[]) {
      if (event.type === 'DispatchInDoubt') count('in doubt');
      if (event.type === 'OrderAccepted' && event.data.evidence?.code === 'FOUND_BY_TAG') count('found by tag');
      if (event.type === 'DispatchNotSent') count(`not sent: ${event.data.evidence.code ?? 'no code'}`);
      if (event.meta.userId.startsWith('reconciliation-')) count('told by reconciliation');
    }
  }
  return resolved;
};

const attemptsOf = (history: readonly DomainEvent[]): readonly Attempt[] =>
  (history as readonly OrderEvent[]).flatMap((event) => (event.type === 'OrderDispatched' ? [event.data] : []));

const tagAt = (broker: string, tag: string): string => `${broker} ${tag}`;

const nameOf = ({ broker, brokerOrderId, state }: TrueOrder): string => `${broker} ${brokerOrderId} (${state})`;

interface Traded {
  readonly tradeId: string;
  readonly quantity: number;
  readonly priceE4: number;
}

const inE4 = ({ tradeId, quantity, price }: TrueOrder['trades'][number]): Traded => ({
  tradeId,
  quantity,
  priceE4: Math.round(price * 10_000),
});

/** In the order of their ids: news of trades may come in any. */
const described = (trades: readonly Traded[]): string =>
  trades
    .map(({ tradeId, quantity, priceE4 }) => `${tradeId}:${String(quantity)}@${String(priceE4)}`)
    .sort()
    .join(' ');

const sumE4 = (trades: readonly Traded[]): bigint =>
  trades.reduce((sum, { quantity, priceE4 }) => sum + BigInt(quantity) * BigInt(priceE4), 0n);
