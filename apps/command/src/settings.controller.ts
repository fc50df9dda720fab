import { Body, Controller, Get, Headers, Patch, Put, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsOptional, IsUUID } from 'class-validator';
import { Refused } from '#domain/decider';
import type { Versioned } from '#domain/settings/document';
import { haltOf } from '#domain/settings/effective';
import type { HouseSettings } from '#domain/settings/house-settings';
import type { UserSettings } from '#domain/settings/user-settings';
import type { FastifyReply, FastifyRequest } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity, mayReach } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import { correlationId } from '#platform/request-context';
import { AccountOwners } from './account-owners';
import { versionIn } from './if-match';
import { type Author, type Changed, HOUSE_STREAM, type RecordedChange, Settings, userStreamOf } from './settings';
import {
  checkHouseBody,
  checkUserBody,
  HistoryDocument,
  HouseSettingsBody,
  houseSettingsFrom,
  presentable,
  presentableAt,
  UserSettingsBody,
  userSettingsFrom,
} from './settings-body';

/** Settings belong to no account. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

class OfAccount {
  @ApiPropertyOptional({ format: 'uuid', description: 'Your oldest when absent.' })
  @IsOptional()
  @IsUUID()
  accountId?: string;
}

const IF_MATCH = {
  name: 'If-Match',
  required: true,
  description: 'The version that you have seen: `ETag` of the GET.',
};
const STALE = { status: 412, description: 'SETTINGS_STALE: the document has moved on' };
const REQUIRED = { status: 428, description: 'VERSION_REQUIRED' };
const BEYOND = { status: 422, description: 'SETTINGS_BEYOND_CEILING: names the limit and the ceiling' };

/**
 * Settings are documents with a version: whoever changes one says which version they have seen, so that of two who change
 * it at once one is told. PUT replaces the document, PATCH changes what it names (`null`: as if nobody had set it).
 */
@ApiTags('settings')
@Controller('v2/settings')
export class SettingsController {
  constructor(
    private readonly settings: Settings,
    private readonly owners: AccountOwners,
  ) {}

  @Get('user')
  @ApiOperation({ summary: 'Your settings; their version is the ETag' })
  @ApiResponse({ status: 200, type: UserSettingsBody })
  async user(@CurrentIdentity() { userId }: Identity, @Res({ passthrough: true }) reply: FastifyReply) {
    return answer(await this.settings.user(userId), reply);
  }

  @Put('user')
  @ApiOperation({ summary: 'Replace your settings: what is not named is as if you had never set it' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: UserSettingsBody })
  @ApiResponse(STALE)
  @ApiResponse(BEYOND)
  @ApiResponse(REQUIRED)
  putUser(
    @CurrentIdentity() identity: Identity,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: UserSettingsBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.changeUser(identity, ifMatch, body, reply, () => userSettingsFrom(request.body, undefined));
  }

  @Patch('user')
  @ApiOperation({ summary: 'Change those of your settings that are named' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: UserSettingsBody })
  @ApiResponse(STALE)
  @ApiResponse(BEYOND)
  @ApiResponse(REQUIRED)
  patchUser(
    @CurrentIdentity() identity: Identity,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: UserSettingsBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.changeUser(identity, ifMatch, body, reply, (present) => userSettingsFrom(request.body, present));
  }

  @Get('user/history')
  @ApiOperation({ summary: 'Who changed your settings, when, and what from what; the newest last' })
  @ApiResponse({ status: 200, type: HistoryDocument })
  async userHistory(@CurrentIdentity() { userId }: Identity) {
    return { items: (await this.settings.history(userStreamOf(userId))).map(presentableChange) };
  }

  @Get('house')
  @ApiOperation({ summary: 'The settings of the house; of the switches of accounts a trader sees their own' })
  @ApiResponse({ status: 200, type: HouseSettingsBody })
  async house(@CurrentIdentity() identity: Identity, @Res({ passthrough: true }) reply: FastifyReply) {
    return answer(seenBy(identity, await this.settings.house()), reply);
  }

  @Put('house')
  @ApiOperation({ summary: 'Replace the settings of the house, as an admin' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: HouseSettingsBody })
  @ApiResponse({ status: 403, description: 'ADMIN_ONLY' })
  @ApiResponse(STALE)
  @ApiResponse(REQUIRED)
  putHouse(
    @CurrentIdentity() identity: Identity,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: HouseSettingsBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.changeHouse(identity, ifMatch, body, reply, () =>
      houseSettingsFrom(request.body, undefined, this.settings.configured),
    );
  }

  @Patch('house')
  @ApiOperation({ summary: 'Change those settings of the house that are named, as an admin' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: HouseSettingsBody })
  @ApiResponse({ status: 403, description: 'ADMIN_ONLY' })
  @ApiResponse(STALE)
  @ApiResponse(REQUIRED)
  patchHouse(
    @CurrentIdentity() identity: Identity,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: HouseSettingsBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.changeHouse(identity, ifMatch, body, reply, (present) =>
      houseSettingsFrom(request.body, present, this.settings.configured),
    );
  }

  @Get('house/history')
  @ApiOperation({
    summary: 'Who changed the settings of the house; of the switches of accounts a trader sees their own',
  })
  @ApiResponse({ status: 200, type: HistoryDocument })
  async houseHistory(@CurrentIdentity() identity: Identity) {
    const history = await this.settings.history(HOUSE_STREAM);
    return {
      items: history
        .map((one) => ({ ...one, changes: one.changes.filter(({ field }) => maySee(identity, field)) }))
        .filter(({ changes }) => changes.length > 0)
        .map(presentableChange),
    };
  }

  @Get('limits')
  @ApiOperation({ summary: 'The limits that count for an account, whose word each of them is, and who may trade' })
  @ApiResponse({ status: 200, description: '{ accountId, userVersion, houseVersion, limits, sources, halt }' })
  async limits(@CurrentIdentity() identity: Identity, @Query() { accountId }: OfAccount) {
    const wanted = accountOf(identity, accountId, 'read');
    const owner = await this.owners.of(wanted);
    if (owner === '') throw new Problem(404, 'ACCOUNT_NOT_FOUND', 'There is no such account.');
    const { user, userVersion, house, houseVersion, effective } = await this.settings.prepare(owner);
    return {
      accountId: wanted,
      userVersion,
      houseVersion,
      limits: presentable(effective.limits),
      sources: Object.fromEntries(
        Object.entries(effective.sources).map(([field, source]) => [presentableAt(field, undefined)[0], source]),
      ),
      halt: haltOf({ house, user, accountId: wanted }),
    };
  }

  private async changeUser(
    identity: Identity,
    ifMatch: string | undefined,
    body: UserSettingsBody,
    reply: FastifyReply,
    next: (present: UserSettings) => UserSettings,
  ) {
    checkUserBody(body);
    const author = this.author(identity, ifMatch);
    return answerChange(await refusing(this.settings.changeUser(identity.userId, author, next)), reply);
  }

  private async changeHouse(
    identity: Identity,
    ifMatch: string | undefined,
    body: HouseSettingsBody,
    reply: FastifyReply,
    next: (present: HouseSettings) => HouseSettings,
  ) {
    if (identity.role !== 'admin') throw new Problem(403, 'ADMIN_ONLY', 'Only an admin sets this.');
    checkHouseBody(body);
    return answerChange(await refusing(this.settings.changeHouse(this.author(identity, ifMatch), next)), reply);
  }

  private author({ userId }: Identity, ifMatch: string | undefined): Author {
    return {
      expectedVersion: versionIn(ifMatch, 'settings'),
      meta: {
        userId,
        accountId: NOBODY,
        correlationId: correlationId(),
        causationId: userId,
        at: Date.now(),
        schemaVersion: 1,
      },
    };
  }
}

const answer = ({ version, document }: Versioned<object>, reply: FastifyReply): unknown => {
  void reply.headers({ etag: `"${String(version)}"`, 'cache-control': 'no-store' });
  return presentable(document);
};

const answerChange = (changed: Changed<object>, reply: FastifyReply): unknown => {
  if (changed.position > 0) void reply.header('Coordinator-Position', String(changed.position));
  return answer(changed, reply);
};

const presentableChange = ({ version, at, userId, changes }: RecordedChange) => ({
  version,
  at: new Date(at).toISOString(),
  userId,
  changes: changes.map(({ field, from, to }) => {
    const [name, before] = presentableAt(field, from);
    const [, after] = presentableAt(field, to);
    return { field: name, ...(before !== undefined && { from: before }), ...(after !== undefined && { to: after }) };
  }),
});

const ACCOUNT_HALT = /^halts\.accounts\.(.*)$/;

const maySee = (identity: Identity, field: string): boolean => {
  const [, accountId] = ACCOUNT_HALT.exec(field) ?? [];
  return accountId === undefined || mayReach(identity, accountId, 'read');
};

const seenBy = (identity: Identity, { version, document }: Versioned<HouseSettings>): Versioned<HouseSettings> => {
  const accounts = Object.entries(document.halts.accounts).filter(([accountId]) =>
    mayReach(identity, accountId, 'read'),
  );
  return { version, document: { ...document, halts: { ...document.halts, accounts: Object.fromEntries(accounts) } } };
};

/** Waits for a change; why it was refused is told in the words of the API. */
const refusing = async <T>(change: Promise<T>): Promise<T> => {
  try {
    return await change;
  } catch (error) {
    throw error instanceof Refused ? (problemOf(error) ?? error) : error;
  }
};

const problemOf = ({ code, detail }: Refused): Problem | undefined => {
  const at = String(detail['field'] ?? '');
  const [field] = presentableAt(at, undefined);
  const invalid = (message: string) =>
    new Problem(422, 'SETTINGS_INVALID', 'The document would make no sense.', { errors: [{ field, message }] });
  switch (code) {
    case 'settings.stale':
      return new Problem(
        412,
        'SETTINGS_STALE',
        `The settings stand at version ${String(detail['version'])}: read them again before you change them.`,
        { errors: [{ field: 'If-Match', message: `is not "${String(detail['version'])}"` }] },
      );
    case 'settings.beyond-ceiling': {
      const [, ceiling] = presentableAt(at, detail['ceiling']);
      return new Problem(422, 'SETTINGS_BEYOND_CEILING', 'The house does not allow that much.', {
        errors: [{ field, message: `must be ${String(detail['rule']).replace('-', ' ')} ${String(ceiling)}` }],
      });
    }
    case 'settings.out-of-range':
      return invalid(`must be from ${String(detail['min'])} to ${String(detail['max'])}`);
    case 'settings.not-whole':
      return invalid('must be a whole number of 0 or more');
    case 'settings.incomplete':
      return invalid('is missing: the limit needs all of its parts');
    case 'settings.malformed':
      return invalid(`must be ${String(detail['expected'])}`);
    default:
      return undefined;
  }
};
