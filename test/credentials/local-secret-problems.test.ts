import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { localSecretProblems } from '../../src/credentials/local-secret-problems.ts'

let directory: string
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const problemsOf = (text: string, mode: number): string[] => {
  const file = join(directory, 'secret')
  writeFileSync(file, text)
  chmodSync(file, mode)
  return localSecretProblems('file:secret', directory, Date.now())
}

it.skipIf(process.platform === 'win32').each<[number, string, RegExp | undefined]>([
  [0o600, 'a password', undefined],
  [0o640, 'a password', undefined],
  [0o644, 'a password', /^may be read by other users of this machine \(mode 0644\): chmod 600 \/.*\/secret$/],
  [0o660, 'a password', /^may be replaced by other users/],
  [0o602, 'a password', /^may be replaced by other users/],
  [0o644, '-----BEGIN CERTIFICATE-----\n', undefined],
  [0o644, '-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n', /^may be read/],
])('of a file with mode %o that has %j', (mode, text, expected) => {
  const problems = problemsOf(text, mode)
  if (expected === undefined) expect(problems).toEqual([])
  else expect(problems).toEqual([expect.stringMatching(expected)])
})

it('is no problem of variables and stores, and never has the secret in it', () => {
  expect(localSecretProblems('vault:secret/a#b', directory, Date.now())).toEqual([])
  expect(localSecretProblems('env:PATH', directory, Date.now())).toEqual([])
  expect(JSON.stringify(problemsOf('very-secret', 0o666))).not.toContain('very-secret')
})
