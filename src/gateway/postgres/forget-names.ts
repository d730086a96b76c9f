import type { StatementFacts } from './command-facts.ts'
import type { Conversation } from './conversation.ts'

/** SQL that makes or drops the same kind of names: what we knew of them may be wrong now, so it is forgotten. */
export function forgetNames(
  { statements, portals }: Pick<Conversation, 'statements' | 'portals'>,
  facts: StatementFacts,
): void {
  if (facts.statements.some(({ unknown }) => unknown.length > 0)) {
    statements.clear()
    portals.clear()
  }
  for (const { kinds, names } of facts.parsed) {
    if (kinds.includes('discard')) {
      statements.clear()
      portals.clear()
    }
    for (const name of names) {
      if (kinds.includes('declare-cursor')) portals.forget(name)
      else if (name === '*') statements.clear()
      else if (kinds.includes('prepare') || kinds.includes('deallocate')) statements.forget(name)
    }
  }
}
