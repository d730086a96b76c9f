import type { CredentialLease, Lessee } from '../../../../credentials/credential.ts'
import type { Secrets } from '../../../../credentials/secrets.ts'
import { PamError } from '../../../../shared/errors.ts'
import { GATEWAY_RUN } from '../../../../gateway/gateway-name.ts'
import { AccountLeases, type ReapedAccounts } from '../../../../gateway/account-leases.ts'
import type { FoundAccount } from '../../../../gateway/session-account.ts'
import type { EphemeralSettings } from '../../ephemeral-settings.ts'
import type { PostgresTarget } from '../../target.ts'
import { asAdministrator, asAdministratorAnywhere, openPresence, type AdministratorLogin } from './administrator.ts'
import { cutOff, undoPrepared } from './cut-off.ts'
import { creation, extending, MARKED_ROLES, removal, timeAfter, timeAndReach } from './role-statements.ts'
import { markOf, roleNameOf } from './role-name.ts'
import { randomPassword, scramVerifier } from './scram-verifier.ts'

/** A target with `ephemeral`, and the secrets from which the administrator's password is read. */
export interface EphemeralTarget {
  readonly config: PostgresTarget
  readonly settings: EphemeralSettings
  readonly secrets: Secrets
}

/** Creates a role for a session, which is dropped when the lease is released. */
export async function leaseRole(target: EphemeralTarget, lessee: Lessee): Promise<CredentialLease> {
  const { config, settings } = target
  const login = await loginTo(target)
  const name = roleNameOf(lessee)
  const password = randomPassword()
  const verifier = await scramVerifier(password)
  return leases.lease({
    user: name,
    password,
    account: config.user,
    target: config.name,
    place: placeOf(login),
    openPresence: () => openPresence(login, GATEWAY_RUN),
    make: () =>
      asAdministrator(login, async (administrator) => {
        const [time, reached] =
          (await administrator.ask(timeAndReach(secondsOf(lessee), settings.grantedRoles)))[0] ?? []
        if (reached != null) throw reaches(config.name, reached)
        const mark = { session: lessee.session, target: config.name, gateway: lessee.gateway, run: GATEWAY_RUN }
        await administrator.change(creation({ name, verifier, validUntil: utcTime(time), mark }, settings))
      }),
    extend: (access) => extendRole(target, name, access),
    drop: () => dropRole(target, name),
  })
}

/** Drops the roles that a stop or a failure has left behind; those in use by a running gateway stay. */
export async function reapRoles(target: EphemeralTarget, gateway: string): Promise<ReapedAccounts> {
  const login = await loginTo(target)
  return leases.reap(
    { target: target.config.name, gateway },
    () => markedRoles(login),
    (role) => dropRole(target, role),
  )
}

/** Roles whose comment says that a gateway created them. */
async function markedRoles(login: AdministratorLogin): Promise<FoundAccount[]> {
  const rows = await asAdministratorAnywhere(login, (administrator) => administrator.ask(MARKED_ROLES))
  return rows.flatMap(([account, comment, hasEnded, seen]) => {
    const mark = account == null || comment == null ? undefined : markOf(account, comment)
    if (account == null || mark === undefined) return []
    const isSeen = mark.run !== undefined && seen?.split(' ').includes(mark.run) === true
    return { ...mark, account, hasEnded: hasEnded === 'true', isSeen }
  })
}

/** Moves the end of the role's password, with which the session connects again, to that of the extended access. */
async function extendRole(target: EphemeralTarget, name: string, access: Access): Promise<void> {
  const login = await loginTo(target)
  await asAdministratorAnywhere(login, async (administrator) => {
    const [[time] = []] = await administrator.ask(timeAfter(secondsOf(access)))
    await administrator.run([extending(name, utcTime(time))])
  })
}

type Access = Pick<Lessee, 'at' | 'endsAt'>

/** How long a role may log in. The gateway logs in as the role to end its sessions. */
const secondsOf = ({ at, endsAt }: Access): number => (endsAt - at) / 1000 + ENDING_SECONDS

/** A time as the server prints it in UTC, which statements repeat. */
function utcTime(text: string | null | undefined): string {
  if (text != null && UTC_TIME.test(text)) return text
  throw new PamError('PROTOCOL_VIOLATION', 'the target does not say the time as it was asked to', { side: 'upstream' })
}

/** In steps, so that a role that cannot be dropped yet, because something depends on it, can neither do anything nor log in. */
async function dropRole(target: EphemeralTarget, name: string): Promise<void> {
  const login = await loginTo(target)
  await asAdministratorAnywhere(login, (administrator, signal) => cutOff(administrator, name, signal))
  await asAdministrator(login, async (administrator) => {
    await undoPrepared(administrator, name)
    await administrator.change(removal(name, ownerIn(target.settings)))
  })
}

function ownerIn({ owner, grantedRoles }: EphemeralSettings): string {
  const [first = ''] = grantedRoles
  return owner ?? first
}

async function loginTo({ config, settings, secrets }: EphemeralTarget): Promise<AdministratorLogin> {
  const { user, password } = settings.administrator
  const lease = { user, password: await secrets.read(password), release: () => Promise.resolve() }
  return { config, lease, baseDirectory: secrets.baseDirectory }
}

/** Sessions could undo the steps that end them. The names of the roles appear in the log only. */
const reaches = (target: string, roles: string): PamError =>
  new PamError('CONFIG_INVALID', `the roles that sessions with ${target} are granted give too much`, {
    side: 'gateway',
    cause: new Error(
      `a member of grantedRoles can become ${roles}, and undo what the gateway does about the roles that it makes`,
    ),
    hint: 'ask your administrator to check the log: ephemeral.grantedRoles of this target must not lead to its administrator, a superuser, a role with CREATEROLE, pg_signal_backend, pg_execute_server_program or pg_write_server_files',
  })

/** Identifies where the administrator's connections are visible: by server, database and user. */
const placeOf = ({ config: { host, port, database }, lease }: AdministratorLogin): string =>
  JSON.stringify([host, port, database, lease.user])
const leases = new AccountLeases()
/** The time for which a password is valid after the access has ended. */
const ENDING_SECONDS = 60
const UTC_TIME = /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/
