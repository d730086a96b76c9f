import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backup } from '../../src/server/backup.ts'
import { firstConfig } from '../../src/server/init/first-config.ts'
import { readTargetUrl } from '../../src/server/init/first-target.ts'

describe('a backup', () => {
  let directory: string
  let data: string
  let config: string
  let copy: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-backup-'))
    data = join(directory, 'data')
    config = join(directory, 'pam.yaml')
    copy = join(directory, 'copy')
    for (const name of ['keys', 'spool', 'recordings']) mkdirSync(join(data, name), { recursive: true })
    writeFileSync(join(data, 'keys', 'recording.key'), 'k', { mode: 0o600 })
    writeFileSync(join(data, 'recordings', 'one.pamrec'), 'r')
    const state = new Libsql(join(data, 'state.db'))
    state.exec('create table recordings (session_id text, state text)')
    state.close()
    writeFileSync(
      config,
      firstConfig({
        publicUrl: 'http://127.0.0.1:8443',
        tls: undefined,
        dataDirectory: data,
        issuer: 'https://idp.example.com',
        issuerCa: undefined,
        clientId: 'pamctl',
        users: 'engineering',
        approvers: 'sre',
        auditors: 'security',
        target: readTargetUrl('postgres://pam_app@db.example.com/shop', 'prod-db'),
        credential: 'env:PROD_DB_PASSWORD',
        knownHosts: undefined,
      }),
    )
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('has the parts of the data directory, in a directory that nobody else enters', () => {
    backup(config, copy)
    expect(readdirSync(copy, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual([
      'keys',
      'keys/recording.key',
      'recordings',
      'recordings/one.pamrec',
      'spool',
      'state.db',
    ])
    expect(lstatSync(copy).mode & 0o077).toBe(0)
  })

  it('has each record where the state expects it, whatever became of it meanwhile', () => {
    const state = new Libsql(join(data, 'state.db'))
    state.exec(
      "insert into recordings values ('ses_open', 'open'), ('ses_ended', 'open'), ('ses_stored', 'stored'), ('ses_forged', 'open')",
    )
    state.close()
    const month = '2026-11'
    for (const name of ['spool', 'recordings']) mkdirSync(join(data, name, month))
    writeFileSync(join(data, 'spool', month, 'ses_open.pamrec'), 'so far')
    // Sealed after the moment of the state, and copied from both places.
    writeFileSync(join(data, 'spool', month, 'ses_ended.pamrec'), 'so far')
    writeFileSync(join(data, 'recordings', month, 'ses_ended.pamrec'), 'so far and to its end')
    writeFileSync(join(data, 'recordings', month, 'ses_ended.pamapart'), 'detached')
    writeFileSync(join(data, 'recordings', month, 'ses_stored.pamrec'), 'whole')
    // Laid there by somebody: it does not begin with what the gateway has written.
    writeFileSync(join(data, 'spool', month, 'ses_forged.pamrec'), 'so far')
    writeFileSync(join(data, 'recordings', month, 'ses_forged.pamrec'), 'so forged')
    // Begun after that moment.
    writeFileSync(join(data, 'spool', month, 'ses_later.pamrec'), 'so far')
    writeFileSync(join(data, 'recordings', month, 'ses_later.pamrec'), 'whole')
    backup(config, copy)
    const found = readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('ses_'))
    const content = found.toSorted().map((name) => [name, readFileSync(join(copy, name), 'utf8')])
    expect(content).toEqual([
      [`recordings/${month}/ses_forged.pamrec`, 'so forged'],
      [`recordings/${month}/ses_later.pamrec`, 'whole'],
      [`recordings/${month}/ses_stored.pamrec`, 'whole'],
      [`spool/${month}/ses_ended.pamapart`, 'detached'],
      [`spool/${month}/ses_ended.pamrec`, 'so far and to its end'],
      [`spool/${month}/ses_forged.pamrec`, 'so far'],
      [`spool/${month}/ses_open.pamrec`, 'so far'],
    ])
  })

  it('has each journal with a head that counts no more than is there', () => {
    const journals = join(data, 'spool', 'journal')
    mkdirSync(journals)
    writeFileSync(join(journals, '00000001.journal'), 'records')
    writeFileSync(join(journals, '00000001.head'), 'count')
    // A head is made first: its journal is not there yet.
    writeFileSync(join(journals, '00000002.head'), 'count')
    writeFileSync(join(journals, '00000000.journal.altered-1'), 'kept for an investigation')
    backup(config, copy)
    expect(readdirSync(join(copy, 'spool', 'journal')).toSorted()).toEqual([
      '00000000.journal.altered-1',
      '00000001.head',
      '00000001.journal',
    ])
  })

  it('has what an administrator has put elsewhere, behind a link', () => {
    rmSync(join(data, 'recordings'), { recursive: true })
    mkdirSync(join(directory, 'large', 'records'), { recursive: true })
    writeFileSync(join(directory, 'large', 'records', 'two.pamrec'), 'r')
    symlinkSync(join(directory, 'large', 'records'), join(data, 'recordings'))
    expect(() => backup(config, join(directory, 'large', 'records', 'copy'))).toThrow('in the data directory itself')
    backup(config, copy)
    expect([readdirSync(join(copy, 'recordings')), lstatSync(join(copy, 'recordings')).isDirectory()]).toEqual([
      ['two.pamrec'],
      true,
    ])
  })

  it.each([
    ['a link to a file', (at: string) => symlinkSync('/etc/passwd', at)],
    ['a link to the directory itself', (at: string) => symlinkSync('.', at)],
    ['a pipe', (at: string) => void spawnSync('mkfifo', [at])],
  ])('is refused where %s is among the records', (_, make) => {
    make(join(data, 'recordings', 'odd'))
    expect(() => backup(config, copy)).toThrow(/recordings\/odd is neither a file nor a directory/)
    expect(existsSync(join(copy, 'recordings', 'odd'))).toBe(false)
  })

  it.each([
    ['a directory', (at: string) => mkdirSync(at)],
    ['a file', (at: string) => writeFileSync(at, '')],
    ['a link that leads nowhere', (at: string) => symlinkSync(join(at, '..', 'theirs'), at)],
  ])('is not written to %s that is there', (_, make) => {
    make(copy)
    expect(() => backup(config, copy)).toThrow(`${copy} already exists`)
    expect(existsSync(join(directory, 'theirs'))).toBe(false)
  })
})
