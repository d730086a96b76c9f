import type { CommandDraft } from './engine.ts'

/**
 * Counts how often masked columns were compared with given values under each grant. Kept in memory: a restart of the gateway resets the
 * counts.
 */
export class ComparisonBudget {
  readonly #spent = new Map<string, Map<string, number>>()

  /** Counts a command's comparisons. Where they exceed the budget of a column, returns that column and counts nothing. */
  take(grantId: string, comparisons: CommandDraft['comparisons']): CommandDraft['comparisons'][number] | undefined {
    if (comparisons.length === 0) return undefined
    const spent = this.#spent.get(grantId) ?? new Map<string, number>()
    const total = new Map(spent)
    for (const comparison of comparisons) {
      const { column, count, budget } = comparison
      const sum = (total.get(column) ?? 0) + count
      if (sum > budget) return comparison
      total.set(column, sum)
    }
    this.#spent.set(grantId, total)
    return undefined
  }
}
