import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Client } from 'pg';

/** A user with one account and one key. */
export interface BenchAccount {
  readonly userId: string;
  readonly accountId: string;
  readonly apiKey: string;
}

/** Made up in memory; `storeUsers` makes them known. */
export const newAccounts = (count: number): readonly BenchAccount[] =>
  Array.from({ length: count }, () => ({
    userId: randomUUID(),
    accountId: randomUUID(),
    apiKey: `ck_${randomBytes(32).toString('base64url')}`,
  }));

/**
 * Stores users, keys and who owns which account as a registration would, without its password: a thousand argon2id
 * hashes would take minutes. The stored hash is no hash of anything, so nobody can log in with a password.
 */
export const storeUsers = async (client: Client, accounts: readonly BenchAccount[]): Promise<void> => {
  const userIds = accounts.map(({ userId }) => userId);
  await client.query(
    `insert into users (id, email, password_hash, role, created_at)
     select id, id || '@bench.example', 'none', 'trader', now() from unnest($1::uuid[]) as id`,
    [userIds],
  );
  await client.query(
    `insert into api_keys (id, key_hash, user_id, label, created_at)
     select gen_random_uuid(), key_hash, user_id, 'bench', now() from unnest($1::text[], $2::uuid[]) as k (key_hash, user_id)`,
    [accounts.map(({ apiKey }) => createHash('sha256').update(apiKey).digest('base64url')), userIds],
  );
  await client.query(
    `insert into account_owners (account_id, user_id, label, created_at)
     select account_id, user_id, 'bench', now() from unnest($1::uuid[], $2::uuid[]) as o (account_id, user_id)`,
    [accounts.map(({ accountId }) => accountId), userIds],
  );
};
