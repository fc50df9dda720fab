/** Protocol Buffers, the writing half, as far as a price feed needs it. Zero values are left out, as proto3 does. */

export const varint = (value: bigint): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Buffer.from(bytes);
};

const key = (tag: number, wireType: 0 | 1 | 2): Buffer => varint(BigInt((tag << 3) | wireType));

export const intField = (tag: number, value: number): Buffer =>
  value === 0 ? Buffer.alloc(0) : Buffer.concat([key(tag, 0), varint(BigInt(value))]);

export const doubleField = (tag: number, value: number): Buffer => {
  if (value === 0) return Buffer.alloc(0);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(tag, 1), bytes]);
};

/** A message within a message, or the bytes of a text. Written even when it is empty: it is there. */
export const bytesField = (tag: number, content: Buffer): Buffer =>
  Buffer.concat([key(tag, 2), varint(BigInt(content.length)), content]);

export const textField = (tag: number, text: string): Buffer => bytesField(tag, Buffer.from(text, 'utf8'));

export const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);

/** One entry of a `map<string, …>`. */
export const mapEntry = (tag: number, name: string, value: Buffer): Buffer =>
  bytesField(tag, message(textField(1, name), value));
