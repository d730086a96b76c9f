import type { StatementLineage } from '../lineage/report.ts'
import { isMasked, repeated, type Origin } from '../lineage/origin.ts'
import type { MaskedComparison, ErrorExposure } from './text-facts.ts'

/** Comparisons by column, over all statements of the text. */
export function comparisonsOf(lineage: readonly StatementLineage[]): MaskedComparison[] {
  const byColumn = new Map<string, MaskedComparison>()
  for (const { mask, comparisons } of lineage.flatMap(({ leaks }) => leaks)) {
    if (mask.sideChannels !== 'equality' || comparisons === undefined) continue
    const count = (byColumn.get(mask.name)?.count ?? 0) + comparisons
    byColumn.set(mask.name, { column: mask.name, count, budget: mask.maxComparisons })
  }
  return [...byColumn.values()]
}

interface Scope {
  readonly anything: Origin
  storage(): Origin
}

/** How errors of the server are masked where masked columns may be in them. */
export const quoting = (masking: Scope): ErrorExposure => (isMasked(masking.storage()) ? 'named' : 'quoted')

/** Of a statement whose rows may be made of anything. */
export const unknownOutputs = ({ anything }: Pick<Scope, 'anything'>): Pick<StatementLineage, 'outputs'> => ({
  outputs: [repeated(anything)],
})

export const unknownLineage = (masking: Pick<Scope, 'anything'>): StatementLineage => ({
  ...unknownOutputs(masking),
  leaks: [],
  copies: [],
})
