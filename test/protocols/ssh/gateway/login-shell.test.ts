import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROBE, shellOf } from '../../../../src/protocols/ssh/gateway/login-shell.ts'

const found = (shell: string): string | undefined =>
  spawnSync('sh', ['-c', `command -v ${shell}`], { encoding: 'utf8' }).stdout.trim() || undefined
/** As sshd runs it: the shell by its whole path, its name alone in `$0`. */
const answer = (path: string): string => {
  const { stdout } = spawnSync(path, ['-c', PROBE], { encoding: 'utf8', argv0: path.replace(/^.*\//, '') })
  return stdout
}
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-shell-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('the login shell that answers', () => {
  it.each([
    ['bash', 'bash'],
    ['dash', 'sh'],
    ['zsh', 'other'],
    ['mksh', 'other'],
    ['ksh', 'other'],
    ['yash', 'other'],
    ['fish', 'other'],
    ['csh', 'other'],
    ['tcsh', 'other'],
  ] as const)('%s', (name, shell) => {
    const path = found(name)
    if (path !== undefined) expect(shellOf(answer(path)), answer(path)).toBe(shell)
  })

  it.each([
    ['bash', 'sh'],
    ['dash', 'sh'],
    ['zsh', 'other'],
    ['mksh', 'other'],
  ] as const)('%s under the name sh', (name, shell) => {
    const path = found(name)
    if (path === undefined) return
    const link = join(directory, 'sh')
    rmSync(link, { force: true })
    symlinkSync(path, link)
    expect(shellOf(answer(link)), answer(link)).toBe(shell)
  })

  it.each([
    undefined,
    '',
    'Welcome!\npamctl:5.2.15(1)-release:::bash:\n/usr/bin/bash\npamctl.\n',
    'pamctl:5.2.15(1)-release:::bash:\n/usr/bin/bash\n',
    'pamctl:5.2.15(1)-release:::rbash:\n/usr/bin/bash\npamctl.\n',
    'pamctl:5.2.15(1)-release:::bash:\n/usr/bin/zsh\npamctl.\n',
    'pamctl:5.2.15(1)-release::y:bash:\n/usr/bin/bash\npamctl.\n',
    'pamctl::::sh:\npamctl.\n',
    'pamctl::::sh:\n/bin/busybox\npamctl.\n',
    'pamctl::5.9::sh:\n/usr/bin/dash\npamctl.\n',
    'pamctl:${BASH_VERSION-}:::bash:\n/usr/bin/bash\npamctl.\n',
  ])('is not one that is read: %j', (text) => {
    expect(shellOf(text)).toBe('other')
  })

  it('bash without /proc', () => {
    expect(shellOf('pamctl:5.2.37(1)-release:::bash:\npamctl.\n')).toBe('bash')
  })
})
