import type { Readable } from 'node:stream'
import type { Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { refuseLocked } from '../storage/locks.ts'
import { findLogin } from '../storage/logins.ts'
import type { Reader } from '../storage/page.ts'
import type { ApiDeps } from './deps.ts'

/** The login as it is now. Throws where it was signed out, its identity was not proven again in time, or a lock keeps its person out. */
export async function provenLogin(reader: Reader, id: string, now: number): Promise<Login> {
  const login = await findLogin(reader, id)
  if (login === undefined || login.endedAt !== undefined)
    throw new PamError('NOT_SIGNED_IN', 'this login was signed out', { hint: 'sign in again: pamctl login' })
  if (login.provenUntil <= now)
    throw new PamError('IDENTITY_LOST', 'your identity could not be re-verified', {
      hint: 'sign in again: pamctl login',
    })
  await refuseLocked(reader, now, login.person.id)
  return login
}

/**
 * A stream that somebody reads for as long as they are proven: it stops within a second of the end of their login, or of what `may`
 * asks of it. By default it is cut off, so that nobody takes a part for the whole.
 */
export function whileProven<S extends Readable>(
  stream: S,
  { id }: Login,
  { db, clock }: Pick<ApiDeps, 'db' | 'clock'>,
  {
    may = () => true,
    stop = () => void stream.destroy(),
  }: { readonly may?: (login: Login) => boolean; readonly stop?: () => void } = {},
): S {
  const check = async (): Promise<void> => {
    try {
      if (!may(await provenLogin(db.read, id, clock.now()))) stop()
    } catch {
      stop()
    }
  }
  const timer = setInterval(() => void check(), CHECK_EVERY_MS)
  timer.unref()
  stream.on('close', () => clearInterval(timer))
  return stream
}

/** Less than a second, with the time that the question takes. */
const CHECK_EVERY_MS = 500
