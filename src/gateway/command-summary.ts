import type { Statement } from '../policy/command.ts'
import type { PolicyLanguage } from '../policy/language.ts'

/** What the record says about a command's effect: each item once, over all its statements. */
export interface CommandSummary {
  readonly kinds: readonly string[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly unknown: readonly string[]
  readonly operations: readonly string[]
}

/** Cached by statements: a text that is sent repeatedly has the same object. */
export function summaryOf(statements: readonly Statement[], language: PolicyLanguage): CommandSummary {
  const known = summaries.get(statements)
  if (known !== undefined) return known
  const of = (items: (statement: Statement) => readonly string[]): readonly string[] => {
    const [only, ...others] = statements
    return only === undefined ? [] : distinct(others.length === 0 ? items(only) : statements.flatMap(items))
  }
  const made = {
    // A list of its own: the record tells by it which commands have the same effects.
    kinds: [...of(({ kinds }) => kinds)],
    reads: of(({ reads }) => reads),
    writes: of(({ writes }) => writes),
    unknown: distinct([
      ...of(({ unknown }) => unknown),
      ...of((statement) => language.of(statement).opaque(statement)),
    ]),
    operations: distinct(statements.flatMap((statement) => language.of(statement).operationOf?.(statement) ?? [])),
  }
  summaries.set(statements, made)
  return made
}

/** Most lists have one item, or none. */
const distinct = (items: readonly string[]): readonly string[] => (items.length < 2 ? items : [...new Set(items)])

const summaries = new WeakMap<readonly Statement[], CommandSummary>()
