import { createHash } from 'node:crypto'
import type { Recordable, Session } from '../../../gateway/engine.ts'
import { withoutSecretsInData, withoutSecretsOf, withoutSecretsUnder } from '../../../host/without-secrets.ts'
import { escapeMarks } from '../../../shared/commitment.ts'
import { wordList } from '../../../shared/word-list.ts'
import { mapCookieValues } from '../browser/cookies.ts'
import type { HttpRequest, Parameter } from '../request/http-request.ts'
import type { Header, Headers } from '../wire/headers.ts'

export interface RequestText {
  /** For whoever decides: exactly what goes upstream, but for what no text can show. */
  readonly shown: string
  /** What may be kept for ever: a commitment stands in place of each secret. */
  readonly recorded: Recordable
}

/**
 * A request as people read it: its first line, the headers that pass with it, and its body. `bytes`: undefined where the body is
 * not read before the decision.
 */
export function requestText(
  { method, path, segments, query, contentType, body, grpc }: HttpRequest,
  target: string,
  { headers, trailers }: { readonly headers: Headers; readonly trailers: Headers },
  bytes: Buffer | undefined,
  session: Pick<Session, 'masking' | 'commitment'>,
): RequestText {
  const keep = (text: string): string => withoutSecretsInData(escapeMarks(text), session)
  const keepNamed = (name: string, value: string): string => withoutSecretsUnder(name, escapeMarks(value), session)
  const keeping: Keeping = { keep, keepNamed }
  const content = grpc === undefined ? bodyText(bytes, body.type, contentType) : callText(bytes)
  const cookies = (value: string): string =>
    mapCookieValues(value, (cookie) => `<secret ${session.commitment(cookie)}>`)
  // Whoever has a cookie is the person whom the target takes for its owner: nobody who decides needs that.
  const headerLine = ([name, value]: Header, show: ShowValue): string =>
    name === 'cookie' ? `cookie: ${cookies(value)}` : `${name}: ${show(name, value)}`
  const isLong = bytes !== undefined && bytes.length > MAX_TEXT
  const told = headers.filter(([name]) => !USUAL.has(name))
  const render = (line: string, show: ShowValue, shownBody: string | undefined): string =>
    [line, ...told.map((header) => headerLine(header, show))].join('\n') +
    (shownBody === undefined ? '' : `\n\n${shownBody}`) +
    trailers.map(([name, value]) => `\n\ntrailer ${name}: ${show(name, value)}`).join('')
  const kept = path
    .split('/')
    .slice(1)
    .map((spelled, index) => `/${keptOf(segments[index] ?? '', spelled, keep)}`)
    .join('')
  const line = query.length === 0 ? kept : `${kept}?${keptParameters(query, keeping)}`
  const shown = render(`${method} ${target}`, (_, value) => value, content)
  const beside = withoutSecretsOf(shown, session)
  const plain = (said: string): string => beside(escapeMarks(said))
  return {
    shown,
    recorded: {
      text: render(
        `${method} ${line}`,
        keeping.keepNamed,
        isLong ? content : keptBody(content, body, contentType, keeping),
      ),
      parameters: [],
      // What is said of a request names its path as it is spelled, where its encoding would hide values.
      keep: (said) => (said === path ? kept : kept === path ? plain(said) : said.split(path).map(plain).join(kept)),
    },
  }
}

type Keep = (text: string) => string
type ShowValue = (name: string, value: string) => string

interface Keeping {
  readonly keep: Keep
  readonly keepNamed: ShowValue
}

/** What is in percent encoding, or escaped as in JSON, would hide its kind from who looks for it. */
function keptBody(
  content: string | undefined,
  body: HttpRequest['body'],
  contentType: string,
  keeping: Keeping,
): string | undefined {
  if (content === undefined) return undefined
  const isForm = body.type === 'form' && !contentType.startsWith('multipart/')
  const kept = isForm
    ? keptParameters(body.fields, keeping)
    : keeping.keep(body.type === 'json' && content.includes('\\') ? JSON.stringify(body.value) : content)
  return kept.length > MAX_TEXT ? `(${kept.length} characters of ${contentType})` : kept
}

const keptParameters = (parameters: readonly Parameter[], { keep, keepNamed }: Keeping): string =>
  parameters
    .map(({ name, value }) => {
      const kept = keepNamed(name, value)
      return `${keptOf(name, encodeURIComponent(name), keep)}=${kept === value ? encodeURIComponent(value) : kept}`
    })
    .join('&')

/** As it was spelled, unless something in it is secret. */
function keptOf(decoded: string, spelled: string, keep: Keep): string {
  const shown = keep(decoded)
  return shown === decoded ? spelled : shown
}

/** Of messages whose format is not known: how many bytes they are. */
const callText = (bytes: Buffer | undefined): string =>
  bytes === undefined
    ? '(messages of gRPC, which are sent on as they come)'
    : `(${bytes.length} bytes of messages of gRPC, SHA-256 ${createHash('sha256').update(bytes).digest('hex')})`

/** A text as it is; of bytes that are none, how many there are. */
function bodyText(
  bytes: Buffer | undefined,
  type: HttpRequest['body']['type'],
  contentType: string,
): string | undefined {
  if (bytes === undefined) return '(a long body, which is sent on as it comes)'
  if (type === 'none') return undefined
  if (bytes.length > MAX_TEXT)
    return `(${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('hex')})`
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) && !BINARY.test(text)
    ? text
    : `(${bytes.length} bytes of ${contentType === '' ? 'no type' : contentType})`
}

/** Said with each request, and no part of what it asks for. */
const USUAL: ReadonlySet<string> = new Set(
  wordList(`
    accept accept-language accept-charset user-agent cache-control pragma origin dnt sec-gpc
    sec-fetch-site sec-fetch-mode sec-fetch-dest sec-fetch-user sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform
  `),
)
// eslint-disable-next-line no-control-regex
const BINARY = /[\u0000-\u0008\u000e-\u001f]/
/** Longer bodies are in a record, and in what is shown, by their digest. */
const MAX_TEXT = 1024 * 1024
