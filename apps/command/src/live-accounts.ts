import { randomUUID } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { account, type AccountCommand } from '#domain/accounts/account';
import type { EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import type { BrokerName, Credentials, HoldingRow } from '#brokers/client';
import type { Identities } from '#platform/identities';
import { Problem } from '#platform/problem-details';
import type { Connections } from './connections';
import { ConnectError } from './connections';
import type { WriteSide } from './write-side';

/** Of live accounts: a user's first one follows from the user. */
const LIVE_ACCOUNTS = 'a1d6d7f0-5c8e-5f0b-9d0e-2f6d8e8f4b77';
export const liveAccountIdOf = (userId: string): string => uuidv5(userId, LIVE_ACCOUNTS);

/** An account that is to be connected, and what it starts with. */
interface Found {
  readonly accountId: string;
  readonly depositId: string;
  readonly availableE4: number;
  readonly holdings: readonly HoldingRow[];
}

interface Session {
  readonly broker: BrokerName;
  readonly credentials: Credentials;
  readonly egressAddress?: string | undefined;
}

/**
 * The account that a user trades real brokers with. Its ledger starts with the cash and the shares that its first broker
 * shows; each further broker adds its own. Shares that were bought elsewhere later are added with each login; other things
 * that change there without an order of ours are not followed.
 */
export class LiveAccounts {
  constructor(
    private readonly side: WriteSide,
    private readonly connections: Connections,
    private readonly identities: Identities,
  ) {}

  /**
   * The account to connect, and the cash that the broker shows: the account that was named, or the user's own live one,
   * which need not be open yet. Nothing is kept.
   * @throws ConnectError when the broker does not accept the session, or it is another client's.
   */
  async look(userId: string, asked: string | undefined, session: Session): Promise<Found> {
    const accountId = asked ?? liveAccountIdOf(userId);
    const { state } = await this.side.ledgers.read(`account-${accountId}`);
    if (state.status === 'open' && state.kind !== 'live')
      throw new Problem(409, 'PAPER_ACCOUNT', 'A paper account has no broker: name a live account, or none.');
    const { broker, credentials, egressAddress } = session;
    const clientId = await this.connections.clientIdOf(accountId, { broker, credentials, egressAddress });
    const client = this.connections.clientOf(broker, credentials, egressAddress);
    const [funds, holdings] = await Promise.all([client.funds(), client.holdings()]);
    if (funds.outcome === 'failed') throw new ConnectError('unreachable', funds.evidence);
    if (holdings.outcome === 'failed') throw new ConnectError('unreachable', holdings.evidence);
    const { availableE4 } = funds.value;
    return { accountId, depositId: `${broker}/${clientId}`, availableE4, holdings: holdings.value };
  }

  /** Opens the account if need be and enters the cash, each once: after the connection stands, and again each time. */
  async enter(
    userId: string,
    broker: BrokerName,
    { accountId, depositId, availableE4, holdings }: Found,
  ): Promise<void> {
    const { state } = await this.side.ledgers.read(`account-${accountId}`);
    if (state.status === 'new')
      await this.decide(accountId, userId, { type: 'OpenAccount', data: { accountId, userId, kind: 'live', broker } });
    if (accountId === liveAccountIdOf(userId)) await this.identities.addAccount(userId, accountId, 'live');
    if (availableE4 > 0 && !state.deposits.has(depositId))
      await this.decide(accountId, userId, { type: 'DepositFunds', data: { depositId, amountE4: availableE4 } });
    for (const { isin, quantity, averagePriceE4 } of holdings) {
      const instrumentKey = this.shareOf(isin);
      if (instrumentKey === undefined) continue; // nothing of it can be ordered here
      const data = { broker, instrumentKey, quantity, averagePriceE4 };
      await this.decide(accountId, userId, { type: 'AdoptHolding', data });
    }
  }

  /** The share that a holding is kept as: of the exchange where most of it is traded. */
  private shareOf(isin: string | undefined): string | undefined {
    const keys = isin === undefined ? [] : [`NSE_EQ|${isin}`, `BSE_EQ|${isin}`];
    return keys.find((key) => this.side.resolve(key) !== undefined);
  }

  private async decide(accountId: string, userId: string, command: AccountCommand): Promise<void> {
    const { log, now } = this.side.options;
    const meta: EventMeta = {
      userId,
      accountId,
      correlationId: randomUUID(),
      causationId: accountId,
      at: now(),
      schemaVersion: 1,
    };
    await execute(log, account, `account-${accountId}`, command, meta);
  }
}
