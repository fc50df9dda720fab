import { Controller, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from '#platform/fastify';
import { accountOf, CurrentIdentity, type Identity } from '#platform/identity';
import { pageOf } from './account-page';
import { Consistency } from './consistency';
import { Conditions, DAY, dayOf, decodeTexts, encodeTexts, limitOf, NoteFilter, NoteTradeFilter } from './filters';
import { ReadModel } from './read-model';
import { MIN_POSITION, MinPosition, NO_ACCOUNT, positionOf, Read, stamp, standAt } from './read-route';
import { NOTE, NOTE_TRADE, NotePage, NoteTradePage, selectList, TABLE } from './views';

const NAME = /^[^\0]{0,40}$/;
const POSITION = /^\d{1,15}$/;

/** What trading has cost, by contract note: one a trading day, broker and segment of an exchange. */
@ApiTags('reads')
@MinPosition()
@Controller('v2/charges/notes')
export class ChargesController {
  constructor(
    private readonly model: ReadModel,
    private readonly consistency: Consistency,
  ) {}

  @Read('', 'Contract notes of an account, the latest first', NotePage, NO_ACCOUNT)
  async notes(
    @CurrentIdentity() identity: Identity,
    @Query() filter: NoteFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const { from, to, cursor } = filter;
    const account = accountOf(identity, filter.accountId, 'read');
    const conditions = new Conditions().add([account], (at) => `account_id = ${at}`);
    if (from !== undefined) conditions.add([dayOf('from', from)], (at) => `trading_date >= ${at}::date`);
    if (to !== undefined) conditions.add([dayOf('to', to)], (at) => `trading_date <= ${at}::date`);
    if (cursor !== undefined) {
      const [date = '', broker, segment] = decodeTexts(cursor, [DAY, NAME, NAME]);
      conditions.add(
        [dayOf('cursor', date), broker, segment],
        (day, lastBroker, lastSegment) =>
          // The first part alone is what the index is read by.
          `trading_date <= ${day}::date and (trading_date < ${day}::date or (broker, exchange_segment) > (${lastBroker}, ${lastSegment}))`,
      );
    }
    const checkpoint = await standAt(this.model, await this.consistency.positionFor(identity, positionOf(minPosition)));
    const { items, nextCursor } = await pageOf(this.model, {
      text: `select ${selectList(NOTE)} from ${TABLE.tradeCharges} where ${conditions.text}
             group by trading_date, broker, exchange_segment
             order by trading_date desc, broker, exchange_segment`,
      conditions,
      limit: limitOf(filter),
      cursorOf: ({ date, broker, segment }) => encodeTexts([date, broker, segment].map(String)),
    });
    stamp(reply, checkpoint);
    return `{"items":[${items}],"nextCursor":${nextCursor}}`;
  }

  @Read(':date/trades', 'What each trade of a day was charged, oldest first', NoteTradePage, NO_ACCOUNT)
  async trades(
    @CurrentIdentity() identity: Identity,
    @Param('date') date: string,
    @Query() filter: NoteTradeFilter,
    @Headers(MIN_POSITION) minPosition: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const { broker, segment, cursor } = filter;
    const day = dayOf('date', date);
    const account = accountOf(identity, filter.accountId, 'read');
    const conditions = new Conditions()
      .add([account], (at) => `account_id = ${at}`)
      .add([day], (at) => `trading_date = ${at}::date`);
    if (broker !== undefined) conditions.add([broker], (at) => `broker = ${at}`);
    if (segment !== undefined) conditions.add([segment], (at) => `exchange_segment = ${at}`);
    if (cursor !== undefined) conditions.add(decodeTexts(cursor, [POSITION]), (at) => `position > ${at}::bigint`);
    const checkpoint = await standAt(this.model, await this.consistency.positionFor(identity, positionOf(minPosition)));
    const { items, nextCursor } = await pageOf(this.model, {
      text: `select ${selectList(NOTE_TRADE)} from ${TABLE.tradeCharges} as charged
             where ${conditions.text} order by position`,
      conditions,
      limit: limitOf(filter),
      cursorOf: ({ position }) => encodeTexts([String(position)]),
    });
    stamp(reply, checkpoint);
    return `{"items":[${items}],"nextCursor":${nextCursor}}`;
  }
}
