import type { Statement } from '../policy/command.ts'
import type { PolicyLanguage } from '../policy/language.ts'
import { describeKinds } from '../policy/vocabulary.ts'

/** `DELETE, writes public.orders, without WHERE`. */
export function describeEffect(statement: Statement, language: PolicyLanguage): string {
  const vocabulary = language.of(statement)
  const parts = [describeKinds(statement)]
  if (statement.writes.length > 0) parts.push(`writes ${statement.writes.join(', ')}`)
  if (statement.reads.length > 0) parts.push(`reads ${statement.reads.join(', ')}`)
  parts.push(...vocabulary.describe(statement))
  const unknown = [...statement.unknown, ...vocabulary.opaque(statement)]
  if (unknown.length > 0) parts.push(`effect not verifiable: ${unknown.join('; ')}`)
  return parts.join(', ')
}
