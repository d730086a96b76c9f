import { hideInText, hideNumber, type KindSearch } from '../../../masking/hidden-text.ts'
import type { MaskedPointer } from '../../../masking/plan.ts'
import { maskValue } from '../../../masking/replace.ts'
import { valueFilter, type ValueFilter } from '../../../masking/value-filter.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import type { AnswerMasker } from './masker.ts'
import type { FieldPlaces } from './field-places.ts'
import { JsonTokens, type JsonView } from './json-tokens.ts'
import { TextMasker } from './text-masker.ts'
import { unmaskable } from './unmaskable.ts'

/**
 * Masks JSON as it comes. A text that a pointer of a rule leads to is shown as the rule's style has it; numbers and truth values there become null, and
 * so do objects, whose names may be values; of an array each element is masked. Everywhere else values of kinds are hidden: in names and texts as
 * their styles have it, numbers as null.
 */
export class JsonMasker implements AnswerMasker {
  readonly changes = true
  readonly isLive: boolean
  readonly #tokens: JsonTokens

  /** `root`: what pointers say of each document. `isLive`: documents come one by one, perhaps with long pauses. */
  constructor(search: KindSearch, root: FieldPlaces | undefined, isLive = false) {
    this.isLive = isLive
    this.#tokens = new JsonTokens(new MaskedView(search, root))
  }

  mask(chunk: Buffer): Buffer {
    return this.#tokens.push(chunk)
  }

  end(): Buffer {
    return this.#tokens.end()
  }
}

interface Container {
  readonly isObject: boolean
  readonly places: FieldPlaces
  /** Of an array, how many elements have begun. */
  count: number
}

class MaskedView implements JsonView {
  readonly #search: KindSearch
  readonly #root: FieldPlaces | undefined
  readonly #hasCustom: boolean
  /** Whether any kind may be in a text. */
  readonly #mayHold: ValueFilter
  readonly #containers: Container[] = []
  /** What the name that has just been read leads to. */
  #named: FieldPlaces | undefined

  constructor(search: KindSearch, root: FieldPlaces | undefined) {
    this.#search = search
    this.#root = root
    this.#mayHold = valueFilter(search.kinds)
    this.#hasCustom = search.kinds.some(({ kind }) => typeof kind !== 'string')
  }

  name(bytes: Buffer, start: number, end: number, isPlain: boolean): Buffer | undefined {
    const container = this.#containers.at(-1)
    const mayHold = this.#mayHold(bytes, start + 1, end - 1)
    // What nothing is looked for in has to be a text all the same.
    if (container === undefined && !mayHold && isPlain) return undefined
    const name = textOf(bytes, start, end, isPlain)
    if (container !== undefined) this.#named = container.places.member(name)
    const shown = mayHold ? hideInText(name, this.#search) : undefined
    return shown === undefined ? undefined : jsonOf(shown ?? '')
  }

  string(bytes: Buffer, start: number, end: number, isPlain: boolean): Buffer | undefined {
    const masked = this.#place()?.masked
    if (masked !== undefined) return jsonOf(this.#shown(textOf(bytes, start, end, isPlain), masked))
    const mayHold = this.#mayHold(bytes, start + 1, end - 1)
    if (!mayHold && isPlain) return undefined
    const text = textOf(bytes, start, end, isPlain)
    const shown = mayHold ? hideInText(text, this.#search) : undefined
    return shown === undefined ? undefined : jsonOf(shown)
  }

  long(): AnswerMasker | Buffer {
    if (this.#place()?.masked !== undefined) return jsonOf('****')
    return new TextMasker(this.#search, { format: 'json' })
  }

  number(bytes: Buffer, start: number, end: number): Buffer | undefined {
    if (this.#place()?.masked !== undefined) return NULL
    if (!this.#hasCustom && end - start < MIN_NUMBER && !hasExponent(bytes, start, end)) return undefined
    const text = bytes.toString('latin1', start, end)
    const isHidden = hideNumber(Number(text), this.#search) === null || hideInText(text, this.#search) !== undefined
    return isHidden ? NULL : undefined
  }

  word(bytes: Buffer, start: number): Buffer | undefined {
    return this.#place()?.masked !== undefined && bytes[start] !== NULL[0] ? NULL : undefined
  }

  open(isObject: boolean): Buffer | undefined {
    const places = this.#place()
    if (places === undefined) return undefined
    if (places.masked !== undefined && isObject) return NULL
    this.#containers.push({ isObject, places, count: 0 })
    return undefined
  }

  close(): void {
    this.#containers.pop()
  }

  /** Of the value that begins here; undefined where there are no pointers. */
  #place(): FieldPlaces | undefined {
    const container = this.#containers.at(-1)
    if (container === undefined) return this.#root
    return container.isObject ? this.#named : container.places.element(container.count++)
  }

  #shown(value: string, { name, style, hashScope }: MaskedPointer): string | null {
    return maskValue(value, style, { key: this.#search.keys[hashScope], scope: name })
  }
}

function hasExponent(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((byteAt(bytes, at) | 0x20) === 0x65) return true
  return false
}

/** Of a text in its quotes. */
function textOf(bytes: Buffer, start: number, end: number, isPlain: boolean): string {
  if (isPlain) return bytes.toString('latin1', start + 1, end - 1)
  try {
    const value: unknown = JSON.parse(UTF8.decode(bytes.subarray(start, end)))
    if (typeof value === 'string') return value
  } catch {
    // Another encoding, or an escape that is none.
  }
  throw unmaskable('the answer has a text in it that is not JSON in UTF-8')
}

const jsonOf = (shown: string | null): Buffer => (shown === null ? NULL : Buffer.from(JSON.stringify(shown)))

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NULL = Buffer.from('null')
/** The shortest card number. */
const MIN_NUMBER = 12
