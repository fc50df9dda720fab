import type { BrokerName } from '#brokers/client';
import type { Operation } from './dialect';
import { seededRandom } from './random';

/** What may go wrong with a request, in the order in which it is looked for. */
export const REQUEST_FAULTS = [
  'drop-before',
  'delay',
  'throttle',
  'accept-then-drop',
  'accept-then-5xx',
  'delay-answer',
] as const;

/** What may happen to the news of an order, on its sockets and its postback alike. */
export const UPDATE_FAULTS = [
  'duplicate-update',
  'lose-update',
  'reorder-updates',
  'late-update',
  'garble-update',
] as const;

/**
 * What happens to a whole broker or session. Without `operation` and `probability` it happens when the rule is set; with
 * one of them it waits for a request that matches (`cut-sockets`: for news of an order).
 *
 * `refuse`: the listener is closed for `forMs` and connections are cut, sockets stay. `restart`: the sockets go as well,
 * and so do requests that were being delayed. `expire-token`: sessions are over until new ones are made.
 */
export const BROKER_FAULTS = ['refuse', 'restart', 'expire-token', 'cut-sockets'] as const;

export const FAULT_KINDS = [...REQUEST_FAULTS, ...UPDATE_FAULTS, ...BROKER_FAULTS] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultRule {
  readonly kind: FaultKind;
  /** Every broker unless given. */
  readonly broker?: BrokerName | undefined;
  /** Every operation unless given. */
  readonly operation?: Operation | undefined;
  /** Every client unless given. */
  readonly clientId?: string | undefined;
  /** Strikes that often and no more; without end unless given. */
  readonly count?: number | undefined;
  /** Strikes this share of what matches; all of it unless given. */
  readonly probability?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly forMs?: number | undefined;
}

export interface Fault extends FaultRule {
  readonly id: number;
  struck: number;
}

/** What a fault could strike. */
export interface Occasion {
  readonly broker: BrokerName;
  readonly operation?: Operation | undefined;
  readonly clientId?: string | undefined;
}

/** Whether a rule strikes as soon as it is set. */
export const isImmediate = ({ kind, operation, probability }: FaultRule): boolean =>
  BROKER_FAULTS.some((each) => each === kind) && operation === undefined && probability === undefined;

/** The rules that are in force. Chance follows from the seed and from the order of what happens. */
export class Faults {
  private rules: Fault[] = [];
  private random: () => number;
  private lastId = 0;

  constructor(private currentSeed: number) {
    this.random = seededRandom(currentSeed);
  }

  get seed(): number {
    return this.currentSeed;
  }

  reseed(seed: number): void {
    this.currentSeed = seed;
    this.random = seededRandom(seed);
  }

  add(rule: FaultRule): Fault {
    this.lastId += 1;
    const fault: Fault = { ...rule, id: this.lastId, struck: 0 };
    this.rules.push(fault);
    return fault;
  }

  list(): readonly Fault[] {
    return this.rules;
  }

  clear(): void {
    this.rules = [];
  }

  /** The first rule of that kind which strikes now, counted; `undefined` when all goes well. */
  strike(kind: FaultKind, occasion: Occasion): Fault | undefined {
    for (const fault of this.rules) {
      if (fault.kind !== kind || isImmediate(fault) || !matches(fault, occasion)) continue;
      if (fault.count !== undefined && fault.struck >= fault.count) continue;
      if (fault.probability !== undefined && this.random() >= fault.probability) continue;
      fault.struck += 1;
      return fault;
    }
    return undefined;
  }
}

const matches = (fault: FaultRule, { broker, operation, clientId }: Occasion): boolean =>
  (fault.broker === undefined || fault.broker === broker) &&
  (fault.operation === undefined || fault.operation === operation) &&
  (fault.clientId === undefined || fault.clientId === clientId);
