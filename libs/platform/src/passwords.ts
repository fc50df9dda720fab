/** Passwords are kept as argon2id hashes; hashing is slow on purpose, and so is allowed only a share of the machine. */

import { randomBytes } from 'node:crypto';
import { Algorithm, hash, verify } from '@node-rs/argon2';
import { Problem } from './problem-details';

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const cost = { algorithm: Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Half of Node's worker threads, so that logins never starve file and DNS work. */
const runningMax = 2;
/** With some 30 ms each, who comes later would wait for longer than a second. */
const waitingMax = 64;

export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  /** Hash of a password that nobody has. Made outside of the turns, so that it cannot be refused as too many. */
  private readonly nobody = hash(randomBytes(32).toString('hex'), cost);

  /** @throws Problem 503 BUSY when too many are being hashed already. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(plain(password), cost));
  }

  /**
   * Whether the password belongs to the hash. Without a hash (no such user) it works just as long and says no, so
   * that the time taken does not tell who has an account.
   * @throws Problem 503 BUSY when too many are being hashed already.
   */
  async matches(password: string, passwordHash: string | undefined): Promise<boolean> {
    const stored = passwordHash ?? (await this.nobody);
    const matches = await this.inTurn(() => verify(stored, plain(password)));
    return matches && passwordHash !== undefined;
  }

  private async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running >= runningMax) {
      if (this.waiting.length >= waitingMax) {
        throw new Problem(503, 'BUSY', 'Too many people are logging in. Try again shortly.', {
          headers: { 'retry-after': '1' },
        });
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      // The turn is handed on, or given back when nobody waits.
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}

/** The same password typed on two keyboards is the same text. */
const plain = (password: string): string => password.normalize('NFKC');
