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

/** How much of the server's errors is masked where they may quote masked columns. */
export const quoting = (masking: Scope): ErrorExposure => (isMasked(masking.storage()) ? 'named' : 'quoted')

/** The columns of a statement, which may come from anywhere. */
export const unknownOutputs = ({ anything }: Pick<Scope, 'anything'>): Pick<StatementLineage, 'outputs'> => ({
  outputs: [repeated(anything)],
})

/** The lineage of such a statement. `isStale`: by the time it runs, definitions may have changed. */
export const unknownLineage = (masking: Pick<Scope, 'anything'>, isStale = false): StatementLineage => ({
  ...unknownOutputs(masking),
  ...(isStale ? { outputs: [{ ...repeated(masking.anything), stale: true }] } : {}),
  leaks: [],
  copies: [],
})
