import { createHash } from 'node:crypto'
import { escapeHtml } from '../shared/escape-html.ts'

/** The providers' few pages: plain HTML, nothing loaded from elsewhere, and no script but the one that sends a form. */
const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}
label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}input,button{padding:.5rem;margin:.25rem 0 1rem}
.note{opacity:.7;font-size:.875rem}.error{color:#b00020}</style></head>
<body><h1>${title}</h1>${body}<p class="note">Evaluation sign-in of pamctl. Not for production.</p></body></html>`

/** `fields` come back with what the person enters. */
export const loginPage = (
  action: string,
  error: string | undefined,
  fields: Readonly<Record<string, string>> = {},
): string =>
  page(
    'Sign in',
    `${error === undefined ? '' : `<p class="error" role="alert">${escapeHtml(error)}</p>`}
<form method="post" action="${escapeHtml(action)}">${hidden(fields)}<label>E-mail <input name="email" type="email" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>`,
  )

export const userCodePage = (form: string, message: string | undefined): string =>
  page(
    'Enter the code',
    `${message === undefined ? '' : `<p class="error" role="alert">${escapeHtml(message)}</p>`}${form}<button type="submit" form="op.deviceInputForm">Continue</button>`,
  )

export const confirmCodePage = (form: string, code: string): string =>
  page(
    'Is this your code?',
    `<p>Your terminal shows <strong>${escapeHtml(code)}</strong></p>${form}
<button type="submit" form="op.deviceConfirmForm" autofocus>Yes, sign in</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`,
  )

export const donePage = (title = 'Signed in', text = 'Go back to your terminal.'): string =>
  page(title, `<p>${escapeHtml(text)}</p>`)

/** A form that sends itself, and has a button for browsers without scripts. */
export const postPage = (title: string, action: string, fields: Readonly<Record<string, string>>): string =>
  page(
    title,
    `<form method="post" action="${escapeHtml(action)}">${hidden(fields)}<button>Continue</button></form><script>${SEND}</script>`,
  )
const SEND = 'document.forms[0].submit()'
/** The one script that may run there, as a source of CSP. */
export const POST_SCRIPT = `'sha256-${createHash('sha256').update(SEND).digest('base64')}'`

export const signOutPage = (action: string): string =>
  page(
    'Sign out',
    `<p>This ends your session here and at the gateway, and the connections that were opened with it.</p>
<form method="post" action="${escapeHtml(action)}"><button>Sign out</button></form>`,
  )

const hidden = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
    .join('')

export const errorPage = (message: string): string => page('That did not work', `<p>${escapeHtml(message)}</p>`)
