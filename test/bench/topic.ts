import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import type { Cleanup } from './cleanup';
import type { Engine } from './engines';

/** The group that all projectors are members of. */
const GROUP = 'coordinator-projector';
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than a member that was taken away counts as present. */
const EMPTY_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/** The broker as seen from outside: who consumes, and what the topic of events takes on its disk. */
export class Topic {
  private constructor(
    private readonly admin: Admin,
    private readonly kafka: Engine,
  ) {}

  static async open(cleanup: Cleanup, kafka: Engine): Promise<Topic> {
    const admin = new Kafka({
      brokers: [kafka.address],
      requestTimeout: REQUEST_TIMEOUT_MS,
      enforceRequestTimeout: true,
      logLevel: logLevel.NOTHING,
    }).admin();
    cleanup.add(() => admin.disconnect());
    await admin.connect();
    return new Topic(admin, kafka);
  }

  /** So many projectors have agreed on who has which partitions. */
  async isSharedBy(members: number): Promise<boolean> {
    const { groups } = await this.admin.describeGroups([GROUP]);
    return groups.some(({ state, members: found }) => state === 'Stable' && found.length === members);
  }

  /** What the group has read is forgotten: the next projectors begin at the beginning. Nobody may consume. */
  async forgetOffsets(): Promise<void> {
    const giveUpAt = performance.now() + EMPTY_TIMEOUT_MS;
    for (;;) {
      const { groups } = await this.admin.describeGroups([GROUP]);
      const state = groups[0]?.state;
      if (state === 'Dead') return; // there is none
      if (state === 'Empty') break;
      if (performance.now() > giveUpAt) throw new Error(`the consumer group is ${state ?? 'unknown'}, not empty`);
      await sleep(POLL_MS);
    }
    await this.admin.deleteGroups([GROUP]);
  }

  /** Bytes of all messages of the topic as the broker stores them, without its indexes. */
  async bytes(): Promise<number> {
    const log = join(this.kafka.folder, 'log');
    let bytes = 0;
    for (const name of await readdir(log)) {
      if (!/^coordinator\.events-\d+$/.test(name)) continue;
      for (const file of await readdir(join(log, name)))
        if (file.endsWith('.log')) bytes += (await stat(join(log, name, file))).size;
    }
    return bytes;
  }
}
