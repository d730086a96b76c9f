import type { Parameter } from './http-request.ts'

/**
 * The fields of a form in parts (RFC 7578). It is read as strictly as browsers, curl and libraries write it: what they never write, servers read
 * differently. A file is a field of three values: what it holds, which Go and Bottle take for a field's where the file has no name; its name, as Perl's CGI
 * has it; and none.
 */
export function readParts(
  bytes: Buffer,
  boundary: string | undefined,
): readonly Parameter[] | { readonly failure: string } {
  if (boundary === undefined || !BOUNDARY.test(boundary)) return { failure: 'the form in parts has no usable boundary' }
  const text = bytes.toString('latin1')
  const mark = `--${boundary}`
  const fields: Parameter[] = []
  let parts = 0
  if (!text.startsWith(mark)) return { failure: 'the form does not begin with its boundary' }
  let at = mark.length
  for (;;) {
    if (text.startsWith('--', at))
      return /^--(?:\r\n)?$/.test(text.slice(at)) ? fields : { failure: 'something follows the end of the form' }
    if (!text.startsWith('\r\n', at)) return { failure: 'a boundary of the form is not alone on its line' }
    const headEnd = text.indexOf('\r\n\r\n', at)
    const end = headEnd < 0 ? -1 : text.indexOf(`\r\n${mark}`, headEnd + 2)
    if (end < 0) return { failure: 'a part of the form does not end' }
    // Behind another end of a line it is a boundary for some readers.
    if (text.indexOf(mark, headEnd) !== end + 2) return { failure: 'a part of the form has the boundary within it' }
    const part = readPartHead(text.slice(at + 2, headEnd))
    if ('failure' in part) return part
    const value = end < headEnd + 4 ? '' : text.slice(headEnd + 4, end)
    const bytes = Buffer.from(value, 'latin1')
    const { name, file } = part
    const held = bytes.toString('utf8')
    if (file === undefined && !Buffer.from(held).equals(bytes)) return { failure: 'a field of the form is not UTF-8' }
    fields.push({ name, value: held })
    if (file !== undefined) fields.push({ name, value: file }, { name, value: '' })
    if (++parts > MAX_PARTS) return { failure: `the form has more than ${MAX_PARTS} parts` }
    at = end + 2 + mark.length
  }
}

function readPartHead(
  head: string,
): { readonly name: string; readonly file: string | undefined } | { readonly failure: string } {
  let disposition: string | undefined
  let isInUtf8 = true
  for (const line of head.split('\r\n')) {
    const [, name = '', value = ''] = /^([A-Za-z-]+): ?(\P{Cc}*)$/u.exec(line) ?? []
    const lower = name.toLowerCase()
    if (lower === 'content-disposition' && disposition === undefined) disposition = value
    else if (OTHER_HEADERS.get(lower)?.test(value) !== true)
      return { failure: 'a part of the form has a head that is not plain' }
    if (lower === 'content-type' && /charset/i.test(value)) isInUtf8 = UTF8_TYPE.test(value)
  }
  const [, name, file] = DISPOSITION.exec(disposition ?? '') ?? []
  if (!isInUtf8 && (file ?? '') === '') return { failure: 'a field of the form is in another character set than UTF-8' }
  if (name === undefined) return { failure: 'a part of the form has no plain name' }
  const decoded = decodeName(name)
  if (decoded === undefined) return { failure: 'a part of the form has a name that is not plain' }
  return { name: decoded, file: file === undefined ? undefined : Buffer.from(file, 'latin1').toString('utf8') }
}

/** Browsers write quotes and line ends in names in percent encoding (WHATWG); nothing else is spelled so. */
function decodeName(name: string): string | undefined {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  return text.includes('\uFFFD') || /%|=\?|\\/.test(text) ? undefined : text
}

const BOUNDARY = /^[A-Za-z0-9'()+_,./:=?-]{1,70}$/
const DISPOSITION =
  /^form-data; name="([^"\\]*)"(?:; filename="((?:[^"\\]|\\["\\])*)"(?:; filename\*=[A-Za-z0-9'%._~-]+)?)?$/
/** A part is as it stands, and has no parts of its own. */
const OTHER_HEADERS: ReadonlyMap<string, RegExp> = new Map([
  ['content-type', /^(?!multipart|message)/i],
  ['content-length', /^\d+$/],
  ['content-transfer-encoding', /^(?:7bit|8bit|binary)$/i],
])
/** Of a field: some readers go by it, and read `admin` where it is not. */
const UTF8_TYPE = /^[^;]*;\s*charset="?(?:utf-?8|us-ascii)"?\s*$/i
const MAX_PARTS = 1000
