import type { z } from 'zod'
import type { Effect, Statement } from './command.ts'
import type { CommandEffect, StatementMatch } from './match/match.ts'

/**
 * How policy speaks of one kind of facts: SQL, what happens on a host. It says which words a rule may match by, what they mean,
 * and how a statement is described; policy itself knows none of them but `kinds` and `unknown`.
 */
export interface Vocabulary<S extends Statement = Statement> {
  /** The tag of its statements. */
  readonly type: S['type']
  /** Whose commands these are, for people: `databases`, `hosts`. */
  readonly about: string
  /** What one of its statements is called in explanations of rules, where that is not `statement`. */
  readonly noun?: string
  /** Whether there are columns, which masking rules can name. */
  readonly hasColumns: boolean
  /** Where there are fields that masking rules can name: what is wrong with one for such targets. */
  readonly checkField?: (field: string) => string | undefined
  /** Fields that hold secrets wherever there are any: targets without a masking rule for them are warned of. */
  readonly secretFields?: readonly string[]
  /** Words of `match:` besides `kinds` and `unknown`, in the order in which the documentation lists them. */
  readonly fields: Readonly<Record<string, MatchField>>
  /** Words that people may try in `match:` instead, and what to write. */
  readonly otherWords?: Readonly<Record<string, string>>
  /** Kinds in which anything may happen: a rule that allows or holds them names them in full. */
  readonly namedInFull: ReadonlySet<string>
  /** Kinds that a rule of the configuration means as well where it names this one; ready-made sets mean what they say. */
  readonly alsoKinds: Readonly<Record<string, readonly string[]>>
  /**
   * What the text of a command tells whatever the target has: fields that rules match by, `kinds` among them. What is not among these may
   * change with the target.
   */
  readonly toldByText: ReadonlySet<string>
  /** Fields that answer for what only somebody who knows the program can tell (`opaque`). */
  readonly answersOpaque: readonly string[]
  /**
   * Whether what a rule names is in a statement, `kinds` and `unknown` included. A rule that refuses or holds matches when any part
   * is named, or may be; one that allows only when all of it is, surely.
   */
  matches(match: StatementMatch, effect: CommandEffect['type'], statement: S): boolean
  /** What a statement is, for people: `DELETE`, the program of a command, `FORWARD LOCAL to host:22`. */
  name(statement: S): string
  /** The same within a sentence: `this DELETE`, `rm`. */
  subject(statement: S): string
  /** What the target's own description calls what a statement asks for; undefined where there is none, or it does not have it. */
  operationOf?(statement: S): string | undefined
  /** What is to be said of it besides its name, reads and writes: `without WHERE`. Nothing where there is no such method. */
  describe?(statement: S): readonly string[]
  /** Why only somebody who knows the program can tell what it does. */
  opaque(statement: S): readonly string[]
  /** Why a rule that refuses or holds matches although nothing is surely what it names; undefined where something is. */
  whyMaybe(match: StatementMatch, statement: S): string | undefined
  /**
   * Where the target has a description of its own: why it does not have a statement that a rule denies only for that, and what to do. `isConditionKnown`: the
   * rule has no condition (`when:`), or one that could be evaluated. Undefined where the rule is about the statement itself, and its own words apply.
   */
  undescribed?(
    match: StatementMatch,
    statement: S,
    isConditionKnown: boolean,
  ): { readonly reason: string; readonly advice: string } | undefined
  /** What to do where its effect is not known and no rule allows that. */
  adviceOnUnknown(statement: S): string
  /** What is wrong with parts of a match that no command can have together. `kinds` are those that it names. */
  contradictions(match: StatementMatch, kinds: readonly string[] | undefined): readonly Contradiction[]
  /** Fields of `statement` in a condition (`when:`) besides those that all have, with the value that other statements have. */
  readonly variables: Readonly<Record<string, Variable>>
  /** Their values; undefined where one cannot be told, so that nothing is said to be true of it. */
  values(statement: S): Readonly<Record<string, unknown>> | undefined
  /**
   * The same for other ways in which the target may read it, where there are any: a condition of a rule that denies or holds is met when one of them meets it.
   * `reads` and `writes` may be in them, in place of the statement's.
   */
  otherValues?(statement: S): readonly Readonly<Record<string, unknown>>[]
}

export interface MatchField {
  readonly schema: z.ZodType
  /** Why a rule with this value does not match. */
  otherwise(value: NonNullable<StatementMatch[string]>): string
  /** As a part of `refuses every statement …`. */
  describe(value: NonNullable<StatementMatch[string]>): string
}

export interface Variable {
  /** A type of CEL. */
  readonly type: 'string' | 'bool' | 'list<string>'
  readonly absent: string | boolean | readonly string[]
}

export interface Contradiction {
  readonly field: string
  readonly message: string
}

/** Rules that come ready-made; a rule of the file takes a set in with `use`. */
export interface RuleSet {
  readonly summary: string
  /** What its rules do with what they match, where a rule says nothing else. */
  readonly effect: CommandEffect['type']
  readonly rules: readonly {
    readonly name: string
    readonly effect?: 'deny'
    readonly match: StatementMatch
    /** Of a rule that refuses. */
    readonly message: string
    readonly hint?: string
  }[]
}

/** What rules can say of the targets of one type. */
export interface ProtocolPolicy {
  readonly vocabulary: Vocabulary
  /** Vocabularies of what happens within its commands (`Statement.within`), where there is any. */
  readonly within?: readonly Vocabulary[]
  /** Every kind of command that its engine tells apart: a rule that names another one would never apply. */
  readonly kinds: readonly string[]
  /** By the name that `use:` takes. */
  readonly ruleSets: Readonly<Record<string, RuleSet>>
}

/** The names that a field of a match gives, for people. */
export const listed = (value: NonNullable<StatementMatch[string]>): string => (value as readonly string[]).join(', ')

/** What to do about a command that could not be analysed in full. */
export const REWRITE_ADVICE =
  'rewrite it so that it can be analysed, or ask your administrator for a rule that holds such commands for approval (`unknown: true`)'

/**
 * Whether a rule is about a command by how much of its effect is known. One whose effect is unknown is allowed or held only by rules with
 * `unknown: true`, and denied by any; a rule with `unknown: true` that denies is about such commands alone.
 */
export const matchesUnknown = (
  unknown: boolean | undefined,
  effect: CommandEffect['type'],
  isUnknown: boolean,
): boolean => (effect === 'deny' ? unknown !== true || isUnknown : unknown === true || !isUnknown)

/** `create-*` matches every kind with this beginning; `*` matches all. */
export const matchesKind = (pattern: string, kind: string): boolean =>
  pattern.endsWith('*') ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern

/** `DELETE`, `CREATE TABLE`; the outermost kind is the first. */
export const describeKinds = (statement: Effect): string =>
  (statement.kinds[0] ?? 'statement').replaceAll('-', ' ').toUpperCase()
