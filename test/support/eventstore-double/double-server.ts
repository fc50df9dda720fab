/**
 * A double of an EventStoreDB of one node, as a process of its own, for machines without the server. It speaks the
 * official protocol and keeps what it acknowledges; it proves what our adapter does, not what a server does: the same
 * specs have to pass on a real one.
 *
 *     node -r register-typescript.cjs double-server.ts <port, or 0 for a free one> [file to keep the events in]
 *
 * Needs a parent with a channel (`start.ts`): it reports its port there, takes faults from there, and ends with it.
 */
import { EndPoint, ClusterInfo, MemberInfo } from '@eventstore/db-client/generated/gossip_pb';
import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb';
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb';
import { SupportedMethod, SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb';
import { type sendUnaryData, Server, ServerCredentials } from '@grpc/grpc-js';
import { DoubleLog } from './double-log';
import { DoubleStreams } from './double-streams';
import { type Command, noFaults, type Report } from './faults';

const host = '127.0.0.1';

function supportedMethods(): SupportedMethods {
  const methods = ['append', 'batchappend', 'read'].map((name) => {
    const method = new SupportedMethod();
    method.setServiceName('event_store.client.streams.streams');
    method.setMethodName(name);
    return method;
  });
  const supported = new SupportedMethods();
  supported.setEventStoreServerVersion('double');
  supported.setMethodsList(methods);
  return supported;
}

function clusterOfOne(port: number): ClusterInfo {
  const endpoint = new EndPoint();
  endpoint.setAddress(host);
  endpoint.setPort(port);
  const member = new MemberInfo();
  member.setHttpEndPoint(endpoint);
  member.setState(MemberInfo.VNodeState.LEADER);
  member.setIsAlive(true);
  const cluster = new ClusterInfo();
  cluster.setMembersList([member]);
  return cluster;
}

function report(message: Report): void {
  process.send?.(message);
}

async function main(): Promise<void> {
  const [wantedPort = '0', file] = process.argv.slice(2);
  const log = await DoubleLog.open(file);
  const server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 });
  let port = 0;
  const cut = (): void => {
    server.drain(`${host}:${String(port)}`, 0);
  };
  const streams = new DoubleStreams(log, noFaults, cut);
  server.addService(StreamsService, streams.service());
  server.addService(ServerFeaturesService, {
    getSupportedMethods: (_: unknown, answer: sendUnaryData<SupportedMethods>) => {
      answer(null, supportedMethods());
    },
  });
  server.addService(GossipService, {
    read: (_: unknown, answer: sendUnaryData<ClusterInfo>) => {
      answer(null, clusterOfOne(port));
    },
  });

  process.on('disconnect', () => process.exit());
  process.on('message', ({ number, faults, cut: isCut }: Command) => {
    streams.faults = { ...streams.faults, ...faults };
    if (isCut === true) cut();
    report({ done: number });
  });
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${wantedPort}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  report({ port });
}

void main();
