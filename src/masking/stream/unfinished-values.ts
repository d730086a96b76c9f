import type { MaskedKind } from '../plan.ts'
import type { HiddenSpan } from '../replace.ts'
import { MAX_CUSTOM_LENGTH } from './value-tails.ts'

/** The last part of a stream that may go out: its text, what of it is new, and how much of it goes out. */
export interface Release {
  /** What went out last, and all that is held. */
  readonly joined: string
  /** Where what is held begins in it. */
  readonly fresh: number
  /** What of it is out after this. */
  readonly length: number
}

/** Values whose beginning was hidden before their end had come: what belongs to them is hidden as it comes. */
export class UnfinishedValues {
  readonly #kinds: readonly MaskedKind[]
  /** Within a private key whose end has not come: how many characters of it were hidden. */
  #keyLength: number | undefined
  /** Within a token that was hidden before it was whole. */
  #isInToken = false
  /** Within a value of a user-defined kind whose beginning was hidden before its end had come. */
  #custom: MaskedKind | undefined

  constructor(kinds: readonly MaskedKind[]) {
    this.#kinds = kinds
  }

  copy(): UnfinishedValues {
    const copy = new UnfinishedValues(this.#kinds)
    copy.#keyLength = this.#keyLength
    copy.#isInToken = this.#isInToken
    copy.#custom = this.#custom
    return copy
  }

  get isInKey(): boolean {
    return this.#keyLength !== undefined
  }

  get isInToken(): boolean {
    return this.#isInToken
  }

  /** Adds to the values found in a text what belongs to those that began before, and notes which of them go on. */
  extend(release: Release, spans: HiddenSpan[], isFlush: boolean): void {
    const key = this.#kinds.find(({ kind }) => kind === 'private-key')
    if (key !== undefined) this.#followKey(release, spans, key)
    const token = this.#kinds.find(({ kind }) => kind === 'jwt')
    if (token !== undefined && this.#isInToken) this.#followToken(release, spans, token)
    this.#followCustom(release, spans)
    if (!isFlush) return
    const { joined, length } = release
    for (const masked of this.#kinds) {
      const begun = typeof masked.kind === 'string' ? BEGUN[masked.kind]?.exec(joined.slice(0, length)) : undefined
      if (begun == null) continue
      spans.push({ start: begun.index, end: length, masked })
      if (masked === token) this.#isInToken = true
    }
  }

  /** A private key is longer than what is looked back at: its beginning is remembered until its end has come. */
  #followKey({ joined, fresh, length }: Release, spans: HiddenSpan[], masked: MaskedKind): void {
    if (this.#keyLength !== undefined) {
      // Its end may have begun in what has gone out.
      const from = fresh - Math.min(fresh, this.#keyLength, MAX_KEY_END_LENGTH)
      const ending = KEY_END.exec(joined.slice(from, length))
      const end = ending === null ? length : from + ending.index + ending[0].length
      this.#keyLength += Math.max(0, end - fresh)
      const over = this.#keyLength > MAX_KEY_LENGTH
      replaceAll(spans, [{ start: Math.max(0, fresh - 1), end, masked }, ...spans.filter(({ start }) => start >= end)])
      if (ending === null && !over) return
      this.#keyLength = undefined
    }
    const begin = lastBegin(joined)
    if (begin === undefined || hasKeyEnd(joined.slice(begin)) || begin >= length) return
    replaceAll(spans, [...spans.filter(({ start }) => start < begin), { start: begin, end: joined.length, masked }])
    this.#keyLength = length - begin
  }

  /** So is a token: whatever may belong to it is hidden. */
  #followToken({ joined, fresh, length }: Release, spans: HiddenSpan[], masked: MaskedKind): void {
    let end = fresh
    while (end < length && TOKEN.test(joined[end] as string)) end++
    if (end < length) this.#isInToken = false
    if (end > fresh) spans.push({ start: Math.max(0, fresh - 1), end, masked })
  }

  /**
   * A value of a user-defined kind that reaches to the end of what is known may go on, and its beginning may be too far back to
   * find it again: what follows is hidden up to a blank.
   */
  #followCustom({ joined, fresh, length }: Release, spans: HiddenSpan[]): void {
    if (this.#custom !== undefined) {
      let end = fresh
      while (end < joined.length && !BLANK.test(joined[end] as string)) end++
      if (end > fresh) spans.push({ start: Math.max(0, fresh - 1), end, masked: this.#custom })
      if (end < length) this.#custom = undefined
    }
    const last = spans.findLast(({ masked }) => typeof masked.kind !== 'string')
    if (last !== undefined && last.end === joined.length && last.end - last.start >= MAX_CUSTOM_LENGTH)
      this.#custom = last.masked
  }
}

/** In one go: to take thousands out of a list one by one moves the rest of it each time. */
function replaceAll(spans: HiddenSpan[], by: readonly HiddenSpan[]): void {
  spans.length = 0
  for (const span of by) spans.push(span)
}

/** Whether the end of a private key is in a text. */
export const hasKeyEnd = (text: string): boolean => KEY_END.test(text)

function lastBegin(text: string): number | undefined {
  if (!text.includes('-----BEGIN')) return undefined
  return [...text.matchAll(KEY_BEGIN)].at(-1)?.index
}

const MAX_KEY_LENGTH = 65_536
export const MAX_KEY_END_LENGTH = 96
const KEY_BEGIN = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----/g
const KEY_END = /-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----/
const TOKEN = /[\w.-]/
const BLANK = /\s/

/** What, at the end of a text that goes out unfinished, is surely the beginning of a value. */
const BEGUN: Partial<Readonly<Record<Extract<MaskedKind['kind'], string>, RegExp>>> = {
  jwt: /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){0,2}$/,
  'cloud-key':
    /(?<!\w)(?:(?:AKIA|ASIA)[A-Z2-7]{6,15}|gh[pousr]_\w{6,}|github_pat_\w{4,}|glpat-[\w-]{4,}|sk_live_\w{4,}|sk-ant-[\w-]{4,}|npm_\w{6,})$/,
}
