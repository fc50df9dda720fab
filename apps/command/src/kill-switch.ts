import { Refused } from '#domain/decider';
import type { Halt } from '#domain/risk/limits';
import type { HouseSettingsEvent } from '#domain/settings/house-settings';
import { haltOf, type HaltState, type HouseHalts } from '#domain/settings/effective';
import type { UserSettingsEvent } from '#domain/settings/user-settings';
import type { EventLog, RecordedEvent } from '#event-log/event-log';
import type { AccountOwners } from './account-owners';
import type { AccountLedgers } from './account-ledger';
import type { OrderDesk } from './order-desk';
import type { OrderOutcomes } from './outcomes';
import { HOUSE_STREAM, userStreamOf } from './settings';

/** An order that is open, as the read side has it: where to look, never what to believe. */
export interface OpenOrder {
  readonly orderId: string;
  readonly accountId: string;
  readonly broker: string | null;
}

export interface KillSwitchOptions {
  readonly log: Pick<EventLog, 'readAll'>;
  readonly ledgers: AccountLedgers;
  readonly desk: OrderDesk;
  readonly owners: AccountOwners;
  readonly outcomes: OrderOutcomes;
  readonly openOrders: () => Promise<readonly OpenOrder[]>;
  /** One process of all looks after it. */
  readonly isKeeper: () => boolean;
  readonly now: () => number;
}

const LOOK_MS = 500;
const PAGE = 1_000;
const AT_ONCE = 8;
/** Before an order that is still open is asked to be cancelled again. */
const AGAIN_MS = 5_000;

/** Of an order that was read: its strategy, and the broker that it was to go to until the list names the one where it is. */
interface Placed {
  readonly broker: string | undefined;
  readonly strategyId: string | undefined;
}

const isKilledIn = (states: Readonly<Record<string, HaltState>>): boolean => Object.values(states).includes('killed');

const OPEN: HouseHalts = { house: 'open', brokers: {}, strategies: {}, accounts: {} };

/**
 * Whoever is killed has nothing left in the market: new orders are denied by the checks, and what is open is cancelled here,
 * however long ago it was placed and by whichever process. A switch that is thrown while nobody looks is found in the log.
 */
export class KillSwitch {
  private after = 0;
  private house = OPEN;
  private readonly killedUsers = new Set<string>();
  private readonly askedAtMs = new Map<string, number>();
  /** What an order says once and for all: read when the list does not tell enough. */
  private readonly placed = new Map<string, Placed>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(private readonly options: KillSwitchOptions) {}

  start(): void {
    this.timer = setInterval(() => {
      if (!this.options.isKeeper()) return;
      this.looking ??= this.look()
        .catch((error: unknown) => {
          this.options.outcomes.failed(error);
        })
        .finally(() => (this.looking = undefined));
    }, LOOK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.idle();
  }

  /** Resolves when it is not at work. */
  async idle(): Promise<void> {
    await this.looking;
  }

  /** One round: what has been switched since the last one, and the orders that may not stay. */
  async look(): Promise<void> {
    await this.readOn();
    if (!this.isAnyKilled()) {
      for (const known of [this.askedAtMs, this.placed]) known.clear();
      return;
    }
    const listed = await this.options.openOrders();
    const open = new Set(listed.map(({ orderId }) => orderId));
    for (const known of [this.askedAtMs, this.placed])
      for (const orderId of known.keys()) if (!open.has(orderId)) known.delete(orderId);
    const due = listed.values();
    const worker = async (): Promise<void> => {
      for (const order of due) await this.cancelIfKilled(order);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  private async readOn(): Promise<void> {
    for (let atEnd = false; !atEnd;) {
      const page = await this.options.log.readAll({ after: this.after, limit: PAGE, streamPrefixes: ['settings-'] });
      for (const event of page.events) this.follow(event);
      this.after = page.next;
      atEnd = page.atEnd;
    }
  }

  private follow({ stream, type, data }: RecordedEvent): void {
    if (stream === HOUSE_STREAM && type === 'HouseSettingsChanged') {
      const { settings } = data as HouseSettingsEvent['data'];
      this.house = { ...OPEN, ...settings.halts };
    } else if (type === 'UserSettingsChanged') {
      const { settings } = data as UserSettingsEvent['data'];
      if (settings.halt === 'killed') this.killedUsers.add(stream);
      else this.killedUsers.delete(stream);
    }
  }

  private isAnyKilled(): boolean {
    const { house, brokers, strategies, accounts } = this.house;
    return this.killedUsers.size > 0 || house === 'killed' || [brokers, strategies, accounts].some(isKilledIn);
  }

  /** By the list, and by what never changes: of the many orders that no switch reaches, hardly any is read. */
  private mayBeKilled({ orderId, accountId, broker }: OpenOrder, userId: string): boolean {
    const placed = this.placed.get(orderId);
    const { strategies, brokers } = this.house;
    const tellsTooLittle = isKilledIn(strategies) || (broker === null && isKilledIn(brokers));
    if (placed === undefined && tellsTooLittle) return true;
    const halt = this.haltOn({ accountId, broker: broker ?? placed?.broker, strategyId: placed?.strategyId }, userId);
    return halt.state === 'killed';
  }

  private haltOn(
    order: { readonly accountId: string; readonly broker: string | undefined; readonly strategyId: string | undefined },
    userId: string,
  ): Halt {
    const halt = this.killedUsers.has(userStreamOf(userId)) ? 'killed' : 'open';
    return haltOf({ house: { halts: this.house }, user: { halt }, ...order });
  }

  private async cancelIfKilled(listed: OpenOrder): Promise<void> {
    const { ledgers, desk, owners, outcomes, now } = this.options;
    const { orderId, accountId } = listed;
    try {
      if (now() - (this.askedAtMs.get(orderId) ?? -Infinity) < AGAIN_MS) return;
      const userId = await owners.of(accountId);
      if (!this.mayBeKilled(listed, userId)) return;
      const { state } = await ledgers.read(`order-${orderId}`);
      const strategyId = state.details?.strategyId;
      const broker = state.broker ?? state.route?.broker;
      if (state.details) this.placed.set(orderId, { broker, strategyId });
      const halt = this.haltOn({ accountId, broker: broker ?? listed.broker ?? undefined, strategyId }, userId);
      if (halt.state !== 'killed') return;
      this.askedAtMs.set(orderId, now());
      const cause = { userId: `kill-switch ${halt.by}`, correlationId: `kill-${orderId}`, causationId: orderId };
      const { value: asked } = await ledgers.transact(accountId, [`order-${orderId}`], cause, (ledger) => {
        ledger.decideOrder(orderId, { type: 'RequestCancel', data: { requestId: `kill-${orderId}` } });
        return ledger.order(orderId);
      });
      const { details, status } = asked;
      if (details && status === 'working' && asked.broker !== undefined)
        await desk.cancelAtBroker(details, asked.broker, cause);
    } catch (error) {
      // Closed meanwhile: that is what was wanted.
      if (!(error instanceof Refused)) outcomes.failed(error);
    }
  }
}
