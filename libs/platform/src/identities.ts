/** Registers users, logs them in, and recognises them again: by API key (programs) or access token (people). */

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { LRUCache } from 'lru-cache';
import { IsNull, LessThan, QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import type { Identity, OpenAccount, Role } from './identity';
import { AccountOwner, ApiKey, RefreshToken, User } from './identity-tables';
import type { Logger } from './logging';
import { Passwords } from './passwords';
import { Problem } from './problem-details';

export interface IdentitiesOptions {
  readonly dataSource: DataSource;
  readonly jwtSecret: string;
  readonly logger: Logger;
  /** For how long a recognised identity is believed without asking the database: the delay of a revocation. */
  readonly believedForMs?: number;
}

export interface Registration {
  readonly email: string;
  readonly password: string;
  /** What the owner calls the account. */
  readonly accountLabel?: string;
  readonly role?: Role;
}

export interface Registered {
  readonly userId: string;
  readonly accountId: string;
  /** Shown once: only its hash is kept. */
  readonly apiKey: string;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Lifetime of the access token. */
  readonly expiresInSec: number;
}

const accessTokenSec = 15 * 60;
const refreshTokenMs = 30 * 24 * 3_600_000;
const issuer = 'coordinator';
/** Bounds of what is remembered; the least recently seen are forgotten first. */
const rememberedMax = 20_000;
const unknownForMs = 5_000;

export class Identities {
  private readonly dataSource: DataSource;
  private readonly logger: Logger;
  private readonly passwords = new Passwords();
  private readonly jwt: JwtService;
  private readonly byKeyHash: LRUCache<string, Identity>;
  private readonly byUserId: LRUCache<string, Identity>;
  /** Keys and users that do not exist, kept apart so that guessing does not push out those that do. */
  private readonly unknown = new LRUCache<string, true>({ max: rememberedMax, ttl: unknownForMs });

  constructor({ dataSource, jwtSecret, logger, believedForMs = 30_000 }: IdentitiesOptions) {
    this.dataSource = dataSource;
    this.logger = logger;
    this.jwt = new JwtService({
      secret: jwtSecret,
      signOptions: { algorithm: 'HS256', expiresIn: accessTokenSec, issuer, audience: issuer },
      verifyOptions: { algorithms: ['HS256'], issuer, audience: issuer },
    });
    const remember = (sql: string): LRUCache<string, Identity> =>
      new LRUCache({
        max: rememberedMax,
        ttl: believedForMs,
        fetchMethod: (key: string) => this.find(sql, key),
        ignoreFetchAbort: true, // who is being looked up while all are forgotten is told, and not remembered
      });
    this.byKeyHash = remember(
      identityWhere('u.id = (select user_id from api_keys where key_hash = $1 and revoked_at is null)'),
    );
    this.byUserId = remember(identityWhere('u.id = $1'));
  }

  /**
   * Makes a user with one account and one API key. The account is opened first: if the process dies before the user
   * is stored, an account without an owner remains, which nobody can reach, and the e-mail address is still free.
   * @throws Problem 409 EMAIL_TAKEN
   */
  async register(registration: Registration, openAccount: OpenAccount): Promise<Registered> {
    const { password, accountLabel = 'default', role = 'trader' } = registration;
    const email = normalised(registration.email);
    if (await this.dataSource.manager.existsBy(User, { email })) throw emailTaken();
    const passwordHash = await this.passwords.hash(password);
    const userId = randomUUID();
    const accountId = await openAccount(userId);
    try {
      const apiKey = await this.dataSource.transaction(async (manager) => {
        await manager.insert(User, { id: userId, email, passwordHash, role, createdAt: new Date() });
        await insertAccount(manager, userId, accountId, accountLabel);
        return insertApiKey(manager, userId, 'registration');
      });
      return { userId, accountId, apiKey };
    } catch (error) {
      if (error instanceof QueryFailedError && error.message.includes('users_email_key')) throw emailTaken();
      throw error;
    }
  }

  /** @throws Problem 401 WRONG_CREDENTIALS, whether the e-mail address or the password is wrong. */
  async login(email: string, password: string): Promise<Tokens> {
    const user = await this.dataSource.manager.findOneBy(User, { email: normalised(email) });
    if (!(await this.passwords.matches(password, user?.passwordHash)) || user === null) {
      throw new Problem(401, 'WRONG_CREDENTIALS', 'The e-mail address or the password is wrong.');
    }
    await this.dataSource.manager.delete(RefreshToken, { userId: user.id, expiresAt: LessThan(new Date()) });
    return this.issue(this.dataSource.manager, user.id, randomUUID());
  }

  /**
   * Exchanges a refresh token for new tokens. Each can be used once; using one again revokes all that descend from
   * the same login, because one of two holders must have stolen it.
   * @throws Problem 401 INVALID_REFRESH_TOKEN
   */
  async refresh(refreshToken: string): Promise<Tokens> {
    const tokens = await this.dataSource.transaction(async (manager) => {
      const found = await manager.findOne(RefreshToken, {
        where: { hash: hashOf(refreshToken) },
        lock: { mode: 'pessimistic_write' },
      });
      if (found === null) return undefined;
      const now = new Date();
      if (found.revokedAt !== null || found.expiresAt <= now) return undefined;
      if (found.usedAt !== null) {
        this.logger.warn({ userId: found.userId }, 'a refresh token was used twice: its login is revoked');
        await manager.update(RefreshToken, { family: found.family, revokedAt: IsNull() }, { revokedAt: now });
        return undefined;
      }
      await manager.update(RefreshToken, { hash: found.hash }, { usedAt: now });
      return this.issue(manager, found.userId, found.family);
    });
    if (tokens === undefined) throw new Problem(401, 'INVALID_REFRESH_TOKEN', 'Log in again.');
    return tokens;
  }

  /** A further key for the user's programs. The key is shown this once. */
  async createApiKey(userId: string, label: string): Promise<string> {
    return insertApiKey(this.dataSource.manager, userId, label);
  }

  /** Takes effect in this process at once, in others when they no longer believe what they remember (30 s). */
  async revokeApiKey(apiKey: string): Promise<void> {
    const keyHash = hashOf(apiKey);
    await this.dataSource.manager.update(ApiKey, { keyHash, revokedAt: IsNull() }, { revokedAt: new Date() });
    this.byKeyHash.delete(keyHash);
  }

  /** The user owns the account from now on; told twice is once. Other processes know of it once they ask again (30 s). */
  async addAccount(userId: string, accountId: string, label: string): Promise<void> {
    const insertion = this.dataSource.manager.createQueryBuilder().insert().into(AccountOwner).orIgnore();
    await insertion.values({ accountId, userId, label, createdAt: new Date() }).execute();
    this.byKeyHash.clear();
    this.byUserId.clear();
  }

  /** Whose key this is; undefined for a key that does not exist or was revoked. */
  async byApiKey(apiKey: string): Promise<Identity | undefined> {
    return apiKeyPattern.test(apiKey) ? this.recall(this.byKeyHash, hashOf(apiKey)) : undefined;
  }

  /** Whose token this is; undefined for a token that is not ours, was tampered with, or is too old. */
  async byAccessToken(accessToken: string): Promise<Identity | undefined> {
    const userId = this.subjectOf(accessToken);
    return userId === undefined ? undefined : this.recall(this.byUserId, userId);
  }

  private async recall(cache: LRUCache<string, Identity>, key: string): Promise<Identity | undefined> {
    if (this.unknown.has(key)) return undefined;
    const identity = await cache.fetch(key).catch((error: unknown) => {
      throw new Problem(503, 'IDENTITY_UNAVAILABLE', 'It cannot be found out right now who you are.', {
        headers: { 'retry-after': '1' },
        cause: error,
      });
    });
    if (identity === undefined) this.unknown.set(key, true);
    return identity;
  }

  private async find(sql: string, key: string): Promise<Identity | undefined> {
    const [user] = await this.dataSource.query<Identity[]>(sql, [key]);
    if (user === undefined) return undefined;
    const [defaultAccountId] = user.accountIds;
    return { ...user, ...(defaultAccountId !== undefined && { defaultAccountId }) };
  }

  private subjectOf(accessToken: string): string | undefined {
    try {
      const { sub } = this.jwt.verify<{ sub?: unknown }>(accessToken);
      return typeof sub === 'string' ? sub : undefined;
    } catch {
      return undefined; // verify throws for every token that is not good, whatever the reason
    }
  }

  private async issue(manager: EntityManager, userId: string, family: string): Promise<Tokens> {
    const refreshToken = `rt_${randomBytes(32).toString('base64url')}`;
    await manager.insert(RefreshToken, {
      hash: hashOf(refreshToken),
      userId,
      family,
      expiresAt: new Date(Date.now() + refreshTokenMs),
    });
    return { accessToken: this.jwt.sign({}, { subject: userId }), refreshToken, expiresInSec: accessTokenSec };
  }
}

const apiKeyPattern = /^ck_[A-Za-z0-9_-]{43}$/;

/** One row per user, with the columns of `Identity`. */
const identityWhere = (condition: string): string => `
  select u.id as "userId", u.email, u.role,
    coalesce(array_agg(a.account_id order by a.created_at, a.account_id) filter (where a.user_id is not null), '{}')
      as "accountIds"
  from users u left join account_owners a on a.user_id = u.id
  where ${condition}
  group by u.id`;

const insertAccount = async (
  manager: EntityManager,
  userId: string,
  accountId: string,
  label: string,
): Promise<void> => {
  await manager.insert(AccountOwner, { accountId, userId, label, createdAt: new Date() });
};

const insertApiKey = async (manager: EntityManager, userId: string, label: string): Promise<string> => {
  const apiKey = `ck_${randomBytes(32).toString('base64url')}`;
  const createdAt = new Date();
  await manager.insert(ApiKey, { id: randomUUID(), keyHash: hashOf(apiKey), userId, label, createdAt });
  return apiKey;
};

/** For secrets with 256 random bits, which need no slow hash. */
const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

const normalised = (email: string): string => email.trim().toLowerCase();

const emailTaken = (): Problem => new Problem(409, 'EMAIL_TAKEN', 'A user with this e-mail address exists already.');
