import type { KindSearch } from '../../../masking/hidden-text.ts'
import { fold, ITSELF } from '../../../masking/folding.ts'
import { findKinds } from '../../../masking/replace.ts'
import { characterAt } from '../../../masking/stream/utf8.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import type { AnswerMasker } from './masker.ts'
import { unmaskable } from './unmaskable.ts'
import { WideTexts } from './wide-texts.ts'

/**
 * Passes images, fonts, sound and films on as they are, where they begin as their type does. A text in them that holds a value of a kind ends the
 * answer: it cannot be hidden without damage.
 */
export class BinaryMasker implements AnswerMasker {
  readonly changes = false
  readonly isLive = false
  readonly #type: string
  readonly #search: KindSearch
  #head: Buffer = NOTHING
  #isKnown = false
  /** The text that the bytes so far end with. */
  #text = ''
  /** Of a character that has not come in full. */
  #begun: Buffer = NOTHING
  readonly #wide = new WideTexts()

  constructor(type: string, search: KindSearch) {
    this.#type = type
    this.#search = search
  }

  mask(chunk: Buffer): Buffer {
    if (this.#isKnown) return this.#looked(chunk)
    this.#head = Buffer.concat([this.#head, chunk])
    return this.#head.length < HEAD_BYTES ? NOTHING : this.end()
  }

  end(): Buffer {
    if (this.#isKnown || this.#head.length === 0) return NOTHING
    if (!beginsAs(this.#type, this.#head)) throw unmaskable(`the answer does not begin as ${this.#type} does`)
    this.#isKnown = true
    const head = this.#head
    this.#head = NOTHING
    return this.#looked(head)
  }

  /** Texts in compressed pixels come by chance: only longer ones are looked at. */
  #looked(chunk: Buffer): Buffer {
    for (const text of this.#wide.look(chunk)) this.#refuseValueIn(text)
    // A character may have begun before.
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk])
    this.#begun = NOTHING
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      if (PRINTABLE[byteAt(bytes, at)] === 1) continue
      const length = this.#lengthOfVariant(bytes, at)
      if (length === undefined) {
        this.#begun = Buffer.from(bytes.subarray(at))
        this.#keep(bytes.toString('utf8', from, at))
        return chunk
      }
      if (length > 0) {
        at += length - 1
        continue
      }
      if (this.#text.length + at - from >= MIN_TEXT) this.#keep(bytes.toString('utf8', from, at))
      this.#text = ''
      from = at + 1
    }
    this.#keep(bytes.toString('utf8', from))
    return chunk
  }

  /** Bytes of a character of UTF-8 that stands for others, as those of values may; 0 where there is none, undefined where more may come. */
  #lengthOfVariant(bytes: Buffer, at: number): number | undefined {
    if (byteAt(bytes, at) < 0x80) return 0
    const character = characterAt(bytes, at, bytes.length)
    if (character === undefined) return undefined
    return character.length > 1 && fold(character.code) !== ITSELF ? character.length : 0
  }

  #keep(text: string): void {
    const whole = this.#text + text
    this.#text = whole.slice(-MAX_TEXT)
    if (whole.length >= MIN_TEXT) this.#refuseValueIn(whole)
  }

  #refuseValueIn(text: string): void {
    if (findKinds(text, this.#search.kinds).length === 0) return
    throw unmaskable(`the answer is ${this.#type} with a value in it, which cannot be hidden there`)
  }
}

/** Whether content of a type is passed on as it is, and its bytes are looked at for what they are. */
export const isBinary = (type: string): boolean => Object.hasOwn(BEGINNINGS, type)

const beginsAs = (type: string, head: Buffer): boolean =>
  (BEGINNINGS[type] ?? []).some(([at, ...bytes]) => bytes.every((byte, index) => head[at + index] === byte))

type Beginning = readonly [at: number, ...bytes: number[]]
const marked = (offset: number, text: string): Beginning => [offset, ...Buffer.from(text, 'latin1')]
const PNG = marked(0, '\x89PNG\r\n\x1a\n')
const JPEG = marked(0, '\xff\xd8\xff')
const BOX = marked(4, 'ftyp')
const WEBM = marked(0, '\x1aE\xdf\xa3')
const OGG = marked(0, 'OggS\0')
/** What files of a type begin with (WHATWG MIME Sniffing, section 6; the specifications of the formats). No text begins so. */
const BEGINNINGS: Readonly<Record<string, readonly Beginning[]>> = {
  'image/png': [PNG],
  'image/apng': [PNG],
  'image/jpeg': [JPEG],
  'image/gif': [marked(0, 'GIF87a'), marked(0, 'GIF89a')],
  'image/webp': [marked(8, 'WEBPVP')],
  'image/avif': [BOX],
  'image/heic': [BOX],
  'image/x-icon': [marked(0, '\0\0\x01\0')],
  'image/vnd.microsoft.icon': [marked(0, '\0\0\x01\0')],
  'font/woff': [marked(0, 'wOFF\0')],
  'font/woff2': [marked(0, 'wOF2\0')],
  'font/ttf': [marked(0, '\0\x01\0\0')],
  'font/otf': [marked(0, 'OTTO\0')],
  'application/font-woff': [marked(0, 'wOFF\0')],
  'application/font-woff2': [marked(0, 'wOF2\0')],
  'application/wasm': [marked(0, '\0asm')],
  'audio/mpeg': [marked(0, 'ID3'), marked(0, '\xff\xfb'), marked(0, '\xff\xf3')],
  'audio/ogg': [OGG],
  'audio/wav': [marked(8, 'WAVEfmt ')],
  'video/mp4': [BOX],
  'audio/mp4': [BOX],
  'video/ogg': [OGG],
  'video/webm': [WEBM],
  'audio/webm': [WEBM],
}
const HEAD_BYTES = 16
const PRINTABLE = Uint8Array.from({ length: 256 }, (_, code) => (code >= 0x20 && code < 0x7f ? 1 : 0))
const MIN_TEXT = 16
/** As long as the longest value that is looked for. */
const MAX_TEXT = 4096
const NOTHING = Buffer.alloc(0)
