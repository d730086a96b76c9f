import type { Change } from '../../catalog/change-log.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { PipelineState } from './pipeline-state.ts'
import { changeOf, isNamed } from './touches.ts'

/** The messages before Execute in which the server runs code: Describe of a statement analyses it as Parse does. */
export type EarlyMessage = 'parse' | 'bind'

/**
 * Notes what code may change that runs before the Execute: Parse reads the constants of a text, and so runs the input functions of their
 * types; Bind reads parameters, analyses the text again if it must, and plans it, which runs functions that are marked as immutable or
 * stable. The effect is there even if the portal is never executed. Returns the change, which is noted once more when the server has
 * answered; undefined: there is none.
 */
export function noteEarlyCode(pipeline: PipelineState, facts: StatementFacts, at: EarlyMessage): Change | undefined {
  const change = earlyChange(facts, at)
  if (change === undefined) return undefined
  pipeline.noteDefinitionsChange(change)
  pipeline.changes.noteUncommitted(change, false)
  if (facts.errorExposure === 'any') pipeline.ranUnread = true
  return change
}

/** Only statements define anything, and no statement runs before its Execute. */
function earlyChange(facts: StatementFacts, at: EarlyMessage): Change | undefined {
  if (isNamed(facts) || (at === 'parse' && onlyCalls(facts))) return undefined
  const change = changeOf(facts)
  return change?.by === 'definition' ? { ...change, by: 'code', makesRules: false } : change
}

/**
 * Whether nothing but functions and operators makes the effect of a text unknown, and it has no constants that could be of the types of
 * their arguments: Parse calls none of them.
 */
const onlyCalls = ({ statements, parsed, calls }: StatementFacts): boolean =>
  parsed.length > 0 &&
  parsed.every(({ literals }) => literals.length === 0) &&
  statements.every(({ unknown }) => unknown.every((reason) => calls?.has(reason) === true))
