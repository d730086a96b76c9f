import type { CredentialLease, Lessee } from '../../../../credentials/credential.ts'
import type { Secrets } from '../../../../credentials/secrets.ts'
import { PamError } from '../../../../shared/errors.ts'
import { pause } from '../../../../shared/pause.ts'
import { TargetSaidNo } from '../../../../gateway/target-failure.ts'
import type { EphemeralSettings } from '../../ephemeral-settings.ts'
import type { PostgresTarget } from '../../target.ts'
import type { ReapedAccounts } from '../../../protocol.ts'
import { asAdministrator, type Administrator, type AdministratorLogin } from './administrator.ts'
import { creation, disabling, MARKED_ROLES, removal, termination, timeIn } from './role-statements.ts'
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
      const [time] = (await administrator.ask(timeIn((lessee.endsAt - lessee.at) / 1000 + ENDING_SECONDS)))[0] ?? []
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
  const rows = await asAdministrator(login, (administrator) => administrator.ask(MARKED_ROLES))
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

/** In steps: a role that cannot be dropped yet, because something depends on it, can log in no more. */
async function dropRole(target: EphemeralTarget, name: string): Promise<void> {
  const { settings } = target
  await asAdministrator(await loginTo(target), async (administrator, signal) => {
    await administrator.change(disabling(name))
    await terminateAll(administrator, name, signal)
    await administrator.change(removal(name, ownerIn(settings)))
  })
}

/** A backend ends in a moment; the time limit of the connection is that of the wait. */
async function terminateAll(administrator: Administrator, name: string, signal: AbortSignal): Promise<void> {
  while ((await administrator.ask(termination(name))).length > 0) {
    signal.throwIfAborted()
    await pause(POLL_MS)
  }
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
const POLL_MS = 50
const UTC_TIME = /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/
