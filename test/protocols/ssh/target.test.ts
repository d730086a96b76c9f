import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeEd25519Key } from '../../../src/protocols/ssh/own-host-keys.ts'
import { privateKeyFrom, publicKeyOf } from '../../../src/protocols/ssh/private-key.ts'
import { sshTarget, type SshTarget } from '../../../src/protocols/ssh/target.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-target-'))
const key = makeEd25519Key()
const publicKey = publicKeyOf(privateKeyFrom(key, undefined, 'the key'))
writeFileSync(join(directory, 'ca'), key)
writeFileSync(join(directory, 'none'), 'no key')
afterAll(() => rmSync(directory, { recursive: true }))

const target = (given: object = {}, login: object = { certificate: { ca: 'file:ca' } }): object => ({
  name: 'web',
  type: 'ssh',
  host: 'web.example',
  hostKeys: [publicKey],
  logins: [{ name: 'deploy', ...login }],
  ...given,
})
const isSsh = (config: { readonly type: string }): config is SshTarget => config.type === 'ssh'
function problems(given: object): string[] {
  const { success, data, error } = sshTarget.schema.safeParse(given)
  if (!success) return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  if (!isSsh(data)) throw new Error('not a target of SSH')
  return sshTarget.errors(data, directory).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('a target of SSH', () => {
  it('may have certificates for its sessions, and an authority for its hosts', () => {
    expect(problems(target())).toEqual([])
    expect(problems(target({ hostKeys: [], hostAuthorities: [publicKey], revokedHostSerials: ['0', '42'] }))).toEqual(
      [],
    )
    // A store is asked when a session begins.
    expect(problems(target({}, { certificate: { ca: 'vault:secret/ssh#ca' } }))).toEqual([])
  })

  it.each<[string, object, object | undefined]>([
    ['logins.0.privateKey: a login has one of', {}, { certificate: { ca: 'file:ca' }, privateKey: 'file:ca' }],
    ['logins.0.privateKey: a login has one of', {}, {}],
    ['logins.0.passphrase: is for a privateKey', {}, { certificate: { ca: 'file:ca' }, passphrase: 'file:none' }],
    ['logins.0.certificate.ca: file:none is not a usable private key', {}, { certificate: { ca: 'file:none' } }],
    [
      'hostAuthorities: hostAuthorities of web: expected a host key',
      { hostAuthorities: ['ssh-ed25519 AAAA'] },
      undefined,
    ],
    [
      'hostAuthorities: SSH public key: "ssh-dss" is not supported',
      { hostAuthorities: ['ssh-dss AAAAB3NzaC1kc3M='] },
      undefined,
    ],
    ['trustOnFirstUse: is not used', { hostKeys: [], hostAuthorities: [publicKey], trustOnFirstUse: true }, undefined],
    ['revokedHostSerials.0: expected a serial number', { revokedHostSerials: ['0x1'] }, undefined],
    ['hostKeys: give hostKeys, knownHosts or hostAuthorities', { hostKeys: [] }, undefined],
  ])('is refused: %s', (why, given, login) => {
    expect(problems(target(given, login)).join('\n')).toContain(why)
  })
})
