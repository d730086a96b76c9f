import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { checkHostKey } from '../../../../src/protocols/ssh/gateway/host-keys.ts'
import { SMALL_ORDER_KEYS } from '../../../helpers/small-order-keys.ts'
import type { SshTarget } from '../../../../src/protocols/ssh/target.ts'

/** A key of RFC 4253, 6.6, as far as it is looked at: its type, and something. */
function keyOf(name: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE('ssh-ed25519'.length)
  return Buffer.concat([length, Buffer.from('ssh-ed25519'), Buffer.from(name)])
}
const line = (name: string): string => `ssh-ed25519 ${keyOf(name).toString('base64')}`
let directory: string
let kept: Map<string, string>
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))))
afterAll(() => rmSync(directory, { recursive: true }))
beforeEach(() => void (kept = new Map()))

function check(shown: string, given: Partial<SshTarget>): Promise<void> {
  const target = { name: 'web', host: 'web.example', port: 22, hostKeys: [], trustOnFirstUse: false, ...given }
  return checkHostKey(keyOf(shown), target as unknown as SshTarget, directory, {
    find: (name) => Promise.resolve(kept.get(name)),
    keep: (name, key) => Promise.resolve(void kept.set(name, key)),
  })
}
const NEVER = { find: () => Promise.resolve(undefined), keep: () => Promise.reject(new Error('kept')) }
const refused = (what: string): object => ({
  code: 'TARGET_CERTIFICATE',
  side: 'upstream',
  message: `host key verification failed for web: the key ${what} (possibly a different host)`,
})

describe('the key that a target shows', () => {
  it('is one of those that are configured', async () => {
    await check('b', { hostKeys: [line('a'), `${line('b')} comment`] })
    await expect(check('c', { hostKeys: [line('a')] })).rejects.toMatchObject(
      refused('is not among the configured keys'),
    )
  })

  it.each<[string, string, Partial<SshTarget>, boolean]>([
    ['its name', `web.example ${line('a')}`, {}, true],
    ['its name in other letters', `WEB.example ${line('a')}`, {}, true],
    ['a pattern', `*.example ${line('a')}`, {}, true],
    ['another host', `db.example ${line('a')}`, {}, false],
    ['a dot is a dot', `webxexample ${line('a')}`, {}, false],
    ['what is taken out', `*.example,!web.* ${line('a')}`, {}, false],
    ['another port', `web.example ${line('a')}`, { port: 2222 }, false],
    ['that port', `[web.example]:2222 ${line('a')}`, { port: 2222 }, true],
    ['a comment', `# web.example ${line('a')}`, {}, false],
    ['a hashed name', `|1|c2FsdA==|7QZ0q3Zq ${line('a')}`, {}, false],
  ])('is found in known_hosts: %s', async (_, text, given, found) => {
    writeFileSync(join(directory, 'known_hosts'), `${text}\n`)
    const checked = check('a', { knownHosts: 'known_hosts', ...given })
    if (found) await checked
    else await expect(checked).rejects.toMatchObject(refused('is not among the configured keys'))
  })

  it('is refused where it is revoked, whoever else knows it', async () => {
    writeFileSync(join(directory, 'known_hosts'), `web.example ${line('a')}\n@revoked * ${line('a')}\n`)
    await expect(check('a', { knownHosts: 'known_hosts', hostKeys: [line('a')] })).rejects.toMatchObject(
      refused('is revoked in its knownHosts'),
    )
  })

  it('is refused where it is revoked for the same host without the port', async () => {
    writeFileSync(
      join(directory, 'known_hosts'),
      `[web.example]:2222 ${line('a')}\n@revoked web.example ${line('a')}\n`,
    )
    await expect(check('a', { knownHosts: 'known_hosts', port: 2222 })).rejects.toMatchObject(
      refused('is revoked in its knownHosts'),
    )
  })

  it('is kept at the first use where that is wanted, and must be the same ever after', async () => {
    await check('a', { trustOnFirstUse: true })
    expect([...kept]).toEqual([['web', keyOf('a').toString('base64')]])
    await check('a', { trustOnFirstUse: true })
    await expect(check('b', { trustOnFirstUse: true })).rejects.toMatchObject(
      refused('is not the one that was first seen'),
    )
  })

  it('is none of small order, not even one that is configured', async () => {
    for (const key of SMALL_ORDER_KEYS) {
      const blob = Buffer.concat([keyOf(''), Buffer.from([0, 0, 0, 32]), key])
      const hostKeys = [`ssh-ed25519 ${blob.toString('base64')}`]
      const target = { name: 'web', host: 'web.example', port: 22, hostKeys, trustOnFirstUse: false }
      await expect(checkHostKey(blob, target as unknown as SshTarget, directory, NEVER)).rejects.toMatchObject(
        refused('has a small order'),
      )
    }
  })

  it('is never kept where that is not wanted', async () => {
    await expect(check('a', {})).rejects.toMatchObject({ code: 'TARGET_CERTIFICATE' })
    expect(kept.size).toBe(0)
  })
})
