const IST_OFFSET_MS = 5.5 * 3_600_000;

/** The trading date (`YYYY-MM-DD`, IST) that an instant belongs to. India keeps one offset all year. */
export const tradingDateOf = (atMs: number): string => new Date(atMs + IST_OFFSET_MS).toISOString().slice(0, 10);
