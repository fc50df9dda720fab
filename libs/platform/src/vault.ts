/** Secrets that brokers want, sealed where everything else is kept. */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { CredentialsKey } from './config';

/** Where sealed secrets are kept. A `DataSource` is one. */
export interface VaultDatabase {
  query<T>(sql: string, parameters?: unknown[]): Promise<T>;
}

export interface VaultOptions {
  readonly dataSource: VaultDatabase;
  /** The first seals, all open. */
  readonly keys: readonly [CredentialsKey, ...CredentialsKey[]];
}

/** A secret that cannot be opened. Names it and says why; never what is in it. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
}

interface Sealed {
  readonly key_id: string;
  readonly nonce: Buffer;
  readonly sealed: Buffer;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Small records of texts in Postgres, each sealed with AES-256-GCM under a nonce of its own. The name is authenticated with
 * it: a row that somebody moved under another name does not open. Whoever has the table but no key has nothing.
 */
export class Vault {
  private readonly keys: ReadonlyMap<string, CredentialsKey>;
  private readonly sealing: CredentialsKey;

  constructor(private readonly options: VaultOptions) {
    [this.sealing] = options.keys;
    this.keys = new Map(options.keys.map((key) => [key.id, key]));
  }

  /** Keeps the secret in the place of the one that had its name. */
  async put(name: string, secret: Readonly<Record<string, string>>): Promise<void> {
    const { key_id, nonce, sealed } = seal(this.sealing, name, secret);
    await this.options.dataSource.query(
      `insert into sealed_secrets (name, key_id, nonce, sealed, updated_at) values ($1, $2, $3, $4, now())
       on conflict (name) do update set key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed,
         updated_at = excluded.updated_at`,
      [name, key_id, nonce, sealed],
    );
  }

  /**
   * `undefined` when there is no secret of that name.
   * @throws VaultError when it was sealed under a key that is not here, or was changed since.
   */
  async open(name: string): Promise<Record<string, string> | undefined> {
    const row = await this.row(name);
    return row && this.unseal(name, row);
  }

  /** Nothing is left of it here; backups of the database keep it, sealed, until they are gone. */
  async erase(name: string): Promise<void> {
    await this.options.dataSource.query(`delete from sealed_secrets where name = $1`, [name]);
  }

  /** In alphabetical order. */
  async names(prefix = ''): Promise<string[]> {
    return (await this.entries(prefix)).map(({ name }) => name);
  }

  /** In alphabetical order. `changed` is another text whenever the secret was put or touched since. */
  async entries(prefix = ''): Promise<{ readonly name: string; readonly changed: string }[]> {
    return this.options.dataSource.query<{ name: string; changed: string }[]>(
      `select name, updated_at::text as changed from sealed_secrets where starts_with(name, $1) order by name collate "C"`,
      [prefix],
    );
  }

  /** Tells whoever watches that something about this secret has changed, though not the secret. */
  async touch(name: string): Promise<void> {
    await this.options.dataSource.query(`update sealed_secrets set updated_at = clock_timestamp() where name = $1`, [
      name,
    ]);
  }

  /**
   * Seals anew what an older key has sealed, and tells how many there were; after that the older key may go. May run
   * beside itself and beside `put`: what was put meanwhile stays.
   * @throws VaultError when some cannot be opened, after all others were done.
   */
  async reseal(): Promise<number> {
    const { dataSource } = this.options;
    const rows = await dataSource.query<{ name: string }[]>(
      `select name from sealed_secrets where key_id <> $1 order by name`,
      [this.sealing.id],
    );
    const failures: string[] = [];
    let count = 0;
    for (const { name } of rows) {
      const old = await this.row(name);
      if (old === undefined || old.key_id === this.sealing.id) continue;
      try {
        const { key_id, nonce, sealed } = seal(this.sealing, name, this.unseal(name, old));
        const done = await dataSource.query<unknown[]>(
          `with done as (
             update sealed_secrets set key_id = $2, nonce = $3, sealed = $4, updated_at = now()
             where name = $1 and key_id = $5 and nonce = $6 returning name
           ) select name from done`,
          [name, key_id, nonce, sealed, old.key_id, old.nonce],
        );
        count += done.length;
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length > 0) throw new VaultError(failures.join('; '));
    return count;
  }

  private async row(name: string): Promise<Sealed | undefined> {
    const [row] = await this.options.dataSource.query<Sealed[]>(
      `select key_id, nonce, sealed from sealed_secrets where name = $1`,
      [name],
    );
    return row;
  }

  private unseal(name: string, { key_id, nonce, sealed }: Sealed): Record<string, string> {
    const refuse = (reason: string): never => {
      throw new VaultError(`the secret ${JSON.stringify(name)} cannot be opened: ${reason}`);
    };
    const key = this.keys.get(key_id) ?? refuse(`its key ${JSON.stringify(key_id)} is not among CREDENTIALS_KEYS`);
    let text: string;
    try {
      const decipher = createDecipheriv(CIPHER, key.key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(name));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      text = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8');
    } catch {
      // What OpenSSL has to say helps nobody, and an error with a cause is an error that is printed with it.
      return refuse(`it was changed, or the key ${JSON.stringify(key_id)} is another than the one that sealed it`);
    }
    return JSON.parse(text) as Record<string, string>;
  }
}

const seal = ({ id, key }: CredentialsKey, name: string, secret: Readonly<Record<string, string>>): Sealed => {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(name));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(secret), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { key_id: id, nonce, sealed };
};

/** Also tells what this is from whatever else may once be sealed under the same key. */
const boundTo = (name: string): Buffer => Buffer.from(`coordinator sealed secret 1\n${name}`, 'utf8');

class CreateSealedSecrets1767225660000 implements MigrationInterface {
  readonly name = 'CreateSealedSecrets1767225660000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table sealed_secrets (
        name text primary key,
        key_id text not null,
        nonce bytea not null,
        sealed bytea not null,
        updated_at timestamptz not null
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table sealed_secrets');
  }
}

export const vaultMigrations = [CreateSealedSecrets1767225660000];
