import { randomInt } from 'node:crypto';
import { FAULT_KINDS } from '../apps/broker-sim/src/faults';
import { exactlyOnce, EXACTLY_ONCE_ENVIRONMENT } from './stories/exactly-once';
import { linesOf } from './stories/truth-board';
import { BrokerSim } from './support/broker-sim';
import { Coordinator } from './support/coordinator';
import { ensureBuilt, makeDataDir } from './support/workspace';

/* STORY_SEED repeats the choices of an earlier run. */

const seed = Number(process.env['STORY_SEED'] ?? randomInt(2 ** 31));
const ORDERS = 1_000;
const KILLS = 20;
const STORY_TIMEOUT_MS = 600_000;

describe(`every order exactly once (seed ${String(seed)})`, () => {
  const sim = new BrokerSim({ SIM_TICK_MS: '500' });
  let coordinator: Coordinator | undefined;

  beforeAll(async () => {
    ensureBuilt();
    await sim.start();
    coordinator = new Coordinator(makeDataDir(), { ...sim.environment(), ...EXACTLY_ONCE_ENVIRONMENT });
    await coordinator.start();
  }, STORY_TIMEOUT_MS);
  afterAll(async () => {
    await coordinator?.dispose();
    await sim.stop();
  }, STORY_TIMEOUT_MS);

  it(
    `${ORDERS.toLocaleString('en')} orders over four brokers, through ${String(KILLS)} kills and every fault there is`,
    async () => {
      if (!coordinator) throw new Error('nothing was started');
      const report = await exactlyOnce(coordinator, sim, {
        orders: ORDERS,
        kills: KILLS,
        seed,
        traders: 6,
        clients: 16,
        onProgress: (line) => process.env['STORY_VERBOSE'] !== undefined && process.stderr.write(`${line}\n`),
      });
      process.stderr.write(
        [
          '',
          `seed ${String(seed)}: ${String(report.kills)} kills (${String(report.killsInStart)} while it started) in ${String(report.seconds)} s; cut off and asked again: ${String(report.askedAgain)}; logged in again: ${String(report.loggedInAgain)}`,
          `faults: ${FAULT_KINDS.map((kind) => `${kind} ${String(report.struck[kind])}`).join(', ')}`,
          ...linesOf(report),
          '',
        ].join('\n'),
      );
      const some = (faults: readonly string[]): readonly string[] => faults.slice(0, 20);
      const { lost, duplicated, mismatched } = report;
      expect({ lost: some(lost), duplicated: some(duplicated), mismatched: some(mismatched) }).toEqual({
        lost: [],
        duplicated: [],
        mismatched: [],
      });
      expect(report.tradedE4.ours).toBe(report.tradedE4.theirs);
      expect(report.intended).toBe(ORDERS);
      expect(report.kills).toBeGreaterThanOrEqual(KILLS);
      // Or it proves nothing: faults of every kind, kills that met requests, orders that went through, doubts of both ends.
      expect(FAULT_KINDS.filter((kind) => report.struck[kind] === 0)).toEqual([]);
      expect(report.askedAgain).toBeGreaterThan(0);
      expect(report.loggedInAgain).toBeGreaterThan(0);
      expect(report.atBrokers).toBeGreaterThan(ORDERS / 2);
      for (const how of ['found by tag', 'not sent: PROVEN_ABSENT', 'failed over', 'told by reconciliation'])
        expect([how, report.resolved.get(how) ?? 0]).not.toEqual([how, 0]);
      expect((await coordinator.stop()).exitCode).toBe(0);
    },
    STORY_TIMEOUT_MS,
  );
});
