import { createPublicKey } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordReader } from '../../src/recording/encryption.ts'
import { readRecording } from '../../src/recording/read.ts'
import { recoverSpool } from '../../src/recording/recover.ts'
import { parseTrustedKeys, verifyRecording, type Verification } from '../../src/recording/verify.ts'
import { eventsOf, filesIn, macKey, signer } from '../helpers/recordings.ts'

/** Records, and a spool after a hard stop, as the last gateway left them that wrote version 2 of the format. */
const OLDER = join(import.meta.dirname, '..', 'fixtures', 'recordings', 'pamrec-2')
const oldKeys = parseTrustedKeys(readFileSync(join(OLDER, 'gateway.pub'), 'utf8'))
const identity = readFileSync(join(OLDER, 'auditor.txt'), 'utf8').split('\n')[1] as string
const auditor = recordReader([identity])
const fixture = (name: string): string => join(OLDER, `${name}.pamrec`)

describe('records of version 2', () => {
  it.each<[string, Partial<Verification>]>([
    ['sealed', { status: 'sealed', events: 11, segments: 3, hidden: 0 }],
    ['encrypted', { status: 'sealed', events: 11, hidden: 0 }],
    ['recovered', { status: 'recovered', tail: 'whole', events: 11, hidden: 0 }],
    ['hidden', { status: 'recovered', tail: 'whole', events: 11, hidden: 0 }],
    ['open', { status: 'open', events: 10, hidden: 0 }],
  ])('%s: genuine, and read to the end', async (name, expected) => {
    expect(await verifyRecording(fixture(name), oldKeys, auditor)).toMatchObject(expected)
    const types = (await eventsOf(fixture(name), auditor)).map(({ type }) => type)
    expect(types[0]).toBe('opened')
    expect(types.at(-1)).toBe(name === 'open' ? 'forwarded' : 'ended')
  })

  it('are played back as they were', async () => {
    const events = []
    for await (const { event, data } of readRecording(fixture('sealed')))
      events.push(data === undefined ? event : { ...event, data: data.toString('base64') })
    expect(events).toEqual(JSON.parse(readFileSync(join(OLDER, 'sealed.json'), 'utf8')))
  })

  it('are not taken for version 3 by their first line alone, nor the other way round', async () => {
    const bytes = readFileSync(fixture('sealed'))
    bytes.write('pamrec/3')
    async function* once(): AsyncGenerator<Buffer> {
      yield bytes
    }
    expect(await verifyRecording(once(), oldKeys)).toMatchObject({ status: 'invalid', segment: 0 })
  })

  it('any bit changed: not genuine', async () => {
    const bytes = readFileSync(fixture('sealed'))
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ (1 << (at % 8))
      async function* once(): AsyncGenerator<Buffer> {
        yield changed
      }
      expect([at, (await verifyRecording(once(), oldKeys)).status]).not.toEqual([at, 'sealed'])
    }
  })
})

describe('a spool that a gateway of before the update left', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const SESSIONS = ['ses_2recoveredaaa', 'ses_2hiddenaaaaaa'] as const
  const keys = [...oldKeys, { key: createPublicKey(signer.publicKeyPem) }]
  let copies = 0
  async function recover(change: (spool: string) => void = () => {}) {
    const spool = join(directory, String(copies++))
    cpSync(join(OLDER, 'spool'), spool, { recursive: true })
    change(spool)
    const known = new Map(SESSIONS.map((session) => [session, { file: `2026-11/${session}.pamrec` }]))
    const recovery = await recoverSpool(spool, { macKey, signer, keys, expected: [], known })
    recovery.finish()
    const files = SESSIONS.map((session) => join(spool, '2026-11', `${session}.pamrec`))
    return { recovery, files, results: await Promise.all(files.map((file) => verifyRecording(file, keys, auditor))) }
  }

  it('is closed in the version that it was begun in, with everything', async () => {
    const { recovery, files, results } = await recover()
    expect(recovery.journals).toMatchObject([{ tail: 'whole' }])
    for (const [n, file] of files.entries()) {
      expect(results[n]).toMatchObject({ status: 'recovered', tail: 'whole', events: 11, hidden: 0 })
      expect(readFileSync(file).toString('latin1', 0, 9)).toBe('pamrec/2\n')
      const events = await eventsOf(file, auditor)
      expect(events.at(-1)).toMatchObject({ type: 'ended', code: 'GATEWAY_STOPPED' })
      expect(events.at(-2)).toMatchObject({ type: 'forwarded' })
    }
    expect(filesIn(directory, '.journal')).toEqual([])
  })

  it('what was cut off is restored from its journal', async () => {
    const { results } = await recover((spool) => {
      for (const file of filesIn(spool, '.pamrec')) truncateSync(file, 0)
    })
    // Nothing stands in the file, so it is begun anew, in the version of its events.
    expect(results).toMatchObject([
      { status: 'recovered', tail: 'whole', events: 11 },
      { status: 'recovered', tail: 'whole', events: 11 },
    ])
  })
})
