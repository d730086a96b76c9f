import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { appendDetached, detachedKey, hideDetached, readDetached, showDetached } from '../../src/recording/detached.ts'
import { recordReader } from '../../src/recording/encryption.ts'
import { realDisk, type JournalDisk } from '../../src/recording/journal-file.ts'
import type { SessionRecorder } from '../../src/recording/recorder.ts'
import { readJournals } from '../../src/recording/read-journal.ts'
import type { Spool } from '../../src/recording/spool.ts'
import { verifyRecording } from '../../src/recording/verify.ts'
import type { PamError } from '../../src/shared/errors.ts'
import {
  command,
  eventsOf,
  filesIn,
  keys,
  macKey,
  opened,
  openSpool,
  recorderOptions,
  written,
} from '../helpers/recordings.ts'

let directory: string
let spools: Spool[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  spools = []
})
afterEach(async () => {
  for (const spool of spools) await spool.stop()
  rmSync(directory, { recursive: true, force: true })
})

function start(options: Parameters<typeof openSpool>[1] = {}): Spool {
  const spool = openSpool(directory, options)
  spools.push(spool)
  return spool
}
const file = (): string => join(directory, '2026-11', 'ses_1.pamrec')
const result = { type: 'result', command: 'dec_1', tag: 'SELECT 1', rows: 1, bytes: 10, durationMs: 1 } as const
const journaled = () =>
  readJournals(join(directory, 'journal'), macKey)
    .sessions.get('ses_1')
    ?.turns.map(({ bytes }) => bytes.toString('latin1'))
    .join('\n') ?? ''

describe('recorder', () => {
  it('an intent stands in the journal before what waits for it goes on, and an outcome soon after', async () => {
    const recorder = await start().open(opened(), recorderOptions())
    recorder.intent(command('drop table x'))
    expect(recorder.isWritten).toBe(false)
    expect(journaled()).not.toContain('drop table x')
    await written(recorder)
    expect(recorder.isWritten).toBe(true)
    expect(journaled()).toContain('drop table x')
    recorder.outcome(result)
    await expect.poll(journaled).toContain('SELECT 1')
  })

  it('many that end together are over at once and sealed a few at a time, and a stop leaves none', async () => {
    const spool = start()
    const held: (() => void)[] = []
    let atOnce = 0
    let most = 0
    const ids = Array.from({ length: 40 }, (_, index) => `ses_${index}`)
    const recorders = await Promise.all(ids.map((id) => spool.open(opened(id), recorderOptions(id))))
    for (const recorder of recorders) {
      const close = recorder.close.bind(recorder)
      recorder.close = (last) => {
        const seal = close(last)
        return async () => {
          most = Math.max(most, ++atOnce)
          await new Promise<void>((resolve) => held.push(resolve))
          atOnce--
          return seal()
        }
      }
    }
    const closed = recorders.map((recorder) => spool.close(recorder, { code: 'GRANT_REVOKED', message: 'revoked' }))
    const atEnd = [spool.unsealed, recorders.every((recorder) => recorder.isClosed), held.length]
    const stopped = spool.stop()
    let isStopped = false
    void stopped.then(() => (isStopped = true))
    while (!isStopped) {
      for (const goOn of held.splice(0)) goOn()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(atEnd).toEqual([40, true, 4])
    expect([spool.unsealed, most]).toEqual([0, 4])
    expect((await Promise.all(closed)).map((sealed) => sealed?.status)).toEqual(ids.map(() => 'sealed'))
  })

  it('sealing rests where many have ended, each time, and for those behind the first alone', async () => {
    const spool = start()
    const ids = Array.from({ length: 40 }, (_, index) => `ses_${index}`)
    const recorders = await Promise.all(ids.map((id) => spool.open(opened(id), recorderOptions(id))))
    let begun = 0
    for (const recorder of recorders) {
      recorder.close = () => () => {
        begun++
        const { session } = recorder
        return Promise.resolve({ session, status: 'sealed', events: 1, segments: 1, hash: '', bytes: 0, sha256: '' })
      }
    }
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const counts: number[] = []
      for (const group of [recorders.slice(0, 20), recorders.slice(20)]) {
        for (const recorder of group) void spool.close(recorder, { code: 'GRANT_REVOKED', message: 'revoked' })
        await turn()
        counts.push(begun)
        vi.advanceTimersByTime(1000)
        await turn()
        counts.push(begun)
      }
      expect(counts).toEqual([16, 20, 36, 40])
    } finally {
      vi.useRealTimers()
    }
  })

  it('all that happens in one turn of the event loop is one append', async () => {
    let appends = 0
    const counting: JournalDisk = {
      ...realDisk,
      writeSync(handle, bytes, position) {
        if (bytes.length > 100) appends++
        return realDisk.writeSync(handle, bytes, position)
      },
    }
    const spool = start({ disk: counting })
    const sessions = ['ses_1', 'ses_2', 'ses_3']
    const recorders = await Promise.all(sessions.map((id) => spool.open(opened(id), recorderOptions(id))))
    appends = 0
    for (const recorder of recorders) for (const text of ['a', 'b']) recorder.intent(command(text))
    await Promise.all(recorders.map(written))
    expect(appends).toBe(1)
  })

  it('strict: what waits goes on after a flush, and sessions share it', async () => {
    let flushes = 0
    const disk: JournalDisk = {
      ...realDisk,
      async datasync(handle) {
        flushes++
        await realDisk.datasync(handle)
      },
    }
    const spool = start({ disk })
    const strict = { strict: true }
    const recorders = await Promise.all(
      ['ses_1', 'ses_2', 'ses_3'].map((id) => spool.open(opened(id), { ...recorderOptions(id), ...strict })),
    )
    flushes = 0
    for (const recorder of recorders) recorder.intent(command('x'))
    await Promise.all(recorders.map(written))
    expect(flushes).toBe(1)
  })

  it('is open only once its beginning is flushed', async () => {
    let flush = (): void => {}
    const flushing = new Promise<string>((begun) => {
      const datasync = () => {
        begun('flushing')
        return new Promise<void>((resolve) => (flush = resolve))
      }
      spools.push(openSpool(directory, { disk: { ...realDisk, datasync } }))
    })
    const open = spools[0]?.open(opened(), recorderOptions()).then(() => 'open')
    expect(await Promise.race([open, flushing])).toBe('flushing')
    flush()
    expect(await open).toBe('open')
  })

  it('strict: what comes while a flush runs waits for the next, and shares it', async () => {
    const held: (() => void)[] = []
    let flushes = 0
    let writes = 0
    let isHeld = false
    const disk: JournalDisk = {
      ...realDisk,
      writeSync(...write) {
        writes++
        return realDisk.writeSync(...write)
      },
      async datasync() {
        flushes++
        if (isHeld) await new Promise<void>((resolve) => held.push(resolve))
      },
    }
    const spool = start({ disk })
    const strict = { strict: true }
    const recorders = await Promise.all(
      ['ses_1', 'ses_2', 'ses_3'].map((id) => spool.open(opened(id), { ...recorderOptions(id), ...strict })),
    )
    isHeld = true
    flushes = 0
    const done: string[] = []
    const waiting: Promise<unknown>[] = []
    for (const recorder of recorders) {
      const before = writes
      recorder.intent(command('x'))
      waiting.push(written(recorder).then(() => done.push(recorder.session)))
      while (writes === before) await new Promise((resolve) => setImmediate(resolve))
    }
    expect([flushes, done]).toEqual([1, []])
    held.pop()?.()
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect([flushes, done]).toEqual([2, ['ses_1']])
    isHeld = false
    held.pop()?.()
    await Promise.all(waiting)
    expect(flushes).toBe(2)
  })

  it('strict: what stands in a journal that is full by now is flushed there', async () => {
    const did: string[] = []
    let goOn = (): void => {}
    let isHeld = false
    const disk: JournalDisk = {
      ...realDisk,
      writeSync(handle, bytes, position) {
        if (bytes.length > 5000) did.push(`write ${handle}`)
        return realDisk.writeSync(handle, bytes, position)
      },
      async datasync(handle) {
        did.push(`flush ${handle}`)
        if (isHeld) await new Promise<void>((resolve) => (goOn = resolve))
      },
    }
    const recorder = await start({ disk, rotateAt: 5000 }).open(opened(), { ...recorderOptions(), strict: true })
    isHeld = true
    did.length = 0
    recorder.intent(command('x'))
    const first = written(recorder)
    while (did.length === 0) await new Promise((resolve) => setImmediate(resolve))
    recorder.intent(command(randomBytes(5000).toString('hex')))
    const second = written(recorder)
    while (did.length === 1) await new Promise((resolve) => setImmediate(resolve))
    isHeld = false
    goOn()
    await Promise.all([first, second])
    const handle = did[1]?.replace('write ', '')
    expect(did.slice(2)).toContain(`flush ${handle}`)
  })

  it('seals what verifies, and reads back in order', async () => {
    const spool = start()
    const recorder = await spool.open(opened(), recorderOptions())
    recorder.intent(command('select 1'))
    recorder.outcome(result)
    const sealed = await spool.close(recorder, { code: 'CLIENT_LEFT', message: 'bye' })
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed', session: 'ses_1', events: 4 })
    expect((await eventsOf(file())).map(({ type }) => type)).toEqual(['opened', 'command', 'result', 'ended'])
    expect(sealed).toMatchObject({ events: 4, segments: 1, bytes: readFileSync(file()).length })
  })

  it('a long session is sealed in segments while it goes on, and the journal lets go of them', async () => {
    const spool = start()
    const recorder = await spool.open(opened(), recorderOptions())
    for (let i = 10; i < 50; i++) {
      recorder.intent(command(`select '${String(i).repeat(4000)}'`))
      await written(recorder)
    }
    await expect.poll(() => existsSync(file())).toBe(true)
    await recorder.sealNow()
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'open' })
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed', events: 42 })
    await spool.stop()
    expect(filesIn(directory, '.journal')).toEqual([])
  })

  it('the end of a session that is sealed before it is journaled keeps no journal', async () => {
    for (let n = 0; n < 5; n++) {
      const spool = start()
      const recorder = await spool.open(opened(`ses_${n}`), recorderOptions(`ses_${n}`))
      await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
      // Longer than results wait for others.
      await new Promise((resolve) => setTimeout(resolve, 40))
      await spool.stop()
      expect(filesIn(directory, '.journal')).toEqual([])
    }
  })

  it('bytes of a terminal come back as they were', async () => {
    const spool = start()
    const recorder = await spool.open(opened(), recorderOptions())
    const data = Buffer.from([0, 10, 255, 27, 10])
    recorder.outcome({ type: 'terminal', channel: '0', direction: 'out' }, data)
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    const { readRecording } = await import('../../src/recording/read.ts')
    const found = []
    for await (const event of readRecording(file())) found.push(event.data)
    expect(found[1]).toEqual(data)
  })

  it('a text that could not be parsed is detached, encrypted, and the recording verifies without it', async () => {
    const spool = start()
    const recorder = await spool.open(opened(), recorderOptions())
    const reference = recorder.detach('secret $$ text')
    recorder.intent({ ...command('‹hidden›'), apart: reference })
    await written(recorder)
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    const path = file().replace('.pamrec', '.pamapart')
    const entry = (await readDetached(path))[0]?.entry
    if (entry === undefined) throw new Error('nothing is detached')
    const key = detachedKey(Buffer.alloc(32, 9), 'ses_1')
    expect(showDetached({ key }, entry)).toEqual({ text: 'secret $$ text', reference })
    for (const name of filesIn(directory, '')) {
      if (name.includes('.')) expect(readFileSync(name).includes('secret')).toBe(false)
    }
    rmSync(path)
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed' })
  })

  it('detached texts are added behind what a stop cut off, and a damaged one hides no other', async () => {
    const path = join(directory, 'ses_1.pamapart')
    const cipher = { key: detachedKey(Buffer.alloc(32, 9), 'ses_1') }
    const entries = ['one', 'two', 'three'].map((text) => hideDetached(cipher, text).entry)
    await appendDetached(path, entries.slice(0, 1))
    const whole = readFileSync(path)
    const cut = (bytes: number): Buffer => Buffer.from(JSON.stringify(entries[1])).subarray(0, bytes)
    for (const rest of [cut(20), cut(1), Buffer.from(JSON.stringify(entries[1])), Buffer.alloc(40)]) {
      writeFileSync(path, Buffer.concat([whole, rest]))
      await appendDetached(path, entries)
      expect((await readDetached(path)).map(({ line, entry }) => [line, entry?.id])).toEqual(
        entries.map(({ id }, index) => [index + 1, id]),
      )
    }
    const lines = readFileSync(path, 'utf8').split('\n')
    for (const damaged of ['', 'null', '{"id":"x"}', '[]', '\0', '{"id":1,"salt":2,"nonce":3,"text":4}']) {
      writeFileSync(path, [lines[0], damaged, ...lines.slice(1)].join('\n'))
      const found = (await readDetached(path)).map(({ entry }) => entry?.id)
      expect(found.filter((id) => id !== undefined)).toEqual(entries.map(({ id }) => id))
      expect(found).toHaveLength(damaged === '' ? 3 : 4)
    }
  })
})

describe('encrypted', () => {
  it('nothing of it is readable in the spool, and the auditor’s identity reads and verifies all of it', async () => {
    const identity = await generateX25519Identity()
    const recipients = [await identityToRecipient(identity)]
    const spool = start()
    const recorder = await spool.open(opened(), { ...recorderOptions(), recipients })
    recorder.intent(command('select canary'))
    await written(recorder)
    for (const name of filesIn(directory, '.journal')) expect(readFileSync(name).includes('canary')).toBe(false)
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    expect(readFileSync(file()).includes('canary')).toBe(false)
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed', hidden: 3 })
    const reader = recordReader([identity])
    expect(await verifyRecording(file(), keys, reader)).toMatchObject({ status: 'sealed', hidden: 0, events: 3 })
    expect(JSON.stringify(await eventsOf(file(), reader))).toContain('canary')
    const stranger = recordReader([await generateX25519Identity()])
    expect(await verifyRecording(file(), keys, stranger)).toMatchObject({ status: 'invalid', reason: /cannot be read/ })
  })
})

describe('a disk that fails', () => {
  /** Breaks when told to. */
  function brittle() {
    const state: { error: NodeJS.ErrnoException | undefined; delay: number } = { error: undefined, delay: 0 }
    const check = (): void => {
      if (state.error !== undefined) throw state.error
    }
    const disk: JournalDisk = {
      writeSync(handle, bytes, position) {
        check()
        return realDisk.writeSync(handle, bytes, position)
      },
      async write(handle, bytes, position) {
        check()
        await new Promise((resolve) => setTimeout(resolve, state.delay))
        return realDisk.write(handle, bytes, position)
      },
      async datasync(handle) {
        check()
        await new Promise((resolve) => setTimeout(resolve, state.delay))
        return realDisk.datasync(handle)
      },
    }
    return { disk, state }
  }
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })

  it('full: every session ends, nothing that waits goes on, no session is opened; and all is well once there is room', async () => {
    const { disk, state } = brittle()
    const health: boolean[] = []
    const spool = start({ disk, onHealth: ({ ok }) => health.push(ok) })
    const failures: PamError[] = []
    const recorder = await spool.open(opened(), { ...recorderOptions(), onFailure: (error) => failures.push(error) })
    recorder.intent(command('select 1'))
    await written(recorder)
    state.error = full
    recorder.intent(command('select 2'))
    let wentOn = false
    recorder.whenWritten(() => (wentOn = true))
    await expect.poll(() => failures.length).toBe(1)
    expect(failures[0]).toMatchObject({ code: 'RECORDING_FAILED' })
    expect(wentOn).toBe(false)
    expect(() => recorder.intent(command('select 3'))).toThrow(expect.objectContaining({ code: 'RECORDING_FAILED' }))
    await expect(spool.open(opened('ses_2'), recorderOptions('ses_2'))).rejects.toMatchObject({
      code: 'RECORDING_FAILED',
    })
    expect(spool.health).toMatchObject({ ok: false, reason: expect.stringContaining('ENOSPC') })
    // Its own file can be written: the record is whole, with the command that was never forwarded as one that may have run.
    await spool.close(recorder, { code: 'RECORDING_FAILED', message: 'disk' })
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed' })
    state.error = undefined
    await expect.poll(() => spool.health.ok).toBe(true)
    expect(health).toEqual([false, true])
    const next = await spool.open(opened('ses_2'), recorderOptions('ses_2'))
    await spool.close(next, { code: 'CLIENT_LEFT', message: '' })
  })

  it('full but for the first bytes of a file: it is not taken for one with room', async () => {
    const { disk, state } = brittle()
    const health: boolean[] = []
    let refused = 0
    let hasRoom = true
    const take = (bytes: Uint8Array): void => {
      if (hasRoom || bytes.length <= 1024) return
      refused++
      throw full
    }
    const almostFull: JournalDisk = {
      ...disk,
      writeSync(handle, bytes, position) {
        take(bytes)
        return disk.writeSync(handle, bytes, position)
      },
      async write(handle, bytes, position) {
        take(bytes)
        return disk.write(handle, bytes, position)
      },
    }
    const spool = start({ disk: almostFull, onHealth: ({ ok }) => health.push(ok) })
    const recorder = await spool.open(opened(), recorderOptions())
    ;[hasRoom, state.error] = [false, undefined]
    recorder.intent(command(`select '${'x'.repeat(4096)}'`))
    await expect.poll(() => spool.health.ok).toBe(false)
    await spool.close(recorder, { code: 'RECORDING_FAILED', message: 'disk' })
    // It is tried again, and again.
    await expect.poll(() => refused).toBeGreaterThan(2)
    expect(health).toEqual([false])
    hasRoom = true
    await expect.poll(() => spool.health.ok).toBe(true)
    expect(health).toEqual([false, true])
    await spool.close(await spool.open(opened('ses_2'), recorderOptions('ses_2')), { code: 'CLIENT_LEFT', message: '' })
  })

  it('slow: the event loop does not wait for it, and what waits goes on in order', async () => {
    const { disk, state } = brittle()
    const slowOnce: JournalDisk = {
      ...disk,
      writeSync(handle, bytes, position) {
        if (state.delay > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60)
        return disk.writeSync(handle, bytes, position)
      },
    }
    const spool = start({ disk: slowOnce })
    const recorder = await spool.open(opened(), recorderOptions())
    state.delay = 100
    recorder.intent(command('first'))
    await written(recorder)
    const order: string[] = []
    for (const text of ['second', 'third']) {
      recorder.intent(command(text))
      recorder.whenWritten(() => order.push(text))
    }
    setTimeout(() => order.push('somebody else'), 5)
    await written(recorder)
    expect(order).toEqual(['somebody else', 'second', 'third'])
  })

  it('stalled: after the longest write the sessions end', async () => {
    let isStalled = false
    const disk: JournalDisk = {
      ...realDisk,
      datasync: () => (isStalled ? new Promise(() => {}) : Promise.resolve()),
    }
    const failures: PamError[] = []
    const spool = start({ disk, writeTimeout: 100 })
    const recorder = await spool.open(opened(), {
      ...recorderOptions(),
      strict: true,
      onFailure: (error) => failures.push(error),
    })
    isStalled = true
    recorder.intent(command('x'))
    await expect.poll(() => failures.length).toBe(1)
    expect(spool.health).toMatchObject({ ok: false, reason: expect.stringContaining('100 ms') })
  })

  it('not stalled, where it is this process that stood still', async () => {
    const spool = start({ disk: { ...realDisk, datasync: () => access(directory) }, writeTimeout: 100 })
    const recorder = await spool.open(opened(), { ...recorderOptions(), strict: true })
    recorder.intent(command('x'))
    const done = written(recorder)
    // The write is done in this turn; the flush is asked for, and its answer is there before anybody looks.
    await new Promise((resolve) => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    await done
    expect(spool.health).toEqual({ ok: true })
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
  })

  it('removed: a file that nobody will ever read is not written to', async () => {
    const failures: PamError[] = []
    const spool = start()
    const recorder = await spool.open(opened(), { ...recorderOptions(), onFailure: (error) => failures.push(error) })
    rmSync(join(directory, 'journal'), { recursive: true })
    recorder.intent(command('x'))
    await expect.poll(() => failures.length).toBe(1)
    await spool.close(recorder, { code: 'RECORDING_FAILED', message: '' })
    expect(JSON.stringify(await eventsOf(file()))).toContain('"text":"x"')
  })

  it('results pile up only so far: then the source is to wait', async () => {
    const { disk, state } = brittle()
    const spool = start({ disk, writeTimeout: 30_000 })
    const recorder = await spool.open(opened(), { ...recorderOptions(), strict: true })
    state.delay = 300
    const fill = (to: SessionRecorder): number => {
      let added = 0
      while (!to.isFull && added < 10_000) {
        to.outcome({ type: 'notice', message: 'x'.repeat(1000) })
        added++
      }
      return added
    }
    expect(fill(recorder)).toBeLessThan(2000)
    await new Promise<void>((resolve) => recorder.whenRoom(resolve))
    expect(recorder.isFull).toBe(false)
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed' })
  })

  it('what came while a segment was sealed is sealed as well: a source that waits for room gets it', async () => {
    const spool = start()
    const recorder = await spool.open(opened(), recorderOptions())
    recorder.outcome({ type: 'notice', message: randomBytes(400_000).toString('hex') })
    // The segment is being compressed now.
    await new Promise((resolve) => setImmediate(resolve))
    for (let n = 0; n < 30; n++) recorder.outcome({ type: 'notice', message: 'x'.repeat(100_000) })
    expect(recorder.isFull).toBe(true)
    await new Promise<void>((resolve) => recorder.whenRoom(resolve))
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed', events: 33 })
  })

  it('at its limit no session is opened, and nothing is deleted', async () => {
    const spool = start({ limit: 10 })
    await expect(spool.open(opened(), recorderOptions())).rejects.toMatchObject({ code: 'RECORDING_FAILED' })
    expect(spool.health).toMatchObject({ ok: false, reason: expect.stringContaining('limit') })
  })
})

describe('somebody meddles with the file of a live session', () => {
  it.each<[string, () => void, RegExp]>([
    ['removes it', () => rmSync(file()), /removed/],
    ['shortens it', () => truncateSync(file(), 20), /shortened/],
  ])('%s: the session ends and says so', async (_what, meddle, reason) => {
    const failures: PamError[] = []
    const sealed: { damage?: string }[] = []
    const spool = start({ onSealed: (_file, done) => sealed.push(done) })
    const recorder = await spool.open(opened(), { ...recorderOptions(), onFailure: (error) => failures.push(error) })
    await recorder.sealNow()
    meddle()
    recorder.intent(command('x'))
    await recorder.sealNow()
    expect(failures).toHaveLength(1)
    await spool.close(recorder, { code: 'RECORDING_FAILED', message: '' })
    expect(sealed[0]?.damage).toMatch(reason)
    expect((await verifyRecording(file(), keys)).status).toBe('invalid')
  })

  it('adds to it: that is cut off', async () => {
    const spool = start()
    const recorder = await spool.open(opened(), recorderOptions())
    await recorder.sealNow()
    writeFileSync(file(), 'more', { flag: 'a' })
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'sealed' })
  })
})
