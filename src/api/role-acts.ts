import type { Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { hasRole } from './authenticate.ts'
import type { ApiDeps, Role } from './deps.ts'

interface RoleAct {
  /** Any of these will do. */
  readonly roles: readonly [Role, ...Role[]]
  /** What people without them are told that they cannot do: `only auditors can …`. */
  readonly what: string
}

/** What the API lets only people with a role do. */
const ROLE_ACTS = {
  'audit.check': { roles: ['audit'], what: 'check the audit chain' },
  'audit.export': { roles: ['audit'], what: 'export the audit chain' },
  'audit.read': { roles: ['audit'], what: 'read the audit chain' },
  'deliveries.read': { roles: ['audit', 'operate'], what: 'see webhook deliveries' },
  'detached-texts.erase': { roles: ['audit'], what: 'erase detached texts' },
  'detached-texts.read': { roles: ['audit'], what: 'read detached texts' },
  'grants.allow-again': { roles: ['operate'], what: 'allow standing access again' },
  'grants.read': { roles: ['audit', 'operate'], what: 'see the grants of others' },
  'legal-hold.lift': { roles: ['audit'], what: 'lift a legal hold' },
  'legal-hold.set': { roles: ['audit'], what: 'keep records from being deleted' },
  'locks.change': { roles: ['lock'], what: 'lock and unlock' },
  'numbers.read': { roles: ['audit', 'operate'], what: 'see what was decided on all targets' },
  'passkeys.read': { roles: ['operate'], what: 'see the passkeys of others' },
  'passkeys.remove': { roles: ['operate'], what: 'remove the passkeys of others' },
  'policy.draft': { roles: ['audit'], what: 'check draft rules' },
  'policy.replay': { roles: ['audit'], what: 'replay rules against past commands' },
  'policy.try': { roles: ['audit', 'operate'], what: 'try rules for others' },
  'recordings.read': { roles: ['audit'], what: 'read the recordings of others' },
  'sessions.end': { roles: ['operate'], what: 'end the sessions of others' },
} as const satisfies Readonly<Record<string, RoleAct>>

export type RoleActName = keyof typeof ROLE_ACTS

const PEOPLE: Readonly<Record<Role, string>> = {
  audit: 'auditors',
  operate: 'operators',
  lock: 'members of the groups in roles.lock',
}

/** @throws PamError NOT_ALLOWED where the person has none of the roles that this takes */
export function needRole(login: Login, name: RoleActName, deps: Pick<ApiDeps, 'settings'>): void {
  const { roles }: RoleAct = ROLE_ACTS[name]
  if (!roles.some((role) => hasRole(login, role, deps))) throw missingRole(name)
}

/** NOT_ALLOWED for people who have none of the roles that this takes. */
export function missingRole(name: RoleActName): PamError {
  const { roles, what }: RoleAct = ROLE_ACTS[name]
  const people = roles.map((role) => PEOPLE[role]).join(' and ')
  return new PamError('NOT_ALLOWED', `only ${people} can ${what}`, {
    hint: `ask somebody with the role ${roles.join(' or ')}, or your administrator for it; "pamctl whoami" shows your roles`,
  })
}
