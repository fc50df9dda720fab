import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Charges } from '#domain/charges/charges';
import type { LineResult, SliceResult } from '#domain/intents/intent';
import { toRupees } from '#domain/money';

/** What the API says of a line: amounts in rupees, instants as text. */

const LINE_STATUSES = ['ACCEPTED', 'QUEUED', 'DENIED', 'REJECTED', 'UNKNOWN', 'PENDING', 'FAILED', 'PARTIAL'];
const RUPEES = { description: 'Rupees.' };

export class VerdictDocument {
  @ApiProperty() check!: string;
  @ApiProperty({ enum: ['pass', 'fail', 'not-applicable'] }) outcome!: string;
  @ApiPropertyOptional({ description: 'Whose rule it is: a circular, a file of the day, a setting.' }) rule?: string;
  @ApiPropertyOptional({ oneOf: [{ type: 'number' }, { type: 'string' }] }) limit?: number | string;
  @ApiPropertyOptional({ oneOf: [{ type: 'number' }, { type: 'string' }] }) actual?: number | string;
  @ApiPropertyOptional({ format: 'date', description: 'In force since, or the day of the file it was read from.' })
  effectiveFrom?: string;
  @ApiPropertyOptional() reason?: string;
}

export class ChargesDocument {
  @ApiProperty(RUPEES) brokerage!: number;
  @ApiProperty({ description: 'Securities (or commodities) transaction tax, rupees.' }) stt!: number;
  @ApiProperty(RUPEES) exchange!: number;
  @ApiProperty(RUPEES) sebi!: number;
  @ApiProperty(RUPEES) stamp!: number;
  @ApiProperty(RUPEES) gst!: number;
  @ApiProperty(RUPEES) clearing!: number;
  @ApiProperty({ description: 'Of the depository, with its GST, rupees.' }) dp!: number;
  @ApiProperty(RUPEES) total!: number;
}

export class LineProblemDocument {
  @ApiProperty() code!: string;
  @ApiProperty() detail!: string;
}

class SliceResultDocument {
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ enum: LINE_STATUSES }) status!: string;
  @ApiPropertyOptional({ description: 'Where it was sent last.' }) broker?: string;
  @ApiPropertyOptional() brokerOrderId?: string;
  @ApiPropertyOptional({ type: [VerdictDocument], description: 'Every check, when the line was denied.' })
  verdicts?: VerdictDocument[];
  @ApiPropertyOptional({
    type: ChargesDocument,
    description:
      'Estimated: what it costs if all of it fills at the price it was judged at, and nothing else does that day.',
  })
  charges?: ChargesDocument;
  @ApiPropertyOptional({ format: 'date-time', description: 'QUEUED: held by us until then.' }) heldUntil?: string;
  @ApiPropertyOptional({ type: LineProblemDocument }) problem?: LineProblemDocument;
}

export class LineResultDocument extends SliceResultDocument {
  @ApiProperty({ description: 'Position of the line in the request, from 0.' }) line!: number;
  @ApiPropertyOptional({
    type: [SliceResultDocument],
    description: 'Every order of a line that was larger than the exchange takes in one; the rest is of the first.',
  })
  slices?: SliceResultDocument[];
}

/** Charges as the API tells them. */
export const chargesDocument = (charges: Charges): ChargesDocument => ({
  brokerage: toRupees(charges.brokerageE4),
  stt: toRupees(charges.sttE4),
  exchange: toRupees(charges.exchangeE4),
  sebi: toRupees(charges.sebiE4),
  stamp: toRupees(charges.stampE4),
  gst: toRupees(charges.gstE4),
  clearing: toRupees(charges.clearingE4),
  dp: toRupees(charges.dpE4),
  total: toRupees(charges.totalE4),
});

const sliceDocument = ({ charges, heldUntilMs, ...slice }: SliceResult) => ({
  ...slice,
  ...(charges && { charges: chargesDocument(charges) }),
  ...(heldUntilMs !== undefined && { heldUntil: new Date(heldUntilMs).toISOString() }),
});

/** One line's result as the API tells it. */
export const lineDocument = ({ line, slices, ...first }: LineResult) => ({
  line,
  ...sliceDocument(first),
  ...(slices && { slices: slices.map(sliceDocument) }),
});

export type LineDocument = ReturnType<typeof lineDocument>;
