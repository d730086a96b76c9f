import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { PamError } from '../shared/errors.ts'

/** Keeps one secret text per name. */
export interface SecretStore {
  readonly kind: 'keychain' | 'file'
  read(name: string): string | undefined
  write(name: string, secret: string): void
  remove(name: string): void
  /** The stored names; undefined where the store cannot list them, as a keychain cannot. */
  names(): readonly string[]
}

/**
 * The operating system's keychain; where there is none, a file of mode 0600, and a warning that says so.
 * `choice` fixes one of them.
 */
export async function openSecretStore(
  file: string,
  choice: string | undefined,
): Promise<{ store: SecretStore; warning: string | undefined }> {
  if (choice !== 'file') {
    try {
      const store = await keychainStore()
      store.read('probe')
      return { store, warning: undefined }
    } catch (error) {
      if (choice === 'keychain') {
        throw new PamError('SECRET_STORE', 'the keychain cannot be used: there is none, or it is locked', {
          hint: 'unlock it, or set PAMCTL_SECRET_STORE=file',
          cause: error,
        })
      }
    }
  }
  const warning =
    choice === 'file' || existsSync(file)
      ? undefined
      : `there is no usable keychain: your login is kept in ${file}, readable by you alone`
  return { store: fileStore(file), warning }
}

/** The store is pinned: the library's default would fall back to the kernel keyring, which forgets at reboot. */
async function keychainStore(): Promise<SecretStore> {
  const { Entry } = await import('@napi-rs/keyring')
  const entry = (name: string) =>
    new Entry('pamctl', name, process.platform === 'linux' ? { linux: { store: 'secret-service' } } : undefined)
  const locked = (error: unknown): PamError =>
    new PamError('SECRET_STORE', 'the keychain refused: it is locked, or the prompt was dismissed', {
      hint: 'unlock it, then run the command again',
      cause: error,
    })
  return {
    kind: 'keychain',
    read: (name) => entry(name).getPassword() ?? undefined,
    write(name, secret) {
      try {
        entry(name).setPassword(secret)
      } catch (error) {
        throw locked(error)
      }
    },
    remove: (name) => void entry(name).deletePassword(),
    names: () => [],
  }
}

function fileStore(file: string): SecretStore {
  // By a map: a profile may be called `constructor`, which every object has something under.
  const load = (): Map<string, string> =>
    new Map(existsSync(file) ? Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : [])
  const save = (secrets: ReadonlyMap<string, string>): void =>
    writePrivately(file, JSON.stringify(Object.fromEntries(secrets)))
  return {
    kind: 'file',
    read: (name) => load().get(name),
    write: (name, secret) => save(load().set(name, secret)),
    remove(name) {
      const secrets = load()
      secrets.delete(name)
      save(secrets)
    },
    names: () => [...load().keys()],
  }
}

/** Replaces the file as a whole: a crash leaves the old or the new one, never a part. */
export function writePrivately(file: string, text: string): void {
  const temporary = `${file}.${randomUUID()}.new`
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
  renameSync(temporary, file)
}

/** Writes a file unless it exists: of several at once one wins, and nobody reads a part of it. */
export function createPrivately(file: string, text: string): void {
  const temporary = `${file}.${randomUUID()}.new`
  writeFileSync(temporary, text, { mode: 0o600 })
  try {
    linkSync(temporary, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' }) // a file system without hard links
  } finally {
    rmSync(temporary, { force: true })
  }
}
