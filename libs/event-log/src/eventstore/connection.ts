import { readFileSync } from 'node:fs';
import { discoverEndpoint } from '@eventstore/db-client/dist/Client/discovery';
import { type ConnectionOptions, parseConnectionString } from '@eventstore/db-client/dist/Client/parseConnectionString';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb';
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { EventLogUnavailable } from '../event-log';
import { type Endpoint, explain, leaderIn } from './failures';

const keepAliveMs = { interval: 10_000, timeout: 10_000 };
const reconnectMs = { first: 100, max: 2_000 };
/** The largest event a server can hold, and what surrounds it. */
const messageBytesMax = 17 * 1024 * 1024;

/**
 * The way to an EventStoreDB: one channel, to the node of the connection string, or to the leader of the cluster that
 * it names. Moves on when a node says that another one leads.
 *
 * Made of the official client's parts (connection string, discovery, service stubs), not of its `Client`: that keeps
 * pending appends in a table shared by all clients of the process, where one broken stream rejects the appends of
 * another, and ends the process when an answer comes for an append that was rejected that way; it never closes its channel; and
 * its reads of the whole log take no filter.
 */
export class Connection {
  private readonly options: ConnectionOptions;
  private readonly channelCredentials: ChannelCredentials;
  private readonly authorization: string | undefined;
  private current: { readonly client: Promise<StreamsClient>; opened?: StreamsClient } | undefined;
  private leader: Endpoint | undefined;
  private closed = false;

  /** @throws TypeError for what is not a connection string, or asks for followers. It is not repeated in the message: it may hold a password. */
  constructor(url: string) {
    this.options = parse(url);
    checkLeaderIsAsked(this.options);
    const { tls = true, defaultCredentials } = this.options;
    this.channelCredentials = tls ? tlsCredentials(this.options) : credentials.createInsecure();
    // As the official client does: never a password over a line that everybody can read.
    if (tls && defaultCredentials !== undefined) {
      const { username, password } = defaultCredentials;
      this.authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    }
  }

  /** @throws EventLogUnavailable when no node of the cluster answers. */
  async streams(): Promise<StreamsClient> {
    if (this.closed) throw new EventLogUnavailable('the connection to the event store is closed');
    this.current ??= this.open();
    return this.current.client;
  }

  /** What every call carries. Followers are not asked: what one of them answers may be behind what was acknowledged. */
  metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set('requires-leader', 'true');
    if (this.options.connectionName !== undefined) metadata.set('connection-name', this.options.connectionName);
    if (this.authorization !== undefined) metadata.set('authorization', this.authorization);
    return metadata;
  }

  /** To be told of every call that failed on `client`: decides whether the next call goes to another node. */
  failed(client: StreamsClient, error: unknown): void {
    if (client !== this.current?.opened) return;
    const leader = leaderIn(error);
    if (leader === undefined && this.leader === undefined && !this.isCluster()) return; // the channel reconnects
    if (!(explain(error) instanceof EventLogUnavailable)) return;
    this.forget();
    this.leader = leader;
  }

  /** To be told when nothing at all came back on `client`: the next call gets a connection of its own. */
  silent(client: StreamsClient): void {
    if (client !== this.current?.opened) return;
    this.forget();
    this.leader = undefined;
  }

  close(): void {
    this.closed = true;
    this.forget();
  }

  private isCluster(): boolean {
    return this.options.dnsDiscover || this.options.hosts.length > 1;
  }

  /** Calls under way on the old channel go on until they end by themselves. */
  private forget(): void {
    void this.current?.client.then(
      (client) => client.close(),
      () => undefined,
    );
    this.current = undefined;
  }

  private open(): NonNullable<typeof this.current> {
    const opening: NonNullable<typeof this.current> = {
      client: this.findNode().then(
        ({ address, port }) => {
          opening.opened = new StreamsClient(
            `${address}:${String(port)}`,
            this.channelCredentials,
            channelOptions(this.options),
          );
          return opening.opened;
        },
        (error: unknown) => {
          if (this.current === opening) this.current = undefined;
          throw new EventLogUnavailable('no node of the event store answers', { cause: error });
        },
      ),
    };
    return opening;
  }

  private async findNode(): Promise<Endpoint> {
    if (this.leader !== undefined) return this.leader;
    const [first] = this.options.hosts;
    if (first === undefined) throw new Error('the connection string names no host');
    if (!this.isCluster()) return first;
    // One round: whoever needs the log tries again with pauses of its own.
    const { gossipTimeout = 5, hosts, dnsDiscover } = this.options;
    const how = { maxDiscoverAttempts: 1, gossipTimeout, nodePreference: 'leader' as const };
    return discoverEndpoint(
      dnsDiscover ? { ...how, discover: first } : { ...how, endpoints: hosts },
      this.channelCredentials,
    );
  }
}

function parse(url: string): ConnectionOptions {
  try {
    return parseConnectionString(url);
  } catch {
    throw new TypeError('not a connection string of an event store, such as esdb://127.0.0.1:2113?tls=false');
  }
}

/** What a follower has last is not the end of the log: taken for it, events would be passed over. */
function checkLeaderIsAsked({ nodePreference = 'leader' }: ConnectionOptions): void {
  if (nodePreference !== 'leader') {
    throw new TypeError(
      'only the leader of the event store is asked: leave nodePreference out of its connection string',
    );
  }
}

function tlsCredentials({ tlsCAFile, userKeyFile, userCertFile }: ConnectionOptions): ChannelCredentials {
  const read = (path: string | undefined): Buffer | null => (path === undefined ? null : readFileSync(path));
  return credentials.createSsl(read(tlsCAFile), read(userKeyFile), read(userCertFile));
}

function channelOptions({ keepAliveInterval, keepAliveTimeout }: ConnectionOptions): ChannelOptions {
  const orNever = (ms: number): number => (ms < 0 ? Number.MAX_SAFE_INTEGER : ms);
  return {
    'grpc.keepalive_time_ms': orNever(keepAliveInterval ?? keepAliveMs.interval),
    'grpc.keepalive_timeout_ms': orNever(keepAliveTimeout ?? keepAliveMs.timeout),
    'grpc.initial_reconnect_backoff_ms': reconnectMs.first,
    'grpc.max_reconnect_backoff_ms': reconnectMs.max,
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.enable_retries': 0, // what is repeated, and when, is decided by whoever asked
    'grpc.use_local_subchannel_pool': 1, // so that closing this channel closes its connection
  };
}
