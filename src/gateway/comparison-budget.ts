import type { CommandDraft } from './engine.ts'

/**
 * How often masked columns were compared with given values under each grant. Kept in memory: a grant that outlives the
 * gateway starts again.
 */
export class ComparisonBudget {
  readonly #spent = new Map<string, Map<string, number>>()

  /** Counts a command's guesses; undefined where they fit, else the column whose budget they pass. Then nothing is counted. */
  take(grantId: string, guesses: CommandDraft['guesses']): CommandDraft['guesses'][number] | undefined {
    if (guesses.length === 0) return undefined
    const spent = this.#spent.get(grantId) ?? new Map<string, number>()
    const total = new Map(spent)
    for (const guess of guesses) {
      const { column, count, budget } = guess
      const sum = (total.get(column) ?? 0) + count
      if (sum > budget) return guess
      total.set(column, sum)
    }
    this.#spent.set(grantId, total)
    return undefined
  }
}
