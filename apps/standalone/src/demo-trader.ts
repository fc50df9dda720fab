import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { Identities } from '#platform/identities';
import type { OpenAccount } from '#platform/identity';
import { AccountOwner, User } from '#platform/identity-tables';

/** What `demo-credentials.json` holds, readable by its owner only. */
export interface DemoCredentials {
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
  readonly accountId: string;
}

/** The credentials file was tampered with; one line for the person who did it. */
export class DemoTraderError extends Error {
  override readonly name = 'DemoTraderError';
}

/** Written before the user exists, so that a start that dies in between can go on where it stopped. */
type Draft = Pick<DemoCredentials, 'email' | 'password'> & Partial<DemoCredentials>;

/** Where the credentials of the demo trader lie. */
export const demoCredentialsFile = (dataDir: string): string => join(dataDir, 'demo-credentials.json');

/**
 * A trader with a paper account for whoever starts this on a fresh machine. Made once per data directory; the next
 * start finds it again.
 */
export const demoTrader = async (
  dataDir: string,
  { dataSource, identities, openAccount }: { dataSource: DataSource; identities: Identities; openAccount: OpenAccount },
): Promise<DemoCredentials> => {
  const file = demoCredentialsFile(dataDir);
  const draft = read(file) ?? newDraft();
  const user = await dataSource.manager.findOneBy(User, { email: draft.email });
  if (user && isComplete(draft)) return draft;
  write(file, { email: draft.email, password: draft.password });
  const made = user
    ? await again(dataSource, identities, user.id)
    : await identities.register({ ...draft, accountLabel: 'paper' }, openAccount);
  const credentials = { email: draft.email, password: draft.password, apiKey: made.apiKey, accountId: made.accountId };
  write(file, credentials);
  return credentials;
};

/** The user was stored, its API key was not: only the user ever sees a key, so it gets another one. */
const again = async (
  dataSource: DataSource,
  identities: Identities,
  userId: string,
): Promise<Pick<DemoCredentials, 'apiKey' | 'accountId'>> => {
  const { accountId } = await dataSource.manager.findOneByOrFail(AccountOwner, { userId });
  return { accountId, apiKey: await identities.createApiKey(userId, 'demo') };
};

const newDraft = (): Draft => ({
  email: `demo-${randomBytes(3).toString('hex')}@coordinator.example`,
  password: randomBytes(18).toString('base64url'),
});

const isComplete = (draft: Draft): draft is DemoCredentials =>
  draft.apiKey !== undefined && draft.accountId !== undefined;

const read = (file: string): Draft | undefined => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = parse(text);
  if (!isDraft(parsed))
    throw new DemoTraderError(`${file} holds no e-mail and password: remove it to get another demo trader`);
  return parsed;
};

/** `undefined` for what is not JSON, which is no credentials either. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const isDraft = (value: unknown): value is Draft =>
  typeof value === 'object' &&
  value !== null &&
  ['email', 'password'].every((name) => typeof Reflect.get(value, name) === 'string') &&
  ['apiKey', 'accountId'].every((name) => ['string', 'undefined'].includes(typeof Reflect.get(value, name)));

/** Whole or not at all: a reader never sees half a file. */
const write = (file: string, content: Draft): void => {
  const part = `${file}.part`;
  writeFileSync(part, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(part, file);
};
