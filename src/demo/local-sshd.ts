import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { shellWord } from '../shared/shell-word.ts'
import { freePort } from './local-postgres.ts'
import { findProgram } from '../shared/find-program.ts'
import { hasProgram } from './programs.ts'
import { ServerProcess, untilReady } from './server-process.ts'
import { makeSshKey } from './ssh-keygen.ts'

/** An sshd of this user on a loopback port. Whoever signs in to it runs `server.sh`, which knows a few commands, and nothing else. */
export interface LocalSshd {
  readonly port: number
  readonly user: string
  /** Type and base64. */
  readonly hostKey: string
  /** The private key that it lets in: a file in OpenSSH's format. */
  readonly keyFile: string
  stop(): Promise<void>
}

/** sshd runs itself again for each connection, by its absolute path. */
export function findSshd(): string | undefined {
  return hasProgram('ssh-keygen') ? findProgram('sshd', process.env, ['/usr/sbin', '/usr/local/sbin']) : undefined
}

/** @param directory An empty directory that may be removed afterwards */
export async function startSshd(directory: string): Promise<LocalSshd> {
  const program = findSshd()
  if (program === undefined) throw new Error('there is no sshd and ssh-keygen')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(join(directory, name), text, { mode })
    return join(directory, name)
  }
  const keyFile = makeSshKey(join(directory, 'key'), ...KEY_OPTIONS)
  const hostKeyFile = makeSshKey(join(directory, 'host-key'), ...KEY_OPTIONS)
  const log = file('shop.log', LOG)
  const port = await freePort()
  const config = file(
    'sshd_config',
    `ListenAddress 127.0.0.1
Port ${port}
HostKey "${hostKeyFile}"
PidFile none
AuthorizedKeysFile "${file('authorized_keys', readFileSync(`${keyFile}.pub`, 'utf8'))}"
AllowUsers ${userInfo().username}
ForceCommand ${shellWord(file('server.sh', serverScript(log), 0o700))}
DisableForwarding yes
PermitUserRC no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
PrintMotd no
`,
  )
  // The directory that root's sshd gives up its rights in; a distribution's service makes it at boot.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const server = new ServerProcess(program, ['-D', '-e', '-f', config])
  const stop = async (): Promise<void> => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await untilReady('sshd', [server], async () => ((await isGreeted(port)) ? true : undefined))
  } catch (error) {
    await stop()
    throw error
  }
  const hostKey = readFileSync(`${hostKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')
  return { port, user: userInfo().username, hostKey, keyFile, stop }
}

const KEY_OPTIONS = ['-t', 'ed25519', '-N', '', '-C', 'demo']

/** Everybody knows the passwords of the demo, so that nothing of this account may be reached by them: no word of a command is run. */
const serverScript = (log: string): string => `#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
  uptime) uptime ;;
  'cat shop.log') cat ${shellWord(log)} ;;
  'systemctl restart shop') echo 'shop restarted' ;;
  *) echo 'web-1 is a server of the demo and knows: uptime, cat shop.log, systemctl restart shop' >&2; exit 127 ;;
esac
`

const LOG = `2026-11-23 15:04:05 order 1041 paid by ada.lovelace@example.com with 4111 1111 1111 1111
2026-11-23 15:04:09 order 1042 stuck: payment provider timed out
2026-11-23 15:04:12 order 1043 paid by alan.turing@example.org with 5555 5555 5555 4444
`

/** Whether a server on a loopback port speaks, as sshd does first. */
export const isGreeted = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
    socket.once('end', () => resolve(false))
  })
