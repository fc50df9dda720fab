/**
 * `npm run demo`: the main job without a person. Starts the standalone process on free ports and a temporary data
 * directory, does with it over HTTP what a client would do, shows what came of it, and removes everything again.
 *
 * Standard output carries the result, as tables or with `--json` as one document; standard error says how it goes.
 */

import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

const HELP = `npm run demo [-- --json]

Runs the main job by itself, on free ports and a temporary data directory: places a multi-order with real symbols,
sends it again, modifies one order and cancels another, waits for partial fills, shows the order book, the trades and
a history, rebuilds the read models from the log and compares their content. Ends with 0 when every step came to what
it must, otherwise with 1 and a line that names the step.

  --json   one JSON document on standard output instead of tables; npm run --silent demo -- --json keeps npm's own
           lines out of it
  --help   this text
`;

/* -------------------------------------------------------------------------------------------------- what is sent */

/** Real symbols, at prices that were recorded on 2 January 2026; `answer` is what each line must come to. */
const LINES = [
  {
    order: { symbol: 'NSE:RELIANCE', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 100 },
    answer: 'ACCEPTED',
    because: 'fills at once',
  },
  {
    order: { symbol: 'NSE:HDFCBANK', side: 'SELL', product: 'MIS', orderType: 'MARKET', quantity: 50 },
    answer: 'ACCEPTED',
    because: 'fills at once',
  },
  {
    order: { symbol: 'NSE:INFY', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 100, price: 1_600 },
    answer: 'ACCEPTED',
    because: 'rests: the low of the day is 1,627.50',
  },
  {
    order: { symbol: 'NSE:LIBERTSHOE', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 10_000 },
    answer: 'ACCEPTED',
    because: 'fills in parts: 5,207 were traded all day',
  },
  {
    order: { symbol: 'NSE:MRF', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 500 },
    answer: 'DENIED',
    because: 'costs Rs 15 crore, the account holds 1',
  },
];
const RESTING = 2;
const THIN = 3;
const TOO_DEAR = 4;

/** Still below the low of the day. */
const CHANGE = { quantity: 120, price: 1_610 };

/** So fast, two partial fills take a second, and the thin order over half a minute: its cancel always finds a rest. */
const PAPER_TICK_MS = 500;

/* ------------------------------------------------------------------------------------------------------- the job */

/** After the set-up. A stop that hangs comes on top. */
const RUN_TIMEOUT_MS = 55_000;
const REQUEST_TIMEOUT_MS = 10_000;
const PARTIAL_FILL_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 20_000;

/** Ends whatever is under way and says why: Ctrl-C, no time left, or a process that died. */
const halt = new AbortController();
const halted = new Promise((_, reject) => halt.signal.addEventListener('abort', () => reject(halt.signal.reason)));
halted.catch(() => undefined); // told to whoever waits

/** Does over HTTP what a client would do, and resolves with what there is to show. */
const demonstrate = async (trader) => {
  const orders = LINES.map(({ order }) => order);
  const idempotencyKey = `demo-${randomUUID()}`;
  const place = () => trader.write('POST', '/v2/orders/multi', { 'Idempotency-Key': idempotencyKey }, { orders });

  const placed = await step('place five orders in one request', async () => {
    const answer = await place();
    equal('HTTP status', answer.status, 207);
    equal(
      'answer by line',
      answer.body.results.map(({ status }) => status),
      LINES.map((line) => line.answer),
    );
    return answer;
  });
  const { intentId, status, results } = placed.body;
  const intent = { idempotencyKey, httpStatus: placed.status, intentId, status, orders, results };

  const replay = await step('send the same request again', async () => {
    const answer = await place();
    equal('HTTP status', answer.status, placed.status);
    equal('Idempotency-Replayed', answer.headers['idempotency-replayed'], 'true');
    equal('answer', answer.body, placed.body);
    return { httpStatus: answer.status, idempotencyReplayed: true, identical: true };
  });

  const denial = await step('read why the dearest order was denied', async () => {
    const { orderId, verdicts } = results[TOO_DEAR];
    equal('failed checks', failedOf(verdicts), ['balance']);
    return { orderId, symbol: orders[TOO_DEAR].symbol, verdicts };
  });

  const modify = await step('modify the resting order', async () => {
    const { orderId } = results[RESTING];
    const before = await trader.read(`/v2/orders/${orderId}`);
    equal('status before', before.status, 'OPEN');
    const answer = await trader.write('PUT', `/v3/orders/${orderId}`, { 'If-Match': `"${before.version}"` }, CHANGE);
    equal('HTTP status', answer.status, 200);
    const after = await trader.read(`/v2/orders/${orderId}`);
    equal('changed order', termsOf(after), CHANGE);
    return {
      orderId,
      symbol: after.symbol,
      httpStatus: answer.status,
      ifMatch: before.version,
      version: after.version,
      before: termsOf(before),
      after: termsOf(after),
    };
  });

  const partialFill = await step('wait until two partial fills are visible', async () => {
    const { orderId } = results[THIN];
    return eventually(PARTIAL_FILL_TIMEOUT_MS, async () => {
      const order = await trader.read(`/v2/orders/${orderId}`);
      if (order.status !== 'PARTIALLY_FILLED') return undefined;
      const { items } = await trader.read(`/v2/orders/${orderId}/trades`);
      if (items.length < 2) return undefined;
      const { symbol, status, quantity, filledQuantity } = order;
      return { orderId, symbol, status, quantity, filledQuantity, trades: items.length };
    });
  });

  const cancel = await step('cancel the rest of it', async () => {
    const { orderId } = results[THIN];
    const answer = await trader.write('DELETE', `/v2/orders/${orderId}`);
    equal('HTTP status', answer.status, 200);
    const { symbol, status, quantity, filledQuantity } = await trader.read(`/v2/orders/${orderId}`);
    equal('status after', status, 'CANCELLED');
    return { orderId, symbol, httpStatus: answer.status, status, quantity, filledQuantity };
  });

  const views = await step('read the order book, the trades and a history', async () => {
    const book = await trader.read('/v2/orders');
    const trades = await trader.read('/v2/trades');
    const history = await trader.read(`/v2/orders/${results[THIN].orderId}/history`);
    const statusOf = new Map(book.items.map(({ orderId, status }) => [orderId, status]));
    equal(
      'order book',
      results.map(({ orderId }) => statusOf.get(orderId)),
      ['FILLED', 'FILLED', 'OPEN', 'CANCELLED', 'DENIED'],
    );
    equal('orders in the book', book.items.length, LINES.length);
    return { position: trader.position, orders: book.items, trades: trades.items, history: history.items };
  });

  return { intent, replay, denial, modify, partialFill, cancel, ...views };
};

/** Rebuilds the read models beside the running process, and looks itself whether they are what they were. */
const rebuild = async (environment, trader, orders) => {
  const { stdout } = await promisify(execFile)(process.execPath, [built('apps/projector/src/rebuild.js'), '--json'], {
    cwd: root,
    env: environment,
    signal: halt.signal,
  });
  const { events, seconds, before, after } = JSON.parse(stdout);
  equal('position of the rebuilt tables', after.position, before.position);
  equal('content of the rebuilt tables', after.views, before.views);
  equal('order book read from them', (await trader.read('/v2/orders')).items, orders);
  return { identical: true, events, seconds, hashes: { live: before.views, rebuilt: after.views } };
};

/* ----------------------------------------------------------------------------------------------------- the steps */

const startedAtMs = Date.now();
const elapsed = () => `${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(5)} s`;

/** Why the demo ended early, in one line. */
class DemoFailure extends Error {}

/** Tells that a step begins. @throws DemoFailure that names the step and why it did not come to what it must. */
const step = async (name, work) => {
  process.stderr.write(`${elapsed()}  ${name}\n`);
  try {
    return await work();
  } catch (error) {
    const reason = halt.signal.aborted ? halt.signal.reason : error;
    throw new DemoFailure(`demo failed at "${name}": ${oneLine(reason)}`, { cause: reason });
  }
};

/** Of a program that failed what it said last; of a request that failed also what lies behind. */
const oneLine = ({ message, stderr, cause }) =>
  [(stderr && lastWordsIn(stderr)) || message, cause?.message]
    .filter(Boolean)
    .join(': ')
    .replace(/\s*\n\s*/g, '; ');

/** Without what Node prints around an error. */
const lastWordsIn = (output) =>
  output
    .split('\n')
    .filter((line) => /^(?!Node\.js v)\w/.test(line))
    .at(-1);

const equal = (what, actual, expected) => {
  if (!isDeepStrictEqual(actual, expected))
    throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
};

/** Looks until there is something to see. */
const eventually = async (timeoutMs, look) => {
  for (const endMs = Date.now() + timeoutMs; Date.now() < endMs;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(50, undefined, { signal: halt.signal });
  }
  throw new Error(`not within ${timeoutMs / 1000} s`);
};

/** The demo trader's program: writes to one app, reads from the other, and sees there what it has written. */
class Trader {
  /** The log's position after the last write: what reads must have reached. */
  position = 0;

  constructor({ commandUrl, queryUrl }, apiKey) {
    Object.assign(this, { commandUrl, queryUrl, apiKey });
  }

  async write(method, path, headers = {}, body) {
    const answer = await this.#ask(method, `${this.commandUrl}${path}`, headers, body);
    if (answer.status >= 400 && answer.body.results === undefined) throw problemOf(answer);
    this.position = Math.max(this.position, Number(answer.headers['coordinator-position'] ?? 0));
    return answer;
  }

  async read(path) {
    const position = { 'Coordinator-Min-Position': String(this.position) };
    const answer = await this.#ask('GET', `${this.queryUrl}${path}`, position);
    if (answer.status !== 200) throw problemOf(answer);
    return answer.body;
  }

  async #ask(method, url, headers, body) {
    const response = await fetch(url, {
      method,
      headers: { ...headers, 'X-Api-Key': this.apiKey, ...(body && { 'Content-Type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([halt.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.json() };
  }
}

const problemOf = ({ status, body: { code, detail } }) => new Error(`HTTP ${status} ${code}: ${detail}`);
const termsOf = ({ quantity, price }) => ({ quantity, price });
const failedOf = (verdicts) => verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check);

/* --------------------------------------------------------------------------------------------------- the process */

const built = (file) => join(root, 'dist', file);

/** Nothing that is set around the demo may lead it out of its own directory. */
const environmentOf = (dataDir) => ({
  ...process.env,
  HOST: '127.0.0.1',
  COMMAND_PORT: '0',
  QUERY_PORT: '0',
  DATA_DIR: dataDir,
  PAPER_TICK_MS: String(PAPER_TICK_MS),
  LOG_LEVEL: 'warn',
  ...Object.fromEntries(
    ['DATABASE_URL', 'INSTRUMENTS_FILE', 'PRICES_FILE', 'MAX_ORDERS_PER_BATCH', 'IDEMPOTENCY_WINDOW_SEC'].map(
      (name) => [name, ''],
    ),
  ),
});

/** The standalone process, out of reach of the terminal's Ctrl-C: the demo stops it, once. */
class Standalone {
  #child;
  #lastWords = 'without a word';
  #family = [];
  #isAlive;
  #stopped;

  constructor(environment) {
    this.#child = spawn(process.execPath, [built('apps/standalone/src/main.js')], {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(code ?? signal));
    });
    void this.exited.then((exit) => {
      if (!this.#stopped) halt.abort(new Error(['the process ended by itself', exit, this.#lastWords].join(': ')));
    });
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#lastWords = lastWordsIn(line) ?? this.#lastWords;
    });
    /** Where it listens, read off its banner. */
    this.ready = new Promise((resolve) => {
      const urls = {};
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        const [, name, url] = /^ *(place orders|order book) +(http\S+)\/v2\/orders$/.exec(line) ?? [];
        if (name) urls[name] = url;
        if (Object.keys(urls).length === 2) resolve({ commandUrl: urls['place orders'], queryUrl: urls['order book'] });
      });
    });
  }

  /** Notes it and all that descend from it, while they can be told by their parents. */
  async meetFamily() {
    const { findProcess } = await import(pathToFileURL(built('libs/platform/src/running-process.js')));
    this.#isAlive = ({ pid, startedAt }) => findProcess(pid)?.startedAt === startedAt;
    const { pid, exitCode, signalCode } = this.#child;
    const isRunning = exitCode === null && signalCode === null;
    this.#family.push(...(isRunning ? familyOf(pid).map(findProcess) : []).filter(Boolean));
  }

  /** Asks it to stop, and looks for what it leaves behind, which is ended too. Stops once however often it is asked. */
  stop() {
    return (this.#stopped ??= this.#stop());
  }

  async #stop() {
    await this.meetFamily();
    this.#child.kill('SIGTERM');
    const exitCode = await Promise.race([this.exited, sleep(STOP_TIMEOUT_MS, 'none', { ref: false })]);
    const leftovers = new Map(this.#family.filter(this.#isAlive).map((it) => [it.pid, it.commandLine]));
    for (const member of this.#family) if (this.#isAlive(member)) process.kill(member.pid, 'SIGKILL');
    return { exitCode, leftovers: [...leftovers].map(([pid, commandLine]) => `${pid} ${commandLine}`) };
  }
}

/** A process and all that descend from it, by process id. */
const familyOf = (pid) => {
  const parents = process.platform === 'linux' ? parentsInProc() : parentsByPs();
  const family = [pid];
  for (const member of family)
    family.push(...parents.filter(([, parent]) => parent === member).map(([child]) => child));
  return family;
};

const parentsInProc = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        // The name of the program, in brackets, may hold anything: what follows it does not.
        const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
        return [[Number(pid), Number(parent)]];
      } catch {
        return []; // it is gone by now
      }
    });

const parentsByPs = () =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));

/* ---------------------------------------------------------------------------------------------------- the tables */

/** Whole numbers and rupees as they are written in India: 15,61,480.00. */
const count = (number) => number.toLocaleString('en-IN');
const rupees = (amount) =>
  amount?.toLocaleString('en-IN', { minimumFractionDigits: 2, maximumFractionDigits: 4 }) ?? '';
const IST = {
  timeZone: 'Asia/Kolkata',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
};
const istTime = (at) => new Date(at).toLocaleTimeString('en-GB', IST);
const numberOr = (value) => (typeof value === 'number' ? rupees(value).replace(/\.00$/, '') : (value ?? ''));
const described = ({ side, quantity, symbol, product, orderType, price }) =>
  `${side} ${count(quantity)} ${symbol} ${product} ${orderType}${price === undefined ? '' : ` ${rupees(price)}`}`;

const printTables = (document, Table) => {
  const print = (line) => process.stdout.write(`${line}\n`);
  /** Columns that start with `>` are numbers. */
  const table = (columns, rows) => {
    const head = columns.map((column) => column.replace(/^>/, ''));
    const colAligns = columns.map((column) => (column.startsWith('>') ? 'right' : 'left'));
    const grid = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
    grid.push(...rows);
    print(grid.toString());
  };
  const { intent, replay, denial, modify, partialFill, cancel, orders, trades, history } = document;

  print(`\nPOST /v2/orders/multi: HTTP ${intent.httpStatus}, ${intent.status}, intent ${intent.intentId}`);
  table(
    ['>line', 'order', 'answer', 'because it'],
    LINES.map(({ order, because }, line) => [line, described(order), intent.results[line].status, because]),
  );
  print(`The same request with the same key: HTTP ${replay.httpStatus}, Idempotency-Replayed: true, the same answer.`);

  print(`\nWhy ${denial.symbol} was denied`);
  table(
    ['check', 'outcome', '>limit', '>actual', 'reason'],
    denial.verdicts.map(({ check, outcome, limit, actual, reason }) => [
      check,
      outcome,
      numberOr(limit),
      numberOr(actual),
      reason ?? '',
    ]),
  );

  print('\nWhat was done since');
  table(
    ['request', 'order', '>HTTP', 'outcome'],
    [
      [
        `PUT /v3/orders/… If-Match: "${modify.ifMatch}"`,
        modify.symbol,
        modify.httpStatus,
        `${saidTerms(modify.before)} is now ${saidTerms(modify.after)}, version ${modify.version}`,
      ],
      [
        'GET /v2/orders/…',
        partialFill.symbol,
        200,
        `${partialFill.trades} trades, ${count(partialFill.filledQuantity)} of ${count(partialFill.quantity)} filled`,
      ],
      [
        'DELETE /v2/orders/…',
        cancel.symbol,
        cancel.httpStatus,
        `the rest of ${count(cancel.quantity - cancel.filledQuantity)} is cancelled`,
      ],
    ],
  );

  print(`\nOrder book, read with Coordinator-Min-Position: ${document.position}`);
  table(
    ['symbol', 'side', 'type', '>quantity', '>filled', '>limit', '>average', 'status'],
    orders
      .toSorted((a, b) => a.line - b.line)
      .map((it) => [
        it.symbol,
        it.side,
        it.orderType,
        count(it.quantity),
        count(it.filledQuantity),
        rupees(it.price),
        rupees(it.averagePrice),
        it.status,
      ]),
  );

  print('\nTrades');
  table(
    ['time (IST)', 'symbol', 'side', '>quantity', '>price', 'trade'],
    trades.map((it) => [istTime(it.tradedAt), it.symbol, it.side, count(it.quantity), rupees(it.price), it.tradeId]),
  );

  print(`\nHistory of the ${cancel.symbol} order`);
  table(
    ['>version', 'time (IST)', 'event', 'ExecType', 'OrdStatus', '>quantity', '>left'],
    history.map(({ version, at, type, execType, ordStatus, data }) => [
      version,
      istTime(at),
      type,
      execType,
      ordStatus,
      data.quantity === undefined ? '' : count(data.quantity),
      data.leavesQuantity === undefined ? '' : count(data.leavesQuantity),
    ]),
  );

  const { identical, events, seconds, hashes } = document.rebuild;
  print(`\nRead models rebuilt beside the live ones from ${count(events)} events in ${seconds} s`);
  table(
    ['view', '>rows', 'live', 'rebuilt'],
    Object.entries(hashes.live).map(([view, { rows, hash }]) => [view, count(rows), hash, hashes.rebuilt[view].hash]),
  );
  print(identical ? 'identical' : 'different');

  print(`\nStopped with exit code ${document.shutdown.exitCode}; no process and no file is left.`);
};

const saidTerms = ({ quantity, price }) => `${count(quantity)} at ${rupees(price)}`;

/* ---------------------------------------------------------------------------------------------------- the program */

/** Runs everything, and leaves nothing behind however it ends. @throws DemoFailure */
const run = async () => {
  // As root, Postgres runs as another user, who must be able to reach its files.
  const directory = mkdtempSync(join(tmpdir(), 'coordinator-demo-'));
  chmodSync(directory, 0o755);
  const dataDir = join(directory, 'data');
  const environment = environmentOf(dataDir);
  const standalone = new Standalone(environment);
  try {
    const urls = await step('start everything in one process', async () => {
      const found = await Promise.race([standalone.ready, halted]);
      await standalone.meetFamily();
      return found;
    });
    const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'demo-credentials.json'), 'utf8'));
    const trader = new Trader(urls, apiKey);
    const shown = await demonstrate(trader);
    const rebuilt = await step('rebuild the read models from the log', () =>
      rebuild(environment, trader, shown.orders),
    );
    const shutdown = await step('stop the process', async () => {
      const end = await standalone.stop();
      equal('its end', end, { exitCode: 0, leftovers: [] });
      return end;
    });
    const symbols = LINES.map(({ order }) => order.symbol);
    return { startedAt: new Date(startedAtMs).toISOString(), symbols, ...shown, rebuild: rebuilt, shutdown };
  } finally {
    await standalone.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
};

const optionsOf = (args) => {
  try {
    return parseArgs({ args, options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    process.exit(1);
  }
};

const { json, help } = optionsOf(process.argv.slice(2));
if (help) {
  process.stdout.write(HELP);
  process.exit();
}
await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    halt.abort(new Error(`told to end by ${signal}`));
  });
setTimeout(() => halt.abort(new Error(`not done within ${RUN_TIMEOUT_MS / 1000} s`)), RUN_TIMEOUT_MS).unref();

try {
  const document = await run();
  const { default: Table } = await import('cli-table3');
  if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else printTables(document, Table);
  process.stderr.write(`${elapsed()}  done\n`);
} catch (error) {
  if (!(error instanceof DemoFailure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode ??= 1;
}
