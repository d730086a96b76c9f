import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/demo/local-postgres.ts'
import { isGreeted } from '../../src/demo/local-sshd.ts'
import { makeSshKey } from '../../src/demo/ssh-keygen.ts'

/** sshd does not start but by its absolute path. */
const SSHD_PATH = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find((path) => existsSync(path))
export const SSHD = SSHD_PATH !== undefined

/** A real sshd of this user on a loopback port, in a directory of its own. */
export interface SshServer {
  readonly port: number
  readonly user: string
  readonly directory: string
  /** Type and base64. */
  readonly hostKey: string
  /** Paths of private keys that it lets in: ed25519, rsa, and one encrypted under `secret`. */
  readonly keys: { readonly ed25519: string; readonly rsa: string; readonly encrypted: string }
  readonly process: ChildProcess
  log(): string
  stop(): Promise<void>
}

export async function startSshServer(more = ''): Promise<SshServer> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-sshd-'))
  const port = await freePort()
  const { username } = userInfo()
  const keygen = (name: string, ...options: string[]): string => makeSshKey(join(directory, name), ...options)
  const host = keygen('host', '-t', 'ed25519', '-N', '')
  const authorizedKeys = join(directory, 'authorized_keys')
  const authorized = (path: string): string => {
    appendFileSync(authorizedKeys, readFileSync(`${path}.pub`), { mode: 0o600 })
    return path
  }
  let rsa: string | undefined
  const keys = {
    ed25519: authorized(keygen('id_ed25519', '-t', 'ed25519', '-N', '')),
    // It takes longer to make than all else here, and few ask for it.
    get rsa() {
      return (rsa ??= authorized(keygen('id_rsa', '-t', 'rsa', '-b', '2048', '-N', '')))
    },
    encrypted: authorized(keygen('id_encrypted', '-t', 'ed25519', '-N', 'secret')),
  }
  writeFileSync(
    join(directory, 'sshd_config'),
    // The first value of a setting counts. SHLVL: bash takes itself for a nested one, so that no command waits for the start-up files of
    // the account, which take seconds where many start at once.
    `${more}
ListenAddress 127.0.0.1
Port ${port}
HostKey ${host}
AuthorizedKeysFile ${authorizedKeys}
PidFile ${join(directory, 'sshd.pid')}
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AcceptEnv LANG LC_* PAMTEST_*
SetEnv SHLVL=1
PermitUserEnvironment no
AllowTcpForwarding yes
MaxSessions 100
MaxStartups 200
LogLevel VERBOSE
PrintMotd no
${more.includes('Subsystem sftp') ? '' : 'Subsystem sftp internal-sftp'}
`,
  )
  // The directory that it gives up its rights in; the distribution's service makes it at boot.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const logFile = join(directory, 'sshd.log')
  const child = spawn(SSHD_PATH as string, ['-D', '-f', join(directory, 'sshd_config'), '-E', logFile], {
    stdio: 'ignore',
  })
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
  while (!(await isGreeted(port))) {
    if (child.exitCode !== null) throw new Error(`sshd did not start: ${log()}`)
    await new Promise((done) => setTimeout(done, 30))
  }
  return {
    port,
    user: username,
    directory,
    hostKey: readFileSync(`${host}.pub`, 'utf8').split(' ').slice(0, 2).join(' '),
    keys,
    process: child,
    log,
    async stop() {
      const gone = new Promise((done) => child.once('exit', done))
      if (child.exitCode === null && child.signalCode === null) {
        child.kill()
        await gone
      }
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
