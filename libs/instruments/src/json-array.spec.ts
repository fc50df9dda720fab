import fc from 'fast-check';

import { JsonArraySplitter } from './json-array';
import { LIMITS } from './source';

const split = (text: string | Buffer, pieceBytes = 7) => {
  const bytes = Buffer.from(text);
  const splitter = new JsonArraySplitter();
  const rows = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    rows.push(...splitter.push(bytes.subarray(at, at + pieceBytes)));
  splitter.end();
  return rows;
};

it('finds the same objects however the file arrives in pieces', () => {
  const row = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      (rows, pieceBytes, pretty) => {
        const text = JSON.stringify(rows, undefined, pretty ? 2 : 0);
        expect(split(text, pieceBytes).map(({ cells }) => cells)).toEqual(JSON.parse(text));
      },
    ),
  );
});

it('says where each object starts', () =>
  expect(split('[ {"a":1},\n{"b":"}{\\"]"} ]')).toEqual([
    { cells: { a: 1 }, row: 1, byte: 2 },
    { cells: { b: '}{"]' }, row: 2, byte: 11 },
  ]));

it('accepts an empty list, a byte order mark and space around it', () => {
  expect(split('\ufeff [] \n')).toEqual([]);
});

it.each([
  ['[{"a":1}', 'the JSON array is cut off (byte 8)'],
  ['[{"a":1},', 'the JSON array is cut off (byte 9)'],
  ['[{"a":1},{"b":"2', 'the JSON array is cut off in row 2, which starts at byte 9 (byte 16)'],
  ['[{"a":1},{"b":"2}]', 'the JSON array is cut off in row 2, which starts at byte 9 (byte 18)'],
  ['[{"a":1}{"b":2}]', 'not a JSON array of objects: unexpected "{" (byte 8)'],
  ['[{"a":1},]', 'not a JSON array of objects: unexpected "]" (byte 9)'],
  ['[{"a":1}]]', 'not a JSON array of objects: unexpected "]" (byte 9)'],
  ['[{"a":1}][{}]', 'not a JSON array of objects: unexpected "[" (byte 9)'],
  ['[1,2]', 'not a JSON array of objects: unexpected "1" (byte 1)'],
  ['{"status":"error"}', 'not a JSON array of objects: unexpected "{" (byte 0)'],
  ['[{"a":1},{"a":}]', 'row 2 is not valid JSON (byte 9)'],
  ['', 'the JSON array is cut off (byte 0)'],
])('refuses %s with the place', (text, message) => {
  expect(() => split(text)).toThrow(message);
});

it('does not hold more than one row of a hostile file', () => {
  const splitter = new JsonArraySplitter();
  const piece = Buffer.from('x'.repeat(4096));
  splitter.push(Buffer.from('[{"a":"'));
  expect(() => {
    for (let held = 0; held <= LIMITS.rowBytes; held += piece.length) splitter.push(piece);
  }).toThrow(`row 1 is longer than ${String(LIMITS.rowBytes)} bytes (byte 1)`);
});
