import type { DeviceCode } from '../../storage/device-codes.ts'
import { escapeHtml } from '../../shared/escape-html.ts'
import { pageOf, type Page } from '../pages.ts'

/** The pages on which somebody says which command line is theirs: plain HTML, no script. */
export const userCodePage = (problem?: string): Page =>
  pageOf(problem === undefined ? 200 : 400, {
    title: 'Enter the code',
    content: `${problem === undefined ? '' : `<p role="alert">${escapeHtml(problem)}</p>`}<form method="get" action="/auth/device"><p><label>The code that your terminal shows<br><input name="user_code" required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus></label> <button>Continue</button></p></form>`,
    formAction: "'self'",
  })

/** Before the sign-in: what asks, and a warning. */
export const askerPage = (
  code: DeviceCode,
  shown: { readonly userCode: string; readonly onward: string; readonly provider: string; readonly now: number },
): Page =>
  pageOf(200, {
    title: 'Is this your code?',
    content: `${codeLine(shown.userCode)}${askerList(code, shown.now)}${WARNING}<p><a class="button" href="${escapeHtml(shown.onward)}">Yes, sign in with ${escapeHtml(shown.provider)}</a></p>`,
  })

/** After the sign-in: nothing is given away before somebody says so here, and sees as whom. */
export const confirmPage = (
  code: DeviceCode,
  shown: {
    readonly userCode: string
    readonly label: string
    readonly provider: string
    readonly id: string
    readonly csrf: string
    readonly now: number
  },
): Page =>
  pageOf(200, {
    title: 'Sign in this command line?',
    content: `<p>You are signed in with ${escapeHtml(shown.provider)} as <strong>${escapeHtml(shown.label)}</strong>. If you continue, this computer can act as you:</p>${codeLine(shown.userCode)}${askerList(code, shown.now)}${WARNING}<form method="post" action="/auth/device/decision"><input type="hidden" name="id" value="${escapeHtml(shown.id)}"><input type="hidden" name="csrf" value="${escapeHtml(shown.csrf)}"><p><button>Yes, sign it in as ${escapeHtml(shown.label)}</button> <button name="abort" value="yes">No</button></p></form>`,
    formAction: "'self'",
  })

export const approvedPage = (label: string): Page =>
  pageOf(200, {
    title: 'Signed in',
    content: `<p>Your command line is signed in as ${escapeHtml(label)}. Go back to your terminal.</p>`,
  })

export const deniedPage = (): Page =>
  pageOf(200, {
    title: 'Not signed in',
    content: '<p>The command line was not signed in. You can close this page.</p>',
  })

/** To be compared (RFC 8628, section 3.3.1): whoever was sent a link has no terminal that shows it. */
const codeLine = (userCode: string): string => `<p>Your terminal shows <strong>${escapeHtml(userCode)}</strong></p>`

/** The name is the computer's own word, the address is what the gateway saw. */
function askerList({ device, address, createdAt }: DeviceCode, now: number): string {
  const seconds = Math.max(0, Math.round((now - createdAt) / 1000))
  const time = `${new Date(createdAt).toISOString().slice(11, 19)} UTC, ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} ago`
  const rows = [
    ['Computer', device ?? 'does not give its name'],
    ['Address', address],
    ['Asked at', time],
  ] as const
  return `<table>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${escapeHtml(value)}</td></tr>`).join('')}</table>`
}

const WARNING =
  '<p><strong>Continue only if you ran <code>pamctl login</code> yourself, on this computer.</strong> If somebody sent you this link or this code, they would act in your name: close this page and tell your administrator.</p>'
