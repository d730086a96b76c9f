import { createPublicKey } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CommandEvent, OpenedEvent } from '../../src/recording/event.ts'
import { openRecorder } from '../../src/recording/recorder.ts'
import { recoverRecording } from '../../src/recording/recover.ts'
import { readRecording } from '../../src/recording/replay.ts'
import { generateSigningKeyPem, signerFromPem } from '../../src/recording/seal.ts'
import { verifyRecording } from '../../src/recording/verify.ts'
import type { PamError } from '../../src/shared/errors.ts'

const signer = signerFromPem(generateSigningKeyPem())
const keys = [createPublicKey(signer.publicKeyPem)]
const opened: OpenedEvent = {
  type: 'opened',
  version: 1,
  session: 'ses_1',
  person: { id: 'jane', label: 'jane', kind: 'person' },
  target: 'prod',
  protocol: 'postgres',
  account: 'app',
  grant: { id: 'grt_1', rule: 'r', reason: 'x', endsAt: '2026-01-01T00:00:00.000Z' },
  policy: 'v',
}
const command = (text: string): CommandEvent => ({
  type: 'command',
  id: 'dec_1',
  verdict: 'allow',
  text,
  digest: 'd',
  kinds: ['select'],
  reads: [],
  writes: [],
})

let directory: string
let file: string
let failures: PamError[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  file = join(directory, 'a', 'ses_1.pamrec')
  failures = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const open = (at = file) => openRecorder(at, opened, { signer, onFailure: (error) => failures.push(error) })

function record(at = file): void {
  const recorder = open(at)
  recorder.intent(command('select 1'))
  recorder.outcome({ type: 'result', command: 'dec_1', rows: 1, bytes: 10, durationMs: 1 })
  recorder.intent(command('select 2'))
  recorder.close({ code: 'CLIENT_LEFT', message: 'bye' })
}

describe('recorder', () => {
  it('an intent is in the file when the call returns', () => {
    const recorder = open()
    expect(readFileSync(file, 'utf8')).toContain('"type":"opened"')
    recorder.intent(command('drop table x'))
    expect(readFileSync(file, 'utf8')).toContain('drop table x')
    recorder.close({ code: 'CLIENT_LEFT', message: '' })
  })

  it('seals what verifies, and reads back in order', async () => {
    record()
    expect(await verifyRecording(file, keys)).toMatchObject({ status: 'sealed', session: 'ses_1', events: 5 })
    const types = []
    for await (const event of readRecording(file)) types.push(event.type)
    expect(types).toEqual(['opened', 'command', 'result', 'command', 'ended'])
  })

  it('never writes over a file, and says that it cannot record', () => {
    record()
    expect(() => open()).toThrow(expect.objectContaining({ code: 'RECORDING_FAILED' }))
  })

  it('a disk that is full fails the command, and every one after it', () => {
    mkdirSync(join(directory, 'a'))
    // /dev/full takes no byte: every write fails with ENOSPC, as on a full disk.
    const recorder = (() => {
      try {
        return openRecorder('/dev/full', opened, { signer, onFailure: (error) => failures.push(error) })
      } catch (error) {
        return error as PamError
      }
    })()
    expect(recorder).toMatchObject({ code: 'RECORDING_FAILED' })
  })
})

describe('verify', () => {
  const lines = (): string[] => readFileSync(file, 'utf8').split('\n')
  const write = (changed: readonly string[]): void => writeFileSync(file, changed.join('\n'))

  it('finds every single changed byte', async () => {
    record()
    const original = readFileSync(file)
    for (let at = 0; at < original.length; at += 7) {
      const changed = Buffer.from(original)
      changed[at] = (changed[at] as number) ^ 1
      writeFileSync(file, changed)
      const { status } = await verifyRecording(file, keys).catch(() => ({ status: 'invalid' }))
      expect([at, status === 'sealed' || status === 'recovered']).toEqual([at, false])
    }
  })

  it.each<[string, (all: string[]) => string[], RegExp]>([
    ['an event cut out', (all) => all.toSpliced(2, 1), /does not follow/],
    ['two events swapped', (all) => all.with(2, all[3] as string).with(3, all[2] as string), /does not follow/],
    ['an event repeated', (all) => all.toSpliced(2, 0, all[2] as string), /does not follow/],
    ['something after the seal', (all) => [...all.slice(0, -1), all[2] as string, ''], /after the seal/],
    ['the last events cut off under the same seal', (all) => all.toSpliced(-3, 1), /other events/],
  ])('%s', async (_what, change, reason) => {
    record()
    write(change(lines()))
    expect(await verifyRecording(file, keys)).toMatchObject({
      status: 'invalid',
      reason: expect.stringMatching(reason),
    })
  })

  it('names the first line that does not hold', async () => {
    record()
    write(lines().map((line, index) => (index === 2 ? line.replace('select 1', 'select 9') : line)))
    expect(await verifyRecording(file, keys)).toMatchObject({ status: 'invalid', line: 3 })
  })

  it('a seal of another key is not believed', async () => {
    record()
    const other = createPublicKey(signerFromPem(generateSigningKeyPem()).publicKeyPem)
    expect(await verifyRecording(file, [other])).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('not among the keys'),
    })
  })

  it('the seal of another session is not believed', async () => {
    record()
    const other = join(directory, 'other')
    const recorder = openRecorder(other, { ...opened, session: 'ses_2' }, { signer, onFailure: () => {} })
    recorder.close({ code: 'CLIENT_LEFT', message: '' })
    const foreign = readFileSync(other, 'utf8').split('\n').at(-2) as string
    write([...lines().slice(0, -2), foreign, ''])
    expect(await verifyRecording(file, keys)).toMatchObject({ status: 'invalid' })
  })

  it('without a seal it is open', async () => {
    record()
    write([...lines().slice(0, -2), ''])
    expect(await verifyRecording(file, keys)).toMatchObject({ status: 'open', events: 5 })
  })
})

describe('recover', () => {
  it('closes what a hard stop left, wherever the last line was cut', async () => {
    const recorder = open()
    recorder.intent(command('select 1'))
    recorder.intent(command('select 2'))
    const whole = readFileSync(file)
    for (const cut of [whole.length, whole.length - 1, whole.length - 30, 12, 5, 0]) {
      writeFileSync(file, whole.subarray(0, cut))
      recoverRecording(file, 'ses_1', signer, new Date(0))
      expect([cut, (await verifyRecording(file, keys)).status]).toEqual([cut, cut < 20 ? 'invalid' : 'recovered'])
    }
  })

  it('cuts what was changed by hand in the tail', async () => {
    const recorder = open()
    recorder.intent(command('select 1'))
    appendFileSync(file, `${'0'.repeat(64)} {"seq":2,"type":"command"}\n`)
    expect(recoverRecording(file, 'ses_1', signer, new Date(0))).toEqual({ events: 3 })
    expect(await verifyRecording(file, keys)).toMatchObject({ status: 'recovered', events: 3 })
  })

  it('leaves a sealed file alone', () => {
    record()
    const before = readFileSync(file, 'utf8')
    expect(recoverRecording(file, 'ses_1', signer, new Date(0))).toBeUndefined()
    expect(readFileSync(file, 'utf8')).toBe(before)
    truncateSync(file, before.length)
  })
})
