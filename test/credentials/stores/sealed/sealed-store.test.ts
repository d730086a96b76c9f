import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync, copyFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localMasterKey, type MasterKey } from '../../../../src/credentials/stores/sealed/master-key.ts'
import {
  noteChanges,
  removeSecret,
  rewrapSecrets,
  sealedStore,
  setSecret,
  type SealedChange,
  type SealedHistory,
} from '../../../../src/credentials/stores/sealed/sealed-store.ts'

const SECRET = 'correct horse battery staple'
const OLD = localMasterKey(Buffer.alloc(32, 1).toString('base64'))
const NEW = localMasterKey(Buffer.alloc(32, 2).toString('hex'))
const change = { by: 'jane', at: Date.parse('2026-01-01T00:00:00Z') }

let directory = ''
let file = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-sealed-'))
  file = join(directory, 'secrets.json')
})
afterEach(() => rmSync(directory, { recursive: true }))

const parts = (master: MasterKey, ...previous: MasterKey[]) => ({
  file,
  master: () => master,
  previous: () => previous,
})

class History implements SealedHistory {
  readonly changes: SealedChange[] = []
  lastVersion(name: string): Promise<number> {
    return Promise.resolve(this.changes.findLast((one) => one.name === name)?.version ?? 0)
  }
  note(one: SealedChange): Promise<void> {
    this.changes.push(one)
    return Promise.resolve()
  }
}

const read = (name: string, master = OLD, history: SealedHistory = new History(), ...previous: MasterKey[]) =>
  sealedStore(parts(master, ...previous), history)
    .read({ store: 'secret', name })
    .then(({ text }) => text)

describe('the sealed store', () => {
  it('returns what was set, and records it first', async () => {
    const history = new History()
    await setSecret(parts(OLD), 'db', SECRET, change)
    expect(await read('db', OLD, history)).toBe(SECRET)
    expect(history.changes).toMatchObject([{ name: 'db', master: OLD.id, by: 'jane' }])
  })

  it('keeps neither the secret nor a key in its file, which nobody else may read', async () => {
    await setSecret(parts(OLD), 'db', SECRET, change)
    const text = readFileSync(file, 'utf8')
    for (const form of [SECRET, Buffer.from(SECRET).toString('base64'), Buffer.alloc(32, 1).toString('base64')])
      expect(text).not.toContain(form)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('uses another key and another nonce for each version', async () => {
    const sealed = async (): Promise<unknown> => {
      await setSecret(parts(OLD), 'db', SECRET, change)
      return (JSON.parse(readFileSync(file, 'utf8')) as { secrets: { db: unknown } }).secrets.db
    }
    const [first, second] = [await sealed(), await sealed()] as [Record<string, unknown>, Record<string, unknown>]
    expect(second['version']).toBe(Number(first['version']) + 1)
    expect(second['text']).not.toBe(first['text'])
    expect(second['dataKey']).not.toBe(first['dataKey'])
  })

  it('reports a wrong master key', async () => {
    await setSecret(parts(OLD), 'db', SECRET, change)
    await expect(read('db', NEW)).rejects.toThrow(
      `was sealed with master key ${OLD.id}, and the configuration has ${NEW.id}: name the right one in secrets.sealed`,
    )
  })

  it('moves all secrets to another master key, or none', async () => {
    await setSecret(parts(OLD), 'db', SECRET, change)
    await setSecret(parts(OLD), 'ssh', 'other', change)
    expect(await rewrapSecrets(parts(NEW, OLD), change)).toBe(2)
    expect(await rewrapSecrets(parts(NEW, OLD), change)).toBe(0)
    expect([await read('db', NEW), await read('ssh', NEW)]).toEqual([SECRET, 'other'])
    await expect(read('db', OLD)).rejects.toThrow('was sealed with master key')

    const before = readFileSync(file, 'utf8')
    const failing = { ...OLD, id: 'key:other', wrap: (): Promise<string> => Promise.reject(new Error('no')) }
    await expect(rewrapSecrets(parts(failing, NEW), change)).rejects.toThrow('no')
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it('rejects a secret that was moved to another name or version', async () => {
    await setSecret(parts(OLD), 'db', SECRET, change)
    await setSecret(parts(OLD), 'web', 'other', change)
    const all = JSON.parse(readFileSync(file, 'utf8')) as { secrets: Record<string, Record<string, unknown>> }
    const { db, web } = all.secrets
    const write = (secrets: unknown): void => writeFileSync(file, JSON.stringify({ format: 1, secrets }))
    write({ web: db, db: web })
    await expect(read('web')).rejects.toThrow('was changed after it was sealed')
    write({ db: { ...db, version: Number(db?.['version']) + 1 } })
    await expect(read('db')).rejects.toThrow('was changed after it was sealed')
    write({ db: { ...db, text: web?.['text'] } })
    await expect(read('db')).rejects.toThrow('was changed after it was sealed')
  })

  it('detects an old copy of the file', async () => {
    const history = new History()
    await setSecret(parts(OLD), 'db', 'old', change)
    copyFileSync(file, `${file}.copy`)
    await setSecret(parts(OLD), 'db', 'new', change)
    expect(await read('db', OLD, history)).toBe('new')
    copyFileSync(`${file}.copy`, file)
    await expect(read('db', OLD, history)).rejects.toThrow('is an older version than the audit log has')
    await setSecret(parts(OLD), 'db', 'newer', { ...change, at: change.at + 5000 })
    expect(await read('db', OLD, history)).toBe('newer')
  })

  it('removes a secret, on record, and can set it again', async () => {
    const history = new History()
    await setSecret(parts(OLD), 'db', SECRET, change)
    await removeSecret(file, 'db', change)
    await expect(read('db')).rejects.toThrow('was removed: pam-gateway secret set db')
    await noteChanges(file, history)
    expect(history.changes).toMatchObject([{ name: 'db', master: undefined }])
    await setSecret(parts(OLD), 'db', 'again', change)
    expect(await read('db', OLD, history)).toBe('again')
    await expect(removeSecret(file, 'nothing', change)).rejects.toThrow('does not exist')
  })

  it.each(['{', '{"format":2,"secrets":{}}', '{"format":1,"secrets":{"../a":{}}}', '[]'])(
    'a damaged file is not used, and not written over: %s',
    async (text) => {
      writeFileSync(file, text, { mode: 0o600 })
      await expect(read('db')).rejects.toThrow('is in a file that is damaged')
      await expect(setSecret(parts(OLD), 'db', SECRET, change)).rejects.toThrow('is in a file that is damaged')
      expect(readFileSync(file, 'utf8')).toBe(text)
    },
  )

  it('refuses a file that others may read', async () => {
    await setSecret(parts(OLD), 'db', SECRET, change)
    chmodSync(file, 0o644)
    await expect(read('db')).rejects.toThrow('is in a file that others may use')
  })

  it.each([
    ['empty', '', 'is empty'],
    ['too long', 'x'.repeat(65_537), 'is longer than 65536 bytes'],
    ['with a zero byte', 'a\0b', 'contains a NUL byte'],
  ])('refuses a secret that is %s', async (_name, text, expected) => {
    await expect(setSecret(parts(OLD), 'db', text, change)).rejects.toThrow(expected)
  })

  it.each(['', 'short', Buffer.alloc(31).toString('base64'), `${'ab'.repeat(32)}00`])('%j is no master key', (text) => {
    expect(() => localMasterKey(text)).toThrow('is not 32 bytes in base64 or hexadecimal')
  })
})
