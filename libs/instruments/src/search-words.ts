import type { Exchange } from '#domain/instruments/instrument';

import { MONTHS } from './row';

/**
 * What somebody types, as words. Letters and digits are words of their own, so that `24500CE`, `24500 CE` and `CE 24500`
 * are the same; a number keeps its decimals, and `M&M` is one word. Everything else only separates.
 */
export const wordsOf = (text: string): string[] => text.toUpperCase().match(/[A-Z]+(?:&[A-Z]*)*|\d+(?:\.\d+)?/g) ?? [];

/** A text typed out in full, whatever separates its parts: `bajaj auto` is `BAJAJ-AUTO`; `&` is part of a name. */
export const plain = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9&]/g, '');

const MONTH_NAMES = [
  ...['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE'],
  ...['JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'],
] as const;

/** 1 to 12 for `NOV`, `NOVE`, `NOVEMBER`; 0 for anything else. */
export const monthOf = (word: string): number =>
  word.length < 3 ? 0 : MONTH_NAMES.findIndex((name) => name.startsWith(word)) + 1;

/** `25 NOV`: a contract that expires on the 25th, or a monthly one of 2025. */
export interface DateWords {
  readonly number: number;
  readonly month: number;
}

export interface Query {
  readonly words: readonly string[];
  readonly dates: readonly DateWords[];
  /** The whole of it, for what is found by being typed out. */
  readonly whole: string;
  /** `NSE:REL` looks on NSE only. */
  readonly exchange?: Exchange;
}

/** Nobody types more; what comes after is not looked at. */
const MAX_WORDS = 12;
const MAX_LENGTH = 120;

/** `26JANFUT` is three words: letters that follow a month without a space, and may become `FUT`. */
const GLUED_FUTURE = new RegExp(`(?<=\\d\\s*)(${MONTHS.join('|')})(?=F(?:U(?:T)?)?\\b)`, 'gi');

export const readQuery = (text: string): Query => {
  const cut = text.slice(0, MAX_LENGTH).trim();
  const [prefix = '', name] = /^([a-z]{3})\s*:/i.exec(cut) ?? [];
  const exchange = name === undefined ? undefined : EXCHANGES.get(name.toUpperCase());
  return { ...read(exchange === undefined ? cut : cut.slice(prefix.length)), ...(exchange && { exchange }) };
};

const EXCHANGES: ReadonlyMap<string, Exchange> = new Map([
  ['NSE', 'NSE'],
  ['BSE', 'BSE'],
  ['MCX', 'MCX'],
]);

const read = (cut: string): Query => {
  const words = wordsOf(cut.replace(GLUED_FUTURE, '$1 ')).slice(0, MAX_WORDS);
  const dates: DateWords[] = [];
  words.forEach((word, i) => {
    const number = Number(words[i - 1]);
    const month = monthOf(word);
    if (month > 0 && number >= 1 && number <= 31 && Number.isInteger(number)) dates.push({ number, month });
  });
  return { words, dates, whole: plain(cut) };
};

/** The words by which a contract's last day is found: 25, NOVEMBER, 2025, and 25 once more for the year. */
export const wordsOfExpiry = (expiry: string): string[] => {
  const [year, month, day] = [expiry.slice(0, 4), Number(expiry.slice(5, 7)), expiry.slice(8)];
  return [String(Number(day)), day, MONTH_NAMES[month - 1] ?? '', year, year.slice(2)];
};

const WORDS_OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  CE: ['CE', 'CALL'],
  PE: ['PE', 'PUT'],
  FUT: ['FUTURES'],
};

/** How contracts of a type are asked for; no words for anything else: nobody looks for a series. */
export const wordsOfType = (instrumentType: string): readonly string[] => WORDS_OF_TYPE[instrumentType] ?? [];

/**
 * What stands in nearly every name, and where everything is traded: found behind another word, not by itself. Such a
 * word is written with a mark behind it.
 */
export const HOLLOW = '~';

const HOLLOW_WORDS: ReadonlySet<string> = new Set(['L', 'LT', 'LTD', 'LIMI', 'LIMITED']);

/** The words of a company's name, or of a fund's. */
export const wordsOfName = (name: string): string[] =>
  wordsOf(name).map((word) => (HOLLOW_WORDS.has(word) ? `${word}${HOLLOW}` : word));

export const wordOfExchange = (exchange: Exchange): string => `${exchange}${HOLLOW}`;
