import { createHash } from 'node:crypto'
import { errorCodes } from '../shared/error-codes.ts'
import type { PamError } from '../shared/errors.ts'

interface Page {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly html: string
}

/** Said to a browser that is not in the dashboard yet: plain HTML, no script. */
export function signInProblemPage({ code, message, hint }: PamError): Page {
  const said = [message, hint].filter((part) => part !== undefined).map((part) => `<p>${escapeHtml(part)}</p>`)
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Not signed in</title><style>${STYLE}</style></head><body><main><h1>You are not signed in</h1>${said.join('')}
<p><a href="/auth/sign-in">Sign in again</a></p><p class="code">${escapeHtml(code)}</p></main></body></html>`
  const style = createHash('sha256').update(STYLE).digest('base64')
  return {
    status: errorCodes[code].status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    },
    html,
  }
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:4rem auto;padding:0 1rem;max-width:32rem}@media(prefers-color-scheme:dark){body{background:#10151c;color:#e8edf3}a{color:#7fb2ff}}.code{opacity:.75;font-size:.875rem}'
