import { posix } from 'node:path'
import { HOME, LINKS, ROOT, TREE } from './home.ts'

/** What strace writes in place of all further words of a very long command. */
export const CUT_OFF = '...'

/** Something that a script did, by the real path of what it did it to. */
export type Happening =
  | { readonly type: 'read' | 'list' | 'write'; readonly path: string; readonly by: string }
  | {
      readonly type: 'run'
      readonly path: string
      readonly argv: readonly string[]
      readonly ancestors: readonly string[]
    }
  | { readonly type: 'connect'; readonly to: string; readonly by: string }

interface Process {
  directory: string
  /** Programs that it and those before it were, the newest last. */
  readonly programs: readonly string[]
}

/** Reads the output of `strace -f -y`, one line at a time, and tells what happened of it. */
export class TraceReader {
  /** Lines that are no system call: what strace itself had to say. */
  odd = ''
  #own = new Set<string>()
  #processes = new Map<string, Process>()
  #unfinished = new Map<string, string>()
  #links = new Map<string, string>()
  #directories = new Set<string>()
  #happenings: Happening[] = []
  #isRunning = false

  begin(): void {
    this.#processes.clear()
    this.#unfinished.clear()
    this.#links = new Map(LINKS.map(([path, target]) => [`${ROOT}/${path}`, target]))
    this.#directories = new Set(DIRECTORIES)
    this.#happenings = []
    this.#isRunning = true
  }

  end(): readonly Happening[] {
    this.#isRunning = false
    return this.#happenings
  }

  line(line: string): void {
    const [, inBrackets, plain, rest] = /^(?:\[pid +(\d+)\] |(\d+) +)?(.*)$/s.exec(line) as unknown as string[]
    const pid = inBrackets ?? plain ?? 'first'
    if (!this.#isRunning) {
      this.#own.add(pid)
      // While it is the only process, strace leaves out its number.
      const [, driver] = /"\/\.driver-(\d+)"/.exec(rest as string) ?? []
      if (driver !== undefined) this.#own.add(driver)
      if (!/^\w+\(|^<\.\.\.|^\+\+\+|^---/.test(rest as string)) this.odd = `${this.odd}${line}\n`.slice(0, 2000)
      return
    }
    const unfinished = /^(.*) <unfinished \.\.\.>$/s.exec(rest as string)
    if (unfinished !== null) return void this.#unfinished.set(pid, unfinished[1] as string)
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest as string)
    const whole = resumed === null ? (rest as string) : `${this.#unfinished.get(pid) ?? ''}${resumed[1]}`
    if (resumed !== null) this.#unfinished.delete(pid)
    const call = /^(\w+)\((.*)\) += (-?\d+|\?)(.*)$/s.exec(whole)
    if (call === null) return
    const [, name, given, result, more] = call as unknown as [string, string, string, string, string]
    // To try to connect is enough; whatever else fails has done nothing.
    if (result === '?' || (result.startsWith('-') && name !== 'connect')) return
    if (this.#own.has(pid)) {
      if (/^(clone|clone3)$/.test(name) && given.includes('CLONE_THREAD')) this.#own.add(result)
      return
    }
    this.#call(pid, name, splitArguments(given), result, more)
  }

  #call(pid: string, name: string, given: readonly string[], result: string, more: string): void {
    const process = this.#process(pid)
    const [first = '', second = '', third = '', fourth = ''] = given
    const by = process.programs.at(-1) ?? ''
    const write = (path: string | undefined): void => {
      if (path !== undefined) this.#happenings.push({ type: 'write', path, by })
    }
    switch (name) {
      case 'clone':
      case 'clone3':
      case 'fork':
      case 'vfork':
        // What a new process did may stand before the call that made it.
        if (!this.#processes.has(result)) this.#processes.set(result, { ...process })
        return
      case 'chdir':
        process.directory = this.#real(text(first), process) ?? ''
        return
      case 'fchdir':
        process.directory = pathOf(first) ?? ''
        return
      case 'execve':
        return this.#run(pid, process, text(first), second)
      case 'execveat':
        return this.#run(pid, process, text(second) || (pathOf(first) ?? ''), third)
      case 'open':
      case 'openat':
      case 'openat2':
      case 'creat':
        return this.#opened(pathOf(`${result}${more}`), name === 'open' ? second : third, name === 'creat', by)
      case 'getdents':
      case 'getdents64': {
        const path = pathOf(first)
        if (path !== undefined) this.#happenings.push({ type: 'list', path, by })
        return
      }
      case 'connect':
        if (/AF_INET/.test(second)) this.#happenings.push({ type: 'connect', to: second, by })
        return
      case 'unlink':
      case 'rmdir':
        return write(this.#forget(this.#entry(text(first), process)))
      case 'unlinkat':
        return write(this.#forget(this.#entry(text(second), process, pathOf(first))))
      case 'rename':
        return this.#moved(this.#entry(text(first), process), this.#entry(text(second), process), write)
      case 'renameat':
      case 'renameat2':
        return this.#moved(
          this.#entry(text(second), process, pathOf(first)),
          this.#entry(text(fourth), process, pathOf(third)),
          write,
        )
      case 'link':
        write(this.#entry(text(first), process))
        return write(this.#entry(text(second), process))
      case 'linkat':
        write(this.#entry(text(second), process, pathOf(first)))
        return write(this.#entry(text(fourth), process, pathOf(third)))
      case 'symlink':
        return write(this.#linked(text(first), this.#entry(text(second), process)))
      case 'symlinkat':
        return write(this.#linked(text(first), this.#entry(text(third), process, pathOf(second))))
      case 'mkdir':
        return write(this.#made(this.#entry(text(first), process)))
      case 'mkdirat':
        return write(this.#made(this.#entry(text(second), process, pathOf(first))))
      case 'mknod':
        return write(this.#entry(text(first), process))
      case 'mknodat':
        return write(this.#entry(text(second), process, pathOf(first)))
      case 'truncate':
      case 'chmod':
      case 'chown':
      case 'utime':
      case 'utimes':
      case 'setxattr':
        return write(this.#real(text(first), process))
      case 'lchown':
      case 'lsetxattr':
        return write(this.#entry(text(first), process))
      case 'fchmodat':
      case 'fchownat':
      case 'futimesat':
      case 'utimensat': {
        if (second === 'NULL') return write(pathOf(first))
        const isLink = given.some((argument) => argument.includes('AT_SYMLINK_NOFOLLOW'))
        const path = text(second)
        return write(isLink ? this.#entry(path, process, pathOf(first)) : this.#real(path, process, pathOf(first)))
      }
      case 'ftruncate':
      case 'fchmod':
      case 'fchown':
      case 'fsetxattr':
        return write(pathOf(first))
      case 'copy_file_range':
        return write(pathOf(third))
      default:
    }
  }

  #process(pid: string): Process {
    const known = this.#processes.get(pid)
    if (known !== undefined) return known
    // The call that made it has not come back yet.
    const parent = [...this.#unfinished].find(([, call]) => /^(clone|clone3|fork|vfork)\(/.test(call))?.[0]
    const made = { ...(this.#processes.get(parent ?? '') ?? { directory: HOME, programs: [] }) }
    this.#processes.set(pid, made)
    return made
  }

  #run(pid: string, process: Process, file: string, words: string): void {
    const argv = splitArguments(words.replace(/^\[|\]$/gs, '')).map((word) => (word === CUT_OFF ? word : text(word)))
    const path = this.#real(file, process) ?? file
    const { programs } = process
    this.#processes.set(pid, { ...process, programs: [...programs, posix.basename(file)] })
    // The first is the login shell itself.
    if (programs.length >= 1)
      this.#happenings.push({ type: 'run', path: file.includes('/') ? file : path, argv, ancestors: programs.slice(1) })
  }

  #opened(path: string | undefined, flags: string, isCreat: boolean, by: string): void {
    if (path === undefined || flags.includes('O_PATH') || flags.includes('O_DIRECTORY')) return
    const isNew = flags.includes('O_CREAT') && flags.includes('O_EXCL')
    const writes = isCreat || /O_WRONLY|O_RDWR|O_TRUNC|O_CREAT/.test(flags)
    if (writes) this.#happenings.push({ type: 'write', path, by })
    // Of a directory only what is listed counts, and for that there is a call of its own.
    if (!isCreat && !isNew && !flags.includes('O_WRONLY') && !this.#directories.has(path))
      this.#happenings.push({ type: 'read', path, by })
  }

  #moved(from: string | undefined, to: string | undefined, write: (path: string | undefined) => void): void {
    write(from)
    write(to)
    if (from === undefined || to === undefined) return
    this.#forget(to)
    for (const [path, target] of this.#links) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#links.delete(path)
      this.#links.set(`${to}${path.slice(from.length)}`, target)
    }
  }

  #made(directory: string | undefined): string | undefined {
    if (directory !== undefined) this.#directories.add(directory)
    return directory
  }

  #forget(path: string | undefined): string | undefined {
    if (path !== undefined) this.#links.delete(path)
    return path
  }

  #linked(target: string, path: string | undefined): string | undefined {
    if (path !== undefined) this.#links.set(path, target)
    return path
  }

  /** A name in its real directory: what is done to a link itself. */
  #entry(path: string, process: Process, base?: string): string | undefined {
    const [, parent = '', name = ''] = /^(.*?)([^/]*)\/*$/s.exec(path) ?? []
    if (name === '.' || name === '..' || name === '') return this.#real(path, process, base)
    const real = this.#real(parent === '' ? '.' : parent, process, base)
    return real === undefined ? undefined : posix.join(real, name)
  }

  #real(path: string, process: Process, base?: string): string | undefined {
    const directory = base ?? process.directory
    if (directory === '' && !path.startsWith('/')) return undefined
    return realPath(path, directory, (link) => this.#links.get(link), process.directory)
  }
}

/** Where a path leads through links; undefined where only the kernel can tell. */
export function realPath(
  path: string,
  directory: string,
  target: (path: string) => string | undefined,
  current: string,
): string | undefined {
  let real = path.startsWith('/') ? '/' : directory
  const names = path.split('/')
  let followed = 0
  while (names.length > 0) {
    const name = names.shift() as string
    if (name === '' || name === '.') continue
    if (name === '..') {
      real = posix.dirname(real)
      continue
    }
    const next = posix.join(real, name)
    if (/^\/proc\/(self|thread-self|\d+)\/cwd$/.test(next)) {
      real = current
      continue
    }
    if (/^\/proc\/(self|thread-self|\d+)\/root$/.test(next)) {
      real = '/'
      continue
    }
    if (/^\/proc\/(self|thread-self|\d+)\/fd\/\d+$/.test(next)) return undefined
    const link = SYSTEM_LINKS.get(next) ?? target(next)
    if (link === undefined) {
      real = next
      continue
    }
    if (++followed > 40) return undefined
    names.unshift(...link.split('/'))
    if (link.startsWith('/')) real = '/'
  }
  return real
}

const DIRECTORIES = [
  ...['', '/u', '/out', '/in'].map((path) => `${ROOT}${path}`),
  ...TREE.flatMap(([path, content]) => (content === undefined ? [`${ROOT}/${path}`] : [])),
]

/** Links of the system that lead to what each process has of its own. */
export const SYSTEM_LINKS = new Map([
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
])

/** `3</a/path>` and `AT_FDCWD</a/path>`; undefined for what is no file. */
function pathOf(argument: string): string | undefined {
  const path = /^(?:\d+|AT_FDCWD)<(\/.*)>/s.exec(argument)?.[1]
  return path === undefined ? undefined : unescaped(path)
}

const text = (argument: string): string => unescaped(/^"(.*)"(\.\.\.)?$/s.exec(argument)?.[1] ?? '')

/** C escapes stand for bytes. */
function unescaped(quoted: string): string {
  if (!quoted.includes('\\')) return quoted
  const bytes = quoted.replaceAll(/\\(x[0-9a-f]{2}|[0-7]{1,3}|.)/gs, (_, code: string) => {
    if (/^x[0-9a-f]{2}/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8))
    return (
      ({ n: '\n', t: '\t', r: '\r', v: '\v', f: '\f', a: '\u0007', b: '\b', e: '\u001b' } as Record<string, string>)[
        code
      ] ?? code
    )
  })
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** At commas that stand in no string, brackets or braces. */
function splitArguments(given: string): string[] {
  const found: string[] = []
  let depth = 0
  let isQuoted = false
  let from = 0
  for (let at = 0; at < given.length; at++) {
    const character = given[at]
    if (isQuoted) {
      if (character === '\\') at++
      else if (character === '"') isQuoted = false
    } else if (character === '"') isQuoted = true
    else if (character === '<') {
      const end = given.indexOf('>', at)
      if (end > 0) at = end
    } else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth--
    else if (character === ',' && depth === 0) {
      found.push(given.slice(from, at).trim())
      from = at + 1
    }
  }
  const last = given.slice(from).trim()
  if (last !== '') found.push(last)
  return found
}
