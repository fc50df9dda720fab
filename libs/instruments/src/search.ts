/**
 * Instruments by what a trader types. Own code: the libraries for text (MiniSearch, FlexSearch) know neither expiries
 * and strikes nor an order that stays while somebody types, and take many times the memory for 150,000 contracts
 * whose words are nearly all the same.
 *
 * Instruments are numbered in the order in which they are shown. Each word is followed by the numbers of those that
 * have it, so a set of results is a set of bits, several words are the bits they share, and the first bits are the
 * best results.
 */
import { setImmediate as turn } from 'node:timers/promises';

import type { Exchange, Instrument, Segment } from '#domain/instruments/instrument';

import { inOrder, monthly, type OrderOptions } from './search-order';
import {
  HOLLOW,
  plain,
  readQuery,
  wordOfExchange,
  wordsOf,
  wordsOfExpiry,
  wordsOfName,
  wordsOfType,
  type DateWords,
} from './search-words';

export interface SearchOptions {
  readonly limit: number;
  /** Trading day, `YYYY-MM-DD` in IST: what expired before it is not found. */
  readonly date: string;
  readonly segment?: Segment | undefined;
  readonly exchange?: Exchange | undefined;
  /** `EQ`, `FUT`, `CE`, `PE`, `INDEX`, or another series. */
  readonly type?: string | undefined;
}

type Bits = Uint32Array;

/** How many instruments are read before whoever else waits for the process gets a turn. */
const STRIDE = 4_000;

/** Sets of bits that are kept: one word takes 18 kB for 150,000 instruments. */
const MOST_KEPT = 400;

/**
 * An index over one day's instruments, never changed once built. A query finds those that have every word of it, each
 * word as the beginning of one, in whatever order. `25 NOV` is the 25th of November, or November 2025 for monthly
 * contracts. What has been typed out in full (symbol, ISIN, instrument key, the exchange's number) is found whatever
 * its words; a symbol then comes before everything else. All others never change places while the query grows.
 */
export class SearchIndex {
  private readonly kept = new Map<string, Bits>();

  private constructor(
    private readonly instruments: readonly Instrument[],
    private readonly words: WordList,
    private readonly days: Days,
    /** Of what never expires: contracts are found by their words. */
    private readonly symbols: ReadonlyMap<string, readonly number[]>,
    private readonly isins: ReadonlyMap<string, readonly number[]>,
    private readonly tokens: TokenList,
  ) {}

  /** Lets others have a turn from time to time: a process that answers requests goes on doing so. */
  static async build(given: readonly Instrument[], options: OrderOptions = {}): Promise<SearchIndex> {
    const rest = () => turn();
    const instruments = await inOrder(given, options, rest);
    const wordsFor = wordReader(given);
    const symbols = new Map<string, number[]>();
    const isins = new Map<string, number[]>();
    const lists = new Map<string, number[]>();
    for (const [number, instrument] of instruments.entries()) {
      if (number % STRIDE === 0) await rest();
      for (const word of wordsFor(instrument)) append(lists, word, number);
      const { expiry, isin, symbol, tradingSymbol, instrumentType, name } = instrument;
      if (expiry !== undefined) continue;
      append(symbols, plain(symbol.slice(symbol.indexOf(':') + 1)), number);
      append(symbols, plain(tradingSymbol), number);
      if (instrumentType === 'INDEX') append(symbols, plain(name), number);
      if (isin !== undefined) append(isins, plain(isin), number);
    }
    const words = await wordList(lists, rest);
    return new SearchIndex(instruments, words, daysOf(instruments), symbols, isins, tokenList(instruments));
  }

  get size(): number {
    return this.instruments.length;
  }

  /** The best `limit` results, best first. */
  search(text: string, options: SearchOptions): readonly Instrument[] {
    const { words, dates, whole, exchange } = readQuery(text);
    if (whole === '') return [];
    const wanted = this.wanted({ ...options, ...(exchange !== undefined && { exchange }) });
    if (wanted === undefined) return [];
    const today = asNumber(options.date);
    const isAlive = (number: number): boolean => {
      const expiry = this.days.expiries[number] ?? 0;
      return (expiry === 0 || expiry >= today) && wanted.every((bits) => has(bits, number));
    };
    const first = (this.symbols.get(whole) ?? []).filter(isAlive);
    const typedOut = this.typedOut(text, whole).filter(isAlive);
    const bits = this.matching(words, wanted);
    for (const number of typedOut) set(bits, number);

    const found = first.slice(0, options.limit);
    for (const number of ones(bits)) {
      if (found.length >= options.limit) break;
      if (first.includes(number) || !isAlive(number)) continue;
      if (typedOut.includes(number) || dates.every((date) => this.fits(number, date))) found.push(number);
    }
    return found.flatMap((number) => this.instruments[number] ?? []);
  }

  /** What was meant by its ISIN, by the exchange's number, or by its key, which is a segment and one of both. */
  private typedOut(text: string, whole: string): readonly number[] {
    const [, segment, rest] = /^\s*([A-Z]{3}_[A-Z]{2,5})\|(.+)$/i.exec(text) ?? [];
    const name = rest === undefined ? whole : plain(rest);
    const numbers = [...(this.isins.get(name) ?? []), ...(/^\d+$/.test(name) ? this.tokens.find(Number(name)) : [])];
    if (segment === undefined) return numbers;
    return [...numbers, ...(this.symbols.get(name) ?? [])].filter(
      (number) => this.instruments[number]?.segment === segment.toUpperCase(),
    );
  }

  /** The sets of all that may be shown; `undefined` when one of them is empty. */
  private wanted({ segment, exchange, type }: SearchOptions): readonly Bits[] | undefined {
    const sets: Bits[] = [];
    if (segment !== undefined) sets.push(this.allWhere(`segment ${segment}`, (each) => each.segment === segment));
    if (exchange !== undefined) sets.push(this.allWhere(`exchange ${exchange}`, (each) => each.exchange === exchange));
    if (type === undefined) return sets;
    const known = type.toUpperCase();
    // Only types that exist: what is asked for must not fill what is remembered.
    if (!this.instruments.some(({ instrumentType }) => instrumentType === known)) return undefined;
    return [...sets, this.allWhere(`type ${known}`, (each) => each.instrumentType === known)];
  }

  private allWhere(name: string, isSo: (instrument: Instrument) => boolean): Bits {
    return this.remembered(name, (bits) => {
      for (const [number, instrument] of this.instruments.entries()) if (isSo(instrument)) set(bits, number);
    });
  }

  /** Those that have every word and are wanted; a fresh set. */
  private matching(words: readonly string[], wanted: readonly Bits[]): Bits {
    const [first, ...others] = words.map((word, i) => this.beginningWith(word, i === 0));
    if (first === undefined) return this.nothing();
    const bits = first.slice();
    for (const other of [...others, ...wanted])
      for (let at = 0; at < bits.length; at += 1) bits[at] = (bits[at] ?? 0) & (other[at] ?? 0);
    return bits;
  }

  private nothing(): Bits {
    return new Uint32Array(Math.ceil(this.instruments.length / 32));
  }

  private beginningWith(prefix: string, isFirst: boolean): Bits {
    return this.remembered(`${isFirst ? 'begins' : 'goes on'} ${prefix}`, (bits) => {
      this.words.collect(prefix, !isFirst, bits);
    });
  }

  private remembered(name: string, make: (bits: Bits) => void): Bits {
    const known = this.kept.get(name);
    const bits = known ?? this.nothing();
    if (known === undefined) make(bits);
    // Whatever was asked for longest ago is the first to go.
    this.kept.delete(name);
    this.kept.set(name, bits);
    const [oldest] = this.kept.keys();
    if (this.kept.size > MOST_KEPT && oldest !== undefined) this.kept.delete(oldest);
    return bits;
  }

  private fits(number: number, { number: typed, month }: DateWords): boolean {
    const expiry = this.days.expiries[number] ?? 0;
    if (expiry === 0) return true; // a name with a month in it
    const isMonth = Math.floor(expiry / 100) % 100 === month;
    const isYear = Math.floor(expiry / 10_000) % 100 === typed && this.days.areMonthly[number] === 1;
    return isMonth && (expiry % 100 === typed || isYear);
  }
}

/** Last days by number: 20260127, or 0 for what never expires; and whether it is the last of its month. */
interface Days {
  readonly expiries: Uint32Array;
  readonly areMonthly: Uint8Array;
}

const daysOf = (instruments: readonly Instrument[]): Days => {
  const isMonthly = monthly(instruments);
  return {
    expiries: Uint32Array.from(instruments, ({ expiry }) => (expiry === undefined ? 0 : asNumber(expiry))),
    areMonthly: Uint8Array.from(instruments, (instrument) => Number(isMonthly(instrument))),
  };
};

/** Words in alphabetical order, each with the numbers of those that have it. */
class WordList {
  constructor(
    private readonly words: readonly string[],
    /** Where the numbers of a word begin; those of the last end at the last entry. */
    private readonly starts: Uint32Array,
    private readonly numbers: Uint32Array,
  ) {}

  /** Marks all that have a word that begins so. */
  collect(prefix: string, hollowToo: boolean, bits: Bits): void {
    for (let i = this.firstFrom(prefix); i < this.words.length; i += 1) {
      const word = this.words[i] ?? '';
      if (!word.startsWith(prefix)) return;
      if (!hollowToo && word.endsWith(HOLLOW)) continue;
      const end = this.starts[i + 1] ?? 0;
      for (let at = this.starts[i] ?? 0; at < end; at += 1) set(bits, this.numbers[at] ?? 0);
    }
  }

  private firstFrom(prefix: string): number {
    return lowest(this.words.length, (i) => (this.words[i] ?? '') >= prefix);
  }
}

const wordList = async (lists: Map<string, number[]>, rest: () => Promise<void>): Promise<WordList> => {
  await rest();
  const words = [...lists.keys()].sort();
  const starts = new Uint32Array(words.length + 1);
  const numbers = new Uint32Array([...lists.values()].reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const [i, word] of words.entries()) {
    if (i % STRIDE === 0) await rest();
    const list = lists.get(word) ?? [];
    numbers.set(list, end);
    end += list.length;
    starts[i + 1] = end;
    lists.delete(word);
  }
  return new WordList(words, starts, numbers);
};

/** The exchange's numbers in ascending order; several segments may use the same. */
class TokenList {
  constructor(
    private readonly tokens: Float64Array,
    private readonly numbers: Uint32Array,
  ) {}

  find(token: number): readonly number[] {
    const start = lowest(this.tokens.length, (i) => (this.tokens[i] ?? 0) >= token);
    const end = lowest(this.tokens.length, (i) => (this.tokens[i] ?? 0) > token);
    return [...this.numbers.subarray(start, end)];
  }
}

const tokenList = (instruments: readonly Instrument[]): TokenList => {
  const tokens = Float64Array.from(instruments, ({ exchangeToken }) => Number(exchangeToken));
  const numbers = Uint32Array.from(instruments.keys()).sort((a, b) => (tokens[a] ?? 0) - (tokens[b] ?? 0) || a - b);
  return new TokenList(tokens.sort(), numbers);
};

/** The words of an instrument. Those of names, strikes and days are the same for many contracts, and read once. */
const wordReader = (instruments: readonly Instrument[]): ((instrument: Instrument) => ReadonlySet<string>) => {
  const indexNames = new Map<string, string>();
  for (const { instrumentType, exchange, tradingSymbol, name } of instruments)
    if (instrumentType === 'INDEX') indexNames.set(`${exchange}:${tradingSymbol}`, name);
  const named = remembered(wordsOfName);
  const called = remembered((symbol) => [...wordsOf(symbol), ...joined(symbol)]);
  const dated = remembered(wordsOfExpiry);
  return ({ expiry, strikeE4, instrumentType, underlyingSymbol, tradingSymbol, name, exchange }) => {
    const words = new Set(named(name)).add(wordOfExchange(exchange));
    if (expiry === undefined) {
      for (const word of called(tradingSymbol)) words.add(word);
      return words;
    }
    const underlying = underlyingSymbol ?? tradingSymbol;
    for (const word of called(underlying)) words.add(word);
    // Contracts on NIFTY are found as `Nifty 50`, too; those on BANKNIFTY as `bank nifty`.
    for (const word of named(indexNames.get(`${exchange}:${underlying}`) ?? '')) words.add(word);
    for (const word of dated(expiry)) words.add(word);
    for (const word of wordsOfType(instrumentType)) words.add(word);
    if (strikeE4 !== undefined) words.add(String(strikeE4 / 10_000));
    return words;
  };
};

/** `BAJAJ-AUTO` is found as `bajajauto`, too, and `M&M` as `mm`. */
const joined = (symbol: string): readonly string[] =>
  /[A-Z][-&][A-Z]/i.test(symbol) ? wordsOf(symbol.replace(/[-&]/g, '')) : [];

const remembered = (read: (text: string) => readonly string[]): ((text: string) => readonly string[]) => {
  const known = new Map<string, readonly string[]>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const words = read(text);
    known.set(text, words);
    return words;
  };
};

const append = (lists: Map<string, number[]>, name: string, number: number): void => {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [number]);
  else if (list.at(-1) !== number) list.push(number);
};

/** The lowest of `count` positions from which on a condition holds. */
const lowest = (count: number, holdsAt: (i: number) => boolean): number => {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holdsAt(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

const asNumber = (date: string): number => Number(date.replaceAll('-', ''));

const has = (bits: Bits, number: number): boolean => (((bits[number >>> 5] ?? 0) >>> (number & 31)) & 1) === 1;

const set = (bits: Bits, number: number): void => {
  bits[number >>> 5] = (bits[number >>> 5] ?? 0) | (1 << (number & 31));
};

/** The numbers in a set, ascending. */
function* ones(bits: Bits): Generator<number, void> {
  for (let at = 0; at < bits.length; at += 1) {
    for (let rest = bits[at] ?? 0; rest !== 0; rest &= rest - 1) yield at * 32 + (31 - Math.clz32(rest & -rest));
  }
}
