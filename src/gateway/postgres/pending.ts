import type { Tentative, Prepared, Portal } from './statement-table.ts'
import type { Rewrite } from '../../wire/postgres/data-row.ts'

/** What was sent to the server and is not answered yet, in order; and answers of our own, in their place. */
export type Pending =
  | { readonly type: 'query'; readonly run: Run }
  | { readonly type: 'sync' }
  | { readonly type: 'unknown-name'; readonly sqlstate: string; readonly error: Buffer }
  | { readonly type: 'parse' | 'bind' | 'close'; readonly change: Tentative; readonly tainted: boolean }
  | {
      readonly type: 'describe'
      readonly of: Prepared | undefined
      readonly hidden: boolean
      readonly tainted: boolean
    }
  | { readonly type: 'execute'; readonly run: Run; readonly portal: Portal }
  | { readonly type: 'reply'; readonly bytes: () => Buffer }
  | { readonly type: 'own'; readonly rows: (string | null)[][]; readonly done: (error?: Error) => void }

/** One command at work. */
export interface Run {
  readonly decision: string
  readonly tainted: boolean
  readonly startedAt: number
  rows: number
  bytes: number
  /** What to do with each column of the rows that come; undefined while they were not described. */
  rewrites: readonly (Rewrite | undefined)[] | undefined
  /** Set while rows come as COPY. */
  copyBinary: boolean
  readonly changesCatalog: boolean
  /** For a text that we could not read: what to do when the server cannot, either. */
  readonly notUnderstood: () => void
}

export function startRun(
  decision: string,
  facts: { tainted: boolean; changesCatalog: boolean },
  notUnderstood: () => void = () => {},
): Run {
  const { tainted, changesCatalog } = facts
  return {
    decision,
    tainted,
    changesCatalog,
    notUnderstood,
    startedAt: performance.now(),
    rows: 0,
    bytes: 0,
    rewrites: undefined,
    copyBinary: false,
  }
}
