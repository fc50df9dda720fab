/**
 * `npm run demo`: the main job without a person. Starts the standalone process on free ports and a temporary data
 * directory, does with it over HTTP what a client would do, shows what came of it, and removes everything again.
 *
 * Standard output carries the result, as tables or with `--json` as one document; standard error says how it is going.
 */

import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

const HELP = `npm run demo [-- --json]

Runs the main job by itself on free ports and a temporary data directory: places a multi-order with real symbols,
replays it, modifies and cancels, waits for partial fills, shows the order book, the trades and a history, rebuilds
the read models from the log and compares their content. Ends with 0 when each step came to what it must.

  --json   one JSON document on standard output instead of tables; progress goes to standard error
  --help   this text
`;

/* --------------------------------------------------------------------------------------------------- the input */

/**
 * Real symbols at the recorded prices of 2 January 2026, each line with what it must come to. The fourth is larger than
 * what its thin market gives in many ticks; the fifth costs more than the account holds.
 */
const LINES = [
  {
    order: { symbol: 'NSE:RELIANCE', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 100 },
    answer: 'ACCEPTED',
    shows: 'fills at once',
  },
  {
    order: { symbol: 'NSE:HDFCBANK', side: 'SELL', product: 'MIS', orderType: 'MARKET', quantity: 50 },
    answer: 'ACCEPTED',
    shows: 'fills at once',
  },
  {
    order: { symbol: 'NSE:INFY', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 100, price: 1600 },
    answer: 'ACCEPTED',
    shows: 'rests: the low of the day is 1,627.50',
  },
  {
    order: { symbol: 'NSE:LIBERTSHOE', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 10_000 },
    answer: 'ACCEPTED',
    shows: 'fills in parts: 5,207 were traded that day',
  },
  {
    order: { symbol: 'NSE:MRF', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 1_000 },
    answer: 'DENIED',
    shows: 'costs Rs 15 crore, the account has 1',
  },
];
const RESTING = 2;
const THIN = 3;
const DENIED = 4;
const CHANGE = { quantity: 120, price: 1610 };

/** Fast enough to see several partial fills, slow enough that the thin order takes over half a minute to fill. */
const PAPER_TICK_MS = 500;

const RUN_MS = 60_000;
const REQUEST_MS = 10_000;
const REBUILD_MS = 30_000;
const STOP_MS = 20_000;

/* ------------------------------------------------------------------------------------------------------ the job */

/** Ends whatever is under way, with the reason: Ctrl-C, out of time, or the process that died. */
const halt = new AbortController();
let signalled;

/** Places the orders and does with them what a client would. Resolves with the document, all but its shutdown. */
const runOrders = async (standalone, dataDir) => {
  const { commandUrl, queryUrl } = await step('start the process', () => standalone.ready());
  const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'demo-credentials.json'), 'utf8'));
  const command = client(commandUrl, apiKey);
  const query = client(queryUrl, apiKey);

  const idempotencyKey = `demo-${randomUUID()}`;
  const orders = LINES.map(({ order }) => order);
  const place = () => command('POST', '/v2/orders/multi', { 'Idempotency-Key': idempotencyKey }, { orders });

  const placed = await step(`place ${LINES.length} orders`, async () => {
    const answer = await place();
    must(answer, 207);
    equal(
      'the lines',
      answer.body.results.map(({ status }) => status),
      LINES.map(({ answer }) => answer),
    );
    return answer;
  });
  const { results } = placed.body;

  const replay = await step('send the same request again', async () => {
    const answer = await place();
    must(answer, 207);
    equal('Idempotency-Replayed', answer.headers.get('idempotency-replayed'), 'true');
    equal('the answer', answer.body, placed.body);
    return { httpStatus: answer.status, idempotencyReplayed: true, identical: true };
  });

  const denial = await step('read why a line was denied', () => {
    const { orderId, verdicts } = results[DENIED];
    const failed = verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check);
    equal('the failed checks', failed, ['balance']);
    return { orderId, symbol: LINES[DENIED].order.symbol, verdicts };
  });

  const modify = await step('modify the resting order', async () => {
    const { orderId } = results[RESTING];
    const before = await readAfter(placed, () => query, `/v2/orders/${orderId}`);
    const answer = await command('PUT', `/v3/orders/${orderId}`, { 'If-Match': `"${before.version}"` }, CHANGE);
    must(answer, 200);
    const { quantity, price } = answer.body;
    equal('the changed order', { quantity, price }, CHANGE);
    return answer;
  });
};
