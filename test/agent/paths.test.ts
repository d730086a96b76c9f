import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { privateDirectory, userPaths } from '../../src/agent/paths.ts'

describe('the directory of pamctl', () => {
  const root = mkdtempSync(join(tmpdir(), 'pamctl-paths-'))
  afterAll(() => rmSync(root, { recursive: true }))

  it('is made with those above it, for its user alone', () => {
    const { home, runtime } = userPaths({ HOME: join(root, 'a', 'b') })
    expect(home).toBe(join(root, 'a', 'b', '.local', 'state', 'pamctl'))
    for (const path of [home, runtime, join(root, 'a')]) expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(() => privateDirectory(home)).not.toThrow()
  })

  it.runIf(process.platform === 'linux')(
    'gives up where the file system takes no directory, instead of trying forever',
    () => {
      expect(() => userPaths({ HOME: '/proc/none' })).toThrow(/^cannot create the directory .* \(ENOENT\)$/)
    },
  )
})
