import { type Charges, summed } from './charges';
import { atRate, type Exact, plus, toPaise, toRupeesViaPaise, wholeE4AtRate } from './exact';
import type { Levies } from './levies';
import type { Rounding, TermsRow } from './plans';
import type { Rates } from './schedule';
import type { ChargedSecurity } from './security';

/** How the totals of a note become what is billed. */
export interface Billing {
  readonly gstE9: number;
  readonly taxRounding: Rounding;
  readonly stampRounding: Rounding;
  /** For one debit, with its GST. */
  readonly dpE4: number;
}

export const billingOf = (
  { rounding, cttRounding, dp }: TermsRow,
  { kind }: Pick<ChargedSecurity, 'kind'>,
  { gst }: Rates,
): Billing => ({
  gstE9: gst.buyE9,
  taxRounding: kind === 'commodity-future' || kind === 'commodity-option' ? cttRounding : rounding,
  stampRounding: rounding,
  dpE4: dp.withGst ? dp.amountE4 : dp.amountE4 + toPaise(atRate(dp.amountE4, gst.buyE9).e4),
});

/** The same, with everything to the paisa: what is known before the note's other trades are. */
export const inPaise = (billing: Billing): Billing => ({ ...billing, taxRounding: 'PAISE', stampRounding: 'PAISE' });

const ROUNDINGS: Readonly<Record<Rounding, (amountE4: number) => number>> = {
  PAISE: toPaise,
  RUPEE_VIA_PAISE: toRupeesViaPaise,
};

/** Each line is rounded once and alone, GST is taken from what is not rounded yet, and the total is the sum of the lines. */
export const bill = (brokerage: Exact, levies: Levies, billing: Billing): Charges => {
  const { tax, stamp, exchange, sebi, clearing, debits } = levies;
  const serviced = plus(plus(brokerage, exchange), plus(sebi, clearing));
  return summed({
    brokerageE4: toPaise(brokerage.e4),
    sttE4: ROUNDINGS[billing.taxRounding](tax.e4),
    exchangeE4: toPaise(exchange.e4),
    sebiE4: toPaise(sebi.e4),
    stampE4: ROUNDINGS[billing.stampRounding](stamp.e4),
    gstE4: toPaise(wholeE4AtRate(serviced, billing.gstE9)),
    clearingE4: toPaise(clearing.e4),
    dpE4: debits * billing.dpE4,
  });
};
