import { describe, expect, it } from 'vitest'
import type { Role } from '../../src/api/deps.ts'
import { missingRole, needRole } from '../../src/api/role-acts.ts'
import type { Login } from '../../src/identity/login.ts'

const login = (kind: 'person' | 'service', ...groups: string[]): Login =>
  ({ id: 'lgn_1', person: { id: 'p', label: 'p', kind, groups } }) as unknown as Login
const roles: Readonly<Record<Role, readonly string[]>> = { audit: ['auditors'], operate: ['sre'], lock: ['security'] }
const deps = { settings: () => ({ roles }) } as unknown as Parameters<typeof needRole>[2]

describe('what takes a role', () => {
  it.each([
    ['audit.read', 'only auditors can read the audit chain', 'audit'],
    ['passkeys.remove', 'only operators can remove the passkeys of others', 'operate'],
    ['grants.read', 'only auditors and operators can see the grants of others', 'audit or operate'],
    ['locks.change', 'only members of the groups in roles.lock can lock and unlock', 'lock'],
  ] as const)('%s is refused with the role that it takes', (act, message, role) => {
    const error = missingRole(act)
    expect(error).toMatchObject({ code: 'NOT_ALLOWED', message })
    expect(error.hint).toContain(`the role ${role}, or your administrator`)
    expect(() => needRole(login('person', 'engineering'), act, deps)).toThrow(message)
  })

  it('takes any one of its roles, and no other', () => {
    for (const group of ['auditors', 'sre']) needRole(login('person', group), 'grants.read', deps)
    expect(() => needRole(login('person', 'security'), 'grants.read', deps)).toThrow('only auditors and operators')
    expect(() => needRole(login('person', 'sre'), 'audit.read', deps)).toThrow('only auditors')
  })

  it('is refused to a service, whatever its groups', () => {
    expect(() => needRole(login('service', 'auditors', 'sre'), 'grants.read', deps)).toThrow('only auditors')
  })
})
