import { createHash, randomBytes } from 'node:crypto'
import type { CredentialLease, Lessee } from '../../../../credentials/credential.ts'
import type { Secrets } from '../../../../credentials/secrets.ts'
import { GATEWAY_RUN } from '../../../../gateway/gateway-name.ts'
import { AccountLeases, type ReapedAccounts } from '../../../../gateway/account-leases.ts'
import { accountNameOf, type FoundAccount } from '../../../../gateway/session-account.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { EphemeralSettings } from '../../ephemeral-settings.ts'
import type { MysqlTarget } from '../../target.ts'
import { quotedName } from '../../catalog/quoted-name.ts'
import type { OwnConnection } from '../login/connect-upstream.ts'
import * as statements from './account-statements.ts'
import type { AccountMethod, Registered } from './account-statements.ts'
import { asAdministrator, openPresence, type AdministratorLogin } from './administrator.ts'
import { cutOff } from './cut-off.ts'
import { grantedTo, reachOf } from './granted-reach.ts'

/** A target with `ephemeral`, and the secrets from which the administrator's password is read. */
export interface EphemeralTarget {
  readonly config: MysqlTarget
  readonly settings: EphemeralSettings
  readonly secrets: Secrets
}

/** Creates an account for a session, which is dropped when the lease is released. */
export async function leaseAccount(target: EphemeralTarget, lessee: Lessee): Promise<CredentialLease> {
  const { config, settings } = target
  const login = await loginTo(target)
  const entry: Registered = {
    user: accountNameOf(lessee, MAX_NAME_LENGTH),
    host: settings.accountHost,
    session: lessee.session,
    target: config.name,
    role: settings.grantedRole,
    gateway: lessee.gateway,
    run: GATEWAY_RUN,
  }
  const password = randomPassword()
  return leases.lease({
    user: entry.user,
    password,
    account: config.user,
    target: config.name,
    place: placeOf(login),
    openPresence: () => openPresence(login, presenceOf(GATEWAY_RUN, config.name)),
    make: () => asAdministrator(login, (administrator) => make(administrator, { target, entry, password, lessee })),
    extend: (access) => extend(target, entry, { madeAt: lessee.at, access }),
    drop: () => drop(login, entry),
  })
}

/** Moves the end of an account, without which no gateway would find it before its password expires, to that of the extended access. */
async function extend(
  target: EphemeralTarget,
  entry: Registered,
  { madeAt, access: { at, endsAt } }: { readonly madeAt: number; readonly access: Pick<Lessee, 'at' | 'endsAt'> },
): Promise<void> {
  await asAdministrator(await loginTo(target), async (administrator) => {
    await administrator.ask(statements.registeringAgain(entry, (endsAt - at) / 1000 + ENDING_SECONDS))
    // Counted from when the password was set.
    await administrator.ask(statements.expiring(entry, daysFor((endsAt - madeAt) / 1000 + ENDING_SECONDS)))
  })
}

/** Drops the accounts that a stop or a failure has left behind; those in use by a running gateway stay. */
export async function reapAccounts(target: EphemeralTarget, gateway: string): Promise<ReapedAccounts> {
  const login = await loginTo(target)
  const entries = new Map<string, Registered>()
  return leases.reap(
    { target: target.config.name, gateway },
    () => registered(login, entries),
    async (account) => {
      const entry = entries.get(account)
      if (entry !== undefined) await drop(login, entry)
    },
  )
}

async function make(
  administrator: OwnConnection,
  {
    target: { config, settings },
    entry,
    password,
    lessee,
  }: {
    readonly target: EphemeralTarget
    readonly entry: Registered
    readonly password: string
    readonly lessee: Lessee
  },
): Promise<void> {
  const method = await methodOf(administrator, config)
  const reached = await reachedBy(administrator, settings.grantedRole)
  if (reached !== undefined) throw reaches(config.name, reached)
  // The gateway logs in as the account to end its sessions.
  const seconds = (lessee.endsAt - lessee.at) / 1000 + ENDING_SECONDS
  await administrator.ask(statements.REGISTRY_TABLE)
  await administrator.ask(statements.registering(entry, seconds))
  const made = statements.creation(entry, {
    identified: statements.identification(method, password),
    isEncrypted: config.tls !== 'disable',
    days: daysFor(seconds),
    role: settings.grantedRole,
  })
  for (const statement of made) await administrator.ask(statement)
}

/** Ed25519 if MariaDB has that plugin. Throws if the server is too old for locked accounts or for roles. */
async function methodOf(administrator: OwnConnection, { name, tls }: MysqlTarget): Promise<AccountMethod> {
  const { flavor, number } = administrator.version
  if (number < OLDEST[flavor])
    throw new PamError('CONFIG_INVALID', `${name} is too old for accounts of one session`, {
      side: 'upstream',
      hint: 'ask your administrator: ephemeral needs MariaDB 10.4 or MySQL 8.0, or later',
    })
  if (flavor === 'mysql') {
    if (tls === 'verify-full') return 'caching_sha2_password'
    throw new PamError('CONFIG_INVALID', `${name} would receive passwords over a connection without tls: verify-full`, {
      side: 'gateway',
      hint: 'ask your administrator to set tls: verify-full for this target: ephemeral needs it with MySQL',
    })
  }
  const rows = await administrator.ask(
    "SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'ed25519' AND plugin_status = 'ACTIVE'",
  )
  return rows.length > 0 ? 'ed25519' : 'mysql_native_password'
}

/** What a session with the role, with those that it was granted, and as everybody could do that it must not. */
async function reachedBy(administrator: OwnConnection, role: string): Promise<string | undefined> {
  const { flavor, number } = administrator.version
  const grantsOf = async (whose: string): Promise<string[]> =>
    (await administrator.ask(`SHOW GRANTS FOR ${whose}`)).map(([grant]) => grant ?? '')
  const isPublicKnown = flavor === 'mariadb' && number >= FIRST_WITH_PUBLIC
  const everybodys = isPublicKnown ? reachOf(await grantsOf('PUBLIC')) : undefined
  if (everybodys !== undefined) return everybodys
  const roles = new Set([role])
  for (const one of roles) {
    const grants = await grantsOf(quotedName(one))
    const problem = reachOf(grants)
    if (problem !== undefined) return problem
    for (const other of grantedTo(grants)) roles.add(other)
    if (roles.size > MAX_ROLES) return 'it has too many roles to examine'
  }
  return undefined
}

/** All accounts that gateways have created, and whether the server sees their runs. */
async function registered(login: AdministratorLogin, entries: Map<string, Registered>): Promise<FoundAccount[]> {
  return asAdministrator(login, async (administrator) => {
    await administrator.ask(statements.REGISTRY_TABLE)
    // The accounts are read first: a run is visible before it creates an account.
    const rows = await administrator.ask(statements.REGISTERED)
    const seen = new Map<string, boolean>()
    const found: FoundAccount[] = []
    for (const [user, host, session, target, role, gateway, run, hasEnded] of rows) {
      if (user == null || host == null || session == null || target == null || role == null) continue
      if (gateway == null || run == null || !isOurs(user, session)) continue
      const name = presenceOf(run, target)
      if (!seen.has(name)) {
        const [[count] = []] = await administrator.ask(statements.seeing(name, login.lease.user))
        seen.set(name, count !== '0')
      }
      entries.set(user, { user, host, session, target, role, gateway, run })
      const isSeen = seen.get(name) === true
      found.push({ account: user, target, gateway, run, hasEnded: hasEnded === '1', isSeen })
    }
    return found
  })
}

/** Whole days, after which a password expires in case no gateway returns. */
const daysFor = (seconds: number): number => Math.ceil(seconds / 86_400)

const isOurs = (user: string, session: string): boolean =>
  /^ses_[0-9a-z]{13}$/.test(session) && user.endsWith(`_${session}`)

/** In steps, so that an account that cannot be dropped yet can neither do anything nor log in. */
async function drop(login: AdministratorLogin, entry: Registered): Promise<void> {
  await asAdministrator(login, async (administrator, signal) => {
    await cutOff(administrator, { account: entry, role: entry.role }, signal)
    const defined = await administrator.ask(statements.definedBy(entry))
    const [[type, name] = []] = defined
    if (type != null && name != null)
      throw new PamError(
        'TARGET_REFUSED',
        `${entry.user} is the definer of ${defined.length} objects, such as ${type} ${name}, and was locked instead of dropped`,
        { side: 'upstream', hint: 'drop them, or give them another definer' },
      )
    await administrator.ask(statements.dropping(entry))
    await administrator.ask(statements.unregistering(entry))
  })
}

async function loginTo({ config, settings, secrets }: EphemeralTarget): Promise<AdministratorLogin> {
  const { user, password } = settings.administrator
  const lease = { user, password: await secrets.read(password), release: () => Promise.resolve() }
  return { config, lease, baseDirectory: secrets.baseDirectory }
}

/** Sessions could undo the steps that end them. The grant appears in the log only. */
const reaches = (target: string, how: string): PamError =>
  new PamError('CONFIG_INVALID', `the role that sessions on ${target} are granted gives too much`, {
    side: 'gateway',
    cause: new Error(`a session with grantedRole could outlive its end, or undo it: ${how}`),
    hint: 'ask your administrator to check the log: ephemeral.grantedRole of this target, and PUBLIC, must give rights on databases alone, not on mysql or pam_gateway, and none to give away',
  })

/** 256 random bits, with a character of each kind that password validation plugins require. */
const randomPassword = (): string => `${randomBytes(32).toString('base64url')}.Aa1`

const presenceOf = (run: string, target: string): string =>
  statements.presenceOf(run, target, (text) => createHash('sha256').update(text).digest('hex'))

/** Identifies where the presence for one target is visible: its lock has the name of the target. */
const placeOf = ({ config: { name, host, port }, lease }: AdministratorLogin): string =>
  JSON.stringify([name, host, port, lease.user])
const leases = new AccountLeases()
/** The time for which an account stays valid after the access has ended. */
const ENDING_SECONDS = 60
/** The limit of MySQL for account names; MariaDB accepts longer ones. */
const MAX_NAME_LENGTH = 32
const MAX_ROLES = 100
/** What is granted to PUBLIC, every account may do; no grants of an account or a role show it (MariaDB manual, GRANT … TO PUBLIC). */
const FIRST_WITH_PUBLIC = 101_100
const OLDEST = { mariadb: 100_400, mysql: 80_000 }
