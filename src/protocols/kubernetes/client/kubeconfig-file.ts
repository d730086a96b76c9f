import { isUtf8 } from 'node:buffer'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { UsageError } from '../../../shared/errors.ts'
import { errorCode, fileProblem } from '../../../shared/file-problem.ts'
import { replaceFile } from '../../../shared/replace-file.ts'
import { KubeconfigDocument } from './kubeconfig-document.ts'

/** The files that kubectl reads where it is told none. */
export function usualKubeconfigs(environment: NodeJS.ProcessEnv): string[] {
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  const files = listed.length > 0 ? listed : [join(environment['HOME'] || homedir(), '.kube', 'config')]
  return [...new Set(files.map((file) => resolve(file)))]
}

/** The first of them that is there and can be written; where none is there, the first that can be made. */
export function writableKubeconfig(environment: NodeJS.ProcessEnv): string {
  const files = usualKubeconfigs(environment)
  const found = files.find((file) => existsSync(file) && isWritable(file)) ?? files.find(canBeMade)
  if (found !== undefined) return found
  throw new UsageError(`no kubeconfig can be written: ${files.join(', ')}`, 'name a file: --merge FILE')
}

/** False as well where its directory is none: what is wrong with that says who reads or writes the file. */
function isSymbolicLink(file: string): boolean {
  try {
    return lstatSync(file).isSymbolicLink()
  } catch {
    return false
  }
}

/** What the file says; a file that is not there says nothing. */
export function readKubeconfig(file: string): KubeconfigDocument {
  let bytes: Buffer
  try {
    const found = statSync(file, { throwIfNoEntry: false })
    if (found !== undefined && !found.isFile() && !found.isDirectory())
      throw new UsageError(`${file} is not a regular file`)
    // Its directory is writable, or the file is by its group: neither makes it ours.
    if (found !== undefined && process.getuid !== undefined && found.uid !== process.getuid())
      throw new UsageError(`${file} belongs to another user`, 'run this as its owner')
    if (found !== undefined && found.size > MAX_SIZE)
      throw new UsageError(`${file} is not a kubeconfig: it is too large`)
    bytes = readFileSync(file)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const isLink = isSymbolicLink(file)
    if (errorCode(error) === 'ENOENT' && !isLink) return new KubeconfigDocument(file, '')
    throw new UsageError(isLink ? fileProblem(file, error, 'written') : fileProblem(file, error))
  }
  if (!isUtf8(bytes)) throw new UsageError(`${file} is not a kubeconfig: it is not UTF-8`)
  return new KubeconfigDocument(file, bytes.toString('utf8'))
}

/** Reads the file, and writes what `change` makes of it, under the lock that kubectl takes for the same. */
export function editKubeconfig(file: string, change: (document: KubeconfigDocument) => string): void {
  makeDirectory(dirname(file))
  const locks: string[] = []
  try {
    for (const name of lockNames(file)) {
      lock(name, file)
      locks.push(name)
    }
    replaceFile(file, change(readKubeconfig(file)))
  } finally {
    for (const name of locks) rmSync(name, { force: true })
  }
}

/** kubectl locks the name that it was given; of a link, that of the file as well, for who comes by its own name. */
function lockNames(file: string): string[] {
  const isLink = isSymbolicLink(file)
  return (isLink && existsSync(file) ? [file, realpathSync(file)] : [file]).map((name) => `${name}.lock`)
}

function lock(name: string, file: string): void {
  try {
    closeSync(openSync(name, 'wx', 0o600))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw new UsageError(fileProblem(name, error, 'written'))
    throw new UsageError(
      `${file} is locked: another program is writing it (${name})`,
      `try again; where nothing is writing it any more, remove ${name}`,
    )
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new UsageError(fileProblem(directory, error, 'written'))
  }
}

function isWritable(path: string): boolean {
  try {
    const real = realpathSync(path)
    if (!statSync(real).isFile()) return false
    for (const part of [real, dirname(real), dirname(path)]) accessSync(part, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Nothing is there yet, and the nearest directory above it can be written. */
function canBeMade(file: string): boolean {
  if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) return false
  let above = dirname(file)
  while (!existsSync(above) && dirname(above) !== above) above = dirname(above)
  try {
    accessSync(above, constants.W_OK)
    return statSync(above).isDirectory()
  } catch {
    return false
  }
}

/** Bytes. */
const MAX_SIZE = 16 * 1024 * 1024
