import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sshConfig } from '../../../src/cli/commands/ssh-config.ts'
import type { GlobalOptions } from '../../../src/cli/context.ts'
import { runVerb, type VerbOutcome } from '../../helpers/verb.ts'

const target = (name: string, type: string, more: object = {}) => ({ name, type, accounts: [], ...more })
const TARGETS = [
  target('web-1', 'ssh', { accounts: ['deploy', 'root'], hostKeys: ['ssh-ed25519 AAAA'] }),
  target('web-2', 'ssh'),
  target('prod-db', 'postgres'),
]
let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pamctl-home-'))
  vi.stubEnv('HOME', home)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})
const pamctl = (args: readonly string[], items = TARGETS, options: GlobalOptions = {}): Promise<VerbOutcome> =>
  runVerb([sshConfig], ['ssh-config', ...args], { home, options, gateway: { 'GET /v1/targets': { items } } })

describe('pamctl ssh-config', () => {
  it('has a block for each SSH target, or for those that are named', async () => {
    const { stdout } = await pamctl([])
    expect(stdout.match(/^Host .*$/gm)).toEqual(['Host web-1', 'Host web-2'])
    expect(stdout).toContain('  User deploy\n')
    expect(stdout).toMatch(
      /ProxyCommand .* --profile default --gateway https:\/\/gateway\.example tunnel --protocol ssh %n$/m,
    )
    expect((await pamctl(['web-2'])).stdout.match(/^Host .*$/gm)).toEqual(['Host web-2'])
    expect(readFileSync(join(home, 'ssh', 'known_hosts'), 'utf8')).toBe('pamctl-web-1 ssh-ed25519 AAAA\n')
  })

  it('trusts an authority of the gateway, and the keys as well for clients without certificates', async () => {
    await pamctl(
      [],
      [target('web-1', 'ssh', { hostKeys: ['ssh-ed25519 AAAA'], hostAuthorities: ['ssh-ed25519 BBBB'] })],
    )
    expect(readFileSync(join(home, 'ssh', 'known_hosts'), 'utf8')).toBe(
      '@cert-authority pamctl-web-1 ssh-ed25519 BBBB\npamctl-web-1 ssh-ed25519 AAAA\n',
    )
  })

  it('keeps what another profile has for a target of the same name', async () => {
    await pamctl(['--install'])
    const items = [target('web-1', 'ssh', { hostKeys: ['ssh-ed25519 CCCC'] })]
    await pamctl(['--install'], items, { profile: 'eu/west' })
    const own = join(home, 'profiles', 'eu_2f_west', 'ssh')
    expect(readFileSync(join(home, 'ssh', 'known_hosts'), 'utf8')).toBe('pamctl-web-1 ssh-ed25519 AAAA\n')
    expect(readFileSync(join(own, 'known_hosts'), 'utf8')).toBe('pamctl-web-1 ssh-ed25519 CCCC\n')
    expect(readFileSync(join(home, 'ssh', 'config'), 'utf8')).toContain('Host web-2\n')
    expect(readFileSync(join(own, 'config'), 'utf8')).toContain(`UserKnownHostsFile ${join(own, 'known_hosts')}\n`)
  })

  it.each<[string, object]>([
    ['a name', { name: 'web-1\n  ProxyCommand touch pwned' }],
    ['a name that is a pattern', { name: '*' }],
    ['an account', { accounts: ['root\n  LocalCommand touch pwned'] }],
    ['a host key', { hostKeys: ['ssh-ed25519 AAAA\n* ssh-ed25519 BBBB'] }],
    ['an authority', { hostAuthorities: ['ssh-ed25519 AAAA\n@cert-authority * ssh-ed25519 BBBB'] }],
  ])('writes nothing where the gateway gives it %s with more in it', async (_, more) => {
    const { code, stdout, stderr } = await pamctl(['--install'], [{ ...target('web-1', 'ssh'), ...more }])
    expect([code === 0, stdout]).toEqual([false, ''])
    expect(stderr).toContain('that cannot be written in an ssh_config')
    for (const file of ['config', 'known_hosts']) expect(existsSync(join(home, 'ssh', file))).toBe(false)
  })

  it('prints as JSON what it would write, and what it wrote', async () => {
    const printed: unknown = JSON.parse((await pamctl(['--json', 'web-1'])).stdout)
    expect(printed).toEqual({ targets: ['web-1'], text: expect.stringContaining('Host web-1\n') })
    const { stdout, stderr } = await pamctl(['--json', '--install'])
    expect([JSON.parse(stdout), stderr]).toEqual([
      {
        targets: ['web-1', 'web-2'],
        file: join(home, 'ssh', 'config'),
        includedIn: join(home, '.ssh', 'config'),
      },
      '',
    ])
    expect(JSON.parse((await pamctl(['--json'], [])).stdout)).toEqual({ targets: [] })
  })

  it.each(['prod-db', 'web-9'])('%s is not an SSH target that one has', async (name) => {
    const { code, stdout, stderr } = await pamctl([name])
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' })
    expect(stderr).toContain(`no SSH target named "${name}" is visible to you`)
  })

  it('says that there are none', async () => {
    expect(await pamctl([], [])).toMatchObject({ code: 0, stdout: '', stderr: 'no SSH targets\n' })
  })

  it('--install puts one line in front of what the user wrote, once', async () => {
    mkdirSync(join(home, '.ssh'), { mode: 0o700 })
    writeFileSync(join(home, '.ssh', 'dotfiles'), 'Host own\n  User me\n')
    symlinkSync('dotfiles', join(home, '.ssh', 'config'))
    for (let round = 0; round < 2; round++) {
      const { code, stdout, stderr } = await pamctl(['--install'])
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
      expect(stderr).toContain('ssh web-1 now goes through pamctl')
    }
    const file = join(home, 'ssh', 'config')
    expect(readFileSync(join(home, '.ssh', 'dotfiles'), 'utf8')).toBe(`Include ${file}\nHost own\n  User me\n`)
    expect(readFileSync(file, 'utf8')).toContain('Host web-1\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })
})
