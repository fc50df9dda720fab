import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';

import { request } from 'undici';

import { InstrumentFileError, LIMITS } from './source';

/** A file as it was published, complete, and proof of which one it is. */
export interface SourceContent {
  readonly bytes: Buffer;
  /** Of the bytes as published, packed or not; in hexadecimal digits. */
  readonly sha256: string;
}

export interface ReadSourceOptions {
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** Aborts when nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/** As published, the largest master is 4 MB packed and 69 MB unpacked. */
const MAX_BYTES = 160 * 1024 * 1024;

export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

/** The name of a file or of what a URL leads to, without anything that might be a secret. */
export const nameOfSource = (source: string): string =>
  isUrl(source) ? basename(new URL(source).pathname) || new URL(source).host : basename(source);

/** The day that a file is of, where its name tells: `…2026-01-02….json.gz`. */
export const dayOfSource = (source: string): string | undefined => /\d{4}-\d{2}-\d{2}/.exec(nameOfSource(source))?.[0];

/**
 * Reads a file, or what an http(s) URL answers with, whole. It is read before anything of it is looked at: what is cut off is never
 * half believed. @throws InstrumentFileError when it is not there, too large, or does not come in time.
 */
export const readSource = async (
  source: string,
  { timeoutMs = LIMITS.readingMs, maxBytes = MAX_BYTES, signal }: ReadSourceOptions = {},
): Promise<SourceContent> => {
  const deadline = AbortSignal.timeout(timeoutMs);
  const end = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const pieces: Buffer[] = [];
  const hash = createHash('sha256');
  let size = 0;
  try {
    const stream = isUrl(source) ? await download(source, end) : createReadStream(source, { signal: end });
    for await (const piece of stream as AsyncIterable<Buffer>) {
      size += piece.length;
      // Leaving the loop ends the stream.
      if (size > maxBytes) throw new InstrumentFileError(`larger than ${String(maxBytes)} bytes`, { byte: maxBytes });
      hash.update(piece);
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof InstrumentFileError) throw error;
    const problem = deadline.aborted
      ? `not read within ${String(timeoutMs)} ms`
      : `cannot be read: ${messageOf(error)}`;
    throw new InstrumentFileError(problem, size === 0 ? {} : { byte: size }, { cause: error });
  }
  return { bytes: Buffer.concat(pieces), sha256: hash.digest('hex') };
};

const download = async (url: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> => {
  const { statusCode, body } = await request(url, { signal, headersTimeout: 30_000, bodyTimeout: 30_000 });
  if (statusCode === 200) return body;
  body.on('error', () => undefined); // nobody reads it any more
  body.destroy();
  throw new InstrumentFileError(`${new URL(url).host} answered with status ${String(statusCode)}`);
};

const messageOf = (error: unknown): string => {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
};

const PIECE_BYTES = 64 * 1024;

/** What was read, once more as a stream; `onPiece` is told how much of it has been taken. */
export const streamOf = ({ bytes }: SourceContent, onPiece?: (bytes: number) => void): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        onPiece?.(Math.min(bytes.length, at + PIECE_BYTES));
        yield bytes.subarray(at, at + PIECE_BYTES);
      }
    })(),
    { objectMode: true, highWaterMark: 1 },
  );
