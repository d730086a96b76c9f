import { createHash, randomBytes } from 'node:crypto'
import { copyFile, link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256 } from '../segment.ts'
import { syncDirectory } from '../sync-directory.ts'
import { NameTaken, NotAsSealed, type Home } from './home.ts'

/** A folder, of this machine or mounted. */
export function directoryHome(directory: string): Home {
  return {
    label: `directory ${directory}`,
    async put(name, path, sha256) {
      const final = join(directory, name)
      await mkdir(dirname(final), { recursive: true, mode: 0o700 })
      if ((await digestOfFile(path)) !== sha256) throw new NotAsSealed()
      try {
        await flush(path)
        await linkOrCopy(path, final, sha256)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        if ((await digestOfFile(final)) !== sha256) throw new NameTaken(name)
      }
      await syncDirectory(dirname(final))
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

/** Another name on the disk that the file is on already; a copy elsewhere. Unlike a rename, a link fails where the name is taken. */
async function linkOrCopy(path: string, final: string, sha256: string): Promise<void> {
  try {
    await link(path, final)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await copyTo(final, path, sha256)
  }
}

/** Under its name once it is whole. */
async function copyTo(final: string, path: string, sha256: string): Promise<void> {
  const partial = `${final}.${randomBytes(6).toString('hex')}.partial`
  try {
    await copyFile(path, partial)
    if ((await digestOfFile(partial)) !== sha256) throw new NotAsSealed()
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

/** `rm` looks at a name several times before it does what this does. */
export async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** SHA-256, hexadecimal. */
export async function digestOfFile(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    // Most records are short: a stream for each costs more than the reading.
    if ((await file.stat()).size <= SHORT) return sha256(await file.readFile())
    const hash = createHash('sha256')
    for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer)
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}

const SHORT = 1024 * 1024
