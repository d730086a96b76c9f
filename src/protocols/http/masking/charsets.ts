import { withoutEscapes } from '../../../masking/escapes.ts'
import { unmaskable } from './unmaskable.ts'

export const isUtf8 = (label: string): boolean => UTF8.has(label.toLowerCase())
/** ISO 8859-1 or Windows-1252, which browsers take for the same. */
export const isLatin = (label: string): boolean => LATIN.has(label.toLowerCase())

/** Throws where a document says that its bytes mean something else than they are read for. `label`: as in `charset=`. */
function checkCharset(label: string): void {
  if (!isUtf8(label) && !isLatin(label)) throw unmaskable(`the document says that it is in ${JSON.stringify(label)}`)
}

/** An element `meta` of HTML: its attributes `charset` and `content`. */
export function checkMeta(tag: string): void {
  for (const [, label = ''] of withoutEscapes(tag).matchAll(/charset\s*=\s*["']?\s*([^\s"'/>;]*)/gi))
    checkCharset(label)
}

/**
 * Looks at the first bytes of a text as they come: a byte order mark (WHATWG Encoding, section 6.1), the declaration of XML (section 4.3.3) and `@charset`
 * of CSS (CSS Syntax, section 3.2) say how it is encoded.
 */
export class Prologue {
  #head = ''

  /** Throws where it is read otherwise here. */
  look(chunk: Buffer): void {
    if (this.#head.length >= MAX_PROLOGUE) return
    this.#head += chunk.toString('latin1', 0, MAX_PROLOGUE - this.#head.length)
    if (/^(?:\xfe\xff|\xff\xfe)/.test(this.#head)) throw unmaskable('the answer begins as UTF-16 does')
    const head = this.#head.replace(/^\xef\xbb\xbf/, '')
    const [, css] = /^@charset\s+["']([^"']*)["']/i.exec(head) ?? []
    if (css !== undefined) checkCharset(css)
    if (!/^\s*<\?xml\s/i.test(head)) return
    const end = head.indexOf('?>')
    if (end < 0 && head.length === MAX_PROLOGUE) throw unmaskable('the declaration of the document is too long')
    for (const [, label = ''] of head
      .slice(0, end < 0 ? undefined : end)
      .matchAll(/encoding\s*=\s*(?:"([^"]*)"|'([^']*)')/gi))
      checkCharset(label)
  }
}

const MAX_PROLOGUE = 1024
const UTF8: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii'])
const LATIN: ReadonlySet<string> = new Set(['iso-8859-1', 'iso8859-1', 'latin1', 'windows-1252', 'iso-8859-15'])
