/**
 * Who is asking, and which accounts they reach. This file is the one place where access to an account is decided.
 */

import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from './fastify';
import { Problem } from './problem-details';

export const roles = ['trader', 'admin', 'auditor'] as const;
export type Role = (typeof roles)[number];

export interface Identity {
  readonly userId: string;
  readonly email: string;
  readonly role: Role;
  /** The accounts the user owns, oldest first. */
  readonly accountIds: readonly string[];
  /** Used where a request names no account: the oldest one. */
  readonly defaultAccountId?: string;
}

export type Access = 'read' | 'write';

/**
 * Whether the identity may do this to the account: owners read and write, unless they are auditors, who only read;
 * admins and auditors read every account.
 */
export const mayReach = (identity: Identity, accountId: string, access: Access): boolean =>
  access === 'read' && identity.role !== 'trader'
    ? true
    : identity.role !== 'auditor' && identity.accountIds.includes(accountId);

/**
 * The account a request is for: the one it names, or else the user's oldest.
 * @throws Problem 404 for an account that is not theirs, exactly as for one that does not exist; 403 when they have
 * none, or may only read.
 */
export const accountOf = (identity: Identity, requestedAccountId?: string, access: Access = 'write'): string => {
  if (access === 'write' && identity.role === 'auditor') {
    throw new Problem(403, 'READ_ONLY', 'An auditor reads and does not trade.');
  }
  const accountId = requestedAccountId ?? identity.defaultAccountId;
  if (accountId === undefined) throw new Problem(403, 'NO_ACCOUNT', 'This user has no account.');
  if (!mayReach(identity, accountId, access)) {
    throw new Problem(404, 'ACCOUNT_NOT_FOUND', 'There is no such account.');
  }
  return accountId;
};

/** Opens a trading account for a user who has just registered, and answers with its id once that is durable. */
export type OpenAccount = (userId: string) => Promise<string>;
/** Injects an `OpenAccount`; provided by the app that holds the write side. */
export const OPEN_ACCOUNT = Symbol('OpenAccount');

const publicRoute = 'coordinator:public';

/** This route, or every route of this controller, answers anybody. All others ask for an identity. */
export const Public = (): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(publicRoute, true), ApiSecurity({}));

export const isPublic = (context: ExecutionContext): boolean =>
  [context.getHandler(), context.getClass()].some((target) => Reflect.getMetadata(publicRoute, target) === true);

/** A request after the guard has seen it. */
export type IdentifiedRequest = FastifyRequest & { identity?: Identity };

/** The identity that the guard found: `place(@CurrentIdentity() identity: Identity)`. Not for public routes. */
export const CurrentIdentity = createParamDecorator((_: unknown, context: ExecutionContext): Identity => {
  const { identity } = context.switchToHttp().getRequest<IdentifiedRequest>();
  if (identity === undefined) throw new Error('a public route asked for an identity');
  return identity;
});
