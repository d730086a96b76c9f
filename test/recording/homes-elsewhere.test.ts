import { createHash } from 'node:crypto'
import fs, { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { directoryHome } from '../../src/recording/homes/directory.ts'

/** Calls that wait for the disk of this folder with everybody else: `openSync`, `statSync` and all of their kind. */
function callsAtOnce(folder: string): { readonly names: string[]; stop(): void } {
  const names: string[] = []
  const functions = fs as unknown as Record<string, (...given: unknown[]) => unknown>
  const before = Object.entries(functions).filter(([name]) => name.endsWith('Sync'))
  for (const [name, call] of before)
    functions[name] = (...given) => {
      if (given.some((value) => typeof value === 'string' && value.startsWith(folder))) names.push(name)
      return call(...given)
    }
  syncBuiltinESMExports()
  return {
    names,
    stop() {
      Object.assign(functions, Object.fromEntries(before))
      syncBuiltinESMExports()
    },
  }
}

let directory: string
let calls: ReturnType<typeof callsAtOnce>
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  calls = callsAtOnce(join(directory, 'home'))
})
afterEach(() => {
  calls.stop()
  rmSync(directory, { recursive: true, force: true })
})

describe('a home on another disk', () => {
  it('may hang without holding up anybody else: nothing of it is called at once', async () => {
    const home = directoryHome(join(directory, 'home'))
    const [one, two] = ['one', 'two'].map((text) => {
      const path = join(directory, text)
      writeFileSync(path, text)
      return [path, createHash('sha256').update(text).digest('hex')] as const
    }) as [readonly [string, string], readonly [string, string]]
    await home.put('2026-11/ses_1.pamrec', ...one)
    await home.put('2026-11/ses_1.pamrec', ...one)
    await expect(home.put('2026-11/ses_1.pamrec', ...two)).rejects.toThrow()
    await home.sharesDiskWith?.(directory)
    for await (const chunk of (await home.read('2026-11/ses_1.pamrec')) ?? []) expect(String(chunk)).toBe('one')
    await home.remove('2026-11/ses_1.pamrec')
    expect(calls.names).toEqual([])
    mkdirSync(join(directory, 'home', 'seen'))
    expect(calls.names).toEqual(['mkdirSync'])
  })
})
