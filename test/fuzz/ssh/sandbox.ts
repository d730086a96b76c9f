import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { HOME, INPUTS, LINKS, ROOT, TREE } from './home.ts'
import { SHELLS, type ShellName } from './shells.ts'
import { TraceReader, type Happening } from './trace.ts'

/** What a script did, as strace and a look at the directory before and after say. */
export interface Outcome {
  readonly happenings: readonly Happening[]
  /** Paths that appeared, vanished or are not as they were. */
  readonly changed: readonly string[]
  /** The beginning of what it wrote to its standard output and error. */
  readonly output: string
}

export interface Script {
  readonly shell: ShellName
  readonly text: string
  /** Which of `INPUTS` it has as its standard input. */
  readonly input: number
}

/** Why scripts cannot be run here; undefined where they can. */
export function missingForSandbox(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root, to give its scripts to an unprivileged user'
  for (const program of ['strace', 'unshare', 'setpriv', 'mount', 'python3'])
    if (spawnSync('which', [program]).status !== 0) return `it needs ${program}`
  const { status } = spawnSync('unshare', [...NAMESPACES, 'true'])
  return status === 0 ? undefined : 'it needs namespaces of its own (unshare)'
}

/**
 * Runs scripts one after the other as `nobody`, in a home that is made anew whenever a script has changed it: with no
 * network, every file system but that home (and an empty /tmp) read-only, and limits for processor, memory and files.
 */
export class Sandbox {
  readonly #directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pamctl-fuzz-'))
  readonly #trace = new TraceReader()
  #tracer: Tracer
  #pristine: ReadonlyMap<string, string>
  #lastId = 0

  constructor() {
    chmodSync(this.#directory, 0o755)
    mkdirSync(this.#real('in'))
    INPUTS.forEach((text, index) => writeFileSync(this.#real('in', `${index}`), text, { mode: 0o444 }))
    this.#pristine = this.#makeHome()
    this.#tracer = new Tracer(this.#directory, this.#trace)
  }

  ready(): Promise<void> {
    return this.#tracer.until('"/.ready"')
  }

  /** `background`: milliseconds after which what the script left in the background is killed. */
  async run(script: Script, { background = MAX_BACKGROUND_MS } = {}): Promise<Outcome> {
    try {
      await this.#attempt(script, background)
    } catch {
      // strace 6.1 crashes once in some ten thousand scripts; when the same script makes it crash again, that is an error.
      await this.#tracer.stop()
      this.#pristine = this.#makeHome()
      this.#tracer = new Tracer(this.#directory, this.#trace)
      await this.ready()
      await this.#attempt(script, background)
    }
    const output = readFileSync(this.#real('output'), 'latin1').slice(0, 300)
    const after = this.#look()
    const changed = [...new Set([...this.#pristine.keys(), ...after.keys()])].filter(
      (path) => this.#pristine.get(path) !== after.get(path),
    )
    const outcome = { happenings: this.#trace.end(), changed, output }
    if (changed.length > 0) this.#pristine = this.#makeHome()
    return outcome
  }

  async stop(): Promise<void> {
    await this.#tracer.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #attempt({ shell, text, input }: Script, background: number): Promise<void> {
    this.#trace.begin()
    const id = ++this.#lastId
    const ended = this.#tracer.until(`"/.end-of-${id}"`)
    this.#tracer.ask({
      id,
      argv: [...SHELLS[shell].argv, '-c', text],
      stdin: `${ROOT}/in/${input}`,
      environment: { ...ENVIRONMENT, SHELL: `/bin/${SHELLS[shell].argv[0]}` },
      milliseconds: MAX_RUN_MS,
      backgroundMilliseconds: background,
    })
    await ended
  }

  #real(...path: readonly string[]): string {
    return join(this.#directory, ...path)
  }

  #makeHome(): ReadonlyMap<string, string> {
    for (const top of TOPS) {
      rmSync(this.#real(top), { recursive: true, force: true })
      mkdirSync(this.#real(top))
      lchownSync(this.#real(top), NOBODY, NOBODY)
    }
    for (const [path, content, mode] of TREE) {
      const real = this.#real(path)
      if (content === undefined) mkdirSync(real)
      else writeFileSync(real, content)
      chmodSync(real, mode ?? (content === undefined ? 0o755 : 0o644))
      lchownSync(real, NOBODY, NOBODY)
    }
    for (const [path, target] of LINKS) {
      symlinkSync(target, this.#real(path))
      lchownSync(this.#real(path), NOBODY, NOBODY)
    }
    return this.#look()
  }

  /** All that is in the home, with all about it that counts as a change. */
  #look(): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    const visit = (path: string): void => {
      const real = this.#real(path)
      const stat = lstatSync(real)
      const common = `${stat.ino} ${stat.mode} ${stat.uid}`
      if (stat.isDirectory()) {
        found.set(`${ROOT}/${path}`, common)
        for (const name of readdirSync(real)) visit(`${path}/${name}`)
      } else if (stat.isSymbolicLink()) found.set(`${ROOT}/${path}`, `${common} ${readlinkSync(real)}`)
      else found.set(`${ROOT}/${path}`, `${common} ${stat.size} ${stat.mtimeMs} ${stat.nlink}`)
    }
    for (const top of TOPS) if (existsSync(this.#real(top))) visit(top)
    return found
  }
}

/** The interpreter itself: what stands in the PATH may be a script that looks for it, by processes that the trace would have to know. */
function python(): string {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' })
  return stdout.trim()
}

/** The processes of a sandbox: strace, and under it the driver that starts the shells. */
class Tracer {
  readonly #process: ChildProcessByStdio<Writable, null, Readable>
  readonly #gone: Promise<void>
  #waiting: { readonly marker: string; readonly done: (error?: Error) => void } | undefined
  #hasEnded = false

  constructor(directory: string, trace: TraceReader) {
    const driver = readFileSync(new URL('sandbox-driver.py', import.meta.url), 'utf8')
    const inside = ['sh', '-c', SETUP, 'sh', directory, ...STRACE, python(), '-ISc', driver, ...DRIVER_ARGUMENTS]
    this.#process = spawn('unshare', [...NAMESPACES, ...inside], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    })
    this.#process.stdin.on('error', () => {})
    createInterface({ input: this.#process.stderr }).on('line', (line) => {
      if (this.#waiting !== undefined && line.includes(this.#waiting.marker)) this.#waiting.done()
      else trace.line(line)
    })
    this.#gone = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
        this.#hasEnded = true
        this.#waiting?.done(new Error(`the sandbox ended with ${code ?? signal}: ${trace.odd}`))
        resolve()
      })
    })
  }

  ask(request: object): void {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`)
  }

  /** Resolves when this stands in the trace. */
  until(marker: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new Error('the sandbox has ended'))
      this.#waiting = {
        marker,
        done: (error) => {
          this.#waiting = undefined
          if (error === undefined) resolve()
          else reject(error)
        },
      }
    })
  }

  /** With unshare its first process goes, and with that all of them. */
  stop(): Promise<void> {
    if (!this.#hasEnded) this.#process.kill('SIGKILL')
    return this.#gone
  }
}

const NOBODY = 65_534
const MAX_RUN_MS = 900
const MAX_BACKGROUND_MS = 200
const TOPS = ['u', 'out'] as const
const NAMESPACES = ['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc'] as const

const ENVIRONMENT = {
  HOME,
  PWD: HOME,
  USER: 'nobody',
  LOGNAME: 'nobody',
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  TERM: 'dumb',
}

const DRIVER_ARGUMENTS = [`${NOBODY}`, HOME, `${ROOT}/output`] as const

/** $1 appears as the root of all that scripts may touch; whatever else is mounted cannot be written to. */
const SETUP = `set -eu
mount --bind "$1" ${ROOT}
for directory in /tmp /var/tmp /dev/shm /run; do
  if [ -d "$directory" ]; then mount -t tmpfs -o size=16m,mode=1777 tmpfs "$directory"; fi
done
while read -r _ _ _ _ point _; do
  case $point in
    ${ROOT}|/tmp|/var/tmp|/dev/shm|/run|/proc|/proc/*|/dev|/dev/*|/sys|/sys/*) ;;
    *) mount -o remount,bind,ro "$point" 2>/dev/null || [ "$point" != / ] ;;
  esac
done </proc/self/mountinfo
shift
exec "$@"`

const SYSTEM_CALLS: readonly string[] = [
  'execve,execveat,clone,clone3,fork,vfork,chdir,fchdir',
  'open,openat,openat2,creat,getdents64,getdents,connect',
  'unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,mknod,mknodat',
  'truncate,ftruncate,chmod,fchmod,fchmodat,chown,lchown,fchown,fchownat,utime,utimes,utimensat,futimesat',
  'setxattr,lsetxattr,fsetxattr,copy_file_range',
].flatMap((names) => names.split(','))

const STRACE = [
  ...'setpriv --no-new-privs strace -f -y -q -s 400 --seccomp-bpf -e signal=none -e'.split(' '),
  `trace=${SYSTEM_CALLS.map((name) => `?${name}`).join()}`,
]
