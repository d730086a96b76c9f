import { describe, expect, it } from 'vitest'
import {
  creation,
  removal,
  termination,
  timeIn,
} from '../../../../../src/protocols/postgres/gateway/ephemeral/role-statements.ts'

const mark = { session: 'ses_0123456789abc', target: "o'db", gateway: '0123456789abcdef' }
const role = { name: 'jane"_ses', verifier: 'SCRAM', validUntil: '2026-11-29 23:00:00+00', mark }

describe('statements about roles', () => {
  it('make one without any right of its own, with what it is granted, its settings and its comment', () => {
    expect(
      creation(role, {
        grantedRoles: ['app', 'Read "only"'],
        settings: { statement_timeout: '30s', search_path: ['app', "it's"], 'app.tenant': 'a\\b' },
      }),
    ).toEqual([
      `create role "jane""_ses" with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit connection limit 10 password 'SCRAM' valid until '2026-11-29 23:00:00+00' in role "app", "Read ""only"""`,
      `alter role "jane""_ses" set "statement_timeout" to '30s'`,
      `alter role "jane""_ses" set "search_path" to 'app', 'it''s'`,
      `alter role "jane""_ses" set "app"."tenant" to  E'a\\\\b'`,
      `comment on role "jane""_ses" is 'pam-gateway: made for session ses_0123456789abc with o''db by gateway 0123456789abcdef'`,
    ])
  })

  it('name one role and its heir when it is dropped, and nothing else', () => {
    expect(removal('a"b', 'app')).toEqual([
      'reassign owned by "a""b" to "app"',
      'drop owned by "a""b"',
      'drop role "a""b"',
    ])
    expect(termination("a'b")).toContain(`usename operator(pg_catalog.=) 'a''b'`)
  })

  it('ask for whole seconds', () => {
    expect(timeIn(3600.2)).toContain('secs => 3601')
  })
})
