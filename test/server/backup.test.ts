import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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
    state.exec('create table t (a)')
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
