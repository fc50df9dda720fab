/** What is true in the end, in the log and in the views, beside what clients were told. */
import type { DomainEvent } from '#domain/decider';
import type { OrderEvent } from '#domain/orders/order';
import type { RebuildReport } from '#read-models/rebuild';
import { type Books, faultsOf, readBooks } from '../support/books';
import { type Answer, type Deployment, listIn, partOf } from '../support/deployment';
import type { Request, Told, Traders } from './traders';

export interface Scoreboard {
  readonly acknowledged: number;
  /** A sentence each; none when all is well. */
  readonly lost: readonly string[];
  readonly duplicated: readonly string[];
  readonly mismatched: readonly string[];
  readonly rebuild: RebuildReport;
}

/** Once nothing moves any more; `head` is the position of the last event. */
export const scoreboardOf = async (deployment: Deployment, traders: Traders, head: number): Promise<Scoreboard> => {
  const books = await deployment.withLog((log) => readBooks(log));
  const rows = new Map<string, unknown[]>();
  const trades = new Map<string, number>();
  for (const { apiKey } of traders.all) {
    const headers = { 'X-Api-Key': apiKey };
    for (const row of await deployment.queryAll('/v2/orders', head, headers)) {
      const orderId = String(partOf(row, 'orderId'));
      rows.set(orderId, [...(rows.get(orderId) ?? []), row]);
    }
    for (const trade of await deployment.queryAll('/v2/trades', head, headers)) {
      const orderId = String(partOf(trade, 'orderId'));
      trades.set(orderId, (trades.get(orderId) ?? 0) + Number(partOf(trade, 'quantity')));
    }
  }

  const lost: string[] = [];
  const duplicated: string[] = [];
  const mismatched: string[] = [...faultsOf(books, { settled: true })];
  let acknowledged = 0;
  for (const { request, answer } of traders.told) {
    if (request.kind !== 'place') mismatched.push(...brokenPromise(request, answer, books));
    for (const result of listIn(answer.body, 'results')) {
      acknowledged += 1;
      const orderId = String(partOf(result, 'orderId'));
      const known = books.orders.get(orderId);
      if (!known) lost.push(`${orderId}: not in the log`);
      if (!rows.has(orderId)) lost.push(`${orderId}: not in the order book`);
      if (known && (partOf(result, 'status') === 'DENIED') !== (known.status === 'denied'))
        mismatched.push(`${orderId}: told ${String(partOf(result, 'status'))}, is ${known.status}`);
    }
  }
  for (const [orderId, found] of rows)
    if (found.length !== 1) duplicated.push(`${orderId}: ${String(found.length)} times in the order book`);
  const keys = [...books.intents.values()].map((it) =>
    it.status === 'new' ? '' : `${it.received.accountId} ${it.received.idempotencyKey}`,
  );
  if (new Set(keys).size !== keys.length) duplicated.push('two intents have the same key');
  const placed = traders.told.filter(({ request }) => request.kind === 'place');
  if (keys.length !== placed.length)
    duplicated.push(`${String(placed.length)} requests were answered, ${String(keys.length)} intents recorded`);
  for (const [orderId, { filledQuantity, status }] of books.orders) {
    const [row] = rows.get(orderId) ?? [];
    const figures = [filledQuantity, Number(partOf(row, 'filledQuantity')), trades.get(orderId) ?? 0];
    if (new Set(figures).size !== 1) mismatched.push(`${orderId}: filled ${figures.join(', ')}: log, book, trades`);
    if (partOf(row, 'status') !== status.toUpperCase())
      mismatched.push(`${orderId}: ${status} in the log, ${String(partOf(row, 'status'))} in the book`);
  }
  duplicated.push(...(await answeredAnotherWay(traders, placed)));
  return { acknowledged, lost, duplicated, mismatched, rebuild: await deployment.rebuild() };
};

export const linesOf = ({ acknowledged, lost, duplicated, mismatched, rebuild }: Scoreboard): readonly string[] => [
  `orders acknowledged: ${String(acknowledged)}; events: ${String(rebuild.events)}`,
  `lost: ${String(lost.length)}, duplicated: ${String(duplicated.length)}, mismatched: ${String(mismatched.length)}`,
  `rebuild identical: ${String(rebuild.identical)}`,
];

/** Nothing lost, nothing twice, nothing otherwise than told, and the views are what the log says. */
export const expectClean = ({ lost, duplicated, mismatched, rebuild }: Scoreboard): void => {
  const some = (faults: readonly string[]): readonly string[] => faults.slice(0, 20);
  expect({ lost: some(lost), duplicated: some(duplicated), mismatched: some(mismatched) }).toEqual({
    lost: [],
    duplicated: [],
    mismatched: [],
  });
  expect(rebuild.after.views).toEqual(rebuild.before.views);
  expect(rebuild.identical).toBe(true);
};

const answeredAnotherWay = async (traders: Traders, placed: readonly Told[]): Promise<readonly string[]> => {
  const faults: string[] = [];
  for (const { request, answer } of placed) {
    const again = await traders.untilAnswered(request);
    if (again.text !== answer.text || again.headers.get('idempotency-replayed') !== 'true')
      faults.push(`${request.headers['Idempotency-Key'] ?? ''}: answered another way: ${again.text}`);
  }
  return faults;
};

/** What a client was told of a cancel or a change, and is not so. */
const brokenPromise = ({ kind, path, body }: Request, { status, body: said }: Answer, books: Books): string[] => {
  const orderId = path.split('/').at(-1) ?? '';
  const history: readonly DomainEvent[] = books.histories.get(`order-${orderId}`) ?? [];
  const order = books.orders.get(orderId);
  if (!order) return [`${orderId}: not in the log`];
  if (status !== 200) return [];
  if (kind === 'cancel')
    return order.status === 'cancelled' ? [] : [`${orderId}: told it is cancelled, is ${order.status}`];
  const wanted = { quantity: partOf(body, 'quantity'), price: partOf(body, 'price') };
  const isMade = history.filter(isReplaced).some(({ data: { terms } }) => {
    const { quantity, priceE4 } = terms;
    return (
      (wanted.quantity === undefined || quantity >= Number(wanted.quantity)) &&
      (wanted.price === undefined || priceE4 === Number(wanted.price) * 10_000)
    );
  });
  return isMade ? [] : [`${orderId}: told it is changed, is not: ${JSON.stringify([body, said])}`];
};

type Replaced = Extract<OrderEvent, { type: 'OrderReplaced' }>;
const isReplaced = (event: DomainEvent): event is Replaced => event.type === 'OrderReplaced';
