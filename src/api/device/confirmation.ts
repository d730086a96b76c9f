import { z } from 'zod'
import { PamError } from '../../shared/errors.ts'
import { appendAudit } from '../../storage/audit.ts'
import { decideDeviceCode, findDeviceCode, type DeviceCode } from '../../storage/device-codes.ts'
import type { Tx } from '../../storage/database.ts'
import { hasRefreshFamily } from '../../storage/refresh-families.ts'
import { endSamlSession, findSamlSession, type SamlSession } from '../../storage/saml-sessions.ts'
import { csrfToken, parseCookies, sameText, seal, setCookie, unseal } from '../cookies.ts'
import type { ApiDeps } from '../deps.ts'
import { isSecure } from '../web-sessions.ts'

/** Who has signed in in this browser for which command line, until they say yes or no: sealed, in a cookie of this browser. */
const waitingSchema = z.strictObject({ device: z.string(), session: z.string() })

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'webKey' | 'publicUrl'>

/** A confirmation that a page asks for: the cookie, and what the form has to bring back besides. */
export function askForConfirmation(
  code: DeviceCode,
  session: SamlSession,
  deps: Pick<ApiDeps, 'webKey' | 'publicUrl' | 'clock'>,
): { readonly cookie: string; readonly csrf: string } {
  const sealed = seal(JSON.stringify({ device: code.id, session: session.id }), deps.webKey, PURPOSE)
  return { cookie: cookieOf(code.id, sealed, code.expiresAt - deps.clock.now(), deps), csrf: csrfToken(sealed) }
}

/** What a form brings. */
export interface Decision {
  /** Of the device code. */
  readonly id: string
  readonly csrf: string
  readonly isApproved: boolean
  /** Address and cookies of the browser. */
  readonly from: string
  readonly cookies: string | undefined
}

/**
 * Says yes or no to a command line, as whoever has signed in for it in this browser, and returns them. The same decision may come again, from a second click
 * or a page that is loaded again: it changes nothing, and is answered as the first one. So the cookie stays until the code expires. Throws CSRF_REFUSED
 * where the form is not the one of this browser, SIGN_IN_EXPIRED where it is too late, or the other decision was made.
 */
export async function decide({ id, csrf, isApproved, from, cookies }: Decision, deps: Deps): Promise<SamlSession> {
  const { db, clock, webKey } = deps
  const now = clock.now()
  const sealed = parseCookies(cookies).get(nameOf(id, deps)) ?? ''
  const json = unseal(sealed, webKey, PURPOSE)
  const waiting = json === undefined ? undefined : waitingSchema.parse(JSON.parse(json))
  if (waiting?.device !== id || !sameText(csrf, csrfToken(sealed)))
    throw new PamError(
      'CSRF_REFUSED',
      'this confirmation does not come from the page that was opened in this browser',
      {
        hint: 'open the link of your terminal again',
      },
    )
  const session = await db.change(async (tx) => {
    const [code, signIn] = [await findDeviceCode(tx, id), await findSamlSession(tx, waiting.session)]
    const isLive = signIn !== undefined && signIn.endedAt === undefined && signIn.endsAt > now
    if (signIn !== undefined && (await wasDecided(tx, code, signIn, isApproved)))
      return isApproved && !isLive ? undefined : signIn
    // A sign-in proves one login: one that has signed in a browser or a command line is of no use for another.
    if (code === undefined || !isLive || signIn.loginId !== undefined || signIn.provider !== code.provider)
      return undefined
    const state = isApproved ? 'approved' : 'denied'
    if (!(await decideDeviceCode(tx, id, { state, samlSession: signIn.id, now }))) return undefined
    if (!isApproved) await endSamlSession(tx, signIn.id, now)
    const { device, address } = code
    await appendAudit(tx, now, {
      type: `device.${state}`,
      actor: signIn.person.id,
      subject: signIn.person.id,
      data: { from, address, ...(device === undefined ? {} : { device }) },
    })
    return signIn
  })
  if (session === undefined) throw tooLate()
  return session
}

/** Whether this was said before, of a command line that has got its tokens by now or has not. */
const wasDecided = async (
  tx: Tx,
  code: DeviceCode | undefined,
  { id }: SamlSession,
  isApproved: boolean,
): Promise<boolean> =>
  code === undefined
    ? isApproved && (await hasRefreshFamily(tx, id))
    : code.samlSession === id && code.state === (isApproved ? 'approved' : 'denied')

export const tooLate = (): PamError =>
  new PamError('SIGN_IN_EXPIRED', 'the code of this command line has expired or was already used', {
    hint: 'run pamctl login again',
  })

function cookieOf(id: string, value: string, maxAge: number, deps: Pick<ApiDeps, 'publicUrl'>): string {
  const secure = isSecure(deps)
  return setCookie(nameOf(id, deps), value, { secure, sameSite: 'Strict', path: secure ? '/' : '/auth', maxAge })
}

/** One for each command line. The prefix: see pending-sign-in.ts. */
const nameOf = (id: string, deps: Pick<ApiDeps, 'publicUrl'>): string =>
  `${isSecure(deps) ? '__Host-' : ''}pam_device_${id.replaceAll(/[^\w-]/g, '').slice(0, 12)}`

const PURPOSE = 'device confirmation'
