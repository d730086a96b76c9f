import type { Statement } from '../policy/command.ts'
import type { PolicyLanguage } from '../policy/language.ts'

/** For people: `DELETE, writes public.orders, without WHERE`; of a command on a host, `cat, reads /etc/passwd`. */
export function describeEffect(statement: Statement, language: PolicyLanguage): string {
  const vocabulary = language.of(statement)
  const parts = [vocabulary.name(statement)]
  if (statement.writes.length > 0) parts.push(`writes ${described(statement.writes)}`)
  if (statement.reads.length > 0) parts.push(`reads ${described(statement.reads)}`)
  parts.push(...(vocabulary.describe?.(statement) ?? []))
  const unknown = [...statement.unknown, ...vocabulary.opaque(statement)]
  if (unknown.length > 0) parts.push(`effect not verifiable: ${unknown.join('; ')}`)
  return parts.join(', ')
}

const described = (names: readonly string[]): string =>
  names.map((name) => (name === '**' ? 'any path' : name)).join(', ')
