import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client, SFTPWrapper } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Port } from '../helpers/gateway-client.ts'
import { run } from '../helpers/run.ts'
import { sshClient } from '../helpers/ssh-client.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/** What a target is asked for when a client names a file through links: its sftp server keeps a log. */
let own: SshGateway
let port: Port
let client: Client
let sftp: SFTPWrapper
let logs: string
const log = (): string => readFileSync(join(logs, 'log'), 'utf8')
const SERVER = '/usr/lib/openssh/sftp-server'
const isThere = SSHD && existsSync(SERVER)
/** `link` leads to `real`; rules guard `vault`. */
let place: string

beforeAll(async () => {
  if (!isThere) return
  logs = mkdtempSync(join(tmpdir(), 'pamctl-test-log-'))
  own = await startSshGateway({
    sshd: `Subsystem sftp ${SERVER} -e -l VERBOSE 2>>${join(logs, 'log')}`,
    rules: (files) => `commands:
  - { name: not there, match: { paths: ["${realpathSync(files)}/vault/**"] }, deny: "guarded" }
  - { name: a drop box, match: { kinds: [file-read, file-attributes], paths: ["${realpathSync(files)}/drop/**"] }, deny: "a drop box" }
  - { name: all, match: {}, allow: true }`,
  })
  place = realpathSync(own.files)
  for (const name of ['real', 'vault', 'drop', 'real/directory']) mkdirSync(join(place, name))
  for (const name of ['real/file', 'real/other', 'vault/secret', 'drop/file']) writeFileSync(join(place, name), name)
  symlinkSync('real', join(place, 'link'))
  symlinkSync('file', join(place, 'real/to-file'))
  symlinkSync('nowhere/at-all', join(place, 'real/to-nowhere'))
  port = await own.port()
  client = await sshClient(port, own.sshd.user)
  sftp = await new Promise((resolve, reject) =>
    client.sftp((error, wrapper) => (error === undefined ? resolve(wrapper) : reject(error))),
  )
})
afterAll(async () => {
  client?.end()
  await own?.stop()
  if (logs !== undefined) rmSync(logs, { recursive: true })
})

/** What a call made the target do, without the gateway's questions; and what went wrong. */
async function asked(call: (done: (error?: Error | null) => void) => void): Promise<string[]> {
  const from = log().length
  const error = await new Promise<Error | null | undefined>((resolve) => call(resolve))
  const lines = log()
    .slice(from)
    .split(/\r?\n/)
    .filter((line) => line !== '' && !/^(realpath|sent|session|received|close)/.test(line))
    .map((line) => line.replace(/ (flags|mode) .*/, ''))
  return [...lines, ...(error ? [error.message] : [])]
}

describe.skipIf(!isThere)('a path that a client names through links', () => {
  const at = (name: string): string => join(place, name)
  const CALLS: readonly (readonly [string, (done: (error?: Error | null) => void) => void, () => string[]])[] = [
    ['open', (done) => sftp.open(at('link/to-file'), 'r', done), () => [`open "${at('real/file')}"`]],
    ['open for writing', (done) => sftp.open(at('link/new'), 'w', done), () => [`open "${at('real/new')}"`]],
    ['open, with dots', (done) => sftp.open(at('link/../real/./file'), 'r', done), () => [`open "${at('real/file')}"`]],
    ['opendir', (done) => sftp.opendir(at('link'), done), () => [`opendir "${at('real')}"`]],
    ['stat', (done) => sftp.stat(at('link/to-file'), done), () => [`stat name "${at('real/file')}"`]],
    ['lstat', (done) => sftp.lstat(at('link/to-file'), done), () => [`lstat name "${at('real/to-file')}"`]],
    [
      'lstat of what a link leads to',
      (done) => sftp.lstat(`${at('link')}/`, done),
      () => [`lstat name "${at('real')}"`],
    ],
    ['readlink', (done) => sftp.readlink(at('link/to-file'), done), () => [`readlink "${at('real/to-file')}"`]],
    ['setstat', (done) => sftp.chmod(at('link/to-file'), 0o600, done), () => [`set "${at('real/file')}"`]],
    ['mkdir', (done) => sftp.mkdir(at('link/made'), done), () => [`mkdir name "${at('real/made')}"`]],
    ['rmdir', (done) => sftp.rmdir(at('link/made'), done), () => [`rmdir name "${at('real/made')}"`]],
    [
      'symlink',
      (done) => sftp.symlink('to-file', at('link/made'), done),
      () => [`symlink old "to-file" new "${at('real/made')}"`],
    ],
    ['remove', (done) => sftp.unlink(at('link/made'), done), () => [`remove name "${at('real/made')}"`]],
    [
      'rename',
      (done) => sftp.rename(at('link/new'), at('link/newer'), done),
      () => [`rename old "${at('real/new')}" new "${at('real/newer')}"`],
    ],
    [
      'posix-rename',
      (done) => sftp.ext_openssh_rename(at('link/newer'), at('link/new'), done),
      () => [`posix-rename old "${at('real/newer')}" new "${at('real/new')}"`],
    ],
    [
      'hardlink',
      (done) => sftp.ext_openssh_hardlink(at('link/new'), at('link/hard'), done),
      () => [`hardlink old "${at('real/new')}" new "${at('real/hard')}"`],
    ],
    ['statvfs', (done) => sftp.ext_openssh_statvfs(at('link'), done), () => [`statvfs "${at('real')}"`]],
    [
      'a link that leads nowhere',
      (done) => sftp.open(at('link/to-nowhere'), 'w', done),
      () => [`lstat name "${at('real/to-nowhere')}"`, 'No such file'],
    ],
    ['a directory that is not there', (done) => sftp.open(at('none/file'), 'w', done), () => ['No such file']],
  ]
  it.each(CALLS)('%s: the target gets where it leads', async (_, call, expected) => {
    expect(await asked(call)).toEqual(expected())
  })

  it.each(['made', 'made/', 'made//'])('a link at %s leads to what is guarded', async (name) => {
    expect(await asked((done) => sftp.symlink('../vault', at(`real/${name}`), done))).toEqual(['pam: guarded'])
  })

  it('what is open for both ways is read as well', async () => {
    expect(await asked((done) => sftp.open(at('drop/file'), 'r+', done))).toEqual(['pam: a drop box'])
    expect(await asked((done) => sftp.open(at('drop/file'), 'w', done))).toEqual([`open "${at('drop/file')}"`])
  })

  it('special bits are attributes, however they are set', async () => {
    const setuid = { mode: 0o4755 }
    expect(await asked((done) => sftp.open(at('drop/new'), 'w', setuid, done))).toEqual(['pam: a drop box'])
    const handle = await new Promise<Buffer>((resolve, reject) =>
      sftp.open(at('drop/file'), 'w', (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
    )
    expect(await asked((done) => sftp.fchmod(handle, 0o4755, done))).toEqual(['pam: a drop box'])
    expect(await asked((done) => sftp.fchmod(handle, 0o755, done))).toEqual([`set "${at('drop/file')}"`])
  })

  it('relative paths are those of the login’s home', async () => {
    const home = await new Promise<string>((resolve) => sftp.realpath('.', (_error, path) => resolve(path)))
    expect(await asked((done) => sftp.stat('', done))).toEqual([`stat name "${home}"`])
    expect(await asked((done) => sftp.lstat('.', done))).toEqual([`lstat name "${home}"`])
    expect(await asked((done) => sftp.lstat('no-such-thing-here', done))).toEqual([
      `lstat name "${join(home, 'no-such-thing-here')}"`,
      'No such file',
    ])
  })

  it('cp within the target (copy-data), from what may be read to what may be written', async () => {
    const batch = join(own.directory, 'batch')
    writeFileSync(batch, `cp ${at('link/file')} ${at('link/copied')}\n`)
    const { code, stderr } = await run('sftp', [...own.options(port), '-b', batch, '127.0.0.1'])
    expect({ code, text: code === 0 ? readFileSync(at('real/copied'), 'utf8') : stderr }).toEqual({
      code: 0,
      text: 'real/file',
    })
    writeFileSync(batch, `cp ${at('vault/secret')} ${at('link/stolen')}\n`)
    expect((await run('sftp', [...own.options(port), '-b', batch, '127.0.0.1'])).code).not.toBe(0)
    writeFileSync(batch, `cp ${at('link/file')} ${at('vault/put')}\n`)
    expect((await run('sftp', [...own.options(port), '-b', batch, '127.0.0.1'])).code).not.toBe(0)
  })
})
