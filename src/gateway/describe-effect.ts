import type { Statement } from '../policy/command.ts'
import { describeKinds } from '../policy/decide.ts'
import { opaqueOf } from '../policy/match/host-statement.ts'

/** `DELETE, writes public.orders, without WHERE`. */
export function describeEffect(statement: Statement): string {
  const parts = [describeKinds(statement)]
  if (statement.writes.length > 0) parts.push(`writes ${statement.writes.join(', ')}`)
  if (statement.reads.length > 0) parts.push(`reads ${statement.reads.join(', ')}`)
  if ('missingWhere' in statement && statement.missingWhere) parts.push('without WHERE')
  if ('endpoints' in statement && statement.endpoints.length > 0) parts.push(`to ${statement.endpoints.join(', ')}`)
  const unknown = [...statement.unknown, ...opaqueOf(statement)]
  if (unknown.length > 0) parts.push(`effect not verifiable: ${unknown.join('; ')}`)
  return parts.join(', ')
}
