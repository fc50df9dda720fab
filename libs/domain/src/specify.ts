import { fromJS, is } from 'immutable';
import { type Decider, type DomainEvent, fold, Refused } from './decider';

/** What a command came to: what happened, or why it was refused. */
type Outcome<Event> =
  | { readonly events: readonly Event[] }
  | { readonly refused: string; readonly detail?: Readonly<Record<string, string | number>> };

/** Shaped as a test runner expects it, so that it shows the two sides next to each other. */
class Unexpected extends Error {
  override readonly name = 'AssertionError';
  readonly code = 'ERR_ASSERTION';
  readonly operator = 'deepStrictEqual';
  readonly generatedMessage = true;

  constructor(
    readonly expected: unknown,
    readonly actual: unknown,
  ) {
    super(`expected ${JSON.stringify(expected)} but got ${JSON.stringify(actual)}`);
  }
}

/** Plain JSON by value; `undefined` is not the same as absent. */
const mustEqual = (actual: unknown, expected: unknown): void => {
  if (!is(fromJS(actual), fromJS(expected))) throw new Unexpected(expected, actual);
};

/**
 * A spec of a decider as one sentence, for specs only:
 * `given(placed, filled).when(cancel).thenRefused('order.closed')`.
 */
export const specify =
  <State, Command, Event extends DomainEvent>(decider: Decider<State, Command, Event>) =>
  (...history: readonly Event[]) => ({
    when: (command: Command) => {
      const decide = (): Outcome<Event> => {
        try {
          return { events: decider.decide(command, fold(decider, decider.initial, history)) };
        } catch (error) {
          if (error instanceof Refused) return { refused: error.code, detail: error.detail };
          throw error;
        }
      };
      return {
        /** Exactly these events, in this order. */
        then: (...events: readonly Event[]): void => mustEqual(decide(), { events }),
        thenNothing: (): void => mustEqual(decide(), { events: [] }),
        /** Refused with this code and, where given, exactly this detail. */
        thenRefused: (refused: string, detail?: Readonly<Record<string, string | number>>): void => {
          const outcome = decide();
          mustEqual('refused' in outcome && detail === undefined ? { refused: outcome.refused } : outcome, {
            refused,
            ...(detail && { detail }),
          });
        },
      };
    },
  });
