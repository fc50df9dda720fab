import { randomUUID } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { account, type AccountCommand } from '#domain/accounts/account';
import type { EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import type { BrokerName, Credentials } from '#brokers/client';
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
}

interface Session {
  readonly broker: BrokerName;
  readonly credentials: Credentials;
  readonly egressAddress?: string | undefined;
}

/**
 * The account that a user trades real brokers with. Its ledger starts with the cash that its first broker shows; each
 * further broker adds its own. What changes there afterwards without an order of ours is not followed.
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
    const funds = await this.connections.clientOf(broker, credentials, egressAddress).funds();
    if (funds.outcome === 'failed') throw new ConnectError('unreachable', funds.evidence);
    return { accountId, depositId: `${broker}/${clientId}`, availableE4: funds.value.availableE4 };
  }

  /** Opens the account if need be and enters the cash, each once: after the connection stands, and again each time. */
  async enter(userId: string, broker: BrokerName, { accountId, depositId, availableE4 }: Found): Promise<void> {
    const { state } = await this.side.ledgers.read(`account-${accountId}`);
    if (state.status === 'new')
      await this.decide(accountId, userId, { type: 'OpenAccount', data: { accountId, userId, kind: 'live', broker } });
    if (accountId === liveAccountIdOf(userId)) await this.identities.addAccount(userId, accountId, 'live');
    if (availableE4 > 0 && !state.deposits.has(depositId))
      await this.decide(accountId, userId, { type: 'DepositFunds', data: { depositId, amountE4: availableE4 } });
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
