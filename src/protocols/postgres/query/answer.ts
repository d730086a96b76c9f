import type { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { isErrorCode, type ErrorCode } from '../../../shared/error-codes.ts'
import { statementError, type QueryPart, type StatementError } from '../../query-client.ts'
import { errorResponse, noticeResponse, type ErrorFields } from '../wire/error-response.ts'
import { bodyOf, type Frame } from '../wire/framer.ts'
import { rowDescription } from '../wire/row-description.ts'
import { decodeMessage, serverTags as tags } from '../wire/server-message.ts'
import { typeOf } from './types.ts'

/** What is to be done about a message of an answer. */
export type AnswerStep =
  | QueryPart
  | { readonly type: 'error'; readonly error: StatementError }
  /** The server wants the rows of COPY … FROM STDIN. */
  | { readonly type: 'copy-in' }
  | { readonly type: 'copy-out' }
  | { readonly type: 'nothing' }
  | { readonly type: 'ready' }

/** Reads the messages of one answer in order. Spec: Message Formats, (B); Extended Query; Simple Query. */
export class AnswerReader {
  readonly #maxRows: number
  #rows = 0

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  /** Throws a WireError for what no answer consists of. */
  read(frame: Frame): AnswerStep {
    const body = bodyOf(frame)
    switch (frame.tag) {
      case tags.rowDescription: {
        const { columns } = decodeMessage(rowDescription, body, 'RowDescription')
        return { type: 'columns', columns: columns.map(({ name, typeOid }) => ({ name, ...typeOf(typeOid) })) }
      }
      case tags.dataRow:
        if (++this.#rows > this.#maxRows) return { type: 'nothing' }
        return { type: 'row', values: decodeMessage(dataRow, body, 'DataRow') }
      case tags.commandComplete:
        return this.#end(decodeMessage(commandTag, body, 'CommandComplete'))
      case tags.portalSuspended:
      case tags.emptyQueryResponse:
        return this.#end('')
      case tags.errorResponse:
        return { type: 'error', error: errorOf(decodeMessage(errorResponse, body, 'ErrorResponse').fields) }
      case tags.noticeResponse: {
        const { fields } = decodeMessage(noticeResponse, body, 'NoticeResponse')
        return { type: 'notice', message: fields.get('M') ?? '', hint: fields.get('H') }
      }
      case tags.copyInResponse:
        return { type: 'copy-in' }
      case tags.copyOutResponse:
        return { type: 'copy-out' }
      case tags.readyForQuery:
        return { type: 'ready' }
      case tags.parseComplete:
      case tags.bindComplete:
      case tags.noData:
      case tags.parameterStatus:
      case tags.notificationResponse:
      case tags.copyData:
      case tags.copyDone:
        return { type: 'nothing' }
      default:
        throw new WireError(`an answer has no message 0x${frame.tag.toString(16)}`)
    }
  }

  /** `INSERT 0 5`, `SELECT 2`, `CREATE TABLE`. */
  #end(tag: string): AnswerStep {
    const hasMore = this.#rows > this.#maxRows
    this.#rows = 0
    const [, command, count] = /^([A-Z ]*?)(?: \d+)?? ?(\d+)?$/.exec(tag) ?? []
    const affected = command !== undefined && WRITING.has(command) && count !== undefined ? Number(count) : undefined
    return {
      type: 'end',
      end: { ...(command ? { command } : {}), ...(affected === undefined ? {} : { affected }), hasMore },
    }
  }
}

/** Their tags have the number of rows that were written. Spec: CommandComplete. */
const WRITING: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY'])

/** The values of a DataRow in text form. */
const dataRow = {
  decode: (body: ByteReader): (string | null)[] =>
    body.list(body.uint16(), () => {
      const length = body.int32()
      return length === -1 ? null : body.bytes(length).toString('utf8')
    }),
}
const commandTag = { decode: (body: ByteReader): string => body.cstring() }

/** The error of a server, or of the gateway, which names its own code as the routine. */
export function errorOf(fields: ErrorFields): StatementError {
  const sqlstate = fields.get('C') ?? 'XX000'
  const [message = 'no reason was given', position] = [fields.get('M'), fields.get('P')]
  const hint = [fields.get('D'), fields.get('H')].filter((text) => text !== undefined).join('; ')
  const at = position === undefined ? '' : ` (at character ${position})`
  const ranNothing = isOfWholeText(sqlstate, fields)
  return statementError({ message: `${message}${at}`, sqlstate, ranNothing, ...(hint === '' ? {} : { hint }) }, () =>
    codeNamed(fields.get('R')),
  )
}

/**
 * An error that is reported before any of a text runs, if nothing of it was answered yet: the server parses all of it first, and gives the position of what it
 * cannot parse. Errors that the gateway words as the server's name no routine; those of a server do.
 */
const isOfWholeText = (sqlstate: string, fields: ErrorFields): boolean =>
  sqlstate === SYNTAX_ERROR ? fields.has('P') || !fields.has('R') : sqlstate === UNDEFINED_TABLE && !fields.has('R')
const SYNTAX_ERROR = '42601'
const UNDEFINED_TABLE = '42P01'

const codeNamed = (routine: string | undefined): ErrorCode | undefined => (isErrorCode(routine) ? routine : undefined)
