import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import Table from 'cli-table3'
import { SEALED_NAME } from '../credentials/store-reference.ts'
import { readSealed } from '../credentials/stores/sealed/sealed-file.ts'
import {
  removeSecret,
  rewrapSecrets,
  setSecret,
  type Change,
  type SealedParts,
} from '../credentials/stores/sealed/sealed-store.ts'
import { StoreFailure } from '../credentials/stores/store.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import { documentPath } from '../shared/own-program.ts'
import { shellWord } from '../shared/shell-word.ts'
import type { Config } from './config/config.ts'
import { loadConfigWithoutSecrets } from './config/load-config.ts'
import { sealedFileOf, storesBeside } from './start-secrets.ts'

/** `pam-gateway secret set NAME`: asks for it where there is a terminal, otherwise reads standard input to its end. */
export async function setSealedSecret(file: string, name: string): Promise<void> {
  const config = loadConfigWithoutSecrets(file)
  checkName(name)
  await changed(config, async (sealed) => {
    mkdirSync(config.dataDirectory, { recursive: true, mode: 0o700 })
    await setSecret(sealed, name, await typedSecret(name), now())
    say(`secret:${name} is set; sessions that begin from now on use it`)
  })
}

/** `pam-gateway secret list`: names and dates, never secrets. */
export function listSealedSecrets(file: string): void {
  const config = loadConfigWithoutSecrets(file)
  const secrets = inWords(() => readSealed(sealedFileOf(config)))
  const table = new Table({ head: ['NAME', 'CHANGED', 'BY', 'MASTER KEY'], style: { head: [], border: [] } })
  const entries = Object.entries(secrets).toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, entry] of entries)
    if (!('removed' in entry)) table.push([name, entry.changedAt, entry.by, entry.master])
  if (table.length === 0)
    return say(
      config.secrets.sealed === undefined
        ? `no secrets are kept here: the configuration has no secrets.sealed (${documentPath('credentials.md')})`
        : `no secrets are kept here; to add one: pam-gateway secret set NAME --config ${shellWord(file)}`,
    )
  say(table.toString())
}

/** `pam-gateway secret rotate`: after the master key was replaced in the configuration. */
export async function rotateSealedSecrets(file: string): Promise<void> {
  await changed(loadConfigWithoutSecrets(file), async (sealed) => {
    const count = await rewrapSecrets(sealed, now())
    const master = sealed.master().id
    say(
      count === 0
        ? `all secrets are sealed with ${master} already`
        : `${count} ${count === 1 ? 'secret is' : 'secrets are'} sealed with ${master} now; previousMasterKeys can go`,
    )
  })
}

/** `pam-gateway secret rm NAME`. */
export async function removeSealedSecret(file: string, name: string): Promise<void> {
  const config = loadConfigWithoutSecrets(file)
  checkName(name)
  if (!existsSync(sealedFileOf(config)))
    throw new UsageError('no secrets are kept here', `"pam-gateway secret list --config ${shellWord(file)}" lists them`)
  await inWordsAsync(() => removeSecret(sealedFileOf(config), name, now()))
  say(`secret:${name} is removed`)
}

async function changed(config: Config, work: (sealed: SealedParts) => Promise<void>): Promise<void> {
  await inWordsAsync(async () => {
    const stores = storesBeside(config)
    try {
      if (stores.sealed === undefined)
        throw new UsageError(
          'the configuration has no secrets.sealed',
          `name a master key there: ${documentPath('credentials.md')} says how`,
        )
      await work(stores.sealed)
    } finally {
      stores.close()
    }
  })
}

function checkName(name: string): void {
  if (!SEALED_NAME.test(name))
    throw new UsageError(
      `"${name}" is not a name of a secret`,
      'use lower-case letters, digits, dots, dashes and underscores',
    )
}

/** One newline at the end is not part of it. */
async function typedSecret(name: string): Promise<string> {
  if (!process.stdin.isTTY) return readFileSync(0, 'utf8').replace(/\r?\n$/, '')
  const { password } = await import('@inquirer/prompts')
  return password({ message: `${name}:` })
}

const now = (): Change => ({ by: userInfo().username, at: Date.now() })

const say = (text: string): void => void process.stdout.write(`${text}\n`)

function inWords<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw told(error)
  }
}

async function inWordsAsync<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw told(error)
  }
}

const told = (error: unknown): unknown =>
  error instanceof StoreFailure
    ? new PamError(
        'USAGE',
        error.scope === 'store' ? `the sealed store ${error.message}` : `the secret ${error.message}`,
      )
    : error
