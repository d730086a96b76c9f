import type { BrowserHost } from '../../../../gateway/browser-host.ts'
import { errorCodes, type ErrorCode } from '../../../../shared/error-codes.ts'
import type { PamError } from '../../../../shared/errors.ts'
import { isNavigation } from '../../browser/fetch-metadata.ts'
import { ownHeaders, page } from '../../browser/pages.ts'
import { problemAnswer, problemStatuses } from '../../problem.ts'
import type { Exchange } from '../../server/exchange.ts'
import { reasonFor } from '../../session/reason-for.ts'

/** Says no to a browser: with a page where the answer is shown as one, and with a problem to scripts. */
export function refuseBrowser(exchange: Exchange, error: PamError, host: Pick<BrowserHost, 'dashboard'>): void {
  if (exchange.left.aborted) return
  if (exchange.hasAnswered) return exchange.abandon()
  if (!isNavigation(exchange.request)) {
    const { status, contentType, body } = problemAnswer(reasonFor(error))
    const headers = [['content-type', contentType] as const, ['content-length', String(body.length)] as const]
    exchange.answer({ status, headers: [...headers, ...ownHeaders] }).end(body)
    return
  }
  const { code, message, hint, id } = reasonFor(error)
  const { headers, body } = page({
    title: titles[code] ?? errorCodes[code].summary,
    paragraphs: [message, ...(hint === undefined ? [] : [hint])],
    link: { text: 'Go to the dashboard', url: `${host.dashboard}${pages[code] ?? '/'}` },
    note: id === undefined ? code : `${code} · ${id}`,
  })
  exchange.answer({ status: problemStatuses[code], headers }).end(body)
}

const titles: Readonly<Partial<Record<ErrorCode, string>>> = {
  COMMAND_REFUSED: 'Not allowed',
  CSRF_REFUSED: 'Refused',
  FEATURE_REFUSED: 'Not supported',
  GRANT_OVER: 'Your access has ended',
  GRANT_REVOKED: 'Your access was revoked',
  LOCKED: 'Locked',
  HOLD_DENIED: 'Not approved',
  HOLD_EXPIRED: 'Nobody decided in time',
  HOLD_WITHDRAWN: 'Withdrawn',
  MASKING_REFUSED: 'This answer cannot be masked',
  NO_ACCESS: 'You have no access',
  NO_GRANT: 'Request access first',
  NOT_SIGNED_IN: 'You are not signed in',
  SYNTAX_ERROR: 'This request cannot be read',
}
const pages: Readonly<Partial<Record<ErrorCode, string>>> = {
  GRANT_OVER: '/access',
  GRANT_REVOKED: '/access',
  NO_ACCESS: '/access',
  NO_GRANT: '/access',
}
