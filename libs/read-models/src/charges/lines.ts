import type { Charges } from '#domain/charges/charges';
import { toRupees } from '#domain/money';

/** The lines of charges and their sum, as they stand in an event, and nothing else that may stand beside them. */
export const linesOf = (charges: Charges): Charges => ({
  brokerageE4: charges.brokerageE4,
  sttE4: charges.sttE4,
  exchangeE4: charges.exchangeE4,
  sebiE4: charges.sebiE4,
  stampE4: charges.stampE4,
  gstE4: charges.gstE4,
  clearingE4: charges.clearingE4,
  dpE4: charges.dpE4,
  totalE4: charges.totalE4,
});

/** JSON text of charges as the API tells them: rupees by line. */
export const chargesJsonOf = (charges: Charges): string =>
  JSON.stringify({
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
