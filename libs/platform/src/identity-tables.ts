/** Users, their keys and their accounts, as stored. Holds hashes only: no password, key or token can be read back. */

import { Column, Entity, PrimaryColumn, type MigrationInterface, type QueryRunner } from 'typeorm';
import { roles, type Role } from './identity';

@Entity('users')
export class User {
  @PrimaryColumn('uuid')
  id!: string;

  /** Lower case: unique whatever the case it is typed in. */
  @Column('text')
  email!: string;

  /** argon2id in PHC form. */
  @Column('text', { name: 'password_hash' })
  passwordHash!: string;

  @Column('text')
  role!: Role;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

@Entity('api_keys')
export class ApiKey {
  @PrimaryColumn('uuid')
  id!: string;

  /** SHA-256 in base64url; the key itself has 256 random bits and needs no slower hash. */
  @Column('text', { name: 'key_hash' })
  keyHash!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('text')
  label!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}

@Entity('account_owners')
export class AccountOwner {
  @PrimaryColumn('uuid', { name: 'account_id' })
  accountId!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('text')
  label!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

@Entity('refresh_tokens')
export class RefreshToken {
  /** SHA-256 in base64url. */
  @PrimaryColumn('text')
  hash!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** All tokens that descend from one login. */
  @Column('uuid')
  family!: string;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  /** Set when the token was exchanged for its successor: seeing it again means that it was stolen. */
  @Column('timestamptz', { name: 'used_at', nullable: true })
  usedAt!: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}

export const identityEntities = [User, ApiKey, AccountOwner, RefreshToken];

class CreateIdentity1735689600000 implements MigrationInterface {
  readonly name = 'CreateIdentity1735689600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table users (
        id uuid primary key,
        email text not null unique check (email = lower(email)),
        password_hash text not null,
        role text not null check (role in (${roles.map((role) => `'${role}'`).join(', ')})),
        created_at timestamptz not null
      );
      create table api_keys (
        id uuid primary key,
        key_hash text not null unique,
        user_id uuid not null references users,
        label text not null,
        created_at timestamptz not null,
        revoked_at timestamptz
      );
      create index on api_keys (user_id);
      create table account_owners (
        account_id uuid primary key,
        user_id uuid not null references users,
        label text not null,
        created_at timestamptz not null
      );
      create index on account_owners (user_id);
      create table refresh_tokens (
        hash text primary key,
        user_id uuid not null references users,
        family uuid not null,
        expires_at timestamptz not null,
        used_at timestamptz,
        revoked_at timestamptz
      );
      create index on refresh_tokens (user_id);
      create index on refresh_tokens (family);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table refresh_tokens, account_owners, api_keys, users');
  }
}

export const identityMigrations = [CreateIdentity1735689600000];
