import type { StatementLineage } from '../lineage/report.ts'
import { isMasked, repeated, type Origin } from '../lineage/origin.ts'
import type { Guess, Taint } from './text-facts.ts'

/** Guesses by column, over all statements of the text. */
export function guessesOf(lineage: readonly StatementLineage[]): Guess[] {
  const byColumn = new Map<string, Guess>()
  for (const { mask, guesses } of lineage.flatMap(({ leaks }) => leaks)) {
    if (mask.sideChannels !== 'equality' || guesses === undefined) continue
    const count = (byColumn.get(mask.name)?.count ?? 0) + guesses
    byColumn.set(mask.name, { column: mask.name, count, budget: mask.guesses })
  }
  return [...byColumn.values()]
}

interface Scope {
  readonly anything: Origin
  storage(): Origin
}

/** How errors of the server are masked where masked columns may be in them. */
export const quoting = (masking: Scope): Taint => (isMasked(masking.storage()) ? 'places' : 'quotes')

/** Of a statement whose rows may be made of anything. */
export const unknownOutputs = ({ anything }: Pick<Scope, 'anything'>): Pick<StatementLineage, 'outputs'> => ({
  outputs: [repeated(anything)],
})

export const unknownLineage = (masking: Pick<Scope, 'anything'>): StatementLineage => ({
  ...unknownOutputs(masking),
  leaks: [],
  copies: [],
})
