import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { findProgram } from '../../src/shared/find-program.ts'

const [first, second] = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'pamctl-test-path-'))) as [string, string]
const put = (directory: string, name: string, mode: number): void => {
  writeFileSync(join(directory, name), '')
  chmodSync(join(directory, name), mode)
}
put(first, 'both', 0o755)
put(second, 'both', 0o755)
put(first, 'no-program', 0o644)
put(second, 'tool', 0o755)
afterAll(() => [first, second].forEach((directory) => rmSync(directory, { recursive: true })))

it.each([
  ['in the first directory that has it', 'both', `${first}${delimiter}${second}`, [], join(first, 'both')],
  ['in a later one', 'tool', `${first}${delimiter}${second}`, [], join(second, 'tool')],
  ['in other directories after those of PATH', 'both', first, [second], join(first, 'both')],
  ['in other directories where PATH has none', 'tool', undefined, [second], join(second, 'tool')],
  ['nowhere where nobody may run it', 'no-program', first, [], undefined],
  // The repository has one of this name.
  ['nowhere in the current directory', 'bin', `${delimiter}${first}`, [], undefined],
])('a program is found %s', (_, name, path, more, found) => {
  expect(findProgram(name, { PATH: path }, more)).toBe(found)
})
