import { createHash, randomBytes } from 'node:crypto'
import { closeSync, createReadStream, fstatSync, openSync, readFileSync } from 'node:fs'
import { copyFile, link, lstat, mkdir, open, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { linkFile, unlinkFile } from '../file-calls.ts'
import { sha256 } from '../segment.ts'
import { inDirectory, syncDirectory } from '../sync-directory.ts'
import { NameTaken, NotAsSealed, type Home } from './home.ts'

/** A directory, local or mounted. On another disk than the spool's, no call to it blocks the event loop. */
export function directoryHome(directory: string): Home {
  return {
    label: `directory ${directory}`,
    async put(name, path, sha256, isFlushed = false) {
      const final = join(directory, name)
      if ((await digestOfFile(path)) !== sha256) throw new NotAsSealed()
      try {
        if (!isFlushed) await flush(path)
        await inDirectory(dirname(final), () => linkOrCopy(path, final, sha256, isFlushed ? linkFile : link))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        if (!(await lstat(final)).isFile() || (await isSameName(path, final)) || (await digestOf(final)) !== sha256)
          throw new NameTaken(name)
      }
      await syncDirectory(dirname(final), isFlushed ? 'own' : 'other')
    },
    async sharesDiskWith(other) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const [own, its] = await Promise.all([stat(directory), stat(other)])
      return own.dev === its.dev
    },
    async read(name) {
      try {
        const file = await open(join(directory, name), 'r')
        return file.createReadStream()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    async remove(name) {
      await unlinkIfThere(join(directory, name))
    },
    async retention() {
      return undefined
    },
  }
}

/**
 * Whether the name refers to the spooled file itself, by a link or because the home is now the spool: removing that file would lose the
 * record.
 */
async function isSameName(path: string, final: string): Promise<boolean> {
  const [own, its] = await Promise.all([stat(path), stat(final)])
  return own.dev === its.dev && own.ino === its.ino && own.nlink === 1
}

/** Links the file on the same disk, or copies it to another. Unlike a rename, a link fails if the name exists. */
async function linkOrCopy(path: string, final: string, sha256: string, linking: typeof linkFile): Promise<void> {
  try {
    await linking(path, final)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await copyTo(final, path, sha256)
  }
}

/** Writes under a temporary name, then links it. */
async function copyTo(final: string, path: string, sha256: string): Promise<void> {
  const partial = `${final}.${randomBytes(6).toString('hex')}.partial`
  try {
    await copyFile(path, partial)
    if ((await digestOf(partial)) !== sha256) throw new NotAsSealed()
    await flush(partial)
    await link(partial, final)
  } finally {
    await unlinkIfThere(partial)
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Like `rm`, but without checking the name several times first. */
export async function unlinkIfThere(path: string, unlinking: typeof unlinkFile = unlink): Promise<void> {
  await unlinking(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** SHA-256, hexadecimal, of a file on the gateway's own disk. */
export async function digestOfFile(path: string): Promise<string> {
  const file = openSync(path, 'r')
  try {
    // Most records are short and cached: going through the thread pool for each step would cost more than reading.
    if (fstatSync(file).size <= SHORT) return sha256(readFileSync(file))
  } finally {
    closeSync(file)
  }
  return digestOf(path)
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

const SHORT = 64 * 1024
