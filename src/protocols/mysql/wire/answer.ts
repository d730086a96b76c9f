import { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { capabilities, has, statusFlags } from './capabilities.ts'
import { EOF, isEof, readEof } from './eof.ts'
import { ERR, readErr, type Err } from './err.ts'
import { payloadOf, type Frame } from './framer.ts'
import { LOCAL_INFILE, readLocalInfile } from './local-infile.ts'
import { OK, readOk, type Ok } from './ok.ts'
import { readStmtPrepareOk, type StmtPrepareOk } from './stmt-prepare-ok.ts'

/** The kind of answer that a command gets. */
export type AnswerKind =
  /** Results one after the other: each is an OK, rows, or an error, possibly after a request for a file. */
  | 'results'
  /** The same with binary rows. */
  | 'binary-results'
  | 'prepared'
  /** Rows of an open cursor. */
  | 'rows'
  | 'fields'
  /** An OK or an EOF. */
  | 'done'
  /** A plain text. */
  | 'text'

/** One packet of an answer. */
export type AnswerPart =
  | { readonly type: 'ok'; readonly ok: Ok }
  | { readonly type: 'error'; readonly error: Err }
  | { readonly type: 'columns'; readonly count: number }
  /** The definition of a column, or for a prepared statement also of a parameter; `list`: with its default. */
  | { readonly type: 'column'; readonly of: 'result' | 'statement' | 'list'; readonly isLast: boolean }
  | { readonly type: 'columns-end' }
  | { readonly type: 'row' }
  | { readonly type: 'rows-end'; readonly end: Pick<Ok, 'status' | 'warnings' | 'changes'> }
  | { readonly type: 'file'; readonly name: Buffer }
  | { readonly type: 'prepared'; readonly prepared: StmtPrepareOk }
  | { readonly type: 'text' }

/** Follows the answer to one command, packet by packet. Spec: Command Phase; COM_QUERY Response; Binary Protocol Resultset. */
export class Answer {
  readonly #kind: AnswerKind
  readonly #flags: number
  readonly #hasEof: boolean
  #at: 'first' | 'columns' | 'columns-end' | 'rows' | 'over' = 'first'
  /** The number of definitions still to come, and of those in the groups after them: a prepared statement has parameters, then columns. */
  #columns = 0
  #groups: number[] = []

  /** `flags`: the capabilities of the connection. */
  constructor(kind: AnswerKind, flags: number) {
    this.#kind = kind
    this.#flags = flags
    this.#hasEof = !has(flags, capabilities.deprecateEof)
    if (kind === 'rows') this.#at = 'rows'
  }

  get isComplete(): boolean {
    return this.#at === 'over'
  }

  /** Whether the next packet is a row, or ends the rows. */
  get isInRows(): boolean {
    return this.#at === 'rows'
  }

  get isBinary(): boolean {
    return this.#kind === 'binary-results' || this.#kind === 'rows'
  }

  /** Takes the next packet; for a payload in pieces, only the first piece. */
  next(frame: Frame): AnswerPart {
    if (this.#at === 'rows') return this.#row(frame)
    const payload = payloadOf(frame)
    if (frame.head === ERR) {
      this.#at = 'over'
      return { type: 'error', error: readErr(payload) }
    }
    switch (this.#at) {
      case 'first':
        return this.#first(payload, frame)
      case 'columns':
        return this.#column(payload)
      case 'columns-end': {
        if (!isEof(frame.head, frame.length)) throw new WireError('the target sent no end of columns')
        const { status } = readEof(payload)
        if (this.#kind === 'prepared') this.#nextGroup()
        else this.#at = has(status, statusFlags.cursorExists) ? 'over' : 'rows'
        return { type: 'columns-end' }
      }
      case 'over':
        throw new WireError('the target sent more than the answer to a command')
    }
  }

  #first(payload: Buffer, { head, length }: Frame): AnswerPart {
    switch (this.#kind) {
      case 'done':
        return this.#done(payload, head, length)
      case 'text':
        this.#at = 'over'
        return { type: 'text' }
      case 'prepared': {
        if (head !== OK) throw new WireError('the target did not answer with a prepared statement')
        const prepared = readStmtPrepareOk(payload)
        this.#groups = [prepared.parameters, prepared.columns].filter((count) => count > 0)
        this.#nextGroup()
        return { type: 'prepared', prepared }
      }
      case 'fields':
        if (this.#endsRows(head, length)) return this.#rowsEnd(payload)
        return { type: 'column', of: 'list', isLast: false }
      case 'results':
      case 'binary-results':
      case 'rows':
        return this.#result(payload, head)
    }
  }

  #done(payload: Buffer, head: number | undefined, length: number): AnswerPart {
    this.#at = 'over'
    if (head === OK) return { type: 'ok', ok: readOk(payload, this.#flags) }
    if (isEof(head, length)) return { type: 'rows-end', end: { ...readEof(payload), changes: [] } }
    if (!this.#hasEof && head === EOF) return { type: 'rows-end', end: readOk(payload, this.#flags) }
    throw new WireError('the target answered neither OK nor an error')
  }

  #result(payload: Buffer, head: number | undefined): AnswerPart {
    if (head === OK) {
      const ok = readOk(payload, this.#flags)
      this.#endResult(ok.status)
      return { type: 'ok', ok }
    }
    if (head === LOCAL_INFILE) return { type: 'file', name: readLocalInfile(payload) }
    const body = new ByteReader(payload, 'result')
    const count = body.lengthEncoded()
    body.end()
    if (count === 0 || count > MAX_COLUMNS) throw new WireError(`the target sent a result of ${count} columns`)
    this.#columns = count
    this.#at = 'columns'
    return { type: 'columns', count }
  }

  #column(payload: Buffer): AnswerPart {
    if (payload[0] !== 'def'.length) throw new WireError('the target sent something that is not a column')
    const isLast = --this.#columns === 0
    if (isLast) {
      if (this.#hasEof) this.#at = 'columns-end'
      else if (this.#kind === 'prepared') this.#nextGroup()
      else this.#at = 'rows'
    }
    return { type: 'column', of: this.#kind === 'prepared' ? 'statement' : 'result', isLast }
  }

  #nextGroup(): void {
    const count = this.#groups.shift()
    this.#at = count === undefined ? 'over' : 'columns'
    this.#columns = count ?? 0
  }

  #row(frame: Frame): AnswerPart {
    const { head, length } = frame
    if (head === ERR) {
      this.#at = 'over'
      return { type: 'error', error: readErr(payloadOf(frame)) }
    }
    if (this.#endsRows(head, length)) return this.#rowsEnd(payloadOf(frame))
    // Spec: Binary Protocol Resultset Row: its header is zero.
    if (this.isBinary && head !== 0) throw new WireError('the target sent something that is not a row')
    return { type: 'row' }
  }

  #rowsEnd(payload: Buffer): AnswerPart {
    const end = this.#hasEof ? { ...readEof(payload), changes: [] } : readOk(payload, this.#flags)
    this.#endResult(end.status)
    return { type: 'rows-end', end }
  }

  #endResult(status: number): void {
    const hasMore = has(status, statusFlags.moreResults)
    if (hasMore && this.#kind !== 'results' && this.#kind !== 'binary-results')
      throw new WireError('the target sent several results where there can be one')
    this.#at = hasMore ? 'first' : 'over'
  }

  /** A row may begin with the same byte if its first value is 16 MB or longer. Spec: Text Resultset. */
  #endsRows(head: number | undefined, length: number): boolean {
    return this.#hasEof ? isEof(head, length) : head === EOF && length < LONG_ROW
  }
}

const LONG_ROW = 0xff_ff_ff
/** MAX_FIELDS of both servers. */
const MAX_COLUMNS = 4096
