import type { Login } from '../identity/login.ts'
import { onlyOne } from '../storage/page.ts'
import { findSessions, type SessionRow } from '../storage/sessions.ts'
import { hasRole } from './authenticate.ts'
import type { ApiDeps } from './deps.ts'
import { needRole } from './role-acts.ts'

type Deps = Pick<ApiDeps, 'db' | 'settings'>

/** Whether somebody may know of the sessions of others. */
export const maySeeAll = (login: Login, deps: Deps): boolean =>
  hasRole(login, 'audit', deps) || hasRole(login, 'operate', deps)

/** The session of this id, or of an id that begins so, if the person may know of it. */
export async function visibleSession(id: string, login: Login, deps: Deps): Promise<SessionRow> {
  const found = await findSessions(deps.db.read, id)
  return onlyOne(
    found.filter(({ person }) => person.id === login.person.id || maySeeAll(login, deps)),
    id,
  )
}

/** As above, if the person may read its record: their own, and auditors all. */
export async function readableSession(id: string, login: Login, deps: Deps): Promise<SessionRow> {
  const session = await visibleSession(id, login, deps)
  if (session.person.id !== login.person.id) needRole(login, 'recordings.read', deps)
  return session
}
