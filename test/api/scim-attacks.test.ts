import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  GROUP_SCHEMA,
  OTHER_TOKEN,
  patchOf,
  source,
  startScim,
  TOKEN,
  USER_SCHEMA,
  userOf,
  type ScimService,
} from '../helpers/scim-service.ts'

let scim: ScimService
let jane: string
const OTHER = { authorization: `Bearer ${OTHER_TOKEN}` }
beforeAll(async () => {
  scim = await startScim('access: []')
})
afterAll(() => scim.close())
/** Nobody is left from the case before. */
beforeEach(async () => {
  await scim.db.change(async (tx) => {
    for (const table of ['directory_users', 'directory_groups', 'directory_members'] as const)
      await tx.deleteFrom(table).execute()
  })
  scim.sources = [source(), source({ name: 'entra', token: () => OTHER_TOKEN })]
  jane = String((await scim.call('POST', '/Users', userOf('jane'))).body['id'])
})

describe('authentication', () => {
  it.each([
    ['nothing', {}],
    ['no token', { authorization: 'Bearer ' }],
    ['a part of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['more than the token', { authorization: `Bearer ${TOKEN}x` }],
    ['two tokens', { authorization: `Bearer ${TOKEN} ${TOKEN}` }],
    ['the token by another scheme', { authorization: `Basic ${TOKEN}` }],
    ['the token of a person', { authorization: 'DPoP x' }],
    ['the name of a source', { authorization: 'Bearer okta' }],
  ])('a caller with %s is refused, on every endpoint', async (_what, headers) => {
    for (const [method, path] of [
      ['GET', '/Users'],
      ['GET', `/Users/${jane}`],
      ['DELETE', `/Users/${jane}`],
      ['GET', '/Groups'],
      ['GET', '/Schemas'],
      ['GET', '/ServiceProviderConfig'],
      ['GET', '/nowhere'],
    ] as const) {
      const answer = await scim.call(method, path, undefined, headers)
      expect([path, answer.status, answer.body['status']]).toEqual([path, 401, '401'])
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
    expect((await scim.call('GET', `/Users/${jane}`)).status).toBe(200)
  })

  it('fails if the configured token cannot be read or is empty', async () => {
    for (const token of [
      () => '',
      () => {
        throw new Error('gone')
      },
    ]) {
      scim.sources = [source({ token })]
      for (const authorization of ['Bearer ', 'Bearer undefined', `Bearer ${TOKEN}`])
        expect((await scim.call('GET', '/Users', undefined, { authorization })).status).toBe(401)
    }
  })

  it('the token of another source sees and changes nothing of this one', async () => {
    const group = { schemas: [GROUP_SCHEMA], displayName: 'admins', members: [{ value: jane }] }
    const admins = String((await scim.call('POST', '/Groups', group)).body['id'])
    const statuses = []
    for (const [method, path, body] of [
      ['GET', `/Users/${jane}`],
      ['PUT', `/Users/${jane}`, userOf('jane', { active: false })],
      ['PATCH', `/Users/${jane}`, patchOf({ op: 'replace', path: 'active', value: false })],
      ['DELETE', `/Users/${jane}`],
      ['GET', `/Groups/${admins}`],
      ['PUT', `/Groups/${admins}`, { ...group, members: [] }],
      ['PATCH', `/Groups/${admins}`, patchOf({ op: 'remove', path: 'members' })],
      ['DELETE', `/Groups/${admins}`],
    ] as const)
      statuses.push((await scim.call(method, path, body, OTHER)).status)
    expect(new Set(statuses)).toEqual(new Set([404]))
    for (const list of ['/Users', '/Groups', `/Users?filter=id%20eq%20%22${jane}%22`])
      expect((await scim.call('GET', list, undefined, OTHER)).body['totalResults']).toBe(0)
    // Neither as a member of a group of its own, nor by taking its names.
    expect((await scim.call('POST', '/Groups', group, OTHER)).body['scimType']).toBe('invalidValue')
    expect((await scim.call('POST', '/Users', userOf('jane'), OTHER)).status).toBe(201)
    expect((await scim.call('GET', `/Groups/${admins}`)).body).toMatchObject({ members: [{ value: jane }] })
    expect((await scim.call('GET', `/Users/${jane}`)).body).toMatchObject({ active: true })
  })
})

describe('input', () => {
  const BAD_PATHS = [
    '__proto__',
    '__proto__.polluted',
    'constructor.prototype.polluted',
    'constructor',
    'name.__proto__.polluted',
    'name.constructor.prototype',
    'emails[type eq "work"].__proto__',
    'emails[__proto__ eq "work"].value',
    'emails[type eq "x].__proto__.y"].value',
    'emails[type eq "x"] or value pr].value',
    `${USER_SCHEMA}:__proto__.polluted`,
    'toString',
    'emails.value',
    'userName[type eq "x"]',
    'a'.repeat(900),
    'members',
    'activ',
  ]
  it.each(BAD_PATHS)('the path %s changes nothing', async (path) => {
    for (const op of ['add', 'replace', 'remove'] as const) {
      const { status, body } = await scim.call('PATCH', `/Users/${jane}`, patchOf({ op, path, value: 'yes' }))
      expect([op, status, body['scimType']]).toEqual([op, 400, 'invalidPath'])
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it.each([
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"name":{"__proto__":{"polluted":1}}}',
    '{"__proto__.polluted":1}',
  ])('the value %s reaches no prototype', async (value) => {
    const body = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":${value}}]}`
    const { status } = await scim.call('PATCH', `/Users/${jane}`, body)
    // Parts that a name does not have are left out, and nothing else is.
    expect(status).toBe(value.startsWith('{"name"') ? 200 : 400)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it.each([
    ['groups', [{ value: 'grp_x' }]],
    ['id', 'usr_chosen'],
    ['meta', { created: '1970-01-01T00:00:00Z' }],
  ])('%s is set by the gateway alone', async (name, value) => {
    const { body } = await scim.call('POST', '/Users', userOf('mallory', { [name]: value }))
    expect(body[name]).not.toEqual(value)
    await scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'replace', value: { [name]: value } }))
    expect((await scim.call('GET', `/Users/${jane}`)).body[name]).not.toEqual(value)
  })

  it.each(['source', 'personId', 'person_id', 'deletedAt', 'admin', 'isAdmin', 'attributes'])(
    'the attribute %s does not exist',
    async (name) => {
      const { status, body } = await scim.call('POST', '/Users', userOf('mallory', { [name]: 'entra' }))
      expect([status, body['scimType']]).toEqual([400, 'invalidSyntax'])
      expect((await scim.call('GET', `/Users/${jane}`)).body).not.toHaveProperty(name)
    },
  )

  it('attribute names are case-insensitive, and each is given once', async () => {
    const { body } = await scim.call('POST', '/Users', { schemas: [USER_SCHEMA], USERNAME: 'bob', Active: 'FALSE' })
    expect(body).toMatchObject({ userName: 'bob', active: false })
    const twice = await scim.call('POST', '/Users', userOf('eve', { Active: false }))
    expect(twice.body).toMatchObject({ status: '400', scimType: 'invalidSyntax' })
  })

  it.each(['JANE@example.com', 'jane@EXAMPLE.COM', 'jane@example.com'])(
    'the userName %s is taken already, also by a change',
    async (userName) => {
      const made = await scim.call('POST', '/Users', userOf('other', { userName }))
      expect(made.body).toMatchObject({ status: '409', scimType: 'uniqueness' })
      const bob = String((await scim.call('POST', '/Users', userOf('bob'))).body['id'])
      const change = patchOf({ op: 'replace', path: 'userName', value: userName })
      expect((await scim.call('PATCH', `/Users/${bob}`, change)).status).toBe(409)
    },
  )

  it.each([
    ['null', null],
    ['a number', 0],
    ['an empty string', ''],
    ['no', 'no'],
    ['a list', [false]],
    ['an object', { value: false }],
  ])('active as %s is neither true nor false', async (_what, active) => {
    for (const operation of [
      { op: 'replace', path: 'active', value: active },
      { op: 'replace', value: { active } },
    ])
      expect((await scim.call('PATCH', `/Users/${jane}`, patchOf(operation))).status).toBe(400)
    expect((await scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'remove', path: 'active' }))).status).toBe(400)
  })

  it.each([
    USER_SCHEMA,
    'urn:ietf:params:scim:schemas:core:2.0:Usr:active',
    'urn:ietf:params:scim:schemas:core:2.0:Group:active',
    'urn:ietf:params:scim:schemas:core:1.0:User:active',
    'urn:scim:schemas:core:1.0',
    'urn:scim:schemas:core:1.0:active',
  ])('%s, which may disable somebody, is not ignored', async (name) => {
    const value = name.endsWith('active') ? false : { active: false }
    for (const operation of [
      { op: 'replace', path: name, value },
      { op: 'replace', value: { [name]: value } },
    ])
      expect((await scim.call('PATCH', `/Users/${jane}`, patchOf(operation))).status).toBe(400)
    expect((await scim.call('PUT', `/Users/${jane}`, userOf('jane', { [name]: value }))).status).toBe(400)
  })

  it('active as null makes nobody active', async () => {
    expect((await scim.call('POST', '/Users', userOf('bob', { active: null }))).status).toBe(400)
    expect((await scim.call('PUT', `/Users/${jane}`, userOf('jane', { active: null }))).status).toBe(400)
  })

  it.each([
    { active: false, Active: true },
    { active: false, [`${USER_SCHEMA}:active`]: true },
    { 'name.givenName': 'a', 'NAME.givenname': 'b' },
    { 'emails[type eq "work"].value': 'a', 'emails[ type eq "work" ].value': 'b' },
  ])('%o in one operation names an attribute twice', async (value) => {
    const { body } = await scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'replace', value }))
    expect(body).toMatchObject({ scimType: 'invalidSyntax', detail: expect.stringContaining('given twice') as string })
  })

  it('more values than can be compared with each other are refused before the first is', async () => {
    const value = Array.from({ length: 100 }, (_, i) => ({ value: `a${i}` }))
    const lists = Array.from({ length: 11 }, () => ({ op: 'add', path: 'emails', value }))
    expect((await scim.call('PATCH', `/Users/${jane}`, patchOf(...lists))).body['detail']).toMatch(/1000 values/)
    const names = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`emails[type eq "${i}"].value`, 'x']))
    const { body } = await scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'add', value: names }))
    expect(body['detail']).toMatch(/1000 changes/)
  })

  it('one operation that is refused undoes those before it', async () => {
    const operations = [
      { op: 'replace', path: 'displayName', value: 'changed' },
      { op: 'replace', path: 'nonsense', value: 'x' },
    ]
    expect((await scim.call('PATCH', `/Users/${jane}`, patchOf(...operations))).status).toBe(400)
    expect((await scim.call('GET', `/Users/${jane}`)).body).not.toHaveProperty('displayName')
  })

  it.each<[string, string | object, number]>([
    ['no JSON', '{', 400],
    ['a list', '[]', 400],
    ['null', 'null', 400],
    ['nested too deeply', '['.repeat(200_000), 400],
    ['too large', JSON.stringify(userOf('x', { displayName: 'x'.repeat(1_100_000) })), 413],
    ['a long name', userOf('x', { userName: 'x'.repeat(1001) }), 400],
    ['control characters', userOf('x', { userName: 'x\u0000y' }), 400],
    ['many addresses', userOf('x', { emails: Array.from({ length: 101 }, () => ({ value: 'x' })) }), 400],
    ['another schema', { ...userOf('x'), schemas: [GROUP_SCHEMA] }, 400],
    ['no userName', { schemas: [USER_SCHEMA] }, 400],
    ['a blank userName', userOf('x', { userName: '  ' }), 400],
  ])('a body with %s is refused', async (_what, body, status) => {
    expect((await scim.call('POST', '/Users', body)).status).toBe(status)
  })

  it('too many operations are refused before the first is applied', async () => {
    const many = Array.from({ length: 1001 }, () => ({ op: 'replace', path: 'active', value: false }))
    expect((await scim.call('PATCH', `/Users/${jane}`, patchOf(...many))).status).toBe(400)
    expect((await scim.call('GET', `/Users/${jane}`)).body).toMatchObject({ active: true })
  })

  it('members are existing users of this directory', async () => {
    const made = async (members: unknown) =>
      (await scim.call('POST', '/Groups', { schemas: [GROUP_SCHEMA], displayName: 'g', members })).status
    expect(await made([{ value: 'usr_nobody' }])).toBe(400)
    expect(await made([{ value: jane, type: 'Group' }])).toBe(400)
    expect(await made([{ display: 'jane' }])).toBe(400)
    expect(await made(['jane'])).toBe(400)
    expect(await made(Array.from({ length: 10_001 }, (_, i) => ({ value: `usr_${i}` })))).toBe(400)
    expect(await made([{ value: jane }, { value: jane }])).toBe(201)
  })

  it('other content types are refused', async () => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' }
    expect((await scim.call('POST', '/Users', userOf('x'), headers)).status).toBe(415)
  })
})

describe('filters', () => {
  it.each([
    'userName ne "x"',
    'userName co "x"',
    'userName pr',
    'not (userName eq "x")',
    'userName eq "x" or userName eq "jane"',
    'password eq "x"',
    '__proto__ eq "x"',
    'constructor.prototype eq "x"',
    'source eq "entra"',
    'personId eq "x"',
    'userName eq jane',
    'userName eq 1',
    'userName eq null',
    'userName eq "x',
    'userName eq "a\\" or 1 eq 1"',
    `userName eq "${'\n'.repeat(40)}`,
    `userName eq "x"${'('.repeat(500)}`,
    `${'('.repeat(11)}userName eq "x"${')'.repeat(11)}`,
    'a'.repeat(5000),
    Array.from({ length: 11 }, () => 'id eq "x"').join(' and '),
    'members.value eq "x"',
    '',
  ])('%s is refused', async (filter) => {
    const { status, body } = await scim.call('GET', `/Users?filter=${encodeURIComponent(filter)}`)
    expect([status, body['scimType']]).toEqual([400, 'invalidFilter'])
  })

  it('values are compared, never read as SQL or as a pattern', async () => {
    for (const value of ["x' or '1'='1", '%', '_ane@example.com', 'jane@example.com; drop table logins'])
      expect(
        (await scim.call('GET', `/Users?filter=${encodeURIComponent(`userName eq "${value}"`)}`)).body['totalResults'],
      ).toBe(0)
  })

  it('contradictions match nobody', async () => {
    const filter = encodeURIComponent(`id eq "${jane}" and id eq "usr_other"`)
    expect((await scim.call('GET', `/Users?filter=${filter}`)).body['totalResults']).toBe(0)
  })

  it('a parameter that is given twice is refused', async () => {
    expect((await scim.call('GET', '/Users?count=1&count=2')).status).toBe(400)
    expect((await scim.call('GET', '/Users?count=x')).status).toBe(400)
  })
})
