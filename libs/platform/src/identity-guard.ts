/** Every route asks who is there, unless it is marked `@Public()`. */

import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Identities } from './identities';
import { isPublic, type IdentifiedRequest, type Identity } from './identity';
import { Problem } from './problem-details';

@Injectable()
export class IdentityGuard implements CanActivate {
  constructor(private readonly identities: Identities) {}

  /** @throws Problem 401 UNAUTHENTICATED, without saying what exactly was wrong with the credentials. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (isPublic(context)) return true;
    const request = context.switchToHttp().getRequest<IdentifiedRequest>();
    const identity = await this.identify(request);
    if (identity === undefined) {
      throw new Problem(
        401,
        'UNAUTHENTICATED',
        'Send a valid X-Api-Key, or Authorization: Bearer with a valid token.',
        {
          headers: { 'www-authenticate': 'Bearer' },
        },
      );
    }
    request.identity = identity;
    return true;
  }

  /** An API key goes before a token. */
  private async identify({ headers }: IdentifiedRequest): Promise<Identity | undefined> {
    const apiKey = headers['x-api-key'];
    if (apiKey !== undefined) return typeof apiKey === 'string' ? this.identities.byApiKey(apiKey) : undefined;
    const accessToken = /^Bearer ([\w.-]{1,4096})$/i.exec(headers.authorization ?? '')?.[1];
    return accessToken === undefined ? undefined : this.identities.byAccessToken(accessToken);
  }
}
