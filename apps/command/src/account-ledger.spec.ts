import { randomUUID } from 'node:crypto';
import type { Account, AccountRules } from '#domain/accounts/account';
import { availableE4 } from '#domain/accounts/account';
import { Refused } from '#domain/decider';
import { type AppendResult, type EventLog, EventLogUnavailable, type Stage, type Write } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { TearingEventLog } from '#event-log/tearing-event-log';
import { faultsOf, readBooks } from '../../../test/support/books';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RELIANCE } from '../../../test/support/write-side';
import { AccountLedgers, type Cause, type Ledger } from './account-ledger';

let database: TestDatabase;
let log: PostgresEventLog;
beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

const cause: Cause = { userId: 'asha', correlationId: 'spec', causationId: 'spec' };
const PRICE_E4 = 100_0000;
/** Everything on its own, at full value, and free of charges. */
const FULL_VALUE: AccountRules = {
  contractOf: () => undefined,
  worstCaseE4: () => undefined,
  chargesOf: () => undefined,
};

const ledgersOn = (on: EventLog): AccountLedgers =>
  new AccountLedgers(on, () => 1_767_328_200_000, {
    tradingDate: () => '2026-01-02',
    of: () => FULL_VALUE,
    prepare: () => Promise.resolve(),
  });

const open = async (ledgers: AccountLedgers, rupees = 10_000): Promise<string> => {
  const accountId = randomUUID();
  await ledgers.transact(accountId, [], cause, (ledger) => {
    const opened = { accountId, userId: 'asha', kind: 'paper', broker: 'paper' } as const;
    ledger.decideAccount({ type: 'OpenAccount', data: opened });
    ledger.decideAccount({ type: 'DepositFunds', data: { depositId: 'opening', amountE4: rupees * 10_000 } });
  });
  return accountId;
};

const reserve = (ledger: Ledger, orderId: string, quantity = 1): void =>
  ledger.decideAccount({
    type: 'ReserveMargin',
    data: {
      orderId,
      instrumentKey: RELIANCE.instrumentKey,
      product: 'CNC',
      side: 'BUY',
      quantity,
      marginPriceE4: PRICE_E4,
    },
  });

/** Receives an intent of one line, reserves, places and dispatches its order: a whole request. */
const placeOne = (ledger: Ledger, accountId: string, intentId: string, orderId: string, quantity = 1): void => {
  const details = {
    orderId,
    intentId,
    line: 0,
    accountId,
    userId: 'asha',
    instrumentKey: RELIANCE.instrumentKey,
    symbol: RELIANCE.symbol,
    exchange: 'NSE',
    segment: 'NSE_EQ',
    side: 'BUY',
    product: 'CNC',
    orderType: 'LIMIT',
    quantity,
    priceE4: PRICE_E4,
    validity: 'DAY',
  } as const;
  const received = {
    intentId,
    accountId,
    userId: 'asha',
    idempotencyKey: intentId,
    payloadHash: 'x',
    lines: [details],
  };
  ledger.decideIntent(intentId, { type: 'ReceiveIntent', data: received });
  reserve(ledger, orderId, quantity);
  const route = { broker: 'paper', reason: 'account' };
  ledger.decideOrder(orderId, { type: 'PlaceOrder', data: { ...details, route, verdicts: [] } });
  ledger.decideOrder(orderId, { type: 'DispatchOrder', data: { attempt: 1, broker: 'paper', tag: `T${orderId}` } });
};

const complete = (ledger: Ledger, intentId: string, orderId: string): void => {
  const results = [{ line: 0, orderId, status: 'ACCEPTED' }] as const;
  ledger.decideIntent(intentId, { type: 'CompleteIntent', data: { intentId, status: 'ACCEPTED', results } });
};

const accepted = (ledger: Ledger, orderId: string): void => {
  ledger.decideOrder(orderId, { type: 'RecordReport', data: { kind: 'new', brokerOrderId: 'B1' } });
};

const traded = (ledger: Ledger, orderId: string, tradeId: string, quantity: number): void => {
  const trade = { kind: 'trade', tradeId, quantity, priceE4: PRICE_E4, tradedAt: 1_767_328_200_000 } as const;
  ledger.decideOrder(orderId, { type: 'RecordReport', data: trade });
};

const accountOf = async (accountId: string): Promise<Account> =>
  (await ledgersOn(log).read(`account-${accountId}`)).state;

const typesOf = (writes: readonly Write[]): string[] =>
  writes.map(({ stream, events }) => `${stream.split('-')[0] ?? ''}: ${events.map(({ type }) => type).join(' ')}`);

describe('what waits is appended together', () => {
  it('decides forty waiting jobs in order and appends them at once', async () => {
    const ledgers = ledgersOn(log);
    const accountId = await open(ledgers);
    const append = jest.spyOn(log, 'append');
    const seen: number[] = [];
    const jobs = Array.from({ length: 41 }, (_, index) =>
      ledgers.transact(accountId, [], cause, (ledger) => {
        seen.push(index);
        reserve(ledger, randomUUID());
        return ledger.account.reservations.size;
      }),
    );
    const committed = await Promise.all(jobs);

    // The first one goes alone, because nobody waited yet when it came.
    expect(append).toHaveBeenCalledTimes(2);
    append.mockRestore();
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(committed.map(({ value }) => value)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
    const head = await log.head();
    expect(committed.at(-1)?.position).toBe(head);
    expect((await accountOf(accountId)).reservations.size).toBe(41);
  });

  it('keeps accounts apart: one waits for the log, the other does not wait for it', async () => {
    const held = new HoldingEventLog(log);
    const ledgers = ledgersOn(held);
    const [slow, quick] = [await open(ledgers), await open(ledgers)];
    held.holdBack = (writes) => writes.some(({ stream }) => stream === `account-${slow}`);
    const waiting = ledgers.transact(slow, [], cause, (ledger) => {
      reserve(ledger, randomUUID());
    });
    await ledgers.transact(quick, [], cause, (ledger) => {
      reserve(ledger, randomUUID());
    });
    held.release();
    await waiting;
    expect((await accountOf(slow)).reservations.size).toBe(1);
  });

  it('answers 0 as the position of a job that decided nothing', async () => {
    const ledgers = ledgersOn(log);
    const accountId = await open(ledgers);
    const committed = await ledgers.transact(accountId, [], cause, (ledger) => ledger.account.status);
    expect(committed).toEqual({ value: 'open', position: 0 });
  });
});

describe('a job that fails', () => {
  it('takes nothing of its own with it and leaves its neighbours alone', async () => {
    const ledgers = ledgersOn(log);
    const accountId = await open(ledgers, 1_000); // ten units at Rs 100
    const outcomes = await Promise.allSettled([
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID(), 4);
      }),
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID(), 3); // decided, and taken back with the rest of its job
        reserve(ledger, randomUUID(), 99);
      }),
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID(), 6);
      }),
      ledgers.transact(accountId, [], cause, () => {
        throw new TypeError('a mistake of ours');
      }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'margin.insufficient' } });
    expect(outcomes[3]).toMatchObject({ reason: new TypeError('a mistake of ours') });
    const after = await accountOf(accountId);
    expect([...after.reservations.values()].map(({ remainingQuantity }) => remainingQuantity).toSorted()).toEqual([
      4, 6,
    ]);
    expect(availableE4(after)).toBe(0);
  });

  it('is refused without an append when it is alone', async () => {
    const ledgers = ledgersOn(log);
    const accountId = await open(ledgers, 100);
    const append = jest.spyOn(log, 'append');
    await expect(
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID(), 2);
      }),
    ).rejects.toThrow(Refused);
    expect(append).not.toHaveBeenCalled();
    append.mockRestore();
  });
});

describe('the order of the writes', () => {
  it('is new intents, known orders, the account, new orders, finished intents', async () => {
    const ledgers = ledgersOn(log);
    const accountId = await open(ledgers);
    const [firstIntent, firstOrder, secondIntent, secondOrder] = [
      randomUUID(),
      randomUUID(),
      randomUUID(),
      randomUUID(),
    ];
    await ledgers.transact(accountId, [], cause, (ledger) => {
      placeOne(ledger, accountId, firstIntent, firstOrder);
    });
    const append = jest.spyOn(log, 'append');
    await Promise.all([
      ledgers.transact(accountId, [], cause, () => undefined),
      ledgers.transact(accountId, [], cause, (ledger) => {
        complete(ledger, firstIntent, firstOrder);
      }),
      ledgers.transact(accountId, [], cause, (ledger) => {
        placeOne(ledger, accountId, secondIntent, secondOrder);
      }),
      ledgers.transact(accountId, [], cause, (ledger) => {
        accepted(ledger, firstOrder);
        traded(ledger, firstOrder, 'T1', 1);
      }),
    ]);
    expect(append.mock.calls.map((stages) => typesOf(stages.flat()))).toEqual([
      [
        'intent: IntentReceived',
        'order: OrderAccepted OrderFilled',
        'account: MarginReserved MarginPosted',
        'order: OrderPlaced OrderDispatched',
        'intent: IntentCompleted',
      ],
    ]);
    append.mockRestore();
  });
});

describe('another process that writes to the same account', () => {
  it('is met with a second decision on what it left behind', async () => {
    const [here, there] = [ledgersOn(log), ledgersOn(log)];
    const accountId = await open(here, 1_000);
    await there.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, randomUUID(), 7);
    });
    let tries = 0;
    const five = here.transact(accountId, [], cause, (ledger) => {
      tries += 1;
      reserve(ledger, randomUUID(), 5);
    });
    await expect(five).rejects.toMatchObject({ code: 'margin.insufficient', detail: { availableE4: 300_0000 } });
    expect(tries).toBe(2);
    await here.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, randomUUID(), 3);
    });
    expect(availableE4(await accountOf(accountId))).toBe(0);
  });

  it('never lets the account reserve more than it has, however many ask at once', async () => {
    const processes = [ledgersOn(log), ledgersOn(log)];
    const accountId = await open(ledgersOn(log), 5_000); // fifty units at Rs 100
    const asked = Array.from({ length: 160 }, (_, index) => {
      const ledgers = processes[index % 2];
      if (!ledgers) throw new RangeError('two processes');
      return ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID());
      });
    });
    const outcomes = await Promise.allSettled(asked);
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(outcomes.length - refusals.length).toBe(50);
    for (const { reason } of refusals) expect(reason).toMatchObject({ code: 'margin.insufficient' });
    const after = await accountOf(accountId);
    expect(after.reservations.size).toBe(50);
    expect(availableE4(after)).toBe(0);
  });

  it('is seen by a job that comes to nothing, once it has been read', async () => {
    const [here, there] = [ledgersOn(log), ledgersOn(log)];
    const accountId = await open(here);
    const orderId = randomUUID();
    await here.transact(accountId, [], cause, (ledger) => {
      placeOne(ledger, accountId, randomUUID(), orderId);
    });
    await there.transact(accountId, [`order-${orderId}`], cause, (ledger) => {
      accepted(ledger, orderId);
    });
    expect((await here.read(`order-${orderId}`)).state.status).toBe('working');
    const seen = await here.transact(accountId, [`order-${orderId}`], cause, (ledger) => ({
      status: ledger.order(orderId).status,
      version: ledger.versionOf(orderId),
    }));
    expect(seen.value).toEqual({ status: 'working', version: 2 });
  });

  it('does not make it refuse what is possible by now', async () => {
    const [here, there] = [ledgersOn(log), ledgersOn(log)];
    const accountId = await open(here, 100);
    const orderId = randomUUID();
    await here.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, orderId);
    });
    await there.transact(accountId, [], cause, (ledger) => {
      ledger.decideAccount({ type: 'VoidMargin', data: { orderId } });
    });
    await here.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, randomUUID());
    });
    expect((await accountOf(accountId)).reservations.size).toBe(1);
  });

  it('is given up on after a while, and says so', async () => {
    const ledgers = ledgersOn(log);
    const accountId = await open(ledgers);
    const other = ledgersOn(log);
    const append = log.append.bind(log);
    const interfering = jest.spyOn(log, 'append').mockImplementation(async (writes) => {
      // Somebody is always faster.
      const moved = await log.readStream(`account-${accountId}`);
      const deposit = { depositId: randomUUID(), amountE4: 1 };
      await append([
        {
          stream: `account-${accountId}`,
          expected: moved.length - 1,
          events: [
            {
              id: randomUUID(),
              type: 'FundsDeposited',
              data: deposit,
              meta: { ...cause, accountId, at: 1, schemaVersion: 1 },
            },
          ],
        },
      ]);
      return append(writes);
    });
    await expect(
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID());
      }),
    ).rejects.toThrow(EventLogUnavailable);
    interfering.mockRestore();
    await other.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, randomUUID());
    });
    expect((await accountOf(accountId)).reservations.size).toBe(1);
  });
});

describe('an append whose outcome nobody knows', () => {
  it.each([
    ['was stored', true],
    ['was not stored', false],
  ])('that %s: the job says so, and the next one decides on what the log holds', async (_, stored) => {
    const holding = new HoldingEventLog(log);
    const ledgers = ledgersOn(holding);
    const accountId = await open(ledgers, 1_000);
    holding.answerLost = stored ? 'after' : 'before';
    const doubtful = ledgers.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, randomUUID(), 6);
    });
    await expect(doubtful).rejects.toThrow(EventLogUnavailable);
    const next = ledgers.transact(accountId, [], cause, (ledger) => {
      reserve(ledger, randomUUID(), 6);
    });
    if (stored) await expect(next).rejects.toMatchObject({ code: 'margin.insufficient' });
    else await next;
    expect((await accountOf(accountId)).reservations.size).toBe(1);
  });

  it('leaves those who waited behind it unharmed', async () => {
    const holding = new HoldingEventLog(log);
    const ledgers = ledgersOn(holding);
    const accountId = await open(ledgers, 1_000);
    holding.answerLost = 'after';
    const [doubtful, waiting] = await Promise.allSettled([
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID(), 6);
      }),
      ledgers.transact(accountId, [], cause, (ledger) => {
        reserve(ledger, randomUUID(), 4);
        return availableE4(ledger.account);
      }),
    ]);
    expect(doubtful.status).toBe('rejected');
    expect(waiting).toMatchObject({ status: 'fulfilled', value: { value: 0 } });
  });
});

describe('a log that stores one write after the other', () => {
  it('ends up in the same place as one that stores them together', async () => {
    const ledgers = ledgersOn(new TearingEventLog(log));
    const accountId = await open(ledgers);
    const [intentId, orderId] = [randomUUID(), randomUUID()];
    await ledgers.transact(accountId, [], cause, (ledger) => {
      placeOne(ledger, accountId, intentId, orderId, 3);
    });
    const load = [`intent-${intentId}`, `order-${orderId}`];
    await ledgers.transact(accountId, load, cause, (ledger) => {
      accepted(ledger, orderId);
      traded(ledger, orderId, 'T1', 1);
      complete(ledger, intentId, orderId);
    });
    const books = await readBooks(log);
    expect(faultsOf(books, { settled: false }).filter((fault) => fault.includes(accountId))).toEqual([]);
    expect(books.orders.get(orderId)).toMatchObject({ status: 'working', filledQuantity: 1 });
    expect(books.accounts.get(accountId)?.reservations.get(orderId)).toMatchObject({ remainingQuantity: 2 });
  });

  describe('and another process that writes to the account in between', () => {
    /** Lets `other` at the account once `work` has stored what comes before the account's own events. */
    const interrupted = async <T>(
      accountId: string,
      load: readonly string[],
      other: (ledger: Ledger) => void,
      work: (ledger: Ledger) => T,
    ): Promise<T> => {
      const held = new HoldingEventLog(log);
      const reached = new Promise<void>((resolve) => {
        held.holdBack = (writes) => {
          const isReached = writes.some(({ stream }) => stream === `account-${accountId}`);
          if (isReached) resolve();
          return isReached;
        };
      });
      const committed = ledgersOn(new TearingEventLog(held)).transact(accountId, load, cause, work);
      await reached;
      await ledgersOn(log).transact(accountId, [], cause, other);
      held.holdBack = () => false;
      held.release();
      return (await committed).value;
    };
    const faultsWith = async (accountId: string): Promise<readonly string[]> =>
      faultsOf(await readBooks(log), { settled: false }).filter((fault) => fault.includes(accountId));

    it('take an intent that is stored by then for its own, not for somebody else’s', async () => {
      const accountId = await open(ledgersOn(log));
      const [intentId, orderId] = [randomUUID(), randomUUID()];
      const deposit = { type: 'DepositFunds', data: { depositId: 'second', amountE4: 1 } } as const;
      const wasNew = await interrupted(
        accountId,
        [],
        (ledger) => ledger.decideAccount(deposit),
        (ledger) => {
          const { status } = ledger.intent(intentId);
          placeOne(ledger, accountId, intentId, orderId);
          return status === 'new';
        },
      );
      expect(wasNew).toBe(true);
      const books = await readBooks(log);
      expect(books.orders.get(orderId)?.status).toBe('dispatched');
      expect(books.histories.get(`intent-${intentId}`)).toHaveLength(1);
      expect(await faultsWith(accountId)).toEqual([]);
    });

    it('let the account hear of a trade that is stored by then', async () => {
      const ledgers = ledgersOn(log);
      const accountId = await open(ledgers);
      const [intentId, orderId] = [randomUUID(), randomUUID()];
      await ledgers.transact(accountId, [], cause, (ledger) => placeOne(ledger, accountId, intentId, orderId, 3));
      const deposit = { type: 'DepositFunds', data: { depositId: 'second', amountE4: 1 } } as const;
      await interrupted(
        accountId,
        [`order-${orderId}`],
        (ledger) => ledger.decideAccount(deposit),
        (ledger) => {
          accepted(ledger, orderId);
          traded(ledger, orderId, 'T1', 1);
        },
      );
      expect(await faultsWith(accountId)).toEqual([]);
      expect((await accountOf(accountId)).reservations.get(orderId)).toMatchObject({ remainingQuantity: 2 });
    });

    it('send what is stored by then, though their checks have found other figures since', async () => {
      const ledgers = ledgersOn(log);
      const accountId = await open(ledgers);
      const [intentId, orderId] = [randomUUID(), randomUUID()];
      await ledgers.transact(accountId, [], cause, (ledger) => {
        placeOne(ledger, accountId, intentId, orderId, 3);
        ledger.decideOrder(orderId, { type: 'RecordNotSent', data: { attempt: 1, evidence: { code: 'BUSY' } } });
      });
      const deposit = { type: 'DepositFunds', data: { depositId: 'second', amountE4: 1 } } as const;
      const dispatched = await interrupted(
        accountId,
        [`order-${orderId}`],
        (ledger) => ledger.decideAccount(deposit),
        (ledger) => {
          const limit = availableE4(ledger.account);
          const more = { orderId, quantity: 3, marginPriceE4: 2 * PRICE_E4 };
          ledger.decideAccount({ type: 'ChangeReservation', data: more });
          const verdicts = [{ check: 'balance', outcome: 'pass', limit }] as const;
          const due = { attempt: 2, broker: 'paper', tag: 'second', verdicts };
          return ledger.decideOrder(orderId, { type: 'DispatchOrder', data: due }).length;
        },
      );
      expect(dispatched).toBe(1);
      const history = (await readBooks(log)).histories.get(`order-${orderId}`) ?? [];
      expect(history.filter(({ type }) => type === 'OrderDispatched')).toHaveLength(2);
      expect(history.at(-1)?.data).toMatchObject({ tag: 'second', verdicts: [{ limit: 9_700 * 10_000 }] });
      expect(await faultsWith(accountId)).toEqual([]);
    });

    it('start from what is stored when they decide otherwise by now', async () => {
      const accountId = await open(ledgersOn(log), 1_000);
      const [intentId, orderId] = [randomUUID(), randomUUID()];
      await expect(
        interrupted(
          accountId,
          [],
          (ledger) => reserve(ledger, randomUUID(), 10), // takes all there is
          (ledger) => {
            placeOne(ledger, accountId, intentId, orderId);
          },
        ),
      ).rejects.toMatchObject({ code: 'margin.insufficient' });
      const books = await readBooks(log);
      expect(books.intents.get(intentId)?.status).toBe('open'); // stored, and left to the recovery
      expect(books.orders.has(orderId)).toBe(false);
    });
  });
});

/** A log that can be made to hold appends back, or to lose the answer to one of them. */
class HoldingEventLog implements EventLog {
  holdBack: (writes: readonly Write[]) => boolean = () => false;
  answerLost: 'before' | 'after' | undefined;
  private held: (() => void)[] = [];

  constructor(private readonly inner: EventLog) {}

  release(): void {
    for (const go of this.held) go();
    this.held = [];
  }

  async append(...stages: Stage[]): Promise<AppendResult> {
    if (this.holdBack(stages.flat())) await new Promise<void>((resolve) => this.held.push(resolve));
    const lost = this.answerLost;
    this.answerLost = undefined;
    if (lost === 'before') throw new EventLogUnavailable('the request was lost');
    const result = await this.inner.append(...stages);
    if (lost === 'after') throw new EventLogUnavailable('the answer was lost');
    return result;
  }

  readStream: EventLog['readStream'] = (stream, fromRevision) => this.inner.readStream(stream, fromRevision);
  readAll: EventLog['readAll'] = (options) => this.inner.readAll(options);
  head: EventLog['head'] = () => this.inner.head();
  subscribeAll: EventLog['subscribeAll'] = (options, handle) => this.inner.subscribeAll(options, handle);
  close: EventLog['close'] = () => this.inner.close();
}
