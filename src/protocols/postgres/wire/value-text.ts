/**
 * Composite values as the server writes them in text: arrays, rows, hstore, json, bytea. Each function takes a value apart, passes on its
 * parts, and writes the value again if one of them changed. Undefined: the value does not have this form.
 */

/** Rewrites a decoded part; returns undefined to leave it as it is, null to make it SQL NULL. */
export type PartRewrite = (part: string) => string | null | undefined

/** The rewritten value: false if nothing changed, null if it becomes NULL. */
export type Rewritten = string | null | false

/** `{a,"b c",NULL,{…}}`, with its bounds in front unless all lower bounds are 1. Source: array_out in arrayfuncs.c. */
export function rewriteArrayText(text: string, delimiter: string, rewrite: PartRewrite): Rewritten | undefined {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  if ((start === 0 && text.startsWith('[')) || !/^(\[-?\d+:-?\d+\])*=?$/.test(text.slice(0, start))) return undefined
  if (text[start] !== '{') return undefined
  let out = text.slice(0, start)
  let changed = false
  let depth = 0
  let at = start
  /** Whether an element may follow here: after a brace or a delimiter. */
  let open = false
  while (at < text.length) {
    const character = text.charAt(at)
    if (character === '{') {
      if (depth > 0 && !open) return undefined
      depth++
      open = true
      out += character
      at++
    } else if (character === '}') {
      if (depth === 0) return undefined
      depth--
      open = false
      out += character
      at++
      if (depth === 0) break
    } else if (character === delimiter) {
      if (open) return undefined
      open = true
      out += character
      at++
    } else {
      if (!open) return undefined
      const element = readElement(text, at, delimiter)
      if (element === undefined) return undefined
      open = false
      at = element.end
      const isNull = !element.quoted && /^null$/i.test(element.value)
      const replaced = isNull ? undefined : rewrite(element.value)
      if (replaced === undefined) out += text.slice(element.start, at)
      else {
        changed = true
        out += replaced === null ? 'NULL' : quoteElement(replaced, delimiter)
      }
    }
  }
  if (depth !== 0 || at !== text.length) return undefined
  return changed ? out : false
}

/** Quotes an element where the server does. */
const quoteElement = (text: string, delimiter: string): string =>
  text === '' || /^null$/i.test(text) || /[\s"\\{}]/.test(text) || text.includes(delimiter)
    ? `"${text.replace(/["\\]/g, '\\$&')}"`
    : text

interface Element {
  readonly start: number
  readonly end: number
  readonly value: string
  readonly quoted: boolean
}

function readElement(text: string, start: number, delimiter: string): Element | undefined {
  let value = ''
  if (text[start] === '"') {
    for (let at = start + 1; at < text.length; at++) {
      const character = text.charAt(at)
      if (character === '"') return { start, end: at + 1, value, quoted: true }
      value += character === '\\' ? (text[++at] ?? '') : character
    }
    return undefined
  }
  let at = start
  for (; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === delimiter || character === '}') break
    if (character === '{' || character === '"') return undefined
    value += character === '\\' ? (text[++at] ?? '') : character
  }
  return at < text.length ? { start, end: at, value, quoted: false } : undefined
}

/** `(a,"b ""c""",)`; an empty field is NULL. Source: record_out in rowtypes.c. */
export function rewriteRowText(text: string, rewrite: PartRewrite): Rewritten | undefined {
  const fields = splitFields(text, '(', ')')
  if (fields === undefined) return undefined
  let changed = false
  const out = fields.map(({ raw, value }) => {
    const replaced = value === undefined ? undefined : rewrite(value)
    if (replaced === undefined) return raw
    changed = true
    if (replaced === null) return ''
    return replaced === '' || /[\s"\\(),]/.test(replaced) ? `"${replaced.replace(/["\\]/g, '$&$&')}"` : replaced
  })
  return changed ? `(${out.join(',')})` : false
}

interface RowField {
  readonly raw: string
  /** Undefined: NULL. */
  readonly value: string | undefined
}

/** The parts between two brackets, quoted as in a row. */
function splitFields(text: string, opening: string, closing: string): RowField[] | undefined {
  if (text.length < 2 || !opening.includes(text.charAt(0)) || !closing.includes(text.charAt(text.length - 1)))
    return undefined
  const fields: RowField[] = []
  const end = text.length - 1
  let from = 1
  let value: string | undefined
  let quoted = false
  for (let at = 1; at <= end; at++) {
    const character = text.charAt(at)
    if (at === end || (!quoted && character === ',')) {
      if (quoted) return undefined
      fields.push({ raw: text.slice(from, at), value })
      value = undefined
      from = at + 1
    } else if (character === '"') {
      value ??= ''
      if (quoted && text[at + 1] === '"' && at + 1 < end) {
        value += '"'
        at++
      } else quoted = !quoted
    } else if (character === '\\') value = (value ?? '') + (text[++at] ?? '')
    else {
      if (!quoted && (character === ')' || character === '(')) return undefined
      value = (value ?? '') + character
    }
  }
  return fields
}

/**
 * The bounds of a range, `[a,"b c")`, or of all ranges of a multirange, `{[a,b),[c,d)}`; undefined if the text is neither. Source:
 * range_out in rangetypes.c, multirange_out in multirangetypes.c.
 */
export function rangeBounds(text: string): string[] | undefined {
  if (text === 'empty' || text === '{}') return []
  const bounds: string[] = []
  let inside = text
  if (text.startsWith('{')) {
    if (!text.endsWith('}')) return undefined
    inside = text.slice(1, -1)
  }
  for (let at = 0; at < inside.length; at++) {
    if (inside[at] === ',' && at > 0) at++
    const end = endOfRange(inside, at)
    const fields = end === undefined ? undefined : splitBounds(inside.slice(at, end))
    if (end === undefined || fields === undefined) return undefined
    bounds.push(...fields)
    at = end - 1
  }
  return bounds
}

function endOfRange(text: string, start: number): number | undefined {
  if (text[start] !== '[' && text[start] !== '(') return undefined
  let quoted = false
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '\\') at++
    else if (character === '"') quoted = !quoted
    else if (!quoted && (character === ']' || character === ')')) return at + 1
  }
  return undefined
}

function splitBounds(range: string): string[] | undefined {
  const fields = splitFields(range, '[(', '])')
  return fields?.length === 2 ? fields.flatMap(({ value }) => value ?? []) : undefined
}

/** `"key"=>"value", "other"=>NULL`. Source: hstore_out in hstore_io.c. */
export function rewriteHstoreText(text: string, rewrite: PartRewrite): Rewritten | undefined {
  if (text === '') return false
  let changed = false
  let out = ''
  let at = 0
  const part = (): string | undefined => {
    const end = endOfQuoted(text, at)
    if (end === undefined) return undefined
    const quoted = text.slice(at, end)
    at = end
    const replaced = rewrite(quoted.slice(1, -1).replace(/\\([\s\S])/g, '$1'))
    if (replaced === undefined) return quoted
    changed = true
    return replaced === null ? 'NULL' : `"${replaced.replace(/["\\]/g, '\\$&')}"`
  }
  while (at < text.length) {
    const key = part()
    // A key cannot be NULL.
    if (key === undefined || !text.startsWith('=>', at)) return undefined
    at += 2
    let value: string | undefined
    if (text.startsWith('NULL', at)) {
      value = 'NULL'
      at += 4
    } else value = part()
    if (value === undefined) return undefined
    out += `${key === 'NULL' ? '""' : key}=>${value}`
    if (at === text.length) break
    if (!text.startsWith(', ', at)) return undefined
    out += ', '
    at += 2
  }
  return changed ? out : false
}

/**
 * Behind the quotation marks that begin at `start`; undefined where none do, or none end. By hand: an expression that repeats a choice keeps a place of each
 * character, and runs out of them within some megabytes.
 */
function endOfQuoted(text: string, start: number): number | undefined {
  if (text[start] !== '"') return undefined
  const sign = /["\\]/g
  sign.lastIndex = start + 1
  for (let found = sign.exec(text); found !== null; found = sign.exec(text)) {
    if (found[0] === '"') return sign.lastIndex
    sign.lastIndex++
  }
  return undefined
}

/**
 * Rewrites the strings (keys included) and numbers of a JSON text; everything around them stays as it is. A number that changes becomes a
 * string; a part that becomes NULL becomes null, as a key the empty string. Undefined if the text is not JSON.
 */
export function rewriteJsonText(text: string, rewrite: PartRewrite): Rewritten | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  let changed = false
  const out = text.replace(JSON_PART, (part: string, offset: number) => {
    if (part === 'true' || part === 'false' || part === 'null') return part
    const isString = part.startsWith('"')
    const replaced = rewrite(isString ? (JSON.parse(part) as string) : withAllDigits(part))
    if (replaced === undefined) return part
    changed = true
    if (replaced !== null) return JSON.stringify(replaced)
    return isString && /^\s*:/.test(text.slice(offset + part.length)) ? '""' : 'null'
  })
  return changed ? out : false
}

/** A number without the exponent with which the server writes a float8 of many digits. */
const withAllDigits = (number: string): string => (/[eE]/.test(number) ? String(Number(number)) : number)

const JSON_PART = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|true|false|null/g

/** The bytes of a bytea in its text form: `\x…`, or octal escapes. Undefined if the text is neither. Source: byteaout in varlena.c. */
export function bytesOfText(text: string): Buffer | undefined {
  if (text.startsWith('\\x')) {
    const hex = text.slice(2)
    return hex.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(hex) ? Buffer.from(hex, 'hex') : undefined
  }
  if (NOT_PLAIN.test(text.replace(/\\(?:\\|[0-3][0-7]{2})/g, ''))) return undefined
  const plain = text.replace(/\\(\\|[0-3][0-7]{2})/g, (_, code: string) =>
    code === '\\' ? '\\' : String.fromCharCode(Number.parseInt(code, 8)),
  )
  return Buffer.from(plain, 'latin1')
}

/** Besides two backslashes for one, and a backslash and three octal digits for a byte, there is printable ASCII. */
const NOT_PLAIN = /[^\x20-\x5b\x5d-\x7e]/

/** Writes bytes in the form that `like` has. */
export function textOfBytes(bytes: Buffer, like: string): string {
  if (like.startsWith('\\x')) return `\\x${bytes.toString('hex')}`
  let text = ''
  for (const byte of bytes) {
    if (byte === 0x5c) text += '\\\\'
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`
    else text += String.fromCharCode(byte)
  }
  return text
}
