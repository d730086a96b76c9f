import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { PamError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'

/** Where a secret is, on the gateway's own machine: `env:NAME` or `file:PATH` (relative to the configuration file). Never the secret itself. */
export type SecretReference = `env:${string}` | `file:${string}`

export const isSecretReference = (text: string): text is SecretReference => /^(env|file):.+/.test(text)

/** Reads the secret now, so that a rotated file is seen at the next connection. One newline at the end is dropped. */
export function resolveSecret(reference: SecretReference, baseDirectory: string): string {
  const at = reference.indexOf(':')
  const [kind, name] = [reference.slice(0, at), reference.slice(at + 1)]
  const value = kind === 'env' ? process.env[name] : readSecretFile(resolve(baseDirectory, name), name)
  if (value === undefined) throw missing(`the environment variable ${name} is not set`)
  if (value === '')
    throw missing(kind === 'env' ? `the environment variable ${name} is empty` : `the secret file ${name} is empty`)
  return value
}

function readSecretFile(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw missing(fileProblem(name, error), error)
  }
}

const missing = (message: string, cause?: unknown): PamError =>
  new PamError('CONFIG_INVALID', message, { side: 'gateway', cause })
