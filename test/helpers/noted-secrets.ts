import { createPrivateKey, type KeyObject } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * What a gateway makes for a session and keeps to itself: a test that looks for it must know it. Run under `prefix`, a program of Node.js
 * notes in a file all key pairs and all 256 random bits that it makes.
 */
export class NotedSecrets {
  readonly #directory = mkdtempSync(join(tmpdir(), 'pamctl-test-noted-'))
  readonly #file = join(this.#directory, 'noted')

  /** What the program is started under. */
  get prefix(): readonly string[] {
    return ['env', `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(noting(this.#file))}`]
  }

  /** 32 bytes each. */
  get random(): Buffer[] {
    return this.#noted('random')
  }

  get keys(): KeyObject[] {
    return this.#noted('key').map((key) => createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #noted(kind: string): Buffer[] {
    if (!existsSync(this.#file)) return []
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${kind} `))
      .map((line) => Buffer.from(line.slice(kind.length + 1), 'hex'))
  }
}

const noting = (file: string): string => `
import crypto from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { randomBytes, generateKeyPairSync } = crypto
const note = (kind, bytes) => appendFileSync(${JSON.stringify(file)}, kind + ' ' + bytes.toString('hex') + '\\n')
crypto.randomBytes = (size, ...more) => {
  const bytes = randomBytes(size, ...more)
  if (size === 32 && more.length === 0) note('random', bytes)
  return bytes
}
crypto.generateKeyPairSync = (...given) => {
  const pair = generateKeyPairSync(...given)
  if (typeof pair.privateKey.export === 'function') note('key', pair.privateKey.export({ type: 'pkcs8', format: 'der' }))
  return pair
}
syncBuiltinESMExports()`
