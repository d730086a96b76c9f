import type { Parameter } from './http-request.ts'

export interface RequestTarget {
  readonly path: string
  readonly segments: readonly string[]
  readonly query: readonly Parameter[]
}

/** What is read of a path only where its target says so. */
export interface PathOptions {
  /** A slash in percent encoding is a character of its segment; otherwise it is refused. */
  readonly encodedSlashes?: boolean
}

/**
 * Path and query of a request. Servers take paths apart in different ways: they decode before they split, or after, once or twice; they remove
 * dots, double slashes and what follows a semicolon; they turn letters into others. What any of them might take for another path is refused,
 * so that what is left has one reading: `%40` and `@` are the same to all that decode. An encoded slash is the exception: see `readingsOf`.
 */
export function readTarget(target: string, options: PathOptions = {}): RequestTarget | { readonly failure: string } {
  const at = target.indexOf('?')
  const [path, query] = at < 0 ? [target, undefined] : [target.slice(0, at), target.slice(at + 1)]
  if (!path.startsWith('/')) return { failure: 'the path must begin with a slash' }
  const segments: string[] = []
  const raw = path.slice(1).split('/')
  if (raw.length > MAX_SEGMENTS) return { failure: `the path has more than ${MAX_SEGMENTS} segments` }
  for (const [index, text] of raw.entries()) {
    const segment = readSegment(text, index === raw.length - 1, options)
    if (typeof segment !== 'string') return segment
    segments.push(segment)
  }
  const joined = segments.filter((segment) => segment.includes('/'))
  if (joined.length > MAX_JOINED)
    return { failure: `more than ${MAX_JOINED} segments of the path have encoded slashes` }
  if (joined.join('/').split('/').length + segments.length - joined.length > MAX_SEGMENTS)
    return { failure: `the path has more than ${MAX_SEGMENTS} segments` }
  const parameters = query === undefined ? [] : readParameters(query)
  return 'failure' in parameters ? parameters : { path, segments, query: parameters }
}

function readSegment(
  text: string,
  isLast: boolean,
  { encodedSlashes = false }: PathOptions,
): string | { readonly failure: string } {
  if (text === '') return isLast ? '' : { failure: 'the path has two slashes in a row' }
  const wrong = NOT_IN_SEGMENT.exec(text)?.[0]
  if (wrong !== undefined)
    return {
      failure:
        wrong === '%'
          ? 'the path contains "%" not followed by two hexadecimal digits'
          : `the path contains "${wrong}", which is not accepted`,
    }
  for (const [spelled] of text.matchAll(/%../g))
    if (UNRESERVED.test(String.fromCharCode(Number.parseInt(spelled.slice(1), 16))))
      return { failure: `the path spells a plain character as ${spelled}` }
  const decoded = decode(text)
  if (decoded === undefined) return { failure: 'the path is not UTF-8' }
  if (decoded.includes('/') && !encodedSlashes)
    return { failure: 'the path has an encoded slash, and the target does not say encodedSlashes: true' }
  // A server that takes an encoded slash for a slash has these as its segments.
  for (const part of decoded.split('/')) {
    const failure = part === '' ? 'an encoded slash of the path has nothing before or after it' : wrongIn(part)
    if (failure !== undefined) return { failure }
  }
  return decoded
}

/** What a server may take for something else in a decoded segment. */
function wrongIn(decoded: string): string | undefined {
  if (decoded.includes('\\')) return 'the path has an encoded backslash'
  if (/[%?#;]/.test(decoded)) return 'the path has an encoded percent sign, question mark, hash or semicolon'
  if (HIDDEN.test(decoded)) return 'the path has a control character or an invisible one'
  if (decoded === '.' || decoded === '..') return 'the path contains a segment "." or ".."'
  if (/^\s|[\s.]$/.test(decoded)) return 'a segment of the path begins or ends with a blank, or ends with a dot'
  if (/^[+\p{M}]+$/u.test(decoded))
    return 'a segment of the path has nothing but plus signs or accents, which some servers leave out'
  if (decoded.includes('::')) return 'the path has two colons in a row'
  if (/\([a-z]\(/i.test(decoded))
    return 'the path has a letter between two opening parentheses, where ASP.NET puts a session id'
  if (decoded.includes(':$')) return 'the path has a colon before a dollar sign, as streams of files have'
  if (/~\d/.test(decoded)) return 'the path has a tilde before a digit, as short names of files have'
  return decoded.normalize('NFKC') !== decoded || SLASH_LIKE.test(decoded)
    ? 'the path has characters that stand for others'
    : undefined
}

/**
 * The segments of a path as servers may have them: one with an encoded slash in it is a segment for those that take the path apart first, and several for
 * those that decode first. The first is the path as it stands.
 */
export function readingsOf(segments: readonly string[]): readonly (readonly string[])[] {
  if (!segments.some((segment) => segment.includes('/'))) return [segments]
  let readings: readonly (readonly string[])[] = [[]]
  for (const segment of segments) {
    const ways = segment.includes('/') ? [[segment], segment.split('/')] : [[segment]]
    readings = ways.flatMap((way) => readings.map((reading) => [...reading, ...way]))
  }
  return readings
}

/** The other readings of a path (`readTarget`) besides itself: as servers have it that take its encoded slashes, or some of them, for slashes. */
export function otherPathsOf(path: string): readonly { readonly path: string; readonly segments: string[] }[] {
  if (!/%2F/i.test(path)) return []
  const texts = path
    .slice(1)
    .split('/')
    .map((text) => text.replaceAll(/%2F/gi, '/'))
  return readingsOf(texts)
    .slice(1)
    .map((reading) => ({
      path: `/${reading.map((text) => text.replaceAll('/', '%2F')).join('/')}`,
      segments: reading.map((text) => decode(text) ?? text),
    }))
}

/**
 * The parameters of a query, or of a form. A blank is a plus sign or %20. Semicolons part parameters for some servers, and a name or value that
 * is not UTF-8 is something else for each.
 */
export function readParameters(text: string): readonly Parameter[] | { readonly failure: string } {
  if (text === '') return []
  const parameters: Parameter[] = []
  for (const part of text.split('&')) {
    if (part === '') continue
    if (part.includes(';')) return { failure: 'a semicolon, which separates parameters for some servers' }
    const at = part.indexOf('=')
    const name = decode((at < 0 ? part : part.slice(0, at)).replaceAll('+', ' '))
    const value = decode((at < 0 ? '' : part.slice(at + 1)).replaceAll('+', ' '))
    if (name === undefined || value === undefined)
      return { failure: 'a parameter that is not UTF-8 in percent encoding' }
    if (name.includes('\0') || value.includes('\0')) return { failure: 'a parameter with a NUL' }
    if (parameters.push({ name, value }) > MAX_PARAMETERS) return { failure: `more than ${MAX_PARAMETERS} parameters` }
  }
  return parameters
}

/** Undefined for what is no percent encoding of UTF-8; what has more bytes than it needs is none. */
function decode(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** What is not in pchar of RFC 3986 without the semicolon, or not a whole percent encoding. */
const NOT_IN_SEGMENT = /[^A-Za-z0-9._~!$&'()*+,=:@%-]|%(?![0-9A-Fa-f]{2})/u
/** Nobody has to encode these (RFC 3986, section 2.3). Others that a path may have as they are, such as `@` and `+`, clients encode as a matter of course. */
const UNRESERVED = /[A-Za-z0-9._~-]/
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u
/** What Windows makes slashes of, where its characters are fewer. */
const SLASH_LIKE = /[\u2044\u2215\u2216\u29f5\u29f8]/
const MAX_SEGMENTS = 100
/** Each doubles the ways in which a path may be read. */
const MAX_JOINED = 3
const MAX_PARAMETERS = 1000
