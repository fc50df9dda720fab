import { type Charges, NO_CHARGES, plusCharges } from '../charges/charges';
import { type Decider, refuse } from '../decider';
import type { OrderDetails } from '../orders/order';
import type { Verdict } from '../risk/verdict';

/** One line as asked for, its symbol resolved: what `OrderPlaced` will say, before anything was decided. */
export type IntentLine = OrderDetails & { readonly broker?: string };

/**
 * What became of a line, as the client was told: ACCEPTED by the broker; DENIED by our rules; REJECTED by the broker;
 * UNKNOWN while nobody answered; PENDING while it is on its way; FAILED when no broker could be reached; QUEUED while we
 * hold it for the next session; PARTIAL when its slices fared differently.
 */
export type LineStatus = 'ACCEPTED' | 'QUEUED' | 'DENIED' | 'REJECTED' | 'UNKNOWN' | 'PENDING' | 'FAILED' | 'PARTIAL';

export interface LineResult extends SliceResult {
  readonly line: number;
  /** Of a line that was cut: every order of it. `charges` are of all, `orderId` and what else stands here of the first. */
  readonly slices?: readonly SliceResult[];
}

/** What became of one order. */
export interface SliceResult {
  readonly orderId: string;
  readonly status: LineStatus;
  /** Where it was sent last: not always where it was routed first. */
  readonly broker?: string;
  readonly brokerOrderId?: string;
  readonly verdicts?: readonly Verdict[];
  /** Estimated, of an order that was not denied. */
  readonly charges?: Charges;
  /** Until when it is held, epoch milliseconds. */
  readonly heldUntilMs?: number;
  readonly problem?: { readonly code: string; readonly detail: string };
}

export type IntentStatus = 'ACCEPTED' | 'PARTIAL' | 'REJECTED' | 'PENDING';

/* ---------------------------------------------------------------------------------------------------- events */

export type IntentEvent =
  /** `payloadHash` tells the same request from another one under the same key. */
  | {
      readonly type: 'IntentReceived';
      readonly data: {
        readonly intentId: string;
        readonly accountId: string;
        readonly userId: string;
        readonly idempotencyKey: string;
        readonly payloadHash: string;
        readonly lines: readonly IntentLine[];
      };
    }
  | {
      readonly type: 'IntentCompleted';
      readonly data: {
        readonly intentId: string;
        readonly status: IntentStatus;
        readonly results: readonly LineResult[];
      };
    };

/* -------------------------------------------------------------------------------------------------- commands */

export type IntentCommand =
  | { readonly type: 'ReceiveIntent'; readonly data: Extract<IntentEvent, { type: 'IntentReceived' }>['data'] }
  | { readonly type: 'CompleteIntent'; readonly data: Extract<IntentEvent, { type: 'IntentCompleted' }>['data'] };

/* ----------------------------------------------------------------------------------------------------- state */

export type Intent =
  | { readonly status: 'new' }
  | { readonly status: 'open'; readonly received: Extract<IntentEvent, { type: 'IntentReceived' }>['data'] }
  | {
      readonly status: 'completed';
      readonly received: Extract<IntentEvent, { type: 'IntentReceived' }>['data'];
      readonly completed: Extract<IntentEvent, { type: 'IntentCompleted' }>['data'];
    };

/* ------------------------------------------------------------------------------------------- decide and evolve */

const decide = (command: IntentCommand, intent: Intent): readonly IntentEvent[] => {
  switch (command.type) {
    case 'ReceiveIntent':
      if (intent.status === 'new') return [{ type: 'IntentReceived', data: command.data }];
      // One key, one request: the same again is nothing new, another one is a mistake of the client.
      return intent.received.payloadHash === command.data.payloadHash ? [] : refuse('intent.payload-differs');
    case 'CompleteIntent':
      if (intent.status === 'new') return refuse('intent.unknown');
      return intent.status === 'open' ? [{ type: 'IntentCompleted', data: command.data }] : []; // the first answer stands
  }
};

const evolve = (intent: Intent, event: IntentEvent): Intent => {
  switch (event.type) {
    case 'IntentReceived':
      return { status: 'open', received: event.data };
    case 'IntentCompleted':
      return intent.status === 'new'
        ? intent
        : { status: 'completed', received: intent.received, completed: event.data };
  }
};

/** The intent: one request of a client with all of its lines. Its stream is how a repeated key is recognised. */
export const intent: Decider<Intent, IntentCommand, IntentEvent> = { initial: { status: 'new' }, decide, evolve };

/** What the lines come to: ACCEPTED when all were, REJECTED when none was or will be, PENDING while one may yet be. */
export const statusOf = (results: readonly Pick<LineResult, 'status'>[]): IntentStatus => {
  const count = (...statuses: LineStatus[]) => results.filter(({ status }) => statuses.includes(status)).length;
  if (count('PENDING') > 0) return 'PENDING';
  if (count('ACCEPTED', 'QUEUED') === results.length) return 'ACCEPTED';
  return count('ACCEPTED', 'QUEUED', 'UNKNOWN', 'PARTIAL') === 0 ? 'REJECTED' : 'PARTIAL';
};

/** One result a line, from one an order: of a line that was cut, what its slices came to together. */
export const perLine = (results: readonly LineResult[]): readonly LineResult[] => {
  const lines = new Map<number, LineResult[]>();
  for (const result of results) lines.set(result.line, [...(lines.get(result.line) ?? []), result]);
  return [...lines.values()].flatMap((slices) => {
    const [first] = slices;
    if (!first || slices.length === 1) return slices;
    const problem = slices.find((slice) => slice.problem !== undefined)?.problem;
    const charges = slices.flatMap((slice) => slice.charges ?? []).reduce(plusCharges, NO_CHARGES);
    return [
      {
        ...first,
        status: togetherOf(slices),
        ...(problem && { problem }),
        ...(first.charges && { charges }),
        slices: slices.map(({ line: _line, ...slice }): SliceResult => slice),
      },
    ];
  });
};

const togetherOf = (slices: readonly LineResult[]): LineStatus => {
  const [status = 'PENDING', ...others] = new Set(slices.map((slice) => slice.status));
  return others.length === 0 ? status : statusOf(slices) === 'PENDING' ? 'PENDING' : 'PARTIAL';
};
