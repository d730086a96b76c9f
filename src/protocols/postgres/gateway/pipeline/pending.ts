import type { ColumnNames, Tentative, Prepared, Portal } from './name-table.ts'
import type { CopyFormat } from '../../wire/copy-row.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import type { Column } from '../../wire/row-description.ts'
import type { KeptRows } from '../results/kept-rows.ts'
import type { CopiedRows, RowRewrites } from '../results/row-masking.ts'
import type { StatementLineage } from '../../../../sql/lineage/report.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Change } from '../../catalog/change-log.ts'
import { changeOf, endsTransaction, type Rests } from './touches.ts'

/** The rows of one query of the gateway's own, as text. */
export type OwnRows = (string | null)[][]

/** What was sent to the server and is not answered yet, in order; and answers of our own, in their place. */
export type Pending =
  /**
   * `error`: of a text that was sent in the place of another one, made to fail with that SQLSTATE, what the client gets. `of`: of a text that may come
   * again, what is to be told its columns.
   */
  | {
      readonly type: 'query'
      readonly run: Run
      readonly rests?: Rests | undefined
      readonly of?: Prepared | undefined
      readonly error?: { readonly sqlstate: string; readonly bytes: Buffer }
    }
  | { readonly type: 'sync' }
  /** The end of COPY data that was sent before the server asked for any; nothing answers it. */
  | { readonly type: 'copy-end' }
  | { readonly type: 'made-to-fail'; readonly sqlstate: string; readonly error: Buffer }
  | {
      readonly type: 'parse' | 'close'
      readonly change: Tentative
      readonly errorExposure: ErrorExposure
      readonly rests?: Rests | undefined
    }
  | {
      readonly type: 'bind'
      readonly change: Tentative
      readonly errorExposure: ErrorExposure
      readonly portal: { readonly name: string; readonly facts: StatementFacts }
      readonly rests?: Rests | undefined
    }
  | {
      readonly type: 'describe'
      readonly of: Prepared | undefined
      readonly hidden: boolean
      readonly errorExposure: ErrorExposure
      readonly names: ColumnNames
    }
  | { readonly type: 'execute'; readonly run: Run; readonly portal: Portal }
  | { readonly type: 'reply'; readonly bytes: () => Buffer }
  | {
      readonly type: 'own'
      /** The rows of each query; the last are those of the one that is being answered. */
      readonly results: OwnRows[]
      /** How many queries it is. */
      readonly most: number
      /** Bytes that the rows may still have. */
      room: number
      /** Set where it ends without a Sync: how many CloseComplete are still to come. */
      closes: number | undefined
      /** Trees that the server prints once so many queries are answered: a client may have it print those of all. */
      readonly trees?: { readonly after: number; readonly printed: string[] }
      /** Without a Sync: `shown`, an error is what the client's own statement would get, and goes to it; `ended`, a Sync is sent after it. */
      readonly failing?: 'shown' | 'ended'
      readonly done: (error?: Error) => void
    }

/** One command at work. */
export interface Run {
  readonly decision: string
  readonly errorExposure: ErrorExposure
  /** The statements of the text, and where their columns come from. */
  readonly statements: readonly ParsedStatement[]
  readonly lineage: readonly StatementLineage[]
  /** The text as it was sent. */
  readonly sql: string
  /** Which of the statements is at work. */
  index: number
  /** How many results there can be: no more than there are statements. */
  readonly mostResults: number
  /** Errors that the server answered. After one of a simple query nothing but its end is due. */
  errors: number
  readonly startedAt: number
  rows: number
  bytes: number
  /** What to do with each column of the rows that come; undefined while they were not described. */
  rewrites: RowRewrites | undefined
  /** Set while rows come as COPY. */
  copy: CopyFormat | undefined
  /** What is in those rows, once the first has come. */
  copied: CopiedRows | undefined
  /** Of the rows that come, where they are kept. */
  columns: readonly Column[] | undefined
  kept: KeptRows | undefined
  /** What it changes of the definitions. */
  readonly change: Change | undefined
  /** It may end a transaction, or a part of one. */
  readonly endsTransaction: boolean
  /** For a text that we could not read: what to do when the server cannot, either. */
  readonly notUnderstood: () => void
}

export function startRun(
  decision: string,
  sql: string,
  facts: StatementFacts,
  notUnderstood: () => void = () => {},
  startedAt = performance.now(),
): Run {
  const { errorExposure, parsed, lineage } = facts
  return {
    decision,
    errorExposure,
    statements: parsed,
    lineage,
    sql,
    index: 0,
    // Of a text that was not parsed nobody knows, but each semicolon ends one statement at most.
    mostResults: Math.max(1, parsed.length > 0 ? parsed.length : sql.split(';').length),
    errors: 0,
    change: changeOf(facts),
    endsTransaction: parsed.some(endsTransaction),
    notUnderstood,
    startedAt,
    rows: 0,
    bytes: 0,
    rewrites: undefined,
    copy: undefined,
    copied: undefined,
    columns: undefined,
    kept: undefined,
  }
}
