/**
 * Requests become typed objects here, or a problem that names each field that is wrong. Rules are class-validator
 * decorators; objects within objects are declared with `@Nested` and `@NestedList`.
 *
 * Class instances are built here and not by a general mapper: only declared fields are ever read, so a batch costs
 * microseconds and nothing a client invents (`__proto__`, `constructor`, …) reaches an object.
 */

import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { getMetadataStorage, IsArray, ValidateNested, validateSync } from 'class-validator';
import { Problem, type FieldError } from './problem-details';
import { allRulesHold } from './rules';

/** A class whose instances a request is parsed into: no constructor arguments, fields with decorators. */
export type Shape<Parsed extends object> = new () => Parsed;

interface Nesting {
  readonly shape: () => Shape<object>;
  readonly list?: { readonly min: number; readonly max: number };
}

/** Enough to see what is wrong; a hostile body does not get to choose the size of the answer. */
const errorsMax = 50;
const depthMax = 8;

const nestings = new WeakMap<object, Map<string, Nesting>>();

const nest = (target: object, property: string | symbol, nesting: Nesting): void => {
  const known = nestings.get(target) ?? new Map<string, Nesting>();
  nestings.set(target, known.set(String(property), nesting));
};

/** The field is one object of the given shape. */
export const Nested =
  (shape: () => Shape<object>): PropertyDecorator =>
  (target, property) => {
    ValidateNested()(target, property);
    nest(target, property, { shape });
  };

/** The field is a list of objects of the given shape, from `min` to `max` of them (checked before any is built). */
export const NestedList =
  (shape: () => Shape<object>, list: { readonly min: number; readonly max: number }): PropertyDecorator =>
  (target, property) => {
    IsArray()(target, property);
    ValidateNested({ each: true })(target, property);
    nest(target, property, { shape, list });
  };

/**
 * Parses a JSON body. Fields that are `null` count as absent; unknown fields are refused.
 * @throws Problem 400 VALIDATION_FAILED with one entry per wrong field.
 */
export const parseBody = <Parsed extends object>(shape: Shape<Parsed>, body: unknown): Parsed =>
  parse(shape, body, 'The body does not have the shape that is asked for.');

/**
 * Parses a query string that Fastify has split. Fields declared as `number` or `boolean` are read from their text.
 * @throws Problem 400 VALIDATION_FAILED with one entry per wrong parameter.
 */
export const parseQuery = <Parsed extends object>(shape: Shape<Parsed>, query: unknown): Parsed => {
  const declared = new shape();
  const values: [string, unknown][] = Object.entries(isObject(query) ? query : {}).map(([name, value]) => {
    const type: unknown = Reflect.getMetadata('design:type', declared, name);
    if (typeof value !== 'string') return [name, value];
    if (type === Number && /^-?\d{1,15}(\.\d{1,15})?$/.test(value)) return [name, Number(value)];
    if (type === Boolean && /^(true|false)$/.test(value)) return [name, value === 'true'];
    return [name, value];
  });
  return parse(shape, Object.fromEntries(values), 'A query parameter is not as it must be.');
};

/**
 * Parses `@Body()` and `@Query()` arguments into the class they are declared with. A route cannot forget it: an
 * argument without a class is an error of ours.
 */
export class ParsePipe implements PipeTransform {
  transform(value: unknown, { type, metatype, data }: ArgumentMetadata): unknown {
    if ((type === 'body' || type === 'query') && data === undefined) {
      if (!isShape(metatype)) throw new Error(`@${type}() is declared without a class to parse it into`);
      return type === 'body' ? parseBody(metatype, value) : parseQuery(metatype, value);
    }
    if (typeof value === 'string' && !isStorableText(value)) {
      throw new Problem(400, 'VALIDATION_FAILED', 'A part of the URL is not valid text.', {
        errors: [{ field: data ?? type, message: 'must be valid text' }],
      });
    }
    return value;
  }
}

const parse = <Parsed extends object>(shape: Shape<Parsed>, value: unknown, detail: string): Parsed => {
  const errors: FieldError[] = [];
  const parsed = build(shape, value, '', errors);
  if (parsed !== undefined) {
    check(parsed, errors);
    if (errors.length === 0) return parsed;
  }
  throw new Problem(400, 'VALIDATION_FAILED', detail, { errors: errors.slice(0, errorsMax) });
};

/** Copies the declared fields of `value` into a new instance; notes what is unknown or has the wrong kind. */
const build = <Parsed extends object>(
  shape: Shape<Parsed>,
  value: unknown,
  path: string,
  errors: FieldError[],
): Parsed | undefined => {
  if (!isObject(value)) {
    errors.push({ field: path, message: 'must be an object' });
    return undefined;
  }
  const fields = fieldsOf(shape);
  const parts: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    if (errors.length >= errorsMax) break;
    const content = value[name];
    const nesting = fields.get(name);
    if (nesting === undefined) errors.push({ field: join(path, name), message: 'is not known here' });
    else if (content === null) continue;
    else if (nesting !== 'plain') parts[name] = nested(nesting, content, join(path, name), errors);
    else {
      const fault = faultOf(content, depthMax);
      if (fault !== undefined) errors.push({ field: join(path, name), message: fault });
      parts[name] = content;
    }
  }
  return Object.assign(new shape(), parts);
};

const nested = ({ shape, list }: Nesting, content: unknown, field: string, errors: FieldError[]): unknown => {
  if (list === undefined) return build(shape(), content, field, errors);
  if (!Array.isArray(content)) {
    errors.push({ field, message: 'must be a list' });
    return undefined;
  }
  if (content.length < list.min || content.length > list.max) {
    const found = `has ${String(content.length)}`;
    errors.push({ field, message: `must have from ${String(list.min)} to ${String(list.max)} entries, ${found}` });
    return undefined;
  }
  return content.map((entry: unknown, index) => build(shape(), entry, `${field}[${String(index)}]`, errors));
};

/** What no field may hold, whatever its rules: numbers beyond the finite, text that a database cannot store. */
const faultOf = (content: unknown, depthLeft: number): string | undefined => {
  if (typeof content === 'string') return isStorableText(content) ? undefined : 'must be valid text';
  if (typeof content === 'number') return Number.isFinite(content) ? undefined : 'must be a finite number';
  if (typeof content !== 'object' || content === null) return undefined;
  if (depthLeft === 0) return 'is nested too deeply';
  for (const [name, inner] of Object.entries(content)) {
    const fault = isStorableText(name) ? faultOf(inner, depthLeft - 1) : 'must be valid text';
    if (fault !== undefined) return fault;
  }
  return undefined;
};

/** Applies the rules of class-validator and says what is wrong in terms of the request. */
const check = (parsed: object, errors: FieldError[]): void => {
  if (errors.length === 0 && allRulesHold(parsed)) return;
  for (const complaint of validateSync(parsed, { forbidUnknownValues: false, validationError: { target: false } })) {
    collect(complaint, '', errors);
  }
};

interface Complaint {
  readonly property: string;
  readonly value?: unknown;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly Complaint[];
}

const collect = ({ property, value, constraints, children }: Complaint, path: string, errors: FieldError[]): void => {
  const field = join(path, property);
  // What could not even be built was named before; its absence is no second error.
  const named = errors.some((error) => error.field === field || error.field.startsWith(`${field}[`));
  const messages = Object.values(constraints ?? {}).map((message) => message.replace(`${property} `, ''));
  if (messages.length > 0 && !named) {
    errors.push({ field, message: value === undefined ? 'is required' : messages.join('; ') });
  }
  for (const child of children ?? []) collect(child, field, errors);
};

const join = (path: string, name: string): string => {
  const short = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  if (/^\d+$/.test(name)) return `${path}[${short}]`;
  return path === '' ? short : `${path}.${short}`;
};

type Fields = ReadonlyMap<string, Nesting | 'plain'>;
const knownFields = new WeakMap<object, Fields>();

const fieldsOf = (shape: Shape<object>): Fields => {
  const known = knownFields.get(shape);
  if (known !== undefined) return known;
  const fields = new Map<string, Nesting | 'plain'>();
  for (const { propertyName } of getMetadataStorage().getTargetValidationMetadatas(shape, '', false, false)) {
    fields.set(propertyName, nestingOf(shape, propertyName) ?? 'plain');
  }
  knownFields.set(shape, fields);
  return fields;
};

/** Looks through the classes that the shape extends, too. */
const nestingOf = (shape: Shape<object>, property: string): Nesting | undefined => {
  for (let type: unknown = shape.prototype; isObject(type); type = Object.getPrototypeOf(type)) {
    const nesting = nestings.get(type)?.get(property);
    if (nesting !== undefined) return nesting;
  }
  return undefined;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isShape = (type: unknown): type is Shape<object> =>
  typeof type === 'function' && ![Object, String, Number, Boolean, Array].some((builtIn) => builtIn === type);

/** Postgres stores neither the character 0 nor half a surrogate pair. */
const isStorableText = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);
