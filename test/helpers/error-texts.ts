/**
 * What errors say that a source makes (`new UsageError(…)`, `new PamError('CODE', …)`), each as a regular expression in which `.*` stands for what is
 * put in. A text that is made elsewhere is none.
 */
export function errorTexts(source: string): string[] {
  return [...source.matchAll(MADE)].flatMap(({ index, 0: start }) => {
    const reader = new Reader(source, index + start.length)
    const texts = reader.argument()
    // The first argument of a PamError is its code.
    return (start.includes('PamError') ? reader.argument() : texts).filter((text) => /[a-z]{2}/.test(text))
  })
}

const MADE = /new (?:UsageError|PamError|InvalidArgumentError)\(/g

/** Reads arguments of a call as far as their strings go. */
class Reader {
  readonly #source: string
  #at: number

  constructor(source: string, at: number) {
    this.#source = source
    this.#at = at
  }

  /** The strings of one argument; several where it is one or the other. */
  argument(): string[] {
    const found: string[] = []
    for (let depth = 0; this.#at < this.#source.length;) {
      const character = this.#source[this.#at++] ?? ''
      if (character === "'" || character === '"') found.push(this.#quoted(character))
      else if (character === '`') found.push(this.#template())
      else if ('([{'.includes(character)) depth++
      else if (')]}'.includes(character)) {
        if (depth-- === 0) break
      } else if (character === ',' && depth === 0) break
    }
    return found
  }

  #quoted(quote: string): string {
    let text = ''
    for (;;) {
      const character = this.#source[this.#at++] ?? quote
      if (character === quote) return escaped(text)
      text += character === '\\' ? (this.#source[this.#at++] ?? '') : character
    }
  }

  #template(): string {
    let pattern = ''
    for (;;) {
      const character = this.#source[this.#at++] ?? '`'
      if (character === '`') return pattern
      if (character !== '$' || this.#source[this.#at] !== '{') {
        pattern += escaped(character)
        continue
      }
      this.#at++
      this.#expression()
      pattern += '.*'
    }
  }

  /** To the brace that ends it. */
  #expression(): void {
    for (let depth = 1; depth > 0;) {
      const character = this.#source[this.#at++] ?? '}'
      if (character === '`') this.#template()
      else if (character === "'" || character === '"') this.#quoted(character)
      else if (character === '{') depth++
      else if (character === '}') depth--
    }
  }
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
