import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { account, type AccountEvent, availableE4 } from '#domain/accounts/account';
import type { DomainEvent } from '#domain/decider';
import { E4_PER_RUPEE } from '#domain/money';
import { faultsOf, readBooks } from '../support/books';
import { type Answer, listIn, partOf } from '../support/deployment';
import type { Fleet } from '../support/fleet';

/*
 * One account with room for a tenth of what is asked of it, and as many processes as there are that take orders, all at
 * once. What fits is taken, to the last order; what does not is denied, whoever was asked.
 */

const REQUESTS = 10_000;
const IN_FLIGHT = 128;
const PATIENCE_MS = 60_000;
export const LIMIT_STORY_TIMEOUT_MS = 480_000;

/** Far below the market of that day: rests, and holds its margin. */
const resting = { symbol: 'NSE:INFY', side: 'BUY', product: 'CNC', orderType: 'LIMIT' };
/** Leaves Rs 16,01,600 of the crore that a paper account has. */
const FIRST = { ...resting, quantity: 5_249, price: 1_600 };
/** Goes 1,001 times into that, and leaves a remainder. */
const PRICE = 1_599;
const ONE = { ...resting, quantity: 1, price: PRICE };

interface Told {
  readonly answer: Answer;
  /** The process that answered. */
  readonly url: string;
}

export const neverOverTheLimit = (open: () => Fleet): void => {
  const fleet = open();
  beforeAll(() => fleet.start(), LIMIT_STORY_TIMEOUT_MS);
  afterAll(() => fleet.dispose(), LIMIT_STORY_TIMEOUT_MS);

  let askedAgain = 0;

  /** Until there is an answer; always the same process is asked, so that each has its share. */
  const place = async (url: string, body: object): Promise<Told> => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await fleet.request(`${url}/v2/orders`, 'POST', { headers, body });
      const isBusy = answer.status === 503 || partOf(answer.body, 'code') === 'INTENT_IN_PROGRESS';
      if (!isBusy) return { answer, url };
      if (Date.now() > giveUpAt) throw new Error(`no answer in time: ${String(answer.status)} ${answer.text}`);
      askedAgain += 1;
      await sleep(50);
    }
  };

  it(
    `${REQUESTS.toLocaleString('en')} orders at once: what fits and not one more, at no moment`,
    async () => {
      const urls = fleet.commandUrls();
      expect(urls.length).toBeGreaterThan(1);
      const [url = ''] = urls;
      expect((await place(url, FIRST)).answer.status).toBe(200);

      const startedAt = Date.now();
      const told: Told[] = [];
      let asked = 0;
      const client = async (): Promise<void> => {
        while (asked < REQUESTS) {
          const at = urls[asked % urls.length] ?? url;
          asked += 1;
          told.push(await place(at, ONE));
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, client));
      const seconds = (Date.now() - startedAt) / 1_000;

      const lineOf = ({ answer }: Told): unknown => listIn(answer.body, 'results')[0];
      const accepted = told.filter((one) => partOf(lineOf(one), 'status') === 'ACCEPTED');
      const others = told.filter((one) => partOf(lineOf(one), 'status') !== 'ACCEPTED');
      const by = new Map(accepted.map((one) => [String(partOf(lineOf(one), 'orderId')), one.url]));

      const books = await fleet.withLog((log) => readBooks(log));
      const { accountId } = fleet.credentials;
      const history: readonly DomainEvent[] = books.histories.get(`account-${accountId}`) ?? [];
      let state = account.initial;
      let overdrawn = 0;
      let [handovers, last] = [0, ''];
      for (const event of history as readonly AccountEvent[]) {
        state = account.evolve(state, event);
        if (availableE4(state) < 0) overdrawn += 1;
        if (event.type !== 'MarginReserved') continue;
        const process = by.get(event.data.orderId) ?? last;
        if (process !== last) handovers += 1;
        last = process;
      }
      process.stderr.write(
        `\n${String(told.length)} orders over ${String(urls.length)} processes in ${seconds.toFixed(1)} s: ` +
          `${String(accepted.length)} accepted (${urls.map((at) => String(accepted.filter((one) => one.url === at).length)).join(' + ')}), ` +
          `${String(others.length)} denied, ${String(askedAgain)} asked again; ` +
          `the account went from one process to the other ${String(handovers)} times\n`,
      );

      const fit = Math.floor((10_000_000 - FIRST.quantity * FIRST.price) / PRICE);
      expect(overdrawn).toBe(0);
      expect(accepted).toHaveLength(fit);
      expect(others).toHaveLength(REQUESTS - fit);
      expect(availableE4(state)).toBeLessThan(PRICE * E4_PER_RUPEE);
      expect(state.reservations.size).toBe(1 + fit);
      for (const one of others) {
        expect([one.answer.status, partOf(lineOf(one), 'status')]).toEqual([422, 'DENIED']);
        expect(listIn(lineOf(one), 'verdicts')).toContainEqual(
          expect.objectContaining({ check: 'balance', outcome: 'fail' }),
        );
      }
      for (const at of urls) expect(accepted.some((one) => one.url === at)).toBe(true);
      expect(handovers).toBeGreaterThan(1); // or they were not at it at once
      expect(faultsOf(books, { settled: true })).toEqual([]);
      expect((await fleet.stop()).exitCode).toBe(0);
    },
    LIMIT_STORY_TIMEOUT_MS,
  );
};
