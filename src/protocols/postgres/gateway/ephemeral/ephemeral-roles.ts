import type { CredentialLease, Lessee } from '../../../../credentials/credential.ts'
import type { Secrets } from '../../../../credentials/secrets.ts'
import { PamError } from '../../../../shared/errors.ts'
import { TargetSaidNo } from '../../../../gateway/target-failure.ts'
import type { EphemeralSettings } from '../../ephemeral-settings.ts'
import type { PostgresTarget } from '../../target.ts'
import type { ReapedAccounts } from '../../../protocol.ts'
import { asAdministrator, asAdministratorAnywhere, type AdministratorLogin } from './administrator.ts'
import { cutOff, undoPrepared } from './cut-off.ts'
import { creation, MARKED_ROLES, removal, timeAndReach } from './role-statements.ts'
import { markOf, roleNameOf } from './role-name.ts'
import { randomPassword, scramVerifier } from './scram-verifier.ts'

/** A target with `ephemeral`, and where the administrator's password is read. */
export interface EphemeralTarget {
  readonly config: PostgresTarget
  readonly settings: EphemeralSettings
  readonly secrets: Secrets
}

/** Makes a role for a session, which is dropped when the lease is given back. */
export async function leaseRole(target: EphemeralTarget, lessee: Lessee): Promise<CredentialLease> {
  const { config, settings } = target
  const login = await loginTo(target)
  const name = roleNameOf(lessee)
  const password = randomPassword()
  const verifier = await scramVerifier(password)
  inUse.add(name)
  try {
    await asAdministrator(login, async (administrator) => {
      // The gateway ends sessions by a login of their own.
      const seconds = (lessee.endsAt - lessee.at) / 1000 + ENDING_SECONDS
      const [time, reached] = (await administrator.ask(timeAndReach(seconds, settings.grantedRoles)))[0] ?? []
      if (reached != null) throw reaches(config.name, reached)
      if (time == null || !UTC_TIME.test(time))
        throw new PamError('PROTOCOL_VIOLATION', 'the target does not say the time as it was asked to', {
          side: 'upstream',
        })
      const mark = { session: lessee.session, target: config.name, gateway: lessee.gateway }
      await administrator.change(creation({ name, verifier, validUntil: time, mark }, settings))
    })
  } catch (error) {
    // Whether it was made may be unknown: then the reaper finds it.
    inUse.delete(name)
    throw notMade(config.name, error)
  }
  let released: Promise<void> | undefined
  return {
    user: name,
    account: config.user,
    password,
    release: () => (released ??= dropRole(target, name).finally(() => inUse.delete(name))),
  }
}

/**
 * Drops the roles that a stop or a failure has left: those that this gateway has made for sessions with this target that it does not have, and
 * those of any gateway whose password ended minutes ago. Returns their names, and of those that could not be dropped why.
 */
export async function reapRoles(target: EphemeralTarget, gateway: string): Promise<ReapedAccounts> {
  const login = await loginTo(target)
  const rows = await asAdministratorAnywhere(login, (administrator) => administrator.ask(MARKED_ROLES))
  const dropped: string[] = []
  const failed: { account: string; error: unknown }[] = []
  for (const [role, comment, hasEnded] of rows) {
    if (role == null || comment == null || inUse.has(role)) continue
    const mark = markOf(role, comment)
    if (mark === undefined || mark.target !== target.config.name) continue
    if (mark.gateway !== gateway && hasEnded !== 'true') continue
    try {
      await dropRole(target, role)
      dropped.push(role)
    } catch (error) {
      failed.push({ account: role, error })
    }
  }
  return { dropped, failed }
}

/** In steps: a role that cannot be dropped yet, because something depends on it, can do nothing and log in no more. */
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

/** A session could undo what ends it. Which roles these are goes to the log. */
const reaches = (target: string, roles: string): PamError =>
  new PamError('CONFIG_INVALID', `the roles that sessions with ${target} are granted give too much`, {
    side: 'gateway',
    cause: new Error(
      `a member of grantedRoles can become ${roles}, and undo what the gateway does about the roles that it makes`,
    ),
    hint: 'ask your gateway administrator to look into the log: ephemeral.grantedRoles of this target must not lead to its administrator, a superuser, a role with CREATEROLE, pg_signal_backend, pg_execute_server_program or pg_write_server_files',
  })

/** What the target said goes to the log: it may name roles that are not the person's to know. */
function notMade(target: string, error: unknown): PamError {
  const cause = error instanceof PamError ? error.cause : error
  if (error instanceof PamError && !(cause instanceof TargetSaidNo)) return error
  return new PamError('TARGET_CREDENTIAL', `${target} did not let the gateway make an account for this session`, {
    side: 'upstream',
    cause,
    hint: 'ask your gateway administrator to check the administrator of this target (ephemeral)',
  })
}

/** Roles of sessions of this process, from before they are made until they are dropped: the reaper keeps off them. */
const inUse = new Set<string>()
/** How much longer than the access a password lasts. */
const ENDING_SECONDS = 60
const UTC_TIME = /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/
