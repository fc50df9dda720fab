import { Partitioners } from 'kafkajs';
import { partitioner } from './topic';

describe('the partition of an account', () => {
  // Of `org.apache.kafka.common.utils.Utils.murmur2`, made positive, for keys as the Java client serialises them.
  const java: readonly [key: string, hash: number][] = [
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ];

  it.each(java)('is where Java clients put the key %p', (key, hash) => {
    for (const partitions of [1, 4, 12, 50]) {
      expect(partitioner(partitions)(key)).toBe((hash & 0x7fff_ffff) % partitions);
    }
  });

  it('is remembered as it was found', () => {
    const partitionOf = partitioner(12);
    const choose = Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
      partitionId,
      partitionErrorCode: 0,
      leader: 1,
      replicas: [],
      isr: [],
    }));
    const used = new Set<number>();
    for (let n = 0; n < 500; n += 1) {
      const key = `account-${String(n % 250)} ü`;
      const partition = partitionOf(key);
      expect(partition).toBe(choose({ topic: 't', partitionMetadata, message: { key, value: null } }));
      used.add(partition);
    }
    expect(used.size).toBe(12);
  });
});
