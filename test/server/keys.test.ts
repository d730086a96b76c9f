import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gatewayHalves } from '../../src/protocols/gateway.ts'
import { keyBundle, loadKeys, makeNextKey, useNextKey } from '../../src/server/keys.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-keys-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

describe('the keys of the gateway', () => {
  it('are made once, in files that only the gateway can read', () => {
    const first = loadKeys(directory)
    const again = loadKeys(directory)
    expect([first.made, again.made]).toEqual([expect.arrayContaining(['recording.key', 'token.key', 'apart.key']), []])
    expect(again.signer.keyId).toBe(first.signer.keyId)
    for (const name of ['digest', 'journal', 'detached', 'web'] as const) {
      expect(first[name]).toHaveLength(32)
      expect(again[name]).toEqual(first[name])
    }
    expect(new Set([first.digest, first.journal, first.detached, first.web].map(String)).size).toBe(4)
    for (const file of ['recording.key', 'token.key', 'digest.key', 'apart.key', 'gateway.pub'])
      expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600)
  })

  it('include what each protocol makes for itself, under the file name it gives', () => {
    const { identity } = loadKeys(directory)
    const own = Object.entries(gatewayHalves).flatMap(([name, { identityKey }]) =>
      identityKey === undefined ? [] : [[name, identityKey.file] as const],
    )
    expect(Object.keys(identity)).toEqual(own.map(([name]) => name))
    for (const [name, file] of own)
      expect(readFileSync(join(directory, file), 'utf8')).toBe(identity[name as keyof typeof identity])
    expect(loadKeys(directory).identity).toEqual(identity)
  })
})

describe('a key that is there and is none', () => {
  it.each([
    ['digest.key', ''],
    ['digest.key', 'ab'.repeat(31)],
    ['journal.key', `${'ab'.repeat(31)}zz`],
    ['recording.key', ''],
    ['token.key', 'x'],
    ['web.key', '\n'],
    ['recording-keys.json', '{'],
    ['recording-keys.json', '[{"id":1}]'],
    [gatewayHalves.ssh.identityKey?.file ?? '', ''],
  ])('%s: %j', (name, text) => {
    loadKeys(directory)
    writeFileSync(join(directory, name), text)
    expect(() => loadKeys(directory)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`${directory}/${name} `),
        hint: expect.stringContaining('backup'),
      }),
    )
    expect(readFileSync(join(directory, name), 'utf8')).toBe(text)
  })

  it('a directory in its place is named', () => {
    mkdirSync(join(directory, 'web.key'))
    expect(() => loadKeys(directory)).toThrow(`${directory}/web.key is a directory`)
  })

  it('a start that makes nothing writes nothing', () => {
    loadKeys(directory)
    const before = readdirSync(directory).map((name) => statSync(join(directory, name), { bigint: true }).mtimeNs)
    loadKeys(directory)
    expect(readdirSync(directory).map((name) => statSync(join(directory, name), { bigint: true }).mtimeNs)).toEqual(
      before,
    )
  })
})

describe('a rotation', () => {
  it('that is in the audit chain is completed: the new key signs, the old one ends', () => {
    const before = loadKeys(directory)
    const next = makeNextKey(directory)
    useNextKey(directory, next.keyId)
    const after = loadKeys(directory)
    expect(after.signer.keyId).toBe(next.keyId)
    expect(after.recordingKeys.map(({ id, until }) => [id, until === undefined])).toEqual([
      [before.signer.keyId, false],
      [next.keyId, true],
    ])
    expect(keyBundle(after.recordingKeys)).toMatch(/^# key \S+ from \S+ until \S+\n[\s\S]*\n# key \S+ from \S+\n/)
  })

  it.each([['another key'], [undefined]])('that is not in the audit chain (%s) leaves the old key', (rotatedTo) => {
    const before = loadKeys(directory)
    makeNextKey(directory)
    useNextKey(directory, rotatedTo)
    useNextKey(directory, rotatedTo)
    expect(loadKeys(directory).signer.keyId).toBe(before.signer.keyId)
  })
})
