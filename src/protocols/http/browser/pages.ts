import { createHash } from 'node:crypto'
import { escapeHtml } from '../../../shared/escape-html.ts'
import type { Header } from '../wire/headers.ts'

/** A page of the gateway's own at a target's host: plain HTML that runs no script and loads nothing. */
export interface Page {
  readonly headers: readonly Header[]
  readonly body: Buffer
}

export interface PageText {
  readonly title: string
  readonly paragraphs: readonly string[]
  /** A link within the host, or to the dashboard. */
  readonly link?: { readonly text: string; readonly url: string } | undefined
  /** Small, at the end: a code or an id to quote. */
  readonly note?: string | undefined
  /** A path that the browser goes on to by itself, after so many seconds. */
  readonly next?: { readonly seconds: number; readonly path: string } | undefined
  /** A button that sends a form to this path. */
  readonly button?: { readonly text: string; readonly path: string } | undefined
}

/** Nothing in it is markup but what stands here: every text is escaped. */
export function page({ title, paragraphs, link, note, next, button }: PageText): Page {
  const refresh =
    next === undefined ? '' : `<meta http-equiv="refresh" content="${next.seconds};url=${escapeHtml(next.path)}">`
  const parts = [
    ...paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`),
    ...(link === undefined ? [] : [`<p><a href="${escapeHtml(link.url)}">${escapeHtml(link.text)}</a></p>`]),
    ...(button === undefined
      ? []
      : [`<form method="post" action="${escapeHtml(button.path)}"><button>${escapeHtml(button.text)}</button></form>`]),
    ...(note === undefined ? [] : [`<p class="note">${escapeHtml(note)}</p>`]),
  ]
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main><h1>${escapeHtml(title)}</h1>
${parts.join('\n')}
</main></body></html>`
  const body = Buffer.from(html)
  return {
    headers: [
      ['content-type', 'text/html; charset=utf-8'],
      ['content-length', String(body.length)],
      ['content-security-policy', policy(button === undefined ? "'none'" : "'self'")],
      ...ownHeaders,
    ],
    body,
  }
}

/** On every answer that is the gateway's own: it is not kept, framed, sniffed or named to anybody else. */
export const ownHeaders: readonly Header[] = [
  ['cache-control', 'no-store'],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['strict-transport-security', 'max-age=31536000'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
]

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:4rem auto;padding:0 1rem;max-width:36rem}p{overflow-wrap:anywhere}@media(prefers-color-scheme:dark){body{background:#10151c;color:#e8edf3}a{color:#7fb2ff}}.note{opacity:.75;font-size:.875rem}'
const STYLE_DIGEST = createHash('sha256').update(STYLE).digest('base64')
const policy = (forms: string): string =>
  `default-src 'none'; style-src 'sha256-${STYLE_DIGEST}'; base-uri 'none'; form-action ${forms}; frame-ancestors 'none'`
