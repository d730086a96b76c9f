import type { SqlStatement } from '../command.ts'
import type { CommandEffect, StatementMatch } from '../policy.ts'

/**
 * Whether a rule is about this statement. A rule that refuses or holds fits when any part of the statement is
 * named; a rule that allows fits only when all of it is. What is unknown is fitted only by rules that name it.
 */
export function fitsStatement(match: StatementMatch, effect: CommandEffect['type'], statement: SqlStatement): boolean {
  const some = <T>(items: readonly T[], test: (item: T) => boolean): boolean =>
    effect === 'allow' ? items.every(test) : items.some(test)
  if (HOST_ONLY.some((field) => match[field] !== undefined)) return false
  if (effect !== 'deny' && statement.unknown.length > 0 && match.unknown !== true) return false
  if (match.unknown === true && effect === 'deny' && statement.unknown.length === 0) return false
  if (match.missingWhere !== undefined && match.missingWhere !== statement.missingWhere) return false
  if (match.kinds !== undefined) {
    const kinds = match.kinds
    if (!some(statement.kinds, (kind) => kinds.some((pattern) => fitsKind(pattern, kind)))) return false
  }
  if (match.relations !== undefined) {
    const patterns = match.relations
    // A view may be allowed without what stands behind it; what is refused is refused through a view, too.
    const touched = [...statement.reads, ...statement.writes, ...(effect === 'allow' ? [] : statement.behind)]
    if (!some(touched, (relation) => patterns.some((pattern) => fitsRelation(pattern, relation)))) return false
  }
  if (match.writes !== undefined) {
    const patterns = match.writes
    const written = [...statement.writes, ...(effect === 'allow' ? [] : statement.behind)]
    if (
      !statement.writes.length ||
      !some(written, (relation) => patterns.some((pattern) => fitsRelation(pattern, relation)))
    )
      return false
  }
  if (match.functions !== undefined) {
    const names = match.functions
    if (
      !some(statement.functions, (name) =>
        names.some((pattern) => fitsKind(pattern, name) || fitsKind(pattern, name.replace(/^pg_catalog\./, ''))),
      )
    ) {
      return false
    }
  }
  return true
}

/** What only a host has: a rule that names one of these is not about SQL. */
const HOST_ONLY = ['commands', 'programs', 'arguments', 'paths', 'writesPaths', 'hosts', 'logins'] as const

/** `create-*` fits every kind that begins so; `*` fits all. */
export const fitsKind = (pattern: string, kind: string): boolean =>
  pattern.endsWith('*') ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern

/** `orders` means `public.orders`; a `*` as schema or table stands for any. */
export function fitsRelation(pattern: string, relation: string): boolean {
  const [schema, table] = pattern.includes('.') ? pattern.split('.', 2) : ['public', pattern]
  const [ofSchema, ofTable] = relation.includes('.') ? relation.split('.', 2) : ['public', relation]
  return (schema === '*' || schema === ofSchema) && (table === '*' || table === ofTable)
}
