import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { boundedRequest, type BoundedRequest } from '../../../../src/shared/bounded-request.ts'
import { PamError } from '../../../../src/shared/errors.ts'
import { VaultClient, type VaultAuth } from '../../../../src/credentials/stores/vault/vault-client.ts'
import { VaultDatabase } from '../../../../src/credentials/stores/vault/vault-database.ts'
import { signSshKey } from '../../../../src/credentials/stores/vault/vault-ssh.ts'
import { vaultKv } from '../../../../src/credentials/stores/vault/vault-kv.ts'
import { transitMasterKey } from '../../../../src/credentials/stores/sealed/master-key.ts'
import { HandClock } from '../../../helpers/hand-clock.ts'
import { StandInStores } from '../../../helpers/secret-stores.ts'

const SECRETS: Readonly<Record<string, string>> = {
  'env:ROLE': 'the-role',
  'env:SECRET_ID': 'the-secret-id',
  'env:WRONG': 'wrong-secret-id',
  'file:jwt': 'the.service.token',
  'env:TOKEN': 'hvs.given',
}
const APPROLE: VaultAuth = { type: 'approle', mount: 'approle', roleId: 'env:ROLE', secretId: 'env:SECRET_ID' }

let stores: StandInStores
let clock: HandClock
const sent: BoundedRequest[] = []
const underWay = new Set<Promise<unknown>>()
beforeEach(async () => {
  stores = new StandInStores()
  await stores.start()
  clock = new HandClock()
  sent.length = 0
  stores.kv.set('secret/data/prod/db', { password: 'hunter2', port: 5432, __proto__: { hidden: 'x' } })
  stores.kv.set('kv1/db', { password: 'old' })
})
afterEach(() => stores.stop())

function clientOf(auth: VaultAuth = APPROLE, deadline = 5000): VaultClient {
  const settings = {
    address: stores.url,
    namespace: 'team/',
    auth,
    kv: [
      { mount: 'secret', version: 2 as const },
      { mount: 'kv1', version: 1 as const },
    ],
  }
  return new VaultClient(settings, {
    secretOf: (reference) => SECRETS[reference] ?? '',
    ca: undefined,
    clock,
    send: (request) => {
      sent.push(request)
      const answer = boundedRequest({ ...request, deadline: Math.min(deadline, request.deadline ?? deadline) })
      underWay.add(answer)
      const done = (): boolean => underWay.delete(answer)
      answer.then(done, done)
      return answer
    },
  })
}

const read = (client: VaultClient, path = 'secret/prod/db', field = 'password') =>
  vaultKv(client).read({ store: 'vault', path: path.split('/'), field })

/** Until what was begun by the clock is done: no request is under way, and none follows. */
async function settled(): Promise<void> {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  for (let quiet = 0; quiet < 3; quiet++) {
    await turn()
    if (underWay.size > 0) quiet = -1
    await Promise.allSettled(underWay)
  }
}

describe('key/value engines', () => {
  it('version 2: below data, without a lease', async () => {
    expect(await read(clientOf())).toEqual({ text: 'hunter2' })
    expect(stores.requests).toEqual(['POST /v1/auth/approle/login', 'GET /v1/secret/data/prod/db'])
    expect(sent[1]?.headers).toMatchObject({ 'x-vault-request': 'true', 'x-vault-namespace': 'team/' })
  })

  it('version 1: with the time of its lease', async () => {
    stores.lease = 30
    expect(await read(clientOf(), 'kv1/db')).toEqual({ text: 'old', keepFor: 30_000 })
  })

  it.each([
    ['secret/nothing', 'password', 'does not exist'],
    ['secret/prod/db', 'user', 'has no field user'],
    ['secret/prod/db', 'port', 'is not text'],
    ['secret/prod/db', 'hidden', 'has no field hidden'],
    ['secret/prod/db', '__proto__', 'has no field __proto__'],
    ['other/db', 'password', 'is not under a mount of secrets.vault.kv'],
  ])('%s#%s: %s', async (path, field, expected) => {
    await expect(read(clientOf(), path, field)).rejects.toMatchObject({
      scope: 'secret',
      message: expect.stringContaining(expected) as string,
    })
  })
})

describe('signing in', () => {
  it('with the service account of the pod', async () => {
    const auth: VaultAuth = { type: 'kubernetes', mount: 'k8s/prod', role: 'pam', token: 'file:jwt' }
    stores.requests.length = 0
    await expect(read(clientOf(auth))).rejects.toThrow('refuses the sign-in')
    expect(stores.requests).toEqual(['POST /v1/auth/k8s/prod/login'])
    expect(await read(clientOf({ ...auth, mount: 'kubernetes' }))).toEqual({ text: 'hunter2' })
  })

  it('with a token, which is renewed', async () => {
    stores.tokens.set('hvs.given', 90)
    const client = clientOf({ type: 'token', token: 'env:TOKEN' })
    await read(client)
    clock.next()
    await settled()
    await read(client)
    expect(stores.requests.slice(1)).toEqual([
      'GET /v1/secret/data/prod/db',
      'POST /v1/auth/token/renew-self',
      'GET /v1/secret/data/prod/db',
    ])
  })

  it('once for all that wait for it', async () => {
    const client = clientOf()
    await Promise.all([read(client), read(client), read(client)])
    expect(stores.requests.filter((one) => one.includes('login'))).toHaveLength(1)
  })

  it('renews the token after two thirds of its lifetime', async () => {
    const client = clientOf()
    await read(client)
    const before = clock.time
    expect(clock.next() - before).toBe(2_400_000)
    await settled()
    await read(client)
    expect(stores.requests.filter((one) => one.includes('login'))).toHaveLength(1)
    expect(stores.requests).toContain('POST /v1/auth/token/renew-self')
  })

  it('signs in again if the token is no longer accepted, and not if it lacks a permission', async () => {
    const client = clientOf()
    await read(client)
    stores.tokens.clear()
    expect(await read(client)).toEqual({ text: 'hunter2' })
    expect(stores.requests.filter((one) => one.includes('login'))).toHaveLength(2)

    const logins = stores.requests.length
    stores.answer = (request, response) =>
      request.url === '/v1/auth/token/lookup-self' ? response.end('{"data":{}}') : response.writeHead(403).end()
    await expect(read(client)).rejects.toThrow('answers 403 (not allowed)')
    expect(stores.requests.slice(logins)).toEqual(['GET /v1/secret/data/prod/db', 'GET /v1/auth/token/lookup-self'])
  })

  it('reports a refused sign-in, without what was sent or answered', async () => {
    const failure = await read(clientOf({ ...APPROLE, secretId: 'env:WRONG' })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ scope: 'store', message: 'refuses the sign-in: answers 400 (bad request)' })
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('wrong-secret-id')
  })
})

describe('a hostile vault', () => {
  const token = (over: Readonly<Record<string, unknown>>): string =>
    JSON.stringify({ auth: { client_token: 'hvs.x', lease_duration: 60, renewable: true, ...over } })

  it.each([
    ['leads elsewhere', 307, '', 'answers 307, a redirect, which is not followed'],
    ['is sealed', 503, '{"errors":["Vault is sealed"]}', 'answers 503 (unavailable or sealed)'],
    ['answers with no JSON', 200, '<html>hunter2', 'its token is not one line of plain characters'],
    ['answers with deep JSON', 200, '['.repeat(500_000), 'its token is not one line of plain characters'],
    ['answers with a list', 200, '[]', 'its token is not one line of plain characters'],
    ['gives a token with a line break', 200, token({ client_token: 'a\r\nx-evil: y' }), 'its token is not one line'],
    [
      'gave a token that has already expired',
      200,
      token({ lease_duration: 0 }),
      'gave a token that has already expired',
    ],
    [
      'gives a token that lasts below zero',
      200,
      token({ lease_duration: -1 }),
      'gave a token that has already expired',
    ],
    ['gives a lease that is no number', 200, token({ lease_duration: '60' }), 'gave a token that has already expired'],
    ['gives an endless lease', 200, token({ lease_duration: 1e300 }), 'gave a token that has already expired'],
    ['gives a token by inheritance', 200, '{"__proto__":{"auth":{"client_token":"x"}}}', 'its token is not one line'],
  ])('that %s', async (_name, status, body, expected) => {
    stores.answer = (_request, response) =>
      response.writeHead(status, { location: `${stores.url}/elsewhere` }).end(body)
    const failure = await read(clientOf()).catch((error: unknown) => error)
    expect(failure).toMatchObject({ scope: 'store', message: expect.stringContaining(expected) as string })
    expect(String(failure)).not.toMatch(/hunter2|evil|sealed"/)
    expect(stores.requests).toHaveLength(1)
  })

  it('that does not end its answer', async () => {
    stores.answer = (_request, response) => {
      const more = (): void => void (response.destroyed || response.write(' '.repeat(65_536), more))
      more()
    }
    await expect(read(clientOf())).rejects.toThrow('answers with more than 1048576 bytes')
  })

  it('that answers byte by byte', async () => {
    stores.answer = (_request, response) => {
      const timer = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(timer))
    }
    await expect(read(clientOf(APPROLE, 60))).rejects.toThrow('does not answer within 0.06 s')
  })

  it('a token that lasts for a hundred years is renewed once a day', async () => {
    stores.lease = 3_000_000_000
    await read(clientOf())
    const before = clock.time
    expect(clock.next() - before).toBe(86_400_000)
  })
})

describe('users of databases', () => {
  const ledger = (): { ids: string[] } & ConstructorParameters<typeof VaultDatabase>[1] => {
    const ids: string[] = []
    return {
      ids,
      live: new Set(),
      made: new Set(),
      add: ({ id }) => Promise.resolve(void ids.push(id)),
      remove: (id) => Promise.resolve(void ids.splice(ids.indexOf(id), 1)),
      list: () => Promise.resolve([...ids]),
    }
  }
  const REFERENCE = { store: 'vault-db', mount: ['database'], role: 'readonly' } as const

  it('are created for a session, noted, and gone after it', async () => {
    const kept = ledger()
    const lease = await new VaultDatabase(clientOf(), kept, clock).lease(REFERENCE)
    expect([lease.user, lease.password, kept.ids.length, stores.leases.size]).toEqual(['v-made', 'made-by-vault', 1, 1])
    await Promise.all([lease.release(), lease.release()])
    expect([kept.ids.length, stores.leases.size]).toEqual([0, 0])
    expect(stores.requests.filter((one) => one.includes('revoke'))).toHaveLength(1)
  })

  it('are renewed while the session lasts, and lost when somebody revokes them', async () => {
    const lease = await new VaultDatabase(clientOf(), ledger(), clock).lease(REFERENCE)
    const begun = clock.time
    expect(clock.next() - begun).toBe(30_000)
    await settled()
    expect(lease.lost.aborted).toBe(false)
    stores.leases.clear()
    clock.next()
    await settled()
    expect(lease.lost.reason).toBeInstanceOf(PamError)
    expect(lease.lost.reason).toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      message: 'the database user that was made for this session was revoked in the vault',
    })
  })

  it('survive an outage of the vault that is shorter than their lease, and no longer one', async () => {
    const lease = await new VaultDatabase(clientOf(), ledger(), clock).lease(REFERENCE)
    const end = clock.time + 60_000
    stores.answer = (_request, response) => response.writeHead(503).end()
    for (let at = clock.time; at < end && !lease.lost.aborted; at = clock.time) {
      clock.next()
      await settled()
      if (clock.time < end) expect(lease.lost.aborted).toBe(false)
    }
    expect(lease.lost.reason).toMatchObject({
      message: 'the lease of the database user of this session has expired',
    })
  })

  it('stay noted if they cannot be revoked, until a sweep can', async () => {
    const kept = ledger()
    const database = new VaultDatabase(clientOf(), kept, clock)
    const lease = await database.lease(REFERENCE)
    stores.answer = (_request, response) => response.writeHead(503).end()
    await lease.release()
    expect(kept.ids).toHaveLength(1)
    expect(await database.sweep()).toBe(1)
    stores.answer = undefined
    expect(await database.sweep()).toBe(0)
    expect([kept.ids.length, stores.leases.size]).toEqual([0, 0])
  })

  it.each([
    // What a vault says where the database does not drop the user, and what stands in front of one.
    [400, '{"errors":["failed to revoke entry"]}'],
    [200, '<html>Sign in</html>'],
    [202, ''],
    [404, '<html>Not found</html>'],
    [307, ''],
  ])('stay noted where the answer is %d %s', async (status, body) => {
    const kept = ledger()
    const database = new VaultDatabase(clientOf(), kept, clock)
    const lease = await database.lease(REFERENCE)
    stores.answer = (_request, response) => response.writeHead(status).end(body)
    await lease.release()
    expect(kept.ids).toHaveLength(1)
    expect(await database.sweep()).toBe(1)
  })

  it('of a removed engine are no longer noted', async () => {
    const kept = ledger()
    const lease = await new VaultDatabase(clientOf(), kept, clock).lease(REFERENCE)
    stores.answer = (_request, response) => response.writeHead(404).end('{"errors":[]}')
    await lease.release()
    expect(kept.ids).toEqual([])
  })

  it('that are refused and cannot be revoked are noted', async () => {
    const kept = ledger()
    const client = clientOf()
    await read(client)
    stores.makeUser = () => {
      stores.answer = (_request, response) => response.writeHead(400).end('{}')
      return Promise.resolve({ username: 'v-made', password: 'made', lasts: 2_764_800 })
    }
    await expect(new VaultDatabase(client, kept, clock).lease(REFERENCE)).rejects.toThrow('more than 24 hours')
    expect(kept.ids).toHaveLength(1)
  })

  it('of a gateway that crashed are revoked by the next one, and those of live sessions are not', async () => {
    const kept = ledger()
    await new VaultDatabase(clientOf(), kept, clock).lease(REFERENCE)
    const database = new VaultDatabase(clientOf(), { ...kept, live: new Set(), made: new Set() }, clock)
    const live = await database.lease(REFERENCE)
    await database.sweep()
    expect([kept.ids.length, stores.leases.size, live.lost.aborted]).toEqual([1, 1, false])
  })

  describe('of a gateway whose data directory was copied', () => {
    const UNTOLD = { issue_time: '2026-11-30T00:00:00Z', expire_time: null, ttl: 0, renewable: true }
    const swept = async (): Promise<{ left: number | Error; leases: number; written: number }> => {
      const first = ledger()
      await new VaultDatabase(clientOf(), first, clock).lease(REFERENCE)
      const copy = { ...ledger(), list: () => Promise.resolve([...first.ids]) }
      const left = await new VaultDatabase(clientOf(), copy, clock).sweep().catch((error: unknown) => error as Error)
      return { left, leases: stores.leases.size, written: first.ids.length }
    }

    it.each([0, 30, 61])('stay while it renews them, as %d s ago', async (seconds) => {
      stores.renewedAgo = seconds
      expect(await swept()).toEqual({ left: 0, leases: 1, written: 1 })
    })

    it.each([63, 3600])('are revoked once it has not for %d s', async (seconds) => {
      stores.renewedAgo = seconds
      expect(await swept()).toMatchObject({ left: 0, leases: 0 })
    })

    it.each([
      ['cannot be told', 200, UNTOLD, { left: 1, leases: 1 }],
      ['is another lease', 200, { ...UNTOLD, id: 'database/creds/x/y' }, { left: 1, leases: 1 }],
      ['the policy does not let it ask', 403, {}, { left: 0, leases: 0 }],
      ['the vault is sealed', 503, {}, { left: 1, leases: 1 }],
    ])('where %s', async (_name, status, data, expected) => {
      stores.lookUp = { status, json: { data } }
      expect(await swept()).toMatchObject(expected)
    })
  })

  it('of live sessions survive a reload of the configuration', async () => {
    const kept = ledger()
    const lease = await new VaultDatabase(clientOf(), kept, clock).lease(REFERENCE)
    await new VaultDatabase(clientOf(), kept, clock).sweep()
    expect([stores.leases.size, lease.lost.aborted]).toEqual([1, false])
    await lease.release()
    expect([stores.leases.size, kept.ids.length]).toEqual([0, 0])
  })

  it.each([
    [0, 'gave a user that is valid for 0 s'],
    [9, 'gave a user that is valid for 9 s'],
    [2_764_800, 'gave a user that is valid for more than 24 hours'],
  ])('that last for %d s are refused, and revoked', async (lasts, expected) => {
    stores.makeUser = () => Promise.resolve({ username: 'v-made', password: 'made', lasts })
    await expect(new VaultDatabase(clientOf(), ledger(), clock).lease(REFERENCE)).rejects.toThrow(expected)
    expect(stores.leases.size).toBe(0)
  })

  it('that cannot be noted are not used, and revoked', async () => {
    const full = { ...ledger(), add: () => Promise.reject(new Error('disk full')) }
    await expect(new VaultDatabase(clientOf(), full, clock).lease(REFERENCE)).rejects.toThrow('disk full')
    expect(stores.leases.size).toBe(0)
  })

  it.each([
    ['no lease', { lease_duration: 60, data: { username: 'a', password: 'b' } }, 'gave a user without a lease'],
    ['a lease that is a path', { lease_id: '../../sys?x', lease_duration: 60 }, 'gave a user without a lease'],
    ['no password', { lease_id: 'a/b', lease_duration: 60, data: { username: 'a' } }, 'does not exist'],
    [
      'a name with a line break',
      { lease_id: 'a/b', lease_duration: 60, data: { username: 'a\nb', password: 'c' } },
      'gave a user name with characters that are not plain',
    ],
  ])('with %s are refused', async (_name, answer, expected) => {
    const client = clientOf()
    await read(client)
    stores.answer = (_request, response) => response.end(JSON.stringify(answer))
    await expect(new VaultDatabase(client, ledger(), clock).lease(REFERENCE)).rejects.toThrow(expected)
  })
})

describe('certificates of SSH', () => {
  const request = {
    publicKey: 'ssh-ed25519 AAAA',
    principals: ['deploy', 'web'],
    keyId: 'session=ses_1',
    lasts: 300,
    criticalOptions: [{ name: 'source-address', value: '10.0.0.2' }],
    extensions: ['permit-pty'],
  }
  const sign = (client: VaultClient) => signSshKey(client, { store: 'vault-ssh', mount: ['ssh'], role: 'r' }, request)
  const answers = (status: number, body: unknown) => {
    stores.answer = (_request, response) => response.writeHead(status).end(JSON.stringify(body))
  }

  it('are requested with everything that they are to contain', async () => {
    const client = clientOf()
    await read(client)
    answers(200, { data: { serial_number: '7b', signed_key: 'ssh-ed25519-cert-v01@openssh.com AAAA\n' } })
    expect(await sign(client)).toBe('ssh-ed25519-cert-v01@openssh.com AAAA\n')
    expect(stores.requests.at(-1)).toBe('POST /v1/ssh/sign/r')
    expect(JSON.parse(String(sent.at(-1)?.body))).toEqual({
      public_key: 'ssh-ed25519 AAAA',
      cert_type: 'user',
      valid_principals: 'deploy,web',
      key_id: 'session=ses_1',
      ttl: 300,
      critical_options: { 'source-address': '10.0.0.2' },
      extensions: { 'permit-pty': '' },
    })
  })

  it.each([
    [400, { errors: ['setting key_id is not allowed by role'] }, 'its role needs allow_user_certificates'],
    [403, { errors: ['permission denied'] }, 'answers 403 (not allowed)'],
    [503, { errors: ['Vault is sealed'] }, 'answers 503 (unavailable or sealed)'],
    [200, { data: {} }, 'does not exist'],
    [200, { data: { signed_key: ['a'] } }, 'is not text'],
  ])('that are not signed, with %d %j', async (status, body, expected) => {
    const client = clientOf({ type: 'token', token: 'env:TOKEN' })
    stores.tokens.set('hvs.given', 90)
    await read(client)
    answers(status, body)
    if (status === 403)
      stores.answer = (asked, response) =>
        asked.url === '/v1/auth/token/lookup-self' ? response.end('{"data":{}}') : response.writeHead(403).end()
    await expect(sign(client)).rejects.toThrow(expected)
  })
})

describe('a master key in transit', () => {
  it('wraps keys, each for its own secret', async () => {
    const master = transitMasterKey(clientOf(), 'transit', 'pam')
    const wrapped = await master.wrap(Buffer.alloc(32, 7), 'db 1')
    expect(Buffer.from(await master.unwrap(wrapped, 'db 1'))).toEqual(Buffer.alloc(32, 7))
    await expect(master.unwrap(wrapped, 'db 2')).rejects.toThrow('cannot decrypt its keys: the vault answers 400')
    expect(master.id).toBe('transit:transit/pam')
  })
})
