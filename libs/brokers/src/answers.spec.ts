import { z } from 'zod';
import { averageField, driftOf, hear, idField, instantField, priceField, readJson, sentOf, tellOf } from './answers';
import { replied } from './in-spec';

const tell = tellOf({ apiKey: 'key-of-the-app', accessToken: 'to+ken/of=today' });

describe('evidence', () => {
  it('shows no credential, neither as it is nor as an address has it', () => {
    const { code, message } = tell('bad key-of-the-app', 'to+ken/of=today and to%2Bken%2Fof%3Dtoday');
    expect([code, message]).toEqual(['bad ***', '*** and ***']);
  });

  it('is masked before it is cut, so that no half of a secret remains', () => {
    const { message = '' } = tell(undefined, `${'x'.repeat(295)}key-of-the-app`);
    expect(message).toBe(`${'x'.repeat(295)}***`);
    expect(tell(undefined, 'y'.repeat(1_000)).message).toHaveLength(300);
  });

  it('leaves out what was not said', () => expect(tell(undefined, '')).toEqual({}));
});

describe('reading JSON', () => {
  it.each([
    ['an id beyond 2^53', '{"id":1953367517686685697}', { id: '1953367517686685697' }],
    ['a negative one', '[-1953367517686685697]', ['-1953367517686685697']],
    ['an amount with many digits', '{"net":99725.05000000002123}', { net: 99725.05000000002 }],
    ['digits in a text', '{"a":"x 1953367517686685697","b\\"1":1}', { a: 'x 1953367517686685697', 'b"1': 1 }],
    ['a text that ends with a backslash', '["\\\\",1953367517686685697]', ['\\', '1953367517686685697']],
  ])('keeps %s', (_, body, value) => expect(readJson(body)).toEqual(value));

  it.each(['', '{"a":', '<html>', '{"id":1953367517686685697'])('gives nothing for %j', (body) =>
    expect(readJson(body)).toBeUndefined(),
  );
});

describe('a field', () => {
  it('that is an id is text, and is none once it has been rounded', () => {
    expect(idField.parse('00123')).toBe('00123');
    expect(idField.parse(123)).toBe('123');
    for (const bad of [2 ** 60, 1.5, -1, '', null, {}]) expect(idField.safeParse(bad).success).toBe(false);
  });

  it('that is a price is exact, one that is an average is rounded', () => {
    expect(priceField.parse(159.82)).toBe(1_598_200);
    expect(priceField.safeParse(159.82001).success).toBe(false);
    expect(averageField.parse(3.216667)).toBe(32_167);
    for (const bad of [-1, 'x', NaN, null]) expect(averageField.safeParse(bad).success).toBe(false);
  });

  it('that is a time is one in India, or nothing', () => {
    expect(instantField.parse('2021-05-31 09:16:39')).toBe(Date.parse('2021-05-31T09:16:39+05:30'));
    for (const nothing of [null, undefined, '', 'NA']) expect(instantField.parse(nothing)).toBeUndefined();
    expect(instantField.safeParse('31/05/2021').success).toBe(false);
  });

  it('that drifted is named by its path, and not by its value', () => {
    const schema = z.object({ data: z.array(z.object({ quantity: z.int() })) });
    const { error } = schema.safeParse({ data: [{ quantity: 1 }, { quantity: 'secret' }] });
    expect(error && driftOf(error, tell)).toEqual({
      code: 'DRIFT',
      message: '$.data[1].quantity: Invalid input: expected number, received string',
    });
  });
});

describe('what a reply is before anybody reads it', () => {
  const data = (json: unknown, status: number) => ({ kind: 'data', json, status }) as const;
  const sent = (reply: Parameters<typeof hear>[0]) => {
    const heard = hear(reply, tell, data);
    return heard.kind === 'error' ? sentOf(heard) : heard;
  };

  it('is proof that nothing was sent where there was no connection', () => {
    const evidence = { code: 'ECONNREFUSED' };
    expect(sent({ kind: 'refused', evidence })).toEqual({ outcome: 'notSent', errorClass: 'transient', evidence });
  });

  it('is in doubt where nobody answered', () => {
    expect(sent({ kind: 'silent', evidence: { code: 'DEADLINE' } })).toMatchObject({ outcome: 'unknown' });
  });

  it.each([
    ['a page for people', '<!DOCTYPE html><html>busy</html>', 200, 'text/html'],
    ['a page that says it is JSON', '<html>', 200, 'application/json'],
    ['a page of the edge', '<html>error 1010</html>', 403, 'text/html; charset=UTF-8'],
    ['truncated JSON', '{"status":"success","data":{"order', 200, 'application/json'],
    ['an empty body', '', 200, 'application/json'],
    ['a gateway that gave up', '<html>', 502, 'text/html'],
  ])('is in doubt for %s', (_, body, status, contentType) => {
    const { outcome, evidence } = sent(replied(body, status, contentType)) as ReturnType<typeof sentOf>;
    expect(outcome).toBe('unknown');
    expect(evidence?.code).toBe(`HTTP_${String(status)}`);
  });

  it('is proof that nothing was sent where one was too fast, with the pause that was asked for', () => {
    const reply = { ...replied('<html>slow down', 429, 'text/html'), headers: { 'retry-after': '3' } };
    expect(sent(reply)).toMatchObject({ outcome: 'notSent', errorClass: 'throttled', retryAfterMs: 3_000 });
  });

  it('is proof that nothing was sent where the session is over', () => {
    expect(sent(replied('', 401, ''))).toMatchObject({ outcome: 'notSent', errorClass: 'auth' });
  });

  it.each([500, 503, 408, 302])('is in doubt with status %d, whatever the body says', (status) => {
    const refusal = { kind: 'error', errorClass: 'validation', evidence: {}, isInDoubt: false } as const;
    const heard = hear(replied('{}', status), tell, () => refusal);
    expect(heard.kind === 'error' && sentOf(heard).outcome).toBe('unknown');
  });
});
