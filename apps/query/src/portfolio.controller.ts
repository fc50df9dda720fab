import { Controller, Headers, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity } from '#platform/identity';
import { pageOf } from './account-page';
import { Consistency } from './consistency';
import { AccountFilter, Conditions, decodeTexts, encodeTexts, limitOf } from './filters';
import { ReadModel } from './read-model';
import { MIN_POSITION, MinPosition, NO_ACCOUNT, positionOf, Read, stamp, standAt } from './read-route';
import { PORTFOLIO_DAY, PortfolioPage, POSITION, selectList, TABLE } from './views';

const OPEN_OR_FLAT = /^(open|flat)$/;
const KEY = /^[^\0]{0,100}$/;
const PRODUCT = /^[A-Z]{1,10}$/;

/** What an account has, and what it has made of what it had. */
@ApiTags('reads')
@MinPosition()
@Controller('v2/portfolio')
export class PortfolioController {
  constructor(
    private readonly model: ReadModel,
    private readonly consistency: Consistency,
  ) {}

  @Read('', 'Positions of an account, open ones first, and the sums of its last trading day', PortfolioPage, NO_ACCOUNT)
  async portfolio(
    @CurrentIdentity() identity: Identity,
    @Query() filter: AccountFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const account = accountOf(identity, filter.accountId, 'read');
    const conditions = new Conditions().add([account], (at) => `account_id = ${at}`);
    if (filter.cursor !== undefined) {
      const [state, key, product] = decodeTexts(filter.cursor, [OPEN_OR_FLAT, KEY, PRODUCT]);
      conditions.add(
        [state === 'flat', key, product],
        (...last) => `(quantity = 0, instrument_key, product) > (${last.join(', ')})`,
      );
    }
    const checkpoint = await standAt(this.model, await this.consistency.positionFor(identity, positionOf(minPosition)));
    const [days, { items, nextCursor }] = await Promise.all([
      this.model.texts(
        `select row_to_json(item) from (
           select ${selectList(PORTFOLIO_DAY)} from ${TABLE.positions} where account_id = $1 and trading_date is not null
           group by trading_date order by trading_date desc limit 1
         ) as item`,
        [account],
      ),
      pageOf(this.model, {
        text: `select ${selectList(POSITION)} from ${TABLE.positions} where ${conditions.text}
               order by quantity = 0, instrument_key, product`,
        conditions,
        limit: limitOf(filter),
        cursorOf: ({ quantity, instrumentKey, product }) =>
          encodeTexts([quantity === 0 ? 'flat' : 'open', String(instrumentKey), String(product)]),
      }),
    ]);
    stamp(reply, checkpoint);
    const day = days[0] ?? 'null';
    return `{"accountId":${JSON.stringify(account)},"day":${day},"items":[${items}],"nextCursor":${nextCursor}}`;
  }
}
