import fc from 'fast-check';
import type { RecordedEvent } from '#event-log/event-log';
import { type Carried, fromMessage, type Watermark } from './envelope';
import { type PlacedMessage, split } from './kafka-publisher';
import { pagesOf } from './pages';
import { partitioner } from './topic';

const partitions = 3;
const partitionOf = partitioner(partitions);

const eventAt = (position: number, accountId: string, text = '', at = 0): RecordedEvent => ({
  id: `00000000-0000-4000-8000-${String(position).padStart(12, '0')}`,
  type: 'Happened',
  data: { text },
  meta: { userId: 'u', accountId, correlationId: 'c', causationId: 'c', at, schemaVersion: 1 },
  stream: `order-${accountId}`,
  revision: 0,
  position,
});

/** What the partitions hold after the requests, in order. */
const linksOf = (requests: readonly PlacedMessage[][]): (Carried | Watermark)[][] => {
  const held = Array.from({ length: partitions }, (): (Carried | Watermark)[] => []);
  for (const message of requests.flat()) held[message.partition]?.push(fromMessage(message));
  return held;
};
const linksOfPage = (after: number, next: number, events: readonly RecordedEvent[], leftOut: number[] = []) =>
  linksOf(split({ after, next, events }, partitions, partitionOf, ({ position }) => leftOut.push(position)));

/** A log: events of a few accounts at rising positions, some of them unfit to travel. */
const logs = fc
  .array(
    fc.record({ step: fc.integer({ min: 1, max: 5 }), account: fc.nat(9), unfit: fc.nat(30).map((n) => n === 0) }),
    {
      maxLength: 60,
    },
  )
  .map((steps) => {
    let position = 0;
    return steps.map(({ step, account, unfit }) => {
      position += step;
      return eventAt(position, `account-${String(account)}`, '', unfit ? Number.MAX_SAFE_INTEGER : 0);
    });
  });
const isUnfit = ({ meta }: RecordedEvent): boolean => meta.at !== 0;

/** The log as a relay would publish it: cut into pages at some of its events. */
const pagesOfLog = (events: readonly RecordedEvent[], cuts: readonly number[]) => {
  const last = events.at(-1)?.position ?? 0;
  const ends = [...new Set(cuts.map((cut) => cut % (last + 1)))].filter((end) => end > 0).sort((a, b) => a - b);
  if (ends.at(-1) !== last && last > 0) ends.push(last);
  return ends.map((next, n) => {
    const after = ends[n - 1] ?? 0;
    return { after, next, events: events.filter(({ position }) => position > after && position <= next) };
  });
};

describe('a page', () => {
  it('becomes chains: in each partition its events, and a watermark for the rest', () => {
    const [one = '', two = ''] = [0, 1].map((wanted) =>
      Array.from({ length: 99 }, (_, n) => `a-${String(n)}`).find((id) => partitionOf(id) === wanted),
    );
    const held = linksOfPage(10, 20, [eventAt(12, one), eventAt(13, two), eventAt(20, one)]);
    expect(held.map((links) => links.map((link) => [link.kind, link.after, positionOf(link)]))).toEqual([
      [
        ['event', 10, 12],
        ['event', 12, 20],
      ],
      [
        ['event', 10, 13],
        ['watermark', 13, 20],
      ],
      [['watermark', 10, 20]],
    ]);
  });

  it('without events says in every partition where the log stands', () => {
    const held = linksOfPage(7, 7, []);
    expect(held).toEqual([0, 1, 2].map(() => [{ kind: 'watermark', after: 7, position: 7, partitions }]));
  });

  it('is sent in several requests when a partition would hold more than a batch can', () => {
    const events = [1, 2, 3, 4, 5].map((position) => eventAt(position, 'a', 'x'.repeat(300_000)));
    const requests = split({ after: 0, next: 5, events }, partitions, partitionOf, () => undefined);
    expect(requests).toHaveLength(5);
    for (const request of requests) expect(JSON.stringify(request).length).toBeLessThan(1_000_000);
    const [chain] = linksOf(requests).filter((links) => links.some(({ kind }) => kind === 'event'));
    expect(pagesOf(0, 0, chain ?? [])).toEqual([{ partition: 0, after: 0, next: 5, events }]);
  });

  it('leaves out what no message can hold, and shows the gap to all, at the end of the page too', () => {
    const leftOut: number[] = [];
    const huge = 'x'.repeat(4_200_000);
    const held = linksOfPage(0, 3, [eventAt(1, 'a'), eventAt(2, 'a', huge), eventAt(3, 'b', huge)], leftOut);
    expect(leftOut).toEqual([2, 3]);
    for (const [partition, links] of held.entries()) {
      const pages = pagesOf(partition, 0, links);
      expect(pages.at(-1)).toEqual({ partition, after: 3, next: 3, events: [] });
    }
  });

  it('by page makes one chain from the start to the head, broken only where something was left out', () =>
    fc.assert(
      fc.property(logs, fc.array(fc.nat()), (events, cuts) => {
        const leftOut: number[] = [];
        const held: (Carried | Watermark)[][] = [[], [], []];
        for (const { after, next, events: some } of pagesOfLog(events, cuts)) {
          linksOfPage(after, next, some, leftOut).forEach((links, partition) => held[partition]?.push(...links));
        }
        expect(leftOut).toEqual(events.filter(isUnfit).map(({ position }) => position));
        const head = events.at(-1)?.position ?? 0;
        for (const [partition, links] of held.entries()) {
          const mine = events.filter(({ meta }) => partitionOf(meta.accountId) === partition);
          const pages = pagesOf(partition, 0, links);
          expect(pages.flatMap((page) => page.events)).toEqual(mine.filter((event) => !isUnfit(event)));
          expect(pages.at(-1)?.next ?? 0).toBe(head);
          let at = 0;
          for (const page of pages) {
            // Between where one page ends and the next begins lies exactly what could not travel.
            for (const { position } of mine.filter(({ position: p }) => p > at && p <= page.after)) {
              expect(leftOut).toContain(position);
            }
            if (page.after > at) expect(leftOut).toContain(page.after);
            at = page.next;
          }
        }
      }),
    ));
});

describe('a consumer', () => {
  it('that gets pages again, out of turn or cut off, misses nothing that it is not told of, and sees nothing twice', () =>
    fc.assert(
      fc.property(
        logs.map((events) => events.filter((event) => !isUnfit(event))),
        fc.array(fc.nat()),
        fc.array(fc.array(fc.record({ page: fc.nat(), lost: fc.nat(3) }), { minLength: 1, maxLength: 4 }), {
          maxLength: 20,
        }),
        (events, cuts, batches) => {
          const pages = pagesOfLog(events, cuts);
          for (let partition = 0; partition < partitions; partition += 1) {
            const mine = events.filter(({ meta }) => partitionOf(meta.accountId) === partition);
            const seen: number[] = [];
            let at = 0;
            for (const batch of batches) {
              const links = batch.flatMap(({ page: n, lost }) => {
                const page = pages[n % Math.max(1, pages.length)];
                // The transport may lose the beginning of anything.
                return page === undefined
                  ? []
                  : (linksOfPage(page.after, page.next, page.events)[partition] ?? []).slice(lost);
              });
              for (const { after, next, events: fresh } of pagesOf(partition, at, links)) {
                expect(next).toBeGreaterThanOrEqual(after);
                // What the consumer is told of, it reads from the log.
                seen.push(...mine.map(({ position }) => position).filter((p) => p > at && p <= after));
                seen.push(...fresh.map(({ position }) => position));
                at = next;
              }
            }
            expect(seen).toEqual(mine.map(({ position }) => position).filter((p) => p <= at));
          }
        },
      ),
    ));
});

const positionOf = (link: Carried | Watermark): number => (link.kind === 'event' ? link.event.position : link.position);
