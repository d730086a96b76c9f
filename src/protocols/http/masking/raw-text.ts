import { unmaskable } from './unmaskable.ts'

/**
 * The content of an element of HTML in which `<` begins nothing but the end of it (HTML Living Standard, sections 13.1.2 and 13.2.5.2 to 31). In SVG the
 * same names mean other elements: where the two would end elsewhere, it is refused.
 */
export class RawText {
  readonly #name: string
  readonly #isForeign: boolean
  /** Within a script: behind `<!--`, where another `<script` would keep the next end from being one. */
  #isCommented = false

  constructor(name: string, isForeign: boolean) {
    this.#name = name
    this.#isForeign = isForeign
  }

  static isIn(name: string): boolean {
    return RAW.has(name)
  }

  /** Whether the end of the element begins with these characters, the first of which is `<`. Undefined where more are needed to tell. */
  endsAt(head: string, isEnd: boolean): boolean | undefined {
    const end = `</${this.#name}`
    const lower = head.toLowerCase()
    const isLonger = lower.length > end.length || isEnd
    if (!isLonger && (end.startsWith(lower) || '<script'.startsWith(lower) || '<!--'.startsWith(lower)))
      return undefined
    if (this.#name !== 'plaintext' && lower.startsWith(end) && /^[\t\n\f\r />]/.test(lower.slice(end.length)))
      return true
    if (this.#isForeign && /^<[a-z/!?]/.test(lower))
      throw unmaskable(`the document has markup in a <${this.#name}> of SVG, which parsers treat differently`)
    if (this.#name === 'script') {
      if (lower.startsWith('<!--')) this.#isCommented = true
      else if (this.#isCommented && /^<script[\t\n\f\r />]/.test(lower))
        throw unmaskable('the document has a script within a comment of a script')
    }
    return false
  }
}

const RAW: ReadonlySet<string> = new Set('script style textarea title xmp iframe noembed noframes plaintext'.split(' '))
