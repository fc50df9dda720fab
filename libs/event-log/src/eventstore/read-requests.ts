import { Empty, StreamIdentifier } from '@eventstore/db-client/generated/shared_pb';
import { ReadReq } from '@eventstore/db-client/generated/streams_pb';

/**
 * How many events the server looks at before it tells a subscription with a filter how far it has come. Also the step
 * in which it searches.
 */
const checkpointEvery = 512;
/** How far back the server looks in one step for an event that is not its own: older versions make only one step. */
const headWindow = 10_000;

const Options = ReadReq.Options;

/** From `revision` on, it included. */
export function streamRequest(stream: string, revision: number, count?: number): ReadReq {
  const name = new StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  const from = new Options.StreamOptions();
  from.setStreamIdentifier(name);
  from.setRevision(String(revision));
  const options = newOptions();
  options.setStream(from);
  options.setCount(String(count ?? Number.MAX_SAFE_INTEGER));
  options.setNoFilter(new Empty());
  return requestOf(options);
}

/** From `after` on, what lies there included: a server counts it among the first, a caller has to leave it out. */
export function allRequest(after: number, count: number, prefixes: readonly string[]): ReadReq {
  const options = newOptions();
  options.setAll(startingAt(after));
  options.setCount(String(count));
  options.setFilter(filterOf(prefixes, count + checkpointEvery)); // it has to be more than the count
  return requestOf(options);
}

/** The newest event that is not one of the server's own. */
export function headRequest(): ReadReq {
  const all = new Options.AllOptions();
  all.setEnd(new Empty());
  const options = newOptions();
  options.setAll(all);
  options.setReadDirection(Options.ReadDirection.BACKWARDS);
  options.setCount('1');
  options.setFilter(filterOf([], headWindow));
  return requestOf(options);
}

/** What follows `after`, and then what arrives. */
export function subscriptionRequest(after: number, prefixes: readonly string[]): ReadReq {
  const options = newOptions();
  options.setAll(startingAt(after));
  options.setSubscription(new Options.SubscriptionOptions());
  options.setFilter(filterOf(prefixes, checkpointEvery));
  return requestOf(options);
}

function newOptions(): ReadReq.Options {
  const ids = new Options.UUIDOption();
  ids.setString(new Empty());
  const options = new Options();
  options.setUuidOption(ids);
  options.setReadDirection(Options.ReadDirection.FORWARDS);
  return options;
}

function startingAt(after: number): ReadReq.Options.AllOptions {
  const all = new Options.AllOptions();
  if (after === 0) {
    all.setStart(new Empty());
  } else {
    // The server orders by commit position; our positions are those.
    const position = new Options.Position();
    position.setCommitPosition(String(after));
    position.setPreparePosition(String(after));
    all.setPosition(position);
  }
  return all;
}

/** Without prefixes: all streams but the server's own, whose names begin with a dollar. */
function filterOf(prefixes: readonly string[], window: number): ReadReq.Options.FilterOptions {
  const names = new Options.FilterOptions.Expression();
  if (prefixes.length === 0) names.setRegex('^[^$]');
  else names.setPrefixList([...prefixes]);
  const filter = new Options.FilterOptions();
  filter.setStreamIdentifier(names);
  filter.setMax(window);
  filter.setCheckpointintervalmultiplier(1);
  return filter;
}

function requestOf(options: ReadReq.Options): ReadReq {
  const request = new ReadReq();
  request.setOptions(options);
  return request;
}
