import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Decider, type DomainEvent, fold, Refused } from '#domain/decider';
import { type EventLog, type EventMeta, type ExpectedRevision, WrongExpectedRevision } from './event-log';

const triesMax = 8;

/** A stream folded up to one of its events. */
export interface Folded<State> {
  readonly state: State;
  readonly revision: ExpectedRevision;
  /** Position of that event, 0 when there is none. */
  readonly position: number;
}

/** `events` is what the command brought about, none when there was nothing to do; the rest is the stream after it. */
export interface Executed<State, Event> extends Folded<State> {
  readonly events: readonly Event[];
}

/**
 * Read, fold, decide, append. When somebody else writes to the stream meanwhile, what is new is read and the command
 * is decided again, a few times.
 *
 * `known` is the stream as the caller remembers it: the append itself proves that nothing happened since, so nothing
 * is read. Only the answer "nothing to do" or a refusal is looked up in the log before it counts.
 * @throws Refused what the decider refused; nothing was recorded.
 * @throws WrongExpectedRevision the stream kept moving through all tries; nothing was recorded.
 * @throws EventLogUnavailable the outcome is not known; deciding the same command again is safe.
 */
export async function execute<State, Command, Event extends DomainEvent>(
  log: EventLog,
  decider: Decider<State, Command, Event>,
  stream: string,
  command: Command,
  meta: EventMeta,
  known?: Folded<State>,
): Promise<Executed<State, Event>> {
  let folded = known ?? (await readOn(log, decider, stream, blank(decider)));
  let isProven = known === undefined;
  for (let tries = 1; ; tries++) {
    if (!isProven && !wouldAppend(decider, command, folded.state)) {
      folded = await readOn(log, decider, stream, folded);
    }
    const events = decider.decide(command, folded.state);
    if (events.length === 0) return { ...folded, events };
    try {
      const newEvents = events.map(({ type, data }) => ({ id: randomUUID(), type, data, meta }));
      const { position } = await log.append([{ stream, expected: folded.revision, events: newEvents }]);
      return {
        events,
        state: fold(decider, folded.state, events),
        revision: (folded.revision === 'no-stream' ? -1 : folded.revision) + events.length,
        position,
      };
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision) || tries === triesMax) throw error;
      if (tries > 1) await sleep(Math.random() * 2 ** tries); // two who collide do not collide again in step
      folded = await readOn(log, decider, stream, folded);
      isProven = true;
    }
  }
}

/** Folds what the stream holds beyond `folded`. */
async function readOn<State, Command, Event extends DomainEvent>(
  log: EventLog,
  decider: Decider<State, Command, Event>,
  stream: string,
  folded: Folded<State>,
): Promise<Folded<State>> {
  const recorded = await log.readStream(stream, folded.revision === 'no-stream' ? 0 : folded.revision + 1);
  const last = recorded.at(-1);
  if (last === undefined) return folded;
  // A stream is written by its own decider only: what it holds are that decider's events.
  const events = recorded.map((event) => event as DomainEvent as Event);
  return { state: fold(decider, folded.state, events), revision: last.revision, position: last.position };
}

function blank<State>({ initial }: { readonly initial: State }): Folded<State> {
  return { state: initial, revision: 'no-stream', position: 0 };
}

function wouldAppend<State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  command: Command,
  state: State,
): boolean {
  try {
    return decider.decide(command, state).length > 0;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}
