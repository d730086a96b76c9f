import { byteAt } from '../../../wire/byte-at.ts'
import { joinPieces } from '../../../wire/join-pieces.ts'
import { ARRAY, ARRAY_END, BACKSLASH, COMMA, OBJECT, OBJECT_END, QUOTE, isBlank } from './json-characters.ts'
/** What a stream of JSON is cut into: each piece is given when its last byte is there. */
export interface JsonPieces {
  /** A document that holds no long list. */
  document(bytes: Buffer): Buffer
  /** From the start of a document to the bracket that opens its list. */
  head(bytes: Buffer): Buffer
  /** One element of the list. */
  element(bytes: Buffer): Buffer
  /** From the bracket that closes the list to the end of the document. */
  tail(bytes: Buffer): Buffer
}

/**
 * Cuts documents, one behind another, into pieces that can be read one at a time: elements of the first list at the top of a document
 * that bears one of these names, and what stands around it. What stands between elements, or between documents, is passed on.
 */
export class JsonSplitter {
  readonly #lists: ReadonlySet<string>
  readonly #pieces: JsonPieces
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #size = 0
  #depth = 0
  #inString = false
  #isEscaped = false
  /** The last text at the top of the document: the name of what comes next. */
  #name: number[] = []
  #where: 'between' | 'document' | 'list' | 'tail' = 'between'
  /** Where an element has begun that is no object and no list. */
  #inScalar = false

  constructor(lists: ReadonlySet<string>, pieces: JsonPieces, maxBytes: number) {
    this.#lists = lists
    this.#pieces = pieces
    this.#maxBytes = maxBytes
  }

  /** What can be passed on of all that has come. Throws a TooLong where a piece goes on for too long. */
  push(chunk: Buffer): Buffer {
    const out: Buffer[] = []
    let from = 0
    /** Ends the piece behind this byte. */
    const cut = (at: number, make: (bytes: Buffer) => Buffer): void => {
      this.#keep(chunk.subarray(from, at))
      const bytes = joinPieces(this.#chunks)
      this.#chunks = []
      this.#size = 0
      from = at
      out.push(make(bytes))
    }
    const pass = (at: number): void => {
      if (at > from) out.push(chunk.subarray(from, at))
      from = at
    }
    for (let at = 0; at < chunk.length; at++) {
      const byte = byteAt(chunk, at)
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) this.#inString = false
        else if (this.#depth === 1 && this.#where === 'document' && this.#name.length < MAX_NAME) this.#name.push(byte)
        // A name with an escape is never one of the lists': then the whole document is one piece.
        if (this.#isEscaped && this.#depth === 1 && this.#name.length < MAX_NAME) this.#name.push(BACKSLASH)
        if (!this.#inString && this.#depth === 0) cut(at + 1, (bytes) => this.#pieces.document(bytes))
        if (!this.#inString && this.#depth === 0) this.#where = 'between'
        continue
      }
      if (isBlank(byte) || (byte === COMMA && this.#where === 'list' && this.#depth === 2)) {
        if (this.#inScalar) {
          this.#inScalar = false
          if (this.#where === 'list') cut(at, (bytes) => this.#pieces.element(bytes))
          else cut(at, (bytes) => this.#endDocument(bytes))
        }
        if (this.#isOutside()) pass(at + 1)
        continue
      }
      const starts = this.#isOutside()
      if (this.#where === 'between') this.#where = 'document'
      switch (byte) {
        case QUOTE:
          this.#inString = true
          if (this.#depth === 1) this.#name = []
          if (starts && this.#depth === 2 && this.#where === 'list') this.#inScalar = true
          break
        case OBJECT:
        case ARRAY:
          this.#depth++
          if (byte === ARRAY && this.#depth === 2 && this.#where === 'document' && this.#isListName()) {
            this.#where = 'list'
            cut(at + 1, (bytes) => this.#pieces.head(bytes))
          }
          break
        case OBJECT_END:
        case ARRAY_END:
          if (this.#where === 'list' && this.#depth === 2) {
            if (this.#inScalar) cut(at, (bytes) => this.#pieces.element(bytes))
            this.#inScalar = false
            this.#where = 'tail'
            this.#depth--
            break
          }
          this.#depth = Math.max(0, this.#depth - 1)
          if (this.#depth === 0) cut(at + 1, (bytes) => this.#endDocument(bytes))
          else if (this.#depth === 2 && this.#where === 'list') cut(at + 1, (bytes) => this.#pieces.element(bytes))
          break
        default:
          if (this.#depth === 0 || (this.#where === 'list' && this.#depth === 2)) this.#inScalar = true
      }
    }
    if (this.#isOutside()) pass(chunk.length)
    else this.#keep(chunk.subarray(from))
    return joinPieces(out)
  }

  /** What is left, which is no whole document. */
  end(): Buffer {
    if (this.#size === 0) return Buffer.alloc(0)
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#size = 0
    return this.#pieces.document(bytes)
  }

  /** Between documents, or between elements. */
  #isOutside(): boolean {
    return (
      !this.#inString &&
      !this.#inScalar &&
      this.#size === 0 &&
      (this.#where === 'between' || (this.#where === 'list' && this.#depth === 2))
    )
  }

  #endDocument(bytes: Buffer): Buffer {
    const piece = this.#where === 'tail' ? this.#pieces.tail(bytes) : this.#pieces.document(bytes)
    this.#where = 'between'
    this.#name = []
    return piece
  }

  #isListName(): boolean {
    return this.#lists.has(Buffer.from(this.#name).toString('latin1'))
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#size += bytes.length
    if (this.#size > this.#maxBytes) throw new TooLong()
  }
}

/** A piece is longer than what may be kept of it. */
export class TooLong extends Error {}

const MAX_NAME = 64
