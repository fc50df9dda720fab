import { InstrumentFileError } from '../source';

/** What no honest SPAN file comes near: its longest text is 54 characters, its deepest element lies 9 below the root. */
export const XML_LIMITS = { pieceCharacters: 64 * 1024, depth: 64 } as const;

export interface XmlHandler {
  open: (path: readonly string[]) => void;
  /** `text` is what stands directly in the element and is not in a child of it, without surrounding space. */
  close: (path: readonly string[], text: string) => void;
}

/**
 * Reads XML that arrives in pieces, as far as published risk files use it: elements and text. Attributes are passed over;
 * a document type, CDATA, or an entity refuses the file, so that nothing is ever expanded. Only the open elements are held.
 */
export class XmlReader {
  private readonly path: string[] = [];
  private readonly texts: string[] = [];
  private rest = '';
  private ended = false;
  private offset = 0;

  constructor(private readonly handler: XmlHandler) {}

  /** @throws InstrumentFileError where it cannot be such XML. */
  push(piece: string): void {
    const text = this.rest + piece;
    let at = 0;
    for (;;) {
      const tagAt = text.indexOf('<', at);
      if (tagAt === -1) break;
      const endAt = text.indexOf('>', tagAt);
      if (endAt === -1) break;
      this.addText(text.slice(at, tagAt), at);
      this.tag(text.slice(tagAt + 1, endAt), tagAt);
      at = endAt + 1;
    }
    this.rest = text.slice(at);
    this.offset += at;
    if (this.rest.length > XML_LIMITS.pieceCharacters)
      throw new InstrumentFileError(`a tag or text is longer than ${String(XML_LIMITS.pieceCharacters)} characters`, {
        byte: this.offset,
      });
  }

  /** To be called after the last piece. @throws InstrumentFileError when an element is still open. */
  end(): void {
    const open = this.path.at(-1);
    if (open !== undefined)
      throw new InstrumentFileError(`the XML is cut off inside <${open}>`, { byte: this.offset + this.rest.length });
    if (!this.ended || this.rest.trim() !== '') throw this.broken('the XML is cut off', 0);
  }

  private addText(text: string, at: number): void {
    const trimmed = text.trim();
    if (trimmed === '') return;
    if (this.path.length === 0) throw this.broken('text outside of the root element', at);
    if (trimmed.includes('&')) throw this.broken('an entity in the text', at);
    const last = this.texts.length - 1;
    const joined = (this.texts[last] ?? '') + trimmed;
    if (joined.length > XML_LIMITS.pieceCharacters) throw this.broken('a text is too long', at);
    this.texts[last] = joined;
  }

  private tag(tag: string, at: number): void {
    if (tag.startsWith('?') || (tag.startsWith('!--') && tag.endsWith('--'))) return;
    if (tag.startsWith('!')) throw this.broken(`<${tag.slice(0, 20)} is not read`, at);
    if (tag.startsWith('/')) {
      this.closeTag(tag.slice(1).trim(), at);
      return;
    }
    const name = (tag.endsWith('/') ? tag.slice(0, -1) : tag).split(/\s/, 1)[0] ?? '';
    if (name === '' || name.includes('<')) throw this.broken('a tag without a name', at);
    if (this.ended) throw this.broken(`<${name}> after the root element`, at);
    if (this.path.length >= XML_LIMITS.depth)
      throw this.broken(`elements lie deeper than ${String(XML_LIMITS.depth)}`, at);
    this.path.push(name);
    this.texts.push('');
    this.handler.open(this.path);
    if (tag.endsWith('/')) this.closeTag(name, at);
  }

  private closeTag(name: string, at: number): void {
    if (this.path.at(-1) !== name)
      throw this.broken(`</${name.slice(0, 60)}> where ${this.path.at(-1) ?? 'nothing'} is open`, at);
    this.handler.close(this.path, this.texts.at(-1) ?? '');
    this.path.pop();
    this.texts.pop();
    this.ended = this.path.length === 0;
  }

  private broken(problem: string, at: number): InstrumentFileError {
    return new InstrumentFileError(`not XML we can read: ${problem}`, { byte: this.offset + at });
  }
}
