import type { MaskedKind } from '../../masking/plan.ts'
import { findKinds, standIn, type HashKeys, type HiddenSpan } from '../../masking/replace.ts'
import { decodeTerminal, type TerminalText } from './terminal-text.ts'

export interface StreamMaskingOptions {
  readonly kinds: readonly MaskedKind[]
  readonly keys: HashKeys
  /** A screen is drawn by columns: what is hidden keeps its width, a star for each character. */
  readonly keepWidth: boolean
}

/**
 * Hides values of masked kinds in a stream of bytes. What may be the beginning of one is held back, until more comes or
 * `flush` says that it has waited long enough. Escape sequences and bytes that are no UTF-8 pass as they are.
 */
export class StreamMasking {
  readonly #options: StreamMaskingOptions
  #held: Buffer = Buffer.alloc(0)
  /** The end of what has gone out, as it was before it was masked: a value may begin in it. */
  #context = ''
  /** Within a private key whose end has not come: how many characters of it were hidden. */
  #keyLength: number | undefined

  constructor(options: StreamMaskingOptions) {
    this.#options = options
  }

  get isHolding(): boolean {
    return this.#held.length > 0
  }

  push(bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const { text, cut: whole, ...places } = decodeTerminal(all)
    return this.#emit(all, { text, cut: whole, ...places }, this.#safeLength(text), false)
  }

  /** Everything that is held goes out: what is surely the beginning of a value is hidden. */
  flush(): Buffer {
    const all = this.#held
    const decoded = decodeTerminal(all)
    // The bytes of a character or an escape sequence that has not ended go out as they are.
    return this.#emit(all, { ...decoded, cut: all.length }, decoded.text.length, true)
  }

  /** Bytes of `all` up to the character `length`; the rest is held. */
  #emit(all: Buffer, decoded: TerminalText, length: number, isFlush: boolean): Buffer {
    const { text, starts, ends, cut } = decoded
    const until = length < text.length ? (starts[length] as number) : cut
    const context = this.#context
    const joined = context + text
    const spans = this.#spansOf(joined, context.length + length, isFlush)
    const out: Buffer[] = []
    let at = 0
    for (const { start, end, masked } of spans) {
      const from = Math.max(start - context.length, 0)
      const to = Math.min(end - context.length, length)
      if (to <= from) continue
      // Of a value that began before, the stand-in has gone out; a star for each character keeps the screen.
      const isNew = start >= context.length
      const first = starts[from] as number
      out.push(all.subarray(at, first))
      const stand = isNew ? standIn(joined.slice(start, end), masked, this.#options.keys) : ''
      if (!this.#options.keepWidth) out.push(Buffer.from(stand))
      at = first
      for (let index = from; index < to; index++) {
        // What stands between the characters of a value, such as a change of colour, stays.
        const [begin, finish] = [starts[index] as number, ends[index] as number]
        if (begin > at) out.push(all.subarray(at, begin))
        if (finish > begin) {
          const character = text[index] as string
          const isLayout = character === '\n' || character === '\r' || character === '\t'
          if (this.#options.keepWidth) out.push(isLayout ? all.subarray(begin, finish) : STAR)
        }
        at = Math.max(at, finish)
      }
    }
    out.push(all.subarray(at, until))
    this.#held = all.subarray(until)
    this.#context = joined.slice(0, context.length + length).slice(-CONTEXT)
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out)
  }

  #spansOf(joined: string, length: number, isFlush: boolean): HiddenSpan[] {
    const { kinds } = this.#options
    const spans = findKinds(isFlush ? joined.slice(0, length) : joined, kinds).filter(({ start }) => start < length)
    const key = kinds.find(({ kind }) => kind === 'private-key')
    if (key !== undefined) this.#followKey(joined, length, spans, key)
    if (!isFlush) return spans
    for (const masked of kinds) {
      const begun = typeof masked.kind === 'string' ? BEGUN[masked.kind]?.exec(joined.slice(0, length)) : undefined
      if (begun != null && !spans.some(({ end }) => end >= length))
        spans.push({ start: begun.index, end: length, masked })
    }
    return spans
  }

  /** A private key is longer than what is looked back at: its beginning is remembered until its end has come. */
  #followKey(joined: string, length: number, spans: HiddenSpan[], masked: MaskedKind): void {
    const fresh = this.#context.length
    if (this.#keyLength !== undefined) {
      // Its end may have begun in what has gone out.
      const from = fresh - Math.min(fresh, this.#keyLength, LONGEST_KEY_END)
      const ending = KEY_END.exec(joined.slice(from, length))
      const end = ending === null ? length : from + ending.index + ending[0].length
      this.#keyLength += Math.max(0, end - fresh)
      const over = this.#keyLength > LONGEST_KEY
      for (let index = spans.length - 1; index >= 0; index--)
        if ((spans[index] as HiddenSpan).start < end) spans.splice(index, 1)
      spans.unshift({ start: Math.max(0, fresh - 1), end, masked })
      if (ending === null && !over) return
      this.#keyLength = undefined
    }
    const begin = lastBegin(joined)
    if (begin === undefined || KEY_END.test(joined.slice(begin)) || begin >= length) return
    for (let index = spans.length - 1; index >= 0; index--)
      if ((spans[index] as HiddenSpan).start >= begin) spans.splice(index, 1)
    spans.push({ start: begin, end: joined.length, masked })
    this.#keyLength = length - begin
  }

  /** How many characters can go out now: behind them stands what may be the beginning of a value. */
  #safeLength(text: string): number {
    if (this.#keyLength !== undefined) return text.length
    let safe = text.length
    for (const { kind } of this.#options.kinds) {
      const tail = typeof kind === 'string' ? TAILS[kind] : ANY_TAIL
      const from = Math.max(0, text.length - tail.longest)
      const found = tail.pattern.exec(text.slice(from))
      if (found !== null && found[0] !== '') safe = Math.min(safe, from + found.index)
    }
    return safe
  }
}

const STAR = Buffer.from('*')
/** Characters that a value may have begun in. */
const CONTEXT = 4096
const LONGEST_KEY = 65_536
const LONGEST_KEY_END = 96
const KEY_BEGIN = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----/g
const KEY_END = /-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----/

function lastBegin(text: string): number | undefined {
  if (!text.includes('-----BEGIN')) return undefined
  return [...text.matchAll(KEY_BEGIN)].at(-1)?.index
}

interface Tail {
  readonly pattern: RegExp
  /** Characters; looked at no further back. */
  readonly longest: number
}
const tail = (pattern: RegExp, longest: number): Tail => ({ pattern, longest })

/** What, at the end of a text, may be the beginning of a value. */
const TAILS: Readonly<Record<Extract<MaskedKind['kind'], string>, Tail>> = {
  email: tail(/[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~@-]+$/u, 640),
  'payment-card': tail(/\d[\d -]*$/, 24),
  iban: tail(/[A-Z][A-Z0-9 ]*$/, 44),
  phone: tail(/[+(][\d ./()-]*$/, 36),
  'national-id': tail(/[A-Za-z0-9][\w .-]*$/, 26),
  'ip-address': tail(/[\w.:]+$/, 46),
  jwt: tail(/(?:e|ey|eyJ[\w.-]*)$/, 74_000),
  'private-key': tail(/-----?(?:B(?:E(?:G(?:I(?:N(?: [A-Z0-9 ]*-{0,5})?)?)?)?)?)?$|-{1,5}$/, 90),
  'cloud-key': tail(/\w[\w.-]*$/, 272),
}
const ANY_TAIL = tail(/\S+$/, 256)

/** What, at the end of a text that goes out unfinished, is surely the beginning of a value. */
const BEGUN: Partial<Readonly<Record<Extract<MaskedKind['kind'], string>, RegExp>>> = {
  jwt: /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){0,2}$/,
  'cloud-key':
    /(?<!\w)(?:(?:AKIA|ASIA)[A-Z2-7]{6,15}|gh[pousr]_\w{6,}|github_pat_\w{4,}|glpat-[\w-]{4,}|sk_live_\w{4,}|sk-ant-[\w-]{4,}|npm_\w{6,})$/,
}
