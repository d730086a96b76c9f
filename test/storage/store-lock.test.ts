import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockStore } from '../../src/storage/store-lock.ts'

let directory: string
let file: string
const children: ChildProcess[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-lock-'))
  file = join(directory, 'state.db')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

/** Another process that has the lock of the kernel, as a gateway has. */
async function otherGateway(): Promise<ChildProcess> {
  const library = createRequire(import.meta.url).resolve('libsql')
  const script = `const db = new (require(${JSON.stringify(library)}))(${JSON.stringify(`${file}.owner`)})
db.exec('begin exclusive'); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

it('one gateway has a store, until it lets the next one in', () => {
  const unlock = lockStore(file)
  expect(() => lockStore(file)).toThrow(`another gateway (process ${process.pid}) uses ${directory}`)
  expect(statSync(`${file}.owner`).mode & 0o777).toBe(0o600)
  unlock()
  expect(existsSync(`${file}.lock`)).toBe(false)
  lockStore(file)()
})

// As in two containers on one volume: the gateway is process 1 in each of them.
it('another process has it, also one that has the same number as this', async () => {
  const other = await otherGateway()
  writeFileSync(`${file}.lock`, `${process.pid}\n`)
  expect(() => lockStore(file)).toThrow(/another gateway \(process \d+\) uses/)
  rmSync(`${file}.lock`)
  expect(() => lockStore(file)).toThrow('another gateway (process unknown) uses')
  other.kill('SIGKILL')
  await once(other, 'exit')
  lockStore(file)()
})

it('what a crash left is taken over, also where its number is another process by now', () => {
  writeFileSync(`${file}.lock`, `${process.ppid}\n`)
  lockStore(file)()
  writeFileSync(`${file}.lock`, 'nothing')
  lockStore(file)()
})

it('a gateway of an earlier version, which noted its number alone, is respected', () => {
  writeFileSync(`${file}.lock`, String(process.ppid))
  expect(() => lockStore(file)).toThrow(`another gateway (process ${process.ppid}) uses ${directory}`)
  writeFileSync(`${file}.lock`, '2147483646')
  lockStore(file)()
})
