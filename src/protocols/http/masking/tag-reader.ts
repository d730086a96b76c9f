import { byteAt } from '../../../wire/byte-at.ts'
import { unmaskable } from './unmaskable.ts'

/**
 * Reads a tag from its name on to where it ends, as browsers do (HTML Living Standard, sections 13.2.5.8 and 13.2.5.32 to 40): a quote is one only where
 * a value begins. Tags of XML are read the same.
 */
export class TagReader {
  readonly isEnd: boolean
  /** In lower case. */
  name = ''
  /** It ends with `/>`. */
  isEmpty = false
  /** All of a tag whose attributes matter, in Latin-1. */
  text = ''
  #state: State = 'name'
  /** The quote that a value is in. */
  #quote = 0

  constructor(isEnd: boolean) {
    this.isEnd = isEnd
  }

  /** Behind its `>`; undefined where that has not come. */
  read(bytes: Buffer, from: number, to: number): number | undefined {
    for (let at = from; at < to; at++) {
      const byte = byteAt(bytes, at)
      if (this.name === 'meta') this.#keep(byte)
      if (this.#quote !== 0) {
        if (byte !== this.#quote) continue
        this.#quote = 0
        this.#state = 'between'
      } else if (byte === GREATER_THAN) return at + 1
      else this.#next(byte)
    }
    return undefined
  }

  #next(byte: number): void {
    const isBlank = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b)
    if (this.#state === 'unquoted') {
      if (isBlank) this.#state = 'between'
      return
    }
    this.isEmpty = byte === SLASH && this.#state !== 'value'
    switch (this.#state) {
      case 'name':
        if (isBlank || byte === SLASH) this.#state = 'between'
        else if (this.name.length < MAX_NAME) this.name += String.fromCharCode(byte).toLowerCase()
        return
      case 'between':
        if (!isBlank && byte !== SLASH) this.#state = 'attribute'
        return
      case 'attribute':
      case 'behind-attribute':
        if (byte === EQUALS) this.#state = 'value'
        else if (byte === SLASH) this.#state = 'between'
        else this.#state = isBlank ? 'behind-attribute' : 'attribute'
        return
      case 'value':
        if (isBlank) return
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) this.#quote = byte
        else this.#state = 'unquoted'
    }
  }

  #keep(byte: number): void {
    this.text += String.fromCharCode(byte)
    if (this.text.length > MAX_META) throw unmaskable("the document's declaration of its encoding is too long")
  }
}

type State = 'name' | 'between' | 'attribute' | 'behind-attribute' | 'value' | 'unquoted'
const MAX_NAME = 16
const MAX_META = 4096
const GREATER_THAN = 0x3e
const SLASH = 0x2f
const EQUALS = 0x3d
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
