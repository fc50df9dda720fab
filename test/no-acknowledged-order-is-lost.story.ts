import { type Accident, noAcknowledgedOrderIsLost, seed } from './stories/no-acknowledged-order-is-lost';
import { Coordinator } from './support/coordinator';
import type { Choices } from './support/random';
import { ensureBuilt, makeDataDir } from './support/workspace';

beforeAll(ensureBuilt, 300_000);

/** The process dies, sometimes with its Postgres, sometimes again while it starts. */
const accident = async (coordinator: Coordinator, choices: Choices, killsMax: number): Promise<Accident> => {
  await coordinator.kill();
  let kills = 1;
  if (choices.next() < 0.12) await coordinator.killPostgres();
  for (; kills < killsMax && choices.next() < 0.2; kills += 1) await coordinator.startAndKill(choices.next() * 3_000);
  const before = Date.now();
  await coordinator.start();
  return { kills, startsMs: [Date.now() - before] };
};

describe(`no acknowledged order is lost (seed ${String(seed)})`, () => {
  noAcknowledgedOrderIsLost({
    open: () => new Coordinator(makeDataDir(), { PAPER_TICK_MS: '250' }),
    clients: 6,
    accident,
    appendsAreWhole: true,
  });
});
