import { z } from 'zod'
import { patternList } from '../policy/patterns.ts'
import type { CommandEffect, StatementMatch } from '../policy/policy.ts'
import {
  describeKinds,
  matchesKind,
  matchesUnknown,
  listed,
  REWRITE_ADVICE,
  type Vocabulary,
} from '../policy/vocabulary.ts'
import { checkFunction, checkRelation } from './patterns.ts'
import { ANY_RELATION, type SqlStatement } from './statement.ts'

/** How policy speaks of SQL, whatever the dialect. */
export const sqlVocabulary: Vocabulary<SqlStatement> = {
  type: 'sql',
  about: 'databases',
  hasColumns: true,
  fields: {
    relations: {
      schema: patternList(checkRelation).describe('table, schema.table, or with * for either'),
      otherwise: (value) => `names other relations: ${listed(value)}`,
      describe: (value) => `on ${listed(value)}`,
    },
    writes: {
      schema: patternList(checkRelation).describe('as relations, of those that it writes to'),
      otherwise: (value) => `names writes to other relations: ${listed(value)}`,
      describe: (value) => `writing to ${listed(value)}`,
    },
    functions: {
      schema: patternList(checkFunction).describe('function names; lo_* matches all that begin so'),
      otherwise: (value) => `names other functions: ${listed(value)}`,
      describe: (value) => `calling ${listed(value)}`,
    },
    missingWhere: {
      schema: z.boolean().optional().describe('an UPDATE or DELETE without WHERE'),
      otherwise: (value) =>
        value === true
          ? 'matches UPDATE and DELETE without WHERE only'
          : 'does not match UPDATE and DELETE without WHERE',
      describe: (value) => (value === true ? 'without WHERE' : 'with WHERE'),
    },
  },
  otherWords: { tables: 'use `relations`', statements: 'use `kinds`' },
  namedInFull: new Set(),
  // A rule that names LOCK means every mode; only ready-made sets tell the weakest from the others.
  alsoKinds: { lock: ['lock-access-share'] },
  // Functions are matched by the name in the text; relations, and their side effects, depend on the catalogs.
  toldByText: new Set(['kinds', 'functions', 'missingWhere']),
  answersOpaque: [],
  matches: matchesStatement,
  name: describeKinds,
  subject: (statement) =>
    describeKinds(statement) === 'UNKNOWN' ? 'this statement' : `this ${describeKinds(statement)}`,
  describe: ({ missingWhere }) => (missingWhere ? ['without WHERE'] : []),
  opaque: () => [],
  whyMaybe: (match, statement) =>
    isUnparsed(statement) && Object.keys(match).some((word) => word !== 'unknown')
      ? 'could not be parsed, and may be any statement'
      : undefined,
  adviceOnUnknown: ({ unknown }) => (unknown.some((reason) => RUNS_CODE.test(reason)) ? CODE_ADVICE : REWRITE_ADVICE),
  contradictions: () => [],
  variables: {
    behind: { type: 'list<string>', absent: [] },
    functions: { type: 'list<string>', absent: [] },
    missingWhere: { type: 'bool', absent: false },
  },
  // Of a text that could not be parsed, nothing is said to be true.
  values: (statement) => {
    if (isUnparsed(statement)) return undefined
    const { behind, functions, missingWhere } = statement
    return { behind, functions, missingWhere }
  },
}

/** Reasons that name user-defined code. */
const RUNS_CODE = /\buser-defined\b|\bsafeFunctions\b|\bruns (?!pg_catalog\.)\S+\./
const CODE_ADVICE =
  'rewrite it without that code, or ask your administrator to list reviewed functions in `safeFunctions` of the target, or for a rule that holds such statements for approval (`unknown: true`)'

/** As the schema of the fields gives it. */
interface SqlMatch extends StatementMatch {
  readonly relations?: readonly string[]
  readonly writes?: readonly string[]
  readonly functions?: readonly string[]
  readonly missingWhere?: boolean
}

/** Nothing is known of it but that it could not be parsed: it may be any statement, on anything. */
const isUnparsed = ({ kinds }: SqlStatement): boolean => kinds.includes('unknown')

/**
 * Whether a rule matches this statement. A rule that denies or holds matches when any part of the statement is named; a rule that allows,
 * only when all parts are. For unknown effects, see `matchesUnknown`.
 */
function matchesStatement(match: SqlMatch, effect: CommandEffect['type'], statement: SqlStatement): boolean {
  const { defaultSchema, systemSchema } = statement
  const some = <T>(items: readonly T[], test: (item: T) => boolean): boolean =>
    effect === 'allow' ? items.every(test) : items.some(test)
  if (!matchesUnknown(match.unknown, effect, statement.unknown.length > 0)) return false
  if (effect !== 'allow' && isUnparsed(statement)) return true
  if (match.missingWhere !== undefined && match.missingWhere !== statement.missingWhere) return false
  if (match.kinds !== undefined) {
    const kinds = match.kinds
    if (!some(statement.kinds, (kind) => kinds.some((pattern) => matchesKind(pattern, kind)))) return false
  }
  if (match.relations !== undefined) {
    const patterns = match.relations
    // Allowing a view does not require allowing what it reads; denying a relation denies it through views, too.
    const touched = [...statement.reads, ...statement.writes, ...(effect === 'allow' ? [] : statement.behind)]
    if (!some(touched, (relation) => patterns.some((pattern) => matchesRelation(pattern, relation, defaultSchema))))
      return false
  }
  if (match.writes !== undefined) {
    const patterns = match.writes
    const written = [
      ...statement.writes,
      ...(effect === 'allow' ? [] : statement.behind.filter((relation) => relation !== ANY_RELATION)),
    ]
    if (
      !statement.writes.length ||
      !some(written, (relation) => patterns.some((pattern) => matchesRelation(pattern, relation, defaultSchema)))
    )
      return false
  }
  if (match.functions !== undefined) {
    const names = match.functions
    if (
      !some(statement.functions, (name) =>
        names.some((pattern) => matchesFunction(pattern, name, effect, systemSchema)),
      )
    )
      return false
  }
  return true
}

/**
 * Names are as in the text, with a schema or without. For rules that deny or hold, a name without a schema, on either side, matches any
 * schema; for rules that allow, only the system's own.
 */
function matchesFunction(
  pattern: string,
  name: string,
  effect: CommandEffect['type'],
  systemSchema: string | undefined,
): boolean {
  const isSystem = systemSchema !== undefined && name.startsWith(`${systemSchema}.`)
  if (matchesKind(pattern, name) || (isSystem && matchesKind(pattern, name.slice(systemSchema.length + 1)))) return true
  if (effect === 'allow' || (pattern.includes('.') && name.includes('.'))) return false
  const bare = (text: string): string => text.slice(text.lastIndexOf('.') + 1)
  return matchesKind(bare(pattern), bare(name))
}

/** `orders` is the table of the default schema; `*` as schema or table matches any. */
export function matchesRelation(pattern: string, relation: string, defaultSchema: string): boolean {
  if (relation === ANY_RELATION) return true
  const [schema, table] = pattern.includes('.') ? pattern.split('.', 2) : [defaultSchema, pattern]
  const [ofSchema, ofTable] = relation.includes('.') ? relation.split('.', 2) : [defaultSchema, relation]
  return (schema === '*' || schema === ofSchema) && (table === '*' || table === ofTable)
}
