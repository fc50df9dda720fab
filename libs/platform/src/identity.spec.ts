import { accountOf, mayReach, type Identity } from './identity';
import { Problem } from './problem-details';

const identity = (role: Identity['role'], accountIds: string[] = ['mine', 'mine too']): Identity => ({
  userId: 'u',
  email: 'u@example.com',
  role,
  accountIds,
  ...(accountIds[0] !== undefined && { defaultAccountId: accountIds[0] }),
});

const refusalOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return `${String(error.status)} ${error.code}`;
    throw error;
  }
};

describe('the account a request is for', () => {
  it('is the one it names', () => expect(accountOf(identity('trader'), 'mine too')).toBe('mine too'));
  it('is the oldest when it names none', () => expect(accountOf(identity('trader'))).toBe('mine'));

  it.each([
    ['trader', 'mine', 'write', 'mine'],
    ['trader', 'mine', 'read', 'mine'],
    ['trader', 'foreign', 'write', '404 ACCOUNT_NOT_FOUND'],
    ['trader', 'foreign', 'read', '404 ACCOUNT_NOT_FOUND'],
    ['admin', 'mine', 'write', 'mine'],
    ['admin', 'foreign', 'write', '404 ACCOUNT_NOT_FOUND'],
    ['admin', 'foreign', 'read', 'foreign'],
    ['auditor', 'mine', 'write', '403 READ_ONLY'],
    ['auditor', 'foreign', 'write', '403 READ_ONLY'],
    ['auditor', 'foreign', 'read', 'foreign'],
  ] as const)('for a %s who asks for %s to %s is %s', (role, account, access, outcome) => {
    expect(refusalOf(() => accountOf(identity(role), account, access))).toBe(outcome);
    expect(mayReach(identity(role), account, access)).toBe(outcome === account);
  });

  it('does not exist for a user without one', () =>
    expect(refusalOf(() => accountOf(identity('trader', [])))).toBe('403 NO_ACCOUNT'));
});
