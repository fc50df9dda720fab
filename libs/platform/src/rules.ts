/**
 * The class-validator rules of a class, looked up once and then only applied. The library looks them up, groups and
 * filters them for every object anew, which for a batch of orders takes longer than all the rest of the request.
 *
 * This file only says whether all rules hold; the library says which do not.
 */

import { getMetadataStorage } from 'class-validator';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata';

type Rule = (object: object, value: unknown) => boolean;

interface FieldRules {
  readonly name: string;
  /** `@IsOptional`, `@ValidateIf`: when one of them says no, the field is not looked at. */
  readonly conditions: readonly Rule[];
  readonly rules: readonly Rule[];
  readonly isNested: boolean;
}

const compiled = new WeakMap<object, readonly FieldRules[] | 'unclear'>();

/** True when every rule of the object's class, and of the objects within it, holds; false when not, or not sure. */
export const allRulesHold = (object: object): boolean => {
  let fields = compiled.get(object.constructor);
  if (fields === undefined) {
    fields = compile(object.constructor);
    compiled.set(object.constructor, fields);
  }
  if (fields === 'unclear') return false;
  for (const { name, conditions, rules, isNested } of fields) {
    const value: unknown = Reflect.get(object, name);
    if (!allHold(conditions, object, value)) continue;
    if (!allHold(rules, object, value) || (isNested && !nestedRulesHold(value))) return false;
  }
  return true;
};

const allHold = (rules: readonly Rule[], object: object, value: unknown): boolean => {
  for (const rule of rules) if (!rule(object, value)) return false;
  return true;
};

const nestedRulesHold = (value: unknown): boolean => {
  if (value === undefined) return true;
  if (Array.isArray(value)) return value.every((entry) => isObject(entry) && allRulesHold(entry));
  return isObject(value) && allRulesHold(value);
};

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const compile = (type: object): readonly FieldRules[] | 'unclear' => {
  if (typeof type !== 'function') return 'unclear';
  const storage = getMetadataStorage();
  const byField: Readonly<Record<string, readonly Metadata[]>> = storage.groupByPropertyName(
    storage.getTargetValidationMetadatas(type, '', false, false),
  );
  const fields: FieldRules[] = [];
  for (const [name, metadatas] of Object.entries(byField)) {
    const field = { name, conditions: [] as Rule[], rules: [] as Rule[], isNested: false };
    for (const metadata of metadatas) {
      if (!isPlain(metadata)) return 'unclear';
      const condition = metadata.constraints?.[0];
      if (metadata.type === 'nestedValidation') field.isNested = true;
      else if (hasConstraint(metadata.type)) field.rules.push(...rulesOf(metadata, type.name));
      else if (metadata.type === 'conditionalValidation' && typeof condition === 'function') {
        field.conditions.push((object, value) => Reflect.apply(condition, undefined, [object, value]) === true);
      } else return 'unclear';
    }
    fields.push(field);
  }
  return fields;
};

/** As the library really fills it: it declares more as present than it sets. */
interface Metadata extends Pick<ValidationMetadata, 'type' | 'propertyName' | 'each' | 'constraintCls'> {
  readonly constraints?: unknown[];
  readonly groups?: readonly string[];
  readonly validateIf?: unknown;
}

/** What is used rarely (groups, conditions of single rules, rules that wait) is left to the library. */
const isPlain = ({ type, groups = [], validateIf, constraintCls }: Metadata): boolean =>
  groups.length === 0 &&
  validateIf === undefined &&
  (!hasConstraint(type) || constraintsOf(constraintCls).every(({ async }) => !async));

/** `@IsDefined` has a type of its own, and nothing else that sets it apart. */
const hasConstraint = (type: string): boolean => type === 'customValidation' || type === 'isDefined';

const constraintsOf = (type: Metadata['constraintCls']) => getMetadataStorage().getTargetValidatorConstraints(type);

const rulesOf = ({ each, constraints = [], constraintCls, propertyName }: Metadata, targetName: string): Rule[] =>
  constraintsOf(constraintCls).map(({ instance }) => {
    const holds: Rule = (object, value) =>
      instance.validate(value, { object, value, constraints, targetName, property: propertyName }) === true;
    return each
      ? (object, value) => (Array.isArray(value) ? value.every((entry) => holds(object, entry)) : holds(object, value))
      : holds;
  });
