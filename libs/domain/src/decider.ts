/** An event as the domain sees it: a name in the past tense and plain JSON. */
export interface DomainEvent {
  readonly type: string;
  readonly data: object;
}

/**
 * A decision maker over one stream. `decide` says what happens now or refuses; `evolve` folds what happened into what
 * `decide` needs to know. Both are pure: time, ids and prices come with the command.
 */
export interface Decider<State, Command, Event extends DomainEvent> {
  readonly initial: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
}

/** The command makes no sense now. Nothing is recorded; the edge answers 4xx with `code`. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    readonly detail: Readonly<Record<string, string | number>> = {},
  ) {
    super(code);
    this.name = 'Refused';
  }
}

/** Refuses a command: `code` is stable and dotted (`order.closed`). */
export const refuse = (code: string, detail?: Readonly<Record<string, string | number>>): never => {
  throw new Refused(code, detail);
};

/** Folds a history, oldest first. */
export const fold = <State, Event extends DomainEvent>(
  { evolve }: { readonly evolve: (state: State, event: Event) => State },
  state: State,
  events: Iterable<Event>,
): State => {
  for (const event of events) state = evolve(state, event);
  return state;
};
