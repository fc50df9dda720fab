import { randomUUID } from 'node:crypto';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { GroupMargin } from '#domain/margin/portfolio';
import { toRupees } from '#domain/money';
import { freezeOf } from '#domain/risk/checks';
import { istDay } from '#brokers/fields';
import { accountOf, CurrentIdentity, type Identity } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import { basketMargin, chargesOf, priced, type PricedLine, type Unpriced } from './estimates';
import { chargesDocument, ChargesDocument } from './line-document';
import { OrderBatch, toIntentLines } from './order-line';
import { utilisation } from './risk-desk';
import { WriteSide } from './write-side';

const RUPEES = { description: 'Rupees.' };

class LineChargesDocument {
  @ApiProperty({ description: 'Position of the line in the request, from 0.' }) line!: number;
  @ApiPropertyOptional({
    description: 'Of a line that would be cut: which slice. Each is an order, and is charged as one.',
  })
  slice?: number;
  @ApiProperty() broker!: string;
  @ApiProperty({ description: 'What it is taken to trade at, rupees.' }) price!: number;
  @ApiProperty({ type: ChargesDocument }) charges!: ChargesDocument;
}

class ChargesEstimateDocument {
  @ApiProperty({ enum: ['COMPUTED'] }) source!: 'COMPUTED';
  @ApiProperty({ format: 'date' }) tradingDate!: string;
  @ApiProperty({ type: [LineChargesDocument] }) lines!: LineChargesDocument[];
  @ApiProperty({ type: ChargesDocument }) total!: ChargesDocument;
}

class LineMarginDocument {
  @ApiProperty() line!: number;
  @ApiPropertyOptional() slice?: number;
  @ApiProperty(RUPEES) price!: number;
  @ApiProperty({ description: 'What it would need were it alone, rupees.' }) alone!: number;
}

class GroupMarginDocument {
  @ApiProperty({ example: 'NIFTY' }) underlying!: string;
  @ApiProperty({ description: 'Loss in the worst of the scenarios, rupees.' }) scan!: number;
  @ApiProperty() worstScenario!: number;
  @ApiProperty({ description: 'Charge for months that hedge each other, rupees.' }) interMonth!: number;
  @ApiProperty({ description: 'Options held less options sold, at the last close, rupees.' }) netOptionValue!: number;
  @ApiProperty({ description: 'As the clearing corporation asks for it, rupees.' }) span!: number;
  @ApiProperty({ description: 'Extreme loss margin, rupees.' }) elm!: number;
  @ApiProperty(RUPEES) total!: number;
  @ApiProperty({ description: 'As brokers show it: what stays blocked, rupees.' }) blocked!: number;
  @ApiProperty({ description: 'As brokers show it: what must be there to place the orders, rupees.' }) toPlace!: number;
  @ApiProperty({ description: 'Every contract alone, rupees.' }) unhedged!: number;
  @ApiProperty(RUPEES) benefit!: number;
  @ApiProperty({ description: 'False where the model is known to be off.' }) reliable!: boolean;
  @ApiProperty({
    type: String,
    format: 'date',
    nullable: true,
    description: 'The oldest day that any of it was computed from; null where nothing is left to compute.',
  })
  asOf!: string | null;
}

class MarginEstimateDocument {
  @ApiProperty({ enum: ['COMPUTED'], description: 'Our own estimate: the broker’s figure wins.' }) source!: 'COMPUTED';
  @ApiProperty({ format: 'date' }) tradingDate!: string;
  @ApiProperty({ format: 'date-time' }) computedAt!: string;
  @ApiProperty(RUPEES) available!: number;
  @ApiProperty({ description: 'Held while all of them are open: enough whichever of them fill. Rupees.' })
  toReserve!: number;
  @ApiProperty({ description: 'Bound once all of them have filled, more than now; premium included. Rupees.' })
  onceFilled!: number;
  @ApiProperty({ description: 'What the orders save each other and your positions once filled, rupees.' })
  benefit!: number;
  @ApiProperty() sufficient!: boolean;
  @ApiProperty({ type: [LineMarginDocument] }) lines!: LineMarginDocument[];
  @ApiProperty({ type: [GroupMarginDocument], description: 'Positions and basket together, by underlying.' })
  groups!: GroupMarginDocument[];
}

const NOT_KNOWN = { status: 422, description: 'ESTIMATE_NOT_KNOWN: names the line, and what is not known of it' };

/** What orders would cost and bind, before they are sent. Nothing is recorded. */
@ApiTags('estimates')
@Controller('v2')
export class EstimatesController {
  constructor(private readonly side: WriteSide) {}

  @Post('charges/estimate')
  @HttpCode(200)
  @ApiOperation({ summary: 'What orders would be charged, line by line' })
  @ApiResponse({ status: 200, type: ChargesEstimateDocument })
  @ApiResponse(NOT_KNOWN)
  async charges(
    @CurrentIdentity() identity: Identity,
    @Body() { orders }: OrderBatch,
  ): Promise<ChargesEstimateDocument> {
    const { basket, day } = await this.basket(identity, orders);
    const charges = known(chargesOf(basket, day));
    return {
      source: 'COMPUTED',
      tradingDate: day.date,
      lines: basket.map(({ line, broker, priceE4 }, n) => ({
        ...numberOf(line),
        broker: broker.name,
        price: toRupees(priceE4),
        charges: chargesDocument(charges.lines[n] ?? charges.total),
      })),
      total: chargesDocument(charges.total),
    };
  }

  @Post('margin/estimate')
  @HttpCode(200)
  @ApiOperation({ summary: 'What a basket of orders would bind, alone and together with what you hold' })
  @ApiResponse({ status: 200, type: MarginEstimateDocument })
  @ApiResponse(NOT_KNOWN)
  async margin(@CurrentIdentity() identity: Identity, @Body() { orders }: OrderBatch): Promise<MarginEstimateDocument> {
    const { basket, day, accountId } = await this.basket(identity, orders);
    const { state: account } = await this.side.ledgers.read(`account-${accountId}`);
    const margin = known(basketMargin(account, basket, day));
    return {
      source: 'COMPUTED',
      tradingDate: day.date,
      computedAt: new Date(this.side.options.now()).toISOString(),
      available: toRupees(margin.availableE4),
      toReserve: toRupees(margin.toReserveE4),
      onceFilled: toRupees(margin.onceFilledE4),
      benefit: toRupees(margin.benefitE4),
      sufficient:
        margin.toReserveE4 <= margin.availableE4 &&
        utilisation(this.side.settings.known(account.userId), {
          requiredE4: margin.toReserveE4,
          heldE4: account.reservedE4 + account.postedE4 + margin.toReserveE4,
          cashE4: account.cashE4,
        }).outcome !== 'fail',
      lines: basket.map(({ line, priceE4 }, n) => ({
        ...numberOf(line),
        price: toRupees(priceE4),
        alone: toRupees(margin.aloneE4[n] ?? 0),
      })),
      groups: [...margin.groups].map(([underlying, group]) => groupDocument(underlying, group)),
    };
  }

  /** The lines as orders: symbols resolved, cut where they would be cut, routed and priced. */
  private async basket(identity: Identity, orders: OrderBatch['orders']) {
    const { brokers, desk, risk, resolve, factsOf, options } = this.side;
    const asked = orders[0]?.accountId;
    const accountId = accountOf(identity, asked, 'read');
    const other = orders.findIndex((line) => line.accountId !== asked);
    if (other !== -1)
      throw new Problem(400, 'VALIDATION_FAILED', 'All lines of one request belong to one account.', {
        errors: [{ field: `orders[${String(other)}].accountId`, message: 'must be the same on every line' }],
      });
    const lines = toIntentLines(orders, {
      intentId: randomUUID(),
      accountId,
      userId: identity.userId,
      brokers,
      resolve,
      factsOf,
      pathOf: (line, field) => `orders[${String(line)}].${field}`,
    });
    const routes = await desk.prepare(accountId, lines);
    const { state: account } = await this.side.ledgers.read(`account-${accountId}`);
    const basket: PricedLine[] = [];
    for (const line of lines) {
      const [route] = routes.of({ explicit: line.broker, strategyId: line.strategyId }, account.broker);
      const broker = route && brokers.of(accountId, route.broker);
      const instrument = resolve(line.instrumentKey);
      if (!broker || !instrument) throw notKnown({ line, missing: 'a broker to send it to' });
      // More than is cut into orders would be denied: there is no price for it.
      const freeze = freezeOf(instrument, factsOf(line.instrumentKey).freezeQuantity);
      if (freeze && line.quantity >= freeze.quantity) throw tooMuch(line.line, freeze.quantity);
      basket.push(known(priced(line, broker, instrument)));
    }
    const marketMs = basket[0]?.broker.marketNowMs() ?? options.now();
    return { basket, accountId, day: risk.on(istDay(marketMs)) };
  }
}

const numberOf = ({ line, slice }: { line: number; slice?: number }) => ({
  line,
  ...(slice !== undefined && { slice }),
});

const groupDocument = (underlying: string, group: GroupMargin): GroupMarginDocument => ({
  underlying,
  scan: toRupees(group.scanE4),
  worstScenario: group.worstScenario,
  interMonth: toRupees(group.interMonthE4),
  netOptionValue: toRupees(group.netOptionValueE4),
  span: toRupees(group.spanE4),
  elm: toRupees(group.elmE4),
  total: toRupees(group.totalE4),
  blocked: toRupees(group.blockedE4),
  toPlace: toRupees(group.toPlaceE4),
  unhedged: toRupees(group.unhedgedE4),
  benefit: toRupees(group.benefitE4),
  reliable: group.reliable,
  asOf: group.asOf === '' ? null : group.asOf,
});

const tooMuch = (line: number, frozenFrom: number): Problem =>
  new Problem(422, 'ESTIMATE_NOT_KNOWN', 'A line cannot be estimated.', {
    errors: [
      {
        field: `orders[${String(line)}].quantity`,
        message: `more than the exchange takes in ten orders of less than ${String(frozenFrom)}`,
      },
    ],
  });

/** @throws Problem 422 naming the line of which something is not known. */
const known = <Estimate extends object>(estimate: Estimate | Unpriced): Estimate => {
  if ('missing' in estimate) throw notKnown(estimate);
  return estimate;
};

const notKnown = ({ line, missing }: Unpriced): Problem =>
  new Problem(422, 'ESTIMATE_NOT_KNOWN', 'A line cannot be estimated.', {
    errors: [{ field: `orders[${String(line.line)}]`, message: `${missing} is not known` }],
  });
