import { InstrumentFileError } from '../source';
import { XML_LIMITS, XmlReader } from './xml';

const read = (text: string, pieceCharacters = text.length): string[] => {
  const events: string[] = [];
  const reader = new XmlReader({
    open: (path) => events.push(`<${path.join('/')}`),
    close: (path, own) => events.push(`${path.join('/')}=${own}`),
  });
  for (let at = 0; at < text.length; at += pieceCharacters) reader.push(text.slice(at, at + pieceCharacters));
  reader.end();
  return events;
};

const sample = '<?xml version="1.0"?>\n<!-- of a day -->\n<a id="1">\n <b>1.50</b> <c/>\n <d>x<e>y</e></d>\n</a>\n';

it('says what opens and closes, and which text stands directly inside', () =>
  expect(read(sample)).toEqual([
    ...['<a', '<a/b', 'a/b=1.50', '<a/c', 'a/c=', '<a/d', '<a/d/e', 'a/d/e=y', 'a/d=x', 'a='],
  ]));

it.each([1, 2, 3, 7])('says the same when it arrives in pieces of %d characters', (size) =>
  expect(read(sample, size)).toEqual(read(sample)),
);

it.each([
  ['is cut inside a tag', '<a><b>1</b', 'cut off inside <b>'],
  ['is cut inside an element', '<a><b>1</b>', 'cut off inside <a>'],
  ['is empty', '  ', 'the XML is cut off'],
  ['closes what is not open', '<a><b>1</a></b>', '</a> where b is open'],
  ['has two roots', '<a></a><b></b>', 'after the root element'],
  ['has text outside of the root', '<a></a>text<!-- -->', 'text outside'],
  ['brings a document type', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 'is not read'],
  ['brings an entity', '<a>&amp;</a>', 'an entity'],
  ['brings CDATA', '<a><![CDATA[x]]></a>', 'is not read'],
  ['is too deep', '<a>'.repeat(XML_LIMITS.depth + 1), 'deeper than'],
  ['has an endless text', `<a>${'x'.repeat(XML_LIMITS.pieceCharacters + 1)}`, 'longer than'],
])('is refused when it %s', (_, text, message) => {
  expect(() => read(text)).toThrow(message);
  expect(() => read(text, 5)).toThrow(InstrumentFileError);
});
