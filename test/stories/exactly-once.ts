/**
 * Orders over four brokers that fail in every way they can, from a coordinator that is killed again and again. Asked of
 * the brokers afterwards, each order was taken exactly once or provably never, and both sides tell the same of it.
 *
 * The seed repeats what is asked and which faults are set; what they meet repeats only roughly.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { CLOSED } from '#domain/orders/order';
import { FAULT_KINDS, type FaultKind, REQUEST_FAULTS, UPDATE_FAULTS } from '../../apps/broker-sim/src/faults';
import { readBooks } from '../support/books';
import type { BrokerSim, FaultToSet } from '../support/broker-sim';
import type { Coordinator } from '../support/coordinator';
import { eventually, listIn, partOf } from '../support/deployment';
import { type LiveTrader, LiveTraders } from '../support/live-traders';
import { type Choices, choicesFrom } from '../support/random';
import { boardOf, type ToldOrders, type TruthBoard } from './truth-board';

export interface ExactlyOnceOptions {
  readonly orders: number;
  readonly kills: number;
  readonly seed: number;
  readonly traders: number;
  readonly clients: number;
  readonly onProgress: (line: string) => void;
}

export interface ExactlyOnceReport extends TruthBoard {
  readonly kills: number;
  /** Of these, before it was ready. */
  readonly killsInStart: number;
  readonly seconds: number;
  /** Requests whose connection was cut before they were answered, and which were made again. */
  readonly askedAgain: number;
  readonly loggedInAgain: number;
  /** How often each kind of fault struck. */
  readonly struck: Readonly<Record<FaultKind, number>>;
  readonly startsMs: readonly number[];
}

/** What makes a coordinator impatient enough for a story. */
export const EXACTLY_ONCE_ENVIRONMENT = {
  BROKER_TIMEOUT_MS: '1500',
  BROKER_SETTLE_MS: '2000',
  RECONCILE_MS: '3000',
};

/**
 * Longer than a call may take, so that orders arrive after their answer was given up; shorter, with a second to spare for
 * a busy machine, than that and the time after which an order that is not there counts as absent.
 */
const DELAY_MAX_MS = 2_400;
const DOWN_MAX_MS = 1_500;
/** How long the coordinator lives at most between two kills, whatever was placed meanwhile. */
const LIFE_MAX_MS = 4_000;
/** The first start takes about so long; kills in a start are spread over all of it. */
const START_MS = 4_000;
const SETTLE_TIMEOUT_MS = 180_000;
const LINES_MAX = 10;
const CANCELS_MAX = 50;

const FINAL = { place: [200, 202, 207, 422], cancel: [200, 202, 207, 409, 422], change: [200, 202, 409, 412, 422] };

export const exactlyOnce = async (
  coordinator: Coordinator,
  sim: BrokerSim,
  { orders, kills, seed, traders, clients, onProgress }: ExactlyOnceOptions,
): Promise<ExactlyOnceReport> => {
  const startedAt = Date.now();
  const choices = choicesFrom(seed);
  const people = new LiveTraders(coordinator, sim);
  const struck = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  const startsMs: number[] = [];
  await sim.reseed(seed);
  for (let number = 1; number <= traders; number += 1)
    // As many orders a second as the coordinator lets through: it is its limits that are kept here.
    await people.join(`trader${String(number)}`, { ordersPerSecond: 1_000, brokers: choices.shuffle(BROKER_NAMES) });
  const admin = await people.admin('admin');
  people.watchSessions();

  const load = new Load(people, orders, seed);
  load.begin(clients);
  let killed = 0;
  let killsInStart = 0;
  let round = 0;
  try {
    for (; killed < kills; round += 1) {
      await setFaults(sim, people, faultsOf(round, choices));
      const failover = round % 2 === 0;
      const routing = {
        brokers: choices.shuffle(BROKER_NAMES),
        failover,
        maxAttempts: 3 + Math.floor(choices.next() * 3),
      };
      await load.orFailure(setRouting(people, admin, routing));
      const target = Math.floor((orders * (killed + 1)) / (kills + 1));
      const until = Date.now() + 500 + choices.next() * (LIFE_MAX_MS - 500);
      while (load.asked < target && Date.now() < until) await load.orFailure(sleep(20));
      await load.orFailure(sleep(choices.next() * 400));
      await coordinator.kill();
      killed += 1;
      for (let again = 0; again < 3 && killed < kills && choices.next() < 0.6; again += 1) {
        await coordinator.startAndKill(choices.next() * (startsMs.at(-1) ?? START_MS));
        killed += 1;
        killsInStart += 1;
      }
      await note(sim, struck);
      const before = Date.now();
      await coordinator.start();
      startsMs.push(Date.now() - before);
      onProgress(
        `${String(killed)} kills, ${String(load.asked)} of ${String(orders)} orders asked, back in ${String(startsMs.at(-1))} ms`,
      );
    }
    for (; !load.isDone; round += 1) {
      await setFaults(sim, people, faultsOf(round, choices));
      await load.orFailure(Promise.race([load.done, sleep(LIFE_MAX_MS)]));
      await note(sim, struck);
    }
    await load.done;
    const askedAgain = coordinator.cutOff;
    await note(sim, struck);
    onProgress(
      `all ${String(load.asked)} orders answered after ${secondsSince(startedAt)} s; the brokers are well again`,
    );
    const head = await settle(coordinator, people, onProgress);
    const board = await boardOf(coordinator, sim, people.all, load.told, head);
    return {
      ...board,
      kills: killed,
      killsInStart,
      seconds: Math.round((Date.now() - startedAt) / 1_000),
      askedAgain,
      loggedInAgain: people.loggedInAgain,
      struck,
      startsMs,
    };
  } finally {
    load.giveUp();
    await people.end();
  }
};

const secondsSince = (startedAt: number): string => ((Date.now() - startedAt) / 1_000).toFixed(0);

/* ------------------------------------------------------------------------------------------------- what goes wrong */

/** Of each round other kinds at other brokers, so that all have had all of them. */
const faultsOf = (round: number, choices: Choices): readonly FaultToSet[] => {
  const faults: FaultToSet[] = [];
  BROKER_NAMES.forEach((broker, number) => {
    for (const turn of [0, 1, 2]) {
      const kind = REQUEST_FAULTS[(round * 3 + number * 2 + turn) % REQUEST_FAULTS.length] ?? 'drop-before';
      const isDelay = kind === 'delay' || kind === 'delay-answer';
      // Mostly where it hurts: at what cannot be taken back.
      const operation = choices.pick(['place', 'place', 'modify', 'cancel', 'any']);
      faults.push({
        kind,
        broker,
        probability: 0.05 + choices.next() * 0.25,
        ...(operation !== 'any' && { operation }),
        ...(isDelay && { delayMs: 200 + Math.floor(choices.next() * (DELAY_MAX_MS - 200)) }),
      });
      if (operation === 'place') faults.push({ ...faults.at(-1), kind, broker, operation: 'placeMany' });
    }
    for (const turn of [0, 1]) {
      const kind = UPDATE_FAULTS[(round * 2 + number + turn) % UPDATE_FAULTS.length] ?? 'lose-update';
      faults.push({ kind, broker, probability: 0.1 + choices.next() * 0.4 });
    }
  });
  const broker = (turn: number): BrokerName => BROKER_NAMES[(round + turn) % BROKER_NAMES.length] ?? 'upstox';
  const forMs = 200 + Math.floor(choices.next() * (DOWN_MAX_MS - 200));
  faults.push({ kind: round % 2 === 0 ? 'refuse' : 'restart', broker: broker(0), forMs });
  faults.push({ kind: 'cut-sockets', broker: broker(1) });
  if (round % 3 === 0) faults.push({ kind: 'expire-token', broker: broker(2) });
  return choices.shuffle(faults);
};

const setFaults = async (sim: BrokerSim, people: LiveTraders, faults: readonly FaultToSet[]): Promise<void> => {
  for (const fault of faults) {
    // One session is enough of a loss: a broker that nobody is logged in at takes no orders.
    const loser = fault.kind === 'expire-token' ? people.all[faults.indexOf(fault) % people.all.length] : undefined;
    const clientId = fault.broker && loser?.sessions.get(fault.broker)?.clientId;
    await sim.setFault({ ...fault, ...(clientId !== undefined && { clientId }) });
  }
};

/** Counts what has struck, and ends it. */
const note = async (sim: BrokerSim, struck: Record<FaultKind, number>): Promise<void> => {
  for (const { kind, struck: times } of await sim.struck()) struck[kind] += times;
  await sim.clearFaults();
};

const setRouting = async (people: LiveTraders, admin: string, body: object): Promise<void> => {
  const ask = { headers: { 'X-Api-Key': admin }, body };
  await people.untilAnswered('PUT', '/v2/settings/routing/fallback', ask, [200]);
};

/* --------------------------------------------------------------------------------------------------- what is asked */

/** Clients that place a number of orders between them, and change and cancel some on the way. */
class Load {
  readonly told: ToldOrders[] = [];
  asked = 0;
  isDone = false;
  done: Promise<unknown> = Promise.resolve();
  private isGivenUp = false;
  private readonly open = new Map<LiveTrader, string[]>();

  constructor(
    private readonly people: LiveTraders,
    private readonly orders: number,
    private readonly seed: number,
  ) {
    for (const trader of people.all) this.open.set(trader, []);
  }

  begin(clients: number): void {
    const all = Array.from({ length: clients }, (_, number) => this.client(choicesFrom(this.seed + 1 + number)));
    this.done = Promise.all(all).then(() => (this.isDone = true));
    this.done.catch(() => undefined); // told by `orFailure`
  }

  giveUp(): void {
    this.isGivenUp = true;
  }

  /** Waits for something. @throws what a client could not put up with, as soon as that happens. */
  async orFailure(waiting: Promise<unknown>): Promise<void> {
    const failure = this.done.then(() => waiting);
    await Promise.race([waiting, failure]);
  }

  private async client(choices: Choices): Promise<void> {
    while (this.asked < this.orders && !this.isGivenUp) {
      const trader = choices.pick(this.people.all);
      const open = this.open.get(trader) ?? [];
      const choice = choices.next();
      if (open.length > 2 && choice < 0.15) await this.cancel(trader, open, choices);
      else if (open.length > 0 && choice < 0.3) await this.change(trader, choices.pick(open), choices);
      else await this.place(trader, open, choices);
    }
  }

  private async place(trader: LiveTrader, open: string[], choices: Choices): Promise<void> {
    const wanted = choices.next() < 0.3 ? 1 : 2 + Math.floor(choices.next() * (LINES_MAX - 1));
    const lines = Math.min(wanted, this.orders - this.asked);
    this.asked += lines;
    const { accountId } = trader;
    const orders = Array.from({ length: lines }, () => ({ ...lineOf(choices), accountId }));
    const key = `${String(this.seed)}-${randomUUID()}`;
    const ask = { headers: headersOf(trader, key), body: lines === 1 ? orders[0] : { orders } };
    const path = lines === 1 ? '/v2/orders' : '/v2/orders/multi';
    const answer = await this.people.untilAnswered('POST', path, ask, FINAL.place);
    this.told.push({ trader, key, lines, answer });
    for (const result of listIn(answer.body, 'results'))
      if (['ACCEPTED', 'UNKNOWN'].includes(String(partOf(result, 'status'))))
        open.push(String(partOf(result, 'orderId')));
  }

  private async cancel(trader: LiveTrader, open: string[], choices: Choices): Promise<void> {
    const take = (): string => open.splice(Math.floor(choices.next() * open.length), 1)[0] ?? '';
    if (choices.next() < 0.5) {
      const ask = { headers: headersOf(trader, randomUUID()) };
      await this.people.untilAnswered('DELETE', `/v2/orders/${take()}`, ask, FINAL.cancel);
      return;
    }
    const body = { orderIds: [take(), take()], mode: choices.pick(['HARD', 'SOFT']) };
    const ask = { headers: headersOf(trader, randomUUID()), body };
    await this.people.untilAnswered('POST', '/v2/orders/multi/cancel', ask, FINAL.cancel);
  }

  private async change(trader: LiveTrader, orderId: string, choices: Choices): Promise<void> {
    const version = await this.people.versionOf(trader, orderId);
    if (version === undefined) return;
    const body = choices.pick([{ quantity: 4 }, { quantity: 2 }, { price: 1_605 }, { price: 1_602, quantity: 5 }]);
    const ask = { headers: { ...headersOf(trader, randomUUID()), 'If-Match': version }, body };
    await this.people.untilAnswered('PUT', `/v3/orders/${orderId}`, ask, FINAL.change);
  }
}

const headersOf = ({ apiKey }: LiveTrader, key: string) => ({ 'X-Api-Key': apiKey, 'Idempotency-Key': key });

const lineOf = (choices: Choices): object => {
  const broker = choices.pick([...BROKER_NAMES, 'routed', 'routed']);
  const side = choices.pick(['BUY', 'SELL']);
  const quantity = 1 + Math.floor(choices.next() * 3);
  const line = { product: 'CNC', ...(broker !== 'routed' && { broker }) };
  const market = { ...line, orderType: 'MARKET', side, quantity };
  const infy = { ...line, symbol: 'NSE:INFY', orderType: 'LIMIT', side: 'BUY', quantity };
  // Within the day anything may be sold; for delivery only what was bought before: the rest is denied.
  const product = choices.pick(['CNC', 'MIS']);
  return choices.pick([
    { ...market, product, symbol: choices.pick(['NSE:RELIANCE', 'NSE:TCS', 'NSE:HDFCBANK']) },
    { ...market, product, symbol: 'NSE:RELIANCE', validity: 'IOC' },
    { ...market, symbol: 'NSE:LIBERTSHOE', quantity: 300 }, // fills in parts
    { ...infy, price: 1_600 }, // rests
    { ...infy, price: 1_600 },
    { ...infy, price: 1_630 }, // fills by and by
    { ...infy, price: 1_600, validity: 'IOC' }, // goes back unfilled
    { ...infy, price: 1_600, quantity: 7_000 }, // more than one broker alone holds in funds: it rejects that
  ]);
};

/* ----------------------------------------------------------------------------------------------------- how it ends */

/** Waits until nothing is under way, cancels whatever is open, and waits again. Resolves with the last position. */
const settle = (coordinator: Coordinator, people: LiveTraders, onProgress: (line: string) => void): Promise<number> => {
  const startedAt = Date.now();
  return eventually(
    'every order is closed on both sides',
    async () => {
      const { orders, intents } = await coordinator.withLog((log) => readBooks(log));
      const open = [...orders].filter(([, { status }]) => !CLOSED.has(status));
      const unanswered = [...intents.values()].filter(({ status }) => status !== 'completed');
      if (open.length === 0 && unanswered.length === 0) return coordinator.withLog((log) => log.head());
      const by = new Map<string, number>();
      for (const [, { status, pendingCancel }] of open) {
        const how = pendingCancel === undefined ? status : `${status}, to be cancelled`;
        by.set(how, (by.get(how) ?? 0) + 1);
      }
      const count = [...by].map(([how, some]) => `${String(some)} ${how}`).join('; ');
      onProgress(`after ${secondsSince(startedAt)} s still open: ${count}; intents: ${String(unanswered.length)}`);
      await Promise.all(people.all.map((trader) => cancelAll(people, trader, open)));
      await sleep(1_000);
      return undefined;
    },
    SETTLE_TIMEOUT_MS,
  );
};

const cancelAll = async (
  people: LiveTraders,
  trader: LiveTrader,
  open: readonly (readonly [string, { status: string; details?: { accountId: string } }])[],
): Promise<void> => {
  const mine = open.filter(
    ([, { status, details }]) => status === 'working' && details?.accountId === trader.accountId,
  );
  const orderIds = mine.map(([orderId]) => orderId);
  for (let from = 0; from < orderIds.length; from += CANCELS_MAX) {
    const body = { orderIds: orderIds.slice(from, from + CANCELS_MAX) };
    const ask = { headers: headersOf(trader, randomUUID()), body };
    await people.untilAnswered('POST', '/v2/orders/multi/cancel', ask, FINAL.cancel);
  }
};
