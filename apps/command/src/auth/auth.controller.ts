/** How people get in: register, log in, stay logged in. Programs use the API key that `register` hands out. */

import { Body, Controller, HttpCode, Inject, Ip, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsEmail, IsString, Length, MaxLength } from 'class-validator';
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
  private readonly perEmail = new RateLimit({ triesMax: 10, windowMs: minuteMs });
  private readonly perAddress = new RateLimit({ triesMax: 100, windowMs: minuteMs });

  constructor(
    private readonly identities: Identities,
    @Inject(OPEN_ACCOUNT) private readonly openAccount: OpenAccount,
  ) {}

  @Post('register')
  @ApiOperation({ summary: 'Become a trader with one account and one API key; the key is shown this once' })
  @ApiResponse({ status: 201, description: '{ userId, accountId, apiKey }' })
  @ApiResponse({ status: 409, description: 'EMAIL_TAKEN' })
  register(@Body() { email, password }: Register, @Ip() address: string): Promise<Registered> {
    this.perAddress.count(address);
    return this.identities.register({ email, password }, this.openAccount);
  }

  @Post('login')
  @HttpCode(200)
  @ApiOperation({ summary: 'Get an access token (Authorization: Bearer) and a refresh token' })
  @ApiResponse({ status: 200, description: '{ accessToken, refreshToken, expiresInSec }' })
  @ApiResponse({ status: 401, description: 'WRONG_CREDENTIALS' })
  login(@Body() { email, password }: Login, @Ip() address: string): Promise<Tokens> {
    this.perAddress.count(address);
    this.perEmail.count(email.toLowerCase());
    return this.identities.login(email, password);
  }

  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({ summary: 'Exchange a refresh token for new tokens; each can be used once' })
  @ApiResponse({ status: 200, description: '{ accessToken, refreshToken, expiresInSec }' })
  @ApiResponse({ status: 401, description: 'INVALID_REFRESH_TOKEN' })
  refresh(@Body() { refreshToken }: Refresh, @Ip() address: string): Promise<Tokens> {
    this.perAddress.count(address);
    return this.identities.refresh(refreshToken);
  }
}
