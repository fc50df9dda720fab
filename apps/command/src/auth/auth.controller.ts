/** How people get in: register, log in, stay logged in. Programs use the API key that `register` hands out. */

import { Body, Controller, HttpCode, Inject, Ip, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsEmail, IsString, Length, MaxLength } from 'class-validator';
import { HOT_STATE, type HotState } from '#platform/hot-state';
import { Identities, type Registered, type Tokens } from '#platform/identities';
import { OPEN_ACCOUNT, Public, type OpenAccount } from '#platform/identity';
import { RateLimit } from '#platform/rate-limit';

class Register {
  @ApiProperty({ example: 'asha@example.com', maxLength: 254 })
  @MaxLength(254)
  @IsEmail()
  email!: string;

  @ApiProperty({ minLength: 10, maxLength: 128 })
  @Length(10, 128)
  @IsString()
  password!: string;
}

class Login {
  @ApiProperty({ maxLength: 254 })
  @MaxLength(254)
  @IsString()
  email!: string;

  @ApiProperty({ maxLength: 128 })
  @MaxLength(128)
  @IsString()
  password!: string;
}

class Refresh {
  @ApiProperty({ maxLength: 128 })
  @MaxLength(128)
  @IsString()
  refreshToken!: string;
}

const minuteMs = 60_000;

@Public()
@ApiTags('people')
@Controller('auth')
export class AuthController {
  /** Against guessing one person's password, and against guessing from one place. */
  private readonly perEmail: RateLimit;
  private readonly perAddress: RateLimit;

  constructor(
    private readonly identities: Identities,
    @Inject(OPEN_ACCOUNT) private readonly openAccount: OpenAccount,
    @Inject(HOT_STATE) hotState: HotState,
  ) {
    this.perEmail = new RateLimit(hotState, { name: 'login-email', triesMax: 10, windowMs: minuteMs });
    this.perAddress = new RateLimit(hotState, { name: 'auth-address', triesMax: 100, windowMs: minuteMs });
  }

  @Post('register')
  @ApiOperation({ summary: 'Become a trader with one account and one API key; the key is shown this once' })
  @ApiResponse({ status: 201, description: '{ userId, accountId, apiKey }' })
  @ApiResponse({ status: 409, description: 'EMAIL_TAKEN' })
  async register(@Body() { email, password }: Register, @Ip() address: string): Promise<Registered> {
    await this.perAddress.count(address);
    return this.identities.register({ email, password }, this.openAccount);
  }

  @Post('login')
  @HttpCode(200)
  @ApiOperation({ summary: 'Get an access token (Authorization: Bearer) and a refresh token' })
  @ApiResponse({ status: 200, description: '{ accessToken, refreshToken, expiresInSec }' })
  @ApiResponse({ status: 401, description: 'WRONG_CREDENTIALS' })
  async login(@Body() { email, password }: Login, @Ip() address: string): Promise<Tokens> {
    await this.perAddress.count(address);
    await this.perEmail.count(email.toLowerCase());
    return this.identities.login(email, password);
  }

  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({ summary: 'Exchange a refresh token for new tokens; each can be used once' })
  @ApiResponse({ status: 200, description: '{ accessToken, refreshToken, expiresInSec }' })
  @ApiResponse({ status: 401, description: 'INVALID_REFRESH_TOKEN' })
  async refresh(@Body() { refreshToken }: Refresh, @Ip() address: string): Promise<Tokens> {
    await this.perAddress.count(address);
    return this.identities.refresh(refreshToken);
  }
}
