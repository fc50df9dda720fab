import { adapters } from './adapters';
import { BROKER_NAMES, type BrokerName } from './client';
import { clientContract, type Habits } from './client.contract';
import { openStage, type SimStage } from './sim-world.contract';

jest.setTimeout(30_000);

const HABITS: Readonly<Record<BrokerName, Habits>> = {
  upstox: { refusesLater: ['tick', 'lot', 'funds', 'circuit'] },
  zerodha: { refusesLater: ['circuit'] },
  fyers: { refusesLater: [] }, // what stands in its book as rejected was refused in the answer as well
  angelone: { refusesLater: ['tick', 'lot', 'funds', 'circuit'] },
};

let still: SimStage;
let moving: SimStage;
beforeAll(async () => {
  [still, moving] = [await openStage(), await openStage(50)];
});
afterAll(async () => {
  await still.stop();
  await moving.stop();
});

it('every broker that can be connected has its adapter', () =>
  expect(Object.entries(adapters).map(([name, { broker }]) => [name, broker])).toEqual(
    BROKER_NAMES.map((name) => [name, name]),
  ));

for (const broker of BROKER_NAMES)
  clientContract(broker, { still: () => still.world(broker), moving: () => moving.world(broker) }, HABITS[broker]);
