import type { Bound, ColumnNames, Tentative, Prepared, Portal } from './name-table.ts'
import type { CopyFormat } from '../../wire/copy-row.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import type { Column } from '../../wire/row-description.ts'
import type { KeptRows } from '../results/kept-rows.ts'
import type { CopiedRows, RowRewrites } from '../results/row-masking.ts'
import type { StatementLineage } from '../../../../sql/lineage/report.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Change } from '../../catalog/change-log.ts'
import { changeOf, endsTransaction, runsEarlierCode, type Dependencies } from './touches.ts'

/** The rows of one of the gateway's own queries, as text. */
export type OwnRows = (string | null)[][]

/** A message that was sent to the server and is not answered yet; or an answer of the gateway, in its place among them. */
export type Pending =
  /**
   * `error`: for a text that was sent in place of another one to fail with that SQLSTATE, the error that the client gets. `of`: for a text
   * that may be sent again, the statement whose columns the answer fills in. `code`: what code may change that runs before an Execute.
   */
  | {
      readonly type: 'query'
      readonly run: Run
      readonly rests?: Dependencies | undefined
      readonly of?: Prepared | undefined
      readonly error?: { readonly sqlstate: string; readonly bytes: Buffer }
    }
  | { readonly type: 'sync' }
  | { readonly type: 'made-to-fail'; readonly sqlstate: string; readonly error: Buffer }
  | {
      readonly type: 'parse' | 'close'
      readonly change: Tentative
      readonly errorExposure: ErrorExposure
      readonly rests?: Dependencies | undefined
      readonly code?: Change | undefined
    }
  | {
      readonly type: 'bind'
      readonly change: Tentative
      readonly errorExposure: ErrorExposure
      readonly portal: { readonly name: string; readonly facts: StatementFacts; readonly bound: Bound }
      readonly rests?: Dependencies | undefined
      readonly code?: Change | undefined
    }
  | {
      readonly type: 'describe'
      readonly of: Prepared | undefined
      readonly hidden: boolean
      readonly errorExposure: ErrorExposure
      readonly names: ColumnNames
      readonly rests?: Dependencies | undefined
      readonly code?: Change | undefined
    }
  | { readonly type: 'execute'; readonly run: Run; readonly portal: Portal; readonly rests?: Dependencies | undefined }
  | { readonly type: 'reply'; readonly bytes: () => Buffer }
  | {
      readonly type: 'own'
      /** The rows of each query; the last are those of the query being answered. */
      readonly results: OwnRows[]
      /** The number of queries. */
      readonly most: number
      /** Bytes left for the rows. */
      room: number
      /** Set if it ends without a Sync: the number of CloseComplete messages still to come. */
      closes: number | undefined
      /** Trees that the server prints after `after` queries have been answered: a client may have it print those of all statements. */
      readonly trees?: { readonly after: number; readonly printed: string[] }
      /** Without a Sync: `shown`, the client gets an error, as it would for its own statement; `ended`, a Sync is sent after an error. */
      readonly failing?: 'shown' | 'ended'
      readonly done: (error?: Error) => void
    }

/** A running command. */
export interface Run {
  readonly decision: string
  readonly errorExposure: ErrorExposure
  /** The statements of the text, and the origins of their columns. */
  readonly statements: readonly ParsedStatement[]
  readonly lineage: readonly StatementLineage[]
  /** The text as it was sent. */
  readonly sql: string
  /** The index of the running statement. */
  index: number
  /** The maximum number of results: at most one for each statement. */
  readonly mostResults: number
  /** The number of errors that the server sent. After an error of a simple query only its end is due. */
  errors: number
  readonly startedAt: number
  rows: number
  bytes: number
  /** What to do with each column of the rows; undefined until they are described. */
  rewrites: RowRewrites | undefined
  /** Set while rows are sent as COPY data. */
  copy: CopyFormat | undefined
  /** The content of those rows, once the first has arrived. */
  copied: CopiedRows | undefined
  /** The columns of the rows, if these are recorded. */
  columns: readonly Column[] | undefined
  kept: KeptRows | undefined
  /** Its change of definitions. */
  readonly change: Change | undefined
  /** Whether it may end a transaction, or roll back to a savepoint. */
  readonly endsTransaction: boolean
  /** Whether it may run code of earlier statements. */
  readonly runsEarlierCode: boolean
  /** For a text that the gateway could not parse: called when the server cannot parse it either. */
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
    // For a text that was not parsed the number is unknown, but each semicolon ends one statement at most.
    mostResults: Math.max(1, parsed.length > 0 ? parsed.length : sql.split(';').length),
    errors: 0,
    change: changeOf(facts),
    endsTransaction: parsed.some(endsTransaction),
    runsEarlierCode: parsed.some(runsEarlierCode),
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

/** Whether the server may ask for COPY data when it runs this text. One that was not parsed has at least that word. */
export const mayCopyIn = (sql: string, statements: readonly ParsedStatement[]): boolean =>
  statements.length === 0 ? /copy/i.test(sql) : statements.some(({ kinds }) => kinds.includes('copy-from'))
