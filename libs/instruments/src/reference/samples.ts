import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32, deflateRawSync, gunzipSync } from 'node:zlib';

import { demoDataPath, type DemoFile } from '../demo-data';
import type { ReferenceFile } from './read-file';

/** Recorded files for specs, whole and damaged. */

export const fixture = (name: string): Buffer =>
  readFileSync(join(demoDataPath('prices.nse.2026-01-02.csv.gz'), '..', '..', 'fixtures', name));

export const demo = (name: DemoFile): string => gunzipSync(readFileSync(demoDataPath(name))).toString('utf8');

/** A file of this name with this content, that arrives in pieces. */
export const fileOf = (name: string, content: Buffer | string, pieceBytes = 1000): ReferenceFile => {
  const all = Buffer.from(content);
  const pieces = Array.from({ length: Math.ceil(all.length / pieceBytes) }, (_, i) =>
    all.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  return { name, source: Readable.from(pieces) };
};

export const fixtureFile = (name: string): ReferenceFile => fileOf(name, fixture(name));

interface Entry {
  readonly name: string;
  readonly content: Buffer;
  readonly method?: 'stored';
}

/** A zip archive as exchanges make them. */
export const zipOf = (entries: readonly Entry[]): Buffer => {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, content, method } of entries) {
    const packed = method === 'stored' ? content : deflateRawSync(content);
    const header = Buffer.alloc(26);
    header.writeUInt16LE(20, 0);
    header.writeUInt16LE(method === 'stored' ? 0 : 8, 4);
    header.writeUInt32LE(crc32(content), 10);
    header.writeUInt32LE(packed.length, 14);
    header.writeUInt32LE(content.length, 18);
    header.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), header, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000'), header, tail, Buffer.from(name)]));
    locals.push(local);
    at += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(listed.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...locals, listed, Buffer.from('PK\u0005\u0006'), end]);
};
