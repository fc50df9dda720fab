import { LRUCache } from 'lru-cache';
import type { AccountLedgers } from './account-ledger';

const ACCOUNTS_MAX = 50_000;

/** Whose an account is. That never changes, so it is read once. */
export class AccountOwners {
  private readonly known = new LRUCache<string, string>({ max: ACCOUNTS_MAX });

  constructor(private readonly ledgers: Pick<AccountLedgers, 'read'>) {}

  /** The owner's user id; empty for an account that was never opened, which nobody has set anything for. */
  async of(accountId: string): Promise<string> {
    const known = this.known.get(accountId);
    if (known !== undefined) return known;
    const { userId } = (await this.ledgers.read(`account-${accountId}`)).state;
    if (userId !== '') this.known.set(accountId, userId);
    return userId;
  }
}
