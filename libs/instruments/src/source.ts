import { createReadStream } from 'node:fs';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** A file by its path, or bytes that come from somewhere else. Gzip is recognised by its first bytes. */
export type FileSource = string | Readable;

/**
 * The file as a whole cannot be used: torn, cut, not one of the formats we know, beyond the limits. Nothing of it was
 * taken over; a caller keeps what it had. `line` (text files) and `byte` say where, in the unpacked content.
 */
export class InstrumentFileError extends Error {
  constructor(
    readonly problem: string,
    readonly at: { readonly line?: number; readonly byte?: number } = {},
    options?: ErrorOptions,
  ) {
    const where = [
      ...(at.line === undefined ? [] : [`line ${String(at.line)}`]),
      ...(at.byte === undefined ? [] : [`byte ${String(at.byte)}`]),
    ];
    super(where.length === 0 ? problem : `${problem} (${where.join(', ')})`, options);
    this.name = 'InstrumentFileError';
  }
}

/** What no honest file comes near: the largest real master has 144,005 rows of at most 540 bytes, 69 MB unpacked. */
export const LIMITS = {
  rowBytes: 16 * 1024,
  rows: 1_000_000,
  unpackedBytes: 512 * 1024 * 1024,
  readingMs: 120_000,
} as const;

/**
 * The unpacked bytes of a file, to be read once. Reading @throws InstrumentFileError when the file cannot be read, is
 * a torn gzip, is larger than the limit or does not arrive in time. `close` must be called in the end.
 */
export class FileBytes implements AsyncIterable<Buffer> {
  /** How many have been read. */
  count = 0;
  private last = 0;
  private readonly deadline = AbortSignal.timeout(LIMITS.readingMs);
  private readonly raw: Readable;
  private readonly pieces: AsyncIterator<Buffer, void>;
  private readonly peeked: Buffer[] = [];

  constructor(source: FileSource) {
    this.raw = addAbortSignal(this.deadline, typeof source === 'string' ? createReadStream(source) : source);
    this.pieces = gunzipped(this.raw);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    for (;;) {
      const piece = this.peeked.shift() ?? (await this.next());
      if (piece === undefined) return;
      this.count += piece.length;
      this.last = piece.at(-1) ?? this.last;
      if (this.count > LIMITS.unpackedBytes)
        throw new InstrumentFileError(`larger than ${String(LIMITS.unpackedBytes)} bytes`, {
          byte: LIMITS.unpackedBytes,
        });
      yield piece;
    }
  }

  /** Looks at the first byte that is neither space nor byte order mark; it will still be read. */
  async startLikeJson(): Promise<boolean> {
    for (;;) {
      const piece = await this.next();
      if (piece === undefined) return false;
      this.peeked.push(piece);
      const first = piece
        .toString('latin1')
        .replace(/^\u00ef\u00bb\u00bf/, '')
        .trimStart()
        .charAt(0);
      if (first !== '') return first === '[' || first === '{';
    }
  }

  endWithNewLine(): boolean {
    return this.last === 0x0a;
  }

  close(): void {
    this.raw.destroy();
  }

  private async next(): Promise<Buffer | undefined> {
    try {
      return (await this.pieces.next()).value ?? undefined;
    } catch (error) {
      throw asFileError(error, this.count, this.deadline.aborted);
    }
  }
}

const asFileError = (error: unknown, unpackedBytes: number, tooLate: boolean): InstrumentFileError => {
  if (error instanceof InstrumentFileError) return error;
  const { code, message } = describe(error);
  const at = unpackedBytes === 0 ? {} : { byte: unpackedBytes };
  const problem = tooLate
    ? `not read within ${String(LIMITS.readingMs)} ms`
    : code === 'Z_BUF_ERROR'
      ? 'the gzip is cut off'
      : code.startsWith('Z_')
        ? `the gzip is damaged: ${message}`
        : `cannot be read: ${message}`;
  return new InstrumentFileError(problem, at, { cause: error });
};

const describe = (error: unknown): { code: string; message: string } => {
  const { code, message }: { code?: unknown; message?: unknown } =
    typeof error === 'object' && error !== null ? error : {};
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : String(error) };
};

async function* gunzipped(raw: Readable): AsyncGenerator<Buffer, void> {
  const pieces = buffers(raw);
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const whole = prefixed(head, pieces);
  if (!(head[0] === 0x1f && head[1] === 0x8b)) return yield* whole;
  const gunzip = createGunzip();
  // A failure on either side destroys `gunzip` with it, and so reaches the loop below.
  pipeline(whole, gunzip, () => undefined);
  yield* buffers(gunzip);
}

async function* prefixed(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  if (head.length > 0) yield head;
  yield* rest;
}

async function* buffers(stream: Readable): AsyncGenerator<Buffer, void> {
  for await (const piece of stream as AsyncIterable<unknown>) {
    if (Buffer.isBuffer(piece)) yield piece;
    else if (typeof piece === 'string' || piece instanceof Uint8Array) yield Buffer.from(piece);
    else throw new InstrumentFileError('the stream does not carry bytes');
  }
}
