import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Length, Matches, Max, Min } from 'class-validator';
import type { Exchange, Instrument, Segment } from '#domain/instruments/instrument';
import { toRupees } from '#domain/money';
import { InstrumentSearch } from './instrument-search';

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;
const EXCHANGES = ['NSE', 'BSE', 'MCX'] as const satisfies readonly Exchange[];
const SEGMENTS = [
  ...(['NSE_EQ', 'BSE_EQ', 'NSE_FO', 'BSE_FO', 'NCD_FO', 'BCD_FO'] as const),
  ...(['MCX_FO', 'NSE_COM', 'NSE_INDEX', 'BSE_INDEX'] as const),
] as const satisfies readonly Segment[];

export class InstrumentFilter {
  @ApiProperty({
    description: 'Beginnings of words in any order, with expiry and strike; or a symbol, ISIN, key or exchange number.',
    example: 'NIFTY 27 JAN 26000 CE',
  })
  @Length(1, 100)
  query!: string;

  @ApiPropertyOptional({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(LIMIT_MAX)
  limit?: number;

  @ApiPropertyOptional({ enum: EXCHANGES })
  @IsOptional()
  @IsIn(EXCHANGES)
  exchange?: Exchange;

  @ApiPropertyOptional({ enum: SEGMENTS })
  @IsOptional()
  @IsIn(SEGMENTS)
  segment?: Segment;

  @ApiPropertyOptional({ description: 'A series (`EQ`), `FUT`, `CE`, `PE` or `INDEX`.', example: 'CE' })
  @IsOptional()
  @Matches(/^[A-Za-z0-9]{1,6}$/, { message: 'must be a series, FUT, CE, PE or INDEX' })
  type?: string;
}

const nullable = (type: typeof String | typeof Number, description?: string): PropertyDecorator =>
  ApiProperty({ type, nullable: true, ...(description !== undefined && { description }) });

export class InstrumentView {
  @ApiProperty({ example: 'NSE:RELIANCE', description: 'What an order names.' }) symbol!: string;
  @ApiProperty({ example: 'NSE_EQ|INE002A01018' }) instrumentKey!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ enum: EXCHANGES }) exchange!: string;
  @ApiProperty({ enum: SEGMENTS }) segment!: string;
  @ApiProperty({ description: 'A series (`EQ`), `FUT`, `CE`, `PE` or `INDEX`.' }) type!: string;
  @nullable(String, 'Last trading day of a contract, YYYY-MM-DD.') expiry!: string | null;
  @nullable(Number, 'Rupees.') strike!: number | null;
  @nullable(Number, 'Quantities are multiples of it; null for what takes no orders.') lotSize!: number | null;
  @nullable(Number, 'Rupees.') tickSize!: number | null;
  @nullable(Number, 'The first quantity that the exchange refuses in one order, where known.')
  freezeQuantity!: number | null;
  @nullable(String) isin!: string | null;
}

export class InstrumentPage {
  @ApiProperty({ type: [InstrumentView], description: 'Best first.' }) items!: InstrumentView[];
  @ApiProperty({
    format: 'date',
    description: 'The trading day that was searched: what expired before it is left out.',
  })
  day!: string;
}

/** Instruments as they are today. They are the same for everybody, and held in memory. */
@ApiTags('reads')
@Controller('v2/instruments')
export class InstrumentsController {
  constructor(private readonly instruments: InstrumentSearch) {}

  @Get('search')
  @ApiOperation({ summary: 'Instruments by what a trader types' })
  @ApiResponse({ status: 200, type: InstrumentPage })
  @ApiResponse({ status: 400, description: 'VALIDATION_FAILED: names the parameter' })
  @ApiResponse({ status: 503, description: 'INSTRUMENTS_NOT_LOADED, with Retry-After' })
  search(@Query() { query, limit = LIMIT_DEFAULT, exchange, segment, type }: InstrumentFilter): InstrumentPage {
    const { day, instruments } = this.instruments.search(query, { limit, exchange, segment, type });
    return { items: instruments.map(viewOf), day };
  }
}

const viewOf = (instrument: Instrument): InstrumentView => ({
  symbol: instrument.symbol,
  instrumentKey: instrument.instrumentKey,
  name: instrument.name,
  exchange: instrument.exchange,
  segment: instrument.segment,
  type: instrument.instrumentType,
  expiry: instrument.expiry ?? null,
  strike: rupees(instrument.strikeE4),
  lotSize: instrument.lotSize ?? null,
  tickSize: rupees(instrument.tickSizeE4),
  freezeQuantity: instrument.freezeQuantity ?? null,
  isin: instrument.isin ?? null,
});

const rupees = (amountE4: number | undefined): number | null => (amountE4 === undefined ? null : toRupees(amountE4));
