import { details } from '../orders/samples';
import { specify } from '../specify';
import {
  intent,
  type IntentCommand,
  type IntentEvent,
  type IntentStatus,
  type LineResult,
  type LineStatus,
  statusOf,
} from './intent';

const given = specify(intent);

const asked = {
  intentId: 'intent-1',
  accountId: 'account-1',
  userId: 'user-1',
  idempotencyKey: 'key-1',
  payloadHash: 'hash-1',
  lines: [{ ...details, broker: 'paper' }],
};
const results: readonly LineResult[] = [{ line: 0, orderId: 'order-1', status: 'ACCEPTED', brokerOrderId: 'B1' }];
const answer = { intentId: 'intent-1', status: 'ACCEPTED', results } as const;

const received: IntentEvent = { type: 'IntentReceived', data: asked };
const completed: IntentEvent = { type: 'IntentCompleted', data: answer };
const receive: IntentCommand = { type: 'ReceiveIntent', data: asked };
const complete: IntentCommand = { type: 'CompleteIntent', data: answer };

/** The same key, another request. */
const receiveOther: IntentCommand = { type: 'ReceiveIntent', data: { ...asked, payloadHash: 'hash-2' } };
/** The same request, worked out again: the hash tells what was asked, not what we made of it. */
const receiveAgain: IntentCommand = {
  type: 'ReceiveIntent',
  data: { ...asked, lines: [{ ...details, symbol: 'NSE:RELIANCE-EQ' }] },
};
const completeOtherwise: IntentCommand = {
  type: 'CompleteIntent',
  data: { intentId: 'intent-1', status: 'REJECTED', results: [{ line: 0, orderId: 'order-1', status: 'REJECTED' }] },
};

describe('every command in every state', () => {
  it('new: is received', () => given().when(receive).then(received));
  it('new: cannot be completed', () => given().when(complete).thenRefused('intent.unknown'));

  it('open: the same request again is nothing', () => given(received).when(receive).thenNothing());
  it('open: the same request is known by its hash', () => given(received).when(receiveAgain).thenNothing());
  it('open: another request under the same key is refused', () =>
    given(received).when(receiveOther).thenRefused('intent.payload-differs'));
  it('open: is completed', () => given(received).when(complete).then(completed));

  it('completed: the same request again is nothing', () => given(received, completed).when(receive).thenNothing());
  it('completed: another request under the same key is refused', () =>
    given(received, completed).when(receiveOther).thenRefused('intent.payload-differs'));
  it('completed: the same answer again is nothing', () => given(received, completed).when(complete).thenNothing());
  it('completed: the first answer stands', () => given(received, completed).when(completeOtherwise).thenNothing());
});

it('remembers what was asked and what was answered', () => {
  const now = [received, completed].reduce(intent.evolve, intent.initial);
  expect(now).toEqual({ status: 'completed', received: asked, completed: answer });
});

describe('what the lines come to', () => {
  it.each<[IntentStatus, LineStatus[], string]>([
    ['ACCEPTED', ['ACCEPTED'], 'all'],
    ['ACCEPTED', ['ACCEPTED', 'ACCEPTED'], 'all'],
    ['REJECTED', ['DENIED'], 'none: our rules'],
    ['REJECTED', ['REJECTED'], 'none: the broker'],
    ['REJECTED', ['FAILED'], 'none: no broker could be reached'],
    ['REJECTED', ['DENIED', 'REJECTED', 'FAILED'], 'none, for different reasons'],
    ['PARTIAL', ['ACCEPTED', 'DENIED'], 'some'],
    ['PARTIAL', ['ACCEPTED', 'REJECTED'], 'some'],
    ['PARTIAL', ['ACCEPTED', 'FAILED'], 'some'],
    ['PARTIAL', ['ACCEPTED', 'UNKNOWN'], 'some, and one in doubt'],
    ['PARTIAL', ['REJECTED', 'UNKNOWN'], 'perhaps one: in doubt is not rejected'],
    ['PARTIAL', ['UNKNOWN'], 'in doubt: neither all nor none'],
    ['PENDING', ['PENDING'], 'one may yet be'],
    ['PENDING', ['ACCEPTED', 'PENDING'], 'one may yet be'],
    ['PENDING', ['DENIED', 'PENDING'], 'one may yet be'],
    ['PENDING', ['UNKNOWN', 'PENDING'], 'one may yet be'],
  ])('%s for %j: %s', (status, lines) => {
    expect(statusOf(lines.map((line) => ({ status: line })))).toBe(status);
    expect(statusOf(lines.toReversed().map((line) => ({ status: line })))).toBe(status);
  });
});
