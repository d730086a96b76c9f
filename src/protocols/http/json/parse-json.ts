import { ARRAY, ARRAY_END, BACKSLASH, COLON, COMMA, OBJECT, OBJECT_END, QUOTE, isBlank } from './json-characters.ts'

/** A value of a JSON text, with where it stands in it: a text is changed by replacing such places, so that all else stays as it is. */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonNumber | JsonWord

interface Place {
  /** UTF-16 offsets; the end is exclusive. */
  readonly start: number
  readonly end: number
}

export interface JsonObject extends Place {
  readonly type: 'object'
  /** In the order of the text; a name may come more than once. */
  readonly members: readonly JsonMember[]
}

export interface JsonMember {
  readonly name: string
  readonly nameAt: Place
  readonly value: JsonNode
}

export interface JsonArray extends Place {
  readonly type: 'array'
  readonly items: readonly JsonNode[]
}

export interface JsonString extends Place {
  readonly type: 'string'
  readonly value: string
}

export interface JsonNumber extends Place {
  readonly type: 'number'
  readonly text: string
}

export interface JsonWord extends Place {
  readonly type: 'word'
  readonly value: boolean | null
}

/** As strict as RFC 8259; undefined for anything else, and for what is nested too deeply or has too many values. */
export function parseJson(text: string): JsonNode | undefined {
  try {
    return new Parser(text).document()
  } catch (error) {
    if (error === NOT_JSON) return undefined
    throw error
  }
}

/** As `JSON.parse` gives it; undefined where an object has a name twice, which readers take differently. */
export function toValue(node: JsonNode): { readonly value: unknown } | undefined {
  switch (node.type) {
    case 'object': {
      const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>
      for (const member of node.members) {
        const inner = toValue(member.value)
        if (inner === undefined || member.name in value) return undefined
        value[member.name] = inner.value
      }
      return { value }
    }
    case 'array': {
      const value: unknown[] = []
      for (const item of node.items) {
        const inner = toValue(item)
        if (inner === undefined) return undefined
        value.push(inner.value)
      }
      return { value }
    }
    case 'number':
      return { value: Number(node.text) }
    case 'string':
    case 'word':
      return { value: node.value }
  }
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0
  #values = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): JsonNode {
    this.#blanks()
    const value = this.#value()
    this.#blanks()
    if (this.#at < this.#text.length) throw NOT_JSON
    return value
  }

  #value(): JsonNode {
    const start = this.#at
    if (++this.#values > MAX_VALUES) throw NOT_JSON
    switch (this.#text.charCodeAt(start)) {
      case OBJECT:
        return this.#nested(() => ({ type: 'object', members: this.#members(), start, end: this.#at }))
      case ARRAY:
        return this.#nested(() => ({ type: 'array', items: this.#items(), start, end: this.#at }))
      case QUOTE:
        return this.#string()
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #nested(read: () => JsonNode): JsonNode {
    if (++this.#depth > MAX_DEPTH) throw NOT_JSON
    const value = read()
    this.#depth--
    return value
  }

  #members(): JsonMember[] {
    const members: JsonMember[] = []
    this.#at++
    this.#blanks()
    if (this.#skips(OBJECT_END)) return members
    for (;;) {
      if (this.#text.charCodeAt(this.#at) !== QUOTE) throw NOT_JSON
      const { value: name, start, end } = this.#string()
      this.#blanks()
      if (!this.#skips(COLON)) throw NOT_JSON
      this.#blanks()
      members.push({ name, nameAt: { start, end }, value: this.#value() })
      this.#blanks()
      if (this.#skips(OBJECT_END)) return members
      if (!this.#skips(COMMA)) throw NOT_JSON
      this.#blanks()
    }
  }

  #items(): JsonNode[] {
    const items: JsonNode[] = []
    this.#at++
    this.#blanks()
    if (this.#skips(ARRAY_END)) return items
    for (;;) {
      items.push(this.#value())
      this.#blanks()
      if (this.#skips(ARRAY_END)) return items
      if (!this.#skips(COMMA)) throw NOT_JSON
      this.#blanks()
    }
  }

  #string(): JsonString {
    const start = this.#at
    let isPlain = true
    for (let at = start + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        const value = isPlain ? this.#text.slice(start + 1, at) : unescaped(this.#text.slice(start, at + 1))
        return { type: 'string', value, start, end: at + 1 }
      }
      if (code < 0x20) throw NOT_JSON
      if (code === BACKSLASH) {
        isPlain = false
        at++
      }
    }
    throw NOT_JSON
  }

  #word(word: string, value: boolean | null): JsonWord {
    const start = this.#at
    if (!this.#text.startsWith(word, start)) throw NOT_JSON
    this.#at += word.length
    return { type: 'word', value, start, end: this.#at }
  }

  #number(): JsonNumber {
    NUMBER.lastIndex = this.#at
    const [text] = NUMBER.exec(this.#text) ?? []
    if (text === undefined) throw NOT_JSON
    const start = this.#at
    this.#at += text.length
    return { type: 'number', text, start, end: this.#at }
  }

  #blanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #skips(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }
}

function unescaped(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'string') return value
  } catch {
    // An escape that is none.
  }
  throw NOT_JSON
}

const NOT_JSON = new Error('not JSON')
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const MAX_DEPTH = 256
/** Many times what an object of some megabytes has. */
const MAX_VALUES = 250_000
