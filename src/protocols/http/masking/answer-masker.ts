import type { Session } from '../../../gateway/engine.ts'
import { hideInText, type KindSearch } from '../../../masking/hidden-text.ts'
import type { MaskingPlan } from '../../../masking/plan.ts'
import { mayHaveFieldsOf, type AnsweredRequest } from '../policy/masked-fields.ts'
import type { Work } from '../../../shared/slices.ts'
import { isJson, readContentType } from '../request/read-body.ts'
import { isLatin, isUtf8 } from './charsets.ts'
import { BinaryMasker, isBinary } from './binary-masker.ts'
import { EventStreamMasker } from './event-stream-masker.ts'
import { FieldPlaces } from './field-places.ts'
import { JsonMasker } from './json-masker.ts'
import { maskMessage } from './mask-message.ts'
import type { AnswerMasker } from './masker.ts'
import { maskText, TextMasker, type TextOptions } from './text-masker.ts'

type Masking = Pick<Session, 'masking' | 'hashKeys'>

export interface AnswerKind {
  readonly status: number
  /** The values of `Content-Type`. */
  readonly contentTypes: readonly string[]
  readonly request: AnsweredRequest
}

/** How the body of an answer is masked, by its type. What cannot be read is not shown where anything is masked. */
export function answerMasker(
  { status, contentTypes, request }: AnswerKind,
  { masking, hashKeys }: Masking,
): AnswerMasker | 'as it is' | { readonly refuse: string } {
  const root = FieldPlaces.of(pointersFor(masking, request))
  const search: KindSearch = { kinds: masking.kinds, keys: hashKeys }
  if (root === undefined && search.kinds.length === 0) return 'as it is'
  if (status === 206) return refused('in a part of a document: a value may be cut at its ends')
  if (contentTypes.length > 1) return refused('in an answer of several types')
  const { type, parameters } = readContentType(contentTypes[0])
  // Readers differ in which of them they take.
  if (/charset.*charset/is.test(contentTypes[0] ?? '')) return refused('in an answer of several character sets')
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8'
  const inUtf8 = isUtf8(charset)
  if (isJson(type) || LINES_OF_JSON.has(type))
    return inUtf8 ? new JsonMasker(search, root, LINES_OF_JSON.has(type)) : refused(`in ${charset}`)
  if (type === 'text/event-stream') return inUtf8 ? new EventStreamMasker(search, root) : refused(`in ${charset}`)
  if (root !== undefined) return refused(`in ${nameOf(type)}, where no field can be found`)
  if (isBinary(type)) return new BinaryMasker(type, search)
  const text = textOptions(type)
  if (text === undefined) return refused(`in ${nameOf(type)}`)
  if (!inUtf8 && !isLatin(charset)) return refused(`in ${charset}`)
  return new TextMasker(search, { ...text, isLatin: !inUtf8 })
}

/** A message that comes through a connection, and says nothing of its type. `request`: that for the connection. */
export const maskedMessage = (text: string, request: AnsweredRequest, { masking, hashKeys }: Masking): Work<string> =>
  maskMessage(text, { kinds: masking.kinds, keys: hashKeys }, FieldPlaces.of(pointersFor(masking, request)))

/** A value of a header as it is shown. */
export function maskHeader(name: string, value: string, { masking, hashKeys }: Masking): string {
  const search = { kinds: masking.kinds, keys: hashKeys }
  if (search.kinds.length === 0 || hideInText(value, search) === undefined) return value
  return maskText(value, search, name === 'location' || name === 'content-location')
}

/** Those of rules whose routes or operations some server may take this request for. */
const pointersFor = ({ pointers = [] }: MaskingPlan, request: AnsweredRequest) =>
  pointers.filter(({ owner }) => mayHaveFieldsOf(owner, request))

function textOptions(type: string): TextOptions | undefined {
  if (type === 'text/html') return { format: 'html' }
  if (XHTML.has(type)) return { format: 'xhtml' }
  if (type === 'text/xml' || type === 'application/xml' || /^[a-z]+\/[a-z0-9.-]+\+xml$/.test(type))
    return { format: 'xml' }
  if (type === 'application/x-www-form-urlencoded') return { format: 'form' }
  const format = FORMATS.get(type)
  if (format !== undefined) return { format }
  return TEXTS.has(type) ? {} : undefined
}

const refused = (where: string) => ({ refuse: `values are masked here, which is not supported ${where}` })
const nameOf = (type: string): string => (type === '' ? 'a body of no type' : `a body of ${type}`)

const LINES_OF_JSON: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
  'application/json-lines',
  'application/json-seq',
  'application/stream+json',
])
const TEXTS: ReadonlySet<string> = new Set([
  'text/plain',
  'text/csv',
  'text/tab-separated-values',
  'application/openmetrics-text',
])
const XHTML: ReadonlySet<string> = new Set(['application/xhtml+xml', 'image/svg+xml'])
const FORMATS: ReadonlyMap<string, TextOptions['format']> = new Map([
  ['text/markdown', 'markdown'],
  ['text/css', 'css'],
  ['text/javascript', 'script'],
  ['application/javascript', 'script'],
  ['application/ecmascript', 'script'],
  ['application/x-javascript', 'script'],
  ['text/yaml', 'yaml'],
  ['application/yaml', 'yaml'],
  ['application/x-yaml', 'yaml'],
])
