import type { Session } from '../../../gateway/engine.ts'
import { hideInText, hideNumber, type KindSearch } from '../../../masking/hidden-text.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { maskKinds } from '../../../masking/replace.ts'
import { PamError } from '../../../shared/errors.ts'
import { parseJson, type JsonNode } from '../json/parse-json.ts'
import { isJson, readContentType } from '../request/read-body.ts'

type Masking = Pick<Session, 'masking' | 'hashKeys'>

/** A body on its way to the client; what may be part of a value is held back. */
export interface AnswerMasker {
  mask(chunk: Buffer): Buffer
  end(): Buffer
}

/** How the body of an answer is masked, by its type. What cannot be read is not shown where anything is masked. */
export function answerMasker(
  contentType: string | undefined,
  { masking, hashKeys }: Masking,
): AnswerMasker | 'as it is' | { readonly refuse: string } {
  if (isEmptyPlan(masking)) return 'as it is'
  const { type, parameters } = readContentType(contentType)
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8'
  const search = { kinds: masking.kinds, keys: hashKeys }
  if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
    return { refuse: `values are masked here, which is not done in ${charset}` }
  if (isJson(type)) return new WholeBody((text) => maskJson(text, search))
  if (TEXTS.has(type)) return new WholeBody((text) => maskKinds(text, search.kinds, search.keys) ?? text)
  return { refuse: `values are masked here, which is not done in ${type === '' ? 'a body of no type' : type}` }
}

/** A value of a header as it is shown. */
export const maskHeader = (value: string, { masking, hashKeys }: Masking): string =>
  maskKinds(value, masking.kinds, hashKeys) ?? value

/** Keeps all of a body, and masks it at its end. */
class WholeBody implements AnswerMasker {
  readonly #show: (text: string) => string
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(show: (text: string) => string) {
    this.#show = show
  }

  mask(chunk: Buffer): Buffer {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_WHOLE) throw unmaskable(`the answer is longer than ${MAX_WHOLE} bytes`)
    this.#chunks.push(chunk)
    return NOTHING
  }

  end(): Buffer {
    try {
      return Buffer.from(this.#show(UTF8.decode(Buffer.concat(this.#chunks))))
    } catch (error) {
      throw error instanceof PamError ? error : unmaskable('the answer is not UTF-8')
    }
  }
}

function maskJson(text: string, search: KindSearch): string {
  if (text.trim() === '') return text
  const root = parseJson(text)
  if (root === undefined) throw unmaskable('the answer is not JSON, as it says')
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = []
  const put = ({ start, end }: { readonly start: number; readonly end: number }, shown: string | null): void =>
    void edits.push({ start, end, text: JSON.stringify(shown) })
  const walk = (node: JsonNode): void => {
    switch (node.type) {
      case 'object':
        for (const { name, nameAt, value } of node.members) {
          const shown = hideInText(name, search)
          if (shown !== undefined) put(nameAt, shown ?? '')
          walk(value)
        }
        return
      case 'array':
        for (const item of node.items) walk(item)
        return
      case 'string': {
        const shown = hideInText(node.value, search)
        if (shown !== undefined) put(node, shown)
        return
      }
      case 'number':
        if (hideNumber(Number(node.text), search) === null || hideInText(node.text, search) !== undefined)
          put(node, null)
        return
      case 'word':
    }
  }
  walk(root)
  let shown = ''
  let at = 0
  for (const edit of edits) {
    shown += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return shown + text.slice(at)
}

const unmaskable = (why: string): PamError =>
  new PamError('MASKING_REFUSED', `values are masked here, and ${why}`, { side: 'upstream' })

const TEXTS = new Set([
  'text/plain',
  'text/html',
  'text/csv',
  'text/xml',
  'application/xml',
  'application/xhtml+xml',
  'text/markdown',
])
const MAX_WHOLE = 4 * 1024 * 1024
const NOTHING = Buffer.alloc(0)
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
