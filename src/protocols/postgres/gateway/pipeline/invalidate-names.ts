import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { Names } from '../lane/hand-over.ts'

/**
 * SQL creates and drops names of the same kinds: what the gateway knows of them may be wrong now, so it is forgotten. Returns a function
 * that restores it, for a text that the server cannot parse either: then nothing of it has run.
 */
export function forgetNames({ statements, portals, cursors }: Names, facts: StatementFacts): () => void {
  const unknown = facts.statements.some((statement) => statement.unknown.length > 0)
  if (unknown) cursors.clear()
  const restore = unknown ? [statements.clear(), portals.clear()] : []
  for (const { kinds, names, settings } of facts.parsed) {
    // Of the four kinds of DISCARD only ALL drops names; it is also the one that changes settings.
    if (kinds.includes('discard') && settings.length > 0) {
      statements.clear()
      portals.clear()
      cursors.clear()
    }
    for (const name of names) {
      if (kinds.includes('close-cursor') || kinds.includes('fetch') || kinds.includes('move')) continue
      if (kinds.includes('declare-cursor')) portals.forget(name)
      else if (name === '*') statements.clear()
      else if (kinds.includes('prepare') || kinds.includes('deallocate')) statements.forget(name)
    }
  }
  return () => restore.forEach((bringBack) => bringBack())
}
