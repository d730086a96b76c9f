import { detectors } from '../../masking/replace.ts'
import type { Session } from '../engine.ts'
import type { StatementFacts } from './command-facts.ts'

/**
 * A statement as it may be kept for ever. Values that must not be read later are replaced by a keyed commitment:
 * all literals of a statement that carries a password, touches masked columns or could not be parsed; elsewhere
 * what looks like a masked kind.
 */
export function recordable(
  sql: string,
  parameters: readonly (string | null)[],
  facts: StatementFacts,
  session: Pick<Session, 'commitment'>,
): { text: string; parameters: readonly (string | null)[] } {
  const commit = (value: string): string => `‹${session.commitment(value)}›`
  const hidesAll = facts.tainted || facts.parsed.length === 0 || facts.parsed.some(({ secret }) => secret)
  if (hidesAll && facts.statements.length > 0) {
    return {
      text: replaceLiterals(sql, commit),
      parameters: parameters.map((value) => (value === null ? null : commit(value))),
    }
  }
  const hideKinds = (text: string): string => {
    let result = text
    for (const detector of Object.values(detectors)) {
      for (const { start, end } of detector.find(result).toReversed()) {
        result = result.slice(0, start) + commit(result.slice(start, end)) + result.slice(end)
      }
    }
    return result
  }
  return { text: hideKinds(sql), parameters: parameters.map((value) => (value === null ? null : hideKinds(value))) }
}

/** String constants of every kind, and comments, which may quote them. Spec: manual, Lexical Structure, Constants. */
function replaceLiterals(sql: string, commit: (value: string) => string): string {
  return sql.replace(LITERAL, (literal) =>
    literal.startsWith('"')
      ? literal
      : literal.startsWith('--') || literal.startsWith('/*')
        ? '/*…*/'
        : commit(literal),
  )
}

// Quoted identifiers are matched too, so that a quote inside one does not look like the start of a constant.
// An unfinished constant runs to the end of the text.
const LITERAL =
  /"(?:[^"]|"")*(?:"|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\1\$|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g
