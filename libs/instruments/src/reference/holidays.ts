import { InstrumentFileError } from '../source';
import { readRow, refuseRow } from '../row';
import type { JsonFormat } from '../table';
import { printedDay } from './figures';
import type { Holiday, ReferenceRow } from './rows';

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const SESSIONS = new Map([
  ['Open', 'open'],
  ['Closed', 'closed'],
] as const);

/**
 * The exchange's list of holidays is one object with a list for each segment. It is turned into one list of rows that say their
 * segment, so that it is read as every other list is. @throws InstrumentFileError when it is another object.
 */
export const holidayRows = (content: Buffer): Buffer => {
  let whole: unknown;
  try {
    whole = JSON.parse(content.toString('utf8'));
  } catch (error) {
    throw new InstrumentFileError('not valid JSON', { byte: content.length }, { cause: error });
  }
  const lists = Object.entries(whole ?? {}).map(([segment, rows]: [string, unknown]) => ({ segment, rows }));
  const flat = lists.flatMap(({ segment, rows }) =>
    Array.isArray(rows) && /^[A-Z]{2,8}$/.test(segment)
      ? rows.map((row: unknown) => ({ ...(typeof row === 'object' ? row : {}), segment }))
      : [undefined],
  );
  if (flat.length === 0 || flat.includes(undefined))
    throw new InstrumentFileError('not a file we know: a JSON object that is no list of holidays by segment', {
      byte: 0,
    });
  return Buffer.from(JSON.stringify(flat));
};

/** A day that does not fall on the weekday it is printed with is refused: one of the two is wrong. */
export const holidayJson: JsonFormat<ReferenceRow> = {
  name: 'nse-holidays',
  parse: (row) =>
    readRow(row, (fields): Holiday => {
      const day = printedDay(fields, 'tradingDate');
      if (WEEKDAYS[new Date(`${day}T00:00:00Z`).getUTCDay()] !== fields.text('weekDay'))
        return refuseRow('tradingDate is not that weekday', row['tradingDate']);
      const session = (field: string) =>
        fields.optionalText(field) === undefined ? 'closed' : fields.lookup(field, SESSIONS);
      return {
        kind: 'holiday',
        segment: fields.text('segment'),
        day,
        description: fields.text('description'),
        morning: session('morning_session'),
        evening: session('evening_session'),
      };
    }),
};
