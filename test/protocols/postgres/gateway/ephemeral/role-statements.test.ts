import { describe, expect, it } from 'vitest'
import {
  becoming,
  creation,
  extending,
  joining,
  leaving,
  membershipsOf,
  preparedBy,
  removal,
  termination,
  timeAfter,
  timeAndReach,
  undoing,
} from '../../../../../src/protocols/postgres/gateway/ephemeral/role-statements.ts'

const mark = { session: 'ses_0123456789abc', target: "o'db", gateway: '0123456789abcdef', run: 'fedcba9876543210' }
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
      `comment on role "jane""_ses" is 'pam-gateway: made for session ses_0123456789abc with o''db in run fedcba9876543210 by gateway 0123456789abcdef'`,
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
    for (const query of [timeAndReach(3600.2, ["a'b", 'c']), timeAfter(3600.2)]) expect(query).toContain('secs => 3601')
  })

  it('quote every name and constant', () => {
    expect(extending('a"b', "2026-11-29 23:00:00+00'")).toBe(`alter role "a""b" valid until '2026-11-29 23:00:00+00'''`)
    expect(timeAndReach(1, ["a'b", 'c'])).toContain("any (array['a''b', 'c']::pg_catalog.name[])")
    expect(joining('a"b')).toBe('grant "a""b" to current_user')
    expect(leaving('a"b', 'c"d', true)).toBe('revoke "a""b" from "c""d"')
    expect(leaving('a"b', 'c"d', false)).toBe('revoke "c""d" from "a""b"')
    expect(becoming('a"b')).toBe('set role "a""b"')
    expect(undoing("a'b")).toBe("rollback prepared 'a''b'")
    for (const query of [membershipsOf("a'b"), preparedBy("a'b")]) expect(query).toContain("'a''b'::pg_catalog.name")
  })
})
