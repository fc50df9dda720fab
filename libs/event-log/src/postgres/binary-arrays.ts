/**
 * Postgres arrays in their binary form (`array_recv`): number of dimensions, null flag, element type, length, lower
 * bound, then each element behind its size in bytes. As text every quote of every JSON document would be escaped here
 * and unescaped there, which costs more than the insert.
 */
const headerBytes = 20;
const typeOid = { int4: 23, text: 25, json: 114, uuid: 2950 } as const;

export function int4Array(values: readonly number[]): Buffer {
  const buffer = allocate(typeOid.int4, values.length, values.length * 8);
  let at = headerBytes;
  for (const value of values) {
    buffer.writeInt32BE(4, at);
    buffer.writeInt32BE(value, at + 4);
    at += 8;
  }
  return buffer;
}

export function textArray(values: readonly string[]): Buffer {
  return characterArray(typeOid.text, values);
}

/** Elements are JSON documents as text. */
export function jsonArray(documents: readonly string[]): Buffer {
  return characterArray(typeOid.json, documents);
}

export function uuidArray(values: readonly string[]): Buffer {
  const buffer = allocate(typeOid.uuid, values.length, values.length * 20);
  let at = headerBytes;
  for (const value of values) {
    buffer.writeInt32BE(16, at);
    buffer.write(value.replaceAll('-', ''), at + 4, 16, 'hex');
    at += 20;
  }
  return buffer;
}

function characterArray(oid: number, values: readonly string[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += 4 + Buffer.byteLength(value);
  const buffer = allocate(oid, values.length, bytes);
  let at = headerBytes;
  for (const value of values) {
    const size = buffer.write(value, at + 4);
    buffer.writeInt32BE(size, at);
    at += 4 + size;
  }
  return buffer;
}

/** Never empty: an empty array has another header. */
function allocate(oid: number, length: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + bytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}
