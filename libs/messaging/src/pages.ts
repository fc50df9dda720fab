import type { Carried, Watermark } from './envelope';
import type { FeedPage } from './feed';
import type { RecordedEvent } from '#event-log/event-log';

/**
 * What is new to a consumer that stands at `position`, out of messages of one partition in their order. What it knows is
 * left out. Where the chain is broken a new page begins, whose `after` lies beyond where the consumer will stand.
 */
export function pagesOf(partition: number, position: number, links: readonly (Carried | Watermark)[]): FeedPage[] {
  const pages: FeedPage[] = [];
  let after = position;
  let next = position;
  let events: RecordedEvent[] = [];
  for (const link of links) {
    if (link.after > next) {
      if (next > after) pages.push({ partition, after, next, events });
      after = link.after;
      next = after;
      events = [];
      if (link.kind === 'watermark' && link.position === after) pages.push({ partition, after, next, events: [] });
    }
    const to = link.kind === 'event' ? link.event.position : link.position;
    if (to <= next) continue;
    next = to;
    if (link.kind === 'event') events.push(link.event);
  }
  if (next > after) pages.push({ partition, after, next, events });
  return pages;
}
