import type { OrderEvent } from '../orders/order';
import { after, details, happened, terms } from '../orders/samples';
import type { AccountCommand } from './account';
import { accountReaction, askedIn } from './reactions';

const PRICE_E4 = 15_000_000;

const WORKING = [happened.placed(), happened.dispatched(), happened.accepted()];
const GROWING = [...WORKING, happened.replaceRequested(terms(150))];

/** What the account is told when `event` follows `history`. */
const reactionTo = (event: OrderEvent, ...history: readonly OrderEvent[]): AccountCommand | undefined =>
  accountReaction(event, after(...history, event), PRICE_E4);

const voids: AccountCommand = { type: 'VoidMargin', data: { orderId: 'order-1' } };
/** A limit at the price of `terms`. */
const ASKED = askedIn(terms(100));
const adjusts = (quantity: number): AccountCommand => ({
  type: 'AdjustReservation',
  data: { orderId: 'order-1', quantity, marginPriceE4: PRICE_E4, asked: ASKED },
});
const posts = (quantity: number, cumulativeQuantity: number, orderClosed: boolean): AccountCommand => ({
  type: 'PostMargin',
  data: {
    orderId: 'order-1',
    instrumentKey: details.instrumentKey,
    product: 'CNC',
    side: 'BUY',
    tradeId: 'trade-1',
    quantity,
    priceE4: 14_120_000,
    cumulativeQuantity,
    orderClosed,
  },
});

it.each<[string, AccountCommand, OrderEvent, readonly OrderEvent[]]>([
  ['a trade is posted', posts(40, 40, false), happened.filled('trade-1', 40), WORKING],
  ['the last trade is posted as the last', posts(100, 100, true), happened.filled('trade-1', 100), WORKING],
  [
    'a trade of all, while a replace may raise the total, is not the last',
    posts(100, 100, false),
    happened.filled('trade-1', 100),
    GROWING,
  ],
  [
    'a trade after the cancel is posted',
    posts(40, 40, true),
    happened.filled('trade-1', 40),
    [...WORKING, happened.cancelled(100)],
  ],
  ['a replace is followed', adjusts(150), happened.replaced(terms(150), 150), GROWING],
  [
    'a replace below what was filled ends the reservation',
    voids,
    happened.replaced(terms(40), 0),
    [...WORKING, happened.filled('trade-1', 40)],
  ],
  ['a rejected replace goes back to the terms in force', adjusts(100), happened.replaceRejected(), GROWING],
  [
    'a rejected replace of an order that is filled ends the reservation',
    voids,
    happened.replaceRejected(),
    [...GROWING, happened.filled('trade-1', 100)],
  ],
  ['a rejection ends the reservation', voids, happened.rejected(), [happened.placed(), happened.dispatched()]],
  ['a cancel ends the reservation', voids, happened.cancelled(100), WORKING],
  ['an expiry ends the reservation', voids, happened.expired(100), WORKING],
  ['giving up ends the reservation', voids, happened.abandoned(), [happened.placed()]],
])('%s', (_, command, event, history) => expect(reactionTo(event, ...history)).toEqual(command));

const ofNoConcern: readonly (readonly [OrderEvent, readonly OrderEvent[]])[] = [
  [happened.placed(), []], // its margin was reserved before
  [happened.denied(), []],
  [happened.dispatched(), [happened.placed()]],
  [happened.accepted(), [happened.placed(), happened.dispatched()]],
  [happened.notSent(), [happened.placed(), happened.dispatched()]],
  [happened.inDoubt(), [happened.placed(), happened.dispatched()]],
  [happened.cancelRequested(), WORKING],
  [happened.cancelRejected(), [...WORKING, happened.cancelRequested()]],
  [happened.replaceRequested(terms(150)), WORKING], // reserved before it was requested
  [happened.replaceDenied(terms(150)), WORKING],
  [happened.overfilled('trade-9', 1_000), WORKING],
];
it.each(ofNoConcern.map(([event, history]) => [event.type, event, history] as const))(
  '%s is nothing to the account',
  (_, event, history) => expect(reactionTo(event, ...history)).toBeUndefined(),
);
