import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GROUP_SCHEMA, patchOf, startScim, USER_SCHEMA, type ScimService } from '../helpers/scim-service.ts'

/**
 * Requests as the documentation of the two directories shows them.
 * Okta: https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20
 * Microsoft Entra ID: https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups and
 * …/application-provisioning-config-problem-scim-compatibility
 */
let scim: ScimService
beforeAll(async () => {
  scim = await startScim('access: []')
})
afterAll(() => scim.close())

const query = (text: string): string => encodeURIComponent(text)

describe('Okta', () => {
  it('tests the connection, looks for the user, creates it, reads and replaces it, and disables it', async () => {
    expect(await scim.call('GET', '/Users?startIndex=1&count=2')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/scim+json; charset=utf-8' },
      body: { totalResults: 0, startIndex: 1, itemsPerPage: 0, Resources: [] },
    })
    const filter = query('userName eq "test.user@okta.local"')
    const none = await scim.call('GET', `/Users?filter=${filter}&startIndex=1&count=100`)
    expect(none.body['totalResults']).toBe(0)
    const user = {
      schemas: [USER_SCHEMA],
      userName: 'test.user@okta.local',
      name: { givenName: 'Test', familyName: 'User' },
      emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
      displayName: 'Test User',
      locale: 'en-US',
      externalId: '00ujl29u0le5T6Aj10h7',
      groups: [],
      password: '1mz050nq',
      active: true,
    }
    const made = await scim.call('POST', '/Users', user)
    const id = String(made.body['id'])
    expect(made.status).toBe(201)
    expect(made.headers['location']).toBe(`https://pam.example.com/scim/v2/Users/${id}`)
    expect(made.body).toMatchObject({ userName: user.userName, active: true, name: user.name, emails: user.emails })
    expect(JSON.stringify(made.body)).not.toContain('1mz050nq')
    expect((await scim.call('POST', '/Users', user)).body).toMatchObject({ status: '409', scimType: 'uniqueness' })
    expect((await scim.call('GET', `/Users?filter=${filter}`)).body).toMatchObject({ Resources: [{ id }] })
    const replaced = await scim.call('PUT', `/Users/${id}`, { ...user, id, name: { givenName: 'Other' }, meta: {} })
    expect(replaced).toMatchObject({ status: 200, body: { id, name: { givenName: 'Other' } } })
    const disabled = await scim.call('PATCH', `/Users/${id}`, patchOf({ op: 'replace', value: { active: false } }))
    expect(disabled).toMatchObject({ status: 200, body: { active: false } })
    // A replacement that does not say so does not enable anybody.
    const { active: _active, ...silent } = user
    expect((await scim.call('PUT', `/Users/${id}`, silent)).body['active']).toBe(false)
  })

  it('pushes a group, renames it without a path, changes members in one request, and deletes it', async () => {
    const users = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const body = { schemas: [USER_SCHEMA], userName: `okta-${name}`, externalId: `okta-${name}` }
        return String((await scim.call('POST', '/Users', body)).body['id'])
      }),
    )
    const [a = '', b = ''] = users
    const made = await scim.call('POST', '/Groups', {
      schemas: [GROUP_SCHEMA],
      displayName: 'Test SCIMv2',
      members: [{ value: a, display: 'okta-a' }],
    })
    const id = String(made.body['id'])
    expect(made).toMatchObject({ status: 201, body: { members: [{ value: a, display: 'okta-a' }] } })
    const renamed = patchOf({ op: 'replace', value: { id, displayName: 'Renamed' } })
    expect((await scim.call('PATCH', `/Groups/${id}`, renamed)).status).toBe(204)
    const changed = patchOf(
      { op: 'remove', path: `members[value eq "${a}"]` },
      { op: 'add', path: 'members', value: [{ value: b, display: 'okta-b' }] },
    )
    expect((await scim.call('PATCH', `/Groups/${id}`, changed)).status).toBe(204)
    expect((await scim.call('GET', `/Groups/${id}`)).body).toMatchObject({
      displayName: 'Renamed',
      members: [{ value: b }],
    })
    expect((await scim.call('GET', `/Users/${b}`)).body['groups']).toEqual([{ value: id, display: 'Renamed' }])
    const put = { schemas: [GROUP_SCHEMA], id, displayName: 'Renamed', members: [] }
    expect((await scim.call('PUT', `/Groups/${id}`, put)).body['members']).toEqual([])
    expect((await scim.call('DELETE', `/Groups/${id}`)).status).toBe(204)
    expect((await scim.call('GET', `/Groups/${id}`)).body).toMatchObject({ status: '404' })
  })
})

describe('Microsoft Entra ID', () => {
  let id: string
  it('creates a user with its enterprise schema and empty roles', async () => {
    const made = await scim.call('POST', '/Users', {
      schemas: [USER_SCHEMA, 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'],
      externalId: '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef',
      userName: 'Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1',
      active: true,
      addresses: null,
      emails: [{ primary: true, type: 'work', value: 'old@testuser.com' }],
      meta: { resourceType: 'User' },
      name: { formatted: 'givenName familyName', familyName: 'familyName', givenName: 'givenName' },
      roles: [],
      'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User': { department: 'x' },
    })
    expect(made.status).toBe(201)
    id = String(made.body['id'])
  })

  it.each([
    'userName eq "TEST_USER_AB6490EE-1e48-479e-a20b-2d77186b5dd1"',
    'externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"',
    'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "test_user_ab6490ee-1e48-479e-a20b-2d77186b5dd1"',
  ])('finds it by %s', async (filter) => {
    expect((await scim.call('GET', `/Users?filter=${query(filter)}`)).body).toMatchObject({ Resources: [{ id }] })
  })

  it('finds nobody by an unknown value', async () => {
    const { body } = await scim.call('GET', `/Users?filter=${query('userName eq "non-existent user"')}`)
    expect(body).toMatchObject({ totalResults: 0, Resources: [] })
  })

  it('changes one of several values by its type, and a part of the name', async () => {
    const { status, body } = await scim.call(
      'PATCH',
      `/Users/${id}`,
      patchOf(
        { op: 'Replace', path: 'emails[type eq "work"].value', value: 'updatedEmail@microsoft.com' },
        { op: 'Replace', path: 'name.familyName', value: 'updatedFamilyName' },
        { op: 'Add', path: 'emails[type eq "home"].value', value: 'home@microsoft.com' },
        { op: 'Add', path: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department', value: 'IT' },
        { op: 'Add', path: 'phoneNumbers[type eq "work"].value', value: '1' },
        { op: 'Replace', value: { 'name.givenName': 'updatedGivenName', displayName: 'Shown' } },
      ),
    )
    expect(status).toBe(200)
    expect(body).toMatchObject({
      displayName: 'Shown',
      name: { familyName: 'updatedFamilyName', givenName: 'updatedGivenName' },
      emails: [
        { type: 'work', value: 'updatedEmail@microsoft.com', primary: true },
        { type: 'home', value: 'home@microsoft.com' },
      ],
    })
  })

  it.each([
    ['False', false],
    ['True', true],
    [false, false],
    ['true', true],
  ])('sends active as %o', async (value, active) => {
    const { body } = await scim.call('PATCH', `/Users/${id}`, patchOf({ op: 'Replace', path: 'active', value }))
    expect(body['active']).toBe(active)
  })

  it('creates a group without members, adds and removes them as its old and its new client do', async () => {
    const made = await scim.call('POST', '/Groups', {
      schemas: [GROUP_SCHEMA, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
      externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
      displayName: 'displayName',
      meta: { resourceType: 'Group' },
    })
    const group = String(made.body['id'])
    expect(made).toMatchObject({ status: 201, body: { members: [] } })
    const change = async (operation: object): Promise<unknown> => {
      expect((await scim.call('PATCH', `/Groups/${group}`, patchOf(operation))).status).toBe(204)
      return (await scim.call('GET', `/Groups/${group}`)).body['members']
    }
    const value = [{ $ref: null, value: id }]
    expect(await change({ op: 'Add', path: 'members', value })).toMatchObject([{ value: id }])
    const member = `id eq "${group}" and members eq "${id}"`
    for (const filter of [
      member,
      `members[value eq "${id}"]`,
      `members.value eq "${id}"`,
      'displayName eq "DISPLAYNAME"',
    ])
      expect((await scim.call('GET', `/Groups?excludedAttributes=members&filter=${query(filter)}`)).body).toMatchObject(
        {
          Resources: [{ id: group }],
        },
      )
    expect(await change({ op: 'Remove', path: 'members', value })).toEqual([])
    expect(await change({ op: 'Add', path: 'members', value })).toHaveLength(1)
    expect(await change({ op: 'remove', path: `members[value eq "${id}"]` })).toEqual([])
    const plain = await scim.call('GET', `/Groups/${group}?excludedAttributes=members`)
    expect(plain.body).not.toHaveProperty('members')
    const renamed = patchOf({ op: 'Replace', path: 'displayName', value: 'updatedDisplayName' })
    expect((await scim.call('PATCH', `/Groups/${group}`, renamed)).status).toBe(204)
  })

  it('deletes a user, whose id and name are found by nobody afterwards', async () => {
    expect((await scim.call('DELETE', `/Users/${id}`)).status).toBe(204)
    expect((await scim.call('GET', `/Users/${id}`)).status).toBe(404)
    expect((await scim.call('DELETE', `/Users/${id}`)).status).toBe(404)
  })
})

describe('any client', () => {
  it('learns what is supported', async () => {
    expect((await scim.call('GET', '/ServiceProviderConfig')).body).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true, maxResults: 200 },
    })
    expect((await scim.call('GET', '/ResourceTypes')).body).toMatchObject({ totalResults: 2 })
    expect((await scim.call('GET', '/ResourceTypes/User')).body).toMatchObject({ endpoint: '/Users' })
    expect((await scim.call('GET', `/Schemas/${GROUP_SCHEMA}`)).body).toMatchObject({ name: 'Group' })
    expect((await scim.call('GET', '/Bulk')).body).toMatchObject({ status: '404' })
  })

  it('walks through a list page by page, each user once', async () => {
    const names = Array.from({ length: 7 }, (_, i) => `page-${i}`)
    for (const userName of names) await scim.call('POST', '/Users', { schemas: [USER_SCHEMA], userName })
    const seen: unknown[] = []
    for (let startIndex = 1; ;) {
      const { body } = await scim.call('GET', `/Users?startIndex=${startIndex}&count=3&attributes=userName`)
      const found = body['Resources'] as { userName: string }[]
      if (found.length === 0) break
      seen.push(...found.map(({ userName }) => userName))
      startIndex += found.length
    }
    expect(seen).toEqual(expect.arrayContaining(names))
    expect(new Set(seen).size).toBe(seen.length)
    expect((await scim.call('GET', '/Users?startIndex=-5&count=-1')).body).toMatchObject({
      startIndex: 1,
      itemsPerPage: 0,
    })
  })
})
