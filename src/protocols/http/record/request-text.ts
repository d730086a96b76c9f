import type { Recordable, Session } from '../../../gateway/engine.ts'
import { withoutSecrets } from '../../../host/without-secrets.ts'
import { escapeMarks } from '../../../shared/commitment.ts'
import type { HttpRequest } from '../request/http-request.ts'
import type { Headers } from '../wire/headers.ts'

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
  { method, path, segments, query, contentType, body }: HttpRequest,
  target: string,
  headers: Headers,
  bytes: Buffer | undefined,
  session: Pick<Session, 'masking' | 'commitment'>,
): RequestText {
  const keep = (text: string): string => withoutSecrets(escapeMarks(text), session)
  const content = bodyText(bytes, body.type, contentType)
  const render = (line: string, show: (text: string) => string): string =>
    [line, ...headers.filter(([name]) => !USUAL.has(name)).map(([name, value]) => show(`${name}: ${value}`))].join(
      '\n',
    ) + (content === undefined ? '' : `\n\n${show(content)}`)
  // What is in percent encoding would hide its kind from who looks for it.
  const parts = [
    ...segments.map((segment, index) => ['/', segment, path.split('/')[index + 1] ?? ''] as const),
    ...query.flatMap(({ name, value }, index): (readonly [string, string, string])[] => [
      [index === 0 ? '?' : '&', name, encodeURIComponent(name)],
      ['=', value, encodeURIComponent(value)],
    ]),
  ]
  const kept = parts.map(([before, decoded, spelled], index) => {
    const isValue = before === '='
    const named = isValue ? `${parts[index - 1]?.[1] ?? ''}=` : ''
    const shown = keep(named + decoded)
    return before + (shown === named + decoded ? spelled : shown.slice(named.length))
  })
  return {
    shown: render(`${method} ${target}`, (text) => text),
    recorded: { text: render(`${method} ${kept.join('')}`, keep), parameters: [] },
  }
}

/** A text as it is; of bytes that are none, how many there are. */
function bodyText(
  bytes: Buffer | undefined,
  type: HttpRequest['body']['type'],
  contentType: string,
): string | undefined {
  if (bytes === undefined) return '(a long body, which is sent on as it comes)'
  if (type === 'none') return undefined
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) && !BINARY.test(text)
    ? text
    : `(${bytes.length} bytes of ${contentType === '' ? 'no type' : contentType})`
}

/** Said with each request, and no part of what it asks for. */
const USUAL = new Set(['accept', 'accept-language', 'accept-charset', 'user-agent', 'cache-control', 'pragma'])
// eslint-disable-next-line no-control-regex
const BINARY = /[\u0000-\u0008\u000e-\u001f]/
