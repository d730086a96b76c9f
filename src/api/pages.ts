import { createHash } from 'node:crypto'
import { escapeHtml } from '../shared/escape-html.ts'
import { errorCodes } from '../shared/error-codes.ts'
import type { PamError } from '../shared/errors.ts'

export interface Page {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly html: string
}

/** Said to a browser that is not in the dashboard yet: plain HTML, no script. */
export const signInProblemPage = (error: PamError): Page =>
  problemPage('You are not signed in', error, { path: '/auth/sign-in', text: 'Sign in again' })

/** Why something is not possible, and a link within the gateway. */
export function problemPage(
  title: string,
  { code, message, hint }: PamError,
  link: { readonly path: string; readonly text: string },
): Page {
  const said = [message, hint].filter((part) => part !== undefined).map((part) => `<p>${escapeHtml(part)}</p>`)
  const rest = `<p><a href="${escapeHtml(link.path)}">${escapeHtml(link.text)}</a></p><p class="code">${escapeHtml(code)}</p>`
  return pageOf(errorCodes[code].status, { title, content: `${said.join('')}\n${rest}` })
}

/** Goes on to a path of this origin by itself: then it is a page of this origin that leads there, and the browser sends its cookie along. */
export const onwardPage = (path: string): Page =>
  pageOf(200, {
    title: 'One moment',
    content: `<p><a href="${escapeHtml(path)}">Continue</a></p>`,
    head: `<meta http-equiv="refresh" content="0;url=${escapeHtml(path)}">`,
  })

export const signedOutPage = (): Page =>
  pageOf(200, {
    title: 'You are signed out',
    content: '<p>Your identity provider signed you out, and so did the gateway.</p>',
  })

/** Where somebody chooses among identity providers, by name or by the domain of their address. */
export function choicePage(
  title: string,
  choices: readonly { readonly name: string; readonly path: string }[],
  form: { readonly path: string; readonly fields: Readonly<Record<string, string>> } | undefined,
): Page {
  const buttons = choices.map(
    ({ name, path }) => `<p><a class="button" href="${escapeHtml(path)}">Sign in with ${escapeHtml(name)}</a></p>`,
  )
  const hidden = Object.entries(form?.fields ?? {}).map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  )
  const byAddress =
    form === undefined
      ? ''
      : `<form method="get" action="${escapeHtml(form.path)}">${hidden.join('')}<p><label>Or by your e-mail address<br><input name="email" type="email" autocomplete="username" required maxlength="254"></label> <button>Continue</button></p></form>`
  return pageOf(200, { title, content: `${buttons.join('')}${byAddress}`, formAction: "'self'" })
}

/** A page without script, in no frame. `content` and `head` are HTML; `formAction` is where its forms may lead, redirects included. */
export function pageOf(
  status: number,
  {
    title,
    content,
    head = '',
    formAction = "'none'",
  }: { readonly title: string; readonly content: string; readonly head?: string; readonly formAction?: string },
): Page {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main><h1>${escapeHtml(title)}</h1>${content}</main></body></html>`
  const style = createHash('sha256').update(STYLE).digest('base64')
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action ${formAction}; frame-ancestors 'none'`,
      // Under `no-referrer` browsers send `Origin: null` with a form (Fetch, section 3.2), which shows nobody whose form it is.
      ...(formAction === "'none'" ? {} : { 'referrer-policy': 'same-origin' }),
    },
    html,
  }
}

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:4rem auto;padding:0 1rem;max-width:32rem}@media(prefers-color-scheme:dark){body{background:#10151c;color:#e8edf3}a{color:#7fb2ff}}.code{opacity:.75;font-size:.875rem}input,button,.button{font:inherit;padding:.4rem .7rem}table{border-spacing:0 .25rem}th{text-align:left;padding-right:1rem;font-weight:normal;opacity:.75}td{overflow-wrap:anywhere}.button{display:inline-block;border:1px solid;border-radius:.4rem;text-decoration:none}'
