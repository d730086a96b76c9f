import { parseJson, toValue } from '../json/parse-json.ts'
import type { BodyLook, Parameter, RequestBody } from './http-request.ts'
import { mayOverride } from './method-override.ts'
import { readParts } from './read-multipart.ts'
import { readParameters } from './read-target.ts'

export interface ContentType {
  /** In lower case. */
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

/** What `passedHeaders` has let through. */
export function readContentType(text: string | undefined): ContentType {
  const [type = '', ...rest] = (text ?? '').split(';')
  const parameters = new Map<string, string>()
  for (const part of rest) {
    const at = part.indexOf('=')
    if (at < 0) continue
    const value = part.slice(at + 1).trim()
    parameters.set(part.slice(0, at).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'))
  }
  return { type: type.trim().toLowerCase(), parameters }
}

/**
 * A body as servers read it. Forms are read in full, since a field can name another method: a form that cannot be is a failure, as is another body
 * in which a less strict reader might find such a name. Whatever else cannot be read may say anything.
 */
export function readBody(content: ContentType, bytes: Buffer): RequestBody | { readonly failure: string } {
  const { type, parameters } = content
  if (bytes.length === 0) return { type: 'none' }
  const charset = charsetOf(content)
  if (isForm(type)) {
    if (!PLAIN.has(charset)) return { failure: `a form in ${charset} is not supported` }
    const fields = type.startsWith('multipart/') ? readParts(bytes, parameters.get('boundary')) : readForm(bytes)
    if ('failure' in fields) return fields
    // It says in which character set the other fields are.
    return fields.some(({ name }) => /^\s*_charset_/i.test(name))
      ? { failure: 'the field _charset_ is not supported' }
      : { type: 'form', fields }
  }
  const read = isJson(type) ? readJson(charset, bytes) : { reason: bodyOfType(type) }
  if ('type' in read) return read
  if (isJson(type) && !KNOWN.test(charset)) return { failure: `a body of JSON in ${charset} is not supported` }
  return mayOverride(bytes)
    ? { failure: `${read.reason}, and could name another method` }
    : { type: 'opaque', ...read, looksLike: lookOf(bytes) }
}

/** By the first letter behind blanks and marks of byte order, in any encoding that has the letters of ASCII. */
function lookOf(bytes: Buffer): BodyLook {
  const [letter] = /[^\s\0\xef\xbb\xbf\xfe\xff]/.exec(bytes.subarray(0, MAX_BLANKS).toString('latin1')) ?? []
  if (letter === undefined) return bytes.length > MAX_BLANKS ? 'any' : 'other'
  return letter === '{' || letter === '[' ? 'json' : letter === '<' ? 'xml' : 'other'
}

/** Whether servers take a body for a form; some look at the beginning of the type alone. */
export const isForm = (type: string): boolean =>
  type.startsWith('application/x-www-form-urlencoded') || type.startsWith('multipart/')

export const isJson = (type: string): boolean => /^[a-z0-9.-]+\/(?:[a-z0-9.-]+\+)?json$/.test(type)

const charsetOf = ({ parameters }: ContentType): string => parameters.get('charset')?.toLowerCase() ?? 'utf-8'

const bodyOfType = (type: string): string => (type === '' ? 'a body of no type' : `a body of ${type}`)

function readJson(charset: string, bytes: Buffer): RequestBody | { readonly reason: string } {
  if (!PLAIN.has(charset)) return { reason: `a body in ${charset}` }
  const text = textOf(bytes)
  const node = text === undefined ? undefined : parseJson(text)
  if (node === undefined) return { reason: 'a body that is not JSON' }
  const read = toValue(node)
  return read === undefined ? { reason: 'a body with a name twice' } : { type: 'json', value: read.value }
}

/** As JSON is, apart from its names and values. */
function readForm(bytes: Buffer): readonly Parameter[] | { readonly failure: string } {
  const text = textOf(bytes)
  if (text === undefined || !/^[\x20-\x7e\r\n]*$/.test(text)) return { failure: 'the form is not in percent encoding' }
  const fields = readParameters(text.trim())
  return 'failure' in fields ? { failure: `the form has ${fields.failure}` } : fields
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/** With a byte order mark it is not JSON to most servers. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const PLAIN: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii'])
/** Letters are in them what they are in ASCII, apart from NUL bytes between them. */
const KNOWN = /^(?:utf-?(?:8|16|32)(?:[lb]e)?|us-ascii|iso-8859-\d+|windows-125\d)$/
const MAX_BLANKS = 4096
