import { valueOf } from '../money';
import { bill, billingOf, inPaise } from './bill';
import { type Charges, NO_CHARGES } from './charges';
import { type ChargedOrder, leviesOf, NO_TRADES, settlementOf, withTrade } from './levies';
import { brokerageOf, brokerageOn, type PlanCorrections, type PlanOn, planSegmentOf, termsOn } from './plans';
import { type RateCorrections, ratesOn } from './schedule';

/** Everything that an admin has corrected. Ask with the same object until it changes: what follows from it is kept. */
export type ChargeCorrections = RateCorrections & PlanCorrections;

export const NO_CORRECTIONS: ChargeCorrections = {};

/**
 * What an order will cost if all of it trades at a price and nothing else does that day, to the paisa. `undefined` where a
 * rate or the plan is not known on the date, or the product does not fit the security.
 * @throws Refused `money.too-large`
 */
export const estimateCharges = (
  order: ChargedOrder,
  on: PlanOn,
  corrections: ChargeCorrections = NO_CORRECTIONS,
): Charges | undefined => {
  const { security, product } = order;
  const segment = planSegmentOf(security, product);
  const rates = ratesOn(on.date, security, corrections);
  const brokerage = segment && brokerageOn(on, segment, corrections);
  const terms = termsOn(on, corrections);
  if (!rates || !brokerage || !terms) return undefined;
  const valueE4 = valueOf(order.priceE4, order.quantity);
  if (valueE4 === 0) return NO_CHARGES;
  const day = withTrade(NO_TRADES, order, valueE4);
  return bill(
    brokerageOf(brokerage.rule, valueE4, rates.brokerageCeiling.buyE9),
    leviesOf(day, settlementOf(security, product), rates, brokerage.rule.clearingE9 ?? 0),
    inPaise(billingOf(terms, security, rates)),
  );
};
