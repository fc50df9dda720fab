/**
 * Books are read row by row: an order that the user made by hand, with a word that we do not know, must not hide all of
 * ours. But a book without one of ours would prove that it is absent, and it would be sent again: a row is left out only
 * where it cannot be missed.
 */

import type { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import { driftOf } from './answers';
import type { DriftedRow, OrderRow, Read, TradeRow } from './client';
import { idField, isObject, textOf } from './reading';

/** Of a row that could not be read: whose it is, if the book is worth something without it. */
export type LeaveOut = (row: unknown) => { readonly brokerOrderId?: string } | undefined;

export interface Book<Row> {
  /** Where the rows stand in the answer. */
  readonly path: readonly string[];
  readonly row: z.ZodType<Row>;
  readonly leaveOut: LeaveOut;
  readonly tell: (code: string, message: string) => Evidence;
}

/** The rows that can be read, and what became of the others. */
export const rowsOf = <Row>(
  book: Read<readonly unknown[]>,
  { path, row, leaveOut, tell }: Book<Row>,
): Read<readonly Row[]> => {
  if (book.outcome === 'failed') return book;
  const value: Row[] = [];
  const drifted: DriftedRow[] = [];
  for (const [index, printed] of book.value.entries()) {
    const read = row.safeParse(printed);
    if (read.success) {
      value.push(read.data);
      continue;
    }
    const evidence = driftOf(read.error, tell, [...path, index]);
    const leftOut = leaveOut(printed);
    if (!leftOut) return { outcome: 'failed', errorClass: 'drift', evidence };
    drifted.push({ ...evidence, ...leftOut });
  }
  return { outcome: 'ok', value, ...(drifted.length > 0 && { drifted }) };
};

/* ------------------------------------------------------------------------------------------ what may be left out */

/**
 * A tag in the form that all of ours have, whatever the broker puts before it (`1:`). Generous: who is taken for ours by
 * mistake costs a reading, who is not may cost a second order.
 */
export const isOurTag = (text: string): boolean => /\bC[0-9A-Z]{18}\b/i.test(text);

/** Nothing: the answer is about one order, or one tag. */
export const noRow: LeaveOut = () => undefined;

/** Positions and holdings: each stands for itself. */
export const anyRow: LeaveOut = () => ({});

/** A trade whose order is known: whoever asks about that order is told, see `tradesIn`. */
export const tradeOf =
  (idName: string): LeaveOut =>
  (row) => {
    const brokerOrderId = idIn(row, idName);
    return brokerOrderId === undefined ? undefined : { brokerOrderId };
  };

/**
 * An order that says by its tags that it is not ours. One that says nothing, because a field is not there or holds no text,
 * may be.
 *
 * @param tagsIn every field that may hold our tag, as it was printed
 * @param searched the tag that is looked for, if one is
 */
export const strangersOrder =
  (
    idName: string,
    tagsIn: (row: Readonly<Record<string, unknown>>) => readonly unknown[],
    searched?: string,
  ): LeaveOut =>
  (row) => {
    if (!isObject(row)) return undefined;
    const isOurs = (text: string): boolean => isOurTag(text) || (searched !== undefined && text.includes(searched));
    if (!tagsIn(row).every((printed) => textsIn(printed)?.every((text) => !isOurs(text)))) return undefined;
    const brokerOrderId = idIn(row, idName);
    return { ...(brokerOrderId !== undefined && { brokerOrderId }) };
  };

const textsIn = (printed: unknown): readonly string[] | undefined => {
  const words: readonly unknown[] = Array.isArray(printed) ? printed : printed === null ? [] : [printed];
  const texts = words.flatMap((word) => textOf(word) ?? []);
  return texts.length === words.length ? texts : undefined;
};

const idIn = (row: unknown, name: string): string | undefined =>
  isObject(row) ? idField.safeParse(row[name]).data : undefined;

/* -------------------------------------------------------------------------------------------- one order in a book */

/** One order out of a book; a book that left it out, or may have, does not say that it is not there. */
export const orderIn = (book: Read<readonly OrderRow[]>, brokerOrderId: string): Read<OrderRow | undefined> => {
  if (book.outcome === 'failed') return book;
  const value = book.value.find((row) => row.brokerOrderId === brokerOrderId);
  const hole = book.drifted?.find(({ brokerOrderId: id }) => id === brokerOrderId || (id === undefined && !value));
  return hole ? failedBy(hole) : { ...book, value };
};

/** The trades of one order out of a book, which says nothing of them if it left one out. */
export const tradesIn = (book: Read<readonly TradeRow[]>, brokerOrderId: string): Read<readonly TradeRow[]> => {
  if (book.outcome === 'failed') return book;
  const isOfIt = (row: { readonly brokerOrderId?: string }): boolean => row.brokerOrderId === brokerOrderId;
  const hole = book.drifted?.find(isOfIt);
  return hole ? failedBy(hole) : { ...book, value: book.value.filter(isOfIt) };
};

const failedBy = ({ brokerOrderId: _, ...evidence }: DriftedRow): Extract<Read<never>, { outcome: 'failed' }> => ({
  outcome: 'failed',
  errorClass: 'drift',
  evidence,
});
