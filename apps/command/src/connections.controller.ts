import { networkInterfaces } from 'node:os';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsIn, IsIP, IsObject, IsOptional, IsUUID, Length, Matches } from 'class-validator';
import { BROKER_NAMES, type BrokerAdapter, type BrokerName, CredentialsError } from '#brokers/client';
import type { FastifyRequest } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity, Public } from '#platform/identity';
import { HOT_STATE, type HotState } from '#platform/hot-state';
import { Problem } from '#platform/problem-details';
import { RateLimit } from '#platform/rate-limit';
import { ConnectError, Connections, type ConnectionView } from './connections';
import { LiveAccounts } from './live-accounts';

/** Injects the adapters by name. */
export const ADAPTERS = Symbol('Adapters');
export type Adapters = Readonly<Record<BrokerName, BrokerAdapter>>;

const TRIES_MAX = 60;
const POSTBACKS_MAX = 600;

class Connect {
  @ApiProperty({ enum: BROKER_NAMES })
  @IsIn(BROKER_NAMES)
  broker!: BrokerName;

  @ApiProperty({
    type: Object,
    description:
      'upstox: accessToken, apiKey · zerodha: apiKey, apiSecret, accessToken · fyers: appId, accessToken · ' +
      'angelone: apiKey, clientCode, jwtToken, feedToken. Kept encrypted, never shown again.',
  })
  @IsObject()
  credentials!: Record<string, unknown>;

  @ApiPropertyOptional({ format: 'uuid', description: 'A live account; your first one is opened when you name none.' })
  @IsOptional()
  @IsUUID()
  accountId?: string;

  @ApiPropertyOptional({ description: 'Of an algorithm that is registered with the exchange.' })
  @IsOptional()
  @Length(1, 40)
  @Matches(/^[\w .-]+$/)
  algoId?: string;

  @ApiPropertyOptional({ description: 'Local address that orders leave from: the one registered with the broker.' })
  @IsOptional()
  @IsIP()
  egressAddress?: string;
}

class ConnectionDocument {
  @ApiProperty({ format: 'uuid' }) connectionId!: string;
  @ApiProperty({ format: 'uuid' }) accountId!: string;
  @ApiProperty({ enum: BROKER_NAMES }) broker!: string;
  @ApiProperty({ description: 'The broker’s name for its client.' }) clientId!: string;
  @ApiProperty({ enum: ['CONNECTED', 'LOGIN_REQUIRED', 'DISCONNECTED'] }) state!: string;
  @ApiProperty({ format: 'date-time' }) sessionEndsAt!: string;
}

class ConnectionsDocument {
  @ApiProperty({ type: [ConnectionDocument] }) items!: ConnectionDocument[];
}

@ApiTags('brokers')
@Controller('broker')
export class ConnectionsController {
  /** Each try is a call to a broker, in our name. */
  private readonly perUser: RateLimit;
  /** Each unsigned postback costs a call, too. */
  private readonly perConnection: RateLimit;

  constructor(
    private readonly connections: Connections,
    private readonly accounts: LiveAccounts,
    @Inject(ADAPTERS) private readonly adapters: Adapters,
    @Inject(HOT_STATE) hotState: HotState,
  ) {
    this.perUser = new RateLimit(hotState, { name: 'broker-connect', triesMax: TRIES_MAX, windowMs: 60_000 });
    this.perConnection = new RateLimit(hotState, { name: 'postback', triesMax: POSTBACKS_MAX, windowMs: 60_000 });
  }

  @Post('connect')
  @HttpCode(200)
  @ApiOperation({ summary: 'Connect an account to a broker, or log it in again; the broker is asked first' })
  @ApiResponse({ status: 200, type: ConnectionDocument })
  @ApiResponse({ status: 401, description: 'BROKER_AUTH_FAILED, BROKER_TOKEN_EXPIRED' })
  @ApiResponse({ status: 403, description: 'BROKER_CREDENTIALS_MISMATCH, BROKER_ADDRESS_REFUSED' })
  @ApiResponse({ status: 502, description: 'BROKER_UNREADABLE' })
  @ApiResponse({ status: 503, description: 'BROKER_UNREACHABLE' })
  async connect(@CurrentIdentity() identity: Identity, @Body() body: Connect): Promise<ConnectionView> {
    const { broker, algoId, egressAddress } = body;
    await this.perUser.count(identity.userId);
    if (identity.role === 'auditor') throw new Problem(403, 'READ_ONLY', 'An auditor reads and does not trade.');
    if (egressAddress !== undefined && !isOurs(egressAddress))
      throw new Problem(400, 'VALIDATION_FAILED', 'Orders cannot leave from that address.', {
        errors: [{ field: 'egressAddress', message: 'is no address of this machine' }],
      });
    const credentials = this.credentialsOf(broker, body.credentials);
    const { userId } = identity;
    const asked = body.accountId === undefined ? undefined : accountOf(identity, body.accountId);
    try {
      const found = await this.accounts.look(userId, asked, { broker, credentials, egressAddress });
      const view = await this.connections.connect({
        userId,
        accountId: found.accountId,
        broker,
        credentials,
        ...(algoId !== undefined && { algoId }),
        ...(egressAddress !== undefined && { egressAddress }),
      });
      await this.accounts.enter(userId, broker, found);
      return view;
    } catch (error) {
      throw error instanceof ConnectError ? problemOfConnect(error) : error;
    }
  }

  @Get('connections')
  @ApiOperation({ summary: 'Your connections, without their secrets' })
  @ApiResponse({ status: 200, type: ConnectionsDocument })
  async list(@CurrentIdentity() identity: Identity): Promise<{ items: readonly ConnectionView[] }> {
    const all = await Promise.all(identity.accountIds.map((accountId) => this.connections.views(accountId)));
    return { items: all.flat() };
  }

  @Delete('connections/:accountId/:broker')
  @ApiOperation({ summary: 'Disconnect and erase the secret; orders that are open at the broker stay there' })
  @ApiResponse({ status: 200, type: ConnectionDocument })
  @ApiResponse({ status: 404, description: 'CONNECTION_NOT_FOUND' })
  async disconnect(
    @CurrentIdentity() identity: Identity,
    @Param('accountId') accountId: string,
    @Param('broker') broker: string,
  ): Promise<ConnectionView> {
    const name = BROKER_NAMES.find((known) => known === broker);
    const owned = accountOf(identity, accountId);
    const known = name && (await this.connections.views(owned)).find((view) => view.broker === name);
    if (!name || !known) throw new Problem(404, 'CONNECTION_NOT_FOUND', 'There is no such connection.');
    return this.connections.disconnect(owned, identity.userId, name);
  }

  /** What a broker tells by itself. Nothing in it is believed unless it is signed; otherwise it says where to look. */
  @Public()
  @Post('postback/:broker/:accountId/:connectionId')
  @HttpCode(200)
  @ApiOperation({ summary: 'For the broker’s postbacks of one connection' })
  async postback(
    @Param('broker') broker: string,
    @Param('accountId') accountId: string,
    @Param('connectionId') connectionId: string,
    @Req() request: FastifyRequest,
  ): Promise<{ status: 'taken' | 'read' }> {
    const name = BROKER_NAMES.find((known) => known === broker);
    const credentials = name && (await this.connections.addressee(connectionId, accountId, name));
    if (!name || !credentials) throw new Problem(404, 'CONNECTION_NOT_FOUND', 'There is no such connection.');
    const told = this.adapters[name].readPostback(textOf(request.body), credentials);
    if (told.kind === 'refused')
      throw new Problem(401, 'POSTBACK_REFUSED', told.evidence.message ?? 'The postback cannot be believed.');
    await this.perConnection.count(connectionId);
    const session = await this.connections.session(accountId, name);
    if (!session) throw new Problem(409, 'LOGIN_REQUIRED', 'The connection has no session.');
    if (told.kind === 'order') await session.follower.take(told.row);
    else await session.follower.hint(told.brokerOrderId);
    return { status: told.kind === 'order' ? 'taken' : 'read' };
  }

  private credentialsOf(broker: BrokerName, input: Record<string, unknown>) {
    try {
      return this.adapters[broker].readCredentials(input);
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      throw new Problem(400, 'VALIDATION_FAILED', 'These are no credentials of that broker.', {
        errors: error.fields.map(({ field, message }) => ({ field: `credentials.${field}`, message })),
      });
    }
  }
}

/** As it came, but for its spaces. @throws Problem 400 for what nobody can have meant. */
const textOf = (body: unknown): string => {
  try {
    return JSON.stringify(body ?? null);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Problem(400, 'VALIDATION_FAILED', 'The body is nested too deeply.', {
      errors: [{ field: '', message: 'is nested too deeply' }],
    });
  }
};

const isOurs = (address: string): boolean =>
  Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));

const PROBLEMS: Readonly<Record<ConnectError['reason'], readonly [status: number, code: string, detail: string]>> = {
  auth: [401, 'BROKER_AUTH_FAILED', 'The broker does not know this access token.'],
  expired: [401, 'BROKER_TOKEN_EXPIRED', 'The session is over: log in at the broker again.'],
  mismatch: [
    403,
    'BROKER_CREDENTIALS_MISMATCH',
    'The credentials belong to another client, or do not belong together.',
  ],
  address: [403, 'BROKER_ADDRESS_REFUSED', 'The broker does not take calls from this address.'],
  busy: [503, 'BROKER_BUSY', 'The broker takes no more calls for now. Nothing was kept; try again in a minute.'],
  unreachable: [503, 'BROKER_UNREACHABLE', 'The broker did not answer. Nothing was kept; try again.'],
  unreadable: [502, 'BROKER_UNREADABLE', 'The broker’s answer is not what it documents. Nothing was kept.'],
};

const problemOfConnect = ({ reason, evidence }: ConnectError): Problem => {
  const [status, code, detail] = PROBLEMS[reason];
  const said = evidence.message === undefined ? '' : ` It said: ${evidence.message}`;
  return new Problem(status, code, `${detail}${said}`);
};
