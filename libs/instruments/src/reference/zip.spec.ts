import { InstrumentFileError } from '../source';
import { zipOf } from './samples';
import { isZip, unzip, ZIP_LIMITS } from './zip';

const text = Buffer.from('SYMBOL,SERIES\nRELIANCE,EQ\n'.repeat(40));
const archive = zipOf([
  { name: 'bands.csv', content: text },
  { name: 'folder/', content: Buffer.alloc(0) },
  { name: '__MACOSX/._bands.csv', content: Buffer.from('rubbish') },
  { name: 'stored.csv', content: Buffer.from('a,b\n'), method: 'stored' },
]);

it('has the files of an archive, packed or stored, without folders and what a Mac adds', () => {
  expect(isZip(archive)).toBe(true);
  expect(unzip(archive)).toEqual([
    { name: 'bands.csv', content: text },
    { name: 'stored.csv', content: Buffer.from('a,b\n') },
  ]);
});

it.each(Array.from({ length: 12 }, (_, i) => Math.floor((archive.length * i) / 12)))(
  'is refused when it is cut off after %d bytes',
  (bytes) => expect(() => unzip(archive.subarray(0, bytes))).toThrow(InstrumentFileError),
);

const changed = (at: number, change: (bytes: Buffer) => void): Buffer => {
  const copy = Buffer.from(archive);
  change(copy.subarray(at));
  return copy;
};
const directoryAt = archive.readUInt32LE(archive.length - 6);

it.each([
  ['a flipped byte in the packed data', changed(45, (at) => at.writeUInt8(at.readUInt8(0) ^ 0xff, 0)), 'is damaged'],
  ['a wrong checksum', changed(directoryAt + 16, (at) => at.writeUInt32LE(1, 0)), 'its checksum is wrong'],
  ['a size smaller than the content', changed(directoryAt + 24, (at) => at.writeUInt32LE(10, 0)), 'is damaged'],
  ['a size larger than the content', changed(directoryAt + 24, (at) => at.writeUInt32LE(5_000, 0)), 'another size'],
  [
    'a size beyond the limit',
    changed(directoryAt + 24, (at) => at.writeUInt32LE(ZIP_LIMITS.unpackedBytes + 1, 0)),
    'unpacks to more than',
  ],
  [
    'an offset beyond its end',
    changed(directoryAt + 42, (at) => at.writeUInt32LE(0x7fffffff, 0)),
    'the zip is damaged',
  ],
  ['a password', changed(directoryAt + 8, (at) => at.writeUInt16LE(1, 0)), 'is encrypted'],
  ['an unknown packing', changed(directoryAt + 10, (at) => at.writeUInt16LE(99, 0)), 'packed by method 99'],
  ['a directory elsewhere', changed(archive.length - 6, (at) => at.writeUInt32LE(3, 0)), 'not where it should be'],
  ['too many entries', changed(archive.length - 12, (at) => at.writeUInt16LE(60_000, 0)), 'more than 1000 entries'],
])('is refused with %s', (_, broken, message) => {
  expect(() => unzip(broken)).toThrow(InstrumentFileError);
  expect(() => unzip(broken)).toThrow(message);
});
