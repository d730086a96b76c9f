import { parseJson, toValue } from '../json/parse-json.ts'
import type { RequestBody } from './http-request.ts'
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
 * A body as servers read it. Forms are read in full, since a field can name another method: a form that cannot be is a failure. Whatever else
 * cannot be read may say anything.
 */
export function readBody({ type, parameters }: ContentType, bytes: Buffer): RequestBody | { readonly failure: string } {
  if (bytes.length === 0) return { type: 'none' }
  if (type === 'application/x-www-form-urlencoded') return readForm(bytes)
  if (type.startsWith('multipart/')) {
    const fields = readParts(bytes, parameters.get('boundary'))
    return 'failure' in fields ? fields : { type: 'form', fields }
  }
  if (!isJson(type)) return { type: 'opaque', reason: type === '' ? 'a body of no type' : `a body of ${type}` }
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8'
  if (charset !== 'utf-8' && charset !== 'utf8') return { type: 'opaque', reason: `a body in ${charset}` }
  const text = textOf(bytes)
  const node = text === undefined ? undefined : parseJson(text)
  if (node === undefined) return { type: 'opaque', reason: 'a body that is not JSON' }
  const read = toValue(node)
  return read === undefined
    ? { type: 'opaque', reason: 'a body with a name twice' }
    : { type: 'json', value: read.value }
}

export const isJson = (type: string): boolean => /^[a-z0-9.-]+\/(?:[a-z0-9.-]+\+)?json$/.test(type)

/** As JSON is, apart from its names and values. */
function readForm(bytes: Buffer): RequestBody | { readonly failure: string } {
  const text = textOf(bytes)
  if (text === undefined || !/^[\x20-\x7e\r\n]*$/.test(text)) return { failure: 'the form is not in percent encoding' }
  const fields = readParameters(text.trim())
  return 'failure' in fields ? { failure: `the form has ${fields.failure}` } : { type: 'form', fields }
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
