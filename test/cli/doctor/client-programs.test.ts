import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findClients } from '../../../src/cli/doctor/client-programs.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-clients-'))
afterAll(() => rmSync(directory, { recursive: true }))
const program = (name: string, text: string): void =>
  writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
const find = (signal = new AbortController().signal, more: NodeJS.ProcessEnv = {}) =>
  findClients({ PATH: directory, ...more }, signal)

describe('native clients', () => {
  it('are optional', async () => {
    expect(await find()).toMatchObject({ state: 'warning', remedy: 'install the clients of your targets' })
  })

  it('are listed with their versions, and given no token', async () => {
    program('psql', 'echo "psql (PostgreSQL) 15.6 $PAMCTL_TOKEN"')
    program('mysql', 'echo "mysql  Ver 8.0.36 for Linux"')
    program('ssh', 'echo "OpenSSH_9.2p1 Debian, OpenSSL 3.0" >&2')
    expect(await find(undefined, { PAMCTL_TOKEN: 'secret' })).toEqual({
      state: 'ok',
      message: 'psql 15.6, mysql 8.0.36, ssh 9.2p1; not found: kubectl, curl',
    })
  })

  it('are killed in time, with the processes that they started', async () => {
    program('curl', '/bin/sleep 600 & echo curl 8.1 x; wait')
    const { message } = await find(AbortSignal.timeout(200))
    expect(message).toMatch(/curl (?:8\.1|\(version unknown\))/)
  })
})
