import 'reflect-metadata';
import { IsIn, IsInt, IsNumber, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { Nested, NestedList, parseBody, ParsePipe, parseQuery } from './parse';
import { Problem, type FieldError } from './problem-details';

class Note {
  @MaxLength(5)
  @IsString()
  text!: string;
}

class Line {
  @MaxLength(20)
  @IsString()
  symbol!: string;

  @Min(1)
  @IsInt()
  quantity!: number;

  @IsOptional()
  @IsNumber({ maxDecimalPlaces: 4 })
  price?: number;

  @IsOptional()
  @Nested(() => Note)
  note?: Note;
}

class Batch {
  @NestedList(() => Line, { min: 1, max: 3 })
  orders!: Line[];

  @IsOptional()
  @IsIn(['DAY', 'IOC'])
  validity = 'DAY';

  @IsOptional()
  @IsString({ each: true })
  labels?: string[];
}

class Page {
  @IsOptional()
  @Max(200)
  @IsInt()
  limit?: number;

  @IsOptional()
  @IsString()
  cursor?: string;

  @IsOptional()
  @IsIn([true, false])
  open?: boolean;
}

const problemOf = (work: () => unknown): Problem => {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('expected a problem');
};

const errorsOf = (body: unknown): readonly FieldError[] | undefined => problemOf(() => parseBody(Batch, body)).errors;

const line = { symbol: 'NSE:RELIANCE', quantity: 1 };

describe('a body', () => {
  it('becomes instances of the declared classes', () => {
    const batch = parseBody(Batch, { orders: [line, { ...line, price: 2500.05, note: { text: 'hi' } }] });
    expect(batch).toBeInstanceOf(Batch);
    expect(batch.orders[1]).toBeInstanceOf(Line);
    expect(batch.orders[1]?.note).toBeInstanceOf(Note);
    expect(batch).toEqual({
      validity: 'DAY',
      orders: [line, { ...line, price: 2500.05, note: { text: 'hi' } }],
    });
  });

  it('may say null where a field is absent', () => {
    expect(parseBody(Batch, { orders: [{ ...line, price: null }], validity: null })).toEqual({
      validity: 'DAY',
      orders: [line],
    });
    expect(errorsOf({ orders: null })).toEqual([{ field: 'orders', message: 'is required' }]);
  });

  it('is refused with a code and every wrong field by its path', () => {
    const problem = problemOf(() =>
      parseBody(Batch, {
        orders: [line, { symbol: 7, quantity: 1.5, note: { text: 'too long', colour: 'red' } }],
        validity: 'GTC',
        side: 'BUY',
      }),
    );
    expect(problem).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' });
    expect(problem.errors).toEqual([
      { field: 'orders[1].note.colour', message: 'is not known here' },
      { field: 'side', message: 'is not known here' },
      { field: 'orders[1].symbol', message: expect.stringMatching(/^must be a string/) },
      { field: 'orders[1].quantity', message: 'must be an integer number' },
      { field: 'orders[1].note.text', message: 'must be shorter than or equal to 5 characters' },
      { field: 'validity', message: 'must be one of the following values: DAY, IOC' },
    ]);
  });

  it.each([undefined, null, [], [line], 'text', 7, true])('must be an object, not %j', (body) =>
    expect(errorsOf(body)).toEqual([{ field: '', message: 'must be an object' }]),
  );

  it.each([
    [{}, 'orders', 'is required'],
    [{ orders: {} }, 'orders', 'must be a list'],
    [{ orders: 'none' }, 'orders', 'must be a list'],
    [{ orders: [] }, 'orders', 'must have from 1 to 3 entries, has 0'],
    [{ orders: [line, line, line, line] }, 'orders', 'must have from 1 to 3 entries, has 4'],
    [{ orders: [line, 5] }, 'orders[1]', 'must be an object'],
    [{ orders: [null] }, 'orders[0]', 'must be an object'],
    [{ orders: [[line]] }, 'orders[0]', 'must be an object'],
    [{ orders: [{ ...line, note: 'x' }] }, 'orders[0].note', 'must be an object'],
    [{ orders: [{ ...line, note: [] }] }, 'orders[0].note', 'must be an object'],
    [
      { orders: [{ ...line, quantity: '1' }] },
      'orders[0].quantity',
      'must be an integer number; must not be less than 1',
    ],
    [{ orders: [{ symbol: 'X' }] }, 'orders[0].quantity', 'is required'],
    [{ orders: [{ ...line, price: JSON.parse('1e999') }] }, 'orders[0].price', 'must be a finite number'],
    [{ orders: [{ ...line, price: NaN }] }, 'orders[0].price', 'must be a finite number'],
    [{ orders: [{ ...line, price: 1.00001 }] }, 'orders[0].price', expect.stringContaining('must be a number')],
    [{ orders: [{ ...line, symbol: 'A\0B' }] }, 'orders[0].symbol', 'must be valid text'],
    [{ orders: [{ ...line, symbol: '\ud800' }] }, 'orders[0].symbol', 'must be valid text'],
    [{ orders: [line], labels: ['a', 'b\0'] }, 'labels', 'must be valid text'],
    [{ orders: [line], labels: JSON.parse('['.repeat(5000) + ']'.repeat(5000)) }, 'labels', 'is nested too deeply'],
    [{ orders: [line], constructor: { prototype: {} } }, 'constructor', 'is not known here'],
    [{ orders: [line], toString: 'x' }, 'toString', 'is not known here'],
    [JSON.parse('{"orders":[],"__proto__":{"admin":true}}'), '__proto__', 'is not known here'],
    [{ orders: [line], ['x'.repeat(100_000)]: 1 }, `${'x'.repeat(64)}…`, 'is not known here'],
  ])('%# is refused where it is wrong', (body, field, message) => {
    expect(errorsOf(body)).toContainEqual({ field, message });
  });

  it('names a wrong list once', () => {
    expect(errorsOf({ orders: [line, 5] })).toHaveLength(1);
    expect(errorsOf({ orders: {} })).toHaveLength(1);
  });

  it('does not choose the size of the answer', () => {
    const body = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`field${String(index)}`, 1]));
    expect(errorsOf(body)).toHaveLength(50);
  });

  it('never repeats what was sent', () => {
    const secret = 'hush-hush-hush-hush-hush';
    expect(JSON.stringify(errorsOf({ orders: [{ symbol: secret, quantity: secret }] }))).not.toContain(secret);
  });
});

describe('a query', () => {
  it('is text that becomes what the class declares', () =>
    expect(parseQuery(Page, { limit: '50', cursor: '17', open: 'true' })).toEqual({
      limit: 50,
      cursor: '17',
      open: true,
    }));

  it.each([
    [{ limit: 'many' }, 'limit'],
    [{ limit: '1e3' }, 'limit'],
    [{ limit: '201' }, 'limit'],
    [{ limit: ['1', '2'] }, 'limit'],
    [{ open: 'yes' }, 'open'],
    [{ cursor: ['a', 'b'] }, 'cursor'],
    [{ page: '1' }, 'page'],
  ])('is refused when it is %j', (query, field) => {
    expect(problemOf(() => parseQuery(Page, query)).errors).toEqual([{ field, message: expect.any(String) }]);
  });

  it('may be missing', () => expect(parseQuery(Page, undefined)).toEqual({}));
});

describe('the pipe for every route', () => {
  const pipe = new ParsePipe();

  it('parses bodies and queries into their classes', () => {
    expect(pipe.transform({ orders: [line] }, { type: 'body', metatype: Batch })).toBeInstanceOf(Batch);
    expect(pipe.transform({ limit: '5' }, { type: 'query', metatype: Page })).toEqual({ limit: 5 });
  });

  it('refuses to let an unparsed body through', () => {
    expect(() => pipe.transform({}, { type: 'body' })).toThrow('@body() is declared without a class');
    expect(() => pipe.transform({}, { type: 'query', metatype: Object })).toThrow(
      '@query() is declared without a class',
    );
  });

  it('leaves path parameters alone unless no database could look them up', () => {
    expect(pipe.transform('42', { type: 'param', metatype: String, data: 'orderId' })).toBe('42');
    const problem = problemOf(() => pipe.transform('4\0', { type: 'param', metatype: String, data: 'orderId' }));
    expect(problem).toMatchObject({ status: 400, errors: [{ field: 'orderId', message: 'must be valid text' }] });
  });
});
