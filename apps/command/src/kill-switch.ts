import { Refused } from '#domain/decider';
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
      this.askedAtMs.clear();
      return;
    }
    const due = (await this.options.openOrders()).values();
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
    const states: readonly HaltState[] = [house, ...[brokers, strategies, accounts].flatMap((of) => Object.values(of))];
    return this.killedUsers.size > 0 || states.includes('killed');
  }

  private async cancelIfKilled({ orderId, accountId, broker }: OpenOrder): Promise<void> {
    const { ledgers, desk, owners, outcomes, now } = this.options;
    try {
      const { state } = await ledgers.read(`order-${orderId}`);
      const userId = await owners.of(accountId);
      const halt = haltOf({
        house: { halts: this.house },
        user: { halt: this.killedUsers.has(userStreamOf(userId)) ? 'killed' : 'open' },
        accountId,
        broker: state.broker ?? state.route?.broker ?? broker ?? undefined,
        strategyId: state.details?.strategyId,
      });
      if (halt.state !== 'killed' || now() - (this.askedAtMs.get(orderId) ?? -Infinity) < AGAIN_MS) return;
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
