import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commentOf,
  constant,
  identifier,
  markOf,
  roleNameOf,
} from '../../../../../src/protocols/postgres/gateway/ephemeral/role-name.ts'

const session = 'ses_0123456789abc'
const nameOf = (label: string): string => roleNameOf({ session, person: { id: 'x', label } })

describe('the name of a role', () => {
  it.each([
    ['jane@example.com', 'jane'],
    ['Jane.Doe-Smith@example.com', 'jane.doe-smith'],
    ['Žofie Nováková', 'zofie_novakova'],
    ['jane"; drop role postgres; --@x', 'jane_drop_role_postgres_--'],
    ["o'neill@x", 'o_neill'],
    ['李小龍', 'user'],
    ['', 'user'],
    ['pg_monitor@x', 'user_pg_monitor'],
    ['123jane', 'jane'],
    ['a'.repeat(80), 'a'.repeat(45)],
  ])('of %s is %s with the session', (label, name) => {
    expect(nameOf(label)).toBe(`${name}_${session}`.replace('user__ses', 'user_ses'))
  })

  it('is plain, short and of its session, whatever somebody is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (label) => {
        const name = nameOf(label)
        expect(name).toMatch(/^[a-z][a-z0-9_.-]*_ses_0123456789abc$/)
        expect(name.length).toBeLessThanOrEqual(63)
        expect(name.startsWith('pg_')).toBe(false)
      }),
    )
  })
})

describe('the comment of a role', () => {
  const mark = {
    session,
    target: 'prod with "a" by gateway name',
    gateway: '0123456789abcdef',
    run: 'fedcba9876543210',
  }

  it('is read as it was written, on a role of its session', () => {
    expect(markOf(`jane_${session}`, commentOf(mark))).toEqual(mark)
    const earlier = { ...mark, run: undefined }
    expect(markOf(`jane_${session}`, commentOf(earlier))).toEqual(earlier)
    const alike = { ...mark, target: commentOf(mark) }
    expect(markOf(`jane_${session}`, commentOf(alike))).toEqual(alike)
  })

  it.each([
    ['of another session', 'jane_ses_0123456789abd', commentOf(mark)],
    ['without the session in its name', 'jane', commentOf(mark)],
    ['with something behind it', `jane_${session}`, `${commentOf(mark)} `],
    ['with something before it', `jane_${session}`, ` ${commentOf(mark)}`],
    ['of somebody else', `jane_${session}`, `made for session ${session}`],
    ['with an empty one', `jane_${session}`, ''],
  ])('is not one of ours: a role %s', (_, role, comment) => {
    expect(markOf(role, comment)).toBeUndefined()
  })
})

it('names and constants are quoted, and have no zero byte', () => {
  expect(identifier('a"b')).toBe('"a""b"')
  expect(constant("a'b")).toBe("'a''b'")
  expect(constant("a\\'b")).toBe(" E'a\\\\''b'")
  expect(() => identifier('a\0')).toThrow('zero byte')
})
