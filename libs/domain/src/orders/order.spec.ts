import { specify } from '../specify';
import { order, type OrderCommand, type OrderDetails, type OrderEvent } from './order';
import { after, ask, decideOrPass, details, evidence, happened, liveThrough, terms, told } from './samples';

const given = specify(order);

const {
  placed,
  held,
  denied,
  dispatched,
  accepted,
  rejected,
  notSent,
  inDoubt,
  abandoned,
  cancelRequested,
  cancelRejected,
  cancelled,
  replaceRequested,
  replaceDenied,
  replaceRejected,
  replaced,
  filled,
  overfilled,
  expired,
} = happened;

const WORKING = [placed(), dispatched(), accepted()];
const CLOSED_REQUEST = [...WORKING, cancelRequested(), cancelled(100)];

describe('every command in every state', () => {
  const histories = {
    new: [],
    placed: [placed()],
    denied: [denied()],
    dispatched: [placed(), dispatched()],
    'in doubt': [placed(), dispatched(), inDoubt()],
    'not sent': [placed(), dispatched(), notSent()],
    working: WORKING,
    'partly filled': [...WORKING, filled('trade-1', 40)],
    'cancel pending': [...WORKING, cancelRequested()],
    'replace pending': [...WORKING, replaceRequested(terms(150))],
    filled: [...WORKING, filled('trade-1', 100)],
    cancelled: [...WORKING, cancelled(100)],
    rejected: [placed(), dispatched(), rejected()],
    expired: [...WORKING, expired(100)],
    abandoned: [placed(), abandoned()],
  } satisfies Record<string, readonly OrderEvent[]>;
  type State = keyof typeof histories;

  const ALL = Object.keys(histories) as State[];
  const OPEN: State[] = ['dispatched', 'in doubt', 'working', 'partly filled', 'cancel pending', 'replace pending'];
  const OVER: State[] = ['filled', 'cancelled', 'rejected', 'expired'];
  const NOT_AT_BROKER: State[] = ['new', 'placed', 'denied', 'not sent', 'abandoned'];
  const except = (...states: State[]) => ALL.filter((state) => !states.includes(state));
  const openExcept = (...states: State[]) => OPEN.filter((state) => !states.includes(state));

  /** What each command comes to, and in which states. An outcome with a dot is a refusal. */
  const table: readonly (readonly [string, OrderCommand, Readonly<Record<string, readonly State[]>>])[] = [
    ['place', ask.place(), { OrderPlaced: ['new'], nothing: except('new', 'denied'), 'order.different': ['denied'] }],
    ['deny', ask.deny(), { OrderDenied: ['new'], nothing: ['denied'], 'order.different': except('new', 'denied') }],
    [
      'dispatch, first attempt',
      ask.dispatch(1),
      {
        OrderDispatched: ['placed'],
        nothing: ['not sent', ...OPEN, ...OVER],
        'order.not-dispatchable': ['new', 'denied', 'abandoned'],
      },
    ],
    [
      'dispatch, second attempt',
      ask.dispatch(2),
      {
        OrderDispatched: ['not sent'],
        'order.attempt-skipped': ['placed'],
        'order.not-dispatchable': except('placed', 'not sent'),
      },
    ],
    [
      'record not sent',
      ask.notSent(),
      { DispatchNotSent: ['dispatched', 'in doubt'], nothing: except('dispatched', 'in doubt') },
    ],
    ['record doubt', ask.doubt(), { DispatchInDoubt: ['dispatched'], nothing: except('dispatched') }],
    [
      'abandon',
      ask.abandon(),
      {
        OrderAbandoned: ['placed', 'not sent'],
        nothing: ['abandoned'],
        'order.not-abandonable': except('placed', 'not sent', 'abandoned'),
      },
    ],
    [
      'request cancel',
      ask.cancel('cancel-2'),
      {
        CancelRequested: ['placed', 'not sent', ...openExcept('cancel pending')],
        nothing: ['cancel pending'],
        'order.unknown': ['new'],
        'order.closed': ['denied', 'abandoned', ...OVER],
      },
    ],
    ...(
      [
        ['request replace', ask.replace(terms(150), 'replace-2'), 'ReplaceRequested'],
        ['deny replace', ask.denyReplace(terms(150), 'replace-2'), 'ReplaceDenied'],
      ] as const
    ).map(
      ([name, command, event]) =>
        [
          name,
          command,
          {
            [event]: ['working', 'partly filled'],
            'order.unknown': ['new'],
            'order.not-working': ['placed', 'not sent', 'dispatched', 'in doubt'],
            'order.cancel-pending': ['cancel pending'],
            'order.replace-pending': ['replace pending'],
            'order.closed': ['denied', 'abandoned', ...OVER],
          },
        ] as const,
    ),
    [
      'told of the acceptance',
      told.accepted(),
      {
        OrderAccepted: ['dispatched', 'in doubt', 'rejected'],
        nothing: [...openExcept('dispatched', 'in doubt'), 'filled', 'cancelled', 'expired'],
        'order.not-at-broker': NOT_AT_BROKER,
      },
    ],
    [
      'told of a rejection',
      told.rejected(),
      {
        OrderRejected: openExcept('partly filled'),
        OrderCancelled: ['partly filled'],
        nothing: OVER,
        'order.not-at-broker': NOT_AT_BROKER,
      },
    ],
    [
      'told of a trade',
      told.trade('trade-9', 10),
      {
        OrderFilled: [...OPEN, 'cancelled', 'rejected', 'expired'],
        OverfillReported: ['filled'],
        'order.not-at-broker': NOT_AT_BROKER,
      },
    ],
    [
      'told of a replace',
      told.replaced(terms(150)),
      { OrderReplaced: OPEN, nothing: OVER, 'order.not-at-broker': NOT_AT_BROKER },
    ],
    [
      'told that a replace was rejected',
      told.replaceRejected(),
      {
        ReplaceRejected: ['replace pending'],
        nothing: [...openExcept('replace pending'), ...OVER],
        'order.not-at-broker': NOT_AT_BROKER,
      },
    ],
    [
      'told of the cancel',
      told.cancelled(),
      { OrderCancelled: OPEN, nothing: OVER, 'order.not-at-broker': NOT_AT_BROKER },
    ],
    [
      'told that a cancel was rejected',
      told.cancelRejected(),
      {
        CancelRejected: ['cancel pending'],
        nothing: [...openExcept('cancel pending'), ...OVER],
        'order.not-at-broker': NOT_AT_BROKER,
      },
    ],
    ['told of the expiry', told.expired(), { OrderExpired: OPEN, nothing: OVER, 'order.not-at-broker': NOT_AT_BROKER }],
  ];

  it.each(table)('%s: the table names every state once', (_name, _command, outcomes) => {
    expect(Object.values(outcomes).flat().sort()).toEqual([...ALL].sort());
  });

  const cells = table.flatMap(([name, command, outcomes]) =>
    Object.entries(outcomes).flatMap(([outcome, states]) => states.map((state) => ({ name, state, outcome, command }))),
  );

  it.each(cells)('$name, $state: $outcome', ({ state, outcome, command }) => {
    const sentence = given(...histories[state]).when(command);
    if (outcome === 'nothing') sentence.thenNothing();
    else if (outcome.includes('.')) sentence.thenRefused(outcome);
    else expect(decideOrPass(command, after(...histories[state])).map(({ type }) => type)).toEqual([outcome]);
  });
});

describe('sent twice', () => {
  const different: readonly (readonly [string, Partial<OrderDetails>])[] = [
    ['quantity', { quantity: 99 }],
    ['price', { priceE4: 14_123_500 }],
    ['side', { side: 'SELL' }],
    ['product', { product: 'MIS' }],
    ['instrument', { instrumentKey: 'NSE_EQ|INE467B01029' }],
    ['order type', { orderType: 'SL', triggerPriceE4: 14_120_000 }],
    ['validity', { validity: 'IOC' }],
    ['disclosed quantity', { disclosedQuantity: 10 }],
    ['account', { accountId: 'account-2' }],
    ['user', { userId: 'user-2' }],
    ['strategy', { strategyId: 'strategy-1' }],
    ['client order id', { clientOrderId: 'mine-1' }],
    ['line', { line: 1 }],
  ];

  it('places an order once', () => given(placed()).when(ask.place()).thenNothing());
  it('denies an order once', () => given(denied()).when(ask.deny()).thenNothing());
  it('places an order once, however far it has come', () =>
    given(...WORKING, replaceRequested(terms(150)), replaced(terms(150), 150), filled('trade-1', 150, 150, 150))
      .when(ask.place())
      .thenNothing());
  it.each(different)('refuses the same id with another %s', (_, other) => {
    given(placed())
      .when(ask.place({ ...details, ...other }))
      .thenRefused('order.different');
    given(denied())
      .when(ask.deny({ ...details, ...other }))
      .thenRefused('order.different');
  });
  it('never places what was denied', () => given(denied()).when(ask.place()).thenRefused('order.different'));
  it('never denies what was placed', () => given(placed()).when(ask.deny()).thenRefused('order.different'));

  it('dispatches an attempt once', () => given(placed(), dispatched()).when(ask.dispatch()).thenNothing());
  it('refuses the same attempt at another broker', () =>
    given(placed(), dispatched(1, 'paper')).when(ask.dispatch(1, 'upstox')).thenRefused('order.attempt-differs'));

  it('asks for a cancel once', () =>
    given(...WORKING, cancelRequested())
      .when(ask.cancel())
      .thenNothing());
  it('answers the same cancel request alike once the order was cancelled', () =>
    given(...CLOSED_REQUEST)
      .when(ask.cancel('cancel-1'))
      .thenNothing());
  it('answers the same cancel request alike once the last fill beat it', () =>
    given(...WORKING, cancelRequested('cancel-1'), filled('trade-1', 100))
      .when(ask.cancel('cancel-1'))
      .thenNothing());
  it.each(['cancel-1', 'cancel-2'])('asks again after a rejected cancel: %s', (requestId) =>
    given(...WORKING, cancelRequested('cancel-1'), cancelRejected())
      .when(ask.cancel(requestId))
      .then(cancelRequested(requestId)),
  );
  it('refuses another cancel request once the order was cancelled', () =>
    given(...CLOSED_REQUEST)
      .when(ask.cancel('cancel-2'))
      .thenRefused('order.closed'));

  describe.each([
    ['pending', []],
    ['confirmed', [replaced(terms(150), 150)]],
    ['rejected', [replaceRejected()]],
    ['overtaken by the last fill', [filled('trade-1', 100), replaceRejected()]],
  ] as const)('a replace request that is %s', (_, then) => {
    const history = [...WORKING, replaceRequested(terms(150)), ...then];
    it('is not made again', () =>
      given(...history)
        .when(ask.replace(terms(150)))
        .thenNothing());
    it('is refused with other terms', () =>
      given(...history)
        .when(ask.replace(terms(160)))
        .thenRefused('order.replace-differs'));
  });

  it('denies a replace request once', () =>
    given(...WORKING, replaceDenied(terms(150)))
      .when(ask.denyReplace(terms(150)))
      .thenNothing());
  it('remembers that the last replace request was denied', () =>
    expect(after(...WORKING, replaceDenied(terms(150))).lastReplace?.denied).toBe(true));
  it('lets a new replace request follow a denied one', () =>
    given(...WORKING, replaceDenied(terms(150)))
      .when(ask.replace(terms(120), 'replace-2'))
      .then(replaceRequested(terms(120), 'replace-2')));
});

describe('dispatch', () => {
  it('hands a placed order over as its first attempt', () => given(placed()).when(ask.dispatch(1)).then(dispatched(1)));
  it('never skips an attempt', () => {
    given(placed()).when(ask.dispatch(2)).thenRefused('order.attempt-skipped');
    given(placed(), dispatched(1), notSent(1)).when(ask.dispatch(3)).thenRefused('order.attempt-skipped');
  });
  it('makes another attempt only when the last one was not sent', () => {
    given(placed(), dispatched(1), notSent(1)).when(ask.dispatch(2)).then(dispatched(2));
    given(placed(), dispatched(1)).when(ask.dispatch(2)).thenRefused('order.not-dispatchable');
    given(placed(), dispatched(1), inDoubt(1)).when(ask.dispatch(2)).thenRefused('order.not-dispatchable');
    given(...WORKING)
      .when(ask.dispatch(2))
      .thenRefused('order.not-dispatchable');
  });
  it('may make another attempt at another broker', () => {
    given(placed(), dispatched(1), notSent(1)).when(ask.dispatch(2, 'upstox')).then(dispatched(2, 'upstox'));
    expect(after(placed(), dispatched(1), notSent(1), dispatched(2, 'upstox')).broker).toBe('upstox');
  });
  it('never hands over an order whose cancel was asked for', () => {
    given(placed(), cancelRequested()).when(ask.dispatch(1)).thenRefused('order.cancel-pending');
    given(placed(), dispatched(1), cancelRequested(), notSent(1))
      .when(ask.dispatch(2))
      .thenRefused('order.cancel-pending');
  });
  it('gives up an order whose cancel was asked for before any broker had it', () => {
    given(placed(), cancelRequested()).when(ask.abandon()).then(abandoned(0));
    expect(after(placed(), cancelRequested(), abandoned()).pendingCancel).toBeUndefined();
  });

  it('is in doubt when nobody answers', () => given(placed(), dispatched(1)).when(ask.doubt(1)).then(inDoubt(1)));
  it('comes out of doubt as not sent', () =>
    given(placed(), dispatched(1), inDoubt(1)).when(ask.notSent(1)).then(notSent(1)));
  it('comes out of doubt as accepted', () =>
    given(placed(), dispatched(1), inDoubt(1)).when(told.accepted()).then(accepted(1)));
  it('comes out of doubt as rejected', () =>
    given(placed(), dispatched(1), inDoubt(1)).when(told.rejected()).then(rejected(1)));
  it('comes out of doubt by a trade', () =>
    given(placed(), dispatched(1), inDoubt(1)).when(told.trade('trade-1', 40)).then(filled('trade-1', 40)));

  describe('an outcome of an older attempt changes nothing', () => {
    const second = [placed(), dispatched(1), notSent(1), dispatched(2)];
    it('not sent', () =>
      given(...second)
        .when(ask.notSent(1))
        .thenNothing());
    it('in doubt', () =>
      given(...second)
        .when(ask.doubt(1))
        .thenNothing());
  });
  it('ignores an outcome of an attempt that was never made', () => {
    given(placed()).when(ask.notSent(1)).thenNothing();
    given(placed(), dispatched(1)).when(ask.notSent(2)).thenNothing();
    given(placed(), dispatched(1)).when(ask.doubt(2)).thenNothing();
  });
  it('names the last attempt when the broker accepts or rejects', () => {
    const second = [placed(), dispatched(1), notSent(1), dispatched(2)];
    given(...second)
      .when(told.accepted())
      .then(accepted(2));
    given(...second)
      .when(told.rejected())
      .then(rejected(2));
  });
  it('names the last attempt when the order is given up', () =>
    given(placed(), dispatched(1), notSent(1)).when(ask.abandon()).then(abandoned(1)));

  describe('is not undone by a late "not sent" once the broker has shown that it has the order:', () => {
    it.each([
      ['by its acceptance', [accepted()]],
      ['by a trade', [filled('trade-1', 40)]],
      ['by a trade of more than was ordered', [overfilled('trade-1', 140)]],
      ['by a changed order', [replaced(terms(90), 90)]],
    ] as const)('%s', (_, shown) => {
      given(placed(), dispatched(), ...shown)
        .when(ask.notSent(1))
        .thenNothing();
      given(placed(), dispatched(), ...shown)
        .when(ask.dispatch(2))
        .thenRefused('order.not-dispatchable');
    });
  });
});

describe('acceptance', () => {
  it('keeps what the broker said with it', () =>
    given(placed(), dispatched())
      .when({ type: 'RecordReport', data: { kind: 'new', brokerOrderId: 'B1', evidence } })
      .then({ type: 'OrderAccepted', data: { attempt: 1, brokerOrderId: 'B1', evidence } }));
  it('is recorded once', () =>
    given(...WORKING)
      .when(told.accepted())
      .thenNothing());
  it('may follow a trade', () => {
    given(placed(), dispatched(), filled('trade-1', 40)).when(told.accepted()).then(accepted());
    expect(after(placed(), dispatched(), filled('trade-1', 40), accepted())).toMatchObject({
      status: 'working',
      filledQuantity: 40,
      brokerOrderId: 'B1',
    });
  });
  it('still tells the broker order id when the order is already filled', () => {
    given(placed(), dispatched(), filled('trade-1', 100)).when(told.accepted()).then(accepted());
    expect(after(placed(), dispatched(), filled('trade-1', 100), accepted())).toMatchObject({
      status: 'filled',
      brokerOrderId: 'B1',
    });
  });
  it('still tells the broker order id when the order is already cancelled', () => {
    given(placed(), dispatched(), cancelled(100)).when(told.accepted()).then(accepted());
    expect(after(placed(), dispatched(), cancelled(100), accepted()).status).toBe('cancelled');
  });
});

describe('fills', () => {
  it('adds up to the quantity', () => {
    given(...WORKING, filled('trade-1', 40))
      .when(told.trade('trade-2', 60))
      .then(filled('trade-2', 60, 100));
    expect(after(...WORKING, filled('trade-1', 40), filled('trade-2', 60, 100)).status).toBe('filled');
  });
  it('counts a trade once', () =>
    given(...WORKING, filled('trade-1', 40))
      .when(told.trade('trade-1', 40))
      .thenNothing());
  it('counts a trade once even after the order is filled', () =>
    given(...WORKING, filled('trade-1', 100))
      .when(told.trade('trade-1', 100))
      .thenNothing());
  it('counts a trade id once even when it comes back with another quantity', () =>
    given(...WORKING, filled('trade-1', 40))
      .when(told.trade('trade-1', 20))
      .thenNothing());
  it('takes a trade as proof of acceptance', () =>
    expect(after(placed(), dispatched(), filled('trade-1', 40)).status).toBe('working'));
  it('keeps more than was ordered aside', () => {
    given(...WORKING, filled('trade-1', 40))
      .when(told.trade('trade-2', 61))
      .then(overfilled('trade-2', 61));
    expect(after(...WORKING, filled('trade-1', 40), overfilled('trade-2', 61))).toMatchObject({
      status: 'working',
      filledQuantity: 40,
    });
  });
  it('keeps an overfill aside once', () =>
    given(...WORKING, filled('trade-1', 100), overfilled('trade-2', 1))
      .when(told.trade('trade-2', 1))
      .thenNothing());
  it('goes on filling after an overfill was kept aside', () =>
    given(...WORKING, filled('trade-1', 40), overfilled('trade-2', 61))
      .when(told.trade('trade-3', 60))
      .then(filled('trade-3', 60, 100)));
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a trade of %p', (quantity) => {
    given(...WORKING)
      .when(told.trade('trade-1', quantity))
      .thenRefused('order.trade-malformed');
  });
});

describe('cancel races', () => {
  const pending = [...WORKING, cancelRequested()];

  it('goes on filling while a cancel is pending', () => {
    given(...pending)
      .when(told.trade('trade-1', 40))
      .then(filled('trade-1', 40));
    expect(after(...pending, filled('trade-1', 40)).pendingCancel).toBe('cancel-1');
  });
  it('cancels what is left after the fill', () =>
    given(...pending, filled('trade-1', 40))
      .when(told.cancelled())
      .then(cancelled(60)));
  it('is filled when the last fill beats the cancel', () =>
    expect(after(...pending, filled('trade-1', 100))).toMatchObject({ status: 'filled', filledQuantity: 100 }));
  it('ignores a cancel confirmed after the last fill', () =>
    given(...pending, filled('trade-1', 100))
      .when(told.cancelled())
      .thenNothing());
  it('ignores a cancel rejected after the last fill', () =>
    given(...pending, filled('trade-1', 100))
      .when(told.cancelRejected())
      .thenNothing());
  it('goes on working when the cancel is rejected', () => {
    given(...pending)
      .when(told.cancelRejected())
      .then(cancelRejected());
    expect(after(...pending, cancelRejected())).toMatchObject({ status: 'working' });
    expect(after(...pending, cancelRejected()).pendingCancel).toBeUndefined();
  });
  it('counts a trade that is told after the cancel; the order stays cancelled', () => {
    given(...pending, cancelled(100))
      .when(told.trade('trade-1', 40))
      .then(filled('trade-1', 40));
    expect(after(...pending, cancelled(100), filled('trade-1', 40))).toMatchObject({
      status: 'cancelled',
      filledQuantity: 40,
    });
  });
  it('stays cancelled even when late trades fill it to the last share', () =>
    expect(after(...pending, cancelled(100), filled('trade-1', 100)).status).toBe('cancelled'));
  it('cancels the rest of an immediate-or-cancel order', () =>
    given(...WORKING, filled('trade-1', 40))
      .when(told.cancelled('immediate-or-cancel'))
      .then(cancelled(60, 'immediate-or-cancel')));
  it('takes a cancel that nobody asked for', () =>
    given(...WORKING)
      .when(told.cancelled('unsolicited'))
      .then(cancelled(100, 'unsolicited')));
  it('takes a cancel of an order that is in doubt', () =>
    given(placed(), dispatched(), inDoubt()).when(told.cancelled('unsolicited')).then(cancelled(100, 'unsolicited')));
  it('reads a rejection after a partial fill as a cancel of the rest', () =>
    given(...WORKING, filled('trade-1', 40))
      .when(told.rejected())
      .then(cancelled(60, 'unsolicited')));
  it('keeps a trade that is told after the rejection', () => {
    given(placed(), dispatched(), rejected()).when(told.trade('trade-1', 40)).then(filled('trade-1', 40));
    expect(after(placed(), dispatched(), rejected(), filled('trade-1', 40)).status).toBe('rejected');
  });
  it('expires with what is left', () =>
    given(...WORKING, filled('trade-1', 40))
      .when(told.expired())
      .then(expired(60)));
});

describe('replace races', () => {
  const pending = [...WORKING, replaceRequested(terms(150))];

  it('changes nothing until the broker has confirmed', () => expect(after(...pending).terms).toEqual(terms(100)));
  it('follows the broker when it confirms', () => {
    given(...pending)
      .when(told.replaced(terms(150)))
      .then(replaced(terms(150), 150));
    expect(after(...pending, replaced(terms(150), 150))).toMatchObject({ status: 'working', terms: terms(150) });
    expect(after(...pending, replaced(terms(150), 150)).pendingReplace).toBeUndefined();
  });
  it('counts what is left from what is filled', () =>
    given(...pending, filled('trade-1', 40))
      .when(told.replaced(terms(150)))
      .then(replaced(terms(150), 110)));
  it('goes on under its old terms when the replace is rejected', () => {
    given(...pending)
      .when(told.replaceRejected())
      .then(replaceRejected());
    expect(after(...pending, replaceRejected())).toMatchObject({ status: 'working', terms: terms(100) });
  });
  it('follows what the broker made of the replace, even when it is not what was asked', () =>
    given(...pending)
      .when(told.replaced(terms(120)))
      .then(replaced(terms(120), 120)));
  it('follows a change that nobody here asked for', () =>
    given(...WORKING)
      .when(told.replaced(terms(80)))
      .then(replaced(terms(80), 80)));
  it('records a confirmation once', () =>
    given(...pending, replaced(terms(150), 150))
      .when(told.replaced(terms(150)))
      .thenNothing());
  it('is settled by a confirmation of terms that were in force already', () => {
    const unchanged = [...WORKING, replaceRequested(terms(100))];
    given(...unchanged)
      .when(told.replaced(terms(100)))
      .then(replaced(terms(100), 100));
    expect(after(...unchanged, replaced(terms(100), 100)).pendingReplace).toBeUndefined();
  });
  it('is not settled by an older confirmation told again', () =>
    given(...pending, replaced(terms(150), 150), replaceRequested(terms(200), 'replace-2'))
      .when(told.replaced(terms(150)))
      .thenNothing());

  it.each([40, 39, 1, 0, -5])('refuses a total of %p once 40 are filled', (quantity) =>
    given(...WORKING, filled('trade-1', 40))
      .when(ask.replace(terms(quantity)))
      .thenRefused('order.quantity-below-filled', { quantity, filledQuantity: 40 }),
  );
  it('allows a total of one more than is filled', () =>
    given(...WORKING, filled('trade-1', 40))
      .when(ask.replace(terms(41)))
      .then(replaceRequested(terms(41))));

  describe('down, while fills go on', () => {
    const down = [...WORKING, replaceRequested(terms(50))];
    it('is filled at what was filled when the replace comes too late', () => {
      given(...down, filled('trade-1', 70))
        .when(told.replaced(terms(50)))
        .then(replaced(terms(70), 0));
      expect(after(...down, filled('trade-1', 70), replaced(terms(70), 0))).toMatchObject({
        status: 'filled',
        filledQuantity: 70,
        terms: terms(70),
      });
    });
    it('is filled when exactly the new total was filled', () => {
      given(...down, filled('trade-1', 50))
        .when(told.replaced(terms(50)))
        .then(replaced(terms(50), 0));
      expect(after(...down, filled('trade-1', 50), replaced(terms(50), 0)).status).toBe('filled');
    });
    it('is filled when the whole old total was filled', () => {
      expect(after(...down, filled('trade-1', 100)).status).toBe('filled');
      given(...down, filled('trade-1', 100))
        .when(told.replaced(terms(50)))
        .thenNothing();
    });
  });

  describe('up, while fills go on', () => {
    it('stays open when the old total is filled, until the broker has answered', () =>
      expect(after(...pending, filled('trade-1', 100))).toMatchObject({ status: 'working', filledQuantity: 100 }));
    it('goes on to fill the new total once it is confirmed', () => {
      const confirmed = [...pending, filled('trade-1', 100), replaced(terms(150), 50)];
      given(...pending, filled('trade-1', 100))
        .when(told.replaced(terms(150)))
        .then(replaced(terms(150), 50));
      given(...confirmed)
        .when(told.trade('trade-2', 50))
        .then(filled('trade-2', 50, 150, 150));
      expect(after(...confirmed, filled('trade-2', 50, 150, 150)).status).toBe('filled');
    });
    it('is filled when the old total is filled and the replace is rejected', () => {
      given(...pending, filled('trade-1', 100))
        .when(told.replaceRejected())
        .then(replaceRejected());
      expect(after(...pending, filled('trade-1', 100), replaceRejected()).status).toBe('filled');
    });
    it('takes a trade of more than the old total as proof of the replace', () => {
      given(...pending, filled('trade-1', 60))
        .when(told.trade('trade-2', 70))
        .then(replaced(terms(150), 90), filled('trade-2', 70, 130, 150));
      given(...pending, filled('trade-1', 60), replaced(terms(150), 90), filled('trade-2', 70, 130, 150))
        .when(told.replaced(terms(150)))
        .thenNothing();
    });
    it('takes a trade of all the new total asks for as proof of the replace', () => {
      given(...pending, filled('trade-1', 60))
        .when(told.trade('trade-2', 90))
        .then(replaced(terms(150), 90), filled('trade-2', 90, 150, 150));
      expect(
        after(...pending, filled('trade-1', 60), replaced(terms(150), 90), filled('trade-2', 90, 150, 150)).status,
      ).toBe('filled');
    });
    it('keeps aside what is more than even the new total', () =>
      given(...pending, filled('trade-1', 60))
        .when(told.trade('trade-2', 91))
        .then(overfilled('trade-2', 91)));
    it('is cancelled when the rest is, although the old total is filled', () =>
      given(...pending, filled('trade-1', 100))
        .when(told.cancelled('unsolicited'))
        .then(cancelled(0, 'unsolicited')));
  });

  it('may be cancelled while the replace is pending', () => {
    given(...pending)
      .when(ask.cancel())
      .then(cancelRequested());
    expect(after(...pending, cancelRequested(), cancelled(100)).pendingReplace).toBeUndefined();
  });
  it('keeps the cancel pending when the replace is confirmed first', () =>
    expect(after(...pending, cancelRequested(), replaced(terms(150), 150)).pendingCancel).toBe('cancel-1'));
  it('ignores a replace confirmed or rejected after the cancel', () => {
    given(...pending, cancelled(100))
      .when(told.replaced(terms(150)))
      .thenNothing();
    given(...pending, cancelled(100))
      .when(told.replaceRejected())
      .thenNothing();
  });
});

describe('an order that is held', () => {
  it('is cancelled as soon as it is asked: no broker has it', () =>
    given(held()).when(ask.cancel()).then(cancelRequested(), cancelled(100)));
  it('is cancelled once', () => given(held(), cancelRequested(), cancelled(100)).when(ask.cancel()).thenNothing());
  it('is not sent any more after that', () =>
    given(held(), cancelRequested(), cancelled(100)).when(ask.dispatch()).thenRefused('order.not-dispatchable'));
  it('is held once, whenever its market opens', () => {
    given(held()).when(ask.hold()).thenNothing();
    given(held()).when(ask.place()).thenNothing();
  });
  it('is sent with what its second look found', () => {
    const verdicts = [{ check: 'session', outcome: 'pass' }] as const;
    const dispatch = { attempt: 1, broker: 'paper', tag: 'tag-1', verdicts };
    given(held()).when({ type: 'DispatchOrder', data: dispatch }).then({ type: 'OrderDispatched', data: dispatch });
  });
  it('is waited for at its broker once it is sent: a cancel is only asked for', () =>
    given(held(), dispatched()).when(ask.cancel()).then(cancelRequested()));
  it('is given up when its second look finds something, and says what', () => {
    const verdicts = [{ check: 'daily-loss', outcome: 'fail' }] as const;
    given(held())
      .when({ type: 'AbandonOrder', data: { evidence, verdicts } })
      .then({ type: 'OrderAbandoned', data: { attempt: 0, evidence, verdicts } });
  });
  it('is not changed: nobody has it who could', () =>
    given(held())
      .when(ask.replace(terms(50)))
      .thenRefused('order.not-working'));
});

describe('a life from end to end', () => {
  it('comes from what was asked and told', () =>
    expect(
      liveThrough([
        ask.place(),
        ask.dispatch(1),
        ask.notSent(1),
        ask.dispatch(2, 'upstox'),
        ask.doubt(2),
        told.trade('trade-1', 40),
        told.accepted(),
        ask.replace(terms(120)),
        told.replaced(terms(120)),
        ask.cancel(),
        told.trade('trade-2', 30),
        told.cancelled(),
        told.trade('trade-3', 10),
      ]).map(({ event: { type }, after: { status } }) => `${type}: ${status}`),
    ).toEqual([
      'OrderPlaced: placed',
      'OrderDispatched: dispatched',
      'DispatchNotSent: not-sent',
      'OrderDispatched: dispatched',
      'DispatchInDoubt: in-doubt',
      'OrderFilled: working',
      'OrderAccepted: working',
      'ReplaceRequested: working',
      'OrderReplaced: working',
      'CancelRequested: working',
      'OrderFilled: working',
      'OrderCancelled: cancelled',
      'OrderFilled: cancelled',
    ]));
});
