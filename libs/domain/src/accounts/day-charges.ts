import { type Charges, chargesBetween, NO_CHARGES } from '../charges/charges';
import { addTrade, type ContractNote, noteCharges, openNote } from '../charges/contract-note';
import type { ChargeCorrections } from '../charges/estimate';
import type { ChargedSecurity } from '../charges/security';
import { type DayBook, type DayTrade, noteBefore, type NoteTrades } from './day-book';

/**
 * What a trade adds to the contract note of its day: the note as it will be, less what has been charged so far. So the
 * charges of all trades add up to the note to the paisa, also where rates were corrected during the day. `undefined` where
 * the security is not known or has no rates on that day.
 *
 * What a day's trades come to is kept beside them, link by link: a trade costs the same work on a busy day.
 */
export const dayCharges = (
  securityOf: (instrumentKey: string) => ChargedSecurity | undefined,
  corrections: ChargeCorrections,
): ((day: DayBook, trade: DayTrade) => Charges | undefined) => {
  const known = new WeakMap<NoteTrades, ContractNote>();

  const withTrade = (note: ContractNote | undefined, trade: DayTrade): ContractNote | undefined => {
    const security = securityOf(trade.instrumentKey);
    if (!security) return note;
    const { broker, tradingDate: date } = trade;
    const begun = note ?? openNote({ broker, date, exchangeSegment: security.segment });
    return addTrade(begun, { ...trade, security }, corrections)?.note ?? note;
  };

  const noteOf = (trades: NoteTrades | undefined): ContractNote | undefined => {
    const unknown: NoteTrades[] = [];
    let at = trades;
    while (at && !known.has(at)) {
      unknown.push(at);
      at = at.before;
    }
    let note = at && known.get(at);
    for (const link of unknown.reverse()) {
      note = withTrade(note, link.trade);
      if (note) known.set(link, note);
    }
    return note;
  };

  return (day, trade) => {
    const open = noteBefore(day, trade);
    const before = noteOf(open?.trades);
    const after = withTrade(before, trade);
    return after && after !== before ? chargesBetween(open?.charged ?? NO_CHARGES, noteCharges(after)) : undefined;
  };
};
