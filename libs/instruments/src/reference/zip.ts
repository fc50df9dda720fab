import { crc32, inflateRawSync } from 'node:zlib';

import { InstrumentFileError } from '../source';

/** What no honest archive of an exchange comes near: the largest seen holds 32 entries, 8 MB unpacked. */
export const ZIP_LIMITS = { entries: 1_000, unpackedBytes: 64 * 1024 * 1024 } as const;

export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer;
}

const END_RECORD = 0x06054b50;
const END_RECORD_BYTES = 22;
const CENTRAL_HEADER = 0x02014b50;
const CENTRAL_HEADER_BYTES = 46;
const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;
const STORED = 0;
const DEFLATED = 8;

export const isZip = (head: Buffer): boolean => head.length >= 4 && head.readUInt32LE(0) === LOCAL_HEADER;

/**
 * The files of a zip archive, as its central directory lists them; folders and the resource forks a Mac leaves behind are
 * skipped. Own code because no package here reads zip: what exchanges publish is stored or deflated, without encryption and far
 * below 4 GB. @throws InstrumentFileError when anything of it is cut, damaged, of another kind or beyond the limits.
 */
export const unzip = (archive: Buffer): ZipEntry[] => {
  try {
    return entriesOf(archive);
  } catch (error) {
    if (error instanceof InstrumentFileError) throw error;
    // `Buffer` throws a RangeError for an offset beyond its end: the archive is cut or its offsets are wrong.
    throw new InstrumentFileError('the zip is damaged', {}, { cause: error });
  }
};

const entriesOf = (archive: Buffer): ZipEntry[] => {
  const end = endRecordAt(archive);
  const count = archive.readUInt16LE(end + 10);
  if (count > ZIP_LIMITS.entries)
    throw new InstrumentFileError(`the zip has more than ${String(ZIP_LIMITS.entries)} entries`);
  const entries: ZipEntry[] = [];
  let at = archive.readUInt32LE(end + 16);
  let leftBytes: number = ZIP_LIMITS.unpackedBytes;
  for (let i = 0; i < count; i += 1) {
    if (archive.readUInt32LE(at) !== CENTRAL_HEADER)
      throw new InstrumentFileError('the zip is damaged: its directory is not where it should be', { byte: at });
    const nameBytes = archive.readUInt16LE(at + 28);
    const name = archive.toString('utf8', at + CENTRAL_HEADER_BYTES, at + CENTRAL_HEADER_BYTES + nameBytes);
    const entry = {
      name,
      flags: archive.readUInt16LE(at + 8),
      method: archive.readUInt16LE(at + 10),
      crc: archive.readUInt32LE(at + 16),
      packedBytes: archive.readUInt32LE(at + 20),
      unpackedBytes: archive.readUInt32LE(at + 24),
      localAt: archive.readUInt32LE(at + 42),
    };
    at += CENTRAL_HEADER_BYTES + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    if (name.endsWith('/') || name.startsWith('__MACOSX/')) continue;
    leftBytes -= entry.unpackedBytes;
    if (leftBytes < 0)
      throw new InstrumentFileError(`the zip unpacks to more than ${String(ZIP_LIMITS.unpackedBytes)} bytes`);
    entries.push({ name, content: unpack(archive, entry) });
  }
  return entries;
};

const endRecordAt = (archive: Buffer): number => {
  for (
    let at = archive.length - END_RECORD_BYTES;
    at >= Math.max(0, archive.length - END_RECORD_BYTES - MAX_COMMENT_BYTES);
    at -= 1
  )
    if (archive.readUInt32LE(at) === END_RECORD) return at;
  throw new InstrumentFileError('the zip is cut off: it has no directory', { byte: archive.length });
};

interface Packed {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly localAt: number;
}

const unpack = (archive: Buffer, { name, flags, method, crc, packedBytes, unpackedBytes, localAt }: Packed): Buffer => {
  const broken = (problem: string, cause?: unknown) =>
    new InstrumentFileError(`${name} in the zip ${problem}`, { byte: localAt }, { cause });
  if ((flags & 1) !== 0) throw broken('is encrypted');
  if (archive.readUInt32LE(localAt) !== LOCAL_HEADER) throw broken('is not where the directory says');
  const dataAt = localAt + LOCAL_HEADER_BYTES + archive.readUInt16LE(localAt + 26) + archive.readUInt16LE(localAt + 28);
  const packed = archive.subarray(dataAt, dataAt + packedBytes);
  if (packed.length < packedBytes) throw broken('is cut off');
  if (method !== STORED && method !== DEFLATED) throw broken(`is packed by method ${String(method)}`);
  let content: Buffer;
  try {
    // One byte more than promised is enough to see a lie about the size.
    content = method === STORED ? packed : inflateRawSync(packed, { maxOutputLength: unpackedBytes + 1 });
  } catch (error) {
    throw broken('is damaged', error);
  }
  if (content.length !== unpackedBytes) throw broken('has another size than the directory says');
  if (crc32(content) !== crc) throw broken('is damaged: its checksum is wrong');
  return content;
};
