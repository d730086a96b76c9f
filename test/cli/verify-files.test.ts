import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUDIT_GENESIS, auditHash, signAudit, type AuditRecord } from '../../src/recording/audit-chain.ts'
import { digestOfFile } from '../../src/recording/homes/directory.ts'
import { canonicalJson } from '../../src/shared/canonical-json.ts'
import { command, filesIn, opened, openSpool, recorderOptions, signer, written } from '../helpers/recordings.ts'
import { pamctl } from '../helpers/run.ts'

const [deleted, sealed, open] = ['ses_1111111111111', 'ses_2222222222222', 'ses_3333333333333'] as const
let directory: string
const key = (): string => join(directory, 'gateway.pub')
const recordOf = (session: string): string =>
  filesIn(join(directory, 'spool'), '.pamrec').find((name) => name.includes(session)) as string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  writeFileSync(key(), signer.publicKeyPem)
  const spool = openSpool(join(directory, 'spool'))
  for (const session of [deleted, sealed, open]) {
    const recorder = await spool.open(opened(session), recorderOptions(session))
    recorder.intent(command('select 1'))
    await written(recorder)
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
  }
  await spool.stop()
  const chain: AuditRecord[] = []
  const add = (type: string, subject: string, data: AuditRecord['data']): void => {
    const last = chain.at(-1)
    const content = { seq: chain.length + 1, id: `aud_${chain.length}`, type, actor: 'gateway', subject }
    const entry = { ...content, previous: last?.hash ?? AUDIT_GENESIS }
    const hash = auditHash({ ...entry, at: 1000, data: canonicalJson(data) })
    chain.push({
      ...entry,
      at: new Date(1000).toISOString(),
      data,
      hash,
      ...signAudit({ seq: entry.seq, hash }, signer),
    })
  }
  for (const session of [deleted, sealed, open]) add('session.opened', session, { recording: `x/${session}.pamrec` })
  for (const session of [deleted, sealed]) {
    add('session.ended', session, {})
    add('recording.sealed', session, { sha256: await digestOfFile(recordOf(session)), bytes: 1 })
  }
  add('recording.deleted', deleted, { rule: 'r' })
  writeFileSync(join(directory, 'audit.jsonl'), chain.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('audit verify --recordings', () => {
  const garbage = (session: string) => (to: string) => writeFileSync(join(to, `${session}.pamrec`), 'garbage')
  const copy = (from: string, name: string) => (to: string) => copyFileSync(recordOf(from), join(to, name))
  it.each<[string, number, RegExp, (to: string) => void]>([
    ['a session without an end', 9, new RegExp(`${open}: OPEN`), () => {}],
    ['a copy of what was deleted', 9, /^(?![^]*CHANGED)/, copy(deleted, `${deleted}.pamrec`)],
    ['garbage in the place of what was deleted', 1, new RegExp(`${deleted}: CHANGED`), garbage(deleted)],
    ['another record in its place', 1, new RegExp(`${deleted}: CHANGED`), copy(open, `${deleted}.pamrec`)],
    ['the same with another suffix', 1, new RegExp(`${deleted}: CHANGED`), copy(open, `${deleted}.PAMREC`)],
    ['garbage for an open session', 1, new RegExp(`${open}: UNSEALED`), garbage(open)],
    ['a genuine record of an open session', 1, new RegExp(`${open}: UNSEALED`), copy(open, `${open}.pamrec`)],
  ])('%s is reported', async (_what, code, said, put) => {
    const copies = join(directory, 'copies')
    rmSync(copies, { recursive: true, force: true })
    mkdirSync(copies)
    copyFileSync(recordOf(sealed), join(copies, `${sealed}.pamrec`))
    put(copies)
    const args = ['audit', 'verify', '--key', key(), '--file', join(directory, 'audit.jsonl'), '--recordings', copies]
    const found = await pamctl(args, {})
    expect([found.code, found.stdout]).toEqual([code, expect.stringMatching(said)])
  })
})

describe('verify', () => {
  it.each([
    [0, `${sealed}.pamrec`],
    [0, `${sealed} (1).pamrec`],
    [0, `copy-of-${sealed}_old.pamrec.bak`],
    [0, 'a record.pamrec'],
    [0, 'processes_1.pamrec'],
    [1, `${open}.pamrec`],
    [1, 'ses_2222.pamrec'],
    [1, 'ses_.pamrec'],
    [1, `${sealed}2.pamrec`],
    [1, `${open} (1).pamrec`],
    [1, `${open}.pamrec.copy`],
    [1, `${open}.PAMREC`],
    [1, `${open.toUpperCase()}.pamrec`],
    [1, `${sealed}-and-${open}.pamrec`],
  ])('exits with %i for a record under the name %s', async (code, name) => {
    const path = join(directory, name)
    copyFileSync(recordOf(sealed), path)
    const found = await pamctl(['verify', path, '--key', key()], {})
    expect([found.code, found.stdout]).toEqual([code, expect.stringContaining(code === 0 ? 'valid' : 'named after')])
  })
})
