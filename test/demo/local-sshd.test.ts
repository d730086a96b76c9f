import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findSshd, startSshd, type LocalSshd } from '../../src/demo/local-sshd.ts'
import { hasProgram } from '../../src/demo/programs.ts'
import { run } from '../helpers/run.ts'

describe.skipIf(findSshd() === undefined || !hasProgram('ssh'))('the SSH server of the demo', () => {
  let server: LocalSshd
  let directory: string
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "pamctl-test it's-"))
    server = await startSshd(join(directory, 'sshd'))
  })
  afterAll(async () => {
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  const ssh = (...words: string[]) =>
    // prettier-ignore
    run('ssh', ['-F', 'none', '-i', server.keyFile, '-p', String(server.port), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
      '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes', `${server.user}@127.0.0.1`, ...words])

  it('runs the commands that it knows', async () => {
    expect(await ssh('cat shop.log')).toMatchObject({ code: 0, stdout: expect.stringContaining('order 1042 stuck') })
    expect(await ssh('systemctl restart shop')).toMatchObject({ code: 0, stdout: 'shop restarted\n' })
  })

  // Whoever can reach the port of the demo's gateway knows the passwords of its people.
  it.each(['id', 'uptime; id', 'cat shop.log /etc/passwd', 'cat $(id)', 'systemctl restart shop\nid', '*', ''])(
    'runs nothing for %j',
    async (command) => {
      const { code, stdout, stderr } = await ssh(...(command === '' ? ['-T'] : [command]))
      expect([code, stdout, stderr]).toEqual([127, '', expect.stringContaining('a server of the demo and knows')])
    },
  )

  it('forwards nothing', async () => {
    const { code, stdout } = await ssh('-W', `127.0.0.1:${server.port}`)
    expect([code === 0, stdout]).toEqual([false, ''])
  })
})
