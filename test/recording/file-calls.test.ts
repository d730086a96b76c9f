import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { closeFile, linkFile, openFile, unlinkFile, writeFile } from '../../src/recording/file-calls.ts'

const calls: string[] = []
/** Milliseconds that the next call at once takes. */
let takes = 0
let now = 0
vi.mock('node:fs', async (actual) => {
  const real = await actual<typeof fs>()
  const noted =
    <Args extends unknown[], T>(name: string, call: (...args: Args) => T) =>
    (...args: Args): T => {
      calls.push(name)
      now += takes
      return call(...args)
    }
  return {
    ...real,
    openSync: noted('openSync', real.openSync),
    writeSync: noted('writeSync', (file: number, bytes: Buffer, offset: number, length: number, position: number) =>
      // As a disk that is nearly full does.
      real.writeSync(file, bytes, offset, Math.min(length, 10_000), position),
    ),
    unlinkSync: noted('unlinkSync', real.unlinkSync),
  }
})

let directory: string
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(directory, { recursive: true, force: true })
})

it('a quick disk is asked at once; one that took long elsewhere, for a second, with the same outcome', async () => {
  const bytes = Buffer.alloc(150_000, 'x')
  const whole = async (name: string): Promise<void> => {
    const path = join(directory, name)
    const file = await openFile(path, 'wx')
    await writeFile(file, Buffer.from('0123'), 0)
    await writeFile(file, bytes, 4)
    await closeFile(file)
    expect(fs.readFileSync(path).equals(Buffer.concat([Buffer.from('0123'), bytes]))).toBe(true)
    await expect(openFile(path, 'wx')).rejects.toMatchObject({ code: 'EEXIST' })
    await linkFile(path, `${path}.more`)
    await expect(linkFile(path, `${path}.more`)).rejects.toMatchObject({ code: 'EEXIST' })
    await unlinkFile(`${path}.more`)
    await expect(unlinkFile(`${path}.more`)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(fs.statSync(path).mode & 0o777).toBe(0o600)
  }
  await whole('quick')
  expect(new Set(calls)).toEqual(new Set(['openSync', 'writeSync', 'unlinkSync']))
  takes = 21
  await unlinkFile(join(directory, 'quick'))
  takes = 0
  calls.length = 0
  await whole('slow')
  expect(calls).toEqual([])
  now += 2000
  await whole('quick again')
  expect(calls).toContain('openSync')
})
