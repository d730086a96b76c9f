import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { JournaledSession } from '../../src/recording/read-journal.ts'
import { beyondEnd, readValidPrefix } from '../../src/recording/valid-prefix.ts'
import { command, keys, opened, openSpool, recorderOptions } from '../helpers/recordings.ts'

let directory: string
let file: string
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  const spool = openSpool(directory)
  const options = recorderOptions()
  const recorder = await spool.open(opened(), options)
  recorder.intent(command('SELECT 1'))
  await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
  await spool.stop()
  file = join(directory, options.file)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('a closed file is valid up to its end', async () => {
  const prefix = await readValidPrefix(file, 'ses_1', keys)
  expect(prefix).toMatchObject({ bytes: readFileSync(file).length, segments: 1, events: 3, last: { status: 'sealed' } })
  expect('damaged' in prefix ? undefined : [...prefix.ends.keys()]).toEqual([3])
})

it('a segment that was not written whole is left out', async () => {
  const whole = readFileSync(file).length
  appendFileSync(file, readFileSync(file).subarray(9, 40))
  expect(await readValidPrefix(file, 'ses_1', keys)).toMatchObject({ bytes: whole, events: 3 })
  truncateSync(file, whole - 1)
  expect(await readValidPrefix(file, 'ses_1', keys)).toMatchObject({ bytes: 0, segments: 0, events: 0 })
})

it('a file that is not there begins with nothing', async () => {
  expect(await readValidPrefix(join(directory, 'none'), 'ses_1', keys, 2)).toMatchObject({ version: 2, bytes: 0 })
})

it('a file of another session, or with a changed byte, is damaged', async () => {
  expect(await readValidPrefix(file, 'ses_2', keys)).toEqual({ damaged: 'holds the record of ses_1' })
  const bytes = readFileSync(file)
  bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1
  writeFileSync(file, bytes)
  expect(await readValidPrefix(file, 'ses_1', keys)).toHaveProperty('damaged')
})

it('a journal that has more than a closed file says so', () => {
  const journaled: JournaledSession = {
    file: 'a.pamrec',
    wrappedKey: undefined,
    turns: [{ first: 3, last: 4, begins: true, ends: false, hidden: false, bytes: Buffer.alloc(0) }],
    events: [],
    detached: [],
    sealed: undefined,
  }
  expect(beyondEnd(journaled, 5)).toBeUndefined()
  expect(beyondEnd(undefined, 0)).toBeUndefined()
  expect(beyondEnd(journaled, 4)).toBe('ends before event 4, and the journal has events up to 4')
  expect(beyondEnd(journaled, 3)).toBe('ends before event 3, and the journal has events up to 4')
  expect(beyondEnd({ ...journaled, sealed: { events: 9, hash: '', segments: 1 } }, 5)).toContain('up to 8')
})
