/**
 * `npm run chaos`: the story of every order exactly once, as long as one likes. Standard error says how it goes, standard
 * output what came of it.
 */

import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, withSetup } from './setup.mjs';

const HELP = `npm run chaos [-- --orders N --seed N --kills K --json]

Sends orders over four simulated brokers that fail in every way they can, kills the coordinator with SIGKILL again and
again, and compares afterwards what was intended with what the brokers really took. Ends with 0 when nothing was lost,
nothing is there twice and nothing differs, otherwise with 1.

  --orders N   orders to place (10000)
  --seed N     repeats the choices of an earlier run (random)
  --kills K    how often the coordinator is killed (one kill for 100 orders)
  --json       one JSON document on standard output; npm run --silent chaos -- --json keeps npm's own lines out of it
  --help       this text
`;

/** Each trader's connections may take so many orders without waiting for the limits that brokers set by the hour. */
const ORDERS_PER_TRADER = 170;
const TRADERS_MAX = 80;
const SHOWN_MAX = 50;

const usage = (message) => {
  process.stderr.write(`${message}\n\n${HELP}`);
  process.exit(1);
};

const optionsOf = (args) => {
  const options = { orders: { type: 'string' }, seed: { type: 'string' }, kills: { type: 'string' } };
  try {
    return parseArgs({
      args,
      options: { ...options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    return usage(error.message);
  }
};

const wholeNumber = (name, text, fallback, [min, max]) => {
  if (text === undefined) return fallback;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  return number >= min && number <= max
    ? number
    : usage(`--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
};

const values = optionsOf(process.argv.slice(2));
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}
const orders = wholeNumber('orders', values.orders, 10_000, [1, 1_000_000]);
const seed = wholeNumber('seed', values.seed, randomInt(2 ** 31), [0, 2 ** 31 - 1]);
const kills = wholeNumber('kills', values.kills, Math.ceil(orders / 100), [0, 100_000]);

await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});
const require = createRequire(import.meta.url);
require('../test/support/register-typescript.cjs');
const { exactlyOnce, EXACTLY_ONCE_ENVIRONMENT } = require('../test/stories/exactly-once.ts');
const { linesOf } = require('../test/stories/truth-board.ts');
const { BrokerSim } = require('../test/support/broker-sim.ts');
const { Coordinator } = require('../test/support/coordinator.ts');
const { makeDataDir } = require('../test/support/workspace.ts');

/** Rejects when somebody wants this to end: then everything that was started is ended. */
const halted = new Promise((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      process.exitCode = 128 + constants.signals[signal];
      reject(new Error(`told to end by ${signal}`));
    });
});
halted.catch(() => undefined); // told by the race

const startedAt = Date.now();
const tell = (line) => {
  process.stderr.write(`${((Date.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${line}\n`);
};

/** Leaves nothing behind however it ends. */
const run = async () => {
  const sim = new BrokerSim({ SIM_TICK_MS: '500' });
  let coordinator;
  try {
    await sim.start();
    coordinator = new Coordinator(makeDataDir(), { ...sim.environment(), ...EXACTLY_ONCE_ENVIRONMENT });
    await coordinator.start();
    tell(`${orders} orders, ${kills} kills, seed ${seed}`);
    const traders = Math.min(TRADERS_MAX, Math.max(6, Math.ceil(orders / ORDERS_PER_TRADER)));
    const options = { orders, kills, seed, traders, clients: 16, onProgress: tell };
    return await Promise.race([exactlyOnce(coordinator, sim, options), halted]);
  } finally {
    await coordinator?.dispose();
    await sim.stop();
  }
};

/** Maps and exact sums as JSON has them. */
const inJson = (_, value) => {
  if (value instanceof Map) return Object.fromEntries(value);
  return typeof value === 'bigint' ? value.toString() : value;
};

try {
  const report = await run();
  const { lost, duplicated, mismatched } = report;
  const isClean = lost.length + duplicated.length + mismatched.length === 0 && report.rebuild.identical;
  const { struck, askedAgain, loggedInAgain, seconds, killsInStart } = report;
  if (values.json) process.stdout.write(`${JSON.stringify({ seed, isClean, ...report }, inJson, 2)}\n`);
  else
    process.stdout.write(
      [
        `seed ${seed}: ${report.kills} kills (${killsInStart} while it started) in ${seconds} s; cut off and asked again: ${askedAgain}; logged in again: ${loggedInAgain}`,
        `faults: ${Object.entries(struck)
          .map(([kind, times]) => `${kind} ${times}`)
          .join(', ')}`,
        ...[...lost, ...duplicated, ...mismatched].slice(0, SHOWN_MAX),
        ...linesOf(report),
        '',
      ].join('\n'),
    );
  if (!isClean) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode ??= 1;
}
