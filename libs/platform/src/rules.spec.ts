import 'reflect-metadata';
import {
  Allow,
  Equals,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
  validateSync,
  type ValidationOptions,
} from 'class-validator';
import fc from 'fast-check';
import { allRulesHold } from './rules';

class Inner {
  @MaxLength(3)
  @IsString()
  text: unknown;
}

class Base {
  @IsOptional()
  @IsUUID()
  id: unknown;
}

class Outer extends Base {
  @Min(1)
  @Max(5)
  @IsInt()
  count: unknown;

  @IsOptional()
  @IsNumber({ maxDecimalPlaces: 2 })
  price: unknown;

  @ValidateIf((outer: Outer) => outer.count === 2)
  @IsIn(['A', 'B'])
  kind: unknown;

  @IsOptional()
  @ValidateNested()
  one: unknown;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  many: unknown;

  @IsOptional()
  @IsString({ each: true })
  labels: unknown;

  @IsOptional()
  @IsBoolean()
  flag: unknown;
}

const anything = (known: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 6, arbitrary: known },
    fc.constantFrom<unknown>(undefined, null, NaN, '', 0, 7, 'x', [], {}, true),
  );

const inner = fc
  .record({ text: anything(fc.string({ maxLength: 5 })) })
  .map((fields) => Object.assign(new Inner(), fields));

const outer = fc
  .record({
    id: anything(fc.uuid()),
    count: anything(fc.integer({ min: -1, max: 6 })),
    price: anything(fc.constantFrom(1, 1.25, 1.255, -3)),
    kind: anything(fc.constantFrom('A', 'B', 'C')),
    one: anything(inner),
    many: anything(fc.array(anything(inner), { maxLength: 3 })),
    labels: anything(fc.array(anything(fc.string()), { maxLength: 3 })),
    flag: anything(fc.boolean()),
  })
  .map((fields) => Object.assign(new Outer(), fields));

describe('the compiled rules', () => {
  it('let nothing through that class-validator refuses, and nearly all that it lets through', () => {
    const seen = { bad: 0, good: 0, unsure: 0 };
    fc.assert(
      fc.property(outer, (object) => {
        const isGood = validateSync(object, { forbidUnknownValues: false }).length === 0;
        const holds = allRulesHold(object);
        expect(holds && !isGood).toBe(false);
        seen[!isGood ? 'bad' : holds ? 'good' : 'unsure'] += 1;
      }),
      { numRuns: 2_000 },
    );
    expect(seen.bad).toBeGreaterThan(50);
    expect(seen.good).toBeGreaterThan(50);
    expect(seen.unsure).toBeLessThan(seen.good);
  });

  it.each<[string, (options?: ValidationOptions) => PropertyDecorator]>([
    ['a rule of a group', () => Equals(1, { groups: ['strict'] })],
    ['a rule with a condition of its own', () => Equals(1, { validateIf: () => true })],
    ['a field that is only allowed', () => Allow()],
  ])('leave %s to the library', (_, decorator) => {
    class Rare {
      @decorator()
      field = 1;
    }
    expect(allRulesHold(new Rare())).toBe(false);
  });

  it('know the rules that are plain', () => {
    class Plain {
      @IsDefined()
      @Matches(/^a+$/)
      field = 'aaa';
    }
    expect(allRulesHold(new Plain())).toBe(true);
    expect(allRulesHold(Object.assign(new Plain(), { field: 'b' }))).toBe(false);
  });
});
