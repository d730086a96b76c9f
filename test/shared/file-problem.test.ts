import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { errorCode, fileProblem } from '../../src/shared/file-problem.ts'

function thrownBy(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}

it('reads the code of a system error, and none of anything else', () => {
  const missing = thrownBy(() => readFileSync(new URL('file-that-is-not-there', import.meta.url)))
  expect(errorCode(missing)).toBe('ENOENT')
  const others = [new Error('a'), Object.assign(new Error('a'), { code: 5 }), { code: 'ENOENT' }, 'ENOENT', undefined]
  expect(others.map(errorCode)).toEqual(others.map(() => undefined))
})

it('says what keeps a file from being used', () => {
  const missing = thrownBy(() => readFileSync(new URL('file-that-is-not-there', import.meta.url)))
  expect(fileProblem('a.yaml', missing)).toBe('there is no file a.yaml')
  expect(fileProblem('a.yaml', new Error('odd'))).toBe('a.yaml: odd')
})
