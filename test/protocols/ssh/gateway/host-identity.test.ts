import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasProgram } from '../../../../src/demo/programs.ts'
import { greetClient } from '../../../../src/protocols/ssh/gateway/admit.ts'
import { hostKeysOf } from '../../../../src/protocols/ssh/gateway/host-identity.ts'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'
import { socketChannel } from '../../../../src/shared/socket-channel.ts'

/** The gateway's server with certificates that ssh-keygen has signed, and ssh of OpenSSH as the client. */
let server: Server
let directory: string
let shown: { privateKeys: string[]; certificates: Buffer[] }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-host-'))
  if (!OPENSSH) return
  for (const name of ['ca', 'other-ca']) keygen('-t', 'ed25519', '-N', '', '-f', join(directory, name))
  for (const type of TYPES)
    keygen('-t', type, ...(type === 'rsa' ? ['-b', '2048'] : []), '-N', '', '-f', join(directory, type))
  server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    greetClient(socketChannel(socket), shown, { handshake: 20_000 }).then(
      async ({ hello }) => {
        await hello.admit()
        hello.connection.on('session', (accept) =>
          accept().on('exec', (acceptExec) => {
            const channel = acceptExec()
            channel.exit(0)
            channel.end()
          }),
        )
      },
      () => {},
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server?.close()
  rmSync(directory, { recursive: true })
})

const OPENSSH = hasProgram('ssh') && hasProgram('ssh-keygen')
const TYPES = ['ed25519', 'ecdsa', 'rsa'] as const
const keygen = (...args: string[]): void => void execFileSync('ssh-keygen', ['-q', ...args], { stdio: 'ignore' })
const text = (name: string): string => readFileSync(join(directory, name), 'utf8')
const publicKey = (name: string): string => text(`${name}.pub`).split(' ').slice(0, 2).join(' ')

/** Certifies a host key as ssh-keygen does. */
function certificate(type: string, { ca = 'ca', principal = 'pamctl-web', validity = '-5m:+1h' } = {}): Buffer {
  keygen(
    '-s',
    join(directory, ca),
    '-I',
    'gateway',
    '-h',
    '-n',
    principal,
    '-V',
    validity,
    join(directory, `${type}.pub`),
  )
  return Buffer.from(text(`${type}-cert.pub`).split(' ')[1] ?? '', 'base64')
}

/** Connects with ssh, which knows what is in these lines and nothing else, and asks nobody. */
async function connect(knownHosts: string, options: readonly string[] = []): Promise<{ code: unknown; said: string }> {
  const file = join(directory, 'known_hosts')
  writeFileSync(file, knownHosts)
  const set = [
    'StrictHostKeyChecking=yes',
    'HostKeyAlias=pamctl-web',
    `UserKnownHostsFile=${file}`,
    'GlobalKnownHostsFile=none',
    'PreferredAuthentications=none',
    'BatchMode=yes',
    'LogLevel=DEBUG1',
    `Port=${(server.address() as AddressInfo).port}`,
    ...options,
  ].flatMap((option) => ['-o', option])
  const child = spawn('ssh', ['-F', 'none', ...set, 'jane@127.0.0.1', 'true'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const [code] = (await once(child, 'close')) as [unknown]
  return { code, said }
}
const trusted = (ca = 'ca'): string => `@cert-authority pamctl-web ${publicKey(ca)}\n`

describe.skipIf(!OPENSSH)('a host certificate of the gateway', () => {
  it.each([
    ['ed25519', 'ssh-ed25519-cert-v01@openssh.com'],
    ['ecdsa', 'ecdsa-sha2-nistp256-cert-v01@openssh.com'],
    ['rsa', 'rsa-sha2-512-cert-v01@openssh.com'],
    ['rsa', 'rsa-sha2-256-cert-v01@openssh.com'],
  ])('of %s proves to ssh who it is, by its authority alone: %s', async (type, algorithm) => {
    shown = { privateKeys: [text(type)], certificates: [certificate(type)] }
    const { code, said } = await connect(trusted(), [`HostKeyAlgorithms=${algorithm}`])
    expect(said).toContain(`kex: host key algorithm: ${algorithm}`)
    expect(code).toBe(0)
  })

  it.each<[string, () => Buffer, () => string, string]>([
    [
      'for another name',
      () => certificate('ed25519', { principal: 'pamctl-db' }),
      trusted,
      'name is not a listed principal',
    ],
    ['that has expired', () => certificate('ed25519', { validity: '-2h:-1h' }), trusted, 'expired'],
    ['that is not valid yet', () => certificate('ed25519', { validity: '+1h:+2h' }), trusted, 'not yet valid'],
    ['of another authority', () => certificate('ed25519', { ca: 'other-ca' }), trusted, 'Host key verification failed'],
    [
      'of a revoked authority',
      () => certificate('ed25519'),
      () => `${trusted()}@revoked * ${publicKey('ca')}\n`,
      'revoked',
    ],
    [
      'for a revoked key',
      () => certificate('ed25519'),
      () => `${trusted()}@revoked * ${publicKey('ed25519')}\n`,
      'revoked',
    ],
  ])('%s is refused by ssh', async (_, make, known, why) => {
    shown = { privateKeys: [text('ed25519')], certificates: [make()] }
    const { code, said } = await connect(known())
    expect(code).toBe(255)
    expect(said.toLowerCase()).toContain(why.toLowerCase())
  })

  it('that has expired leaves the key, for a client that knows it', async () => {
    shown = { privateKeys: [text('ed25519')], certificates: [certificate('ed25519', { validity: '-2h:-1h' })] }
    expect(await connect(`${trusted()}pamctl-web ${publicKey('ed25519')}\n`)).toMatchObject({ code: 0 })
  })

  it('is not shown to a client without certificates, which gets the key', async () => {
    shown = { privateKeys: [text('ed25519')], certificates: [certificate('ed25519')] }
    const client = new ssh2.Client()
    let key: Buffer | undefined
    client.connect({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      username: 'jane',
      hostVerifier: (given: Buffer) => (key = given) !== undefined,
    })
    await once(client, 'ready')
    client.end()
    expect(key?.toString('base64')).toBe(publicKey('ed25519').split(' ')[1])
  })
})

describe('host keys for the library', () => {
  it('are the keys alone where a certificate is for another key', () => {
    const privateKeys = [makeEd25519Key()]
    const [key] = hostKeysOf({ privateKeys, certificates: [] })
    expect(key).toMatchObject({ key: { type: 'ssh-ed25519' } })
    if (OPENSSH) expect(hostKeysOf({ privateKeys, certificates: [certificate('ed25519')] })).toHaveLength(1)
  })
})
