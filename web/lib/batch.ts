import { splitStatements } from '../../src/shared/sql-statements.ts'

/** One statement of a text that is approved and run as one. */
export interface BatchStatement {
  readonly text: string
  /** `DELETE`. */
  readonly kind: string
  /** What it does besides: `writes public.orders, without WHERE`. */
  readonly effect: string
}

export interface BatchText {
  readonly statements: readonly BatchStatement[]
  /** What the gateway says of all of it: estimates, and what else an approval covers. */
  readonly notes: string
}

/**
 * The statements of a text, where the gateway has numbered what each of them does (`1 of 2: DELETE, writes a; 2 of 2: UPDATE, writes b; …`). Undefined for
 * any other effect, for protocols whose texts are not cut as those of PostgreSQL are, and where the text cannot be cut into as many statements: then it is
 * shown as the one text that it is.
 */
export function batchOf(protocol: string, text: string, effect: string): BatchText | undefined {
  if (protocol !== 'postgres') return undefined
  // Only what stands between them has semicolons: no name in one of them looks like the number of another.
  const parts = effect.split('; ')
  const count = Number(/^1 of (\d{1,6}): /.exec(effect)?.[1] ?? 0)
  if (count < 2 || parts.length < count) return undefined
  const effects = parts.slice(0, count).map((part, at) => {
    const number = `${at + 1} of ${count}: `
    return part.startsWith(number) ? part.slice(number.length) : undefined
  })
  const texts = splitStatements(text, count)
  if (texts === undefined || effects.includes(undefined)) return undefined
  return {
    statements: texts.map((one, at) => {
      const [kind = '', ...more] = (effects[at] ?? '').split(', ')
      return { text: one, kind, effect: more.join(', ') }
    }),
    notes: parts.slice(count).join('; '),
  }
}

/** What became of one statement. */
export interface StatementState {
  readonly state: 'ran' | 'failed' | 'not reached' | 'not run' | ''
  readonly detail: string
}

/** A result on record; those of one text come in the order of its statements. */
interface StatementResult {
  readonly error?: string | undefined
  readonly tag?: string | undefined
  readonly rows: number
}

/**
 * PostgreSQL answers each statement of a text in turn and stops at the first that fails (Message Flow, "Multiple Statements in a Simple Query").
 * @param wasSent Whether the text was sent to the target; undefined while that is not known
 */
export function statesOf(
  count: number,
  results: readonly StatementResult[],
  wasSent: boolean | undefined,
): StatementState[] {
  const failed = results.findIndex(({ error }) => error !== undefined)
  return Array.from({ length: count }, (_, at): StatementState => {
    const result = results[at]
    if (result?.error !== undefined) return { state: 'failed', detail: result.error }
    if (result !== undefined) return { state: 'ran', detail: result.tag ?? '' }
    if (failed >= 0) return { state: 'not reached', detail: '' }
    return { state: wasSent === false ? 'not run' : '', detail: '' }
  })
}
