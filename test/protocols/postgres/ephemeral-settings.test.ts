import { describe, expect, it } from 'vitest'
import { authenticationOf, postgresTarget } from '../../../src/protocols/postgres/target.ts'

const ephemeral = { administrator: { user: 'admin', password: 'env:ADMIN' }, grantedRoles: ['app', 'more'] }
const target = (given: object = {}, settings: object = {}): object => ({
  name: 'db',
  type: 'postgres',
  host: 'db',
  database: 'app',
  user: 'app',
  tls: 'disable',
  ephemeral: { ...ephemeral, ...settings },
  ...given,
})
const problems = (given: object): string =>
  JSON.stringify(postgresTarget.schema.safeParse(given).error?.issues.map(({ message }) => message) ?? [])

describe('a target with a role for each session', () => {
  it('logs in by SCRAM alone', () => {
    const config = postgresTarget.schema.parse(target())
    if (config.type !== 'postgres') throw new Error('not postgres')
    expect(
      authenticationOf({ tls: 'verify-full', password: undefined, authentication: undefined, ...config } as never),
    ).toEqual(['scram-sha-256'])
  })

  it('takes a setting that the gateway relies on as it is by default', () => {
    expect(problems(target({}, { settings: { transform_null_equals: 'off', statement_timeout: '5s' } }))).toBe('[]')
  })

  it.each<[string, object, object]>([
    ['each session has its own', { password: 'env:PASSWORD' }, {}],
    ['may not change the account', { ownAccount: true }, {}],
    ['takes the best method', { authentication: ['md5'] }, {}],
    // A function with SECURITY DEFINER that a session leaves behind would run with rights that no session has.
    ['must be one of grantedRoles', {}, { owner: 'dba' }],
    ['has the administrator in it', {}, { grantedRoles: ['admin'] }],
    ['would become another role', {}, { settings: { role: 'dba' } }],
    ['would become another role', {}, { settings: { session_authorization: 'dba' } }],
    ['the gateway relies on it', {}, { settings: { transform_null_equals: 'on' } }],
    ['the gateway relies on it', {}, { settings: { session_preload_libraries: ['auto_explain'] } }],
    ['the name of a setting', {}, { settings: { 'search_path to a; --': 'x' } }],
    ['the name of a role', {}, { grantedRoles: ['a\0b'] }],
    ['at most 63 bytes', {}, { grantedRoles: ['é'.repeat(40)] }],
    ['>=1', {}, { grantedRoles: [] }],
  ])('is refused: %s', (why, given, settings) => {
    expect(problems(target(given, settings))).toContain(why)
  })
})
