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
  const of = (field: 'kinds' | 'reads' | 'writes' | 'unknown'): string[] => [
    ...new Set(statements.flatMap((statement) => statement[field])),
  ]
  const made = {
    kinds: of('kinds'),
    reads: of('reads'),
    writes: of('writes'),
    unknown: [
      ...new Set([...of('unknown'), ...statements.flatMap((statement) => language.of(statement).opaque(statement))]),
    ],
    operations: [...new Set(statements.flatMap((statement) => language.of(statement).operationOf?.(statement) ?? []))],
  }
  summaries.set(statements, made)
  return made
}

const summaries = new WeakMap<readonly Statement[], CommandSummary>()
