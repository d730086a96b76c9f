import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EventEmitter } from 'node:events'
import type { Client } from 'ssh2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Session } from '../../../../src/gateway/engine.ts'
import { findLoginShell, PROBE, shellOf } from '../../../../src/protocols/ssh/gateway/login-shell.ts'
import type { SshTarget } from '../../../../src/protocols/ssh/target.ts'

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

describe('a target that is slow to answer', () => {
  class Asked extends EventEmitter {
    readonly stderr = { resume() {} }
    isClosed = false
    end(): void {}
    close(): void {
      this.isClosed = true
    }
    says(text: string, code: number | null = 0): void {
      this.emit('data', Buffer.from(text))
      this.emit('exit', code)
      this.emit('close')
    }
  }
  let asked: Asked[]
  let notices: string[]
  let pings: (() => void)[]
  let answersPings: boolean
  const BASH = 'pamctl:5.2.15(1)-release:::bash:\n/usr/bin/bash\npamctl.\n'
  const finder = (refuses = false) => {
    const upstream = {
      exec(_text: string, opened: (error: Error | undefined, channel: Asked) => void) {
        const channel = new Asked()
        asked.push(channel)
        opened(refuses && asked.length === 1 ? new Error('one more than MaxSessions') : undefined, channel)
      },
      _callbacks: pings,
      _protocol: { ping: () => (answersPings ? pings.shift()?.() : undefined) },
    }
    return findLoginShell(
      upstream as unknown as Client,
      {
        config: { logins: [{ name: 'ann' }] },
        lease: { user: 'ann' },
        recorder: { outcome: ({ message }: { message: string }) => notices.push(message) },
        ended: new AbortController().signal,
      } as unknown as Session<SshTarget>,
    )
  }
  beforeEach(() => {
    ;[asked, notices, pings, answersPings] = [[], [], [], true]
    vi.useFakeTimers()
  })
  afterEach(() => void vi.useRealTimers())
  const afterAWhile = async <T>(work: Promise<T>, milliseconds: number): Promise<T> => {
    await vi.advanceTimersByTimeAsync(milliseconds)
    return work
  }

  it('is known by an answer that comes late, and asked no second time', async () => {
    const shell = finder()
    expect(await afterAWhile(shell(), 10_000)).toBeUndefined()
    asked[0]?.says(BASH)
    expect(await shell()).toBe('bash')
    expect([asked.length, notices]).toEqual([1, ['the login shell of ann is bash']])
  })

  it('lets nobody in before the target has given its channel up, and does not wait for ever', async () => {
    answersPings = false
    const shell = finder()
    let isIn = false
    const first = shell().then((found) => {
      isIn = true
      return found
    })
    asked[0]?.says(BASH)
    await vi.advanceTimersByTimeAsync(1000)
    expect(isIn).toBe(false)
    pings.shift()?.()
    expect(await first).toBe('bash')
    const other = finder()
    const never = other()
    asked[1]?.says(BASH)
    expect(await afterAWhile(never, 10_000)).toBe('bash')
  })

  it('is asked again where it never answers, and the first question is closed', async () => {
    const shell = finder()
    expect(await afterAWhile(shell(), 60_000)).toBeUndefined()
    expect(asked[0]?.isClosed).toBe(true)
    const again = shell()
    asked[1]?.says(BASH)
    expect(await again).toBe('bash')
  })

  it('is asked again where it had no room, and where the shell was killed', async () => {
    const shell = finder(true)
    expect(await shell()).toBeUndefined()
    const second = shell()
    asked[1]?.says('', null)
    expect(await second).toBeUndefined()
    const third = shell()
    asked[2]?.says(BASH)
    expect(await third).toBe('bash')
  })

  it('an answer that is none of those expected holds for the session', async () => {
    const shell = finder()
    const first = shell()
    asked[0]?.says('Unknown command\n', 127)
    expect([await first, await shell(), asked.length]).toEqual(['other', 'other', 1])
    const much = finder()
    const flooded = much()
    asked[1]?.emit('data', Buffer.alloc(3000, 'x'))
    expect([await flooded, asked[1]?.isClosed]).toEqual(['other', true])
  })
})
