import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectConfig } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CredentialLease } from '../../src/credentials/credential.ts'
import { localSecrets } from '../helpers/local-secrets.ts'
import { fingerprintOf } from '../../src/protocols/ssh/certificates/authority.ts'
import { encodePublicKey } from '../../src/protocols/ssh/certificates/public-key.ts'
import { logIn } from '../../src/protocols/ssh/gateway/connect-upstream.ts'
import { certificateSettings, sessionCertificate } from '../../src/protocols/ssh/session-certificate.ts'
import { HOST_CERTIFICATES, ssh2 } from '../../src/protocols/ssh/gateway/ssh2-library.ts'
import { decodeCertificate } from '../../src/protocols/ssh/wire/certificate.ts'
import { sshTarget } from '../../src/protocols/ssh/target.ts'
import { pamctlWithMemory } from '../helpers/agent-memory.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { NotedSecrets } from '../helpers/noted-secrets.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { run } from '../helpers/run.ts'
import { searchGateway } from '../helpers/search-gateway.ts'
import { SecretSearch } from '../helpers/secret-search.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/** A real sshd that lets in who has a certificate of the gateway's authority, and nobody by a key alone. */
let own: SshGateway
const noted = new NotedSecrets()
let directory: string
const PAM_GATEWAY = join(import.meta.dirname, '../../bin/pam-gateway.js')
const authority = (...args: string[]): string =>
  execFileSync(process.execPath, [PAM_GATEWAY, 'ssh-ca', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })

beforeAll(async () => {
  if (!SSHD) return
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-ca-'))
  writeFileSync(join(directory, 'ca.pub'), authority('init', join(directory, 'ca')))
  authority('init', join(directory, 'other'))
  keygen('-t', 'ed25519', '-N', '', '-f', join(directory, 'host-ca'))
  keygen('-t', 'ed25519', '-N', '', '-f', join(directory, 'other-host-ca'))
  for (const type of HOST_KEYS) {
    keygen('-t', type, '-N', '', '-f', join(directory, `host-${type}`))
    certifyHost(type)
  }
  const hostKeys = HOST_KEYS.flatMap((type) => [
    `HostKey ${join(directory, `host-${type}`)}`,
    `HostCertificate ${join(directory, `host-${type}-cert.pub`)}`,
  ])
  own = await startSshGateway({
    prefix: noted.prefix,
    sshd: [`TrustedUserCAKeys ${join(directory, 'ca.pub')}`, 'AuthorizedKeysFile none', ...hostKeys].join('\n'),
    target: ({ port, user }) =>
      ['certified', 'other-principal: principals: [somebody]', 'elsewhere: sourceAddress: [192.0.2.0/24]']
        .map((line) => {
          const [name, ...more] = line.split(': ')
          return `
  - name: ${name}
    type: ssh
    host: 127.0.0.1
    port: ${port}
    hostKeys: ["${publicKey('host-ed25519')}"]
    logins:
      - name: ${user}
        certificate: { ca: "file:${join(directory, 'ca')}"${more.length === 0 ? '' : `, ${more.join(': ')}`} }`
        })
        .join('') +
      [
        `hostAuthorities: ["${publicKey('host-ca')}"]`,
        `hostAuthorities: ["${publicKey('host-ca')}"], hostPrincipal: web.example`,
        `hostAuthorities: ["${publicKey('other-host-ca')}"]`,
        `hostAuthorities: ["${publicKey('host-ca')}"], revokedHostSerials: ["7"]`,
        `knownHosts: "${join(directory, 'known_hosts')}"`,
      ]
        .map(
          (line, index) => `
  - { name: host-${index}, type: ssh, host: 127.0.0.1, port: ${port}, ${line}, logins: [{ name: ${user}, certificate: { ca: "file:${join(directory, 'ca')}" } }] }`,
        )
        .join(''),
    prepare: ({ port }) =>
      writeFileSync(join(directory, 'known_hosts'), `@cert-authority [127.0.0.1]:${port} ${publicKey('host-ca')}\n`),
    rules: `ssh: { hostAuthority: { key: "file:${join(directory, 'ca')}" } }
commands:
  - { name: forwarding, match: { kinds: [forward-local], hosts: ["127.0.0.1:*"] }, allow: true }
  - { name: all, match: {}, allow: true }`,
  })
})
afterAll(async () => {
  await own?.stop()
  noted.remove()
  if (directory !== undefined) rmSync(directory, { recursive: true })
})

const HOST_KEYS = ['ed25519', 'ecdsa', 'rsa'] as const
const keygen = (...args: string[]): void => void execFileSync('ssh-keygen', ['-q', ...args], { stdio: 'ignore' })
const certifyHost = (type: string): void =>
  keygen(
    '-s',
    join(directory, 'host-ca'),
    '-I',
    'host',
    '-h',
    '-n',
    '127.0.0.1',
    '-z',
    '7',
    join(directory, `host-${type}.pub`),
  )
const publicKey = (name: string): string =>
  readFileSync(join(directory, `${name}.pub`), 'utf8')
    .split(' ')
    .slice(0, 2)
    .join(' ')

const minted = (given: Record<string, unknown> = {}, age = 0): Promise<CredentialLease> => {
  const settings = certificateSettings.parse({ ca: 'file:ca', ...given })
  if (settings === undefined) throw new Error('no settings')
  const at = Date.now() - age
  return sessionCertificate(own.sshd.user, settings, { secrets: localSecrets(directory), forwards: true }).lease({
    session: 'ses_test',
    person: { id: 'jane', label: 'jane' },
    at,
    endsAt: at + 3_600_000,
    gateway: '0123456789abcdef',
  })
}
/** Logs in to sshd as the gateway does. */
async function attempt(lease: CredentialLease): Promise<void> {
  const config = sshTarget.schema.parse({
    name: 'direct',
    type: 'ssh',
    host: '127.0.0.1',
    port: own.sshd.port,
    hostKeys: [publicKey('host-ed25519')],
    logins: [{ name: own.sshd.user, certificate: { ca: 'file:ca' } }],
  })
  if (config.type !== 'ssh') throw new Error('not ssh')
  const firstUse = { find: () => Promise.resolve(undefined), keep: () => Promise.resolve() }
  const client = await logIn({ config: config as never, lease, handshake: 10_000, baseDirectory: directory, firstUse })
  client.destroy()
}
const refused = { code: 'TARGET_CREDENTIAL', side: 'upstream' }

describe.skipIf(!SSHD)('SSH certificates for sessions', () => {
  it('let a session in, whose target logs the session and the person; the record names the certificate', async () => {
    const port = await own.port('certified')
    const { code, stdout } = await own.ssh(port, ['echo', 'in'])
    expect([code, stdout]).toEqual([0, 'in\n'])
    const [, session = ''] =
      /ID session=(ses_\w+) person=\S+ name=jane@example\.com \(serial \d+\)/.exec(own.sshd.log()) ?? []
    expect(session).not.toBe('')
    const events = await eventually(async () => {
      const [file] = filesIn(join(own.directory, 'data'), `${session}.pamrec`)
      return file === undefined ? undefined : eventsOf(file)
    }, 'the record of the session')
    const [notice] = events.filter((event) => event.type === 'notice')
    expect(JSON.stringify(notice)).toContain('logged in with a certificate for 5m: serial ')
    expect(JSON.stringify(notice)).toContain(`session=${session} person=`)
  })

  it('allow a terminal and forwarded ports, and no more', async () => {
    const port = await own.port('certified')
    expect((await own.ssh(port, ['-tt', 'tty'])).stdout).toMatch(/^\/dev\/pts\/\d+/)
    const forwarded = await run('ssh', [...own.options(port), '-W', `127.0.0.1:${own.sshd.port}`, '127.0.0.1'], {
      input: '\n',
    })
    expect(forwarded.stdout).toContain('SSH-2.0-OpenSSH')
  })

  it.each(['other-principal', 'elsewhere'])('are refused by the target: %s', async (name) => {
    const { code, stderr } = await own.ssh(await own.port(name), ['true'])
    expect([code, stderr]).toEqual([126, expect.stringContaining(`${name} did not accept the gateway's login`)])
  })

  it('are each their own: another key, time, authority or connection is refused', async () => {
    await attempt(await minted())
    const [one, other] = [await minted(), await minted()]
    const [mine, theirs] = [one.sshCertificate, other.sshCertificate]
    if (mine === undefined || theirs === undefined) throw new Error('no certificates')
    // The certificate of one session with the key of another.
    await expect(attempt({ ...one, sshCertificate: { ...mine, sign: theirs.sign } })).rejects.toMatchObject(refused)
    // One that has been kept.
    await expect(attempt(await minted({}, 301_000))).rejects.toMatchObject(refused)
    // One of tomorrow: beyond what clocks may differ by.
    await expect(attempt(await minted({}, -120_000))).rejects.toMatchObject(refused)
    await expect(attempt(await minted({ ca: 'file:other' }))).rejects.toMatchObject(refused)
    // A login that was signed for another connection.
    const replayed = mine.sign(Buffer.from('another connection'))
    await expect(attempt({ ...one, sshCertificate: { ...mine, sign: () => replayed } })).rejects.toMatchObject(refused)
    const log = own.sshd.log()
    for (const reason of ['Certificate invalid: expired', 'Certificate invalid: not yet valid'])
      expect(log).toContain(reason)
  })

  it('follow the file of the authority: another key is used at once', async () => {
    const port = await own.port('certified')
    const file = join(directory, 'ca')
    const before = readFileSync(file)
    try {
      writeFileSync(file, readFileSync(join(directory, 'other')))
      expect((await own.ssh(port, ['true'])).stderr).toContain("certified did not accept the gateway's login")
      rmSync(file)
      expect((await own.ssh(port, ['true'])).code).not.toBe(0)
    } finally {
      writeFileSync(file, before, { mode: 0o600 })
    }
    expect((await own.ssh(port, ['true'])).code).toBe(0)
  })
})

describe.skipIf(!SSHD)('host certificates of targets', () => {
  it('are accepted of a configured authority, and of one in known_hosts', async () => {
    for (const name of ['host-0', 'host-4']) {
      const { code, stdout, stderr } = await own.ssh(await own.port(name), ['echo', 'in'])
      expect([code, stdout, stderr]).toEqual([0, 'in\n', ''])
    }
  })

  it.each([
    ['host-1', 'is not for web.example'],
    ['host-2', 'is signed by none of the configured authorities'],
    ['host-3', 'has a revoked serial number'],
  ])('are refused: %s %s', async (name, why) => {
    const { code, stderr } = await own.ssh(await own.port(name), ['true'])
    expect(code).toBe(126)
    expect(stderr).toContain(`host key verification failed for ${name}: the key is in a certificate that ${why}`)
  })

  it.each(HOST_CERTIFICATES.filter((algorithm) => !/384|521/.test(algorithm)))(
    'are verified in the key exchange: %s',
    async (algorithm) => {
      const shown = await new Promise<Buffer>((resolve, reject) => {
        let key: Buffer
        const client = new ssh2.Client()
        client.on('error', reject)
        client.once('handshake', () => {
          resolve(key)
          client.destroy()
        })
        const algorithms = { serverHostKey: [algorithm] }
        const hostVerifier = (given: Buffer): boolean => {
          key = given
          return true
        }
        const { port } = own.sshd
        // The library's own types know no certificates.
        const settings = { host: '127.0.0.1', port, username: 'x', authHandler: ['none'], hostVerifier, algorithms }
        client.connect(settings as ConnectConfig)
      })
      expect(decodeCertificate(shown).certificate).toMatchObject({
        kind: 'host',
        serial: 7n,
        principals: ['127.0.0.1'],
      })
    },
  )
})

describe.skipIf(!SSHD)('the host certificate of the gateway', () => {
  it('is shown to clients of each target under its alias, of an authority that the API names', async () => {
    const [found] = (await own.jane.api.targets()).filter(({ name }) => name === 'certified')
    expect(found?.hostAuthorities).toEqual([publicKey('ca')])
    const knownHosts = join(directory, 'gateway_known_hosts')
    writeFileSync(knownHosts, `@cert-authority pamctl-certified ${publicKey('ca')}\n`)
    const port = await own.port('certified')
    const alias = (name: string): string[] => [
      '-o',
      `UserKnownHostsFile=${knownHosts}`,
      '-o',
      `HostKeyAlias=pamctl-${name}`,
      ...own.options(port),
    ]
    const ssh = (name: string) => run('ssh', [...alias(name), '127.0.0.1', 'echo', 'in'])
    expect(await ssh('certified')).toMatchObject({ code: 0, stdout: 'in\n' })
    // The same authority, known for everything: the certificate is for one target alone.
    writeFileSync(knownHosts, `@cert-authority * ${publicKey('ca')}\n`)
    expect(await ssh('bastion')).toMatchObject({ code: 255 })
  })
})

describe.skipIf(!SSHD)('pam-gateway ssh-ca', () => {
  it('makes a key that ssh-keygen can use, prints its public half again, and replaces none', () => {
    const line = authority('public', join(directory, 'ca'))
    expect(line).toBe(readFileSync(join(directory, 'ca.pub'), 'utf8'))
    const shown = execFileSync('ssh-keygen', ['-y', '-f', join(directory, 'ca')], { encoding: 'utf8' })
    expect(line.split(' ').slice(0, 2)).toEqual(shown.trim().split(' ').slice(0, 2))
    const before = readFileSync(join(directory, 'ca'))
    expect(() => authority('init', join(directory, 'ca'))).toThrow()
    expect(readFileSync(join(directory, 'ca')).equals(before)).toBe(true)
  })
})

describe.skipIf(!SSHD)('nothing of a private key', () => {
  it("is in a log, a record, the store, an error, an answer or the memory of the agent: the authority's, and that of a session", async () => {
    const search = new SecretSearch()
    const { home, start, agentMemory } = await pamctlWithMemory(own.gateway.url, 'jane')
    const before = own.sshd.log().length
    const open = start(['connect', 'certified', '--', 'ssh', 'sleep', '60'])
    // What sshd says of the key that was certified for the session.
    const fingerprint = await eventually(
      () => /Accepted publickey .*ED25519-CERT (SHA256:\S+) ID session=ses_/.exec(own.sshd.log().slice(before))?.[1],
      'a session that is open',
    )
    search.add('memory of the agent', await agentMemory())
    for (const name of ['other-principal', 'host-2']) {
      const client = start(['connect', name, '--', 'ssh', 'true'])
      search.add('refusal', `${await client.closed} ${client.output()}`)
    }
    open.kill()
    await start(['agent', 'stop']).closed
    search.addDirectory(home)
    await searchGateway(search, own.gateway, own.directory)
    search.add('log of sshd', own.sshd.log())
    expect(search.has('certified', /^memory of the agent$/)).toBe(true)
    expect(search.has('session.opened', /^audit log$/)).toBe(true)
    expect(search.has('logged in with a certificate', /^record /)).toBe(true)

    const secrets: Record<string, string> = {}
    const files = ['ca', 'other'].map((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    // What all keys of a type begin with is no secret.
    for (const [index, line] of files.flat().entries())
      if (line.length > 40 && !files.every((lines) => lines.includes(line))) secrets[`line ${index}`] = line
    const key = noted.keys.find(
      (one) => one.asymmetricKeyType === 'ed25519' && fingerprintOf(encodePublicKey(one)) === fingerprint,
    )
    const { d = '' } = key?.export({ format: 'jwk' }) ?? {}
    const seed = Buffer.from(d, 'base64url')
    expect(seed).toHaveLength(32)
    Object.assign(secrets, { 'key of the session': seed.toString('base64'), 'the same': seed.toString('hex') })
    expect(Object.keys(secrets).length).toBeGreaterThan(5)
    expect(search.find(secrets)).toEqual([])
    // As the bytes that they are, which no text is.
    search.add('on purpose', Buffer.concat([Buffer.from('x'), seed]))
    expect(search.places(seed)).toEqual(['on purpose'])
  })
})
