/**
 * A consumer of the Kafka feed in a process of its own, to be killed. It keeps nothing: where it stands it asks its parent,
 * and a page is taken when the parent says so.
 *
 *     fork('feed-member.ts', [JSON.stringify({ brokers, groupId, topicPrefix })], …)
 */
import type { FeedPage } from '#messaging/feed';
import { KafkaFeed } from '#messaging/kafka-feed';

/** To the parent; it answers with the same `id`. */
export type MemberAsks =
  | { readonly id: number; readonly asks: 'position'; readonly partition: number }
  | { readonly id: number; readonly asks: 'take'; readonly page: FeedPage };

export interface ParentAnswers {
  readonly id: number;
  readonly position?: number;
}

interface Settings {
  readonly brokers: string;
  readonly groupId: string;
  readonly topicPrefix: string;
}

type Question =
  { readonly asks: 'position'; readonly partition: number } | { readonly asks: 'take'; readonly page: FeedPage };

const waiting = new Map<number, (answer: ParentAnswers) => void>();
let asked = 0;

const ask = (question: Question): Promise<ParentAnswers> =>
  new Promise((resolve) => {
    asked += 1;
    waiting.set(asked, resolve);
    process.send?.({ ...question, id: asked } satisfies MemberAsks);
  });

async function main({ brokers, groupId, topicPrefix }: Settings): Promise<void> {
  process.on('message', (answer: ParentAnswers) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  process.on('disconnect', () => process.exit(0)); // the test is gone
  const nothing = (): void => undefined;
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const feed = await KafkaFeed.open({ brokers, groupId, topicPrefix, logger });
  const subscription = feed.subscribe(
    async (partition) => (await ask({ asks: 'position', partition })).position ?? 0,
    async (page) => {
      await ask({ asks: 'take', page });
    },
  );
  await subscription.ended;
}

void main(JSON.parse(process.argv[2] ?? '{}') as Settings);
